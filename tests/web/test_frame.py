"""The site in a frame of another site's page, as the Hub shows a Space, in Chromium."""

import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.browser
SPACE = "somebody/studio"
SIGN = "a-key-that-is-the-visitors-own"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--test-third-party-cookie-phaseout",  # as where a visitor blocks them: the frame has none
]
# What the Hub's page does: it hands its query and hash to the frame, adds its own, and listens.
OUTER = """<!doctype html><title>The page of a Space</title>
<body style="margin:0"><iframe style="width:1200px;height:800px" allow="clipboard-write"></iframe>
<script>
  const hub = %s, heard = [];
  const query = new URLSearchParams(location.search);
  query.set("__theme", "dark");
  query.set("__sign", %s);
  window.addEventListener("message", (event) => {
    heard.push(event.data);
    if (event.origin !== new URL(hub).origin || event.data.queryString === undefined) return;
    history.replaceState(null, "", location.pathname + event.data.queryString + event.data.hash);
  });
  document.querySelector("iframe").src = hub + "?" + query + location.hash;
</script>"""


@pytest.fixture(scope="module")
def outer():
    """Serve the page of a Space on another site than the hub's; return its origin and its hub."""
    told = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = OUTER % (json.dumps(told["hub"]), json.dumps(SIGN))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format, *values):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told["origin"] = f"http://localhost:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def on_space(outer, hub_of, sample_folder, unused_port):
    """The sample served as on a Space whose page is the outer one."""
    from huggingface_hub import constants

    from hub.site.server import start

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", SPACE)
        patch.setenv("LATENTHUB_FRAMES", outer["origin"])
        patch.setattr(constants, "ENDPOINT", outer["origin"])
        with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
            outer["hub"] = running.url
            yield running


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, on_space):
    """Open a page; what a page writes to the console as an error fails the test."""
    contexts, heard = [], []

    def go(address, wait=None):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda told: heard.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()
    # a page of Gradio's that is left while it waits for an answer says that it got none
    left = ("AbortError", "Connection errored out")
    assert [text for text in heard if not any(word in text for word in left)] == []


@pytest.fixture
def open_space(open_page, outer):
    """Open the Space's page; return it, and the frame with the hub."""

    def go(query=""):
        page = open_page(f"{outer['origin']}/spaces/{SPACE}{query}")
        return page, page.frame_locator("iframe")

    return go


def slider(frame):
    return frame.get_by_role("slider").first


def copied(page, frame):
    frame.get_by_role("button", name="Copy link").click()
    expect(frame.locator(".hub-toast.on")).to_have_text("Link copied")
    return page.evaluate("navigator.clipboard.readText()")


def address_of(page):
    return page.locator("iframe").element_handle().content_frame().url


def test_a_link_to_the_space_opens_the_demo_with_its_state(open_space):
    page, frame = open_space("?demo=sample&digit=7&count=3")
    expect(frame.get_by_role("spinbutton").first).to_have_value("3", timeout=15_000)
    parts = urlsplit(address_of(page))
    assert parts.path == "/sample"
    assert parse_qs(parts.query) == {
        "digit": ["7"],
        "count": ["3"],
        "__theme": ["dark"],
        "__sign": [SIGN],
    }
    assert frame.locator("body").evaluate("body => body.classList.contains('dark')")


def test_a_copied_link_leads_back_to_the_state(open_space, open_page, outer):
    page, frame = open_space("?demo=sample&digit=7&count=3")
    expect(frame.get_by_role("spinbutton").first).to_have_value("3", timeout=15_000)
    slider(frame).focus()
    slider(frame).press("ArrowRight")
    expect(frame.get_by_role("spinbutton").first).to_have_value("4")
    link = copied(page, frame)
    assert link.startswith(f"{outer['origin']}/spaces/{SPACE}?demo=sample&")
    assert "count=4" in link and SIGN not in link and "__theme" not in link
    again = open_page(link).frame_locator("iframe")
    expect(again.get_by_role("spinbutton").first).to_have_value("4", timeout=15_000)


