"""A mode for tests in which nothing may make a host wait for its accelerator."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal")


class NoWaiting(TorchDispatchMode):
    """Refuses values that leave the device (``float``, ``bool``, ``.item()``) and shapes that depend on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in WAITING, name
        indices = [index for index in args[1] if index is not None] if name in ("index", "index_put_") else []
        assert all(index.dtype != torch.bool for index in indices), name
        return func(*args, **(kwargs or {}))
