"""How a pair is read and split."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ..files import MAX_BYTES
from ..settings import configuration


@configuration
@dataclass(frozen=True)
class DataConfig:
    """How a pair is read and split.

    A setting that the source of the pair does not take must keep its default: ``load`` refuses any other value.

    Args:
        train_ratio: share of the links used for training and validation, in (0, 1]; the others are test links.
            ``None`` = 0.3 for benchmarks, and all links of graphs of one's own.
        valid_ratio: share of those held out for validation, in [0, 1). ``None`` = 0.1 for benchmarks; of links of
            one's own as many as the model needs.
        split_seed: random seed of the split; by default the seed of the experiment.
        candidates: right entities a test entity is ranked among: ``test`` (those of the test links) or ``all``.
            ``None`` = ``test`` for benchmarks, ``all`` for graphs of one's own.
        on_error: ``raise`` at the first bad line of a file, or ``skip`` and count.
        max_bytes: largest size of a compressed file after decompression, in bytes; the default is lowered for
            small files, to 1 GiB plus 200 times their size.
        one_to_one: files: whether each entity has at most one counterpart.
        names: DBP15K: file of entity names in another place; names beside the folder are used only if named here.
        names_from: ``labels``: names that the data state, and no others; ``ids``: also names from the text or the end
            of the IRI of every entity without one. By default ``ids`` for a graph of one's own that states no name at
            all, and ``labels`` for the layouts DBP15K, OpenEA and MMKB and for embedded pairs.
        images: one source for both graphs, or one for the left and one for the right: a folder or table of pictures,
            which are encoded; or a file of image features by name. DBP15K also takes a file of features by entity id.
        image_encoder: encoder of pictures: ``classical``, a folder with a vision model, or the name of a model on the
            Hugging Face hub.
        image_cache: folder in which features of pictures are kept; by default the user's cache folder, empty = none.
        format: ``dbp15k``, ``openea``, ``mmkb`` or ``pair`` for a folder, ``rdf``, ``tsv``, ``csv``, ``parquet``
            or ``neo4j`` for graphs; by default recognised by the files.
        links: two graphs: file of links.
        never: file of pairs that are not the same, in any format of links; of SSSOM those with the modifier ``Not``.
        decisions: file of what people decided about pairs, see ``mmkg.decisions``: accepted pairs are training links,
            rejected ones and entities without a counterpart are never matched; they count more than other links.
        fold: OpenEA: folder of links that are already split, e.g. ``721_5fold/1``.
        graphs: MMKB: names of the left and the right graph, if the folder holds more than two.
        languages: RDF: languages of names, by preference.
        header: TSV and CSV: whether the first line of a file names the columns; by default if it does.
        columns: TSV, CSV and Parquet: names of the columns of head, relation and tail.
        table: TSV, CSV and Parquet: whether a file holds ``entities``, one in each row, or ``triples``; by default
            recognised by its first line.
        seeds_from: ``name``, ``text``, ``image`` or several: learn from seed links found by these alone, see
            ``pivot_links``, and rank all known links; empty = learn from known links.
        pivot_share: share of the pairs so found that become seed links, those with the highest scores.
        neutral: embedded pairs: keep the facts that are the same in every language.
        image_ratio: embedded pairs: share of images kept on each side, in [0, 1].

    Raises:
        UsageError: a value out of range.
    """

    train_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    valid_ratio: Annotated[float, Field(ge=0, lt=1)] | None = None
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    candidates: Literal["test", "all"] | None = None
    on_error: Literal["raise", "skip"] = "raise"
    max_bytes: Annotated[int, Field(gt=0)] = MAX_BYTES
    one_to_one: bool = True
    names: str | None = None
    names_from: Literal["labels", "ids"] | None = None
    images: str | tuple[str, ...] | None = None
    image_encoder: str = "classical"
    image_cache: str | None = None
    format: str | None = None
    links: str | None = None
    never: str | None = None
    decisions: str | None = None
    fold: str | None = None
    graphs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    header: bool | None = None
    columns: tuple[str, ...] = ()
    table: Literal["entities", "triples"] | None = None
    seeds_from: tuple[str, ...] = ()
    pivot_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    neutral: bool = True
    image_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
