"""Drills of faults: kills at random moments, and a full disk."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import numpy as np
from outcomes import CRASH, LOST, REFUSED, SAME, WRONG, Counts, called, outcome_of, run
from small import FLAGS, twins, write_dbp15k

ALIGN = {
    "trained": ["--model", "meaformer", *FLAGS],
    "iterative": ["--model", "meaformer", "--iterative", "--set=bootstrap.epochs=2", *FLAGS],
    "combined": ["--model", "combined", "--set=training.epochs=4", "--set=features.top_ngrams=200"],
}
SOON = "--set=training.checkpoint_seconds=0"
EQUAL = ("embeddings.safetensors", "model.safetensors", "metrics.jsonl", "links.json", "config.toml", "predictions.csv")


def kills(folder, number, *, seed, fork):
    """SIGKILL at a random moment of a run, then the same command again: the bits of an uninterrupted run."""
    pair = write_dbp15k(twins(), folder / "pair")
    commands = {f"kill align {name}": ["align", pair, "--device", "cpu", SOON, *words] for name, words in ALIGN.items()}
    words = ["sentiment", "train", "synthetic", "--device", "cpu", SOON, "--set=training.epochs=2"]
    commands["kill sentiment train"] = [*words, "--set=pretraining.epochs=1"]
    return [_kills(name, words, folder / name, number, seed) for name, words in commands.items()]


def _kills(name, words, folder, number, seed):
    counts, rng = Counts(name), np.random.default_rng(seed)
    start = time.monotonic()
    done = run(*words, "--out", folder / "whole", timeout=600)
    took = time.monotonic() - start
    assert done.code == 0, done.err
    whole = _files(folder / "whole")
    for place in range(number):
        out = folder / str(place)
        for _ in range(int(rng.integers(1, 4))):  # killed once, twice or three times
            _killed([*words, "--out", out], float(rng.uniform(0.2, 1.0)) * took)
        done = run(*words, "--out", out, timeout=600)
        if "holds a finished run already" in done.err:
            done = run("evaluate" if words[0] == "align" else "doctor", *([out] if words[0] == "align" else []))
        counts.add(*_resumed(done, out, whole))
        shutil.rmtree(out, ignore_errors=True)
    return counts


def _resumed(done, out, whole):
    if done.code:
        return outcome_of(done) if done.code < 0 else LOST, done.err[-400:]
    found = _files(out)
    for name in EQUAL:
        if found.get(name) != whole.get(name):
            return WRONG, f"{name} differs after a resume"
    more = set(found) - set(whole)
    return (WRONG, f"left over: {sorted(more)}") if more else (SAME, "")


def kills_of_overwrite(folder, number, *, seed, fork):
    """SIGKILL while a run is replaced: the old or the new one is whole, and can be replaced again."""
    counts, rng = Counts("kill overwrite"), np.random.default_rng(seed)
    pair = write_dbp15k(twins(), folder / "pair")
    words = ["align", pair, "--model", "propagation", "--device", "cpu"]
    wanted = {}
    for value in ("1", "2"):
        assert run(*words, "--seed", value, "--out", folder / value).code == 0
        wanted[value] = _files(folder / value)["embeddings.safetensors"], _files(folder / value)["config.toml"]
    start = time.monotonic()
    assert run(*words, "--seed", "2", "--out", folder / "2", "--overwrite").code == 0
    took = time.monotonic() - start
    for place in range(number):
        out = folder / f"run {place}"
        shutil.copytree(folder / "1", out)
        share = rng.uniform(0.5, 1.05) if place % 4 else rng.uniform(0, 1.05)  # most while writing
        _killed([*words, "--seed", "2", "--out", out, "--overwrite"], float(share) * took)
        done = run("evaluate", out, "--json")
        found = _files(out)
        if done.code:
            counts.add(LOST if done.code > 0 else CRASH, done.err[-400:])
        elif (found["embeddings.safetensors"], found["config.toml"]) not in wanted.values():
            counts.add(WRONG, "neither the old nor the new run")
        else:
            done = run(*words, "--seed", "2", "--out", out, "--overwrite")
            found = _files(out)
            same = done.code == 0 and (found["embeddings.safetensors"], found["config.toml"]) == wanted["2"]
            more = set(found) - set(_files(folder / "2"))
            counts.add(SAME if same and not more else WRONG, f"{done.err[-300:]} left over: {sorted(more)}")
        shutil.rmtree(out)
    return [counts]


def full_disk(folder, number, *, seed, fork):
    """A disk that is full at some point of a run: refused in one line, the old run whole, resumable."""
    counts, rng = Counts("full disk"), np.random.default_rng(seed)
    pair = write_dbp15k(twins(), folder / "pair")
    words = ["align", pair, "--model", "meaformer", "--device", "cpu", SOON, *FLAGS]
    assert run(*words, "--out", folder / "whole").code == 0
    whole = _files(folder / "whole")
    size = sum(map(len, whole.values()))
    with _disk(folder / "disk", 8 * size) as mounted:
        counts.name += " (tmpfs)" if mounted else " (limit on the size of a file)"
        for place in range(number):
            out, filler = folder / "disk" / "run", folder / "disk" / "filler"
            shutil.rmtree(out, ignore_errors=True)
            if old := place % 2:
                assert run(*words, "--seed", "1", "--out", out).code == 0
            limit, again = None, [*words, "--out", out, "--overwrite"]
            if mounted:
                free = shutil.disk_usage(folder / "disk").free
                filler.write_bytes(b"\0" * max(0, free - int(rng.uniform(0, 2.2) * size)))
            else:
                largest = int(rng.uniform(0.02, 1) * max(map(len, whole.values())))
                limit = lambda largest=largest: _limit_files(largest)  # noqa: E731
            done = run(*again, limits=limit)
            filler.unlink(missing_ok=True)
            outcome = outcome_of(done)
            if outcome == REFUSED and "free some space" not in done.err:
                outcome = WRONG
            if outcome == REFUSED and old and run("evaluate", out).code:
                outcome = LOST
            if outcome in (REFUSED, SAME):
                resumed = _resumed(run(*again), out, whole)
                outcome = outcome if resumed[0] == SAME else resumed[0]
            counts.add(outcome, done.err[-400:])
    return [counts]


@contextlib.contextmanager
def _disk(folder, size):
    """A small file system, where one can be mounted; else a folder."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def _limit_files(size):
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _killed(words, seconds):
    """A command that is killed after some seconds, if it has not ended by then."""
    child = os.fork()
    if child == 0:
        try:
            called(lambda: __import__("outcomes")._main(words), fork=False)
        finally:
            os._exit(0)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _files(folder):
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}
