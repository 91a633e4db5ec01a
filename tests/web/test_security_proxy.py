"""The hub behind nginx, as docs/operations.md says, at the root and under a path, over TLS."""

import base64
import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from hub.passwords import hashed
from hub.site.guard import Policy
from hub.site.login import Accounts

DOCS = (Path(__file__).parents[2] / "docs/operations.md").read_text()
NGINX, SYSTEMD = (
    shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin"),
    shutil.which("systemd-analyze"),
)
ANN = "Basic " + base64.b64encode(b"ann:pw").decode()
needs_nginx = pytest.mark.skipif(
    not (NGINX and shutil.which("openssl")), reason="nginx or openssl is not installed"
)


def blocks(language):
    """Return the code of that language in the documentation."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def configuration(folder, path, public, inner):
    """Return nginx's configuration from the documentation, on other ports, with a certificate."""
    server, under_a_path = blocks("nginx")
    if path:
        server = server[: server.index("    location /")] + under_a_path + "}\n"
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{public} ssl")
    server = server.replace("127.0.0.1:7860", f"127.0.0.1:{inner}")
    server = re.sub(r"/etc/letsencrypt/live/hub.example.org/(\w+).pem", rf"{folder}/\1.pem", server)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {folder}/{place};\n" for place in places)
    return (
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off;\n{temporary}{server}}}\n"
    )


