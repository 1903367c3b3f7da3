"""A good configuration becomes rules and settings; a faulty one says every fault at its line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import BaseModel

from bridge.config.defaults import defaults, effective
from bridge.config.kinds import KINDS
from bridge.config.load import load
from bridge.config.problem import ConfigError, Level
from bridge.config.secrets import MissingSecretError, Secret
from bridge.config.sources import Basic, Bearer, Header, Hmac, Open, SourceSettings, usual
from bridge.config.units import Rate
from bridge.core.alert import Alert, Group, Priority, Status
from bridge.core.normalize import normalize
from bridge.core.route import route
from bridge.core.rules import FieldName, Folding, Sending, ShadowRules

P0, P1, P2, P3 = Priority
FOUR = """\
destinations:
  slack:
    token: "${env:SLACK_BOT_TOKEN}"
    channel: "#alerts"
"""
PAGER = 'pagerduty: {routing_key: "${env:PAGERDUTY_KEY}"}'
HUB = 'github: {token: "${env:GITHUB_TOKEN}", repo: acme/alerts}'
CHAT = 'slack: {token: "${env:SLACK_BOT_TOKEN}", channel: alerts}'


def declared(*lines: str, rest: str = "") -> str:
    return "destinations:\n" + "".join(f"  {line}\n" for line in lines) + rest


def test_four_lines_are_a_complete_configuration(files):
    loaded = files.load(FOUR)
    assert loaded.warnings == ()
    slack = loaded.rules.destinations["slack"]
    assert (slack.kind, slack.where) == ("slack", "bridge.yml:2")
    assert slack.settings == {"token": Secret("${env:SLACK_BOT_TOKEN}"), "channel": "#alerts"}
    assert loaded.rules.send == dict.fromkeys(Priority, ("slack",))
    assert loaded.settings.sources == {"grafana": SourceSettings("grafana")}
    assert loaded.rules.timezone == "UTC"
    assert loaded.rules.group_by == ("alertname", "grafana_folder")
    assert loaded.rules.reopen_duration == timedelta(minutes=10)
    assert loaded.rules.stale_after == timedelta(hours=12)
    assert loaded.rules.normalize.priority_words["sev2"] == "P1"


@pytest.mark.parametrize("text", ["", "# nothing\n", "timezone: UTC\n", "destinations:\n", "destinations: {}\n"])
def test_no_destination_shows_the_four_lines(files, text):
    assert files.problems(text) == [
        (
            "bridge.yml:1: destinations declares nothing, so nobody would be told: "
            f"declare one, these four lines are a complete configuration\n{FOUR.rstrip()}"
        )
    ]


def test_a_missing_file_says_what_to_do(files):
    (files.folder / "bridge.yml").unlink(missing_ok=True)
    with pytest.raises(ConfigError) as caught:
        load("bridge.yml", {})
    assert str(caught.value) == (
        "bridge.yml: there is no such file: "
        f"name it by --config or BRIDGE_CONFIG, or begin with these four lines\n{FOUR.rstrip()}"
    )


@pytest.mark.parametrize(
    ("lines", "table"),
    [
        ([CHAT, PAGER, HUB], [("slack", "pagerduty", "github")] * 2 + [("slack", "github"), ("slack",)]),
        ([CHAT, CHAT.replace("slack:", "leads:").replace("{", "{kind: slack, ", 1)], [("slack",)] * 4),
        ([CHAT.replace("slack:", n).replace("{", "{kind: slack, ", 1) for n in ("a:", "b:")], [("a", "b")] * 4),
        ([PAGER], [("pagerduty",)] * 4),
        ([HUB], [("github",)] * 4),
        ([PAGER, HUB], [("pagerduty", "github")] * 2 + [("github",)] * 2),
    ],
)
def test_the_default_send_table_tells_every_priority_somewhere(files, lines, table):
    assert list(files.load(declared(*lines)).rules.send.values()) == table


def test_rows_not_written_stay_the_defaults_and_changes_build_on_them(files):
    rules = files.load(declared(CHAT, PAGER, HUB, rest="send: {p0: [-github], P3: [+github]}\n")).rules
    assert rules.send[P0] == ("slack", "pagerduty")
    assert rules.send[P1] == ("slack", "pagerduty", "github")
    assert rules.send[P3] == ("slack", "github")


def test_teams_routes_and_normalizing(files):
    rules = files.load(
        FOUR
        + """
normalize: {team: "label:squad", priority: [annotation:Prio, "oncall: pt2"], priority_words: {Meltdown: p0, none: P3}}
teams:
  Broken-Inductor:
    aliases: [inductor, "oncall: pt2"]
    destinations: {slack: {channel: Broken-Inductor, mention: {p0: "@oncall", P1: off, P2: "@a  @Here"}}}
    send: {p0: [+slack], P3: slack}
    timezone: Europe/Berlin
    group_by: ['...']
    mode: live
  123:
    remind: off
