"""Neo4j databases, with a driver that answers from lists: paging, labels, values, and one line for every error."""

import sys
from types import SimpleNamespace

import neo4j
import pytest
from neo4j.exceptions import ConfigurationError, Neo4jError, ServiceUnavailable
from neo4j.time import Date
from reader_cases import facts, triples

import mmkg
import mmkg.data.formats.neo4j_database as database
from mmkg.data.formats.graphs import read_graph_data
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.urls import Url
from mmkg.errors import InputError, MissingPackageError, UsageError

NODES = {  # by element id; the ids are texts, so that 10 comes before 9
    f"4:x:{number}": (["Person"] if number % 2 else ["City"], {"name": f"n{number}", "age": number})
    for number in range(12)
}
NODES["4:x:3"] = (["Person", "Actor"], {"title": "Dr", "born": Date(1999, 5, 1), "also": ["a", "b"], "image": "p.jpg"})
EDGES = {f"5:x:{number}": (f"4:x:{number}", f"4:x:{(number * 5 + 2) % 12}", {"since": 1}) for number in range(12)}


class Driver:
    """Answers the two queries as a server does, and records what it was given."""

    def __init__(self, error=None, stuck=False):
        self.calls, self.error, self.stuck, self.opened = [], error, stuck, None

    def __call__(self, uri, auth=None):
        self.opened = (uri, auth)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def verify_connectivity(self):
        self.verified = True

    def execute_query(self, query, values, database_=None, routing_=None):
        self.calls.append((query, values, database_, routing_))
        if self.error is not None:
            raise self.error
        assert "ORDER BY id LIMIT $page" in query and "> $after" in query
        wanted = set(values.get("labels", ()))
        good = {key for key, (labels, _) in NODES.items() if not wanted or wanted & set(labels)}
        if query.startswith("MATCH (n)"):
            assert ("labels(n) WHERE label IN $labels" in query) == bool(wanted)
            rows = [{"id": key, "labels": NODES[key][0], "properties": NODES[key][1]} for key in sorted(good)]
        else:
            rows = [
                {"id": key, "start": start, "type": "KNOWS", "end": end, "properties": len(values)}
                for key, (start, end, values) in sorted(EDGES.items())
                if start in good and end in good
            ]
        after = "" if self.stuck else values["after"]
        return SimpleNamespace(records=[row for row in rows if row["id"] > after][: values["page"]])


@pytest.fixture
def server(monkeypatch):
    def install(**options):
        driver = Driver(**options)
        monkeypatch.setattr(neo4j.GraphDatabase, "driver", driver)
        return driver

    for name in (database.USER, database.PASSWORD):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(database, "PAGE", 5)
    return install


def test_nodes_and_relationships_are_read_by_pages(server):
    driver, faults = server(), Faults()
    graph = read_graph_data(Url("bolt://host:7687"), faults).graph
    assert graph.entities == tuple(sorted(NODES))
    assert sorted(triples(graph)) == sorted((start, "KNOWS", end) for start, end, _ in EDGES.values())
    assert graph.label(graph.entities.index("4:x:10")) == "n10"
    row = graph.entities.index("4:x:3")
    assert graph.names[row] == "Dr" and graph.pictures[row] == "p.jpg"
    own = {fact[1:3] for fact in facts(graph) if fact[0] == "4:x:3"}
    assert own == {("label", "Person"), ("label", "Actor"), ("born", "1999-05-01"), ("also", "a"), ("also", "b")}
    assert [values["after"] for query, values, *_ in driver.calls if query.startswith("MATCH (n)")] == [
        "",
        "4:x:2",  # 0, 1, 10, 11, 2
        "4:x:7",
        "4:x:9",
    ]
    assert len(driver.calls) == 8 and {call[3] for call in driver.calls} == {"r"} and driver.closed
    assert faults.notes == {"host:7687: properties of relationships left out": 12}


def test_labels_after_the_sign_restrict_nodes_and_relationships(server):
    server()
    graph = mmkg.read_graph("bolt://host#Person, :Actor")
    assert set(graph.entities) == {key for key, (labels, _) in NODES.items() if "Person" in labels}
    expected = [(a, "KNOWS", b) for a, b, _ in EDGES.values() if a in graph.entities and b in graph.entities]
    assert sorted(triples(graph)) == sorted(expected)


