"""Runs in vector databases answer as their run folders do."""

import json
from dataclasses import replace

import numpy as np
import pytest
from commands import example

import mmkg
from mmkg import AlignmentTask
from mmkg.data.formats.objects import as_graph
from mmkg.errors import InputError, MmkgError, UsageError
from mmkg.stores import STORES, PublishedRun, milvus, open_store
from mmkg.stores.publish import publish
from mmkg.stores.rows import digest_of
from mmkg.stores.store import Entities, key_of

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")
pytest.importorskip("lancedb")
PLACES = {"milvus": "store.db", "lancedb": "store"}
BOTH = pytest.mark.parametrize("kind", PLACES)


def address(kind, folder, name=""):
    return f"{kind}:{folder / PLACES[kind]}{name}"


@pytest.fixture(scope="module")
def opened(small_result, tmp_path_factory):
    """The same run in a store of each kind."""
    folder = tmp_path_factory.mktemp("stores")
    stores = {kind: open_store(address(kind, folder), create=True) for kind in STORES}
    for store in stores.values():
        publish(small_result, store)
    yield stores
    for store in stores.values():
        store.close()


def assert_same_hits(found, expected):
    assert [hit.row for hit in found] == [hit.row for hit in expected]
    assert [(hit.label, hit.display) for hit in found] == [(hit.label, hit.display) for hit in expected]
    assert [hit.confidence is None for hit in found] == [hit.confidence is None for hit in expected]
    for name in ("score", "confidence", "raw"):
        numbers = [[getattr(hit, name) or 0 for hit in hits] for hits in (found, expected)]
        np.testing.assert_allclose(*numbers, atol=1e-4)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.parts.keys() == theirs.parts.keys()
        np.testing.assert_allclose(list(mine.parts.values()), list(theirs.parts.values()), atol=1e-3)
        np.testing.assert_allclose(list(mine.shares.values()), list(theirs.shares.values()), atol=1e-5)


@BOTH
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_store_answers_as_the_run(kind, side, opened, small_result):
    run = PublishedRun(opened[kind])
    for row in range(0, 60, 7):
        assert_same_hits(run.search(row, k=4, side=side), small_result.search(row, k=4, side=side))


@BOTH
def test_labels_and_names_are_found_as_in_the_run(kind, opened, small_result):
    run, table = PublishedRun(opened[kind]), small_result.entities[0]
    for text in (table.labels[3], table.names[5], table.names[5].upper()):
        assert run.rows_of(text) == small_result.find(text)
    assert run.rows_of("no such entity") == []
    with pytest.raises(UsageError, match="no entity has the label or name 'no such entity'"):
        run.search("no such entity")
    with pytest.raises(UsageError, match=r"row must be in 0\.\."):
        run.search(10**6)
    only_right = next(label for label in small_result.entities[1].labels if not table.rows_of(label))
    with pytest.raises(UsageError, match="one of the right graph has"):
        run.search(only_right)


@BOTH
def test_publishing_again_writes_nothing(kind, opened, small_result):
    again = publish(small_result, opened[kind])
    assert again.written == (0, 0)
    assert again.entities == (len(small_result.left), len(small_result.right))


@BOTH
def test_links_and_their_confidence_are_columns(kind, opened, small_result):
    linked = small_result.linked()
    rows = np.arange(len(small_result.left))
    found = opened[kind].take("left", rows)
    partner = dict(linked.pairs.tolist())
    assert found.partner.tolist() == [partner.get(row, -1) for row in rows.tolist()]
    sure = dict(zip(linked.left.tolist(), linked.confidence.tolist(), strict=True))
    np.testing.assert_allclose(found.confidence, [sure.get(row, 0) for row in rows.tolist()], atol=1e-6)
    np.testing.assert_allclose(found.mean, small_result.csls_means[0], atol=1e-6)


def literal_pair():
    """Two graphs with years, a number that one of them lacks, and a pair that is known to be wrong."""
    triples = [[(f"{side}{n}", "born", f"19{10 + n}") for n in range(3)] for side in "lr"]
    for rows, side in zip(triples, "lr", strict=True):
        rows += [(f"{side}{n}", "knows", f"{side}{(n + 1) % 8}") for n in range(8)]
    triples[0].append(("l0", "died", "1999"))
    graphs = [as_graph(rows) for rows in triples]
    return AlignmentTask.of(*graphs, links=[(f"l{n}", f"r{n}") for n in range(4)], never=[("l5", "r5")])


@BOTH
def test_literal_nodes_and_pairs_that_are_wrong(kind, tmp_path):
    result = mmkg.align(literal_pair(), "propagation", settings={"search.csls_k": 0})
    store = open_store(address(kind, tmp_path), create=True)
    publish(result, store)
    run = PublishedRun(store)
    for entity in ("1912", "l5", "l6"):
        assert_same_hits(run.search(entity, k=3), result.search(entity, k=3))
    assert [hit.label for hit in run.search("1912")] == ["1912"]
    assert "r5" not in [hit.label for hit in run.search("l5", k=50)]
    with pytest.raises(UsageError, match="'1999' is not matched"):
        run.search("1999")
    store.close()


@BOTH
def test_new_entities_of_an_extended_run_are_added(kind, tmp_path):
    pair = mmkg.twin_graphs(40, seed=1)
    result = mmkg.align(pair, "propagation", settings={"features.modalities": ["structure", "relation"]})
    store = open_store(address(kind, tmp_path), create=True)
    assert publish(result, store).written == (len(result.left), len(result.right))
    first, relation = result.entities[0].labels[0], pair.left.relations[0]
    grown = result.extend(as_graph([("new", relation, first)]))
    written = publish(grown, store)
    assert written.entities == (len(result.left) + 1, len(result.right))
    assert 1 <= sum(written.written) < sum(written.entities)
    run = PublishedRun(store)
    for entity in ("new", 0, 7):
        assert_same_hits(run.search(entity, k=3), grown.search(entity, k=3))
    store.close()


