"""Missing vectors that count neither for nor against a pair."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITY = 0.5
COLUMNS = 3


def neutral(left: Tensor, right: Tensor, similarity: float = SIMILARITY) -> tuple[Tensor, Tensor]:
    """Vectors whose product is proportional to cosine - ``similarity``, and 0 where either side has no vector.

    A wrong candidate that another modality confuses with the right one usually has a similar vector, so the product of
    two present vectors is far above 0 even for a wrong pair. If a missing vector were 0, right pairs with one missing
    vector would lose to such candidates. Three columns correct this: one subtracts ``similarity`` where both sides have
    a vector; the other two extend the rows without a vector to the same length.

    Args:
        left: unit rows, or zeros where there is none, ``[n1, d]``.
        right: the same, ``[n2, d]``.
        similarity: cosine above which two vectors are evidence for a pair, in [0, 1).

    Returns:
        Unit rows ``[n1, d + 3]`` and ``[n2, d + 3]``: products of left and right rows are (cosine - ``similarity``) /
        (1 + ``similarity``), or 0.
    """
    there = [side.any(dim=1).float() for side in (left, right)]
    take, fill = similarity**0.5, (1 + similarity) ** 0.5
    nothing = [torch.zeros_like(each) for each in there]
    columns = (
        torch.stack([take * there[0], fill * (1 - there[0]), nothing[0]], dim=1),
        torch.stack([-take * there[1], nothing[1], fill * (1 - there[1])], dim=1),
    )
    sides = zip((left, right), columns, strict=True)
    first, second = (F.normalize(torch.cat([side, more.to(side)], dim=1), dim=1) for side, more in sides)
    return first, second
