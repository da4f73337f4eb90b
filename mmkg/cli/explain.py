"""``mmkg explain``: what speaks for a pair of entities, and against it."""

from typing import Annotated

import typer

from ..errors import UsageError
from ..printing import lines, show
from .options import Run, RunOptions, expanded
from .runs import load_run
from .shown import print_json


@expanded
def explain(
    *,
    run: Run,
    left: Annotated[str, typer.Option(help="Name or URI of an entity of the left graph.")],
    right: Annotated[
        str | None,
        typer.Option(help="Name or URI of an entity of the right graph.", show_default="the best answer"),
    ] = None,
    options: RunOptions,
) -> None:
    """Say why two entities are, or are not, the same.

    The parts of the score, rivals, neighbours that are matched to each other, and rules: facts of the two that agree,
    each with the probability that they are the same by this fact alone.
    """
    result = load_run(run, options)
    row = result.find(left)[0]
    if right is None:
        answers = result.search(row, k=1)
        if not answers:
            raise UsageError(f"nothing was found for {left!r}; name the other entity with --right")
        found = result.explain((row, answers[0].row))
    else:
        found = result.explain((row, result.find(right, side="right")[0]))
    if options.as_json:
        print_json(found.as_dict())
    else:
        show(lines(str(found)))
