"""The page of anomaly scoring, in a real browser: choose or bring a table, drag the threshold, look
at a row, score others, compare, share."""

import io
import re

import numpy as np
import pandas
import pytest

pytestmark = pytest.mark.browser
gr = pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

ROWS = "#anomaly-scores .rows tbody tr"
FACTS = "#anomaly-scores .facts"
CUT = "#anomaly-scores .cut"


def answered(page, text: str = "of 569 rows") -> None:
    """Wait for the rows of a table."""
    page.locator("#anomaly-scores .head h4").get_by_text(text).wait_for()
    page.wait_for_selector("#anomaly-scores .scores:not(.pending)")


def bring(page, file, where: str = "#anomaly-chooser") -> None:
    """Choose a table of one's own, as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.locator(f"{where} .add").click()
    chooser.value.set_files(file)


def table(path, rows: int = 120, odd: int = 6, labelled: bool = True):
    """Write a table whose widths are twice the heights but in its last rows; return where it is."""
    rng = np.random.default_rng(0)
    height = rng.uniform(1, 9, rows)
    width = 2 * height + 0.1 * rng.normal(size=rows)
    width[rows - odd :] += 30
    found = {"height": height.round(3), "width": width.round(3)}
    if labelled:
        found["class"] = np.where(np.arange(rows) < rows - odd, "good", "bad")
    pandas.DataFrame(found).to_csv(path, index=False)
    return path


def numbers(page) -> dict[str, str]:
    """Return what the threshold comes to, by name."""
    facts = page.locator(f"{FACTS} > div").all()
    return {one.locator("strong").inner_text(): one.locator("b").inner_text() for one in facts}


def cut(page) -> float:
    return float(page.locator(CUT).get_attribute("aria-valuenow"))


def drag(page, part: float) -> None:
    """Drag the threshold to a part of the histogram's width."""
    page.locator(CUT).scroll_into_view_if_needed()
    box, handle = (page.locator(one).bounding_box() for one in ("#anomaly-scores .plot", CUT))
    middle = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + part * box["width"], middle, steps=5)
    page.mouse.up()


def test_the_page_opens_without_a_checkpoint(hub_of_anomaly, tmp_path):
    from hub_anomaly.page import page

    with hub_of_anomaly(tmp_path) as hub:
        assert isinstance(page(hub.service("anomaly")), gr.Blocks)


def test_an_example_is_learned_and_its_odd_rows_are_listed(page, served):
    page.goto(served)
    answered(page)
    assert page.locator(ROWS).count() == 50
    page.locator("#anomaly-learned").get_by_text("AUROC").wait_for()
    names = page.locator("#anomaly-scores .plot text.name").all_text_contents()
    assert names == ["Learned from (178)", "Usual, not learned from (179)", "Anomalies (212)"]
    assert {"precision", "recall", "false alarms"} == set(numbers(page))
    assert page.locator(f"{ROWS}:first-child td.hot").count()
    page.locator("#anomaly-chooser [data-name=digits]").click()
    answered(page, "of 223 rows")
    page.wait_for_url(re.compile("of=digits"))
    page.goto(page.url)  # what a link does
    answered(page, "of 223 rows")
    page.wait_for_selector("#anomaly-chooser [data-name=digits][aria-pressed=true]")


def test_the_threshold_is_dragged_and_shared(page, served):
    page.goto(served)
    answered(page)
    begun = numbers(page)
    drag(page, 0.05)
    assert numbers(page)["recall"] == "100 %" != begun["precision"]
    drag(page, 0.999)
    assert numbers(page) == {"precision": "–", "recall": "0 %", "false alarms": "0 %"}
    assert not page.locator(f"{ROWS}.above").count()
    drag(page, 0.6)
    told, at = numbers(page), cut(page)
    page.wait_for_url(re.compile(f"cut={at:.1f}"))
    page.goto(page.url)
    answered(page)
    page.wait_for_function(
        "at => Math.abs(document.querySelector('#anomaly-scores .cut').ariaValueNow - at) < .02",
        arg=at,
    )
    assert numbers(page) == told


def test_the_threshold_moves_by_keys(page, served):
    page.goto(served)
    answered(page)
    page.locator(CUT).focus()
    at = cut(page)
    page.keyboard.press("ArrowRight")
    assert at < cut(page) < at + 0.2
    page.keyboard.press("Home")
    assert numbers(page)["recall"] == "100 %"
    page.keyboard.press("End")
    assert "recall" in page.locator(CUT).get_attribute("aria-valuetext")
    assert numbers(page)["recall"] == "0 %"


def test_the_threshold_is_dragged_by_touch(browser, served):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(served)
    answered(page)
    before = cut(page)
    page.locator("#anomaly-scores .plot").scroll_into_view_if_needed()
    box = page.locator("#anomaly-scores .plot").bounding_box()
    page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    page.wait_for_function(
        "before => document.querySelector('#anomaly-scores .cut').ariaValueNow > before", arg=before
    )
    context.close()


