"""Measures the readers: triples per CPU-second and peak memory of each format on one generated graph.

The graph is written in each format first. Each reader runs in its own process, so that memory is measured separately.
For comparison: integer ids (the columns of DBP15K), and readers of columns without checks, with and without the numbers
of the labels that a graph has (pandas, polars, pyarrow; left out where one is not installed); pyoxigraph alone.

    python tools/bench/bench_readers.py                       # 500,000 triples
    python tools/bench/bench_readers.py --triples 5000000
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from harness import measure, parser, report, row, start

from mmkg.data.formats.delimited import read_delimited
from mmkg.data.formats.openea import read_openea
from mmkg.data.formats.parquet import read_parquet
from mmkg.data.formats.rdf import read_rdf
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.integers import read_integers
from mmkg.data.parsing.parquet import write_rows

BLOCK = 1 << 16
FACTS = 10  # percent of the statements of the mixed RDF file that are literals
PEERS = ("pandas", "polars", "pyarrow", "pyoxigraph")
HEADLINES = ("read TSV", "read N-Triples", "read Parquet")


def plain_csv(path: Path) -> int:
    from pyarrow import csv

    names = csv.ReadOptions(column_names=["head", "relation", "tail"], use_threads=False)
    table = csv.read_csv(path, read_options=names, parse_options=csv.ParseOptions(delimiter="\t"))
    return int(table.num_rows)


def pandas_csv(path: Path, *, ids: bool = False) -> int:
    import pandas as pd

    names = ["head", "relation", "tail"]
    table = pd.read_csv(path, sep="\t", header=None, names=names, quoting=3, dtype=str, na_filter=False)
    if ids:
        ends, _ = pd.factorize(pd.concat([table["head"], table["tail"]]))
        relations, _ = pd.factorize(table["relation"])
        return int(np.stack([ends[: len(table)], relations, ends[len(table) :]], axis=1).shape[0])
    return len(table)


def polars_csv(path: Path, *, ids: bool = False) -> int:
    import polars as pl

    names = ["head", "relation", "tail"]
    table = pl.read_csv(path, separator="\t", has_header=False, new_columns=names, quote_char=None, infer_schema=False)
    if ids:
        ends = pl.concat([table["head"], table["tail"].rename("head")]).cast(pl.Categorical).to_physical().to_numpy()
        relations = table["relation"].cast(pl.Categorical).to_physical().to_numpy()
        return int(np.stack([ends[: len(table)], relations, ends[len(table) :]], axis=1).shape[0])
    return len(table)


def oxigraph_alone(path: Path) -> int:
    import pyoxigraph

    return sum(1 for _ in pyoxigraph.parse(path=path, format=pyoxigraph.RdfFormat.N_TRIPLES))


READERS: dict[str, tuple[str, Callable[[Path], int]]] = {  # stage: (file, function that returns the number of triples)
    "read integers": ("ids", lambda path: len(read_integers(path, 3, Faults()).values)),
    "pyarrow.csv unchecked": ("triples.tsv", plain_csv),
    "pandas": ("triples.tsv", pandas_csv),
    "pandas with ids": ("triples.tsv", lambda path: pandas_csv(path, ids=True)),
    "polars": ("triples.tsv", polars_csv),
    "polars with ids": ("triples.tsv", lambda path: polars_csv(path, ids=True)),
    "read TSV": ("triples.tsv", lambda path: len(read_delimited(path).triples)),
    "read TSV gzip": ("triples.tsv.gz", lambda path: len(read_delimited(path).triples)),
    "read CSV": ("triples.csv", lambda path: len(read_delimited(path).triples)),
    "read CSV quoted": ("quoted.csv", lambda path: len(read_delimited(path).triples)),
    "read OpenEA": ("openea", lambda path: len(read_openea(path).left.triples) * 2),
    "pyoxigraph": ("triples.nt", oxigraph_alone),
    "read N-Triples": ("triples.nt", lambda path: len(read_rdf(path).graph.triples)),
    "read N-Triples with literals": ("mixed.nt", lambda path: size_of(read_rdf(path).graph)),
    "read N-Quads": ("triples.nq", lambda path: len(read_rdf(path).graph.triples)),
    "read Turtle": ("triples.ttl", lambda path: len(read_rdf(path).graph.triples)),
    "read Parquet": ("triples.parquet", lambda path: len(read_parquet(path).triples)),
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--triples", type=int, default=500_000)
    options.add_argument("--entities", type=int, default=0, help="number of entities; default: one per five triples")
    options.add_argument("--only", default="", help="comma-separated stages")
    options.add_argument("--folder", type=Path, help="folder for the files; default: a temporary folder")
    options.add_argument("--reader", help=argparse.SUPPRESS)
    args = start(options)
    if args.reader:
        print(json.dumps(read_alone(args.reader, args.folder)))
        return
    triples = 20_000 if args.small else args.triples
    wanted = [name.strip() for name in args.only.split(",") if name.strip()] or list(filter(installed, READERS))
    if unknown := [name for name in wanted if name not in READERS]:
        options.error(f"--only: expected some of {', '.join(READERS)}, got {', '.join(unknown)}")
    folder = args.folder or Path(tempfile.mkdtemp())
    rows = []
    try:
        for stage in wanted:
            file = READERS[stage][0]
            write(folder, file, triples, args.entities or max(triples // 5, 2))
            rows.append(measured(stage, folder, triples))
            if args.folder is None:
                remove(folder / file)
    finally:
        if args.folder is None:
            shutil.rmtree(folder)
    report("readers", rows, args)


def installed(stage: str) -> bool:
    """Whether the package of a stage that is named after it is there."""
    package = stage.split()[0].partition(".")[0]
    return package not in PEERS or find_spec(package) is not None


def measured(stage: str, folder: Path, triples: int) -> dict[str, Any]:
    """A row, measured in a separate process."""
    command = [sys.executable, __file__, "--reader", stage, "--folder", str(folder), "--threads", "1"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "POLARS_MAX_THREADS": "1"}
    )
    if done.returncode:
        raise SystemExit(f"{stage}: {done.stderr}")
    spent = json.loads(done.stdout)
    if (read := spent.pop("read")) != triples:
        raise SystemExit(f"{stage}: expected {triples} triples, got {read}")
    size = folder / READERS[stage][0]
    size_mb = sum(path.stat().st_size for path in (size.iterdir() if size.is_dir() else [size])) / 1e6
    rate = triples / spent["cpu_s"]
    note = f"{float(f'{rate:.3g}'):,.0f} triples per CPU-s, {spent['above_mb']:,.0f} MB above the start"
    what = f"{triples:,} triples"
    return row(stage, what, spent, file_mb=size_mb, per_cpu_s=rate, note=note, headline=stage in HEADLINES)


def read_alone(stage: str, folder: Path) -> dict[str, float]:
    """CPU-seconds and memory of reading once, and the number of triples."""
    file, reader = READERS[stage]
    if (name := stage.split()[0]).partition(".")[0] in PEERS:
        import_module(name)  # before the measurement
    read, spent = measure(lambda: reader(folder / file))
    return {**spent, "read": read}


def size_of(graph: Any) -> int:
    return len(graph.triples) + len(graph.attributes)


def write(folder: Path, file: str, triples: int, entities: int) -> None:
    """Write one file of the graph unless it exists: skewed entities and relations (300), IRIs as in DBpedia."""
    path = folder / file
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if file == "openea":
        path.mkdir()
        for k in (1, 2):
            text_file(path / f"rel_triples_{k}", triples // 2, entities // 2, "{0}\t{1}\t{2}\n")
        (path / "ent_links").write_text("", encoding="utf-8")
    elif file == "triples.parquet":
        names = (label(h, r, t) for h, r, t in rows_of(triples, entities))
        write_rows(path, ("head", "relation", "tail"), names)
    else:
        text_file(path, triples, entities, LINES[file])


LINES = {
    "ids": "{3}\t{4}\t{5}\n",
    "triples.tsv": "{0}\t{1}\t{2}\n",
    "triples.tsv.gz": "{0}\t{1}\t{2}\n",
    "triples.csv": "{0},{1},{2}\n",
    "quoted.csv": '"{0}",{1},{2}\n',
    "triples.nt": "<{0}> <{1}> <{2}> .\n",
    "mixed.nt": "<{0}> <{1}> <{2}> .\n",
    "triples.nq": "<{0}> <{1}> <{2}> <http://example.org/graph> .\n",
    "triples.ttl": "<{0}> <{1}> <{2}> .\n",
}


def text_file(path: Path, triples: int, entities: int, line: str) -> None:
    opened: Any = gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w", encoding="utf-8")
    literal = '<{0}> <http://example.org/ontology/height> "{4}.{5}"^^<http://www.w3.org/2001/XMLSchema#double> .\n'
    with opened as file:
        for number, (head, relation, tail) in enumerate(rows_of(triples, entities)):
            shape = literal if path.name == "mixed.nt" and number % 100 < FACTS else line
            file.write(shape.format(*label(head, relation, tail), head, relation, tail))


def label(head: int, relation: int, tail: int) -> tuple[str, str, str]:
    base = "http://example.org/resource/Entity_"
    return f"{base}{head}", f"http://example.org/ontology/relation{relation}", f"{base}{tail}"


def rows_of(triples: int, entities: int) -> Any:
    """Head, relation and tail of each triple; no triple twice, because RDF counts repeated statements once."""
    generator, seen, left = np.random.default_rng(0), set(), triples
    while left:
        draws = [generator.random(min(BLOCK, left)) for _ in range(3)]
        heads, tails = ((entities * draw**2).astype(np.int64).tolist() for draw in draws[:2])
        for triple in zip(heads, (300 * draws[2] ** 3).astype(np.int64).tolist(), tails, strict=True):
            if triple not in seen:
                seen.add(triple)
                left -= 1
                yield triple


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    main()
