"""Declares which parts of sentiment data are removed, how often, and how they are drawn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..compute.seeding import numpy_generator
from ..errors import UsageError, nearest
from ..settings import configuration
from ..typing import BoolArray

Unit = Literal["none", "frame", "modality", "block"]
Rate = Annotated[float, Field(ge=0, le=1)]
UNITS: tuple[Unit, ...] = get_args(Unit)
Doubles = NDArray[np.float64]
BLOCK = 100  # samples per block
_STEP = 0.1  # between the rates of a range LOW..HIGH
_RANGE = re.compile(r"([0-9.]+?)\.\.([0-9.]+)")


@configuration
@dataclass(frozen=True)
class MissingPolicy:
    """Which parts of the data are removed, how often, and how they are drawn; plain values that TOML can hold.

    Args:
        unit: ``none``; ``frame``: single steps of each modality (TFR-Net); ``modality``: whole modalities of a sample,
            ``rate`` is their share among all M N modalities of N samples; ``block``: whole modalities of the share
            ``rate`` of every 100 samples (TATE).
        rate: share in [0, 1].
        rates: shares by modality, instead of ``rate``; not with ``block``.
        patterns: sets of modalities that may be missing together. ``modality`` and ``block`` draw one of them, all
            equally likely, for each affected sample. Empty = ``modality`` draws modalities independently, and ``block``
            draws any set that leaves at least one.
        keep_one: a sample keeps at least one of its modalities (``modality``, ``block``). The largest possible ``rate``
            of ``modality`` is then (M - 1) / M; higher rates have the same effect.
        keep_ends: modalities whose first and last valid steps are kept (``frame``), e.g. CLS and SEP of a text.
        mixed: each sample draws its own rate: 0 for half of the samples, else uniform between 0 and ``rate``. With
            ``frame``, each modality of a sample draws its own rate (LNLN). Not with ``block``.
        spared: share of training samples, in [0, 1], that stay complete.
        renew: draw again in every training epoch; validation and test never change.
        seed: random seed of the draws; 0 = the seed of the run.

    Raises:
        UsageError: an unknown unit, a rate out of range, or settings that exclude each other.
    """

    unit: Unit = "none"
    rate: Rate = 0.0
    rates: dict[str, Rate] = field(default_factory=dict)
    patterns: tuple[tuple[str, ...], ...] = ()
    keep_one: bool = True
    keep_ends: tuple[str, ...] = ()
    mixed: bool = False
    spared: Rate = 0.0
    renew: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    def __post_init__(self) -> None:
        if self.unit == "block" and self.rates:
            raise UsageError("the unit block takes a single rate, got rates by modality")
        if self.unit == "block" and self.mixed:
            raise UsageError("mixed rates need the unit frame or modality; the unit block takes a single rate")

    @staticmethod
    def parse(text: str) -> "MissingPolicy":
        """Parse ``none``, ``frame:0.3``, ``frame:mixed`` or ``modality:text=1,audio=0.2``.

        Raises:
            UsageError: the text has another form, or a rate is not in [0, 1].
        """
        if text == "none":
            return MissingPolicy()
        unit, rest = _unit_and_rest(text, "UNIT:RATE as in frame:0.3 or modality:text=1,audio=0.2")
        if rest == "mixed":
            return MissingPolicy(unit=unit, rate=1.0, mixed=True)
        rate, rates = 0.0, {}
        try:
            if "=" in rest:
                pairs = [part.split("=") for part in rest.split(",")]
                rates = {name.strip(): float(value) for name, value in pairs}
            else:
                rate = float(rest)
        except ValueError:
            raise UsageError(f"expected a rate in [0, 1], or NAME=RATE with commas between, got {rest!r}") from None
        return MissingPolicy(unit=unit, rate=rate, rates=rates)

    @staticmethod
    def parse_sweep(text: str) -> list["MissingPolicy"]:
        """Parse several rates of one unit: ``modality:0.0..0.7``, in steps of 0.1, or ``frame:0,0.3,0.5``.

        Raises:
            UsageError: the text has another form, or the rates do not rise or are not in [0, 1].
        """
        expected = "UNIT:LOW..HIGH or UNIT:RATE,RATE with rising rates"
        unit, rest = _unit_and_rest(text, expected)
        found = _RANGE.fullmatch(rest)
        try:
            if found:
                low, high = float(found[1]), float(found[2])
                rates = [round(low + _STEP * k, 10) for k in range(round((high - low) / _STEP) + 1)]
            else:
                rates = [float(part) for part in rest.split(",")]
        except ValueError:
            rates = []
        if not rates or rates != sorted(set(rates)):
            raise UsageError(f"expected {expected}, got {text!r}")
        return [MissingPolicy(unit=unit, rate=rate) for rate in rates]

    def rate_of(self, name: str) -> float:
        """Rate of a modality."""
        return 0.0 if self.unit == "none" else self.rates.get(name, 0.0 if self.rates else self.rate)

    def describe(self) -> str:
        """The policy in a few words, e.g. ``modality 0.3``."""
        if self.unit == "none" or (not self.rates and self.rate == 0):
            return "complete"
        rates = ", ".join(f"{name} {rate:g}" for name, rate in self.rates.items()) or f"{self.rate:g}"
        if self.mixed:
            rates = "mixed" if rates == "1" else f"mixed up to {rates}"
        return f"{self.unit} {rates}" + (f", {self.spared:g} spared in training" if self.spared else "")

    def with_seed(self, seed: int) -> "MissingPolicy":
        """The same policy with another seed."""
        return replace(self, seed=seed)

    def observed(self, valid: Mapping[str, BoolArray], *, split: str, epoch: int = 0) -> dict[str, BoolArray]:
        """Draw what is missing and return the steps that remain.

        Args:
            valid: valid steps per modality, bool ``[N, T]``.
            split: name of the split; draws differ between splits, modalities and epochs.
            epoch: training epoch; it has an effect only for the split ``train`` with ``renew``.

        Returns:
            Observed steps per modality, bool ``[N, T]``, a subset of ``valid``.

        Raises:
            UsageError: ``rates`` or ``patterns`` contain a modality that ``valid`` lacks.
        """
        unknown = [name for name in [*self.rates, *(n for group in self.patterns for n in group)] if name not in valid]
        if unknown:
            raise UsageError(f"the missing policy names {unknown[0]!r}; {nearest(unknown[0], valid)}")
        when = f"{split} {epoch if self.renew and split == 'train' else 'static'}"
        if self.unit == "none":
            return {name: mask.copy() for name, mask in valid.items()}
        observed = self._observed(valid, when)
        if self.spared and split == "train":
            size = len(next(iter(valid.values())))
            spared = numpy_generator(self.seed, f"missing spared {when}").random(size) < self.spared
            observed = {name: np.where(spared[:, None], valid[name], mask) for name, mask in observed.items()}
        return observed

    def _observed(self, valid: Mapping[str, BoolArray], when: str) -> dict[str, BoolArray]:
        """Observed steps before any sample is spared."""
        if self.unit == "frame":
            return {name: self._frames(name, mask, when) for name, mask in valid.items()}
        present = np.stack([mask.any(axis=1) for mask in valid.values()], axis=1)
        draw = self._modalities if self.unit == "modality" else self._blocks
        removed = draw(tuple(valid), present, when)
        return {name: mask & ~removed[:, m, None] for m, (name, mask) in enumerate(valid.items())}

    def _frames(self, name: str, valid: BoolArray, when: str) -> BoolArray:
        """Steps of one modality that remain, bool ``[N, T]``."""
        draws = numpy_generator(self.seed, f"missing frames {when} {name}").random(valid.shape)
        kept = draws >= self.rate_of(name) * self._levels(len(valid), f"{when} {name}")
        if name in self.keep_ends and valid.shape[1]:
            rows = np.arange(len(valid))
            kept[rows, valid.argmax(axis=1)] = True
            kept[rows, valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)] = True
        remaining: BoolArray = valid & kept
        return remaining

    def _levels(self, number: int, when: str) -> Doubles:
        """Factor of each sample's rate, ``[N, 1]``: 1; with ``mixed`` 0 for half of the samples, else uniform."""
        if not self.mixed:
            return np.ones((number, 1))
        draws = numpy_generator(self.seed, f"missing levels {when}").random((number, 1))
        levels: Doubles = np.maximum(2 * draws - 1, 0.0)
        return levels

    def _modalities(self, names: tuple[str, ...], present: BoolArray, when: str) -> BoolArray:
        """Modalities to remove, bool ``[N, M]``; with one rate for all, their expected share is exactly this rate."""
        levels = self._levels(len(present), when)
        rates = np.array([self.rate_of(name) for name in names]) * levels
        draws = np.stack(
            [numpy_generator(self.seed, f"missing {when} {name}").random(len(present)) for name in names], axis=1
        )
        if self.patterns:
            return self._patterns(names, present, draws[:, 0] < self.rate * levels[:, 0], when)
        kept = self._one_of(present, 1 - rates, when)
        if self.keep_one and not self.rates:
            number = present.sum(axis=1, keepdims=True)
            share = np.minimum(1.0, self.rate * levels * number / np.maximum(number - 1, 1))
            removed: BoolArray = present & (draws < share) & ~kept
            return removed
        removed = present & (draws < rates)
        if self.keep_one:
            removed &= ~(kept & (removed | ~present).all(axis=1, keepdims=True))
        return removed

    def _blocks(self, names: tuple[str, ...], present: BoolArray, when: str) -> BoolArray:
        """Modalities to remove, bool ``[N, M]``; the same number of samples is affected in each block."""
        generator = numpy_generator(self.seed, f"missing blocks {when}")
        affected = np.zeros(len(present), dtype=bool)
        for start in range(0, len(present), BLOCK):
            size = min(BLOCK, len(present) - start)
            affected[start + generator.permutation(size)[: int(round(self.rate * size, 9))]] = True
        return self._patterns(names, present, affected, when)

    def _patterns(self, names: tuple[str, ...], present: BoolArray, affected: BoolArray, when: str) -> BoolArray:
        """Modalities to remove, bool ``[N, M]``: one pattern for each affected sample."""
        largest = len(names) - 1 if self.keep_one else len(names)
        groups = self.patterns or [group for size in range(1, largest + 1) for group in combinations(names, size)]
        table = np.array([[name in group for name in names] for group in groups], dtype=bool).reshape(-1, len(names))
        if not len(table):  # a single modality, which must be kept
            return np.zeros_like(present)
        chosen = numpy_generator(self.seed, f"missing patterns {when}").integers(len(table), size=len(present))
        removed: BoolArray = present & table[chosen] & affected[:, None]
        if self.keep_one:
            kept = self._one_of(present, np.ones(len(names)), when)
            removed &= ~(kept & (removed | ~present).all(axis=1, keepdims=True))
        return removed

    def _one_of(self, present: BoolArray, weights: Doubles, when: str) -> BoolArray:
        """One present modality per sample, bool ``[N, M]``; one with weight 0 only if the sample has no other."""
        draws = numpy_generator(self.seed, f"missing kept {when}").random(present.shape)
        score = np.where(present, draws + (weights > 0), -1.0)
        chosen: BoolArray = present & (np.arange(present.shape[1]) == score.argmax(axis=1)[:, None])
        return chosen


def _unit_and_rest(text: str, expected: str) -> tuple[Unit, str]:
    """The unit and the text after the colon."""
    name, sign, rest = text.partition(":")
    for unit in UNITS[1:]:
        if sign and unit == name:
            return unit, rest
    raise UsageError(f"expected {expected}, got {text!r}; units: {', '.join(UNITS[1:])}")
