"""Run folders: the old or the new run is whole at every moment, and one process writes at a time."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmkg.errors import InputError, UsageError
from mmkg.folders import claimed, free_folder, read_manifest, replaced, settle

HOLD = """
import sys, time
from mmkg.folders import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def save(folder, text, *, more=()):
    """A run of two files with the same text, and perhaps more files."""
    with replaced(folder, format=1, text=text) as new:
        for name in ("record.json", "config.toml", "metrics.jsonl", *more):
            (new / name).write_text(text)


def text_of(folder):
    """The text of the run, all of whose files agree."""
    manifest = read_manifest(folder, ("record.json", "config.toml"), format=1, again="again")
    assert {(folder / name).read_text() for name in manifest["sha256"]} == {manifest["text"]}
    return manifest["text"]


def killed_at(event, folder, text, more):
    """Save in a process of its own that dies at the n-th operation on files; whether it died."""
    child = os.fork()
    if child == 0:
        left = [event]

        def hook(name, arguments):
            if name.partition(".")[0] in ("os", "open", "shutil", "fcntl", "tempfile"):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)

        try:
            sys.addaudithook(hook)
            save(folder, text, more=more)
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("before", "after"), [(("model.safetensors",), ()), ((), ("model.safetensors",))])
def test_at_every_file_operation_of_a_save_a_kill_leaves_the_old_or_the_new_run(tmp_path, before, after):
    found, event, code = [], 0, 9
    while code == 9:
        event += 1
        folder = tmp_path / str(event)
        save(folder, "old", more=before)
        (folder / "notes.txt").write_text("mine")
        code = killed_at(event, folder, "new", after)
        found.append(text_of(folder))
        with claimed(folder):  # the next writer
            pass
        manifest = json.loads((folder / "manifest.json").read_text())
        assert {path.name for path in folder.iterdir()} == {*manifest["sha256"], "manifest.json", "notes.txt"}
    assert code == 0 and event > 20
    assert found[0] == "old" and found[-1] == "new" and found == sorted(found, reverse=True)


def test_a_body_that_raises_leaves_the_old_run_and_a_new_folder_is_gone(tmp_path):
    save(tmp_path / "run", "old")
    for folder in ("run", "new"):
        with pytest.raises(RuntimeError), replaced(tmp_path / folder) as new:
            (new / "record.json").write_text("half")
            raise RuntimeError
    assert text_of(tmp_path / "run") == "old" and [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_run_of_the_working_directory_and_behind_a_link_can_be_replaced(tmp_path, monkeypatch):
    save(tmp_path / "run", "old")
    monkeypatch.chdir(tmp_path / "run")
    save(Path("."), "new")
    assert Path("config.toml").read_text() == "new"
    (tmp_path / "link").symlink_to(tmp_path / "run")
    save(tmp_path / "link", "newer")
    assert text_of(tmp_path / "run") == "newer" and (tmp_path / "link").is_symlink()


def test_the_manifest_seals_what_was_written_whatever_another_process_puts_there(tmp_path):
    save(tmp_path / "run", "old")
    with replaced(tmp_path / "run", format=1, text="new") as new:
        (new / "record.json").write_text("new")
        (new / "config.toml").write_text("new")
        (tmp_path / "run" / "record.json").write_text("of another process")
        (tmp_path / "run" / "config.toml").write_text("of another process")
    assert text_of(tmp_path / "run") == "new"


# --- one writer at a time


def test_a_second_process_is_refused_by_the_name_of_the_first_until_that_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(
            InputError, match=rf"process {holder.pid} on .* is writing a run to this folder; wait until"
        ):
            save(tmp_path, "mine")
    finally:
        holder.kill()
        holder.communicate()
    save(tmp_path, "mine")
    assert text_of(tmp_path) == "mine"


def test_threads_exclude_each_other_and_one_thread_may_claim_twice(tmp_path):
    refused = []

    def second():
        try:
            save(tmp_path, "second")
        except InputError as error:
            refused.append(str(error))

    with claimed(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        save(tmp_path, "first")
    assert len(refused) == 1 and f"process {os.getpid()}" in refused[0]
    assert text_of(tmp_path) == "first" and not (tmp_path / ".lock").exists()


def test_a_folder_made_for_nothing_is_removed(tmp_path):
    with claimed(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


# --- what is left over


def test_the_next_writer_removes_what_killed_ones_left_and_no_file_of_the_user(tmp_path):
    left = [".trainer.safetensors.ab12_xyz.part", ".links.json.00000000.part", "trainer-2.safetensors"]
    mine = [".links.tsv.ab12cd34.part", "notes.part", "trainer.txt"]
    for name in [*left, *mine]:
        (tmp_path / name).write_text("x")
    (tmp_path / ".new-ab12cd34").mkdir()
    (tmp_path / ".new-ab12cd34" / "record.json").write_text("half")
    with claimed(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(mine)


def test_checkpoints_of_all_rounds_stay_while_the_first_is_there_and_go_with_the_finished_run(tmp_path):
    names = ["trainer.safetensors", "trainer-1.safetensors", "trainer-2.safetensors", "teacher.safetensors"]
    for name in names:
        (tmp_path / name).write_text("x")
    with claimed(tmp_path):
        assert sorted(path.name for path in tmp_path.glob("t*")) == sorted(names)
        save(tmp_path, "done")
    assert not list(tmp_path.glob("t*"))


# --- hostile folders


def test_a_ready_folder_that_is_a_link_moves_nothing(tmp_path):
    (tmp_path / "home").mkdir()
    save(tmp_path / "home", "private")
    save(tmp_path / "run", "old")
    (tmp_path / "run" / ".ready").symlink_to(tmp_path / "home")
    with pytest.raises(InputError, match=r"\.ready: expected a folder"):
        settle(tmp_path / "run")
    assert text_of(tmp_path / "home") == "private"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "c:x", ""])
def test_a_manifest_that_names_files_elsewhere_is_refused_and_removes_nothing(tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    save(tmp_path / "run", "old")
    from mmkg import folders

    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    del manifest["seal"]
    manifest["sha256"][name] = "0" * 64
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest | {"seal": folders._seal(manifest)}))
    with pytest.raises(InputError, match="expected names of files in this folder"):
        read_manifest(tmp_path / "run", (), format=1, again="again")
    save(tmp_path / "run", "new")
    assert (tmp_path / "secret").read_text() == "secret" and text_of(tmp_path / "run") == "new"


@pytest.mark.parametrize("name", ["config.toml", "manifest.json", "notes.txt"])
def test_a_folder_of_somebody_else_is_refused(tmp_path, name):
    (tmp_path / name).write_text('{"name": "a browser extension"}')
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=rf"holds files but no run \({name}\)"):
            free_folder(tmp_path, overwrite)
    for name in (".DS_Store", ".gitkeep"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        (tmp_path / "empty" / name).write_text("")
    assert free_folder(tmp_path / "empty", False) == tmp_path / "empty"
