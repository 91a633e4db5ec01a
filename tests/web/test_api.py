"""The API as gradio_client and curl see it."""

import io
import json
import math
import re
import struct
import time
import wave
import zlib
from pathlib import Path

import httpx
import numpy as np
import pandas
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image


@pytest.fixture(scope="module")
def client(url, tmp_path_factory):
    return Client(url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture
def http(url):
    with httpx.Client(base_url=f"{url}gradio_api/", timeout=30) as client:
        yield client


def upload(http, name, content):
    return http.post("upload", files={"files": (name, content)}).json()[0]


def answer(http, api, body, way="call/v2"):
    """Call as curl does; return how the stream ends: ("complete", data) or ("error", message)."""
    event = http.post(f"{way}/{api}", content=json.dumps(body)).json()["event_id"]
    lines = http.get(f"{way}/{api}/{event}").text.split("\n")
    return lines[-4].removeprefix("event: "), json.loads(lines[-3].removeprefix("data: "))


def refusal(http, api, body, way="call/v2"):
    """Return the status and the message of a call that is refused at once."""
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    answer = http.post(f"{way}/{api}", content=content)
    return answer.status_code, answer.json()["error"]


def as_file(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def png_of(width, height):
    """Return a PNG of that size, all black, packed row by row."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# What is answered.


def test_every_endpoint_has_its_name_in_the_api(client):
    names = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/sample_generate", "/sample_slow", "/bare_generate"} <= set(names)
    assert not [name for name in names if "page" in name]  # what a page does is its own affair


def test_arguments_are_documented_with_types_ranges_and_defaults(client):
    about = client.view_api(return_format="dict")["named_endpoints"]["/sample_generate"]
    assert about["description"].startswith("Draw pictures, each of one grey level.")
    digit, count, *_ = about["parameters"]
    assert digit["python_type"]["description"] == "a whole number from 0 to 9, or null"
    assert (count["parameter_default"], count["type"]["maximum"]) == (4, 64)


def test_required_arguments_are_told_apart(client):
    style, name = (
        client.view_api(return_format="dict")["named_endpoints"]["/sample_greet"]["parameters"][i]
        for i in (1, 0)
    )
    assert (name["parameter_has_default"], style["parameter_has_default"]) == (False, True)


def test_pictures_are_downloaded_by_the_client(client):
    paths = client.predict(digit=3, count=2, api_name="/sample_generate")
    assert [np.asarray(Image.open(path)).tolist() for path in paths] == [[[195] * 8] * 8] * 2


def test_a_picture_goes_in_and_comes_back(client, tmp_path):
    Image.new("L", (8, 8), 55).save(tmp_path / "grey.png")
    found = client.predict(handle_file(tmp_path / "grey.png"), api_name="/sample_invert")
    assert np.asarray(Image.open(found)).max() == 200


def test_sound_goes_in_and_comes_back(client, tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.arange(0, 8000, 10, dtype="<i2").tobytes())
    found = client.predict(handle_file(tmp_path / "a.wav"), api_name="/sample_reverse")
    with wave.open(found) as file:
        samples = np.frombuffer(file.readframes(800), "<i2")
    assert samples[0] > 7900 and samples[-1] == 0


def test_files_go_in_with_their_names(client, tmp_path):
    for name, size in {"a.wav": 3, "empty.wav": 0, "large.wav": 1001}.items():
        (tmp_path / name).write_bytes(bytes(size))
    files = [handle_file(tmp_path / name) for name in ("a.wav", "empty.wav", "large.wav")]
    assert client.predict(files=files, api_name="/sample_collect")["found"] == [
        ["a.wav", 3, ""],
        ["empty.wav", 0, "it is empty"],
        ["large.wav", 0, "larger than 0.001 MB"],
    ]


@pytest.mark.parametrize("way", ["call/v2", "call"])
def test_files_are_uploaded_and_named_by_their_addresses(http, url, way):
    path = upload(http, "a b.txt", b"some")
    named = {"path": path, "orig_name": "../talks/A b.txt", "meta": {"_type": "gradio.FileData"}}
    address = f"{url}gradio_api/file={path}"
    files = [named, address, "data:text/plain;base64,c29tZQ=="]
    body = {"files": files} if way == "call/v2" else {"data": [files]}
    kind, [found] = answer(http, "sample_collect", body, way)
    assert kind == "complete"
    assert found["found"] == [["talks/A b.txt", 4, ""], ["a b.txt", 4, ""], ["file 3", 4, ""]]
    assert answer(http, "sample_collect", {"files": named})[1][0]["found"] == found["found"][:1]


@pytest.mark.parametrize(
    "item",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/a.wav",
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "/etc", "meta": {"_type": "gradio.FileData"}},
        {"path": "x" * 5000, "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:9/a.wav", "meta": {"_type": "gradio.FileData"}},
        {"url": "http://127.0.0.1:9/a.wav", "meta": {"_type": "gradio.FileData"}},
        [],
        None,
    ],
)
def test_a_list_of_files_names_none_of_the_server_s(http, url, item):
    path = upload(http, "a.txt", b"some")
    files = [as_file(path), item]
    addressed = [f"{url}gradio_api/file={path}", f"{url}gradio_api/file={path}/../../../etc/passwd"]
    for given in (files, addressed):
        kind, error = answer(http, "sample_collect", {"files": given})
        assert kind == "error"
        assert re.match(r"files(\[1\])? must be ", error["error"]), error


def test_a_table_goes_in_as_file_or_rows(client, tmp_path):
    rows = [{"a": 1, "b": 4.0}, {"a": 3, "b": 8.0}]
    pandas.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    for table in (rows, handle_file(tmp_path / "table.csv")):
        found = pandas.read_csv(client.predict(table, api_name="/sample_describe"))
        assert found["mean"].tolist() == [2, 6]


def test_several_results_are_several_outputs(client, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\x01\x02\x03\x04\x05")
    assert client.predict(handle_file(tmp_path / "a.txt"), api_name="/sample_measure") == (
        5,
        "01020304",
    )


def test_json_comes_as_json(client):
    assert client.predict("Ann", "loud", api_name="/sample_greet") == {"text": "HELLO ANN"}


def test_a_long_call_tells_how_far_it_is(client):
    job = client.submit(steps=12, api_name="/sample_slow")
    told = set()
    while not job.done():
        told |= {(one.progress, one.desc) for one in job.status().progress_data or []}
        time.sleep(0.02)
    assert job.result() == 12
    assert (0.5, "step 6 of 12") in told


@pytest.mark.parametrize(
    ("way", "body"),
    [("call", {"data": [7, 2]}), ("call/v2", {"digit": 7, "count": 2}), ("call/v2", {"count": 2})],
)
def test_curl_calls_by_position_and_by_name(http, way, body):
    event, data = answer(http, "sample_generate", body, way)
    assert event == "complete" and len(data[0]) == 2
    assert httpx.get(data[0][0]["url"]).content.startswith(b"\x89PNG")


def test_a_body_without_content_type_is_json(http):
    assert refusal(http, "sample_generate", '{"digti": 1}')[0] == 422


# What is refused. The texts are the endpoint's own: test_endpoints.py has the rest.

WRONG = [
    ({"digit": 10}, "digit must be a whole number from 0 to 9, or null; got 10"),
    ({"digit": "7"}, "digit must be a whole number from 0 to 9, or null; got '7'"),
    ({"digit": 7.5}, "digit must be a whole number from 0 to 9, or null; got 7.5"),
    ({"digit": True}, "digit must be a whole number from 0 to 9, or null; got True"),
    ({"count": 10**9}, "count must be a whole number from 1 to 64; got 1000000000"),
    ({"count": None}, "count must be a whole number from 1 to 64; got None"),
    ({"temperature": math.nan}, "temperature must be a number from 0.1 to 2; got nan"),
    ({"temperature": -math.inf}, "temperature must be a number from 0.1 to 2; got -inf"),
    ({"seed": [1]}, "seed must be a whole number from 0 to 9999; got [1]"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_argument_is_one_clear_error(http, arguments, message):
    event, data = answer(http, "sample_generate", arguments)
    assert (event, data["error"]) == ("error", message)
    assert answer(http, "sample_generate", {})[0] == "complete"


@pytest.mark.parametrize("name", ["digit", "count"])
def test_gradio_client_raises_the_same_error(client, name):
    with pytest.raises(
        AppError, match=f"^{name} must be a whole number from ., to|^{name} must be"
    ):
        client.predict(api_name="/sample_generate", **{name: 1e9})
    assert client.predict(api_name="/sample_generate")


def test_missing_and_unknown_arguments_are_named(http):
    assert refusal(http, "sample_greet", {}) == (
        422,
        "greet needs name: a text of 1 to 40 characters",
    )
    status, message = refusal(http, "sample_generate", {"digti": 7})
    assert status == 422 and "has no argument 'digti'; did you mean digit?" in message
    status, message = refusal(http, "sample_greet", {"data": []}, "call")
    assert (status, message) == (422, "greet needs name: a text of 1 to 40 characters")


def test_too_many_arguments_are_counted(http):
    status, message = refusal(http, "sample_generate", {"data": [1, 1, 1, 1, 1]}, "call")
    assert status == 422
    assert message == "generate takes at most 4 arguments (digit, count, temperature, seed), got 5."


@pytest.mark.parametrize("body", ["", "nonsense", '{"data": [1', "[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_not_json_is_refused(http, body):
    assert refusal(http, "sample_generate", body) == (400, "The body of the request is not JSON.")


@pytest.mark.parametrize("way", ["call", "call/v2", "queue/join"])
def test_half_of_a_character_is_refused(http, way, site):
    fns = site.site.blocks.fns
    number = next(n for n, fn in fns.items() if fn.api_name == "sample_greet")
    name = "Ann\ud83d"
    body = {
        "call": {"data": [name]},
        "call/v2": {"name": name},
        "queue/join": {"session_hash": "a", "fn_index": number, "data": [name, "plain", False]},
    }[way]
    path = way if way == "queue/join" else f"{way}/sample_greet"
    answer = http.post(path, content=json.dumps(body))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The body holds half of a character")


def test_a_body_that_is_nested_too_deeply_is_refused(http):
    deep = f'{{"data": {"[" * 400}{"]" * 400}}}'
    message = "The body is nested more than 100 levels deep."
    assert refusal(http, "sample_generate", deep, "call") == (400, message)
    joining = deep.replace("{", '{"session_hash": "a", "fn_index": 1, ', 1)
    assert http.post("queue/join", content=joining).json()["error"] == message


@pytest.mark.parametrize("body", ["[]", "5", "null", '"text"'])
def test_a_body_must_be_an_object(http, body):
    assert refusal(http, "sample_generate", body, "call")[0] == 400


def test_data_must_be_a_list(http):
    assert refusal(http, "sample_generate", {"data": {"digit": 1}}, "call")[0] == 422


@pytest.mark.parametrize("way", ["call", "call/v2", "run", "api"])
def test_an_unknown_endpoint_is_named_with_the_known_ones(http, way):
    status, message = refusal(http, "sample_generat", {"data": []}, way)
    assert status == 404
    assert message.startswith("There is no API endpoint 'sample_generat'; there are: ")


@pytest.mark.parametrize("way", ["run", "api"])
def test_nothing_walks_around_the_queue(http, way):
    status, message = refusal(http, "sample_generate", {"data": [1, 1, 1, 1]}, way)
    assert (status, message.partition(":")[0]) == (404, "Calls go through the queue")


def test_a_page_s_events_cannot_be_called_by_name(http):
    assert refusal(http, "page-sample-0", {"data": []}, "call")[0] == 404


@pytest.mark.parametrize(
    "body", [{}, {"fn_index": "a", "data": []}, {"fn_index": 1}, {"fn_index": 10**6, "data": []}]
)
def test_a_malformed_call_by_number_is_refused(http, body):
    answer = http.post("queue/join", json={"session_hash": "abc", **body})
    assert (
        answer.status_code in (404, 422)
        and "Traceback" not in answer.text
        and answer.json()["error"]
    )


def test_a_call_by_number_with_too_few_arguments_is_refused(http, site):
    number = next(n for n, fn in site.site.blocks.fns.items() if fn.api_name == "sample_generate")
    answer = http.post("queue/join", json={"session_hash": "abc", "fn_index": number, "data": [1]})
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "sample_generate takes 4 arguments, got 1.",
    )


@pytest.mark.parametrize("way", ["call", "call/v2"])
def test_an_answer_is_read_once(http, way):
    event = http.post("call/v2/sample_greet", json={"name": "Ann"}).json()["event_id"]
    assert "complete" in http.get(f"{way}/sample_greet/{event}").text
    for call in (event, "nonsense"):
        again = http.get(f"{way}/sample_greet/{call}")
        assert (again.status_code, again.json()["error"][:22]) == (404, "There is no such call,")


def test_a_failure_inside_tells_no_detail(http):
    event, data = answer(http, "sample_fail", {})
    assert event == "error"
    assert "/secret/place" not in data["error"] and "id" in data["error"]


def test_a_demo_without_checkpoint_says_what_to_do(http):
    event, data = answer(http, "bare_generate", {})
    assert (
        event == "error"
        and "there is no" in data["error"]
        and "latenthub train bare" in data["error"]
    )


# Files.

PICTURES = [
    ("bomb.png", png_of(30_000, 30_000), "it unpacks to too many pixels"),
    ("large.png", png_of(20_000, 20_000), "it unpacks to too many pixels"),
    ("wide.png", png_of(5_000, 10), "5000x10 pixels"),
    ("text.png", b"this is no picture", "its content is no picture"),
    ("empty.png", b"", "the file is empty"),
    ("cut.png", png_of(640, 640)[:60], "the picture is damaged"),
]


@pytest.mark.parametrize(("name", "content", "reason"), PICTURES, ids=[one[0] for one in PICTURES])
def test_a_file_that_is_no_fitting_picture_is_one_clear_error(http, name, content, reason):
    event, data = answer(http, "sample_invert", {"image": as_file(upload(http, name, content))})
    assert event == "error" and data["error"].endswith(f"({reason})")
    assert "/tmp" not in data["error"]
    assert answer(http, "sample_generate", {})[0] == "complete"


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../etc/passwd", "https://127.0.0.1:9/a.png", "", "nowhere.png", "\0"],
)
@pytest.mark.parametrize(
    ("way", "wrap"), [("call/v2", lambda f: {"image": f}), ("call", lambda f: {"data": [f]})]
)
def test_only_uploaded_files_are_read(http, way, wrap, path):
    event, data = answer(http, "sample_invert", wrap(as_file(path)), way)
    assert event == "error"
    assert data["error"].endswith("got 'a file that was not uploaded here'")


def test_gradio_s_own_clients_cannot_name_files_either(http, site):
    fns = site.site.blocks.fns
    number = next(n for n, fn in fns.items() if fn.api_name.startswith("page-sample") and fn.inputs)
    body = {
        "session_hash": "x",
        "fn_index": number,
        "data": [as_file(str(Path(__file__)))] * len(fns[number].inputs),
    }
    answer = http.post("queue/join", json=body)
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "The call names a file that was not uploaded here.",
    )


def test_files_of_the_server_are_not_served(http):
    answer = http.get("file=/etc/passwd")
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text and "Traceback" not in answer.text


def test_an_upload_over_the_limit_is_refused(http):
    answer = http.post("upload", files={"files": ("large.bin", io.BytesIO(bytes(51_000_000)))})
    assert answer.status_code == 413


def test_a_body_over_the_limit_is_refused(http):
    status, message = refusal(http, "sample_greet", b'{"name": "' + bytes(81_000_000) + b'"}')
    assert status == 413 and message == "A request may have 80 MB. Upload files instead."


def test_a_picture_may_come_as_data_url(http):
    import base64

    text = "data:image/png;base64," + base64.b64encode(png_of(8, 8)).decode()
    assert answer(http, "sample_invert", {"image": text})[0] == "complete"
