"""The page of the search, in a real browser: say a word, hear what was found, compare, look at the
map, add recordings of one's own, share."""

import re
import time

import numpy as np
import pytest

pytestmark = pytest.mark.browser
gr = pytest.importorskip("gradio")
pytest.importorskip("playwright.sync_api")

from hub.app import Hub  # noqa: E402
from hub.media import wav  # noqa: E402

RATE = 16_000
ROWS = "#search-results .row"


@pytest.fixture(scope="module")
def served(serve, untrained):
    """Serve the search with encoders that learned nothing; return the page's address."""
    with serve("search", untrained) as address:
        yield address


@pytest.fixture(scope="module")
def browser(launched, say, tmp_path_factory):
    """Return a browser whose microphone hears a made-up word, every three seconds."""
    heard = tmp_path_factory.mktemp("microphone") / "word.wav"
    word = say(["mado"])
    heard.write_bytes(wav(np.append(word, np.zeros(3 * RATE - len(word), np.float32)), RATE))
    microphone = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )
    with launched(*microphone) as browser:
        yield browser


@pytest.fixture
def sounds(say, tmp_path):
    """Return a function that writes made-up words, or samples, into a WAV file."""

    def write(name: str, content) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = content if isinstance(content, np.ndarray) else say(content)
        path.write_bytes(wav(samples, RATE))
        return str(path)

    return write


