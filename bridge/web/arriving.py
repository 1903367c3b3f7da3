"""A request's bytes on their way: whether they are all there, judged without a thread that waits for them."""

from __future__ import annotations

import re

LONGEST_HEAD = 131_072
"""Bytes up to which a request's head may grow."""
LONGEST_LINE = 256
"""Bytes of a line that says how long a chunk is."""
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_SAYS_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_OLD = re.compile(rb"(?:\r\n)?[^\r\n]* HTTP/1\.0\r\n")
"""How a request of HTTP/1.0 begins, of which nobody is told to continue (RFC 9110, 10.1.1)."""
_LAST = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_POSTS = re.compile(rb"(?:\r\n)?(?:POST|PUT) ")
END = b"\r\n\r\n"
UNSAID = "the request does not say how long its body is, so nothing was stored: send Content-Length"


class Arriving:
    """The bytes of one request, as they come.

    It reads as much of HTTP/1.1 as tells where a request ends (RFC 9112, 6 and 7) and judges nothing: what is wrong or
    over `most` bytes counts as there, for whoever parses it to refuse.

    Attributes:
        bytes: what has come.
        body: where the body begins, once the head is there; 0 before.
        expects: the sender waits for `100 Continue` before it sends the body.
        whole: all of the request is there; otherwise what `feed` handed on is to be refused.
    """

    __slots__ = (
        "_at",
        "_chunked",
        "_end",
        "_framing",
        "_last",
        "_most",
        "_unsaid",
        "body",
        "bytes",
        "expects",
        "whole",
    )

    def __init__(self, most: int) -> None:
        self.bytes = bytearray()
        self.expects = False
        self.whole = False
        self.body = 0
        self._most = most
        self._last = False
        self._unsaid = False
        self._end: int | None = None  # where it ends, where that is known
        self._chunked = False
        self._framing = 0  # bytes so far that say how long the chunks are
        self._at = 0  # what need not be looked at again

    @property
    def last(self) -> bool:
        """Whether all is there and the sender says that nothing follows: so nothing did, and nothing will."""
        return self._last and self.whole and not self._chunked and len(self.bytes) == self._end

    @property
    def unsaid(self) -> bool:
        """Whether a body seems to follow whose length nothing says: the next request it is not, as this is the last."""
        return self._unsaid and self._last and bool(self.bytes[self.body :].strip(b"\r\n"))

    @property
    def endless(self) -> bool:
        """Whether the head doesn't end: whoever parses it would wait."""
        return not self.body and len(self.bytes) > LONGEST_HEAD

    def feed(self, part: bytes) -> bool:
        """Take some bytes; return whether the request can be handed on."""
        self.bytes += part
        if not self.body and not self._head():
            return self.endless
        if self._chunked:
            # what tells one chunk from the next comes on top: as much again at most, where they are very small
            return self._chunks() or len(self.bytes) > self._most + min(self._framing, self._most)
        end = self._end or 0
        self.whole = len(self.bytes) >= end
        return self.whole or end > self._most

    def _head(self) -> bool:
        found = self.bytes.find(END, max(0, self._at - len(END)))
        self._at = len(self.bytes)
        if found < 0:
            return False
        self.body = self._at = found + len(END)
        head = bytes(self.bytes[: self.body])
        self._chunked = _CHUNKED.search(head) is not None
        length = _LENGTH.search(head)
        says = length or _SAYS_LENGTH.search(head)
        self._end = self.body + (int(length[1]) if length else 0)
        if says and not length:
            self._end = self._most + 1  # whatever it says, nobody is to wait for it
        self.expects = _EXPECTS.search(head) is not None and not _OLD.match(head)
        self._last = _LAST.search(head) is not None
        self._unsaid = not says and not self._chunked and _POSTS.match(head) is not None
        return True

    def _chunks(self) -> bool:
        """Go from chunk to chunk; return whether the last one is there, or something that is none."""
        while True:
            line = _SIZE.match(self.bytes, self._at)
            if line is None:
                # a line that is still coming, or no size at all
                return b"\n" in self.bytes[self._at :] or len(self.bytes) - self._at > LONGEST_LINE
            size = int(line[1], 16)
            if size == 0:
                trailers = self.bytes.find(END, line.end() - 2)
                self.whole = trailers >= 0
                return self.whole or len(self.bytes) - self._at > LONGEST_HEAD
            after = line.end() + size + 2
            if after > len(self.bytes):
                return False
            self._framing += after - self._at - size
            self._at = after
