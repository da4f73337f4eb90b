"""The output of fusion for a whole batch, of which each process has computed a share."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from torch import Tensor

from ..compute.ranks import Share
from .output import FusionOutput


def gathered(output: FusionOutput, share: Share) -> FusionOutput:
    """The output for all rows of the batch; what no loss reads is not transported.

    Args:
        output: for the rows of the share.
        share: the rows that this process has computed.
    """
    return output if share.size == 1 else _Gathered(output, share)


class _Gathered(FusionOutput):
    """A ``FusionOutput`` whose tensors are gathered when they are first read, by all processes in the same order."""

    def __init__(self, output: FusionOutput, share: Share) -> None:
        parts = {name: _Parts(getattr(output, name), share) for name in ("tokens", "pooled", "predicted", "targets")}
        self.__dict__.update(parts, names=output.names, own=output, share=share)

    @cached_property
    def joint(self) -> Tensor:
        """Unit rows, ``[B, D]``."""
        return self._gathered("joint")

    @cached_property
    def weights(self) -> Tensor:
        """Weight of each modality, ``[B, M]``."""
        return self._gathered("weights")

    @cached_property
    def present(self) -> Tensor:
        """Whether an item has each modality, bool ``[B, M]``."""
        return self._gathered("present")

    @cached_property
    def present_before(self) -> Tensor | None:
        """The same before the fill."""
        return None if self.__dict__["own"].present_before is None else self._gathered("present_before")

    def _gathered(self, name: str) -> Tensor:
        share: Share = self.__dict__["share"]
        return share.gathered(getattr(self.__dict__["own"], name))


class _Parts(Mapping[str, Tensor]):
    """Tensors by modality, each gathered when it is first read."""

    def __init__(self, own: Mapping[str, Tensor], share: Share) -> None:
        self.own, self.share = own, share
        self.found: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.found:
            self.found[name] = self.share.gathered(self.own[name])
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)
