"""Who may use a hub: passwords, other sites' pages, other names."""

import base64
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AuthenticationError

from hub.errors import SettingsError
from hub.passwords import fits, hashed
from hub.site.guard import Policy
from hub.site.limits import Rate
from hub.site.login import Accounts, Sessions, local

JAVASCRIPT = Path(__file__).parents[1] / "javascript"
ADDRESSES = itertools.count(1)
JSON = {"name": "Ann"}
CALL = "gradio_api/call/v2/sample_greet"
EVERYTHING = [
    "/",
    "/sample",
    "/config",
    "/gradio_api/info",
    "/gradio_api/openapi.json",
    "/gradio_api/queue/status",
    "/gradio_api/file=/tmp/x",
    "/thumbnails/sample.png",
    "/theme.css",
    "/assets/index.js",
    "/nothing",
    "/gradio_api/mcp/",
    "/gradio_api/call/sample_greet/1",
    "/gradio_api/heartbeat/x",
]
CALLS = ["queue/join", "upload", "cancel", "call/sample_greet", "call/v2/sample_greet", "mcp/"]


def basic(user, password):
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def serve(hub_of, sample_folder, unused_port):
    """Return a function that serves the sample under a policy, until the module ends."""
    import contextlib

    from hub.site.server import start

    with contextlib.ExitStack() as stack:

        def make(policy, mcp=False):
            hub = stack.enter_context(hub_of(sample_folder))
            running = start(hub, port=unused_port(), mcp=mcp, policy=policy)
            return stack.enter_context(running).url

        yield make


@pytest.fixture(scope="module")
def locked(serve):
    """A hub for Ann, whose password is "open: sesame", and for Bo; with MCP."""
    hashes = {"ann": hashed("open: sesame"), "bo": hashed("other")}
    return serve(Policy(accounts=Accounts(hashes)), mcp=True)


@pytest.fixture
def stranger(locked):
    """A client whose address has guessed no password yet."""
    address = f"198.51.100.{next(ADDRESSES)}"
    with httpx.Client(base_url=locked, headers={"x-forwarded-for": address}) as client:
        yield client


# Without the password.


def test_nothing_is_open_without_the_password(stranger):
    for path in EVERYTHING:
        answer = stranger.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    for path in CALLS:
        assert stranger.post(f"/gradio_api/{path}", json={}).status_code == 401, path


def test_a_browser_is_led_to_the_login_and_then_to_where_it_wanted(stranger):
    html = {"accept": "text/html"}
    answer = stranger.get("/sample?tab=greet&name=Ann", headers=html)
    assert answer.status_code == 303
    page = stranger.get(answer.headers["location"], headers=html)
    assert page.status_code == 200 and 'autocomplete="current-password"' in page.text
    form = {"username": "ann", "password": "open: sesame"}
    done = stranger.post(answer.headers["location"], data=form, headers=html)
    assert (done.status_code, done.headers["location"]) == (303, "/sample?tab=greet&name=Ann")
    assert stranger.get("/sample", headers=html).status_code == 200


def test_a_wrong_password_is_told_on_the_page_and_to_programs(stranger):
    form = {"username": "ann", "password": "<wrong>"}
    page = stranger.post("/login", data=form, headers={"accept": "text/html"})
    assert page.status_code == 401 and "do not fit" in page.text and "<wrong>" not in page.text
    assert stranger.post("/login", data=form).json()["error"].endswith("do not fit.")


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic YQ==", "Basic //8=", "Bearer x", "Digest x", "basic " + "A" * 9000],
)
def test_a_malformed_authorization_opens_nothing(stranger, header):
    assert stranger.get("/config", headers={"authorization": header}).status_code == 401


def test_the_other_user_s_password_opens_nothing(stranger):
    for user, password in (("ann", "other"), ("", ""), ("ann", ""), ("nobody", "open: sesame")):
        assert stranger.get("/config", headers=basic(user, password)).status_code == 401


