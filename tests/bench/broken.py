"""Scenarios in which something breaks: what is lost, what comes twice, and how often a place in trouble is asked.

The destination is the sandbox's own double of Slack here, which keeps every message and plays the faults.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cases import Case, failed

from bridge.sandbox import Fault, SlackLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cases import Bench, Figures
    from sender import Sent
    from subjects import Running

    from bridge.sandbox import Sandbox

BEFORE = 2.0
"""Seconds of traffic before a fault begins, and at least after it."""
PATIENCE = 150.0
"""Seconds that everything may take to be told after the last request."""
LESS = 40.0
"""The same for what keeps nothing, or tries again for so long only."""
LATE = 5.0
"""Seconds after an outage in which something may still come twice, from who can't be asked whether it is at rest."""
MARKED = re.compile(r"mark(\d{7})")
ALL_AT_ONCE = 30
SENDING = ("/api/chat.*", "/services/*")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What breaks.

    Attributes:
        fault: the action of the fault and what belongs to it; none: nothing is wrong with the destination.
        kill: whether all of the bridge's processes are killed in the middle of it, and started again.
        burst: all at once instead of over an outage and a half.
    """

    fault: Mapping[str, Any] = field(default_factory=dict)
    kill: bool = False
    burst: bool = False
    limits: SlackLimits | None = None

    def faults(self, outage: float) -> list[Fault]:
        if not self.fault:
            return []
        window = {"after": BEFORE, "until": BEFORE + outage}
        return [Fault(double="slack", path=path, **window, **self.fault) for path in SENDING]

    def count(self, bench: Bench) -> int:
        return ALL_AT_ONCE if self.limits else bench.size.fault


def play(scenario: Scenario) -> Callable[[Bench, Running], Figures]:
    """Play a scenario; alerts come before, in and after it."""

    def run(bench: Bench, running: Running) -> Figures:
        sandbox, outage = running.double.sandbox, bench.size.outage
        if scenario.limits:
            sandbox.slack.limits = scenario.limits
        begun = sandbox.clock()
        with sandbox.lock:
            for fault in scenario.faults(outage):
                sandbox.faults.add(fault)
        pace = {"connections": 200} if scenario.burst else {"rate": scenario.count(bench) / (1.5 * outage + BEFORE)}
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(running.send, count=scenario.count(bench), **pace)
            if scenario.kill:
                _wait_for_the_middle(scenario, sandbox, begun + BEFORE + outage / 2)
                running.kill_and_restart()
            sent = sending.result()
        figures = _seen(running, sandbox, sent, (begun + BEFORE, begun + BEFORE + outage))
        if not scenario.fault:
            del figures["asked in the outage"]
        return figures

    return run


def _wait_for_the_middle(scenario: Scenario, sandbox: Sandbox, middle: float) -> None:
    """Wait until half of an outage is over, else until the first messages are there and more are coming."""
    if scenario.fault:
        time.sleep(max(middle - sandbox.clock(), 0))
    else:
        sandbox.wait_for(lambda: len(posted(sandbox)) >= 3, PATIENCE)


def _seen(running: Running, sandbox: Sandbox, sent: Sent, outage: tuple[float, float]) -> Figures:
    """What stands there in the end, against what was accepted; and what the destination was asked."""
    taken = {number for number, code in enumerate(sent.codes) if 200 <= code < 300}
    sandbox.wait_for(lambda: taken <= posted(sandbox).keys(), PATIENCE if running.bridge else LESS)
    if running.bridge:
        running.bridge.settle(patience=PATIENCE)
    else:
        time.sleep(max(outage[1] + LATE - sandbox.clock(), 0))
    there = posted(sandbox)
    asked = [one for one in sandbox.seen("slack") if one.path.startswith(("/api/chat.", "/services/"))]
    return {
        "requests": len(sent.codes),
        "failed": failed(sent),
        "lost": len(taken - there.keys()),
        "missing": len(sent.codes) - len(there),
        "doubled": sum(there.values()) - len(there),
        "asked": len(asked),
        "asked in the outage": sum(outage[0] <= one.at < outage[1] for one in asked),
    }


def posted(sandbox: Sandbox) -> Counter[int]:
    """How many messages there are of each number."""
    with sandbox.lock:
        texts = [f"{one.text} {one.attachments}" for one in sandbox.slack.messages("alerts")]
    return Counter(int(found[1]) for text in texts if (found := MARKED.search(text)))


LIMITED = {"action": "status", "status": 429, "headers": {"Retry-After": "5"}}
SCENARIOS = {
    "killed in traffic": Scenario(kill=True),
    "killed in an outage": Scenario({"action": "status", "status": 503}, kill=True),
    "killed in a burst": Scenario(kill=True, burst=True),
    "429 for a while": Scenario(LIMITED),
    "503 for a while": Scenario({"action": "status", "status": 503}),
    "resets for a while": Scenario({"action": "reset"}),
    "answers lost": Scenario({"action": "drop_answer"}),
    "30 at once under 1/s": Scenario(burst=True, limits=SlackLimits(posts_per_second=1.0)),
}


def _case(name: str, scenario: Scenario) -> Case:
    slack = {"rate": "1/s"} if scenario.limits else {}
    subjects = "cd" if scenario.kill else "cdef"
    return Case(name, "faults", subjects, play(scenario), slack=slack, warm=False, strict=True, rounds=1, apart=True)


CASES = [_case(name, scenario) for name, scenario in SCENARIOS.items()]
