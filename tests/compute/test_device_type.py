"""The type of a device, with and without torch."""

import subprocess
import sys

import pytest
import torch

from mmkg.compute import devices
from mmkg.compute.devices import device_type, resolve_device
from mmkg.errors import UsageError


@pytest.mark.parametrize("device", ["auto", "cpu", torch.device("cpu")])
def test_it_is_that_of_the_resolved_device(device):
    assert device_type(device) == resolve_device(device).type


def test_where_torch_is_loaded_it_decides(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (device_type("auto"), device_type("cuda:0"), device_type("cpu")) == ("cuda", "cuda", "cpu")


@pytest.mark.parametrize("device", ["gpu", "", 0, "mps"])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(UsageError, match="device must be auto, cpu or cuda"):
        device_type(device)


@pytest.mark.parametrize(("files", "loads"), [((), False), (("present",), True)])
def test_without_a_driver_torch_is_not_imported(tmp_path, files, loads):
    if not sys.platform.startswith("linux"):
        pytest.skip("drivers have other files here")
    for name in files:
        (tmp_path / name).touch()
    code = (
        "import sys; from mmkg.compute import devices\n"
        f"devices.DRIVERS = ({str(tmp_path / 'present')!r},)\n"
        "print(devices.device_type('auto') in ('cpu', 'cuda'), 'torch' in sys.modules)\n"
        "print(devices.device_type('cpu'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", str(loads), "cpu"]


def test_only_linux_is_known_by_its_files(monkeypatch):
    monkeypatch.setattr(devices, "DRIVERS", ())
    assert devices._may_have_gpu() is not sys.platform.startswith("linux")
    monkeypatch.setattr(devices.sys, "platform", "win32")
    assert devices._may_have_gpu()
