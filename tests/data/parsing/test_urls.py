from pathlib import Path

import pytest

from mmkg.data.parsing.urls import Url, located, path_of


@pytest.mark.parametrize("text", ["https://h/sparql", "sparql+https://h/x", "bolt+s://h:7687", "NEO4J://h"])
def test_addresses_are_no_paths(text):
    found = located(text)
    assert isinstance(found, Url) and found == text and path_of(found) == found.shown


@pytest.mark.parametrize("text", ["a/b.nt", "C:\\x", "./sparql:x", "a//b.tsv", Path("https://x")])
def test_everything_else_is_a_path(text):
    assert located(text) == path_of(located(text)) == Path(text)


def test_the_parts_of_an_address():
    url = Url("Bolt+s://ann:pw@host:1/db?x=1#Person, City#x")
    assert (url.scheme, url.place, url.part) == ("bolt+s", "Bolt+s://ann:pw@host:1/db?x=1", "Person, City#x")
    assert url.user == ("ann", "pw") and url.shown == Path("host:1/db")
    assert Url("neo4j://host").user == (None, None) and Url("neo4j://host").part == ""
