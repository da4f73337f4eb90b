"""Tensors of float32 whatever the default type of the process: what ``own_settings`` enters where torch is loaded."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

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
        if any(isinstance(each, Tensor) for each in given):  # whole numbers or truth values, times a Python float
            return func(*map(_as_float, args), **{name: _as_float(value) for name, value in kwargs.items()})
        return found.float()


def _has_type(value: Any) -> bool:
    """Whether an argument decides the type of the result: a type, or numbers of a type of floating-point numbers."""
    if isinstance(value, Tensor):
        return value.is_floating_point() or value.is_complex()
    if isinstance(value, list | tuple):
        return any(map(_has_type, value))
    return isinstance(value, np.ndarray | torch.dtype)


def _as_float(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value


@contextmanager
def tensor_settings() -> Iterator[None]:
    """Compute with float32, on the CPU where no device is named, with gradients, without autocast; in this thread."""
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.empty(0).device.type != "cpu":  # get_default_device of torch 2.6 fails after a reset
            stack.enter_context(torch.device("cpu"))
        if torch.get_default_dtype() != torch.float32 and not any(
            isinstance(mode, _Float32) for mode in torch.overrides._get_current_function_mode_stack()
        ):
            stack.enter_context(_Float32())
        yield
