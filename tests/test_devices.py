"""The device of a run is used in all that follows: index, CSLS means, figures, matches, confidences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import SETTINGS, twins, write_dbp15k
from typer.testing import CliRunner

import mmkg
import mmkg.evaluation
import mmkg.matching.sinkhorn
import mmkg.result.embeddings
import mmkg.result.result
import mmkg.result.searcher
import mmkg.search.both_ways
import mmkg.search.exact
import mmkg.search.index
import mmkg.search.means
from mmkg.cli import app as cli
from mmkg.errors import UsageError
from mmkg.matching import MATCHERS
from mmkg.result.searcher import EmbeddingSearch
from mmkg.search import INDEXES


@pytest.fixture(scope="module")
def task():
    return twins()


@pytest.fixture
def seen_cuda(monkeypatch):
    """torch says that there is a GPU; this build of torch fails wherever one is used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def use(result, folder):
    """Everything that computes scores."""
    result.index("right"), result.nearest(np.arange(3), 2, "right"), result.search(0), result.neighbors(2)
    result.sample(3), result.evaluate(), result.evaluate(candidates="all"), result.evaluate(csls_k=2)
    result.evaluate_assignment(), result.evaluated(rescoring="sinkhorn"), result.threshold()
    if result.counterparts is not None:
        result.judge_counterparts()
    for method in MATCHERS:
        result.match(method)
        result.match(method, csls_k=0)
    result.restrict(list(result.widths)[:2]).match()
    result.save(folder)


