"""Graphs of SPARQL endpoints: the same as the file that the endpoint serves, however it cuts its answers."""

import sys
import traceback

import pyoxigraph as ox
import pytest
from reader_cases import facts, triples
from sparql_server import JSON, endpoint

import mmkg
import mmkg.data.formats.sparql as sparql
import mmkg.data.formats.sparql_endpoint as client
from mmkg.data.formats.graphs import read_graph_data
from mmkg.data.formats.sparql import is_endpoint
from mmkg.data.parsing.columns import Faults
from mmkg.data.parsing.urls import Url
from mmkg.errors import InputError, MissingPackageError, UsageError

LABEL, TYPE = "<http://www.w3.org/2000/01/rdf-schema#label>", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
YEAR = "<http://www.w3.org/2001/XMLSchema#gYear>"
CITY = "http://e/City"


def city(number):
    """The statements of an entity: a class, names in two languages, a relation, typed and other values, a picture."""
    own, next_one = f"<http://e/c{number}>", f"<http://e/c{(7 * number + 1) % 50}>"
    yield f"{own} {TYPE} <{CITY if number % 2 else 'http://e/Town'}> ."
    yield f'{own} {LABEL} "City \\"{number}\\""@en .'
    yield f'{own} {LABEL} "Ville {number}"@fr .'
    yield f"{own} <http://e/near> {next_one} ."
    yield f'{own} <http://e/founded> "{1000 + number}"^^{YEAR} .'
    yield f'{own} <http://e/motto> "über\\n{number}\\\\" .'
    yield f"{own} <http://xmlns.com/foaf/0.1/depiction> <http://e/{number}.jpg> ."
    yield f"{own} <http://www.w3.org/2002/07/owl#sameAs> <http://f/{number}> ."


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("sparql") / "cities.nt"
    path.write_text("".join(f"{line}\n" for number in range(50) for line in city(number)), encoding="utf-8")
    return path


@pytest.fixture
def paged(monkeypatch):
    """Pages so small that fifty entities need many."""
    monkeypatch.setattr(sparql, "SUBJECTS", 7)
    monkeypatch.setattr(sparql, "STATEMENTS", 5)
    monkeypatch.setattr(sparql, "UNSUSPECTED", 10)
    monkeypatch.setattr(client, "WAIT", 0)


def plain(data):
    """A graph and its owl:sameAs pairs without the order of rows."""
    graph = data.graph
    names = dict(zip(graph.entities, graph.names or (), strict=False))
    pictures = dict(zip(graph.entities, graph.pictures or (), strict=False))
    return names, pictures, sorted(triples(graph)), sorted(map(str, facts(graph))), sorted(data.same_as)


def read(url, **settings):
    return read_graph_data(Url(url), Faults(), **settings)


def test_a_small_graph_is_read_by_one_answer(path):
    with endpoint(path) as served:
        found = read(served.url)
    assert plain(found) == plain(read_graph_data(path, Faults()))
    assert found.graph.names[found.graph.entities.index("http://e/c3")] == 'City "3"' and len(served.queries) == 2


@pytest.mark.parametrize("form", [ox.QueryResultsFormat.JSON, ox.QueryResultsFormat.XML, ox.QueryResultsFormat.TSV])
def test_many_pages_give_the_graph_of_the_file(path, paged, form):
    with endpoint(path, form=form) as served:
        found = read(served.url, languages=("fr",))
    assert plain(found) == plain(read_graph_data(path, Faults(), languages=("fr",)))
    assert len(served.queries) > 15
    assert max(map(len, served.queries)) < client.LONGEST_GET


@pytest.mark.parametrize("most", [10, 13, 33])
def test_an_endpoint_that_cuts_its_answers_is_asked_for_less(path, paged, most):
    with endpoint(path, most=most) as served:
        found = read(served.url)
    assert plain(found) == plain(read_graph_data(path, Faults()))


def test_an_entity_with_more_statements_than_an_answer_holds_is_read_in_parts(tmp_path, paged):
    path = tmp_path / "hub.nt"
    path.write_text("".join(f"<http://e/hub> <http://e/r> <http://e/n{number}> .\n" for number in range(64)))
    with endpoint(path, most=10) as served:
        assert plain(read(served.url)) == plain(read_graph_data(path, Faults()))


def test_long_queries_are_posted(path, paged, monkeypatch):
    monkeypatch.setattr(client, "LONGEST_GET", 150)
    with endpoint(path) as served:
        assert plain(read(served.url)) == plain(read_graph_data(path, Faults()))
        assert {request.command for request in served.requests} == {"GET", "POST"}


