"""The pictures of the page of a run on the site, from a run of its own.

    python tools/site/screenshots.py

aligns emoji-fr-en and writes docs/pictures/page-*.png. It needs `pip install playwright pillow` and a Chromium;
CHROMIUM names another one than that of the path. Look at the pictures before you commit them.
"""

import os
import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

import mmkg

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 60_000
WIDE, NARROW = ViewportSize(width=1200, height=780), ViewportSize(width=390, height=780)


def main() -> None:
    """Write the four pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        task = mmkg.load("emoji-fr-en", seed=0)
        mmkg.align(
            task, "propagation", seed=0, out=f"{folder}/run", settings={"refinement": {"rounds": 2}}, progress=False
        )
        address = Path(folder, "run", "report.html").as_uri()
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=chromium, args=arguments)
        page = opened(browser, address, WIDE, "light")
        page.locator(".row[data-key]").nth(2).click()
        page.wait_for_timeout(500)
        page.evaluate("scrollTo(0, 0)")
        write("page-headline", shot(page))
        write("page-review", shot(page, "review"))
        page.emulate_media(color_scheme="dark")
        write("page-trust-dark", shot(page, "trust"))
        narrow = []
        for scheme in ("light", "dark"):
            page = opened(browser, address, NARROW, scheme)
            narrow.append(shot(page, "review"))
            page.locator(".row[data-key]").nth(2).click()
            page.wait_for_timeout(500)
            narrow.append(shot(page))
        write("page-narrow", side_by_side(narrow))
        browser.close()


def opened(browser: Browser, address: str, size: ViewportSize, scheme: str) -> Page:
    """A page whose list is there."""
    page = browser.new_page(viewport=size, reduced_motion="reduce")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    page.locator(".row[data-key]").first.wait_for()
    return page


def shot(page: Page, section: str = "") -> Image.Image:
    """What is in sight, from the beginning of a section on."""
    if section:
        page.evaluate("id => document.getElementById(id).scrollIntoView({block: 'start'})", section)
    page.wait_for_timeout(500)
    return Image.open(BytesIO(page.screenshot()))


def side_by_side(images: list[Image.Image], gap: int = 16) -> Image.Image:
    """Several pictures of one height in a row."""
    joined = Image.new("RGB", (sum(each.width + gap for each in images) - gap, images[0].height), "white")
    for number, each in enumerate(images):
        joined.paste(each, (number * (each.width + gap), 0))
    return joined


def write(name: str, image: Image.Image) -> None:
    """Write a picture with as many colours as its size allows."""
    for colours in (128, 64, 32, 16):
        memory = BytesIO()
        few = image.convert("RGB").quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(memory, "PNG", optimize=True)
        if memory.tell() <= MOST_BYTES:
            break
    (PICTURES / f"{name}.png").write_bytes(memory.getvalue())
    print(f"{name}.png: {image.width} x {image.height}, {colours} colours, {memory.tell():,} bytes")


if __name__ == "__main__":
    main()
