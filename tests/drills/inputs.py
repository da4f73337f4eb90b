"""Drills of input files: one small file of each format damaged, and hostile files."""

import io
import pickle
import shutil
import sys
import tarfile
import zipfile
import zlib
from dataclasses import replace

import numpy as np
from damage import damage
from outcomes import LOST, WRONG, Counts, called, facts, outcome_of, run
from small import twins

LINKS = ("tsv", "csv", "parquet", "jsonl", "nt", "oaei", "sssom")
MEMORY = 12 << 30


def cases(folder):
    """Name, folder of the files, and a function that reads them, for each format."""
    from mmkg.data.formats.write import pair_writers, write_pair

    task, found = _task(), []

    def describe(*words):
        return lambda place, fork: run(
            "describe",
            *(place / word if isinstance(word, str) and word[:1] != "-" else word for word in words),
            "--json",
            fork=fork,
            limits=limit_memory,
        )

    for form in pair_writers():
        write_pair(task, folder / form, form)
        found.append((form, folder / form, describe("")))
    for form in LINKS:
        write_pair(task, folder / f"links {form}", "tsv", links=form)
        found.append((f"links {form}", folder / f"links {form}", describe("")))
    try:
        found += _rdf(task, folder, describe)
    except ImportError:
        pass
    found += _features(task, folder)
    found += _sentiment(folder)
    found += _archives(folder)
    return found


def _task():
    """A pair that every format can hold: all entities with triples, all attributes with numbers."""
    task = twins(40, mean_degree=20)
    graphs = [
        replace(
            graph,
            entities=tuple(label.replace("/", "_") for label in graph.entities),
            attributes=replace(graph.attributes, values=tuple(map(str, range(len(graph.attributes))))),
            pictures=tuple(f"{row}.jpg" for row in range(graph.num_entities)),
        )
        for graph in (task.left, task.right)
    ]
    return replace(task, left=graphs[0], right=graphs[1])


def _rdf(task, folder, describe):
    import pyoxigraph

    from mmkg.data.formats.write import write_pair

    write_pair(task, folder / "nt", "ntriples")
    files = sorted(path for path in (folder / "nt").rglob("*.nt") if "links" not in path.name)
    found = []
    for name, form in (("ttl", pyoxigraph.RdfFormat.TURTLE), ("rdf", pyoxigraph.RdfFormat.RDF_XML)):
        target = folder / name
        target.mkdir()
        for side, path in zip(("left", "right"), files, strict=False):
            triples = pyoxigraph.parse(path.read_bytes(), format=pyoxigraph.RdfFormat.N_TRIPLES)
            pyoxigraph.serialize((quad.triple for quad in triples), str(target / f"{side}.{name}"), format=form)
        links = "".join(f"{task.left.entities[i]}\t{task.right.entities[j]}\n" for i, j in task.links.all().tolist())
        (target / "links.tsv").write_text(links)
        files_of = [f"left.{name}", f"right.{name}"]
        found.append((name, target, describe(*files_of)))
    return found


def _features(task, folder):
    from PIL import Image

    from mmkg.data.arrays.by_name import write_named

    found, names = [], list(task.left.entities)
    rows = np.random.default_rng(0).standard_normal((len(names), 8)).astype(np.float32)
    pair = folder / "tsv"
    for suffix in (".npz", ".safetensors", ".h5"):
        place = folder / f"features{suffix}"
        place.mkdir()
        write_named(place / f"f{suffix}", names, rows)
        found.append(
            (
                f"features {suffix}",
                place,
                lambda place, fork, suffix=suffix: run(
                    "describe", pair, "--images", place / f"f{suffix}", "--json", fork=fork, limits=limit_memory
                ),
            )
        )
    place = folder / "pkl"
    shutil.copytree(folder / "dbp15k", place)
    for path in place.glob("*img*"):
        path.unlink()
    table = {row: rows[row] for row in range(len(rows))}
    (place / "pkl_id_img_feature_dict.pkl").write_bytes(pickle.dumps(table, protocol=2))
    found.append(
        (
            "dbp15k with .pkl",
            place,
            lambda place, fork: run("describe", place, "--json", fork=fork, limits=limit_memory),
        )
    )
    place = folder / "pictures"
    place.mkdir()
    for name, form in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.gif", "GIF"), ("d.webp", "WEBP"), ("e.bmp", "BMP")):
        noise = np.random.default_rng(1).integers(0, 255, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / name, form)
    found.append(
        (
            "pictures",
            place,
            lambda place, fork: run(
                "images", place, "--out", folder / "made.npz", "--json", fork=fork, limits=limit_memory
            ),
        )
    )
    return found


