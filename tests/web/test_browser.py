"""The site in Chromium: what a visitor clicks, types and sees."""

import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from hub.media import wav

HERE = Path(__file__).parent
pytestmark = pytest.mark.browser
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, url):
    """Open pages of the hub; none may ask another machine or write an error to the console."""
    heard, contexts = [], []

    def go(path="", wait=None, **settings):
        settings.setdefault("viewport", {"width": 1280, "height": 900})
        context = chromium.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request", lambda request: heard.append(request.url) if outside(request.url) else None
        )
        page.on(
            "console",
            lambda message: heard.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(url + path)
        if wait:
            # a tab that a link passes over leaves hidden controls behind
            page.locator(wait).filter(visible=True).first.wait_for(timeout=15_000)
        return page

    def outside(address):
        return not address.startswith((url, "data:", "blob:"))

    yield go
    for context in contexts:
        context.close()
    assert heard == []


@contextmanager
def address_becomes(page, pattern):
    yield
    expect(page).to_have_url(re.compile(pattern), timeout=8_000)


def visible_cards(page):
    return page.locator(".hub-card:visible h2").all_text_contents()


# The gallery.


def test_the_gallery_shows_each_demo_with_its_state(open_page):
    page = open_page()
    cards = page.locator(".hub-card")
    states = [card.locator(".hub-badge").text_content() for card in cards.all()]
    assert states == ["Ready", "No checkpoint", "Failed", "Failed"]
    assert "No module named 'nothing'" in cards.last.text_content()
    assert "latenthub train bare" in cards.nth(1).text_content()


def test_a_card_shows_our_number_beside_the_published_ones(open_page):
    card = open_page().locator(".hub-card", has_text="Sample studio")
    assert re.sub(r"\s+", " ", card.locator(".hub-headline").text_content()).strip() == (
        "Measured here80.50 nats Published78.30 to 89.78"
    )


def test_search_narrows_the_gallery_and_stays_in_the_address(open_page):
    page = open_page()
    page.keyboard.press("/")
    with address_becomes(page, r"\?q=sample\+stud$"):
        page.keyboard.type("sample stud")
    assert visible_cards(page) == ["Sample studio"]
    page.reload()
    assert visible_cards(page) == ["Sample studio"]
    page.locator("input[name=q]").press("Enter")
    expect(page).to_have_url(re.compile("/sample$"))


def test_tags_narrow_the_gallery(open_page):
    page = open_page("?tag=sound")
    assert visible_cards(page) == ["Sample studio"]
    page.get_by_role("button", name="sound").click()
    assert len(visible_cards(page)) == 4


def test_a_search_without_result_offers_a_way_back(open_page):
    page = open_page("?q=nonsense")
    assert visible_cards(page) == []
    page.get_by_role("button", name="Show all").click()
    assert len(visible_cards(page)) == 4


def test_a_card_opens_with_the_keyboard(open_page):
    page = open_page("?q=studio")
    page.locator(".hub-card:visible h2 a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Sample studio")


# A demo's page.


def test_a_page_has_playground_numbers_text_and_code(open_page):
    page = open_page("sample", wait="gradio-app .hub-panel")
    assert page.title() == "Sample studio · Latenthub"
    rows = page.locator("#measured tbody tr th").all_text_contents()
    assert rows == ["A good model", "This hub", "A plain model"]
    expect(page.get_by_role("link", name="Measured", exact=True)).to_be_visible()
    assert page.locator("#how math").count() == 2
    assert "client.predict(" in page.locator("#hub-snippet").text_content()
    assert page.locator("#model dd").first.text_content() == "1,000"


def test_moving_a_control_changes_address_and_code(open_page):
    page = open_page("sample", wait="gradio-app .hub-chips label")
    with address_becomes(page, r"/sample\?tab=draw&digit=7&count=4&seed=0$"):
        page.locator(".hub-chips label", has_text="7").click()
    expect(page.locator("#hub-snippet")).to_contain_text("digit=7,")
    page.get_by_role("tab", name="curl").click()
    expect(page.locator("#hub-snippet")).to_contain_text('{"digit": 7, "count": 4, "seed": 0}')


def test_opening_a_page_leaves_its_address_alone(open_page):
    page = open_page("sample", wait="gradio-app img")
    page.wait_for_timeout(500)
    assert page.url.endswith("/sample")


def test_a_link_restores_the_state(open_page):
    page = open_page("sample?digit=5&count=2&seed=17", wait="gradio-app img")
    expect(page.locator(".hub-chips label.selected")).to_have_text("5")
    expect(page.get_by_label("number input for How many")).to_have_value("2")
    expect(page.locator("#hub-snippet")).to_contain_text("seed=17")


def test_a_link_opens_its_tab(open_page):
    page = open_page(
        "sample?tab=greet&name=Ann+%26+Bo&loud=true", wait="gradio-app textarea, gradio-app input"
    )
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ann & Bo")
    expect(page.get_by_label("Loud")).to_be_checked()
    expect(page.locator("#hub-snippet")).to_contain_text('api_name="/sample_greet"')


def test_a_bad_value_in_a_link_is_told_and_left_out(open_page):
    page = open_page("sample?digit=77&count=3", wait="gradio-app img")
    expect(page.locator(".toast-body, .toast-wrap").first).to_contain_text(
        "digit has no choice '77'"
    )
    expect(page.get_by_label("number input for How many")).to_have_value("3")


def test_selecting_a_tab_shows_its_code(open_page):
    page = open_page("sample", wait="gradio-app [role=tab]")
    with address_becomes(page, r"\?tab=greet"):
        page.get_by_role("tab", name="Greet").click()
    expect(page.locator("[data-hub=endpoint]")).to_have_value("greet")


def test_the_link_is_copied(open_page, url):
    page = open_page(
        "sample?digit=5", wait="gradio-app img", permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".hub-toast")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"{url}sample?")


