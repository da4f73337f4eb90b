"""``mmkg match --relations``: the aligned relations of a run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..printing import lines as lines_of
from ..printing import show
from .shown import print_json

if TYPE_CHECKING:
    from ..result.result import AlignmentResult


def write_relations(
    result: "AlignmentResult",
    form: str,
    least: float | None,
    out: Path | None,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Print or write the aligned relations of a run.

    Args:
        result: the run.
        form: ``tsv`` or ``sssom``.
        least: least probability of relations that are called the same in SSSOM; ``None`` = 0.7.
        out: the file, or ``None`` = stdout.
        as_json: whether to print one JSON object.
        given: options of the matching and their values, none of which has an effect.

    Raises:
        UsageError: another format, an option without an effect, or the run holds no aligned relations.
    """
    from ..data.relations import SURE
    from ..files import write_lines
    from ..report.properties import relations_sssom, relations_tsv
    from ..result.calibrate import check_threshold

    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{name} has no effect with --relations, which were aligned with the run")
    if form not in ("tsv", "sssom"):
        raise UsageError(f"relations are written as tsv or sssom, got {form!r}")
    if least is not None and form != "sssom":
        raise UsageError("--same-as has an effect on relations in sssom only")
    pairs = result.relations()
    least = SURE if least is None else check_threshold(least)
    lines = relations_tsv(pairs) if form == "tsv" else relations_sssom(pairs, least=least)
    if out is not None:
        write_lines(out, lines)
    if as_json:
        print_json({"relations": [pair.as_dict() for pair in pairs]})
    elif out is not None:
        show(f"{len(pairs):,} pairs of relations and attributes written to {out}")
    else:
        for each in lines:
            sys.stdout.write(lines_of(each) if sys.stdout.isatty() else each)
