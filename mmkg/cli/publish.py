"""``mmkg publish``: a finished run in a vector database; and searches there."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..printing import show
from .options import Json, Run
from .shown import print_json

if TYPE_CHECKING:
    from ..result.hits import Hit
    from ..stores.store import Entities

At = Annotated[
    str | None,
    typer.Option("--at", metavar="ADDRESS", help="Search a run that `mmkg publish` put there, instead of RUN."),
]


def publish(
    *,
    run: Run,
    to: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="milvus:FILE.db, milvus:http://HOST:PORT or lancedb:FOLDER; #NAME behind it names the run there.",
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another run of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Put a run into Milvus or LanceDB, to be searched there.

    Searches need no run folder then. The store gets labels, vectors, CSLS means, links and confidences. Publishing
    again, e.g. after `mmkg extend`, writes only what is new or has changed. A Milvus server takes its token from the
    environment variable MILVUS_TOKEN.
    """
    from ..result.result import AlignmentResult
    from ..stores import open_store
    from ..stores.publish import publish as write

    store = open_store(to, create=True)
    try:
        found = write(AlignmentResult.load(run), store, overwrite=overwrite)
    finally:
        store.close()
    if as_json:
        print_json(found.as_dict())
        return
    left, right = found.entities
    show(f"{left:,} left and {right:,} right entities: {found.address}")
    show(f"{sum(found.written):,} of them were new or had changed; search them: mmkg search --at {to} --entity NAME")


def search_store(address: str, entity: str, k: int, side: str | None) -> "tuple[Entities, list[Hit], str, bool]":
    """Answers of a store to a question of the command line.

    Returns:
        The entities that the text may mean, the first of which was searched; the answers; the side; and whether it was
        found on the right only.

    Raises:
        UsageError: no such entity.
        InputError: the store cannot be read.
    """
    from ..stores import PublishedRun, open_store

    store = open_store(address)
    try:
        run = PublishedRun(store)
        turned = side is None and not run.rows_of(entity) and bool(run.rows_of(entity, "right"))
        side = side or ("right" if turned else "left")
        rows = run.find(entity, side)
        return run.entities(rows[:4], side), list(run.search(rows[0], k=k, side=side)), side, turned
    finally:
        store.close()


def check_alone(address: str, others: dict[str, object]) -> None:
    """Refuse options that need the run folder.

    Args:
        address: value of --at.
        others: the other options and their values.
    """
    given = [name for name, value in others.items() if value]
    if given:
        raise UsageError(f"--at {address} has everything that is searched; leave out {', '.join(given)}")