@BOTH
def test_an_interrupted_publication_answers_nothing_and_is_completed(kind, tmp_path, small_result, monkeypatch):
    store = open_store(address(kind, tmp_path), create=True)
    monkeypatch.setattr("mmkg.stores.rows.BLOCK", 20)
    whole, calls = type(store).upsert, []

    def breaks(self, side, entities):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(len(entities))
        whole(self, side, entities)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(store), "upsert", breaks)
        publish(small_result, store)
    with pytest.raises(InputError, match="half-written; publish it again"):
        PublishedRun(store)
    written = publish(small_result, store).written
    assert sum(written) == len(small_result.left) + len(small_result.right) - sum(calls)
    assert_same_hits(PublishedRun(store).search(2), small_result.search(2))
    store.close()


@BOTH
def test_another_run_is_kept_unless_it_is_to_be_replaced(kind, tmp_path, small_result):
    store = open_store(address(kind, tmp_path), create=True)
    publish(small_result, store)
    other = mmkg.align(mmkg.twin_graphs(30, seed=2), "propagation", settings={"search.store": "float32"})
    with pytest.raises(InputError, match="another run is there under the name 'mmkg'"):
        publish(other, store)
    assert_same_hits(PublishedRun(store).search(2), small_result.search(2))
    beside = open_store(address(kind, tmp_path, "#second"), create=True)
    publish(other, beside)
    publish(other, store, overwrite=True)
    assert_same_hits(PublishedRun(store).search(2), other.search(2))
    assert_same_hits(PublishedRun(beside).search(2), other.search(2))
    beside.drop()
    with pytest.raises(InputError, match="no run of the name 'second'"):
        PublishedRun(beside)
    store.close()


@BOTH
def test_what_a_store_holds_is_checked(kind, tmp_path, small_result):
    store = open_store(address(kind, tmp_path), create=True)
    with pytest.raises(InputError, match="no run of the name 'mmkg'"):
        PublishedRun(store)
    publish(small_result, store)
    facts = store.facts()
    for change, message in (
        ({"version": 99}, "another version"),
        ({"widths": {}}, "widths"),
        ({"csls_k": "three"}, "csls_k"),
        ({"confidence": {"slope": -1, "intercept": 0}}, "slope"),
    ):
        store.write_facts({**facts, **change})
        with pytest.raises(InputError, match=message):
            PublishedRun(store)
    store.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("store.db", "not the address of a store"),
        ("milvsu:store.db", "did you mean 'milvus'|milvus"),
        ("milvus:", "expected a place after milvus:"),
        ("milvus:store.txt", r"ends in \.db"),
        ("lancedb:store#two words", "letters, digits"),
    ],
)
def test_a_wrong_address(text, message):
    with pytest.raises(UsageError, match=message):
        open_store(text)


@BOTH
def test_a_store_that_is_not_there(kind, tmp_path):
    with pytest.raises(InputError, match="no such store"):
        open_store(address(kind, tmp_path))
    with pytest.raises(MmkgError):
        open_store(address(kind, tmp_path / "none" / "such"))
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(milvus, "SECONDS", 0.2)
    with pytest.raises(InputError, match="does not answer as expected") as error:
        open_store("milvus:http://127.0.0.1:1")
    assert "\n" not in str(error.value)


def test_the_digest_of_a_run_stays_when_it_grows_and_not_when_it_changes(small_result):
    other = replace(small_result, embeddings=small_result.embeddings.restrict(["structure"]))
    assert digest_of(small_result) == digest_of(small_result) != digest_of(other)


def test_keys_are_short_and_differ():
    assert key_of("a") == "ca978112ca1bbdcafac231b39a23dc4d"  # the beginning of SHA-256 of "a"
    assert len({key_of(text) for text in ("a", "A", "a ", '"; drop', "\ud800")}) == 5


def test_entities_of_records_and_back(opened):
    few = opened["lancedb"].take("left", np.array([4, 1]))
    again = Entities.of_records(list(few.records()))
    assert again.row.tolist() == [4, 1]
    assert again.label == few.label
    np.testing.assert_array_equal(again.vector, few.vector)


@BOTH
def test_commands(kind, run, small_run, small_result, tmp_path):
    place = address(kind, tmp_path)
    written = run("publish", small_run, "--to", place, "--json")
    assert written.code == 0, written.err
    assert json.loads(written.out)["entities"] == [len(small_result.left), len(small_result.right)]
    label = small_result.entities[0].labels[4]
    at = run("search", "--at", place, "--entity", label, "-k", 3)
    folder = run("search", small_run, "--entity", label, "-k", 3)
    assert (at.code, at.out) == (0, folder.out)
    values = json.loads(run("search", "--at", place, "--entity", label, "--json").out)
    assert values["query"]["label"] == label
    for more, message in (([small_run], "leave out RUN"), (["--modalities", "structure"], "leave out --modalities")):
        wrong = run("search", *more, "--at", place, "--entity", label)
        assert wrong.code == 2
        assert message in wrong.err
    nothing = run("search", "--entity", label)
    assert nothing.code == 2
    assert "name the folder of a run" in nothing.err


def test_the_example_of_the_help(run, small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*[str(small_run) if word == "RUN" else word for word in example("publish")])
    assert done.code == 0, done.err
    assert "search --at milvus:STORE.db" in done.out
    assert (tmp_path / "STORE.db").exists()