def choose(page, button: str, files) -> None:
    """Choose files, or a folder, as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).filter(visible=True).click()
    chooser.value.set_files(files)


def scores(page) -> list[str]:
    return page.locator(f"{ROWS} .score").all_text_contents()


def test_the_page_opens_without_a_checkpoint(tmp_path):
    from hub_search.page import page

    with Hub.open(only=["search"], checkpoint_folder=tmp_path, device="cpu") as hub:
        assert isinstance(page(hub.service("search")), gr.Blocks)


def test_an_example_is_searched_for_with_one_click_and_shared(page, served):
    page.goto(served)
    page.wait_for_selector(ROWS)  # of the first example
    page.locator("#search-query").get_by_role("button", name="yellow").click()
    page.wait_for_url(re.compile("said=example:yellow"))
    page.get_by_text("“yellow”, said by a voice").wait_for()
    page.wait_for_selector("#search-query .sound img")
    page.wait_for_function("document.querySelectorAll('#search-results .row').length === 10")
    assert page.locator("#search-results .hit").count() == 10
    assert page.locator(f"{ROWS} .said").count() == 10  # what is said is known of the example
    found = scores(page)
    page.goto(page.url)  # what a link does
    page.wait_for_selector(ROWS)
    assert scores(page) == found


def test_another_encoder_finds_something_else(page, served):
    page.goto(served + "?said=example:water&system=sa&count=5")
    page.wait_for_function("document.querySelectorAll('#search-results .row').length === 5")
    before = scores(page)
    page.locator("#search-results").evaluate("e => e.querySelector('.row').dataset.old = 1")
    page.get_by_role("tabpanel").get_by_role("radio", name="DSA").first.check()
    page.wait_for_url(re.compile("system=dsa"))
    page.wait_for_selector(f"{ROWS}:not([data-old])")
    page.wait_for_function("!document.querySelector('#search-results .row[data-old]')")
    assert scores(page) != before


def test_one_hit_plays_at_a_time_from_its_row_and_from_the_time_line(page, served):
    page.goto(served + "?said=example:letter")
    page.wait_for_selector(ROWS)
    first, second = (page.locator(f"{ROWS} .play").nth(i) for i in (0, 1))
    assert not page.locator(".play[data-state=playing]").count()  # nothing plays by itself
    first.click()
    page.wait_for_selector(f"{ROWS}:nth-child(1) .play[data-state=playing]")
    page.locator("#search-results .hit[data-hit='1']").click()
    page.wait_for_selector(f"{ROWS}:nth-child(2) .play[data-state=playing]")
    assert first.get_attribute("data-state") == "stopped"
    assert page.locator(f"{ROWS}.on").count() == 1
    second.click()
    page.wait_for_selector(f"{ROWS}:nth-child(2) .play[data-state=stopped]")


def test_a_file_is_searched_for(page, served, sounds):
    page.goto(served)
    page.wait_for_selector(ROWS)
    choose(page, "Upload a file", sounds("siki.wav", ["siki"]))
    page.get_by_text("siki.wav").wait_for()
    page.get_by_text(re.compile(r"0\.\d\d s of voice")).wait_for()
    page.wait_for_selector("#search-query .sound img")
    page.wait_for_selector(ROWS)
    page.wait_for_url(re.compile("said=(&|$)"))  # nobody else has that file


def test_a_recorded_word_is_found_in_own_recordings(page, served, sounds):
    page.goto(served + "?tab=own")
    page.wait_for_selector("#search-mine .empty")
    files = {"with": ["siki", "mado", "rune"], "without": ["rune", "talo", "siki"]}
    files = [sounds(f"{name}.wav", words) for name, words in files.items()]
    choose(page, "Choose files", files)
    page.get_by_role("button", name="Make them searchable").click()
    page.get_by_role("button", name="Search in them").click()
    page.wait_for_url(re.compile("tab=search.*archive=with-"))
    page.get_by_text(re.compile("in 2 recordings")).wait_for()

    page.get_by_role("button", name="Record a word").first.click()
    page.get_by_role("button", name=re.compile(r"Stop, [1-9]\.[5-9]")).click()
    page.get_by_text("Your recording").wait_for()
    page.wait_for_url(re.compile("said=(&|$)"))  # nobody else has it
    page.wait_for_selector("#search-query .sound img")
    page.wait_for_selector("#search-results .results:not(.pending)")
    first = page.locator(ROWS).first
    assert first.locator(".facts b").text_content() == "with.wav"
    times = re.findall(r"0:([\d.]+)", first.locator(".time").text_content())
    start, end = map(float, times)
    assert start < 1.42 < end  # where it is said, between the two others
    page.locator("#search-query .play").click()
    page.wait_for_selector("#search-query .play[data-state=playing]")


def test_silence_is_told(page, served, sounds):
    page.goto(served)
    page.wait_for_selector(ROWS)
    page.locator("#search-query input[type=file]").set_input_files(
        sounds("silent.wav", np.zeros(RATE, np.float32))
    )
    page.locator("#search-query").get_by_text("says nothing: its loudest part is at").wait_for()
    assert not page.locator(ROWS).count()


def test_an_archive_that_is_gone_is_told(page, served):
    page.goto(served + "?said=example:water&archive=gone-0123456789abcdef0123")
    page.get_by_text("it was deleted, or the id is wrong").wait_for()


def test_a_hit_is_compared_with_the_query(page, served):
    page.goto(served + "?said=example:better")
    page.wait_for_selector(ROWS)
    page.get_by_role("button", name="Compare with the query").first.click()
    page.wait_for_selector("#search-aligned .field:not([hidden])")
    path = "#search-aligned polyline.path"
    points = page.locator(path).get_attribute("points")
    assert len(points.split()) > 10 and points.startswith("0.00,100.00")
    page.wait_for_url(re.compile("tab=compare.*one=example:better.*two=clip:example:"))
    page.goto(page.url)
    page.wait_for_selector("#search-aligned .field:not([hidden])")
    assert page.locator(path).get_attribute("points") == points


def test_two_near_words_are_there_to_be_compared(page, served):
    page.goto(served)
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_selector("#search-aligned .field:not([hidden])")
    page.wait_for_url(re.compile("one=example:weather.*two=example:feather"))


def test_a_hit_is_searched_for_in_turn(page, served):
    page.goto(served + "?said=example:doctor")
    page.wait_for_selector(ROWS)
    page.get_by_role("button", name="Search for this one").nth(2).click()
    page.wait_for_url(re.compile("said=clip:example:"))
    page.wait_for_function(
        "Number(document.querySelector('#search-results .row .score')?.textContent) >= 0.97"
    )


def test_a_word_on_the_map_is_played_and_searched_for(page, served):
    page.goto(served + "?tab=map&method=pca")
    told = page.locator("#search-map .told")
    page.get_by_text("Click a point to hear it").wait_for()
    canvas = page.locator("#search-map canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("point=0"))
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("point=[1-9]"))
    page.keyboard.press("Enter")
    page.wait_for_function("window.latenthubPlayer.kept.size > 0")  # it may have ended
    word = re.match("“(.+)”, said by", told.text_content())[1]
    by = page.url
    page.get_by_role("button", name="Search for it").click()
    page.wait_for_url(re.compile("tab=search.*said=clip:example"))
    page.wait_for_selector(ROWS)
    page.goto(by)
    page.wait_for_function(
        "word => document.querySelector('#search-map .told')?.textContent.includes(word)", arg=word
    )


def test_the_map_is_coloured_by_voice(page, served):
    page.goto(served + "?tab=map&method=pca&by=voice")
    page.locator("#search-map .legend").get_by_role("button", name="Anna").click()
    assert page.locator("#search-map .legend button").count() == 6


def test_own_recordings_are_added_searched_and_deleted(page, served, sounds, tmp_path):
    (tmp_path / "text.mp3").write_text("This is no sound.")
    files = [
        sounds("first.wav", ["mado", "siki", "rune"]),
        str(tmp_path / "text.mp3"),
        sounds("second.wav", ["talo", "mado"]),
    ]
    page.goto(served + "?tab=own")
    page.wait_for_selector("#search-mine .empty")
    page.locator("#search-adding input.some").set_input_files(files)
    page.locator("#search-adding .called input").fill("Words")
    page.get_by_role("button", name="Make them searchable").click()
    page.wait_for_function(
        "document.querySelectorAll('#search-adding [data-state=done]').length === 2"
    )
    left = page.locator("#search-adding [data-state=left]")
    assert "its content is no sound" in left.text_content()
    mine = page.locator("#search-mine")
    mine.get_by_text("2 recordings", exact=True).wait_for()
    mine.get_by_role("button", name="Search in it").click()
    page.wait_for_url(re.compile("tab=search.*archive=words-"))
    page.get_by_text(re.compile("in 2 recordings")).wait_for()
    assert not page.locator(f"{ROWS} .said").count()  # nobody knows what is said in them
    link = page.url

    page.get_by_role("tab", name="Recordings").click()  # kept by the browser alone
    mine.get_by_text("2 recordings", exact=True).click()
    mine.locator("li").first.get_by_role("button", name="Delete").click()
    mine.locator("li").first.get_by_role("button", name="Really?").click()
    mine.get_by_text("1 recording", exact=True).wait_for()
    page.reload()
    mine.get_by_text("1 recording", exact=True).wait_for()
    mine.get_by_role("button", name="Delete all of it").click()
    mine.get_by_role("button", name="Really?").click()
    page.wait_for_selector("#search-mine .empty")
    page.goto(link)
    page.get_by_text("it was deleted, or the id is wrong").wait_for()


def test_files_of_one_name_in_two_folders_are_told_apart(page, served, sounds, tmp_path):
    sounds("Talks/day 10/talk.wav", ["rune", "talo"])
    sounds("Talks/day 2/talk.wav", ["mado", "siki"])
    sounds("Talks/day 2/again.wav", ["mado", "siki"])  # the same sound under another name
    sounds("Talks/.trash/talk.wav", ["talo"])
    (tmp_path / "Talks/notes.txt").write_text("No sound.")
    page.goto(served + "?tab=own")
    page.wait_for_selector("#search-mine .empty")
    choose(page, "Choose a folder", tmp_path / "Talks")
    names = ["day 2/again.wav", "day 2/talk.wav", "day 10/talk.wav"]
    page.wait_for_selector("#search-adding li")
    assert page.locator("#search-adding li b").all_text_contents() == names
    assert page.locator("#search-adding .called input").input_value() == "Talks"
    page.get_by_role("button", name="Make them searchable").click()
    page.get_by_role("button", name="Search in them").wait_for()
    about = page.locator("#search-adding li .about").all_text_contents()
    assert about[1] == "was there already" and "searchable" in about[0] and "searchable" in about[2]
    page.locator("#search-mine").get_by_text("2 recordings", exact=True).click()
    kept = page.locator("#search-mine li > span:first-child").all_text_contents()
    assert kept == [names[0], names[2]]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/notes.txt").write_text("No sound.")
    choose(page, "Choose a folder", tmp_path / "texts")
    page.get_by_text("There is no sound file in that folder.").wait_for()


def test_adding_is_stopped_and_goes_on(page, served, sounds, monkeypatch):
    from hub_search.model import Networks

    embed = Networks.embed

    def slow(*values):
        time.sleep(0.8)
        return embed(*values)

    monkeypatch.setattr(Networks, "embed", slow)
    files = [
        sounds(f"{i}.wav", words)
        for i, words in enumerate((["mado"], ["siki"], ["rune"], ["talo"]))
    ]
    page.goto(served + "?tab=own")
    page.wait_for_selector("#search-mine .empty")
    page.locator("#search-adding input.some").set_input_files(files)
    page.get_by_role("button", name="Make them searchable").click()
    page.wait_for_selector("#search-adding [data-state=done]")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()
    page.locator("#search-mine .one").wait_for()
    done = page.locator("#search-adding [data-state=done]").count()
    assert 1 <= done < 4
    monkeypatch.setattr(Networks, "embed", embed)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_function(
        "[...document.querySelectorAll('#search-adding li')]"
        ".filter((one) => ['done', 'there'].includes(one.dataset.state)).length === 4"
    )
    page.locator("#search-mine").get_by_text("4 recordings", exact=True).wait_for()
    assert page.locator("#search-mine .one").count() == 1


@pytest.mark.parametrize("tab", ["search", "compare", "map", "own"])
def test_no_tab_is_wider_than_a_phone(browser, served, tab):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{served}?tab={tab}&method=pca")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_role("tab", name="Recordings").is_visible()  # not behind three dots
    page.close()
