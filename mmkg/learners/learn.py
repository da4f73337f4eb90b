"""Learns the embeddings of a run: picks the learner, and repeats it in rounds with pseudo-links."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from ..compute.host import isolated
from ..evaluation.reweigh import above_chance
from ..matching import MATCHERS, Matching, among
from ..models import MODELS, AlignmentModel
from ..progress import show_round
from ..training.bootstrap import bootstrap, propose
from ..typing import IntArray
from .compared import Compared
from .compress import compressed
from .memory import check_learning
from .refined import Refined
from .registry import LEARNERS
from .setting import Learned, Learner, Setting
from .validation import free_entities

MOST_LOST = 0.01  # of the MRR of validation links that fewer columns may cost


@isolated
def learn(setting: Setting, model: AlignmentModel | None = None) -> Learned:
    """Learn the embeddings of a run, in rounds with pseudo-links if the experiment has them.

    They have at most ``search.width`` columns, see ``compressed``. What validation links choose is chosen before, by
    all columns. If no width is set and fewer columns rank the validation links worse, by more than 0.01 of the MRR and
    its standard error, all columns stay.

    Args:
        setting: the run.
        model: a model object, which is trained; ``None`` = the model that the experiment names.
    """
    learned = _learned(setting, model)
    width = setting.experiment.search.columns(len(learned.left) + len(learned.right))
    if not width or learned.left.shape[1] <= width:
        return learned
    if setting.chosen is not None and not setting.chosen.narrow:
        return learned
    with setting.watch.phase("compress"):
        search, seed = setting.experiment.search, setting.experiment.seed
        narrow = compressed(learned, width, store=search.held, seed=seed)
        known = setting.validation_scores() if search.width is None else None
        if known is None:
            return narrow
        for each, name in ((learned, "all columns"), (narrow, "fewer")):
            known.add(name, each.left, each.right)
        lost = known.ranks({"all columns": 1.0}) - known.ranks({"fewer": 1.0})
        stay = above_chance(lost) and float(lost.mean()) > MOST_LOST
        return replace(learned if stay else narrow, selected=True)


def check_budget(setting: Setting, width: int) -> None:
    """Refuse a run whose index cannot fit into ``search.memory``, before anything is learnt.

    Args:
        setting: the run.
        width: least width of the embeddings that will be learnt.

    Raises:
        UsageError: the message states the estimate, and what would fit.
    """
    task, search = setting.task, setting.experiment.search
    sizes = task.left.num_entities, task.right.num_entities
    search.check_memory(max(sizes), min(width, search.columns(sum(sizes)) or width))


def refined(setting: Setting, learner: Learner) -> Learner:
    """A learner with what ``refinement`` adds to it: rounds of soft matches, then compared neighbours.

    Args:
        setting: the run.
        learner: of the embeddings.
    """
    config = setting.experiment.refinement
    if config.rounds:
        setting = setting.known()
        learner = Refined(setting, learner)
    return Compared(setting, learner) if config.compares else learner


def _learned(setting: Setting, model: AlignmentModel | None) -> Learned:
    experiment, links = setting.experiment, setting.task.links
    entry = MODELS.get(experiment.model)
    chosen = LEARNERS["trained" if model is not None or entry is None else entry.learner]
    if getattr(chosen, "spreads", False) and setting.device.type == "cpu":
        check_learning(setting.task, experiment, refined=bool(experiment.refinement.rounds))
    base = chosen(setting, model)
    check_budget(setting, getattr(base, "least_width", 1))
    learner = refined(setting, base)
    config = experiment.bootstrap
    if setting.chosen is not None:
        config = replace(config, rounds=len(setting.chosen.calls) - 1)
    if not config.rounds:
        return learner.embed(links.train)
    courses: list[Mapping[str, Any]] = []

    def embed(links: IntArray) -> Learned:
        found = learner.embed(links)
        courses.append(found.course)
        return found

    def on_round(row: Mapping[str, Any]) -> None:
        show_round(row)
        setting.callbacks.on_round(row)

    free = [np.flatnonzero(rows) for rows in free_entities(setting.task)]
    matcher, options = MATCHERS[config.matcher], experiment.search.matcher_options(config.matcher)
    never = among(setting.task.never, *free)
    if len(never):
        options["never"] = never
    if matcher.edges:
        graphs = (setting.task.left, setting.task.right)
        options["edges"] = tuple(among(g.triples[:, ::2], rows, rows) for g, rows in zip(graphs, free, strict=True))

    def match(left: Tensor, right: Tensor) -> Matching:
        return matcher(left, right, csls_k=experiment.search.csls_k, kind="auto", device=setting.device, **options)

    def pseudo_links(left: Tensor, right: Tensor) -> IntArray:
        with setting.watch.phase("propose"):
            return propose(
                left,
                right,
                known=links.train,
                free=free,
                match=match,
                min_score=config.min_score,
                valid=links.valid,
                precision=config.precision,
            )

    result = bootstrap(
        embed,
        links.train,
        config,
        propose=pseudo_links,
        judge=setting.judge(),
        valid=links.valid,
        on_round=on_round,
    )
    return replace(
        result.kept,
        history=[*result.training, *result.history],
        course={**result.kept.course, "rounds": config.rounds, "best_round": result.best_round},
        selected=True,
        calls=courses[: result.best_round + 1],
    )
