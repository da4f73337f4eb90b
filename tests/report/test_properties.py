from mmkg.data.links.sssom_read import read_sssom
from mmkg.data.relations import RelationPair
from mmkg.report.properties import relations_sssom, relations_tsv

PAIRS = [
    RelationPair("http://e/capital", "http://f/hauptstadt", "relation", False, 19, 20, 19, 0.25, 1.0),
    RelationPair("http://e/parent", "http://f/kind", "relation", True, 10, 10, 10, 0.0, 1.0),
    RelationPair("http://e/near", "http://f/bei", "relation", False, 3, 9, 4, 0.0, 1.0),
    RelationPair("http://e/before", "http://f/nach", "relation", True, 2, 9, 4, 0.0, 1.0),
]


def test_a_table_has_counts_probabilities_and_equality():
    header, first, *_ = relations_tsv(PAIRS)
    row = dict(zip(header.rstrip().split("\t"), first.rstrip().split("\t"), strict=True))
    assert row["left"] == "http://e/capital" and row["inverse"] == "0" and row["support"] == "19"
    assert (row["left_in_right"], row["right_in_left"], row["equality"]) == ("0.95", "1", "0.9744")


def test_sssom_names_equal_and_inverse_properties(tmp_path):
    path = tmp_path / "r.sssom.tsv"
    path.write_text("".join(relations_sssom(PAIRS, least=0.9)))
    assert '#subject_type: "rdf property"\n#object_type: "rdf property"\n' in path.read_text()
    assert [(each.left, each.predicate, each.right) for each in read_sssom(path)] == [
        ("http://e/capital", "owl:equivalentProperty", "http://f/hauptstadt"),
        ("http://e/parent", "owl:inverseOf", "http://f/kind"),
        ("http://e/near", "skos:closeMatch", "http://f/bei"),
        ("http://e/before", "skos:relatedMatch", "http://f/nach"),
    ]
    assert "equivalentProperty" not in "".join(relations_sssom(PAIRS, least=0.99))
