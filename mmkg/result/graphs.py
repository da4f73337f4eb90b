"""The aligned graphs in a run folder, with which a run embeds entities that it did not have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import NonNegativeInt
from typing_extensions import TypedDict

from ..data.entities import EntityTable
from ..data.growth import Extent, former
from ..data.kg import SIDES, AttributeTriples, ImageTable, KnowledgeGraph
from ..data.texts.packed import Texts
from ..errors import InputError
from ..files import sha256_file, write_text
from ..records import Shown
from ..schema import read_json
from ..search.mapped import map_arrays, write_arrays
from ..typing import FloatArray, IntArray

GRAPHS = ("graphs.json", "graphs.safetensors")
BLOCK_ROWS = 4096  # of image features that are scaled at a time
ROUNDING = 2e-3  # of the length of a unit row in float16


class _Texts(TypedDict):
    relations: list[str]
    attributes: list[str]
    values: list[str | None] | None
    types: list[str | None] | None
    names: list[str | None] | None
    pictures: list[str | None] | None
    has_display: bool
    size: NonNegativeInt
    fitted: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt]


class RunGraphs(NamedTuple):
    """The graphs of a run.

    Args:
        now: the left and the right graph.
        fitted: what either had when the run learnt from it; the rest was added later, see ``mmkg.data.growth``.
    """

    now: tuple[KnowledgeGraph, KnowledgeGraph]
    fitted: tuple[Extent, Extent]

    @property
    def then(self) -> tuple[KnowledgeGraph, KnowledgeGraph]:
        """The graphs that the run learnt from."""
        left, right = (former(graph, extent) for graph, extent in zip(*self, strict=True))
        return left, right


@dataclass(frozen=True, repr=False)
class StoredGraphs(Shown):
    """The graphs of a run in its folder; they are read when they are needed.

    Args:
        folder: the run folder.
        hashes: SHA-256 of either file of ``GRAPHS``, from the manifest.
        tables: labels, names and display texts of the entities.
    """

    folder: Path
    hashes: tuple[str, ...]
    tables: tuple[EntityTable, EntityTable]

    @staticmethod
    def of(folder: Path, hashes: Mapping[str, str], tables: tuple[EntityTable, EntityTable]) -> "StoredGraphs | None":
        """The graphs of a folder; ``None`` if its manifest has none."""
        if not all(name in hashes for name in GRAPHS):
            return None
        return StoredGraphs(folder, tuple(hashes[name] for name in GRAPHS), tables)

    def read(self) -> "RunGraphs":
        """Both graphs.

        Raises:
            InputError: the files have changed since the run was read, or are damaged.
        """
        paths = [self.folder / name for name in GRAPHS]
        for path, expected in zip(paths, self.hashes, strict=True):
            if not path.is_file() or sha256_file(path) != expected:
                raise InputError("changed since the run was read; read the run again", path)
        texts = read_json(paths[0], tuple[_Texts, _Texts])
        arrays = map_arrays(paths[1]).arrays
        left, right = (
            _graph(table, each, side, arrays, paths)
            for table, each, side in zip(self.tables, texts, SIDES, strict=True)
        )
        return RunGraphs((left, right), (Extent(*texts[0]["fitted"]), Extent(*texts[1]["fitted"])))


def write_graphs(graphs: RunGraphs, folder: Path) -> None:
    """Write both graphs to a folder; labels and display texts are those of ``entities.json``.

    Image features are stored as unit rows in float16: models read their direction only.
    """
    texts: list[_Texts] = []
    stored: dict[str, np.ndarray] = {}
    for side, graph, fitted in zip(SIDES, graphs.now, graphs.fitted, strict=True):
        facts = graph.attributes
        texts.append(
            _Texts(
                relations=list(graph.relations),
                attributes=list(facts.names),
                values=None if Texts.of(facts.values).is_nothing else list(facts.values),
                types=None if facts.types is None else list(facts.types),
                names=None if graph.names is None else list(graph.names),
                pictures=None if graph.pictures is None else list(graph.pictures),
                has_display=graph.display is not None,
                size=graph.num_entities,
                fitted=fitted,
            )
        )
        arrays = {"triples": graph.triples, "entity": facts.entity, "attribute": facts.attribute}
        if graph.images is not None:
            arrays["image_rows"] = graph.images.rows
            stored[f"{side}.images"] = _unit_half(graph.images.features)
        stored |= {f"{side}.{name}": _narrow(array) for name, array in arrays.items()}
    write_text(folder / GRAPHS[0], json.dumps(texts, ensure_ascii=False))
    write_arrays(folder / GRAPHS[1], stored, {})


def _narrow(numbers: IntArray) -> IntArray:
    """Integers as int32 if all fit, else as int64."""
    found: IntArray = numbers.astype(np.int64 if numbers.size and numbers.max() >= 1 << 31 else np.int32)
    return found


def _unit_half(features: FloatArray) -> FloatArray:
    """Unit rows in float16; rows of zeros stay zero."""
    found: FloatArray = np.empty(features.shape, np.float16)
    for start in range(0, len(found), BLOCK_ROWS):
        rows = features[start : start + BLOCK_ROWS].astype(np.float32).astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        apart = (lengths > 0) & (np.abs(lengths - 1) > ROUNDING)  # so that stored rows are stored unchanged again
        found[start : start + len(rows)] = rows / np.where(apart, lengths, 1.0)
    return found


def _graph(
    table: EntityTable, texts: _Texts, side: str, arrays: Mapping[str, np.ndarray], paths: list[Path]
) -> KnowledgeGraph:
    """One graph of the files.

    Raises:
        InputError: the files do not fit each other.
    """
    if texts["size"] != len(table.labels):
        raise InputError(f"expected {len(table.labels)} {side} entities, got {texts['size']}", paths[0])

    def integers(name: str, *shape: int) -> IntArray:
        found = arrays.get(f"{side}.{name}")
        if found is None or found.dtype not in (np.int32, np.int64) or found.ndim != len(shape) + 1:
            raise InputError(f"expected int32 or int64 {side}.{name}", paths[1])
        return found.astype(np.int64)

    entity, attribute = integers("entity"), integers("attribute")
    values = Texts.nothing(len(entity)) if texts["values"] is None else Texts.of(texts["values"])
    types = texts["types"]
    sizes = (len(table.labels), len(texts["relations"]), -1, len(values), len(texts["attributes"]))
    if any(then > now >= 0 for then, now in zip(texts["fitted"], sizes, strict=True)) or not texts["fitted"][0]:
        raise InputError(f"expected former {side} sizes up to {sizes}, got {texts['fitted']}", paths[0])
    if not len(entity) == len(attribute) == len(values) == len(values if types is None else types):
        raise InputError(f"expected as many {side} values as facts, {len(entity)}, got {len(values)}", paths[0])
    if len(set(texts["attributes"])) != len(texts["attributes"]):
        raise InputError(f"expected unique {side} attributes", paths[0])
    images = None
    if f"{side}.images" in arrays:
        images = ImageTable(integers("image_rows"), arrays[f"{side}.images"].astype(np.float32))
    names, pictures = texts["names"], texts["pictures"]
    facts = AttributeTriples(
        entity, attribute, tuple(texts["attributes"]), values, None if types is None else tuple(types)
    )
    try:
        return KnowledgeGraph(
            table.labels,
            tuple(texts["relations"]),
            integers("triples", 3),
            facts,
            names=names,
            images=images,
            display=table.display if texts["has_display"] else None,
            pictures=pictures,
        )
    except InputError as error:
        raise InputError(error.reason, paths[1]) from None
