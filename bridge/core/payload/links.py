"""The links of an alert: only absolute http(s) ones that a person can follow and a message can carry safely."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
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
_USUAL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[!-\[\]-~]*")
"""An absolute link that stays as it was written: most are."""
_RELATIVE = re.compile(r"[/?]|(?:d|d-solo|alerting|explore|dashboard)/", re.ASCII)
_MARKED = re.compile(
    r"\]\((?P<markdown>https?://[^\s()<>]{1,3000})\)|<(?P<slack>https?://[^\s|<>]{1,3000})(?:\||>)", re.ASCII
)
_WRITTEN = re.compile(r"https?://[^\s<>\"'|]{1,3000}", re.IGNORECASE)
_RUNBOOK = ("runbook url", "runbook")
_DASHBOARD = ("dashboard url", "dashboard")
"""What annotations link to, the ones that say URL first."""
_KINDS = {
    (name, url): f"{kind} url" if url else kind
    for kind, names in {"runbook": ("runbook", "playbook"), "dashboard": ("dashboard", "grafana")}.items()
    for name in names
    for url in (True, False)
}
LONGEST_NAME = 40
"""Characters of an annotation's name that are looked at."""
LONGEST = 10_000
"""Characters of what could be a link."""
_ORGANISATION_ONLY = re.compile(r"\?orgId=\d*", re.ASCII)
_RULE_PAGE = re.compile(r"/alerting/(?:grafana/)?(?P<uid>[\w.-]{1,100})/(?:view|edit)(?:[/?#]|$)", re.ASCII)
_RULE_MATCHER = re.compile(r"matcher=__alert_rule_uid__(?:=|%3D)(?P<uid>[^&]{1,300})", re.IGNORECASE)
_UID = re.compile(r"[\w-]{1,100}", re.ASCII)


def absolute(written: object, base: str = "") -> str | None:
    r"""Return a followable link, or None.

    A path (`/d/x`, `d/x`) or query (`?orgId=1&…`) is resolved against `base`. Control and invisible characters, user
    names and passwords, other schemes and other relative forms make it no link. Blanks within are encoded. `\u0026`
    that stands as text, from a body escaped twice, is read as the `&` it was.
    """
    if not isinstance(written, str) or len(written) > LONGEST:
        return None
    if _USUAL.fullmatch(written):
        return written
    link = written.strip().replace("\\u0026", "&")
    if not link or not link.isprintable():
        return None
    link = link.replace(" ", "%20")
    if base and _RELATIVE.match(link) and not link.startswith("//"):
        try:
            link = urljoin(base if link[0] in "/?" else base.rstrip("/") + "/", link)
        except ValueError:  # a base whose host is no address after all: "https://[1]/"
            return None
    return link if _ABSOLUTE.fullmatch(link) else None