def test_the_address_of_the_spaces_page_follows(open_space):
    page, frame = open_space("?demo=sample&count=3")
    expect(frame.get_by_role("spinbutton").first).to_have_value("3", timeout=15_000)
    slider(frame).focus()
    slider(frame).press("ArrowRight")
    expect(page).to_have_url(re.compile(rf"/spaces/{SPACE}\?demo=sample&.*count=4"))
    assert SIGN not in page.url
    frame.get_by_role("link", name="All demos").click()
    expect(page).to_have_url(re.compile(rf"/spaces/{SPACE}$"))


def test_what_opens_the_frame_goes_along_from_page_to_page(open_space):
    page, frame = open_space()
    frame.get_by_role("link", name="Sample studio").click()
    expect(frame.locator("gradio-app .hub-panel").first).to_be_visible(timeout=15_000)
    assert parse_qs(urlsplit(address_of(page)).query) == {"__theme": ["dark"], "__sign": [SIGN]}
    frame.get_by_role("link", name="All demos").click()
    expect(frame.get_by_role("searchbox")).to_be_visible()
    frame.get_by_role("searchbox").fill("sample")
    page.wait_for_timeout(100)
    told = parse_qs(urlsplit(address_of(page)).query)
    assert told == {"__theme": ["dark"], "__sign": [SIGN], "q": ["sample"]}


def test_all_of_a_page_can_be_reached_in_the_frame(open_space):
    page, frame = open_space("?demo=sample")
    expect(frame.locator("gradio-app .hub-panel").first).to_be_visible(timeout=15_000)
    frame.locator(".hub-foot").scroll_into_view_if_needed()
    expect(frame.locator(".hub-foot")).to_be_in_viewport()
    types = [one.get("type") for one in page.evaluate("heard") if isinstance(one, dict)]
    assert "SET_SCROLLING" not in types  # with it, the frame would end below the playground


def test_other_sites_open_beside_the_frame(open_space, outer):
    page, frame = open_space("?demo=sample")
    paper = frame.locator(".hub-papers a").first
    expect(paper).to_be_visible(timeout=15_000)
    paper.evaluate("(link, address) => { link.href = address }", f"{outer['origin']}/paper")
    with page.context.expect_page() as opened:
        paper.click()
    assert opened.value.url == f"{outer['origin']}/paper"
    assert urlsplit(address_of(page)).path == "/sample"


def test_the_direct_address_has_links_of_its_own(open_page, on_space):
    page = open_page(f"{on_space.url}sample?count=3&__theme=dark&__sign={SIGN}")
    expect(page.get_by_role("spinbutton").first).to_have_value("3", timeout=15_000)
    slider(page).focus()
    slider(page).press("ArrowRight")
    expect(page.get_by_role("spinbutton").first).to_have_value("4")
    link = copied(page, page)
    assert link.startswith(f"{on_space.url}sample?") and "count=4" in link and "__" not in link
    again = open_page(link)
    expect(again.get_by_role("spinbutton").first).to_have_value("4", timeout=15_000)


def test_a_page_of_the_hub_lets_the_space_show_it_and_nobody_else(on_space, outer):
    import urllib.request

    for path in ("", "sample"):
        with urllib.request.urlopen(on_space.url + path) as answer:
            assert "X-Frame-Options" not in answer.headers
            policy = answer.headers["Content-Security-Policy"]
            assert f"frame-ancestors {outer['origin']};" in policy


def test_only_a_known_demo_is_gone_on_to(on_space):
    import httpx

    got = httpx.get(on_space.url, params={"demo": "sample", "a": "ü&"}, follow_redirects=False)
    assert got.status_code == 302
    assert urlsplit(got.headers["location"]).path == "/sample"
    assert parse_qs(urlsplit(got.headers["location"]).query) == {"a": ["ü&"]}
    for name in ("nothing", "//example.org", "../x"):
        assert httpx.get(on_space.url, params={"demo": name}).status_code == 200
