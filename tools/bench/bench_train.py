"""Measures one training step by phase, each with its floor; --compare adds the step of the published code.

Floors use the sgemm and gather rates of the same process; compare ratios within one run, not seconds across machines.

    python tools/bench/bench_train.py emoji-fr-en --model meaformer,mclea
    python tools/bench/bench_train.py FOLDER --modalities structure,relation --threads 1 --compare repaired,published

--compare computes the step on the same weights and links as described in tools/bench/published_step.py, without
dropout. The published way multiplies N x N matrices: on DBP15K (39,000 entities) one backward pass takes 11 GB and
minutes. All figures are of a CPU: on a GPU, for which the published code was written, its dense products cost far less
than here. Of its several backward passes (nine for MCLEA on 4,500 links) the first is timed and multiplied.
"""

import copy
import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from harness import Spent, gather_rate, measure, parser, report, row, sgemm_rate, start, stream_rate
from published_step import PublishedStep, all_observed
from torch import Tensor

from mmkg.compute.host import deterministic
from mmkg.config.experiment import Experiment
from mmkg.data.features.build import build_inputs
from mmkg.data.tensors.batch import ModalityBatch
from mmkg.data.tensors.inputs import EntityInputs
from mmkg.fusion import FusionOutput
from mmkg.learners.trained import build_model
from mmkg.loading import load
from mmkg.modalities import STRUCTURE
from mmkg.models import AlignmentModel
from mmkg.sources.synthetic import twin_graphs
from mmkg.training.loop import train_step
from mmkg.training.optim import Optimizers, build_optimizers, clip_

# Terms of one family share their similarity products and one backward pass.
FAMILIES = {"meaformer": (("icl", "early"), ("late",)), "mclea": (("icl", "ial"),), "eva": (("nca",),)}
GOALS = {"published": 20, "repaired": 4}
TOLERANCE = 1e-4

Lap = Callable[[str], None]


def main() -> None:
    options = parser(__doc__)
    options.add_argument(
        "pair", nargs="?", help="an embedded pair (default: emoji-fr-en), or a folder in DBP15K layout"
    )
    options.add_argument(
        "--entities", type=int, default=0, help="use a synthetic pair with this many entities per graph instead"
    )
    options.add_argument("--model", default="meaformer,mclea", help="comma-separated")
    options.add_argument("--modalities", default="", help="comma-separated; default: all")
    options.add_argument("--repeats", type=int, default=5, help="number of steps; the median is reported")
    options.add_argument("--compare", default="", help="repaired, published, or both, comma-separated")
    args = start(options)
    ways = [way for way in args.compare.split(",") if way]
    if unknown := set(ways) - set(GOALS):
        options.error(f"--compare: expected repaired or published, got {', '.join(sorted(unknown))}")
    entities = args.entities or (500 if args.small and args.pair is None else 0)
    if entities:
        task = twin_graphs(entities, mean_degree=8, noise=0.1, train_ratio=0.3, valid_ratio=0.0)
    else:
        task = load(args.pair or "emoji-fr-en", seed=42, valid_ratio=0.0)
    rows = []
    for name in args.model.split(","):
        features = {"modalities": [each for each in args.modalities.split(",") if each]}
        dropout = {"dropout": 0.0} if ways and name == "meaformer" else {}
        experiment = Experiment.of({"model": name, "features": features, "options": dropout})
        inputs = build_inputs(task, experiment.features)
        links = torch.from_numpy(task.links.train) + torch.tensor([0, inputs.num_left])
        links = links[: 64 if args.small else experiment.training.batch_size or len(links)]
        size = f"{name}, {task.name}, {len(links):,} links, {', '.join(inputs.names)}"
        repeats = 1 if args.small else args.repeats
        if ways:
            rows += compare(experiment, all_observed(inputs), links, ways, size=size, repeats=repeats)
        else:
            rows += phases(experiment, inputs, links, size=size, repeats=repeats)
    report("train", rows, args)
    if ways and args.json != "-":
        verdict(rows)


def phases(
    experiment: Experiment, inputs: EntityInputs, links: Tensor, *, size: str, repeats: int
) -> list[dict[str, Any]]:
    """CPU-seconds of a whole step, and of each phase of a step that is cut between its phases."""
    model = build_model(experiment, inputs).train()
    schedule = experiment.training
    optimizers = build_optimizers(model, schedule)
    with deterministic(torch.device("cpu")):
        _, whole = measure(lambda: train_step(model, inputs, links, optimizers, schedule), repeats=repeats, warmup=1)
        laps: dict[str, list[float]] = {}
        last = 0.0

        def lap(name: str) -> None:
            nonlocal last
            now = time.process_time()
            laps.setdefault(name, []).append(now - last)
            last = now

        for _ in range(repeats):
            model.zero_grad(set_to_none=True)
            last = time.process_time()
            cut_step(model, inputs, links, FAMILIES[experiment.model], lap)
            clip_(list(model.parameters()), schedule.clip_norm)
            lap("clip")
            for optimizer in optimizers:
                optimizer.step()
            lap("optimiser")
    floors = floor_seconds(experiment.model, model, inputs, links)
    least = sum(floors.values())
    rows = [row("training step", size, whole, floor_cpu_s=least, headline=True)]
    spent = {name: statistics.median(seconds) for name, seconds in laps.items()}
    for name, cpu_s in spent.items():
        share = cpu_s / sum(spent.values())
        rows.append(row(f"  {name}", "", {"cpu_s": cpu_s}, floor_cpu_s=floors.get(name), share=share))
    return rows


