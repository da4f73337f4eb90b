"""Settings of torch, NumPy and Python that belong to the program around mmkg, and how mmkg runs within them.

A program may have changed the type, the device or the gradients of torch, or the error handling of NumPy. Public
functions are decorated with ``isolated``: they compute as in a fresh process, and change nothing for their caller.
"""

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from .process import PROCESS, undo_imports

if TYPE_CHECKING:
    import torch

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

_inside = threading.local()


@contextmanager
def own_settings() -> Iterator[None]:
    """Compute as in a fresh process: float32, on the CPU where no device is named, with gradients, without autocast.

    NumPy neither warns nor raises: results are checked where they can overflow. All settings are of this thread only,
    and those of the caller return at the end.
    """
    with ExitStack() as stack:
        if not getattr(_inside, "call", False):
            stack.enter_context(undo_imports())
            stack.callback(setattr, _inside, "call", False)
            _inside.call = True
        if sys.modules.get("torch") is not None:  # else nobody has changed its settings
            from .tensor_host import tensor_settings

            stack.enter_context(tensor_settings())
        stack.enter_context(np.errstate(all="ignore"))
        yield


@contextmanager
def settled() -> Iterator[None]:
    """``own_settings`` once for many short calls: calls inside do not enter them again.

    For code that changes no setting, such as a search; entering them takes longer than some calls.
    """
    if getattr(_inside, "settled", False):
        yield
        return
    with own_settings():
        _inside.settled = True
        try:
            yield
        finally:
            _inside.settled = False


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator of a public function that computes: it runs with ``own_settings``."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(_inside, "settled", False):
            return function(*args, **kwargs)
        with own_settings():
            return function(*args, **kwargs)

    return run


def isolated_class(cls: type[C]) -> type[C]:
    """Class decorator: public methods and properties, and the constructor, are ``isolated``."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if inspect.isfunction(member):
            setattr(cls, name, isolated(member))
        elif isinstance(member, staticmethod | classmethod):
            setattr(cls, name, type(member)(isolated(member.__func__)))
        elif isinstance(member, property) and member.fget is not None:
            setattr(cls, name, property(isolated(member.fget), doc=member.__doc__))
    return cls


@contextmanager
def seeded(seed: int, device: "torch.device | None" = None) -> Iterator[None]:
    """Seed torch's global generators for the draws inside; their states return at the end. One thread at a time.

    Args:
        seed: random seed.
        device: of the draws, besides the CPU.
    """
    import torch

    cuda = [device] if device is not None and device.type == "cuda" else []
    with PROCESS, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def deterministic(device: "torch.device") -> Iterator[None]:
    """Use deterministic kernels on a CPU; restores the setting at the end. One thread at a time."""
    if device.type != "cpu":
        yield
        return
    import torch

    settings: Any = torch.utils.deterministic
    with PROCESS:
        before = torch.are_deterministic_algorithms_enabled()
        warn, filled = torch.is_deterministic_algorithms_warn_only_enabled(), settings.fill_uninitialized_memory
        try:
            torch.use_deterministic_algorithms(True)
            settings.fill_uninitialized_memory = False  # no code here reads uninitialised memory
            yield
        finally:
            settings.fill_uninitialized_memory = filled
            torch.use_deterministic_algorithms(before, warn_only=warn)
