"""Metrics over rates of missing parts or over sets of modalities, several seeds each: table, areas, charts."""

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
from ..records import Record
from ..report.page import page, with_data
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
Patterns = dict[str, dict[str, float]]  # metrics by pattern, see Answers.by_pattern


@dataclass(frozen=True, eq=False, repr=False)
class SweepRow(Record):
    """Metrics at one rate, or for one set of modalities, with one way of training.

    Args:
        way: ``each``: trained with the parts missing that are missing in the test; ``complete``: trained once on
            complete data; ``mixed``: trained once at mixed rates.
        missing: what is missing in the test, in words.
        rate: rate of missing parts in the test; ``None`` for a set of modalities.
        runs: test metrics of each seed.
        patterns: metrics of each seed by the modalities that samples lack (``Answers.by_pattern``), by split; empty if
            they were not computed.
        recalibrated: whether the scores were recalibrated on the inputs of their split.
    """

    way: str
    missing: str
    rate: float | None
    runs: tuple[Mapping[str, float], ...]
    patterns: Mapping[str, list[Patterns]] = field(default_factory=dict)
    recalibrated: bool = False

    @property
    def curve(self) -> str:
        """Name of the curve that the row belongs to, e.g. ``each, recalibrated``."""
        return self.way + ", recalibrated" * self.recalibrated

    @property
    def title(self) -> str:
        """Title of the curve."""
        return WAYS[self.way] + ", recalibrated" * self.recalibrated

    def pattern_means(self) -> list[dict[str, Any]]:
        """Mean metrics by split and pattern, over the seeds that have samples with this pattern."""
        found = []
        for split, runs in self.patterns.items():
            names = sorted(
                {name for run in runs for name in run}, key=lambda name: (name != WHOLE, name.count(","), name)
            )
            for name in names:
                metrics = [run[name] for run in runs if name in run]
                means = {figure: float(np.mean([each[figure] for each in metrics])) for figure in metrics[0]}
                found.append({"missing": self.missing, "split": split, "pattern": name, **means})
        return found


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Record):
    """Metrics of all runs, with their protocols.

    Args:
        protocols: protocol of each curve in a line of text, by name of the curve.
        seeds: random seeds of the runs.
        rows: rows ordered by curve and rising rate.
    """

    protocols: dict[str, str]
    seeds: tuple[int, ...]
    rows: tuple[SweepRow, ...]

    def curves(self) -> dict[str, dict[str, Any]]:
        """Curves by name, as plain values.

        Each curve has ``missing``, what is missing in each test; ``rates``, empty for sets of modalities; ``figures``;
        and ``patterns``, the mean metrics by pattern, if they were computed. ``figures`` has, by metric, the lists
        ``mean`` and ``std`` over the seeds; ``average``, the unweighted mean over the rates, or over the sets of
        modalities without the complete set; and, for several rates, the areas ``auilc`` and ``auilc_normalised`` under
        the mean.
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
        """Text tables: mean and standard deviation by rate or set, average, areas, and metrics by pattern."""
        parts, titles = [], {row.curve: row.title for row in self.rows}
        for key, curve in self.curves().items():
            title = titles[key]
            names = [name for name in SHOWN if name in curve["figures"]]
            body = []
            for place, missing in enumerate(curve["missing"]):
                cells = (curve["figures"][name] for name in names)
                body.append([missing, *(f"{c['mean'][place]:.3f} ± {c['std'][place]:.3f}" for c in cells)])
            areas = [("mean" if curve["rates"] else f"mean but {WHOLE}", "average")]
            areas += [("AUILC", "auilc"), ("AUILC / width", "auilc_normalised")] if curve["rates"] else []
            for label, area in areas:
                if len(curve["missing"]) > 1:
                    body.append([label, *(f"{curve['figures'][name][area]:.3f}" for name in names)])
            table = text_table(["missing", *names], body, left=[0])
            parts.append(f"{title}\n{table}\n{self.protocols[key]}")
            if "patterns" in curve:
                parts.append(f"{title}, by what a sample lacks, means over seeds\n{_pattern_table(curve['patterns'])}")
        return "\n\n".join(parts)

    def csv(self) -> str:
        """CSV text with one line per curve, rate and seed."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = list(self.rows[0].runs[0])
        writer.writerow(["train", "missing", "seed", *names])
        for row in self.rows:
            for seed, run in zip(self.seeds, row.runs, strict=True):
                writer.writerow([row.curve, row.missing, seed, *(f"{run[name]:.6g}" for name in names)])
        return text.getvalue()

    def html(self) -> str:
        """An HTML page with one chart per metric and way of training, and the table."""
        charts = []
        for way, curve in self.curves().items():
            for name in CHARTED:
                if name in curve["figures"] and curve["rates"]:
                    points = zip(curve["rates"], curve["figures"][name]["mean"], strict=True)
                    known = [(100 * rate, value) for rate, value in points if np.isfinite(value)]
                    about = {"name": f"{name}, train: {way}", "axis": "missing, %", "unit": name, "chosen": None}
                    charts.append(about | {"x": [x for x, _ in known], "y": [y for _, y in known]})
        seeds = ", ".join(map(str, self.seeds))
        about = {"title": "mmkg sweep", "subtitle": f"Sentiment with missing input · mean over the seeds {seeds}"}
        return with_data(page(), {"kind": "curves", **about, "curves": charts, "table": self.table()})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
