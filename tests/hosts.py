"""Programs around mmkg: what they may have changed in torch, NumPy and Python, and a record of all of it."""

import os
import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device():
    torch.set_default_device("meta")  # tensors without values: whatever lands there cannot be computed with
    try:
        yield
    finally:
        torch.set_default_device(None)
        vars(torch._GLOBAL_DEVICE_CONTEXT).pop("device_context", None)  # torch 2.6 fails on None there


@contextmanager
def warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def everything():
    with ExitStack() as stack:
        for name, host in HOSTS.items():
            if name not in ("everything", "inference mode", "bfloat16"):
                stack.enter_context(host())
        yield


HOSTS = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "default device": default_device,
    "no grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "numpy raises": lambda: np.errstate(all="raise"),
    "warnings as errors": warnings_as_errors,
    "everything": everything,
}


def process_state():
    """All settings of the process that mmkg must leave as they are."""
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill uninitialised": torch.utils.deterministic.fill_uninitialized_memory,
        "dtype": torch.get_default_dtype(),
        "device": torch.empty(0).device,  # get_default_device of torch 2.6 fails after a reset
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "generator": torch.get_rng_state().numpy().tobytes(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "function modes": torch._C._len_torch_function_stack(),
        "numpy errors": np.geterr(),
        "numpy generator": repr(np.random.get_state()),
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }


@contextmanager
def unchanged_process():
    """Fail if anything of ``process_state`` differs afterwards, also after an error."""
    before = process_state()
    try:
        yield
    finally:
        after = process_state()
        assert [name for name in before if before[name] != after[name]] == []
