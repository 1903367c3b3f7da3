"""The API for programs and the CLI: what is stored, and acting on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, g, jsonify, request

from bridge.ledger import queries
from bridge.ledger.acts import ACTS, carry_out
from bridge.web import people, served
from bridge.web.auth import RefusedError
from bridge.web.openapi import document
from bridge.web.operations import OPERATIONS, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Response
    from sqlalchemy.engine import Connection

    from bridge.ledger.acts import Act

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

Answer = tuple["Response", int]


@blueprint.before_request
def admit() -> Answer | None:
    """Let in who may use the API; else say why not."""
    try:
        people.admit()
    except people.UnknownError as error:
        answer = jsonify(error=str(error))
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer, 401
    except RefusedError as error:
        return jsonify(error=str(error)), 403
    try:
        OPERATIONS[str(request.endpoint)].check(request.args)
    except QueryError as error:
        return jsonify(error=str(error)), 400
    return None


def do(act: Act, ids: Sequence[str]) -> list[str]:
    """Do something to what is stored, in the name of whoever asks; return the ids that it was true for."""
    bridge = served.bridge()
    done: list[str] = []
    for some in carry_out(bridge.ledger, act, ids, g.person.name, bridge.clock.now()):
        if some:
            bridge.hint()
        done += some
    return done


def _asked(*names: str) -> dict[str, str | None]:
    return {name: request.args.get(name) or None for name in names}


def _read(function: Callable[[Connection], object], what: str = "page") -> Answer:
    with served.bridge().ledger.read() as connection:
        found = function(connection)
    return (jsonify(found), 200) if found is not None else (jsonify(error=f"there is no such {what}"), 404)


@blueprint.get("/receipts/<receipt_id>")
def receipt(receipt_id: str) -> Answer:
    """Return one receipt."""
    return _read(lambda connection: queries.receipt(connection, receipt_id), "receipt")


@blueprint.get("/receipts")
def receipts() -> Answer:
    """Return receipts; `state=quarantined` is the quarantine."""
    return _read(lambda connection: queries.receipt_list(connection, **_asked("state", "cursor")))


@blueprint.get("/incidents")
def incidents() -> Answer:
    """Return incidents, filtered by `state`, `team`, `priority`."""
    return _read(lambda connection: queries.incident_list(connection, **_asked("state", "team", "priority", "cursor")))


@blueprint.get("/incidents/<incident_id>")
def incident(incident_id: str) -> Answer:
    """Return one incident whole."""
    return _read(lambda connection: queries.incident(connection, incident_id), "incident")


@blueprint.get("/deliveries")
def deliveries() -> Answer:
    """Return deliveries; `state=dead` are the dead letters."""
    return _read(lambda connection: queries.delivery_list(connection, **_asked("state", "cursor")))


@blueprint.get("/openapi.json")
def openapi() -> Answer:
    """Describe this API."""
    return jsonify(document(current_app)), 200


def _acting(noun: str, verb: str) -> Callable[[str], Answer]:
    act, missing = ACTS[noun, verb]

    def answer(one: str) -> Answer:
        done = do(act, [one])
        if not done:
            return jsonify(error=missing), 404
        return incident(one) if noun == "incidents" else (jsonify(done=done), 200)

    answer.__doc__ = act.__doc__
    return answer


for named in ACTS:
    blueprint.add_url_rule(f"/{named[0]}/<one>/{named[1]}", "_".join(named), _acting(*named), methods=["POST"])
