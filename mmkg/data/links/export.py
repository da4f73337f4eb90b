"""Links on their way into a file, whatever its format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Link(NamedTuple):
    """One link between two entities.

    Args:
        left: label (IRI or text) of the left entity.
        right: label of the right entity.
        score: 0 to 100, larger is better; ``None`` for a known link.
        confidence: in [0, 1]; ``None`` without calibration.
        left_label: display text of the left entity.
        right_label: display text of the right entity.
    """

    left: str
    right: str
    score: float | None = None
    confidence: float | None = None
    left_label: str = ""
    right_label: str = ""


@dataclass(frozen=True)
class Export:
    """Links to write, and the entities without a link.

    Args:
        links: the links.
        same_as: least confidence of ``owl:sameAs`` in SSSOM and N-Triples; links of lower or without confidence become
            ``skos:closeMatch``. ``None`` = all are ``owl:sameAs``.
        unmatched: label and display text of the left and of the right entities without a link; SSSOM lists them.
        identifier: IRI of the mapping set in SSSOM.
        parts: ``train``, ``valid`` or ``test`` for each known link; ``None`` without a split.
        rejected: pairs that are known to be wrong; SSSOM lists them.
        scored: whether tables have columns for scores, confidences and display texts.
    """

    links: Sequence[Link]
    same_as: float | None = None
    unmatched: tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]] = ((), ())
    identifier: str = "urn:mmkg:alignment"
    parts: Sequence[str] | None = None
    scored: bool = True
    rejected: Sequence[Link] = ()

    def is_same(self, link: Link) -> bool:
        """Whether a link is ``owl:sameAs``."""
        return self.same_as is None or (link.confidence is not None and link.confidence >= self.same_as)
