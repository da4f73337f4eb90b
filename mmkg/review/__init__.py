"""What the page of a run shows: counts, matches, one match, trust, map, lists, training; as plain values for JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .view import RunView

from ..compute.process import lazy_names

__all__ = ["RunView"]

__getattr__ = lazy_names(__name__, {"RunView": ".view"})