def first_of(text: str) -> str:
    """Return the link that a text is or begins with: alone, as Markdown, as Slack's mrkdwn, or the first of some."""
    if text.startswith(("https://", "http://")) and "://" not in text[8:]:
        return text
    if (found := _MARKED.search(text)) and (alone := found["markdown"] or found["slack"]):
        return alone
    links = list(_WRITTEN.finditer(text[:LONGEST]))
    return links[0][0] if links and (len(links) > 1 or links[0].start() > 0) else text


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
    generator = fields.get("generatorURL")
    dashboard, panel = _made(annotations, generator, base, org)
    said = [(kind, text) for name, text in annotations.items() if (kind := _kind(name[:LONGEST_NAME]))]
    if isinstance(generator, str) and _ORGANISATION_ONLY.fullmatch(generator.strip()):
        generator = None
    image = _first("image", [fields.get("imageURL")], "", dropped)
    if image and not image.lower().startswith("https:"):
        dropped.append("image")
        image = None
    return Links(
        alert=_first("alert", [generator], base, dropped),
        dashboard=_first(
            "dashboard", [fields.get("dashboardURL"), dashboard, *_written(said, _DASHBOARD)], base, dropped
        ),
        panel=_first("panel", [fields.get("panelURL"), panel], base, dropped),
        runbook=_first("runbook", _written(said, _RUNBOOK), base, dropped),
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


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    """Return what an annotation's name says that it links to: one of `_RUNBOOK` and `_DASHBOARD`, empty for neither."""
    lower = name.lower().rstrip("_- ")
    stem = lower.removesuffix("url").strip("_- ")
    return _KINDS.get((stem, stem != lower), "")


def _written(found: Iterable[tuple[str, str]], kinds: Iterable[str]) -> list[str]:
    """Return the links of some kinds in their order, of (kind, text) that annotations say."""
    return [first_of(text) for wanted in kinds for kind, text in found if kind == wanted]


def _grafana(generator: object) -> str:
    """Return Grafana's own address from a rule's page: behind an Alertmanager, `externalURL` is the Alertmanager's."""
    link = absolute(generator)
    return link[: page.start()] + "/" if link and (page := _RULE_PAGE.search(link)) else ""


def _made(annotations: Mapping[str, str], generator: object, base: str, org: str) -> tuple[str | None, str | None]:
    """Make the links to dashboard and panel from Grafana's private annotations."""
    uid, panel = annotations.get("__dashboardUid__", ""), annotations.get("__panelId__", "")
    if not _UID.fullmatch(uid) or not (home := _grafana(generator) or base):
        return None, None
    dashboard = f"{home.rstrip('/')}/d/{uid}"
    query = [f"orgId={org}"] if org.isascii() and org.isdigit() else []
    view = [*query, f"viewPanel={panel}"] if panel.isascii() and panel.isdigit() else None
    return "?".join([dashboard, *query]), f"{dashboard}?{'&'.join(view)}" if view else None


_NOW = r"now(?:(?P<sign>-|\+|%2[DB])(?P<count>\d{1,6})(?P<unit>[smhdwMy]))?(?:(?:/|%2F)[smhdwMy])?"
_QUOTE = r"(?:\"|%22)"
_MOVING = re.compile(rf"(?<=[?&;])(?P<edge>from|to)=(?P<now>{_NOW})(?=&|#|$)", re.ASCII)
_EXPLORED = re.compile(
    rf"(?P<before>{_QUOTE}(?P<edge>from|to){_QUOTE}(?::|%3A)(?P<quote>{_QUOTE}))(?P<now>{_NOW})(?={_QUOTE})",
    re.ASCII | re.IGNORECASE,
)
"""Grafana's Explore keeps its window as JSON in the query: `"range":{"from":"now-1h","to":"now"}`."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
"""Seconds; a month of 30 days is near enough for a window."""


def pinned(links: Links, start: datetime | None, heard: datetime) -> Links:
    """Return links whose time windows still show the alert tomorrow.

    Where a window moves along (Grafana's `from=now-1h&to=now`), it is pinned: it begins as long before the alert's
    start as it began before now, and ends when the alert was heard of.
    """
    if not any(link and "now" in link for link in (links.alert, links.dashboard, links.panel)):
        return links
    begun = min(start or heard, heard)

    def pin(link: str | None) -> str | None:
        if not link or "now" not in link:
            return link
        link = _MOVING.sub(lambda edge: f"{edge['edge']}={_pinned(edge, begun, heard)}", link)
        return _EXPLORED.sub(lambda edge: f"{edge['before']}{_pinned(edge, begun, heard)}", link)

    return replace(links, alert=pin(links.alert), dashboard=pin(links.dashboard), panel=pin(links.panel))


def _pinned(edge: re.Match[str], begun: datetime, heard: datetime) -> int:
    """Return an edge of a window in milliseconds since 1970; nobody looks further than to where it was heard of."""
    around = begun if edge["edge"].lower() == "from" else heard
    back = -1 if edge["sign"] in {"+", "%2B"} else 1
    before = back * int(edge["count"] or 0) * _UNITS.get(edge["unit"] or "", 0)
    return max(int((around.timestamp() - before) * 1000), 0)
