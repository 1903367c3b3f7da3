"""HTTP/1.1 as a client speaks it: one request's bytes, and reading its answer.

Small for speed: a library that knows all of HTTP costs ten times as much. What is not plainly an answer is none, and a
connection is only used again where its answer was read to the last byte and nothing came behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.destinations.deadline import LostError
from bridge.destinations.line import CHUNK
from bridge.destinations.packed import UNREADABLE, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.destinations.deadline import Deadline
    from bridge.destinations.line import Line

BROKEN: Final = "connection closed or broken answer"

_LONG: Final = 102_400
"""Bytes that an answer's head may have, or what stands between the parts of its body."""
_DIGITS: Final = 20
_REFUSAL: Final = 400
_SWITCHES: Final = 101
_BODILESS: Final = frozenset({204, 304})
_BODIED: Final = frozenset({"POST", "PUT", "PATCH"})

_WORD: Final = r"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_LINE: Final = re.compile(rf"{_WORD}: (?:[!-~](?:[\t -~]*[!-~])?)?")
_TARGET: Final = re.compile(r"/[!-~]*")
_NAME: Final = re.compile(_WORD)
_END: Final = re.compile(rb"\n\r?\n")
_LINE_END: Final = re.compile(rb"\r\n")
_TRAILER: Final = re.compile(rf"{_WORD}:|[ \t]".encode())
_SAID: Final = r"[^\x00\n\v\f\r]*"
_STATUS: Final = re.compile(rf"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{{2}})(?: {_SAID})?\n")
_FIELD: Final = re.compile(rf"({_WORD}):({_SAID}(?:\n[ \t]{_SAID})*)\n")
_FOLD: Final = re.compile(r"\n[ \t]+")
_LENGTH: Final = re.compile(rf"[0-9]{{1,{_DIGITS}}}")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,%d})[ \t]*(?:;.*)?" % _DIGITS)


def request(method: str, target: str, headers: Mapping[str, str], content: bytes | None) -> list[bytes]:
    """Return a request's bytes, in one part unless it is large: to copy a large one costs more than a further packet.

    Raises:
        ValueError: its target or a header holds what none can carry; the sentence doesn't show it.
    """
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if not _TARGET.fullmatch(target) or not _NAME.fullmatch(method) or not all(map(_LINE.fullmatch, lines)):
        raise ValueError("a line end, or a letter outside ASCII, in what no request can carry it in")
    if content or method in _BODIED:
        lines.append(f"Content-Length: {len(content or b'')}")
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "\r\n"]).encode("ascii")
    content = content or b""
    return [head, content] if len(content) > CHUNK else [head + content]


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status and headers: names in lower case, values of one that repeats joined by commas."""

    status: int
    headers: dict[str, str]
    lasting: bool
    """Does the connection outlast the answer, by its version and what it says?"""


class Incoming:
    """Reads one answer from a connection."""

    def __init__(self, line: Line, deadline: Deadline) -> None:
        self._line = line
        self._deadline = deadline
        self.held = bytearray()
        """What was received and not yet taken."""
        self.whole = False
        """Was the answer read to its end, so that the next one may follow?"""

    def head(self) -> Head:
        """Read the head of the answer, past those that only announce it.

        Raises:
            LostError: there is none.
        """
        while True:
            head = _head(self._until(_END))
            if head.status // 100 != 1:
                return head
            if head.status == _SWITCHES:  # nobody asked for that
                raise LostError(BROKEN)

    def body(self, head: Head, cap: int) -> bytes:
        """Read the body, at most `cap` bytes; of a refusal whatever came is enough, its status has said it.

        Raises:
            LostError: it did not come whole, or is larger, or can't be unpacked.
        """
        body = bytearray()
        try:
            self._take(head, body, cap)
        except LostError:
            if head.status < _REFUSAL:
                raise
        packed = head.headers.get("content-encoding")
        try:
            return unpacked(bytes(body[:cap]), packed, cap) if packed else bytes(body[:cap])
        except LostError:
            if head.status < _REFUSAL:
                raise
            return b""

    def _take(self, head: Head, body: bytearray, cap: int) -> None:
        """Read a body in the frame that its head announces (RFC 9112, 6.3)."""
        if head.status in _BODILESS:
            self.whole = head.lasting
        elif "transfer-encoding" in head.headers:
            if head.headers["transfer-encoding"].lower() != "chunked":
                raise LostError(BROKEN)
            self._chunks(body, cap)
            self.whole = head.lasting
        elif "content-length" in head.headers:
            self._exactly(_length(head.headers["content-length"]), body, cap)
            self.whole = head.lasting
        else:
            while self.held or self._more():
                self._exactly(len(self.held), body, cap)

    def _exactly(self, size: int, body: bytearray, cap: int) -> None:
        while size:
            if not self.held and not self._more():
                raise LostError(BROKEN)
            part = self.held[:size]
            del self.held[:size]
            body += part
            size -= len(part)
            if len(body) > cap:
                raise LostError(UNREADABLE)

    def _chunks(self, body: bytearray, cap: int) -> None:
        while True:
            found = _SIZE.fullmatch(self._until(_LINE_END).removesuffix(b"\r\n"))
            if found is None:
                raise LostError(BROKEN)
            size = int(found[1], 16)
            if not size:
                break
            self._exactly(size, body, cap)
            if self._until(_LINE_END) != b"\r\n":
                raise LostError(BROKEN)
        trailers = 0
        while (text := self._until(_LINE_END)) != b"\r\n":
            trailers += len(text)
            if trailers > _LONG or not _TRAILER.match(text):
                raise LostError(BROKEN)

    def _until(self, end: re.Pattern[bytes]) -> bytes:
        """Take what comes up to an end, with it."""
        begun = 0
        while not (found := end.search(self.held, begun)):
            begun = max(len(self.held) - 2, 0)
            if len(self.held) > _LONG or not self._more():
                raise LostError(BROKEN)
        taken = bytes(self.held[: found.end()])
        del self.held[: found.end()]
        return taken

    def _more(self) -> bool:
        part = self._line.read(self._deadline)
        self.held += part
        return bool(part)


def _head(raw: bytes) -> Head:
    """Read a head.

    Raises:
        LostError: it is none.
    """
    if len(raw) > _LONG:
        raise LostError(BROKEN)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = text.replace("\r\n", "\n")
    status = _STATUS.match(text)
    if status is None:
        raise LostError(BROKEN)
    headers: dict[str, str] = {}
    at, end = status.end(), len(text) - 1  # before the empty line
    while at < end:
        field = _FIELD.match(text, at)
        if field is None:
            raise LostError(BROKEN)
        at = field.end()
        name, value = field[1].lower(), field[2]
        value = (_FOLD.sub(" ", value) if "\n" in value else value).strip(_BLANK)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    says = headers.get("connection", "").lower()
    return Head(int(status[2]), headers, status[1] == "1.1" and "close" not in says.replace(" ", "").split(","))


_BLANK: Final = " \t"


def _length(said: str) -> int:
    """Read a Content-Length, which may be said more than once.

    Raises:
        LostError: it is none, or says different ones.
    """
    lengths = {length.strip(_BLANK) for length in said.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise LostError(BROKEN)
    return int(length)
