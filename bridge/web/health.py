"""Is it alive, can it store, is anybody delivering: for balancers, probes and monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from bridge.ledger import lanes
from bridge.ledger.unavailable import AWAY, UnavailableError
from bridge.metrics import DATABASE_ERRORS
from bridge.web import counts, served

if TYPE_CHECKING:
    from bridge.compose import Bridge

blueprint = Blueprint("health", __name__)
REMEMBERED = 10.0
"""Seconds for which a notification that could not be stored speaks against readiness, unless one can be since."""


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """Answer that this process lives."""
    return jsonify(status="alive"), 200


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer whether this process can store; with `delivery=1`, whether a live deliverer exists too."""
    bridge = served.bridge()
    # whether the database is there again, a look says
    if bridge.refused and bridge.refused[1] != AWAY and bridge.clock.monotonic() - bridge.refused[0] < REMEMBERED:
        return jsonify(status=f"can't store: {bridge.refused[1]}"), 503
    if full := bridge.room.full():
        return jsonify(status=f"can't store: {full}"), 503
    try:
        bridge.ledger.write(lanes.probe)
        if request.args.get("delivery") == "1" and not _delivering(bridge):
            return jsonify(status="no live deliverer: see whether `bridge run` or `bridge worker` is up"), 503
    except (UnavailableError, SQLAlchemyError) as error:
        bridge.kept.add(DATABASE_ERRORS, process="web")
        return jsonify(status=f"can't store: {error if isinstance(error, UnavailableError) else 'no database'}"), 503
    return jsonify(status="ready"), 200


def _delivering(bridge: Bridge) -> bool:
    now = bridge.ledger.database_now(bridge.clock.now())
    with bridge.ledger.read() as connection:
        return lanes.delivering(connection, now)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return counts for Prometheus."""
    bridge = served.bridge()
    return Response(counts.exposition(bridge), content_type=counts.CONTENT_TYPE)
