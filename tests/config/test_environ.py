"""The settings outside the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.environ import Environ, from_environ
from bridge.config.problem import ConfigError


def test_nothing_set_is_the_default():
    assert from_environ({}) == Environ()
    assert from_environ({"BRIDGE_CONFIG": "", "PORT": "", "BRIDGE_ADMIN_TOKEN": ""}) == Environ()
    assert Environ().database_url == "sqlite:///bridge.db"


def test_all_set():
    found = from_environ(
        {
            "BRIDGE_CONFIG": "etc/b.yml",
            "BRIDGE_DATABASE_URL": "postgresql://bridge:hunter2@db/bridge",
            "BRIDGE_TEMPLATES": "words",
            "BRIDGE_EXTERNAL_URL": "https://alerts.example/",
            "BRIDGE_WEBHOOK_TOKEN": "hunter2",
            "BRIDGE_ADMIN_TOKEN": "hunter2",
            "BRIDGE_LOG_FORMAT": "JSON",
            "BRIDGE_LOG_LEVEL": "debug",
            "BRIDGE_SECRET_KEY": "hunter2",
            "PORT": "8080",
        }
    )
    assert (found.config, found.templates) == (Path("etc/b.yml"), Path("words"))
    assert found.external_url == "https://alerts.example"
    assert (found.log_format, found.log_level, found.port) == ("json", "debug", 8080)
    assert found.webhook_token
    assert found.webhook_token.reveal() == "hunter2"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://alerts.example/webhooks/grafana", "is where Grafana posts: write what stands before /webhooks"),
        ("https://alerts.example/bridge/webhooks/", "is where Grafana posts: write what stands before /webhooks"),
        ("https://", "is 'https:', which is no address: write one like https://alerts.example.com"),
    ],
)
def test_an_address_that_no_page_is_at_is_refused(url, problem):
    with pytest.raises(ConfigError) as caught:
        from_environ({"BRIDGE_EXTERNAL_URL": url})
    assert str(caught.value) == f"BRIDGE_EXTERNAL_URL: {problem}"


def test_faults_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        from_environ(
            {"BRIDGE_EXTERNAL_URL": "here", "BRIDGE_LOG_FORMAT": "xml", "BRIDGE_LOG_LEVEL": "loud", "PORT": "0"}
        )
    assert str(caught.value).splitlines() == [
        "BRIDGE_EXTERNAL_URL: is 'here', which is no address: write one like https://alerts.example.com",
        "BRIDGE_LOG_FORMAT: is 'xml', which is not understood: write text or json",
        "BRIDGE_LOG_LEVEL: is 'loud', which is not understood: write debug, info, warning or error",
        "PORT: is '0', which is no port: write a number, like 8080",
    ]