@pytest.mark.slow
@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch can use a GPU")
@pytest.mark.usefixtures("seen_cuda")
@pytest.mark.parametrize(
    "options",
    [
        {"model": "propagation"},
        {"model": "meaformer", "settings": SETTINGS},
        {"model": "propagation", "settings": {"search": {"csls_k": 0}}},
        {"model": "propagation", "settings": {"search": {"matcher": "sinkhorn"}, "data": {"seeds_from": ["name"]}}},
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_run_on_the_cpu_never_touches_the_gpu(task, tmp_path, monkeypatch, options, large):
    if large:
        monkeypatch.setattr(mmkg.result.searcher, "LARGEST_FLAT", 50)
        monkeypatch.setattr(mmkg.search.index, "LARGEST_FLAT", 50)
        monkeypatch.setattr(mmkg.result.searcher, "FEW_ROWS", 10)
    result = mmkg.align(task, device="cpu", progress=False, **options)
    use(result, tmp_path / "run")
    use(mmkg.AlignmentResult.load(tmp_path / "run", device="cpu"), tmp_path / "again")
    use(mmkg.AlignmentResult.load(tmp_path / "run", device=None), tmp_path / "third")
    ranks = mmkg.align(task, device="cpu", progress=False, ranks_only=True, **options)
    ranks.save(tmp_path / "ranks")


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch can use a GPU")
@pytest.mark.usefixtures("seen_cuda")
def test_an_aligner_on_the_cpu_never_touches_the_gpu(task, tmp_path):
    aligner = mmkg.Aligner("propagation", device="cpu").fit(task)
    assert aligner.score() == aligner.score(task) == aligner.result_.metrics["left_to_right"]["hits@1"]
    assert len(aligner.predict(2)) == 2 * task.left.num_entities
    aligner.save_pretrained(tmp_path / "run")
    loaded = mmkg.Aligner.from_pretrained(tmp_path / "run")
    assert loaded.device == loaded.result_.device == "cpu" and loaded.score() == aligner.score()


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch can use a GPU")
@pytest.mark.usefixtures("seen_cuda")
def test_commands_on_the_cpu_never_touch_the_gpu(task, tmp_path):
    pair, run = write_dbp15k(task, tmp_path / "pair"), tmp_path / "run"
    flags = ["--device", "cpu"]
    command("align", pair, "--model", "propagation", "--out", run, "--set", "data.valid_ratio=0.5", *flags)
    command("evaluate", run, "--counterparts", *flags)
    command("evaluate", run, "--rescoring", "sinkhorn", *flags)
    command("match", run, "--method", "greedy", "--out", tmp_path / "links.tsv", *flags)
    command("merge", run, pair, "--out", tmp_path / "merged.nt", *flags)


def command(*words):
    """Run ``mmkg`` with these words in this process."""
    found = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert found.exit_code == 0, (found.output, found.exception)


class Recorder:
    """Notes the devices that functions receive, and computes on the CPU."""

    def __init__(self):
        self.calls = []

    def wrap(self, name, function):
        def call(*values, **options):
            self.calls.append((name, str(options["device"])))
            return function(*values, **{**options, "device": "cpu"})

        return call


@pytest.fixture
def recorder(monkeypatch, seen_cuda):
    found = Recorder()
    for module, names in (
        (mmkg.result.searcher, ("build_index",)),
        (mmkg.search.both_ways, ("nearest_both_ways",)),
        (mmkg.search.means, ("csls_pair_means",)),
        (mmkg.evaluation, ("evaluate", "evaluate_sample")),
        (mmkg.matching.sinkhorn, ("transported_pairs",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, found.wrap(name, getattr(module, name)))
    for name, matcher in MATCHERS.items():
        monkeypatch.setitem(MATCHERS, name, replace(matcher, match=found.wrap(name, matcher.match)))
    return found


@pytest.fixture
def trained(task):
    return mmkg.align(task, "propagation", device="cpu", progress=False, ranks_only=True)


def fresh(result, device, **search):
    """The run on another device, without anything that was computed before."""
    embeddings = mmkg.result.embeddings.Embeddings(result.left, result.right, result.widths)
    experiment = replace(result.experiment, search=replace(result.experiment.search, **search))
    return replace(result, embeddings=embeddings, device=device, experiment=experiment)


USED = {"build_index", "nearest_both_ways", "evaluate", "evaluate_sample", "transported_pairs", *MATCHERS}


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cuda", "cpu", "auto"])
def test_all_computation_of_a_run_is_on_its_device(trained, tmp_path, recorder, device):
    use(fresh(trained, device), tmp_path / "run")
    assert {name for name, _ in recorder.calls} == USED
    expected = {"cpu": {"cpu"}, "cuda": {"cuda"}, "auto": {"cuda", "auto"}}  # torch sees a GPU
    assert {where for _, where in recorder.calls} == expected[device]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_search_without_an_index_is_on_the_device_of_the_run(trained, recorder, monkeypatch, device):
    monkeypatch.setattr(mmkg.result.searcher, "LARGEST_FLAT", 50)
    monkeypatch.setattr(mmkg.search.index, "LARGEST_FLAT", 50)
    monkeypatch.setattr(mmkg.search.exact, "ExactIndex", recorder.wrap("ExactIndex", mmkg.search.exact.ExactIndex))
    fresh(trained, device).search(0, k=2)
    assert (("ExactIndex", "cuda") in recorder.calls) is (device == "cuda")  # on the CPU, NumPy scores so few


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_method_takes_another_device(trained, recorder, device):
    other = {"cuda": "cpu", "cpu": "cuda"}[device]
    result = fresh(trained, device)
    result.csls_means  # noqa: B018
    recorder.calls.clear()
    result.evaluate(device=other), result.evaluated(csls_k=0, device=other), result.evaluate_assignment(device=other)
    assert {where for _, where in recorder.calls} == {other}
    result.match("greedy", device=other)
    assert ("greedy", other) in recorder.calls


@pytest.mark.parametrize("kind", ["hnsw", "parts", "ivf"])
def test_a_kind_that_does_not_run_on_a_gpu_is_built_on_the_cpu(trained, recorder, kind):
    config = INDEXES[kind].config()
    fresh(trained, "cuda", index=kind, options=config).index()
    assert dict(recorder.calls)["build_index"] == "cpu" and dict(recorder.calls)["csls_pair_means"] == "cuda"


@pytest.mark.parametrize("kind", ["auto", "exact", "flat"])
def test_other_kinds_are_built_on_the_gpu(trained, recorder, kind):
    fresh(trained, "cuda", index=kind).index()
    assert dict(recorder.calls)["build_index"] == "cuda"


def test_commands_pass_their_device_on(trained, tmp_path, recorder, monkeypatch):
    trained.save(tmp_path / "run")
    recorder.calls.clear()
    for name, method in (("evaluate", ()), ("match", ("--out", tmp_path / "x.tsv", "--method", "greedy"))):
        command(name, tmp_path / "run", "--device", "cuda", "--set", "search.csls_k=2", *method)
    assert {where for _, where in recorder.calls} == {"cuda"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_refused(trained, tmp_path):
    trained.save(tmp_path / "run")
    with pytest.raises(UsageError, match="sees no CUDA device; use device='cpu'"):
        mmkg.AlignmentResult.load(tmp_path / "run", device="cuda")
    with pytest.raises(UsageError, match="sees no CUDA device; use device='cpu'"):
        EmbeddingSearch(trained.embeddings, 4, trained.experiment.search, "cuda").index()
