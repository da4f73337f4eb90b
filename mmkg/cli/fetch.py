"""``mmkg fetch``: public data sets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError, nearest
from ..printing import show
from .options import Json, expanded
from .shown import print_json


@expanded
def fetch(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Data set, see --list.", show_default=False)
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the data set.", show_default="data/NAME")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Download nothing; only compare the files with their hashes.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the data sets.")] = False,
    sources: Annotated[
        Path | None, typer.Option(help="TOML file with data sets of your own.", show_default="those of mmkg")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a public data set and check its files.

    An interrupted download is continued by the same command. A file that can only be had with a browser is named with
    its web page and the place to save it; the exit status is then 1. --verify needs no network: it compares each file
    with its published hash, or with the hash of the first download.
    """
    from ..sources import fetch as library

    known = library.read_sources() if sources is None else library.read_sources(sources)
    if listed:
        if as_json:
            print_json({key: source.about for key, source in known.items()})
            return
        for key, source in known.items():
            show(f"{key:<14} {source.about}")
        return
    if name is None:
        raise UsageError(f"expected the name of a data set; known: {', '.join(known)}")
    if name not in known:
        raise UsageError(f"unknown data set {name!r}; {nearest(name, known)}")
    source, folder = known[name], to or Path("data") / name
    problems = library.verify(source, folder) if verify else library.fetch(source, folder)
    unknown = sum(not file.digests for file in source.files)
    if as_json:
        counts = {"files": len(source.files), "without_published_hash": unknown}
        print_json({"folder": str(folder), **counts, "problems": problems})
    elif problems:
        for problem in problems:
            show(f"mmkg: {problem}", file=sys.stderr)
    else:
        show(f"{len(source.files)} files in {folder} are {'unchanged' if verify else 'complete'}")
        if unknown:
            first = folder / library.RECORD
            show(f"{unknown} of them have no published hash; their hash at the first download is in {first}")
        if source.load:
            show(f"look at them: mmkg describe {source.load.format(folder=folder)}")
    if problems:
        raise typer.Exit(1)
