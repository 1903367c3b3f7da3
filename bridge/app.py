"""The web application: intake for senders, API and pages for people."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify
from flask.sessions import SecureCookieSessionInterface
from gunicorn.http.errors import NoMoreData, ParseException
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from bridge.apart import Apart
from bridge.ledger.unavailable import AWAY, UnavailableError, reason
from bridge.log import log
from bridge.metrics import DATABASE_ERRORS
from bridge.web import api, configured, explained, health, home, intake, pages, playground, served, static, traffic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Request
    from flask.sessions import SecureCookieSession

    from bridge.compose import Bridge

SESSION = {
    # the prefix makes browsers insist: over https or on localhost, for this host only
    "SESSION_COOKIE_NAME": "__Host-bridge",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",  # Strict would ask those to sign in again who come by a link in a message
    "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
    "SESSION_REFRESH_EACH_REQUEST": False,
    # of a form, from whomever; who takes more says so of its requests
    "MAX_CONTENT_LENGTH": 65_536,
    "MAX_FORM_MEMORY_SIZE": 65_536,
}
HARDENED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


BLUEPRINTS = (
    intake.blueprint,
    api.blueprint,
    health.blueprint,
    home.blueprint,
    pages.blueprint,
    explained.programs,
    explained.blueprint,
    traffic.blueprint,
    configured.blueprint,
    playground.blueprint,
    static.blueprint,
)


class Sessions(SecureCookieSessionInterface):
    """Sessions for people; a sender of alerts has none, and a tenth of its request would go into one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request."""
        return (
            self.make_null_session(app) if request.path.startswith("/webhooks/") else super().open_session(app, request)
        )


class Application(Flask):
    """Flask, which takes an address of a webhook with more slashes than one for the one that is meant.

    It would redirect, as it does elsewhere: to an address that a sender may not reach, or reaches without the body.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if "//" in path and (meant := re.sub("/+", "/", path)).startswith("/webhooks/"):
            environ["PATH_INFO"] = meant
        return super().wsgi_app(environ, start_response)


def serve(app: Flask, bridge: Bridge) -> Flask:
    """Have an application serve what `compose` put together; return it."""
    app.extensions["bridge"] = bridge
    app.secret_key = bridge.effective.digest("console sessions")
    return app


def application() -> Flask:
    """Return the application, which does not serve anything yet."""
    app = Application("bridge", static_folder=None)
    app.extensions["apart"] = Apart()
    app.config.update(SESSION)
    app.session_interface = Sessions()
    app.after_request(_hardened)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _error)
    return app


def _hardened(answer: Response) -> Response:
    # one look at what is said, not one for each: senders of alerts wait for this
    said = {name.lower() for name, _ in answer.headers}
    for name, value in HARDENED.items():
        if name.lower() not in said:
            answer.headers.add(name, value)
    return answer


def _http_error(error: HTTPException) -> tuple[Response, int]:
    sentences = {
        404: "there is nothing here; alerts go to /webhooks/<source>",
        405: "this address wants another method; alerts are sent by POST or PUT",
    }
    code = error.code or 500
    answer = jsonify(error=sentences.get(code, error.description or error.name))
    if code == 405 and error.get_response().headers.get("Allow"):  # noqa: PLR2004 - the status is its name
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer, code


def _error(error: Exception) -> tuple[Response, int]:
    if isinstance(error, DataError):
        return jsonify(error="this can't be asked for: it holds a character, or a number, that nothing stored has"), 400
    if isinstance(error, NoMoreData | ParseException):
        return jsonify(error="the body did not come whole: nothing was done, send it again"), 400
    if isinstance(error, UnavailableError | SQLAlchemyError | sqlite3.Error):
        served.bridge().kept.add(DATABASE_ERRORS, process="web")
    sentence = "the bridge could not do this; its log says why"
    if isinstance(error, UnavailableError):
        sentence = str(error)
    elif isinstance(error, OperationalError | PoolTimeoutError | sqlite3.OperationalError) or reason(error) != AWAY:
        sentence = reason(error)
    # whatever it is, the sender must try again: what could not be stored is not accepted
    log.error("request failed", error=type(error).__name__, exc_info=error)
    answer = jsonify(error=sentence)
    answer.headers["Retry-After"] = "5"
    return answer, 503
