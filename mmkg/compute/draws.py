"""Initial weights and dropout drawn from generators of the run, not from the global generator of the process."""

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .host import seeded
from .ranks import ranks, sharing
from .seeding import derive_seed

_run = threading.local()
_RANDOM: set[Any] = {
    torch.rand,
    torch.randn,
    torch.randint,
    torch.randperm,
    torch.normal,
    torch.bernoulli,
    torch.multinomial,
}
_RANDOM |= {Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_, Tensor.exponential_, Tensor.random_, Tensor.bernoulli}
_RANDOM |= {
    f for f in vars(nn.init).values() if inspect.isfunction(f) and "generator" in inspect.signature(f).parameters
}


class _From(TorchFunctionMode):
    """Functions that take a generator draw from this one, in this thread, unless another is named."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _RANDOM and kwargs.get("generator") is None:
            kwargs = {**kwargs, "generator": self.generator}
        return func(*args, **kwargs)


@contextmanager
def drawing_weights(build: Callable[..., Any], seed: int) -> Iterator[None]:
    """All initial weights inside depend on the seed alone, also if other threads draw from torch's global generator.

    Args:
        build: builds the model. For one of another package the global generator is seeded and restored too, since it
            may call functions that take no generator.
        seed: random seed.
    """
    own = f"{getattr(build, '__module__', '')}.".startswith("mmkg.")
    with nullcontext() if own else seeded(seed), _From(torch.Generator().manual_seed(seed)):
        yield


class Dropout(nn.Dropout):
    """``torch.nn.Dropout`` that draws by ``dropout``."""

    def forward(self, x: Tensor) -> Tensor:
        """The input, with elements dropped in training mode."""
        return dropout(x, self.p, self.training)


def dropout(x: Tensor, rate: float, training: bool = True) -> Tensor:
    """``torch.nn.functional.dropout``, with the same bits, from the generator of ``drawing`` on a CPU."""
    generator = own_generator(x)
    if generator is None or not training or not 0 < rate < 1 or x.numel() == 0:
        return F.dropout(x, rate, training)
    share = sharing()
    if share is None or len(x) != share.stop - share.start:
        kept = torch.empty_like(x).bernoulli_(1 - rate, generator=generator)
    else:  # each row is dropped as if one process computed all of them
        kept = share.of(x.new_empty(share.total, *x.shape[1:]).bernoulli_(1 - rate, generator=generator))
    return x * kept.div_(1 - rate)


def own_generator(x: Tensor) -> torch.Generator | None:
    """The generator of ``drawing`` for draws beside a tensor; ``None`` outside of it, and on other devices."""
    generator: torch.Generator | None = getattr(_run, "generator", None)
    return generator if x.device.type == "cpu" else None


@contextmanager
def drawing(model: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """All dropout inside depends on the seed alone, also if other threads draw from torch's global generators.

    On a CPU the modules of mmkg draw from a generator of their own. For other modules, and on a GPU, the global
    generators are seeded and restored; one thread at a time does this. Processes that train together draw differently
    from these.

    Args:
        model: the model that draws.
        seed: random seed.
        device: of the model.
    """
    before = getattr(_run, "generator", None)
    _run.generator = torch.Generator().manual_seed(seed) if device.type == "cpu" else None
    shared = device.type != "cpu" or any(_draws_globally(module) for module in model.modules())
    number = ranks().number
    try:
        with seeded(derive_seed(seed, f"rank {number}") if number else seed, device) if shared else nullcontext():
            yield
    finally:
        _run.generator = before


def _draws_globally(module: nn.Module) -> bool:
    """Whether a module may draw from torch's global generators."""
    package = f"{type(module).__module__}."
    if package.startswith("mmkg."):
        return False
    known = package.startswith(("torch.nn.modules.", "torch_geometric."))
    draws = isinstance(module, nn.modules.dropout._DropoutNd | nn.RReLU) or bool(getattr(module, "dropout", 0))
    return draws or not known
