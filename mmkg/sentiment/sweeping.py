"""Figures at each missing rate, over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

from ..errors import InputError, UsageError, nearest
from ..files import MANIFEST
from .config import SentimentExperiment
from .curves import SHOWN, WAYS, Patterns, Sweep, SweepRow
from .data import SentimentData
from .patterns import WHOLE
from .policy import MissingPolicy
from .protocol import published_name
from .result import SentimentResult
from .training import chosen, fit


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
