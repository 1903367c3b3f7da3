"""Pages for people: what is open, one incident, what could not be read or told, and acting on it.

They need no script: what changes something is a form.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, redirect, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bridge.ledger import queries
from bridge.ledger.acts import ACTS
from bridge.render.jinja import template_folder
from bridge.render.text import clean
from bridge.web import people, static
from bridge.web.api import do
from bridge.web.auth import RefusedError

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as Redirect

    from bridge.compose import Bridge

blueprint = Blueprint("pages", __name__)
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
OPEN_TO_ALL = {"pages.style", "pages.login", "pages.sign_in"}
BACK = {"incidents": "/incidents/{}", "deliveries": "/dead-letters", "receipts": "/quarantine"}
_environment = Environment(
    loader=FileSystemLoader(template_folder() / "console"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    finalize=lambda value: clean(value) if type(value) is str else value,  # controls and bidi marks are for nobody
)
_environment.globals["form_token"] = people.form_token
_environment.globals["static"] = static.address
_environment.filters["drawn"] = Markup  # what bridge.drawn made, which escapes by itself
_environment.filters["zipped"] = lambda values: [(value, value) for value in values]


def _bridge() -> Bridge:
    bridge: Bridge = current_app.extensions["bridge"]
    return bridge


def page(name: str, status: int = 200, *, policy: str = POLICY, **facts: object) -> Response:
    """Return a page, or a part of one, from its template in the console's folder."""
    body = _environment.get_template(name).render(person=g.get("person"), **facts)
    headers = {"Content-Security-Policy": policy}
    return Response(body, status, headers=headers, content_type="text/html; charset=utf-8")


@blueprint.before_request
def _admit() -> Response | Redirect | None:
    if request.endpoint in OPEN_TO_ALL:
        return None
    try:
        people.admit()
        if request.method not in people.SAFE:
            people.check_form(request.form)
    except RefusedError as error:
        return refusal(error)
    return None


def refusal(error: RefusedError) -> Response:
    """Return the page for whoever is not let in: a login where that would help."""
    if not isinstance(error, people.UnknownError):
        return page("refused.html", 403, why=str(error))
    if _bridge().environ.admin_token is not None and request.method in people.SAFE:
        return _login(status=401, after=request.path)
    return page("refused.html", 401, why=str(error))


@blueprint.get("/login")
def login() -> Response:
    """Ask for the admin token."""
    return _login()


def _login(why: str = "", status: int = 200, after: str = "") -> Response:
    return page("login.html", status, why=why, next=after or request.form.get("next", "/"))


@blueprint.post("/login")
def sign_in() -> Response | Redirect:
    """Begin a session."""
    try:
        people.check_form(request.form)
    except people.ForgedError as error:
        return _login(str(error), 403)
    if not people.sign_in(request.form.get("token", "")):
        return _login("This is not the admin token: it is in BRIDGE_ADMIN_TOKEN where the bridge runs.", 401)
    # only a path of ours: what a link brought along must not send people elsewhere
    after = urlsplit(request.form.get("next", "/"))
    ours = not after.netloc and after.path.startswith("/") and not after.path.startswith(("//", "/\\"))
    return redirect(after.path if ours else "/", 303)


@blueprint.post("/logout")
def logout() -> Redirect:
    """End the session."""
    people.sign_out()
    return redirect("/login", 303)


@blueprint.get("/")
def home() -> Response:
    """List what is open."""
    with _bridge().ledger.read() as connection:
        found = queries.incident_list(connection, state="firing", team=None, priority=None, cursor=None)
        waits = queries.backlog(connection)
    return page("home.html", incidents=found["items"], waits=waits)


@blueprint.get("/incidents/<incident_id>")
def incident(incident_id: str) -> Response:
    """Show one incident."""
    with _bridge().ledger.read() as connection:
        found = queries.incident(connection, incident_id)
    if found is None:
        return page("refused.html", 404, why="There is no such incident.")
    return page("incident.html", incident=found)


@blueprint.get("/quarantine")
def quarantine() -> Response:
    """List what could not be read as alerts."""
    with _bridge().ledger.read() as connection:
        found = queries.receipt_list(connection, "quarantined", request.args.get("cursor"))
    return page("quarantine.html", receipts=found["items"], next=found["next"])


@blueprint.get("/receipts/<receipt_id>")
def receipt(receipt_id: str) -> Response:
    """Show one stored request with its body."""
    with _bridge().ledger.read() as connection:
        found = queries.receipt(connection, receipt_id)
        body = queries.body(connection, receipt_id)
    if found is None:
        return page("refused.html", 404, why="There is no such receipt.")
    return page("receipt.html", receipt=found, body=body)


@blueprint.get("/dead-letters")
def dead_letters() -> Response:
    """List what retrying can't mend."""
    with _bridge().ledger.read() as connection:
        found = queries.delivery_list(connection, "dead", request.args.get("cursor"))
    return page("dead.html", deliveries=found["items"], next=found["next"])


def _act(noun: str, verb: str, one: str) -> Response | Redirect:
    act, missing = ACTS[noun, verb]
    if not do(act, one):
        return page("refused.html", 404, why=f"Nothing was done: {missing}.")
    return redirect(BACK[noun].format(one), 303)


for named in ACTS:
    blueprint.add_url_rule(f"/{named[0]}/<one>/{named[1]}", "_".join(named), partial(_act, *named), methods=["POST"])


@blueprint.get("/bridge.css")
def style() -> Response:
    """Return the pages' style."""
    return Response((template_folder() / "console" / "bridge.css").read_text(), content_type="text/css; charset=utf-8")
