"""Evaluation protocol of sentiment metrics, shown with them so that only comparable metrics are compared."""

from dataclasses import asdict, dataclass
from typing import Any

from .data import SentimentData
from .policy import MissingPolicy


@dataclass(frozen=True)
class SentimentProtocol:
    """What was missing in training and test, and how the model was selected.

    Args:
        name: ``complete``: nothing missing; ``P1``: one model per rate of missing frames, the same rate in training and
            test (TFR-Net, EMT-DLFR); ``P2``: one model trained at mixed frame rates, tested at each rate (LNLN, which
            selects on the test split; here on validation); ``P3a``: one model trained at mixed rates, tested on each
            set of modalities (CorrKD, HRLF); ``P3b``: one model per share of missing modalities (GCNet, IMDer);
            ``P4``: one model per share of incomplete samples (TATE); ``own``: anything else.
        data: name of the data.
        modalities: modalities that the model uses.
        left_out: modalities that the model does not use, because no training sample has them.
        train_missing, test_missing: description of what is missing.
        selection: split on which the epoch was selected; always ``validation``.
        conventions: conventions of the accuracies, ``mosi`` or ``sims``.
        num_train, num_valid, num_test: number of samples.
        seed: random seed of the run.
        recalibrated: whether scores were recalibrated on the inputs of the split, without labels (transductive).
    """

    name: str
    data: str
    modalities: tuple[str, ...]
    left_out: tuple[str, ...]
    train_missing: str
    test_missing: str
    conventions: str
    num_train: int
    num_valid: int
    num_test: int
    seed: int
    selection: str = "validation"
    recalibrated: bool = False

    @staticmethod
    def of(
        data: SentimentData, train: MissingPolicy, test: MissingPolicy, *, modalities: tuple[str, ...], seed: int
    ) -> "SentimentProtocol":
        """The protocol of a model trained with one policy and tested with another, or the same."""
        return SentimentProtocol(
            name=published_name(train, test),
            data=data.name,
            modalities=modalities,
            left_out=tuple(name for name in data.names if name not in modalities),
            train_missing=train.describe(),
            test_missing=test.describe(),
            conventions="sims" if data.sims else "mosi",
            num_train=len(data.train),
            num_valid=len(data.valid),
            num_test=len(data.test),
            seed=seed,
        )

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON can hold, tuples as lists."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def describe(self) -> str:
        """The protocol in one line of text."""
        parts = [
            f"{self.data}: protocol {self.name}",
            f"missing in training: {self.train_missing}",
            f"in test: {self.test_missing}",
            f"modalities: {', '.join(self.modalities)}",
            f"selected on {self.selection}",
            f"samples {self.num_train} train / {self.num_valid} valid / {self.num_test} test",
            f"conventions of {self.conventions}",
            f"seed {self.seed}",
        ]
        if self.recalibrated:
            parts.insert(3, "transductive: scores recalibrated on the inputs of the split, without labels")
        if self.left_out:
            parts.insert(4, f"left out, because no training sample has it: {', '.join(self.left_out)}")
        return "; ".join(parts)


def published_name(train: MissingPolicy, test: MissingPolicy) -> str:
    """Name of the published protocol with these policies in training and test; see ``SentimentProtocol``."""
    plain = not test.mixed and not test.patterns and not train.patterns and not train.rates
    if plain and train.mixed and train.rate == 1 and test.unit in ("none", train.unit):
        if train.unit == "frame" and not test.rates:
            return "P2"
        if train.unit == "modality" and not test.rate and set(test.rates.values()) <= {1.0}:
            return "P3a"
    if train.describe() != test.describe():
        return "own"
    if train.describe() == "complete":
        return "complete"
    return {"frame": "P1", "modality": "P3b", "block": "P4"}[train.unit] if plain and not test.rates else "own"
