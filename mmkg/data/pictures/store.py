"""Encode pictures without a graph and write their features to a file."""

from pathlib import Path

from ...errors import InputError
from ...files import write_text
from ..arrays.by_name import check_suffix, write_named
from ..parsing.columns import Faults
from .encode import Encoded, encode_pictures, picture_encoder
from .whose import list_pictures


def store_features(
    source: str | Path,
    out: str | Path,
    *,
    encoder: str = "classical",
    cache: Path | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Encoded:
    """Encode all pictures of a folder or table and write the features by name. No graph is needed.

    Args:
        source: folder or table of pictures, see ``list_pictures``.
        out: file to write, see ``write_named``. The name of a picture is its entity in a table, or its path inside of
            the folder without suffix. If any pictures are rejected, ``OUT.rejected.tsv`` lists them with their reasons.
        encoder: see ``picture_encoder``.
        cache: see ``encode_pictures``.
        device: device of a vision model.
        progress: show a progress bar if stderr is a terminal.

    Raises:
        UsageError: an unknown encoder, or ``out`` has another suffix than those of ``write_named``.
        InputError: the source has no picture, or none that can be encoded.
    """
    source, out = Path(source), Path(out)
    check_suffix(out)
    files: dict[str, Path] = {}
    for file in list_pictures(source, Faults()):
        files.setdefault(file.names[0], file.path)  # the first of several formats or pictures counts
    made = picture_encoder(encoder, device=device)
    encoded = encode_pictures(list(files.values()), made, cache=cache, progress=progress)
    if not len(encoded.positions):
        first = f", first {encoded.rejected[0].describe()}" if encoded.rejected else ""
        raise InputError(f"expected pictures, {len(files)} found and none could be encoded{first}", source)
    names = list(files)
    write_named(out, [names[position] for position in encoded.positions.tolist()], encoded.features)
    if encoded.rejected:
        rows = [(str(bad.path), bad.kind, bad.reason) for bad in encoded.rejected]
        clean = [[" ".join(field.split()) for field in row] for row in rows]
        write_text(
            rejected_file(out), "".join("\t".join(row) + "\n" for row in [["picture", "kind", "reason"], *clean])
        )
    return encoded


def rejected_file(out: Path) -> Path:
    """The file in which ``store_features`` lists rejected pictures."""
    return out.with_name(out.name + ".rejected.tsv")
