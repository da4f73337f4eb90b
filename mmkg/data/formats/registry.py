"""What a format of graphs or pairs consists of; the formats themselves are listed in ``graphs.py`` and ``pairs.py``."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...errors import UsageError
from ..kg import KnowledgeGraph
from ..links.pairs import PairData
from ..parsing.urls import Url
from ..task import AlignmentTask


class GraphData(NamedTuple):
    """A graph, and the pairs of labels that its files state to be the same (``owl:sameAs``), in their order."""

    graph: KnowledgeGraph
    same_as: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class GraphFormat:
    """A format of single graphs.

    Args:
        suffixes: ends of file names in this format, e.g. ``(".nt", ".ttl")``; each also with ``.gz`` or ``.bz2``.
        read: ``read(path, faults, **settings)`` returns the graph of a file or folder; settings are those of ``takes``.
        takes: settings of the section ``data`` that the reader takes, of ``languages``, ``header``, ``columns`` and
            ``table``.
        any_name: whether any files with these suffixes make a folder a graph; by default a file ``triples`` does.
        fits: whether any other folder is a graph in this format.
        write: ``write(graph, path)`` writes a graph to the file or folder ``path``, to which it may add a suffix;
            ``None`` = the format is only read.
        holds: kinds of data, of ``left_out.py``, that the writer writes.
        written_as: name of the writer in ``write_pair``; by default the name of the format.
        links: format of links, a name in ``LINK_FORMATS``, in which a pair of such graphs is written by default.
        recognise: whether a file or folder is in this format by its content, before others are recognised by their
            suffixes; ``None`` = by its suffixes.
        address: whether an address is that of a service with such a graph, whose ``read`` takes a ``Url``; ``None`` =
            the format is one of files.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., GraphData]
    takes: tuple[str, ...] = ()
    any_name: bool = False
    fits: Callable[[Path], bool] | None = None
    write: Callable[[KnowledgeGraph, Path], object] | None = None
    holds: Collection[str] = ()
    written_as: str | None = None
    links: str = "tsv"
    recognise: Callable[[Path], bool] | None = None
    address: Callable[[Url], bool] | None = None


@dataclass(frozen=True)
class PairFormat:
    """A layout of folders that hold a pair of graphs.

    Args:
        files: names or patterns of files; a folder with any of them has this layout.
        read: ``read(folder, faults, **settings)`` returns graphs and links; settings are those of ``takes``.
        takes: settings of the section ``data`` that the reader takes; ``images`` is a file of image features by
            entity id.
        sides: the two graphs of a folder, if each has a format of its own, whose settings are then taken, too.
        write: ``write(task, folder)``; ``None`` = the layout is only read.
        holds: kinds of data, of ``left_out.py``, that the writer writes, except the split.
        write_split: the same, with the train, valid and test parts of the links; ``None`` = the layout holds none.
    """

    files: tuple[str, ...]
    read: Callable[..., PairData]
    takes: tuple[str, ...] = ()
    sides: Callable[[Path], Sequence[Path]] | None = None
    write: Callable[[AlignmentTask, Path], object] | None = None
    holds: Callable[[AlignmentTask], Collection[str]] = lambda task: ()
    write_split: Callable[[AlignmentTask, Path], object] | None = None


def refuse_unused(
    given: Iterable[str], takes: Collection[str], source: str, users: Mapping[str, Collection[str]], section: str = ""
) -> None:
    """Refuse settings that a source does not take.

    Args:
        given: names of the settings.
        takes: names of those that have an effect.
        source: the source, for the message.
        users: settings taken by each kind of source, for the message.
        section: text before the name of a setting, e.g. ``data.``.

    Raises:
        UsageError: names the setting and the sources that take it.
    """
    for name in given:
        if name not in takes:
            others = ", ".join(user for user, names in users.items() if name in names) or "nothing"
            raise UsageError(f"{section}{name} has no effect on {source}; it is a setting for {others}")
