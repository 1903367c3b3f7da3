"""Intake: authenticate, store the raw body, commit, answer 202. Nobody thinks about the body here."""

from __future__ import annotations

import threading
import zlib
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import IO, TYPE_CHECKING

from flask import Blueprint, Response, request
from gunicorn.http.errors import ParseException

from bridge.config.sources import Hmac
from bridge.ids import new_id
from bridge.ledger import lanes, receipts
from bridge.ledger.receipts import Receipt
from bridge.ledger.unavailable import UnavailableError
from bridge.log import log
from bridge.metrics import DATABASE_ERRORS, NOTIFICATIONS
from bridge.web import auth, errors, served
from bridge.web.arriving import UNSAID
from bridge.web.direct import KeptAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.compose import Bridge
    from bridge.config.sources import SourceSettings

blueprint = Blueprint("intake", __name__)

KEPT_HEADERS = {
    "Content-Type": "CONTENT_TYPE",
    "User-Agent": "HTTP_USER_AGENT",
    "Content-Encoding": "HTTP_CONTENT_ENCODING",
}
"""What is stored of a request's headers, and what WSGI calls it: never Authorization, a signature or a cookie."""
CHUNK = 65_536
SLICE = 16_384
"""Bytes that are unpacked at once: what stands behind a gzip member is copied with each member."""
MOST_MEMBERS = 10_000
"""Gzip members of a body: nobody sends more, and an empty one costs us far more than its 20 bytes cost its sender."""
LARGE = 1_048_576
"""Bytes from which a body counts as large: so that memory stays bounded, few of them are worked on at once."""
_few = threading.BoundedSemaphore(4)


class TooLargeError(Exception):
    """The body, or what it unpacks to, is over the source's `max_body`."""


class UnfinishedError(Exception):
    """The sender stopped in the middle, or what it sent is no body: not as long as it says, or no chunks.

    Or it does not say how long it is; then this says so.
    """


class UnpackError(Exception):
    """The body says that it is compressed, but can't be unpacked."""


@blueprint.route("/webhooks/<source>", methods=["POST", "PUT"], strict_slashes=False, provide_automatic_options=False)
def receive(source: str) -> tuple[Response, int] | Response:
    """Take in one notification."""
    bridge = served.bridge()
    settings = bridge.loaded.settings.sources.get(source)
    if settings is None:
        bridge.kept.add(NOTIFICATIONS, source="", outcome="unknown_source")
        known = ", ".join(sorted(bridge.loaded.settings.sources))
        return errors.answer(404, f"there is no source {source[:100]!r}; bridge.yml has {known}")
    heavy = (request.content_length or LARGE) >= LARGE or "Content-Encoding" in request.headers
    kept = _kept_answer()
    with _few if heavy and kept is None else nullcontext():
        return _take_in(bridge, settings, kept)


def _take_in(bridge: Bridge, settings: SourceSettings, kept: KeptAnswer | None) -> tuple[Response, int] | Response:
    source, now = settings.name, bridge.clock.now()
    # a stamp is the sender's time: where our own goes on ahead of a clock that was set right, that one counts
    right = now - timedelta(seconds=bridge.clock.ahead())
    try:
        body = _admitted(bridge, settings, right)
    except (TooLargeError, UnfinishedError, auth.RefusedError) as error:
        outcome, status, sentence = _refusal(error, settings)
        bridge.kept.add(NOTIFICATIONS, source=source, outcome=outcome)
        return errors.answer(status, sentence)
    except auth.UncheckedError as error:
        # not as what can't be stored: who may not post must not make the process count as unready
        bridge.kept.add(NOTIFICATIONS, source=source, outcome="unavailable")
        log.warning("not stored", source=source, why=error.missing)
        return _unavailable(str(error))
    if full := bridge.room.full(look=kept is None):
        _not_stored(bridge, source, full)
        return _unavailable(full)
    given = request.environ
    headers = {name: given[said] for name, said in KEPT_HEADERS.items() if said in given}
    receipt = Receipt(new_id(), source, now, headers, body)
    signs = settings.auth if isinstance(settings.auth, Hmac) else None
    if kept is not None and signs is None:
        kept.after(receipts.to_store(bridge.ledger, receipt), partial(_told, bridge, source))
        return _taken(receipt.id)
    try:
        stored = _stored_once(bridge, signs, receipt, right) if signs else _stored(bridge, receipt)
    except UnavailableError as error:
        _told(bridge, source, error)
        return _unavailable(str(error))
    _told(bridge, source, outcome="stored" if stored == receipt.id else "repeated")
    return _taken(stored)


def _stored(bridge: Bridge, receipt: Receipt) -> str:
    receipts.append(bridge.ledger, receipt).result()
    return receipt.id