def test_an_error_is_a_sentence_on_the_page(open_page, caplog):
    page = open_page("sample?tab=greet", wait="gradio-app button.primary")
    page.get_by_role("button", name="Greet", exact=True).last.click()
    expect(page.locator(".toast-body")).to_contain_text("Give a name first.")
    page.get_by_role("button", name="Break").click()
    expect(page.locator(".toast-body").last).to_contain_text("failed inside")
    request = re.search(r"\(request (\w+)\)", page.locator(".toast-body").last.inner_text())[1]
    [record] = [one for one in caplog.records if one.exc_info]
    assert request in record.getMessage()  # what the visitor tells finds the traceback
    assert "/secret" not in page.content()


def test_progress_is_shown_while_a_call_runs(open_page):
    page = open_page("sample?tab=greet", wait="gradio-app button.primary")
    page.get_by_role("button", name="Wait").click()
    expect(page.get_by_text(re.compile(r"step \d+ of 12"))).to_be_visible(timeout=8_000)
    expect(page.get_by_label("Answer")).to_have_value("12 steps", timeout=8_000)


def test_an_answer_that_comes_before_the_call_s_number_is_shown(open_page):
    """The stream that told it has closed by then, and the page opens one for nothing."""
    page = open_page("sample?tab=greet", wait="gradio-app button.primary")
    held = []
    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Wait").click()
    expect(page.get_by_text(re.compile(r"step \d+ of 12"))).to_be_visible(timeout=8_000)
    page.route("**/queue/join*", lambda route: held.append((route, route.fetch())))
    greet = page.get_by_role("button", name="Greet", exact=True).last
    greet.click()
    expect(page.get_by_label("Answer")).to_have_value("12 steps", timeout=8_000)
    [(route, answer)] = held
    route.fulfill(response=answer)
    page.unroute("**/queue/join*")  # not before: it would answer what is held
    expect(page.get_by_label("Answer")).to_have_value("Hello Ann", timeout=8_000)
    page.get_by_label("Name").fill("Bob")
    greet.click()
    expect(page.get_by_label("Answer")).to_have_value("Hello Bob", timeout=8_000)


def test_a_missing_checkpoint_is_told_above_the_playground(open_page):
    page = open_page("bare", wait="gradio-app .hub-panel")
    expect(page.locator(".hub-banner")).to_contain_text("latenthub train bare --out")


