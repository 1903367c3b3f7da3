"""`bridge grafana-setup`: what it prints really sets a Grafana up, is read by its readers, and holds no secret."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import grafana
import hcl2
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from bridge.__main__ import main
from bridge.config.sources import SourceSettings
from bridge.setup.contact_point import contact_point

SECRET = """it's "quoted" \\(and) $HOME `too` ${x}"""
URL = "https://alerts.acme.com"
DESTINATIONS = {"slack": {"token": "${env:SLACK_BOT_TOKEN}", "channel": "#alerts"}}
HMAC = {"secret": "${env:GRAFANA_HMAC}", "header": "X-Signed", "timestamp_header": "X-Grafana-Alerting-Timestamp"}
AUTHS = {
    "nothing said": (None, {"authorization_scheme": "Bearer", "authorization_credentials": "<BRIDGE_WEBHOOK_TOKEN>"}),
    "bearer": (
        {"bearer": {"token": ["${env:NEW_TOKEN}", "${env:OLD_TOKEN}"]}},
        {"authorization_scheme": "Bearer", "authorization_credentials": "<NEW_TOKEN>"},
    ),
    "basic": (
        {"basic": {"username": 'a"b$c', "password": "${env:PASSWORD}"}},
        {"username": 'a"b$c', "password": "<PASSWORD>"},
    ),
    "hmac with a time": (
        {"hmac": HMAC},
        {"hmacConfig": {"secret": "<GRAFANA_HMAC>", "header": "X-Signed", "timestampHeader": HMAC["timestamp_header"]}},
    ),
    "hmac": (
        {"hmac": {"secret": "${env:GRAFANA_HMAC}"}},
        {"hmacConfig": {"secret": "<GRAFANA_HMAC>", "header": "X-Grafana-Alerting-Signature"}},
    ),
    "header": (
        {"header": {"name": "X-Token", "value": "100%{a} $b ${file:keys/hook}end"}},
        {"headers": {"X-Token": "100%{a} $b <BRIDGE_GRAFANA_SECRET>end"}},
    ),
    "header authorization": (
        {"header": {"name": "Authorization", "value": "Token ${env:T}"}},
        {"authorization_scheme": "Token", "authorization_credentials": "<T>"},
    ),
    "none": ("none", {}),
}
ROUTE = {
    "group_by": ["grafana_folder", "alertname"],
    "group_wait": "5s",
    "group_interval": "1m",
    "repeat_interval": "4h",
}


def configure(folder, auth, **more):
    source = {} if auth is None else {"auth": auth}
    settings = {"destinations": DESTINATIONS, "sources": {"grafana": source}, **more}
    (folder / "bridge.yml").write_text(json.dumps(settings), "utf-8")


def printed(folder, *words, code=0, **env):
    """What the verb prints, the environment being the one given."""
    quiet = dict.fromkeys(name for name in os.environ if name.startswith(("BRIDGE_", "PORT")))
    asked = ["grafana-setup", "--config", str(folder / "bridge.yml"), *words]
    done = CliRunner().invoke(main, asked, env={**quiet, **env}, prog_name="bridge")
    assert done.exit_code == code, done.output
    return done.stdout or done.stderr


def filled(expected, value):
    """The expected settings with each <NAME> replaced."""
    if isinstance(expected, dict):
        return {name: filled(one, value) for name, one in expected.items()}
    if not isinstance(expected, str):
        return expected
    before, _, rest = expected.partition("<")
    name, closed, after = rest.partition(">")
    return before + value(name) + after if closed else expected


@pytest.fixture(params=AUTHS.values(), ids=AUTHS.keys())
def configured(request, tmp_path):
    """A folder with a configuration, and the settings that the contact point should have."""
    auth, expected = request.param
    configure(tmp_path, auth, external_url=f"{URL}/")
    return tmp_path, {"url": f"{URL}/webhooks/grafana", "httpMethod": "POST", "maxAlerts": 0, **expected}


def paste(text, server, folder, **more):
    """Run a command as somebody who pastes it into a shell."""
    for needed in ("curl", "jq"):
        if shutil.which(needed) is None:
            missing = f"not run: the command for the shell wants {needed}, which is not installed"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    names = [line.partition(":")[0].strip("# ") for line in text.splitlines() if line.startswith("#   ")]
    env = {**dict.fromkeys(names, SECRET), "GRAFANA_URL": f"{server.url}/", "GRAFANA_TOKEN": grafana.TOKEN, **more}
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-c", text], cwd=folder, env={**path, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_sets_a_grafana_up_and_again_changes_nothing(configured):
    folder, expected = configured
    text = printed(folder, "--format", "curl")
    with grafana.running() as server:
        for _ in range(2):
            done = paste(text, server, folder)
            assert (done.returncode, done.stderr) == (0, "")
            (point,) = server.points
            assert point == {
                "uid": "alert-bridge", "name": "alert-bridge", "type": "webhook", "disableResolveMessage": False,
                "settings": filled(expected, lambda _: SECRET),
            }  # fmt: skip
            assert server.policies == {
                "receiver": "grafana-default-email", "group_by": ["grafana_folder"],
                "routes": [{"receiver": "alert-bridge", **ROUTE, "continue": True}],
            }  # fmt: skip
        assert {headers.get("x-disable-provenance") for _, _, headers in server.asked} == {"true"}
        assert SECRET not in done.stdout


