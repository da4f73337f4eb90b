"""Self-contained HTML pages: no scripts, no other files, nothing is fetched."""

from collections.abc import Iterable
from importlib import resources
from typing import Any

from .colours import PALETTE


def render_curves(*, title: str, subtitle: str, curves: Iterable[tuple[str, str]], table: str) -> str:
    """Curves and a table of their values as one HTML page. Every text is escaped.

    Args:
        title: heading.
        subtitle: line below the heading.
        curves: caption and chart (`charts.line_chart`) of each curve; without curves only the table is shown.
        table: the values as text that lines up in columns, e.g. from `tables.text_table`.
    """
    charts = [(caption, _markup(chart)) for caption, chart in curves]
    return _page("curves.html.jinja", title=title, subtitle=subtitle, curves=charts, table=table, palette={})


def _page(template: str, **values: Any) -> str:
    """A page from one of the templates of this folder."""
    import jinja2

    def text_of(name: str) -> str:
        return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, loader=jinja2.FunctionLoader(text_of)
    )
    return environment.get_template(template).render(series=PALETTE[0], **values)


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # line_chart escapes its texts
