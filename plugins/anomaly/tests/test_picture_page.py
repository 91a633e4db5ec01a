"""The tab of pictures in a real browser: choose, bring or draw one, say what is usual, let the heat
fade, share."""

import io
import re
import socket

import numpy as np
import pytest
from PIL import Image

from hub_anomaly.pictures.made import brushed_metal

pytestmark = pytest.mark.browser
pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

LOOKED = "#anomaly-looked"
SEVEN = "29225020712152614682-40506648"


@pytest.fixture(scope="module")
def looking(hub_of_anomaly, quickly, seeing, tmp_path_factory):
    """Serve the demo with detectors of pictures and no data sets; return its page's address."""
    from hub.site.server import start

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTHUB_DATA", str(tmp_path_factory.mktemp("nothing")))
        with hub_of_anomaly(seeing.parent) as hub, start(hub, port=port) as running:
            yield running.url.rstrip("/") + "/anomaly?tab=picture"


def answered(page, bars: str = "tiles") -> None:
    """Wait for a picture's score among those of pictures of which `bars` are usual."""
    page.locator(LOOKED).get_by_text("Where it is unusual").wait_for()
    page.locator("#anomaly-beside").get_by_text(f"usual pictures ({bars})").wait_for()


def shown(page) -> str:
    """Return the picture that is looked at, as a data URL."""
    return page.locator(f"{LOOKED} .over img").first.get_attribute("src")


def changed(page, before: str) -> None:
    page.wait_for_function(
        "before => document.querySelector('#anomaly-looked .over img')?.src !== before", arg=before
    )


def heat(page) -> float:
    return float(
        page.locator(f"{LOOKED} .heat").evaluate("picture => getComputedStyle(picture).opacity")
    )


def bring(page, content: bytes, name: str) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#anomaly-pictures .add").click()
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def png(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(array).save(held, "PNG")
    return held.getvalue()


def test_an_example_is_looked_at_with_one_click(page, looking):
    page.goto(looking)
    answered(page)
    assert page.locator(f"{LOOKED} figure").count() == 3
    page.locator(f"{LOOKED} .verdict").get_by_text(re.compile("of 20 usual pictures")).wait_for()
    names = page.locator("#anomaly-pictures .tile b").all_text_contents()
    assert names == ["Brushed metal", "Scratched", "Your own"]
    before = shown(page)
    page.locator("#anomaly-pictures [data-name=metal]").click()
    changed(page, before)
    page.wait_for_url(re.compile("picture=metal"))


def test_the_heat_fades_without_a_call(page, looking):
    page.goto(looking)
    answered(page)
    assert heat(page) == pytest.approx(0.7)
    calls = []
    page.on("request", lambda request: calls.append(request.url) if "join" in request.url else None)
    slider = page.get_by_role("slider", name=re.compile("Opacity of the heat"))
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#anomaly-looked .heat')).opacity === '0'"
    )
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#anomaly-looked .heat')).opacity === '0.03'"
    )
    page.wait_for_url(re.compile("heat=3"))
    assert not calls
    page.goto(page.url)  # what a link does
    answered(page)
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#anomaly-looked .heat')).opacity === '0.03'"
    )


def test_what_is_usual_is_chosen_with_a_picture_of_its_sort(page, looking):
    page.goto(looking)
    answered(page)
    page.get_by_label("Digits").check(force=True)
    page.locator(LOOKED).get_by_text("no detector to which 'digit 4' is usual").wait_for()
    page.locator("#anomaly-pictures [data-name='digit 9'][aria-pressed=true]").wait_for()
    page.get_by_role("radio", name="1", exact=True).check(force=True)
    answered(page, "digit 1")
    page.wait_for_url(re.compile("usual=digit(%20|\\+)1"))
    before = shown(page)
    page.locator("#anomaly-pictures [data-name='digit 0']").click()
    changed(page, before)
    page.wait_for_url(re.compile("picture=digit(%20|\\+)0"))
    page.goto(page.url)
    answered(page, "digit 1")
    page.locator("#anomaly-pictures [data-name='digit 0'][aria-pressed=true]").wait_for()
    assert page.get_by_role("radio", name="1", exact=True).is_checked()
    page.get_by_label("Magnetic tiles").check(force=True)
    answered(page)
    page.locator("#anomaly-pictures [data-name=scratch][aria-pressed=true]").wait_for()


def test_a_digit_is_drawn_and_shared(page, looking):
    page.goto(f"{looking}&usual=digit+1")
    answered(page, "digit 1")
    before = shown(page)
    pad = page.locator("#anomaly-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    changed(page, before)
    page.wait_for_url(re.compile("picture=drawn&strokes="))
    drawn = shown(page)
    page.goto(page.url)
    answered(page, "digit 1")
    page.wait_for_function(
        "drawn => document.querySelector('#anomaly-looked .over img')?.src === drawn", arg=drawn
    )
    page.locator("#anomaly-pad").get_by_role("button", name="Clear").click()
    page.locator(LOOKED).get_by_text("Choose a picture, or bring").wait_for()


def test_a_digit_is_drawn_with_keys(page, looking):
    page.goto(f"{looking}&usual=digit+1")
    answered(page, "digit 1")
    before = shown(page)
    page.locator("#anomaly-pad canvas").focus()
    for key in ("Space", *["ArrowDown"] * 9, "Space"):
        page.keyboard.press(key)
    changed(page, before)


def test_a_picture_of_ones_own_is_looked_at(page, looking):
    page.goto(looking)
    answered(page)
    before = shown(page)
    bring(page, png(brushed_metal(seed=5).repeat(3, 1)), "plate.png")
    changed(page, before)
    page.locator("#anomaly-pictures").get_by_text("plate.png").wait_for()
    page.locator("#anomaly-beside").get_by_text("Squeezed").wait_for()
    page.goto(page.url)  # a file is in no link
    answered(page)
    page.locator("#anomaly-pictures [data-name=scratch][aria-pressed=true]").wait_for()


def test_what_is_no_picture_is_told(page, looking):
    page.goto(looking)
    answered(page)
    bring(page, b"this is text", "broken.png")
    problem = page.locator(f"{LOOKED} .problem")
    problem.get_by_text("its content is no picture").wait_for()
    assert "broken.png" in problem.inner_text()
    page.locator("#anomaly-pictures [data-name=metal]").click()
    answered(page)
    assert not problem.is_visible()


def test_clothes_without_their_data_set_are_brought(page, looking):
    page.goto(f"{looking}&usual=bag")
    page.locator(LOOKED).get_by_text("Choose a picture, or bring").wait_for()
    bag = np.full((120, 90), 255, np.uint8)
    bag[20:110, 10:80] = 60
    bring(page, png(bag), "bag.png")
    answered(page, "bag")
    page.locator("#anomaly-beside").get_by_text("Brought to 28 x 28 pixels").wait_for()


@pytest.mark.parametrize("usual", ["tiles", "digit+1"])
def test_no_picture_is_wider_than_a_phone(browser, looking, usual):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{looking}&usual={usual}&picture=drawn&strokes={SEVEN}")
    answered(page, usual.replace("+", " "))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
