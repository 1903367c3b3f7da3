"""A double of Slack that costs next to nothing: it answers, after a given time, and notes what came when.

The sandbox's own double checks every word and keeps every message; that costs more than what is measured here. This
one is a process of its own with one asyncio loop; `python raw_slack.py` prints its port. `/bench/…` is for us.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

CHANNELS = [
    {"id": f"C0BENCH000{number}", "name": name, "is_member": True, "is_private": False}
    for number, name in enumerate(("alerts", "c0", "c1", "c2", "c3"), 1)
]
MARKED = re.compile(rb"mark(\d{7})")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PLAIN = {
    b"/api/auth.test": b'{"ok":true,"url":"https://bench.slack.com/"}',
    b"/api/conversations.list": json.dumps({"ok": True, "channels": CHANNELS}).encode(),
    b"/api/conversations.join": json.dumps({"ok": True, "channel": CHANNELS[0]}).encode(),
    b"/api/conversations.history": b'{"ok":true,"messages":[]}',
    b"/api/conversations.replies": b'{"ok":true,"messages":[]}',
    b"/api/usergroups.list": b'{"ok":true,"usergroups":[]}',
}
POSTS = (b"/api/chat.postMessage", b"/services/")
"""What makes a message: the Web API's method, and incoming webhooks, which Alertmanager uses."""


class Seen:
    """What came so far.

    Attributes:
        latency: seconds before each answer.
        first: when each mark was first posted.
        posts: how many messages were posted; requests: how many requests there were.
    """

    def __init__(self, latency: float = 0.0) -> None:
        self.latency = latency
        self.first: dict[int, float] = {}
        self.posts = 0
        self.requests = 0

    def note(self, path: bytes, body: bytes) -> None:
        self.requests += 1
        if path.startswith(POSTS):
            self.posts += 1
            if found := MARKED.search(body):
                self.first.setdefault(int(found[1]), time.monotonic())

    def answer(self, path: bytes) -> bytes:
        """Return the body of an answer."""
        if path.startswith(b"/services/"):
            return b"ok"
        said = PLAIN.get(path.partition(b"?")[0])
        return said or b'{"ok":true,"channel":"C0BENCH0001","ts":"1767000000.%06d"}' % self.posts


class Protocol(asyncio.Protocol):
    """Reads one request after the other from a connection."""

    seen = Seen()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while True:
            head, whole, rest = self.held.partition(b"\r\n\r\n")
            if not whole:
                return
            found = LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self.held = rest[length:]
            self._serve(head.split(b" ", 2)[1], rest[:length], closes=b"onnection: close" in head)

    def _serve(self, path: bytes, body: bytes, *, closes: bool) -> None:
        seen = self.seen
        if path.startswith(b"/bench/"):
            self._write(self._control(path, body), closes=closes)
            return
        seen.note(path, body)
        answer = seen.answer(path)
        if seen.latency:
            asyncio.get_running_loop().call_later(seen.latency, lambda: self._write(answer, closes=closes))
        else:
            self._write(answer, closes=closes)

    def _write(self, body: bytes, *, closes: bool) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)
        if closes:
            self.transport.close()

    def _control(self, path: bytes, body: bytes) -> bytes:
        seen = self.seen
        if path == b"/bench/reset":
            Protocol.seen = Seen(float(body or b"0"))
            return b"{}"
        if path == b"/bench/count":
            return b"%d" % len(seen.first)
        return json.dumps({"first": seen.first, "posts": seen.posts, "requests": seen.requests}).encode()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
