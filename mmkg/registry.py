"""Parts by name, of which those that mmkg brings are imported when they are first used."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TypeVar, cast

from .compute.process import import_home

V = TypeVar("V")


class Registry(MutableMapping[str, V]):
    """A dict of parts by name. Its own parts are named by their place; looking one up imports its module.

    Names are known without any import, so that a wrong name is refused, and a list of names is printed, at once.

    Args:
        places: name -> ``module:attribute``, e.g. ``.eva:ENTRY`` for a module beside that of the registry.
        module: ``__name__`` of the module of the registry.
    """

    def __init__(self, places: Mapping[str, str], module: str) -> None:
        self._places = dict(places)
        self._package = module.rpartition(".")[0]
        self._parts: dict[str, V] = {}
        self._names = dict.fromkeys(places)  # in the order in which they were registered

    def __getitem__(self, name: str) -> V:
        if name not in self._parts and name in self._names:
            module, _, attribute = self._places[name].partition(":")
            self._parts[name] = cast(V, getattr(import_home(module, self._package), attribute))
        return self._parts[name]

    def __setitem__(self, name: str, part: V) -> None:
        self._names[name] = None
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._parts.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"
