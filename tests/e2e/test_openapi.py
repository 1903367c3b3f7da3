"""The API's description, held against the API: every operation, with what there is and with what can't be."""

import subprocess
import sys

import pytest
import schemathesis
from harness import alert, config, eventually, group

from bridge.sandbox import Fault

TOKEN = "let-me-in"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 20


@pytest.fixture
def bridge(start, sandbox):
    """A bridge with something of each kind in it."""
    bridge = start(config(sandbox), env={"BRIDGE_ADMIN_TOKEN": TOKEN})
    sandbox.faults.add(Fault("ok_false", "slack", path="/api/chat.postMessage", code="not_in_channel"))
    bridge.request("POST", "/webhooks/grafana", json=group(alert("Disk full", Priority="P1", Team="storage")))
    bridge.request("POST", "/webhooks/grafana", content=b"no JSON")
    eventually(lambda: asked(bridge, "deliveries?state=dead") and asked(bridge, "receipts?state=quarantined"))
    return bridge


def asked(bridge, path):
    return bridge.request("GET", f"/api/v1/{path}", headers=ADMIN).json()["items"]


def test_what_there_is_has_the_shape_that_is_described(bridge):
    schema = schemathesis.openapi.from_url(f"{bridge.address}/api/v1/openapi.json", headers=ADMIN)
    ids = {"incidents": asked(bridge, "incidents")[0]["id"]}
    ids["receipts"] = asked(bridge, "receipts?state=quarantined")[0]["id"]  # the newest may be the bridge's own
    ids["deliveries"] = asked(bridge, "deliveries?state=dead")[0]["id"]
    for noun, one in (("incidents", "incident_id"), ("receipts", "receipt_id")):
        case = schema[f"/api/v1/{noun}/{{{one}}}"]["GET"].Case(path_parameters={one: ids[noun]})
        assert case.call_and_validate(headers=ADMIN).status_code == 200
    for noun in ("incidents", "receipts", "deliveries"):
        assert schema[f"/api/v1/{noun}"]["GET"].Case().call_and_validate(headers=ADMIN).json()["items"]
    acts = (("deliveries", "replay"), ("receipts", "replay"), ("incidents", "close"))
    for noun, verb in acts:
        act = schema[f"/api/v1/{noun}/{{one}}/{verb}"]["POST"].Case(path_parameters={"one": ids[noun]})
        assert act.call_and_validate(headers=ADMIN).status_code == 200


def test_whatever_is_asked_the_answer_is_one_that_is_described(bridge, tmp_path):
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{bridge.address}/api/v1/openapi.json"]
    command += ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "7", "--no-color"]
    command += ["--header", f"Authorization: {ADMIN['Authorization']}", "--generation-database", "none"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("query", "mend"),
    [
        ("incidents?state=open", "write one of firing, stale, resolved, closed"),
        ("incidents?priority=urgent", "it is P0, P1, P2 or P3"),
        ("deliveries?state=lost", "write one of pending, retrying, delivered, held, skipped, dead"),
        ("receipts?cursor=2", "it is what `next` was on the page before"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_mend(start, sandbox, query, mend):
    answer = start(config(sandbox)).request("GET", f"/api/v1/{query}")
    assert answer.status_code == 400
    assert mend in answer.json()["error"]
