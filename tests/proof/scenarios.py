"""What happens in the simulator: a dozen short stories, each with what people must see in the end."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import group

from bridge.config.load import load
from bridge.sandbox.exchange import Request
from bridge.sandbox.faults import Fault
from bridge.sandbox.github import GitHubLimits
from bridge.sandbox.slack import SlackLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from world import World

    from bridge.core.rules import Rules

JSON = dict[str, Any]
ENV = {"SLACK": "xoxb-sandbox", "PD": "0123456789abcdef0123456789abcdef", "GH": "ghp_sandbox"}
CONFIG = """\
external_url: https://bridge.test
destinations:
  slack: {token: "${env:SLACK}", channel: "#{team}", fallback_channel: "#alerts"}
  pagerduty: {routing_key: "${env:PD}"}
  github: {token: "${env:GH}", repo: "acme/alerts"}
teams: {storage: {}, network: {}}
"""
UNPACED = """\
external_url: https://bridge.test
destinations:
  slack: {token: "${env:SLACK}", channel: "#storage", rate: off}
teams: {storage: {}}
"""
MINUTE = 60.0
BEGUN, OVER = "2026-03-02T11:40:00Z", "2026-03-02T11:58:00Z"
BEGUN_AGAIN, OVER_AGAIN = "2026-03-02T11:59:00Z", "2026-03-02T11:59:30Z"
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Say:
    """At so many seconds a sender posts a body, or somebody acts at a destination."""

    at: float
    body: JSON = field(default_factory=dict)
    source: str = "grafana"
    act: Callable[[World], object] | None = None


@dataclass(frozen=True)
class Scenario:
    """A story.

    Attributes:
        says: what happens, in order.
        expect: the lines that the crash-free run must show (`seen.Thing.line`).
        coalesces: changes follow so close that a crash may let some be told together, with fewer replies.
        races: a crash may let it be over before it was told everywhere; then pages and issues may be fewer.
        early: what is said early leads to the same end.
        outdated: words that nothing may show in the end.
        trip: seconds that a request takes.
        turns: more turns than it takes: it does not come to rest.
    """

    name: str
    says: tuple[Say, ...]
    expect: tuple[str, ...]
    config: str = CONFIG
    faults: tuple[Fault, ...] = ()
    slack: SlackLimits = field(default_factory=SlackLimits)
    github: GitHubLimits = field(default_factory=GitHubLimits)
    coalesces: bool = False
    races: bool = False
    early: bool = True
    outdated: str = ""
    trip: float = 0.1
    turns: int = 1000

    @property
    def env(self) -> Mapping[str, str]:
        return ENV

    @cached_property
    def rules(self) -> Rules:
        return _rules(self.config)


@cache
def _rules(config: str) -> Rules:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.yml"
        path.write_text(config, "utf-8")
        return load(path, ENV).rules


def alert(name: str = "Disk full", over: str | None = None, begun: str = BEGUN, **said: str) -> JSON:
    """One alert; capitalised words are annotations, the others labels; `Jobs` is a value."""
    labels = {"alertname": name, "grafana_folder": "ops"} | {k: v for k, v in said.items() if k[0].islower()}
    annotations = {"summary": f"{name} it is", "Team": "storage"} | {k: v for k, v in said.items() if k[0].isupper()}
    values = {"Number_of_Jobs_Failing": int(annotations.pop("Jobs", "1"))}
    return {
        "status": "resolved" if over else "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": begun,
        "endsAt": over or NEVER,
        "generatorURL": "https://grafana.test/alerting/grafana/rule/view?orgId=1",
        "fingerprint": hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16],
        "values": values,
        "orgId": 1,
    }


def fires(at: float, name: str = "Disk full", **said: str) -> Say:
    return Say(at, group(alert(name, **said)))


def ends(at: float, name: str = "Disk full", over: str = OVER, **said: str) -> Say:
    return Say(at, group(alert(name, over=over, **said)))


def _members(at: float, *hosts: str, over: str | None = None, priority: str = "P1") -> Say:
    return Say(at, group(*(alert("Host down", over=over, host=host, Priority=priority) for host in hosts)))


def person_resolves_the_page(world: World) -> None:
    """Somebody on call resolves what is open, in PagerDuty itself."""
    for page in world.pagerduty.open_pages():
        body = {"routing_key": page.routing_key, "dedup_key": page.dedup_key, "event_action": "resolve"}
        world.pagerduty.handle(Request("POST", "/v2/enqueue", body=json.dumps(body).encode()))


def person_closes_the_issue(world: World) -> None:
    """Somebody closes what is open, at GitHub itself."""
    for issue in world.github.issues("acme/alerts"):
        if issue.state == "open":
            issue.close("sam", world.clock.seconds())


def _many(over: str | None = None) -> JSON:
    return group(*(alert(f"Host {n}", over=over, Priority="P1") for n in range(5)))


def slack(action: str, path: str = "/api/chat.postMessage", **more: Any) -> Fault:
    return Fault(action, "slack", path=path, **more)  # type: ignore[arg-type]


def github(action: str, path: str = "*/issues", **more: Any) -> Fault:
    return Fault(action, "github", method="POST", path=path, **more)  # type: ignore[arg-type]


def pagerduty(action: str, **more: Any) -> Fault:
    return Fault(action, "pagerduty", **more)  # type: ignore[arg-type]


LAG = {"slack": SlackLimits(lag=1.0), "github": GitHubLimits(lag=1.0)}
LOST = (
    slack("drop_answer", nth=1),
    slack("drop_answer", contains="thread_ts", nth=1),
    slack("drop_answer", "/api/chat.update", nth=1),
    github("drop_answer", nth=1),
    github("drop_answer", "*/comments", nth=1),
    pagerduty("drop_answer", nth=1),
    pagerduty("drop_answer", contains="resolve", nth=1),
)
"""Of each kind of request the first one's answer is lost."""

