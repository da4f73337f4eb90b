"""Bodies of requests and answers, for the description of the API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..decisions.decision import LONGEST_AUTHOR, LONGEST_COMMENT, LONGEST_LABEL

MOST_KEYS = 1000
Side = Literal["left", "right"]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)]
Text = Annotated[str, Field(max_length=LONGEST_LABEL)]


Unit = Annotated[float, Field(ge=0, le=1)]
Margin = Annotated[float, Field(ge=-100, le=100)]


class Filters(BaseModel):
    """Which matches are shown, and in which order."""

    model_config = ConfigDict(extra="forbid")
    query: Annotated[str, Field(max_length=200)] = ""
    order: Literal["least_sure", "score", "label"] = "least_sure"
    state: Literal["open", "decided", "accepted", "rejected"] | None = None
    show: Literal["matched", "left", "right"] = "matched"
    min_confidence: Unit | None = None
    max_confidence: Unit | None = None
    min_margin: Margin | None = None
    max_margin: Margin | None = None
    type: Annotated[str, Field(max_length=LONGEST_LABEL)] | None = None
    disagrees: Annotated[str, Field(max_length=100)] | None = None
    known: bool = True
    group: Literal["sure", "to_check"] | None = None
    threshold: Unit | None = None
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Rows(BaseModel):
    """Some rows."""

    rows: list[dict[str, Any]]


class Part(Rows):
    """A part of many rows: how many there are, and the first of them that is shown."""

    total: int
    offset: int = 0


class NewDecision(BaseModel):
    """A decision: two entities to accept or reject, or one without a counterpart."""

    model_config = ConfigDict(extra="forbid")
    left: Key | None = None
    right: Key | None = None
    verdict: Literal["accept", "reject", "no_counterpart"]
    author: Annotated[str, Field(max_length=LONGEST_AUTHOR)] = ""
    comment: Annotated[str, Field(max_length=LONGEST_COMMENT)] = ""


class DecisionMade(BaseModel):
    """A decision in the store."""

    id: int
    left: str | None
    right: str | None
    verdict: Literal["accept", "reject", "no_counterpart"]
    author: str
    date: str
    comment: str
    undone: bool


class Undo(BaseModel):
    """Which decision to take back: by its number, else the last one, of this author if one is named."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    author: Annotated[str, Field(max_length=LONGEST_AUTHOR)] = ""


class Undone(BaseModel):
    """The decision that was taken back; null if there was none."""

    undone: DecisionMade | None


class Lookup(BaseModel):
    """Entities of one side."""

    model_config = ConfigDict(extra="forbid")
    side: Side = "left"
    keys: Annotated[list[Key], Field(max_length=MOST_KEYS)]


class LookedUp(BaseModel):
    """The match of each entity, and the keys that the graph does not have."""

    rows: list[dict[str, Any] | None]
    unknown: list[str]


class Value(BaseModel):
    """An attribute and its value."""

    model_config = ConfigDict(extra="forbid")
    attribute: Key
    value: Text


class NewNeighbour(BaseModel):
    """A relation to an entity of the same graph."""

    model_config = ConfigDict(extra="forbid")
    relation: Key
    key: Key
    inverse: bool = False


class NewEntity(BaseModel):
    """An entity that the run does not have: its names, values, neighbours and picture."""

    model_config = ConfigDict(extra="forbid")
    side: Side = "left"
    names: Annotated[list[Text], Field(max_length=20)] = []
    values: Annotated[list[Value], Field(max_length=500)] = []
    neighbours: Annotated[list[NewNeighbour], Field(max_length=500)] = []
    picture: Annotated[str, Field(max_length=12 << 20, description="A picture file in Base64.")] | None = None
    k: Annotated[int, Field(ge=1, le=100)] = 5


class Health(BaseModel):
    """That the server answers, and what it serves."""

    status: Literal["ok"]
    name: str
    version: str
    decisions: int
