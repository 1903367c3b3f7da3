"""What goes in and out of a double: one HTTP request and one HTTP response, as frozen values.

The doubles know nothing of sockets, so a test can call them in process with these values and a clock of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, str] = MappingProxyType({})
"""No headers, no query."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a double sees it.

    Attributes:
        method: upper case.
        path: begins with a slash, percent-encoded as sent, relative to the double (`/api/chat.postMessage`).
        query: decoded; of a repeated name the last value counts.
        headers: names in lower case.
        body: the raw bytes, chunks already put together.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The media type in lower case without its parameters, or an empty string."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def token(self) -> str | None:
        """The credentials of `Authorization: Bearer …` (or GitHub's older `token …`), None without that header."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        return credentials.strip() if scheme.lower() in {"bearer", "token"} else None

    def form(self) -> dict[str, str]:
        """The fields of a form body, empty values kept."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:  # noqa: ANN401 (JSON is any value)
        """The body read as strict JSON.

        Raises:
            ValueError: the body is no JSON, no UTF-8, uses NaN or Infinity, or nests too deep.
        """
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deep") from None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; the server adds Date (where it has none), Content-Length and Connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 (JSON is any value)
        """The body read as JSON, for callers in process.

        Raises:
            ValueError: the body is no JSON.
        """
        return json.loads(self.body)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def json_response(value: object, status: int = 200, headers: Mapping[str, str] = NOTHING) -> Response:
    """Answers with a value as JSON, in ASCII as Slack does it, so that half a surrogate pair survives the way."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8", **headers}, body)


def text_response(text: str, status: int = 200, content_type: str = "text/plain") -> Response:
    """Answers with text."""
    return Response(status, {"Content-Type": f"{content_type}; charset=utf-8"}, text.encode("utf-8", "replace"))


def request(
    method: str, target: str, value: object = None, *, token: str | None = None, headers: Mapping[str, str] = NOTHING
) -> Request:
    """Builds a request for a call in process.

    Args:
        method: upper case.
        target: path, with a query where there is one.
        value: sent as JSON when not None.
        token: sent as a bearer token.
        headers: names in lower case; they win over those set here.
    """
    parts = urlsplit(target)
    made = {"user-agent": "in-process"}
    if value is not None:
        made["content-type"] = "application/json; charset=utf-8"
    if token is not None:
        made["authorization"] = f"Bearer {token}"
    body = b"" if value is None else json.dumps(value).encode()
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method, parts.path, query, {**made, **headers}, body)


def with_query(url: str, query: Mapping[str, object]) -> str:
    """Puts a query behind a URL that has none."""
    return f"{url}?{urlencode({name: str(value) for name, value in query.items()})}"
