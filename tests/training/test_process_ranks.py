"""Training by several processes: each step is that of one process, and all processes have the same weights."""

from dataclasses import replace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from safetensors.torch import load_file, save_file
from small_models import link_rows, small_model

from mmkg.compute.draws import drawing
from mmkg.compute.ranks import Ranks, share_of, together
from mmkg.data.features.build import build_inputs
from mmkg.sources.synthetic import twin_graphs
from mmkg.training import TrainingConfig, fit, loop
from mmkg.training.loop import link_terms, train_epoch
from mmkg.training.optim import build_optimizers
from mmkg.training.state import FitResult

CONFIG = TrainingConfig(epochs=6, batch_size=7, learning_rate=1e-2, eval_every=2, checkpoint_seconds=0.0)
STEPS = {  # more or fewer parts of the losses, draws of dropout, rows besides those of the links
    "mclea": {},
    "meaformer": {"dropout": 0.3},
    "dual-amn": {"negatives": 9},
    "eva": {},
    "mclea with tag": {"fill": "generator", "tag": True, "joint_loss": "icl"},
}


def inputs_and_links():
    task = twin_graphs(60, image_dim=6, seed=1)
    inputs = build_inputs(task)
    return inputs, link_rows(inputs, task.links.train)


def weights_and_gradients(label):
    """One step of a model on all links."""
    inputs, links = inputs_and_links()
    model = small_model(label.split()[0], inputs, **STEPS[label])
    config = replace(CONFIG, batch_size=0, schedule="constant", warmup=0.0, clip_norm=0.0)

    def terms(batch, epoch, generator):
        return link_terms(model, inputs, links[batch], config, generator)

    with drawing(model, 5, torch.device("cpu")):
        optimizers = build_optimizers(model, config)
        row = train_epoch(model, len(links), terms, optimizers, config, epoch=0, seed=0, result=FitResult())
    found = {f"{label}/weight/{name}": value for name, value in model.state_dict().items()}
    found |= {f"{label}/grad/{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found | {f"{label}/loss": torch.tensor(row["loss"]), f"{label}/embeddings": model.embed(inputs)}


def fitted(folder, *, fanout=(), stop_after=None):
    """Weights and history of a run with validation and checkpoints in ``folder``."""
    inputs, links = inputs_and_links()
    model = small_model("mclea", inputs)

    def interrupt(row):
        if row["epoch"] == stop_after:
            raise KeyboardInterrupt

    try:
        fit(
            model,
            inputs,
            links,
            replace(CONFIG, fanout=fanout),
            validate=lambda model: float(model.embed(inputs, rows=links[:5, 0]).sum()),
            on_epoch=interrupt,
            checkpoint=folder / "trainer.safetensors",
        )
    except KeyboardInterrupt:
        return {}
    return model.state_dict()


def work(rank, size, port, folder):
    """What each process does; rank 0 and 1 write what they found."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    loop.CHECKPOINT_SHARE = 0  # a checkpoint after every epoch
    found, saved = {}, []
    with together(saved.append):
        for label in STEPS:
            found |= weights_and_gradients(label)
        # only rank 0 sees the folder of rank 0
        undisturbed, interrupted, drawn = (folder / name / str(rank) for name in ("whole", "stopped", "drawn"))
        found |= {f"whole/{name}": value for name, value in fitted(undisturbed).items()}
        assert len(saved) == CONFIG.epochs
        fitted(interrupted, stop_after=3)
        found |= {f"resumed/{name}": value for name, value in fitted(interrupted).items()}
        found |= {f"drawn/{name}": value for name, value in fitted(drawn, fanout=(2, 2)).items()}
    assert undisturbed.exists() == (rank == 0)
    save_file({name: value.detach().clone() for name, value in found.items()}, folder / f"{rank}.safetensors")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def found(folder, free_port):
    torch.multiprocessing.spawn(work, (2, free_port, folder), nprocs=2)
    return [load_file(folder / f"{rank}.safetensors") for rank in (0, 1)]


def test_all_processes_have_the_same_bits(found):
    first, second = found
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("label", STEPS)
def test_a_step_is_that_of_one_process(found, label):
    alone, shared = weights_and_gradients(label), found[0]
    for name, value in alone.items():
        if "/weight/" in name:  # AdamW moves a weight whose gradient is all rounding error as far as any other
            grad = alone.get(name.replace("/weight/", "/grad/"), torch.ones(()))
            certain = (grad.abs() > 1e-3 * grad.abs().max()).expand_as(value) & (grad.abs().max() > 1e-4)
            assert torch.allclose(shared[name][certain], value[certain], rtol=0, atol=1e-5), name
        else:
            assert torch.allclose(shared[name], value, rtol=1e-5, atol=1e-5 * max(1.0, float(value.abs().max()))), name


def test_a_run_that_was_interrupted_ends_with_the_bits_of_one_that_was_not(found):
    whole, resumed = (
        {name.partition("/")[2]: value for name, value in found[1].items() if name.startswith(f"{part}/")}
        for part in ("whole", "resumed")
    )
    assert whole.keys() == resumed.keys() != set()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_a_run_ends_like_that_of_one_process(found, tmp_path):
    for name, alone in fitted(tmp_path).items():
        assert torch.allclose(found[0][f"whole/{name}"], alone, atol=1e-4), name


@pytest.mark.parametrize(("total", "size", "shares"), [(7, 3, [3, 3, 1]), (4, 2, [2, 2]), (9, 4, [3, 3, 3, 0])])
def test_shares_cover_the_rows_once(monkeypatch, total, size, shares):
    found = []
    for number in range(size):
        monkeypatch.setattr("mmkg.compute.ranks.ranks", lambda number=number: Ranks(number, size))
        share = share_of(total)
        found.append(share.of(torch.arange(total)).tolist())
    if 0 in shares:  # too few rows: every rank computes all of them
        assert found == [list(range(total))] * size
    else:
        assert [len(rows) for rows in found] == shares
        assert sum(found, []) == list(range(total))


def test_alone_nothing_is_shared():
    share = share_of(5)
    rows = torch.arange(5)
    assert share.of(rows) is rows and share.gathered(rows) is rows
    assert Ranks().agreed(0.1) == 0.1 and Ranks().tiles([1, 2]) == [1, 2]
