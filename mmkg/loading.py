"""A pair of graphs: an embedded one by name, a folder, or two graphs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .compute.devices import resolve_device
from .config.data import DataConfig
from .config.experiment import Experiment
from .config.parse import check_seed
from .data.arrays.by_name import holds_ids
from .data.arrays.cache import cache_folder
from .data.formats.detect import HowToRead
from .data.formats.read import read_pair, read_task
from .data.pictures.attach import with_images
from .data.task import AlignmentTask
from .errors import InputError, UsageError, nearest
from .sources.emoji import EMOJI_PAIRS, load_emoji

EMBEDDED: dict[str, Callable[..., AlignmentTask]] = {
    f"emoji-{pair}": (lambda pair=pair, **options: load_emoji(pair, **options)) for pair in EMOJI_PAIRS
}


def load(
    source: str | Path | Sequence[str | Path],
    config: DataConfig | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    **options: Any,
) -> AlignmentTask:
    """Load a pair of graphs: an embedded one by name, a folder of any known layout, or two graphs.

    Args:
        source: ``emoji-fr-en``, ``emoji-zh-en``, ``emoji-ja-en``; a folder in the layout of DBP15K, OpenEA or MMKB, or
            one with ``left``, ``right`` and ``links`` in any format; or two graphs (left, right), each a file or a
            folder of RDF, TSV, CSV or Parquet. See ``read_task`` and ``read_pair``.
        config: how to read and split; or give its fields as keywords, e.g. ``train_ratio=0.2``.
        seed: of the split, unless the configuration has its own.
        device: where a vision model encodes pictures, ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UsageError: neither a known name nor a path, an unknown option, or one that the layout does not take.
        InputError: there is no such folder, its layout is not known, or the files break their format.
        MissingPackageError: a format or an encoder of pictures needs a package that is not installed.
    """
    if config is None:
        config = Experiment.of({"data": options}).data
    elif options:
        raise UsageError("give the data settings as config or as keywords, not as both")
    images = (config.images,) if isinstance(config.images, str) else config.images or ()
    by_id = len(images) == 1 and holds_ids(Path(images[0]))
    task = _read(source, config, images[0] if by_id else None, seed)
    if not images or by_id:
        return task
    return with_images(
        task,
        images,
        encoder=config.image_encoder,
        cache=cache_of_pictures(config.image_cache),
        device=str(resolve_device(device)),
        on_error=config.on_error,
    )


def cache_of_pictures(folder: str | None) -> Path | None:
    """Where features of pictures are kept: the given folder, by default that of the user, nowhere if it is empty."""
    return cache_folder() / "images" if folder is None else Path(folder) if folder else None


def _read(
    source: str | Path | Sequence[str | Path], config: DataConfig, images: str | None, seed: int
) -> AlignmentTask:
    """The task as its files have it; ``images`` holds features by entity id."""
    seed = check_seed(seed if config.split_seed is None else config.split_seed)
    shared = {"train_ratio": config.train_ratio, "valid_ratio": config.valid_ratio, "seed": seed}
    how = HowToRead(config.languages, config.header, config.columns)
    given: dict[str, Any] = {"format": config.format, "links": config.links, "how": how, **shared}
    given |= {name: getattr(config, name) for name in ("on_error", "one_to_one", "candidates")}
    two = not isinstance(source, str | Path)
    if images and (two or str(source) in EMBEDDED):
        raise UsageError(f"data.images: {images} holds features by entity id, which are for DBP15K folders alone")
    if not isinstance(source, str | Path):
        if len(source) != 2:
            raise UsageError(f"expected a pair or two graphs, got {len(source)} paths")
        return read_pair(source[0], source[1], **given)
    if str(source) in EMBEDDED:
        task = EMBEDDED[str(source)](neutral=config.neutral, image_ratio=config.image_ratio, **shared)
        return replace(task, candidates=config.candidates)
    if not Path(source).exists():
        if isinstance(source, Path) or len(Path(source).parts) > 1:
            raise InputError("no such folder; check the path", source)
        raise UsageError(f"{str(source)!r} is neither a folder nor an embedded pair; {nearest(str(source), EMBEDDED)}")
    return read_task(source, fold=config.fold, graphs=config.graphs, images=images, names=config.names, **given)
