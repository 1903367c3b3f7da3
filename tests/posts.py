"""The way from a stored body to deliveries, as a deliverer goes it, with a real configuration and a real ledger."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sqlalchemy import select, text, update

from bridge.absorb import Intake
from bridge.config.load import load
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import acts, lanes, queries, receipts
from bridge.ledger.deliveries import wake_all
from bridge.ledger.receipts import Receipt
from bridge.ledger.tables import deliveries, incidents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fake_clock import FakeClock
    from sqlalchemy.engine import Connection

    from bridge.ledger.ledger import Ledger

ENV = {"SLACK": "xoxb-1", "PD": "0123456789abcdef0123456789abcdef", "GH": "ghp_1"}
CONFIG = """\
destinations:
  slack: {token: "${env:SLACK}", channel: "#{team}", fallback_channel: "#alerts"}
  pagerduty: {routing_key: "${env:PD}"}
  github: {token: "${env:GH}", repo: "acme/alerts"}
teams: {storage: {}, network: {}, broken-inductor: {}}
"""


class Posts:
    """A source's receipts, absorbed when a test says so."""

    def __init__(self, ledger: Ledger, clock: FakeClock, folder: Path, config: str = CONFIG) -> None:
        self.ledger = ledger
        self.clock = clock
        path = folder / "bridge.yml"
        path.write_text(config, encoding="utf-8")
        self.rules = load(str(path), ENV).rules
        self.woken: set[str] = set()

    def intake(self, source: str = "grafana", holder: str = "test") -> Intake:
        """Take the source's lane; the last one to take it is the only one that may write."""
        ledger, clock = self.ledger, self.clock
        held = ledger.write(
            lambda connection: lanes.acquire(connection, f"intake/{source}", holder, ledger.database_now(clock.now()))
        )
        assert held is not None
        return Intake(
            held,
            clock.monotonic() + 12,
            ledger=ledger,
            clock=clock,
            rules=lambda: self.rules,
            effective=Effective(lambda: self.rules, ENV, b"key"),
            new_id=new_id,
            wake=self.woken.update,
        )

    def post(self, body: object, source: str = "grafana") -> str:
        """Store a body and return its receipt's id."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        receipt = Receipt(new_id(), source, self.clock.now(), {}, raw)
        return self.ledger.write(lambda connection: receipts.insert(connection, receipt))

    def absorb(self, source: str = "grafana") -> None:
        """Absorb everything that waits."""
        intake = self.intake(source)
        while intake.turn() is None:
            pass

    def hear(self, *alerts: dict[str, object], seconds: float = 1, **group: object) -> dict[str, object]:
        """Let some time pass, post one notification and absorb it; return its receipt as the API shows it."""
        self.clock.advance(seconds)
        stored = self.post({"orgId": 1, "alerts": list(alerts), **group})
        self.absorb()
        return self.receipt(stored)

    def receipt(self, receipt_id: str) -> dict[str, object]:
        with self.ledger.read() as connection:
            found = queries.receipt(connection, receipt_id)
        assert found is not None
        return found

    def incidents(self) -> list[dict[str, object]]:
        """Return all incidents as the API shows them, oldest first."""
        with self.ledger.read() as connection:
            ids = connection.execute(select(incidents.c.id).order_by(incidents.c.id)).scalars().all()
            return [queries.incident(connection, one) for one in ids]

    def stored(self) -> list[object]:
        """Return all rows of incidents, oldest first."""
        with self.ledger.read() as connection:
            return connection.execute(select(incidents).order_by(incidents.c.id)).all()

    def deliveries(self) -> list[object]:
        """Return all rows of deliveries, oldest first."""
        with self.ledger.read() as connection:
            return connection.execute(select(deliveries).order_by(deliveries.c.id)).all()

    def places(self) -> list[tuple[str, str]]:
        """Return (kind, address) of all deliveries; a PagerDuty address is only a digest."""
        return sorted((row.kind, row.address if row.kind != "pagerduty" else "key") for row in self.deliveries())

    def meanwhile(
        self,
        look: Callable[[], object],
        title: str,
        more: Callable[[Connection], None] = lambda _: None,
        **change: object,
    ) -> None:
        """Change an incident, and wake whom to tell, in a commit that `look`, on PostgreSQL, falls into.

        `more` is done in the same commit.
        """
        grow = update(incidents).where(incidents.c.title == title).values(version=incidents.c.version + 1, **change)
        shown = [incidents.c[name] for name in ("id", "version", "priority")]

        def grown(connection: Connection) -> None:
            rows = connection.execute(grow.returning(*shown)).all()
            wake_all(connection, rows, self.clock.now(), "changed", "by a test")
            more(connection)

        self.during(grown, look)

    def during(self, act: Callable[[Connection], object], look: Callable[[], object]) -> None:
        """Commit what `act` does only when `look` waits for it, or has ended."""
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        with ThreadPoolExecutor(1) as pool, self.ledger.engine.begin() as connection:
            act(connection)
            looking = pool.submit(look)
            ends, pause = time.monotonic() + 20, threading.Event()
            with self.ledger.read() as third:
                while not looking.done() and not third.execute(waits).scalar_one():
                    assert time.monotonic() < ends, "it neither waits nor ends"
                    pause.wait(0.005)
            connection.commit()
            looking.result()

    def close(self, incident: str) -> None:
        now = self.clock.now()
        assert self.ledger.write(lambda connection: acts.close(connection, [incident], "alice", now))


def alert(status="firing", *, fingerprint="f1", start="2026-03-02T11:00:00Z", end=None, **annotations):
    """Return one alert as Grafana writes it; keywords are annotations."""
    return {
        "status": status,
        "fingerprint": fingerprint,
        "labels": {"alertname": "Disk full", "grafana_folder": "Hosts", "instance": fingerprint},
        "annotations": {"Team": "storage", "Priority": "P2", **annotations},
        "startsAt": start,
        "endsAt": end or ("0001-01-01T00:00:00Z" if status == "firing" else "2026-03-02T11:59:00Z"),
        "generatorURL": "https://grafana.example/alerting/grafana/rule1/view",
    }
