"""The metrics page of a real bridge: what it counts, whoever answers, and what a real Prometheus makes of it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import asked
import pytest
from frozen import freeze_deliverer
from harness import alert, config, eventually, group, messages
from programs import needed
from prometheus_client.parser import text_string_to_metric_families

from bridge.sandbox.faults import Fault

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "bridge.rules.yml"
DELIVERED = "bridge_delivery_duration_seconds"


def page(bridge):
    answer = bridge.request("GET", "/metrics")
    assert answer.status_code == 200
    return answer.text


def samples(text):
    """What the reference parser reads: every sample's value by name and labels."""
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def total(bridge, name, **labels):
    found = samples(page(bridge))
    return sum(value for (one, *rest), value in found.items() if one == name and labels.items() <= dict(rest).items())


def told(bridge, kind, priority):
    """How many deliveries have been told without trouble."""
    return total(bridge, f"{DELIVERED}_count", kind=kind, priority=priority, trouble="no")


def kept(bridge, name, number, **labels):
    """Wait until a count is so high: processes add theirs every few seconds."""
    eventually(lambda: total(bridge, name, **labels) >= number, f"{name} {labels} {number}")
    assert total(bridge, name, **labels) == number


def test_an_alert_is_measured_from_receipt_to_remote(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("Broken", Priority="P1"), alert("Also broken", Priority="P3")))
    bridge.settle()
    kept(bridge, "bridge_alerts_total", 2, source="grafana", status="firing")
    # some seconds' counts are kept at a time
    eventually(lambda: told(bridge, "pagerduty", "P1") == 1 and told(bridge, "slack", "P3") >= 1)
    assert total(bridge, f"{DELIVERED}_bucket", kind="pagerduty", priority="P1", le="+Inf") == 1
    assert 0 < total(bridge, f"{DELIVERED}_sum", kind="pagerduty", priority="P1") < 60
    assert total(bridge, f"{DELIVERED}_count", trouble="yes") == 0
    assert total(bridge, "bridge_absorb_duration_seconds_count", source="grafana") == 1
    assert total(bridge, "bridge_receipts_absorbed_total", source="grafana", outcome="absorbed") == 1
    assert total(bridge, "bridge_steps_total", kind="pagerduty", intent="open", outcome="done") == 1
    assert total(bridge, "bridge_deliverer_up") == total(bridge, "bridge_database_up") == 1


def test_promtool_and_the_reference_parser_find_nothing_wrong(start, sandbox):
    promtool = needed("promtool", "prometheus")
    text = page(start(config(sandbox)))
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert len(samples(text)) > 300
    assert (
        text.count("# HELP") == text.count("# TYPE") == len({one.name for one in text_string_to_metric_families(text)})
    )


def test_what_became_of_a_request_is_counted_and_no_sender_makes_a_label(start, sandbox):
    sources = {"grafana": {"auth": {"bearer": {"token": "${env:T}"}}, "max_body": "4KiB"}}
    bridge = start(config(sandbox, sources=sources), env={"T": "a-very-secret-token"})
    before = len(samples(page(bridge)))
    ok = {"Authorization": "Bearer a-very-secret-token"}
    for number in range(20):
        bridge.request("POST", f"/webhooks/evil-{number}", json={})
    bridge.request("POST", "/webhooks/grafana", json={}, headers={"Authorization": "Bearer wrong"})
    bridge.request("POST", "/webhooks/grafana", content=b"x" * 5000, headers=ok)
    hostile = alert("x" * 50, Team='evil"} 1\nbridge_hacked 1', Priority="P9", team="made-up")
    for body in (json.dumps(group(hostile)).encode(), b"no alert"):
        assert bridge.request("POST", "/webhooks/grafana", content=body, headers=ok).status_code == 202
    kept(bridge, "bridge_notifications_total", 20, source="", outcome="unknown_source")
    kept(bridge, "bridge_notifications_total", 1, source="grafana", outcome="unauthorized")
    kept(bridge, "bridge_notifications_total", 1, source="grafana", outcome="too_large")
    kept(bridge, "bridge_notifications_total", 2, source="grafana", outcome="stored")
    eventually(lambda: total(bridge, "bridge_receipts", state="quarantined") == 1)
    kept(bridge, "bridge_receipts_absorbed_total", 1, source="grafana", outcome="quarantined")
    kept(bridge, "bridge_alerts_total", 1, source="grafana")
    text = page(bridge)
    # a label value more is that of no source
    assert len(samples(text)) - before == 1
    assert not [word for word in ("evil", "hacked", "made-up", "a-very-secret-token") if word in text]


def test_an_outage_of_the_place_is_told_from_our_own_slowness(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("status", "slack", status=503, count=3))
    bridge.post(group(alert("During", Priority="P0")))
    bridge.settle()
    eventually(lambda: total(bridge, f"{DELIVERED}_count", kind="slack", priority="P0", trouble="yes") >= 1)
    assert total(bridge, f"{DELIVERED}_count", kind="pagerduty", trouble="yes") == 0
    kept(bridge, "bridge_lane_pauses_total", 1, kind="slack")
    assert total(bridge, "bridge_steps_total", kind="slack", outcome="retry") == 3


def test_who_waits_beside_a_failing_request_is_excused_as_well(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("status", "slack", status=503, contains="During", count=4))
    bridge.post(group(alert("During", Priority="P0")))
    eventually(lambda: total(bridge, "bridge_lanes_paused", kind="slack") == 1)
    bridge.post(group(alert("Beside", Priority="P3")))
    bridge.settle()
    eventually(lambda: total(bridge, f"{DELIVERED}_count", kind="slack", priority="P3", trouble="yes") >= 1)
    assert total(bridge, f"{DELIVERED}_count", kind="slack", priority="P3", trouble="no") == 0


