"""From links to embeddings of all entities, by every kind of model; pseudo-links and weights are chosen here."""

from dataclasses import asdict
from typing import Any

from torch import Tensor

from ..matching import MATCHERS, Matching
from ..models import UNTRAINED, AlignmentModel
from ..training import bootstrap, propose
from ..training.progress import show_round
from ..typing import FloatArray, IntArray
from .combined import Combined
from .propagated import Propagated
from .refined import Refined
from .setting import Learned, Learner, Setting
from .trained import Trained


def learn(setting: Setting, model: AlignmentModel | None = None) -> Learned:
    """Embeddings of the run, after its rounds of pseudo-links."""
    experiment, links = setting.experiment, setting.task.links
    learner: Learner
    if experiment.model == "combined":
        learner = Combined(setting)
    elif experiment.model in UNTRAINED:
        learner = Propagated(setting, experiment.options)
    else:
        learner = Trained(setting, model)
    if experiment.refined.rounds:
        learner = Refined(setting, learner)
    config, store = experiment.bootstrap, experiment.search.store
    if not config.rounds:
        left, right = learner.embed(links.train)
        chosen = experiment.model not in UNTRAINED or experiment.refined.rounds > 0
        return Learned(
            _stored(left, store),
            _stored(right, store),
            learner.widths,
            learner.history,
            learner.course,
            learner.weights,
            chosen,
        )

    def match(left: Tensor, right: Tensor) -> Matching:
        options = asdict(experiment.search.sinkhorn) if config.matcher == "sinkhorn" else {}
        return MATCHERS[config.matcher](
            left, right, csls_k=experiment.search.csls_k, kind="auto", device=setting.device, **options
        )

    def pseudo_links(left: Tensor, right: Tensor) -> IntArray:
        with setting.watch.phase("propose"):
            return propose(
                left,
                right,
                known=links.train,
                match=match,
                min_score=config.min_score,
                valid=links.valid,
                precision=config.precision,
            )

    ends: list[tuple[dict[str, int], dict[str, Any], dict[str, Tensor]]] = []

    def embed(pairs: IntArray) -> tuple[Tensor, Tensor]:
        found = learner.embed(pairs)
        ends.append((learner.widths, learner.course, learner.weights))
        return found

    result = bootstrap(
        embed,
        links.train,
        config,
        propose=pseudo_links,
        judge=setting.judge(),
        valid=links.valid,
        on_round=show_round if setting.progress else None,
    )
    widths, course, weights = ends[result.best_round]
    return Learned(
        _stored(result.left, store),
        _stored(result.right, store),
        widths,
        [*learner.history, *result.history],
        {**course, "rounds": config.rounds, "best_round": result.best_round},
        weights,
    )


def _stored(rows: Tensor, store: str) -> FloatArray:
    found: FloatArray = rows.cpu().numpy().astype(store, copy=False)
    return found
