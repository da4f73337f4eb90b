import json

import numpy as np
import pytest
from small import twins

WORDS = ["--models", "mclea", "--seeds", "0", "--json", "--set", "training.epochs=1", "--set", "options.hidden_dim=8"]


@pytest.fixture
def sweep(load_tool, monkeypatch):
    """The tool, on small twins whatever pair is asked for; notes the modalities and images of each run."""
    tool, seen = load_tool("sweep"), []
    align = tool.align

    def noting(task, **options):
        seen.append((options["modalities"], task.left.images))
        return align(task, **options)

    monkeypatch.setattr(tool, "load", lambda pair, config, seed: twins(seed=seed))
    monkeypatch.setattr(tool, "align", noting)
    tool.seen = seen
    return tool


def rows(capsys):
    return json.loads(capsys.readouterr().out)["rows"]


def test_a_modality_is_left_out_and_a_setting_varied_in_turn(sweep, capsys):
    sweep.main(["twins", *WORDS, "--without", "name", "--vary", "search.csls_k=0,3"])
    assert [row["what"] for row in rows(capsys)] == [
        "all modalities",
        "without name",
        "search.csls_k=0",
        "search.csls_k=3",
    ]
    assert ["name" in modalities for modalities, _ in sweep.seen] == [True, False, True, True]


def test_each_set_of_modalities_is_a_row_and_the_first_goes_with_the_rest(sweep, capsys):
    sets = ["--modalities", "structure,name", "--modalities", "structure,relation"]
    sweep.main(["twins", *WORDS, *sets, "--without", "name"])
    assert [row["what"] for row in rows(capsys)] == ["structure, name", "structure, relation", "without name"]
    assert [modalities for modalities, _ in sweep.seen] == [
        ["structure", "name"],
        ["structure", "relation"],
        ["structure"],
    ]


def test_noise_takes_the_place_of_the_images_of_every_entity(sweep, capsys):
    sweep.main(["twins", *WORDS, "--noise"])
    assert [row["what"] for row in rows(capsys)] == ["all modalities", "without image", "random vectors as images"]
    real, _, noise = (images for _, images in sweep.seen)
    assert len(noise.rows) == 90 > len(real.rows)
    assert abs(np.corrcoef(noise.features[:, 0], noise.features[:, 1])[0, 1]) < 0.4
    assert "image" not in sweep.seen[1][0] and "image" in sweep.seen[2][0]


def test_mean_and_deviation_are_those_of_the_seeds(sweep, capsys):
    figures = []
    for seeds in ("0", "1", "0,1"):
        sweep.main(["twins", *WORDS, "--seeds", seeds])
        figures.append(rows(capsys)[0]["left_to_right.mrr"])
    (first, none), (second, _), (mean, deviation) = figures
    assert none is None
    assert mean == pytest.approx((first + second) / 2) and deviation == pytest.approx(
        abs(first - second) / 2**0.5
    )  # n - 1 in the divisor
