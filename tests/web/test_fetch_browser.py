"""A visitor fetches a checkpoint: the button, the bar and the words, in Chromium."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from hub.checkpoints import file_names
from hub.files import file_sha256
from hub.lock import Locked, write_entry

HERE = Path(__file__).parent
pytestmark = pytest.mark.browser
REPO = "somebody/sample"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def repo(hub_server, sample_folder):
    repo = hub_server.create(REPO)
    folder = sample_folder / "sample"
    repo.commit({name: (folder / name).read_bytes() for name in file_names(folder)})
    return repo


@pytest.fixture
def url(hub_of, sample, sample_folder, repo, tmp_path, unused_port):
    """The address of a hub whose one demo has its checkpoint on the Hub only."""
    from hub.site.server import start

    folder = sample_folder / "sample"
    names = file_names(folder)
    size = sum((folder / name).stat().st_size for name in names)
    hashes = {name: file_sha256(folder / name) for name in names}
    write_entry(tmp_path / "root/lock.toml", "sample", Locked(hashes, REPO, repo.head, size))
    with hub_of(tmp_path / "root") as hub, start(hub, port=unused_port()) as running:
        yield running.url


@pytest.fixture
def open_page(chromium, url):
    contexts = []

    def go(path="", **settings):
        contexts.append(
            chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        )
        page = contexts[-1].new_page()
        page.goto(url + path)
        return page

    yield go
    for context in contexts:
        context.close()


def test_a_card_becomes_ready_in_place(open_page, hub_server):
    hub_server.faults.bytes_per_second = 3000
    page = open_page()
    card = page.locator(".hub-card")
    expect(card).to_contain_text("is on the Hugging Face Hub, in somebody/sample")
    page.evaluate("window.here = true")
    page.get_by_role("button", name="Fetch it: Sample studio").press("Enter")
    bar = page.get_by_role("progressbar", name="Fetching Sample studio")
    expect(bar).to_be_visible()
    expect(card.locator("[data-fetch-count]")).to_contain_text(" of 4.4 kB")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(card.locator(".hub-badge")).to_have_text("Ready", timeout=15_000)
    expect(page.get_by_role("status").first).to_have_text("Sample studio is ready")
    expect(card.get_by_role("link", name="Sample studio")).to_be_focused()
    assert page.evaluate("window.here")  # the page was not loaded again
    page.get_by_role("searchbox").fill("nothing such")
    expect(card).to_be_hidden()


def test_a_demos_page_fetches_and_then_plays(open_page):
    page = open_page("sample?digit=7")
    expect(page.locator(".hub-banner")).to_contain_text("The model of this demo is not here yet")
    expect(page.locator(".hub-chips label.selected")).to_have_text("7", timeout=15_000)
    with page.expect_navigation():
        page.get_by_role("button", name="Fetch it: Sample studio").click()
    assert "digit=7" in page.url
    expect(page.locator(".hub-badge")).to_have_text("Ready")
    page.locator("gradio-app img").filter(visible=True).first.wait_for(timeout=15_000)


def test_a_fetch_can_be_stopped_and_gone_on_with(open_page, hub_server):
    hub_server.faults.bytes_per_second = 400
    page = open_page("sample")
    page.get_by_role("button", name="Fetch it").click()
    expect(page.locator("[data-fetch-count]")).to_contain_text(" of ")
    other = open_page("sample")  # sees what the first one began
    expect(other.get_by_role("progressbar", name="Fetching Sample studio")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-fetch-start]")).to_have_text("Go on", timeout=15_000)
    expect(other.locator("[data-fetch-start]")).to_have_text("Go on")


def test_why_it_failed_is_told_where_it_was_asked(open_page, repo):
    repo.gated = True
    page = open_page()
    page.get_by_role("button", name="Fetch it").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "The repository somebody/sample is gated: ask"
    )
    expect(page.locator("[data-fetch-start]")).to_have_text("Try again")
    repo.gated = False
    page.locator("[data-fetch-start]").click()
    expect(page.locator(".hub-badge")).to_have_text("Ready", timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "sample"])
def test_it_has_contrast_and_fits_a_phone(open_page, hub_server, path, scheme):
    hub_server.faults.statuses["resolve"] = 503
    page = open_page(path, color_scheme=scheme, viewport={"width": 320, "height": 800})
    page.get_by_role("button", name="Fetch it").click()
    expect(page.locator(".hub-fetch-error")).to_contain_text("is out of order (status 503)")
    page.wait_for_timeout(1000 if path else 100)
    assert page.evaluate((HERE / "contrast.js").read_text()) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for button in page.locator(".hub-fetch button").filter(visible=True).all():
        assert button.bounding_box()["height"] >= 24