def test_a_failing_page_tells_why_and_keeps_the_rest(open_page):
    page = open_page("lost")
    expect(page.locator(".hub-banner")).to_contain_text("has no attribute 'nothing'")
    expect(page.locator("#measured")).to_be_visible()


# Everywhere.


@pytest.mark.parametrize("path", ["", "sample", "bare", "lost"])
@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_shows_it_without_scrolling_sideways(open_page, path, width):
    page = open_page(path, viewport={"width": width, "height": 844})
    page.wait_for_timeout(1500 if path else 100)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["", "sample"])
def test_dark_follows_the_system_and_the_toggle_is_remembered(open_page, path):
    page = open_page(path, color_scheme="dark", wait="gradio-app .hub-panel" if path else None)
    assert page.evaluate("document.body.classList.contains('dark')")
    page.get_by_role("button", name="Change between light and dark").click()
    page.reload()
    page.wait_for_timeout(1500 if path else 100)
    assert not page.evaluate("document.body.classList.contains('dark')")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 246, 242)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "sample", "bare"])
def test_text_has_contrast(open_page, path, scheme):
    page = open_page(path, color_scheme=scheme, wait="gradio-app .hub-panel" if path else None)
    page.wait_for_timeout(1000 if path else 100)
    assert page.evaluate((HERE / "contrast.js").read_text()) == []


FOCUSED = """() => {
  const at = document.activeElement;
  const shown = [at, at.closest(".hub-card"), at.closest("label")].filter(Boolean);
  const marked = shown.some((one) => getComputedStyle(one).outlineStyle !== "none");
  return [at.tagName, at.textContent.trim().slice(0, 20), marked];
}"""


@pytest.mark.parametrize("path", ["", "sample"])
def test_the_keyboard_reaches_everything_and_one_sees_where(open_page, path):
    page = open_page(path, wait="gradio-app .hub-panel" if path else None)
    page.wait_for_timeout(500)
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
    seen = [one for one in seen if one[0] != "BODY"]  # past the end
    assert len(seen) > 5 and seen[0][1] == "Skip to content"
    assert [one for one in seen if not one[2]] == []


def test_an_unknown_address_is_told_in_words(chromium, url):
    page = chromium.new_page()
    assert page.goto(url + "nowhere").status == 404
    assert page.locator("h1").text_content() == "Not found"
    page.goto(url + "bad")
    assert "No module named 'nothing'" in page.locator(".hub-summary").text_content()
    page.close()


# The code on a page, run as it stands.


def snippet(page, endpoint, language):
    page.locator("[data-hub=endpoint]").select_option(endpoint)
    page.get_by_role("tab", name=language).click()
    return page.locator("#hub-snippet").text_content()


@pytest.mark.parametrize("endpoint", ["generate", "invert", "reverse", "collect", "slow"])
@pytest.mark.parametrize(
    ("language", "command"),
    [("Python", [sys.executable, "-c"]), ("curl", ["bash", "-c"])],
)
def test_the_code_on_a_page_runs(open_page, tmp_path, endpoint, language, command):
    page = open_page("sample?digit=7&count=2", wait="gradio-app img")
    code = snippet(page, endpoint, language)
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    (tmp_path / "recording.wav").write_bytes(wav(np.zeros(800), 8000))
    (tmp_path / "file.bin").write_bytes(b"some")
    run = subprocess.run([*command, code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    pictures = {"generate": "result.png", "invert": "result.png"}
    others = {"reverse": "result.wav", "collect": "file.bin", "slow": "3"}
    assert (pictures | others)[endpoint] in run.stdout


def test_the_shell_code_names_demo_endpoint_and_arguments(open_page):
    page = open_page(
        "sample?tab=greet&name=Ann+O%27Hara", wait="gradio-app textarea, gradio-app input"
    )
    expect(page.locator("#hub-snippet")).to_contain_text("O'Hara")
    words = shlex.split(snippet(page, "greet", "Shell").replace("\\\n", ""))
    assert words[:4] == ["latenthub", "call", "sample", "greet"]
    assert words[4:] == ["--set", "name=Ann O'Hara", "--out", "results"]
