"""Legacy Grafana (8 and earlier, before unified alerting): one rule a notification, no times, no fingerprint.

Facts: https://grafana.com/docs/grafana/v7.5/alerting/notifications/#webhook and the captured bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.alert import Alert, Group, Links, Status, Value
from bridge.core.payload import entries, fields, identity, links

if TYPE_CHECKING:
    from collections.abc import Mapping

SHAPE = "grafana legacy"

NAMES: Mapping[str, str] = fields.variants(
    "evalMatches", "imageUrl", "message", "orgId", "ruleId", "ruleName", "ruleUrl", "state", "tags", "title"
)

_OWN = frozenset({"dashboardid", "panelid", *(name.lower() for name in NAMES)})
_TELLING = ("ruleName", "ruleId", "ruleUrl", "evalMatches")
_PAUSED = "paused"
_TEST = "Test notification"
"""What the Test button calls its rule (`NotificationTestCommand` in Grafana 7)."""


def is_legacy(document: Mapping[str, object]) -> bool:
    """Say whether a body without a list of alerts tells of one rule.

    A title with a state is enough: custom templates write just these two.
    """
    telling = sum(name in document for name in _TELLING)
    if telling > 1 or (telling and "state" in document):
        return True
    said = fields.word(document.get("state"))
    return "title" in document and said in (fields.FIRING_WORDS - {"error"}) | fields.RESOLVED_WORDS | {_PAUSED}


def read(document: dict[str, object]) -> Group:
    """Read a legacy notification as a group of one alert."""
    title = fields.text(document.get("title")) or ""
    return Group(alerts=entries.alerts([document], _alert), shape=SHAPE, title=title)


def _alert(document: dict[str, object]) -> Alert:
    """Read the alert.

    `ok` is resolved. `paused` is resolved too, with the reason "Paused" that newer Grafana gives: nobody recovered.
    `no_data`, `pending`, `alert` and words that nobody knows fire.
    """
    title = fields.text(document.get("title")) or ""
    name = (fields.text(document.get("ruleName")) or "").strip() or identity.bare_title(title)
    rule = fields.identifier(document.get("ruleId"))
    rule = "" if rule == "0" else rule  # what the test button sends, for every rule
    state = fields.word(document.get("state")) or _titled(title)
    return Alert(
        status=Status.RESOLVED if state == _PAUSED else fields.status(state, None),
        # senders that share a source number their rules alike
        fingerprint=identity.fingerprint("", {}, f"{rule} {name}" if rule else "", name, ""),
        labels=_labels(document, name),
        annotations=_annotations(document, state),
        values=_values(document.get("evalMatches")),
        links=_links(document),
        rule_uid=rule or None,
        org=identity.organisation(fields.identifier(document.get("orgId"))),
        title=identity.bare_title(title) or name,
        state=state,
        test=name == _TEST,
    )


def _titled(title: str) -> str:
    """Return the state that a title begins with: "[OK] Load" is ok, "[No Data] Load" no_data."""
    word, closed, _ = title.removeprefix("[").partition("]")
    said = word.strip().lower().replace(" ", "_")
    known = fields.FIRING_WORDS | fields.RESOLVED_WORDS | {_PAUSED}
    return said if closed and title.startswith("[") and said in known else ""


def _labels(document: Mapping[str, object], name: str) -> dict[str, str]:
    """Return the rule's tags, its name as `alertname`."""
    tags = document.get("tags")
    if isinstance(tags, list):  # as Grafana 4 wrote them: "severity:critical"
        tags = dict(one.split(":", 1) for one in tags if isinstance(one, str) and ":" in one)
    labels = fields.without_private(fields.string_map(tags))
    return {**labels, "alertname": name} if name else labels


def _annotations(document: Mapping[str, object], state: str) -> dict[str, str]:
    """Return the message as the `description` that it is, what custom templates add, and why a paused rule is over."""
    plain = entries.plain_words(document)
    annotations = fields.without_private({name: said for name, said in plain.items() if name.lower() not in _OWN})
    if message := fields.text(document.get("message")):
        annotations["message" if "description" in annotations else "description"] = message
    return {**annotations, "grafana_state_reason": "Paused"} if state == _PAUSED else annotations


def _links(document: Mapping[str, object]) -> Links:
    """Return the rule's page and its picture."""
    return links.read({"generatorURL": document.get("ruleUrl"), "imageURL": document.get("imageUrl")}, {}, "", "")


def _values(matches: object) -> tuple[Value, ...]:
    """Return what the rule measured: `[{"metric": …, "value": …, "tags": {…}|null}]`, null or absent."""
    if not isinstance(matches, list):
        return ()
    return tuple(
        Value(
            fields.text(match.get("metric")) or "value",
            fields.number(match.get("value")),
            fields.without_private(fields.string_map(match.get("tags"))),
        )
        for match in matches
        if isinstance(match, dict)
    )
