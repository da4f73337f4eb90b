"""``mmkg serve`` and ``mmkg review``: a run as a page and an API, and decisions about its matches."""

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..printing import show
from .options import Json, Run
from .shown import print_json

if TYPE_CHECKING:
    from ..data.entities import EntityTable
    from ..decisions.decision import Decision
    from ..serve.settings import ServeConfig

OPEN = "#show=check"  # the place of the page with the matches to check

Port = Annotated[int, typer.Option(help="Port; 0 = any free one.")]
Host = Annotated[
    str,
    typer.Option(help="Address to listen at; 0.0.0.0 = reachable from elsewhere, then every request needs a token."),
]
Token = Annotated[
    str | None,
    typer.Option(help="Secret that every request needs.", show_default="a random one, for writes and other machines"),
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Take no decisions.")]


def serve(
    *,
    run: Run,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    token: Token = None,
    read_only: ReadOnly = False,
    as_json: Json = False,
) -> None:
    """Serve a run as a page, an HTTP API and for OpenRefine.

    Only this machine can reach it unless --host says otherwise. Decisions are kept in RUN/decisions.sqlite. Programs
    such as OpenRefine reconcile against ADDRESS/reconcile/left and ADDRESS/reconcile/right; ADDRESS/docs describes the
    API. Ctrl-C ends it.
    """
    _serve(run, _config(host, port, token, read_only), as_json=as_json)


def review(
    *,
    run: Run,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Decide here, by letters: accept, reject, no counterpart.")
    ] = False,
    author: Annotated[
        str | None, typer.Option(help="Who decides: a name or an ORCID.", show_default="the user's name")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write all decisions to this file as SSSOM, and end.")] = None,
    add: Annotated[
        Path | None, typer.Option("--import", help="Add the decisions of a file to those of the run, and end.")
    ] = None,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Decide about the matches of a run, the least sure first.

    The page of `mmkg serve` opens at the matches to check. Decisions are kept in RUN/decisions.sqlite; `mmkg align`,
    `match`, `merge` and `dedupe` take them with --decisions RUN.
    """
    if export is not None or add is not None:
        if terminal:
            raise UsageError("--terminal has no effect with --export and --import")
        _exchange(run, export, add, as_json)
    elif terminal:
        from .review_terminal import review_here

        review_here(run, author, as_json=as_json)
    else:
        if author is not None:
            raise UsageError("--author is for --terminal, --export and --import; the page has a field for it")
        _serve(run, _config(host, port, token, False), as_json=as_json, opened=True)


def _config(host: str, port: int, token: str | None, read_only: bool) -> "ServeConfig":
    from ..serve.server import check_packages

    check_packages()
    from ..serve.settings import ServeConfig

    if token is None:
        return ServeConfig(host, port, read_only=read_only)
    return ServeConfig(host, port, token, given=True, read_only=read_only)


def _serve(run: Path, config: "ServeConfig", *, as_json: bool, opened: bool = False) -> None:
    """Serve a run until Ctrl-C; the address is printed when it answers."""
    from ..result.result import AlignmentResult
    from ..serve.app import application
    from ..serve.server import address_of, listening, serve, served_run

    found = listening(config.host, config.port)  # before the run is read: a port in use is said at once
    try:
        served = served_run(AlignmentResult.load(run), str(run), config)
        served.prepare()
        address = address_of(config, found) + (OPEN if opened else "")
        if as_json:
            print_json({"address": address, "token": config.token, "read_only": config.read_only})
        else:
            show(f"{served.name}: {address}")
            if not config.read_only:
                show(f"programs that write send the header X-MMKG-Token: {config.token}")
            show("Ctrl-C ends it")
        sys.stdout.flush()
        if opened and sys.stdout.isatty():
            webbrowser.open(address)
        try:
            serve(application(served), found)
        finally:
            served.store.close()
    finally:
        found.close()


def _exchange(run: Path, export: Path | None, add: Path | None, as_json: bool) -> None:
    """Add the decisions of a file to a run, and write those of the run to a file."""
    from ..decisions.read import read_decisions
    from ..decisions.sssom import write_decisions
    from ..decisions.store import DecisionStore
    from ..result.read_hits import read_hits

    entities = read_hits(run).entities
    store = DecisionStore.of(run)
    added = known = strange = 0
    try:
        if add is not None:
            read = [decision for _, decision in read_decisions(add)]
            inside = [each for each in read if _is_inside(each.pair, entities)]
            strange = len(read) - len(inside)
            if read and not inside:
                raise UsageError(f"no decision in {add} is about entities of this run, first {read[0].text()}")
            there = {_facts(each) for each in store.all()}
            new = [each for each in inside if _facts(each) not in there]
            added, known = len(store.extend(new)), len(inside) - len(new)
        total = store.count()
        if export is not None:
            shown = [dict(zip(table.labels, table.display, strict=True)) for table in entities]
            write_decisions(export, store.all(), lambda side, label: shown[side].get(label, ""))
    finally:
        store.close()
    values = {"decisions": total, "added": added, "known": known, "unknown": strange}
    if as_json:
        print_json(values)
        return
    if add is not None:
        more = f"; {strange:,} are about entities that the run does not have" if strange else ""
        show(f"{added:,} decisions added from {add}, {known:,} were there{more}")
    if export is not None:
        show(f"{total:,} decisions written to {export}")


def _is_inside(pair: tuple[str | None, str | None], entities: tuple["EntityTable", "EntityTable"]) -> bool:
    from ..data.texts.labels import Labels

    return all(
        label is None or bool(Labels.of(table.labels).rows_of(label))
        for label, table in zip(pair, entities, strict=True)
    )


def _facts(decision: "Decision") -> tuple[str | None, ...]:
    """What makes two decisions one: SSSOM has dates without times."""
    return (*decision.pair, decision.verdict, decision.author, decision.date[:10], decision.comment)
