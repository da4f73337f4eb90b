"""The page, the description of the API, whether the server is well, and what it counted."""

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ..version import __version__
from .answers import answer
from .counters import Counters
from .schemas import Health
from .served import Served

_SCRIPT = re.compile(r"<script(?P<names>[^>]*)>(?P<text>.*?)</script>", re.DOTALL | re.IGNORECASE)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-family:ui-monospace,monospace}dt{margin-top:1rem;font-weight:600}dd{margin-left:1.5rem}"
    "table{border-collapse:collapse}td{padding:0 1rem 0 0;vertical-align:top}"
)
MISSING = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>mmkg</title><style>{style}</style><h1>mmkg</h1>"
    "<p>The page is not part of this installation. The <a href=/docs>API</a> answers.</p></html>"
)


def built_page() -> str | None:
    """The page as it was built; ``None`` where the installation lacks it."""
    path = resources.files("mmkg.review") / "page" / "index.html"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def with_token(page: str, token: str) -> str:
    """The page with the token that its writes need."""
    meta = f'<meta name="mmkg-token" content="{html.escape(token, quote=True)}">'
    return _HEAD.sub(lambda found: found[0] + meta, page, count=1)


def policy(page: str) -> str:
    """A content security policy in which the scripts of the page run, and nothing that is put into it."""
    hashes = []
    for found in _SCRIPT.finditer(page):
        if "application/json" not in found["names"]:
            digest = base64.b64encode(hashlib.sha256(found["text"].encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
    scripts = " ".join(hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def pages(served: Served, app: FastAPI, counters: Counters) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["server"])
    page = built_page()
    token = "" if served.config.read_only else served.config.token
    shown = MISSING.format(style=_STYLE) if page is None else with_token(page, token)
    headers = {"content-security-policy": policy(shown)}

    @router.get("/", response_class=HTMLResponse)
    async def index() -> Response:
        """The page."""
        return HTMLResponse(shown, headers=headers)

    @router.get("/health", response_model=Health)
    async def health() -> Response:
        """Whether the server answers."""
        values = {"status": "ok", "name": served.name, "version": __version__, "decisions": served.store.count()}
        return answer(values)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts of requests and decisions, for Prometheus."""
        text = counters.text(decisions=served.store.count())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/docs", response_class=HTMLResponse)
    async def docs() -> Response:
        """The description of the API for people; ``/openapi.json`` is the one for programs."""
        text = described(app.openapi())
        return HTMLResponse(text, headers={"content-security-policy": policy(text)})

    return router


def described(schema: dict[str, Any]) -> str:
    """A description of an API in OpenAPI as a plain page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>mmkg API</title><style>{_STYLE}</style>",
        f"<h1>API of mmkg {html.escape(str(schema['info']['version']))}</h1>",
        f"<p>{html.escape(schema['info'].get('description', ''))} <a href=/openapi.json>OpenAPI</a></p><dl>",
    ]
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            parts.append(f"<dt><code>{method.upper()} {html.escape(path)}</code></dt>")
            parts.append(f"<dd>{html.escape(route.get('description', ''))}<table>")
            for each in route.get("parameters", ()):
                kind = html.escape(json.dumps(_plain(each["schema"]), ensure_ascii=False))
                parts.append(f"<tr><td><code>{html.escape(each['name'])}</code><td><code>{kind}</code></tr>")
            body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = body.get("$ref", "").rpartition("/")[2]
            fields = schema["components"]["schemas"].get(name, {}).get("properties", {})
            for field, values in fields.items():
                kind = html.escape(json.dumps(_plain(values), ensure_ascii=False))
                parts.append(f"<tr><td><code>{html.escape(field)}</code> in the body<td><code>{kind}</code></tr>")
            parts.append("</table></dd>")
    return "".join(parts) + "</dl></html>"


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("title", "description")}
