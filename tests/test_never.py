"""Pairs that somebody rejected: nothing learns from them, and nothing returns them."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from small import twins

import mmkg
from mmkg.data.links.formats import read_links, write_links
from mmkg.data.links.never import read_never
from mmkg.data.merge import merge_graphs
from mmkg.errors import InputError, UsageError
from mmkg.learners import learn as learning
from mmkg.learners.pivots import pivot_links
from mmkg.matching import MATCHERS
from mmkg.report.export import rejected_of

FAST = {"features": {"top_ngrams": 200}}
HEAD = "subject_id\tpredicate_modifier\tpredicate_id\tobject_id\tmapping_justification\n"
LEFT = [("u:a", "r", "u:b"), ("u:b", "r", "u:c"), ("u:c", "r", "u:a")]
RIGHT = [("v:a", "r", "v:b"), ("v:b", "r", "v:c"), ("v:c", "r", "v:a")]


def pairs_of(matching):
    return set(zip(matching.left.tolist(), matching.right.tolist(), strict=True))


@pytest.fixture(scope="module")
def task():
    return twins()


@pytest.fixture(scope="module")
def plain(task):
    return mmkg.align(task, "propagation", settings=FAST)


@pytest.fixture(scope="module")
def rejected(task, plain):
    """The best matches of entities outside the known links, as if each were wrong."""
    known = set(map(tuple, task.links.all().tolist()))
    found = [pair for pair in plain.matching.pairs.tolist() if tuple(pair) not in known]
    test = task.links.test[:8].tolist()  # right ones too: what is rejected is not returned, whatever speaks for it
    return np.array(found + test, np.int64)


@pytest.fixture(scope="module")
def forbidding(task, rejected):
    none = np.empty((0, 2), np.int64)
    return replace(task, links=replace(task.links, test=none), never=rejected)


# --- matchers


@pytest.mark.parametrize("name", MATCHERS)
def test_a_matcher_takes_the_next_best_of_a_pair_that_is_wrong(name):
    edges = (np.empty((0, 2), np.int64),) * 2  # without a triple, only scores decide
    match = partial(MATCHERS[name], edges=edges) if name == "gromov-wasserstein" else MATCHERS[name]
    left = np.eye(4, dtype=np.float32)[:2]
    right = np.array([[1, 0.1, 0, 0], [0.8, 0.1, 0.5, 0], [0, 1, 0, 0]], np.float32)
    found = match(left, right, csls_k=0, k=3)
    assert pairs_of(found) == {(0, 0), (1, 2)}
    never = np.array([[0, 0]])
    assert pairs_of(match(left, right, csls_k=0, k=3, never=never)) == {(0, 1), (1, 2)}
    turned = match(right, left, csls_k=0, k=3, never=never[:, ::-1])
    assert pairs_of(turned) == {(1, 0), (2, 1)}
    everything = np.array([[0, 0], [0, 1], [0, 2]])
    assert pairs_of(match(left, right, csls_k=0, k=3, never=everything)) == {(1, 2)}


def test_hungarian_over_all_pairs_leaves_a_row_alone_rather_than_match_a_wrong_pair():
    left, right = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    assert pairs_of(MATCHERS["hungarian"](left, right, csls_k=0, never=np.array([[0, 0]]))) == {(0, 1), (1, 0)}
    never = np.array([[0, 0], [0, 1]])
    assert pairs_of(MATCHERS["hungarian"](left, right, csls_k=0, never=never)) == {(1, 1)}


# --- a run


@pytest.mark.parametrize("method", MATCHERS)
def test_a_run_returns_no_rejected_pair(forbidding, rejected, method):
    settings = {**FAST, "refinement": {"rounds": 2}, "bootstrap": {"rounds": 1}}
    result = mmkg.align(forbidding, "propagation", settings=settings)
    wrong = set(map(tuple, rejected.tolist()))
    assert len(result.match(method)) and not pairs_of(result.match(method)) & wrong
    for left, right in rejected.tolist():
        hits = result.search(left, k=100)
        assert right not in [hit.row for hit in hits] and len(hits) >= 80
    found, _ = result.neighbors(1, side="right")
    assert not {(int(row), column) for column, row in enumerate(found.ids[:, 0])} & wrong


def test_no_pseudo_link_and_no_soft_match_is_a_rejected_pair(forbidding, rejected, monkeypatch):
    wrong, seen = set(map(tuple, rejected.tolist())), []
    bootstrap = learning.bootstrap

    def watched(embed, seeds, config, **rest):
        propose = rest["propose"]

        def proposed(left, right):
            seen.append(set(map(tuple, propose(left, right).tolist())))
            return propose(left, right)

        return bootstrap(embed, seeds, config, **{**rest, "propose": proposed})

    spread = []
    soft = "mmkg.learners.evidence.spread_matches"
    original = mmkg.models.spread_matches

    def watch(inputs, left, right, *rest, **options):
        spread.append(set(zip(left.tolist(), right.tolist(), strict=True)))
        return original(inputs, left, right, *rest, **options)

    monkeypatch.setattr(learning, "bootstrap", watched)
    monkeypatch.setattr(soft, watch)
    settings = {**FAST, "bootstrap": {"rounds": 1}, "refinement": {"rounds": 1}}
    mmkg.align(forbidding, "propagation", settings=settings)
    assert seen and spread and all(seen) and not any(wrong & each for each in [*seen, *spread])
    monkeypatch.undo()


def test_no_seed_link_from_names_is_a_rejected_pair(task):
    first = pivot_links(task, "name").all()
    bare = replace(task, links=mmkg.LinkSplit(first[:0], first[:0], first[:0]), never=first[:5])
    again = pivot_links(bare, "name").all()
    assert len(again) and not set(map(tuple, first[:5].tolist())) & set(map(tuple, again.tolist()))


def test_the_confidence_of_the_next_best_does_not_compete_with_a_rejected_pair(plain):
    row = int(plain.matching.left[0])
    best, second = (hit.row for hit in plain.search(row, k=2))
    without = plain.without(np.array([[row, best]]))
    assert without.search(row, k=1)[0].row == second
    assert without.search(row, k=1)[0].confidence >= plain.search(row, k=2)[1].confidence


# --- run folders


def test_a_run_folder_keeps_rejected_pairs_and_takes_more(forbidding, rejected, tmp_path):
    result = mmkg.align(forbidding, "propagation", settings=FAST, out=tmp_path / "run")
    loaded = mmkg.AlignmentResult.load(tmp_path / "run")
    assert np.array_equal(loaded.never, result.never) and len(loaded.never) == len(rejected)
    assert loaded.matching == result.matching
    more = loaded.matching.pairs[:1]
    labels = [(loaded.entities[0].labels[i], loaded.entities[1].labels[j]) for i, j in more.tolist()]
    for form in (more, labels):
        changed = loaded.without(form)
        assert not pairs_of(changed.matching) & set(map(tuple, [*more.tolist(), *rejected.tolist()]))
    assert tuple(more[0]) in pairs_of(loaded.matching)
    again = mmkg.AlignmentResult.load(changed.save(tmp_path / "again"))
    assert again.matching == changed.matching


def test_a_run_without_rejected_pairs_has_a_folder_as_before(plain, tmp_path):
    assert set(json.loads((plain.save(tmp_path / "run") / "links.json").read_text())) == {"train", "valid", "test"}


def test_the_fingerprint_of_a_task_is_that_of_before_unless_pairs_are_rejected(task, forbidding):
    bare = replace(forbidding, never=np.empty((0, 2), np.int64))
    assert bare.fingerprint() != forbidding.fingerprint()
    assert replace(forbidding, never=forbidding.never[:1]).fingerprint() != forbidding.fingerprint()


def test_match_takes_a_file_of_rejected_pairs(run, plain, tmp_path):
    folder = plain.save(tmp_path / "run")
    before = json.loads(run("match", folder, "--threshold", "0", "--json").out)["links"]
    known = {plain.entities[0].labels[row] for row in plain.known[:, 0].tolist()}
    link = next(each for each in before if each["left"] not in known)
    (tmp_path / "never.tsv").write_text(f"{link['left']}\t{link['right']}\n")
    after = json.loads(run("match", folder, "--threshold", "0", "--never", tmp_path / "never.tsv", "--json").out)[
        "links"
    ]
    ends = [{(each["left"], each["right"]) for each in links} for links in (before, after)]
    assert (link["left"], link["right"]) in ends[0] and (link["left"], link["right"]) not in ends[1]
    first = next(each for each in before if each["left"] in known)
    (tmp_path / "known.tsv").write_text(f"{first['left']}\t{first['right']}\n")
    done = run("match", folder, "--threshold", "0", "--never", tmp_path / "known.tsv", "--json")
    assert "has learnt from 1 of the pairs" in done.err
    assert (first["left"], first["right"]) not in {
        (each["left"], each["right"]) for each in json.loads(done.out)["links"]
    }


# --- files


def sssom(path, *rows):
    head = "#curie_map:\n#  u: 'http://u/'\n#  v: 'http://v/'\n"
    path.write_text(head + HEAD + "".join("\t".join((*row, "semapv:ManualMappingCuration")) + "\n" for row in rows))
    return path


def test_negated_mappings_of_a_link_file_are_rejected_pairs_and_no_links(tmp_path):
    file = sssom(
        tmp_path / "decided.sssom.tsv",
        ("u:a", "", "owl:sameAs", "v:a"),
        ("u:b", "Not", "skos:exactMatch", "v:c"),
        ("u:c", "Not", "skos:closeMatch", "v:b"),
        ("u:c", "Not", "skos:relatedMatch", "v:c"),
    )
    left, right = (
        [(f"http://{side}/a", "r", f"http://{side}/b"), (f"http://{side}/b", "r", f"http://{side}/c")] for side in "uv"
    )
    found = mmkg.load((left, right), links=str(file))
    assert found.links.train.tolist() == [[0, 0]] and found.never.tolist() == [[1, 2], [2, 1]]
    given = mmkg.load((left, right), links=[("http://u/a", "http://v/a")], never=str(file))
    assert given.never.tolist() == [[1, 2], [2, 1]]


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "parquet", "sssom", "oaei", "nt"])
def test_any_format_of_links_holds_rejected_pairs(tmp_path, form):
    from mmkg.data.links.export import Export, Link

    suffix = {"sssom": ".sssom.tsv", "oaei": ".rdf"}.get(form, f".{form}")
    write_links(tmp_path / f"never{suffix}", Export([Link("u:b", "v:c", 50.0, 0.5)]), form)
    found = mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")], never=str(tmp_path / f"never{suffix}"))
    assert found.never.tolist() == [[1, 2]]


def test_rejected_pairs_go_through_sssom_and_back(plain, tmp_path):
    from mmkg.data.links.export import Export

    table = plain.entities
    never = plain.matching.pairs[:3]
    kept = list(plain.export(plain.matching.keep(np.arange(len(plain.matching)) >= 3)))
    write_links(tmp_path / "a.sssom.tsv", Export(kept, rejected=rejected_of(*table, never)), "sssom")
    back = read_never(tmp_path / "a.sssom.tsv")
    assert list(zip(back.left, back.right, strict=True)) == [
        (table[0].labels[i], table[1].labels[j]) for i, j in never.tolist()
    ]
    assert len(read_links(tmp_path / "a.sssom.tsv").left) == len(kept)


def test_a_pair_that_is_a_link_and_rejected_is_refused_with_both_places(tmp_path):
    (tmp_path / "links.tsv").write_text("u:a\tv:a\nu:b\tv:b\n")
    (tmp_path / "never.tsv").write_text("u:c\tv:a\nu:b\tv:b\n")
    with pytest.raises(
        InputError, match=r"never\.tsv:2: 'u:b' = 'v:b' is rejected here and a known link in .*links\.tsv:2"
    ):
        mmkg.load((LEFT, RIGHT), links=tmp_path / "links.tsv", never=tmp_path / "never.tsv")
    found = mmkg.load((LEFT, RIGHT), links=tmp_path / "links.tsv", never=tmp_path / "never.tsv", on_error="skip")
    assert found.never.tolist() == [[2, 0]] and len(found.links.train) == 2
    with pytest.raises(InputError, match="'u:a' = 'v:a' is a link, and a pair that is never the same"):
        replace(found, never=np.array([[0, 0]]))
    with pytest.raises(InputError, match=r"never links must name left rows in 0\.\.2, got 3\.\.3"):
        replace(found, never=np.array([[3, 0]]))


def test_an_unknown_entity_of_a_rejected_pair_is_refused_with_its_line(tmp_path):
    (tmp_path / "never.tsv").write_text("u:c\tv:a\nu:b\tv:x\n")
    with pytest.raises(InputError, match=r"never\.tsv:2: expected an entity of the right graph, got the unknown 'v:x'"):
        mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")], never=tmp_path / "never.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="expected at least one pair of entities that are not the same"):
        mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")], never=tmp_path / "empty.tsv")


def test_align_takes_rejected_pairs_of_labels():
    found = mmkg.align(LEFT, RIGHT, links=[("u:a", "v:a")], never=[("u:b", "v:b")], model="propagation")
    assert (1, 1) not in pairs_of(found.matching) and found.never.tolist() == [[1, 1]]
    with pytest.raises(UsageError, match="never has no effect on a task"):
        mmkg.align(mmkg.load((LEFT, RIGHT), links=[("u:a", "v:a")]), never=[("u:b", "v:b")])


def test_a_merge_keeps_rejected_entities_of_one_iri_apart():
    left, right = (mmkg.as_graph([("http://x/a", "r", "http://x/b")]) for _ in range(2))
    none = np.empty((0, 2), np.int64)
    assert merge_graphs(left, right, none).graph.num_entities == 2
    merged = merge_graphs(left, right, none, never=np.array([[1, 1]]))
    assert merged.graph.num_entities == 3 and list(merged.apart) == ["http://x/b"]
