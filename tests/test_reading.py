"""A configuration read in a process of its own: the same values, the same problems, and none of its libraries here."""

from __future__ import annotations

import os

import pytest

from bridge.config.environ import from_environ
from bridge.config.problem import ConfigError
from bridge.reading import Reading
from bridge.reload import wrong_in
from bridge.whole import read_whole

SECRETS = {
    "GRAFANA_HMAC_SECRET": "x",
    "AM_TOKEN": "x",
    "SLACK_BOT_TOKEN": "x",
    "PAGERDUTY_DEFAULT_KEY": "x",
    "GITHUB_TOKEN": "x",
}
WHOLE = """
destinations:
  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#{team}", fallback_channel: "#alerts", mention: {P0: "@oncall"}}
sources:
  grafana: {auth: {hmac: {secret: "${env:GRAFANA_HMAC_SECRET}"}}, max_body: 1MiB}
  other: {auth: none, mapping: "{alerts: items}"}
teams:
  payments: {aliases: pay, send: {P0: slack}, remind: {P0: 1h}}
routes:
  - {matchers: ['job =~ "a.*"', "x != y"], set: {priority: P1}}
fallback: {P0: {after: 2m, send: slack}, default: {on: dead, send: slack}}
auth_proxy: {header: X-User, trusted: 10.0.0.0/8}
retention: {receipts: 7d}
tests:
  - {alert: {labels: {job: a}, values: {B: 1}}, expect: {team: payments, priority: P1, send: []}}
"""


def environment(folder, text=WHOLE, **env):
    (folder / "bridge.yml").write_text(text, "utf-8")
    env = SECRETS | {"BRIDGE_CONFIG": str(folder / "bridge.yml")} | env
    return from_environ(env), env


def test_the_same_is_read_as_in_this_process(tmp_path):
    environ, env = environment(tmp_path)
    read = Reading(environ, env).result()

    assert read.whole() == read_whole(environ, env)
    secret = read.loaded.rules.destinations["slack"].settings["token"]
    assert (secret.references, secret.folder) == (("${env:SLACK_BOT_TOKEN}",), tmp_path)
    assert read.loaded.rules.routes[0].matchers[0].matches({"job": "abc"})


def test_problems_are_the_same_as_in_this_process(tmp_path):
    environ, env = environment(tmp_path, WHOLE.replace("retention", "retain").replace("P0: 1h", "P0: soon"))
    with pytest.raises(ConfigError) as here:
        read_whole(environ, env)
    with pytest.raises(ConfigError) as there:
        Reading(environ, env).result()

    assert there.value.problems == here.value.problems
    assert len(there.value.problems) == 2


def test_secrets_are_looked_for_in_the_environment_that_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "of this process")
    environ, env = environment(tmp_path)
    del env["SLACK_BOT_TOKEN"]
    with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN isn't set"):
        Reading(environ, env).result()


def test_a_process_that_ends_without_a_word_is_a_problem_of_the_file(tmp_path):
    environ, env = environment(tmp_path)
    under_way = Reading(environ, env)
    under_way._child.kill()
    with pytest.raises(ConfigError, match=r"bridge\.yml: could not be read: the process for it has ended"):
        under_way.result()


def test_what_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.reading.DEADLINE", 1.0)
    os.mkfifo(tmp_path / "own.j2")
    environ, env = environment(tmp_path, BRIDGE_TEMPLATES=str(tmp_path))
    with pytest.raises(ConfigError, match=r"bridge\.yml: could not be read within 1 s: "):
        Reading(environ, env).result()


def test_what_lies_in_the_working_directory_is_no_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pickle", "pydantic", "bridge"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)", "utf-8")
    environ, env = environment(tmp_path)
    assert Reading(environ, env).result().loaded.settings.max_storage == 10 * 2**30


MINE = '{% extends "slack/message.j2" %}{% block headline %}MINE{% endblock %}'


@pytest.mark.parametrize("named", [True, False])
def test_a_template_that_can_not_be_compiled_is_told_of_at_a_start_and_refused_later(tmp_path, named):
    """Named, or in a shipped one's place: at a start there is nothing else to keep, so the operators hear of it."""
    name = "own.j2" if named else "slack/message.j2"
    path = tmp_path / "templates" / name
    path.parent.mkdir(parents=True)
    path.write_text(MINE.replace("endblock %}", ""), "utf-8")
    text = WHOLE.replace("mention:", "template: own.j2, mention:") if named else WHOLE
    environ, env = environment(tmp_path, text, BRIDGE_TEMPLATES=str(tmp_path / "templates"))
    started = Reading(environ, env).result().whole()
    (broken,) = wrong_in(started).broken
    assert broken.startswith(f"{name}:1: ")

    (tmp_path / "bridge.yml").write_text(f"{text}timezone: Europe/Paris\n", "utf-8")
    with pytest.raises(ConfigError, match=rf"^{name}:1: "):
        Reading(environ, env, last=started).result().whole()
    path.write_text("{% block headline %}MINE{% endblock %}", "utf-8")
    assert not wrong_in(Reading(environ, env, last=started).result().whole())


def test_a_folder_of_templates_that_is_none_is_warned_of(tmp_path):
    environ, env = environment(tmp_path, BRIDGE_TEMPLATES="tempaltes")
    started = Reading(environ, env).result().whole()
    said = "BRIDGE_TEMPLATES: warning: there is no folder tempaltes: make it, or leave the variable out"
    assert [str(one) for one in started.warnings] == [said]
    assert not wrong_in(started)
