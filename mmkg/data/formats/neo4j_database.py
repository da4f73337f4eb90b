"""Reader of a graph from a Neo4j database, a page of nodes or relationships at a time."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from ...errors import InputError, MissingPackageError
from ..kg import KnowledgeGraph
from ..parsing.columns import Faults
from ..parsing.urls import Url
from .property_graph import PropertyGraph, properties_of

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
PAGE = 10_000  # nodes or relationships read by one query
USER, PASSWORD = "NEO4J_USERNAME", "NEO4J_PASSWORD"  # variables of the environment
_LABELS = "any(label IN labels({0}) WHERE label IN $labels)"
_NODES = (
    "MATCH (n) WHERE elementId(n) > $after{and_labels} "
    "RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties ORDER BY id LIMIT $page"
)
_RELATIONSHIPS = (
    "MATCH (a)-[r]->(b) WHERE elementId(r) > $after{and_labels} "
    "RETURN elementId(r) AS id, elementId(a) AS start, type(r) AS type, elementId(b) AS end, "
    "size(keys(r)) AS properties ORDER BY id LIMIT $page"
)


def is_database(url: Url) -> bool:
    """Whether an address is that of a Neo4j server."""
    return url.scheme in SCHEMES


def read_database(url: Url, faults: Faults) -> KnowledgeGraph:
    """Read one graph from a Neo4j database, 5 or newer; see ``PropertyGraph`` for what becomes of properties.

    Entities are labelled by their element ids. Each query reads the nodes, or relationships, after the last element id,
    so that no transaction is long. Only read access is used.

    Args:
        url: ``neo4j://user@host:7687/database`` or ``bolt://...``, with ``+s`` for TLS; without a database the default
            one. The password is that of the variable ``NEO4J_PASSWORD``, the user also that of ``NEO4J_USERNAME``.
            Labels after ``#`` restrict the nodes: ``bolt://host#Person,City``.
        faults: filled with notes.

    Raises:
        InputError: the server cannot be reached or refuses user, database or query; or the database holds no node.
        MissingPackageError: the driver is not installed.
    """
    try:
        import neo4j
        from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError, ServiceUnavailable
    except ImportError as error:
        raise MissingPackageError("Neo4j databases need their driver: pip install 'mmkg[neo4j]'") from error
    parts, place = urlsplit(url.place), url.shown
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    database = parts.path.strip("/") or None
    labels = [label.strip().lstrip(":") for label in url.part.split(",") if label.strip()]
    graph = PropertyGraph(place, faults)
    try:
        with neo4j.GraphDatabase.driver(server, auth=_auth(url)) as driver:
            driver.verify_connectivity()  # a query would try a server that is not there for 30 s
            for page in _pages(driver, _NODES, ("n",), database, labels):
                nodes = [(row["labels"], row["properties"]) for row in page]
                graph.add_nodes([row["id"] for row in page], properties_of(nodes), place)
            if not graph.builder.entities:
                what = f" labelled {', '.join(labels)}" if labels else ""
                raise InputError(f"expected at least one node{what}, got none", place)
            for page in _pages(driver, _RELATIONSHIPS, ("a", "b"), database, labels):
                starts, types, ends = ([str(row[key]) for row in page] for key in ("start", "type", "end"))
                graph.dropped += sum(row["properties"] for row in page)
                graph.add_relationships(starts, types, ends, place, nodes="the nodes read before")
    except AuthError as error:
        hint = f"; give the user in the address, neo4j://USER@HOST, and the password in the variable {PASSWORD}"
        raise InputError(f"the server refuses user or password: {_line(error)}{hint}", place) from None
    except ServiceUnavailable as error:
        raise InputError(f"the server cannot be reached: {_line(error)}", place) from None
    except Neo4jError as error:
        hint = "; elementId needs Neo4j 5 or newer" if "elementId" in str(error) else ""
        raise InputError(f"the server answers {error.code}: {_line(error)}{hint}", place) from None
    except (ConfigurationError, DriverError) as error:
        raise InputError(f"{type(error).__name__}: {_line(error)}", place) from None
    return graph.build()


def _auth(url: Url) -> tuple[str, str] | None:
    """User and password, ``None`` if there is neither."""
    user, password = url.user
    user = os.environ.get(USER) if user is None else unquote(user)
    password = os.environ.get(PASSWORD) if password is None else unquote(password)
    return None if user is None and password is None else (user or "neo4j", password or "")


def _pages(
    driver: Any, query: str, nodes: tuple[str, ...], database: str | None, labels: list[str]
) -> Iterator[list[Any]]:
    """The rows of a query, a page at a time, each from the last id on.

    Raises:
        InputError: a page does not lead on.
    """
    restriction = "".join(f" AND {_LABELS.format(node)}" for node in nodes) if labels else ""
    text, after = query.replace("{and_labels}", restriction), ""
    while True:
        values = {"after": after, "page": PAGE} | ({"labels": labels} if labels else {})
        page = driver.execute_query(text, values, database_=database, routing_="r").records
        if not page:
            return
        if page[-1]["id"] <= after:
            raise InputError(f"expected ids after {after!r}, got {page[-1]['id']!r}: the same page again")
        after = page[-1]["id"]
        yield page


def _line(error: Exception) -> str:
    """What an error says, on one line; errors of the server have a message, those of the driver an argument."""
    text = error.args[0] if error.args else getattr(error, "message", "")
    return " ".join(str(text).split())[:200]
