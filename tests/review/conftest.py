"""A run small enough that every count can be worked out by hand, and one with every modality."""

import pytest

import mmkg
from mmkg.review import RunView

LEFT = [("Curie", "born in", "Warsaw"), ("Curie", "married", "Pierre"), ("Warsaw", "in", "Poland")]
RIGHT = [("M. Curie", "birthplace", "Warszawa"), ("P. Curie", "spouse", "M. Curie"), ("Warszawa", "part of", "Polska")]
SETTINGS = {"data.train_ratio": 1.0, "search.store": "float32"}


@pytest.fixture(scope="session")
def curies():
    """Two links are known; no confidences, no test links."""
    links = [("Warsaw", "Warszawa"), ("Pierre", "P. Curie")]
    return RunView(mmkg.align(LEFT, RIGHT, links, model="propagation", settings=SETTINGS))


@pytest.fixture(scope="session")
def view(small_result):
    """The view of a run with confidences and test links."""
    return RunView(small_result)
