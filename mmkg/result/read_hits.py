"""Search in a run folder without what it was learnt with: no graphs, weights or index are read, and no torch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..compute.host import isolated
from ..data.entities import EntityTable
from ..data.literals import pool_of
from ..data.task import LinkSplit
from ..errors import InputError
from ..evaluation.protocol import Protocol
from ..folders import MANIFEST, read_manifest, settle
from ..matching.counterparts import Counterparts
from ..schema import checked
from ..search.neighbors import Neighbors
from ..typing import FloatArray, IntArray
from .calibrate import Confidences
from .embeddings import Embeddings
from .hits import Hits
from .linked import are_guesses
from .searcher import EmbeddingSearch
from .stored import (
    HeldOutValues,
    read_embeddings,
    read_neighbors,
    read_record,
    read_search,
    read_split,
    read_tables,
)

FORMAT = 1
AGAIN = "run the alignment again"
CONFIG, RECORD, ENTITIES, LINKS = "config.toml", "record.json", "entities.json", "links.json"
EMBEDDINGS, NEIGHBORS = "embeddings.safetensors", "neighbors.safetensors"  # the second not in folders of older versions
SEARCHED = (CONFIG, RECORD, ENTITIES, LINKS, EMBEDDINGS)

T = TypeVar("T")


class Searched(NamedTuple):
    """What a search reads of a run folder.

    Args:
        embeddings: mapped from the disk.
        entities: tables of the left and the right graph.
        links: the split of the run.
        kept: matches that stay, int64 ``[P, 2]``.
        alone: entities without a counterpart, int64 ``[N, 2]`` of (side, row).
        means: CSLS means of both graphs; ``None`` without CSLS.
        lists: nearest neighbours of all entities of both graphs; ``None`` in folders of older versions.
    """

    embeddings: Embeddings
    entities: tuple[EntityTable, EntityTable]
    links: LinkSplit
    kept: IntArray
    alone: IntArray
    means: tuple[FloatArray, FloatArray] | None
    lists: tuple[Neighbors, Neighbors] | None

    def keep_in(self, searcher: EmbeddingSearch) -> None:
        """Let a search use the means and neighbours."""
        if self.means is not None:
            searcher.keep_means(self.means)
        if self.lists is not None:
            searcher.keep_lists(self.lists)


@isolated
def read_hits(folder: str | Path) -> Hits:
    """Search by entity in a run folder, with its own settings; see ``AlignmentResult.hits``.

    The hash of each file that is read is checked. Answers are those of ``AlignmentResult.load(folder).search``.

    Raises:
        InputError: no run, or a file is missing or damaged.
    """
    return steady(Path(folder), lambda: _read_hits(Path(folder)))


def _read_hits(folder: Path) -> Hits:
    manifest = read_manifest(folder, SEARCHED, format=FORMAT, again=AGAIN, read=(*SEARCHED, NEIGHBORS))
    protocol = read_record(folder / RECORD)[1]
    search, seed = read_search(folder / CONFIG)
    found = read_searched(folder, manifest, protocol)
    searcher = EmbeddingSearch(found.embeddings, protocol.csls_k, search, "cpu")
    found.keep_in(searcher)
    learnt = read_counterparts(folder, manifest)
    sample = learnt.sample if learnt is not None and protocol.calibrated_before else None
    confidences = Confidences(searcher, found.links, search, seed, sample, are_guesses(found.links, protocol))
    if learnt is not None:
        confidences.keep(learnt)
    return Hits(confidences, found.entities)


def read_searched(folder: Path, manifest: Mapping[str, Any], protocol: Protocol) -> Searched:
    """What a search reads of a run folder, whose hashes have been checked."""
    tables = read_tables(folder / ENTITIES)
    sizes = (len(tables[0].labels), len(tables[1].labels))
    left, right, widths, means = read_embeddings(folder / EMBEDDINGS, sizes, csls=protocol.csls_k > 0)
    links, never, kept, alone = read_split(folder / LINKS, sizes)
    embeddings = Embeddings(left, right, widths, never=never)  # as in runs in which all entities were matched
    for literals in (True, False):  # there were runs in which literal nodes were matched like others
        pool = pool_of(*tables, links.all(), literals=literals)
        masked = Embeddings(left, right, widths, pool.matched, pool.exact, never)
        if manifest.get("num_matched") == masked.num_matched:
            embeddings = masked
            break
    lists = None
    if NEIGHBORS in manifest["sha256"]:
        lists = read_neighbors(folder / NEIGHBORS, (embeddings.num_matched[0], embeddings.num_matched[1]))
    return Searched(embeddings, tables, links, kept, alone, means, lists)


def read_counterparts(folder: Path, manifest: Mapping[str, Any]) -> Counterparts | None:
    """The calibration in a manifest; ``None`` if it has none."""
    learnt = checked(manifest.get("counterparts"), HeldOutValues | None, folder / MANIFEST)
    try:
        return None if learnt is None else Counterparts.from_dict(learnt)
    except InputError as error:
        raise InputError(error.reason, folder / MANIFEST) from None


def steady(folder: Path, read: Callable[[], T]) -> T:
    """What ``read`` reads of a run folder; again, if another process has replaced the run in the meantime."""
    for last in (False, False, True):
        settle(folder)
        before = _seal_of(folder)
        try:
            found = read()
        except InputError:
            if last or _seal_of(folder) == before:
                raise
        else:
            if last or _seal_of(folder) == before:
                return found
    raise AssertionError


def _seal_of(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return b""
