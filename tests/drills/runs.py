"""Drills of run folders: damaged, and forged with hashes computed anew."""

import json
import shutil
import zlib

import numpy as np
from damage import damage, damaged_words, seal
from outcomes import CRASH, REFUSED, SAME, TRACEBACK, WRONG, Counts, called, outcome_of, run
from small import SETTINGS, twins

import mmkg

COMMANDS = (
    ("evaluate", "RUN", "--candidates", "all", "--device", "cpu", "--json"),
    ("search", "RUN", "--entity", "Chat", "--json"),
    ("search", "RUN", "--entity", "chats", "--side", "right"),
    ("match", "RUN", "--format", "jsonl", "--device", "cpu"),
)
WORST = (CRASH, TRACEBACK, WRONG)


def made(folder, *, index="auto", csls_k=3):
    """A small run in a folder."""
    settings = SETTINGS | {"search": SETTINGS["search"] | {"index": index, "csls_k": csls_k}}
    return mmkg.align(twins(), "meaformer", seed=0, device="cpu", out=folder, settings=settings, progress=False).save(
        folder
    )


def outcome(folder, expected, *, sealed, fork, commands=COMMANDS, again=True):
    """The worst outcome of the commands on a run folder, and the text of the command."""
    found = []
    for words, known in zip(commands, expected, strict=True):
        done = run(*(str(folder) if word == "RUN" else word for word in words), fork=fork)
        found.append((outcome_of(done, known, sealed=sealed), f"{words[0]}: {done.code} {done.err[-400:]}"))
        if found[-1][0] == REFUSED and words[0] == "evaluate":
            return found[-1]  # the others read the same files
    if again:  # a run that can be read can be written
        done = called(lambda: mmkg.Aligner.from_pretrained(folder).save_pretrained(folder / "again"), fork=fork)
        if done.code and "InputError" not in done.err and "UsageError" not in done.err:
            found.append((CRASH if done.code < 0 else TRACEBACK, f"save: {done.err[-400:]}"))
        shutil.rmtree(folder / "again", ignore_errors=True)
    for kind in WORST:
        for each in found:
            if each[0] == kind:
                return each
    return next((each for each in found if each[0] != SAME), found[0])


def expected_of(folder, fork, commands=COMMANDS):
    from outcomes import facts

    return [facts(run(*(str(folder) if word == "RUN" else word for word in words), fork=fork)) for words in commands]


def damaged(folder, number, *, seed, fork):
    """Bytes of any file of a run, its hashes as before: always noticed."""
    source = made(folder / "run")
    counts, expected = Counts("damaged run"), expected_of(source, fork)
    _each(
        counts, source, folder, number, seed, lambda copy: outcome(copy, expected, sealed=True, fork=fork), sealed=False
    )
    return [counts]


def forged(folder, number, *, seed, fork):
    """Values in any file of a run, with new hashes: other data or a refusal."""
    rows = []
    for index, csls_k in (("auto", 3), ("exact", 0)):
        source = made(folder / index, index=index, csls_k=csls_k)
        counts, expected = Counts(f"forged run ({index})"), expected_of(source, fork)
        _each(
            counts,
            source,
            folder,
            number,
            seed,
            lambda copy, e=expected: outcome(copy, e, sealed=False, fork=fork),
            sealed=True,
        )
        rows.append(counts)
    return rows


def forged_indexes(folder, number, *, seed, fork):
    """Numbers in index files of every kind, with new hashes."""
    rows = []
    commands = COMMANDS[1:2]
    for kind in ("ivf", "hnsw", "parts"):  # the others are made of the embeddings
        source = made(folder / kind, index=kind)
        counts, expected = Counts(f"forged index ({kind})"), expected_of(source, fork, commands)
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        for place in range(number):
            copy = _copy(source, folder / "copy")
            path = copy / ("index.faiss" if place % 4 else "index.faiss.json")
            data = path.read_bytes()
            path.write_bytes(damage(path.name, data, rng) if place % 4 == 0 else damaged_words(data, rng))
            seal(copy)
            counts.add(*outcome(copy, expected, sealed=False, fork=fork, commands=commands, again=False))
        rows.append(counts)
    return rows


def sentiment(folder, number, *, seed, fork):
    """Files of a sentiment run, damaged and forged."""
    from mmkg.sentiment import fit
    from mmkg.sentiment.readers.planted import synthetic

    rows = []
    sample = folder / "sample.json"
    data = synthetic(sizes=(40, 12, 12))
    sample.write_text(json.dumps({name: data.test.values[name][0].tolist() for name in data.names}))
    commands = (("sentiment", "predict", "RUN", str(sample), "--json"),)
    for model in ("tfr-net", "tate"):
        settings = {"training": {"epochs": 1}, "pretraining": {"epochs": 1}}
        fit(data, model, out=folder / model, settings=settings, progress=False)
        expected = expected_of(folder / model, fork, commands)
        for sealed in (False, True):
            counts = Counts(f"{'forged' if sealed else 'damaged'} {model} run")

            def judged(copy, expected=expected, sealed=sealed):
                return outcome(copy, expected, sealed=not sealed, fork=fork, commands=commands, again=False)

            _each(counts, folder / model, folder, number, seed, judged, sealed=sealed)
            rows.append(counts)
    return rows


def _each(counts, source, folder, number, seed, judged, *, sealed):
    for path in sorted(source.iterdir()):
        rng = np.random.default_rng([seed, zlib.crc32(path.name.encode()), int(sealed)])
        for _ in range(number):
            copy = _copy(source, folder / "copy")
            data = path.read_bytes()
            changed = damage(path.name, data, rng)
            (copy / path.name).write_bytes(changed)
            if sealed:
                seal(copy)
            result, text = judged(copy)
            if changed == data and result == REFUSED:
                result, text = WRONG, "an undamaged run is refused"
            counts.add(result, f"{path.name}: {text}")


def _copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(source, target)
