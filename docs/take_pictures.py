"""Take the README's pictures of the real site: `make figures`.

Every picture is a screenshot of the hub, served from the bundled checkpoints, with its colours
reduced to 256 or fewer so that it stays small. Data sets are hidden from it: no picture holds a
piece of one.
"""

import io
import os
import shutil
import socket
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from hub.app import Hub
from hub.site.server import start

LARGEST = 200_000  # bytes of a picture
PICTURES = Path(__file__).parent / "pictures"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}

# What a page shows while its model is at work, and a script that tells that none of it is in sight.
WAITING = (
    "The model will answer here.",
    "The detector will answer here.",
    "Learning what is usual, then scoring: some seconds, for large tables a minute.",
    "Walking …",
)
ANSWERED = """texts => {
    const inSight = one => one.checkVisibility({ opacityProperty: true });
    const begins = one => texts.some(text => one.textContent.trim().startsWith(text));
    const waits = one => inSight(one) && begins(one);
    return ![...document.querySelectorAll(".empty, .wait")].some(waits);
}"""

# File, address, window, colours.
VIEWS = [
    ("home", "", DESKTOP, "light"),
    ("home-dark", "", DESKTOP, "dark"),
    ("digits", "digits", DESKTOP, "light"),
    ("digits-sheet", "digits?tab=sheet&digit=7", DESKTOP, "light"),
    ("digits-walk", "digits?tab=walk", DESKTOP, "dark"),
    ("digits-map", "digits?tab=map", DESKTOP, "light"),
    ("digits-phone", "digits", PHONE, "light"),
    ("denoise", "denoise", DESKTOP, "light"),
    ("denoise-speech", "denoise?tab=speech", DESKTOP, "dark"),
    ("anomaly", "anomaly", DESKTOP, "light"),
    ("anomaly-picture", "anomaly?tab=picture", DESKTOP, "dark"),
    ("search", "search", DESKTOP, "light"),
    ("search-map", "search?tab=map", DESKTOP, "dark"),
]


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    os.environ["LATENTHUB_DATA"] = tempfile.mkdtemp()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Hub.open() as hub, start(hub, port=port) as site, sync_playwright() as playwright:
        if site.site.problems:
            raise SystemExit(f"no picture is taken: {site.site.problems}")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        for name, path, window, colours in VIEWS:
            page = browser.new_page(viewport=window, color_scheme=colours, device_scale_factor=1)
            page.goto(site.url + path)
            settle(page)
            save(page.screenshot(), PICTURES / f"{name}.png")
            page.close()
        browser.close()


def settle(page: Page) -> None:
    """Wait until fonts are there and the models have answered what the page asked for."""
    page.wait_for_load_state("load")  # not "networkidle": a stream stays open
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1500)
    page.wait_for_function(ANSWERED, arg=list(WAITING), timeout=180_000)
    page.wait_for_timeout(1500)


def save(screenshot: bytes, path: Path) -> None:
    """Write a picture with as many colours as let it stay small."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size // 1000} kB, {colours} colours")


if __name__ == "__main__":
    main()
