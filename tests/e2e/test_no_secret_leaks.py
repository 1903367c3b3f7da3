"""Secrets are planted, everything that can go wrong does, and then everything written is searched for them."""

import json
from base64 import b64encode

import psycopg
import pytest
from harness import Bridge, alert, command, config, eventually, group, write_config
from sqlalchemy.engine import make_url

from bridge.compose import compose
from bridge.config.environ import from_environ
from bridge.core.alert import Priority
from bridge.core.route import target_at
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


EVERY = {
    "SLACK_TOKEN": "xoxb-1111-planted-a1b2c3d4",
    "HOOK_PATH": "T0PLANTED/B0PLANTED/plantedhook4f5e6d",
    "OLD_KEY": "0ld0planted0key0000000000000000a",
    "NEW_KEY": "new0planted0key0000000000000000b",
    "GITHUB_TOKEN": "github_pat_planted_9z8y7x",
    "APP_KEY": "-----BEGIN RSA PRIVATE KEY-----\nMIIplantedprivatekeymaterial\n-----END RSA PRIVATE KEY-----\n",
    "BEARER_1": "planted-bearer-one-1a2b",
    "BEARER_2": "planted-bearer-two-3c4d",
    "HMAC": "planted-hmac-5e6f",
    "BASIC": "planted-password-7a8b",
    "HEADER": "planted-header-9c0d",
    "BRIDGE_WEBHOOK_TOKEN": "planted-webhook-1e2f",
    "BRIDGE_ADMIN_TOKEN": "planted-admin-3a4b",
    "BRIDGE_SECRET_KEY": "planted-secret-key-5c6d-0123456789abcdef",
    "HTTPS_PROXY": "http://somebody:planted-proxy-7e8f@127.0.0.1:9",
}
FILED = "planted-in-a-file-9a0b"
DATABASE = "planted-database-1c2d"
SENSITIVE = [*(part for value in EVERY.values() for part in value.split("\n") if part), FILED, DATABASE]
SENSITIVE = [one for one in SENSITIVE if "-----" not in one and not one.startswith("http")] + ["planted-proxy-7e8f"]


def everything(sandbox, folder):
    """A configuration with a secret in every setting that takes one."""
    (folder / "token").write_text(f"{FILED}\n")
    made = config(sandbox)
    hooks = sandbox.slack_url.removesuffix("/api/")
    made["destinations"] = {
        "slack": {"token": "${env:SLACK_TOKEN}", "channel": "#alerts", "api_url": sandbox.slack_url},
        "filed": {"kind": "slack", "token": f"${{file:{folder / 'token'}}}", "channel": "#filed"},
        "hook": {"kind": "slack", "webhook_url": f"{hooks}/services/${{env:HOOK_PATH}}"},
        "pagerduty": {"routing_key": ["${env:NEW_KEY}", "${env:OLD_KEY}"], "api_url": sandbox.pagerduty_url},
        "github": {"token": "${env:GITHUB_TOKEN}", "repo": "acme/alerts", "api_url": sandbox.github_url},
        "app": {
            "kind": "github",
            "app": {"id": 1, "installation": 2, "private_key": "${env:APP_KEY}"},
            "repo": "acme/app",
            "api_url": sandbox.github_url,
        },
    }
    made["send"] = {f"P{n}": list(made["destinations"]) for n in range(4)}
    made["sources"] = {
        "grafana": {},
        "bearer": {"auth": {"bearer": {"token": ["${env:BEARER_1}", "${env:BEARER_2}"]}}},
        "signed": {"auth": {"hmac": {"secret": "${env:HMAC}"}}},
        "basic": {"auth": {"basic": {"username": "jobs", "password": "${env:BASIC}"}}},
        "header": {"auth": {"header": {"name": "X-Token", "value": "${env:HEADER}"}}},
    }
    return made


