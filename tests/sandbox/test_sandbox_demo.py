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
def demo(*words, **env):
    command = [sys.executable, "-m", "bridge", "demo", *words]
    with subprocess.Popen(command, env=environment(env), stdout=subprocess.PIPE, text=True) as program:
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
