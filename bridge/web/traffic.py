"""Where alerts come in and where they go out: sources with what came last, lanes with what holds them up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bridge.config.defaults import defaults
from bridge.config.sources import Basic, Bearer, Header, Hmac, Open
from bridge.core.alert import Priority
from bridge.core.route import target_at
from bridge.core.rules import OWN
from bridge.delivery.yard import HeldError
from bridge.destinations import KINDS
from bridge.ledger import lanes as held
from bridge.ledger import overview
from bridge.preview_json import plain
from bridge.web.frame import admit, live
from bridge.web.served import bridge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from bridge.config.sources import Auth
    from bridge.core.rules import Rules

blueprint = Blueprint("traffic", __name__)
blueprint.before_request(admit)
AUTH: Mapping[type, str] = {
    Bearer: "bearer token",
    Hmac: "signature (HMAC)",
    Basic: "user and password",
    Header: "secret header",
    Open: "none: anybody may post",
}


@dataclass(frozen=True, slots=True)
class LaneShown:
    """One place outside.

    `paused` until when nothing is sent there, `since` when it is in trouble; None where that isn't so. `error` is the
    last one.
    """

    kind: str
    address: str
    destination: str
    pace: str
    backlog: int
    first: datetime | None
    paused: datetime | None
    since: datetime | None
    error: str


@blueprint.get("/lanes")
def lanes() -> Response:
    """List the places that are told, with what waits for each."""
    rules, now = bridge().loaded.rules, bridge().clock.now()
    with bridge().ledger.read() as connection:
        found, following = overview.lane_list(connection, tuple(KINDS), request.args.get("cursor"))
        alive = held.PULSE in held.holders(connection, [held.PULSE], bridge().ledger.database_now(now))
    return live("lanes", lanes=[_lane(row, newest, rules, now) for row, newest in found], next=following, alive=alive)


def _lane(row: Any, newest: Any, rules: Rules, now: datetime) -> LaneShown:  # noqa: ANN401 - rows of lanes, deliveries
    kind, _, rest = row.name.partition("/")
    trouble = row.trouble or {}
    until = datetime.fromtimestamp(trouble["until"], UTC) if trouble else row.due_at
    return LaneShown(
        kind=kind,
        address=newest.address if newest else rest,
        destination=newest.destination if newest else "",
        pace=_pace(newest, rules) if newest else "",
        backlog=row.backlog,
        first=row.since,
        # a token's limit holds up its deliveries, not their lanes
        paused=until if until and until > now else None,
        since=datetime.fromtimestamp(trouble["since"], UTC) if trouble else None,
        error=trouble.get("error") or row.last_error or "",
    )


def _pace(delivery: Any, rules: Rules) -> str:  # noqa: ANN401 - a row of deliveries
    """Return a place's rate as the configuration writes it, of another name where that leads to the place now."""
    target = target_at(rules, delivery.destination, delivery.team, Priority.P2, OWN)
    if isinstance(target, str) or target.kind != delivery.kind:
        try:
            target = bridge().effective.target(delivery, Priority.P2, OWN)
        except HeldError:
            return "not configured now"
    rate = plain(target.settings.get("rate", defaults(delivery.kind).get("rate")))
    return " and ".join(map(str, rate)) if isinstance(rate, list) and rate else "no limit"


@blueprint.get("/sources")
def sources() -> Response:
    """List the sources with their last receipts."""
    configured = bridge().loaded.settings.sources
    with bridge().ledger.read() as connection:
        last = overview.last_receipts(connection, [*configured, OWN])
    token = bridge().environ.webhook_token is not None
    shown = [(name, _auth(one.auth, token=token), last.get(name)) for name, one in configured.items()]
    base = bridge().loaded.rules.external_url or request.host_url
    return live("sources", sources=shown, own=last.get(OWN), base=base.rstrip("/"))


def _auth(auth: Auth | None, *, token: bool) -> str:
    if auth is None:
        return "bearer token (BRIDGE_WEBHOOK_TOKEN)" if token else "none: this machine only"
    return AUTH[type(auth)]
