"""What programs may ask: of each function its query and its answers.

One table: requests are checked by it, and `/api/v1/openapi.json` is made from it, so that what is described holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

from typing_extensions import TypedDict

from bridge.explain_shapes import ExplainedShape
from bridge.ledger import shapes
from bridge.ledger.described import Field
from bridge.ledger.shapes import ULID, DeliveryShape, Id, IncidentShape, Page, ReceiptShape, WholeIncident

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = dict[str, Any]


class QueryError(ValueError):
    """A parameter of a query has a value that can't be meant; the sentence says which ones there are."""


class Problem(TypedDict):
    """Why not, and what to mend."""

    error: Annotated[str, Field(max_length=1_024)]


class Accepted(TypedDict):
    """What was stored."""

    receipt: Id


class Health(TypedDict):
    """How it stands."""

    status: str


class Acted(TypedDict):
    """What it was true for."""

    done: list[Id]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query: one of the `known` values, or what a pattern takes as a whole. An empty one is none."""

    name: str
    about: str
    known: tuple[str, ...] = ()
    pattern: str = "(?s:.)*"

    def schema(self) -> JSON:
        """Return what its values are, as a JSON Schema."""
        if self.known:
            return {"type": "string", "enum": [*self.known, ""]}
        return {"type": "string", "pattern": f"^({self.pattern})?$"}

    def check(self, value: str) -> None:
        """Raise QueryError for what is no value of it."""
        if not value or (value in self.known if self.known else re.fullmatch(self.pattern, value)):
            return
        mend = f"write one of {', '.join(self.known)}" if self.known else f"it is {self.about}"
        raise QueryError(f"{self.name}={value[:50]!r} is not understood: {mend}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to ask: what it answers, and with which status; which parameters; which refusals.

    `answer` is a shape, or a media type where it answers no JSON. `open` to everybody, without the admin token.
    """

    answer: object
    query: tuple[Parameter, ...] = ()
    status: int = 200
    refusals: tuple[int, ...] = ()
    body: str = ""
    open: bool = False

    def check(self, query: Mapping[str, str]) -> None:
        """Check a request's query; raises QueryError."""
        for parameter in self.query:
            parameter.check(query.get(parameter.name, ""))


def _state(of: object) -> Parameter:
    return Parameter("state", "only those in this state", get_args(of))


_TEAM = Parameter("team", "only those of this team, in any case")
_PRIORITY = Parameter("priority", "P0, P1, P2 or P3", pattern="[Pp][0-3]")
_CURSOR = Parameter("cursor", "what `next` was on the page before", pattern=ULID)
_DELIVERY = Parameter("delivery", "1: a live deliverer must exist too")
_SOURCE = Parameter("source", "the source that would post it; without it grafana, or the first one")
_ACT = Operation(Acted, refusals=(404,))
_TAKES = (400, 401, 404, 413, 503)

OPERATIONS: Mapping[str, Operation] = {
    "intake.receive": Operation(Accepted, status=202, refusals=_TAKES, body="*/*", open=True),
    "health.healthz": Operation(Health, open=True),
    "health.readyz": Operation(Health, (_DELIVERY,), open=True),
    "health.metrics": Operation("text/plain", open=True),
    "api.receipts": Operation(Page[ReceiptShape], (_state(shapes.ReceiptState), _CURSOR)),
    "api.receipt": Operation(ReceiptShape, refusals=(404,)),
    "api.receipts_replay": _ACT,
    "api.receipts_dismiss": _ACT,
    "api.incidents": Operation(Page[IncidentShape], (_state(shapes.IncidentState), _TEAM, _PRIORITY, _CURSOR)),
    "api.incident": Operation(WholeIncident, refusals=(404,)),
    "api.incidents_close": Operation(WholeIncident, refusals=(404,)),
    "api.deliveries": Operation(Page[DeliveryShape], (_state(shapes.DeliveryState), _CURSOR)),
    "api.deliveries_replay": _ACT,
    "api.deliveries_dismiss": _ACT,
    "explain.explain": Operation(ExplainedShape, (_SOURCE,), refusals=(404, 413), body="*/*"),
    "api.openapi": Operation("application/json"),
}
"""By the endpoint's name."""
