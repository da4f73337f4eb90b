"""``mmkg ask``: the pairs whose answers would help most."""

from pathlib import Path
from typing import Annotated

import typer

from ..printing import show
from .options import Run, RunOptions, expanded
from .runs import load_run
from .shown import print_json


@expanded
def ask(
    *,
    run: Run,
    budget: Annotated[int, typer.Option(help="Number of pairs.")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="Tab-separated file to write.", show_default="a table on stdout")
    ] = None,
    options: RunOptions,
) -> None:
    """List the pairs that are worth deciding next.

    Pairs that are probably right and have many neighbours come first: a yes is a link that all of these learn from. No
    two are alike, no entity comes twice, and what is decided in the run folder is left out.
    """
    from ..decisions.settled import settled
    from ..decisions.store import DecisionStore
    from ..files import write_lines
    from ..report.tables import text_table
    from ..review.ask import pairs_to_ask, questions_tsv

    result = load_run(run, options)
    said = DecisionStore.of(run, read_only=True).all()
    decided = settled(said, one_to_one=result.experiment.data.one_to_one).decisions
    found = pairs_to_ask(result, budget, {each.pair: each.verdict for each in decided})
    if out is not None:
        write_lines(out, questions_tsv(found))
    if options.as_json:
        print_json({"questions": [each.as_dict() for each in found]})
    elif out is not None:
        show(f"{len(found)} pairs written to {out}")
    elif not found:
        show("no pair is left to decide")
    else:
        rows = [[str(n), each.left_name, each.right_name, each.why] for n, each in enumerate(found, start=1)]
        show(text_table(["", "left", "right", "why"], rows, left=[1, 2, 3]), end="")
