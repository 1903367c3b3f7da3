"""The API for programs and the CLI: what is stored, and acting on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, current_app, jsonify, request

from bridge.ledger import acts, queries
from bridge.web import auth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Response
    from sqlalchemy.engine import Connection

    from bridge.compose import Bridge

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

Answer = tuple["Response", int]


def _bridge() -> Bridge:
    bridge: Bridge = current_app.extensions["bridge"]
    return bridge


@blueprint.before_request
def _admit() -> Answer | None:
    bridge = _bridge()
    try:
        auth.admit_person(
            request.headers,
            admin_token=bridge.environ.admin_token,
            loopback=bridge.loopback,
            changes=request.method not in {"GET", "HEAD"},
        )
    except auth.RefusedError as error:
        return jsonify(error=str(error)), 403 if bridge.environ.admin_token is None else 401
    return None


def _read(function: Callable[[Connection], dict[str, Any] | None], what: str) -> Answer:
    with _bridge().ledger.read() as connection:
        found = function(connection)
    return (jsonify(found), 200) if found is not None else (jsonify(error=f"there is no such {what}"), 404)


@blueprint.get("/receipts/<receipt_id>")
def receipt(receipt_id: str) -> Answer:
    """Return one receipt."""
    return _read(lambda connection: queries.receipt(connection, receipt_id), "receipt")


@blueprint.get("/receipts")
def receipts() -> Answer:
    """Return receipts; `state=quarantined` is the quarantine."""
    args = request.args
    return _read(lambda connection: queries.receipt_list(connection, args.get("state"), args.get("cursor")), "page")


@blueprint.get("/incidents")
def incidents() -> Answer:
    """Return incidents, filtered by `state`, `team`, `priority`."""
    args = request.args
    wanted = {name: args.get(name) for name in ("state", "team", "priority", "cursor")}
    return _read(lambda connection: queries.incident_list(connection, **wanted), "page")


@blueprint.get("/incidents/<incident_id>")
def incident(incident_id: str) -> Answer:
    """Return one incident whole."""
    return _read(lambda connection: queries.incident(connection, incident_id), "incident")


@blueprint.get("/deliveries")
def deliveries() -> Answer:
    """Return deliveries; `state=dead` are the dead letters."""
    args = request.args
    return _read(lambda connection: queries.delivery_list(connection, args.get("state"), args.get("cursor")), "page")


@blueprint.post("/incidents/<incident_id>/close")
def close(incident_id: str) -> Answer:
    """Close an incident for good."""
    bridge = _bridge()
    now = bridge.clock.now()
    if not bridge.ledger.write(lambda connection: acts.close(connection, incident_id, "the API", now)):
        return jsonify(error="there is no such incident, or it is closed already"), 404
    bridge.hint("")
    return incident(incident_id)


def _acted(done: Sequence[str], sentence: str) -> Answer:
    if not done:
        return jsonify(error=sentence), 404
    _bridge().hint("")
    return jsonify(done=list(done)), 200


@blueprint.post("/deliveries/<delivery_id>/replay")
def replay(delivery_id: str) -> Answer:
    """Tell the present truth where a dead letter could not."""
    bridge = _bridge()
    now = bridge.clock.now()
    done = bridge.ledger.write(lambda connection: acts.replay(connection, [delivery_id], now))
    return _acted(done, "there is no such dead letter")


@blueprint.post("/deliveries/<delivery_id>/dismiss")
def dismiss(delivery_id: str) -> Answer:
    """Let a dead letter rest."""
    bridge = _bridge()
    now = bridge.clock.now()
    done = bridge.ledger.write(lambda connection: acts.dismiss(connection, [delivery_id], now))
    return _acted(done, "there is no such dead letter")


@blueprint.post("/receipts/<receipt_id>/replay")
def replay_receipt(receipt_id: str) -> Answer:
    """Read a quarantined body once more."""
    done = _bridge().ledger.write(lambda connection: acts.replay_receipts(connection, [receipt_id]))
    return _acted(done, "there is no such receipt in quarantine")


@blueprint.post("/receipts/<receipt_id>/dismiss")
def dismiss_receipt(receipt_id: str) -> Answer:
    """Let a quarantined body rest."""
    done = _bridge().ledger.write(lambda connection: acts.dismiss_receipts(connection, [receipt_id]))
    return _acted(done, "there is no such receipt in quarantine")
