"""The JSON of a run folder and its types; a folder of somebody else is checked against them before it is used."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt
from typing_extensions import TypedDict

from ..config.experiment import Experiment
from ..config.search import SearchConfig
from ..data.entities import EntityTable
from ..data.kg import SIDES
from ..data.relations import RelationPair
from ..data.task import LinkSplit
from ..errors import InputError, MmkgError
from ..evaluation import Protocol
from ..report import RunRecord
from ..schema import ROW, Figures, checked, parse_json, read_json
from ..search import Index, Neighbors
from ..search.mapped import largest, map_arrays
from ..settings import check_seed, nested, read_toml
from ..typing import FloatArray, IntArray
from .eight_bits import from_eight_bits, in_eight_bits
from .embeddings import Embeddings

LARGEST_CSLS = 10_000
LARGEST_SCORE = 5  # CSLS is in [-4, 4]
LONGEST_UNIT = 1.01  # largest value in a unit row, with rounding
MEANS = ("left_mean", "right_mean")


class _Table(TypedDict):
    labels: list[str]
    names: list[str]
    display: list[str]


class _Links(TypedDict):
    train: list[tuple[NonNegativeInt, NonNegativeInt]]
    valid: list[tuple[NonNegativeInt, NonNegativeInt]]
    test: list[tuple[NonNegativeInt, NonNegativeInt]]
    never: NotRequired[list[tuple[NonNegativeInt, NonNegativeInt]]]
    kept: NotRequired[list[tuple[NonNegativeInt, NonNegativeInt]]]
    alone: NotRequired[list[tuple[Literal[0, 1], NonNegativeInt]]]


class _Relation(TypedDict):
    left: str
    right: str
    kind: Literal["relation", "attribute"]
    inverse: bool
    support: PositiveInt
    left_count: PositiveInt
    right_count: PositiveInt
    chance: Annotated[float, Field(ge=0, le=1)]
    fan: Annotated[float, Field(gt=0, le=1)]


class _Coverage(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    share: FiniteFloat | None


class _Side(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    modalities: dict[str, _Coverage]


class Description(TypedDict, total=False):
    """What ``describe`` found of a pair."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    name: str
    left: _Side
    right: _Side


class _Curve(TypedDict):
    slope: Annotated[FiniteFloat, Field(ge=0)]
    intercept: FiniteFloat


class _Judged(TypedDict):
    margins: list[FiniteFloat]
    right: list[bool]


class HeldOutValues(TypedDict):
    """A calibration, as ``Counterparts.as_dict`` gives it; runs of older versions have no rough curve."""

    share: Annotated[float, Field(ge=0, le=1)]
    estimated: bool
    margins: list[FiniteFloat]
    right: list[bool]
    present: list[bool]
    prior: NotRequired[_Curve]
    curve: NotRequired[_Curve]
    answers: NotRequired[list[FiniteFloat]]
    source: NotRequired[str]
    others: NotRequired[list[FiniteFloat]]
    judged: NotRequired[_Judged]
    interval: NotRequired[tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]]


def read_tables(path: Path) -> tuple[EntityTable, EntityTable]:
    """Labels, names and display texts of both graphs."""
    tables = []
    for side, table in zip(("left", "right"), read_json(path, tuple[_Table, _Table]), strict=True):
        sizes = {len(table["labels"]), len(table["names"]), len(table["display"])}
        if len(sizes) != 1 or len(set(table["labels"])) != len(table["labels"]):
            raise InputError(f"expected unique labels of the {side} graph, and as many names and display texts", path)
        tables.append(EntityTable(table["labels"], table["names"], table["display"]))
    return tables[0], tables[1]


class StoredLinks(NamedTuple):
    """The links of a run: known ones, pairs known to be wrong, kept matches, entities without a counterpart."""

    split: LinkSplit
    never: IntArray
    kept: IntArray
    alone: IntArray


def read_split(path: Path, sizes: tuple[int, int]) -> StoredLinks:
    """The links of a run, all between entities of graphs of these sizes."""
    parts: dict[str, IntArray] = {}
    found = read_json(path, _Links)
    alone = found.pop("alone", [])
    if any(row >= sizes[side] for side, row in alone):
        raise InputError(f"alone must name rows below {sizes[0]} and {sizes[1]}", path)
    for name, rows in found.items():
        if any(left >= sizes[0] or right >= sizes[1] for left, right in rows):
            raise InputError(f"{name} links must name rows below {sizes[0]} and {sizes[1]}", path)
        parts[name] = np.array(rows, dtype=np.int64).reshape(-1, 2)
    never, kept = (parts.pop(name, np.empty((0, 2), np.int64)) for name in ("never", "kept"))
    return StoredLinks(LinkSplit(**parts), never, kept, np.array(alone, np.int64).reshape(-1, 2))


