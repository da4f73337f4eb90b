"""Messages stay short whatever a call was given; names are completed and explained."""

import pickle
import pydoc
import rlcompleter

import numpy as np
import pytest

import mmkg
from mmkg.errors import InputError, MissingPackageError, UsageError, brief

LARGE = {
    "list": list(range(200_000)),
    "dict": {str(number): number for number in range(50_000)},
    "array": np.zeros((300, 300)),
    "text": "x" * 500_000,
    "lines": "a\nb" * 5000,
}
CALLS = {
    "training": lambda task, value: mmkg.align(task, "propagation", settings={"training": value}),
    "epochs": lambda task, value: mmkg.align(task, "propagation", settings={"training": {"epochs": value}}),
    "search": lambda task, value: mmkg.align(task, "propagation", settings={"search": value}),
    "index": lambda task, value: mmkg.align(task, "propagation", settings={"search": {"index": value}}),
    "key": lambda task, value: mmkg.align(task, "propagation", settings={"training": {str(value): 1}}),
    "model": lambda task, value: mmkg.align(task, str(value)),
    "seed": lambda task, value: mmkg.align(task, "propagation", seed=value),
    "ratio": lambda task, value: mmkg.load("emoji-fr-en", train_ratio=value),
    "parameter": lambda task, value: mmkg.Aligner().set_params(**{str(value)[:50_000]: 1}),
    "nprobe": lambda task, value: mmkg.build_index(np.eye(3, dtype=np.float32), kind="ivf", nprobe=value),
    "kind": lambda task, value: mmkg.build_index(np.eye(3, dtype=np.float32), kind=value),
    "k": lambda task, value: mmkg.build_index(np.eye(3), kind="exact").search(np.eye(3), value),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", LARGE)
def test_a_message_never_contains_a_whole_value(small_task, call, kind):
    with pytest.raises(UsageError) as caught:
        CALLS[call](small_task, LARGE[kind])
    assert len(str(caught.value)) < 5000
    if call not in ("key", "model"):
        assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [42, "emoji-fr-en", ["a"], np.eye(2)])
def test_an_aligner_names_what_it_was_given_in_place_of_a_task(small_result, value):
    aligner = mmkg.Aligner()
    aligner.result_ = small_result
    for question in (aligner.transform, aligner.score):
        with pytest.raises(
            UsageError, match="expected (an AlignmentTask|a task, or a graph and .*), got |; got "
        ) as caught:
            question(value)
        assert brief(value) in str(caught.value)


def test_errors_are_cut_pickled_and_keep_their_place():
    for error in (UsageError("x" * 10**6), MissingPackageError("x" * 10**6), InputError("x" * 10**6, "file.ttl", 3)):
        assert len(str(error)) < 4100 and str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(InputError("wrong", "file.ttl", 3)) == "file.ttl:3: wrong" and str(UsageError("short")) == "short"


def test_public_names_are_listed_and_explained():
    assert dir(mmkg) == sorted([*mmkg.__all__, "__version__"])
    for name in mmkg.__all__:
        text = pydoc.render_doc(getattr(mmkg, name))
        assert len(text.splitlines()) >= 4, name
    assert "ranks_only" in pydoc.render_doc(mmkg.align) and "Returns:" in pydoc.render_doc(mmkg.align)
    assert "GridSearchCV" in pydoc.render_doc(mmkg.Aligner)


def test_the_attributes_of_a_result_are_completed(small_result, monkeypatch):
    monkeypatch.setattr(type(small_result), "match", lambda self: pytest.fail("completion computed the matches"))
    found = rlcompleter.Completer({"result": small_result})
    names = []
    while (name := found.complete("result.", len(names))) is not None:
        names.append(name)
    for name in ("search(", "neighbors(", "evaluate(", "save("):
        assert f"result.{name}" in names
    assert {"result.matching", "result.metrics", "result.left", "result.record"} <= set(names)
