"""All layouts of folders that hold a pair by name, and how a folder is recognised.

A new layout is its file and one line in ``PAIR_FORMATS``.
"""

from functools import partial
from pathlib import Path

from ...errors import InputError, UsageError, nearest
from ..parsing.columns import COMPRESSED
from .dbp15k import keeps_ids, read_dbp15k_pair, write_dbp15k
from .graphs import GRAPH_FORMATS, graph_format, no_graph, settings_of_graphs
from .left_out import EMPTY, IDS, IMAGES, LOOSE, NAMES, PICTURES, REPEATS, TYPES
from .mmkb import read_mmkb_pair, write_mmkb
from .openea import read_openea_pair, write_openea
from .registry import PairFormat
from .two_graphs import read_sides, sides_of

GIVE_BOTH = (
    "give the other one and the links too: mmkg align LEFT RIGHT --links FILE, or mmkg.read_pair(left, right, links)"
)

PAIR_FORMATS: dict[str, PairFormat] = {
    "dbp15k": PairFormat(
        ("ent_ids_1", "ent_ids_2", "triples_1", "triples_2"),
        read_dbp15k_pair,
        takes=("images", "names"),
        write=write_dbp15k,
        holds=lambda task: (NAMES, IMAGES, REPEATS, LOOSE, *((IDS,) if keeps_ids(task) else ())),
    ),
    "openea": PairFormat(
        ("rel_triples_1", "rel_triples_2"),
        read_openea_pair,
        takes=("fold",),
        write=write_openea,
        holds=lambda task: (TYPES, REPEATS),
        write_split=partial(write_openea, fold="split"),
    ),
    "mmkb": PairFormat(
        ("*_EntityTriples.txt", "*/*_EntityTriples.txt"),
        read_mmkb_pair,
        takes=("graphs",),
        write=write_mmkb,
        holds=lambda task: (IMAGES, PICTURES, TYPES, EMPTY, REPEATS, LOOSE),
    ),
    "pair": PairFormat(("left", "left.*", "right", "right.*"), read_sides, takes=("format", "links"), sides=sides_of),
}


def pair_format(folder: Path, format: str | None = None) -> str:
    """Name in ``PAIR_FORMATS`` of the layout of a folder.

    Args:
        folder: the folder.
        format: a layout, or the format of both graphs of a folder with ``left`` and ``right``; by default recognised
            by the files.

    Raises:
        InputError: no layout fits (the message lists the expected files), or the folder is a single graph.
        UsageError: an unknown format.
    """
    known = (*PAIR_FORMATS, *GRAPH_FORMATS)
    if format is not None and format not in known:
        raise UsageError(f"unknown format {format!r}; {nearest(format, known)}")
    if not folder.exists():
        raise InputError("no such file or folder; check the path", folder)
    found = None if folder.is_file() else _recognised(folder)
    if folder.is_file() or (found is None and format not in PAIR_FORMATS and graph_format(folder)):
        if folder.is_file() and format is None and graph_format(folder) is None:
            raise no_graph(folder)
        raise InputError(f"expected a pair of graphs, got one; {GIVE_BOTH}", folder)
    if format in PAIR_FORMATS:
        return format
    if format is not None:
        found = next(name for name, form in PAIR_FORMATS.items() if form.sides is not None)
    if found is None:
        looked = "; ".join(f"{name}: {', '.join(form.files)}" for name, form in PAIR_FORMATS.items())
        listed = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise InputError(f"expected a pair of graphs, looked for {looked}; found {listed}", folder)
    return found


def settings_of_pair(folder: Path, name: str, format: str | None = None) -> set[str]:
    """Settings that a folder of a layout takes, with those of its graphs."""
    form = PAIR_FORMATS[name]
    inner = format if format in GRAPH_FORMATS else None
    return {*form.takes, *(() if form.sides is None else settings_of_graphs(form.sides(folder), inner))}


def _recognised(folder: Path) -> str | None:
    """The layout of which the folder has any file."""
    return next(
        (
            name
            for name, form in PAIR_FORMATS.items()
            if any(any(folder.glob(each + end)) for each in form.files for end in ("", *COMPRESSED))
        ),
        None,
    )
