"""The page of denoising, in a real browser: photographs, digits, speech, text, and what it teaches;
upload, drag, draw, listen, look at alternatives, share."""

import json
import re
import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.browser
gr = pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

from PIL import Image  # noqa: E402

from hub.app import Hub  # noqa: E402
from hub.audio import encode  # noqa: E402

STEP = 90_000  # milliseconds that a busy machine may take for one answer
RESTORED = "#denoise-photograph img"
FACTS = "#denoise-measured .facts b"
DIGITS = "#denoise-digits .pair img"
FEW_LABELS = {
    "labels": [10, 100, 1000],
    "plain": [[45.0, 3.0], [18.0, 1.0], [6.5, 0.3]],
    "denoising": [[38.0, 3.0], [13.0, 1.0], [5.0, 0.3]],
    "raw": [[52.0, 4.0], [24.0, 1.0], [9.0, 0.4]],
}


@pytest.fixture(scope="module")
def served(serve, untrained):
    """Serve the small networks; return the page's address."""
    with serve("denoise", untrained) as address:
        yield address


@pytest.fixture(scope="module")
def taught(serve, untrained, tmp_path_factory):
    """Serve a checkpoint that knows what features are worth; return the page's address."""
    folder = tmp_path_factory.mktemp("taught")
    shutil.copytree(untrained / "denoise", folder / "denoise")
    config = folder / "denoise" / "config.json"
    told = json.loads(config.read_text()) | {"few_labels": FEW_LABELS}
    config.write_text(json.dumps(told))
    with serve("denoise", folder) as address:
        yield address


def pixels(page, selector: str) -> str:
    return page.locator(selector).last.get_attribute("src")


def wait_for_another(page, selector: str, before: str) -> None:
    page.wait_for_function(
        "([selector, before]) => { const all = [...document.querySelectorAll(selector)];"
        " return all.length && all[all.length - 1].src && all[all.length - 1].src !== before; }",
        arg=[selector, before],
        timeout=STEP,
    )


def answered(page, text: str = "") -> None:
    """Wait for the numbers of a photograph."""
    page.locator("#denoise-measured .facts div").filter(has_text=text).first.wait_for()


def bring(page, file) -> None:
    """Choose a picture of one's own, as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Your own").filter(visible=True).click()
    chooser.value.set_files(file)


def drag(page, label: str, part: float) -> None:
    """Drag the slider of that label to a part of its length."""
    slider = page.get_by_role("slider", name=re.compile(label)).filter(visible=True)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    value = float(slider.input_value())
    low, high = (float(slider.get_attribute(name)) for name in ("min", "max"))
    start = box["x"] + box["width"] * (value - low) / (high - low)
    page.mouse.move(min(max(start, box["x"] + 8), box["x"] + box["width"] - 8), middle)
    page.mouse.down()
    page.mouse.move(box["x"] + part * box["width"], middle, steps=4)
    page.mouse.up()


def picture(path, side: int = 64, mode: str = "RGB", **options) -> str:
    """Write a picture of two soft colours; return where it is."""
    ramp = np.linspace(40, 210, side).astype(np.uint8)
    channels = np.stack(
        [
            np.tile(ramp, (side, 1)),
            np.tile(ramp[:, None], side),
            255 - ramp[::-1] * np.ones((side, 1)),
        ],
        2,
    )
    Image.fromarray(channels.astype(np.uint8)).convert(mode).save(path, **options)
    return str(path)


def tone(path, seconds: float = 1.0, rate: int = 16_000) -> str:
    """Write something like a vowel that begins and ends; return where it is."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    path.write_bytes(encode((0.1 * voice * (np.sin(6 * time) > 0)).astype(np.float32), rate))
    return str(path)


def test_the_page_opens_without_a_checkpoint(tmp_path):
    from hub_denoise.page import page

    with Hub.open(only=["denoise"], checkpoint_folder=tmp_path, device="cpu") as hub:
        assert isinstance(page(hub.service("denoise")), gr.Blocks)


