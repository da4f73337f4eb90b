"""Pages of the site that are generated, and equations as MathML, which browsers show without a script.

MkDocs calls `on_files` and `on_page_content`; see tools/site/mkdocs.yml.
"""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

from curves import curves  # noqa: E402
from message_page import library_messages, searched_one_by_one, with_messages  # noqa: E402
from pages import COPIED, WEIGHTS, generated, linked  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    for name, text in curves().items():
        files.append(File.generated(config, f"pictures/{name}.svg", content=text))
    for name in ("search.js", "site.css"):
        files.append(File.generated(config, name, content=(Path(__file__).parent / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Messages in their place, and links to files that are pages elsewhere on the site."""
    path = page.file.src_uri
    page.meta["search"] = {"boost": WEIGHTS.get(path, WEIGHTS.get(path.partition("/")[0], 1.0))}
    if path == "reference/messages.md":
        markdown = with_messages(markdown)
        print(f"{len({each.text for each in library_messages()})} messages of errors on {path}")
    return markdown if path in COPIED else linked(markdown, path, f"docs/{path}")


def on_page_content(html: str, **_: Any) -> str:
    """Equations as MathML, and drawings as part of the page, so that they have its colours."""
    html = re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda found: _math(found[1], "inline"), html)
    html = re.sub(r'<img alt="([^"]*)" src="[^"]*?pictures/(\w+)\.svg" ?/?>', _drawn, html)
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>',
        lambda found: _math(found[1], "block"),
        html,
        flags=re.DOTALL,
    )


def on_post_build(config: Any) -> None:
    """The search finds each message by itself."""
    path = Path(config.site_dir) / "search" / "search_index.json"
    index = searched_one_by_one(json.loads(path.read_text("utf-8")), WEIGHTS["reference/messages.md"])
    path.write_text(json.dumps(index), encoding="utf-8")


def _drawn(found: re.Match[str]) -> str:
    text = drawings()[found[2]]
    text = re.sub(r"<style>.*?</style>", "", text).replace("<svg ", '<svg data-search-exclude style="width:100%" ', 1)
    return re.sub(r'aria-label="[^"]*"', lambda _: f'aria-label="{found[1]}"', text, count=1)


@cache
def drawings() -> dict[str, str]:
    """The SVG of every picture by its name."""
    drawn = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "pictures").glob("*.svg")}
    return drawn | curves()


def _math(text: str, display: str) -> str:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return str(convert(plain.strip(), display=display))
