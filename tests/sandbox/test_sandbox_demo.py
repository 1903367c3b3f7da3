"""The demo as a program: what is around it does not get into its way, and nothing of it stays."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
from harness import environment

from bridge.sandbox.demo import DemoError, Story

NOBODY = "http://127.0.0.1:1"
"""Where nobody answers."""


@contextmanager
def demo(*words, stderr=None, **env):
    command = [sys.executable, "-m", "bridge", "demo", *words]
    with subprocess.Popen(command, env=environment(env), stdout=subprocess.PIPE, stderr=stderr, text=True) as program:
        try:
            yield program
        finally:
            program.terminate()


def test_a_proxy_of_the_environment_is_not_asked():
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), NOBODY)
    with demo("--once", **proxies, NO_PROXY="", no_proxy="") as program:
        told = program.communicate(timeout=120)[0]
    assert program.returncode == 0, told
    assert told.splitlines()[-1].startswith("All destinations show the truth.")


def test_a_bridge_that_does_not_answer_is_said_in_a_sentence(sandbox):
    with (
        httpx2.Client(base_url=NOBODY, trust_env=False) as client,
        pytest.raises(DemoError, match="the bridge gave no answer to go on with"),
    ):
        Story(sandbox, client, print).tell()


def test_a_port_that_is_in_use_is_said_in_a_sentence_and_one_that_can_not_be_is_wrong_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo("--port", str(port), stderr=subprocess.PIPE) as program:
            said = program.communicate(timeout=60)[1]
        alone = [sys.executable, "-m", "bridge.sandbox", "--port", str(port)]
        sandbox = subprocess.run(alone, env=environment({}), capture_output=True, text=True, timeout=60, check=False)
    assert sandbox.stderr.endswith(f"error: port {port} is in use: choose another, or leave --port out\n")
    assert (program.returncode, said) == (
        1,
        f"The demo failed: port {port} is in use: choose another, or leave --port out\n",
    )
    for wrong in ("99999", "-1"):
        with demo("--port", wrong, stderr=subprocess.PIPE) as program:
            assert "'--port'" in program.communicate(timeout=60)[1]
        assert program.returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_takes_along_what_it_started(tmp_path, number):
    with demo(TMPDIR=str(tmp_path)) as program:
        told = []
        for line in program.stdout:
            told.append(line)
            if "Ctrl-C ends the demo" in line:
                break
        program.send_signal(number)
        assert program.wait(60) == 128 + number, "".join(told)
    address = urlsplit(re.search(r"The bridge: (http://\S+),", "".join(told))[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), 5)
    assert list(tmp_path.iterdir()) == []
