"""Figures over a rate of what is missing or over sets of modalities, several seeds each: table, area, plot."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from ..data.policy import MissingPolicy
from ..errors import InputError, UsageError, nearest
from ..evaluation import auilc
from ..files import MANIFEST, write_text
from ..report.charts import line_chart
from ..report.tables import text_table
from .config import SentimentExperiment
from .data import SentimentData
from .metrics import mean_and_std
from .patterns import WHOLE
from .protocol import published_name
from .result import SentimentResult
from .training import chosen, fit

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


def combinations_of(names: Sequence[str]) -> list[MissingPolicy]:
    """A policy for each set of modalities that a sample may have, the smallest sets first, the whole one last (P3a)."""
    found = []
    for size in range(1, len(names) + 1):
        for kept in combinations(names, size):
            found.append(MissingPolicy("modality", rates={name: 1.0 for name in names if name not in kept}))
    return found


def sweep(
    data: SentimentData,
    policies: Sequence[MissingPolicy],
    *,
    experiment: SentimentExperiment | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    ways: Sequence[str] = ("each",),
    by_pattern: bool = False,
    recalibrate: bool = False,
    device: str = "cpu",
    out: str | Path | None = None,
    progress: bool | None = None,
    on_run: Callable[[str], None] | None = None,
) -> Sweep:
    """Test at every rate and seed what was trained with that rate, on complete data, or once at mixed rates.

    All ways are tested on the same masks. With ``out`` each run has a folder there, and one that is finished is not
    trained again.

    Args:
        data: as ``load`` gives them.
        policies: rising rates of one unit, or those of ``combinations_of``.
        experiment: all else.
        seeds: of the runs.
        ways: some of ``WAYS``.
        by_pattern: take figures by what a sample lacks too, of test and validation.
        recalibrate: take all figures once more with recalibrated scores; see ``recalibrated``.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: folder.
        progress: show a bar for each training; ``None`` = if stderr is a terminal.
        on_run: called with a line after each.

    Raises:
        UsageError: no rate, no seed, an unknown way, or mixed rates of blocks.
        InputError: ``out`` holds a run of other data or settings.
    """
    for way in ways:
        if way not in WAYS:
            raise UsageError(f"no way of training is called {way!r}; {nearest(way, WAYS)}")
    if not policies or not seeds:
        raise UsageError("a sweep needs at least one rate and one seed")
    base = experiment or SentimentExperiment()
    some = next((policy for policy in policies if policy.describe() != "complete"), policies[0])
    sets = any(policy.rates for policy in policies)
    kept: dict[tuple[str, int], SentimentResult] = {}

    def trained(way: str, train: MissingPolicy, seed: int) -> SentimentResult:
        words = train.describe()
        if (words, seed) in kept:
            return kept[words, seed]
        folder = None if out is None else Path(out) / f"{words.replace(' ', '-').replace(',', '')}-seed{seed}"
        run = _run(data, replace(base, seed=seed, missing=train), folder, device, progress)
        if way != "each" or words == "complete":  # asked again
            kept[words, seed] = run
        return run

    rows, protocols = [], {}
    for way, policy in product(ways, policies):
        train = _training_policy(way, policy, base)
        found: dict[bool, list[tuple[dict[str, float], dict[str, Patterns]]]] = {}
        for seed in seeds:
            run = trained(way, train, seed)
            for kind, told in _tell(run, data, policy, by_pattern, recalibrate).items():
                found.setdefault(kind, []).append(told)
                if on_run is not None:
                    on_run(_line(train, policy, seed, told[0], recalibrated=kind))
        missing, rate = (_set_of(policy), None) if sets else (f"{policy.rate:g}", policy.rate)
        for kind, each in found.items():
            figures, patterns = zip(*each, strict=True)
            splits = {split: [one[split] for one in patterns] for split in patterns[0]}
            rows.append(SweepRow(way, missing, rate, figures, splits, kind))
            protocols[rows[-1].curve] = _protocol(way, run, some, sets, recalibrated=kind)
    rows.sort(key=lambda row: (ways.index(row.way), row.recalibrated))
    return Sweep(protocols, tuple(seeds), tuple(rows))


def _tell(
    run: SentimentResult, data: SentimentData, policy: MissingPolicy, by_pattern: bool, recalibrate: bool
) -> dict[bool, tuple[dict[str, float], dict[str, Patterns]]]:
    """By whether scores are recalibrated, figures of the test split, and if asked for those by what a sample lacks."""
    sims, splits = run.shape.sims, ("test", "valid") if by_pattern else ("test",)
    answers = {False: {split: run.answers(data, policy, split=split) for split in splits}}
    if recalibrate:
        answers[True] = {
            split: run.recalibrate(told, data, policy, split=split) for split, told in answers[False].items()
        }
    return {
        kind: (
            told["test"].figures(sims=sims),
            {split: each.by_pattern(sims=sims) for split, each in told.items() if by_pattern},
        )
        for kind, told in answers.items()
    }


def _line(
    train: MissingPolicy, test: MissingPolicy, seed: int, figures: Mapping[str, float], *, recalibrated: bool
) -> str:
    first = ", ".join(f"{name} {figures[name]:.3f}" for name in SHOWN[:4] if name in figures)
    words = test.describe() + ", recalibrated" * recalibrated
    return f"train {train.describe()}, test {words}, seed {seed}: {first}"


def _training_policy(way: str, test: MissingPolicy, base: SentimentExperiment) -> MissingPolicy:
    """What is missing in training for a test; mixed rates leave a half whole of themselves, without ``spared``."""
    if way == "mixed":
        return MissingPolicy(test.unit, rate=1.0, mixed=True)
    if way == "complete" or test.describe() == "complete":
        return MissingPolicy()
    return replace(test, spared=base.missing.spared)


def _set_of(policy: MissingPolicy) -> str:
    """What is missing of each sample, in words."""
    parts = (name if rate == 1 else f"{name} {rate:g}" for name, rate in policy.rates.items())
    return ", ".join(parts) or WHOLE


def _protocol(way: str, run: SentimentResult, test: MissingPolicy, sets: bool, *, recalibrated: bool) -> str:
    """How the figures of all rates or sets came about, in a line; ``test`` is one of them."""
    name, train = published_name(run.experiment.missing, test), run.protocol.train_missing
    if way == "complete":
        train = "nothing"
    elif way == "each":
        spared = run.experiment.missing.spared
        name = published_name(test, test)
        train = "as in the test" + (f", {spared:g} of the samples whole" if spared else "")
    words = "each set of modalities" if sets else f"{test.unit}, each rate"
    told = replace(run.protocol, name=name, train_missing=train, test_missing=words, recalibrated=recalibrated)
    return told.describe()


def _pattern_table(rows: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for row in rows:
        cells = [f"{row[name]:.3f}" for name in row if name not in ("missing", "split", "pattern", "count")]
        body.append([row["missing"], row["split"], row["pattern"], f"{row['count']:.1f}", *cells])
    return text_table(["in test", "split", "lacks", *list(rows[0])[3:]], body, left=[0, 1, 2])


def _run(
    data: SentimentData, experiment: SentimentExperiment, folder: Path | None, device: str, progress: bool | None
) -> SentimentResult:
    if folder is not None and (folder / MANIFEST).is_file():
        found = SentimentResult.load(folder)
        same = chosen(data, experiment).learnable().fingerprint()
        if found.experiment != experiment or found.record.fingerprint != same:
            raise InputError("this run is of other data or settings; give another folder or delete it", folder)
        return found
    return fit(data, experiment=experiment, device=device, out=folder, progress=progress)
