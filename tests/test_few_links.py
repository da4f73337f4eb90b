"""Given links never make a result worse than fewer or none: recall and precision over the number of links."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

import mmkg
from mmkg.data.task import LinkSplit

NONE = np.empty((0, 2), np.int64)
NOISE = 0.02  # by which a figure may fall from one number of links to the next


def figures(task, number, seeds_from):
    """Recall of the true links, and precision of the links about entities that are in one."""
    links = task.links.all()
    links = links[np.random.default_rng(1).permutation(len(links))]
    given = replace(task, links=LinkSplit(links[:number], NONE, NONE), candidates="all")
    settings = {"data.valid_ratio": 0}  # no link is held out, which changes no embedding and saves five fits
    result = mmkg.align(given, "propagation", seeds_from=seeds_from, device="cpu", progress=False, settings=settings)
    found, true = result.linked(threshold=0.0).pairs, set(map(tuple, links.tolist()))
    about = np.isin(found[:, 0], links[:, 0]) | np.isin(found[:, 1], links[:, 1])
    right = sum(pair in true for pair in map(tuple, found.tolist()))
    return right / len(true), right / int(about.sum())


def check_monotone(task, numbers, seeds_from=()):
    found = np.array([figures(task, number, seeds_from) for number in numbers])
    assert (np.diff(found, axis=0) > -NOISE).all(), dict(zip(numbers, found.round(3).tolist(), strict=True))
    assert found[-1].tolist() == pytest.approx([1, 1])  # all are given
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seeds_from", [(), "name"])
@pytest.mark.parametrize("pair", ["emoji-fr-en", "emoji-zh-en", "emoji-ja-en"])
def test_more_links_are_never_worse_on_the_emoji(pair, seeds_from):
    task = mmkg.load(pair)
    numbers = ([0] if seeds_from else []) + [5, 20, 100, len(task.links.all())]
    found = check_monotone(task, numbers, seeds_from)
    assert found[0, 0] > 0.4


@pytest.mark.slow
def test_more_links_are_never_worse_on_persons(mmkg_data, tmp_path):
    folder = mmkg_data / "OAEI" / "person"
    base = "http://www.okkam.org/oaie/person"
    text = gzip.decompress((folder / "person-gold.ttl.gz").read_bytes()).decode()
    lines = [line for line in text.splitlines() if line.startswith("PREFIX1:")]
    rows = [line.replace("PREFIX1:", f"{base}1-").replace("PREFIX2:", f"{base}2-") for line in lines]
    (tmp_path / "gold.tsv").write_text("left\tright\n" + "\n".join(rows) + "\n")
    task = mmkg.load((folder / "person1.ttl.gz", folder / "person2.ttl.gz"), links=str(tmp_path / "gold.tsv"))
    check_monotone(task, [5, 20, 100, 500])


@pytest.mark.slow
def test_more_links_are_never_worse_on_restaurants(mmkg_data, tmp_path):
    """A restaurant has one IRI in both graphs."""
    sides = [mmkg_data / "OAEI" / "restaurant" / f"restaurant{k}.ttl.gz" for k in (1, 2)]
    left, right = map(mmkg.read_graph, sides)
    same = [each for each in left.entities if "-Restaurant" in each and each in set(right.entities)]
    assert len(same) == 113
    (tmp_path / "gold.tsv").write_text("left\tright\n" + "".join(f"{each}\t{each}\n" for each in same))
    check_monotone(mmkg.load(tuple(sides), links=str(tmp_path / "gold.tsv")), [5, 20, 60, 113])
