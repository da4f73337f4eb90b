"""The reconciliation protocol over HTTP: manifest, queries, suggestions, previews, data extension."""

import html
import json
from collections import Counter
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from ..decisions.decision import LONGEST_LABEL
from ..errors import InputError, UsageError
from ..version import __version__
from .answers import NotFound, Refused, answer
from .reconcile import ANY_TYPE, MOST_QUERIES, Reconciler
from .schemas import Side
from .served import Served

WIDTH, HEIGHT = 400, 220  # pixels of a preview
PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
Id = Annotated[str, Query(min_length=1, max_length=LONGEST_LABEL)]
Limit = Annotated[int, Query(ge=1, le=500)]
_CARD = (
    "<!doctype html><html lang=en><meta charset=utf-8><style>body{{font:13px/1.4 system-ui,sans-serif;margin:.5rem;"
    "color-scheme:light dark}}h1{{font-size:15px;margin:0}}p{{margin:.2rem 0}}</style>{body}</html>"
)


def reconciling(served: Served) -> APIRouter:
    """The routes, for either graph."""
    router = APIRouter(tags=["reconciliation"])
    reconcilers = {side.name: Reconciler(side) for side in served.view.sides}

    def answered(side: str, queries: str | None, extend: str | None) -> Any:
        if queries is not None:
            found = _object(queries, "queries")
            if len(found) > MOST_QUERIES:
                raise Refused(f"expected at most {MOST_QUERIES} queries, got {len(found)}", 413)
            return reconcilers[side].answers(found)
        return reconcilers[side].values.extended(_object(extend or "", "extend"))

    @router.get("/{side}", response_model=dict[str, Any])
    async def manifest(
        request: Request,
        side: Side,
        queries: Annotated[str | None, Query(max_length=1 << 16)] = None,
        extend: Annotated[str | None, Query(max_length=1 << 16)] = None,
    ) -> Response:
        """The service manifest; or candidates for ``queries``, or values for ``extend``."""
        if queries is None and extend is None:
            return answer(await served.call(_manifest, served, side, str(request.base_url).rstrip("/")))
        return answer(await served.call(answered, side, queries, extend))

    @router.post(
        "/{side}",
        response_model=dict[str, Any],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-www-form-urlencoded": {
                        "schema": {
                            "type": "object",
                            "properties": {"queries": {"type": "string"}, "extend": {"type": "string"}},
                        }
                    }
                },
            }
        },
    )
    async def query(request: Request, side: Side) -> Response:
        """Candidates for the form field ``queries``, or values for the form field ``extend``."""
        try:
            form = parse_qs((await request.body()).decode(), max_num_fields=10)
        except ValueError:
            raise InputError("expected a form in UTF-8 with queries or extend") from None
        queries, extend = (form.get(name, [None])[0] for name in ("queries", "extend"))
        if queries is None and extend is None:
            raise InputError("expected a form with queries or extend")
        return answer(await served.call(answered, side, queries, extend))

    @router.get("/{side}/suggest/{what}", response_model=dict[str, Any])
    async def suggest(
        side: Side,
        what: Literal["entity", "type", "property"],
        prefix: Annotated[str, Query(max_length=LONGEST_LABEL)] = "",
        cursor: Annotated[int, Query(ge=0, le=10**6)] = 0,
    ) -> Response:
        """Entities, types or properties for what somebody has typed."""
        return answer({"result": await served.call(reconcilers[side].suggest, what, prefix, cursor)})

    @router.get("/{side}/flyout/{what}", response_model=dict[str, Any])
    async def flyout(side: Side, what: Literal["entity", "type", "property"], id: Id) -> Response:
        """A few words about what was suggested."""
        if what == "entity":
            return answer({"id": id, "html": await served.call(_entity, served, side, id)})
        return answer({"id": id, "html": f"<p>{html.escape(id)}</p>"})

    @router.get("/{side}/preview", response_class=HTMLResponse)
    async def preview(side: Side, id: Id) -> Response:
        """A small page about an entity."""
        body = await served.call(_entity, served, side, id)
        return HTMLResponse(_CARD.format(body=body), headers={"content-security-policy": PREVIEW_POLICY})

    @router.get("/{side}/properties", response_model=dict[str, Any])
    async def properties(
        side: Side,
        type: Annotated[str, Query(max_length=LONGEST_LABEL)] = "",
        limit: Limit = 50,
    ) -> Response:
        """Properties whose values can be fetched, for entities of a type."""
        found = await served.call(reconcilers[side].values.proposed, type, limit)
        return answer({"type": type, "limit": limit, "properties": found})

    @router.options("/{side}", include_in_schema=False)
    @router.options("/{side}/{rest:path}", include_in_schema=False)
    async def options(side: Side) -> Response:
        return Response(status_code=204, headers={"access-control-allow-methods": "GET, POST, OPTIONS"})

    return router