def _stored_once(bridge: Bridge, how: Hmac, receipt: Receipt, now: datetime) -> str:
    """Store a signed request, unless that is there already; return the id of the one that is stored."""
    signature = auth.signature_of(receipt.source, how, request.headers)
    # a stamp may be ahead of us by the tolerance, and is good for as long again
    since = now - 2 * how.tolerance if how.tolerance else None
    return receipts.once(bridge.ledger, receipt, signature, since, unstamped=not how.timestamp_header)


def _taken(receipt: str) -> Response:
    # by hand: in an id there is nothing to escape
    return Response(f'{{"receipt":"{receipt}"}}\n', 202, mimetype="application/json")


def _admitted(bridge: Bridge, settings: SourceSettings, now: datetime) -> bytes:
    """Return the body of a request that may be taken in; one that can't be unpacked is kept as it came."""
    raw = read_body(settings.max_body)
    auth.admit(settings, request.headers, raw, webhook_token=bridge.environ.webhook_token, env=bridge.env, now=now)
    try:
        return unpack(raw, request.headers.get("Content-Encoding", ""), settings.max_body)
    except UnpackError:
        return raw


def _refusal(error: Exception, settings: SourceSettings) -> tuple[str, int, str]:
    """Return what a request that is not taken in counts as, and how it is answered."""
    if isinstance(error, TooLargeError):
        mend = f"raise max_body of source {settings.name}, or send less"
        return "too_large", 413, f"the body is over {settings.max_body} bytes: {mend}"
    if isinstance(error, UnfinishedError):
        return "incomplete", 400, str(error) or "the body did not come whole: nothing was stored, send it again"
    return "unauthorized", 401, str(error)


def _kept_answer() -> KeptAnswer | None:
    """Return the answer that is kept of a request which the process's loop serves: nothing in it may wait."""
    kept = request.environ.get("gunicorn.socket")
    return kept if isinstance(kept, KeptAnswer) else None


def _told(bridge: Bridge, source: str, error: UnavailableError | None = None, outcome: str = "stored") -> None:
    """Take in what came of storing."""
    if error is not None:
        bridge.kept.add(DATABASE_ERRORS, process="web")
        _not_stored(bridge, source, str(error))
        return
    bridge.kept.add(NOTIFICATIONS, source=source, outcome=outcome)
    bridge.refused = None
    bridge.hint(f"{lanes.INTAKE}{source}")


def _not_stored(bridge: Bridge, source: str, why: str) -> None:
    bridge.kept.add(NOTIFICATIONS, source=source, outcome="unavailable")
    log.warning("not stored", source=source, why=why)
    bridge.refused = (bridge.clock.monotonic(), why)


def _unavailable(why: str) -> tuple[Response, int]:
    answer = errors.answer(503, f"not stored: {why}")[0]
    answer.headers["Retry-After"] = "5"
    return answer, 503


def read_body(limit: int) -> bytes:
    """Read the request's body, chunked or not, up to `limit` bytes."""
    request.max_content_length = limit  # other requests are given far less
    if request.content_length is None and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise UnfinishedError(UNSAID)  # RFC 1945, 8.3: where it ends can't be known
    if (request.content_length or 0) > limit:
        raise TooLargeError
    parts: list[bytes] = []
    size = 0
    stream = request.environ["wsgi.input"] if request.environ.get("wsgi.input_terminated") else request.stream
    while part := _next(stream):
        size += len(part)
        if size > limit:
            raise TooLargeError
        parts.append(part)
    if size < (request.content_length or 0):
        raise UnfinishedError
    return b"".join(parts)


def _next(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK)
    except (OSError, ParseException) as error:  # the sender is gone, or its chunks are none
        raise UnfinishedError from error


def unpack(raw: bytes, encoding: str, limit: int) -> bytes:
    """Return the body unpacked; a bomb stops at `limit` bytes."""
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return raw
    parts: list[bytes] = []
    size = members = 0
    unpacker = None
    for at in range(0, len(raw), SLICE):
        rest = raw[at : at + SLICE]
        # another member (RFC 1952, 2.2), or padding
        while rest := rest.lstrip(b"\0") if members and unpacker is None else rest:
            if unpacker is None:
                unpacker = zlib.decompressobj(wbits=47)
                members += 1
            try:
                parts.append(unpacker.decompress(rest, limit + 1 - size))
            except zlib.error as error:
                raise UnpackError from error
            size += len(parts[-1])
            if size > limit:
                raise TooLargeError
            rest = unpacker.unused_data
            unpacker = None if unpacker.eof else unpacker
        if members > MOST_MEMBERS:
            raise UnpackError
    if unpacker is not None:
        raise UnpackError
    return b"".join(parts)
