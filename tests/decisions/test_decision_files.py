"""Decisions as SSSOM, and what is read of files."""

import pytest

from mmkg.data.links.sssom_read import read_sssom
from mmkg.data.parsing.columns import Faults
from mmkg.decisions.decision import Decision
from mmkg.decisions.read import decided_labels, read_decisions
from mmkg.decisions.sssom import decision_lines, write_decisions
from mmkg.decisions.store import DecisionStore
from mmkg.errors import InputError, UsageError

ORCID = "https://orcid.org/0000-0002-1825-0097"
MADE = [
    Decision("http://a/1", "http://b/1", "accept", "Ada Lovelace", "2026-05-30T10:00:00Z", "same birth date"),
    Decision("http://a/2", "http://b/2", "reject", ORCID, "2026-05-31", "a tab\there, a line\nthere"),
    Decision("plain label", None, "no_counterpart", "", "2026-05-31"),
    Decision(None, "数", "no_counterpart", "Ada Lovelace"),
]
CURATED = "semapv:ManualMappingCuration"
HEAD = "#curie_map:\n#  A: http://a/\n#  B: http://b/\n"
NAMES = "subject_id\tpredicate_id\tpredicate_modifier\tobject_id\tmapping_justification\tauthor_id\n"


def plain(decision):
    return decision.left, decision.right, decision.verdict, decision.author, decision.date[:10], decision.comment


def test_a_file_gives_its_decisions_back(tmp_path):
    write_decisions(tmp_path / "d.sssom.tsv", MADE)
    found = read_decisions(tmp_path / "d.sssom.tsv")
    assert [plain(each) for _, each in found] == [plain(each) for each in MADE]
    assert [line for line, _ in found][:2] == [10, 11]


def test_the_lines_are_those_of_sssom():
    lines = list(decision_lines(MADE[:2], lambda side, label: f"{side}{label[-1]}"))
    assert lines[-3] == (
        "subject_id\tsubject_label\tpredicate_id\tpredicate_modifier\tobject_id\tobject_label\tmapping_justification\t"
        "author_id\tmapping_date\tconfidence\tcomment\n"
    )
    assert lines[-2].split("\t")[:8] == ["ns1:1", "01", "owl:sameAs", "", "ns2:1", "11", CURATED, "ns3:Ada%20Lovelace"]
    assert lines[-1].split("\t")[3] == "Not" and lines[-1].split("\t")[7] == "orcid:0000-0002-1825-0097"
    assert '#  orcid: "https://orcid.org/"\n' in lines and '#mapping_set_id: "urn:mmkg:decisions"\n' in "".join(lines)


def test_an_entity_without_a_counterpart_is_mapped_to_no_term(tmp_path):
    write_decisions(tmp_path / "d.sssom.tsv", MADE[2:])
    assert "\tsssom:NoTermFound\t" in (tmp_path / "d.sssom.tsv").read_text()
    assert [(each.left, each.right) for each in read_sssom(tmp_path / "d.sssom.tsv")] == [
        ("plain label", None),
        (None, "数"),
    ]


def test_what_was_undone_is_not_exported():
    undone = Decision("a", "x", "accept", undone=True)
    assert len(list(decision_lines([undone]))) == 4  # the metadata and the names of columns


def test_mappings_that_a_program_computed_are_no_decisions(tmp_path):
    computed = "A:3\towl:sameAs\t\tB:3\tsemapv:LexicalMatching\t\n"
    rows = f"A:1\tskos:exactMatch\t\tB:1\t{CURATED}\t\nA:2\towl:sameAs\tNot\tB:2\tsemapv:LexicalMatching\tA:me\n"
    (tmp_path / "d.tsv").write_text(HEAD + NAMES + rows + computed + f"A:4\tskos:broadMatch\t\tB:4\t{CURATED}\t\n")
    faults = Faults()
    found = read_decisions(tmp_path / "d.tsv", faults)
    assert [(line, each.left, each.verdict, each.author) for line, each in found] == [
        (5, "http://a/1", "accept", ""),
        (6, "http://a/2", "reject", "http://a/me"),
    ]
    assert faults.notes == {
        "d.tsv: mappings that a program computed, no decisions": 1,
        "d.tsv: mappings by other predicates, no decisions": 1,
    }
    (tmp_path / "c.tsv").write_text(HEAD + NAMES + computed)
    with pytest.raises(InputError, match="expected at least one decision of a person, got 1 computed by a program"):
        read_decisions(tmp_path / "c.tsv")


def test_a_store_and_its_run_folder_are_read_too(tmp_path):
    store = DecisionStore.of(tmp_path)
    store.extend(MADE)
    store.undo()
    store.close()
    for place in (tmp_path, tmp_path / "decisions.sqlite"):
        assert [each.undone for _, each in read_decisions(place)] == [False, False, False, True]
    labels = decided_labels(tmp_path)
    assert labels.accepted.left == ["http://a/1"] and labels.rejected.right == ["http://b/2"]
    assert labels.alone == [(0, "plain label")]


def test_a_folder_without_decisions_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="this folder has no decisions; mmkg review RUN makes them"):
        read_decisions(tmp_path)


def test_disputes_are_counted_and_left_out():
    faults = Faults()
    found = decided_labels([Decision("a", "x", "accept", "Ada"), Decision("a", "x", "reject", "Ben")], faults=faults)
    assert not len(found.accepted.left) and not len(found.rejected.left)
    assert list(faults.notes) == ["decisions: not used, people disagree: Ada: 'a' = 'x'; Ben: 'a' is not 'x'"]


def test_something_else_is_refused():
    with pytest.raises(UsageError, match="expected a file of decisions, or a list of Decision"):
        decided_labels([("a", "b")])
