import numpy as np
import pytest

from mmkg.data.features.registry import has_modality
from mmkg.errors import UsageError
from mmkg.sources.hide import hide
from mmkg.sources.synthetic import twin_graphs

TASK = twin_graphs(200, overlap=0.5, missing={}, seed=1)


def present(task, modality):
    return [has_modality(graph, modality) for graph in (task.left, task.right)]


@pytest.mark.parametrize("modality", ["image", "name", "attribute"])
@pytest.mark.parametrize("ratio", [0, 0.25, 1])
def test_the_share_is_hidden_on_both_sides(modality, ratio):
    before = present(TASK, modality)
    hidden = hide(TASK, modality, ratio)
    for side, was, now in zip(("left", "right"), before, present(hidden, modality), strict=True):
        assert (
            was.sum() - now.sum()
            == round(ratio * was.sum())
            == hidden.notes[f"{side}: entities with hidden {modality}"]
        )
        assert not (now & ~was).any()
    assert all((a == b).all() for a, b in zip(before, present(TASK, modality), strict=True))


@pytest.mark.parametrize("modality", ["image", "name", "attribute"])
def test_what_is_left_is_as_it_was(modality):
    hidden = hide(TASK, modality, 0.5)
    for was, now in ((TASK.left, hidden.left), (TASK.right, hidden.right)):
        kept = has_modality(now, modality)
        if modality == "image":
            assert (now.images.features == was.images.features[kept]).all()
        elif modality == "name":
            assert [n for n in now.names if n] == [n for n, keep in zip(was.names, kept, strict=True) if keep]
        else:
            found = set(zip(now.attributes.entity.tolist(), now.attributes.attribute.tolist(), strict=True))
            expected = zip(was.attributes.entity.tolist(), was.attributes.attribute.tolist(), strict=True)
            assert found == {(e, a) for e, a in expected if kept[e]}
            assert now.attributes.names == was.attributes.names
            assert len(now.attributes.values) == len(now.attributes)
        assert (now.triples == was.triples).all()
    assert hidden.links is TASK.links


def test_a_larger_ratio_hides_what_a_smaller_one_hides():
    some, more = (present(hide(TASK, "image", ratio, seed=5), "image") for ratio in (0.3, 0.6))
    assert all(not (b & ~a).any() for a, b in zip(some, more, strict=True))


def test_the_sides_and_the_seeds_are_independent():
    left, right = present(hide(TASK, "image", 0.5, seed=5), "image")
    other = present(hide(TASK, "image", 0.5, seed=6), "image")[0]
    for a, b in ((left, right), (left, other)):
        assert 0.3 < (a == b).mean() < 0.7


def test_linked_only_spares_entities_without_a_link():
    hidden = hide(TASK, "image", 0.4, linked_only=True)
    for side, now in enumerate(present(hidden, "image")):
        linked = np.zeros(200, bool)
        linked[TASK.links.all()[:, side]] = True
        assert now[~linked].all() and now[linked].sum() == 60  # of 100 linked entities


@pytest.mark.parametrize(
    ("modality", "ratio", "message"),
    [
        ("structure", 0.5, "cannot hide 'structure'; .*known: attribute, image, name"),
        ("images", 0.5, "did you mean 'image'"),
        ("image", 1.5, r"ratio must be in \[0, 1\], got 1.5"),
        ("image", float("nan"), "ratio must be in"),
    ],
)
def test_what_cannot_be_hidden_is_refused(modality, ratio, message):
    with pytest.raises(UsageError, match=message):
        hide(TASK, modality, ratio)


def test_hiding_what_nobody_has_is_refused():
    with pytest.raises(UsageError, match="no entity of task 'twins-10' has it"):
        hide(twin_graphs(10, image_dim=0, missing={}), "image", 0.5)


def test_presence_knows_its_modalities():
    with pytest.raises(UsageError, match="did you mean 'relation'"):
        has_modality(TASK.left, "relations")
