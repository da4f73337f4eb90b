import pytest

from mmkg.errors import UsageError
from mmkg.evaluation import Protocol


def test_a_whole_protocol_says_nothing_of_samples():
    text = Protocol(num_train=5, num_valid=6, num_test=7, seed=1).describe()
    assert "sampled" not in text and "a side" not in text
    assert "selected on validation links; links 5 train / 6 valid / 7 test" in text


def test_a_sample_is_told_with_its_size_and_seed():
    text = Protocol(num_test=700_000, num_test_ranked=10_000, seed=0).describe()
    assert text.startswith("10,000 of 700,000 test links, sampled (seed 0); candidates: ")
    assert Protocol(num_test=20, num_test_ranked=10).describe().startswith("10 of 20 test links, sampled; ")


def test_sampled_validation_is_told_with_its_candidates():
    text = Protocol(num_valid=30_000, num_valid_ranked=1000, valid_candidates=50_000, seed=3).describe()
    assert "selected on 1,000 of 30,000 validation links, sampled (seed 3) among 50,000 entities a side; " in text
    assert "TEST links" in Protocol(selection="test", num_valid_ranked=5).describe()


def test_an_assignment_is_named_before_all_else():
    text = Protocol(rescoring="sinkhorn", num_test=9, num_test_ranked=3, modalities=("name",)).describe()
    assert text.startswith("RE-SCORED BY SINKHORN over all queries at once, not comparable with plain ranking; 3 of 9")
    assert "RE-SCORED" not in Protocol().describe()


def test_rounds_are_those_that_were_kept_and_make_test_entities_take_part():
    part = "; transductive: test entities took part, their links did not; without names"
    assert "; refined by soft matches, 1 round" + part in Protocol(refined=1).describe()
    assert "iterative, 2 rounds of pseudo-links kept" + part in Protocol(iterative=True, pseudo_rounds=2).describe()
    none = Protocol(iterative=True, pseudo_rounds=0)
    assert "iterative, no round of pseudo-links kept; without" in none.describe() and not none.transductive
    assert "; iterative; transductive" in Protocol(iterative=True).describe()  # of older versions
    assert "not iterative; without names" in Protocol().describe()


def test_names_that_enter_as_values_are_told():
    some = {"attribute": ("foaf:name",), "value": ("a", "b", "foaf:name", "rdfs:label")}
    text = Protocol(surface_names=True, surface_values=some).describe()
    assert "with names, by values of foaf:name, a, b and 1 other;" in text
    assert "with names;" in Protocol(surface_names=True).describe()


@pytest.mark.parametrize(
    "options", [{"candidates": "tests"}, {"selection": "valid"}, {"csls_k": -1}, {"rescoring": "yes"}]
)
def test_what_is_no_protocol_is_refused(options):
    with pytest.raises(UsageError):
        Protocol(**options)