routes:
  - matchers: ['team =~ "broken-.*"']
    set: {priority: p3, team: [INDUCTOR, "123"]}
    send: [slack]
    continue: yes
  - matchers: 'a = "b"'
    group_by: []
"""
    ).rules
    team = rules.teams["Broken-Inductor"]
    assert team.aliases == ("inductor", "oncall: pt2")
    assert team.destinations["slack"]["channel"] == "#broken-inductor"
    assert team.destinations["slack"]["mention"] == {P0: "@oncall", P1: "", P2: ("@a", "<!here>")}
    assert team.send == {P0: Sending(add=("slack",)), P3: Sending(names=("slack",))}
    assert (team.timezone, team.mode, team.where) == ("Europe/Berlin", "live", "bridge.yml:8")
    assert rules.team_group_by == {"Broken-Inductor": ("...",)}
    assert rules.teams["123"].name == "123"
    first, second = rules.routes
    assert (first.set_priority, first.set_teams) == (P3, ("Broken-Inductor", "123"))
    assert (first.send, first.continues, first.where) == (Sending(names=("slack",)), True, "bridge.yml:18")
    assert (second.send, second.group_by, second.continues) == (None, (), False)
    assert rules.normalize.team == (FieldName("squad", "label"),)
    assert rules.normalize.priority == (FieldName("Prio", "annotation"), FieldName("oncall: pt2"))
    words = rules.normalize.priority_words
    assert (words["meltdown"], words["none"], words["critical"]) == ("P0", "P3", "P0")


def test_sources_are_typed_for_intake(files):
    sources = files.load(
        FOUR
        + """
sources:
  a: {auth: {bearer: {token: ["${env:NEW}", "${env:OLD}"]}}, max_body: 1KiB, mapping: alerts}
  b: {auth: {hmac: {secret: "${env:S}"}}}
  c: {auth: {hmac: {secret: "${env:S}", header: X-Sig, timestamp_header: X-Time, tolerance: 90s}}}
  d: {auth: {basic: {username: joe, password: "${env:P}"}}}
  e: {auth: {header: {name: Authorization, value: "Token ${env:T}"}}}
  f: {auth: none}
  g:
"""
    ).settings.sources
    assert sources["a"] == SourceSettings("a", Bearer((Secret("${env:NEW}"), Secret("${env:OLD}"))), 1024, "alerts")
    signature = "X-Grafana-Alerting-Signature"
    assert sources["b"].auth == Hmac((Secret("${env:S}"),), signature, None, timedelta(minutes=5))
    assert sources["c"].auth == Hmac((Secret("${env:S}"),), "X-Sig", "X-Time", timedelta(seconds=90))
    assert sources["d"].auth == Basic("joe", (Secret("${env:P}"),))
    assert sources["e"].auth == Header("Authorization", (Secret("Token ${env:T}"),))
    assert sources["f"].auth == Open()
    assert sources["g"] == SourceSettings("g")


def test_the_rest_of_the_settings(files):
    loaded = files.load(
        FOUR
        + """
