"""How a sentiment figure came about: stands beside it, so that figures are compared like with like."""

from dataclasses import asdict, dataclass
from typing import Any

from .data import SentimentData
from .policy import MissingPolicy


@dataclass(frozen=True)
class SentimentProtocol:
    """What was missing when, and what the model was chosen on.

    Args:
        name: ``complete``; ``P1`` one model per frame rate, train and test alike (TFR-Net, EMT-DLFR); ``P2`` one model
            of mixed frame rates, tested at each (LNLN, which chooses on test; here on validation); ``P3a`` one model of
            mixed rates, tested on each set of modalities (CorrKD, HRLF); ``P3b`` one model per share of missing
            modalities (GCNet, IMDer); ``P4`` one model per share of incomplete samples (TATE); ``own`` anything else.
        data: name of the data.
        modalities: that the model reads.
        left_out: modalities that no training sample has.
        train_missing, test_missing: in words.
        selection: always ``validation``.
        conventions: ``mosi`` or ``sims``, of the accuracies.
        num_train, num_valid, num_test: samples.
        seed: of the run.
        recalibrated: scores were set right by the inputs of the split, without labels (transductive).
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
        """Of a model trained with one policy and tested with another, or the same."""
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
        """In one line, for people."""
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
            parts.insert(4, f"left out, as no training sample has it: {', '.join(self.left_out)}")
        return "; ".join(parts)


def published_name(train: MissingPolicy, test: MissingPolicy) -> str:
    """Name of the published protocol that two policies make."""
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
