"""A pair of graphs from any source: an embedded pair by name, a folder, or two graphs."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .compute.devices import resolve_device
from .compute.host import isolated
from .config.data import DataConfig
from .data.arrays.by_name import holds_ids
from .data.arrays.cache import cache_folder
from .data.formats.frames import links_of_object
from .data.formats.graphs import settings_of_graphs, users_of_settings
from .data.formats.objects import is_pyg_pair
from .data.formats.pairs import GIVE_BOTH, PAIR_FORMATS, pair_format, settings_of_pair
from .data.formats.registry import refuse_unused
from .data.formats.two_graphs import read_two_graphs
from .data.links.never import read_never
from .data.links.pairs import PairData, make_task
from .data.parsing.columns import Faults
from .data.parsing.id_names import NamesFrom, named_by_ids
from .data.parsing.urls import Url, located, path_of
from .data.pictures.attach import with_images, with_own_pictures
from .data.split import SplitConfig
from .data.task import READERS, AlignmentTask
from .decisions.read import decided_labels
from .errors import InputError, UsageError, brief, nearest
from .settings import check_seed, parse
from .sources.characters import CHARACTERS_PAIR, read_characters
from .sources.emoji import EMOJI_PAIRS, read_emoji

# settings of DataConfig that have an effect on every source; the others depend on the source
SPLIT = ("train_ratio", "valid_ratio", "split_seed", "candidates", "on_error")
IMAGES = ("images", "image_encoder", "image_cache")
SHARED = (*SPLIT, *IMAGES, "never", "decisions", "seeds_from", "pivot_share", "max_bytes", "names_from")
ANY_FILES = ("format", "one_to_one")  # settings that have an effect on all files


class EmbeddedPair(NamedTuple):
    """A pair that is shipped with the package.

    Args:
        read: ``read(seed=..., **settings)`` returns graphs and links; settings are those of ``takes``.
        takes: settings of the section ``data`` that have an effect on the pair.
    """

    read: Callable[..., PairData]
    takes: tuple[str, ...] = ()


EMBEDDED: dict[str, EmbeddedPair] = {
    **{f"emoji-{pair}": EmbeddedPair(partial(read_emoji, pair), ("neutral", "image_ratio")) for pair in EMOJI_PAIRS},
    CHARACTERS_PAIR: EmbeddedPair(read_characters, ("image_ratio",)),
}


class Source(NamedTuple):
    """A pair that can be read: its description, the settings that have an effect on it, and its reader."""

    what: str
    takes: Collection[str]
    read: Callable[..., PairData]  # (faults, seed, **settings)


@isolated
def load(
    source: Any,
    config: DataConfig | None = None,
    *,
    links: Any = None,
    never: Any = None,
    seed: int = 0,
    device: str = "cpu",
    **options: Any,
) -> AlignmentTask:
    """Load a pair of graphs: an embedded one by name, a folder of any known layout, or two graphs.

    Args:
        source: ``emoji-fr-en``, ``emoji-zh-en``, ``emoji-ja-en``, ``characters-zh-ja``; a folder in the layout of
            DBP15K, OpenEA or MMKB, or one with ``left``, ``right`` and ``links`` in any format; or two graphs (left,
            right), each a file or a folder of RDF, TSV, CSV or Parquet, or an object that ``as_graph`` takes. See
            ``PAIR_FORMATS``, ``read_pair`` and ``AlignmentTask.of``.
        config: how to read and split; or give its fields as keywords, e.g. ``train_ratio=0.2``.
        links: of two graphs: a file, or what ``AlignmentTask.of`` takes.
        never: pairs of labels that are not the same, as for ``links``; or give their file as ``config.never``.
        seed: random seed of the split, unless the configuration has a ``split_seed``.
        device: device for a vision model that encodes pictures: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UsageError: neither a known name nor a path, an unknown setting, or one that has no effect on the source.
        InputError: the folder does not exist, its layout is not known, or the files break their format.
        MissingPackageError: a format or an encoder of pictures needs a package that is not installed.
    """
    if config is None:
        config = parse(DataConfig(), options, "data")
    elif options:
        raise UsageError("give the data settings as config or as keywords, not as both")
    elif not isinstance(config, DataConfig):
        raise UsageError(
            f"config must be a DataConfig, got {brief(config)}; give settings by name, e.g. train_ratio=0.3"
        )
    if links is not None and config.links is not None:
        raise UsageError(f"expected links once, got data.links={config.links!r} and {brief(links)}")
    if isinstance(links, str | Path):
        config, links = dataclasses.replace(config, links=str(links)), None
    if isinstance(never, str | Path):
        config, never = dataclasses.replace(config, never=str(never)), None
    seed = check_seed(seed if config.split_seed is None else config.split_seed)
    found = find_source(source, config.format)
    given = _given(config) | ({} if links is None else {"links": links})
    if not config.images and config.image_encoder != DataConfig.image_encoder:
        raise UsageError("data.image_encoder has no effect without data.images")
    refuse_unused(given, found.takes, found.what, _users(), "data.")
    images = _sources_of_images(config)
    if _by_id(images):
        if "images" not in found.takes:
            layouts = ", ".join(name for name, form in PAIR_FORMATS.items() if "images" in form.takes)
            raise UsageError(
                f"data.images: {images[0]} holds features by entity id, which have no effect on {found.what}; they "
                f"are for the layout {layouts}: give features by name, or pictures"
            )
        given["images"] = images[0]
    settings = {name: value for name, value in given.items() if name != "one_to_one"}
    split = SplitConfig(
        train_ratio=config.train_ratio,
        valid_ratio=config.valid_ratio,
        seed=seed,
        one_to_one=config.one_to_one,
        candidates=config.candidates,
        on_error=config.on_error,
    )
    faults = Faults(config.on_error, max_bytes=config.max_bytes)
    pair = found.read(faults, seed, names_from=config.names_from, **settings)
    rejected = [] if config.never is None else [read_never(config.never, faults)]
    rejected += [] if never is None else [links_of_object(never, Path("never"))]
    decided = None
    if config.decisions is not None:
        decided = decided_labels(config.decisions, one_to_one=config.one_to_one, faults=faults)
    pair = dataclasses.replace(pair, rejected=[*pair.rejected, *rejected], decided=decided)
    pair = dataclasses.replace(pair, notes={**pair.notes, **faults.notes})
    task = make_task(pair, split)
    if _by_id(images):
        return task
    cache = cache_of_pictures(config.image_cache)
    if not images:
        return with_own_pictures(task, encoder=config.image_encoder, cache=cache, device=device)
    return with_images(
        task,
        images,
        encoder=config.image_encoder,
        cache=cache,
        device=str(resolve_device(device)),
        on_error=config.on_error,
        max_bytes=config.max_bytes,
    )


def task_of(left: Any, right: Any = None, links: Any = None, **options: Any) -> AlignmentTask:
    """A task from two graphs of any kind; see ``AlignmentTask.of``, which calls this."""
    return load(left if right is None else (left, right), links=links, **options)


READERS["of"] = task_of


def find_source(source: Any, format: str | None = None) -> Source:
    """Recognise a source; ``format`` is ``data.format``.

    Raises:
        UsageError, InputError: as ``load``.
    """
    if not isinstance(source, str | Path):
        if is_pyg_pair(source):
            return Source("a PyG Data with two graphs", {"one_to_one"}, partial(_read_pyg_pair, source))
        if not isinstance(source, tuple | list):
            raise UsageError(f"expected a pair by name, a folder, or two graphs (left, right), got {brief(source)}")
        if len(source) != 2:
            raise UsageError(f"expected a pair or two graphs, got {len(source)} of them")
        sides = [located(each) if isinstance(each, str) else each for each in source]
        paths = [each for each in sides if isinstance(each, Path | Url)]
        takes = {*ANY_FILES[len(paths) == 0 :], "links", *settings_of_graphs(paths, format)}
        named = (str(path_of(each)) if isinstance(each, Path | Url) else f"a {type(each).__name__}" for each in sides)
        return Source(f"the two graphs {' and '.join(named)}", takes, partial(_read_two_graphs, sides))
    name = str(source)
    if name in EMBEDDED:
        return Source(f"{name}, an embedded pair", EMBEDDED[name].takes, partial(_read_embedded, EMBEDDED[name]))
    if isinstance(located(source), Url):
        raise InputError(f"expected a pair of graphs, got one; {GIVE_BOTH}", path_of(located(source)))
    folder = Path(source)
    if not folder.exists():
        if isinstance(source, Path) or len(folder.parts) > 1:
            raise InputError("no such folder; check the path", source)
        raise UsageError(f"{name!r} is neither a folder nor an embedded pair; {nearest(name, EMBEDDED)}")
    layout = pair_format(folder, format)
    takes = {*ANY_FILES, *settings_of_pair(folder, layout, format)}
    return Source(f"{folder}, a folder in the layout {layout}", takes, partial(_read_folder, folder, layout))


def fitting_settings(source: str | Path | Sequence[str | Path], config: DataConfig) -> DataConfig:
    """The configuration without the settings that have no effect on a source; they get their defaults.

    For reading another source than the one that the configuration was made for.
    """
    takes = find_source(source, config.format).takes
    unused = [name for name in _given(config) if name not in takes]
    if _by_id(_sources_of_images(config)) and "images" not in takes:
        unused += ["images", "image_encoder"]
    defaults = DataConfig()
    return dataclasses.replace(config, **{name: getattr(defaults, name) for name in unused})


def cache_of_pictures(folder: str | None) -> Path | None:
    """Folder for features of pictures: the given one, by default in the user's cache, ``None`` if it is empty."""
    return cache_folder() / "images" if folder is None else Path(folder) if folder else None


