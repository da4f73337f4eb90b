import json
import subprocess
import sys

import pytest

from mmkg.errors import InputError
from mmkg.report.record import RunRecord, Stopwatch, git_commit, package_versions, peak_rss_mb


def ticking(*times):
    ticks = iter(times)
    return lambda: next(ticks)


def test_a_phase_entered_twice_adds_up():
    watch = Stopwatch(wall_clock=ticking(10.0, 12.0, 20.0, 25.0), cpu_clock=ticking(1.0, 2.0, 4.0, 8.0))
    for _ in range(2):
        with watch.phase("train"):
            pass
    assert watch.wall == {"train": 7.0}
    assert watch.cpu == {"train": 5.0}


def test_a_phase_inside_another_counts_for_both():
    watch = Stopwatch(wall_clock=ticking(0.0, 1.0, 4.0, 10.0), cpu_clock=ticking(0, 0, 0, 0))
    with watch.phase("outer"), watch.phase("inner"):
        pass
    assert watch.wall == {"inner": 3.0, "outer": 10.0}


def test_a_phase_that_raises_is_counted_and_raises_on():
    watch = Stopwatch(wall_clock=ticking(0.0, 2.0), cpu_clock=ticking(0.0, 1.0))
    with pytest.raises(KeyError), watch.phase("train"):
        raise KeyError
    assert watch.wall == {"train": 2.0}


def test_record_comes_back_from_its_json():
    watch = Stopwatch(wall_clock=ticking(0.0, 1.5), cpu_clock=ticking(0.0, 3.0))
    with watch.phase("train"):
        pass
    record = RunRecord.collect(
        seed=7,
        device="cpu",
        stopwatch=watch,
        fingerprint="abc",
        protocol={"candidates": "test", "csls_k": 3},
        metrics={"left_to_right": {"hits@1": 0.5}},
    )
    assert RunRecord.from_json(record.to_json()) == record
    values = json.loads(record.to_json())
    assert values["seed"] == 7
    assert values["seconds"] == {"train": 1.5}
    assert values["cpu_seconds"] == {"train": 3.0}
    assert values["protocol"] == {"candidates": "test", "csls_k": 3}
    assert values["metrics"]["left_to_right"]["hits@1"] == 0.5
    assert values["python"] == ".".join(str(part) for part in sys.version_info[:3])


def test_fields_of_a_newer_version_are_left_out():
    record = RunRecord.from_json('{"seed": 1, "device": "cpu", "threads": 2, "colour": "red"}')
    assert (record.seed, record.device, record.threads) == (1, "cpu", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"seed": 1,\n', r"record\.json:\d: expected JSON"),
        ("[]", r"record\.json: expected a JSON object, got a list"),
        ('{"seed": 1}', r"record\.json: .* device, threads missing"),
    ],
)
def test_a_damaged_record_is_refused_with_its_place(text, message):
    with pytest.raises(InputError, match=message):
        RunRecord.from_json(text, path="record.json")


def test_a_metric_that_is_not_finite_is_refused():
    record = RunRecord(seed=0, device="cpu", threads=1, metrics={"mrr": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        record.to_json()


def test_versions_name_the_imported_torch_build():
    import torch

    versions = package_versions()
    assert versions["torch"] == torch.__version__
    assert versions["mmkg"] == __import__("mmkg").__version__


def test_peak_memory_follows_an_allocation_of_known_size():
    code = (
        "from mmkg.report.record import peak_rss_mb\n"
        "before = peak_rss_mb(); block = bytearray(b'x') * 100_000_000; after = peak_rss_mb(); del block\n"
        "print(after - before, peak_rss_mb() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, kept = (float(number) for number in done.stdout.split())
    assert 95 < grown < 110
    assert 95 < kept < 110  # the kernel's counter lags by some pages, so the two may differ a little
    assert peak_rss_mb() > 10


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # set inside git hooks; must not mislead

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", f"--git-dir={tmp_path}/.git", f"--work-tree={tmp_path}", *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("init")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    (tmp_path / "file").write_text("1", encoding="utf-8")
    git("add", "file")
    git("commit", "-m", "first")
    return tmp_path, git("rev-parse", "HEAD")


def test_the_commit_of_a_clean_and_of_a_changed_checkout(checkout):
    folder, commit = checkout
    assert git_commit(folder) == commit
    (folder / "file").write_text("2", encoding="utf-8")
    assert git_commit(folder) == commit + "-dirty"


def test_a_folder_inside_another_checkout_has_no_commit(checkout):
    folder, _ = checkout
    (folder / "site-packages").mkdir()
    assert git_commit(folder / "site-packages") is None


def test_reports_need_no_torch():
    code = "import sys, mmkg.report; print(sorted({'torch', 'faiss', 'scipy', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
