"""A configuration, a ledger with a past, and the command in this process."""

import os
from pathlib import Path

import pytest
from cli_kit import CONFIGURATION, QUIET, Past, payload
from click.testing import CliRunner

from bridge.__main__ import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A bridge's folder, in which the command runs; nothing of this machine's environment enters."""
    for name in [name for name in os.environ if name.startswith(QUIET)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "anna")
    (tmp_path / "bridge.yml").write_text(CONFIGURATION, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run():
    """Run a verb in this process; gives exit code, stdout and stderr."""

    def call(*words, stdin=None, env=None, code=0):
        result = CliRunner().invoke(main, list(words), input=stdin, env=env, prog_name="bridge")
        assert code is None or result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def past(folder):  # noqa: ARG001 - it is made in there
    """A ledger with three incidents, one of them closed."""
    made = Past()
    for name in ("inductor-jobs-broken", "own-13-everything", "alerting-infra-grafana-missing-team"):
        made.absorb(Path(payload(f"grafana-unified/{name}")).read_bytes())
    made.close(made.incidents()[0])
    yield made
    made.ledger.close()