def test_a_pattern_restricts_the_entities(path, paged):
    with endpoint(path) as served:
        found = read(f"{served.url}#PREFIX e: <http://e/> ?s a e:City .").graph
        values = read(f"{served.url}#?s a <{CITY}> FILTER(isLiteral(?o))").graph
    heads = {head for head, _, _ in triples(found)}
    assert heads == {f"http://e/c{number}" for number in range(1, 50, 2)}
    assert len(triples(found)) == 50 and not len(values.triples) and len(values.attributes) == 50


def test_blank_nodes_are_kept_in_one_answer_and_left_out_of_several(path, tmp_path, monkeypatch):
    blank = tmp_path / "blank.nt"
    blank.write_text(path.read_text() + "<http://e/c1> <http://e/at> _:x .\n_:x <http://e/lat> <http://e/c2> .\n")
    faults = Faults()
    with endpoint(blank) as served:
        whole = read_graph_data(Url(served.url), faults).graph
    ends = [triple for triple in triples(whole) if triple[1] in ("http://e/at", "http://e/lat")]
    into, out = sorted(ends, key=lambda triple: triple[1])
    assert len(ends) == 2 and into[2] == out[0] and out[0].startswith("_:")
    assert not any("blank" in note for note in faults.notes)
    monkeypatch.setattr(sparql, "UNSUSPECTED", 10)
    with endpoint(blank) as served:
        found = read_graph_data(Url(served.url), faults)
    assert plain(found) == plain(read_graph_data(path, Faults()))
    assert [number for note, number in faults.notes.items() if "statements with blank nodes left out" in note] == [2]


def test_a_named_graph_is_selected_by_the_address(path):
    with endpoint(path) as served:
        read(f"{served.url}?default-graph-uri=http://e/g")
        assert "default-graph-uri=http" in served.requests[0].path


