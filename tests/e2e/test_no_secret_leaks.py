"""Secrets are planted, everything that can go wrong does, and then everything written is searched for them."""

from harness import Bridge, alert, config, eventually, group

from bridge.sandbox import Fault

PLANTED = {
    "SLACK_BOT_TOKEN": "xoxb-planted-slack-7f3a9c",
    "GITHUB_TOKEN": "ghp_plantedGitHub7f3a9c",
    "PAGERDUTY_KEY": "plantedpagerdutykey7f3a9c0000000"[:32],
    "SOURCE_TOKEN": "planted-source-token-7f3a9c",
    "HMAC_SECRET": "planted-hmac-secret-7f3a9c",
    "BRIDGE_SECRET_KEY": "planted-secret-key-7f3a9c-0123456789",
    "BRIDGE_WEBHOOK_TOKEN": "planted-webhook-token-7f3a9c",
}
WRONG = "planted-wrong-token-7f3a9c"
ECHO = " ".join(PLANTED.values())


def test_no_secret_is_written_anywhere(start, sandbox):
    workspace = sandbox.slack.workspace
    workspace.tokens[PLANTED["SLACK_BOT_TOKEN"]] = workspace.tokens["xoxb-sandbox"]
    sandbox.github.tokens[PLANTED["GITHUB_TOKEN"]] = sandbox.github.tokens["ghp_sandbox"]
    sources = {
        "grafana": {},
        "bearer": {"auth": {"bearer": {"token": "${env:SOURCE_TOKEN}"}}},
        "signed": {"auth": {"hmac": {"secret": "${env:HMAC_SECRET}"}}},
    }
    bridge = start(config(sandbox, sources=sources), env={**PLANTED, "BRIDGE_LOG_LEVEL": "debug"})
    for fault in ("drop_answer", "reset", "garbage"):
        sandbox.faults.add(*(Fault(fault, double, count=1) for double in ("slack", "pagerduty", "github")))
    sandbox.faults.add(Fault("status", status=500, body=ECHO, count=2))
    sandbox.faults.add(Fault("redirect", location=f"http://127.0.0.1:9/{PLANTED['GITHUB_TOKEN']}", count=3))
    sandbox.faults.add(Fault("ok_false", "slack", code="invalid_auth", path="/api/chat.*", contains="third"))
    right = {"Authorization": f"Bearer {PLANTED['BRIDGE_WEBHOOK_TOKEN']}"}
    for number, title in enumerate(("first", "second", "third")):
        body = group(alert(f"{title} of all", Priority=f"P{number}"))
        assert bridge.request("POST", "/webhooks/grafana", json=body, headers=right).status_code == 202
    refused = [
        bridge.request("POST", f"/webhooks/{source}", content=b"{}", headers={"Authorization": f"Bearer {WRONG}"})
        for source in ("grafana", "bearer", "signed")
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 401]
    bridge.settle(patience=90)

    written = {path.name: path.read_bytes() for path in bridge.folder.iterdir() if path.is_file()}
    assert {"bridge.db", "bridge.log"} <= written.keys()
    written |= {f"answer {number}": answer.content for number, answer in enumerate(refused)}
    written |= {path: bridge.request("GET", path).content for path in looked_at(bridge)}
    for verb in (["incidents"], ["dead-letters"], ["quarantine"], ["check"]):
        ended = bridge.command(*verb)
        written[verb[0]] = (ended.stdout + ended.stderr).encode()
    for name, content in written.items():
        for secret in (*PLANTED.values(), WRONG):
            assert secret.encode() not in content, f"{secret} stands in {name}"
    told = [entry.body for entry in sandbox.seen() if entry.double != "pagerduty"]
    assert not [body for body in told for secret in PLANTED.values() if secret in body]


def looked_at(bridge: Bridge) -> list[str]:
    """All pages and answers of the API that there are."""
    found = ["/", "/metrics", "/readyz", "/healthz", "/api/v1/incidents", "/api/v1/deliveries", "/api/v1/receipts"]
    for incident in eventually(bridge.incidents):
        found += [f"/incidents/{incident['id']}", f"/api/v1/incidents/{incident['id']}"]
    return found