# Photographs.


def test_an_example_is_restored_with_one_click_and_shared(page, served):
    page.goto(served)
    answered(page, "peak signal-to-noise ratio")
    before = pixels(page, RESTORED)
    page.get_by_role("button", name="Rocket").click()
    wait_for_another(page, RESTORED, before)
    page.wait_for_url(re.compile("of=rocket"))
    found = pixels(page, RESTORED).rpartition("/")[2]
    numbers = page.locator(FACTS).all_text_contents()
    page.goto(page.url)  # what a link does
    page.wait_for_selector("button[data-name=rocket][aria-pressed=true]")
    page.wait_for_function(
        "numbers => numbers === [...document.querySelectorAll('#denoise-measured .facts b')]"
        ".map(one => one.textContent).join()",
        arg=",".join(numbers),
    )
    assert found


def test_the_answer_follows_the_strength_and_the_way(page, served):
    page.goto(served + "?noise=10")
    answered(page, "peak")
    first = page.locator("#denoise-measured s").first.text_content()
    drag(page, "Strength of the noise", 0.9)
    page.wait_for_function(
        "before => Number(document.querySelector('#denoise-measured s')?.textContent)"
        " < Number(before) - 5",
        arg=first,
    )
    page.get_by_role("radio", name="Salt and pepper").check()
    page.get_by_text("Pixels that it hits").filter(visible=True).wait_for()
    page.wait_for_url(re.compile("way=salt_and_pepper"))


def test_a_picture_is_doubled_beside_bicubic_interpolation(page, served):
    page.goto(served + "?task=upscale")
    answered(page, "bicubic")
    page.locator("#denoise-sides").get_by_text("Bicubic interpolation").wait_for()
    page.get_by_role("radio", name="It itself").check()
    answered(page, "756 × 560")


def test_a_picture_of_ones_own_is_restored_as_it_is(page, served, tmp_path):
    page.goto(served)
    answered(page, "peak")
    bring(page, picture(tmp_path / "mine.png"))
    page.locator("#denoise-chooser").get_by_text("mine.png").wait_for()
    page.wait_for_url(re.compile("of=own"))
    page.get_by_role("radio", name="Not at all").check()
    page.locator("#denoise-sides").get_by_text("As it is").wait_for()
    answered(page, "noise level found")
    page.get_by_text("Its noise, σ in grey levels").filter(visible=True).wait_for()
    page.goto(page.url)  # the link of somebody else's picture
    page.get_by_text("click an example, or bring your own").wait_for()


def test_of_a_large_picture_the_middle_is_restored_and_all_of_it_when_asked(page, served, tmp_path):
    page.goto(served + "?way=")
    answered(page, "noise level found")
    bring(page, picture(tmp_path / "large.png", side=1100))
    page.get_by_text("The middle 1,000 × 1,000 of 1,100 × 1,100 pixels").wait_for()
    page.get_by_label("All of it").check()
    page.get_by_text("The middle 1,000").wait_for(state="detached")
    answered(page, "noise level found")


def test_what_is_no_picture_is_told_and_stays_told(page, served, tmp_path):
    page.goto(served)
    answered(page, "peak")
    (tmp_path / "text.png").write_text("This is no picture.")
    bring(page, tmp_path / "text.png")
    problem = page.locator("#denoise-sides .problem")
    problem.get_by_text("got 'text.png' (its content is no picture)").wait_for()
    assert "or null" not in problem.inner_text()
    page.locator("#denoise-photograph").wait_for(state="detached")  # not the one before
    page.wait_for_timeout(500)
    assert problem.is_visible()
    page.get_by_role("button", name="Bricks").click()
    answered(page, "peak")
    assert page.locator("#denoise-photograph").is_visible() and not problem.count()


