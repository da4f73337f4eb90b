import json

from mmkg.data.relations import align_relations
from mmkg.result.result import AlignmentResult


def test_a_run_keeps_its_aligned_relations(run, small_run, small_result, small_task, tmp_path):
    expected = align_relations(small_task.left, small_task.right, small_result.linked().pairs)
    assert list(small_result.relations()) == expected and len(expected) > 2
    loaded = AlignmentResult.load(small_run)
    assert loaded.relations() == expected == loaded.relations(small_task)
    values = json.loads(run("match", small_run, "--relations", "--json").out)
    assert values["relations"] == [pair.as_dict() for pair in expected]
    lines = run("match", small_run, "--relations").out.splitlines()
    assert len(lines) == 1 + len(expected) and lines[0].startswith("left\tright\tkind\tinverse\tsupport")
    done = run("match", small_run, "--relations", "--format", "sssom", "--out", tmp_path / "r.sssom.tsv")
    assert f"{len(expected)} pairs of relations and attributes written" in done.out
    assert "semapv" in (tmp_path / "r.sssom.tsv").read_text()


def test_twins_have_the_relations_that_they_were_made_with(small_task):
    links = small_task.links.all()
    found = align_relations(small_task.left, small_task.right, links)
    best = {}
    for pair in found:
        if pair.kind == "relation" and not pair.inverse:
            best.setdefault(pair.left, pair.right)
    assert best and all(left == right for left, right in best.items())


def test_options_without_effect_on_relations_are_refused(run, small_run):
    for words, text in (
        (["--threshold", 0.5], "--threshold has no effect with --relations"),
        (["--format", "nt"], "relations are written as tsv or sssom, got 'nt'"),
        (["--same-as", 0.5], "--same-as has an effect on relations in sssom only"),
        (["--modalities", "name"], "align the pair again"),
    ):
        done = run("match", small_run, "--relations", *words)
        assert done.code == 2 and text in done.err, done.err


def test_runs_without_aligned_relations_take_the_pair(small_result, small_task):
    bare = small_result.restrict("name", evaluate=False)
    assert bare.aligned_relations is None
    assert bare.relations(small_task) == align_relations(small_task.left, small_task.right, bare.linked().pairs)