@pytest.mark.parametrize(
    ("address", "variables", "opened", "name"),
    [
        ("bolt://host", {}, ("bolt://host", None), None),
        ("neo4j+s://ann@host:1/films", {"NEO4J_PASSWORD": "pw"}, ("neo4j+s://host:1", ("ann", "pw")), "films"),
        ("neo4j://host/films", {"NEO4J_PASSWORD": "pw"}, ("neo4j://host", ("neo4j", "pw")), "films"),
        ("neo4j://host", {"NEO4J_USERNAME": "bo", "NEO4J_PASSWORD": "pw"}, ("neo4j://host", ("bo", "pw")), None),
        ("neo4j://ann:p%40w@host", {"NEO4J_PASSWORD": "other"}, ("neo4j://host", ("ann", "p@w")), None),
    ],
)
def test_user_password_and_database_come_from_address_and_environment(
    server, monkeypatch, address, variables, opened, name
):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    driver = server()
    mmkg.read_graph(address)
    assert driver.opened == opened and driver.verified and {call[2] for call in driver.calls} == {name}


def refusal(code, message):
    """An error as the driver makes it of what a server answers."""
    hydrate = getattr(Neo4jError, "_hydrate_neo4j", None) or Neo4jError.hydrate  # the second in the driver 5.14
    return hydrate(code=f"Neo.ClientError.{code}", message=message)


ERRORS = [
    (
        refusal("Security.Unauthorized", "The client is unauthorized\nby failure"),
        "the server refuses user or password: The client is unauthorized by failure; give the user in the address",
    ),
    (
        ServiceUnavailable("Couldn't connect to\nhost:7687"),
        "the server cannot be reached: Couldn't connect to host:7687",
    ),
    (
        refusal("Database.DatabaseNotFound", "Database does not exist"),
        "the server answers Neo.ClientError.Database.DatabaseNotFound: Database does not exist",
    ),
    (
        refusal("Statement.SyntaxError", "Unknown function 'elementId'"),
        "Unknown function 'elementId'; elementId needs Neo4j 5 or newer",
    ),
    (ConfigurationError("bad\nscheme"), "ConfigurationError: bad scheme"),
]


@pytest.mark.parametrize(("error", "message"), ERRORS, ids=range(len(ERRORS)))
def test_an_error_of_the_server_is_one_line_without_the_password(server, error, message):
    server(error=error)
    with pytest.raises(InputError) as caught:
        mmkg.read_graph("neo4j://ann:secret@host/films")
    text = str(caught.value)
    assert text.startswith("host/films: ") and message in text and "\n" not in text and "secret" not in text


def test_a_page_that_comes_again_and_an_empty_answer_are_errors(server):
    server(stuck=True)
    with pytest.raises(InputError, match="expected ids after '4:x:2', got '4:x:2': the same page again"):
        mmkg.read_graph("bolt://host")
    server()
    with pytest.raises(InputError, match="host: expected at least one node labelled Ghost, got none"):
        mmkg.read_graph("bolt://host#Ghost")


def test_a_database_and_a_file_are_aligned_from_the_command_line(server, tmp_path, run):
    server()
    right, links = tmp_path / "right.tsv", tmp_path / "links.tsv"
    right.write_text("".join(f"{a[2:]}\tknows\t{b[2:]}\n" for a, b, _ in EDGES.values()))
    links.write_text("4:x:0\tx:0\n4:x:1\tx:1\n4:x:5\tx:5\n")
    done = run("align", "bolt://host/films", right, "--links", links, "--model", "propagation")
    assert done.code == 0, done.err


def test_a_setting_of_files_has_no_effect_and_an_unreachable_server_says_so():
    with pytest.raises(UsageError, match="languages has no effect on host"):
        mmkg.read_graph("bolt://host", languages=("en",))
    with pytest.raises(InputError, match="127.0.0.1:1: the server cannot be reached: "):
        mmkg.read_graph("bolt://127.0.0.1:1")


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "neo4j", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\[neo4j\]'"):
        mmkg.read_graph("bolt://host")
