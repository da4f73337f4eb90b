"""Reader and writer of folders in the DBP15K layout, as used by EVA, MCLEA and MEAformer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np

from ...errors import Advice, InputError, Setting
from ...files import atomic_path, write_text
from ...typing import IntArray
from ..arrays.by_id import ImageFeatures, read_images
from ..kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..links.checked import SEEDS, LabelLinks
from ..links.pairs import PairData, make_task
from ..parsing.builder import repeated_triples
from ..parsing.coded import Numbers
from ..parsing.columns import Faults, member, read_strings
from ..parsing.id_rows import IdRows
from ..parsing.integers import parse_id, read_integers
from ..parsing.names import read_names
from ..split import SplitConfig, SplitSettings
from ..task import AlignmentTask
from ..texts.packed import Texts
from .tab_lines import write_tab_lines


@dataclass(frozen=True)
class _Entities:
    labels: tuple[str, ...]
    rows: IdRows


def read_dbp15k(
    folder: str | Path,
    *,
    images: str | Path | None = None,
    names: str | Path | None = None,
    **split: Unpack[SplitSettings],
) -> AlignmentTask:
    """Read a pair of graphs in the DBP15K layout; every modality is optional.

    Files (UTF-8, tab-separated, no header, plain or with ``.gz`` or ``.bz2``; k is 1 for the left and 2 for the right
    graph):

    - ``ent_ids_k``: id, URI. The two graphs share one id space; rows follow the order of the file.
    - ``triples_k``: head id, relation id, tail id. Repeated triples are kept and counted in the notes.
    - ``ill_ent_ids``: left id, right id. Without it, ``ref_ent_ids`` holds the links; with ``sup_ent_ids`` as well,
      that file holds the training and validation links and ``ref_ent_ids`` the test links.
    - ``rel_ids_k`` (optional): relation id, label. Without it the label is the id, so that equal ids of
      the two graphs mean the same relation.
    - ``attr_triples_k`` (optional): URI, attribute, value; or ``training_attrs_k`` (optional): URI,
      attribute, attribute, ... Facts of unknown URIs are left out and counted.
    - ``dbp_FOLDER.json`` (optional): list of ``[id, [word, ...]]``. Names in ``../translated_ent_name`` are a separate
      input of published experiments; they are used only if ``names`` gives the file, and a note reports where they are.
    - ``*_id_img_feature_dict.pkl`` (or ``.npz``, ``.safetensors``) here, or a file in ``../pkls`` that begins with the
      name of the folder (optional): see ``read_images``.

    Args:
        folder: folder with these files.
        images: file of image features in another place.
        names: JSON file of names in another place.
        split: fields of ``SplitConfig``: ``train_ratio``, ``valid_ratio``, ``seed``, ``one_to_one``, ``candidates``,
            ``on_error``.

    Raises:
        InputError: a file is missing or breaks the format; the message holds file and line.
        UsageError: a value of the split is out of range.
    """
    config = SplitConfig(**split)
    return make_task(read_dbp15k_pair(Path(folder), Faults(config.on_error), images=images, names=names), config)


def read_dbp15k_pair(
    folder: Path, faults: Faults, *, images: str | Path | None = None, names: str | Path | None = None
) -> PairData:
    """Graphs and links of a folder, see ``read_dbp15k``."""
    if not folder.is_dir():
        raise InputError("expected a folder in DBP15K layout, found none; check the path", folder)
    left = _read_entities(member(folder, "ent_ids_1"), faults)
    right = _read_entities(member(folder, "ent_ids_2"), faults, other=left)
    sides = (left, right)
    links = _read_links(folder, sides, faults)
    triples = [_read_triples(folder, k, entities, faults) for k, entities in enumerate(sides, start=1)]
    attributes = [_read_attributes(folder, k, entities, faults) for k, entities in enumerate(sides, start=1)]
    names_file = Path(names) if names is not None else _find_names(folder, faults)
    texts = [None, None] if names_file is None else read_names(names_file, [left.rows, right.rows], faults)
    image_file = Path(images) if images is not None else _find_images(folder)
    tables: list[ImageTable | None] = [None, None]
    if image_file is not None:
        tables = _image_tables(image_file, sides, faults)
    graphs = [
        KnowledgeGraph(entities.labels, *triples[k], attributes[k], texts[k], tables[k], source_ids=entities.rows.ids)
        for k, entities in enumerate(sides)
    ]
    return PairData(graphs[0], graphs[1], links, folder.resolve().name, faults.notes)


def write_dbp15k(task: AlignmentTask, folder: str | Path) -> Path:
    """Write a pair in the DBP15K layout, image features as safetensors; ``read_dbp15k`` reads it back.

    The layout holds no split, no types of values, no pictures and no display texts; an empty value is read back as
    missing, and names lose leading and trailing white space. Entities keep their ``source_ids`` if both graphs have
    them and no id is in both. Relations with the same label get the same id.

    Args:
        task: the pair.
        folder: made if it does not exist; each file is written completely or not at all.

    Raises:
        InputError: a label, attribute or value that holds a tab or a line end, or an empty label.
    """
    folder = Path(folder)
    graphs = (task.left, task.right)
    ids = _ids(graphs)
    numbers = Numbers()
    names: list[tuple[int, str]] = []
    for k, (graph, own) in enumerate(zip(graphs, ids, strict=True), start=1):
        labels, facts = list(graph.entities), graph.attributes
        write_tab_lines(folder / f"ent_ids_{k}", zip(map(str, own.tolist()), labels, strict=True))
        kinds = numbers.of(graph.relations)
        write_tab_lines(folder / f"rel_ids_{k}", zip(map(str, kinds.tolist()), graph.relations, strict=True))
        triples = np.stack([own[graph.triples[:, 0]], kinds[graph.triples[:, 1]], own[graph.triples[:, 2]]], axis=1)
        write_tab_lines(folder / f"triples_{k}", (map(str, triple) for triple in triples.tolist()))
        pairs = zip(facts.entity.tolist(), facts.attribute.tolist(), facts.values, strict=True)
        if len(facts) and facts.values.count(None) == len(facts):
            write_tab_lines(folder / f"training_attrs_{k}", ((labels[e], facts.names[a]) for e, a, _ in pairs))
        elif len(facts):
            rows = ((labels[e], facts.names[a], value or "") for e, a, value in pairs)
            write_tab_lines(folder / f"attr_triples_{k}", rows, empty_last=True)
        names += [(int(own[row]), name) for row, name in enumerate(graph.names or ()) if name]
    links = task.links.all()
    write_tab_lines(
        folder / "ill_ent_ids",
        ((str(i), str(j)) for i, j in zip(ids[0][links[:, 0]], ids[1][links[:, 1]], strict=True)),
    )
    name = folder.resolve().name
    if names:
        write_text(folder / f"dbp_{name}.json", json.dumps(names, ensure_ascii=False))
    tables = [
        (own[graph.images.rows], graph.images.features) for graph, own in zip(graphs, ids, strict=True) if graph.images
    ]
    if tables:
        from safetensors.numpy import save_file

        all_ids, features = (np.concatenate(parts) for parts in zip(*tables, strict=True))
        order = np.argsort(all_ids, kind="stable")
        with atomic_path(folder / f"{name}_id_img_feature_dict.safetensors") as temporary:
            save_file({"ids": all_ids[order], "features": features[order]}, str(temporary))
    return folder


def keeps_ids(task: AlignmentTask) -> bool:
    """Whether ``write_dbp15k`` writes the ``source_ids`` of both graphs."""
    left, right = task.left.source_ids, task.right.source_ids
    return left is not None and right is not None and _all_different(left, right)


def _all_different(left: IntArray, right: IntArray) -> bool:
    return len(np.unique(np.concatenate([left, right]))) == len(left) + len(right)


def _ids(graphs: tuple[KnowledgeGraph, KnowledgeGraph]) -> tuple[IntArray, IntArray]:
    """Ids of the entities of both graphs, all different."""
    left, right = (graph.source_ids for graph in graphs)
    if left is not None and right is not None and _all_different(left, right):
        return left, right
    sizes = [graph.num_entities for graph in graphs]
    return np.arange(sizes[0]), np.arange(sizes[0], sum(sizes))


def _read_entities(path: Path, faults: Faults, other: _Entities | None = None) -> _Entities:
    ids: dict[int, int] = {}
    labels: dict[str, int] = {}
    taken = frozenset() if other is None else frozenset(other.rows.ids.tolist())
    for line, (text, label) in read_strings(path, 2, faults):
        entity_id = parse_id(text)
        if isinstance(entity_id, str):
            faults.bad(entity_id, path, line)
        elif not label:
            faults.bad("expected an id and a URI, got an empty URI", path, line)
        elif entity_id in ids:
            faults.bad(f"expected unique ids, {entity_id} is in line {ids[entity_id]}, too", path, line)
        elif label in labels:
            faults.bad(f"expected unique URIs, {label!r} is in line {labels[label]}, too", path, line)
        elif entity_id in taken:
            faults.bad(f"id {entity_id} belongs to ent_ids_1 too; the two graphs share one id space", path, line)
        else:
            ids[entity_id] = labels[label] = line
    if not ids:
        raise InputError("expected at least one entity (id, URI), got none", path)
    return _Entities(tuple(labels), IdRows(np.fromiter(ids, np.int64, len(ids))))


def _read_triples(folder: Path, k: int, entities: _Entities, faults: Faults) -> tuple[tuple[str, ...], IntArray]:
    """Relation labels and triples over rows."""
    path = member(folder, f"triples_{k}")
    table = read_integers(path, 3, faults)
    rows = entities.rows(table.values[:, ::2])
    unknown = (rows < 0).any(axis=1)
    for index in np.flatnonzero(unknown).tolist():
        bad = table.values[index, ::2][rows[index] < 0][0]
        faults.bad(f"expected ids of ent_ids_{k}, got the unknown {bad}", path, int(table.lines[index]))
    relation = table.values[:, 1]
    if unknown.any():
        rows, relation = rows[~unknown], relation[~unknown]
    used, relation = _unique(relation)
    names = _read_relations(member(folder, f"rel_ids_{k}"), faults)
    labels = tuple(names.get(number, str(number)) for number in used.tolist())
    if names:
        faults.count(
            f"{path.name}: relations without a label in rel_ids_{k}", sum(n not in names for n in used.tolist())
        )
    triples = np.stack([rows[:, 0], relation, rows[:, 1]], axis=1)
    faults.count(f"{path.name}: repeated triples", repeated_triples(triples, len(entities.labels), len(used)))
    return labels, triples


def _read_relations(path: Path, faults: Faults) -> dict[int, str]:
    labels: dict[int, str] = {}
    seen: dict[str, int] = {}
    if not path.exists():
        return labels
    for line, (text, label) in read_strings(path, 2, faults):
        number = parse_id(text)
        if isinstance(number, str):
            faults.bad(number, path, line)
        elif number in labels or label in seen:
            faults.bad("expected unique relation ids and labels, got one a second time", path, line)
        elif not label:
            faults.bad("expected a relation id and a label, got an empty label", path, line)
        else:
            labels[number] = label
            seen[label] = line
    return labels


def _read_attributes(folder: Path, k: int, entities: _Entities, faults: Faults) -> AttributeTriples:
    """Attribute facts: with values if the folder has a file of them, else names only."""
    path = member(folder, f"attr_triples_{k}")
    with_values = path.exists()
    path = path if with_values else member(folder, f"training_attrs_{k}")
    if not path.exists():
        return AttributeTriples.empty()
    row_of = {label: row for row, label in enumerate(entities.labels)}
    names: dict[str, int] = {}
    entity: list[int] = []
    attribute: list[int] = []
    values: list[str | None] = []
    unknown = 0
    for line, (label, *found) in read_strings(path, 3 if with_values else 1, faults, more=not with_values):
        attributes = found[:1] if with_values else found
        if not label or not all(attributes):
            faults.bad("expected a URI and attribute names, got an empty field", path, line)
            continue
        row = row_of.get(label)
        if row is None:
            unknown += 1
            continue
        for name in attributes:
            entity.append(row)
            attribute.append(names.setdefault(name, len(names)))
            if with_values:
                values.append(found[1] or None)
    faults.count(f"{path.name}: lines of unknown entities", unknown)
    texts = Texts.of(values) if with_values else Texts.nothing(len(entity))
    return AttributeTriples(np.array(entity, np.int64), np.array(attribute, np.int64), tuple(names), texts)


def _read_links(folder: Path, sides: tuple[_Entities, _Entities], faults: Faults) -> list[LabelLinks]:
    known, ref, sup = (member(folder, name) for name in ("ill_ent_ids", "ref_ent_ids", "sup_ent_ids"))
    if known.exists() or not ref.exists():
        return [_read_id_links(known, sides, faults)]
    if not sup.exists():
        return [_read_id_links(ref, sides, faults)]
    seeds, test = (_read_id_links(path, sides, faults) for path in (sup, ref))
    return [seeds._replace(parts=[SEEDS] * len(seeds.left)), test._replace(parts=["test"] * len(test.left))]


def _read_id_links(path: Path, sides: tuple[_Entities, _Entities], faults: Faults) -> LabelLinks:
    """Links between ids as links between labels; each unknown id is a fault."""
    table = read_integers(path, 2, faults)
    rows = np.stack([entities.rows(table.values[:, k]) for k, entities in enumerate(sides)], axis=1)
    known = (rows >= 0).all(axis=1)
    for index in np.flatnonzero(~known).tolist():
        side = int(rows[index, 0] >= 0)
        entity_id = int(table.values[index, side])
        swapped = int(sides[1 - side].rows(np.array([entity_id]))[0]) >= 0
        hint = f"; it is an id of ent_ids_{2 - side}: columns are left id, right id" if swapped else ""
        what = f"expected an id of ent_ids_{side + 1}, got the unknown {entity_id}{hint}"
        faults.bad(what, path, int(table.lines[index]))
    left, right = ([sides[k].labels[row] for row in rows[known, k].tolist()] for k in (0, 1))
    return LabelLinks(path, left, right, table.lines[known])


def _find_names(folder: Path, faults: Faults) -> Path | None:
    name = f"dbp_{folder.resolve().name}.json"
    if (folder / name).exists():
        return folder / name
    beside = folder / ".." / "translated_ent_name" / name
    if beside.exists():
        faults.count(f"files of names beside the folder, not used; to use it: --set data.names={beside}", 1)
    return None


def _find_images(folder: Path) -> Path | None:
    """The file of image features, in the safest format available; several files in one format are an error."""
    beside = folder.resolve().parent / "pkls"
    for suffix in (".safetensors", ".npz", ".pkl"):
        found = sorted(folder.glob(f"*_id_img_feature_dict{suffix}"))
        found = found or sorted(beside.glob(f"{folder.resolve().name}_*id_img_feature_dict{suffix}"))
        if len(found) > 1:
            advice = Advice("name one: {}", Setting("data.images", "FILE", option="--images"))
            raise InputError(f"expected one file of image features, found {len(found)}", found[0], advice=advice)
        if found:
            return found[0]
    return None


def _image_tables(path: Path, sides: tuple[_Entities, _Entities], faults: Faults) -> list[ImageTable | None]:
    def label(entity_id: int) -> str:
        for entities in sides:
            row = int(entities.rows(np.array([entity_id]))[0])
            if row >= 0:
                return f"{entity_id} ({entities.labels[row]})"
        return str(entity_id)

    features: ImageFeatures = read_images(path, label=label, max_bytes=faults.max_bytes)
    tables: list[ImageTable | None] = []
    known = 0
    for entities in sides:
        rows = entities.rows(features.ids)
        order = np.argsort(rows, kind="stable")[int((rows < 0).sum()) :]
        known += len(order)
        in_file_order = len(order) > 0 and bool((np.diff(order) == 1).all())
        part = slice(order[0], order[-1] + 1) if in_file_order else order  # a slice stays mapped
        tables.append(ImageTable(rows[order], features.features[part]))
    faults.count(f"{path.name}: images of unknown entities", len(features.ids) - known)
    return tables


def _unique(numbers: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct values in ascending order, and the position of each number among them."""
    if len(numbers) and int(numbers.max()) < 1 << 20:
        present = np.zeros(int(numbers.max()) + 1, np.int64)
        present[numbers] = 1
        return np.flatnonzero(present), (np.cumsum(present) - 1)[numbers]
    return np.unique(numbers, return_inverse=True)
