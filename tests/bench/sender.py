"""The load: a process of its own that opens a new TCP connection for each request, as Grafana does.

It reads what to send from standard input and writes what came of it to standard output, as JSON both (`Load`,
`Sent`). One thread, one epoll, prepared bytes: on the machine that it shares with what it measures it costs little.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

MARK, URGENCY = b"@@@@@@@", b"@P"
"""What stands in a template for the number of the request, seven digits, and for its priority."""
PATIENCE = 40.0
"""Seconds after which a request without an answer counts as failed: Grafana itself waits for 30."""


@dataclass(slots=True)
class Load:
    """What to send.

    Attributes:
        port: on 127.0.0.1.
        template: the body; `MARK` and `URGENCY` in it are replaced.
        connections: requests under way at once, where `rate` is 0.
        rate: requests a second, sent when they are due whatever the answers do (an open loop); 0: as fast as answers
            come, over `connections` (a closed loop).
        count, seconds: it ends after so many requests, or so much time, whichever is given.
        first: the first request's number.
        urgent_every: every so many requests one is a P0 instead of a P3; 0: all are P2.
    """

    port: int
    path: str
    template: str
    connections: int = 8
    rate: float = 0.0
    count: int = 0
    seconds: float = 0.0
    first: int = 0
    urgent_every: int = 0

    def priority(self, number: int) -> bytes:
        if not self.urgent_every:
            return b"P2"
        return b"P0" if number % self.urgent_every == 0 else b"P3"


@dataclass(slots=True)
class Sent:
    """What came of it; times are those of the machine's monotonic clock, which all processes share.

    Attributes:
        begun, ended: of the first request's beginning and the last answer's end.
        at: when each was due (open loop) or begun, by its place in the order.
        seconds: from then until its answer was there, in the same order; -1 where none came.
        codes: of the answers, in the same order; 0 where none came.
        body: bytes of each body.
        cpu: seconds of CPU that sending cost.
    """

    begun: float = 0.0
    ended: float = 0.0
    at: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    body: int = 0
    cpu: float = 0.0


class Exchange:
    """One request on a connection of its own."""

    __slots__ = ("answer", "left", "number", "socket")

    def __init__(self, address: tuple[str, int], request: bytes, number: int) -> None:
        self.number = number
        self.left = memoryview(request)
        self.answer = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)  # noqa: FBT003 - socket's own
        self.socket.connect_ex(address)
        self.push()

    def push(self) -> bool:
        """Send what can be sent; return whether that was all."""
        try:
            while self.left:
                self.left = self.left[self.socket.send(self.left) :]
        except (BlockingIOError, OSError):
            pass  # a connection that broke says so when it is read
        return not self.left

    def pull(self) -> int | None:
        """Read what is there; return the status once the answer is whole, 0 where the connection ended first."""
        try:
            part = self.socket.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            return 0
        self.answer += part
        head, whole, body = self.answer.partition(b"\r\n\r\n")
        if whole and (not part or len(body) >= _length(head)):
            return int(head[9:12])
        return None if part else 0


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else sys.maxsize


class Sender:
    """Sends a load and notes what comes of it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.address = ("127.0.0.1", load.port)
        self.template = load.template.encode()
        self.sent = Sent(body=len(self.template))
        lines = (f"POST {load.path} HTTP/1.1", f"Host: 127.0.0.1:{load.port}", "Content-Type: application/json")
        more = ("Connection: close", "User-Agent: Grafana", f"Content-Length: {len(self.template)}", "", "")
        self.head = "\r\n".join((*lines, *more)).encode()
        self.open: dict[int, Exchange] = {}
        self.poll = select.epoll()

    def run(self) -> Sent:
        """Send all and wait for the answers."""
        sent = self.sent
        sent.begun = sent.ended = time.monotonic()
        while self._begin_due() or self.open:
            for descriptor, _ in self.poll.poll(self._pause()):
                self._go_on(descriptor)
            self._give_up()
        sent.cpu = time.process_time()
        return sent

    def _begin_due(self) -> bool:
        """Begin what may be begun now; return whether more is to come."""
        load, sent = self.load, self.sent
        while True:
            now, number = time.monotonic(), len(sent.at)
            if (load.count and number >= load.count) or (load.seconds and now >= sent.begun + load.seconds):
                return False
            due = sent.begun + number / load.rate if load.rate else now
            if due > now or (not load.rate and len(self.open) >= load.connections):
                return True
            self._begin(number, due)

    def _begin(self, number: int, due: float) -> None:
        load = self.load
        body = self.template.replace(MARK, b"%07d" % (load.first + number)).replace(URGENCY, load.priority(number))
        exchange = Exchange(self.address, self.head + body, number)
        self.sent.at.append(due)
        self.sent.seconds.append(-1.0)
        self.sent.codes.append(0)
        descriptor = exchange.socket.fileno()
        self.open[descriptor] = exchange
        wanted = select.EPOLLIN | (select.EPOLLOUT if exchange.left else 0)
        self.poll.register(descriptor, wanted)

    def _go_on(self, descriptor: int) -> None:
        exchange = self.open[descriptor]
        if exchange.left and exchange.push():
            self.poll.modify(descriptor, select.EPOLLIN)
        status = exchange.pull()
        if status is not None:
            self._end(exchange, status)

    def _end(self, exchange: Exchange, status: int) -> None:
        sent, now = self.sent, time.monotonic()
        del self.open[exchange.socket.fileno()]
        exchange.socket.close()
        sent.codes[exchange.number] = status
        if status:
            sent.seconds[exchange.number] = now - sent.at[exchange.number]
        sent.ended = now

    def _pause(self) -> float:
        """Seconds until something is due."""
        if not self.load.rate:
            return 1.0
        return max(self.sent.begun + len(self.sent.at) / self.load.rate - time.monotonic(), 0.0)

    def _give_up(self) -> None:
        """End the oldest where they have no answer in time."""
        while self.open:
            oldest = next(iter(self.open.values()))
            if self.sent.at[oldest.number] > time.monotonic() - PATIENCE:
                return
            self._end(oldest, 0)


def main() -> None:
    """Send what standard input says."""
    load = Load(**json.load(sys.stdin))
    json.dump(asdict(Sender(load).run()), sys.stdout)


if __name__ == "__main__":
    main()
