"""How a pair is read and split."""

from dataclasses import dataclass
from typing import Literal


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