def test_policies_that_there_are_stay(tmp_path):
    configure(tmp_path, None)
    theirs = [
        {"receiver": "pager", "object_matchers": [["severity", "=", "critical"]]},
        {"receiver": "alert-bridge", "object_matchers": [["team", "=", "infra"]], "continue": True},
    ]
    with grafana.running() as server:
        server.policies = {**grafana.MAIL, "routes": theirs, "repeat_interval": "12h"}
        text = printed(tmp_path, "--format", "curl")
        for _ in range(2):
            assert paste(text, server, tmp_path, WEBHOOK_BASE_URL=URL).returncode == 0
        assert server.policies["routes"] == [{"receiver": "alert-bridge", **ROUTE, "continue": True}, *theirs]
        assert server.policies["repeat_interval"] == "12h"
        assert server.points[0]["settings"]["url"] == f"{URL}/webhooks/grafana"


def test_a_refusal_is_shown_and_ends_it(tmp_path):
    configure(tmp_path, None, external_url=URL)
    with grafana.running() as server:
        done = paste(printed(tmp_path, "--format", "curl"), server, tmp_path, GRAFANA_TOKEN="wrong")
        assert done.returncode != 0
        assert "Invalid API key" in done.stderr
        assert [method for method, _, _ in server.asked] == ["GET"]


def test_a_variable_that_is_not_set_ends_it_before_anything_is_sent(tmp_path):
    configure(tmp_path, None, external_url=URL)
    with grafana.running() as server:
        done = paste(printed(tmp_path, "--format", "curl"), server, tmp_path, BRIDGE_WEBHOOK_TOKEN="")
        assert done.returncode != 0
        assert "BRIDGE_WEBHOOK_TOKEN" in done.stderr
        assert server.asked == []


def interpolated(value):
    """What Grafana makes of a text in a provisioning file (its values.go), every variable being `<NAME>`."""
    if isinstance(value, dict):
        return {name: interpolated(one) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    parts = [re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda hit: f"<{hit[1] or hit[2]}>", part) for part in value.split("$$")]
    return "$".join(parts)


def test_the_file_is_what_grafana_reads(configured):
    folder, expected = configured
    text = printed(folder, "--format", "provisioning")
    read = YAML(typ="safe").load(text)
    assert sorted(read) == ["apiVersion", "contactPoints", "policies"]
    assert read["apiVersion"] == 1
    (point,) = read["contactPoints"]
    (receiver,) = point.pop("receivers")
    assert point == {"orgId": 1, "name": "alert-bridge"}
    assert interpolated(receiver.pop("settings")) == expected
    assert receiver == {"uid": "alert-bridge", "type": "webhook", "disableResolveMessage": False}
    assert read["policies"] == [{"orgId": 1, "receiver": "alert-bridge", **ROUTE}]
    assert "REPLACES IT WHOLE" in text


TERRAFORM = {
    "httpMethod": "http_method", "maxAlerts": "max_alerts", "username": "basic_auth_user",
    "password": "basic_auth_password", "hmacConfig": "hmac_config", "timestampHeader": "timestamp_header",
}  # fmt: skip


POLICY = '"grafana_notification_policy"'


def renamed(settings):
    return {TERRAFORM.get(key, key): renamed(one) if isinstance(one, dict) else one for key, one in settings.items()}


def test_the_resources_are_what_terraform_reads(configured):
    folder, expected = configured
    text = printed(folder, "--format", "terraform")
    parsed = hcl2.loads(f"{text}\n")
    assert [sorted(one) for one in parsed["resource"]] == [
        ['"grafana_contact_point"'],
        ['"grafana_notification_policy"'],
    ]
    evaluated = terraform(folder, text)
    webhook = renamed(filled(expected, lambda name: f"<{name}>")) | {"disable_resolve_message": False}
    assert evaluated["webhook"] == webhook
    assert evaluated["policy"] == {"contact_point": "alert-bridge", **ROUTE}


