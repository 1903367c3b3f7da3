"""`bridge render --watch` in a real terminal: what is written shows, errors too, and Ctrl-C ends it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_kit import payload

INDUCTOR = Path(payload("grafana-unified/inductor-jobs-broken"))
CLEARED = b"\x1b[2J"
PATIENCE = 45.0
CTRL_C = b"\x03"
ENDED = b"Ctrl-C ends it."


class Terminal:
    """A program in a terminal of its own; what it has shown since the screen was cleared last."""

    def __init__(self, folder, *words, **env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bridge", *words],
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **env},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # opened in a session of its own, it becomes the controlling terminal
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509 - no thread runs here
        )
        os.close(slave)
        self.shown = b""

    def until(self, *words):
        """Read until a whole screen holds all of the words."""
        deadline = time.monotonic() + PATIENCE
        while True:
            screen = self.shown.rpartition(CLEARED)[2]
            if all(word in screen for word in (*words, ENDED)):
                return screen
            assert select.select([self.master], [], [], deadline - time.monotonic())[0], (words, self.shown[-2000:])
            self.shown += os.read(self.master, 65_536)

    def press(self, keys):
        os.write(self.master, keys)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(folder):
    opened = []

    def call(*words, **env):
        opened.append(Terminal(folder, *words, **env))
        return opened[-1]

    yield call
    for one in opened:
        one.close()


def test_what_is_written_shows_again_and_mistakes_show_in_place(folder, terminal):
    body = json.loads(INDUCTOR.read_text("utf-8"))
    alert = folder / "alert.json"
    own = folder / "own" / "slack"
    own.mkdir(parents=True)
    (folder / "teams").mkdir()
    alert.write_text(json.dumps(body), "utf-8")
    shown = terminal("render", "alert.json", "--destination", "slack", "--watch", BRIDGE_TEMPLATES="own")
    shown.until(b"P2 firing: Inductor Jobs Broken")
    assert CLEARED in shown.shown

    body["alerts"][0]["labels"]["alertname"] = "Jobs renamed"
    alert.write_text(json.dumps(body), "utf-8")
    shown.until(b"firing: Jobs renamed")

    alert.write_text('{"no": "alerts"}', "utf-8")
    screen = shown.until(b"this would go to quarantine")
    assert b"renamed" not in screen
    alert.unlink()
    shown.until(b"alert.json: No such file")
    alert.write_text(json.dumps(body), "utf-8")
    shown.until(b"firing: Jobs renamed")

    configuration = (folder / "bridge.yml").read_text("utf-8")
    (folder / "bridge.yml").write_text("destinations: {slak: {}}\n", "utf-8")
    shown.until(b"bridge.yml:1: ")
    included = configuration + "include: [teams/*.yml]\n"
    (folder / "bridge.yml").write_text(included.replace('channel: "#{team}', 'template: own.j2\n    channel: "#{team}'))
    shown.until(b"there is no such template; the built-in message stands in")

    begins = '{% extends "slack/message.j2" %}{% block more %}'
    (folder / "own" / "own.j2").write_text(begins + "as I say{% endblock %}")
    shown.until(b"| as I say")
    (folder / "own" / "own.j2").write_text(
        '{% extends "slack/message.j2" %}{% block more %}{{ nonsense }}{% endblock %}'
    )
    shown.until(b"template own.j2 line 1, block more: 'nonsense' is undefined")
    (folder / "teams" / "one.yml").write_text("teams: {one: {destinations: {slak: {}}}}\n")
    shown.until(b"teams/one.yml")
    assert shown.press(CTRL_C) == 0
    assert b"Traceback" not in shown.shown


def test_without_a_terminal_nothing_is_cleared(folder):
    (folder / "alert.json").write_bytes(INDUCTOR.read_bytes())
    words = [sys.executable, "-m", "bridge", "render", "alert.json", "--watch"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert ENDED in process.stderr.readline()
        process.send_signal(2)
        try:
            shown, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"P2 firing: Inductor Jobs Broken" in shown
    assert b"\x1b" not in shown
    assert said == b""


def test_it_ends_where_nobody_reads_it_any_more(folder):
    body = INDUCTOR.read_bytes()
    (folder / "alert.json").write_bytes(body)
    words = [sys.executable, "-m", "bridge", "render", "alert.json", "--watch"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert ENDED in process.stderr.readline()
        process.stdout.close()
        (folder / "alert.json").write_bytes(body + b"\n")
        try:
            assert process.wait(PATIENCE) == 1
        finally:
            process.kill()
        assert process.stderr.read() == b""


def test_standard_input_can_not_be_watched(run):
    result = run("render", "-", "--watch", stdin=b"{}", code=2)
    assert "--watch wants a file" in result.stderr