def test_guessing_is_slowed_down_for_the_guesser_only(stranger, locked):
    answers = [stranger.get("/config", headers=basic("ann", str(i))) for i in range(11)]
    assert [one.status_code for one in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) <= 30
    assert "wrong passwords" in answers[-1].json()["error"]
    form = {"username": "ann", "password": "open: sesame"}
    page = stranger.post("/login", data=form, headers={"accept": "text/html"})
    assert page.status_code == 429 and "Too many wrong passwords; try again in" in page.text
    right = basic("ann", "open: sesame")
    assert stranger.get("/config", headers=right).status_code == 429  # nor is a right guess told
    other = {"x-forwarded-for": "203.0.113.7"}
    assert httpx.get(f"{locked}config", headers={**right, **other}).status_code == 200


def test_many_right_passwords_are_no_guesses(stranger):
    for _ in range(30):
        assert stranger.get("/config", headers=basic("bo", "other")).status_code == 200


def test_guesses_at_the_same_time_are_counted_too(locked):
    import concurrent.futures

    headers = {"x-forwarded-for": "192.0.2.77"}

    def guess(number):
        return httpx.get(f"{locked}config", headers={**headers, **basic("bo", str(number))})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = [answer.status_code for answer in pool.map(guess, range(32))]
    assert codes.count(401) == 10 and codes.count(429) == 22


# With it.


def test_gradio_client_logs_in(locked, tmp_path):
    client = Client(
        locked, auth=("ann", "open: sesame"), verbose=False, download_files=str(tmp_path)
    )
    assert client.predict("Ann", api_name="/sample_greet") == {"text": "Hello Ann"}
    assert len(client.predict(count=2, api_name="/sample_generate")) == 2  # files come too
    with pytest.raises(AuthenticationError):
        Client(locked, auth=("ann", "wrong"), verbose=False)
    with pytest.raises(AuthenticationError):
        Client(locked, verbose=False)


def test_gradio_client_may_send_a_header_too(locked, tmp_path):
    headers = basic("bo", "other")
    client = Client(locked, headers=headers, verbose=False, download_files=str(tmp_path))
    assert client.predict("Bo", api_name="/sample_greet") == {"text": "Hello Bo"}


def test_curl_sends_user_and_password(locked):
    command = ["curl", "-s", "-u", "ann:open: sesame", "-d", '{"name": "Ann"}', f"{locked}{CALL}"]
    assert "event_id" in subprocess.run(command, capture_output=True, text=True).stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_mcp_clients_send_a_header(locked):
    pytest.importorskip("mcp", reason="the extra latenthub[mcp] is not installed")
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def ask(headers):
        address = f"{locked}gradio_api/mcp/"
        async with streamablehttp_client(address, headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                return await session.call_tool("sample_greet", {"name": "Ann"})

    assert "Hello Ann" in asyncio.run(ask(basic("ann", "open: sesame"))).content[0].text
    with pytest.raises(BaseException) as raised:
        asyncio.run(ask({}))
    assert "401" in repr(getattr(raised.value, "exceptions", raised.value))


def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger):
    form = {"username": "ann", "password": "open: sesame"}
    cookie = stranger.post("/login", data=form).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    behind_tls = {"x-forwarded-proto": "https"}
    assert "Secure" in stranger.post("/login", data=form, headers=behind_tls).headers["set-cookie"]


def test_a_log_out_ends_the_session(stranger):
    stranger.post("/login", data={"username": "ann", "password": "open: sesame"})
    kept = dict(stranger.cookies)
    assert stranger.get("/config").status_code == 200
    assert stranger.get("/logout").status_code == 405  # no picture on another page logs anybody out
    assert stranger.post("/logout").status_code == 303
    stranger.cookies.update(kept)
    assert stranger.get("/config").status_code == 401


def test_a_hub_s_health_needs_no_password(stranger):
    assert stranger.get("/healthz").status_code != 401
    assert stranger.get("/hub-assets/hub.css").status_code == 200


