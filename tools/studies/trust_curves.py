"""Confidence of a run against what its test links prove: reliability, and precision and recall at each threshold.

    python tools/studies/trust_curves.py emoji-zh-en --modalities structure,relation,attribute

With ``--json tools/site/trust.json`` it writes the file that the page of confidence draws. The values are those of the
section Trust of the page of a run.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import mmkg
from mmkg.report.tables import text_table
from mmkg.review.view import RunView

CURVES = ("reliability", "curve")


def main(argv: Sequence[str] | None = None) -> None:
    """Print both curves, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", help="an embedded pair, or a folder")
    parser.add_argument("--model", default="propagation")
    parser.add_argument("--modalities", type=lambda text: text.split(","), help="default: all of the pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a file for the curves")
    arguments = parser.parse_args(argv)
    given = {"modalities": arguments.modalities} if arguments.modalities else {}
    task = mmkg.load(arguments.pair, seed=arguments.seed)
    result = mmkg.align(task, arguments.model, seed=arguments.seed, progress=False, **given)
    trust = RunView(result).trust()
    for name in CURVES:
        rows = [[f"{value:g}" for value in row.values()] for row in trust[name]]
        print(text_table(list(trust[name][0]), rows))
    if arguments.json:
        found = {"pair": arguments.pair, "judged by": trust["source"]} | {name: trust[name] for name in CURVES}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
