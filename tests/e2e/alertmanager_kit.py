"""Real Alertmanagers: processes of their own on ports of their own, told of alerts as Prometheus tells them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, Self

import asked
from harness import eventually
from programs import needed

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2
    import pytest

TOKEN = "alertmanager-secret"
SOURCES = {"prometheus": {"auth": {"bearer": {"token": "${env:AM_TOKEN}"}}}}
ENV = {"AM_TOKEN": TOKEN}
BEARER = {"authorization": {"type": "Bearer", "credentials": TOKEN}}
LISTENS = re.compile(r'msg="Listening on" address=(\S+)')
START, END, NEVER = "2026-01-05T10:00:00Z", "2026-01-05T10:42:00Z", "2999-01-01T00:00:00Z"


def settings(url: str, http: dict[str, Any], interval: str = "1s", repeat: str = "1h") -> dict[str, Any]:
    """An alertmanager.yml with one receiver; it speaks at once, and of changes after the interval."""
    return {
        "route": {
            "receiver": "bridge",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": interval,
            "repeat_interval": repeat,
        },
        "receivers": [{"name": "bridge", "webhook_configs": [{"url": url, "http_config": http}]}],
    }


class Alertmanager:
    """One Alertmanager that posts to a webhook, or does what a configuration of its own says."""

    def __init__(
        self,
        folder: Path,
        url: str = "",
        *flags: str,
        configuration: dict[str, Any] | None = None,
        http: dict[str, Any] | None = None,
        cluster: str = "",
        **timing: str,
    ) -> None:
        program = needed("prometheus-alertmanager", "prometheus-alertmanager")
        self._log = folder / "alertmanager.log"
        made = folder / "alertmanager.yml"
        configured = configuration or settings(url, BEARER if http is None else http, **timing)
        made.write_text(json.dumps(configured), "utf-8")
        command = [
            program,
            f"--config.file={made}",
            f"--storage.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            f"--cluster.listen-address={cluster}",
            *flags,
        ]
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            self.address = f"http://{eventually(self._listens, 'Alertmanager listens')}"
            eventually(lambda: self._get("/-/ready").status_code == 200, "Alertmanager is ready")
        except BaseException:
            self.kill()
            raise

    def _listens(self) -> str | None:
        """Where it listens: it chose the port itself, so that no two tests choose the same."""
        assert self.popen.poll() is None, self.log()
        found = LISTENS.search(self.log())
        return found[1] if found else None

    def _get(self, path: str) -> httpx2.Response:
        return asked.get(f"{self.address}{path}", timeout=30)

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def tell(self, *labels: dict[str, str], start: str = START, end: str = NEVER, **annotations: str) -> None:
        """Post alerts to its API; `end` in the past resolves them."""
        told = [{"labels": one, "annotations": annotations, "startsAt": start, "endsAt": end} for one in labels]
        answer = asked.post(f"{self.address}/api/v2/alerts", json=told, timeout=30)
        assert answer.status_code == 200, answer.text

    def cluster(self) -> dict[str, Any]:
        """What it says of its cluster: `status`, and its `peers` with their addresses."""
        found: dict[str, Any] = self._get("/api/v2/status").json()["cluster"]
        return found

    def count(self, name: str) -> int:
        """One of its metrics, for webhooks where there are several; newer versions tell reasons apart."""
        line = rf'^alertmanager_{name}(?:{{.*integration="webhook".*}})? (\S+)$'
        return int(sum(map(float, re.findall(line, self._get("/metrics").text, re.MULTILINE))))

    @property
    def posted(self) -> int:
        """How many requests it has made that ended, well or not."""
        return self.count("notification_requests_total")

    @property
    def refused(self) -> int:
        """How many requests failed that it then repeats."""
        return self.count("notification_requests_failed_total")

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


class Alertmanagers:
    """Starts Alertmanagers, each in a folder of its own, and kills them in the end."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._started: list[Alertmanager] = []

    def __call__(self, url: str, *flags: str, **more: Any) -> Alertmanager:
        self._started.append(Alertmanager(self._folders.mktemp("alertmanager"), url, *flags, **more))
        return self._started[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._started:
            one.kill()
