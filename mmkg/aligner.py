"""The aligner as an estimator, with the methods of scikit-learn and of Hugging Face."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from .compute.host import isolated_class
from .data.task import AlignmentTask
from .errors import InputError, UsageError, brief, nearest
from .pipeline import align
from .records import Shown, same
from .result.calibrate import MORE_LINKS, NO_CONFIDENCES, check_threshold
from .result.linked import given_links
from .result.result import AlignmentResult
from .typing import FloatArray, IntArray

# arguments of the constructor, with their defaults
PARAMETERS: dict[str, Any] = {"model": "auto", "seed": 0, "modalities": (), "device": "auto", "settings": None}


@dataclass(frozen=True)
class Prediction:
    """A predicted counterpart of a left entity.

    Args:
        left, right: entity labels.
        rank: 1 for the best.
        score: 0 to 100: the cosine in percent. Predictions are sorted by what the run ranks by, which may be CSLS.
        confidence: probability that the prediction is right, ``None`` if the result has no confidences.
    """

    left: str
    right: str
    rank: int
    score: float
    confidence: float | None


@isolated_class
class Aligner(Shown):
    """Entity aligner: ``fit``, ``transform``, ``predict``, ``score``, ``save_pretrained``.

    It is an estimator of scikit-learn: ``clone``, ``Pipeline``, ``cross_val_score`` and ``GridSearchCV`` take it. The
    samples of a task are its training and validation links, so ``GridSearchCV(Aligner(), grid, cv=3).fit(task)``
    compares settings on held-out training links and never on test links.

    Args:
        model: name of the model; ``auto`` = the run chooses one.
        seed: random seed.
        modalities: modalities to use; empty = all that the data have.
        device: ``auto``, ``cpu`` or ``cuda``.
        settings: nested settings, e.g. ``{"training": {"epochs": 50}}``.

    Attributes:
        result_: the ``AlignmentResult`` of ``fit``.
    """

    def __init__(
        self,
        model: str = "auto",
        *,
        seed: int = 0,
        modalities: str | Sequence[str] = (),
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.seed = seed
        self.modalities = modalities
        self.device = device
        self.settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> "Aligner":
        """Change constructor arguments; ``settings__training__epochs=3`` changes one of the nested settings.

        Raises:
            UsageError: an unknown argument.
        """
        for name in params:
            first, nested, rest = name.partition("__")
            if first not in PARAMETERS or (nested and (first != "settings" or not all(rest.split("__")))):
                raise UsageError(f"unknown parameter {brief(name)}; {nearest(first, PARAMETERS)}")
        changed: dict[str, Any] = {}
        for name, value in sorted(params.items()):  # settings as a whole first
            first, _, rest = name.partition("__")
            before = changed.get(first, self.settings) or {}
            changed[first] = _with_setting(before, rest.split("__"), value) if rest else value
        for name, value in changed.items():
            setattr(self, name, value)
        return self

    def fit(
        self, task: AlignmentTask, y: Any = None, *, progress: bool | None = None, callbacks: Sequence[Any] = ()
    ) -> "Aligner":
        """Learn from the task's training links; choices are made on its validation links.

        Args:
            task: two graphs and their links.
            y: ignored; scikit-learn passes it.
            progress, callbacks: as for ``align``.
        """
        self.result_ = align(
            task,
            self.model,
            seed=self.seed,
            modalities=self.modalities,
            device=self.device,
            settings=self.settings,
            progress=progress,
            callbacks=callbacks,
        )
        return self

    @overload
    def transform(self, task: AlignmentTask | None = None) -> tuple[FloatArray, FloatArray]: ...

    @overload
    def transform(self, task: Any, side: str) -> FloatArray: ...

    def transform(
        self, task: AlignmentTask | None | Any = None, side: str | None = None
    ) -> tuple[FloatArray, FloatArray] | FloatArray:
        """Embeddings of the entities of ``fit``, or of a graph that has new entities.

        Args:
            task: with the graphs of ``fit``, and any links; by default the task of ``fit``. Or a graph, with ``side``:
                its entities are embedded without training, see ``AlignmentResult.transform``.
            side: the graph of ``fit`` that a new graph belongs to, ``left`` or ``right``.

        Returns:
            Unit rows of the left and the right graph, ``[n1, D]`` and ``[n2, D]``; of a graph, ``[n, D]``.

        Raises:
            InputError: ``task`` has other graphs than that of ``fit``, or a new graph shares nothing with it.
            UsageError: no such side, or a graph without one.
        """
        result = self._fitted()
        if task is None or isinstance(task, AlignmentTask):
            if side is not None:
                raise UsageError("a side, left or right, belongs to a new graph; a task has both")
            self._check_graphs(task)
            return result.left, result.right
        if side is None:
            raise UsageError(
                f"expected a task, or a graph and the side that it belongs to, left or right; got {brief(task)}"
            )
        return result.transform(task, side)

    def fit_transform(self, task: AlignmentTask, y: Any = None) -> tuple[FloatArray, FloatArray]:
        """The embeddings after ``fit``, as ``transform`` returns them; ``y`` is ignored."""
        return self.fit(task, y).transform()

    def predict(
        self, task: AlignmentTask | int | None = None, k: int = 1, threshold: float | None = None
    ) -> list[Prediction]:
        """The k best counterparts of every left entity among all right entities.

        Args:
            task: with the graphs of ``fit``; may be left out. ``predict(5)`` is ``predict(k=5)``.
            k: number of counterparts per entity; if there are fewer right entities, all of them.
            threshold: least confidence, in [0, 1]; predictions below it are left out.

        Raises:
            UsageError: k or the threshold is out of range, or there is a threshold but the result has no
                confidences.
            InputError: ``task`` has other graphs than that of ``fit``.
        """
        result = self._fitted()
        if isinstance(task, (int, np.integer)):
            return self.predict(None, int(task), threshold)
        self._check_graphs(task)
        if threshold is not None:
            check_threshold(threshold)
        found, confidence = result.neighbors(k)
        if threshold is not None and confidence is None:
            raise UsageError(f"a threshold needs confidences, {NO_CONFIDENCES}", advice=MORE_LINKS)
        left, right = result.entities
        places = np.argwhere(found.present)
        scores = result.scores(np.stack([places[:, 0], found.ids[found.present]], axis=1)).tolist()
        predictions = []
        for (row, place), score in zip(places.tolist(), scores, strict=True):
            sure = None if confidence is None else float(confidence[row, place])
            if threshold is None or (sure is not None and sure >= threshold):
                answer = right.labels[found.ids[row, place]]
                predictions.append(Prediction(left.labels[row], answer, place + 1, score, sure))
        return predictions

    def score(self, task: AlignmentTask | None = None, y: Any = None) -> float:
        """Hits@1 from left to right on the test links of a task.

        Args:
            task: with the graphs of ``fit``, and any test links; by default the task of ``fit``. Of a task without test
                links, such as a part ``task[rows]``, those training and validation links count that ``fit`` was not
                given.
            y: ignored; scikit-learn passes it.

        Raises:
            InputError: ``task`` has other graphs than that of ``fit``, or there are no such links.
        """
        result = self._fitted()
        self._check_graphs(task)
        links = None if task is None else task.links.test
        if task is not None and len(task.links.test) == 0:
            links = self._held_out(task)
        metrics = result.evaluate(links=links)
        if not metrics:
            raise InputError("there are no test links to score on")
        return metrics["left_to_right"]["hits@1"]

    def _held_out(self, task: AlignmentTask) -> IntArray:
        """Training and validation links of a task that ``fit`` was not given."""
        result, known = self._fitted(), np.concatenate([task.links.train, task.links.valid])
        given = set(map(tuple, given_links(result.links, result.protocol).tolist()))
        return known[[tuple(link) not in given for link in known.tolist()]]

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a run folder, which ``from_pretrained`` reads."""
        return self._fitted().save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Aligner":
        """Read an aligner from a run folder that ``save_pretrained`` or ``mmkg align --out`` wrote.

        The aligner has all settings of the run, so that ``fit`` on the same task gives the same result. The device is
        that of the run, or ``auto`` if this machine does not have it.

        Raises:
            InputError: no run, or a damaged one.
        """
        result = AlignmentResult.load(folder, device=None)
        settings = result.experiment.to_dict()
        model, seed = settings.pop("model"), settings.pop("seed")
        modalities = tuple(settings["features"].pop("modalities", ()))
        aligner = cls(model, seed=seed, modalities=modalities, device=result.device, settings=settings)
        aligner.result_ = result
        return aligner

    # --- the protocol of scikit-learn

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "result_")

    def __sklearn_tags__(self) -> Any:
        utils: Any = sys.modules["sklearn.utils"]  # of the caller; mmkg does not need scikit-learn

        return utils.Tags(
            estimator_type=None,
            target_tags=utils.TargetTags(required=False),
            transformer_tags=utils.TransformerTags(preserves_dtype=[]),
            input_tags=utils.InputTags(two_d_array=False),
            no_validation=True,
        )

    def _facts(self) -> dict[str, Any]:
        """Arguments other than the defaults, and the model."""
        given = {name: getattr(self, name) for name in PARAMETERS}
        return {name: value for name, value in given.items() if name == "model" or not same(value, PARAMETERS[name])}

    def __repr__(self) -> str:
        return f"Aligner({', '.join(f'{name}={brief(value)}' for name, value in self._facts().items())})"

    def _check_graphs(self, task: AlignmentTask | None) -> None:
        """Refuse a task with other graphs than those of ``fit``."""
        if task is None:
            return
        if not isinstance(task, AlignmentTask):
            raise UsageError(f"expected an AlignmentTask, got {brief(task)}; mmkg.load reads one")
        result = self._fitted()
        if result.record.graphs:
            equal = list(result.record.graphs) == list(task.graph_fingerprints())
        else:  # a run of an older version
            equal = [table.labels for table in result.entities] == [task.left.entities, task.right.entities]
        if not equal:
            raise InputError("this aligner was fitted on other data; call fit on the new task")

    def _fitted(self) -> AlignmentResult:
        if not hasattr(self, "result_"):
            raise UsageError("this aligner is not fitted; call fit(task) first")
        return self.result_


def _with_setting(settings: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Nested settings with one value changed; the given ones stay as they are."""
    found = {key: each for key, each in settings.items() if key != ".".join(path)}
    if len(path) == 1:
        return {**found, path[0]: value}
    inner = settings.get(path[0], {})
    if not isinstance(inner, Mapping):
        raise UsageError(f"settings: {path[0]!r} is a single value and has no setting {path[1]!r}")
    return {**found, path[0]: _with_setting(inner, path[1:], value)}