def read_relations(path: Path) -> list[RelationPair]:
    """Aligned relations."""
    found = []
    for row in read_json(path, list[_Relation]):
        pair = RelationPair(**row)
        if not pair.support <= min(pair.left_count, pair.right_count):
            raise InputError(f"{pair.left!r} = {pair.right!r}: the support must not exceed the counts", path)
        found.append(pair)
    return found


def embedding_arrays(embeddings: Embeddings, store: str) -> dict[str, np.ndarray]:
    """The rows of both graphs as arrays, which ``read_embeddings`` reads back; of ``int8`` as codes and peaks."""
    arrays: dict[str, np.ndarray] = {}
    for side, rows in zip(SIDES, (embeddings.left, embeddings.right), strict=True):
        if store == "int8":
            arrays[side], arrays[f"{side}_peaks"] = in_eight_bits(rows)
        else:
            arrays[side] = rows
    return arrays


def read_embeddings(
    path: Path, sizes: tuple[int, int], *, csls: bool
) -> tuple[FloatArray, FloatArray, dict[str, int], tuple[FloatArray, FloatArray] | None]:
    """Rows of both graphs, mapped from the disk, the widths of the modalities, and the CSLS means, if any.

    Rows of eight bits are read as a whole, and become float16.
    """
    tensors, metadata = map_arrays(path)
    coded = [side for side in SIDES if side in tensors and tensors[side].dtype == np.int8]
    wanted = {*SIDES, *(f"{side}_peaks" for side in coded), *(MEANS if csls else ())}
    if set(tensors) != wanted:
        raise InputError(f"expected tensors {', '.join(sorted(wanted))}, got {', '.join(sorted(tensors))}", path)
    if "widths" not in metadata:
        raise InputError("damaged embeddings (no widths of modalities); run the alignment again", path)
    widths: dict[str, int] = parse_json(
        metadata["widths"], Annotated[dict[str, PositiveInt], Field(min_length=1)], path
    )
    for name, size in zip(("left", "right"), sizes, strict=True):
        rows = tensors[name]
        if name in coded and rows.ndim == 2:
            peaks = tensors[f"{name}_peaks"]
            if peaks.dtype != np.float16 or peaks.shape != rows.shape[:1]:
                raise InputError(
                    f"expected {name} peaks float16 [{len(rows)}], got {peaks.dtype} {list(peaks.shape)}", path
                )
            check_unit(peaks[None], f"{name} peaks", path)
            rows = tensors[name] = from_eight_bits(rows, peaks)
        if rows.dtype not in (np.float16, np.float32) or rows.shape != (size, sum(widths.values())):
            raise InputError(
                f"expected {name} rows float16 or float32 [{size}, {sum(widths.values())}], got {rows.dtype} "
                f"{list(rows.shape)}",
                path,
            )
        check_unit(rows, f"{name} rows", path)
    for name, size in zip(MEANS if csls else (), sizes, strict=False):
        if tensors[name].dtype != np.float32 or tensors[name].shape != (size,):
            raise InputError(f"expected {name} float32 [{size}]", path)
        check_unit(tensors[name][None], name, path)
    means = (tensors[MEANS[0]], tensors[MEANS[1]]) if csls else None
    return tensors["left"], tensors["right"], widths, means


def neighbor_arrays(lists: tuple[Neighbors, Neighbors]) -> dict[str, np.ndarray]:
    """The nearest neighbours of left and of right entities as arrays, which ``read_neighbors`` reads back."""
    found: dict[str, np.ndarray] = {}
    for side, each in zip(("left", "right"), lists, strict=True):
        found[f"{side}_ids"] = each.ids.astype(np.int32)
        found[f"{side}_scores"] = each.scores
    return found


