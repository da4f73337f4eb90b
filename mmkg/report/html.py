"""One self-contained page per run: no scripts, no other files, nothing fetched."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from .charts import line_chart
from .tables import METRIC_COLUMNS, flatten, format_metric, format_value

TEMPLATE = "report.html.jinja"
# Colours on a light and on a dark page, in the order of the list of modalities.
PALETTE = (
    ("#2a78d6", "#4a94ee"),
    ("#1baf7a", "#23a678"),
    ("#eda100", "#cf9214"),
    ("#c2570c", "#e07b39"),
    ("#6a58c8", "#9085e9"),
    ("#e06a98", "#d9608f"),
    ("#b3446c", "#c9789b"),
    ("#5c8a1e", "#86b53c"),
    ("#0f8b8d", "#3bb3b5"),
    ("#8d5a3b", "#b98662"),
)


def render_report(
    *,
    title: str,
    protocol: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    history: Iterable[Mapping[str, Any]] = (),
    description: Mapping[str, Any] | None = None,
    matches: Iterable[Mapping[str, Any]] = (),
    record: Mapping[str, Any] | None = None,
) -> str:
    """The report of a run as one HTML page, for light and dark screens and for paper.

    Whatever is absent is left out of the page. Every text is escaped.

    Args:
        title: heading, e.g. the name of the task and the model.
        protocol: how the metrics were taken, shown beside them; see `tables.metric_table`.
        metrics: per direction the figures by name; see `tables.metric_table`.
        history: rows of ``metrics.jsonl``, each with ``epoch`` (or ``step``) and what was measured then:
            ``loss``, ``valid`` (MRR on the validation links, where it was taken) and any key that ends in
            ``mrr`` are drawn, each in a chart of its own.
        description: what `mmkg.data.describe.describe` returns.
        matches: what `tables.matches_table` takes.
        record: what ``json.loads`` gives of ``record.json``; protocol and metrics in it are not repeated.

    Returns:
        The page, about 10 kB and 1 kB per match; write it with `mmkg.files.write_text`.
    """
    import jinja2

    from ..data.features.registry import FEATURES  # imports torch

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    shown = [{"correct": None, "gold": None, "shares": {}, **match} for match in matches]
    named = {name for match in shown for name in match["shares"]}
    sides = {name: description[name] for name in ("left", "right") if name in description} if description else {}
    record = record or {}
    palette = {name: pair for name, pair in zip(FEATURES, PALETTE, strict=False) if name.isidentifier()}
    return template.render(
        title=title,
        protocol=protocol or {},
        metrics=metrics or {},
        metric_columns=METRIC_COLUMNS,
        curves=[(label, _markup(chart)) for label, chart in _curves(list(history))],
        sides=sides,
        counts=_counts(list(sides.values())),
        coverage=_coverage(list(sides.values())),
        matches=shown,
        modalities=[*(name for name in FEATURES if name in named), *sorted(named - set(FEATURES))],
        record={"created": record.get("created", "")},
        facts=flatten({name: value for name, value in record.items() if name not in ("protocol", "metrics")}),
        flatten=flatten,
        format_metric=format_metric,
        format_value=format_value,
        palette=palette,
        colour=lambda name: f"m-{name}" if name in palette else "m-other",
    )


def _markup(svg: str) -> Any:
    from markupsafe import Markup

    return Markup(svg)  # line_chart escapes the texts it is given


def _curves(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
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
    """Rows of plain numbers that each graph has."""
    names = dict.fromkeys(name for side in sides for name, value in side.items() if isinstance(value, int | float))
    return [(name, [side.get(name) for side in sides]) for name in names]


def _coverage(sides: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float | None]]]:
    names = dict.fromkeys(name for side in sides for name in side.get("modalities") or ())
    return [(name, [(side.get("modalities") or {}).get(name, {}).get("share") for side in sides]) for name in names]
