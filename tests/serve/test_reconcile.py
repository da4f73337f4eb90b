"""Reconciliation against a graph of a run: the schemas of the specification, worked answers, a recorded exchange."""

import json
from pathlib import Path
from urllib.parse import quote

import jsonschema
import pytest
import schemas
from starlette.testclient import TestClient

import mmkg
from mmkg.serve.app import application
from mmkg.serve.server import served_run
from mmkg.serve.settings import ServeConfig

NS = "http://left.example/"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
PEOPLE = {
    "Q1": ("Marie Curie", "1867-11-07", "Person", "Q10"),
    "Q2": ("Pierre Curie", "1859-05-15", "Person", "Q11"),
    "Q3": ("Irène Joliot-Curie", "1897-09-12", "Person", "Q11"),
    "Q4": ("Lise Meitner", "1878-11-07", "Person", "Q12"),
    "Q10": ("Warsaw", "1300", "City", None),
    "Q11": ("Paris", "0250", "City", None),
    "Q12": ("Vienna", "0881", "City", None),
    "Q13": ("Paris", "1990", "Person", None),
}


def turtle(space):
    lines = [f"@prefix e: <{space}> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> ."]
    for key, (name, date, kind, place) in PEOPLE.items():
        lines.append(f'e:{key} a e:{kind} ; rdfs:label "{name}" ; e:date "{date}" .')
        if place:
            lines.append(f"e:{key} e:bornIn e:{place} .")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server of a run over two small graphs in RDF."""
    folder = tmp_path_factory.mktemp("reconcile")
    for name in ("left", "right"):
        (folder / f"{name}.ttl").write_text(turtle(f"http://{name}.example/"))
    links = [(f"http://left.example/{key}", f"http://right.example/{key}") for key in ("Q1", "Q2", "Q10")]
    result = mmkg.align(folder / "left.ttl", folder / "right.ttl", links, model="propagation")
    served = served_run(result, str(folder), ServeConfig(token="a-token-of-a-test"))
    yield TestClient(application(served), base_url="http://127.0.0.1:8000")
    served.store.close()


def valid(value, schema):
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
    return value


def ask(client, side="left", **query):
    valid({"q0": query}, schemas.QUERIES)
    done = client.post(f"/reconcile/{side}", data={"queries": json.dumps({"q0": query})})
    assert done.status_code == 200, done.text
    return valid(done.json(), schemas.RESULTS)["q0"]["result"]


# --- the manifest


def test_the_manifest_is_valid_and_its_addresses_answer(client):
    for side in ("left", "right"):
        manifest = valid(client.get(f"/reconcile/{side}").json(), schemas.MANIFEST)
        assert manifest["identifierSpace"] == f"http://{side}.example/"
        assert {each["name"] for each in manifest["defaultTypes"]} == {"Person", "City"}
        key = quote(f"http://{side}.example/Q1", safe="")
        for each in (manifest["preview"]["url"], manifest["view"]["url"]):
            assert "Marie Curie" in client.get(each.replace("{{id}}", key)).text
        for service in manifest["suggest"].values():
            found = client.get(service["service_url"] + service["service_path"], params={"prefix": "e"})
            valid(found.json(), schemas.SUGGESTIONS)
            path = service["flyout_service_path"].replace("${id}", key)
            valid(client.get(service["flyout_service_url"] + path).json(), schemas.FLYOUT)
        proposal = manifest["extend"]["propose_properties"]
        found = client.get(proposal["service_url"] + proposal["service_path"], params={"type": "Person", "limit": 5})
        assert {each["id"].rpartition("/")[2] for each in valid(found.json(), schemas.PROPOSAL)["properties"]} >= {
            "date",
            "bornIn",
        }


# --- queries


def test_an_equal_name_is_a_match_and_a_misspelt_one_comes_first(client):
    found = ask(client, query="marie curie")
    assert (found[0]["id"], found[0]["score"], found[0]["match"]) == (NS + "Q1", 100.0, True)
    assert [each["match"] for each in found[1:]] == [False] * (len(found) - 1)
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    found = ask(client, query="Irene Joliot Curi")
    assert found[0]["id"] == NS + "Q3" and not found[0]["match"] and 40 < found[0]["score"] < 100


def test_a_key_is_found_by_itself(client):
    assert ask(client, query=NS + "Q12")[0]["id"] == NS + "Q12"
    assert ask(client, "right", query="http://right.example/Q4")[0]["name"] == "Lise Meitner"


def test_namesakes_are_no_match_until_a_type_or_a_value_tells_them_apart(client):
    found = ask(client, query="Paris")
    assert {each["id"] for each in found[:2]} == {NS + "Q11", NS + "Q13"} and not any(each["match"] for each in found)
    found = ask(client, query="Paris", type="City")
    assert found[0]["id"] == NS + "Q11" and found[0]["match"] and len(found) == 1
    found = ask(client, query="Paris", properties=[{"pid": NS + "date", "v": 1990}])
    assert found[0]["id"] == NS + "Q13" and found[0]["match"]
    assert {each["id"]: each["value"] for each in found[0]["features"]} == {"name": 1.0, f"value {NS}date": 1.0}


@pytest.mark.parametrize(
    ("types", "strict", "first"),
    [
        (["City", "Person"], "any", {"Q11", "Q13"}),
        (["City", "Person"], "all", set()),
        (["City"], "should", {"Q11"}),
        (["http://www.w3.org/2002/07/owl#Thing"], "any", {"Q11", "Q13"}),
    ],
)
def test_types_are_as_strict_as_they_are_wanted(client, types, strict, first):
    found = ask(client, query="Paris", type=types, type_strict=strict)
    best = {each["id"].removeprefix(NS) for each in found if each["score"] == max(x["score"] for x in found)}
    assert best == first


def test_values_alone_find_entities(client):
    found = ask(client, properties=[{"pid": NS + "date", "v": "1867-11-07"}])
    assert [each["id"] for each in found] == [NS + "Q1"]
    place = [{"pid": NS + "bornIn", "v": {"id": NS + "Q11", "name": "Paris"}}]
    assert {each["id"] for each in ask(client, properties=place)} == {NS + "Q2", NS + "Q3"}
    by_name = [{"pid": NS + "bornIn", "v": ["Vienna", "Warsaw"]}]
    assert {each["id"] for each in ask(client, properties=by_name)} == {NS + "Q1", NS + "Q4"}
    assert ask(client, properties=[{"pid": "nothing", "v": "x"}]) == []


def test_a_limit_limits_and_a_batch_answers_each_query_by_itself(client):
    assert len(ask(client, query="Curie", limit=2)) == 2
    queries = {"a": {"query": "Warsaw"}, "b": {"query": "Vienna"}, "ü": {"query": "zzzz"}}
    found = valid(client.get("/reconcile/left", params={"queries": json.dumps(queries)}).json(), schemas.RESULTS)
    assert [found[key]["result"][0]["name"] for key in "ab"] == ["Warsaw", "Vienna"] and found["ü"] == {"result": []}


@pytest.mark.parametrize(
    ("queries", "status", "sentence"),
    [
        ("no json", 422, "expected queries as JSON"),
        ("[]", 422, "expected an object as queries, got a list"),
        ("[" * 100_000, 422, "expected queries as JSON"),
        ({"q": 1}, 422, "query 'q': expected an object with query or properties"),
        ({"q": {}}, 422, "query 'q': expected a text as query, or a list of properties"),
        ({"q": {"query": "a", "limit": 0}}, 422, "expected a limit of 1 or more"),
        ({"q": {"query": "a", "limit": True}}, 422, "expected a limit of 1 or more"),
        ({"q": {"query": "a", "type": 5}}, 422, "expected a type or a list of types"),
        ({"q": {"query": "a", "properties": [{"pid": "p"}]}}, 422, "expected properties with pid and v"),
        ({"q": {"query": "a", "properties": [{"pid": "p", "v": {"x": 1}}]}}, 422, "expected values as texts"),
        ({"q": {"query": "a", "type_strict": "very"}}, 422, "expected type_strict any, all or should"),
        ({str(n): {"query": "a"} for n in range(51)}, 413, "expected at most 50 queries, got 51"),
    ],
)
def test_a_query_that_breaks_the_specification_is_a_sentence(client, queries, status, sentence):
    text = queries if isinstance(queries, str) else json.dumps(queries)
    done = client.post("/reconcile/left", data={"queries": text})
    assert done.status_code == status and sentence in done.json()["error"], done.text


def test_a_form_without_queries_is_a_sentence(client):
    done = client.post("/reconcile/left", data={"other": "x"})
    assert done.status_code == 422 and done.json()["error"] == "expected a form with queries or extend"
    assert client.post("/reconcile/left", content=b"\xff\xfe=\xff").status_code == 422
    assert client.get("/reconcile/middle").status_code == 422


# --- suggestions, previews, values


def suggested(client, what, prefix, **more):
    done = client.get(f"/reconcile/left/suggest/{what}", params={"prefix": prefix, **more})
    return [each["name"] for each in valid(done.json(), schemas.SUGGESTIONS)["result"]]


def test_suggestions_begin_with_what_was_typed(client):
    assert suggested(client, "entity", "mar")[0] == "Marie Curie"
    assert suggested(client, "entity", "Lisa Meitnr") == ["Lise Meitner"]
    assert suggested(client, "type", "per") == ["Person"] and set(suggested(client, "type", "")) == {"Person", "City"}
    assert suggested(client, "property", "born") == ["bornIn"]
    first = suggested(client, "entity", "i")
    assert suggested(client, "entity", "i", cursor=1) == first[1:]


def test_previews_escape_what_the_graph_says(tmp_path):
    hostile = '<script>alert("x")</script>'
    left = [("a", hostile, "b"), ("b", "r", "c")]
    result = mmkg.align(left, [("x", "r", "y"), ("y", "r", "z")], [("a", "x"), ("b", "y")], model="propagation")
    served = served_run(result, str(tmp_path), ServeConfig())
    client = TestClient(application(served), base_url="http://127.0.0.1:8000")
    text = client.get("/reconcile/left/preview", params={"id": "a"}).text
    assert "<script>" not in text and "&lt;script&gt;" in text
    flyout = client.get("/reconcile/left/flyout/property", params={"id": hostile}).json()
    assert "<script>" not in flyout["html"] and flyout["id"] == hostile
    assert client.get("/reconcile/left/preview", params={"id": "nobody"}).status_code == 404


def test_values_are_fetched_where_they_are_there(client):
    query = {"ids": [NS + "Q1", NS + "Q11", "nobody"], "properties": [{"id": NS + "date"}, {"id": NS + "bornIn"}]}
    found = valid(client.post("/reconcile/left", data={"extend": json.dumps(query)}).json(), schemas.EXTENSION)
    assert [each["id"] for each in found["meta"]] == [NS + "date", NS + "bornIn"]
    assert found["rows"] == {
        NS + "Q1": {NS + "date": [{"str": "1867-11-07"}], NS + "bornIn": [{"id": NS + "Q10", "name": "Warsaw"}]},
        NS + "Q11": {NS + "date": [{"str": "0250"}], NS + "bornIn": []},
        "nobody": {NS + "date": [], NS + "bornIn": []},
    }
    for wrong in ({}, {"ids": [1], "properties": []}, {"ids": [], "properties": ["p"]}, {"ids": ["a"] * 1001}):
        done = client.post("/reconcile/left", data={"extend": json.dumps(wrong)})
        assert done.status_code == 422 and "expected at most" in done.json()["error"]


def test_an_exchange_in_the_order_of_openrefine_is_answered_as_worked_out_by_hand(client):
    exchange = json.loads(Path(__file__).with_name("exchange.json").read_text(encoding="utf-8"))
    for step in exchange["steps"]:
        request, expected = step["request"], step["response"]
        done = client.request(request["method"], request["path"], headers=request.get("headers", {}),
                              params=request.get("params"), data=request.get("form"))  # fmt: skip
        assert done.status_code == expected["status"], (step["what"], done.text)
        for name, value in expected.get("headers", {}).items():
            assert done.headers.get(name) == value, step["what"]
        valid(done.json(), getattr(schemas, expected["schema"]))
        for place, value in expected["holds"].items():
            found = done.json()
            for part in place.split("/"):
                part = part.replace("~1", "/")
                found = found[int(part)] if isinstance(found, list) else found[part]
            assert found == value, (step["what"], place, found)
