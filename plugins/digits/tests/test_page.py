"""The page of the digits, in a real browser: draw, ask for a sheet, walk, complete, click,
share."""

import re

import pytest

pytestmark = pytest.mark.browser
gr = pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

from hub.app import Hub  # noqa: E402

STEP = 60_000  # milliseconds that a busy machine may take for one answer
THREE = "#digits-kept img"


def pixels(page, selector: str) -> str:
    return page.locator(selector).first.get_attribute("src")


def stroke(page, selector: str, points: list[tuple[float, float]]) -> None:
    """Draw with the mouse through `points`, in parts of the canvas's width and height."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def wait_for_another(page, selector: str, before: str) -> None:
    page.wait_for_function(
        "([selector, before]) => { const img = document.querySelector(selector);"
        " return img && img.src && img.src !== before; }",
        arg=[selector, before],
        timeout=STEP,
    )


@pytest.fixture(scope="module")
def served(serve, untrained):
    """Serve the digits with the small checkpoint; return the page's address."""
    with serve("digits", untrained) as address:
        yield address


def test_the_page_opens_without_a_checkpoint(tmp_path):
    from hub_digits.page import page

    with Hub.open(only=["digits"], checkpoint_folder=tmp_path, device="cpu") as hub:
        assert isinstance(page(hub.service("digits")), gr.Blocks)


def test_a_digit_drawn_with_the_mouse_comes_back(page, served):
    page.goto(served)
    page.wait_for_selector(THREE)
    before = pixels(page, THREE)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("here you will see what its code keeps").wait_for()
    stroke(page, "#digits-pad canvas", [(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)])
    wait_for_another(page, THREE, before)
    assert page.locator("#digits-kept .strip img").count() == 5
    page.wait_for_selector("#digits-verdict [role=img]")
    page.wait_for_url(re.compile("strokes=3020"))


def test_a_digit_can_be_drawn_with_the_keyboard(page, served):
    page.goto(served + "?strokes=10101515")
    page.wait_for_selector(THREE)
    before = pixels(page, THREE)
    page.locator("#digits-pad canvas").focus()
    for key in ["Space", *["ArrowDown"] * 9, "Space"]:
        page.keyboard.press(key)
    wait_for_another(page, THREE, before)


def test_an_example_is_drawn_with_one_click(page, served):
    page.goto(served)
    page.wait_for_selector(THREE)
    before = pixels(page, THREE)
    page.get_by_role("button", name="a letter").click()
    wait_for_another(page, THREE, before)


def test_a_sheet_of_sevens_is_asked_for_and_shared(page, served, browser):
    page.goto(served)
    page.get_by_role("tab", name="Sheet").click()
    page.wait_for_selector("#digits-sheet img")
    page.get_by_role("button", name="Any digit").click()
    page.wait_for_function("document.querySelectorAll('#digits-sheet img').length === 49")
    page.wait_for_url(re.compile("tab=sheet.*count=49"))
    first = pixels(page, "#digits-sheet img")
    page.goto(page.url)  # what a link does
    page.wait_for_function("document.querySelectorAll('#digits-sheet img').length === 49")
    assert pixels(page, "#digits-sheet img") == first


def test_the_walk_answers_while_the_slider_is_dragged(page, served):
    page.goto(served + "?tab=walk&start_digit=1&end_digit=7")
    page.wait_for_selector("#digits-walk .strip img")
    now, slider = "#digits-walk .now", page.locator("#digits-walk input")
    before = pixels(page, now)
    calls = []
    page.on("request", lambda request: calls.append(request.url))
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 12, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=5)
    assert pixels(page, now) != before  # before the button is let go, and at once
    assert not calls
    page.mouse.up()
    page.wait_for_url(re.compile("at=(49|50|51)"))


def test_a_walk_starts_at_what_was_drawn(page, served):
    page.goto(served + "?tab=walk&strokes=30202080-70207080")
    page.wait_for_selector("#digits-walk .strip img")
    before = pixels(page, "#digits-walk .now")
    page.get_by_role("button", name="my drawing to 8").click()
    wait_for_another(page, "#digits-walk .now", before)


def test_the_walk_moves_by_keyboard(page, served):
    page.goto(served + "?tab=walk")
    page.wait_for_selector("#digits-walk .strip img")
    before = pixels(page, "#digits-walk .now")
    page.locator("#digits-walk input").focus()
    page.keyboard.press("ArrowRight")
    assert pixels(page, "#digits-walk .now") != before


def test_half_a_digit_is_completed(page, served, monkeypatch):
    monkeypatch.setattr("hub_digits.service.CHAIN", 2)
    page.goto(served + "?tab=complete&hidden=left")
    page.wait_for_selector("#digits-completed .veil.left")
    page.get_by_text("completion 8").wait_for()
    page.get_by_role("radio", name="my drawing").check()
    page.get_by_text("Draw the half that is to be seen").wait_for()
    stroke(page, "#digits-half canvas", [(0.6, 0.3), (0.6, 0.8)])
    page.get_by_text("completion 8").wait_for()


def test_a_place_on_the_map_is_decoded_by_mouse_and_keyboard(page, served):
    page.goto(served + "?tab=map&method=pca")
    place = "#digits-place img"
    page.wait_for_selector(place)
    page.locator("#digits-map canvas").click(position={"x": 60, "y": 60})
    page.wait_for_url(re.compile("x=-0"))
    page.get_by_text(re.compile("the digit at -0")).wait_for()
    before = pixels(page, place)
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    wait_for_another(page, place, before)


def test_each_group_has_a_row(page, served):
    page.goto(served + "?tab=groups&which=4")
    page.wait_for_selector("#digits-groups .row")
    assert page.locator("#digits-groups .row").count() == 5
    assert page.locator("#digits-groups img").count() == 5 * 8


def test_a_link_restores_a_drawing(page, served):
    page.goto(served + "?tab=draw&strokes=30202080-70207080")
    page.wait_for_selector(THREE)
    white = page.evaluate(
        """() => {
            const pen = document.querySelector("#digits-pad canvas").getContext("2d");
            return [420, 300].map((x) => pen.getImageData(x, 300, 1, 1).data[0]);
        }"""
    )
    assert white == [255, 0]


@pytest.mark.parametrize("tab", ["draw", "sheet", "walk", "complete", "map", "groups"])
def test_no_tab_is_wider_than_a_phone(browser, served, tab):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{served}?tab={tab}")
    page.wait_for_selector(f"[role=tab][aria-selected=true]:has-text('{tab.title()}')")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
