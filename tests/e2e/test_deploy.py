"""What is in deploy/, and the Procfile, run as far as that goes without a container engine and without systemd."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import asked
import pytest
from harness import Process, alert, config, environment, eventually, group, messages, write_config
from programs import needed
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXPOSED = 20
"""What `systemd-analyze security` calls 2.0, of 10."""
READ_ONLY = (
    'set -e; mount --bind "$1" "$1"; mount -o remount,bind,ro /; shift; ! touch "$HOME/x" 2> /dev/null; exec "$@"'
)


TOKEN = "a-token"


def yaml(path):
    return YAML(typ="safe").load(path.read_text("utf-8"))


def instructions():
    """The Dockerfile's instructions, lines joined."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


# Procfile


def test_the_procfile_runs_on_postgresql(sandbox, postgres_url, tmp_path, start):
    processes = dict(re.findall(r"^(\w+): bridge (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
    assert processes.keys() == {"release", "web", "worker"}
    env = {"BRIDGE_DATABASE_URL": postgres_url}
    released = start.command(tmp_path, config(sandbox), env, *shlex.split(processes["release"]))
    assert released.returncode == 0, released.stderr
    bridge = start(config(sandbox), env=env, verb=processes["web"])
    worker = Process(processes["worker"], bridge.folder, bridge.env, serves=False)
    try:
        bridge.post(group(alert("Disk full")))
        bridge.settle()
        assert len(messages(sandbox)) == 1
        assert worker.stop() == 0
    finally:
        worker.popen.poll() is not None or worker.kill()


# The container


def test_the_image_copies_what_there_is():
    wanted = [word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()]
    sources = [word for word in wanted if word not in {"./", "bridge", "templates"}] + ["bridge", "templates"]
    allowed = set((ROOT / ".dockerignore").read_text().split())
    for name in sources:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed, name
    assert ("USER", "10001:10001") in instructions()


class Isolated:
    """The image's variables and command, on a read-only root file system and without a single capability."""

    def __init__(self, folder):
        self.folder = folder
        variables = dict(re.findall(r"(\w+)=(\S+)", said("ENV")))
        where = {"BRIDGE_CONFIG": f"{folder}/bridge.yml", "BRIDGE_DATABASE_URL": f"sqlite:///{folder}/bridge.db"}
        own = {"TMPDIR": str(folder), "PATH": os.environ["PATH"], "BRIDGE_WEBHOOK_TOKEN": TOKEN}
        del variables["PORT"]
        reader, writer = os.pipe()
        words = ["unshare", "--mount", "--map-root-user", "sh", "-c", READ_ONLY, "sh", str(folder)]
        words += ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        words += [sys.executable, "-m", "bridge", *json.loads(said("CMD"))]
        words += ["--bind", "0.0.0.0:0", "--announce", str(writer)]
        with (folder / "log").open("wb") as log:
            self.popen = subprocess.Popen(
                words,
                cwd=folder,
                env=environment(variables | where | own),
                pass_fds=(writer,),
                stdout=log,
                stderr=log,
            )
        os.close(writer)
        with os.fdopen(reader) as announced:
            self.port = announced.readline().strip().rpartition(":")[2]
        assert self.port, (folder / "log").read_text()


def said(instruction):
    """What the image's last instruction of a name says."""
    return [rest for name, rest in instructions() if name == instruction][-1]


def test_what_the_image_runs_needs_no_root_and_writes_into_its_volume_only(sandbox, tmp_path):
    needed("unshare", "util-linux")
    needed("setpriv", "util-linux")
    write_config(tmp_path, config(sandbox))
    isolated = Isolated(tmp_path)
    try:
        hook, token = f"http://127.0.0.1:{isolated.port}/webhooks/grafana", {"Authorization": f"Bearer {TOKEN}"}
        assert asked.post(hook, json=group(alert("Disk full")), headers=token).status_code == 202
        eventually(lambda: messages(sandbox, text="Disk full"))
        check = json.loads(said("HEALTHCHECK").partition("CMD ")[2])
        assert "/healthz" in check[-1], "what restarts it asks whether it lives, not whether it can store"
        for port, healthy in ((isolated.port, True), ("1", False)):
            env = {"PORT": port, "http_proxy": "http://127.0.0.1:9"}
            done = subprocess.run([sys.executable, *check[1:]], env=env, capture_output=True, check=False)
            assert (done.returncode == 0) is healthy
    finally:
        isolated.popen.send_signal(signal.SIGTERM)
        assert isolated.popen.wait(30) == 0


# Compose


def test_compose_names_what_there_is(tmp_path):
    compose = yaml(DEPLOY / "compose.yml")
    names = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "compose" / "env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)\}", (DEPLOY / "compose.yml").read_text())) <= names.keys()
    mounts = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    for volume in mounts:
        source = volume.partition(":")[0]
        assert source in compose["volumes"] or (DEPLOY / source).exists(), source
    bridges = [one for one in compose["services"].values() if one.get("image") == "alert-bridge"]
    assert sorted(one["command"] for one in bridges) == [["db", "upgrade"], ["web"], ["worker"]]
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in bridges)
    env = {"BRIDGE_CONFIG": str(DEPLOY / "compose" / "bridge.yml"), **names}
    checked = subprocess.run(
        [sys.executable, "-m", "bridge", "check"],
        cwd=tmp_path,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_grafana_of_compose_sends_to_the_bridge():
    grafana = yaml(DEPLOY / "compose" / "grafana" / "bridge.yml")
    services = yaml(DEPLOY / "compose.yml")["services"]
    (point,), (policy,) = grafana["contactPoints"], grafana["policies"]
    (receiver,) = point["receivers"]
    assert policy["receiver"] == point["name"]
    assert receiver["type"] == "webhook"
    assert receiver["settings"]["url"] == "http://web:8080/webhooks/grafana"
    assert "web" in services
    token = receiver["settings"]["authorization_credentials"].removeprefix("$")
    assert token in services["grafana"]["environment"]


# systemd


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_a_unit_is_one_that_systemd_takes_and_calls_safe(unit, tmp_path):
    analyze = needed("systemd-analyze", "systemd")
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/bridge/bin/bridge", str(Path(sys.executable).parent / "bridge")))
    verified = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    asked = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSED}", str(here)]
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_systemd_is_told_when_it_is_ready(sandbox, tmp_path):
    write_config(tmp_path, config(sandbox))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        process = Process("run", tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        try:
            notify.settimeout(30)
            assert b"READY=1" in notify.recv(4096)
        finally:
            assert process.stop() == 0
