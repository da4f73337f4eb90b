"""What the page of a run shows, as plain values for JSON."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError, brief, nearest
from ..report.colours import colours
from ..report.tables import flatten
from ..result.answers import Answers
from ..result.embeddings import SIDES
from ..version import __version__
from .conflicts import Conflicts
from .counts import histogram, metric_values, precision, slider
from .layout import MOST_POINTS, layout_of
from .layout import as_dict as map_values
from .lists import listed
from .one_match import PairDetails
from .page_rows import Query, answered
from .pictures import addresses, picture
from .rows import Matches
from .side import Side
from .training import training
from .trust import trust

MOST_ANSWERS = 100  # of a search


class RunView:
    """What the page of a run shows. Each part is computed once, when it is first needed.

    Args:
        result: the run.
        folder: its run folder, in which the map is kept; ``None`` = it is kept in memory only.
    """

    def __init__(self, result: Answers, folder: str | Path | None = None) -> None:
        self.result = result
        self.folder = None if folder is None else Path(folder)

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """Both graphs."""
        graphs = self.result.run_graphs
        left, right = (
            Side(name, table, None if graphs is None else graphs.now[place])
            for place, (name, table) in enumerate(zip(SIDES, self.result.entities, strict=True))
        )
        return left, right

    def side(self, name: str) -> Side:
        """The graph ``left`` or ``right``.

        Raises:
            UsageError: another name.
        """
        if name not in SIDES:
            raise UsageError(f"unknown side {brief(name)}; {nearest(name, SIDES)}")
        return self.sides[SIDES.index(name)]

    @cached_property
    def columns(self) -> Matches:
        """The matches as columns."""
        return Matches.of(self.result)

    @cached_property
    def details(self) -> PairDetails:
        """Details of pairs."""
        return PairDetails(self.columns, self.sides)

    @cached_property
    def conflicts(self) -> Conflicts:
        """Conflicts of the matches."""
        return Conflicts(self.columns, self.sides, self.details.same)

    # --- headline

    def summary(self) -> dict[str, Any]:
        """Counts, precision, figures with their protocol, configuration, and the table of the slider."""
        return dict(self._summary)

    @cached_property
    def _summary(self) -> dict[str, Any]:
        result = self.result
        found = result.summary()
        counts = found.as_dict()
        named = ("known", "sure", "to_check", "left_without", "right_without")
        types = dict.fromkeys([*self.sides[0].type_counts, *self.sides[1].type_counts])
        protocol = result.protocol.as_dict()
        return {
            "name": str(result.description.get("name", "alignment")),
            "model": result.experiment.model,
            "created": result.record.created,
            "text": found.text(),
            "counts": {name: counts[name] for name in named},
            "threshold": round(found.threshold, 4),
            "same_as": round(found.same_as, 4),
            "precision": precision(self.columns),
            "judged": bool(result.metrics),
            "judged_on": result.protocol.judged if result.metrics else None,
            "metrics": metric_values(result),
            "protocol": [[name.replace("_", " "), value] for name, value in flatten(protocol)],
            "configuration": result.experiment.to_dict(),
            "data": _sides_of(result.description),
            "record": [[name, value] for name, value in flatten(_record(result))],
            "thresholds": slider(self.columns),
            "histogram": histogram(self.columns),
            "modalities": colours(list(result.widths)),
            "types": list(types),
            "num_left": len(self.sides[0]),
            "num_right": len(self.sides[1]),
            "read_only": False,
            "calibrated": result.calibration.text(),
            "sampled": None,
            "pictures": any(side.graph is not None and side.graph.pictures is not None for side in self.sides),
            "graphs": all(side.graph is not None for side in self.sides),
            "version": __version__,
        }

    # --- matches

    def matches(
        self, *, decisions: Mapping[tuple[str | None, str | None], str] | None = None, **query: Any
    ) -> dict[str, Any]:
        """A part of the matches, or of the entities without a counterpart: ``total``, ``offset`` and ``rows``.

        Args:
            decisions: verdicts by left and right key, of which one may be ``None``.
            query: fields of ``Query``.

        Raises:
            UsageError: an unknown field or value.
        """
        return answered(self.columns, self.sides, Query.of(query), decisions or {})

    def match(self, left: str | None = None, right: str | None = None) -> dict[str, Any]:
        """Everything about a pair, or about an entity and its match.

        Args:
            left, right: keys of the entities; without one of them, the match of the other.

        Raises:
            UsageError: no such entity, or neither is given.
        """
        if left is None and right is None:
            raise UsageError("name an entity: left, right, or both")
        keys = (left, right)
        rows = [-1 if key is None else side.row_of(key) for side, key in zip(self.sides, keys, strict=True)]
        for place in (0, 1):
            if rows[place] < 0:
                rows[place] = int(self.columns.partner[1 - place][rows[1 - place]])
        return self.details.of(np.array([rows]), addresses, side=SIDES[0 if left is not None else 1])[0]

    def candidates(self, side: str, key: str, k: int = 5) -> dict[str, Any]:
        """The k best candidates of an entity: ``rows`` with key, name, score and confidence."""
        own = self.side(side)
        return {"rows": self.details.candidates(own.row_of(key), side, _count(k))}

    def search(self, q: str, side: str = "left", k: int = 10) -> dict[str, Any]:
        """The k entities of a side whose name or key fits a text best: ``rows`` with key, name and score in (0, 1]."""
        own = self.side(side)
        found = own.texts.search(q, _count(k))
        return {"rows": [{"key": own.key(row), "name": own.shown(row), "score": score} for row, score in found]}

    # --- the run as a whole

    def trust(self) -> dict[str, Any]:
        """Reliability, precision and recall by confidence, and the histogram of confidence; see ``trust.trust``."""
        return dict(self._trust)

    @cached_property
    def _trust(self) -> dict[str, Any]:
        return trust(self.columns)

    def map(self, *, most: int = MOST_POINTS, quick: bool = False) -> dict[str, Any]:
        """Entities of both graphs in two dimensions, and links between them; see ``layout_of``.

        It takes seconds to minutes, and is then kept in the run folder.
        """
        return map_values(layout_of(self.columns, self.folder, most=most, quick=quick), self.columns, self.sides)

    def lists(self, name: str, offset: int = 0, limit: int = 100) -> dict[str, Any]:
        """A part of a list: ``unmatched_left``, ``unmatched_right``, ``rivals``, ``conflicts`` or ``relations``.

        Raises:
            UsageError: no such list, or a part out of range.
        """
        return listed(name, self.columns, self.sides, self.conflicts, offset=offset, limit=limit)

    def training(self) -> dict[str, Any]:
        """Curves of the training, each with the epoch or round that was chosen."""
        return training(self.result)

    def picture(self, side: str, key: str, n: int = 0) -> bytes:
        """A picture of an entity as WebP.

        Raises:
            UsageError: no such side, entity or picture.
            PictureError: the file cannot be read as a picture.
        """
        own = self.side(side)
        return picture(own, own.row_of(key), n)


def _sides_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """What the graphs hold: ``counts`` of both, and ``coverage``, the share of entities that have a modality.

    Each row is a name, the left and the right number, of which one may be ``None``.
    """
    sides = [description.get(name) or {} for name in SIDES]
    named = dict.fromkeys(name for side in sides for name, value in side.items() if isinstance(value, int | float))
    modalities = [side.get("modalities") or {} for side in sides]
    covered = dict.fromkeys(name for side in modalities for name in side)
    return {
        "counts": [[name.replace("_", " "), *(side.get(name) for side in sides)] for name in named],
        "coverage": [[name, *((side.get(name) or {}).get("share") for side in modalities)] for name in covered],
    }


def _record(result: Answers) -> dict[str, Any]:
    """Machine, versions, time and memory of a run."""
    record = json.loads(result.record.to_json())
    return {name: value for name, value in record.items() if name not in ("protocol", "metrics")}


def _count(k: int) -> int:
    if not 1 <= k <= MOST_ANSWERS:
        raise UsageError(f"k must be in 1..{MOST_ANSWERS}, got {k}")
    return k
