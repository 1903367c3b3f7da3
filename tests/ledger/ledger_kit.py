"""Rows as tests need them, processes of their own, and waiting for a condition."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from bridge.core.alert import Priority
from bridge.core.cases import Case
from bridge.core.incident import State
from bridge.ids import new_id
from bridge.ledger import deliveries, placing, receipts
from bridge.ledger.placing import Placement
from bridge.ledger.receipts import Receipt
from bridge.ledger.tables import deliveries as table
from bridge.ledger.tables import incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.ledger.ledger import Ledger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHILDREN = Path(__file__).parent / "children.py"


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds; a test that waits in vain fails."""
    ends, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        pause.wait(0.005)


@contextmanager
def child(what: str, url: str, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of `children.py`'s functions in a process of its own, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, str(CHILDREN), what, url, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def receipt(body: bytes = b"{}", source: str = "grafana", at: datetime = NOON) -> Receipt:
    return Receipt(new_id(), source, at, {"Content-Type": "application/json"}, body)


def insert(ledger: Ledger, body: bytes = b"{}", **more) -> str:
    return store(ledger, receipt(body, **more))


def store(ledger: Ledger, one: Receipt) -> str:
    receipts.append(ledger, one).result()
    return one.id


def count(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return receipts.count(connection, "new")


def incident(ledger: Ledger, priority: str = "P2", state: str = "firing", **more) -> Case:
    """Store an incident and return it as a merge sees it."""
    name = new_id()
    case = Case(
        id=name,
        source="grafana",
        org="1",
        rule_key="uid:rule-1",
        key=more.pop("key", name),
        title="Disk full",
        teams=("storage",),
        priority=Priority(priority),
        state=State(state),
        opened_at=NOON,
        heard_at=NOON,
        facts={},
        **more,
    )
    values = {name: getattr(case, name) for name in Case.__slots__ if name in incidents.c}
    ledger.write(lambda connection: connection.execute(incidents.insert(), values | {"teams": list(case.teams)}))
    return case


def placement(address: str = "#storage", kind: str = "slack", destination: str | None = None) -> Placement:
    return Placement(destination or kind, kind, address, f"{kind}/lane", "storage", "send P2")


def place(ledger: Ledger, case: Case, *placements: Placement, at: datetime = NOON) -> list[str]:
    """Place an incident's deliveries; return the ids of all that it has."""

    def work(connection):
        placing.place(connection, {case.id: case}, {case.id: placements or [placement()]}, new_id, at)
        return connection.execute(select(table.c.id).where(table.c.incident == case.id).order_by(table.c.id))

    return list(ledger.write(lambda connection: work(connection).scalars().all()))


def waiting(ledger: Ledger, priority: str = "P2", minutes: float = 0, **values) -> str:
    """Store a delivery that has been waiting since so many minutes after noon; return its id."""
    case = incident(ledger, priority)
    (one,) = place(ledger, case, at=NOON + timedelta(minutes=minutes))
    if values:
        ledger.write(lambda connection: deliveries.change(connection, one, **values))
    return one


def row(ledger: Ledger, delivery: str):
    with ledger.read() as connection:
        return connection.execute(select(table).where(table.c.id == delivery)).one()


def waiting_for_locks(ledger: Ledger) -> int:
    """How many of PostgreSQL's connections wait for another one's transaction."""
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with ledger.read() as connection:
        return int(connection.execute(waits).scalar_one())