def test_a_pair_of_an_endpoint_and_a_file_is_aligned_from_the_command_line(path, tmp_path, run):
    right = tmp_path / "right.nt"
    right.write_text(path.read_text().replace("http://e/c", "http://g/c"))
    links = tmp_path / "links.tsv"
    links.write_text("".join(f"http://e/c{number}\thttp://g/c{number}\n" for number in range(12)))
    with endpoint(path) as served:
        done = run("align", served.url, right, "--links", links, "--model", "propagation", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    rows = [line.split("\t")[:2] for line in (tmp_path / "run" / "alignment.tsv").read_text().splitlines()[1:]]
    assert sum(left.replace("/e/", "/g/") == right for left, right in rows) >= 45


# --- what goes wrong


def reply(status=200, kind=JSON, body=b"{}", headers=None):
    return lambda query, number: (status, kind, body, headers or {})


WRONG = [
    (
        reply(kind="text/html; charset=utf-8", body=b"<!DOCTYPE html><p>Hi"),
        "got a web page (text/html); the address is",
    ),
    (reply(kind="application/xml", body=b"\n<html><body>"), "got a web page (application/xml)"),
    (reply(kind="text/turtle", body=b"<a> <b> <c> ."), "got an answer of the type text/turtle"),
    (reply(body=b'{"head": {"vars": ["s"]}, "results": {"bind'), "got a malformed one: "),
    (reply(body=b'{"head": {}, "boolean": true}'), "got a malformed one: an answer of yes or no"),
    (reply(body=b'{"head": {"vars": ["x"]}, "results": {"bindings": []}}'), "got a malformed one: no variable s"),
    (
        reply(400, "text/plain", b"\nParse error: line 1\nat x"),
        "the endpoint answers HTTP 400 Bad Request: Parse error",
    ),
    (reply(401, "text/html", b"<p>no"), "HTTP 401 Unauthorized; give user and password in ~/.netrc"),
    (reply(404, "text/html", b"<p>no"), "the endpoint answers HTTP 404 Not Found; check the address"),
    (reply(500, "text/plain", b"out of memory"), "HTTP 500 Internal Server Error: out of memory"),
    (reply(503, "text/plain", b"busy"), "the endpoint answers HTTP 503 Service Unavailable: busy"),
    (reply(headers={"X-SQL-State": "S1TAT"}), "gave a part of the answer only"),
    (
        reply(body=b'{"head":{"vars":["s","p","o"]},"results":{"bindings":[{"s":{"type":"uri","value":"http://a"}}]}}'),
        "expected a value of s, p, o in every row, got an empty one",
    ),
]


@pytest.mark.parametrize(("answer", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_answer_of_an_endpoint_is_refused_in_one_line(answer, message, monkeypatch):
    monkeypatch.setattr(client, "WAIT", 0)
    with endpoint(answer=answer) as served, pytest.raises(InputError) as caught:
        read(served.url)
    text = str(caught.value)
    assert message in text and "\n" not in text and text.startswith("127.0.0.1:"), text
    assert len(served.queries) < 30


def test_an_error_holds_no_solutions_which_another_thread_could_not_delete():
    body = b'{"head": {"vars": ["x"]}, "results": {"bindings": []}}'
    with endpoint(answer=reply(body=body)) as served, pytest.raises(InputError) as caught:
        read(served.url)
    errors, held = [caught.value], []
    while errors:
        error = errors.pop()
        errors += [each for each in (error.__cause__, error.__context__) if each is not None]
        held += [value for frame, _ in traceback.walk_tb(error.__traceback__) for value in frame.f_locals.values()]
    assert not any(isinstance(value, ox.QuerySolutions) for value in held) and served in held


def test_a_busy_endpoint_is_asked_again_after_the_time_it_asks_for(path, paged, monkeypatch):
    waits = []
    monkeypatch.setattr(client.time, "sleep", waits.append)
    busy = {0: (429, "text/plain", b"", {"Retry-After": "7"}), 5: (503, "text/plain", b"", {})}
    with endpoint(path, answer=lambda query, number: busy.get(number)) as served:
        assert plain(read(served.url)) == plain(read_graph_data(path, Faults()))
    assert waits == [7.0, 0]


def test_an_endpoint_that_is_too_slow_is_asked_for_less(path, paged):
    def answer(query, number):
        return (504, "text/plain", b"timeout", {}) if query.count("http://e/c") > 3 else None

    with endpoint(path, answer=answer) as served:
        assert plain(read(served.url)) == plain(read_graph_data(path, Faults()))


def test_a_page_that_comes_again_ends_with_an_error(path, paged):
    store = ox.Store()
    store.load(path=str(path), format=ox.RdfFormat.N_TRIPLES)
    first = store.query("SELECT DISTINCT ?s WHERE { ?s ?p ?o } ORDER BY ?s LIMIT 7").serialize(
        format=ox.QueryResultsFormat.JSON
    )

    def answer(query, number):
        return (200, JSON, first, {}) if query.startswith("SELECT DISTINCT ?s WHERE") else None

    with endpoint(path, answer=answer) as served, pytest.raises(InputError, match="got the same page again"):
        read(served.url)


def test_an_endpoint_that_gives_less_than_it_counts_is_refused(tmp_path, paged):
    path = tmp_path / "hub.nt"
    path.write_text("".join(f"<http://e/hub> <http://e/r> <http://e/n{number}> .\n" for number in range(64)))

    def answer(query, number):
        empty = b'{"head":{"vars":["s","p","o"]},"results":{"bindings":[]}}'
        return (200, JSON, empty, {}) if "OFFSET 20" in query else None

    with endpoint(path, most=10, answer=answer) as served:
        with pytest.raises(
            InputError, match=r"expected 64 statements about <http://e/hub>, the endpoint gives 20 of them"
        ):
            read(served.url)


def test_an_endpoint_that_is_not_there(monkeypatch):
    monkeypatch.setattr(client, "WAIT", 0)
    with pytest.raises(InputError, match="^127.0.0.1:1/sparql: the endpoint cannot be reached: "):
        read("http://user:secret@127.0.0.1:1/sparql")


def test_a_password_is_sent_and_never_shown(path):
    with endpoint(path, answer=reply(403, "text/plain", b"")) as served, pytest.raises(InputError) as caught:
        read(served.url.replace("//", "//ann:secret@"))
    assert served.requests[0].headers["Authorization"] == "Basic YW5uOnNlY3JldA=="
    assert "secret" not in str(caught.value)


def test_an_empty_endpoint_and_a_whole_query_are_refused(path):
    with endpoint() as served:
        with pytest.raises(InputError, match="expected at least one triple, got none"):
            read(served.url)
        with pytest.raises(InputError, match=r"expected a pattern about \?s after #.*got the query 'SELECT \* "):
            read(f"{served.url}#SELECT * WHERE {{ ?s ?p ?o }}")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://dbpedia.org/sparql", True),
        ("https://query.wikidata.org/sparql#?s ?p ?o", True),
        ("http://localhost:3030/ds/query", True),
        ("sparql+https://host/repositories/x", True),
        ("https://host/repositories/x", False),
        ("https://host/dump.nt", False),
        ("bolt://host/sparql", False),
    ],
)
def test_addresses_of_endpoints_are_recognised(address, found):
    assert is_endpoint(Url(address)) is found


def test_an_address_of_something_else_says_what_is_expected(tmp_path):
    with pytest.raises(InputError, match=r"host/dump.nt: expected the address of a SPARQL endpoint .*, got https://"):
        mmkg.read_graph("https://host/dump.nt")
    with pytest.raises(InputError, match=r"host/sparql: expected a pair of graphs, got one; give the other one"):
        mmkg.load("https://host/sparql")
    with pytest.raises(UsageError, match="header has no effect on host/sparql"):
        mmkg.read_graph("https://host/sparql", header=True)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\[sparql\]'"):
        read("https://host/sparql")
