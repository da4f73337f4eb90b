"""How entities are ranked, indexed and matched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import UsageError, brief, nearest
from ..evaluation.metrics import HITS
from ..matching import MATCHERS
from ..search import INDEXES
from ..search.index import check_memory
from ..settings import Bytes, Count, CountOrNone, Share, check_keys, configuration, merged, nested, parse

LARGEST_UNSAMPLED = 100_000  # up to so many test links all are ranked; of more, a sample
TEST_SAMPLE = 10_000
NARROW = 1024  # columns of embeddings
MOST_VALUES = 36_000_000  # of both graphs' embeddings, if they are to have more columns than that


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``merged`` values of an experiment; index settings do not carry over to a kind of another configuration class."""
    changes = nested(changes)
    before, after = (each.get("search", {}) for each in (values, changes))
    if isinstance(before, Mapping) and isinstance(after, Mapping) and "index" in after:
        kinds = (str(before.get("index", "auto")), str(after["index"]))
        if len({INDEXES[kind].config for kind in kinds if kind in INDEXES}) > 1:
            values = {**values, "search": {key: value for key, value in before.items() if key != "options"}}
    return merged(values, changes)


@configuration
@dataclass(frozen=True)
class SearchConfig:
    """How entities are ranked, indexed and matched.

    Args:
        csls_k: neighbourhood size of CSLS in evaluation, search and matching; 3 in the papers, 0 = off.
        index: index kind, see ``mmkg.search.INDEXES``.
        memory: most memory that the index of one graph may take, e.g. ``2GB``: ``auto`` chooses a kind that fits, and
            another kind that does not is refused; ``None`` = any.
        matcher: matcher, see ``mmkg.matching.MATCHERS``.
        options: settings of the index, an instance of the configuration class of its kind; ``None`` = its defaults.
        matchers: settings of matchers by name, where they are not the defaults; in files, one section per matcher, e.g.
            ``search.sinkhorn``.
        test_queries: number of test links that are ranked, a seeded sample, among all candidates; 0 = all. ``None`` =
            all up to 100,000 links, and 10,000 of more.
        valid_queries: number of validation links that are ranked at each validation and that confidences are calibrated
            on, a seeded sample; 0 = all.
        valid_candidates: number of candidates of each side for validation links: their own ends, those of the other
            ranked links, and a seeded sample of the entities outside the training links; 0 = all of these.
        width: largest number of columns of the embeddings; wider ones are projected, modality by modality, see
            ``mmkg.learners.compress``. 0 = as they are; ``None`` = 1,024, and of fewer than 35,157 entities in all up
            to 2,048, so many that there are 36 million values; all columns, if fewer lower the MRR of the validation
            links by more than 0.01 and its standard error.
        store: type of the embeddings in memory and in the run folder; ``float16`` halves the size and changes a cosine
            by less than 0.001. ``int8`` takes a quarter in the run folder, and 16 bits in memory, where the whole
            embeddings are then read instead of the rows that are used.
        hits: each k of the figures Hits@k; Hits@1 is always among them.
        matchable: share in [0, 1] of the left entities outside the training links that have a counterpart, on which
            confidences depend; ``None`` = estimated, see ``mmkg.matching.share``.

    Raises:
        UsageError: an unknown index or matcher, or a value out of range.
    """

    csls_k: CountOrNone = 3
    index: str = "auto"
    memory: Bytes | None = None
    matcher: str = "mutual"
    options: Any = None
    matchers: Mapping[str, Any] = field(default_factory=dict, hash=False)
    test_queries: CountOrNone | None = None
    valid_queries: CountOrNone = 1000
    valid_candidates: CountOrNone = 50_000
    width: CountOrNone | None = None
    store: Literal["float32", "float16", "int8"] = "float16"
    matchable: Share | None = None
    hits: Annotated[tuple[Count, ...], Field(min_length=1)] = HITS

    def __post_init__(self) -> None:
        for what, value, known in (("index", self.index, INDEXES), ("matcher", self.matcher, MATCHERS)):
            if value not in known:
                raise UsageError(f"unknown {what} {brief(value)}; {nearest(str(value), known)}")
        if self.options is None:
            object.__setattr__(self, "options", INDEXES[self.index].config())
        configs = _configs(self.matchers)
        expected = {"index options": (INDEXES[self.index].config, self.options)}
        expected |= {f"settings of {name}": (configs[name], value) for name, value in self.matchers.items()}
        for what, (config, value) in expected.items():
            if not isinstance(value, config):
                raise UsageError(f"{what} must be of class {config.__name__}, got {type(value).__name__}")

    @property
    def held(self) -> str:
        """Type of the embeddings in memory."""
        return "float16" if self.store == "int8" else self.store

    def ranked(self, num_test: int) -> int:
        """Number of test links that are ranked, out of ``num_test``."""
        if self.test_queries is None:
            return num_test if num_test <= LARGEST_UNSAMPLED else TEST_SAMPLE
        return min(num_test, self.test_queries) or num_test

    def columns(self, num_entities: int) -> int:
        """Largest number of columns of the embeddings of so many entities; 0 = any."""
        if self.width is None:
            return min(max(NARROW, MOST_VALUES // max(num_entities, 1)), 2 * NARROW)
        return self.width

    def index_options(self, kind: str, widths: Sequence[int]) -> Any:
        """Settings for an index of ``kind`` over vectors that consist of parts of these widths.

        They are those of the run if that kind has the same configuration class, else its defaults.
        """
        expected = INDEXES[kind].config
        options = self.options if isinstance(self.options, expected) else expected()
        if self.memory is not None and any(each.name == "memory" for each in fields(expected)):
            options = replace(options, memory=self.memory)
        return INDEXES[kind].over_parts(options, tuple(widths))

    def check_memory(self, size: int, width: int) -> None:
        """Refuse an index of so many embeddings of this width that does not fit into ``memory``.

        Raises:
            UsageError: the message states the estimate, and what would fit.
        """
        check_memory(self.index, size, width + bool(self.csls_k), self.index_options(self.index, (width,)))

    def matcher_settings(self, name: str) -> Any:
        """Settings of a matcher, an instance of its configuration class; ``None`` if it has no such class."""
        config = MATCHERS[name].config
        return self.matchers.get(name, None if config is None else config())

    def matcher_options(self, name: str) -> dict[str, Any]:
        """Settings of a matcher as the keywords to call it with."""
        settings = self.matcher_settings(name)
        return {} if settings is None else asdict(settings)

    @staticmethod
    def of(values: Any) -> "SearchConfig":
        """From the nested plain values of the section ``search``; what they do not name keeps its default.

        Raises:
            UsageError: an unknown key, or a value that does not fit; the message names the key.
        """
        if not isinstance(values, Mapping):
            raise UsageError(f"search is a section of settings, got {brief(values)}")
        own = [each.name for each in fields(SearchConfig) if each.name != "matchers"]
        configs = _configs([name for name in values if name not in own], own)
        matchers = {name: parse(config(), values[name], f"search.{name}") for name, config in configs.items()}
        index = values.get("index", "auto")
        default = SearchConfig(matchers={name: each for name, each in matchers.items() if each != configs[name]()})
        if isinstance(index, str) and index in INDEXES:  # else the class refuses it
            default = replace(default, index=index, options=INDEXES[index].config())
        return parse(default, {name: value for name, value in values.items() if name in own}, "search")

    def to_dict(self, *used: str) -> dict[str, Any]:
        """Nested plain values, which ``of`` reads back.

        Args:
            used: further matchers of the run, besides ``matcher``, to write the settings of.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "matchers"}
        values["options"] = asdict(self.options)
        written = [name for name in MATCHERS if name in (self.matcher, *used) or name in self.matchers]
        return values | {name: options for name in written if (options := self.matcher_options(name))}


def _configs(names: Collection[str], others: Sequence[str] = ()) -> dict[str, type[Any]]:
    """Configuration classes of matchers by name; the modules of other matchers are not imported.

    Args:
        names: keys of the section ``search``.
        others: further keys of that section, which an error may name.

    Raises:
        UsageError: a key that is no matcher with settings.
    """
    found = {name: MATCHERS[name].config for name in names if name in MATCHERS}
    if any(found.get(name) is None for name in names):
        check_keys(dict.fromkeys(names), [*others, *(name for name, each in MATCHERS.items() if each.config)], "search")
    return {name: config for name, config in found.items() if config is not None}
