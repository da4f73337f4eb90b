"""Computation inside other programs: types, devices and gradients as in a fresh process."""

import threading

import numpy as np
import pytest
import torch
from hosts import HOSTS, unchanged_process

from mmkg.compute import host as host_module
from mmkg.compute.host import deterministic, isolated, isolated_class, own_settings, seeded, settled

MADE = {
    "tensor": lambda: torch.tensor([0.1, 0.7]),
    "whole tensor": lambda: torch.tensor([1, 2]),
    "full": lambda: torch.full((2,), 0.1),
    "whole full": lambda: torch.full((2,), 3),
    "zeros": lambda: torch.zeros(2),
    "size": lambda: torch.ones((2, 3)),
    "arange": lambda: torch.arange(0, 1, 0.3),
    "linspace": lambda: torch.linspace(0, 1, 7),
    "draws": lambda: torch.rand(5, generator=torch.Generator().manual_seed(3)),
    "quotient": lambda: torch.arange(5) / 3,
    "product": lambda: torch.arange(5) * 0.1,
    "product from the right": lambda: 0.1 * torch.arange(5),
    "product of truth values": lambda: torch.tensor([True, False]) * 0.1,
    "sum of products of truth values": lambda: 0.1 * torch.tensor([True, False]) + 0.7 * torch.tensor([True, True]),
    "root": lambda: torch.arange(5).sqrt(),
    "where": lambda: torch.where(torch.tensor([True, False]), 0.1, 0.2),
    "stated": lambda: torch.zeros(2, dtype=torch.float64),
    "double": lambda: torch.arange(3).double(),
    "converted": lambda: torch.arange(3).to(torch.float64),
    "array": lambda: torch.as_tensor(np.ones(2)),
    "shared array": lambda: torch.from_numpy(np.ones(2)),
    "of doubles": lambda: torch.ones(3, dtype=torch.float64) / 3,
    "sum": lambda: torch.arange(3).sum(dtype=torch.float64),
    "layer": lambda: torch.nn.GRU(2, 3).weight_hh_l0 * 0 + torch.nn.LayerNorm(3).weight,
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", MADE)
def test_tensors_are_made_as_in_a_fresh_process(name, host):
    expected = MADE[name]()
    with HOSTS[host](), unchanged_generator(), own_settings():
        found = MADE[name]()
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert np.geterr()["divide"] == "ignore"
    assert found.dtype == expected.dtype and found.device == expected.device and torch.equal(found, expected)


def unchanged_generator():
    return torch.random.fork_rng(devices=[])


@pytest.mark.parametrize("host", HOSTS)
def test_a_decorated_function_restores_the_settings_of_its_caller_after_an_error(host):
    @isolated
    def fail():
        torch.zeros(2).requires_grad_().sum().backward()
        raise KeyError("no")

    with HOSTS[host](), unchanged_process(), pytest.raises(KeyError):
        fail()


@pytest.mark.parametrize("host", HOSTS)
def test_many_calls_share_the_settings_that_one_would_have(host):
    made = isolated(lambda: torch.zeros(2))
    with HOSTS[host](), unchanged_process():
        with settled():
            assert made().dtype == torch.float32 and torch.zeros(2).dtype == torch.float32
            with settled():
                assert made().device.type == "cpu"
            assert made().dtype == torch.float32
        assert made().dtype == torch.float32
    with pytest.raises(KeyError), settled():
        raise KeyError
    assert not getattr(host_module._inside, "settled", False)


def test_a_decorated_class_keeps_its_kinds_of_members():
    @isolated_class
    class Parts:
        @property
        def half(self):
            """Half."""
            return torch.tensor(0.5)

        @staticmethod
        def third():
            return torch.tensor(1) / 3

        @classmethod
        def name(cls):
            return cls.__name__, torch.tensor(0.1)

        def _own(self):
            return torch.tensor(0.1)

    with HOSTS["float64"]():
        assert Parts().half.dtype == Parts.third().dtype == Parts.name()[1].dtype == torch.float32
        assert Parts()._own().dtype == torch.float64
    assert Parts.half.__doc__ == "Half." and Parts.name()[0] == "Parts"


def test_deterministic_kernels_of_two_threads_end_with_the_setting_of_the_program():
    begun, go = threading.Event(), threading.Event()

    def first():
        with deterministic(torch.device("cpu")):
            begun.set()
            assert go.wait(10)

    def second():
        with deterministic(torch.device("cpu")):
            pass

    threads = [threading.Thread(target=each) for each in (first, second)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()  # waits for the first
    go.set()
    for thread in threads:
        thread.join(10)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    torch.zeros(3).put_(torch.tensor([1]), torch.tensor([2.0]))


@pytest.mark.parametrize("warn_only", [False, True])
def test_deterministic_kernels_that_the_program_asked_for_stay(warn_only):
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    try:
        with unchanged_process(), deterministic(torch.device("cpu")):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_seeded_draws_are_those_of_manual_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = torch.rand(3)
    with unchanged_process(), seeded(5):
        assert torch.equal(torch.rand(3), expected)
