"""The commands as a person meets them: what `make` and `bridge` list, and how fast help comes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.__main__ import VERBS
from bridge.cli.serve import _bind
from bridge.config.environ import Environ

ROOT = Path(__file__).parent.parent


def say(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_make_alone_lists_the_targets():
    listed = say("make").stdout
    for target in ("install", "demo", "run", "test"):
        assert f"make {target} " in listed


def test_help_names_every_verb_and_imports_none_of_them():
    code = "import sys; sys.argv = ['bridge', '--help']\nfrom bridge.__main__ import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    heavy = "print([n for n in ('pydantic', 'sqlalchemy', 'flask', 'gunicorn', 'jinja2') if n in sys.modules])"
    shown = say(sys.executable, "-c", code + heavy).stdout
    assert all(f"  {verb} " in shown for verb in VERBS)
    assert shown.splitlines()[-1] == "[]"


def test_every_verb_has_help_with_an_example():
    for verb in VERBS:
        shown = say(sys.executable, "-m", "bridge", verb, "--help")
        assert shown.returncode == 0, verb
        assert "Example:" in shown.stdout, verb


def test_a_missing_configuration_says_what_to_do(tmp_path):
    missing = say(sys.executable, "-m", "bridge", "run", "--config", str(tmp_path / "none.yml"))
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr
    assert "destinations:" in missing.stderr


def test_a_bind_that_others_reach_is_refused_without_credentials(tmp_path):
    file = tmp_path / "bridge.yml"
    file.write_text('destinations:\n  slack:\n    token: "${env:TOKEN}"\n    channel: "#alerts"\n')
    refused = subprocess.run(
        [sys.executable, "-m", "bridge", "run", "--config", str(file), "--bind", "0.0.0.0:0"],
        cwd=tmp_path, env={"TOKEN": "xoxb-1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "BRIDGE_WEBHOOK_TOKEN" in refused.stderr


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    file = tmp_path / "bridge.yml"
    file.write_text('destinations:\n  slack:\n    token: "${env:TOKEN}"\n    channel: "#alerts"\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "-m", "bridge", "run", "--config", str(file), "--bind", f"127.0.0.1:{port}"],
            cwd=tmp_path, env=os.environ | {"TOKEN": "xoxb-1"}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    mend = f"stop it, or choose another port, as in --bind 127.0.0.1:{port + 1}"
    assert refused.stderr == f"127.0.0.1:{port}: another program listens there: {mend}\n"
    assert refused.returncode == 1
    assert not (tmp_path / "bridge.db").exists()


@pytest.mark.parametrize("place", ["127.0.0.1:http", "127.0.0.1:99999", "127.0.0.1:", "[::1]:x", "::1:8080", "fd://x"])
def test_a_bind_whose_port_is_none_is_a_sentence(tmp_path, place):
    file = tmp_path / "bridge.yml"
    file.write_text('destinations:\n  slack:\n    token: "${env:TOKEN}"\n    channel: "#alerts"\n')
    for verb in ("run", "web"):
        refused = subprocess.run(
            [sys.executable, "-m", "bridge", verb, "--config", str(file), "--bind", place],
            cwd=tmp_path, env=os.environ | {"TOKEN": "xoxb-1"}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert refused.returncode == 2
        assert "write an address like 127.0.0.1:8080, its port a number up to 65535" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_closed_standard_error_keeps_no_verb_from_its_work(tmp_path):
    (tmp_path / "bridge.yml").write_text('destinations: {slack: {webhook_url: "${env:HOOK}"}}')
    serve = (
        f'exec "{sys.executable}" -m bridge run --bind 127.0.0.1:0 --config "{tmp_path}/bridge.yml" --announce 1 2>&-'
    )
    env = os.environ | {"BRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db", "PYTHONPATH": str(ROOT)}
    env["HOOK"] = "https://hooks.slack.com/services/T/B/x"
    with subprocess.Popen(["sh", "-c", serve], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        assert serving.stdout.readline().strip(), "it listens"
        serving.terminate()
    assert serving.returncode == 0


@pytest.mark.parametrize(
    ("asked", "port", "where"),
    [
        ("127.0.0.1", None, "127.0.0.1:8080"),
        ("127.0.0.1", 9000, "127.0.0.1:9000"),
        ("tcp://[::1]", None, "tcp://[::1]:8080"),
        ("localhost", 9000, "localhost:9000"),
        ("127.0.0.1:7000", 9000, "127.0.0.1:7000"),
        ("unix:/run/bridge.sock", 9000, "unix:/run/bridge.sock"),
        ("fd://3", None, "fd://3"),
        (":7000", None, ":7000"),
        (None, 9000, "0.0.0.0:9000"),
        (None, None, "127.0.0.1:8080"),
    ],
)
def test_a_bind_without_a_port_has_the_one_that_is_told_elsewhere(asked, port, where):
    assert _bind(Environ(port=port), asked) == where
