"""A GPU that is not there: tensors in memory of the host that say ``cuda:0``, for tests of where each tensor is.

Inside of ``pretended()`` torch sees a GPU, and every operator on its tensors computes on the CPU. As on a real GPU, an
operator with tensors of both devices fails, and so does ``numpy()``. The list that ``pretended()`` yields grows by the
name of every operator at which a host would wait for a GPU: values that leave it, shapes that depend on values, and
copies to it from memory that is not pinned.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from mmkg.data.tensors.pyg import EdgeIndex

CUDA = torch.device("cuda", 0)
WAITING = ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "_unique2", "unique_dim", "equal")
PACKING = ("_pack_padded_sequence", "_pad_packed_sequence")  # take, or return, lengths on the host
MOVES = ("copy_", "_to_copy")


class OnCuda(Tensor):
    """A tensor that says that it is on the GPU. To the C++ code of torch it is on ``meta``, which has no values."""

    own: Tensor

    @staticmethod
    def __new__(cls, own):
        places = {}
        if own.layout == torch.strided:
            places = {"strides": own.stride(), "storage_offset": own.storage_offset()}
        made = Tensor._make_wrapper_subclass(cls, own.shape, dtype=own.dtype, device="meta", **places)
        made.own = own
        return made

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)
    layout = property(lambda self: self.own.layout)
    is_sparse = property(lambda self: self.own.is_sparse)
    is_sparse_csr = property(lambda self: self.own.is_sparse_csr)
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self, *, tensor_contents=None):
        return f"OnCuda({self.own})"

    def numpy(self, *, force=False):
        raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu() first")

    def tolist(self):
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} on a tensor of a pretended GPU, outside of pretended()")


def own(value):
    """The tensor in memory of the host that a tensor on the GPU stands for; any other value as it is."""
    return value.own if isinstance(value, OnCuda) else value


class _Operators(TorchDispatchMode):
    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name, flat = func.overloadpacket.__name__, tree_flatten((args, kwargs))[0]
        if any(type(each) is EdgeIndex for each in flat):
            return NotImplemented  # it takes itself apart, and the tensors inside come here
        there = [each for each in flat if isinstance(each, OnCuda)]
        device = kwargs.get("device")  # C++ code that makes a tensor like another one names meta
        on_gpu = bool(there) if device is None else torch.device(device).type in ("cuda", "meta")
        self._check(name, args, flat, there)
        self.waits += self._waited(name, args, kwargs, there, on_gpu)
        if device is not None:
            kwargs["device"] = torch.device("cpu")
        if name == "_sparse_addmm":  # torch's choice for a tensor that does not look sparse to C++ code
            func = torch.ops.aten.addmm.default
        out = func(*tree_map(own, args), **tree_map(own, kwargs))
        if name == "copy_" or not on_gpu:
            return args[0] if name == "copy_" else out
        if name in PACKING:
            return OnCuda(out[0]), out[1]
        before = {id(each.own): each for each in there}  # an operator that changes a tensor returns it
        return tree_map(lambda each: before[id(each)] if id(each) in before else _there(each), out)

    def _check(self, name, args, flat, there):
        here = [each for each in flat if isinstance(each, Tensor) and not isinstance(each, OnCuda) and each.dim()]
        if name in ("index", "index_put_") and isinstance(args[0], OnCuda):  # takes indices of the host too
            here = [each for each in here if not any(each is index for index in args[1])]
        if there and here and name not in (*MOVES, *PACKING):
            shapes = [tuple(each.shape) for each in here]
            raise RuntimeError(f"{name}: expected all tensors on cuda:0, some are on the cpu, of shapes {shapes}")

    def _waited(self, name, args, kwargs, there, on_gpu):
        if name in MOVES:
            values, target = (args[1], args[0]) if name == "copy_" else (args[0], None)
            to_gpu = on_gpu if target is None else isinstance(target, OnCuda)
            if isinstance(values, OnCuda) and not to_gpu:
                yield f"{name} to the host"
            if not isinstance(values, OnCuda) and to_gpu and not getattr(values, "pinned", False):
                yield f"{name} from memory that is not pinned"
        elif there and name in WAITING:
            yield name
        elif there and name in ("index", "index_put_"):
            places = [each for each in args[1] if each is not None]
            if any(each.dtype == torch.bool for each in places):
                yield f"{name} by a mask"
            if not all(isinstance(each, OnCuda) for each in places):
                yield f"{name} by places of the host"
        elif there and name == "repeat_interleave" and kwargs.get("output_size") is None:
            yield f"{name} without output_size"


def _there(value):
    return OnCuda(value) if isinstance(value, Tensor) else value


class _Functions(TorchFunctionMode):
    """What torch does before it comes to an operator."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.device:
            return _numbered(func(*args, **(kwargs or {})))
        args, kwargs = tree_map(_numbered, (args, kwargs or {}))
        if func is Tensor.pin_memory:
            found = torch.ops.aten.alias(args[0])
            found.pinned = True
            return found
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == CUDA:
            return func(*args, **{**kwargs, "device": "cpu"}).to(CUDA)
        if func is torch.sparse_csr_tensor and any(isinstance(each, OnCuda) for each in args[:3]):
            assert all(isinstance(each, OnCuda) for each in args[:3]), "parts of a sparse tensor on two devices"
            return OnCuda(func(*map(own, args[:3]), *args[3:], **kwargs))
        return func(*args, **kwargs)


def _numbered(value):
    """``cuda`` as ``cuda:0``: without a number, C++ code asks the driver for the current device."""
    named = isinstance(value, torch.device) and value.type == "cuda"
    return CUDA if named or (isinstance(value, str) and value == "cuda") else value


class _Generator(torch.Generator):
    """A generator of the CPU, whatever the device."""

    def __new__(cls, device=None):
        return super().__new__(cls)


@contextmanager
def pretended() -> Iterator[list[str]]:
    """A context in which torch sees a GPU; yields the operators at which the host would have waited for it so far."""
    waits: list[str] = []
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    with ExitStack() as stack:
        for name, value in {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "current_device": lambda: 0,
            "get_device_name": lambda *_: "pretended",
            "_lazy_init": lambda: None,
            "synchronize": lambda *_: None,
            "manual_seed": torch.default_generator.manual_seed,  # the draws of its tensors are those of the CPU
            "get_rng_state": lambda *_: torch.get_rng_state(),
            "set_rng_state": lambda state, *_: torch.set_rng_state(state),
            "device": lambda *_: ExitStack(),
            "is_current_stream_capturing": lambda: False,
            "is_bf16_supported": lambda *_, **__: True,
            "max_memory_allocated": lambda *_: 0,
            "reset_peak_memory_stats": lambda *_: None,
            "set_sync_debug_mode": lambda *_: None,
            "get_arch_list": lambda: [],
            "get_device_properties": lambda *_: SimpleNamespace(
                name="pretended", total_memory=0, major=0, minor=0, multi_processor_count=0
            ),
        }.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, value))
        stack.enter_context(mock.patch.object(torch, "Generator", _Generator))
        stack.enter_context(mock.patch("torch.backends.cudnn.is_acceptable", lambda tensor: False))
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, before)
        torch.__future__.set_overwrite_module_params_on_conversion(True)  # parameters become tensors of the GPU
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))  # the GPU has no thread for gradients
        stack.enter_context(_Operators(waits))
        stack.enter_context(_Functions())
        yield waits
