"""Figures over a rate of what is missing or over sets of modalities, several seeds each: table, area, plot."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation import auilc
from ..files import write_text
from ..report.charts import line_chart
from ..report.tables import text_table
from .metrics import mean_and_std
from .patterns import WHOLE

WAYS = {
    "each": "trained with what is missing in its test",
    "complete": "trained on complete data",
    "mixed": "trained once, at mixed rates",
}
SHOWN = ("mae", "corr", "acc2_has0", "acc2_non0", "f1_non0", "acc7", "accuracy", "macro_f1")
CHARTED = ("mae", "corr", "acc2_non0", "accuracy")
Patterns = dict[str, dict[str, float]]  # as of Answers.by_pattern
STYLE = (
    "body{font:14px sans-serif;margin:2em;max-width:60em}svg{width:30em}text{font-size:11px;fill:#555}"
    ".grid{stroke:#ddd}.series{fill:none;stroke:#2563eb;stroke-width:2}.mark{fill:#2563eb}.value{fill:#111}"
    "td,th{padding:2px 10px;text-align:right}"
)


@dataclass(frozen=True)
class SweepRow:
    """One rate, or one set of modalities, under one way of training.

    Args:
        way: ``each``: trained with what is missing in the test; ``complete``: trained once, with nothing missing;
            ``mixed``: trained once, at mixed rates.
        missing: in test, in words.
        rate: of what is missing in test; ``None`` of a set of modalities.
        runs: test figures of each seed.
        patterns: by split, of each seed the figures by what a sample lacks (``Answers.by_pattern``), if asked for.
        recalibrated: whether the scores were set right by the inputs of their split.
    """

    way: str
    missing: str
    rate: float | None
    runs: tuple[Mapping[str, float], ...]
    patterns: Mapping[str, list[Patterns]] = field(default_factory=dict)
    recalibrated: bool = False

    @property
    def curve(self) -> str:
        """Name of the curve that it is of, e.g. ``each, recalibrated``."""
        return self.way + ", recalibrated" * self.recalibrated

    @property
    def title(self) -> str:
        """The same for people."""
        return WAYS[self.way] + ", recalibrated" * self.recalibrated

    def pattern_means(self) -> list[dict[str, Any]]:
        """By split and pattern, means over the seeds that have samples of it."""
        found = []
        for split, runs in self.patterns.items():
            names = sorted(
                {name for run in runs for name in run}, key=lambda name: (name != WHOLE, name.count(","), name)
            )
            for name in names:
                told = [run[name] for run in runs if name in run]
                means = {figure: float(np.mean([each[figure] for each in told])) for figure in told[0]}
                found.append({"missing": self.missing, "split": split, "pattern": name, **means})
        return found


@dataclass(frozen=True)
class Sweep:
    """All rows, and how they came about.

    Args:
        protocols: by name of the curve, as of its last run, in a line.
        seeds: of the runs.
        rows: by curve and rising rate.
    """

    protocols: dict[str, str]
    seeds: tuple[int, ...]
    rows: tuple[SweepRow, ...]

    def curves(self) -> dict[str, dict[str, Any]]:
        """By curve: ``missing`` in words, and by figure ``mean`` and ``std`` over the seeds (lists), and ``average``.

        The average is that of the means, all alike: over the rates, or over the sets of modalities that are not whole.
        With rates there are ``rates`` and both areas under the mean. What samples lack is under ``patterns``.
        """
        found: dict[str, dict[str, Any]] = {}
        for name in dict.fromkeys(row.curve for row in self.rows):
            rows = [row for row in self.rows if row.curve == name]
            stats = [mean_and_std(list(row.runs)) for row in rows]
            rates = [row.rate for row in rows if row.rate is not None]
            averaged = [place for place, row in enumerate(rows) if rates or row.missing != WHOLE]
            found[name] = {"missing": [row.missing for row in rows], "rates": rates, "figures": {}}
            for figure in stats[0]:
                means, stds = zip(*(each[figure] for each in stats), strict=True)
                curve: dict[str, Any] = {"mean": list(means), "std": list(stds)}
                curve["average"] = float(np.mean([curve["mean"][place] for place in averaged]))
                if len(rates) > 1:
                    curve["auilc"] = auilc(rates, curve["mean"])
                    curve["auilc_normalised"] = auilc(rates, curve["mean"], normalised=True)
                found[name]["figures"][figure] = curve
            if any(row.patterns for row in rows):
                found[name]["patterns"] = [mean for row in rows for mean in row.pattern_means()]
        return found

    def table(self) -> str:
        """For people: mean and deviation by rate or set, the average, the areas, and by what samples lack."""
        parts, titles = [], {row.curve: row.title for row in self.rows}
        for told, curve in self.curves().items():
            title = titles[told]
            names = [name for name in SHOWN if name in curve["figures"]]
            body = []
            for place, missing in enumerate(curve["missing"]):
                cells = (curve["figures"][name] for name in names)
                body.append([missing, *(f"{c['mean'][place]:.3f} ± {c['std'][place]:.3f}" for c in cells)])
            areas = [("mean" if curve["rates"] else f"mean but {WHOLE}", "average")]
            areas += [("AUILC", "auilc"), ("AUILC / width", "auilc_normalised")] if curve["rates"] else []
            for label, key in areas:
                if len(curve["missing"]) > 1:
                    body.append([label, *(f"{curve['figures'][name][key]:.3f}" for name in names)])
            table = text_table(["missing", *names], body, left=[0])
            parts.append(f"{title}\n{table}\n{self.protocols[told]}")
            if "patterns" in curve:
                parts.append(f"{title}, by what a sample lacks, means over seeds\n{_pattern_table(curve['patterns'])}")
        return "\n\n".join(parts)

    def csv(self) -> str:
        """One line per curve, rate and seed."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = list(self.rows[0].runs[0])
        writer.writerow(["train", "missing", "seed", *names])
        for row in self.rows:
            for seed, run in zip(self.seeds, row.runs, strict=True):
                writer.writerow([row.curve, row.missing, seed, *(f"{run[name]:.6g}" for name in names)])
        return text.getvalue()

    def html(self) -> str:
        """A page with a chart per figure and way, and the table."""
        charts = []
        for way, curve in self.curves().items():
            for name in CHARTED:
                if name in curve["figures"] and curve["rates"]:
                    points = list(
                        zip((100 * rate for rate in curve["rates"]), curve["figures"][name]["mean"], strict=True)
                    )
                    chart = line_chart(points, x_label="missing, %", y_label=f"{name}, train: {way}")
                    charts.append(f"<h3>{name}, train: {way}</h3>{chart}")
        return (
            f'<!doctype html><meta charset="utf-8"><title>mmkg sweep</title><style>{STYLE}</style>'
            f"{''.join(charts)}<pre>{self.table()}</pre>\n"
        )

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return {"protocols": self.protocols, "seeds": list(self.seeds), "curves": self.curves()}

    def save(self, folder: str | Path) -> Path:
        """Write ``sweep.csv``, ``sweep.json`` and ``sweep.html``."""
        folder = Path(folder)
        write_text(folder / "sweep.csv", self.csv())
        write_text(folder / "sweep.json", json.dumps(self.to_dict(), indent=1) + "\n")
        write_text(folder / "sweep.html", self.html())
        return folder


def _pattern_table(rows: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for row in rows:
        cells = [f"{row[name]:.3f}" for name in row if name not in ("missing", "split", "pattern", "count")]
        body.append([row["missing"], row["split"], row["pattern"], f"{row['count']:.1f}", *cells])
    return text_table(["in test", "split", "lacks", *list(rows[0])[3:]], body, left=[0, 1, 2])
