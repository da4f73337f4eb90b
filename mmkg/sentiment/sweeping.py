"""Train and test at several rates of missing parts, or on several sets of modalities, over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

from ..compute.host import isolated
from ..errors import InputError, UsageError, nearest
from ..folders import MANIFEST
from .config import SentimentExperiment
from .curves import SHOWN, WAYS, Patterns, Sweep, SweepRow
from .data import SentimentData
from .patterns import WHOLE
from .policy import MissingPolicy
from .protocol import published_name
from .result import SentimentResult
from .training import fit


def combinations_of(names: Sequence[str]) -> list[MissingPolicy]:
    """One policy per set of modalities that a sample may have, smallest sets first, the complete set last (P3a)."""
    policies = []
    for size in range(1, len(names) + 1):
        for kept in combinations(names, size):
            policies.append(MissingPolicy("modality", rates={name: 1.0 for name in names if name not in kept}))
    return policies


@isolated
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
    """Test at every rate and seed the models that were trained at that rate, on complete data, or once at mixed rates.

    All ways of training are tested on the same masks. With ``out``, each run has its own folder there, and a finished
    run is not trained again.

    Args:
        data: data, e.g. from ``load``.
        policies: policies of the tests: rising rates of one unit, or those of ``combinations_of``.
        experiment: configuration of the runs; ``seed`` and ``missing`` are replaced (but ``missing.spared`` is kept).
        seeds: random seeds of the runs.
        ways: ways of training, keys of ``WAYS``.
        by_pattern: also compute metrics by the modalities that samples lack, on the test and validation splits.
        recalibrate: also compute all metrics with recalibrated scores, see
            ``mmkg.sentiment.recalibration.recalibrated``.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: folder of the runs.
        progress: show a progress bar for each training; ``None`` = if stderr is a terminal.
        on_run: called with a line of text after each test.

    Raises:
        UsageError: no policy, no seed, an unknown way, or mixed rates with the unit ``block``.
        InputError: ``out`` has a run of other data or settings.
    """
    for way in ways:
        if way not in WAYS:
            raise UsageError(f"unknown way of training {way!r}; {nearest(way, WAYS)}")
    if not policies or not seeds:
        raise UsageError("a sweep needs at least one rate and one seed")
    runs = _Runs(data, experiment or SentimentExperiment(), out, device, progress)
    typical = next((policy for policy in policies if policy.describe() != "complete"), policies[0])
    over_sets = any(policy.rates for policy in policies)
    rows, protocols = [], {}
    for way, policy in product(ways, policies):
        train = _training_policy(way, policy, runs.experiment)
        tests: dict[bool, list[_Test]] = {}
        for seed in seeds:
            run = runs.trained(train, seed, keep=way != "each" or train.describe() == "complete")
            for recalibrated, test in _tests(run, data, policy, by_pattern, recalibrate).items():
                tests.setdefault(recalibrated, []).append(test)
                if on_run is not None:
                    on_run(_line(train, policy, seed, test.metrics, recalibrated=recalibrated))
        missing, rate = (_set_of(policy), None) if over_sets else (f"{policy.rate:g}", policy.rate)
        for recalibrated, of_seeds in tests.items():
            metrics = tuple(test.metrics for test in of_seeds)
            patterns = {split: [test.patterns[split] for test in of_seeds] for split in of_seeds[0].patterns}
            rows.append(SweepRow(way, missing, rate, metrics, patterns, recalibrated))
            protocols[rows[-1].curve] = _protocol(way, run, typical, over_sets, recalibrated=recalibrated)
    rows.sort(key=lambda row: (ways.index(row.way), row.recalibrated))
    return Sweep(protocols, tuple(seeds), tuple(rows))


@dataclass(frozen=True)
class _Test:
    """Metrics of one run on the test split, and by split and pattern (empty if they are not wanted)."""

    metrics: Mapping[str, float]
    patterns: Mapping[str, Patterns]


class _Runs:
    """The runs of a sweep: trained when first needed, then read from their folder or, if needed again, kept."""

    def __init__(
        self,
        data: SentimentData,
        experiment: SentimentExperiment,
        out: str | Path | None,
        device: str,
        progress: bool | None,
    ) -> None:
        self.data, self.experiment = data, experiment
        self.out = None if out is None else Path(out)
        self.device, self.progress = device, progress
        self._kept: dict[tuple[str, int], SentimentResult] = {}

    def trained(self, missing: MissingPolicy, seed: int, *, keep: bool) -> SentimentResult:
        """The run of a policy in training and a seed; ``keep``: it will be needed again."""
        words = missing.describe()
        if (words, seed) in self._kept:
            return self._kept[words, seed]
        name = f"{words.replace(' ', '-').replace(',', '')}-seed{seed}"
        folder = None if self.out is None else self.out / name
        run = self._run(replace(self.experiment, seed=seed, missing=missing), folder)
        if keep:
            self._kept[words, seed] = run
        return run

    def _run(self, experiment: SentimentExperiment, folder: Path | None) -> SentimentResult:
        if folder is None or not (folder / MANIFEST).is_file():
            return fit(self.data, experiment=experiment, device=self.device, out=folder, progress=self.progress)
        run = SentimentResult.load(folder)
        used = self.data.select(experiment.data.modalities or self.data.names).learnable()
        if run.experiment != experiment or run.record.fingerprint != used.fingerprint():
            raise InputError("this run belongs to other data or settings; give another folder or delete it", folder)
        return run


def _tests(
    run: SentimentResult, data: SentimentData, policy: MissingPolicy, by_pattern: bool, recalibrate: bool
) -> dict[bool, _Test]:
    """Tests of a run, by whether its scores are recalibrated."""
    splits = ("test", "valid") if by_pattern else ("test",)
    answers = {False: {split: run.answers(data, policy, split=split) for split in splits}}
    if recalibrate:
        answers[True] = {
            split: run.recalibrate(plain, data, policy, split=split) for split, plain in answers[False].items()
        }
    sims, tests = run.shape.sims, {}
    for recalibrated, of_splits in answers.items():
        patterns = {split: each.by_pattern(sims=sims) for split, each in of_splits.items()} if by_pattern else {}
        tests[recalibrated] = _Test(of_splits["test"].figures(sims=sims), patterns)
    return tests


def _line(
    train: MissingPolicy, test: MissingPolicy, seed: int, metrics: Mapping[str, float], *, recalibrated: bool
) -> str:
    """One test in a line of text."""
    first = ", ".join(f"{name} {metrics[name]:.3f}" for name in SHOWN[:4] if name in metrics)
    tested = test.describe() + ", recalibrated" * recalibrated
    return f"train {train.describe()}, test {tested}, seed {seed}: {first}"


def _training_policy(way: str, test: MissingPolicy, experiment: SentimentExperiment) -> MissingPolicy:
    """The policy in training for the policy of a test.

    ``spared`` of the experiment applies to ``each`` only: at mixed rates half of the samples are complete anyway.
    """
    if way == "mixed":
        return MissingPolicy(test.unit, rate=1.0, mixed=True)
    if way == "complete" or test.describe() == "complete":
        return MissingPolicy()
    return replace(test, spared=experiment.missing.spared)


def _set_of(policy: MissingPolicy) -> str:
    """The missing modalities in words, e.g. ``text, audio``."""
    parts = (name if rate == 1 else f"{name} {rate:g}" for name, rate in policy.rates.items())
    return ", ".join(parts) or WHOLE


def _protocol(way: str, run: SentimentResult, test: MissingPolicy, over_sets: bool, *, recalibrated: bool) -> str:
    """The protocol of one curve in a line of text; ``run`` is one of its runs and ``test`` one of its policies."""
    name, train = published_name(run.experiment.missing, test), run.protocol.train_missing
    if way == "complete":
        train = "nothing"
    elif way == "each":
        spared = run.experiment.missing.spared
        name = published_name(test, test)
        train = "as in the test" + (f", {spared:g} of the samples whole" if spared else "")
    tested = "each set of modalities" if over_sets else f"{test.unit}, each rate"
    return replace(
        run.protocol, name=name, train_missing=train, test_missing=tested, recalibrated=recalibrated
    ).describe()
