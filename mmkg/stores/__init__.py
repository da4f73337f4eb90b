"""Standing stores: the entities of a run in a vector database, which answers searches without the run folder."""

from collections.abc import Callable

from ..errors import UsageError, brief, nearest
from .published import PublishedRun
from .store import Store

DEFAULT_NAME = "mmkg"


def _milvus(place: str, name: str, *, create: bool) -> Store:
    from .milvus import MilvusStore

    return MilvusStore(place, name, create=create)


def _lancedb(place: str, name: str, *, create: bool) -> Store:
    from .lancedb import LanceStore

    return LanceStore(place, name, create=create)


STORES: dict[str, Callable[..., Store]] = {"milvus": _milvus, "lancedb": _lancedb}


def open_store(address: str, *, create: bool = False) -> Store:
    """The store at an address: ``milvus:FILE.db``, ``milvus:http://HOST:PORT`` or ``lancedb:FOLDER``.

    ``#NAME`` after the address names the run in the store, so that one store can hold several.

    Args:
        address: kind and place, e.g. ``milvus:store.db`` or ``lancedb:store#countries``.
        create: make a store on the disk that does not exist yet.

    Raises:
        UsageError: not such an address.
        InputError: no store is there, or it cannot be reached.
        MissingPackageError: the client of the store is not installed.
    """
    kind, colon, rest = address.partition(":")
    if not colon or kind not in STORES:
        expected = " or ".join(f"{name}:..." for name in STORES)
        raise UsageError(f"{brief(address)} is not the address of a store, e.g. {expected}; {nearest(kind, STORES)}")
    place, _, name = rest.partition("#")
    name = name or DEFAULT_NAME
    if not place:
        raise UsageError(f"{address}: expected a place after {kind}:")
    if not (name.isidentifier() and name.isascii()):
        raise UsageError(f"{address}: expected letters, digits and _ after #, got {brief(name)}")
    return STORES[kind](place, name, create=create)


__all__ = ["DEFAULT_NAME", "STORES", "PublishedRun", "Store", "open_store"]
