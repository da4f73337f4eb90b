"""Settings of the whole process, which one thread at a time may change."""

import importlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

PROCESS = threading.RLock()
"""Held by a thread while it changes a setting of the whole process, until the setting is restored."""

os.register_at_fork(after_in_child=PROCESS._at_fork_reinit)  # type: ignore[attr-defined]  # its holder is not copied


@contextmanager
def undo_imports() -> Iterator[None]:
    """Undo what packages change when they are imported inside: filters of warnings, environment variables."""
    modules, filters, variables = len(sys.modules), list(warnings.filters), dict(os.environ)
    try:
        yield
    finally:
        if len(sys.modules) != modules:
            with PROCESS:
                if list(warnings.filters) != filters:
                    warnings.filters[:] = filters  # type: ignore[index]
                    with warnings.catch_warnings():  # Python then looks up its filters anew
                        pass
                for name in os.environ.keys() - variables.keys():
                    del os.environ[name]
                os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})


def import_home(name: str, package: str) -> ModuleType:
    """Import the module of a lazy name, and undo what its packages change in the process."""
    with undo_imports():
        return importlib.import_module(name, package)


def lazy_names(package: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose names are imported when they are first used (PEP 562).

    The package imports the same names under ``TYPE_CHECKING``, where type checkers find them.

    Args:
        package: ``__name__`` of the package.
        home: name -> module that defines it, relative to the package, e.g. ``.kind``. No module of the package may have
            the name: its import would put the module in the place of the name.
    """

    def __getattr__(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_home(home[name], package), name)

    return __getattr__


@contextmanager
def quiet(message: str = "", category: type[Warning] = Warning) -> Iterator[None]:
    """Ignore warnings of other packages. One thread at a time, since the filters belong to the process."""
    with PROCESS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message, category=category)
        yield
