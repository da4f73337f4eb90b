"""One experiment = the configurations of its parts; TOML in, TOML out, misspelt keys refused."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import tomli_w

from .data.features import FeatureConfig
from .errors import UsageError, nearest
from .matching import MATCHERS, SinkhornConfig
from .models import MODEL_CONFIGS, RefinementConfig
from .search import INDEXES
from .search.config import IndexConfig
from .settings import check_keys, check_model, check_seed, parse, plain
from .settings import merged as merged
from .settings import read_toml as read_toml
from .settings import with_settings as with_settings
from .training.bootstrap import BootstrapConfig
from .training.config import TrainingConfig

MEAFORMER_TRAINING = TrainingConfig(
    epochs=250, batch_size=3500, weight_decay=1e-4, schedule="cosine", warmup=0.15, clip_norm=1.0
)
MCLEA_TRAINING = TrainingConfig(
    epochs=500, batch_size=0, weight_decay=1e-2, schedule="constant", warmup=0.0, clip_norm=0.0
)
DUAL_AMN_TRAINING = TrainingConfig(
    epochs=20,
    batch_size=1024,
    learning_rate=2e-2,
    weight_decay=0.0,
    schedule="cosine",
    warmup=0.02,
    clip_norm=0.0,
    eval_every=5,
)
LARGEST_UNSAMPLED = 100_000  # test links that are all ranked, and how many are where there are more
TEST_SAMPLE = 10_000
CUSTOM = "custom:"  # stands before the class name of a model that was given as an object
TRAINING = {
    "combined": replace(MCLEA_TRAINING, epochs=150),
    "dual-amn": DUAL_AMN_TRAINING,
    "meaformer": MEAFORMER_TRAINING,
    "mclea": MCLEA_TRAINING,
    "eva": MCLEA_TRAINING,
}
REFINEMENT = {"combined": RefinementConfig(rounds=4)}


@dataclass(frozen=True)
class DataConfig:
    """How a pair is read and split.

    Args:
        train_ratio: share of the links to learn from.
        valid_ratio: share of those held out for selection.
        split_seed: of the split; by default the seed of the experiment.
        candidates: whom a test entity is ranked among, ``test`` or ``all``.
        on_error: ``raise`` at the first bad line of a file, or ``skip`` and count.
        one_to_one: whether an entity may have one counterpart only.
        names: file of entity names, where it lies elsewhere (DBP15K).
        images: one for both graphs, or one for the left and one for the right: a folder or table of pictures, which
            are encoded; or a file of image features by name. A file of features by entity id is for DBP15K alone.
        image_encoder: of pictures: ``classical``, a folder with a vision model, or the name of one on the hub.
        image_cache: folder in which features of pictures are kept; by default that of the user, empty = nowhere.
        format: ``dbp15k``, ``openea``, ``mmkb`` or ``pair`` for a folder, ``rdf``, ``tsv``, ``csv`` or ``parquet`` for
            graphs; by default what the files tell.
        links: file of links between two graphs.
        fold: folder of links that are split already, e.g. ``721_5fold/1`` (OpenEA).
        graphs: names of the left and the right graph, of more than two (MMKB).
        languages: of names in RDF, the most welcome first.
        header: whether the first line of a TSV or CSV file names the columns; by default if it does.
        columns: names of the columns of head, relation and tail in TSV, CSV and Parquet.
        seeds_from: ``name``, ``text``, ``image`` or several: learn from links read off these alone, see
            ``pivot_links``, and rank all known links; empty = learn from known links.
        pivot_share: of the pairs so found that are learnt from, the surest ones.
        neutral: embedded pairs: keep the facts that are the same in every language.
        image_ratio: embedded pairs: share of images kept on each side.
    """

    train_ratio: float = 0.3
    valid_ratio: float = 0.1
    split_seed: int | None = None
    candidates: Literal["test", "all"] = "test"
    on_error: Literal["raise", "skip"] = "raise"
    one_to_one: bool = True
    names: str | None = None
    images: str | tuple[str, ...] | None = None
    image_encoder: str = "classical"
    image_cache: str | None = None
    format: str | None = None
    links: str | None = None
    fold: str | None = None
    graphs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    header: bool | None = None
    columns: tuple[str, ...] = ()
    seeds_from: tuple[str, ...] = ()
    pivot_share: float = 0.5
    neutral: bool = True
    image_ratio: float = 1.0


@dataclass(frozen=True)
class SearchConfig:
    """How entities are ranked, indexed and matched.

    Args:
        csls_k: neighbourhood of CSLS in evaluation, search and matching; 3 in the papers, 0 = off.
        index: kind of index, see ``mmkg.search.INDEXES``.
        matcher: see ``mmkg.matching.MATCHERS``.
        options: settings of the index kind.
        sinkhorn: settings of the matcher of that name.
        test_queries: test links that are ranked, a seeded sample of them, among all candidates; ``None`` = all
            up to 100,000, 10,000 of more; 0 = all.
        valid_queries: validation links that are ranked at each validation and that confidences are calibrated
            on, a seeded sample of them; 0 = all.
        valid_candidates: entities of each side that a validation link is ranked among: its own ends, those of
            the other ranked links, and a seeded sample of the entities outside the training links; 0 = all of
            these.
        store: type of the embeddings, in memory and in the run folder: ``float16`` takes half the room and
            moves a cosine by less than 0.001.
        matchable: share in [0, 1] of the left entities outside the training links that have a counterpart, on which
            confidences depend; ``None`` = estimated, see ``estimate_share``.

    Raises:
        UsageError: an unknown index or matcher, a negative number, a share outside [0, 1].
    """

    csls_k: int = 3
    index: str = "auto"
    matcher: str = "mutual"
    options: IndexConfig = field(default_factory=IndexConfig)
    sinkhorn: SinkhornConfig = field(default_factory=SinkhornConfig)
    test_queries: int | None = None
    valid_queries: int = 1000
    valid_candidates: int = 50_000
    store: Literal["float32", "float16"] = "float32"
    matchable: float | None = None

    def __post_init__(self) -> None:
        for what, value, known in (("index", self.index, INDEXES), ("matcher", self.matcher, MATCHERS)):
            if value not in known:
                raise UsageError(f"unknown {what} {value!r}; {nearest(str(value), known)}")
        for name in ("csls_k", "test_queries", "valid_queries", "valid_candidates"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} must be >= 0, got {value}")
        if self.matchable is not None and not 0 <= self.matchable <= 1:
            raise UsageError(f"matchable must be in 0..1, got {self.matchable}")

    def ranked(self, num_test: int) -> int:
        """How many of so many test links are ranked."""
        if self.test_queries is None:
            return num_test if num_test <= LARGEST_UNSAMPLED else TEST_SAMPLE
        return min(num_test, self.test_queries) or num_test


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run but the data themselves.

    Args:
        model: name in ``mmkg.models.MODELS``.
        seed: of everything random.
        data, features, training, bootstrap, refinement, search: configurations of the stages; models without
            training read no ``training``.
        options: configuration of the model, an instance of its config class.
    """

    model: str = "meaformer"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    options: Any = None
    training: TrainingConfig | None = None
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    refinement: RefinementConfig | None = None
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        if self.bootstrap.matcher not in MATCHERS:
            raise UsageError(f"unknown matcher {self.bootstrap.matcher!r}; {nearest(self.bootstrap.matcher, MATCHERS)}")
        if self.refinement is None:
            object.__setattr__(self, "refinement", REFINEMENT.get(self.model, RefinementConfig()))
        if self.model in MODEL_CONFIGS:
            if self.options is None:
                object.__setattr__(self, "options", MODEL_CONFIGS[self.model]())
            if self.training is None:
                object.__setattr__(self, "training", TRAINING.get(self.model, TrainingConfig()))
        elif self.training is None:
            object.__setattr__(self, "training", TrainingConfig())

    @property
    def schedule(self) -> TrainingConfig:
        """The training configuration; never ``None``."""
        assert self.training is not None
        return self.training

    @property
    def refined(self) -> RefinementConfig:
        """The configuration of the refinement; never ``None``."""
        assert self.refinement is not None
        return self.refinement

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, ``None`` left out; ``Experiment.of`` reads them back."""
        options = {} if self.options is None else asdict(self.options)
        sections = {
            "data": asdict(self.data),
            "features": asdict(self.features),
            "options": options,
            "training": asdict(self.schedule),
            "bootstrap": asdict(self.bootstrap),
            "refinement": asdict(self.refined),
            "search": asdict(self.search),
        }
        return {"model": self.model, "seed": self.seed, **{name: plain(part) for name, part in sections.items()}}

    def to_toml(self) -> str:
        """The whole experiment as TOML."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Experiment":
        """From nested plain values; what is not given keeps its default.

        Raises:
            UsageError: an unknown key, model or value; the message names the key and the nearest one.
        """
        check_keys(values, [f.name for f in dataclasses.fields(Experiment)])
        model = str(values.get("model", "meaformer"))
        if not model.startswith(CUSTOM):
            check_model(model, MODEL_CONFIGS)
        return Experiment(
            model=model,
            seed=check_seed(values.get("seed", 0)),
            data=parse(DataConfig(), values.get("data", {}), "data"),
            features=parse(FeatureConfig(), values.get("features", {}), "features"),
            options=parse(MODEL_CONFIGS[model](), values.get("options", {}), "options")
            if model in MODEL_CONFIGS
            else None,
            training=parse(TRAINING.get(model, TrainingConfig()), values.get("training", {}), "training"),
            bootstrap=parse(BootstrapConfig(), values.get("bootstrap", {}), "bootstrap"),
            refinement=parse(REFINEMENT.get(model, RefinementConfig()), values.get("refinement", {}), "refinement"),
            search=parse(SearchConfig(), values.get("search", {}), "search"),
        )
