"""``mmkg images``: features of pictures."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..printing import show
from .options import DeviceOptions, expanded, experiment_of
from .shown import print_json


@expanded
def images(
    *,
    source: Annotated[
        Path,
        typer.Argument(metavar="PICTURES", help="Folder of pictures, or a table with columns entity and picture."),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .safetensors, .npz or .h5.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="classical, the folder of a vision model, or owner/model on the hub.", show_default="classical"
        ),
    ] = None,
    options: DeviceOptions,
) -> None:
    """Compute image features from pictures, for --images.

    Unreadable pictures are left out; OUT.rejected.tsv lists them with the reason.
    """
    from ..compute.devices import resolve_device
    from ..data.pictures.encode import rejected_text
    from ..data.pictures.store import rejected_file, store_features
    from ..loading import cache_of_pictures

    options.take_only(("data",), "images")
    data = experiment_of(options.values()).data
    cache = cache_of_pictures(data.image_cache)
    device = str(resolve_device(options.device))
    made = store_features(source, out, encoder=encoder or data.image_encoder, cache=cache, device=device)
    bad = made.rejected
    number, dim = made.features.shape
    if options.as_json:
        reasons = [{"picture": str(each.path), "kind": each.kind, "reason": each.reason} for each in bad]
        print_json({"pictures": number, "dim": dim, "rejected": reasons})
        return
    show(f"features of {number:,} pictures, {dim} numbers each, written to {out}")
    if bad:
        show(f"mmkg: {rejected_text(bad)}; all are listed in {rejected_file(out)}", file=sys.stderr)
