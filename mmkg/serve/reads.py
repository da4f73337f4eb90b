"""What the page reads: the run and single entities. Nothing here changes anything."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from ..data.pictures.decode import PictureError
from ..decisions.decision import ACCEPT, LONGEST_LABEL
from ..errors import UsageError
from ..review.ask import pairs_to_ask
from .answers import NotFound, answer
from .downloads import MEDIA, download
from .lookup import looked_up
from .new_entity import aligned
from .schemas import Filters, LookedUp, Lookup, NewEntity, Part, Rows, Side
from .served import Served

Key = Annotated[str, Query(min_length=1, max_length=LONGEST_LABEL)]
MaybeKey = Annotated[str | None, Query(min_length=1, max_length=LONGEST_LABEL)]
Words = Annotated[str, Query(max_length=200)]
Offset = Annotated[int, Query(ge=0, le=10**9)]
Limit = Annotated[int, Query(ge=1, le=500)]
Count = Annotated[int, Query(ge=1, le=100)]


def reading(served: Served) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["run"])
    view = served.view

    @router.get("/search", response_model=Rows)
    async def search(q: Words, side: Side = "left", k: Count = 10) -> Response:
        """Entities whose name or key fits a text best."""
        return answer(await served.quick(view.search, q, side, k))

    @router.get("/candidates", response_model=Rows)
    async def candidates(key: Key, side: Side = "left", k: Count = 5) -> Response:
        """The most likely counterparts of an entity."""

        def compute() -> dict[str, Any]:
            served.row_of(side, key)
            return view.candidates(side, key, k)

        return answer(await served.quick(compute))

    @router.get("/summary", response_model=dict[str, Any])
    async def summary() -> Response:
        """Headline, counts, thresholds, figures with their protocol, configuration."""
        found = await served.call(view.summary)
        return answer({**found, "read_only": served.config.read_only})

    @router.get("/matches", response_model=Part)
    async def matches(filters: Annotated[Filters, Query()]) -> Response:
        """A part of the matches, or of the entities of one side without a counterpart."""

        def compute() -> dict[str, Any]:
            return view.matches(decisions=served.said().verdicts, **filters.model_dump())

        return answer(await served.call(compute))

    @router.get("/match", response_model=dict[str, Any])
    async def match(left: MaybeKey = None, right: MaybeKey = None) -> Response:
        """Everything about a pair, or about an entity and its match."""

        def compute() -> dict[str, Any]:
            for side, key in (("left", left), ("right", right)):
                if key is not None:
                    served.row_of(side, key)
            found = view.match(left, right)
            pair = (found["left"] and found["left"]["key"], found["right"] and found["right"]["key"])
            said = served.said()
            made = next(
                (said.last[each] for each in (pair, (pair[0], None), (None, pair[1])) if each in said.last), None
            )
            if made is None and served.one_to_one:  # another counterpart of one of the two
                others = [each for each in said.holds if each.verdict == ACCEPT]
                made = next((each for each in others if each.left == pair[0] or each.right == pair[1]), None)
            return {**found, "decision": None if made is None else made.as_dict()}

        return answer(await served.call(compute))

    @router.get("/trust", response_model=dict[str, Any])
    async def trust() -> Response:
        """Reliability, precision and recall over the threshold, histogram of confidence."""
        return answer(await served.call(served.once, "trust", view.trust))

    @router.get("/map", response_model=dict[str, Any])
    async def map_() -> Response:
        """Both graphs in two dimensions."""
        return answer(await served.call(served.once, "the map", view.map))

    @router.get("/lists/{name}", response_model=Part)
    async def lists(
        name: Literal["unmatched_left", "unmatched_right", "rivals", "conflicts", "relations"],
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Response:
        """Entities without a counterpart, rivals for one entity, conflicts, aligned relations."""
        return answer(await served.call(view.lists, name, offset, limit))

    @router.get("/training", response_model=dict[str, Any])
    async def training() -> Response:
        """Curves of the training, and what was chosen."""
        return answer(await served.call(view.training))

    @router.post("/lookup", response_model=LookedUp)
    async def lookup(body: Lookup) -> Response:
        """The matches of up to 1,000 entities by their keys, in this order; null for an entity without one."""
        return answer(await served.call(looked_up, served, body.side, body.keys))

    @router.post("/align", response_model=dict[str, Any])
    async def align(body: NewEntity) -> Response:
        """The most likely counterparts of an entity that the run does not have. Nothing is stored."""
        return answer(await served.call(aligned, served, body))

    @router.get("/ask", response_model=Rows)
    async def ask(budget: Annotated[int, Query(ge=1, le=500)] = 20) -> Response:
        """The pairs whose answers would help most."""

        def compute() -> list[dict[str, Any]]:
            said = served.said()

            def questions() -> list[dict[str, Any]]:
                return [each.as_dict() for each in pairs_to_ask(served.result, budget, said.verdicts)]

            return served.once("the next pairs", questions, (said.number, budget))

        return answer({"rows": await served.call(compute)})

    @router.get("/picture/{side}", responses={200: {"content": {"image/webp": {}}}}, response_class=Response)
    async def picture(side: Side, key: Key, n: Annotated[int, Query(ge=0, le=1000)] = 0) -> Response:
        """A picture of an entity as WebP."""

        def compute() -> bytes:
            served.row_of(side, key)
            try:
                return view.picture(side, key, n)
            except UsageError as error:
                raise NotFound(error.reason) from None
            except (PictureError, OSError):  # whose message may hold a part of the file
                raise NotFound("this file cannot be read as a picture") from None

        kept = {"cache-control": "private, max-age=3600"}
        return Response(await served.call(compute), media_type="image/webp", headers=kept)

    @router.get(
        "/download/{name}",
        responses={200: {"content": {media: {} for media in sorted(set(MEDIA.values()))}}},
        response_class=Response,
    )
    async def downloads(
        name: Annotated[Literal["matches.tsv", "matches.sssom.tsv", "matches.nt", "decisions.sssom.tsv"], Path()],
    ) -> Response:
        """Sure and likely matches after all decisions, or the decisions themselves."""
        lines = await served.call(download, served, name)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(lines, media_type=MEDIA[name], headers=headers)

    return router
