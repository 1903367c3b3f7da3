"""What tests run in processes of their own: `children.py FUNCTION URL …`; each says "ready" first."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from datetime import UTC, datetime

from bridge.ids import new_id
from bridge.ledger import receipts
from bridge.ledger.ledger import open_ledger
from bridge.ledger.receipts import Receipt


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def store(ledger, source: str) -> str:
    one = Receipt(new_id(), source, datetime.now(UTC), {}, b"{}")
    receipts.append(ledger, one).result()
    return one.id


def compete(url: str, source: str, seconds: str) -> None:
    """Write as fast as it goes; say how often, and the longest that one write took."""
    ledger = open_ledger(url)
    say("ready")
    sys.stdin.readline()
    ends = time.monotonic() + float(seconds)
    done, longest = 0, 0.0
    while (began := time.monotonic()) < ends:
        store(ledger, source)
        done += 1
        longest = max(longest, time.monotonic() - began)
    say(done)
    say(longest)
    ledger.close()


def confirm(url: str) -> None:
    """Write for ever and say each id once it is confirmed."""
    ledger = open_ledger(url)
    say("ready")
    while True:
        say(store(ledger, "grafana"))


def hold(_url: str, lock: str) -> None:
    """Hold a lock file, as a process does that was frozen in the middle of its turn."""
    fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
    say("ready")
    sys.stdin.readline()


def upgrade(url: str) -> None:
    """Bring the tables to this program's version when told to."""
    say("ready")
    sys.stdin.readline()
    open_ledger(url, upgrade=True).close()
    say("done")


if __name__ == "__main__":
    {one.__name__: one for one in (compete, confirm, hold, upgrade)}[sys.argv[1]](*sys.argv[2:])
