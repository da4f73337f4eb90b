import json
import re

import networkx
import numpy as np
import pytest
from commands import DIRECTIONS, example

import mmkg
from mmkg.data.links.sssom_read import read_sssom
from mmkg.result.result import AlignmentResult

IRI = r"<[^\x00-\x20<>\"{}|^`\\]+>"
NT_LINE = re.compile(rf"{IRI} <http://www\.w3\.org/2002/07/owl#sameAs> {IRI} \.")


@pytest.mark.parametrize("command", ["describe", "evaluate", "search", "match", "inspect", "doctor"])
def test_the_example_of_the_help_runs_as_printed(run, small_run, command):
    words = [str(small_run) if word == "RUN" else word for word in example(command)]
    assert words[0] == command
    done = run(*words)
    assert done.code == 0 and done.err == "" and len(done.out.splitlines()) > 3
    if command == "search":
        assert "chats" in done.out and "right/" in done.out


# --- evaluate


def test_evaluate_prints_the_figures_of_the_run_and_their_protocol(run, small_run, small_result):
    done = run("evaluate", small_run)
    hits = round(small_result.metrics["left_to_right"]["hits@1"] * 41)
    assert done.code == 0 and f"left to right  {hits} of 41 (." in done.out and "of 41 links" in done.out
    assert "MRR" not in done.out  # few links are counted
    low, high = json.loads(run("evaluate", small_run, "--json").out)["intervals"]["test"]["left_to_right"]["hits@1"][
        "interval"
    ]
    assert 0 < low < hits / 41 < high < 1
    assert "candidates: entities of the test links; CSLS k=3" in done.out
    assert "selected on validation links" in done.out


def test_all_candidates_are_no_easier_than_those_of_the_test_links(run, small_run):
    few, all_ = (
        json.loads(run("evaluate", small_run, "--json", "--csls-k", 0, "--candidates", who).out)
        for who in ("test", "all")
    )
    assert all_["protocol"]["candidates"] == "all" and few["protocol"]["csls_k"] == 0
    for direction in DIRECTIONS:
        assert all_["test"][direction]["mrr"] <= few["test"][direction]["mrr"]