def cut_step(
    model: AlignmentModel, inputs: EntityInputs, links: Tensor, families: tuple[tuple[str, ...], ...], lap: Lap
) -> None:
    """Forward and backward of a step, detached between its phases; ``lap(name)`` is called after each phase.

    The gradients of the parameters equal those of the uncut step.
    """
    rows = links.t().flatten()
    encoded: list[dict[str, Tensor]] = []

    def cut(_: Any, __: Any, batch: ModalityBatch) -> ModalityBatch:
        lap("encoders forward")
        encoded.extend([dict(batch.values), {name: leaf(each) for name, each in batch.values.items()}])
        return dataclasses.replace(batch, values=dict(encoded[1]))

    hooks = [
        model.encoders.register_forward_pre_hook(lambda *_: lap("rows of the batch")),
        model.encoders.register_forward_hook(cut),
    ]
    structure = model.encode_structure(inputs, rows)
    tokens = None if structure is None else leaf(structure)
    lap("structure forward")
    output = model.fuse(inputs, rows, tokens)
    lap("fusion forward")
    for hook in hooks:
        hook.remove()
    parts, ends = cut_output(output)
    terms = model.loss_terms(ends)
    lap("losses forward")
    for family in families:
        chosen = [term for name, term in terms.items() if name.split(".")[0] in family]
        torch.stack(chosen).sum().backward(retain_graph=True)
        lap(f"losses backward: {', '.join(family)}")
    backward(parts)
    lap("fusion backward")
    backward([(encoded[0][name], each) for name, each in encoded[1].items()])
    lap("encoders backward")
    if structure is not None and tokens is not None:
        backward([(structure, tokens)])
        lap("structure backward")