def test_without_accounts_the_login_leads_home(serve, url):
    assert httpx.get(f"{url}login").headers["location"] == "/"


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ("/sample?a=1", "/sample?a=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/%0d%0aset-cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_login_leads_nowhere_else(asked, gone):
    assert local(asked) == gone


def test_sessions_end_by_themselves_and_are_few():
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    first = sessions.begin()
    assert sessions.holds(first) and not sessions.holds("x") and not sessions.holds(None)
    now[0] = 15 * 24 * 3600
    assert not sessions.holds(first)
    for _ in range(10_100):
        last = sessions.begin()
    assert len(sessions.ends) == 10_000 and sessions.holds(last)


# Accounts in the environment.


def test_accounts_are_read_from_a_file_of_hashes(tmp_path):
    line = subprocess.run(
        [sys.executable, "-m", "hub", "password", "ann"],
        input="open: sesame\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "sesame" not in line
    (tmp_path / "accounts").write_text(f"# who may\n\n{line}")
    accounts = Accounts.read(f"@{tmp_path}/accounts")
    assert fits("open: sesame", accounts.hashes["ann"])
    assert not fits("open: sesam", accounts.hashes["ann"])


def test_accounts_may_stand_in_the_variable():
    accounts = Accounts.read("ann:a:b, bo:c")
    assert fits("a:b", accounts.hashes["ann"]) and fits("c", accounts.hashes["bo"])
    assert Accounts.read("") is None
    assert "a:b" not in repr(accounts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hunter2", "account 1 must be user:password"),
        ("ann:hunter2,bo", "account 2 must be user:password"),
        (":hunter2", "account 1 must be user:password"),
        ("ann:", "account 1 must be user:password"),
        ("ann:hunter2,ann:other", "there are two accounts of the name 'ann'"),
        ("@/nowhere/accounts", "/nowhere/accounts cannot be read"),
    ],
)
def test_wrong_accounts_are_told_without_the_password(text, message):
    with pytest.raises(SettingsError, match=message) as raised:
        Accounts.read(text)
    assert "hunter2" not in str(raised.value)


def test_a_file_holds_no_plain_password(tmp_path):
    (tmp_path / "accounts").write_text("ann:hunter2\n")
    with pytest.raises(SettingsError, match="line 1 has no hash made by `latenthub password ann`"):
        Accounts.read(f"@{tmp_path}/accounts")
    (tmp_path / "accounts").write_text("# nobody\n")
    with pytest.raises(SettingsError, match="has no accounts"):
        Accounts.read(f"@{tmp_path}/accounts")


# Pages of other sites.

FOREIGN = {"origin": "https://evil.example"}


def preflight(url, origin):
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,authorization",
    }
    return httpx.options(f"{url}{CALL}", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://other.localhost"},
        {"origin": "https://evil.example", "x-forwarded-for": "1.2.3.4"},
    ],
)
def test_another_site_s_page_calls_nothing(url, headers):
    for path in ("gradio_api/queue/join", "gradio_api/upload", CALL, "login", "logout"):
        answer = httpx.post(f"{url}{path}", data={"a": "1"}, headers=headers)
        assert answer.status_code == 403, path
        assert "Pages of another site may not call this hub" in answer.text
        assert "access-control-allow-origin" not in answer.headers


def test_another_site_s_page_may_not_read_either(url):
    for path in ("config", "gradio_api/info", "", "sample"):
        answer = httpx.get(f"{url}{path}", headers=FOREIGN)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "access-control-allow-origin" not in preflight(url, "https://evil.example").headers


def test_the_hub_s_own_page_calls(url):
    own = {"origin": url.rstrip("/")}
    for headers in (own, {**own, "sec-fetch-site": "same-origin"}, {}):
        assert httpx.post(f"{url}{CALL}", json=JSON, headers=headers).status_code == 200
    behind = {"host": "hub.localhost", "origin": "https://hub.localhost"}
    assert httpx.post(f"{url}{CALL}", json=JSON, headers=behind).status_code == 200