def test_evaluate_by_some_modalities_is_the_restricted_run(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--json", "--modalities", "image, name").out)
    assert values["test"] == small_result.restrict(["image", "name"]).metrics
    assert values["protocol"]["modalities"] == ["image", "name"]


def test_search_settings_apply_to_a_finished_run(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--json", "--set", "search.csls_k=0").out)
    assert values["protocol"]["csls_k"] == 0 and values["test"] == small_result.evaluate(csls_k=0)
    answers = json.loads(run("search", small_run, "--entity", "chat", "--json", "--set", "search.index=hnsw").out)
    assert answers["answers"][0]["label"] == small_result.search("chat")[0].label


def test_an_assignment_is_ranked_apart_and_says_so_first(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--rescoring", "sinkhorn", "--json").out)
    assert values["protocol"]["rescoring"] == "sinkhorn" and values["test"] == small_result.evaluate_assignment()
    wide = ["--set", "search.sinkhorn.k=3", "--set", "search.sinkhorn.iterations=1"]
    other = json.loads(run("evaluate", small_run, "--rescoring", "sinkhorn", "--json", *wide).out)
    assert other["test"] != values["test"]
    assert "RE-SCORED BY SINKHORN" in run("evaluate", small_run, "--rescoring", "sinkhorn").out
    assert "RE-SCORED" not in run("evaluate", small_run).out


def test_entities_without_a_counterpart_are_judged_when_asked(run, small_run, small_result):
    values = json.loads(run("evaluate", small_run, "--counterparts", "--json").out)
    known, graph = (values["counterparts"][part] for part in ("known", "graph"))
    assert 0 <= known["calibration_error"] < 0.3 and len(known["reliability"]) == 10
    shown = run("evaluate", small_run, "--counterparts").out
    assert f"{known['f1']:.3f}" in shown and f"{graph['none_f1']:.3f}" in shown
    assert all(f"{each['auc']:.3f}" in shown for each in (known, graph, values["counterparts"]["graph_right"]))
    assert "candidates: all entities" in shown and f"{small_result.counterparts.share:.3f}" in shown
    assert "counterparts" not in json.loads(run("evaluate", small_run, "--json").out)


def test_a_run_is_judged_later_by_a_file_of_labels(run, small_run, small_result, tmp_path):
    links = small_result.links
    gold = [*links.train[:3].tolist(), *links.test.tolist()]
    rows = [f"left/{i}\tright/{j}" for i, j in gold] + ["left/0\tright/nobody"]
    (tmp_path / "gold.tsv").write_text("\n".join(["left\tright", *rows]) + "\n")
    values = json.loads(run("evaluate", small_run, "--links", tmp_path / "gold.tsv", "--hits", "3,20", "--json").out)
    assert values["test"] == small_result.evaluate(candidates="all", hits=(3, 20))
    assert values["protocol"]["candidates"] == "all" and values["protocol"]["num_test"] == len(links.test)
    assert values["judged_by"] == {"links": len(links.test), "learnt": 3, "unknown": 1, "repeated": 0}
    assert values["matching"] == small_result.figures(small_result.linked())
    done = run("evaluate", small_run, "--links", tmp_path / "gold.tsv", "--hits", "3,20")
    first = done.out.splitlines()[0]
    assert first.startswith("41 links to judge by; 3 left out because the run has learnt from them; 1 left out")
    assert "first left/0 = right/nobody" in first and "Hits@20" in done.out and "Hits@5" not in done.out
    assert "of the matches about their entities are right (confidence 0." in done.out
    again = run("evaluate", small_run, "--links", tmp_path / "none.tsv")
    assert again.code == 1 and "none.tsv: no such file" in again.err


@pytest.mark.parametrize("hits", ["0", "a", "1,", "1.5"])
def test_hits_that_are_no_numbers_are_wrong_usage(run, small_run, hits):
    done = run("evaluate", small_run, "--hits", hits)
    assert done.code == 2 and "--hits takes whole numbers from 1 up, e.g. 1,3,20" in done.err


# --- search


def test_a_name_of_the_right_graph_is_searched_there_and_said_so(run, small_run):
    done = run("search", small_run, "--entity", "chats", "-k", 1)
    assert done.out.splitlines()[0].endswith("this is one of the right graph (--side right):")
    assert "left/" in done.out.rstrip().splitlines()[-1]
    assert json.loads(run("search", small_run, "--entity", "chats", "--json").out)["query"]["side"] == "right"
    assert "right graph" not in run("search", small_run, "--entity", "chats", "--side", "right").out
    done = run("search", small_run, "--entity", "chats", "--side", "left")
    assert done.code == 2 and done.err.rstrip().endswith("pass --side right")


def test_search_in_json_says_what_the_library_says(run, small_run, small_result):
    values = json.loads(run("search", small_run, "--entity", "CHAT", "-k", "3", "--json").out)
    hits = small_result.search("Chat", k=3)
    assert [answer["label"] for answer in values["answers"]] == [hit.label for hit in hits]
    for name in ("shares", "score", "parts", "raw"):
        assert [answer[name] for answer in values["answers"]] == [getattr(hit, name) for hit in hits]
    assert values["query"]["display"] == "Chat" and values["query"]["label"].startswith("left/")


def test_search_asks_from_the_other_side_and_by_uri(run, small_run, small_task):
    label = small_task.right.entities[int(small_task.links.test[0, 1])]
    done = run("search", small_run, "--entity", label, "--side", "right", "-k", "2")
    lines = done.out.splitlines()
    assert lines[0] == f"chats   {label}" and "structure" in done.out and done.out.count("left/") == 2


# --- match


def test_matches_in_json_come_with_figures_of_their_own(run, small_run, small_result):
    values = json.loads(run("match", small_run, "--method", "sinkhorn", "--threshold", 0, "--json").out)
    assert values["figures"] == small_result.figures(small_result.match("sinkhorn"))
    assert 0 < values["figures"]["precision"] <= 1


def test_matches_in_tsv_have_a_header_and_the_librarys_pairs(run, small_run, small_result):
    header, *lines = run("match", small_run, "--threshold", 0).out.splitlines()
    assert header.split("\t") == ["left", "right", "score", "confidence", "left_label", "right_label"]
    pairs = [(f"left/{i}", f"right/{j}") for i, j in small_result.linked(threshold=0).pairs.tolist()]
    assert [tuple(line.split("\t")[:2]) for line in lines] == pairs
    assert all(0 <= float(line.split("\t")[3]) <= 1 for line in lines)


def test_in_ntriples_only_sure_links_are_the_same(run, small_run, small_result):
    values = json.loads(run("match", small_run, "--format", "nt", "--threshold", 0, "--json").out)
    assert values["same_as"] == small_result.same_as_threshold()
    assert values["confidence"] == small_result.calibration.text()
    lines = run("match", small_run, "--format", "nt", "--threshold", 0).out.splitlines()
    sure = sum(link["confidence"] >= values["same_as"] for link in values["links"])
    assert sum("owl#sameAs" in line for line in lines) == sure < len(lines)
    assert sum("skos/core#closeMatch" in line for line in lines) == len(lines) - sure


def test_without_confidences_nothing_is_the_same_or_merged_unless_asked_for(run, aligned, pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mmkg.result.calibrate.Confidences.counterparts", None)
    done = run("match", aligned.folder, "--format", "nt")
    assert done.code == 0 and "owl#sameAs" not in done.out and "closeMatch" in done.out
    assert "confidence: none" in done.err and "--threshold 0 takes all" in done.err and done.err.count("\n") == 1
    done = run("match", aligned.folder, "--format", "nt", "--threshold", 0)
    assert "owl#sameAs" in done.out and "closeMatch" not in done.out and "takes all" not in done.err
    known = AlignmentResult.load(aligned.folder).links
    few = run("merge", aligned.folder, pair, "--out", "few.nq")
    assert f"{len(known.train) + len(known.valid)} of them in both graphs" in few.out
    assert "only known links are merged, --threshold 0 takes all" in few.out
    every = json.loads(run("merge", aligned.folder, pair, "--out", "all.nq", "--threshold", 0, "--json").out)
    assert every["unified"] > len(known.train) + len(known.valid)
    done = run("match", aligned.folder, "--min-precision", 0.9)
    assert done.code == 2 and "about 50 known links, --links FILE, or take all matches with --threshold 0" in done.err


@pytest.mark.parametrize("method", ["mutual", "greedy", "hungarian", "sinkhorn"])
def test_matches_as_ntriples_are_one_statement_a_line(run, small_run, small_result, method):
    lines = run(
        "match", small_run, "--method", method, "--format", "nt", "--threshold", 0, "--same-as", 0
    ).out.splitlines()
    assert len(lines) == len(small_result.linked(small_result.match(method), 0)) > 20
    assert all(NT_LINE.fullmatch(line) for line in lines)


def test_a_threshold_keeps_the_sure_links(run, small_run, small_result):
    everything = run("match", small_run, "--threshold", 0).out.splitlines()[1:]

    def as_sure(least):
        return [line for line in everything if np.float32(line.split("\t")[3]) >= np.float32(least)]  # 9 digits

    assert run("match", small_run, "--threshold", 0.5).out.splitlines()[1:] == as_sure(0.5)
    best = run("match", small_run).out.splitlines()[1:]
    assert best == as_sure(small_result.threshold()) and 0 < len(best) < len(everything)
    values = json.loads(run("match", small_run, "--min-precision", 0.9, "--json").out)
    assert values["threshold"] == small_result.threshold(0.9)
    assert len(values["links"]) == len(as_sure(values["threshold"]))
    promise, held = values["precision"], len(small_result.links.valid)
    assert promise["wanted"] == 0.9 and not promise["promised"] and promise["lower_bound"] < 0.9 <= promise["expected"]
    assert f"0.9 cannot be promised with 95% certainty: {held} validation links promise at most 0." in promise["text"]
    assert promise["text"] in run("match", small_run, "--min-precision", 0.9).err


@pytest.mark.parametrize("threshold", ["-0.5", "1.5", "nan"])
def test_a_threshold_that_is_no_probability_is_wrong_usage(run, small_run, threshold):
    done = run("match", small_run, f"--threshold={threshold}")
    assert done.code == 2 and "threshold must be in 0..1" in done.err and done.out == ""


def test_matches_go_to_a_file_when_told(run, small_run, tmp_path):
    expected = run("match", small_run, "--format", "nt").out
    done = run("match", small_run, "--format", "nt", "--out", tmp_path / "links.nt")
    assert (tmp_path / "links.nt").read_text() == expected
    assert re.fullmatch(
        rf"{len(expected.splitlines())} links written to .*links\.nt, with confidence .*\n.*14 valid.*\n", done.out
    )
    values = json.loads(run("match", small_run, "--json", "--out", tmp_path / "links.tsv").out)
    assert len(values["links"]) == len((tmp_path / "links.tsv").read_text().splitlines()) - 1


def test_sssom_says_how_sure_a_link_is_and_lists_who_has_none(run, small_run, small_result, tmp_path):
    path = tmp_path / "links.sssom.tsv"
    values = json.loads(run("match", small_run, "--format", "sssom", "--out", path, "--json").out)
    found = read_sssom(path)
    links = [each for each in found if each.left is not None and each.right is not None]
    assert len(links) == len(values["links"]) == len(small_result.linked())
    for each in links:
        assert (each.predicate == "owl:sameAs") == (each.confidence >= values["same_as"] - 1e-9)
    assert values["same_as"] == small_result.same_as_threshold(values["threshold"])
    unmatched = [each for each in found if each not in links]
    assert values["unmatched"] == {"left": 90 - len(links), "right": 90 - len(links)}
    assert len(unmatched) == 2 * (90 - len(links))
    assert {each.left for each in found} == {*small_result.entities[0].labels, None}
    lines = run("match", small_run, "--format", "nt", "--same-as", 0.99).out.splitlines()
    sure = sum(link["confidence"] >= 0.99 for link in values["links"])
    assert sum("owl#sameAs" in line for line in lines) == sure and sum("closeMatch" in line for line in lines) > 0


# --- merge


def test_the_example_of_merge_runs_on_the_pair_of_a_run(run, aligned, pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": aligned.folder, "emoji-fr-en": pair}
    words = [str(places.get(word, word)) for word in example("merge")]
    done = run(*words)
    task, result = mmkg.load(pair), AlignmentResult.load(aligned.folder)
    links = result.links
    matching = result.believed().pairs.tolist()
    unified = len(links.train) + len(links.valid)
    known = (
        {*links.train[:, 0].tolist(), *links.valid[:, 0].tolist()},
        {
            *links.train[:, 1].tolist(),
            *links.valid[:, 1].tolist(),
        },
    )
    unified += sum(i not in known[0] and j not in known[1] for i, j in matching)
    assert (
        done.code == 0 and done.err == "" and f"{180 - unified} entities, {unified} of them in both graphs" in done.out
    )
    read = mmkg.read_graph(tmp_path / "merged.nq")
    assert read.num_entities == 180 - unified
    called = dict(enumerate(task.right.entities))
    called |= {j: task.left.entities[i] for i, j in result.aligned_pairs(task, result.believed()).tolist()}
    names = (dict(enumerate(task.left.entities)), called)
    statements = {
        (name[head], graph.relations[relation], name[tail])
        for graph, name in zip((task.left, task.right), names, strict=True)
        for head, relation, tail in graph.triples.tolist()
    }
    assert len(read.triples) == len(statements)  # a statement of both graphs counts once
    done = run("merge", aligned.folder, pair, "--out", "m.graphml", "--json")
    assert done.err == "" and json.loads(done.out)["unified"] == unified
    assert len(networkx.read_graphml(tmp_path / "m.graphml")) == 180 - unified


def test_merge_says_which_relations_are_one_and_what_became_of_conflicts(run, aligned, pair, tmp_path):
    out = ["--out", tmp_path / "m.nq"]
    values = json.loads(run("merge", aligned.folder, pair, "--json", *out).out)
    assert values["conflicts"] == {"number": 0, "undecided": 0, "dropped": 0}  # attributes without values
    assert values["same_relations"] == []  # both graphs call them the same already
    assert run("merge", aligned.folder, pair, "--same-relations", 0, *out).code == 0
    for words, text in (
        (["--conflicts", "newest"], "newest needs a date attribute"),
        (["--conflicts", "rigth"], "unknown policy for conflicts 'rigth'"),
        (["--same-relations", 2], "--same-relations must be in 0..1, got 2"),
    ):
        done = run("merge", aligned.folder, pair, *words, *out)
        assert done.code == 2 and text in done.err


def test_a_run_is_merged_with_its_own_pair_only(run, small_run):
    done = run("merge", small_run, "emoji-fr-en", "--out", "never.nq")
    assert done.code == 2 and "this run belongs to other data: its left graph has 90 entities" in done.err
