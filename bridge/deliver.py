"""Putting a deliverer together over a bridge: lanes of destinations, lanes of receipts, hints."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.absorb import Intake
from bridge.compose import hints_at
from bridge.delivery.hints import Listener
from bridge.delivery.local import Deliverer
from bridge.delivery.yard import Yard
from bridge.destinations import KINDS
from bridge.destinations.base import Failed
from bridge.ids import new_id
from bridge.ledger import lanes
from bridge.log import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.compose import Bridge
    from bridge.ledger.lanes import Held


@contextmanager
def deliverer(bridge: Bridge) -> Iterator[Deliverer]:
    """Give a running deliverer; on the way out it finishes its steps and gives its lanes back."""
    holder = f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(4)}"
    alone = _alone(bridge)
    yard = Yard(
        ledger=bridge.ledger,
        clock=bridge.clock,
        kinds=dict(KINDS),
        effective=bridge.effective,
        words=bridge.words,
        new_id=new_id,
        holder=holder,
        report=report,
    )
    listener = Listener(hints_at(bridge.ledger.path, bridge.environ))

    def wake(names: Iterable[str]) -> None:
        for name in names:
            yard.kick(name)

    def open_intake(held: Held, lease_ends: float) -> Intake:
        return Intake(
            held,
            lease_ends,
            ledger=bridge.ledger,
            clock=bridge.clock,
            rules=lambda: bridge.loaded.rules,
            effective=bridge.effective,
            new_id=new_id,
            wake=wake,
        )

    delivering = Deliverer(yard, listener, open_intake)
    try:
        yield delivering
    finally:
        delivering.stop()
        listener.close()
        if alone is not None:
            os.close(alone)


def _alone(bridge: Bridge) -> int | None:
    """On SQLite, make sure to be the machine's only deliverer; then the last one's lanes are free at once.

    The kernel frees the lock when its holder dies, so whoever has it knows that nobody else is delivering.
    """
    if bridge.ledger.path is None:
        return None
    lock = os.open(f"{bridge.ledger.path}.deliverer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    bridge.ledger.write(lanes.release_all)
    return lock


def report(what: str, delivery: object, *facts: object) -> None:
    """Log what lanes report; the quiet facts only where somebody asked for them."""
    named = {"delivery": getattr(delivery, "id", None), "incident": getattr(delivery, "incident", None)}
    named = {name: value for name, value in named.items() if value}
    last = facts[-1] if facts else None
    if isinstance(last, Failed):
        log.warning(what, **named, error=last.error, fault=last.fault, status=last.status)
    elif isinstance(last, BaseException):
        log.error(what, **named, error=type(last).__name__, exc_info=last)
    elif what == "step":
        log.debug(what, **named, intent=getattr(facts[0], "intent", ""))
    elif what in {"dead", "lost", "database"}:
        log.warning(what, **named, why=str(last))
