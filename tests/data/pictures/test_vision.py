import json
import sys

import numpy as np
import pytest
import torch
from drawn import draw

from mmkg.data.pictures.vision import VisionModel
from mmkg.errors import InputError

SIDE = 32
MEAN, STD = np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.25, 0.3])
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save(model, folder, processor=None):
    from transformers import CLIPImageProcessor, ViTImageProcessor

    if processor is None:
        sizes = {"size": {"height": SIDE, "width": SIDE}, "image_mean": MEAN.tolist(), "image_std": STD.tolist()}
        processor = ViTImageProcessor(**sizes, resample=3)
    elif processor == "clip":
        processor = CLIPImageProcessor(
            size={"shortest_edge": SIDE},
            crop_size={"height": SIDE, "width": SIDE},
            image_mean=MEAN.tolist(),
            image_std=STD.tolist(),
        )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def clip():
    from transformers import CLIPConfig, CLIPModel

    text = SMALL | {"vocab_size": 50, "max_position_embeddings": 8}
    vision = SMALL | {"image_size": SIDE, "patch_size": 8}
    torch.manual_seed(0)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(clip(), tmp_path_factory.mktemp("models") / "clip", "clip")


def pixels(pictures):
    """Scaled and standardised by hand; the pictures have the size the model wants."""
    values = np.stack([np.asarray(picture, np.float64) / 255 for picture in pictures])
    return torch.from_numpy(((values - MEAN) / STD).transpose(0, 3, 1, 2)).float()


def test_clip_gives_its_image_embedding(folder):
    pictures = [draw(number, SIDE) for number in range(5)]
    model = clip()
    with torch.no_grad():
        pooled = model.vision_model(pixel_values=pixels(pictures)).pooler_output
        want = model.visual_projection(pooled).numpy()
    got = VisionModel(folder)(pictures)
    assert got.dtype == np.float32 and got.shape == (5, 12)
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_pictures_of_any_size_are_shrunk_and_cropped_as_the_model_says(folder):
    got = VisionModel(folder)([draw(1, 64), draw(1, 64).crop((0, 0, 64, 32)), draw(1, 7)])
    assert got.shape == (3, 12) and np.isfinite(got).all()
    assert np.linalg.norm(got[0] - VisionModel(folder)([draw(1, 64)])[0]) < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_gives_the_same_vectors(folder):
    pictures = [draw(number, SIDE) for number in range(5)]
    found = VisionModel(folder, device="cuda")(pictures)
    np.testing.assert_allclose(found, VisionModel(folder)(pictures), atol=1e-3)


def other_models():
    from transformers import ResNetConfig, ResNetModel, ViTConfig, ViTModel

    torch.manual_seed(1)
    vit = SMALL | {"image_size": SIDE, "patch_size": 8}
    resnet = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    return {
        "pooled": ViTModel(ViTConfig(**vit)).eval(),
        "without a pooled output": ViTModel(ViTConfig(**vit), add_pooling_layer=False).eval(),
        "convolutions": ResNetModel(ResNetConfig(**resnet)).eval(),
    }


@pytest.mark.parametrize("name", ["pooled", "without a pooled output", "convolutions"])
def test_other_models_give_their_pooled_output_or_the_mean_of_their_states(name, tmp_path):
    model = other_models()[name]
    pictures = [draw(number, SIDE) for number in range(3)]
    with torch.no_grad():
        output = model(pixel_values=pixels(pictures))
    got = VisionModel(save(model, tmp_path / "model"))(pictures)
    states = output.last_hidden_state
    if name == "pooled":
        want = torch.tanh(states[:, 0] @ model.pooler.dense.weight.T + model.pooler.dense.bias).detach()
    else:
        want = states.mean(dim=1 if states.ndim == 3 else (2, 3))
    np.testing.assert_allclose(got, want.numpy(), atol=2e-5)


def test_the_identity_is_that_of_weights_and_preprocessing(folder, tmp_path):
    again = save(clip(), tmp_path / "again", "clip")
    assert VisionModel(folder).identity == VisionModel(again).identity
    changed = clip()
    with torch.no_grad():
        changed.visual_projection.weight[0, 0] += 1e-3
    assert VisionModel(save(changed, tmp_path / "changed", "clip")).identity != VisionModel(folder).identity
    settings = json.loads((again / "preprocessor_config.json").read_text())
    (again / "preprocessor_config.json").write_text(json.dumps(settings | {"image_mean": [0, 0, 0]}))
    assert VisionModel(again).identity != VisionModel(folder).identity


def test_weights_that_are_pickles_are_not_read(folder, tmp_path):
    model = clip()
    save(model, tmp_path / "model", "clip")
    torch.save(model.state_dict(), tmp_path / "model" / "pytorch_model.bin")
    VisionModel(tmp_path / "model")  # safetensors are there
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(InputError, match="weights in safetensors") as caught:
        VisionModel(tmp_path / "model")
    assert str(caught.value).startswith(f"{tmp_path / 'model'}: expected a vision model")


def test_code_that_lies_with_a_model_is_not_run(folder, tmp_path):
    target = save(clip(), tmp_path / "model", "clip")
    (target / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    settings = json.loads((target / "config.json").read_text())
    settings |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}}
    (target / "config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="expected a vision model"):
        VisionModel(target)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["empty folder", "cut weights", "no preprocessing", "no JSON"])
def test_a_damaged_model_is_refused_by_name(damage, folder, tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    if damage != "empty folder":
        for file in folder.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
    if damage == "cut weights":
        weights = target / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    if damage == "no preprocessing":
        (target / "preprocessor_config.json").unlink()
        for other in target.glob("processor_config.json"):
            other.unlink()
    if damage == "no JSON":
        (target / "config.json").write_text("{")
    with pytest.raises(InputError, match=f"{target}: expected a vision model"):
        VisionModel(target)


def test_loading_is_silent(tmp_path, capfd):
    folder = save(other_models()["without a pooled output"], tmp_path / "model")
    capfd.readouterr()
    VisionModel(folder)
    assert capfd.readouterr() == ("", "")


def test_a_model_of_the_hub_that_is_not_at_hand_is_an_error(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="no-such-owner/no-such-model: expected a vision model"):
        VisionModel("no-such-owner/no-such-model")


def test_weights_that_are_missing_are_not_drawn(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    target = save(clip(), tmp_path / "model", "clip")
    weights = load_file(target / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 are missing, first visual_projection\.weight"):
        VisionModel(target)


def test_a_model_that_takes_no_pictures_is_refused(tmp_path):
    from transformers import BertConfig, BertModel

    save(BertModel(BertConfig(**SMALL, vocab_size=20)), tmp_path / "bert")
    with pytest.raises(InputError, match="expected a model that takes pictures"):
        VisionModel(tmp_path / "bert")([draw(0, SIDE)])


def test_without_transformers_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'mmkg\[image\]'"):
        VisionModel(folder)
