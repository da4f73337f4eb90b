"""What a missing vector says: neither for a pair nor against it."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITY = 0.5
COLUMNS = 3


def neutral(left: Tensor, right: Tensor, similarity: float = SIMILARITY) -> tuple[Tensor, Tensor]:
    """Vectors whose product is in proportion to cosine - ``similarity``, and 0 where either side has none.

    A wrong candidate that another modality takes for the right one looks like it as a rule, so that the product of
    two vectors at hand is far above 0 even then. Where 0 stands for a missing vector, right pairs of which one side
    has none lose to such candidates. Three columns mend that: one takes ``similarity`` off where both sides have a
    vector, two fill up the rows of either side that have none, so that all are equally long.

    Args:
        left: unit rows, or zeros where there is none, ``[n1, d]``.
        right: the same, ``[n2, d]``.
        similarity: cosine above which two vectors speak for a pair, in [0, 1).

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
