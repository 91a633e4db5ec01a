"""A folder that is handed over by Gradio's own component, in Chromium."""

import shutil
from dataclasses import replace

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.browser
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture
def url(hub_of, sample, sample_folder, unused_port):
    from hub.site.server import start

    folder = replace(sample, page="hub_sample.folder:page")
    with hub_of(sample_folder, folder) as hub, start(hub, port=unused_port()) as running:
        yield running.url


@pytest.fixture
def page(url):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url + "sample")
        yield page
        browser.close()


def test_files_of_one_name_in_two_folders_come_apart(page, tmp_path):
    """Neither Gradio's component nor its server tells in which folder a file lay."""
    for place, content in {"day 1": "one", "day 2": "other", "day 2/late": "latest"}.items():
        (tmp_path / "Talks" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "Talks" / place / "talk.txt").write_text(content)
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "Talks")
    expect(page.get_by_label("talk.txt")).to_have_count(3)
    page.get_by_role("button", name="Collect").click()
    answer = page.get_by_label("Answer")
    expect(answer).not_to_have_value("", timeout=60_000)
    found = dict(one.split(": ") for one in answer.input_value().split(", "))
    assert found.keys() == {"talk.txt", "talk (2).txt", "talk (3).txt"}
    assert sorted(found.values()) == ["3", "5", "6"]