@pytest.fixture(scope="module", params=["", "/lab"], ids=["root", "path"])
def served(request, hub_of, sample_folder, unused_port, tmp_path_factory):
    """The sample behind nginx, for Ann; its public address."""
    from hub.site.server import start

    folder = tmp_path_factory.mktemp("nginx")
    public, inner = unused_port(), unused_port()
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=hub.example.org -keyout"
    subprocess.run(
        [*make.split(), f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"],
        check=True,
        capture_output=True,
    )
    (folder / "nginx.conf").write_text(configuration(folder, request.param, public, inner))
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("LATENTHUB_ROOT_PATH", request.param)
        policy = Policy(accounts=Accounts({"ann": hashed("pw")}), hosts=("hub.example.org",))
        hub = stack.enter_context(hub_of(sample_folder))
        mcp = True
        stack.enter_context(start(hub, port=inner, mcp=mcp, policy=policy))
        nginx = subprocess.Popen([NGINX, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"])
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        address = f"https://127.0.0.1:{public}{request.param}/"
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(address, verify=False)
                break
            assert nginx.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield address


@pytest.fixture
def visitor(served):
    with httpx.Client(verify=False, auth=("ann", "pw"), headers={"accept": "text/html"}) as client:
        yield client


@needs_nginx
@pytest.mark.parametrize("page", ["", "sample", "sample/", "nothing"])
def test_all_that_a_page_names_is_there(served, visitor, page):
    answer = visitor.get(served + page, follow_redirects=True)
    assert answer.status_code == (404 if page == "nothing" else 200)
    base = re.search(r'<base href="([^"]*)"', answer.text)
    here = answer.url.join(base[1]) if base else answer.url
    names = set(re.findall(r'(?:href|src)="([^"#]+)"', answer.text))
    addresses = {
        str(here.join(name)) for name in names if not name.startswith(("data:", "https://"))
    }
    assert len(addresses) > 3
    for address in addresses:
        assert address.startswith(served)
        assert visitor.get(address).status_code == 200, address


@needs_nginx
def test_a_stranger_is_led_to_the_login_and_back(served):
    with httpx.Client(verify=False, headers={"accept": "text/html"}) as client:
        answer = client.get(f"{served}sample?tab=greet")
        login = answer.url.join(answer.headers["location"])
        assert str(login).startswith(f"{served}login")
        cookie = client.post(login, data={"username": "ann", "password": "pw"})
        assert cookie.headers["location"].endswith("/sample?tab=greet")
        assert "Secure" in cookie.headers["set-cookie"]  # nginx told that it is https
        assert client.get(cookie.url.join(cookie.headers["location"])).status_code == 200


@needs_nginx
def test_gradio_client_calls_uploads_and_downloads(served, tmp_path):
    client = Client(
        served, auth=("ann", "pw"), ssl_verify=False, verbose=False, download_files=str(tmp_path)
    )
    Image.new("L", (8, 8), 55).save(tmp_path / "grey.png")
    found = client.predict(handle_file(tmp_path / "grey.png"), api_name="/sample_invert")
    assert Image.open(found).getextrema() == (200, 200)
    assert client.predict(steps=3, api_name="/sample_slow") == 3


@needs_nginx
def test_curl_gets_addresses_that_lead_back(served, visitor):
    call = visitor.post(f"{served}gradio_api/call/v2/sample_generate", json={"count": 1})
    event = call.json()["event_id"]
    text = visitor.get(f"{served}gradio_api/call/v2/sample_generate/{event}").text
    address = re.search(r'"url": "([^"]+)"', text)[1]
    assert address.startswith(f"{served}gradio_api/file=")
    assert visitor.get(address).content.startswith(b"\x89PNG")


@needs_nginx
def test_an_upload_over_the_limit_is_told_in_the_hub_s_words(served, visitor):
    files = {"files": ("large.bin", bytes(51_000_000))}
    answer = visitor.post(f"{served}gradio_api/upload", files=files)
    assert (answer.status_code, answer.text) == (
        413,
        "An upload may have 50 MB, its files together.",
    )


@needs_nginx
def test_other_sites_are_refused_and_the_own_one_is_not(served, visitor):
    call = f"{served}gradio_api/call/v2/sample_greet"
    for origin, code in (
        (re.match(r"https://[^/]+", served)[0], 200),
        ("https://evil.example", 403),
    ):
        answer = visitor.post(call, json={"name": "Ann"}, headers={"origin": origin})
        assert answer.status_code == code


@needs_nginx
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_mcp_works_too(served):
    pytest.importorskip("mcp", reason="the extra latenthub[mcp] is not installed")
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    def client(headers=None, timeout=None, auth=None):
        return httpx.AsyncClient(
            verify=False, headers=headers, timeout=timeout, auth=auth, follow_redirects=True
        )

    async def ask():
        async with streamablehttp_client(
            f"{served}gradio_api/mcp/", headers={"authorization": ANN}, httpx_client_factory=client
        ) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                made = await session.call_tool("sample_generate", {"digit": 3, "count": 1})
                address = made.content[0].text.partition("'url': '")[2].partition("'")[0]
                again = await session.call_tool("sample_invert", {"image": address})
                return address, again

    address, again = asyncio.run(ask())
    assert address.startswith(f"{served}gradio_api/file=")
    assert not again.isError


@needs_nginx
@pytest.mark.browser
def test_a_visitor_logs_in_plays_shares_and_logs_out(served):
    from playwright.sync_api import expect, sync_playwright

    heard = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"{served}sample?tab=greet&name=Ann")
        page.get_by_label("User").fill("ann")
        page.get_by_label("Password").fill("pw")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_label("Name")).to_have_value("Ann", timeout=20_000)
        page.get_by_label("Name").click()
        page.get_by_label("Name").fill("Bo")
        page.get_by_role("button", name="Greet").last.click()
        expect(page.get_by_label("Answer")).to_have_value("Hello Bo", timeout=20_000)
        expect(page).to_have_url(re.compile(re.escape(f"{served}sample?") + ".*name=Bo"))
        page.get_by_role("tab", name="Draw").click()
        page.get_by_role("button", name="Draw", exact=True).last.click()
        picture = page.locator(f'.hub-stage img[src^="{served}gradio_api/file="]')
        expect(picture.first).to_be_visible(timeout=20_000)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(f"{served}sample")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        browser.close()
    assert not heard


def test_systemd_understands_the_unit(tmp_path):
    if SYSTEMD is None:
        pytest.skip("systemd-analyze is not installed")
    unit = blocks("ini")[0].replace("/opt/latenthub/bin/latenthub", "/bin/true")
    (tmp_path / "latenthub.service").write_text(unit)
    found = subprocess.run(
        [SYSTEMD, "verify", str(tmp_path / "latenthub.service")], capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
