"""The wheel, installed where nothing else is, runs the demo with its templates."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTHON", "VIRTUAL_"))}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=400, check=False
    )


def test_the_wheel_in_an_empty_environment_runs_the_demo(tmp_path):
    sources = tmp_path / "sources"
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in tracked:
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ".", cwd=sources)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")

    home = tmp_path / "elsewhere"
    home.mkdir()
    made = run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    assert made.returncode == 0, made.stderr
    python, constraints = home / "venv/bin/python", ROOT / "constraints.txt"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile")
    installed = run(*pip, "--constraint", constraints, wheel, cwd=home)
    assert installed.returncode == 0, installed.stderr

    shown = run(home / "venv/bin/bridge", "demo", "--once", cwd=home)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "🟠 P2 firing: Inductor Jobs Broken" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("All destinations show the truth.")
    assert not (home / "bridge.yml").exists()
