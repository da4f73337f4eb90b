"""Decisions: the only thing that a server writes."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from ..errors import UsageError
from .answers import NotFound, answer
from .schemas import DecisionMade, NewDecision, Part, Undo, Undone
from .served import Served

Token = Annotated[str | None, Header(description="The token that the server printed.")]


def deciding(served: Served) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["decisions"])

    @router.get("/decisions", response_model=Part)
    async def decisions(
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 500,
    ) -> Response:
        """All decisions, the last one first, also those that were taken back."""

        def compute() -> dict[str, Any]:
            rows = [each.as_dict() for each in served.store.rows(offset, limit, newest_first=True)]
            return {"total": served.store.count(), "offset": offset, "rows": rows}

        return answer(await served.call(compute))

    @router.post("/decisions", response_model=DecisionMade)
    async def decide(body: NewDecision, x_mmkg_token: Token = None) -> Response:
        """Accept or reject a pair, or state that an entity has no counterpart; answered when it is on the disk."""
        made = await served.call(
            served.decide, body.left, body.right, body.verdict, author=body.author, comment=body.comment
        )
        return answer(made.as_dict())

    @router.post("/decisions/undo", response_model=Undone)
    async def undo(body: Undo, x_mmkg_token: Token = None) -> Response:
        """Take back a decision."""

        def compute() -> dict[str, Any]:
            try:
                undone = served.store.undo(body.id, author=body.author)
            except UsageError as error:
                raise NotFound(error.reason) from None
            return {"undone": None if undone is None else undone.as_dict()}

        return answer(await served.call(compute))

    return router
