"""Parts that a model can take by name or as an object: encoders, the fill for missing modalities, a further loss."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from torch import Tensor, nn

from ..encoders import ENCODERS, EncoderBundle
from ..errors import UsageError, nearest
from ..fusion import FILLS, FusionOutput
from ..losses import LOSSES
from ..modalities import STRUCTURE

MakeEncoder = Callable[[int, int], nn.Module]
MakeFill = Callable[[Mapping[str, int]], nn.Module]
T = TypeVar("T")


def part(what: str, choice: str | T, known: Mapping[str, T]) -> T:
    """The part of that name, or the object itself.

    Raises:
        UsageError: no part has that name; the message holds the nearest one.
    """
    if not isinstance(choice, str):
        return choice
    if choice not in known:
        raise UsageError(f"unknown {what} {choice!r}; {nearest(choice, known)}")
    return known[choice]


class Parts(Protocol):
    """The settings by which models name their parts."""

    @property
    def encoder(self) -> str:
        """Name in ``mmkg.encoders.ENCODERS``."""

    @property
    def fill(self) -> str:
        """Name in ``mmkg.fusion.FILLS``."""

    @property
    def joint_loss(self) -> str:
        """Name in ``mmkg.losses.LOSSES``, or empty."""


def check_parts(config: Parts) -> None:
    """Refuse names that nobody registered.

    Raises:
        UsageError: no part has that name; the message holds the nearest one.
    """
    part("encoder", config.encoder, ENCODERS)
    part("fill", config.fill, FILLS)
    if config.joint_loss:
        part("loss", config.joint_loss, LOSSES)


def encoders_of(encoder: str | MakeEncoder, dims: Mapping[str, int], widths: Mapping[str, int]) -> EncoderBundle:
    """One encoder per modality other than structure.

    Args:
        encoder: name in ``mmkg.encoders.ENCODERS``, or a function that makes a module from the widths of values and
            tokens, ``(d_m, d) -> module``, which maps ``[B, T, d_m]`` to ``[B, T, d]`` and has the attribute ``dim``.
        dims: width of the values of each modality (d_m).
        widths: width of the tokens of each modality (d).
    """
    make = part("encoder", encoder, ENCODERS)
    return EncoderBundle({name: make(dim, widths[name]) for name, dim in dims.items() if name != STRUCTURE})


def fill_of(fill: str | MakeFill, widths: Mapping[str, int]) -> nn.Module:
    """The fill for missing modalities.

    Args:
        fill: name in ``mmkg.fusion.FILLS``, or a function that makes a module from the widths of the tokens by name,
            which maps a ``ModalityBatch`` of tokens to one without gaps.
        widths: width of the tokens of each modality.
    """
    return part("fill", fill, FILLS)(widths)


def joint_terms(loss: str, output: FusionOutput, num_links: int | None = None) -> dict[str, Tensor]:
    """A further loss on the joint embeddings of the links; nothing if no loss is named.

    Args:
        loss: name in ``mmkg.losses.LOSSES``, or empty.
        output: of the entities of a batch, left ends first, then right ends.
        num_links: B; ``None`` = half of the entities.
    """
    if not loss:
        return {}
    count = len(output.joint) // 2 if num_links is None else num_links
    left, right = output.joint[:count], output.joint[count : 2 * count]
    return {f"joint.{loss}": part("loss", loss, LOSSES)(left, right)}