def test_sites_that_are_named_may_call(serve):
    url = serve(Policy(origins=("https://lab.example",)))
    answer = preflight(url, "https://lab.example")
    assert answer.headers["access-control-allow-origin"] == "https://lab.example"
    answer = httpx.post(f"{url}{CALL}", json=JSON, headers={"origin": "https://lab.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://lab.example"
    assert "Origin" in answer.headers["vary"]
    assert httpx.post(f"{url}{CALL}", json=JSON, headers=FOREIGN).status_code == 403
    assert "access-control-allow-origin" not in preflight(url, "https://evil.example").headers


def test_all_sites_may_call_but_never_with_a_visitor_s_cookie(serve):
    url = serve(Policy(origins=("*",), accounts=Accounts({"ann": hashed("pw")})))
    assert preflight(url, "https://any.example").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in preflight(url, "https://any.example").headers
    with httpx.Client(base_url=url) as browser:
        browser.post("/login", data={"username": "ann", "password": "pw"})
        assert browser.post(f"/{CALL}", json=JSON).status_code == 200
        assert browser.post(f"/{CALL}", json=JSON, headers=FOREIGN).status_code == 401
    answer = httpx.post(f"{url}{CALL}", json=JSON, headers={**FOREIGN, **basic("ann", "pw")})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


# Names and headers.


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example"])
def test_a_local_hub_answers_to_no_name_of_others(url, host):
    answer = httpx.get(url, headers={"host": host, "x-forwarded-for": "10.0.0.1"})
    assert answer.status_code == 421
    assert f"LATENTHUB_ALLOWED_HOSTS={host.partition(':')[0]}" in answer.json()["error"]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:80", "[::1]:1", "a.localhost", "10.0.0.8"]
)
def test_a_local_hub_answers_to_its_own_names(url, host):
    assert httpx.get(url, headers={"host": host}).status_code == 200


def test_names_can_be_set(serve):
    url = serve(Policy(hosts=("hub.example.org", "*.lab.example")))
    for host, code in {
        "hub.example.org": 200,
        "HUB.example.org:443": 200,
        "a.lab.example": 200,
        "lab.example": 421,
        "evil.example": 421,
        "localhost": 200,
    }.items():
        assert httpx.get(url, headers={"host": host}).status_code == code, host


def test_answers_carry_the_headers_that_protect_browsers(url):
    for path in ("", "sample", "config", "nothing", "gradio_api/info", "hub-assets/hub.css"):
        headers = httpx.get(f"{url}{path}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]


def test_other_sites_can_be_allowed_to_frame_the_pages(serve):
    url = serve(Policy(frames="'self' https://course.example"))
    policy = httpx.get(url).headers["content-security-policy"]
    assert "frame-ancestors 'self' https://course.example;" in policy


def test_what_a_stranger_says_about_proxies_is_not_believed(serve):
    url = serve(Policy(proxies="192.0.2.1"))
    forged = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    assert "evil.example" not in httpx.get(f"{url}config", headers=forged).text
    forged = {"x-gradio-server": "http://evil.example"}
    assert "evil.example" not in httpx.get(f"{url}config", headers=forged).text


SETTINGS = [
    ("LATENTHUB_RATE", "many", "a number per second, minute or hour"),
    ("LATENTHUB_RATE", "0/minute", "a number per second, minute or hour"),
    ("LATENTHUB_CORS", "example.org", "takes origins"),
    ("LATENTHUB_CORS", "https://example.org/path", "takes origins"),
    ("LATENTHUB_TRUSTED_PROXIES", "proxy", "takes addresses and networks"),
    ("LATENTHUB_FRAMES", "https://a.example; script-src *", "takes origins"),
    ("LATENTHUB_MAX_UPLOAD_MB", "-1", "must be a positive number"),
    ("LATENTHUB_UPLOADS_MB_PER_HOUR", "lots", "must be a whole number"),
    ("LATENTHUB_AUTH", "ann", "must be user:password"),
]


@pytest.mark.parametrize(("name", "value", "message"), SETTINGS)
def test_a_wrong_setting_is_told_before_anything_is_served(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}.*{message}"):
        Policy.read("127.0.0.1")


def test_settings_become_the_policy(monkeypatch):
    for name, value in {
        "RATE": "5/second",
        "CORS": "https://a.example, https://b.example",
        "MAX_UPLOAD_MB": "0.5",
        "UPLOADS_MB_PER_HOUR": "0",
        "TRUSTED_PROXIES": "10.0.0.0/8 192.0.2.1",
        "ALLOWED_HOSTS": "Hub.Example.org",
        "FRAMES": "https://course.example",
    }.items():
        monkeypatch.setenv(f"LATENTHUB_{name}", value)
    found = Policy.read("0.0.0.0")
    assert (found.rate, found.volume, found.max_upload) == (Rate(5, 1), None, 500_000)
    assert found.origins == ("https://a.example", "https://b.example")
    assert (found.hosts, found.frames) == (("hub.example.org",), "https://course.example")
    assert found.proxies == "10.0.0.0/8,192.0.2.1"


@pytest.mark.parametrize(
    ("host", "accounts", "told"),
    [("0.0.0.0", None, True), ("127.0.0.1", None, False), ("0.0.0.0", {"ann": hashed("a")}, False)],
)
def test_a_hub_that_is_open_to_others_says_so(
    hub_of, sample_folder, unused_port, caplog, host, accounts, told
):
    from hub.site.server import start

    policy = Policy(accounts=accounts and Accounts(accounts))
    with hub_of(sample_folder) as hub, start(hub, host, unused_port(), policy=policy):
        assert ("LATENTHUB_AUTH asks for a password" in caplog.text) == told


def test_only_a_local_hub_answers_to_local_names_alone(monkeypatch):
    monkeypatch.delenv("LATENTHUB_ALLOWED_HOSTS", raising=False)
    assert Policy.read("127.0.0.1").hosts == ("127.0.0.1", "::1", "localhost")
    assert Policy.read("0.0.0.0").hosts == ("*",)
    monkeypatch.setenv("SPACE_ID", "owner/name")
    assert "https://huggingface.co" in Policy.read("0.0.0.0").frames


# In Node and in a browser.


def test_javascript_s_client_logs_in(locked):
    """tests/web/test_javascript.py installs what it needs."""
    if not (JAVASCRIPT / "node_modules/@gradio/client/package.json").is_file():
        pytest.skip("@gradio/client is not installed")
    command = ["node", "login.js", locked]
    run = subprocess.run(command, cwd=JAVASCRIPT, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert (found["answer"], found["pictures"]) == ({"text": "Hello Ann"}, 2)
    assert "Invalid credentials" in found["wrong"]
    assert "connected" not in found["without"]


@pytest.fixture(scope="module")
def elsewhere():
    """The address of another site, of which any path is an empty page."""
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


CALL_FROM_PAGE = """async ([url, credentials]) => {
  const body = JSON.stringify({name: "Ann"});
  const headers = {"content-type": "application/json"};
  try {
    const answer = await fetch(url, {method: "POST", body, headers, credentials});
    return answer.status;
  } catch (error) {
    return error.name;
  }
}"""
POST_BY_FORM = """(url) => {
  document.body.innerHTML = `<form method="post" action="${url}" enctype="text/plain">
    <input name='{"name": "Ann", "x": "' value='"}'></form>`;
  document.querySelector("form").submit();
}"""


@pytest.mark.browser
def test_in_a_browser_only_the_sites_that_are_named_call(serve, url, elsewhere):
    from playwright.sync_api import sync_playwright

    named, anybody = serve(Policy(origins=(elsewhere,))), serve(Policy(origins=("*",)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(elsewhere)

        def call(hub, credentials):
            return page.evaluate(CALL_FROM_PAGE, [f"{hub}{CALL}", credentials])

        assert call(url, "same-origin") == "TypeError"  # how browsers say that CORS forbids it
        assert [call(named, one) for one in ("same-origin", "include")] == [200, 200]
        assert [call(anybody, one) for one in ("same-origin", "include")] == [200, "TypeError"]
        page.evaluate(POST_BY_FORM, f"{url}{CALL}")  # needs no CORS: browsers send it at once
        page.wait_for_url(f"{url}**")
        assert "Pages of another site may not call this hub" in page.content()
        page.goto(elsewhere)
        page.evaluate(f"document.body.innerHTML = '<iframe src=\"{url}\"></iframe>'")
        page.wait_for_timeout(1000)
        assert page.frames[1].url.startswith("chrome-error:")
        browser.close()