timezone: ${env:ZONE}
external_url: https://file.example/
reopen_duration: 0
stale_after: off
storm: {incidents: 30, within: 2m}
page_storm: off
remind: {P0: 1h}
fallback: {P0: {after: 2m, send: slack}, default: {on: dead, send: [slack]}}
operators: SRE
mode: shadow
shadow: {channel: bridge-shadow}
auth_proxy: {header: X-User, trusted: 10.0.0.0/8}
retention: {receipts: 1d}
max_storage: 1GiB
teams: {sre: {remind: {P1: 4h}}}
""",
        {"ZONE": "Europe/Berlin"},
    )
    rules, settings = loaded.rules, loaded.settings
    assert (rules.timezone, rules.external_url) == ("Europe/Berlin", "https://file.example")
    assert (rules.reopen_duration, rules.stale_after) == (timedelta(0), None)
    assert rules.storm == Folding(30, timedelta(minutes=2))
    assert (rules.folding("slack"), rules.folding("pagerduty"), rules.folding("github")) == (rules.storm, None, None)
    assert (rules.reminds("sre", P0), rules.reminds("sre", P1)) == (None, timedelta(hours=4))
    assert (rules.reminds("other", P0), rules.reminds("other", P1)) == (timedelta(hours=1), None)
    assert settings.fallback[P0].after == timedelta(minutes=2)
    assert (settings.fallback["default"].on, settings.fallback["default"].send) == ("dead", ("slack",))
    assert (settings.operators, rules.mode) == ("sre", "shadow")
    assert rules.shadow == ShadowRules("slack", "#bridge-shadow", "bridge.yml:16")
    assert settings.auth_proxy
    assert settings.auth_proxy.trusted == ("10.0.0.0/8",)
    assert (settings.retention.receipts, settings.retention.incidents) == (timedelta(days=1), timedelta(days=400))
    assert settings.max_storage == 2**30


def test_the_variable_wins_over_the_files_external_url(files):
    text = f"{FOUR}external_url: https://file.example\n"
    assert files.load(text, {"BRIDGE_EXTERNAL_URL": "https://env.example/"}).rules.external_url == "https://env.example"
    assert files.problems(text, {"BRIDGE_EXTERNAL_URL": "env.example"}) == [
        "BRIDGE_EXTERNAL_URL: is 'env.example', which is no address: write one like https://alerts.example.com"
    ]


def test_every_setting_of_every_kind(files):
    destinations = files.load(
        declared(
            'slack: {token: "${env:T}", channel: "#C0123ABC", mention: "@here", replies: {state: off}, '
            "reply_broadcast: state, api_url: http://127.0.0.1:9/api/, rate: off, timeout: 500ms, template: a/b.j2}",
            'pagerduty: {routing_key: ["${env:A}", "${file:keys/b}"], severity: {P3: warning}, page_again: 1m, '
            "rate: 2/s}",
            'github: {app: {id: 12, installation: "34", private_key: "${file:/run/key.pem}"}, '
            'repo: "https://github.com/acme/{team}.git", fallback_repo: acme/alerts, labels: "x:{team}", '
            "assignees: [octocat], visibility: private, rate: [1/s, 500/h]}",
            'old: {kind: Slack, webhook_url: "https://hooks.slack.com/services/${env:HOOK}"}',
        )
    ).rules.destinations
    assert destinations["slack"].settings == {
        "token": Secret("${env:T}"),
        "channel": "C0123ABC",
        "mention": dict.fromkeys(Priority, "<!here>"),
        "replies": {"state": False},
        "reply_broadcast": ("state",),
        "api_url": "http://127.0.0.1:9/api/",
        "rate": (),
        "timeout": timedelta(milliseconds=500),
        "template": "a/b.j2",
    }
    assert destinations["pagerduty"].settings == {
        "routing_key": (Secret("${env:A}"), Secret("${file:keys/b}")),
        "severity": {"P3": "warning"},
        "page_again": timedelta(minutes=1),
        "rate": (Rate(2, 1),),
    }
    github = destinations["github"].settings
    assert github["app"] == {"id": "12", "installation": "34", "private_key": Secret("${file:/run/key.pem}")}
    assert (github["repo"], github["labels"], github["assignees"]) == ("acme/{team}", ("x:{team}",), ("octocat",))
    assert github["rate"] == (Rate(1, 1), Rate(500, 3600))
    assert destinations["old"].settings == {"webhook_url": Secret("https://hooks.slack.com/services/${env:HOOK}")}
    assert "services" not in repr(destinations["old"])


def test_effective_settings_have_defaults_and_secrets_read(files):
    (files.folder / "keys").mkdir()
    (files.folder / "keys" / "b").write_text("from-file\n")
    settings = (
        files.load(declared('pagerduty: {routing_key: ["${env:A}", "${file:keys/b}"]}'))
        .rules.destinations["pagerduty"]
        .settings
    )
    made = effective("pagerduty", settings, {"A": "from-env"})
    assert made["routing_key"] == ("from-env", "from-file")
    assert made["timeout"] == timedelta(seconds=8)
    assert effective("pagerduty", settings, {})["routing_key"] == ("from-file",)
    (files.folder / "keys" / "b").unlink()
    assert effective("pagerduty", settings, {"A": "from-env"})["routing_key"] == ("from-env",)
    with pytest.raises(MissingSecretError, match=r"^the environment variable A isn't set$"):
        effective("pagerduty", settings, {})
    assert defaults("slack")["api_url"] == "https://slack.com/api/"
    assert "token" not in defaults("slack")


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_those_of_the_settings_in_their_order(kind):
    default = {name: getattr(KINDS[kind](), name) for name in KINDS[kind].model_fields}
    plain = {name: value.model_dump() if isinstance(value, BaseModel) else value for name, value in default.items()}
    assert list(defaults(kind).items()) == [(name, value) for name, value in plain.items() if value not in (None, ())]


def test_secrets_are_required_only_where_asked(files):
    text = declared(CHAT, PAGER, rest='sources: {g: {auth: {bearer: {token: "${file:nowhere}"}}}}\n')
    assert files.load(text)
    assert files.problems(text, {"SLACK_BOT_TOKEN": "x", "PAGERDUTY_KEY": ""}, require_secrets=True) == [
        (
            "bridge.yml:3: destinations.pagerduty.routing_key can't be read: the environment variable PAGERDUTY_KEY "
            "is empty: set it where the bridge runs"
        ),
        (
            "bridge.yml:4: sources.g.auth.bearer.token can't be read: the file nowhere isn't there: "
            "put the secret there, readable for the bridge"
        ),
    ]


ROTATED = 'sources: {g: {auth: {bearer: {token: ["${env:NEW}", "${file:old}"]}}}}\n'


def test_of_a_list_one_that_is_missing_is_warned_of_and_only_all_of_them_are_a_refusal(files):
    pager = 'pagerduty: {routing_key: ["${env:PAGERDUTY_KEY}", "${env:OLD_KEY}"]}'
    text, env = declared(CHAT, pager, rest=ROTATED), {"SLACK_BOT_TOKEN": "x"}
    loaded = files.load(text, env | {"PAGERDUTY_KEY": "x", "NEW": "x"}, require_secrets=True)
    told = [
        (
            "bridge.yml:3: warning: destinations.pagerduty.routing_key[1] can't be read: the environment variable "
            "OLD_KEY isn't set: set it where the bridge runs"
        ),
        (
            "bridge.yml:4: warning: sources.g.auth.bearer.token[1] can't be read: the file old isn't there: "
            "put the secret there, readable for the bridge"
        ),
    ]
    assert [str(one) for one in loaded.warnings] == told
    assert [one for one in files.findings(text, env | {"PAGERDUTY_KEY": "x", "NEW": "x"}) if "read" in one] == told

    refused = files.problems(text, env | {"OLD_KEY": "x"}, require_secrets=True)
    assert [one.partition(" can't")[0] for one in refused] == [
        "bridge.yml:3: warning: destinations.pagerduty.routing_key[0]",
        "bridge.yml:4: sources.g.auth.bearer.token[0]",
        "bridge.yml:4: sources.g.auth.bearer.token[1]",
    ]


def test_one_of_a_list_that_is_needed_alone_elsewhere_is_no_mere_warning(files):
    text = declared(CHAT, rest=ROTATED.replace("}}}}", "}}}, h: {auth: {bearer: {token: '${file:old}'}}}}"))
    (refused,) = files.problems(text, {"SLACK_BOT_TOKEN": "x", "NEW": "x"}, require_secrets=True)
    assert refused.startswith("bridge.yml:3: sources.h.auth.bearer.token can't be read: ")


def test_a_path_with_the_team_in_it_is_filled_in_where_alerts_are_routed(files):
    (files.folder / "keys").mkdir()
    (files.folder / "keys" / "sre").write_text("the key of sre\n")
    loaded = files.load(
        declared(
            CHAT,
            'pagerduty: {routing_key: "${file:keys/{team}:-keys/default}"}',
            rest="teams: {sre: {}}\n",
        )
    )
    alert = Alert(Status.FIRING, "f", {"team": "SRE", "priority": "P0"}, {})
    normal = normalize(alert, Group((alert,), "test"), loaded.rules.normalize, loaded.rules.teams)
    targets = {target.destination: target for target in route(normal, "grafana", loaded.rules).targets}
    settings = effective("pagerduty", targets["pagerduty"].settings, {})
    assert settings["routing_key"] == ("the key of sre",)


def test_a_teams_times_are_in_its_own_zone_else_in_that_of_all(files):
    rules = files.load(
        """
