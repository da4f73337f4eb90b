"""mmkg inside other programs: same bits whatever the program has set, and nothing of it changes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hosts import HOSTS, unchanged_process
from small import SETTINGS, twins

import mmkg
import mmkg.evaluation
import mmkg.sentiment
from mmkg import losses
from mmkg.errors import MmkgError
from mmkg.matching import MATCHERS
from mmkg.search import INDEXES, csls_augment, load_index, mean_top_k, save_index

FAST = {"training": {"epochs": 2, "eval_every": 1}, "features": {"top_ngrams": 200}}
RUNS = {
    "meaformer": {"settings": SETTINGS},
    "mclea": {"settings": FAST},
    "eva": {"settings": FAST},
    "dual-amn": {"settings": FAST},
    "propagation": {},
    "combined": {"settings": FAST},
    "meaformer rounds": {"settings": SETTINGS | {"bootstrap": {"rounds": 1, "epochs": 2}}},
    "meaformer refined": {"settings": SETTINGS | {"refinement": {"rounds": 1}}},
    "meaformer bfloat16": {"settings": SETTINGS | {"training": {"epochs": 2, "precision": "bfloat16"}}},
    "eva sampled": {"settings": FAST | {"training": {"epochs": 2, "fanout": [3, 3]}}},
    "mclea pivots": {"settings": FAST | {"data": {"seeds_from": ["name"]}}},
}


@pytest.fixture(scope="module")
def task():
    return twins()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bits(value):
    """Everything numeric in a value, as bytes with types."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {name: bits(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [bits(each) for each in value]
    return value if isinstance(value, str | int | float | None) else bits(vars(value))


def run(task, name):
    result = mmkg.align(task, name.split()[0], progress=False, device="cpu", **RUNS[name])
    restricted = result.restrict(list(result.widths)[:1])
    return bits(
        {
            "left": result.left,
            "right": result.right,
            "weights": {name: value for name, value in result.weights.items()},
            "metrics": result.metrics,
            "history": result.history,
            "matching": result.matching,
            "neighbors": result.neighbors(3),
            "restricted": restricted.metrics,
        }
    )


@pytest.fixture(scope="module")
def plain_runs():
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_same_bits_in_every_program(name, host, task, plain_runs):
    if name not in plain_runs:
        plain_runs[name] = run(task, name)
    with HOSTS[host](), unchanged_process():
        found = run(task, name)
    assert found == plain_runs[name]


def search_half(folder):
    """Indexes, figures and matchers over vectors, with zeros and ties among them."""
    draw = np.random.default_rng(0)
    left = draw.standard_normal((60, 8)).astype(np.float32)
    right = (left + 0.4 * draw.standard_normal((60, 8))).astype(np.float32)
    left[5] = right[7] = 0
    right[9] = right[10]
    pairs = np.stack([np.arange(60)] * 2, axis=1)
    found = {}
    for kind in INDEXES:
        options = {"parts": (4, 4), "nprobe": 2} if kind == "parts" else {}
        index = mmkg.build_index(right, kind=kind, device="cpu", **options)
        found[kind] = index.search(left, 4)
        save_index(index, folder / kind)
        found[f"{kind} loaded"] = load_index(folder / kind, device="cpu").index.search(left, 4)
    grouped = mmkg.build_index(np.tile(right, (20, 1)), kind="ivf", nlist=4, device="cpu")
    found["grouped"] = grouped.search(np.tile(left, (40, 1)), 3)
    for name, match in MATCHERS.items():
        edges = {"edges": (np.array([[0, 1], [1, 2]]),) * 2} if match.edges else {}
        found[name] = match(left, right, device="cpu", **edges)
    found["hungarian of lists"] = MATCHERS["hungarian"](left, right, k=3, device="cpu")
    found["cosine"] = MATCHERS["greedy"](torch.from_numpy(left), right.astype(np.float64), csls_k=0, device="cpu")
    for csls_k in (0, 3):
        for candidates in ("test", "all"):
            options = {"csls_k": csls_k, "candidates": candidates, "device": "cpu"}
            found[f"evaluate {csls_k} {candidates}"] = mmkg.evaluate(left, right, pairs[:40], **options)
    found["means"] = mean_top_k(left, right, 3, device="cpu")
    found["augmented"] = csls_augment(left, right, 3, device="cpu")
    parts = ({"a": torch.from_numpy(left[:, :4])}, {"a": torch.from_numpy(right[:, :4])})
    found["weights"] = mmkg.evaluation.choose_weights(*parts, pairs[:30])
    found["ranks"] = mmkg.evaluation.score_ranks(left @ right.T, np.arange(60))
    confidence = np.linspace(0, 1, 60)
    found["reliability"] = [list(each) for each in mmkg.evaluation.reliability(confidence, confidence > 0.6)]
    return bits(found)


