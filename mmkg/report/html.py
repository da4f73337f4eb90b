"""Self-contained HTML pages: no scripts, no other files, nothing is fetched."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from .charts import line_chart
from .colours import PALETTE
from .tables import flatten, format_value, metric_rows, whole_parts


def render_report(
    *,
    title: str,
    protocol: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    links: int | None = None,
    history: Iterable[Mapping[str, Any]] = (),
    description: Mapping[str, Any] | None = None,
    matches: Iterable[Mapping[str, Any]] = (),
    record: Mapping[str, Any] | None = None,
    summary: str = "",
    relations: Iterable[Mapping[str, Any]] = (),
) -> str:
    """The report of a run as one HTML page, for light and dark screens and for paper.

    Sections without content are left out. Every text is escaped.

    Args:
        title: heading, e.g. the name of the task and the model.
        protocol: evaluation protocol, shown beside the metrics; see `tables.metric_table`.
        metrics: figures by direction and name; see `tables.metric_table`.
        links: number of links that were ranked; see `tables.metric_table`.
        history: rows of ``metrics.jsonl``, each with ``epoch`` (or ``step``) and the values measured at this point.
            ``loss``, ``valid`` (MRR on the validation links) and any key that ends in ``mrr`` get one chart each.
        description: result of `mmkg.data.describe.describe`.
        matches: matches as in `tables.matches_table`, perhaps with ``rules``: facts that agree, in words.
        record: content of ``record.json``; its protocol and metrics are not repeated.
        summary: what was found, in one line.
        relations: aligned relations, see `mmkg.data.relations.RelationPair.as_dict`.

    Returns:
        The page, about 10 kB and 1 kB per match; write it with `mmkg.files.write_text`.
    """
    from ..data.features.registry import FEATURES  # imports torch

    shown = [_shown(match) for match in matches]
    named = {name for match in shown for name in match["parts"]}
    sides = {name: description[name] for name in ("left", "right") if name in description} if description else {}
    record = record or {}
    palette = {name: pair for name, pair in zip(FEATURES, PALETTE, strict=False) if name.isidentifier()}
    created = f" · {record['created']}" if record.get("created") else ""
    return _page(
        "report.html.jinja",
        title=title,
        subtitle=f"Entity alignment{created}",
        summary=summary,
        relations=list(relations),
        protocol=protocol or {},
        metrics=metrics or {},
        metric_rows=metric_rows(metrics or {}, links),
        curves=[(label, _markup(chart)) for label, chart in _curves(list(history))],
        sides=sides,
        counts=_counts(list(sides.values())),
        coverage=_coverage(list(sides.values())),
        matches=shown,
        modalities=[*(name for name in FEATURES if name in named), *sorted(named - set(FEATURES))],
        facts=flatten({name: value for name, value in record.items() if name not in ("protocol", "metrics")}),
        flatten=flatten,
        format_value=format_value,
        palette=palette,
        colour=lambda name: f"m-{name}" if name in palette else "m-other",
    )


def render_curves(*, title: str, subtitle: str, curves: Iterable[tuple[str, str]], table: str) -> str:
    """Curves and a table of their values as one HTML page, in the style of `render_report`. Every text is escaped.

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


def _shown(match: Mapping[str, Any]) -> dict[str, Any]:
    """A match with its score and parts as whole numbers."""
    score, parts = whole_parts(match.get("parts") or {"": match["score"]})
    return {
        "correct": None,
        "gold": None,
        "rules": "",
        **match,
        "score": score,
        "parts": parts if match.get("parts") else {},
    }


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # line_chart escapes its texts


def _curves(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Caption and chart of the loss and of each MRR."""
    keys = dict.fromkeys(key for row in history for key in row if key in ("loss", "valid") or key.endswith("mrr"))
    curves = []
    for key in sorted(keys, key=lambda key: key != "loss"):
        label = {"loss": "loss", "valid": "MRR on validation links"}.get(key, key.replace("_", " "))
        axis = "step" if any("step" in row and "epoch" not in row for row in history) else "epoch"
        points = [(row[axis], row[key]) for row in history if row.get(key) is not None and axis in row]
        chart = line_chart(points, x_label=axis, y_label=label)
        curves += [(label, chart)] if chart else []
    return curves


def _counts(sides: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Name and values of each plain number in the descriptions of the graphs."""
    names = dict.fromkeys(name for side in sides for name, value in side.items() if isinstance(value, int | float))
    return [(name, [side.get(name) for side in sides]) for name in names]


def _coverage(sides: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float | None]]]:
    """Each modality and the share of entities that have it, per graph."""
    names = dict.fromkeys(name for side in sides for name in side.get("modalities") or ())
    return [(name, [(side.get("modalities") or {}).get(name, {}).get("share") for side in sides]) for name in names]
