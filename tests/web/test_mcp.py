"""The endpoints as tools of an MCP client."""

import asyncio

import pytest

pytest.importorskip("mcp", reason="the extra latenthub[mcp] is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the client's
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CALLS = {
    "json": ("sample_greet", {"name": "Ann"}),
    "wrong": ("sample_generate", {"digit": 10}),
    "inside": ("sample_fail", {}),
    "path": ("sample_invert", {"image": "/etc/passwd"}),
    "paths": ("sample_collect", {"files": ["/etc/passwd"]}),
    "address": ("sample_invert", {"image": "http://127.0.0.1:9/a.png"}),
}


@pytest.fixture(scope="module")
def found(hub_of, sample_folder, unused_port):
    """The tools of a hub served with MCP, and what the calls above gave."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    from hub.site.server import start

    async def ask(url):
        headers = {"X-Request-Id": "from-the-mcp-client"}
        async with streamablehttp_client(f"{url}gradio_api/mcp/", headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                tools = {tool.name: tool for tool in (await session.list_tools()).tools}
                answers = {name: await session.call_tool(*call) for name, call in CALLS.items()}
                pictures = await session.call_tool("sample_generate", {"digit": 3, "count": 1})
                address = pictures.content[0].text.partition("'url': '")[2].partition("'")[0]
                answers["again"] = await session.call_tool("sample_invert", {"image": address})
                files = {"files": [address, "data:text/plain;base64,c29tZQ=="]}
                answers["files"] = await session.call_tool("sample_collect", files)
                return tools, answers

    with hub_of(sample_folder) as hub, start(hub, port=unused_port(), mcp=True) as running:
        return asyncio.run(ask(running.url))


def test_tools_are_named_and_described_from_the_endpoints(found):
    tool = found[0]["sample_generate"]
    assert tool.description.startswith("Draw pictures, each of one grey level.")
    count = tool.inputSchema["properties"]["count"]
    assert (count["description"], count["maximum"], count["default"]) == (
        "how many pictures: a whole number from 1 to 64",
        64,
        4,
    )


def test_a_tool_answers(found):
    assert found[1]["json"].content[0].text == "{'text': 'Hello Ann'}"


def test_a_picture_of_one_tool_goes_into_another(found):
    assert [part.type for part in found[1]["again"].content] == ["image", "text"]


def test_a_list_of_files_goes_in_by_address_and_inline(found):
    schema = found[0]["sample_collect"].inputSchema["properties"]["files"]
    assert (schema["type"], schema["items"]["type"]) == ("array", "string")
    text = found[1]["files"].content[0].text
    assert "['result.png', " in text and "['file 2', 4, '']" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("wrong", "10 is greater than the maximum of 9"),
        ("inside", "failed inside the model"),
        ("path", "provide a url"),
        ("paths", "files[0] must be a file of at most"),
        ("address", "a file that was not uploaded here"),
    ],
)
def test_what_is_wrong_is_told(found, call, message):
    answer = found[1][call]
    assert answer.isError and message in answer.content[0].text
    assert "/secret" not in answer.content[0].text


def test_a_failure_names_the_request_of_the_tool_s_caller(found):
    text = found[1]["inside"].content[0].text
    assert text.endswith("(request from-the-mcp-client)")
