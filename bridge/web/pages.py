"""Pages for people: signing in, one incident, what could not be read or told, and acting on it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request

from bridge.ledger import acts, queries
from bridge.ledger.acts import ACTS
from bridge.web import members, people
from bridge.web.api import do
from bridge.web.frame import admit, live, missing, page
from bridge.web.served import bridge

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as Redirect

blueprint = Blueprint("pages", __name__)
OPEN_TO_ALL = {"pages.login", "pages.sign_in"}
BACK = {"incidents": "/incidents/{}", "deliveries": "/dead-letters", "receipts": "/quarantine"}
ALL = {"deliveries": acts.dead_letters, "receipts": acts.quarantined}
"""What can be replayed or dismissed all at once, and which those are."""
SHOWN = 200
"""Alerts and events of an incident that its page shows."""


@blueprint.before_request
def _admit() -> Response | Redirect | None:
    if request.endpoint not in OPEN_TO_ALL:
        return admit()
    # without a token nobody can sign in: who is let in anyway goes on, who isn't hears what to mend
    return None if bridge().environ.admin_token is not None else admit() or redirect("/", 303)


@blueprint.get("/login")
def login() -> Response:
    """Ask for the admin token."""
    return _login()


def _login(why: str = "", status: int = 200) -> Response:
    return page("login.html", status, why=why, next=request.form.get("next", "/"))


@blueprint.post("/login")
def sign_in() -> Response | Redirect:
    """Begin a session."""
    try:
        people.check_form(request.form)
    except people.ForgedError as error:
        return _login(str(error), 403)
    if not people.sign_in(request.form.get("token", "")):
        return _login("This is not the admin token: it is in BRIDGE_ADMIN_TOKEN where the bridge runs.", 401)
    return redirect(_ours(request.form.get("next", "/")), 303)


def _ours(address: str) -> str:
    """Return an address as a path of ours, else "/": what a link brought along must not send people elsewhere."""
    try:
        after = urlsplit(address)
    except ValueError:
        return "/"
    ours = not after.netloc and after.path.startswith("/") and not after.path.startswith(("//", "/\\"))
    return f"{after.path}{'?' if after.query else ''}{after.query}" if ours else "/"


@blueprint.post("/logout")
def logout() -> Redirect:
    """End the session."""
    people.sign_out()
    return redirect("/login", 303)


@blueprint.get("/incidents/<incident_id>")
def incident(incident_id: str) -> Response:
    """Show one incident."""
    with bridge().ledger.read() as connection:
        found = queries.incident(connection, incident_id, SHOWN)
        counts = queries.firing(connection, incident_id)
    if not found:
        return missing("There is no such incident.")
    return page("incident.html", incident=found, members=members.shown(found["alerts"]), counts=counts, most=SHOWN)


@blueprint.get("/quarantine")
def quarantine() -> Response:
    """List what could not be read as alerts."""
    with bridge().ledger.read() as connection:
        found = queries.receipt_list(connection, "quarantined", request.args.get("cursor"))
    return live("quarantine", receipts=found["items"], next=found["next"])


@blueprint.get("/receipts/<receipt_id>")
def receipt(receipt_id: str) -> Response:
    """Show one stored request with its body."""
    with bridge().ledger.read() as connection:
        found = queries.receipt(connection, receipt_id)
        body, why = queries.body(connection, receipt_id)
    return page("receipt.html", receipt=found, body=body, why=why) if found else missing("There is no such receipt.")


@blueprint.get("/dead-letters")
def dead_letters() -> Response:
    """List what retrying can't mend."""
    with bridge().ledger.read() as connection:
        found = queries.delivery_list(connection, "dead", request.args.get("cursor"))
        titles = queries.titles(connection, found)
    return live("dead", deliveries=found["items"], next=found["next"], titles=titles)


def _act(noun: str, verb: str, one: str) -> Response | Redirect:
    act, nothing = ACTS[noun, verb]
    if not do(act, [one]):
        return missing(f"Nothing was done: {nothing}.")
    return redirect(BACK[noun].format(one), 303)


def _act_on_all(noun: str, verb: str) -> Redirect:
    with bridge().ledger.read() as connection:
        these = ALL[noun](connection)
    do(ACTS[noun, verb][0], these)
    return redirect(BACK[noun], 303)


for named in ACTS:
    blueprint.add_url_rule(f"/{named[0]}/<one>/{named[1]}", "_".join(named), partial(_act, *named), methods=["POST"])
    if named[0] in ALL:
        everything = partial(_act_on_all, *named)
        blueprint.add_url_rule(f"/{named[0]}/{named[1]}", f"{'_'.join(named)}_all", everything, methods=["POST"])
