"""What all pages for people have in common: their templates, headers and times, who is let in, and lists that are live.

A page needs no script to be read or acted on: what changes something is a form.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from flask import Response, g, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bridge.core.rules import SHADOW
from bridge.ledger.overview import MOST
from bridge.render import times
from bridge.render.figures import number
from bridge.render.folders import template_folder
from bridge.render.text import clean
from bridge.web import people, static
from bridge.web.auth import RefusedError
from bridge.web.served import bridge

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
NAMES = {"slack": "Slack", "pagerduty": "PagerDuty", "github": "GitHub"}
"""The kinds of destinations, as people call them."""


def when(at: datetime | str | None) -> Markup:
    """Return a time in the configuration's zone, with UTC for machines and for who points at it; "" for none."""
    if at is None:
        return Markup("")
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    utc = times.iso(at)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(utc, utc[:-1].replace("T", " "), _moment(at))


def _moment(at: datetime) -> str:
    return times.moment(at, times.zone_named(bridge().loaded.rules.timezone))


def counted(number: int, most: int = MOST) -> str:
    """Return a number, or that it is more than was counted."""
    return f"{number:,}" if number <= most else f"{most:,}+"


_environment = Environment(
    loader=FileSystemLoader(template_folder() / "console"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    finalize=lambda value: clean(value) if type(value) is str else value,  # controls and bidi marks are for nobody
)
_environment.globals.update(form_token=people.form_token, static=static.address, names=NAMES, shadow=SHADOW)
_environment.filters.update(
    drawn=Markup,  # what bridge.drawn made, which escapes by itself
    zipped=lambda values: [(value, value) for value in values],
    when=when,
    counted=counted,
    number=number,
)


def _rendered(name: str, facts: dict[str, object]) -> str:
    return _environment.get_template(name).render(person=g.get("person"), **facts)


def page(name: str, status: int = 200, **facts: object) -> Response:
    """Return a page, or a part of one, from its template in the console's folder."""
    body = _rendered(name, {"as_of": bridge().clock.now(), **facts})
    headers = {"Content-Security-Policy": POLICY}
    return Response(body, status, headers=headers, content_type="text/html; charset=utf-8")


def live(name: str, **facts: object) -> Response:
    """Return a page whose list keeps itself up to date: `name.html` around what `name_list.html` shows.

    The page's script asks for the list alone, saying which one it shows; where that is still true there is no answer
    but the time.
    """
    rendered = Markup(_rendered(f"{name}_list.html", facts))  # noqa: S704 - our template escapes
    digest = hashlib.sha256(rendered.encode("utf-8", "replace")).hexdigest()[:16]
    facts |= {"list": rendered, "digest": digest, "address": request.full_path.removesuffix("?")}
    if "HX-Request" not in request.headers:
        return page(f"{name}.html", 200, **facts)
    known = request.headers.get("X-Shown") == digest
    answer = Response(status=204) if known else page("live.html", 200, **facts)
    now = bridge().clock.now()
    answer.headers["X-As-Of"] = f"{times.iso(now)} {_moment(now)}"
    return answer


def admit() -> Response | None:
    """Let in who may be let in, and take forms of our own pages only; else return the page that says why not."""
    try:
        people.enter()
    except RefusedError as error:
        return refusal(error)
    return None


def refusal(error: RefusedError) -> Response:
    """Return the page for whoever is not let in: a login where that would help."""
    if not isinstance(error, people.UnknownError):
        return page("refused.html", 403, why=str(error))
    if bridge().environ.admin_token is not None and request.method in people.SAFE:
        return page("login.html", 401, why="", next=request.full_path.removesuffix("?"))
    return page("refused.html", 401, why=str(error))


def missing(why: str) -> Response:
    """Return the page for what isn't there."""
    return page("refused.html", 404, why=why)
