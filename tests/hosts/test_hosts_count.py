"""The metrics of many hosts: whichever is asked, the numbers are the installation's."""

from __future__ import annotations

import re

import psycopg
from harness import alert, eventually, group
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.engine import make_url

COUNTED = re.compile(
    r"bridge_(notifications|receipts_absorbed|alerts|steps|database_errors)_total|bridge_delivery_duration_seconds_.*"
)

TOLD = "bridge_delivery_duration_seconds_count"


def counted(bridge):
    families = text_string_to_metric_families(bridge.request("GET", "/metrics").text)
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in families
        for one in family.samples
        if COUNTED.fullmatch(one.name) and one.value
    }


def total(bridge, name, **labels):
    rows = counted(bridge).items()
    return sum(value for (one, *rest), value in rows if one == name and labels.items() <= dict(rest).items())


def test_two_web_processes_and_two_workers_show_the_same_numbers(installation):
    installation.start(webs=2, workers=2)
    one, other = installation.webs
    for number in range(5):
        for web in (one, other):
            web.post(group(alert(f"Broken {number} at {web.address}", Priority="P1")))
    one.settle()
    for web in (one, other):
        eventually(lambda web=web: total(web, "bridge_notifications_total", outcome="stored") == 10)
        eventually(lambda web=web: total(web, "bridge_alerts_total") == 10)
        eventually(lambda web=web: total(web, TOLD, kind="pagerduty", priority="P1", trouble="no") == 10)
    eventually(lambda: counted(one) == counted(other), "the same from both")
    for process in installation.workers:
        process.stop()
    eventually(lambda: total(one, "bridge_alerts_total") == 10)
    assert eventually(
        lambda: (text := one.request("GET", "/metrics").text) and "bridge_deliverer_up 0.0" in text and text,
        "nobody delivers",
    )


def test_a_database_that_is_away_shows_and_what_was_counted_then_is_kept(installation, postgres_server):
    web = installation.start()

    def page():
        return web.request("GET", "/metrics").text

    eventually(lambda: "bridge_database_up 1.0" in page())
    name = make_url(installation.url).database
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        eventually(lambda: "bridge_database_up 0.0" in page())
        assert web.request("POST", "/webhooks/grafana", json={}).status_code == 503
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    eventually(lambda: "bridge_database_up 1.0" in page())
    eventually(lambda: total(web, "bridge_notifications_total", outcome="unavailable") == 1, "counted once it is back")
    eventually(lambda: total(web, "bridge_database_errors_total", process="web") > 0, "the errors too")
