import json

import numpy as np
import pytest
from commands import example
from drawn import draw, save


@pytest.fixture
def pictured(tmp_path):
    """Two graphs of one triple per entity, linked one by one, and a folder of pictures for each."""
    for side, word in (("left", "a"), ("right", "b")):
        rows = [f"{word}{n}\tr\t{word}{(n + 1) % 40}" for n in range(40)]
        (tmp_path / f"{side}.tsv").write_text("\n".join(rows) + "\n")
        for number in range(40):
            side_length, form = (80, "png") if side == "left" else (64, "jpg")
            save(tmp_path / side / f"{word}{number}.{form}", draw(number, side_length))
    (tmp_path / "links.tsv").write_text("".join(f"a{n}\tb{n}\n" for n in range(40)))
    (tmp_path / "right" / "b7.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return tmp_path


def test_the_example_of_images_runs_as_printed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        save(tmp_path / "PICTURES" / f"{number}.jpg", draw(number))
    (tmp_path / "PICTURES" / "bad.jpg").write_text("no picture")
    done = run(*example("images"))
    assert done.code == 0
    assert done.out == "features of 3 pictures, 2308 numbers each, written to features.safetensors\n"
    assert done.err.startswith("mmkg: 1 pictures left out, their entities count as having no image: PICTURES/bad.jpg (")
    assert done.err.endswith("; all are listed in features.safetensors.rejected.tsv\n")
    values = json.loads(run(*example("images"), "--json").out)
    assert (values["pictures"], values["dim"]) == (3, 2308)
    (bad,) = values["rejected"]
    assert (bad["picture"], bad["kind"]) == ("PICTURES/bad.jpg", "no picture")


def test_two_graphs_are_aligned_by_their_pictures(run, pictured, caplog):
    data = ["left.tsv", "right.tsv", "--links", "links.tsv", "--images", "left", "--images", "right"]
    words = [str(pictured / word) if not word.startswith("-") else word for word in data]
    shown = run("describe", *words)
    assert shown.code == 0 and "right images left out: damaged: 1" in shown.out
    assert f"{pictured / 'right' / 'b7.jpg'} (Truncated File Read)" in caplog.text
    done = run("align", *words, "--model", "propagation", "--modalities", "image", "--json")
    figures = json.loads(done.out)["test"]["left_to_right"]
    assert figures["hits@1"] >= 0.95  # all but the one whose picture is damaged, at most
    turned = run("align", *words[:4], "--images", words[7], "--images", words[5], "--json")
    assert turned.code == 1 and "no picture, such as 'b0.jpg', is named like an entity" in turned.err


def test_features_are_made_once_and_used_by_name(run, pictured):
    for side in ("left", "right"):
        assert run("images", pictured / side, "--out", pictured / f"{side}.npz").code == 0
    data = [pictured / "left.tsv", pictured / "right.tsv", "--links", pictured / "links.tsv"]
    flags = ["--model", "propagation", "--modalities", "image", "--json"]
    stored = run("align", *data, "--images", pictured / "left.npz", "--images", pictured / "right.npz", *flags)
    direct = run("align", *data, "--images", pictured / "left", "--images", pictured / "right", *flags)
    assert json.loads(stored.out)["test"] == json.loads(direct.out)["test"]


def test_a_vision_model_in_a_folder_encodes_the_pictures(run, pictured):
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(pictured / "vit")
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(pictured / "vit")
    data = ["left.tsv", "right.tsv", "--links", "links.tsv", "--images", "left", "--images", "right"]
    words = [str(pictured / word) if not word.startswith("-") else word for word in data]
    model = f"data.image_encoder={json.dumps(str(pictured / 'vit'))}"
    assert run("describe", *words, "--set", model).code == 0
    out = pictured / "f.safetensors"
    done = run("images", pictured / "left", "--out", out, "--encoder", pictured / "vit", "--json")
    assert json.loads(done.out) == {"pictures": 40, "dim": 16, "rejected": []}


def test_features_by_id_are_for_dbp15k_folders(run, pictured):
    np.savez(pictured / "f.npz", ids=np.arange(2), features=np.eye(2, dtype=np.float32))
    data = [pictured / "left.tsv", pictured / "right.tsv", "--links", pictured / "links.tsv"]
    done = run("describe", *data, "--images", pictured / "f.npz")
    assert done.code == 2 and "f.npz holds features by entity id, which have no effect on the two graphs" in done.err
    done = run("describe", *data, "--images", pictured / "none")
    assert done.code == 1 and "no such folder or table of pictures" in done.err
