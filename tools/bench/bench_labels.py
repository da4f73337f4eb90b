"""Measures labels that are held as bytes against a tuple of strings: memory, and what graphs and links do with labels.

python tools/bench/bench_labels.py --threads 1                  # 1,000,000 labels as in DBpedia
python tools/bench/bench_labels.py --labels 10000000
"""

import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import measure, parser, report, row, start

from mmkg.data.texts.labels import Labels

QUERIED = 10_000  # rows whose labels are looked up


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--labels", type=int, default=1_000_000)
    args = start(options)
    report("labels", rows_of(5000 if args.small else args.labels), args)


def rows_of(number: int) -> list[dict[str, Any]]:
    """A row of each use: CPU-seconds of labels, and those of a tuple."""
    strings = tuple(f"http://example.org/resource/Entity_{k}" for k in range(number))
    labels = Labels.of(strings)
    some = np.random.default_rng(0).integers(0, number, QUERIED)
    each, wanted = some.tolist(), strings[::-1]
    held, plain = labels.nbytes / number, sum(map(sys.getsizeof, strings)) / number + 8
    memory = f"{held:.0f} bytes per label, {plain:.0f} in a tuple"
    rows = [row("memory", f"{number:,} labels", {"cpu_s": 0.0}, headline=True, note=memory)]
    uses: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "make": (lambda: Labels.of(strings), lambda: tuple(list(strings))),
        "all strings": (labels.to_list, lambda: list(strings)),
        f"{QUERIED:,} strings, one by one": (lambda: [labels[k] for k in each], lambda: [strings[k] for k in each]),
        f"{QUERIED:,} labels at rows": (lambda: labels.take(some), lambda: tuple(strings[k] for k in each)),
        "is each unique?": (labels.repeated, lambda: len(set(strings)) == number),
        "rows of all labels": (lambda: Labels.of(strings).rows(wanted), lambda: rows_by_dict(strings, wanted)),
        "equal to others": (lambda: labels == labels[:], lambda: strings == tuple(list(strings))),
        "pickle": (lambda: pickle.dumps(labels), lambda: pickle.dumps(strings)),
    }
    for stage, (packed, tuples) in uses.items():
        spent, other = (measure(use, repeats=3)[1] for use in (packed, tuples))
        ratio = spent["cpu_s"] / max(other["cpu_s"], 1e-9)
        rows.append(row(stage, "", spent, plain_cpu_s=other["cpu_s"], note=f"{ratio:.2g} times the tuple"))
    return rows


def rows_by_dict(strings: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """The row of each label, by a dict."""
    rows = {label: row for row, label in enumerate(strings)}
    return np.fromiter((rows.get(label, -1) for label in wanted), np.int64, len(wanted))


if __name__ == "__main__":
    main()