@pytest.mark.parametrize("host", HOSTS)
def test_the_search_half_has_the_same_bits_in_every_program(host, tmp_path):
    expected = search_half(tmp_path / "plain")
    with HOSTS[host](), unchanged_process():
        found = search_half(tmp_path / "host")
    assert found == expected


def sentiment_half(model, folder):
    from mmkg import sentiment

    data = sentiment.synthetic(sizes=(40, 20, 20), seed=1)
    settings = {"training": {"epochs": 1}, "pretraining": {"epochs": 1}}
    result = sentiment.fit(data, model, missing="frame:0.3", seed=2, settings=settings, progress=False)
    result.save(folder)
    loaded = sentiment.SentimentResult.load(folder)
    sample = {name: values[0] for name, values in data.test.values.items()}
    one = dict(list(sample.items())[:1])
    return bits(
        {
            "state": dict(result.model.state_dict()),
            "metrics": result.metrics,
            "scores": result.scores,
            "evaluate": sentiment.evaluate(loaded, data, "modality:0.5")[0],
            "recalibrated": loaded.evaluate(data, "modality:0.5", recalibrate=True),
            "predict": [sentiment.predict(loaded, sample), result.predict(one)],
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("model", ["tfr-net", "tate"])
def test_sentiment_has_the_same_bits_in_every_program(model, host, tmp_path):
    expected = sentiment_half(model, tmp_path / "plain")
    with HOSTS[host](), unchanged_process():
        found = sentiment_half(model, tmp_path / "host")
    assert found == expected


def gradients(loss, *shapes):
    generator = torch.Generator().manual_seed(0)
    leaves = [torch.randn(shape, generator=generator, dtype=torch.float32).requires_grad_() for shape in shapes]
    found = loss(*leaves)
    torch.autograd.backward(found)
    return bits([found, *(leaf.grad for leaf in leaves)])


ENDS = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])
LOSSES = {
    **{name: (loss, (6, 4), (6, 4)) for name, loss in losses.LOSSES.items()},
    "hard negatives": (lambda rows: losses.hard_negatives(rows, *ENDS), (6, 4)),
    "shared": (lambda rows: losses.shared_icl([rows])[0].sum(), (6, 4)),
    "ial": (losses.ial_from_similarity, (6, 6), (6, 6)),
    "kl": (lambda a, b: losses.feature_kl(a, b, torch.tensor([True, False, True])), (3, 4), (3, 4)),
    "smooth": (
        lambda a, b: losses.masked_smooth_l1(a, b.detach(), torch.ones(3, 2, dtype=torch.bool)),
        (3, 2, 4),
        (3, 2, 4),
    ),
    "tag": (lambda logits: losses.tag_loss(logits, torch.eye(2, dtype=torch.float32)), (2, 2)),
}