def leaf(tensor: Tensor) -> Tensor:
    """A new leaf of the autograd graph with the same values."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def cut_output(output: FusionOutput) -> tuple[list[tuple[Tensor, Tensor]], FusionOutput]:
    """The pairs (original, leaf), and the same output made of the leaves."""
    pairs: list[tuple[Tensor, Tensor]] = []

    def cut(tensor: Tensor) -> Tensor:
        pairs.append((tensor, leaf(tensor)))
        return pairs[-1][1]

    changed = dataclasses.replace(
        output,
        joint=cut(output.joint),
        tokens={name: cut(each) for name, each in output.tokens.items()},
        pooled={name: cut(each) for name, each in output.pooled.items()},
        weights=cut(output.weights),
    )
    return pairs, changed


def backward(pairs: list[tuple[Tensor, Tensor]]) -> None:
    """Backpropagate the gradients of the leaves through their originals."""
    reached = [(original, each.grad) for original, each in pairs if original.requires_grad and each.grad is not None]
    if reached:
        torch.autograd.backward([original for original, _ in reached], [grad for _, grad in reached])


def floor_seconds(name: str, model: AlignmentModel, inputs: EntityInputs, links: Tensor) -> dict[str, float]:
    """Minimum CPU-seconds of each phase at the rates of this process; phases without matrix products have none."""
    flop_s, seconds = sgemm_rate(), {}
    for phase, flops in step_flops(name, model, inputs, links).items():
        seconds[phase] = flops / flop_s
    if model.structure is not None and name != "eva" and inputs.graph is not None:
        source, width = inputs.graph.edge_index[0].as_subclass(Tensor), model.widths[STRUCTURE]
        gathered = 4 * width * sum(needed_edges(inputs, links, model.structure.depth))
        gather_s = gather_rate(source, rows=inputs.num_entities, width=width)
        seconds |= {"structure forward": gathered / gather_s, "structure backward": 2 * gathered / gather_s}
    moved, stream_s = 4 * sum(parameter.numel() for parameter in model.parameters()), stream_rate()
    # AdamW reads parameter, gradient and both moments, and writes all except the gradient
    return seconds | {"clip": moved / stream_s, "optimiser": 7 * moved / stream_s}


def step_flops(name: str, model: AlignmentModel, inputs: EntityInputs, links: Tensor) -> dict[str, float]:
    """Floating-point operations of the matrix products that the equations require, by phase.

    A contrastive loss needs one similarity product per embedding (half a square, because it is symmetric), none for the
    joint embedding (a weighted sum of the others) and none for IAL (the same similarities); its gradient needs two
    halves. Sparse rows count by their entries.
    """
    ends, config = 2 * len(links), getattr(model, "config", None)
    encoders = 0
    for modality, values in inputs.batch(links.t().flatten()).values.items():
        entries = values.values().numel() if values.layout == torch.sparse_csr else values.numel()
        encoders += 2 * entries * model.widths[modality]
    flops: dict[str, float] = {"encoders forward": encoders, "encoders backward": encoders}
    width = sum(model.widths.values())
    groups = [len(part) for part in links.split(getattr(config, "group_size", len(links)))]
    square = sum((2 * group) ** 2 for group in groups) * width
    first = FAMILIES[name][0]
    if name == "eva":  # left against right alone
        square = 2 * len(links) ** 2 * width
    flops |= {"losses forward": square, f"losses backward: {', '.join(first)}": 2 * square}
    if name == "meaformer":
        dim, number = config.hidden_dim, len(model.widths)  # type: ignore[union-attr]
        token = 2 * dim * (4 * dim + 2 * config.feedforward_dim) + 4 * number * dim  # type: ignore[union-attr]
        flops |= {"fusion forward": ends * number * token, "fusion backward": 2 * ends * number * token}
        flops["losses forward"] += 3 * square  # the late terms, which compute their gradient in the forward pass
    return flops


def needed_edges(inputs: EntityInputs, links: Tensor, depth: int) -> list[int]:
    """Number of edges that the ends of the links depend on, by layer, the last layer first."""
    assert inputs.graph is not None
    source, target = inputs.graph.edge_index.as_subclass(Tensor)
    reached = torch.zeros(inputs.num_entities, dtype=torch.bool)
    reached[links.flatten()] = True
    counts = []
    for _ in range(depth):
        into = reached[target]
        counts.append(int(into.sum()))
        reached[source[into]] = True
    return counts


def compare(
    experiment: Experiment, inputs: EntityInputs, links: Tensor, ways: list[str], *, size: str, repeats: int
) -> list[dict[str, Any]]:
    """A step of mmkg and the same step computed in the given ways, on copies of one model."""
    first = build_model(experiment, inputs).train()
    schedule, losses = experiment.training, []

    model = copy.deepcopy(first)
    optimizers = build_optimizers(model, schedule)

    def own() -> None:
        terms, _ = train_step(model, inputs, links, optimizers, schedule)
        losses.append(total(terms))

    with deterministic(torch.device("cpu")):
        _, spent = measure(own, repeats=repeats, warmup=1)
    rows = [row("same step, mmkg", size, spent, model=experiment.model, loss=losses[0], headline=True)]
    for way in ways:
        model = copy.deepcopy(first)
        step, optimizers = PublishedStep(model, inputs, repaired=way == "repaired"), build_optimizers(model, schedule)
        spent, loss, passes = naive(step, links, optimizers, schedule.clip_norm, repeats=repeats)
        times = spent["cpu_s"] / rows[0]["cpu_s"]
        columns = {"model": experiment.model, "way": way, "loss": loss, "times_mmkg": times, "goal": GOALS[way]}
        note = f"{times:.1f} times mmkg's, both on a CPU"
        if passes > 1:
            columns["backward_passes"], note = passes, f"{note}; 1 of {passes} backward passes timed, times {passes}"
        rows.append(row(f"same step, {way}", size, spent, **columns, note=note, headline=True))
    return rows


def naive(
    step: PublishedStep, links: Tensor, optimizers: Optimizers, clip_norm: float, *, repeats: int
) -> tuple[Spent, float, int]:
    """Seconds of a naive step, its loss, and its number of backward passes.

    The published way is timed once; its first backward pass is timed and multiplied by their number.
    """
    losses: list[float] = []

    def forward() -> list[dict[str, Tensor]]:
        step.model.zero_grad(set_to_none=True)
        groups = step.losses(links)
        losses.append(sum(total(terms) for terms in groups))
        return groups

    def update() -> None:
        clip_(list(step.model.parameters()), clip_norm)
        for optimizer in optimizers:
            optimizer.step()

    def whole() -> None:
        step.backward(forward())
        update()

    if step.repaired:
        _, spent = measure(whole, repeats=repeats, warmup=1)
        return spent, losses[0], 1
    groups, first = measure(forward)
    passes, one = measure(lambda: step.backward(groups, at_most=1))
    _, last = measure(update)
    spent = {key: first[key] + passes * one[key] + last[key] for key in ("cpu_s", "wall_s")}
    return spent | {"peak_rss_mb": max(part["peak_rss_mb"] for part in (first, one, last))}, losses[0], passes


def total(terms: Mapping[str, Any]) -> float:
    return float(sum(float(term.detach()) for term in terms.values()))


def verdict(rows: list[dict[str, Any]]) -> None:
    """Print goals and losses; a different loss is an error of the benchmark."""
    for own in (each for each in rows if "way" not in each):
        for each in rows:
            if each["model"] == own["model"] and "way" in each:
                met = "met" if each["times_mmkg"] >= each["goal"] else "missed"
                ratio = f"mmkg / {each['way']} = 1/{each['times_mmkg']:.1f}, goal on DBP15K 1/{each['goal']}: {met}"
                print(f"{own['model']}: {ratio}; losses {own['loss']:.5f} and {each['loss']:.5f}")
                if abs(own["loss"] - each["loss"]) > TOLERANCE:
                    raise SystemExit(f"the losses differ by more than {TOLERANCE}")


if __name__ == "__main__":
    main()
