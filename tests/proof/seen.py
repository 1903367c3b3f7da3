"""What people see in the end, and what the ledger believes, in a form in which two runs can be compared."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bridge.ledger.tables import deliveries, incidents, receipts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection
    from world import World

    from bridge.sandbox.github import GitHubDouble
    from bridge.sandbox.slack import SlackDouble


TIME_LINE = "**Time line**"
"""Where an issue begins to say how it came about: what was between, and when others were told, may differ."""
OPEN = ("triggered, ", "open, ")
"""How what is still open stands."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A message, a page or an issue: where it is, how it stands, all its words, and what was said under it."""

    place: str
    stands: str
    title: str
    words: str
    replies: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it as a scenario expects it."""
        title = self.title.split(":")[0] if self.place == "pagerduty" else self.title
        return f"{self.place}: {self.stands}{title}" + (f" +{len(self.replies)}" if self.replies else "")


@dataclass(frozen=True, slots=True)
class Seen:
    """All things, sorted, and how the ledger's deliveries and receipts stand."""

    things: tuple[Thing, ...]
    stored: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what a scenario expects."""
        return [thing.line() for thing in self.things]

    def differs(self, other: Seen, *, coalesces: bool) -> list[str]:
        """Say what is seen here and not in the other run, or there and not here.

        Where changes may coalesce, a thread may hold fewer replies, or other ones for the steps in between; but never
        one twice that was said once, and it must end with the same.
        """
        mine, theirs = Counter(self._compared(coalesces)), Counter(other._compared(coalesces))
        found = [f"only with the disturbance: {one}" for one in (mine - theirs).elements()]
        found += [f"only without it: {one}" for one in (theirs - mine).elements()]
        if coalesces:
            often = {
                (thing.place, thing.title): max(Counter(thing.replies).values(), default=1) for thing in other.things
            }
            for thing in self.things:
                for reply, times in Counter(thing.replies).items():
                    if times > often.get((thing.place, thing.title), 1):
                        found.append(f"said {times} times under {thing.title}: {reply}")
        return found

    def conflicts(self, other: Seen) -> list[str]:
        """Say what no order of events excuses, where it is a matter of timing how much was told before it was over.

        Every message, page and issue must say how it ended; there is a message, an open page and an open issue wherever
        there was one in the other run; there is no message, page or issue more, and nothing was said twice.
        """
        mine, theirs = Counter(self._kinds()), Counter(other._kinds())
        found = [f"too many: {one}" for one in (mine - theirs).elements()]
        lasting = [one for one in (theirs - mine).elements() if one[0].startswith("slack") or one[1].startswith(OPEN)]
        found += [f"lost: {one}" for one in lasting]
        found += [f"not at rest: {line}" for line in self.stored if not line.endswith((": delivered", ": skipped"))]
        for thing in self.things:
            said = Counter(thing.replies)
            found += [f"said {times} times under {thing.title}: {reply}" for reply, times in said.items() if times > 1]
        return found

    def _kinds(self) -> Iterator[tuple[str, str]]:
        for thing in self.things:
            # a page keeps the title of its first trigger
            yield thing.place, thing.stands + (thing.title if thing.place != "pagerduty" else "")

    def _compared(self, coalesces: bool) -> Iterator[Any]:
        yield from self.stored
        for thing in self.things:
            kept = thing.replies[-1:] if coalesces else thing.replies
            yield Thing(thing.place, thing.stands, thing.title, thing.words, kept)


def look(world: World, connection: Connection) -> Seen:
    """Return what is there."""
    things = [*_slack(world.slack), *_pages(world), *_github(world.github)]
    names = _names(world, connection)
    things = [
        Thing(one.place, one.stands, one.title, names(one.words), tuple(names(reply) for reply in one.replies))
        for one in things
    ]
    return Seen(tuple(sorted(things, key=repr)), tuple(sorted(_stored(connection))))


def _slack(slack: SlackDouble) -> Iterator[Thing]:
    for channel in slack.workspace.channels.values():
        for message in channel.top():
            replies = tuple(reply.text for reply in channel.replies(message))
            yield Thing(f"slack #{channel.name}", "", message.text.split(".")[0], repr(message.blocks), replies)


def _pages(world: World) -> Iterator[Thing]:
    for page in world.pagerduty.pages:
        notified = f", notified {page.notified} times" if page.notified != 1 else ""
        # its links are those that there were when it was told last: a page is not told again for another one
        said = {name: value for name, value in page.event["payload"].items() if name != "timestamp"}
        yield Thing("pagerduty", f"{page.status}{notified}, ", page.title, repr(said))


def _github(github: GitHubDouble) -> Iterator[Thing]:
    for repository in github.repositories.values():
        for issue in repository.issues.values():
            said = tuple((one.body or "").partition("-->\n")[2] for one in issue.comments)
            told = (issue.body or "").partition("-->")[2].partition(TIME_LINE)[0]
            body = f"{sorted(issue.labels)} {issue.state_reason} {told}"
            yield Thing(f"github {repository.full_name}", f"{issue.state}, ", issue.title, body, said)


def _names(world: World, connection: Connection) -> Any:
    """Return what replaces ids and numbers, which differ from run to run, by what they stand for."""
    titles = {row.id: f"{row.title}/{row.times}" for row in connection.execute(select(incidents))}
    issues = {
        f"{repository.full_name}/issues/{issue.number}": issue.title
        for repository in world.github.repositories.values()
        for issue in repository.issues.values()
    }
    posts = {
        f"p{message.ts.replace('.', '')}": message.text.split(".")[0]
        for channel in world.slack.workspace.channels.values()
        for message in channel.messages.values()
    }

    def name(words: str) -> str:
        words = re.sub(r"01KJ\d{22}", lambda found: titles.get(found[0], "?"), words)
        words = re.sub(r"[\w-]+/[\w-]+/issues/\d+", lambda found: issues.get(found[0], "?"), words)
        words = re.sub(r"\bp\d{16}\b", lambda found: posts.get(found[0], "?"), words)
        return re.sub(r"#\d+", "#n", words)

    return name


def _stored(connection: Connection) -> Iterator[str]:
    query = select(deliveries, incidents.c.title, incidents.c.state.label("stands")).join(
        incidents, incidents.c.id == deliveries.c.incident
    )
    for row in connection.execute(query):
        doubt = ", in doubt" if row.doubt else ""
        due = ", due" if row.due_at else ""
        blind = ", repeated blindly" if row.have.get("blind") else ""
        where = f"{row.kind} {row.address}"
        yield f"{row.title} ({row.stands}) at {where}: {row.state}{doubt}{due}{blind}"
    for row in connection.execute(select(receipts.c.state).where(receipts.c.state != "absorbed")):
        yield f"a receipt is {row.state}"
