"""Wrong addresses of a cluster, and machines without Ray: one line each."""

import builtins
import importlib.util
import socket

import pytest

from mmkg.cluster.connect import Workers, _workers, connected
from mmkg.errors import MissingPackageError, UsageError

HAS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


def fails(address, error):
    with pytest.raises(error) as found, connected(address):
        pass
    assert "\n" not in str(found.value)
    return str(found.value)


@HAS_RAY
@pytest.mark.filterwarnings("ignore")
def test_a_port_that_nobody_listens_on():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    text = fails(f"127.0.0.1:{port}", UsageError)
    assert text.startswith(f"no Ray cluster at 127.0.0.1:{port}") and "ray start --head" in text


@HAS_RAY
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("address", ["somewhere", "ray://host:1", "host:", ":1", "127.0.0.1:99999999"])
def test_an_address_of_another_kind(address):
    assert fails(address, UsageError)


def test_ray_is_not_installed(monkeypatch):
    found = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "ray":
            raise ImportError("No module named 'ray'")
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert fails("auto", MissingPackageError) == (
        "--cluster needs Ray (No module named 'ray'); pip install 'mmkg[ray]'"
    )


def ray_with(*machines):
    nodes = [{"Alive": alive, "Resources": resources} for alive, resources in machines]
    return type("Ray", (), {"nodes": staticmethod(lambda: nodes)})


def test_one_worker_per_machine_or_per_gpu():
    head, dead = (True, {"memory": 1.0}), (False, {"CPU": 64.0})
    assert _workers(ray_with(head, dead, (True, {"CPU": 4.0}), (True, {"CPU": 8.0}))) == Workers(2, 4.0, False)
    gpus = (True, {"CPU": 16.0, "GPU": 4.0}), (True, {"CPU": 9.0, "GPU": 4.0})
    assert _workers(ray_with(head, *gpus)) == Workers(8, 2.0, True)
    with pytest.raises(UsageError, match="no machine with a processor"):
        _workers(ray_with(head, dead))