def found_in(written):
    return [
        f"{secret} in {name}"
        for name, content in written.items()
        for secret in SENSITIVE
        if secret.lower().encode() in content.lower()
    ]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_secret_of_any_setting_is_written_anywhere(start, sandbox, tmp_path, request, database):
    env = {**EVERY, "BRIDGE_LOG_LEVEL": "debug", "BRIDGE_LOG_FORMAT": "json"}
    if database == "postgresql":
        url = make_url(request.getfixturevalue("postgres_url")).set(username="postgres", password=DATABASE)
        env["BRIDGE_DATABASE_URL"] = url.render_as_string(hide_password=False)
        (tmp_path / "bridge.yml").write_text("destinations: {}")
        assert command(tmp_path, env, "db", "upgrade").returncode == 0
    workspace = sandbox.slack.workspace
    workspace.tokens[EVERY["SLACK_TOKEN"]] = workspace.tokens["xoxb-sandbox"]
    sandbox.github.tokens[EVERY["GITHUB_TOKEN"]] = sandbox.github.tokens["ghp_sandbox"]
    bridge = start(everything(sandbox, tmp_path), env=env)
    echo = json.dumps(
        {"ok": False, "error": EVERY["SLACK_TOKEN"], "message": EVERY["GITHUB_TOKEN"], "errors": [EVERY["NEW_KEY"]]}
    )
    sandbox.faults.add(
        *(Fault("status", double, status=400, body=echo, count=1) for double in ("slack", "pagerduty", "github"))
    )
    right = {"Authorization": f"Bearer {EVERY['BRIDGE_WEBHOOK_TOKEN']}"}
    for number in range(3):
        body = group(alert(f"number {number}", Priority=f"P{number}"))
        assert bridge.request("POST", "/webhooks/grafana", json=body, headers=right).status_code == 202
    asked = {
        source: bridge.request("POST", f"/webhooks/{source}", content=b"{}", headers=headers)
        for source, headers in (
            ("bearer", {"Authorization": f"Bearer {EVERY['BEARER_2']}"}),
            ("signed", {"X-Grafana-Alerting-Signature": "0" * 64}),
            ("basic", {"Authorization": "Basic " + b64encode(f"jobs:{EVERY['BASIC']}".encode()).decode()}),
            ("header", {"X-Token": EVERY["HEADER"]}),
            (f"{EVERY['HMAC']}-is-no-source"[:3], right),
        )
    }
    assert [answer.status_code for answer in asked.values()] == [202, 401, 202, 202, 404]
    admin = {"Authorization": f"Bearer {EVERY['BRIDGE_ADMIN_TOKEN']}"}

    def at_rest():
        listed = bridge.request("GET", "/api/v1/deliveries", headers=admin).json()["items"]
        return len(listed) > 10 and not [one for one in listed if one["state"] == "pending"]

    eventually(at_rest, patience=90)
    pages = ["/", "/lanes", "/sources", "/configuration", "/playground", "/quarantine", "/dead-letters"]
    pages += ["/metrics", "/readyz", "/healthz"]
    pages += [f"/api/v1/{noun}" for noun in ("incidents", "deliveries", "receipts")]
    listed = bridge.request("GET", "/api/v1/incidents", headers=admin).json()["items"]
    pages += [f"{start}/{one['id']}" for one in listed for start in ("/incidents", "/api/v1/incidents")]
    written = {page: bridge.request("GET", page, headers=admin).content for page in pages}
    signed_in = bridge.request("GET", "/login")
    written |= {"the login form": signed_in.content + str(signed_in.headers).encode()}
    written |= {name: answer.content + str(answer.headers).encode() for name, answer in asked.items()}
    payload = bridge.folder / "payload.json"
    payload.write_text(json.dumps(group(alert("looked at", Priority="P0"))))
    backup = ["db", "backup", "backup.db"]
    verbs = [
        ["incidents"],
        ["dead-letters"],
        ["quarantine"],
        ["check", "--json"],
        ["check", "--online"],
        ["check", "--schema"],
    ]
    verbs += [["explain", payload.name], ["explain", payload.name, "--json"], ["render", payload.name], backup]
    for verb in verbs:
        ended = bridge.command(*verb)
        written[" ".join(verb)] = (ended.stdout + ended.stderr).encode()
    if database == "postgresql":
        written["the database"] = dump(env["BRIDGE_DATABASE_URL"])
    written |= {one.name: one.read_bytes() for one in bridge.folder.iterdir() if one.is_file()}
    assert ("backup.db" in written) == (database == "sqlite")
    assert found_in(written) == []


def dump(url):
    """All rows of a PostgreSQL database."""
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    ) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return b"".join(repr(connection.execute(f'SELECT * FROM "{name}"').fetchall()).encode() for (name,) in names)


def test_no_secret_stands_in_what_a_program_would_print(sandbox, tmp_path):
    """The values themselves, as a debugger or a traceback shows them."""
    settings = everything(sandbox, tmp_path)
    write_config(tmp_path, settings)
    env = {**EVERY, "BRIDGE_CONFIG": str(tmp_path / "bridge.yml"), "BRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/b.db"}
    bridge = compose(from_environ(env), env)
    shown = [bridge, bridge.loaded, bridge.environ, bridge.loaded.settings, bridge.effective, bridge.ledger.engine]
    for name, destination in bridge.loaded.rules.destinations.items():
        target = target_at(bridge.loaded.rules, name, "unrouted", Priority.P0, "grafana")
        shown += [destination, target]
        if name != "app":
            client = bridge.effective.connect(target)
            shown += [client, vars(client).get("_settings")]
            client.close()
    bridge.close()
    written = {type(one).__name__: repr(one).encode() for one in shown}
    assert found_in(written) == []


def test_a_secret_that_is_written_out_is_an_error_that_does_not_repeat_it(sandbox, tmp_path):
    settings = everything(sandbox, tmp_path)
    settings["destinations"]["slack"]["token"] = EVERY["SLACK_TOKEN"]
    settings["destinations"]["pagerduty"]["routing_key"] = [EVERY["NEW_KEY"]]
    settings["sources"]["bearer"] = {"auth": {"bearer": {"token": EVERY["BEARER_1"]}}}
    settings["sources"]["basic"]["auth"]["basic"]["password"] = [EVERY["BASIC"]]
    settings["sources"]["signed"]["auth"]["hmac"]["secrte"] = EVERY["HMAC"]
    settings["destinations"]["github"]["app"] = {"private_key": EVERY["APP_KEY"]}
    write_config(tmp_path, settings)
    written = {}
    for verb in (["check"], ["check", "--json"], ["run"], ["worker"]):
        ended = command(tmp_path, EVERY, *verb)
        assert ended.returncode == 1
        written[verb[0]] = (ended.stdout + ended.stderr).encode()
    assert found_in(written) == []
