"""Pages for people: what is open, and the page of one incident, which links in messages lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bridge.ledger import queries
from bridge.render.jinja import template_folder
from bridge.web import auth

if TYPE_CHECKING:
    from bridge.compose import Bridge

blueprint = Blueprint("pages", __name__)
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_environment = Environment(
    loader=FileSystemLoader(template_folder() / "console"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
)


def _page(name: str, status: int = 200, **facts: object) -> Response:
    body = _environment.get_template(name).render(**facts)
    return Response(body, status, headers=SECURITY, content_type="text/html; charset=utf-8")


@blueprint.before_request
def _admit() -> Response | None:
    bridge: Bridge = current_app.extensions["bridge"]
    if request.path.endswith(".css"):
        return None
    try:
        auth.admit_person(
            request.headers, admin_token=bridge.environ.admin_token, loopback=bridge.loopback, changes=False
        )
    except auth.RefusedError as error:
        return _page("refused.html", 403 if bridge.environ.admin_token is None else 401, why=str(error))
    return None


@blueprint.get("/")
def home() -> Response:
    """List what is open."""
    bridge: Bridge = current_app.extensions["bridge"]
    with bridge.ledger.read() as connection:
        found = queries.incident_list(connection, state="firing", team=None, priority=None, cursor=None)
        waits = queries.backlog(connection)
    return _page("home.html", incidents=found["items"], waits=waits)


@blueprint.get("/incidents/<incident_id>")
def incident(incident_id: str) -> Response:
    """Show one incident."""
    bridge: Bridge = current_app.extensions["bridge"]
    with bridge.ledger.read() as connection:
        found = queries.incident(connection, incident_id)
    if found is None:
        return _page("refused.html", 404, why="There is no such incident.")
    return _page("incident.html", incident=found)


@blueprint.get("/bridge.css")
def style() -> Response:
    """Return the pages' style."""
    return Response((template_folder() / "console" / "bridge.css").read_text(), content_type="text/css; charset=utf-8")
