"""Where it is: the labels that name a place or a thing, of those that nothing else has said yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.render.text import one_line
from bridge.render.words import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST: Final = 4
LONGEST: Final = 80
"""Labels, and characters of one: a longer one is no name of a place."""

PLACES: Final = (
    *("service", "service_name", "app", "application", "deployment", "statefulset", "daemonset", "job_name"),
    *("pod", "container", "host", "hostname", "nodename", "node", "instance", "broker", "device", "mountpoint"),
    *("database", "datname", "db", "table", "queue", "topic", "consumergroup", "endpoint", "route", "url"),
    *("namespace", "cluster", "datacenter", "dc", "zone", "region", "env", "environment", "stage"),
    "job",
)
"""The labels that say where, from near to far."""
_SAID_OTHERWISE: Final = frozenset(
    {"alertname", "grafana_folder", "rulename", "datasource_uid", "ref_id", "team", "teams", "priority", "severity"}
    | {"level", "unit", "units"}
)
_PLAIN = re.compile(rf"[^{{}}\[\]()<>|`\"=,;]{{1,{LONGEST}}}")
_PORT = re.compile(r":\d{1,5}\Z")
_NAME = re.compile(r"[^\W\d][\w-]{2,}(?=\.)")


def where(common: Mapping[str, str], said: Iterable[str], *, anything: bool = False) -> str:
    """Return "instance 10.12.4.17:9100, env staging", empty where all has been said.

    Args:
        common: the labels that all alerts share; what they don't share tells them apart elsewhere.
        said: what stands beside it; a label whose value stands in there is left out.
        anything: take labels of any name, where they are all that is known.
    """
    text = " ".join(said).lower()
    shared = {name: one_line(value) for name, value in common.items()}
    known = [name for name in shared if name.lower() in PLACES]
    if not anything and "instance" in known:
        known = [name for name in known if name != "job"]  # Prometheus says both; the job is how it is watched
    known.sort(key=lambda name: PLACES.index(name.lower()))
    if anything:
        known += [name for name in shared if name not in known and name.lower() not in _SAID_OTHERWISE]
    told = [(name, shared[name]) for name in known if len(name) <= LONGEST and _PLAIN.fullmatch(shared[name])]
    fresh = [f"{spelled(name).lower()} {value}" for name, value in told if not _is_said(value.lower(), text)]
    return ", ".join(fresh[:MOST])


def _is_said(value: str, text: str) -> bool:
    """Return whether a value stands in a text; of a host its name alone, without port and domain, is enough."""
    name = _NAME.match(value)
    return _PORT.sub("", value) in text or (name is not None and name[0] in text)
