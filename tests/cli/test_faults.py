"""Faults of the machine, of libraries and of mmkg itself: one line with what to do, and no traceback."""

import errno
import lzma
import zlib

import pytest
import torch
from commands import one_line
from small import FLAGS

import mmkg.loading
from mmkg.files import atomic_path

FAULTS = [
    (OSError(errno.ENOSPC, "No space left on device", "runs/x"), "runs/x: no space left on device; free some space"),
    (RuntimeError("write error in index.faiss: 0 != 1 (No space left on device)"), "free some space, then start the"),
    (MemoryError(), "out of memory (no memory was left); close other programs"),
    (MemoryError("Unable to allocate 7.45 GiB for an array"), "out of memory (Unable to allocate 7.45 GiB"),
    (RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"), "out of memory"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory (CUDA out of memory"),
    (RecursionError("maximum recursion depth exceeded"), "an input is nested too deeply"),
    (zlib.error("Error -3 while decompressing data"), "a compressed file is damaged (Error -3"),
    (lzma.LZMAError("Corrupt input data"), "a compressed file is damaged (Corrupt input data)"),
    (EOFError("Compressed file ended before the end-of-stream marker"), "a compressed file is damaged"),
    (KeyError("left"), "unexpected error: KeyError: 'left'; run again with --debug for details"),
    (RuntimeError("first line\nsecond \x1b[31m"), r"unexpected error: RuntimeError: first line second \x1b[31m; run"),
    (PermissionError(errno.EACCES, "Permission denied", "runs"), "[Errno 13] Permission denied: 'runs'"),
]


@pytest.fixture
def failing(monkeypatch):
    """Make reading of any pair fail with an error."""

    def set_error(error):
        def fail(*arguments, **options):
            raise error

        monkeypatch.setattr(mmkg.loading, "load", fail)

    return set_error


@pytest.mark.parametrize(("error", "message"), FAULTS, ids=lambda value: str(type(value).__name__))
def test_any_fault_is_one_line_with_what_to_do(run, failing, error, message):
    failing(error)
    assert message in one_line(run("describe", "emoji-fr-en"), 1)


def test_debug_shows_the_traceback_before_the_line(run, failing):
    failing(KeyError("left"))
    done = run("--debug", "describe", "emoji-fr-en")
    assert done.code == 1 and "Traceback (most recent call last)" in done.err
    assert done.err.splitlines()[-1].startswith("mmkg: unexpected error: KeyError: 'left'")
    assert "Traceback" not in one_line(run("describe", "emoji-fr-en"), 1)  # it does not stay


@pytest.mark.parametrize("text", ["No space left on device (os error 28)", "0 != 9 (Disk quota exceeded)"])
def test_a_full_disk_is_an_os_error_whatever_the_library_raises(tmp_path, text):
    with pytest.raises(OSError) as found, atomic_path(tmp_path / "a"):
        raise RuntimeError(text)
    assert found.value.errno in (errno.ENOSPC, errno.EDQUOT) and found.value.filename == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_run_resumable_to_the_same_bits(run, pair, tmp_path, monkeypatch, aligned):
    import safetensors.numpy

    out, write = tmp_path / "run", safetensors.numpy.save_file

    def full(*arguments, **options):
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    words = ["align", pair, "--seed", "2", "--device", "cpu", "--out", out, *FLAGS]
    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    done = run(*words)
    assert done.code == 1 and done.err.splitlines()[-1].startswith(f"mmkg: {out}: no space left on device; free some")
    assert [path.name for path in out.iterdir()] == ["trainer.safetensors"]
    monkeypatch.setattr(safetensors.numpy, "save_file", write)
    assert run(*words).code == 0
    for name in ("embeddings.safetensors", "model.safetensors", "metrics.jsonl"):
        assert (out / name).read_bytes() == (aligned.folder / name).read_bytes(), name
    assert not list(out.glob("trainer*"))


def test_a_full_cache_warns_and_the_work_goes_on(tmp_path, monkeypatch, caplog):
    import numpy as np
    import safetensors.numpy

    from mmkg.data.arrays.cache import VectorCache

    def full(*arguments, **options):
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    VectorCache(tmp_path, "encoder").put([b"k" * 32], np.ones((1, 3), np.float32))
    assert "cannot write vectors to the cache" in caplog.text and "No space left" in caplog.text


def test_labels_never_reach_the_terminal_as_controls(run, tmp_path):
    """Names with escapes and marks of direction, through every command that prints names."""
    bad = "\x1b]0;owned\x07\u202e\x9b31m"
    for side in ("left", "right"):
        rows = [f"{side}/{i}\tknows\t{side}/{(i * 7 + 1) % 60}" for i in range(60)]
        rows += [f"{side}/{i}\tlabel\t{bad} {i}" for i in range(60)]
        (tmp_path / f"{side}.tsv").write_text("\n".join(rows) + "\n")
    links = "".join(f"left/{i}\tright/{i}\n" for i in range(60))
    (tmp_path / "links.tsv").write_text(links)
    pair = [tmp_path / "left.tsv", tmp_path / "right.tsv", "--links", tmp_path / "links.tsv"]
    out = tmp_path / "run"
    texts = [
        run("describe", *pair),
        run("inspect", *pair),
        run("align", *pair, "--model", "propagation", "--device", "cpu", "--out", out),
        run("search", out, "--entity", "left/3"),
        run("search", out, "--entity", "left/3", "--json"),
        run("search", out, "--entity", bad),
        run("inspect", *pair, "--json"),
        run("describe", tmp_path / bad),
    ]
    for done in texts:
        assert not set(done.out + done.err) & set("\x1b\x07\x9b\u202e"), done
    assert sum(r"\u202e" in done.out + done.err for done in texts) >= 4
