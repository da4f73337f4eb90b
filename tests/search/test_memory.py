"""A limit of memory: which kind fits, and what is refused before it is built."""

import numpy as np
import pytest

from mmkg.config.search import SearchConfig
from mmkg.errors import UsageError
from mmkg.search import IndexConfig, build_index
from mmkg.search import index as index_module
from mmkg.search.index import check_memory, kind_within, memory_of
from mmkg.settings import bytes_of, shown_bytes

ROWS = np.random.default_rng(0).standard_normal((1000, 20)).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "number"),
    [("2GB", 2 * 10**9), ("512 MiB", 512 << 20), ("1.5kb", 1500), ("7", 7), ("3 T", 3 * 10**12), (12, 12), ("10B", 10)],
)
def test_texts_with_units_are_numbers_of_bytes(text, number):
    assert bytes_of(text) == number
    assert IndexConfig(memory=text).memory == SearchConfig.of({"memory": text}).memory == number


@pytest.mark.parametrize("text", ["", "GB", "2 XB", "-1GB", "2,5GB", "1ib", "0", 0, -3, 1.5])
def test_other_texts_are_refused(text):
    with pytest.raises(UsageError, match="memory"):
        IndexConfig(memory=text)


def test_bytes_are_shown_with_three_digits():
    shown = [shown_bytes(number) for number in (7, 999.4, 1000, 80_000, 2_048_000_000, 3.2e12)]
    assert shown == ["7 B", "999 B", "1 kB", "80 kB", "2.05 GB", "3.2 TB"]


# 1,000 rows of 20 values: 80 kB in 32 bits, 40 kB in 16, 20 kB in 8
@pytest.mark.parametrize(
    ("memory", "kind"), [(None, "flat"), (80_000, "flat"), (79_999, "fp16"), ("40kB", "fp16"), ("39kB", "sq8")]
)
def test_auto_takes_the_first_kind_that_fits(memory, kind):
    assert build_index(ROWS, device="cpu", memory=memory).kind == kind


# ivf: 25 centroids and ids of 8 bytes beside the values; pq4: 7 groups of 3 columns, half a byte each, a rotation of 20
# to 21 columns and 16 centroids, beside 16 or 8 bits per value
IVF = 1000 * (80 + 8) + 25 * 80
PQ4, PQ4_SQ8 = (1000 * (3.5 + 20 * width) + 4 * 21 * (20 + 16) for width in (2, 1))


@pytest.mark.parametrize(
    ("memory", "kind"),
    [(None, "ivf"), (IVF, "ivf"), (IVF - 1, "pq4"), (int(PQ4), "pq4"), (int(PQ4) - 1, "pq4 sq8")]
    + [(int(PQ4_SQ8), "pq4 sq8"), (int(PQ4_SQ8) - 1, "sq8"), (20_000, "sq8")],
)
def test_auto_takes_lists_above_the_size_of_flat(monkeypatch, memory, kind):
    monkeypatch.setattr(index_module, "LARGEST_FLAT", 999)
    index = build_index(ROWS, device="cpu", memory=memory)
    assert index.kind + (" sq8" if index.kind == "pq4" and index.config.refine == "sq8" else "") == kind
    assert kind_within(1000, 20, IndexConfig(parts=(10, 10)))[0] == "parts"


def test_a_limit_that_nothing_fits_is_refused_with_the_least_memory():
    with pytest.raises(UsageError, match=r"1,000 vectors of width 20 takes at least 20 kB \(kind sq8\).*to 19.9 kB"):
        build_index(ROWS, device="cpu", memory=19_900)


def test_a_kind_that_does_not_fit_is_refused_before_it_is_built():
    with pytest.raises(UsageError, match="kind 'hnsw' takes 356 kB; exact, flat, ivf, fp16, sq8, pq4, parts would fit"):
        build_index(ROWS, kind="hnsw", device="cpu", memory="100kB")
    with pytest.raises(UsageError, match="kind 'flat' takes 80 kB; sq8 would fit"):
        check_memory("flat", 1000, 20, IndexConfig(memory=20_000))


def test_the_memory_that_is_needed_is_named():
    with pytest.raises(UsageError, match=r"use memory=81MB"):
        check_memory("flat", 1_000_001, 20, IndexConfig(memory=20_000))


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw", "parts", "fp16", "sq8", "pq4"])
def test_the_estimate_is_near_the_size_of_the_file(tmp_path, kind):
    rows = np.random.default_rng(0).standard_normal((6000, 100)).astype(np.float32)
    index = build_index(rows, kind=kind, device="cpu", nlist=10)
    index.write(tmp_path / "index")
    assert (tmp_path / "index").stat().st_size == pytest.approx(memory_of(kind, 6000, 100, index.config), rel=0.02)


def test_the_limit_of_a_run_reaches_its_index():
    search = SearchConfig.of({"memory": "1GB"})
    assert search.index_options("auto", (4, 5)).memory == 10**9
    assert SearchConfig.of(search.to_dict()) == search