def _given(config: DataConfig) -> dict[str, Any]:
    """Settings that depend on the source and differ from their defaults."""
    defaults = DataConfig()
    names = [field.name for field in dataclasses.fields(config) if field.name not in SHARED]
    return {name: getattr(config, name) for name in names if getattr(config, name) != getattr(defaults, name)}


def _sources_of_images(config: DataConfig) -> tuple[str, ...]:
    return (config.images,) if isinstance(config.images, str) else config.images or ()


def _by_id(images: Sequence[str]) -> bool:
    """Whether images are features by entity id, which the reader of a pair takes itself."""
    return len(images) == 1 and holds_ids(Path(images[0]))


def _users() -> dict[str, Collection[str]]:
    """Settings that each kind of source takes, for messages."""
    layouts = {f"the layout {name}": (*form.takes, *ANY_FILES) for name, form in PAIR_FORMATS.items()}
    users: dict[str, Collection[str]] = {**layouts, "two graphs": (*ANY_FILES, "links"), **users_of_settings()}
    return users | {name: pair.takes for name, pair in EMBEDDED.items()}


def _read_embedded(
    pair: EmbeddedPair, faults: Faults, seed: int, *, names_from: NamesFrom | None = None, **settings: Any
) -> PairData:
    return _named(pair.read(seed=seed, **settings), names_from)


def _read_pyg_pair(data: Any, faults: Faults, seed: int, **settings: Any) -> PairData:
    from .data.formats.pyg_pair import pair_of_pyg

    return pair_of_pyg(data)


def _read_two_graphs(sides: Sequence[Any], faults: Faults, seed: int, **settings: Any) -> PairData:
    return read_two_graphs(sides, faults, **settings)


def _read_folder(
    folder: Path, layout: str, faults: Faults, seed: int, *, names_from: NamesFrom | None = None, **settings: Any
) -> PairData:
    form = PAIR_FORMATS[layout]
    if "format" not in form.takes:
        settings.pop("format", None)
    if form.sides is not None:  # two graphs of one's own
        return form.read(folder, faults, names_from=names_from, **settings)
    return _named(form.read(folder, faults, **settings), names_from)


def _named(pair: PairData, names_from: NamesFrom | None) -> PairData:
    """The pair with names from ids, if the setting requests them; by default a published pair is unchanged."""
    faults = Faults(notes=dict(pair.notes))
    left, right = (
        named_by_ids(graph, side, faults, names_from=names_from or "labels")
        for graph, side in ((pair.left, "left"), (pair.right, "right"))
    )
    return dataclasses.replace(pair, left=left, right=right, notes=faults.notes)
