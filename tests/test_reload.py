"""A configuration that is read anew while the database is away."""

from __future__ import annotations

import pytest

from bridge.config.environ import from_environ
from bridge.config.load import load
from bridge.reload import note, reload

GOOD = 'destinations:\n  slack: {webhook_url: "${env:HOOK}"}\n'


@pytest.fixture
def away(tmp_path):
    """An environment whose database nobody answers for."""
    (tmp_path / "bridge.yml").write_text(GOOD)
    env = {
        "BRIDGE_CONFIG": str(tmp_path / "bridge.yml"),
        "BRIDGE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        "HOOK": "https://hooks.slack.test/x",
    }
    return from_environ(env), env


def test_a_good_one_is_taken_over_all_the_same(away):
    environ, env = away
    assert reload(environ, env, load(environ.config, env)) is not None


def test_a_refused_one_leaves_the_last_good_one(away):
    environ, env = away
    last = load(environ.config, env)
    environ.config.write_text("destinatoins: {}")
    assert reload(environ, env, last) is None
    note(environ, ["a problem"])
