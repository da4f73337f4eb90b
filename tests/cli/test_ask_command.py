import json
import shutil

from commands import example, one_line

from mmkg.decisions.decision import Decision
from mmkg.decisions.store import DecisionStore


def test_the_example_of_ask_lists_pairs_with_their_reasons(run, small_run, tmp_path):
    words = [str(small_run) if word == "RUN" else word for word in example("ask")]
    done = run(*words)
    assert done.code == 0 and done.err == "" and len(done.out.splitlines()) == 6, done.err
    questions = json.loads(run(*words, "--json").out)["questions"]
    for line, each in zip(done.out.splitlines()[1:], questions, strict=True):
        assert each["left_name"] in line and each["why"] in line
    done = run(*words, "--out", tmp_path / "ask.tsv")
    rows = [line.split("\t") for line in (tmp_path / "ask.tsv").read_text(encoding="utf-8").splitlines()]
    assert done.out == f"5 pairs written to {tmp_path / 'ask.tsv'}\n"
    assert rows[0] == list(questions[0]) and [row[:2] for row in rows[1:]] == [
        [each["left"], each["right"]] for each in questions
    ]


def test_what_was_decided_in_the_run_folder_is_left_out(run, small_run, tmp_path):
    folder = shutil.copytree(small_run, tmp_path / "run")
    first = json.loads(run("ask", folder, "--budget", 3, "--json").out)["questions"]
    yes, no, _ = [(each["left"], each["right"]) for each in first]
    store = DecisionStore.of(folder)
    store.extend([Decision(*yes, "accept", "a"), Decision(*no, "reject", "a")])
    store.close()
    after = json.loads(run("ask", folder, "--budget", 500, "--json").out)["questions"]
    pairs = [(each["left"], each["right"]) for each in after]
    assert (
        no not in pairs and not {yes[0]} & {left for left, _ in pairs} and not {yes[1]} & {right for _, right in pairs}
    )


def test_a_budget_below_one_is_refused(run, small_run):
    assert "budget must be" in one_line(run("ask", small_run, "--budget", 0), 2)
