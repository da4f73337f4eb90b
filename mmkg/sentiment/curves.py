"""Figures over a rate of what is missing, several seeds each: table, area under the curve, plot."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.policy import MissingPolicy
from ..errors import InputError, UsageError, nearest
from ..evaluation import auilc
from ..files import MANIFEST, write_text
from ..report.charts import line_chart
from ..report.tables import text_table
from .config import SentimentExperiment
from .data import SentimentData
from .metrics import mean_and_std
from .protocol import published_name
from .result import SentimentResult
from .training import fit

WAYS = ("each", "complete")
SHOWN = ("mae", "corr", "acc2_has0", "acc2_non0", "f1_non0", "acc7", "accuracy", "macro_f1")
CHARTED = ("mae", "corr", "acc2_non0", "accuracy")
STYLE = (
    "body{font:14px sans-serif;margin:2em;max-width:60em}svg{width:30em}text{font-size:11px;fill:#555}"
    ".grid{stroke:#ddd}.series{fill:none;stroke:#2563eb;stroke-width:2}.mark{fill:#2563eb}.value{fill:#111}"
    "td,th{padding:2px 10px;text-align:right}"
)


@dataclass(frozen=True)
class SweepRow:
    """One rate under one way of training.

    Args:
        way: ``each``: trained with the rate it is tested at; ``complete``: trained once, with nothing missing.
        rate: of what is missing in test.
        runs: test figures of each seed.
    """

    way: str
    rate: float
    runs: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Sweep:
    """All rows, and how they came about.

    Args:
        protocols: of each way, as of its last run, in a line.
        seeds: of the runs.
        rows: by way and rising rate.
    """

    protocols: dict[str, str]
    seeds: tuple[int, ...]
    rows: tuple[SweepRow, ...]

    def curves(self) -> dict[str, dict[str, Any]]:
        """By way: ``rates``, and by figure ``mean``, ``std`` (lists), and both areas under the mean."""
        found: dict[str, dict[str, Any]] = {}
        for way in dict.fromkeys(row.way for row in self.rows):
            rows = [row for row in self.rows if row.way == way]
            rates = [row.rate for row in rows]
            stats = [mean_and_std(list(row.runs)) for row in rows]
            found[way] = {"rates": rates, "figures": {}}
            for name in stats[0]:
                curve: dict[str, Any] = {"mean": [each[name][0] for each in stats], "std": [e[name][1] for e in stats]}
                if len(rates) > 1:
                    curve["auilc"] = auilc(rates, curve["mean"])
                    curve["auilc_normalised"] = auilc(rates, curve["mean"], normalised=True)
                found[way]["figures"][name] = curve
        return found

    def table(self) -> str:
        """For people: mean and deviation by rate, and the areas."""
        parts = []
        for way, curve in self.curves().items():
            names = [name for name in SHOWN if name in curve["figures"]]
            body = []
            for place, rate in enumerate(curve["rates"]):
                cells = (curve["figures"][name] for name in names)
                body.append([f"{rate:g}", *(f"{c['mean'][place]:.3f} ± {c['std'][place]:.3f}" for c in cells)])
            for label, key in (("AUILC", "auilc"), ("AUILC / width", "auilc_normalised")):
                if len(curve["rates"]) > 1:
                    body.append([label, *(f"{curve['figures'][name][key]:.3f}" for name in names)])
            title = "trained with the rate it is tested at" if way == "each" else "trained on complete data"
            parts.append(f"{title}\n{text_table(['missing', *names], body, left=[0])}\n{self.protocols[way]}")
        return "\n\n".join(parts)

    def csv(self) -> str:
        """One line per way, rate and seed."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = list(self.rows[0].runs[0])
        writer.writerow(["train", "rate", "seed", *names])
        for row in self.rows:
            for seed, run in zip(self.seeds, row.runs, strict=True):
                writer.writerow([row.way, f"{row.rate:g}", seed, *(f"{run[name]:.6g}" for name in names)])
        return text.getvalue()

    def html(self) -> str:
        """A page with a chart per figure and way, and the table."""
        charts = []
        for way, curve in self.curves().items():
            for name in CHARTED:
                if name in curve["figures"]:
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


def sweep(
    data: SentimentData,
    policies: Sequence[MissingPolicy],
    *,
    experiment: SentimentExperiment | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    ways: Sequence[str] = ("each",),
    device: str = "cpu",
    out: str | Path | None = None,
    progress: bool | None = None,
    on_run: Callable[[str], None] | None = None,
) -> Sweep:
    """Train for every rate and seed, and test at that rate; and, for comparison, train on complete data once per seed.

    Both ways are tested on the same masks. With ``out`` each run has a folder there, and one that is finished is not
    trained again.

    Args:
        data: as ``load`` gives them.
        policies: rising rates of one unit.
        experiment: all else.
        seeds: of the runs.
        ways: ``each``, ``complete`` or both.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: folder.
        progress: show a bar for each training; ``None`` = if stderr is a terminal.
        on_run: called with a line after each.
    """
    for way in ways:
        if way not in WAYS:
            raise UsageError(f"no way of training is called {way!r}; {nearest(way, WAYS)}")
    if not policies or not seeds:
        raise UsageError("a sweep needs at least one rate and one seed")
    base = experiment or SentimentExperiment()
    rows, protocols = [], {}
    trained: dict[int, SentimentResult] = {}
    for way in ways:
        for policy in policies:
            runs = []
            for seed in seeds:
                train = policy if way == "each" and policy.rate > 0 else MissingPolicy()
                if train.unit != "none":
                    train = replace(train, spared=base.missing.spared)
                label = f"{train.describe().replace(' ', '-').replace(',', '')}-seed{seed}"
                if train.describe() != "complete" or seed not in trained:
                    one = replace(base, seed=seed, missing=train)
                    run = _run(data, one, None if out is None else Path(out) / label, device, progress)
                    if train.describe() == "complete":
                        trained[seed] = run
                else:
                    run = trained[seed]
                figures = run.evaluate(data, policy)
                runs.append(figures)
                protocols[way] = _protocol(way, run, policy)
                if on_run is not None:
                    first = ", ".join(f"{name} {figures[name]:.3f}" for name in SHOWN[:4] if name in figures)
                    on_run(f"train {train.describe()}, test {policy.describe()}, seed {seed}: {first}")
            rows.append(SweepRow(way, policy.rate, tuple(runs)))
    return Sweep(protocols, tuple(seeds), tuple(rows))


def _protocol(way: str, run: SentimentResult, policy: MissingPolicy) -> str:
    """How the figures of all rates came about, in a line."""
    name = published_name(policy, policy if way == "each" else run.experiment.missing)
    train = "nothing"
    if way == "each":
        spared = run.experiment.missing.spared
        train = "the rate of the test" + (f", {spared:g} of the samples whole" if spared else "")
    return replace(run.protocol, name=name, train_missing=train, test_missing=f"{policy.unit}, each rate").describe()


def _run(
    data: SentimentData, experiment: SentimentExperiment, folder: Path | None, device: str, progress: bool | None
) -> SentimentResult:
    if folder is not None and (folder / MANIFEST).is_file():
        found = SentimentResult.load(folder)
        same = (
            data.learnable() if not experiment.data.modalities else data.select(experiment.data.modalities).learnable()
        )
        if found.experiment != experiment or found.record.fingerprint != same.fingerprint():
            raise InputError("this run is of other data or settings; give another folder or delete it", folder)
        return found
    return fit(data, experiment=experiment, device=device, out=folder, progress=progress)
