"""Which parts of the data are made to be missing: one declaration for sentiment and for entity alignment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

import numpy as np

from ..compute.seeding import numpy_generator
from ..errors import UsageError, nearest
from ..typing import BoolArray

UNITS = ("none", "frame", "modality", "block")
BLOCK = 100
_STEP = 0.1  # of a range of rates
_RANGE = re.compile(r"([0-9.]+?)\.\.([0-9.]+)")


@dataclass(frozen=True)
class MissingPolicy:
    """What goes missing, how often, and how it is drawn; plain values, so that TOML holds it.

    Args:
        unit: ``none``; ``frame``, each step of each modality by itself (TFR-Net); ``modality``, whole modalities of
            a sample, so that ``rate`` is the share missing of all M N; ``block``, whole modalities of the share
            ``rate`` of each 100 samples (TATE).
        rate: in [0, 1].
        rates: of single modalities, instead of ``rate``; not with ``block``.
        patterns: sets of modalities that may be missing together, of which ``modality`` and ``block`` take one for
            each sample they touch, all equally likely; empty = ``modality`` draws each by itself, ``block`` takes any
            set that leaves one.
        keep_one: a sample keeps at least one of its modalities (``modality``, ``block``). With it ``modality`` cannot
            reach a ``rate`` above (M - 1) / M; more is taken as that.
        keep_ends: modalities whose first and last valid step stay (``frame``); CLS and SEP of a text.
        mixed: each sample draws a rate of its own: 0 for a half of them, else uniform up to ``rate``. With
            ``frame`` each modality of a sample has its own (LNLN). Not with ``block``.
        spared: share of training samples, in [0, 1], of which nothing goes; drawn with the rest.
        renew: draw anew in every epoch of training; validation and test never change.
        seed: of the draws.

    Raises:
        UsageError: an unknown unit or a rate out of range.
    """

    unit: Literal["none", "frame", "modality", "block"] = "none"
    rate: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)
    patterns: tuple[tuple[str, ...], ...] = ()
    keep_one: bool = True
    keep_ends: tuple[str, ...] = ()
    mixed: bool = False
    spared: float = 0.0
    renew: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"unknown unit {self.unit!r} of missing parts; {nearest(str(self.unit), UNITS)}")
        for name, rate in {"": self.rate, **self.rates}.items():
            if not 0 <= rate <= 1:
                raise UsageError(f"missing rate{' of ' * bool(name)}{name} must be in [0, 1], got {rate}")
        if not 0 <= self.spared <= 1:
            raise UsageError(f"spared must be in [0, 1], got {self.spared}")
        if self.unit == "block" and self.rates:
            raise UsageError("a block policy has one rate, got rates of single modalities")
        if self.unit == "block" and self.mixed:
            raise UsageError("mixed rates are of frame or modality; a block policy has one rate")

    @staticmethod
    def parse(text: str) -> "MissingPolicy":
        """From ``none``, ``frame:0.3``, ``frame:mixed``, ``modality:text=1,audio=0.2``.

        Raises:
            UsageError: another form.
        """
        unit, sign, rest = text.partition(":")
        if unit == "none" and not sign:
            return MissingPolicy()
        if unit not in UNITS[1:] or not sign:
            raise UsageError(f"expected UNIT:RATE as in frame:0.3 or modality:text=1,audio=0.2, got {text!r}")
        if rest == "mixed":
            return MissingPolicy(unit=unit, rate=1.0, mixed=True)  # type: ignore[arg-type]
        try:
            if "=" not in rest:
                return MissingPolicy(unit=unit, rate=float(rest))  # type: ignore[arg-type]
            pairs = [part.split("=") for part in rest.split(",")]
            rates = {name.strip(): float(value) for name, value in pairs}
        except ValueError:
            raise UsageError(f"expected a rate in [0, 1], or NAME=RATE with commas between, got {rest!r}") from None
        return MissingPolicy(unit=unit, rates=rates)  # type: ignore[arg-type]

    @staticmethod
    def parse_sweep(text: str) -> list["MissingPolicy"]:
        """Several rates of one unit: ``modality:0.0..0.7`` in steps of 0.1, or ``frame:0,0.3,0.5``."""
        unit, _, rest = text.partition(":")
        found = _RANGE.fullmatch(rest)
        try:
            if found:
                low, high = float(found[1]), float(found[2])
                rates = [round(low + _STEP * k, 10) for k in range(round((high - low) / _STEP) + 1)]
            else:
                rates = [float(part) for part in rest.split(",")]
        except ValueError:
            rates = []
        if unit not in UNITS[1:] or not rates or rates != sorted(set(rates)):
            raise UsageError(f"expected UNIT:LOW..HIGH or UNIT:RATE,RATE with rising rates, got {text!r}")
        return [MissingPolicy(unit=unit, rate=rate) for rate in rates]  # type: ignore[arg-type]

    def rate_of(self, name: str) -> float:
        """Rate of a modality; 0 of none."""
        return 0.0 if self.unit == "none" else self.rates.get(name, 0.0 if self.rates else self.rate)

    def describe(self) -> str:
        """In a few words, e.g. ``modality 0.3``."""
        if self.unit == "none" or (not self.rates and self.rate == 0):
            return "complete"
        rates = ", ".join(f"{name} {rate:g}" for name, rate in self.rates.items()) or f"{self.rate:g}"
        if self.mixed:
            rates = "mixed" if rates == "1" else f"mixed up to {rates}"
        return f"{self.unit} {rates}" + (f", {self.spared:g} spared in training" if self.spared else "")

    def with_seed(self, seed: int) -> "MissingPolicy":
        """The same with another seed."""
        return replace(self, seed=seed)

    def observed(self, valid: Mapping[str, BoolArray], *, split: str, epoch: int = 0) -> dict[str, BoolArray]:
        """What is left to see.

        Args:
            valid: per modality, bool ``[N, T]``: steps that are there at all.
            split: its name; two splits, modalities or epochs have different draws.
            epoch: of training; counts only with ``renew`` and for the split ``train``.

        Returns:
            Per modality, bool ``[N, T]``, a subset of ``valid``.
        """
        unknown = [name for name in [*self.rates, *(n for group in self.patterns for n in group)] if name not in valid]
        if unknown:
            raise UsageError(f"the missing policy names {unknown[0]!r}; {nearest(unknown[0], valid)}")
        when = f"{split} {epoch if self.renew and split == 'train' else 'static'}"
        if self.unit == "none":
            return {name: here.copy() for name, here in valid.items()}
        found = self._found(valid, when)
        if self.spared and split == "train":
            size = len(next(iter(valid.values())))
            whole = numpy_generator(self.seed, f"missing spared {when}").random(size) < self.spared
            found = {name: np.where(whole[:, None], valid[name], here) for name, here in found.items()}
        return found

    def _found(self, valid: Mapping[str, BoolArray], when: str) -> dict[str, BoolArray]:
        if self.unit == "frame":
            return {name: self._frames(name, here, when) for name, here in valid.items()}
        present = np.stack([here.any(axis=1) for here in valid.values()], axis=1)
        gone = self._modalities(tuple(valid), present, when) if self.unit == "modality" else None
        if gone is None:
            gone = self._blocks(tuple(valid), present, when)
        return {name: here & ~gone[:, m, None] for m, (name, here) in enumerate(valid.items())}

    def _frames(self, name: str, valid: BoolArray, when: str) -> BoolArray:
        draws = numpy_generator(self.seed, f"missing frames {when} {name}").random(valid.shape)
        kept = draws >= self.rate_of(name) * self._levels(len(valid), f"{when} {name}")
        if name in self.keep_ends and valid.shape[1]:
            rows = np.arange(len(valid))
            kept[rows, valid.argmax(axis=1)] = True
            kept[rows, valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)] = True
        found: BoolArray = valid & kept
        return found

    def _levels(self, number: int, when: str) -> np.ndarray:
        """Factor of each sample's rate, ``[N, 1]``: 1; with ``mixed`` 0 for a half, else uniform in [0, 1]."""
        if not self.mixed:
            return np.ones((number, 1))
        draws = numpy_generator(self.seed, f"missing levels {when}").random((number, 1))
        return np.maximum(2 * draws - 1, 0.0)

    def _modalities(self, names: tuple[str, ...], present: BoolArray, when: str) -> BoolArray:
        """Which modalities of which samples go, bool ``[N, M]``; with one rate for all, exact in expectation."""
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
            return present & (draws < share) & ~kept
        gone = present & (draws < rates)
        if self.keep_one:
            gone &= ~(kept & (gone | ~present).all(axis=1, keepdims=True))
        return gone

    def _blocks(self, names: tuple[str, ...], present: BoolArray, when: str) -> BoolArray:
        generator = numpy_generator(self.seed, f"missing blocks {when}")
        touched = np.zeros(len(present), dtype=bool)
        for start in range(0, len(present), BLOCK):
            size = min(BLOCK, len(present) - start)
            touched[start + generator.permutation(size)[: int(round(self.rate * size, 9))]] = True
        return self._patterns(names, present, touched, when)

    def _patterns(self, names: tuple[str, ...], present: BoolArray, touched: BoolArray, when: str) -> BoolArray:
        largest = len(names) - 1 if self.keep_one else len(names)
        groups = self.patterns or [group for size in range(1, largest + 1) for group in combinations(names, size)]
        table = np.array([[name in group for name in names] for group in groups], dtype=bool).reshape(-1, len(names))
        if not len(table):  # one modality that has to stay
            return np.zeros_like(present)
        chosen = numpy_generator(self.seed, f"missing patterns {when}").integers(len(table), size=len(present))
        gone = present & table[chosen] & touched[:, None]
        if self.keep_one:
            kept = self._one_of(present, np.ones(len(names)), when)
            gone &= ~(kept & (gone | ~present).all(axis=1, keepdims=True))
        return gone

    def _one_of(self, present: BoolArray, weights: np.ndarray, when: str) -> BoolArray:
        """One present modality of each sample, those of weight 0 only where there is no other, bool ``[N, M]``."""
        draws = numpy_generator(self.seed, f"missing kept {when}").random(present.shape)
        score = np.where(present, draws + (weights > 0), -1.0)
        return present & (np.arange(present.shape[1]) == score.argmax(axis=1)[:, None])