SCENARIOS = (
    Scenario(
        "opens, and is resolved",
        (fires(0), ends(MINUTE)),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #storage: P2 resolved: Disk full +1",
        ),
    ),
    Scenario(
        "grows, and is resolved",
        (fires(0), fires(MINUTE, Jobs="3"), ends(2 * MINUTE)),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #storage: P2 resolved: Disk full +1",
        ),
    ),
    Scenario(
        "rises to P0, and is resolved",
        (fires(0), fires(MINUTE, Priority="P0"), ends(2 * MINUTE, Priority="P0")),
        (
            "github acme/alerts: closed, [P0] Disk full +2",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +2",
        ),
    ),
    Scenario(
        "belongs to two teams",
        (fires(0, Priority="P0", Team="storage, network"), ends(MINUTE, Priority="P0", Team="storage, network")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #network: P0 resolved: Disk full +1",
            "slack #storage: P0 resolved: Disk full +1",
        ),
    ),
    Scenario(
        "fires again within reopen_duration",
        (
            fires(0, Priority="P0"),
            ends(MINUTE, Priority="P0"),
            fires(3 * MINUTE, begun=BEGUN_AGAIN, Priority="P0"),
            ends(4 * MINUTE, begun=BEGUN_AGAIN, over=OVER_AGAIN, Priority="P0"),
        ),
        (
            "github acme/alerts: closed, [P0] Disk full +3",
            "pagerduty: resolved, P0 Disk full",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +3",
        ),
    ),
    Scenario(
        "recurs after reopen_duration",
        (
            fires(0, Priority="P0"),
            ends(MINUTE, Priority="P0"),
            fires(15 * MINUTE, begun=BEGUN_AGAIN, Priority="P0"),
            ends(16 * MINUTE, begun=BEGUN_AGAIN, over=OVER_AGAIN, Priority="P0"),
        ),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        early=False,
    ),
    Scenario(
        "a group of three, whose third joins when it may page again",
        (
            _members(0, "a", "b"),
            _members(7 * MINUTE, "a", "b", "c"),
            _members(9 * MINUTE, "a", "b", "c", over=OVER),
        ),
        (
            "github acme/alerts: closed, [P1] Host down +1",
            "pagerduty: resolved, 1 more alert, 3 in all. P1 Host down",
            "pagerduty: resolved, P1 Host down",
            "slack #storage: P1 resolved: Host down, 3 alerts +2",
        ),
        early=False,
    ),
    Scenario(
        "ten changes while Slack is away",
        (
            fires(0),
            *(fires(2.0 * change, Jobs=str(change + 1)) for change in range(1, 11)),
            ends(2 * MINUTE, Jobs="11"),
        ),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #storage: P2 resolved: Disk full +1",
        ),
        faults=(slack("status", "*", status=503, after=1, until=30),),
        coalesces=True,
    ),
    Scenario(
        "opens and ends while Slack resets connections",
        (fires(0, Priority="P0"), ends(40, Priority="P0")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full",
        ),
        faults=(slack("reset", until=60),),
        coalesces=True,
    ),
    Scenario(
        "answers are lost",
        (fires(0, Priority="P0"), fires(MINUTE, Priority="P0", Jobs="3"), ends(2 * MINUTE, Priority="P0", Jobs="3")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        faults=LOST,
    ),
    Scenario(
        "the answers to its growth are lost, and it shrinks back",
        (fires(0), fires(MINUTE, Jobs="3"), fires(MINUTE + 0.5)),
        (
            "github acme/alerts: open, [P2] Disk full",
            "slack #storage: P2 firing: Disk full",
        ),
        faults=(
            slack("drop_answer", "/api/chat.update", nth=1),
            Fault("drop_answer", "github", method="PATCH", path="*/issues/*", nth=1),
        ),
        outdated="3 jobs failing",
        coalesces=True,
        early=False,
    ),
    Scenario(
        "the answer to a page's end is lost, and it fires again",
        (
            fires(0, Priority="P0"),
            ends(MINUTE, Priority="P0"),
            fires(MINUTE + 0.5, begun=BEGUN_AGAIN, Priority="P0"),
            ends(3 * MINUTE, begun=BEGUN_AGAIN, over=OVER_AGAIN, Priority="P0"),
        ),
        (
            "github acme/alerts: closed, [P0] Disk full +3",
            "pagerduty: resolved, P0 Disk full",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +2",
        ),
        faults=(pagerduty("drop_answer", contains="resolve", nth=1, count=3),),
        races=True,
        coalesces=True,
        early=False,
    ),
    Scenario(
        "answers are lost, and what was done shows late",
        (fires(0, Priority="P0"), fires(MINUTE, Priority="P0", Jobs="3"), ends(2 * MINUTE, Priority="P0", Jobs="3")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        faults=LOST,
        **LAG,
    ),
    Scenario(
        "requests are acted on after they were given up",
        (fires(0, Priority="P0"), ends(2 * MINUTE, Priority="P0")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        faults=(slack("delay", nth=1, seconds=12), github("delay", nth=1, seconds=15)),
    ),
    Scenario(
        "too many requests",
        (fires(0), ends(3 * MINUTE)),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #storage: P2 resolved: Disk full +1",
        ),
        faults=(
            slack("status", nth=1, count=2, status=429, headers={"Retry-After": "7"}),
            slack("status", "/api/chat.update", nth=1, status=429),
            github("status", nth=1, status=429, headers={"Retry-After": "11"}),
        ),
    ),
    Scenario(
        "is resolved before it is heard firing",
        (ends(0, Priority="P0"), fires(5, Priority="P0")),
        ("slack #storage: P0 resolved: Disk full",),
    ),
    Scenario(
        "is over before it can be told",
        (fires(0, Priority="P0"), ends(10, Priority="P0")),
        ("slack #storage: P0 resolved: Disk full",),
        faults=(Fault("status", status=503, until=30),),
        coalesces=True,
        races=True,
    ),
    Scenario(
        "is over while its page is in doubt",
        (fires(0, Priority="P0"), ends(25, Priority="P0")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        faults=(pagerduty("drop_answer", nth=1), pagerduty("status", status=500, until=50)),
        coalesces=True,
    ),
    Scenario(
        "is over while nobody is there",
        (fires(0, Priority="P0"), ends(2.5, Priority="P0")),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        races=True,
    ),
    Scenario(
        "fires again while nobody is there",
        (
            fires(0, Priority="P0"),
            ends(MINUTE, Priority="P0"),
            fires(MINUTE + 2.5, begun=BEGUN_AGAIN, Priority="P0"),
        ),
        (
            "github acme/alerts: open, [P0] Disk full +2",
            "pagerduty: resolved, P0 Disk full",
            "pagerduty: triggered, P0 Disk full",
            "slack #storage: P0 firing: Disk full +2",
        ),
        races=True,
        early=False,
    ),
    Scenario(
        "an HA pair says everything twice, and late",
        (
            fires(0, Priority="P1"),
            fires(0.5, Priority="P1", begun="2026-03-02T11:40:07Z"),
            ends(MINUTE, Priority="P1"),
            ends(MINUTE + 0.5, Priority="P1", begun="2026-03-02T11:40:07Z"),
            fires(MINUTE + 2, Priority="P1"),
        ),
        (
            "github acme/alerts: closed, [P1] Disk full +1",
            "pagerduty: resolved, P1 Disk full",
            "slack #storage: P1 resolved: Disk full +1",
        ),
    ),
    Scenario(
        "moves to another team",
        (fires(0), fires(MINUTE, Team="network"), ends(2 * MINUTE, Team="network")),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #network: P2 resolved: Disk full +1",
            "slack #storage: P2 moved to network: Disk full +1",
        ),
    ),
    Scenario(
        "four changes within a second",
        (fires(0), fires(0.2, Priority="P3"), fires(0.4, Jobs="3"), fires(0.6, Jobs="4"), ends(MINUTE, Jobs="4")),
        (
            "github acme/alerts: closed, [P2] Disk full +1",
            "slack #storage: P2 resolved: Disk full +1",
        ),
        coalesces=True,
    ),
    Scenario(
        "three incidents at once",
        (
            Say(
                0,
                group(*(alert(name, Priority=priority) for name, priority in (("A", "P2"), ("B", "P0"), ("C", "P3")))),
            ),
            Say(
                MINUTE,
                group(
                    *(
                        alert(name, over=OVER, Priority=priority)
                        for name, priority in (("A", "P2"), ("B", "P0"), ("C", "P3"))
                    )
                ),
            ),
        ),
        (
            "github acme/alerts: closed, [P0] B +1",
            "github acme/alerts: closed, [P2] A +1",
            "pagerduty: resolved, P0 B",
            "slack #storage: P0 resolved: B +1",
            "slack #storage: P2 resolved: A +1",
            "slack #storage: P3 resolved: C +1",
        ),
    ),
    Scenario(
        "people end it first",
        (
            fires(0, Priority="P0"),
            Say(30, act=person_resolves_the_page),
            Say(31, act=person_closes_the_issue),
            fires(MINUTE, Priority="P0", Jobs="3"),
            ends(2 * MINUTE, Priority="P0", Jobs="3"),
        ),
        (
            "github acme/alerts: closed, [P0] Disk full +1",
            "pagerduty: resolved, P0 Disk full",
            "slack #storage: P0 resolved: Disk full +1",
        ),
        early=False,
    ),
    Scenario(
        "many at once where nothing limits the pace",
        (fires(0), Say(MINUTE, _many()), Say(2 * MINUTE, _many(over=OVER)), ends(3 * MINUTE)),
        (
            *(f"slack #storage: P1 resolved: Host {n} +1" for n in range(5)),
            "slack #storage: P2 resolved: Disk full +1",
        ),
        config=UNPACED,
        trip=0.001,
    ),
    Scenario(
        "many at once, of which some answers are lost and some requests refused",
        (fires(0), Say(MINUTE, _many()), Say(3 * MINUTE, _many(over=OVER)), ends(5 * MINUTE)),
        (
            *(f"slack #storage: P1 resolved: Host {n} +1" for n in range(5)),
            "slack #storage: P2 resolved: Disk full +1",
        ),
        config=UNPACED,
        trip=0.001,
        faults=(
            slack("drop_answer", contains="Host 1", nth=1),
            slack("status", contains="Host 3", status=503, nth=1),
            slack("drop_answer", "/api/chat.update", contains="Host 2", nth=1),
        ),
    ),
)
