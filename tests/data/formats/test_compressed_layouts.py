"""Every file of a layout may be compressed; the folder is recognised and read all the same."""

import bz2
import gzip

import pytest
from reader_cases import facts, pairs, plain, put

import mmkg

LAYOUTS = {
    "dbp15k": {
        "ent_ids_1": "0\ta\n1\tb\n",
        "ent_ids_2": "2\tx\n3\ty\n",
        "rel_ids_1": "0\tr\n",
        "rel_ids_2": "0\tr\n",
        "triples_1": "0\t0\t1\n",
        "triples_2": "2\t0\t3\n",
        "training_attrs_1": "a\tp\tq\n",
        "attr_triples_2": "x\tp\t7\n",
        "ill_ent_ids": "0\t2\n1\t3\n",
    },
    "dbp15k with seeds": {
        "ent_ids_1": "0\ta\n1\tb\n",
        "ent_ids_2": "2\tx\n3\ty\n",
        "triples_1": "0\t0\t1\n",
        "triples_2": "2\t0\t3\n",
        "sup_ent_ids": "0\t2\n",
        "ref_ent_ids": "1\t3\n",
    },
    "openea": {
        "rel_triples_1": "a\tr\tb\n",
        "rel_triples_2": "x\tr\ty\n",
        "attr_triples_1": "a\tp\t7\n",
        "attr_triples_2": "x\tp\t7\n",
        "ent_links": "a\tx\nb\ty\n",
    },
    "mmkb": {
        "L_EntityTriples.txt": "a r b .\n",
        "sub/R_EntityTriples.txt": "x r y .\n",
        "L_NumericalTriples.txt": "a p 7 .\n",
        "sub/R_SameAsLink.txt": "a SameAs x .\nb SameAs y .\n",
        "sub/R_ImageIndex.txt": "x p1\n",
    },
    "pair": {"left.tsv": "a\tr\tb\n", "right.tsv": "x\tr\ty\n", "links.tsv": "a\tx\nb\ty\n"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("end", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)], ids=["gz", "bz2"])
def test_a_folder_of_compressed_files_is_the_folder_of_plain_ones(tmp_path, layout, end, compress):
    files = LAYOUTS[layout]
    settings = {"train_ratio": 0.5, "valid_ratio": 0}
    expected = mmkg.load(put(tmp_path / "plain", files), **settings)
    packed = {name + end: compress(text.encode()) for name, text in files.items()}
    mixed = {
        (name if k % 2 else name + end): (text if k % 2 else packed[name + end])
        for k, (name, text) in enumerate(files.items())
    }
    for kind, content in {"all": packed, "some": mixed}.items():
        found = mmkg.load(put(tmp_path / kind, content), **settings)
        for side in ("left", "right"):
            assert plain(getattr(found, side)) == plain(getattr(expected, side))
            assert facts(getattr(found, side)) == facts(getattr(expected, side))
        assert pairs(found) == pairs(expected)


def test_a_fold_may_be_compressed(tmp_path):
    fold = {
        "721_5fold/1/train_links.gz": "a\tx\n",
        "721_5fold/1/valid_links": "",
        "721_5fold/1/test_links.bz2": "b\ty\n",
    }
    fold = {n: (gzip if n.endswith("gz") else bz2).compress(t.encode()) if "." in n else t for n, t in fold.items()}
    task = mmkg.load(put(tmp_path, LAYOUTS["openea"] | fold), fold="721_5fold/1")
    assert task.links.train.tolist() == [[0, 0]] and task.links.test.tolist() == [[1, 1]]