def read_neighbors(path: Path, sizes: tuple[int, int]) -> tuple[Neighbors, Neighbors]:
    """Nearest neighbours of so many left and right entities."""
    tensors = map_arrays(path).arrays
    wanted = {f"{side}_{part}" for side in ("left", "right") for part in ("ids", "scores")}
    if set(tensors) != wanted:
        raise InputError(f"expected tensors {', '.join(sorted(wanted))}, got {', '.join(sorted(tensors))}", path)
    found = []
    for side, size, others in zip(("left", "right"), sizes, sizes[::-1], strict=True):
        ids, scores = tensors[f"{side}_ids"], tensors[f"{side}_scores"]
        fits = ids.dtype == np.int32 and scores.dtype == np.float32 and ids.ndim == 2
        if not (fits and ids.shape == scores.shape and len(ids) == size and 0 < ids.shape[1] <= others):
            raise InputError(f"expected int32 and float32 neighbours of {size} {side} entities", path)
        if len(ids) and not -1 <= int(ids.min()) <= int(ids.max()) < others:
            raise InputError(f"neighbours of {side} entities must be in 0..{others - 1}, or -1", path)
        known = scores[ids >= 0]
        if (scores[ids < 0] != -np.inf).any() or not (np.abs(known) <= LARGEST_SCORE).all():
            raise InputError(f"scores of {side} entities must be in -{LARGEST_SCORE}..{LARGEST_SCORE}", path)
        found.append(Neighbors(ids.astype(np.int64), scores))
    return found[0], found[1]


def read_experiment(path: Path) -> Experiment:
    """The configuration of a run."""
    values = read_toml(path)
    refinement = values.get("refinement")
    if isinstance(refinement, dict) and refinement.get("neighbors") is False:
        del refinement["neighbors"]  # a setting that is gone, in runs that did not use it
    try:
        return Experiment.of(values)
    except InputError:
        raise
    except MmkgError as error:
        raise InputError(f"not the configuration of a run: {error}", path) from None


def read_search(path: Path) -> tuple[SearchConfig, int]:
    """Settings of search and the random seed, from the configuration of a run."""
    try:
        values = nested(read_toml(path), "the experiment")
        return SearchConfig.of(values.get("search", {})), check_seed(values.get("seed", 0))
    except InputError:
        raise
    except MmkgError as error:
        raise InputError(f"not the configuration of a run: {error}", path) from None


def read_history(path: Path) -> list[dict[str, Any]]:
    """The rows of a training history."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"expected UTF-8 text: {error.reason}", path) from None
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line:
            row = parse_json(line, ROW, path, number)
            if any(isinstance(row.get(key), (str, bool)) for key in ("epoch", "step", "loss", "valid")):
                raise InputError("expected numbers as epoch, step, loss and valid", path, number)
            rows.append(row)
    return rows


def read_record(path: Path) -> tuple[RunRecord, Protocol]:
    """The record of a run and its protocol."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"expected UTF-8 text: {error.reason}", path) from None
    record = RunRecord.from_json(text, path=path)
    checked(record.metrics, dict[str, Figures], path)
    protocol: Protocol = checked(known_fields(Protocol, record.protocol), Protocol, path)
    if protocol.csls_k > LARGEST_CSLS:
        raise InputError(f"expected csls_k in 0..{LARGEST_CSLS}, got {protocol.csls_k}", path)
    return record, protocol


def known_fields(cls: Any, values: Any) -> dict[str, Any]:
    """The values of the fields that a dataclass has; a newer version may have written more."""
    return {name: values[name] for name in cls.__dataclass_fields__ if name in values}


def check_index(index: Index, path: Path, *, size: int, dim: int, csls: bool) -> None:
    """Refuse an index of other vectors than those of the run."""
    expected = (size, dim + csls, "ip" if csls else "cosine")
    if (index.size, index.dim, index.metric) != expected:
        raise InputError(
            f"expected an index of {size} vectors of width {dim + csls} by {expected[2]}, got {index.size} of width "
            f"{index.dim} by {index.metric}; run the alignment again",
            path,
        )


def check_unit(rows: FloatArray, what: str, path: Path) -> None:
    """Refuse rows ``[n, d]``, float16 or float32, with a value that no unit row has."""
    if (most := largest(rows)) <= LONGEST_UNIT:
        return
    if most == np.inf:
        bad = ~np.isfinite(rows).all(axis=1)
        raise InputError(f"{what} must be finite; {bad.sum()} rows break this, first row {bad.argmax()}", path)
    raise InputError(f"{what} must be within +-{LONGEST_UNIT:g}", path)
