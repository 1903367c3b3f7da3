"""What is stored, in words: the API's JSON as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.cli.explained import decided, missed
from bridge.cli.show import counted, moment, place, table
from bridge.render.words import number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy.engine import Row

JSON = Mapping[str, Any]
SHOWN = 10
"""Alerts that are shown of an incident."""


def _more(page: JSON) -> Iterator[str]:
    if page["next"]:
        yield f"There are more: --cursor {page['next']}"


def incident_lines(
    page: JSON, troubled: Mapping[str, Sequence[Row[Any]]], shadowed: Collection[str], quarantined: int
) -> Iterator[str]:
    """Yield a page of incidents, one a line, with what is not told, and who is told in shadow mode only."""
    if not page["items"]:
        yield "There is no such incident."
        if quarantined:
            yield f"{counted(quarantined, 'notification')} could not be read: `bridge quarantine`"
        return
    told = [", ".join(_trouble(troubled.get(one["id"], ()), shadow=one["id"] in shadowed)) for one in page["items"]]
    rows = [["ID", "PRIO", "STATE", "OPENED (UTC)", "TEAMS", "TITLE"]]
    rows += [
        [
            one["id"],
            one["priority"],
            one["state"],
            moment(one["opened_at"], short=True),
            ", ".join(one["teams"]),
            one["title"],
        ]
        for one in page["items"]
    ]
    if any(told):
        for row, text in zip(rows, ["TROUBLE", *told], strict=True):
            row.insert(-1, text)
    yield from table(rows, last_cut=True)
    yield from _more(page)


def _trouble(deliveries: Sequence[Row[Any]], *, shadow: bool) -> Iterator[str]:
    if shadow:
        yield "shadow"
    yield from dict.fromkeys(f"{one.kind} {one.state}" for one in deliveries)


def whole(found: JSON) -> Iterator[str]:
    """Yield one incident with its alerts, deliveries and history."""
    yield found["title"]
    yield from table(list(_facts(found)), indent="  ")
    yield ""
    yield counted(len(found["alerts"]), "alert")
    # those that fire first: whoever asks at night reads on below them
    urgent = sorted(found["alerts"], key=lambda one: str(one["status"]))
    for alert in urgent[:SHOWN]:
        yield from _alert(alert)
    if len(urgent) > SHOWN:
        yield f"  and {counted(len(urgent) - SHOWN, 'other')}; --json shows all"
    yield ""
    yield "Told at" if found["deliveries"] else "Told nowhere"
    for delivery in found["deliveries"]:
        yield from _delivery(delivery)
    made = [(line, line["decision"]) for line in found["timeline"] if "decision" in line]
    for line, decision in made[-1:]:
        yield ""
        yield f"Why it went there, as decided {moment(line['at'])} ({line['what']})"
        yield from decided(decision)
        yield from missed(decision)
    yield ""
    yield "What happened"
    lines = [(moment(line["at"]), line["what"], _happened(line)) for line in found["timeline"]]
    yield from table(lines, indent="  ") if lines else ()


def _happened(line: JSON) -> str:
    """Say why, and of a step where, how it was answered, how long it took, and when it is tried again."""
    named = "kind" in line and line["address"] not in (line["why"] or "")
    said = f"{place(line['destination'], line['kind'], line['address'])}: " if named else ""
    facts = [f"HTTP {line['status']}"] if "status" in line else []
    facts += [f"{line['ms']} ms"] if "ms" in line else []
    facts += [f"request {line['request']}"] if "request" in line else []
    facts += [f"Retry-After {line['retry_after']:g} s"] if "retry_after" in line else []
    facts += [f"again at {moment(line['until'])}"] if "until" in line else []
    if "times" in line:
        facts.append(f"{line['times']} times, last {moment(line['last']['at'])}")
    return f"{said}{line['why'] or ''}" + (f" ({', '.join(facts)})" if facts else "")


def _facts(found: JSON) -> Iterator[tuple[str, str]]:
    reason = f": {found['state_reason']}" if found["state_reason"] else ""
    yield "id", found["id"]
    yield "state", f"{found['state']}{reason}"
    yield "priority", found["priority"]
    yield "teams", ", ".join(found["teams"])
    yield "source", found["source"]
    yield "opened", moment(found["opened_at"])
    if found["resolved_at"]:
        yield "ended", moment(found["resolved_at"])
    if found["times"] > 1:
        yield "fired", f"{found['times']} times"
    if found["previous"]:
        yield "the one before", found["previous"]
    yield from (("paged", _paging(one)) for one in found["paging"])


def _paging(one: JSON) -> str:
    """Say whether it paged at a place, when, and why not."""
    at = moment(one["at"]) if one["at"] else None
    said = ", ".join(part for part in (one["paged"], at, one["where"]) if part)
    return f"{said}: {one['why']}" if one["why"] else said


def _alert(alert: JSON) -> Iterator[str]:
    name = alert["labels"].get("alertname") or "Unnamed alert"
    ends = f", ended {moment(alert['ends_at'])}" if alert["ends_at"] else ""
    yield f"  {alert['status']}: {name}, since {moment(alert['starts_at'])}{ends}"
    rows = [("fingerprint", alert["fingerprint"])]
    rows += [("label", f"{name} = {text}") for name, text in alert["labels"].items() if name != "alertname"]
    rows += [("annotation", f"{name} = {text}") for name, text in alert["annotations"].items()]
    rows += [("value", f"{name} = {_number(value)}") for name, value in alert["values"].items()]
    rows += [("link", f"{name} {url}") for name, url in alert["links"].items()]
    yield from table(rows, indent="    ")


def _number(value: float | None) -> str:
    return "none" if value is None else number(value)


def _delivery(delivery: JSON) -> Iterator[str]:
    yield f"  {place(delivery['destination'], delivery['kind'], delivery['address'])}: {delivery['state']}"
    yield from table(list(_delivery_facts(delivery)), indent="    ")


def _delivery_facts(delivery: JSON) -> Iterator[tuple[str, str]]:
    yield "id", delivery["id"]
    shown = {"url": "url", "dedup_key": "dedup key"}
    yield from ((words, str(delivery["remote"][name])) for name, words in shown.items() if name in delivery["remote"])
    if delivery["reason"]:
        yield "reason", delivery["reason"]
    if delivery["last_error"]:
        yield "last error", delivery["last_error"]
    if delivery["attempts"]:
        yield "attempts", str(delivery["attempts"])
    if delivery["next_attempt_at"]:
        yield "next try", moment(delivery["next_attempt_at"])


def dead_lines(page: JSON, named: Mapping[str, str]) -> Iterator[str]:
    """Yield a page of dead letters: which one, and below it why and how to mend it."""
    if not page["items"]:
        yield "There are no dead letters."
        return
    rows = [("ID", "ADDRESS", "INCIDENT", "TITLE")]
    rows += [
        (one["id"], f"{one['kind']} {one['address']}", one["incident"], named.get(one["incident"], ""))
        for one in page["items"]
    ]
    header, *lines = table(rows, last_cut=True)
    yield header
    for line, one in zip(lines, page["items"], strict=True):
        yield line
        yield f"  {one['reason'] or one['last_error'] or 'no reason is stored'}"
    yield from _more(page)


def quarantine_lines(page: JSON) -> Iterator[str]:
    """Yield a page of receipts that could not be read: which one, and below it what was found instead."""
    if not page["items"]:
        yield "The quarantine is empty."
        return
    rows = [("ID", "RECEIVED (UTC)", "SOURCE")]
    rows += [(one["id"], moment(one["received_at"], short=True), one["source"]) for one in page["items"]]
    header, *lines = table(rows)
    yield header
    for line, one in zip(lines, page["items"], strict=True):
        yield line
        yield f"  {one['problem'] or 'no problem is stored'}"
    yield from _more(page)
