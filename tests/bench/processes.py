"""What processes cost, as the kernel counts it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(root: int) -> list[int]:
    """A process and all that come from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := _fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name: state, parent, …; none where it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def cpu(root: int) -> float:
    """Seconds of CPU of a process and all that come from it, with those that have ended."""
    # utime, stime, cutime, cstime
    return TICK * sum(int(one) for pid in family(root) for one in _fields(pid)[11:15])


def ran(root: int) -> float:
    """Seconds that a process and all that come from it ran, to the nanosecond: ticks say little of who runs rarely."""
    total = 0
    for pid in family(root):
        for task in (PROC / str(pid) / "task").glob("*/schedstat"):
            with suppress(OSError):  # the thread has ended
                total += int(task.read_text("ascii").split()[0])
    return total / 1e9


def quiet_cpu(root: int, still: float = 0.3, patience: float = 20.0) -> float:
    """The same once it does hardly anything any more: what goes on after the last request belongs to it too."""
    deadline = time.monotonic() + patience
    last = cpu(root)
    while time.monotonic() < deadline:
        time.sleep(still)
        now = cpu(root)
        if now - last <= 2 * TICK:
            return now
        last = now
    return last


def _memory(root: int, file: str, name: str) -> float:
    kilobytes = 0
    for pid in family(root):
        try:
            lines = (PROC / str(pid) / file).read_text("ascii", "replace").splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return kilobytes / 1024


def pss(root: int) -> float:
    """MiB of memory, what is shared counted in parts."""
    return _memory(root, "smaps_rollup", "Pss")


def peak(root: int) -> float:
    """MiB of the largest process at its largest."""
    return max(_memory_of(pid) for pid in family(root))


def _memory_of(pid: int) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
