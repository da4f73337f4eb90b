import copy

import numpy as np
import pytest
import torch
from small_models import link_rows, small_model

from mmkg.data.features.build import build_inputs
from mmkg.data.tensors.graph import EntityGraph
from mmkg.data.tensors.inputs import EntityInputs
from mmkg.sources.synthetic import twin_graphs


@pytest.fixture
def bench_train(load_tool):
    return load_tool("bench_train")


@pytest.fixture(scope="module")
def task():
    return twin_graphs(40, image_dim=6, missing={"image": 0.3}, noise=0.2, seed=2)


@pytest.mark.parametrize("name", ["meaformer", "mclea", "eva"])
def test_a_step_cut_into_phases_has_the_gradients_of_a_whole_one(bench_train, task, name):
    inputs = build_inputs(task)
    links = link_rows(inputs, task.links.train)
    whole = small_model(name, inputs, **({"dropout": 0.0} if name == "meaformer" else {}))
    cut = copy.deepcopy(whole)
    rows = links.t().flatten()
    terms = whole.loss_terms(whole.fuse(inputs, rows, whole.encode_structure(inputs, rows)))
    torch.stack(list(terms.values())).sum().backward()
    laps = []
    bench_train.cut_step(cut, inputs, links, bench_train.FAMILIES[name], laps.append)
    assert laps[0] == "structure forward" and laps[-1] == "structure backward" and len(laps) == len(set(laps))
    for (parameter, expected), found in zip(whole.named_parameters(), cut.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, msg=lambda m, p=parameter: f"{p}: {m}")


def test_every_term_is_in_a_family(bench_train, task):
    inputs = build_inputs(task)
    rows = link_rows(inputs, task.links.train).t().flatten()
    for name, families in bench_train.FAMILIES.items():
        model = small_model(name, inputs)
        terms = model.loss_terms(model.fuse(inputs, rows, model.encode_structure(inputs, rows)))
        assert {term.split(".")[0] for term in terms} == {prefix for family in families for prefix in family}


def test_needed_edges_of_a_path_by_hand(bench_train):
    # 0 - 1 - 2 - 3 - 4, each with a loop: into 0 lead 2 edges (from 0 and 1), into 0 and 1 lead 5
    pairs = [(a, b) for a in range(5) for b in range(5) if abs(a - b) <= 1]
    from torch_geometric import EdgeIndex

    edges = EdgeIndex(
        torch.tensor(sorted(pairs, key=lambda pair: pair[1])).t().contiguous(), sparse_size=(5, 5), sort_order="col"
    )
    everyone = torch.ones(5, dtype=torch.bool)
    graph = EntityGraph(edges, torch.ones(edges.shape[1]), everyone, np.empty((0, 3), np.int64), 0)
    inputs = EntityInputs(3, 2, {}, graph)
    assert bench_train.needed_edges(inputs, torch.tensor([[0, 0]]), 3) == [2, 5, 8]
    assert bench_train.needed_edges(inputs, torch.tensor([[0, 4]]), 2) == [4, 10]


def test_flops_by_hand(bench_train, task):
    """Structure and relations alone, ten links in groups of at most eight."""
    from mmkg.data.features.config import FeatureConfig

    inputs = build_inputs(task, FeatureConfig(modalities=("structure", "relation")))
    links = link_rows(inputs, task.links.train)[:10]
    entries = sum(int((table := inputs.tables["relation"]).offsets[r + 1] - table.offsets[r]) for r in links.flatten())
    mclea = small_model("mclea", inputs, group_size=8)  # widths 16 and 8
    assert bench_train.step_flops("mclea", mclea, inputs, links) == {
        "encoders forward": 2 * entries * 8,
        "encoders backward": 2 * entries * 8,
        "losses forward": (16**2 + 4**2) * 24,  # groups of 8 and 2 links: half of 2 n^2 d, n = 16 and 4
        "losses backward: icl, ial": 2 * (16**2 + 4**2) * 24,
    }
    meaformer = small_model("meaformer", inputs)  # width 16, inner width 16
    flops = bench_train.step_flops("meaformer", meaformer, inputs, links)
    token = 2 * 16 * (3 * 16 + 16 + 16 + 16) + 2 * 2 * 2 * 16  # q, k, v, output, two inner maps; scores and context
    assert flops["fusion forward"] == 20 * 2 * token
    assert flops["fusion backward"] == 2 * flops["fusion forward"]
    assert flops["losses forward"] == (1 + 3) * 20**2 * 32
    assert flops["losses backward: icl, early"] == 2 * 20**2 * 32


@pytest.mark.parametrize("name", ["meaformer", "mclea"])
def test_floors_are_work_over_rate(bench_train, task, monkeypatch, name):
    monkeypatch.setattr(bench_train, "sgemm_rate", lambda: 1000.0)
    monkeypatch.setattr(bench_train, "gather_rate", lambda source, **sizes: 100.0)
    monkeypatch.setattr(bench_train, "stream_rate", lambda: 10.0)
    inputs = build_inputs(task)
    links = link_rows(inputs, task.links.train)
    model = small_model(name, inputs)
    floors = bench_train.floor_seconds(name, model, inputs, links)
    assert floors["losses forward"] == bench_train.step_flops(name, model, inputs, links)["losses forward"] / 1000
    edges = sum(bench_train.needed_edges(inputs, links, 2))
    assert floors["structure forward"] == 4 * 16 * edges / 100  # rows of 16 float32 each
    assert floors["structure backward"] == 2 * floors["structure forward"]
    size = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert (floors["clip"], floors["optimiser"]) == (size / 10, 7 * size / 10)
    laps = []
    bench_train.cut_step(model, inputs, links, bench_train.FAMILIES[name], laps.append)
    assert set(floors) <= {*laps, "clip", "optimiser"}


def test_a_loss_that_differs_stops_the_comparison(bench_train, capsys):
    rows = [
        {"model": "mclea", "loss": 3.0},
        {"way": "repaired", "model": "mclea", "loss": 3.00005, "times_mmkg": 5.0, "goal": 4},
        {"way": "published", "model": "mclea", "loss": 3.1, "times_mmkg": 10.0, "goal": 20},
    ]
    bench_train.verdict(rows[:2])
    line = "mclea: mmkg / repaired = 1/5.0, goal on DBP15K 1/4: met; losses 3.00000 and 3.00005\n"
    assert capsys.readouterr().out == line
    with pytest.raises(SystemExit, match="the losses differ by more than 0.0001"):
        bench_train.verdict(rows)
    assert "goal on DBP15K 1/20: missed" in capsys.readouterr().out
