"""Pages of the site that are generated, and equations as MathML, which browsers show without a script.

MkDocs calls `on_files` and `on_page_content`; see tools/site/mkdocs.yml.
"""

import re
import sys
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

from pages import COPIED, generated, linked  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files that are pages elsewhere on the site."""
    path = page.file.src_uri
    return markdown if path in COPIED else linked(markdown, path, f"docs/{path}")


def on_page_content(html: str, **_: Any) -> str:
    """Equations as MathML."""
    html = re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda found: _math(found[1], "inline"), html)
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>',
        lambda found: _math(found[1], "block"),
        html,
        flags=re.DOTALL,
    )


def _math(text: str, display: str) -> str:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return str(convert(plain.strip(), display=display))
