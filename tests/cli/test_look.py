import json
from pathlib import Path

import pytest
from cli_kit import command, compare, payload

EXPLAINED = {
    "inductor": "grafana-unified/inductor-jobs-broken",
    "resolved-only": "grafana-unified/inductor-jobs-broken-resolved",
    "route-adds": "grafana-unified/own-13-everything",
    "no-team": "grafana-unified/alerting-infra-grafana-missing-team",
    "mixed-group": "grafana-unified/zulip-alert-9-mixed",
    "legacy-no-data": "grafana-legacy/own-no-data",
    "alertmanager": "alertmanager/own-extra-keys",
}
UNSEEN = Path(__file__).parent / "payloads"
EVERYWHERE = """\
timezone: Europe/Berlin
external_url: https://alerts.acme.com
destinations:
  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#{team}", fallback_channel: "#alerts", mention: {P0: "<!here>"}}
  pagerduty: {routing_key: "${env:PD_KEY}"}
  github: {token: "${env:GITHUB_TOKEN}", repo: "acme/alerts", visibility: private}
send: {P0: &all [slack, pagerduty, github], P1: *all, P2: *all, P3: *all}
teams: {checkout: {}, data-platform: {}, edge: {}, payments: {}, network: {}, streaming: {}, Auth: {}, 決済チーム: {},
  orders: {}}
"""
SECRETS = {"SLACK_BOT_TOKEN": "xoxb-hush", "GITHUB_TOKEN": "ghp_hush", "PD_KEY": "hush" * 8}


def body(**alert):
    labels = {"alertname": "Disk full", **alert.pop("labels", {})}
    start = {"status": "firing", "startsAt": "2026-03-01T10:00:00Z", "fingerprint": "f1"}
    return json.dumps({"alerts": [{**start, "labels": labels, **alert}]}).encode()


@pytest.mark.parametrize("name", EXPLAINED)
def test_explain(run, name):
    compare(f"explain/{name}.txt", run("explain", payload(EXPLAINED[name])).stdout)


STORIES = {
    "alias": {"annotations": {"Team": "INDUCTOR", "Priority": "P3"}},
    "unknown-team": {"labels": {"team": "nobody's"}, "annotations": {"Priority": "1"}},
    "continue": {"labels": {"grafana_folder": "staging", "severity": "critical"}, "annotations": {"Team": "x"}},
    "no-match": {"labels": {"grafana_folder": "prod"}},
    "word": {"labels": {"severity": "Sev1 - all is lost"}},
    "unread-word": {"labels": {"severity": "soonish"}},
    "dropped": {"labels": {"severity": "none"}},
    "page-suppressed": {"annotations": {"Team": "quiet, broken-inductor", "Priority": "P1"}},
}
CONTINUED = """\
destinations:
  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#alerts", mention: {P0: "<!here>"}}
  pagerduty: {routing_key: "${env:PAGERDUTY_KEY}"}
  leads: {kind: slack, token: "${env:SLACK_BOT_TOKEN}", channel: "#leads", timeout: 5s}
teams:
  broken-inductor: {aliases: [inductor], destinations: {slack: {channel: "#inductor"}}}
  quiet:
    send:
      P1: [-pagerduty]
routes:
  - {matchers: ['severity = "critical"'], set: {priority: P1}, send: [+leads], continue: true}
  - matchers: ['grafana_folder =~ "stag.*"', 'team != "a"']
    set: {priority: P3}
  - {matchers: ['priority = P0'], send: [slack]}
"""


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_told_alike_in_words_and_as_json(run, folder, name):
    (folder / "bridge.yml").write_text(CONTINUED)
    said = body(**STORIES[name])
    compare(f"explain/stories/{name}.txt", run("explain", "-", stdin=said, env=SECRETS).stdout)
    compare(f"explain/stories/{name}.json", run("explain", "-", "--json", stdin=said, env=SECRETS).stdout)


def test_explain_as_json(run):
    compare("explain/inductor.json", run("explain", payload(EXPLAINED["inductor"]), "--json").stdout)


@pytest.mark.parametrize("name", ["inductor", "route-adds", "resolved-only"])
def test_render(run, name):
    compare(f"render/{name}.txt", run("render", payload(EXPLAINED[name])).stdout)


@pytest.mark.parametrize("name", sorted(path.stem for path in UNSEEN.iterdir()))
def test_render_what_people_see_of_it_at_night(run, folder, name):
    """Notifications as teams have them, at all three places: what would be read on a phone."""
    (folder / "bridge.yml").write_text(EVERYWHERE, "utf-8")
    compare(f"render/night/{name}.txt", run("render", str(UNSEEN / f"{name}.json"), env=SECRETS).stdout)


def test_render_as_json(run):
    compare("render/inductor.json", run("render", payload(EXPLAINED["inductor"]), "--json").stdout)


def test_a_page_and_a_mention_of_a_whole_configuration(run, folder):
    (folder / "keys").mkdir()
    (folder / "keys" / "pagerduty").write_text("0123456789abcdef0123456789abcdef\n")
    page = body(annotations={"Team": "inductor", "Priority": "P0", "summary": "all is lost"})
    made = run("render", "-", stdin=page, env=SECRETS).stdout
    compare("render/page.txt", made)
    assert "hush" not in made
    assert "0123456789abcdef" not in made
    assert "missing" not in made


@pytest.mark.parametrize("verb", ["explain", "render"])
def test_no_secret_is_shown_and_none_is_needed(run, verb):
    for words in ([], ["--json"]):
        with_secrets = run(verb, payload(EXPLAINED["route-adds"]), *words, env=SECRETS).stdout
        without = run(verb, payload(EXPLAINED["route-adds"]), *words).stdout
        assert "hush" not in with_secrets
        assert "${env:SLACK_BOT_TOKEN}" in without or verb == "render"
        assert "SLACK_BOT_TOKEN isn't set" in without
        assert "SLACK_BOT_TOKEN isn't set" not in with_secrets


