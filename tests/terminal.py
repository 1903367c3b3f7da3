"""A person at a terminal: a program on a pseudo terminal of its own, with everything that it showed."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pexpect
from harness import environment, eventually

PATIENCE = 60
UNSET = dict.fromkeys(("SLACK_BOT_TOKEN", "PAGERDUTY_KEY", "GITHUB_TOKEN"), "")


class Terminal:
    """`bridge init`, asked and answered."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.screen = io.StringIO()
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "bridge", "init", *words],
            cwd=str(folder),
            env={**environment({**UNSET, **env}), "TERM": "dumb"},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(50, 200),
        )
        self._child.logfile_read = self.screen

    def sees(self, text: str) -> None:
        """Wait until a text shows."""
        self._child.expect_exact(text)

    def answers(self, question: str, text: str) -> None:
        """Wait for a question, and type an answer and Enter."""
        self.sees(question)
        self._child.sendline(text)

    def types_secret(self, question: str, text: str) -> None:
        """As `answers`, once the terminal's echo is off, as it is while a secret is asked for."""
        self.sees(question)
        assert self._child.waitnoecho(PATIENCE)
        self._child.sendline(text)

    def presses_ctrl_c(self, question: str) -> None:
        """Press Ctrl-C once the program waits for a key: right before, Python would hear it with the next key only."""
        self.sees(question)
        eventually(self._waits, question)
        self._child.sendintr()

    def _waits(self) -> bool:
        return Path(f"/proc/{self._child.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "S"

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        self._child.expect(pexpect.EOF)
        self._child.close()
        return self._child.exitstatus

    @property
    def shown(self) -> str:
        """Everything so far, lines as people see them."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.screen.getvalue()).replace("\r\n", "\n")