def test_a_dead_letter_and_a_lost_answer_are_counted(start, sandbox):
    bridge = start(config(sandbox))
    sandbox.faults.add(Fault("drop_answer", "slack", path="/api/chat.postMessage", contains="Lost", count=1))
    sandbox.faults.add(Fault("status", "pagerduty", status=400, contains="Lost"))
    bridge.post(group(alert("Lost", Priority="P1")))
    eventually(lambda: total(bridge, "bridge_dead_letters", kind="pagerduty") == 1)
    kept(bridge, "bridge_given_up_total", 1, kind="pagerduty")
    kept(bridge, "bridge_doubts_total", 1, kind="slack")
    eventually(lambda: total(bridge, "bridge_lookups_total", kind="slack") >= 1)
    assert len(messages(sandbox, text="Lost")) == 1


def test_a_reload_that_is_refused_shows_until_it_is_mended(start, sandbox):
    bridge = start(config(sandbox))
    loaded = total(bridge, "bridge_config_last_reload_success_timestamp_seconds")
    assert loaded > 1_700_000_000
    bridge.configure(config(sandbox, destinatoins={}))
    bridge.process.popen.send_signal(signal.SIGHUP)
    eventually(lambda: total(bridge, "bridge_config_last_reload_successful") == 0)
    kept(bridge, "bridge_config_reloads_total", 1, outcome="refused")
    bridge.configure(config(sandbox))
    bridge.process.popen.send_signal(signal.SIGHUP)
    eventually(lambda: total(bridge, "bridge_config_last_reload_successful") == 1)
    kept(bridge, "bridge_config_reloads_total", 1, outcome="taken")
    assert total(bridge, "bridge_config_last_reload_success_timestamp_seconds") >= loaded


def test_counts_outlive_the_processes(start, sandbox):
    bridge = start(config(sandbox))
    bridge.post(group(alert("Before", Priority="P2")))
    bridge.settle()
    kept(bridge, "bridge_alerts_total", 1)
    kept(bridge, "bridge_notifications_total", 1, outcome="stored")
    bridge.request("POST", "/webhooks/nobody", json={})
    # asked to stop, each process keeps what it has counted; killed, it loses the last seconds only
    assert bridge.process.stop() == 0
    bridge.restart()
    assert total(bridge, "bridge_alerts_total") == 1
    assert total(bridge, "bridge_notifications_total", outcome="unknown_source") == 1
    bridge.process.kill()
    bridge.restart()
    bridge.post(group(alert("After", Priority="P2")))
    kept(bridge, "bridge_alerts_total", 2)


def test_without_a_deliverer_it_says_so_and_how_long_what_waits_has_waited(start, sandbox):
    bridge = start(config(sandbox))
    freeze_deliverer(bridge)
    bridge.post(group(alert("Waits", Priority="P0")))
    eventually(lambda: total(bridge, "bridge_oldest_receipt_age_seconds") > 1)
    eventually(lambda: total(bridge, "bridge_deliverer_up") == 0, patience=30)
    assert total(bridge, "bridge_receipts", state="new") == 1


@pytest.fixture
def prometheus(tmp_path):
    """Starts a real Prometheus that scrapes addresses, with the bridge's rules."""
    program = needed("prometheus", "prometheus")
    started = []

    def run(*addresses):
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "bridge", "static_configs": [{"targets": list(addresses)}]}],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(settings))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            at = f"127.0.0.1:{free.getsockname()[1]}"
        log = (tmp_path / "prometheus.log").open("wb")
        places = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        started.append(subprocess.Popen([program, *places, f"--web.listen-address={at}"], stdout=log, stderr=log))
        log.close()

        def ask(path, **query):
            answer = asked.get(f"http://{at}/api/v1/{path}", params=query, timeout=10)
            return answer.json()["data"] if answer.status_code == 200 else None

        eventually(lambda: ask("status/buildinfo"), "Prometheus answers")
        return ask

    yield run
    for process in started:
        process.terminate()
        process.wait(20)


def test_a_real_prometheus_scrapes_it_and_the_objective_comes_out(prometheus, start, sandbox):
    bridge = start(config(sandbox))
    ask = prometheus(bridge.address.removeprefix("http://"))
    eventually(lambda: ask("query", query='up{job="bridge"} == 1')["result"], "the first scrape")

    def ratio():
        # another incident at each look: a rate is of what grows
        bridge.post(group(alert(f"Broken {os.urandom(4).hex()}", Priority="P0")))
        return ask("query", query="bridge:deliveries_slow:ratio_rate5m")["result"]

    (found,) = eventually(ratio, "a ratio of late deliveries")
    assert found["metric"] == {"__name__": "bridge:deliveries_slow:ratio_rate5m", "job": "bridge"}
    assert 0 <= float(found["value"][1]) <= 1
    rules = [rule for one in ask("rules")["groups"] for rule in one["rules"]]
    assert len(rules) == len(re.findall(r"- (?:alert|record):", RULES.read_text("utf-8")))
    assert {rule["health"] for rule in rules} == {"ok"}
    assert {rule["name"] for rule in rules if rule.get("state") == "firing"} <= {"BridgeDeliveryObjectiveBurnsFast"}