@pytest.mark.parametrize("host", ["float64", "bfloat16", "numpy raises", "warnings as errors"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_the_same_bits_in_every_program(name, host):
    expected = gradients(*LOSSES[name])
    with HOSTS[host]():
        assert gradients(*LOSSES[name]) == expected


# --- threads

THREADED = ["meaformer", "mclea", "dual-amn", "combined"]


@pytest.mark.slow
def test_training_in_threads_gives_the_bits_of_serial_training(task):
    expected = [run(task, name) for name in THREADED]
    stop, drawn = [], []

    def other_program():
        while not stop:
            drawn.append(float(torch.rand(())))

    with torch.random.fork_rng(devices=[]), ThreadPoolExecutor(len(THREADED) + 1) as pool:
        torch.manual_seed(7)
        others = pool.submit(other_program)
        try:
            found = list(pool.map(lambda name: run(task, name), THREADED))
        finally:
            stop.append(True)
        others.result()
        torch.manual_seed(7)
        assert drawn == [float(torch.rand(())) for _ in drawn]  # the draws of the other program are its own
    assert [each == other for each, other in zip(found, expected, strict=True)] == [True] * len(THREADED)
    assert not torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory
    torch.zeros(3).put_(torch.tensor([1]), torch.tensor([2.0]))


@pytest.mark.slow
def test_sentiment_in_threads_gives_the_bits_of_serial_training(tmp_path):
    models = ["tfr-net", "tate"] * 2
    expected = [sentiment_half(model, tmp_path / model) for model in models[:2]] * 2
    with unchanged_process(), ThreadPoolExecutor(len(models)) as pool:
        jobs = [pool.submit(sentiment_half, name, tmp_path / str(number)) for number, name in enumerate(models)]
        found = [job.result() for job in jobs]
    assert [each == other for each, other in zip(found, expected, strict=True)] == [True] * len(models)


# --- calls that fail


def small(task):
    return mmkg.align(task, "propagation", device="cpu", progress=False)


FAILING = {
    "model": lambda task: mmkg.align(task, "no such model"),
    "no links": lambda task: mmkg.align(twins(train_ratio=0.5, valid_ratio=0.0, noise=0.15), "eva", device="cuda"),
    "name": lambda task: mmkg.load("emoji-xx-yy"),
    "index": lambda task: mmkg.build_index(np.full((3, 2), np.nan)),
    "evaluate": lambda task: mmkg.evaluate(np.ones((3, 2)), np.ones((3, 3)), np.array([[0, 0]])),
    "restrict": lambda task: small(task).restrict(["no such modality"]),
    "match": lambda task: small(task).match("no such matcher"),
    "load": lambda task: mmkg.AlignmentResult.load("no such folder"),
    "aligner": lambda task: mmkg.Aligner(settings={"training": {"epoch": 3}}).fit(task),
    "sentiment": lambda task: mmkg.sentiment.fit(mmkg.sentiment.synthetic(), "no such model"),
}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("name", FAILING)
def test_a_call_that_fails_leaves_the_process_as_it_was(name, task):
    with unchanged_process(), pytest.raises(MmkgError):
        FAILING[name](task)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_training_leaves_the_process_as_it_was(interrupt, task, monkeypatch):
    def stop(*_, **__):
        raise interrupt

    monkeypatch.setattr("mmkg.training.loop.optimiser_step", stop)
    with unchanged_process(), pytest.raises(interrupt):
        mmkg.align(task, "eva", settings=FAST, progress=False, device="cpu")


# --- the first call of a process

FIRST = """
import os, sys, warnings
import numpy, torch
{before}
filters, variables = list(warnings.filters), dict(os.environ)
import mmkg
task = mmkg.twin_graphs(60, train_ratio=0.4, valid_ratio=0.3)
result = mmkg.align(task, "eva", settings={{"training": {{"epochs": 1}}}}, progress=False, device="cpu")
result.match("hungarian"), result.search(0), result.report()
mmkg.build_index(result.left, kind="ivf", nlist=2).search(result.left, 2)
assert list(warnings.filters) == filters, set(map(str, warnings.filters)) ^ set(map(str, filters))
assert dict(os.environ) == variables, set(os.environ.items()) ^ set(variables.items())
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "warnings.simplefilter('error')"])
def test_the_first_call_of_a_process_neither_warns_nor_changes_it(before):
    code = FIRST.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
