"""What a kind of destination brings along: its own functions, and clients that send and look up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bridge.destinations.base import (
        JSON,
        Address,
        Failed,
        Found,
        Have,
        Lack,
        Nothing,
        Outcome,
        Settings,
        Step,
        Want,
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of what stands at a place: what each mark ("delivery:step") was found on, and where to go on.

    `cursor` is None on the last page.
    """

    found: Mapping[str, JSON]
    cursor: str | None


@runtime_checkable
class Lister(Protocol):
    """A client whose place can be listed page by page, so that one listing answers for all doubts there.

    `LISTS` names the request that a page draws on, as `Step.method` does.
    """

    LISTS: str

    def lists(self, step: Step, have: Have) -> bool:
        """Return whether what a step made can stand in the listing; where it has a place of its own, `find` reads."""
        ...

    def page(self, step: Step, have: Have, since: datetime, cursor: str | None, deadline: float) -> Listing | Failed:
        """Return a page, newest first, not older than `since` less 5 minutes, for a step that it `lists`."""
        ...

    def adopt(self, step: Step, found: JSON) -> JSON:
        """Return what a mark was found on as Done would have brought it."""
        ...


@runtime_checkable
class Renamable(Protocol):
    """A client whose place may have several names: once it was asked (`lacks`), `known_as` is the same for all."""

    known_as: str


class Client(Protocol):
    """The thin half: one request a call, no retries, no redirects to other hosts, `deadline` seconds in all."""

    def send(self, step: Step, have: Have, deadline: float, ready: Callable[[], None]) -> Outcome:
        """Send a step. `ready` is called right before the request's first byte; it raises to stop a stale sender."""
        ...

    def find(self, step: Step, have: Have, since: datetime, deadline: float) -> Found | Failed:
        """Look for what a creating step may have made, by its mark, not older than `since` less 5 minutes."""
        ...

    def lacks(self, deadline: float) -> list[Lack]:
        """Ask whether alerts can be told here, and looked up; nothing is told, at most what comes before it is done."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class Kind(Protocol):
    """A kind of destination, as a module gives it."""

    NAME: str
    WIDTH: int
    """Requests at once in one lane."""
    RATE: tuple[float, ...]
    """Default pace: requests a second."""
    SETTLE: float
    """Seconds after a lost request before the first lookup can be believed."""

    def address(self, settings: Settings, digest: Callable[[str], str]) -> Address:
        """Say where settings lead to, without asking anybody. `digest` is keyed, for secrets."""
        ...

    def next_step(self, want: Want, have: Have) -> Step | Nothing:
        """Return the one request that is due now, or nothing."""
        ...

    def connect(self, settings: Settings) -> Client:
        """Return a client for these settings."""
        ...
