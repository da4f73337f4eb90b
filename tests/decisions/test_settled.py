"""What holds of decisions: the last word of each person, nothing that people dispute."""

from dataclasses import replace

import pytest

from mmkg.decisions.decision import Decision, author_of
from mmkg.decisions.settled import settled
from mmkg.errors import InputError


def said(text, author="Ada"):
    """``a=x`` accepts, ``a!x`` rejects, ``a-`` and ``-x`` have no counterpart."""
    if text.endswith("-"):
        return Decision(text[:-1], None, "no_counterpart", author)
    if text.startswith("-"):
        return Decision(None, text[1:], "no_counterpart", author)
    sign = "=" if "=" in text else "!"
    left, right = text.split(sign)
    return Decision(left, right, {"=": "accept", "!": "reject"}[sign], author)


def shown(decision):
    return {
        "accept": f"{decision.left}={decision.right}",
        "reject": f"{decision.left}!{decision.right}",
        "no_counterpart": f"{decision.left or ''}-{decision.right or ''}",
    }[decision.verdict]


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("a=x", "a=x"),
        ("a=x a!x", "a!x"),
        ("a!x a=x", "a=x"),
        ("a=x a=y", "a=y"),  # another counterpart
        ("a=x b=x", "b=x"),
        ("a!x a!y a=z", "a!x a!y a=z"),  # rejecting two candidates before the third
        ("a=x a-", "a-"),
        ("a- a=x", "a=x"),
        ("a=x -x", "-x"),
        ("a- -x a=x", "a=x"),
        ("a- a!x", "a- a!x"),
        ("a=x b=y a!x", "b=y a!x"),
    ],
)
def test_the_last_word_of_a_person_counts(stated, kept):
    found = settled([said(each) for each in stated.split()])
    assert [shown(each) for each in found.decisions] == kept.split() and not found.disputed


def test_several_counterparts_hold_where_links_are_not_one_to_one():
    found = settled([said("a=x"), said("a=y")], one_to_one=False)
    assert [shown(each) for each in found.decisions] == ["a=x", "a=y"]


@pytest.mark.parametrize(
    ("ada", "ben", "kept", "disputed"),
    [
        ("a=x", "a=x", "a=x", 0),
        ("a=x", "a!x", "", 1),
        ("a=x", "a=y", "", 1),
        ("a=x", "a-", "", 1),
        ("a=x b=y", "a!x b=y", "b=y", 1),
        ("a!x", "a=y", "a!x a=y", 0),
        ("a=x", "-x", "", 1),
        ("a=x a!x", "a!x", "a!x", 0),  # the first word of Ada is no dispute
    ],
)
def test_what_two_people_dispute_does_not_hold(ada, ben, kept, disputed):
    found = settled([said(each) for each in ada.split()] + [said(each, "Ben") for each in ben.split()])
    assert [shown(each) for each in found.decisions] == kept.split() and len(found.disputed) == disputed


def test_a_dispute_is_a_sentence_with_both_words():
    (sentence,) = settled([said("a=x"), said("a!x", "Ben")]).disputes()
    assert sentence == "not used, people disagree: Ada: 'a' = 'x'; Ben: 'a' is not 'x'"


def test_an_undone_decision_counts_for_nothing():
    found = settled([said("a=x"), replace(said("a=y"), undone=True)])
    assert [shown(each) for each in found.decisions] == ["a=x"]


def test_many_decisions_take_time_in_proportion():
    found = settled([said(f"a{n}=x{n % 50_000}") for n in range(100_000)])  # quadratic code would not end
    assert len(found.decisions) == 50_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"verdict": "maybe"}, "expected a verdict accept, reject, no_counterpart, got 'maybe'"),
        ({"right": None}, "expected a left and a right entity to accept, got 1 of them"),
        ({"verdict": "no_counterpart"}, "expected one entity without a counterpart, got 2"),
        ({"left": ""}, "expected labels of one character at least"),
        ({"comment": "x" * 4001}, "expected a text of at most 4,000 characters, got 4,001"),
        ({"left": "\ud800"}, "expected text that UTF-8 can hold"),
        ({"date": "yesterday"}, "expected a date such as 2026-05-31"),
    ],
)
def test_a_decision_that_is_none_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        Decision(**{"left": "a", "right": "x", "verdict": "accept"} | values)


@pytest.mark.parametrize(
    "text", ["0000-0002-1825-0097", "orcid:0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097"]
)
def test_an_orcid_is_an_iri(text):
    assert author_of(text) == "https://orcid.org/0000-0002-1825-0097"


def test_another_author_is_a_name():
    assert author_of("  Ada   Lovelace ") == "Ada Lovelace"