def _sentiment(folder):
    from mmkg.sentiment.readers.mmsa import write_mmsa
    from mmkg.sentiment.readers.planted import synthetic

    found, data = [], synthetic(sizes=(20, 8, 8))
    (folder / "mmsa").mkdir()
    write_mmsa(data, folder / "mmsa" / "s.npz")
    (folder / "mmsa pkl").mkdir()
    parts = {}
    for split in ("train", "valid", "test"):
        part = data.split(split)
        parts[split] = {name: part.values[name] for name in data.names}
        parts[split] |= {"regression_labels": part.labels, "id": list(part.ids)}
    (folder / "mmsa pkl" / "s.pkl").write_bytes(pickle.dumps(parts, protocol=2))
    for name, file in (("mmsa", "s.npz"), ("mmsa pkl", "s.pkl")):
        found.append(
            (
                name,
                folder / name,
                lambda place, fork, file=file: called(
                    lambda: library(lambda: _summary(place / file)), fork=fork, limits=limit_memory
                ),
            )
        )
    return found


def _summary(path):
    from mmkg.sentiment.readers.sources import load

    data = load(path)
    return data.fingerprint()


def _archives(folder):
    (folder / "archives").mkdir()
    content = {"a.txt": b"alpha" * 50, "sub/b.txt": bytes(range(256)) * 3}
    with zipfile.ZipFile(folder / "archives" / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    found = []
    for mode in ("gz", "bz2", "xz"):
        (folder / f"tar.{mode}").mkdir()
        with tarfile.open(folder / f"tar.{mode}" / f"x.tar.{mode}", f"w:{mode}") as file:
            for name, data in content.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                file.addfile(entry, io.BytesIO(data))
        found.append((f"tar.{mode}", folder / f"tar.{mode}", _unpacking(f"x.tar.{mode}")))
    return [("zip", folder / "archives", _unpacking("x.zip")), *found]


def _unpacking(name):
    def read(place, fork):
        def body():
            from mmkg.sources.archives import unpack

            target = place / "unpacked"
            try:
                return sorted(unpack(place / name, target).items())
            finally:
                shutil.rmtree(target, ignore_errors=True)

        return called(lambda: library(body), fork=fork, limits=limit_memory)

    return read


def library(function):
    """A call of the library that prints as the command line does."""
    from mmkg.errors import MmkgError

    try:
        print(function())
    except MmkgError as error:
        print(f"mmkg: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def limit_memory():
    """More is the sign of a bomb."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def damaged(folder, number, *, seed, fork):
    """Bytes of every input file, one at a time."""
    rows = []
    for name, source, read in cases(folder):
        counts = Counts(f"input {name}")
        expected_run = read(source, fork)
        assert expected_run.code == 0, (name, expected_run)
        files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
        if name.startswith("links"):
            files = [path for path in files if path.name.startswith("links")]
        for path in files:
            rng = np.random.default_rng([seed, zlib.crc32(f"{name} {path}".encode())])
            for _ in range(number):
                copy = folder / "copy" / source.name
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(source, copy)
                data = (copy / path).read_bytes()
                (copy / path).write_bytes(damage(path.name, data, rng))
                done = read(copy, fork)
                counts.add(outcome_of(done, facts(expected_run)), f"{path}: {done.code} {done.err[-500:]}")
        rows.append(counts)
    return rows


# --- hostile files


class _Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")  # what a pickle that is unpickled would do


def hostile(folder, number, *, seed, fork):
    """Files made to run code, to write elsewhere, or to take all memory: refused in one line."""
    counts, touched = Counts("hostile input"), folder / "touched"
    base = {name: (place, read) for name, place, read in cases(folder / "cases")}
    files = list(_hostile(folder, touched))
    for what, name, path, data in files:
        place, read = base[name]
        copy = folder / "copy" / place.name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(place, copy)
        (copy / path).write_bytes(data)
        done = read(copy, fork)
        outcome = outcome_of(done)
        if touched.exists() or (folder / "copy" / "evil.txt").exists():
            outcome = LOST
        elif done.code == 0 and "which may be read" not in what:
            outcome = WRONG
        counts.add(outcome, f"{what}: {done.code} {done.err[-500:]}")
    return [counts]


def _hostile(folder, touched):
    code = pickle.dumps({0: _Runs(touched)}, protocol=2)
    yield "pickle that runs code", "dbp15k with .pkl", "pkl_id_img_feature_dict.pkl", code
    yield "pickle that runs code", "mmsa pkl", "s.pkl", code
    yield "deep pickle", "mmsa pkl", "s.pkl", b"\x80\x02" + b"(" * 100_000 + b"l." * 3
    yield "pickle of huge size", "mmsa pkl", "s.pkl", b"\x80\x02X" + b"\xff\xff\xff\x7f" + b"x."
    held = io.BytesIO()
    np.savez(held, ids=np.array([_Runs(touched)], dtype=object), features=np.zeros((1, 2), np.float32))
    yield "npz of objects", "features .npz", "f.npz", held.getvalue()
    yield "npz of objects", "mmsa", "s.npz", held.getvalue()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 400000), }"
        file.writestr("features.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
        file.writestr("names.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    yield "npz of huge shape", "features .npz", "f.npz", held.getvalue()
    for name in ("../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil.txt"):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as file:
            file.writestr(name, "x")
        yield f"zip with {name}", "zip", "x.zip", held.getvalue()
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz") as file:
            entry = tarfile.TarInfo(name)
            entry.size = 1
            file.addfile(entry, io.BytesIO(b"x"))
        yield f"tar with {name}", "tar.gz", "x.tar.gz", held.getvalue()
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as file:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        file.addfile(entry)
    yield "tar with a link", "tar.gz", "x.tar.gz", held.getvalue()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("bomb", "w", force_zip64=True) as member:
            for _ in range(600):
                member.write(bytes(1 << 20))
    yield "zip bomb", "zip", "x.zip", held.getvalue()
    yield "xml of deep nesting", "links oaei", _links(folder, "oaei"), b"<a>" * 200_000
    yield "xml bomb", "links oaei", _links(folder, "oaei"), _bomb()
    yield (
        "xml of an entity outside",
        "links oaei",
        _links(folder, "oaei"),
        (
            b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rdf:RDF '
            b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&x;</rdf:RDF>'
        ),
    )
    yield "rdf/xml bomb", "rdf", "left.rdf", _bomb()
    yield "json of deep nesting", "links jsonl", _links(folder, "jsonl"), b"[" * 200_000
    yield (
        "yaml bomb",
        "links sssom",
        _links(folder, "sssom"),
        (
            b"#curie_map:\n#  a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(
                b"#  %c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (k + 1, k + 1, *[k] * 8) for k in range(97, 107)
            )
            + b"subject_id\tpredicate_id\tobject_id\tmapping_justification\n"
        ),
    )
    yield "picture of a huge size, which may be read without it", "pictures", "a.png", _huge_png()


def _links(folder, form):
    return next(path.name for path in (folder / "cases" / f"links {form}").iterdir() if path.name.startswith("links"))


def _bomb():
    lines = ['<!ENTITY a0 "0123456789">']
    lines += [f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 10)]
    return (
        f'<?xml version="1.0"?><!DOCTYPE rdf:RDF [{"".join(lines)}]>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
        '<rdf:Description rdf:about="http://e/1"><e:p>&a9;</e:p></rdf:Description></rdf:RDF>'
    ).encode()


def _huge_png():
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (60_000).to_bytes(4, "big")
    rows = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )
