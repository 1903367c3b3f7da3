"""Random stories of alerts, and what must be seen of each when everything is quiet again."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness import alert, group

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from bridge.sandbox import Sandbox
    from bridge.sandbox.server import Seen

JSON = dict[str, Any]
CHANNEL, REPOSITORY = "alerts", "acme/alerts"
PRIORITIES = ("P0", "P1", "P2", "P3")
ISSUES = {"P0", "P1", "P2"}
PAGES = {"P0", "P1"}
STEP = re.compile(r"(\w+) is at step (\d+)")


@dataclass(slots=True)
class Story:
    """One alert's life: what is posted, in order, and where it stands in the end."""

    name: str
    bodies: list[JSON] = field(default_factory=list)
    firing: bool = False
    priority: str = ""
    step: int = 0


def story(name: str, dice: random.Random) -> Story:
    """Return a story: it fires, changes, ends and perhaps fires anew; each firing says which step of it this is."""
    made = Story(name)
    begun = datetime.now(UTC) - timedelta(hours=1)
    for episode in range(dice.randint(1, 3)):
        start = (begun + timedelta(minutes=episode)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made.priority = dice.choice(PRIORITIES)
        for _ in range(dice.randint(1, 5)):
            made.step += 1
            if dice.random() < 0.3:
                made.priority = dice.choice(PRIORITIES)
            made.bodies += [group(_said(made, start))] * (2 if dice.random() < 0.3 else 1)  # an HA pair's twin
        made.firing = dice.random() < 0.25
        if not made.firing:
            made.bodies += [group(_said(made, start, "resolved"))] * (2 if dice.random() < 0.3 else 1)
        if made.firing:
            break
    return made


def _said(made: Story, start: str, status: str = "firing") -> JSON:
    said = alert(made.name, status=status, start=start, Priority=made.priority)
    said["annotations"]["summary"] = f"{made.name} is at step {made.step}"
    return said


@dataclass(slots=True)
class Verdict:
    """What is not as it must be, by kind; each a sentence."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))

    def sentences(self) -> list[str]:
        return [f"{name}: {one}" for name in self.__slots__ for one in getattr(self, name)]


def judge(sandbox: Sandbox, stories: list[Story], seen: list[Seen]) -> Verdict:
    """Compare what stands at the destinations with the stories; `seen` are the requests of their time."""
    verdict = Verdict()
    with sandbox.lock:
        for one in stories:
            _slack(sandbox, one, verdict)
            _github(sandbox, one, verdict)
            _pagerduty(sandbox, one, verdict)
        for mark, times in Counter(_marks(sandbox)).items():
            if times > 1:
                verdict.doubled.append(f"{mark} was made {times} times")
    _order(stories, seen, verdict)
    return verdict


def _slack(sandbox: Sandbox, one: Story, verdict: Verdict) -> None:
    found = [message for message in sandbox.slack.messages(CHANNEL) if f": {one.name}." in message.text]
    if len(found) != 1:
        (verdict.doubled if found else verdict.lost).append(f"{one.name} has {len(found)} messages")
    for message in found:
        state = "firing" if one.firing else "resolved"
        if f"{one.priority} {state}: {one.name}." not in message.text or f"at step {one.step}" not in str(
            message.blocks
        ):
            verdict.wrong.append(
                f"{one.name} is {state}, {one.priority}, at step {one.step}; Slack says {message.text}"
            )
        said = Counter(reply.text for reply in sandbox.slack.channel(CHANNEL).replies(message))
        if not one.firing and said and "Resolved" not in next(reversed(list(said))):
            verdict.wrong.append(f"{one.name}: the last reply is {next(reversed(list(said)))!r}")


def _github(sandbox: Sandbox, one: Story, verdict: Verdict) -> None:
    found = [issue for issue in sandbox.github.issues(REPOSITORY) if issue.title.endswith(f"] {one.name}")]
    if len(found) > 1:
        verdict.doubled.append(f"{one.name} has {len(found)} issues")
    if not found and one.firing and one.priority in ISSUES:
        verdict.lost.append(f"{one.name} has no issue")
    for issue in found:
        state = "open" if one.firing else "closed"
        told = f"at step {one.step}" in (issue.body or "") and issue.title.startswith(f"[{one.priority}]")
        if issue.state != state or not told:
            verdict.wrong.append(f"{one.name}: its issue is {issue.state}: {issue.title}: {issue.body}")


def _pagerduty(sandbox: Sandbox, one: Story, verdict: Verdict) -> None:
    found = [page for page in sandbox.pagerduty.pages if f" {one.name}: " in page.title]
    still = [page for page in found if page.status != "resolved"]
    for key, times in Counter(page.dedup_key for page in found).items():
        if times > 1:
            verdict.doubled.append(f"{one.name} was paged {times} times under {key}")
    if len(still) > 1:
        verdict.doubled.append(f"{one.name} has {len(still)} open pages")
    if one.firing and one.priority in PAGES and not still:
        verdict.lost.append(f"{one.name} has no open page")
    if not one.firing and still:
        verdict.wrong.append(f"{one.name} is resolved, its page is not")


def _marks(sandbox: Sandbox) -> Iterator[str]:
    """The marks of all that was created: each step of a delivery makes one thing at most."""
    for message in sandbox.slack.channel(CHANNEL).messages.values():
        payload = (message.metadata or {}).get("event_payload", {})
        yield f"Slack's {payload.get('delivery')}:{payload.get('step')}"
    for issue in sandbox.github.issues(REPOSITORY):
        for body in (issue.body, *(comment.body for comment in issue.comments)):
            yield f"GitHub's {(body or '').partition('-->')[0]}"


def _order(stories: list[Story], seen: list[Seen], verdict: Verdict) -> None:
    """What was told of an incident at a place never goes back to an earlier step."""
    names = {one.name for one in stories}
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for request in seen:
        acted = request.fault == "drop_answer" or (request.status is not None and request.status < 300)
        said = STEP.search(request.body)
        if acted and said and said[1] in names:
            told[request.double, said[1]].append(int(said[2]))
    for (double, name), steps in told.items():
        if steps != sorted(steps):
            verdict.order.append(f"{name} at {double}: {steps}")
