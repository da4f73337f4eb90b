import json

import pytest
import torch
from safetensors.torch import save_file

from mmkg.errors import InputError
from mmkg.training.checkpoint import load_checkpoint, pack, save_checkpoint, unpack

TENSORS = {
    "model/weight": torch.arange(6.0).view(2, 3),
    "model/half": torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
    "step": torch.tensor(7.0),
    "none": torch.empty(0, 4),
    "rows": torch.tensor([2**62]),
}
STATE = {"epochs": 3, "history": [{"loss": 0.25}], "name": "東京"}


@pytest.fixture
def path(tmp_path):
    save_checkpoint(tmp_path / "trainer.safetensors", TENSORS, STATE)
    return tmp_path / "trainer.safetensors"


def test_tensors_and_state_come_back_bit_by_bit(path):
    tensors, state = load_checkpoint(path)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype and tensors[name].shape == tensor.shape
        assert tensors[name].reshape(-1).view(torch.uint8).tolist() == tensor.reshape(-1).view(torch.uint8).tolist()
    assert {key: state[key] for key in STATE} == STATE


def test_views_are_written_by_their_values(tmp_path):
    square = torch.arange(9.0).view(3, 3).requires_grad_()
    save_checkpoint(tmp_path / "c", {"a": square.t(), "b": square[1:]}, {})
    tensors, _ = load_checkpoint(tmp_path / "c")
    assert torch.equal(tensors["a"], square.detach().t()) and torch.equal(tensors["b"], square.detach()[1:])


def test_a_flipped_byte_is_refused_wherever_it_lies(path):
    whole = path.read_bytes()
    for position in range(0, len(whole), 2):
        damaged = bytearray(whole)
        damaged[position] ^= 0x80 if position % 4 else 0x01
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged checkpoint"):
            load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1])
def test_a_cut_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged checkpoint"):
        load_checkpoint(path)


def test_missing_file_says_so(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "nothing")


def test_another_format_is_refused_by_its_number(path, tmp_path, monkeypatch):
    monkeypatch.setattr("mmkg.training.checkpoint.FORMAT", 2)
    with pytest.raises(InputError, match="expected checkpoint format 2, got 1"):
        load_checkpoint(path)
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign", metadata={"state": json.dumps({})})
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(tmp_path / "foreign")


def test_pack_and_unpack_keep_prefixes_apart():
    both = pack("model", {"a": torch.tensor(1)}) | pack("model2", {"a": torch.tensor(2)})
    assert {name: int(t) for name, t in unpack("model", both).items()} == {"a": 1}
    assert {name: int(t) for name, t in unpack("model2", both).items()} == {"a": 2}
