"""A GitHub App's key, as the whole bridge meets it: one that works, another app's, and no key at all."""

import json

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import alert, config, eventually, group, issues

from bridge.sandbox import Sandbox
from bridge.sandbox.github import GitHubDouble
from bridge.sandbox.server import wall_clock

ALERT = group(alert("Queue is full", Priority="P2"))


@pytest.fixture(scope="module")
def keys():
    """The private keys of two apps."""
    made = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    how = (pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, pem.NoEncryption())
    return [key.private_bytes(*how).decode() for key in made]


@pytest.fixture
def sandbox(keys):
    key = pem.load_pem_private_key(keys[0].encode(), None).public_key()
    text = key.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    with Sandbox(github=GitHubDouble(wall_clock, app_key=text)) as made:
        yield made


def settings(sandbox):
    made = config(sandbox)
    app = {"id": 12, "installation": 7, "private_key": "${env:APP_KEY}"}
    made["destinations"]["github"] = {"app": app, "repo": "acme/alerts", "api_url": sandbox.github_url, "rate": "off"}
    return made


def leaks(bridge, key):
    """What of a key or of its tokens stands in anything that a bridge wrote or says."""
    left = b"".join(one.read_bytes() for one in bridge.folder.iterdir() if one.is_file()).decode("latin-1")
    said = json.dumps([bridge.incidents(), bridge.all("deliveries")]) + bridge.request("GET", "/metrics").text
    secrets = [line for line in key.split("\n") if line and not line.startswith("-----")]
    return [secret for secret in [*secrets, "ghs_sandbox", "eyJhbGci"] if secret in left + said]


def test_the_apps_key_opens_the_issue(sandbox, start, keys):
    bridge = start(settings(sandbox), env={"APP_KEY": keys[0]})
    bridge.post(ALERT)
    bridge.settle()
    [issue] = issues(sandbox)
    assert issue.user == "alert-bridge[bot]"
    assert leaks(bridge, keys[0]) == []


def test_another_apps_key_makes_a_dead_letter_that_says_so(sandbox, start, keys):
    bridge = start(settings(sandbox), env={"APP_KEY": keys[1]})
    bridge.post(ALERT)
    bridge.settle()
    dead = bridge.delivery("Queue is full", "github")
    assert dead["state"] == "dead"
    assert "GitHub does not accept the private key of app 12: correct `app.id`" in dead["reason"]
    assert "then `bridge replay" in dead["reason"]
    assert issues(sandbox) == []
    assert leaks(bridge, keys[1]) == []


def test_what_is_no_key_holds_the_delivery_and_says_so(sandbox, start, keys):
    broken = keys[0][:600]
    bridge = start(settings(sandbox), env={"APP_KEY": broken})
    bridge.receipt(bridge.post(ALERT))
    eventually(lambda: bridge.delivery("Queue is full", "github")["state"] == "held", "held")
    held = bridge.delivery("Queue is full", "github")
    assert held["reason"].startswith("destination github: `app.private_key` holds no RSA private key")
    assert held["attempts"] == 0
    assert sandbox.seen("github") == []
    assert leaks(bridge, broken) == []
