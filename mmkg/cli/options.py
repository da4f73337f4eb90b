"""Options that several sub-commands share, each written once.

A group is a frozen dataclass of typer options. A sub-command takes a group as one parameter and is decorated with
``expanded``; the command line then shows the fields of the group as options of their own::

    @expanded
    def search(*, run: Run, k: Annotated[int, typer.Option("-k")] = 5, options: SearchOptions) -> None: ...

A sub-command takes the smallest group that it uses entirely, so that no option is without effect.
"""

import dataclasses
import functools
import inspect
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from ..config.experiment import Experiment
    from ..data.task import AlignmentTask

INSTEAD = "give another --out, or --overwrite"

# --- single options and arguments

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Config = Annotated[Path | None, typer.Option(help="TOML file of settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, e.g. training.epochs=50; repeatable."),
]
RunSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting of the section search, e.g. search.csls_k=10; repeatable."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Random seed.", show_default="0")]
RunSeed = Annotated[
    int | None,
    typer.Option(help="Random seed of the links sampled for metrics and confidences.", show_default="as trained"),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Modalities = Annotated[
    str, typer.Option(help="Comma-separated, e.g. structure,relation,name.", show_default="all that the pair has")
]
RunModalities = Annotated[
    str, typer.Option(help="Comma-separated: use these modalities only.", show_default="all that the run has")
]
Out = Annotated[Path | None, typer.Option(help="Run folder; an interrupted run in it is continued.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in that folder.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that `mmkg align --out` wrote.")]
MaybeRun = Annotated[Path | None, typer.Argument(metavar="RUN", help="Folder that `mmkg align --out` wrote.")]
Pair = Annotated[
    str,
    typer.Argument(
        metavar="PAIR",
        help="emoji-fr-en, emoji-zh-en, emoji-ja-en, characters-zh-ja; a folder in the layout of DBP15K, OpenEA or "
        "MMKB, or with left, right and links; or the left graph: RDF, TSV, CSV, Parquet, GraphML, JSON, GraphRAG or an "
        "export of Neo4j, a file or a folder, or the address of a SPARQL endpoint or Neo4j database.",
    ),
]
Right = Annotated[
    list[str] | None,  # as a list, so that another argument may follow
    typer.Argument(metavar="RIGHT", help="The right graph, if PAIR is the left one.", show_default=False),
]
Hits = Annotated[
    str, typer.Option(help="Each k of Hits@k, comma-separated, e.g. 1,3,20.", show_default="1,5,10 or as trained")
]
Links = Annotated[
    Path | None,
    typer.Option(help="Links of two graphs: TSV, CSV, Parquet, OAEI or owl:sameAs.", show_default="owl:sameAs in them"),
]
Never = Annotated[
    Path | None,
    typer.Option(
        help="Pairs that are not the same, in any format of links; of SSSOM those with the modifier Not.",
        show_default=False,
    ),
]
Decisions = Annotated[
    Path | None,
    typer.Option(
        help="What people decided: SSSOM with authors, decisions.sqlite or the run folder with it. Accepted pairs are "
        "known links; rejected ones and entities without a counterpart are never matched.",
        show_default=False,
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        help="Folder or table of pictures, or features from `mmkg images`; give it twice for the left and the right "
        "graph.",
        show_default="features in the data",
    ),
]

# --- groups


@dataclass(frozen=True)
class Source:
    """A pair of graphs and the files that belong to it."""

    pair: Pair
    right: Right = None
    links: Links = None
    never: Never = None
    decisions: Decisions = None
    images: Images = None

    @property
    def place(self) -> str | tuple[str, str]:
        """The pair as ``mmkg.load`` takes it: a name or folder, or two graphs."""
        return place_of(self.pair, self.right)

    @property
    def more(self) -> bool:
        """Whether there are more than two graphs."""
        return bool(self.right) and len(self.right or ()) > 1

    @property
    def settings(self) -> list[str]:
        """Links and images as settings."""
        links = [] if self.links is None else [setting("data.links", str(self.links))]
        for key, file in (("data.never", self.never), ("data.decisions", self.decisions)):
            links += [] if file is None else [setting(key, str(file))]
        return links + self.image_settings

    @property
    def image_settings(self) -> list[str]:
        """Images as settings."""
        return [setting("data.images", self.images)] if self.images else []


@dataclass(frozen=True)
class Options:
    """Output and settings."""

    as_json: Json = False
    config: Config = None
    settings: Settings = None

    def values(self, before: Iterable[str] = (), after: Iterable[str] = ()) -> dict[str, Any]:
        """Nested settings: those of the file, overridden by ``before``, ``--set`` and ``after`` in this order."""
        from ..settings import read_toml, with_settings

        values = {} if self.config is None else read_toml(self.config)
        return with_settings(values, [*before, *(self.settings or []), *after])

    def take_only(self, sections: Sequence[str], what: str) -> None:
        """Refuse a ``--set`` that has no effect on the sub-command.

        A file of settings may hold more, so that the file of a whole experiment serves every sub-command.

        Args:
            sections: sections or keys that have an effect.
            what: name of the sub-command, for the message.

        Raises:
            UsageError: names the setting and those that have an effect.
        """
        for setting in self.settings or []:
            key = setting.partition("=")[0].strip()
            if not any(key == each or key.startswith(f"{each}.") for each in sections):
                *first, last = sections
                named = f"{', '.join(first)} and {last}" if first else last
                raise UsageError(f"{key}: {what} takes settings of {named} only")


@dataclass(frozen=True)
class DeviceOptions(Options):
    """The same and the device."""

    device: Device = "auto"


@dataclass(frozen=True)
class SeedOptions(DeviceOptions):
    """The same and the random seed."""

    seed: Seed = None

    def values(self, before: Iterable[str] = (), after: Iterable[str] = ()) -> dict[str, Any]:
        """Nested settings; ``--seed`` overrides all others."""
        values = super().values(before, after)
        return values if self.seed is None else values | {"seed": self.seed}


@dataclass(frozen=True)
class PairOptions(SeedOptions):
    """The same and the modalities of a pair."""

    modalities: Modalities = ""

    def values(self, before: Iterable[str] = (), after: Iterable[str] = ()) -> dict[str, Any]:
        """Nested settings; ``--seed`` and ``--modalities`` override all others."""
        chosen = [setting("features.modalities", names_of(self.modalities))] if self.modalities else []
        return super().values(before, [*after, *chosen])


@dataclass(frozen=True)
class SearchOptions(Options):
    """Options of a finished run: output, search settings, random seed and modalities."""

    settings: RunSettings = None
    seed: RunSeed = None
    modalities: RunModalities = ""


@dataclass(frozen=True)
class RunOptions(SearchOptions):
    """The same and the device."""

    device: Device = "auto"


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command in which every parameter that is a group is replaced by the options of the group."""
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = parameter.annotation
        if not dataclasses.is_dataclass(kind):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        assert isinstance(kind, type)
        groups[parameter.name] = kind
        types = get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            parameters.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[field.name]
                )
            )

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
        try:
            command(**values)
        except EOFError as error:  # of a cut file; typer would take it for the end of the terminal
            raise zlib.error(str(error)) from error

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


# --- values


def setting(key: str, value: str | list[str]) -> str:
    """A text or list of texts as ``--set`` takes it."""
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def place_of(pair: str, right: list[str] | None) -> str | tuple[str, str]:
    """A pair as ``mmkg.load`` takes it: a name or folder, or two graphs.

    Raises:
        UsageError: more than two graphs.
    """
    if not right:
        return pair
    if len(right) > 1:
        raise UsageError(f"expected PAIR or two graphs, got {len(right) + 1} paths: {' '.join([pair, *right])}")
    return pair, right[0]


def hits_setting(hits: str) -> list[str]:
    """The option ``--hits`` as settings.

    Raises:
        UsageError: something else than whole numbers from 1 up.
    """
    if not hits:
        return []
    numbers = [each.strip() for each in hits.split(",")]
    if not all(each.isdecimal() and int(each) > 0 for each in numbers):
        raise UsageError(f"--hits takes whole numbers from 1 up, e.g. 1,3,20, got {hits!r}")
    return [f"search.hits=[{','.join(str(int(each)) for each in numbers)}]"]


def names_of(modalities: str) -> list[str]:
    """The names in a comma-separated list.

    Raises:
        UsageError: no name.
    """
    names = [name.strip() for name in modalities.split(",") if name.strip()]
    if not names:
        raise UsageError(f"expected at least one modality, got {modalities!r}")
    return names


def experiment_of(values: dict[str, Any]) -> "Experiment":
    """An experiment from nested settings, with torch imported no earlier than here."""
    from ..config.experiment import Experiment

    return Experiment.of(values)


def load_pair(
    source: Source, options: SeedOptions, sections: Sequence[str], what: str, before: Sequence[str] = ()
) -> tuple["AlignmentTask", "Experiment"]:
    """The pair of a sub-command that does not train, and the settings it was read with.

    Args:
        source: the pair.
        options: of the sub-command.
        sections: sections of settings that have an effect on it.
        what: its name, for messages.
        before: settings that the user's settings may override.
    """
    from ..compute.devices import device_type
    from ..loading import load

    options.take_only(sections, what)
    experiment = experiment_of(options.values(before, after=source.settings))
    device_type(options.device)  # which refuses a device that is not there
    return load(source.place, experiment.data, seed=experiment.seed, device=options.device), experiment