def terraform(folder, text):
    """What Terraform itself makes of the resources' values; they are put into locals, for want of the provider."""
    if shutil.which("terraform") is None:
        missing = "not run: evaluating the resources wants terraform, which is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    made = folder / "tf"
    made.mkdir()
    (made / "shown.tf").write_text(text + "\n", "utf-8")
    formatted = subprocess.run(
        ["terraform", "fmt", "-check", "-diff"], cwd=made, capture_output=True, text=True, check=False
    )
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    body = re.sub(r"^( +)(webhook|hmac_config) \{", r"\1\2 = {", text, flags=re.MULTILINE)
    body = body.replace("grafana_contact_point.alert_bridge.name", "local.grafana_contact_point.name")
    resource = r'^resource "(\w+)" "\w+" \{\n(.*?)^\}$'
    body = re.sub(resource, r"locals {\n\1 = {\n\2}\n}", f"{body}\n", flags=re.MULTILINE | re.DOTALL)
    (made / "shown.tf").write_text(body, "utf-8")
    names = [line.partition(":")[0].strip("# ") for line in text.splitlines() if line.startswith("#   TF_VAR_")]
    env = {**os.environ, **{name: f"<{name.removeprefix('TF_VAR_').upper()}>" for name in names}}
    policy = "policy = local.grafana_notification_policy"
    asked = f"jsonencode({{webhook = local.grafana_contact_point.webhook, {policy}}})"
    asked = f"nonsensitive({asked})\n" if names else f"{asked}\n"
    done = subprocess.run(
        ["terraform", "console"], cwd=made, env=env, input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout))


@pytest.mark.parametrize("form", ["curl", "provisioning", "terraform"])
def test_an_address_that_is_not_known_is_a_variable(tmp_path, form):
    configure(tmp_path, None)
    text = printed(tmp_path, "--format", form)
    assert "webhook_base_url: the address at which grafana reaches the bridge" in text.lower()
    assert "https://other.acme.com/webhooks/grafana" in printed(
        tmp_path, "--format", form, "--url", "https://other.acme.com/"
    )


@pytest.mark.parametrize("form", ["curl", "provisioning", "terraform"])
def test_no_secret_is_printed(tmp_path, form):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hook").write_text("hush-file")
    configure(tmp_path, {"header": {"name": "X-T", "value": "${env:ONE} ${file:keys/hook} ${env:TWO}"}})
    text = printed(tmp_path, "--format", form, ONE="hush-1", TWO="hush-2", BRIDGE_WEBHOOK_TOKEN="hush-3")
    assert "hush" not in text
    assert all(f"{name}: " in text.upper() for name in ("ONE", "TWO", "BRIDGE_GRAFANA_SECRET"))


def test_of_several_sources_one_is_named(tmp_path):
    more = {"sources": {"eu": {"auth": "none"}, "us": {"auth": "none"}}}
    configure(tmp_path, None, **more)
    assert "--source eu | us" in printed(tmp_path, "--format", "curl", code=2)
    assert "--source eu | us" in printed(tmp_path, "--format", "curl", "--source", "asia", code=2)
    assert 'name = "alert-bridge-us"' in printed(tmp_path, "--format", "terraform", "--source", "us")


def test_no_two_sources_have_one_name_or_uid():
    """Grafana takes 40 characters of a uid; what is neither cut nor changed stays as it was."""
    long = "a-team-with-a-name-that-has-no-end"
    names = ("grafana", "us-east_1", "a.b", "a-b", "a..b", f"{long}-1", f"{long}-2", f"{long}.1")
    points = [contact_point(SourceSettings(name), None) for name in names]
    assert len({one.uid for one in points}) == len({one.name for one in points}) == len(names)
    assert [(one.name, one.uid) for one in points[:2]] == [("alert-bridge",) * 2, ("alert-bridge-us-east_1",) * 2]
    assert (points[3].name, points[3].uid) == ("alert-bridge-a-b",) * 2
    assert points[5].name == f"alert-bridge-{long}-1"
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", one.uid) for one in points)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"name": "Cookie", "value": "${env:T}"}, "Grafana lets no contact point set the header Cookie"),
        ({"name": "Authorization", "value": "${env:T}"}, "write the value with one"),
    ],
)
def test_what_grafana_can_not_send_is_said(tmp_path, header, says):
    configure(tmp_path, {"header": header})
    assert says in printed(tmp_path, "--format", "curl", code=1)


def test_a_broken_configuration_is_named(tmp_path):
    (tmp_path / "bridge.yml").write_text("destinations: {slack: {chanel: x}}\n")
    assert "bridge.yml:1: " in printed(tmp_path, "--format", "curl", code=1)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://alerts.acme.com/webhooks/grafana", "is where Grafana posts: write what stands before /webhooks"),
        ("alerts.acme.com", "which is no address: write one like https://alerts.example.com"),
        ("https://alerts.acme.com/?a=b", "which is no address: write one like https://alerts.example.com"),
    ],
)
def test_an_address_that_is_not_the_bridges_is_refused(tmp_path, url, says):
    configure(tmp_path, None)
    assert says in printed(tmp_path, "--format", "provisioning", "--url", url, code=2)
