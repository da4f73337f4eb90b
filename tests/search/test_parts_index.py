import json
import logging

import numpy as np
import pytest
from joint_rows import PARTS, joint
from safetensors.numpy import load_file, save_file

from mmkg.errors import InputError, UsageError
from mmkg.search import build_index, load_index, save_index
from mmkg.search.index import INDEXES
from mmkg.search.lists import sample_rows


def exact(base, queries, k):
    return np.argsort(-(queries.astype(np.float64) @ base.T.astype(np.float64)), axis=1, kind="stable")[:, :k]


def test_with_all_lists_read_it_finds_all_that_share_a_part():
    base, queries = joint(400)
    found = build_index(base, kind="parts", parts=PARTS, nlist=8, nprobe=8, device="cpu").search(queries[:50], 5)
    assert (found.ids == exact(base, queries[:50], 5)).all()
    expected = (queries[:50] @ base.T)[np.arange(50)[:, None], found.ids]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)


def test_no_answer_comes_twice():
    base, queries = joint(500)
    for nprobe in (1, 3):
        ids = (
            build_index(base, kind="parts", parts=PARTS, nlist=10, nprobe=nprobe, device="cpu").search(queries, 10).ids
        )
        for row in ids:
            there = row[row >= 0]
            assert len(set(there.tolist())) == len(there)


def test_what_one_part_lacks_another_finds():
    """A counterpart that differs in all parts but one is in the nearest list of that one."""
    rng = np.random.default_rng(1)
    base = rng.standard_normal((2000, sum(PARTS)), dtype=np.float32)
    queries = base[:200].copy()
    queries[:, : PARTS[0]] = 0  # missing
    queries[:, -PARTS[2] :] = rng.standard_normal((200, PARTS[2]))  # wrong
    index = build_index(base, kind="parts", parts=PARTS, nlist=40, nprobe=1, metric="ip", device="cpu")
    found = index.search(queries, 1)
    right = (queries * base[:200]).sum(axis=1)
    assert (found.scores[:, 0] >= right - 1e-4).all()  # the counterpart, or something that scores higher


def test_lists_are_as_many_as_a_thousandth_needs(caplog):
    base, queries = joint()
    index = build_index(base, kind="parts", parts=PARTS, nlist=60, device="cpu")
    nprobe = index.tune(queries)
    sample = sample_rows(len(queries), 2000, seed=0)  # the queries it is tuned on
    best = exact(base, queries[sample], 1)[:, 0]
    lost = {}
    for lists in (nprobe, nprobe // 2):
        told = build_index(base, kind="parts", parts=PARTS, nlist=60, nprobe=lists, device="cpu")
        lost[lists] = (told.search(queries[sample], 1).ids[:, 0] != best).mean()
    assert index.config.nprobe == nprobe and 1 < nprobe <= 64 // 3
    assert lost[nprobe] <= 0.001 < lost[nprobe // 2]
    assert not caplog.records


def test_where_the_limit_is_not_enough_a_warning_says_what_is_lost(caplog):
    rng = np.random.default_rng(0)
    base, queries = (rng.standard_normal((3000, 12), dtype=np.float32) for _ in range(2))  # nothing in common
    index = build_index(base, kind="parts", parts=(4, 4, 4), nlist=600, device="cpu")
    with caplog.at_level(logging.WARNING):
        assert index.tune(queries) == 64 // 3
    assert "of 2000 sampled queries" in caplog.text and "lose their nearest neighbour" in caplog.text


def test_one_more_column_counts_in_the_score_alone():
    base, queries = joint(400)
    column = np.linspace(-0.5, 0.5, 400, dtype=np.float32)
    plain = build_index(base, kind="parts", parts=PARTS, nlist=8, nprobe=2, device="cpu")
    longer, asked = (
        np.concatenate([base, column[:, None]], axis=1),
        np.concatenate([queries, np.ones((400, 1))], axis=1),
    )
    wide = build_index(longer, kind="parts", parts=PARTS, nlist=8, nprobe=2, metric="ip", device="cpu")
    best = exact(longer, asked, 1)[:, 0]
    both = wide.search(asked, 1).ids[:, 0]
    assert (both == best).mean() > 0.9
    candidates = plain.search(queries, 400).ids  # the same lists are read
    assert all(found in set(row.tolist()) for found, row in zip(both, candidates, strict=True))


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    base, queries = joint(500)
    index = build_index(base, kind="parts", parts=PARTS, nlist=10, device="cpu")
    index.tune(queries)
    save_index(index, tmp_path / "i", about={"x": 1})
    loaded = load_index(tmp_path / "i").index
    assert loaded.config == index.config and loaded.config.parts == PARTS
    again, found = loaded.search(queries, 4), index.search(queries, 4)
    assert (again.ids == found.ids).all() and (again.scores == found.scores).all()


@pytest.mark.parametrize("spoil", ["missing", "range", "width"])
def test_tensors_that_do_not_fit_are_refused(tmp_path, spoil):
    import hashlib

    index = build_index(joint(300)[0], kind="parts", parts=PARTS, nlist=5, device="cpu")
    save_index(index, tmp_path / "i")
    tensors = load_file(tmp_path / "i")
    if spoil == "missing":
        del tensors["centroids.2"]
    elif spoil == "range":
        tensors["cells"][0, 0] = 99
    else:
        tensors["centroids.1"] = tensors["centroids.1"][:, :2].copy()
    save_file(tensors, tmp_path / "i")
    sidecar = json.loads((tmp_path / "i.json").read_text())
    sidecar["sha256"] = hashlib.sha256((tmp_path / "i").read_bytes()).hexdigest()
    (tmp_path / "i.json").write_text(json.dumps(sidecar))
    with pytest.raises(InputError, match="expected tensors|do not fit each other"):
        load_index(tmp_path / "i")


def test_wrong_parts_are_refused():
    base = joint(100)[0]
    with pytest.raises(UsageError, match="widths of at most 13 in all"):
        build_index(base, kind="parts", parts=(10, 10), device="cpu")
    with pytest.raises(UsageError, match="parts.0: input should be greater than or equal to 1, got 0"):
        build_index(base, kind="parts", parts=(0, 10), device="cpu")


def test_auto_takes_parts_above_what_is_searched_flat(monkeypatch):
    base = joint(300)[0]
    monkeypatch.setattr("mmkg.search.index.LARGEST_FLAT", 200)
    assert build_index(base, device="cpu", parts=PARTS).kind == "parts"
    assert build_index(base, device="cpu").kind == "ivf"
    assert build_index(base[:200], device="cpu", parts=PARTS).kind == "flat"
    assert "parts" in INDEXES


def test_a_query_of_zeros_is_answered_like_any_other():
    base = joint(400)[0]
    base[7] = 0
    found = build_index(base, kind="parts", parts=PARTS, nlist=4, nprobe=1, device="cpu").search(np.zeros((1, 13)), 3)
    assert (found.ids >= 0).all() and found.scores.tolist() == [[0, 0, 0]]
