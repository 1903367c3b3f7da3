"""Incidents as tests need them, each with what its golden messages show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.core.alert import Links, Priority, Status, Value
from bridge.core.incident import Happening, Incident, Member, Previous, State
from bridge.destinations.base import Address, Settings, Want
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

START = datetime(2025, 12, 9, 17, 29, tzinfo=UTC)
END = START + timedelta(hours=2, minutes=18)
GRAFANA = "https://pytorchci.grafana.net"
WORDS = Words((template_folder(),))
SETTINGS = {"timezone": "America/Los_Angeles", "external_url": "https://alerts.acme.com"}


def member(key="m1", **changes):
    given = {
        "id": key,
        "fingerprint": f"7a23462e59c4{key}",
        "status": Status.FIRING,
        "labels": {"alertname": "Inductor Jobs Broken", "grafana_folder": "PyTorch CI"},
        "annotations": {
            "Priority": "P2",
            "Team": "broken-inductor",
            "description": "Inductor jobs have been failing 3 consecutive commits on Trunk.",
            "summary": "Inductor jobs are broken on Trunk",
        },
        "since": START,
        "starts_at": START,
        "received_at": START + timedelta(minutes=1),
        "priority": Priority.P2,
        "values": (Value("Failure_Threshold", 1.0), Value("Number_of_Jobs_Failing", 1.0)),
        "links": Links(
            alert=f"{GRAFANA}/alerting/grafana/dfinductorjobs3/view?orgId=1",
            dashboard=f"{GRAFANA}/d/e9a2a2e9?from=1765297740000&orgId=1&to=1765301350000",
            runbook="https://hud.pytorch.org/hud/pytorch/pytorch/main/1?per_page=50&name_filter=inductor",
            silence=f"{GRAFANA}/alerting/silence/new?alertmanager=grafana&matcher=__alert_rule_uid__%3Ddfinductorjobs3",
        ),
        "failure_threshold": 1.0,
        "job_count": 1.0,
    }
    return Member(**(given | changes))


def resolved(one, at=END, reason=None):
    return replace(one, status=Status.RESOLVED, ends_at=at, resolved_at=at, reason=reason)


def incident(**changes):
    given = {
        "id": "01KC3ZT0N4Q8",
        "source": "grafana",
        "org": "1",
        "rule_key": "dfinductorjobs3",
        "key": "k",
        "title": "Inductor Jobs Broken",
        "teams": ("broken-inductor",),
        "priority": Priority.P2,
        "state": State.FIRING,
        "opened_at": START,
        "members": (member(),),
        "external_url": f"{GRAFANA}/",
    }
    return Incident(**(given | changes))


def over(reason=None, **changes):
    ended = (resolved(member(), reason=reason),)
    return incident(
        **({"state": State.RESOLVED, "resolved_at": END, "state_reason": reason, "members": ended} | changes)
    )


def host(n, used=0.93, **changes):
    """One alert of a group: a disk of a host."""
    given = {
        "labels": {"alertname": "Disk full", "grafana_folder": "Storage", "instance": f"host-{n}", "team": "storage"},
        "annotations": {"summary": "A disk is nearly full", "description": "Writes fail when it is full."},
        "values": (Value("Disk_Used", used, {"instance": f"host-{n}"}), Value("C", 1.0)),
        "links": Links(alert=f"{GRAFANA}/alerting/grafana/disk/view", silence=f"{GRAFANA}/silence/{n}"),
        "failure_threshold": None,
        "job_count": None,
        "since": START + timedelta(minutes=n),
    }
    return member(f"h{n:03}", **(given | changes))


def disks(members, **changes):
    members = tuple(members)
    given = {"title": "Disk full", "teams": ("storage",), "priority": Priority.P1, "members": members}
    given["opened_at"] = min(one.since for one in members)
    return incident(**(given | changes))


HOSTILE = (
    "*_~`<!channel> <@U123> @here & <https://evil.example|click> [click](https://evil.example) #1 acme/alerts#2 GH-3\n"
    "# fixes #4 | <img src=x> {{ 7*7 }} \u202eevil\u2066 \x1b[31m ```\n> quote :tada:"
)

SCENES = {
    "firing": incident(
        remotes={
            "github": {"url": "https://github.com/pytorch/pytorch/issues/170123", "text": "pytorch/pytorch#170123"},
            "slack": {"url": "https://acme.slack.com/archives/C1/p1", "text": "#broken-inductor"},
        },
        previous=Previous(
            "01KB",
            datetime(2025, 12, 2, 20, 0, tzinfo=UTC),
            3060.0,
            times=4,
            remotes={
                place: {
                    "url": "https://github.com/pytorch/pytorch/issues/169870",
                    "text": "pytorch/pytorch#169870",
                }
                for place in ("github", "pytorch/pytorch")
            },
        ),
    ),
    "resolved": over(
        happened=(
            Happening(START, "opened"),
            Happening(START + timedelta(minutes=2), "open", kind="slack", address="#broken-inductor"),
            Happening(START + timedelta(minutes=2), "open", kind="github", address="pytorch/pytorch"),
            Happening(START + timedelta(minutes=40), "priority", "P2 → P1"),
            Happening(START + timedelta(minutes=41), "open", kind="pagerduty", address="key 01234567"),
            Happening(START + timedelta(minutes=61), "open", kind="pagerduty", address="key 01234567"),
            Happening(START + timedelta(minutes=70), "priority", "P1 → P2"),
        )
    ),
    "p0": incident(priority=Priority.P0, members=(replace(member(), priority=Priority.P0),)),
    "group-of-3": disks([host(1), host(2, 0.97), host(3, 0.91)]),
    "group-of-40": disks([host(n, 0.9 + n / 1000) for n in range(1, 41)]),
    "group-of-500": disks([host(n, round(0.9 + n / 5001, 4)) for n in range(1, 501)]),
    "mixed": disks([host(1), host(2), *(resolved(host(n)) for n in (3, 4, 5))]),
    "mixed-paused": disks([host(1), resolved(host(2)), *(resolved(host(n), reason="Paused") for n in range(3, 9))]),
    "no-data": incident(
        members=(
            replace(
                member(),
                labels={"alertname": "DatasourceNoData", "rulename": "Inductor Jobs Broken", "ref_id": "A"},
                values=(Value("A", None),),
                no_data="NoData",
                failure_threshold=None,
                job_count=None,
            ),
        )
    ),
    "error": incident(
        members=(
            replace(
                member(),
                labels={"alertname": "DatasourceError", "rulename": "Inductor Jobs Broken", "ref_id": "A"},
                annotations={**member().annotations, "Error": "failed to execute query A: took 30.000000123s"},
                values=(Value("A", None), Value("Number_of_Jobs_Failing", -1.0)),
                no_data="Error",
            ),
        )
    ),
    "paused": over("Paused"),
    "unknown-team": incident(
        teams=("unrouted",),
        team_said=False,
        priority=Priority.P1,
        members=(replace(member(), priority=Priority.P1, priority_word="urgentish"),),
        truncated=12,
    ),
    "multi-team": incident(
        title="Checkout errors",
        teams=("storage", "identity", "billing"),
        unknown_teams=("billing",),
        priority=Priority.P1,
        members=(
            member(
                labels={"alertname": "Checkout errors", "grafana_folder": "Shop", "service": "checkout"},
                annotations={
                    "description": "Customers can't pay: the checkout answers 5xx.",
                    "summary": "Checkout fails",
                },
                values=(Value("Error_Rate", 0.34),),
                failure_threshold=None,
                job_count=None,
            ),
        ),
    ),
    "worse": incident(
        priority=Priority.P0,
        members=(
            replace(member(), priority=Priority.P0, values=(Value("Number_of_Jobs_Failing", 3.0),), job_count=3.0),
            member("m2", labels={**member().labels, "job": "inductor / gpu"}, since=START + timedelta(minutes=20)),
        ),
    ),
    "unicode": incident(
        title="אזהרה: דיסק מלא 🔥 ディスク",
        teams=("צוות אחסון",),
        members=(
            replace(
                member(),
                labels={"alertname": "דיסק", "grafana_folder": "تخزين"},
                annotations={"description": "القرص ممتلئ — 残り容量が少ない.\n👩‍💻 नमस्ते"},
            ),
        ),
    ),
    "hostile": incident(
        title=HOSTILE,
        teams=(HOSTILE[:60],),
        members=(
            replace(
                member(),
                labels={"alertname": HOSTILE, "grafana_folder": HOSTILE, HOSTILE[:20]: HOSTILE},
                annotations={"description": HOSTILE, "summary": HOSTILE},
                values=(Value(HOSTILE[:30], 1.0),),
            ),
        ),
    ),
    "test": incident(
        title="TestAlert", state=State.CLOSED, state_reason="a test", test=True, teams=("unrouted",), team_said=False
    ),
    "stale": incident(state=State.STALE),
    "again": incident(
        times=3, members=(resolved(member()), member("m2", fingerprint=member().fingerprint, since=END, again=2))
    ),
    "closed": incident(state=State.CLOSED, resolved_at=END),
    "closed-by-name": incident(state=State.CLOSED, resolved_at=END, state_reason="closed by alice"),
    "long": incident(
        title="x" * 5_000,
        members=(
            replace(
                member(),
                annotations={"description": "word & " * 30_000},
                labels={f"label{n}": "value|`" * 2_000 for n in range(300)},
            ),
        ),
    ),
}

MENTION = {"P0": ["@broken-inductor-oncall", "<!here>", "@nobody"], "P1": "@{team}-oncall"}


def want(scene="firing", kind="slack", place=None, words=WORDS, **settings):
    told = SCENES[scene] if isinstance(scene, str) else scene
    return Want(
        delivery="01KD0000000000000000000000",
        incident=told,
        settings=Settings(kind, kind, SETTINGS | settings),
        address=Address(kind, "pytorch/pytorch" if kind == "github" else "#alerts", f"{kind}/x"),
        words=words,
        now=END,
        place=place or {},
    )