destinations: {slack: {token: "${env:T}", channel: "#a"}}
timezone: Europe/Paris
teams: {sre: {timezone: Asia/Tokyo}, web: {}}
"""
    ).rules
    assert [rules.zone(team) for team in ("sre", "web", "unknown")] == ["Asia/Tokyo", "Europe/Paris", "Europe/Paris"]


def test_grafana_is_meant_where_no_source_is_named_else_the_first():
    one, other, grafana = (SourceSettings(name) for name in ("one", "other", "grafana"))
    assert usual({"one": one, "grafana": grafana}) == "grafana"
    assert usual({"one": one, "other": other}) == "one"


def test_a_secret_that_only_an_included_file_names_holds_up_nobody_else(files):
    files.write('teams: {a: {destinations: {pagerduty: {routing_key: "${file:key}"}}}}\n', "teams/a.yml")
    text = declared(CHAT, PAGER, rest="include: [teams/*.yml]\n")
    env = {"SLACK_BOT_TOKEN": "x", "PAGERDUTY_KEY": "0" * 32}
    loaded = files.load(text, env, require_secrets=True)
    assert [(one.level, one.file, "key isn't there" in one.what) for one in loaded.warnings] == [
        (Level.WARNING, "teams/a.yml", True)
    ]
    assert "a" in loaded.rules.teams
    (missing,) = files.problems(text, {"SLACK_BOT_TOKEN": "x"}, require_secrets=True)[:1]
    assert missing.startswith("bridge.yml:3")
