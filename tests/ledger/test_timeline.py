"""The time line: each delivery's lines bounded, tries that failed alike as one, receipts before what they changed."""

from __future__ import annotations

from datetime import timedelta

from ledger_kit import NOON, incident, place, placement
from sqlalchemy import select

from bridge.ledger import deliveries, timeline
from bridge.ledger.tables import history


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def delivery(ledger, address="#a"):
    (made,) = place(ledger, incident(ledger), placement(address))
    with ledger.read() as connection:
        return deliveries.load(connection, made)


def note(ledger, of, minutes, what, why, **detail):
    ledger.write(lambda connection: timeline.note(connection, of, at(minutes), what, why=why, **detail))


def lines(ledger, of):
    with ledger.read() as connection:
        return [line for line in timeline.lines(connection, of.incident) if line["what"] != "addressed"]


def test_a_step_is_kept_with_what_is_known_of_it(ledger):
    one = delivery(ledger)
    note(ledger, one, 1, "open", "at #a", method="chat.postMessage", request="r1", ms=0, status=200, retry_after=None)
    (line,) = lines(ledger, one)
    place = {"delivery": one.id, "destination": "slack", "kind": "slack", "address": "#a"}
    step = {"method": "chat.postMessage", "request": "r1", "ms": 0, "status": 200}
    assert line == {"at": "2026-03-02T12:01:00Z", "what": "open", "why": "at #a", **place, **step}


def test_tries_that_fail_alike_are_counted(ledger):
    one, other = delivery(ledger), delivery(ledger)
    for minutes, why in enumerate(["HTTP 503", "HTTP 503", "HTTP 503", "HTTP 429", "HTTP 503"]):
        note(ledger, one, minutes, "retrying", why, request=f"r{minutes}", status=503)
        note(ledger, other, minutes, "retrying", "HTTP 503")
    first, second, third = lines(ledger, one)
    assert (first["at"], first["request"], first["times"]) == ("2026-03-02T12:00:00Z", "r0", 3)
    assert first["last"] == {"at": "2026-03-02T12:02:00Z", "request": "r2", "status": 503}
    assert [("times" in line, line["why"]) for line in (second, third)] == [(False, "HTTP 429"), (False, "HTTP 503")]
    assert [line["times"] for line in lines(ledger, other)] == [5]


def test_a_delivery_keeps_its_first_lines_and_its_last_ones(ledger):
    one = delivery(ledger)
    for number in range(150):
        note(ledger, one, number, "edit", f"number {number}")
    kept = [int(line["why"].split()[1]) for line in lines(ledger, one)]
    # the line of its placing is the first
    assert kept == [*range(timeline.FIRST - 1), *range(150 - (timeline.MOST - timeline.FIRST), 150)]
    with ledger.read() as connection:
        assert len(connection.execute(select(history.c.id).where(history.c.delivery == one.id)).all()) == timeline.MOST


def test_a_receipt_stands_before_the_lines_that_it_wrote(ledger):
    one = delivery(ledger)
    told = {"receipt": "R1", "received": "2026-03-02T11:59:00Z"}
    detail = {**told, "decision": {"teams": ["a"]}}
    rows = [
        {"incident": one.incident, "at": at(number), "what": what, "why": what, "detail": kept}
        for number, (what, kept) in enumerate(
            [
                ("opened", detail),
                ("member joined", told),
                ("old", None),
            ]
        )
    ]
    ledger.write(lambda connection: connection.execute(history.insert(), rows))
    received, opened, joined, old = lines(ledger, one)
    assert received == {
        "at": "2026-03-02T11:59:00Z",
        "what": "received",
        "why": "receipt R1",
        "receipt": "R1",
    }
    assert (opened["what"], opened["decision"]) == ("opened", {"teams": ["a"]})
    assert "decision" not in joined
    assert old == {"at": "2026-03-02T12:02:00Z", "what": "old", "why": "old"}
