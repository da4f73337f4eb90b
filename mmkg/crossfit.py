"""Cross-fitting: every given link is learnt from, and links held out in folds choose, judge and calibrate."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from .callbacks import Callbacks
from .compute.seeding import numpy_generator
from .config.experiment import Experiment
from .data.entities import EntityTable
from .data.split import link_groups, sample_links
from .data.task import LinkSplit
from .learners import LIGHT
from .learners.choice import ENOUGH_JUDGED, FOLDS
from .learners.learn import learn
from .learners.setting import Chosen, Learned, Setting
from .learners.sketches import BASE
from .matching import is_in
from .matching.held_out import HeldOut
from .models import MODELS, AlignmentModel
from .progress import show_step
from .result.calibrate import UNLABELLED, Confidences
from .result.embeddings import Embeddings, embeddings_of
from .result.judge import Judge, Metrics
from .result.searcher import EmbeddingSearch
from .typing import IntArray

LARGEST_FOLD = 1000  # links that are held out at a time
LEAST_TO_SPLIT = 10  # of fewer links a trained model holds none out


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a run learnt, and what links say that it did not learn from.

    Args:
        setting: the run, with the links that it learnt from and was validated on.
        learned: embeddings of all entities.
        sample: best candidates of the entities of links that were held out in folds, with and without their
            counterpart, see ``hold_out``; ``None`` = no link was held out in folds.
        metrics: Hits@k, MRR and MR of these links among all entities, in both directions.
        folds: number of folds that were held out, one after the other.
        judged: number of links in them.
        refit: number of validation links that were learnt from at the end.
        embeddings: those of the run, with neighbours and means that were found in them; ``None`` = none were.
    """

    setting: Setting
    learned: Learned
    sample: HeldOut | None = None
    metrics: Metrics = field(default_factory=dict)
    folds: int = 0
    judged: int = 0
    refit: int = 0
    embeddings: Embeddings | None = None


