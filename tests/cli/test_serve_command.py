"""`mmkg serve` and `mmkg review`: the address, the keys, the files, and what goes wrong."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from commands import example, one_line

from mmkg.cli import review_terminal
from mmkg.decisions.store import read_store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


@pytest.fixture
def keys(monkeypatch, run):
    """Runs `mmkg review RUN --terminal` with keys from a pipe."""
    import io

    def review(folder, text, *more):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return run("review", folder, "--terminal", "--author", "Ada", *more)

    return review


# --- serve


def test_the_example_of_the_help_serves_until_it_is_interrupted(folder):
    words = [str(folder) if word == "RUN" else word for word in example("serve")]
    words[words.index("8000")] = "0"  # any free port
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mmkg", *words, "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    try:
        facts = json.loads(process.stdout.readline())
        assert facts["address"].startswith("http://127.0.0.1:") and not facts["read_only"]
        with urllib.request.urlopen(facts["address"] + "health", timeout=30) as answer:
            assert json.load(answer)["status"] == "ok"
        with urllib.request.urlopen(facts["address"], timeout=30) as page:
            assert facts["token"] in page.read().decode()
        request = urllib.request.Request(facts["address"] + "api/v1/decisions/undo", b"{}", method="POST")
        request.add_header("Content-Type", "application/json")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=30)
        # a connection on which nothing arrives does not keep others waiting
        port = int(facts["address"].rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHo")
            with urllib.request.urlopen(facts["address"] + "health", timeout=30) as answer:
                assert answer.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out == "" and "Traceback" not in err, err


def test_a_port_in_use_is_one_sentence_before_the_run_is_read(run, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = one_line(run("serve", tmp_path / "nothing", "--port", port), 1)
    assert message == f"mmkg: port {port} is in use by another program; give another port, e.g. --port {port + 1}\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--port", "0"], 1, "no finished run"),
        (["--host", "no such host"], 2, "--host: there is no address 'no such host'"),
        (["--host", "203.0.113.7", "--port", "0"], 2, "--host: this machine has no address '203.0.113.7'"),
        (["--port", "70000"], 2, "--port must be in 0..65535, got 70000"),
        (["--token", "short"], 2, "--token must have eight or more letters"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(run, tmp_path, words, code, message):
    (tmp_path / "empty").mkdir()
    done = one_line(run("serve", tmp_path / "empty", *words), code)
    assert message in done or "manifest" in done, done


def test_a_server_without_its_packages_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert "pip install 'mmkg[serve]'" in one_line(run("serve", tmp_path), 1)


# --- review in the terminal


def test_the_example_of_the_help_reviews_by_keys(run, folder, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("a\nq\n"))
    done = run(*[str(folder) if word == "RUN" else word for word in example("review")])
    assert done.code == 0 and "1 decisions, 1 in all" in done.out and "--decisions" in done.out
    assert "a accept, r reject" in done.out


def test_keys_decide_skip_and_undo(keys, folder):
    done = keys(folder, "x\na\ns\nr\nn\n2\nu\nq\n")
    assert done.code == 0 and "x: no such key" in done.out and "taken back: Ada" in done.out
    made = read_store(folder / "decisions.sqlite")
    assert [each.verdict for each in made] == ["accept", "reject", "no_counterpart", "accept"]
    assert [each.undone for each in made] == [False, False, False, True]
    assert {each.author for each in made} == {"Ada"} and made[2].right is None
    again = keys(folder, "")  # the end of a pipe is the end
    assert again.code == 0 and made[0].left not in again.out.split("to check")[1].split("[")[0]


def test_another_candidate_decides_the_match_too(keys, folder):
    first = json.loads(keys(folder, "2\nq\n", "--json").out)
    (made,) = first["decisions"]
    assert made["verdict"] == "accept" and first["total"] == 1
    assert made["left"] not in [line.split()[0] for line in keys(folder, "q\n").out.splitlines() if line.strip()]


def test_a_review_ends_when_every_match_is_decided(keys, folder):
    done = keys(folder, "a\n" * 200)
    assert "every match is decided" in done.out and done.code == 0
    total = len(read_store(folder / "decisions.sqlite"))
    assert 20 < total < 100 and f"{total} decisions, {total} in all" in done.out


def test_hostile_labels_are_shown_as_escapes(capsys):
    fact = {"attribute": "a\x1b[2J", "value": "\u202eevil"}
    review_terminal._columns(review_terminal._fact(fact), "")
    assert "\x1b" not in capsys.readouterr().out


# --- files


def test_decisions_go_from_one_run_to_another_as_sssom(run, keys, folder, tmp_path, small_run):
    keys(folder, "a\nr\nn\nq\n")
    done = run("review", folder, "--export", tmp_path / "d.sssom.tsv")
    assert done.out == f"3 decisions written to {tmp_path / 'd.sssom.tsv'}\n"
    other = shutil.copytree(small_run, tmp_path / "other")
    assert (
        f"3 decisions added from {tmp_path / 'd.sssom.tsv'}, 0 were there"
        in run("review", other, "--import", tmp_path / "d.sssom.tsv").out
    )
    values = json.loads(run("review", other, "--import", tmp_path / "d.sssom.tsv", "--json").out)
    assert values == {"decisions": 3, "added": 0, "known": 3, "unknown": 0}
    pairs = [[each.pair for each in read_store(place / "decisions.sqlite")] for place in (folder, other)]
    assert pairs[0] == pairs[1]


def test_decisions_of_another_run_are_refused_and_nothing_is_lost(run, folder, tmp_path):
    from mmkg.decisions.decision import Decision
    from mmkg.decisions.sssom import write_decisions

    strange = Decision("x", "y", "accept", "Ben")
    write_decisions(tmp_path / "d.sssom.tsv", [strange])
    done = one_line(run("review", folder, "--import", tmp_path / "d.sssom.tsv"), 2)
    assert "no decision in" in done and "is about entities of this run, first Ben: 'x' = 'y'" in done
    assert not (folder / "decisions.sqlite").exists() or not read_store(folder / "decisions.sqlite")


def test_options_without_effect_are_refused(run, folder):
    assert "--terminal has no effect" in one_line(run("review", folder, "--terminal", "--export", "x"), 2)
    assert "--author is for --terminal" in one_line(run("review", folder, "--author", "Ada"), 2)


def test_a_review_of_no_run_is_one_sentence(run, tmp_path):
    started = time.monotonic()
    one_line(run("review", tmp_path, "--terminal"), 1)
    assert time.monotonic() - started < 60
