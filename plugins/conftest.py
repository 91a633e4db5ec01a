"""What the plugins' tests share: which of them run, and for browser tests a demo that is served, a
browser, a page in it."""

import contextlib
import importlib.util
import shutil
import socket
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STEP = 90_000  # milliseconds that a busy machine may take for one answer


def pytest_ignore_collect(collection_path):
    """Leave out the tests of plugins that are not installed: `make install` tells which are."""
    plugin = collection_path.relative_to(HERE).parts[:1]
    if not plugin or not (HERE / plugin[0]).is_dir():
        return None
    return importlib.util.find_spec(f"hub_{plugin[0]}") is None or None


@pytest.fixture(scope="session")
def serve():
    """Return what serves one demo with a folder of checkpoints, and gives the address of its
    page."""

    @contextlib.contextmanager
    def serving(name, checkpoints):
        from hub.app import Hub
        from hub.site.server import start

        hub = Hub.open(only=[name], strict=True, checkpoint_folder=checkpoints, device="cpu")
        with hub, start(hub, port=free_port()) as running:
            yield running.url.rstrip("/") + f"/{name}"

    return serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def launched():
    """Return what starts the machine's own browser, else the one that Playwright brought."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    quiet = ["background-networking", "component-update", "sync"]
    usual = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    usual += [f"--disable-{name}" for name in quiet]

    @contextlib.contextmanager
    def launching(*args):
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=[*usual, *args])
            yield browser
            browser.close()

    return launching


@pytest.fixture(scope="module")
def browser(launched):
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """Return a page; a test fails if a script on it does."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(STEP)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if "callback" in told.text else None)
    yield page
    page.close()
    assert not problems
