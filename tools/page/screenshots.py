"""Pictures of a page at three widths, in light and dark.

    python tools/page/screenshots.py report.html build/pictures
    python tools/page/screenshots.py http://127.0.0.1:8000/ build/pictures

needs `pip install playwright` and a Chromium; CHROMIUM names another one than that of the path.
"""

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

WIDTHS = {1400: 900, 768: 1024, 390: 844}
SECTIONS = ("review", "trust", "map", "lists")


def main() -> None:
    """Write ``WIDTH-SCHEME-SECTION.png`` for each width, colour scheme and section, and for the whole page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", help="a report.html, or the address of a page")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--schemes", nargs="+", default=["light", "dark"])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    address = arguments.page if "://" in arguments.page else Path(arguments.page).resolve().as_uri()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for width in arguments.widths:
            for scheme in arguments.schemes:
                size = ViewportSize(width=width, height=WIDTHS.get(width, 900))
                page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
                page.goto(address)
                page.locator(".row[data-key]").first.wait_for()
                page.wait_for_timeout(500)
                name = f"{width}-{scheme}"
                page.screenshot(path=arguments.out / f"{name}-top.png")
                if width < 620:
                    page.locator(".row[data-key]").first.click()
                for section in SECTIONS:
                    page.locator(f"#{section}").scroll_into_view_if_needed()
                    page.evaluate("id => document.getElementById(id).scrollIntoView({block: 'start'})", section)
                    page.wait_for_timeout(300)
                    page.screenshot(path=arguments.out / f"{name}-{section}.png")
                page.screenshot(path=arguments.out / f"{name}-whole.png", full_page=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
