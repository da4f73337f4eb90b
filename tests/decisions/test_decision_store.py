"""Decisions in SQLite: acknowledged ones survive, several may write, nothing else is touched."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmkg.decisions.decision import Decision
from mmkg.decisions.store import DecisionStore, read_store
from mmkg.errors import InputError, UsageError

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from mmkg.decisions.decision import Decision
from mmkg.decisions.store import DecisionStore
store = DecisionStore(sys.argv[1])
for n in range(int(sys.argv[2])):
    made = store.add(Decision(f"l{n}", f"r{n}", "accept", sys.argv[3]))
    print(made.id, n, flush=True)
"""


def decision(n=0, author="Ada", **more):
    return Decision(**{"left": f"l{n}", "right": f"r{n}", "verdict": "accept", "author": author} | more)


def writer(path, number, author="Ada"):
    words = [sys.executable, "-c", WRITER, str(path), str(number), author]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.fixture
def store(tmp_path):
    found = DecisionStore(tmp_path / "decisions.sqlite")
    yield found
    found.close()


def test_there_is_no_file_before_the_first_decision(store):
    assert store.all() == [] and store.count() == store.changes() == 0 and not store.path.exists()
    assert store.undo() is None


def test_decisions_come_back_in_their_order_with_number_and_time(store):
    first = store.add(decision(0, comment="tab\t, line\n, 日本"))
    second = store.add(Decision(None, "r1", "no_counterpart", "Ben"))
    assert (first.id, second.id) == (1, 2) and first.date.endswith("Z") and len(first.date) == 20
    assert store.all() == [first, second] == read_store(store.path)
    assert store.rows(0, 1, newest_first=True) == [second]


def test_undo_takes_back_the_last_one_and_then_the_one_before(store):
    made = [store.add(decision(n)) for n in range(3)]
    assert [store.undo().id for _ in range(3)] == [3, 2, 1] and store.undo() is None
    assert [each.undone for each in store.all()] == [True] * 3 and store.count() == 3
    assert store.undo(made[0].id) is None  # it was taken back before


def test_undo_of_an_author_leaves_the_others(store):
    store.add(decision(0, "Ada"))
    store.add(decision(1, "Ben"))
    assert store.undo(author="Ada").author == "Ada"
    assert [each.undone for each in store.all()] == [True, False]
    with pytest.raises(UsageError, match="no decision has the number 7"):
        store.undo(7)


def test_changes_grow_with_every_write(store):
    seen = [store.changes()]
    store.add(decision())
    seen.append(store.changes())
    store.undo()
    seen.append(store.changes())
    assert seen == sorted(set(seen))


def test_a_read_only_store_refuses_and_reads(store):
    store.add(decision())
    other = DecisionStore(store.path, read_only=True)
    assert len(other.all()) == 1
    for change in (lambda: other.add(decision(1)), other.undo):
        with pytest.raises(UsageError, match="decisions are read-only here"):
            change()
    other.close()


def test_several_are_written_together_or_not_at_all(store):
    class Broken:
        date = property(lambda self: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        store.extend([decision(0), Broken()])
    assert store.all() == []


def test_threads_lose_nothing(store):
    def write(author):
        for n in range(20):
            store.add(decision(n, author))

    threads = [threading.Thread(target=write, args=(f"author {k}",)) for k in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = store.all()
    assert [each.id for each in found] == list(range(1, 161)) and len({(d.author, d.left) for d in found}) == 160


@pytest.mark.parametrize("number", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_a_kill(tmp_path, number):
    path = tmp_path / "decisions.sqlite"
    process = writer(path, 10**6)
    seen = []
    for line in process.stdout:
        seen.append(tuple(map(int, line.split())))
        if len(seen) == number // 2:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = {each.id: each.left for each in read_store(path)}
    assert len(seen) >= number // 2 and all(found[number] == f"l{n}" for number, n in seen)
    store = DecisionStore(path)
    store.add(decision())
    assert store.count() == len(found) + 1
    store.close()


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "decisions.sqlite"
    processes = [writer(path, 60, author) for author in ("Ada", "Ben")]
    for each in processes:
        out, _ = each.communicate(timeout=60)
        assert each.returncode == 0 and len(out.splitlines()) == 60
    found = read_store(path)
    assert len(found) == 120 and {(d.author, d.left) for d in found} == {
        (author, f"l{n}") for author in ("Ada", "Ben") for n in range(60)
    }


# --- files that are no store


def test_another_file_is_refused_and_stays(tmp_path):
    path = tmp_path / "decisions.sqlite"
    path.write_text("my notes")
    with pytest.raises(InputError, match="expected decisions in SQLite, got another file; move it away"):
        DecisionStore(path)
    assert path.read_text() == "my notes"


def test_another_database_is_refused_and_stays(tmp_path):
    path = tmp_path / "decisions.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="got another SQLite database"):
        DecisionStore(path)
    connection = sqlite3.connect(path)
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master")] == ["mine"]
    connection.close()


def test_a_damaged_store_is_one_sentence(store):
    for n in range(50):
        store.add(decision(n, comment="x" * 500))
    store.close()
    content = bytearray(store.path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    store.path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="cannot be (opened|read)"):
        DecisionStore(store.path).all()


def test_a_store_of_a_later_version_is_refused(store):
    store.add(decision())
    store.close()
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(InputError, match="a later version of mmkg"):
        DecisionStore(store.path)


def test_a_missing_store_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_store(tmp_path / "decisions.sqlite")