def test_nothing_is_stored(run, folder):
    run("explain", payload(EXPLAINED["inductor"]))
    run("render", payload(EXPLAINED["inductor"]))
    assert [path.name for path in folder.iterdir()] == ["bridge.yml"]


def test_a_route_that_sets_team_and_priority_says_so(run):
    made = run("explain", "-", stdin=body(labels={"alertname": "nightly"}, annotations={"Team": "x"})).stdout
    compare("explain/route-sets.txt", made)
    assert "team      broken-inductor, from route bridge.yml:27, set; before that x from annotation Team = 'x'" in made
    assert "priority  P1, from route bridge.yml:27, set; before that P2 from default_priority" in made


def test_what_is_dropped_is_told_nowhere(run):
    made = run("explain", "-", stdin=body(annotations={"Priority": "none"})).stdout
    compare("explain/drop.txt", made)
    assert run("render", "-", stdin=body(annotations={"Priority": "none"})).stdout == (
        "Nothing is sent to any destination; `bridge explain` says why.\n"
    )


def test_render_of_one_destination(run):
    made = json.loads(run("render", payload(EXPLAINED["inductor"]), "--json", "--destination", "github").stdout)
    assert [one["destination"] for one in made] == ["github"]
    # leads has the same channel: its message is that of slack
    made = json.loads(run("render", payload(EXPLAINED["inductor"]), "--json", "--destination", "leads").stdout)
    assert [(one["destination"], one["also"]) for one in made] == [("slack", ["leads for team broken-inductor"])]
    none = run("render", payload(EXPLAINED["inductor"]), "--destination", "pagerduty").stdout
    assert none == "Nothing is sent to pagerduty; `bridge explain` says why.\n"


@pytest.mark.parametrize("verb", ["explain", "render"])
def test_a_body_that_is_no_alert(run, verb):
    result = run(verb, "-", stdin=b'{"hello": "world"}', code=1)
    assert result.stdout == ""
    assert result.stderr == (
        "-: this would go to quarantine: source grafana: the body has no list `alerts` and is no legacy Grafana "
        "notification; it holds: hello. A custom payload needs a `mapping` in its source's settings\n"
    )


def test_names_that_are_not_in_the_configuration(run):
    result = run("render", payload(EXPLAINED["inductor"]), "--destination", "slak", code=2)
    assert "--destination 'slak' is not in the configuration: did you mean slack?" in result.stderr
    result = run("explain", payload(EXPLAINED["inductor"]), "--source", "prom", code=2)
    assert "--source 'prom' is not in the configuration: known: grafana" in result.stderr
    result = run("explain", "nowhere.json", code=2)
    assert "No such file" in result.stderr


def test_a_configuration_that_can_not_be_used(run, folder):
    (folder / "bridge.yml").write_text("destinations: {slak: {}}\n")
    result = run("explain", payload(EXPLAINED["inductor"]), code=1)
    assert result.stderr.startswith("bridge.yml:1: ")
    assert result.stdout == ""


def test_a_template_that_fails_says_so(run, folder, monkeypatch):
    (folder / "templates").mkdir()
    (folder / "templates" / "own.j2").write_text(
        '{% extends "slack/message.j2" %}{% block what %}{{ nonsense }}{% endblock %}'
    )
    text = (folder / "bridge.yml").read_text().replace('channel: "#{team}', 'template: own.j2\n    channel: "#{team}')
    (folder / "bridge.yml").write_text(text)
    monkeypatch.setenv("BRIDGE_TEMPLATES", "templates")
    made = run("explain", payload(EXPLAINED["inductor"])).stdout
    assert "    note: template own.j2 line 1, block what: 'nonsense' is undefined; the built-in message" in made


def test_a_terminal_is_not_obeyed(run):
    hostile = body(labels={"alertname": "\x1b[2Jgone\x07 \u202etfel"}, annotations={"summary": "\x9b31m red"})
    for words in (["explain"], ["render"], ["explain", "--json"], ["render", "--json"]):
        made = run(*words, "-", stdin=hostile).stdout
        assert not [character for character in made if not character.isprintable() and character != "\n"]
    assert json.loads(run("explain", "--json", "-", stdin=hostile).stdout)["alerts"][0]["title"].startswith("\x1b[2J")


def test_every_captured_payload_can_be_looked_at(run):
    for path in sorted(Path(payload("x")).parent.glob("*/*.json")):
        for words in (["explain"], ["render", "--json"]):
            result = run(*words, str(path), code=None)
            assert result.exit_code in {0, 1}, path
            assert result.exit_code == 0 or "this would go to quarantine" in result.stderr


def test_the_installed_command():
    result = command("explain", payload(EXPLAINED["inductor"]))
    assert result.returncode == 0
    assert result.stderr == b""
    compare("explain/inductor.txt", result.stdout.decode())
    broken = command("render", "-", stdin=b"not JSON")
    assert broken.returncode == 1
    assert b"this would go to quarantine: source grafana: the body is not JSON" in broken.stderr


def test_shadow_mode_is_said_by_what_is_sent_and_where_it_would_have_gone(run, folder):
    written = (folder / "bridge.yml").read_text("utf-8")
    (folder / "bridge.yml").write_text(written + 'mode: shadow\nshadow: {channel: "#bridge-shadow"}\n', "utf-8")
    page = body(annotations={"Team": "inductor", "Priority": "P0", "summary": "all is lost"})
    compare("explain/shadow.txt", run("explain", "-", stdin=page).stdout)
    compare("render/shadow.txt", run("render", "-", stdin=page).stdout)
