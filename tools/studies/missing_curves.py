"""Hits@1 by share of images kept, for each treatment of missing modalities, and the area under this curve.

Variants: none (masked), token (one learned vector), generator (predicted from the other modalities), tag (an encoding
of the present modalities is added to the tokens), generator+tag. Left to right, test candidates; mean and standard
deviation over seeds. Example:
python tools/studies/missing_curves.py emoji-fr-en --models mclea,meaformer --seeds 0,1,2 --set training.epochs=30
"""

import argparse
import json
from collections.abc import Sequence
from statistics import mean

import sweep

from mmkg.evaluation import auilc

VARIANTS = {
    "none": (),
    "token": ("options.fill=token",),
    "generator": ("options.fill=generator",),
    "tag": ("options.tag=true",),
    "generator+tag": ("options.fill=generator", "options.tag=true"),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", nargs="?", default="emoji-fr-en")
    parser.add_argument("--models", default="mclea,meaformer")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--ratios", default="0,0.3,0.5,0.7,1", help="values of data.image_ratio, in rising order")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--set", action="append", metavar="KEY=VALUE")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)

    ratios = [float(text) for text in args.ratios.split(",")]
    rows = []
    for model in args.models.split(","):
        for variant in args.variants.split(","):
            settings = VARIANTS[variant]
            curves = []
            for ratio in ratios:
                change = sweep.Change(f"{variant}, {ratio:g}", settings=(f"data.image_ratio={ratio}", *settings))
                found = sweep.runs(args, model, change)
                curves.append([run["metrics"]["left_to_right"]["hits@1"] for run in found])
            areas = [auilc(ratios, curve) for curve in zip(*curves, strict=True)]
            rows.append({"model": model, "variant": variant, "hits@1": curves, "auilc": areas})
    if args.json:
        print(json.dumps({"pair": args.pair, "ratios": ratios, "rows": rows}))
        return
    print(f"| {args.pair} | model | " + " | ".join(f"{ratio:g}" for ratio in ratios) + " | AUILC |")
    print("|---" * (len(ratios) + 3) + "|")
    for row in rows:
        cells = [sweep.cell(mean(each), sweep.spread(each)) for each in [*row["hits@1"], row["auilc"]]]
        print(f"| {row['variant']} | {row['model']} | " + " | ".join(cells) + " |")
    print(f"\nlast run's protocol: {args.protocol}")


if __name__ == "__main__":
    main()