def test_on_a_phone_the_picture_stays_in_sight_of_the_slider(browser, served):
    page = browser.new_page(viewport={"width": 390, "height": 720})
    page.goto(served)
    answered(page, "peak")
    page.locator("#denoise-photograph").scroll_into_view_if_needed()
    slider = page.get_by_role("slider", name=re.compile("Strength")).filter(visible=True)
    slider.evaluate("one => one.scrollIntoView({block: 'end'})")
    box = page.locator("#denoise-photograph").bounding_box()
    assert box["y"] > 50 and box["y"] + box["height"] < slider.bounding_box()["y"]
    page.close()


# Digits.


def test_a_digit_is_spoilt_in_six_ways_and_follows_the_strength(page, served):
    page.goto(served + "?tab=digits")
    page.wait_for_selector(DIGITS)
    assert page.locator(DIGITS).count() == 2 * 6
    before = pixels(page, DIGITS)
    drag(page, "Strength, per cent", 0.95)
    wait_for_another(page, DIGITS, before)
    before = pixels(page, DIGITS)
    page.locator("#denoise-digit-chooser [data-name='3']").click()
    wait_for_another(page, DIGITS, before)
    page.wait_for_url(re.compile("which=3"))


def test_a_digit_is_drawn_and_shared(page, served):
    page.goto(served + "?tab=digits")
    page.wait_for_selector(DIGITS)
    before = pixels(page, DIGITS)
    canvas = page.locator("#denoise-pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    wait_for_another(page, DIGITS, before)
    page.wait_for_url(re.compile("which=drawn.*strokes=3020"))
    given = page.locator("#denoise-digits .given img").get_attribute("src")
    page.goto(page.url)
    page.wait_for_function(
        "given => document.querySelector('#denoise-digits .given img')?.src === given", arg=given
    )


def test_a_digit_can_be_drawn_with_the_keyboard_and_taken_back(page, served):
    page.goto(served + "?tab=digits")
    page.wait_for_selector(DIGITS)
    before = pixels(page, DIGITS)
    page.locator("#denoise-pad canvas").focus()
    for key in ["Space", *["ArrowDown"] * 9, "Space"]:
        page.keyboard.press(key)
    wait_for_another(page, DIGITS, before)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("click a digit, draw one, or bring a picture").wait_for()


# Speech.


def test_speech_is_heard_before_after_and_what_was_taken_away(page, served):
    page.goto(served + "?tab=speech")
    page.wait_for_selector("#denoise-sounds .row")
    rows = page.locator("#denoise-sounds .row")
    assert [rows.nth(i).get_attribute("data-name") for i in range(3)] == [
        "Before", "After", "What was taken away",
    ]  # fmt: skip
    page.locator("#denoise-heard").get_by_text("SI-SDR").wait_for()
    assert not page.locator("#denoise-sounds .row.on").count()  # nothing plays by itself
    page.get_by_role("button", name="Play: Before").click()
    page.wait_for_selector("#denoise-sounds .row.on[data-name=Before]")
    page.get_by_role("button", name="Play: After").click()
    page.wait_for_selector("#denoise-sounds .row.on[data-name=After]")
    assert page.locator("#denoise-sounds .row.on").count() == 1
    page.get_by_role("button", name="Stop: After").click()
    page.wait_for_selector("#denoise-sounds .row.on", state="detached")


def test_noise_follows_its_strength_and_its_kind(page, served):
    page.goto(served + "?tab=speech")
    page.wait_for_selector("#denoise-sounds .row")
    before = pixels(page, "#denoise-sounds .picture img")
    drag(page, "Speech above noise", 0.95)
    wait_for_another(page, "#denoise-sounds .picture img", before)
    before = pixels(page, "#denoise-sounds .picture img")
    page.get_by_role("radio", name="Hum").check()
    wait_for_another(page, "#denoise-sounds .picture img", before)
    page.wait_for_url(re.compile("kind=hum"))


def test_a_recording_of_ones_own_is_cleaned(page, served, tmp_path):
    page.goto(served + "?tab=speech&kind=")
    page.wait_for_selector("#denoise-sounds .row")
    page.get_by_role("radio", name="My own recording").check()
    page.get_by_text("it is kept nowhere").wait_for()
    page.locator("#denoise-own input[type=file]").set_input_files(tone(tmp_path / "mine.wav"))
    page.wait_for_selector("#denoise-sounds .row")
    page.locator("#denoise-heard").get_by_text("level, of full scale").wait_for()


def test_what_is_no_sound_is_told(page, served, tmp_path):
    page.goto(served + "?tab=speech&said=own&kind=")
    page.get_by_text("it is kept nowhere").wait_for()
    (tmp_path / "text.wav").write_text("This is no sound.")
    page.locator("#denoise-own input[type=file]").set_input_files(tmp_path / "text.wav")
    page.locator("#denoise-sounds .problem").get_by_text("its content is no sound").wait_for()


# Text.


def test_restored_words_are_marked_with_probability_and_alternatives(page, served):
    page.goto(served + "?tab=text")
    page.wait_for_selector("#denoise-text .word")
    words = page.locator("#denoise-text .word")
    marks = page.locator("#denoise-text mark")
    assert words.count() == marks.count() > 3
    assert set(marks.all_text_contents()) == {"____"}
    assert "%" in words.first.locator("sup").text_content()
    page.get_by_text("spoilt words restored as they were").wait_for()
    panel = page.locator("#denoise-text .panel")
    words.first.hover()
    panel.locator("li").first.wait_for()
    page.mouse.move(5, 5)
    panel.wait_for(state="hidden")
    words.nth(1).click()
    assert panel.locator("li").count() > 1
    page.mouse.move(5, 5)  # a click keeps it open
    assert panel.is_visible()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")


def test_words_that_a_visitor_hides_are_filled_in(page, served):
    page.goto(served + "?tab=text&garble=")
    text = page.locator("#denoise-typed textarea")
    text.fill("The green frogs sing at ____ in the pond.")
    page.wait_for_function(
        "[...document.querySelectorAll('#denoise-text mark')].map(e => e.textContent)[0] === '____'"
    )
    page.get_by_text("words that looked spoilt were changed").wait_for()
    text.fill("")
    page.get_by_text("Type a few sentences").wait_for()


def test_letters_are_spoilt_in_a_share_of_the_words(page, served):
    page.goto(served + "?tab=text&garble=blank&words=50")
    page.wait_for_selector("#denoise-text mark")
    marks = page.locator("#denoise-text mark")
    many = marks.count()
    assert all("_" in mark and mark.strip("_") for mark in marks.all_text_contents())
    drag(page, "Words that are spoilt", 0.1)
    page.wait_for_function(
        "many => document.querySelectorAll('#denoise-text mark').length < many", arg=many
    )


# What it teaches.


def test_a_checkpoint_that_does_not_tell_of_few_labels_is_said_not_to(page, served):
    page.goto(f"{served}?tab=learning")
    page.get_by_text("It was not measured here.").wait_for()


def test_few_labels_are_plotted_and_told(page, taught):
    page.goto(taught)
    page.get_by_role("tab", name="Learning").click()
    plot = page.locator("#denoise-labels")
    plot.locator("polyline.ours").wait_for()
    assert plot.locator("polyline").count() == 3
    assert plot.locator("tbody tr").count() == 3
    assert plot.get_by_text("38.00 ± 3.00").is_visible()
    page.wait_for_url(re.compile("tab=learning"))


@pytest.mark.parametrize("tab", ["photographs", "digits", "speech", "text", "learning"])
def test_no_tab_is_wider_than_a_phone(browser, taught, tab):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{taught}?tab={tab}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Text", "Learning"):
        page.get_by_role("tab", name=name).wait_for()  # not behind three dots
    wide = page.locator("#denoise-labels .wide")
    if tab == "learning":
        wide.wait_for()
        assert wide.evaluate("one => one.scrollWidth <= one.clientWidth")
    page.close()
