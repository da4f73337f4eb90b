"""The map: entities of both graphs in two dimensions, links as lines between them."""

import hashlib
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.arrays.by_id import ZIP_FAULTS
from ..data.split import sample_links
from ..files import atomic_path
from ..typing import FloatArray, IntArray
from .rows import Matches

MOST_POINTS = 20_000
COLUMNS = 50  # principal components that t-SNE reads
LEAST_POINTS = 50  # t-SNE of fewer points shows nothing that principal components do not
FILE = "map.npz"  # in the run folder
TSNE, COMPONENTS = "t-SNE of the joint embeddings", "two principal components of the joint embeddings"
WITHOUT = f"{COMPONENTS}; pip install 'mmkg[map]' for t-SNE, which separates groups better"


class Layout(NamedTuple):
    """Entities in two dimensions.

    Args:
        left, right: rows of either graph, int64 ``[n]`` and ``[m]``, ascending.
        points: left ones first, float32 ``[n + m, 2]``, in [0, 1].
        total: number of entities that might be shown.
        method: how the points were found, in words.
    """

    left: IntArray
    right: IntArray
    points: FloatArray
    total: int
    method: str


def layout_of(matches: Matches, folder: Path | None, *, most: int = MOST_POINTS, quick: bool = False) -> Layout:
    """The map of a run: of all its entities, or of the two ends of some matches.

    Args:
        matches: the matches of the run.
        folder: the run folder, in which the map is kept once it is made; ``None`` = it is not kept.
        most: largest number of points.
        quick: whether to take principal components, if no map has been kept.
    """
    key = hashlib.sha256(matches.result.record.to_json().encode()).hexdigest()
    kept = None if folder is None else _read(folder / FILE, key)
    if kept is not None and len(kept.points) <= most:
        return kept
    left, right, total = _shown(matches, most)
    if kept is not None:  # a part of it
        chosen = np.concatenate([np.isin(kept.left, left), np.isin(kept.right, right)])
        places = (np.isin(kept.left, left), np.isin(kept.right, right))
        return kept._replace(left=kept.left[places[0]], right=kept.right[places[1]], points=kept.points[chosen])
    embeddings = matches.result.embeddings
    rows = np.concatenate([embeddings.left[left], embeddings.right[right]]).astype(np.float32)
    points, method = _projected(rows, quick=quick, seed=matches.result.experiment.seed)
    found = Layout(left, right, _in_square(points), total, method)
    if folder is not None and not quick:
        _write(folder / FILE, key, found)
    return found


def as_dict(layout: Layout, matches: Matches, sides: Any) -> dict[str, Any]:
    """The map as plain values: ``points``, ``links`` as positions of their ends, ``sampled`` and ``method``."""
    points = []
    xy = np.round(layout.points.astype(np.float64), 4).tolist()
    for side, rows, own in zip(
        sides, (layout.left, layout.right), (xy[: len(layout.left)], xy[len(layout.left) :]), strict=True
    ):
        points += [
            {"side": side.name, "key": side.key(row), "name": side.shown(row), "x": x, "y": y}
            for row, (x, y) in zip(rows.tolist(), own, strict=True)
        ]
    linked = matches.belief >= np.float32(matches.result.threshold())
    ends = (matches.left[linked], matches.right[linked])
    there = np.isin(ends[0], layout.left) & np.isin(ends[1], layout.right)
    links = np.stack(
        [
            np.searchsorted(layout.left, ends[0][there]),
            len(layout.left) + np.searchsorted(layout.right, ends[1][there]),
        ],
        axis=1,
    )
    shown = len(layout.points)
    return {
        "points": points,
        "links": links.tolist(),
        "sampled": None if shown == layout.total else {"shown": shown, "total": layout.total},
        "method": layout.method,
    }


def _shown(matches: Matches, most: int) -> tuple[IntArray, IntArray, int]:
    """Rows of either graph that are shown, and the number of those that might be."""
    embeddings, result = matches.result.embeddings, matches.result
    rows = [embeddings.rows(side) for side in ("left", "right")]
    total = len(rows[0]) + len(rows[1])
    if total <= most:
        return rows[0], rows[1], total
    pairs = matches.pairs
    pairs = pairs[np.isin(pairs[:, 0], rows[0]) & np.isin(pairs[:, 1], rows[1])]
    chosen = sample_links(pairs, most // 2, seed=result.experiment.seed, label="matches on the map")
    return np.unique(chosen[:, 0]), np.unique(chosen[:, 1]), total


def _projected(rows: FloatArray, *, quick: bool, seed: int) -> tuple[FloatArray, str]:
    """Two columns for rows ``[n, d]``, and how they were found."""
    components = _components(rows, COLUMNS, seed)
    if quick or len(rows) < LEAST_POINTS:
        return components[:, :2], COMPONENTS
    try:
        from sklearn.manifold import TSNE as Method  # type: ignore[import-untyped]
    except ImportError:
        return components[:, :2], WITHOUT
    perplexity = min(30.0, (len(rows) - 1) / 3)
    start = components[:, :2] / max(float(components[:, 0].std()), 1e-12) * 1e-4
    found = Method(2, init=start, perplexity=perplexity, random_state=seed, n_jobs=1).fit_transform(components)
    return found.astype(np.float32), TSNE


def _components(rows: FloatArray, number: int, seed: int) -> FloatArray:
    """The first principal components of rows ``[n, d]``, float32 ``[n, min(number, d, n)]``.

    Source:
        Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, Algorithms 4.4 and 5.1: random projection, two iterations.
    """
    centred = rows - rows.mean(axis=0)
    width = min(number + 10, *centred.shape)
    basis = centred @ np.random.default_rng(seed).standard_normal((centred.shape[1], width)).astype(np.float32)
    for _ in range(2):
        basis = centred @ (centred.T @ np.linalg.qr(basis)[0])
    basis = np.linalg.qr(basis)[0]
    left, sizes, _ = np.linalg.svd(basis.T @ centred, full_matrices=False)
    found = (basis @ (left * sizes))[:, :number]
    if found.shape[1] < 2:
        found = np.concatenate([found, np.zeros((len(found), 2 - found.shape[1]), np.float32)], axis=1)
    components: FloatArray = found.astype(np.float32)
    return components


def _in_square(points: FloatArray) -> FloatArray:
    """Points moved and scaled, both axes alike, to [0, 1]."""
    low, high = points.min(axis=0), points.max(axis=0)
    found: FloatArray = ((points - low) / max(float((high - low).max()), 1e-12)).astype(np.float32)
    return found


# --- the file


def _write(path: Path, key: str, layout: Layout) -> None:
    content = io.BytesIO()
    about = np.array([key, str(layout.total), layout.method])
    np.savez_compressed(content, left=layout.left, right=layout.right, points=layout.points, about=about)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content.getvalue())
    except OSError:  # a folder that cannot be written: the map is made again next time
        return


def _read(path: Path, key: str) -> Layout | None:
    """The map in a file; ``None`` if there is none, or it belongs to another run or is damaged."""
    try:
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as found:
            left, right, points, about = (found[name] for name in ("left", "right", "points", "about"))
            fine = about[0] == key and points.shape == (len(left) + len(right), 2) and np.isfinite(points).all()
            return Layout(left, right, points, int(about[1]), str(about[2])) if fine else None
    except (OSError, KeyError, IndexError, *ZIP_FAULTS):
        return None