def test_a_row_shows_original_against_reconstruction(page, served):
    page.goto(served)
    answered(page)
    detail = page.locator("#anomaly-scores .detail")
    assert detail.locator("tbody tr").count() == 10
    row = page.locator(ROWS).nth(3)
    number = row.locator("button").inner_text()
    row.locator("td").nth(1).click()
    detail.get_by_text(f"Row {number}: original against reconstruction").wait_for()
    assert row.get_attribute("aria-selected") == "true"
    page.locator(ROWS).nth(1).locator("button").focus()
    page.keyboard.press("Enter")
    assert page.locator(ROWS).nth(1).get_attribute("aria-selected") == "true"


def test_scores_are_saved_as_csv(page, served):
    page.goto(served)
    answered(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save all rows").click()
    assert download.value.suggested_filename == "scored.csv"
    saved = pandas.read_csv(io.BytesIO(download.value.path().read_bytes()))
    assert len(saved) == 569 and {"score", "rarity", "oddest_column"} < set(saved.columns)


def test_labels_of_ones_own_table_are_found_and_can_be_left_away(page, served, tmp_path):
    page.goto(served)
    answered(page)
    bring(page, table(tmp_path / "mine.csv"))
    page.locator("#anomaly-chooser").get_by_text("mine.csv").wait_for()
    answered(page, "of 120 rows")
    label = page.get_by_label("Column that tells which rows are anomalous")
    assert label.input_value() == "class"
    assert page.locator("#anomaly-scores .plot text.name").count() == 3
    assert page.locator(f"{ROWS} .tag.odd").count() == 6
    label.click()
    page.get_by_role("option", name="none").click()
    page.wait_for_function(
        "document.querySelectorAll('#anomaly-scores .plot text.name').length === 1"
    )
    assert set(numbers(page)) == {"false alarms"}


def test_other_rows_are_scored_and_left_away_again(page, served, tmp_path):
    page.goto(served)
    answered(page)
    bring(page, table(tmp_path / "usual.csv", odd=0, labelled=False))
    answered(page, "of 120 rows")
    bring(page, table(tmp_path / "new.csv", 30, 4, labelled=False), "#anomaly-new")
    answered(page, "All 30 rows")
    page.locator("#anomaly-scores .plot").get_by_text("New rows (30)").wait_for()
    told = page.locator(FACTS).get_by_text(re.compile("of 30 are above"))
    assert int(told.inner_text().split()[0]) >= 4
    (tmp_path / "other.csv").write_text("length,width\n1,2\n3,4\n")
    bring(page, tmp_path / "other.csv", "#anomaly-new")
    problem = page.locator("#anomaly-scores .problem")
    problem.get_by_text("lacks the column 'height'").wait_for()
    page.wait_for_timeout(500)
    assert problem.is_visible()
    page.get_by_role("button", name="Leave it away").click()
    answered(page, "of 120 rows")


def test_what_is_no_table_is_told_and_stays_told(page, served, tmp_path):
    page.goto(served)
    answered(page)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200))
    bring(page, tmp_path / "picture.csv")
    problem = page.locator("#anomaly-scores .problem")
    problem.get_by_text("is neither text nor Parquet").wait_for()
    page.wait_for_timeout(500)
    assert problem.is_visible() and not page.locator(FACTS).is_visible()
    page.locator("#anomaly-chooser [data-name=cancer]").click()
    answered(page)
    assert not problem.is_visible()


def test_ours_is_compared_with_others_on_the_chosen_table(page, served, tmp_path):
    pytest.importorskip("pyod")
    page.goto(served + "?tab=compare")
    page.get_by_role("button", name="Compare with kNN").click()
    found = page.locator("#anomaly-compared")
    found.locator("tbody tr").first.wait_for()
    assert found.locator("tbody tr").count() == 8 and found.locator("tr.part").count() == 3
    found.get_by_text("All learned from the same 178 usual rows").wait_for()
    page.get_by_role("tab", name="Score a table").click()
    bring(page, table(tmp_path / "plain.csv", odd=0, labelled=False))
    answered(page, "of 120 rows")
    page.get_by_role("tab", name="Compare").click()
    found.get_by_text("will stand here").wait_for()
    page.get_by_role("button", name="Compare with kNN").click()
    found.get_by_text("label is needed to compare").wait_for()


@pytest.mark.parametrize("tab", ["table", "compare"])
def test_no_tab_is_wider_than_a_phone(browser, served, tab):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{served}?tab={tab}")
    if tab == "table":
        answered(page)
    else:
        page.get_by_role("button", name="Compare with kNN").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
