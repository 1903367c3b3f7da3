"""What `bridge check` says and how it exits; the example holds every setting."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from bridge.cli.check import check as command
from bridge.config.json_schema import json_schema
from bridge.config.kinds import KINDS
from bridge.config.known import known_keys
from bridge.config.load import load
from bridge.config.read import read
from bridge.config.schema import BridgeFile

EXAMPLE = Path(__file__).parents[2] / "bridge.example.yml"
GOOD = """\
sources: {grafana: {auth: none}}
destinations:
  slack: {token: "${env:T}", channel: "#alerts"}
  pagerduty: {routing_key: "${env:P}"}
"""
ENV = {"T": "t", "P": "p"}


def run(*arguments: str, env: dict[str, str] | None = None):
    return CliRunner().invoke(command, arguments, env=ENV if env is None else env)


def test_nothing_to_say(files):
    assert files.findings(GOOD, ENV) == []
    result = run()
    assert (result.exit_code, result.output) == (0, "bridge.yml: the configuration can be used\n")


def test_without_its_secrets_it_is_not_said_that_it_can_be_used_now(files):
    assert files.findings(GOOD, {})
    result = run(env={})
    assert result.exit_code == 0
    assert "can be used once its secrets are there: without them `bridge run` does not start" in result.output


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            GOOD.replace("  pagerduty", "  pager: {kind: slack, token: '${env:T}', channel: b}\n  # pagerduty"),
            "2: warning: P0 pages nobody: declare a pagerduty destination, and send P0 to it",
        ),
        (
            GOOD + "send: {P0: [slack]}\n",
            "5: warning: P0 pages nobody: declare a pagerduty destination, and send P0 to it",
        ),
        (
            GOOD.replace("${env:T}", "${env:NOT_SET}"),
            (
                "3: warning: destinations.slack.token can't be read: the environment variable NOT_SET isn't set: "
                "set it where the bridge runs"
            ),
        ),
        (
            GOOD.replace("${env:P}", "${file:keys/{team}:-keys/other}"),
            (
                "4: warning: destinations.pagerduty.routing_key can't be read: the file keys/other isn't there: "
                "put the secret there, readable for the bridge"
            ),
        ),
        (
            GOOD + "teams: {a: {timezone: UTC}}\n",
            (
                "5: warning: the team a has no destination of its own: "
                "add destinations or send to it, or leave the team out"
            ),
        ),
        (
            GOOD.replace("{grafana: {auth: none}}", "{grafana: {}}"),
            (
                "1: warning: the source grafana has no auth, and BRIDGE_WEBHOOK_TOKEN isn't set: "
                "only this machine may post: add auth, set BRIDGE_WEBHOOK_TOKEN, or say auth: none"
            ),
        ),
        (
            GOOD.replace('{routing_key: "${env:P}"}', "{}")
            + "teams: {a: {destinations: {pagerduty: {routing_key: '${env:P}'}}}}\n",
            (
                "4: warning: pagerduty has no routing_key of its own: alerts of teams that aren't configured "
                "page nobody: add one that stands for the rest"
            ),
        ),
        (
            GOOD + "routes:\n- matchers: ['a = \"b\"']\n- matchers: ['c = \"d\"', 'a=\"b\"']\n  send: [slack]\n",
            (
                "7: warning: this route is never reached: the one at bridge.yml:6 matches all that it matches: "
                "put it first, or add continue: true to the other"
            ),
        ),
        (
            GOOD + "routes:\n- matchers: ['a = \"b\"', 'priority =~ \"P[13]\"']\n  send: [-slack]\n",
            (
                "6: warning: this route takes away all that P3 of team unrouted is told, where it counts for nothing: "
                "name who is told instead; to tell nobody, map the priority's word to drop"
            ),
        ),
        (
            GOOD + "  slow: {kind: slack, token: '${env:T}', channel: ALERTS, rate: 6/m}\nsend: {P3: slow}\n",
            (
                "5: warning: slack of team unrouted and slow of team unrouted both lead to #alerts, "
                "with different rates: the slower one's keeps both waiting: give them the same rate"
            ),
        ),
        (
            GOOD + "teams:\n  a:\n    destinations:\n      pagerduty:\n        rate: 5/s\n",
            (
                "9: warning: pagerduty of team unrouted and pagerduty of team a both lead to one routing key, "
                "with different rates: the slower one's keeps both waiting: give them the same rate"
            ),
        ),
        (
            GOOD
            + "  github: {token: '${env:T}', repo: 'acme/{team}', fallback_repo: acme/b, rate: off}\n"
            + "  second: {kind: github, token: '${env:T}', repo: Acme/a}\nteams: {a: {send: {P1: [github, second]}}}\n",
            (
                "5: warning: github of team a and second of team a both lead to acme/a, "
                "with different rates: the slower one's keeps both waiting: give them the same rate"
            ),
        ),
        (
            "destinations:\n  pagerduty: {routing_key: '${env:P}'}\nsources: {g: {auth: none}}\n",
            "1: warning: no destination takes P2 by default, so it goes to pagerduty: write send: {P2: [...]}",
        ),
        (
            GOOD + "mode: shadow\nshadow: {channel: bridge-shadow}\n",
            "5: mode is shadow: told in #bridge-shadow only, paging nobody",
        ),
        (
            GOOD + "teams: {sre: {mode: shadow, send: {P3: slack}}}\nshadow: {channel: bridge-shadow}\n",
            "5: teams.sre.mode is shadow: told in #bridge-shadow only, paging nobody",
        ),
    ],
)
def test_a_warning_or_note_is_no_failure(files, text, finding):
    found = files.findings(text, ENV)
    assert f"bridge.yml:{finding}" in found
    assert run().exit_code == 0


def test_a_route_behind_one_that_continues_is_reached(files):
    text = GOOD + "routes:\n- {matchers: ['a = \"b\"'], continue: on}\n- matchers: ['a=\"b\"']\n"
    assert files.findings(text, ENV) == []


@pytest.mark.parametrize(
    "slow",
    [
        "{kind: slack, token: '${env:T}', channel: alerts, rate: 1/s}\nsend: {P3: slow}",
        "{kind: slack, token: '${env:T}', channel: others, rate: 6/m}\nsend: {P3: slow}",
        "{kind: slack, token: '${env:OTHER}', channel: alerts, rate: 6/m}\nsend: {P3: slow}",
        "{kind: slack, token: '${env:T}', channel: alerts, rate: 6/m}",
    ],
)
def test_names_of_one_rate_or_of_places_apart_or_never_sent_to_are_even(files, slow):
    assert files.findings(f"{GOOD}  slow: {slow}\n", {**ENV, "OTHER": "o"}) == []


def test_a_test_says_where_an_alert_belongs_in_shadow_mode_too(files):
    tests = "tests:\n- {alert: {annotations: {Priority: P1}}, expect: {send: [slack, pagerduty]}}\n"
    text = f'{GOOD}{tests}mode: shadow\nshadow: {{channel: "#bridge-shadow"}}\n'
    assert files.findings(text, ENV) == ["bridge.yml:7: mode is shadow: told in #bridge-shadow only, paging nobody"]


def test_own_tests_run(files):
    text = GOOD + (
        "teams: {sre: {aliases: [ops], destinations: {slack: {channel: sre}}}}\n"
        "tests:\n"
        "- {alert: {labels: {alertname: A, team: OPS, priority: P3}}, expect: {team: sre, priority: P3, send: slack}}\n"
        "- {name: none, alert: {labels: {severity: none}}, expect: {priority: P3, send: [slack]}}\n"
        "- {alert: {annotations: {Priority: p1}, values: {A: 2.5}}, expect: {team: [sre], send: []}}\n"
        "- {alert: {labels: {severity: none}}, expect: {send: []}}\n"
    )
    assert files.findings(text, ENV) == [
        "bridge.yml:8: the test none expects priority P3, but it is drop: mend the rules, or what the test expects",
        "bridge.yml:8: the test none expects send slack, but it is nobody: mend the rules, or what the test expects",
        "bridge.yml:9: the test expects team sre, but it is unrouted: mend the rules, or what the test expects",
        (
            "bridge.yml:9: the test expects send nobody, but it is slack and pagerduty: "
            "mend the rules, or what the test expects"
        ),
    ]
    assert run().exit_code == 1


def test_a_wrong_address_in_the_environment_fails(files):
    assert files.findings(GOOD, ENV) == []
    result = run(env={**ENV, "BRIDGE_EXTERNAL_URL": "https://alerts.example/webhooks/grafana"})
    assert result.exit_code == 1
    assert "BRIDGE_EXTERNAL_URL: is where Grafana posts: write what stands before /webhooks" in result.output


def test_a_problem_fails(files):
    files.write("timezone: UTC\n")
    result = run("--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.output)
    assert (found["file"], found["line"], found["level"]) == ("bridge.yml", 1, "error")
    assert set(found) == {"file", "line", "level", "what", "mend"}


def test_a_broken_included_file_fails_the_check(files):
    files.write("a: 1\n", "teams/a.yml")
    files.write(f"{GOOD}include: [teams/a.yml]\n")
    assert run().exit_code == 1


def test_the_configuration_is_named_by_flag_or_variable(files):
    files.write(GOOD, "other.yml")
    assert run("--config", "other.yml").exit_code == 0
    assert run(env={**ENV, "BRIDGE_CONFIG": "other.yml"}).exit_code == 0
    assert run().output.startswith("bridge.yml: there is no such file: ")


def test_wrong_use():
    assert run("--colour").exit_code == 2


def test_help_has_an_example_and_waits_for_no_pydantic():
    assert "bridge check --config bridge.yml" in run("--help").output
    code = "import sys, bridge.cli.check; sys.exit('pydantic' in sys.modules or 'ruamel.yaml' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_example_loads_and_is_silent_but_for_secrets():
    result = run("--config", str(EXAMPLE), "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert {one["level"] for one in found} == {"warning"}
    assert all("can't be read" in one["what"] for one in found)
    assert load(EXAMPLE, {}).warnings == ()


def test_the_example_holds_every_setting():
    document = read(EXAMPLE, "bridge.example.yml")
    written = {tuple(key for key in keys if isinstance(key, str)) for keys in document.places}
    words = {word for keys in written for word in keys}

    def below(name: str, definitions: dict, seen: frozenset[str] = frozenset()) -> set[str]:
        found = set(definitions[name].get("properties", {}))
        for other in re.findall(r"#/\$defs/(\w+)", json.dumps(definitions[name])):
            if other not in seen:
                found |= below(other, definitions, seen | {other})
        return found

    schema = json_schema()
    definitions = {**schema["$defs"], "": schema}
    assert below("", definitions) - words == set()
    assert set(known_keys(BridgeFile, ())) == {keys[0] for keys in written}
    for kind, model in KINDS.items():
        of_kind = {key for name in document.data["destinations"] for key in (document.data["destinations"][name] or {})}
        assert set(known_keys(model, ())) <= of_kind, kind


def test_the_json_schema_is_one_and_fits_the_example():
    schema = json.loads(run("--schema").output)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe").load(EXAMPLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"destinations": {"slack": {"chanel": "x"}}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"destinations": {"slack": {"token": "xoxb-literal"}}}, schema)