def fit(setting: Setting, model: AlignmentModel | None, given: IntArray) -> Fitted:
    """Learn from links of one's own, all of which are training links, and judge by some of them.

    A learner that costs little is cross-fitted, see ``cross_fit``. A trained one needs validation links to stop at:
    one link in ten is held out, and of few links one in five, at most 20.

    Args:
        setting: the run; its training links are those given and perhaps seed links.
        model: a model object, which is trained; ``None`` = the model that the experiment names.
        given: the known training links, int64 ``[L, 2]``.
    """
    entry = None if model is not None else MODELS.get(setting.experiment.model)
    if entry is not None and entry.learner in LIGHT:
        return cross_fit(setting, given)
    number = max(round(len(given) / 10), min(len(given) // 5, 20)) if len(given) >= LEAST_TO_SPLIT else 0
    if number:
        train = setting.task.links.train
        held = given[numpy_generator(setting.experiment.seed, "held-out links").permutation(len(given))[:number]]
        links = LinkSplit(train[~is_in(train, held)], held, held[:0])
        setting = replace(setting, task=replace(setting.task, links=links))
    return held_by(setting, learn(setting, model))


def held_by(setting: Setting, learned: Learned) -> Fitted:
    """What was learnt, without the rows that only validation links need, but with what these say.

    Where a run's embeddings say all that validation links can, the run reads it from them itself. Otherwise the sample
    holds answers of the entities of validation links with and without their counterpart, see ``Learned.without``.
    """
    if learned.without is None:
        return Fitted(setting, learned)
    links, entities = setting.task.links, (EntityTable.of(setting.task.left), EntityTable.of(setting.task.right))
    confidences = _confidences(setting, learned, (learned.left, learned.right), entities, links)
    sample = _sample(setting, learned, confidences, entities, links)
    return Fitted(setting, replace(learned, without=None), sample, embeddings=confidences.searcher.embeddings)


def cross_fit(setting: Setting, given: IntArray) -> Fitted:
    """Learn from all training links, and judge by links that are held out in folds.

    The links are cut into five folds. Each fold is held out in turn, the learner learns from the other links, and the
    fold chooses the rounds and weights of a refinement, as validation links do. Folds are held out until 100 links
    have been judged, so that few links are all judged and many links cost one more fit. The last fit learns from all
    links, with the mean of what the folds chose.

    Args:
        setting: the run; its training links are those given and perhaps seed links, and there are no validation links.
        given: the links that are held out in turn, a part of the training links, int64 ``[L, 2]``.
    """
    folds = folds_of(given, seed=setting.experiment.seed)
    if not folds:
        return Fitted(setting, learn(setting))
    train, entities = setting.task.links.train, (EntityTable.of(setting.task.left), EntityTable.of(setting.task.right))
    samples, metrics, courses = [], [], []
    for number, fold in enumerate(folds, start=1):
        show_step(f"fold {number} of {len(folds)}: learning without {len(fold):,} of {len(given):,} links")
        held = given[fold]
        links = LinkSplit(train[~is_in(train, held)], held, held[:0])
        learned = learn(replace(setting, task=replace(setting.task, links=links), out=None, callbacks=Callbacks()))
        sample, figures = _judged(setting, learned, entities, links, most=UNLABELLED // len(folds))
        if sample is not None:
            samples.append(sample)
        metrics.append(figures)
        courses.append(learned.course)
    experiment, chosen = _chosen(setting.experiment, courses)
    show_step(f"learning from all {len(given):,} links")
    learned = learn(replace(setting, experiment=experiment))
    sizes = [len(fold) for fold in folds]
    course = {**learned.course, "cross_fit": {"folds": len(folds), "judged": sum(sizes), **chosen}}
    learned = replace(learned, course=course, selected=bool(chosen))
    pooled = _pooled(samples) if samples else None
    return Fitted(setting, learned, pooled, _mean_metrics(metrics, sizes), len(folds), sum(sizes))


def refit(fitted: Fitted, model: AlignmentModel | None, start: Mapping[str, Tensor], *, given: LinkSplit) -> Fitted:
    """Learn once more, from training and validation links, with what the validation links chose.

    Epoch, weights of the parts, rounds and width are those of the first fit. Confidences are calibrated on the
    validation links by the first fit, which did not learn from them; without test links the metrics are about them.
    Links that were found and not given neither calibrate nor judge.

    Args:
        fitted: the first fit; returned as it is if it has no validation links.
        model: a model object that was trained, which is trained again from ``start``; ``None`` = no object.
        start: its weights before it was trained.
        given: the links that were given.
    """
    setting, first = fitted.setting, fitted.learned
    links = setting.task.links
    if not len(links.valid):
        return fitted
    own: dict[str, Any] = {}
    if len(given.train):
        entities = (EntityTable.of(setting.task.left), EntityTable.of(setting.task.right))
        own["sample"], metrics = _judged(setting, first, entities, links)
        if not len(given.test):
            own |= {"metrics": metrics, "folds": 1, "judged": len(links.valid)}
    show_step(f"learning from all {len(links.train) + len(links.valid):,} known links")
    known = LinkSplit(np.concatenate([links.train, links.valid]), links.valid[:0], links.test)
    again = replace(setting, task=replace(setting.task, links=known), chosen=Chosen.of(first))
    if model is not None:
        model.load_state_dict(start)
    learned = replace(learn(again, model), selected=first.selected)
    return Fitted(again, learned, refit=len(links.valid), **own)


def folds_of(links: IntArray, *, seed: int) -> list[IntArray]:
    """Positions of the links of each fold that is held out; links that share an entity are in one fold.

    Args:
        links: int64 ``[L, 2]``.
        seed: random seed of the folds.
    """
    groups = link_groups(links)
    number = len(np.unique(groups))
    if number < 2:
        return []
    folds = max(min(FOLDS, number), math.ceil(len(links) / LARGEST_FOLD))
    drawn = numpy_generator(seed, "folds").permutation(number) % folds
    place = drawn[np.unique(groups, return_inverse=True)[1]]
    found: list[IntArray] = []
    for fold in range(folds):
        found.append(np.flatnonzero(place == fold))
        if sum(map(len, found)) >= ENOUGH_JUDGED:
            break
    return found


def _judged(
    setting: Setting,
    learned: Learned,
    entities: tuple[EntityTable, EntityTable],
    links: LinkSplit,
    *,
    most: int = UNLABELLED,
) -> tuple[HeldOut | None, Metrics]:
    """The held-out sample, with at most ``most`` entities in question, and the metrics of the fold ``links.valid``."""
    experiment = setting.experiment
    confidences = _confidences(setting, learned, (learned.left, learned.right), entities, links)
    sample = _sample(setting, learned, confidences, entities, links)
    if sample is not None:
        sample = replace(sample, others=confidences.margins_in_question(most))
    judge = Judge(confidences.searcher, experiment.search, experiment.seed, links.valid)
    with setting.watch.phase("evaluate"):
        return sample, judge.ranks(links.valid, candidates="all", csls_k=experiment.search.csls_k)


def _sample(
    setting: Setting,
    learned: Learned,
    confidences: Confidences,
    entities: tuple[EntityTable, EntityTable],
    links: LinkSplit,
) -> HeldOut | None:
    """The held-out sample of the validation links; ``None`` if they tell nothing of scores."""
    valid, search = confidences.compared(links.valid), setting.experiment.search
    if not len(valid):
        return None
    valid = sample_links(valid, search.valid_queries, seed=setting.experiment.seed, label="validation links")
    sample = confidences.sample_of(valid)
    if learned.without is None:
        return sample
    other = _confidences(setting, learned, learned.without, entities, links).sample_of(valid)
    there, gone = sample.present, ~other.present
    return HeldOut(
        np.concatenate([sample.margins[there], other.margins[gone]]),
        np.concatenate([sample.right[there], other.right[gone]]),
        np.concatenate([sample.present[there], other.present[gone]]),
    )


def _confidences(
    setting: Setting,
    learned: Learned,
    sides: tuple[Tensor, Tensor],
    entities: tuple[EntityTable, EntityTable],
    links: LinkSplit,
) -> Confidences:
    experiment = setting.experiment
    embeddings = embeddings_of(*sides, learned.widths, entities, links, experiment.search.store, setting.task.never)
    searcher = EmbeddingSearch(embeddings, experiment.search.csls_k, experiment.search, str(setting.device))
    return Confidences(searcher, links, experiment.search, experiment.seed)


def _chosen(experiment: Experiment, courses: Sequence[Mapping[str, Any]]) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of the last fit, with the mean of what the folds chose, and this choice for the record.

    A refinement is taken only if it gains more over the folds than the standard error of its gain.
    """
    refined = [course["refined_by"] for course in courses if "valid" in course.get("refined_by", {})]
    if not refined:
        return experiment, {}
    most = max(len(each["valid"]) for each in refined)
    valid = np.array([each["valid"] + [max(each["valid"])] * (most - len(each["valid"])) for each in refined])
    rounds = int(valid.mean(axis=0).argmax())
    gains = valid[:, rounds] - valid[:, 0]
    if len(gains) > 1 and gains.mean() <= gains.std(ddof=1) / math.sqrt(len(gains)):
        rounds = 0
    config = replace(experiment.refinement, rounds=rounds, **_weighed(refined))
    return replace(experiment, refinement=config), {"refinement_rounds": rounds}


def _weighed(refined: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How most folds were weighed; if by links, with the mean weight of each part relative to the base."""
    weights = [each["weights"] for each in refined if each.get("weights")]
    by_links = [each for each in weights if BASE in each]
    if not weights or len(by_links) * 2 < len(weights):
        return {"weigh": "matches"} if weights else {}
    names = dict.fromkeys(name for each in by_links for name in each if name != BASE)
    means = {f"{name}_weight": float(np.mean([each[name] / each[BASE] for each in by_links])) for name in names}
    return {"weigh": "validation", **means}


def _pooled(samples: Sequence[HeldOut]) -> HeldOut:
    columns = ("margins", "right", "present", "others")
    return HeldOut(*(np.concatenate([getattr(each, name) for each in samples]) for name in columns))


def _mean_metrics(metrics: Sequence[Metrics], sizes: Sequence[int]) -> Metrics:
    """Mean of each metric over all held-out links; each is a mean over the links of a fold."""
    return {
        direction: {
            name: float(np.average([each[direction][name] for each in metrics], weights=sizes)) for name in figures
        }
        for direction, figures in metrics[0].items()
    }
