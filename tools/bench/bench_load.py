"""Measures loading: reading a pair of graphs, building the features of each modality, embedding all entities.

Without a folder it writes synthetic twins and reads them back. If pyarrow is installed, pyarrow.csv also parses the
triples, without checks; this is the floor of reading them.

    python tools/bench/bench_load.py FOLDER
    python tools/bench/bench_load.py --entities 100000
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_train import floor_seconds
from harness import Spent, measure, parser, report, row, start

from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.data.features.config import FeatureConfig
from mmkg.data.features.registry import available_modalities
from mmkg.data.formats.dbp15k import read_dbp15k, write_dbp15k
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.integers import read_integers
from mmkg.learners.trained import build_model
from mmkg.sources.synthetic import twin_graphs


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", nargs="?", type=Path, help="a pair in DBP15K layout")
    options.add_argument("--entities", type=int, default=20_000, help="entities of each synthetic graph")
    options.add_argument("--model", default="meaformer", help="untrained model that embeds the entities")
    options.add_argument("--repeats", type=int, default=3)
    args = start(options)
    repeats = 1 if args.small else args.repeats
    if args.folder is not None:
        rows = folder_rows(args.folder, args.model, repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            task = twin_graphs(500 if args.small else args.entities, mean_degree=8, noise=0.1, missing={})
            write_dbp15k(task, Path(folder) / task.name)
            rows = folder_rows(Path(folder) / task.name, args.model, repeats)
    report("load", rows, args)


def folder_rows(folder: Path, model_name: str, repeats: int) -> list[dict[str, Any]]:
    """All stages from files to embeddings."""
    paths = [folder / "triples_1", folder / "triples_2"]
    tables, spent = measure(
        lambda: [read_integers(path, 3, Faults()).values for path in paths], repeats=repeats, warmup=1
    )
    number = sum(map(len, tables))
    plain = plain_parse(paths, tables, repeats)
    columns = {} if plain is None else {"floor_cpu_s": plain["cpu_s"]}
    rows = [per_second("read triples", f"{number:,} triples", spent, number, "triples", headline=True, **columns)]
    if plain is not None:
        rows.append(per_second("  pyarrow.csv, plain parse", "", plain, number, "triples"))
    task, spent = measure(lambda: read_dbp15k(folder, seed=42), repeats=repeats)
    entities = task.left.num_entities + task.right.num_entities
    size = f"{task.name}, {entities:,} entities"
    rows.append(per_second("read the folder", size, spent, entities, "entities", headline=True))
    for name in available_modalities(task):
        config = FeatureConfig(modalities=(name,))
        _, spent = measure(partial(build_inputs, task, config), repeats=repeats)
        rows.append(per_second(f"features: {name}", size, spent, entities, "entities"))
    experiment = Experiment.of({"model": model_name})
    inputs = build_inputs(task, experiment.features)
    model = build_model(experiment, inputs)
    _, spent = measure(lambda: model.embed(inputs), repeats=repeats, warmup=1)
    pairs = torch.arange(entities - entities % 2).view(-1, 2)  # all entities, as ends of links
    floors = floor_seconds(model_name, model, inputs, pairs)
    least = sum(seconds for phase, seconds in floors.items() if phase in FORWARD)
    size = f"{model_name}, {size}, {', '.join(inputs.names)}"
    rows.append(per_second("embed all entities", size, spent, entities, "entities", floor_cpu_s=least, headline=True))
    return rows


FORWARD = ("structure forward", "encoders forward", "fusion forward")


def per_second(stage: str, size: str, spent: Spent, number: int, what: str, **columns: Any) -> dict[str, Any]:
    """A row with the rate per CPU-second."""
    rate = number / spent["cpu_s"]
    return row(stage, size, spent, per_cpu_s=rate, note=f"{float(f'{rate:.3g}'):,.0f} {what} per CPU-s", **columns)


def plain_parse(paths: list[Path], tables: list[np.ndarray], repeats: int) -> Spent | None:
    """pyarrow.csv on the same files, one thread; ``None`` without pyarrow."""
    try:
        from pyarrow import csv
    except ImportError:
        return None
    names = csv.ReadOptions(column_names=["head", "relation", "tail"], use_threads=False)
    tabs = csv.ParseOptions(delimiter="\t")
    found, spent = measure(
        lambda: [csv.read_csv(path, read_options=names, parse_options=tabs) for path in paths],
        repeats=repeats,
        warmup=1,
    )
    if [table.num_rows for table in found] != [len(table) for table in tables]:
        raise SystemExit("pyarrow.csv found another number of triples")
    return spent


if __name__ == "__main__":
    main()
