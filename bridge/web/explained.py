"""Explain over HTTP: where a payload's alerts would go, and why; for programs as JSON, for people as a page.

Nothing is sent, nothing is stored. It is made in a process apart (`bridge.apart`), which is given no secret.
"""

from __future__ import annotations

import html
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from markupsafe import Markup
from werkzeug.exceptions import RequestEntityTooLarge

from bridge.apart import MOST_PAYLOAD, Apart, EndedError
from bridge.config.sources import usual
from bridge.config.words import did_you_mean, quoted
from bridge.ledger import receipts
from bridge.preview_json import shown
from bridge.render.folders import template_folders
from bridge.web import api, errors
from bridge.web.frame import admit, page
from bridge.web.served import bridge

JSON = dict[str, Any]
programs = Blueprint("explain", __name__, url_prefix="/api/v1")
blueprint = Blueprint("explained", __name__)
programs.before_request(api.admit)
MOST_FORM = 3 * MOST_PAYLOAD + 10_000
"""Bytes of a form, whose signs take up to three times what they are."""
TOO_LARGE = "this is more than 1 MiB: `bridge explain FILE` takes it"


class UnknownSourceError(Exception):
    """No source of the configuration has this name; the sentence names those that there are."""


def _source(said: str) -> str:
    """Return the source that a payload is taken for: as `bridge explain` does without --source."""
    known = bridge().loaded.settings.sources
    if said and said not in known:
        raise UnknownSourceError(f"there is no source {quoted(said)}: {did_you_mean(said, known)}")
    return said or usual(known)


def _explained(body: bytes, source: str) -> JSON:
    """Return what is to be said of a payload.

    Raises:
        EndedError: it took too long.
    """
    from bridge.explain import MOST_ALERTS, MOST_INCIDENTS, Question  # noqa: PLC0415 - for who asks, not who serves
    from bridge.preview_step import Trial  # noqa: PLC0415 - as above

    here = bridge()
    question = Question(
        body,
        source,
        here.loaded.settings.sources[source].mapping,
        here.loaded.rules,
        template_folders(here.environ.templates),
        here.clock.now(),
        trial=Trial(alerts=MOST_ALERTS, most=MOST_INCIDENTS),
    )
    apart: Apart = current_app.extensions["apart"]
    return apart(question)


@programs.post("/explain")
def explain() -> tuple[Response, int]:
    """Explain the body as if the source that `?source=` names had posted it: the JSON of `bridge explain --json`."""
    request.max_content_length = MOST_PAYLOAD
    try:
        found = _explained(request.get_data(), _source(request.args.get("source", "")))
    except RequestEntityTooLarge:
        return errors.answer(413, TOO_LARGE)
    except UnknownSourceError as error:
        return errors.answer(404, str(error))
    except EndedError as error:
        return errors.answer(503, f"nothing to say: {error}")
    return jsonify(found), 200


@blueprint.before_request
def _admit() -> Response | None:
    request.max_content_length = request.max_form_memory_size = MOST_FORM
    try:
        return admit()
    except RequestEntityTooLarge:
        return page("refused.html", 413, why=_sentence(TOO_LARGE))


def _sentence(said: str) -> str:
    """Return a sentence for people: names in it stay as they are written."""
    return f"{said[:1].upper()}{said[1:]}."


@blueprint.get("/explain")
def ask() -> Response:
    """Ask for a payload, or explain the stored receipt that `?receipt=` names."""
    receipt = request.args.get("receipt", "").strip()
    if not receipt:
        return _page("", request.args.get("source", ""))
    with bridge().ledger.read() as connection:
        found = receipts.load(connection, receipt)
    if found is None:
        return _page("", "", problem="There is no such receipt.", status=404)
    if found.unreadable:
        return _page("", found.source, problem=found.unreadable)
    if len(found.body) > MOST_PAYLOAD:
        return _page("", found.source, problem="The body of this receipt is larger than 1 MiB.")
    return _page(found.body.decode("utf-8", "replace"), found.source, body=found.body)


@blueprint.post("/explain")
def answer() -> Response:
    """Explain the payload of a form."""
    payload = request.form.get("payload", "")
    return _page(payload, request.form.get("source", ""), body=payload.encode("utf-8", "replace"))


def _page(payload: str, source: str, *, body: bytes | None = None, problem: str = "", status: int = 200) -> Response:
    found: JSON | None = None
    try:
        source = _source(source)
        if body is not None:
            found = _explained(body, source)
    except UnknownSourceError as error:
        problem = _sentence(str(error))
    except EndedError as error:
        problem = f"Nothing to say: {error}."
    if found and (why := found["quarantine"]):
        found, problem = None, f"This would go to quarantine: {why}"
    return page(
        "explain.html",
        status,
        # as it was written: nothing is left out of what goes back into the form
        payload=Markup(html.escape(payload)),  # noqa: S704 - escaped
        source=source,
        sources=[*bridge().loaded.settings.sources],
        found=found,
        problem=problem,
        shown=shown,
    )