def _manifest(served: Served, side: str, base: str) -> dict[str, Any]:
    """The service manifest of a side.

    Args:
        served: the run.
        side: ``left`` or ``right``.
        base: address of the server.
    """
    own, here = served.view.side(side), f"{base}/reconcile/{side}"

    def service(what: str) -> dict[str, str]:
        return {
            "service_url": here,
            "service_path": f"/suggest/{what}",
            "flyout_service_url": here,
            "flyout_service_path": f"/flyout/{what}?id=${{id}}",
        }

    manifest: dict[str, Any] = {
        "versions": ["0.1", "0.2"],
        "name": f"mmkg: {served.name}, {side} graph",
        "identifierSpace": _space(own.table.labels[:1000]),
        "schemaSpace": ANY_TYPE["id"],
        "documentation": f"{base}/docs",
        "serviceVersion": __version__,
        "defaultTypes": [{"id": name, "name": name} for name in list(own.type_counts)[:10]] or [ANY_TYPE],
        "view": {"url": f"{here}/preview?id={{{{id}}}}"},
        "preview": {"url": f"{here}/preview?id={{{{id}}}}", "width": WIDTH, "height": HEIGHT},
        "suggest": {what: service(what) for what in ("entity", "type", "property")},
        "extend": {"propose_properties": {"service_url": here, "service_path": "/properties"}, "property_settings": []},
        "batchSize": MOST_QUERIES,
    }
    if served.config.closed:
        manifest["authentication"] = {"type": "apiKey", "name": "token", "in": "query"}
    return manifest


def _space(labels: Any) -> str:
    """The namespace of most labels; that of labels that are no IRIs is ``urn:mmkg:``."""
    counts = Counter(label[: max(label.rfind("/"), label.rfind("#")) + 1] for label in labels if "://" in label)
    if not counts or counts.total() < len(labels) / 2:
        return "urn:mmkg:"
    return str(counts.most_common(1)[0][0])


def _entity(served: Served, side: str, key: str) -> str:
    """An entity as HTML: name, types, a few facts and neighbours; every text is escaped."""
    try:
        row = served.row_of(side, key)
    except UsageError as error:
        raise NotFound(error.reason) from None
    own = served.view.side(side)
    parts = [f"<h1>{html.escape(own.shown(row))}</h1>", f"<p><code>{html.escape(key)}</code></p>"]
    if types := own.types(row):
        parts.append(f"<p>{html.escape(', '.join(types[:5]))}</p>")
    for fact in own.facts(row)[:5]:
        parts.append(f"<p>{html.escape(fact.name)}: {html.escape(fact.value[:200])}</p>")
    for each in own.neighbors(row)[:5]:
        parts.append(f"<p>{html.escape(each.relation)}: {html.escape(own.shown(each.row))}</p>")
    return "".join(parts)


def _object(text: str, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: the text is no JSON, or no object.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"expected {what} as JSON, got other text") from None
    if not isinstance(found, dict):
        raise InputError(f"expected an object as {what}, got a {type(found).__name__}")
    return found
