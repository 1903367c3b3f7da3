"""The links of an alert: only absolute http(s) ones that a person can follow and a message can carry safely."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

from bridge.core.alert import Links

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_ABSOLUTE = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@\\\[\]:]+)(?::\d{1,5})?(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_ORGANISATION_ONLY = re.compile(r"\?orgId=\d*", re.ASCII)
_RULE_PAGE = re.compile(r"/alerting/(?:grafana/)?(?P<uid>[\w.-]{1,100})/(?:view|edit)(?:[/?#]|$)", re.ASCII)
_RULE_MATCHER = re.compile(r"matcher=__alert_rule_uid__(?:=|%3D)(?P<uid>[^&]{1,300})", re.IGNORECASE)
_UID = re.compile(r"[\w-]{1,100}", re.ASCII)


def absolute(written: object, base: str = "") -> str | None:
    r"""Return a followable link, or None.

    A path (`/d/x`) or query (`?orgId=1&…`) is resolved against `base`. Control, invisible and blank characters, user
    names and passwords, other schemes and other relative forms make it no link. `\u0026` that stands as text, from a
    body escaped twice, is read as the `&` it was.
    """
    if not isinstance(written, str):
        return None
    link = written.strip().replace("\\u0026", "&")
    if not link or not link.isprintable() or " " in link:
        return None
    if base and link[0] in "/?" and not link.startswith("//"):
        link = urljoin(base, link)
    return link if _ABSOLUTE.fullmatch(link) else None


def rule_uid(generator: object, silence: object) -> str | None:
    """Return the UID of a Grafana rule from its page's address, else from the link that silences it."""
    if isinstance(generator, str) and (page := _RULE_PAGE.search(generator)):
        return page["uid"]
    if isinstance(silence, str) and (matcher := _RULE_MATCHER.search(silence)):
        return unquote(matcher["uid"]).strip('"') or None
    return None


def read(fields: Mapping[str, object], annotations: Mapping[str, str], base: str, org: str) -> Links:
    """Return the links of an alert in Grafana's words.

    Args:
        fields: The alert: `generatorURL`, `dashboardURL`, `panelURL`, `silenceURL`, `imageURL`.
        annotations: All annotations, the private ones too: `__dashboardUid__` and `__panelId__` make a dashboard's
            link where none is given.
        base: The sender's `externalURL`, that relative links are resolved against.
        org: The organisation's id, so that a link made here opens in the right one.
    """
    dropped: list[str] = []
    dashboard, panel = _made(annotations, _grafana(fields.get("generatorURL")) or base, org)
    generator = fields.get("generatorURL")
    if isinstance(generator, str) and _ORGANISATION_ONLY.fullmatch(generator.strip()):
        generator = None
    image = _first("image", [fields.get("imageURL")], "", dropped)
    if image and not image.lower().startswith("https:"):
        dropped.append("image")
        image = None
    return Links(
        alert=_first("alert", [generator], base, dropped),
        dashboard=_first("dashboard", [fields.get("dashboardURL"), dashboard], base, dropped),
        panel=_first("panel", [fields.get("panelURL"), panel], base, dropped),
        runbook=_first("runbook", _runbooks(annotations), base, dropped),
        silence=_first("silence", [fields.get("silenceURL")], base, dropped),
        image=image,
        dropped=tuple(sorted(dropped)),
    )


def _first(name: str, candidates: Iterable[object], base: str, dropped: list[str]) -> str | None:
    """Return the first candidate that is a link; name it as dropped where one was written and none can be used."""
    written = False
    for candidate in candidates:
        if candidate is None or (isinstance(candidate, str) and not candidate.strip()):
            continue
        written = True
        if link := absolute(candidate, base):
            return link
    if written:
        dropped.append(name)
    return None


def _runbooks(annotations: Mapping[str, str]) -> list[str]:
    """Return what annotations call the runbook, in any case, the ones that say URL first."""
    plain: list[str] = []
    urls: list[str] = []
    for name, value in annotations.items():
        if name[:7].lower() != "runbook":
            continue
        rest = name[7:].lower().strip("_- ")
        if rest == "url":
            urls.append(value)
        elif not rest:
            plain.append(value)
    return urls + plain


def _grafana(generator: object) -> str:
    """Return Grafana's own address from a rule's page: behind an Alertmanager, `externalURL` is the Alertmanager's."""
    link = absolute(generator)
    return link[: page.start()] + "/" if link and (page := _RULE_PAGE.search(link)) else ""


def _made(annotations: Mapping[str, str], base: str, org: str) -> tuple[str | None, str | None]:
    """Make the links to dashboard and panel from Grafana's private annotations."""
    uid, panel = annotations.get("__dashboardUid__", ""), annotations.get("__panelId__", "")
    if not base or not _UID.fullmatch(uid):
        return None, None
    dashboard = f"{base.rstrip('/')}/d/{uid}"
    query = [f"orgId={org}"] if org.isascii() and org.isdigit() else []
    view = [*query, f"viewPanel={panel}"] if panel.isascii() and panel.isdigit() else None
    return "?".join([dashboard, *query]), f"{dashboard}?{'&'.join(view)}" if view else None


_MOVING = re.compile(
    r"(?<=[?&])(?P<edge>from|to)=now(?:(?:-|%2D)(?P<count>\d{1,6})(?P<unit>[smhdwMy]))?(?:(?:/|%2F)[smhdwMy])?(?=&|#|$)",
    re.ASCII,
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
"""Seconds; a month of 30 days is near enough for a window."""


def pinned(links: Links, start: datetime | None, heard: datetime) -> Links:
    """Return links whose time windows still show the alert tomorrow.

    Where a window moves along (Grafana's `from=now-1h&to=now`), it is pinned: it begins as long before the alert's
    start as it began before now, and ends when the alert was heard of.
    """
    begun = min(start or heard, heard)

    def pin(link: str | None) -> str | None:
        return _MOVING.sub(lambda edge: _pinned(edge, begun, heard), link) if link else link

    return replace(links, alert=pin(links.alert), dashboard=pin(links.dashboard), panel=pin(links.panel))


def _pinned(edge: re.Match[str], begun: datetime, heard: datetime) -> str:
    around = begun if edge["edge"] == "from" else heard
    before = int(edge["count"] or 0) * _UNITS.get(edge["unit"] or "", 0)
    return f"{edge['edge']}={max(int((around.timestamp() - before) * 1000), 0)}"
