"""Settings of torch, NumPy and Python that belong to the program around mmkg, and how mmkg runs within them.

A program may have changed the type, the device or the gradients of torch, or the error handling of NumPy. Public
functions are decorated with ``isolated``: they compute as in a fresh process, and change nothing for their caller.
"""

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .process import PROCESS, undo_imports

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

_inside = threading.local()

FILLED = {torch.empty, torch.zeros, torch.ones, torch.eye, torch.rand, torch.randn, torch.linspace, torch.logspace}
"""Functions whose result has the default type, unless a type is stated."""
READ = {torch.tensor, torch.as_tensor, torch.asarray, torch.full, torch.arange, torch.scalar_tensor}
"""Functions whose result has the default type if their values are Python floats."""
STATED = {Tensor.to, Tensor.type, Tensor.double, torch.from_numpy, torch.frombuffer, Tensor.view}
"""Functions whose result has the type that the caller states, or that of an array."""


class _Float32(TorchFunctionMode):
    """New tensors without a stated type are float32 in this thread, whatever the default type of the process."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") is not None or kwargs.get("out") is not None or func in STATED:
            return func(*args, **kwargs)
        if func in FILLED:
            return func(*args, **{**kwargs, "dtype": torch.float32})
        if func is torch.where and len(args) == 3:
            args = (
                args[0],
                *(torch.tensor(each, dtype=torch.float32) if isinstance(each, float) else each for each in args[1:]),
            )
        found = func(*args, **kwargs)
        if not isinstance(found, Tensor) or found.dtype != torch.get_default_dtype():
            return found
        given = (*args, *kwargs.values())
        if any(_has_type(each) for each in given):
            return found
        if func in READ:
            return func(*args, **{**kwargs, "dtype": torch.float32})
        if any(map(_is_whole, given)):  # e.g. whole numbers times a Python float
            return func(*map(_as_float, args), **{name: _as_float(value) for name, value in kwargs.items()})
        return found.float()


def _has_type(value: Any) -> bool:
    """Whether an argument decides the type of the result: a type, or numbers of a type of floating-point numbers."""
    if isinstance(value, Tensor):
        return value.is_floating_point() or value.is_complex()
    if isinstance(value, list | tuple):
        return any(map(_has_type, value))
    return isinstance(value, np.ndarray | torch.dtype)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype != torch.bool


def _as_float(value: Any) -> Any:
    return value.float() if _is_whole(value) else value


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
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if torch.get_default_dtype() != torch.float32 and not any(
            isinstance(mode, _Float32) for mode in torch.overrides._get_current_function_mode_stack()
        ):
            stack.enter_context(_Float32())
        stack.enter_context(np.errstate(all="ignore"))
        yield


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator of a public function that computes: it runs with ``own_settings``."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
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
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators for the draws inside; their states return at the end. One thread at a time.

    Args:
        seed: random seed.
        device: of the draws, besides the CPU.
    """
    cuda = [device] if device is not None and device.type == "cuda" else []
    with PROCESS, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels on a CPU; restores the setting at the end. One thread at a time."""
    if device.type != "cpu":
        yield
        return
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
