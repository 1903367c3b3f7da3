"""One request to a repository, and what all operations share: pages of lists, numbers and times in queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bridge.sandbox import github_checks
from bridge.sandbox.exchange import Request, Response, json_response, with_query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.sandbox.github_json import Shapes
    from bridge.sandbox.github_state import Credential, Issue, Repository

MOST_PER_PAGE = 100


@dataclass(frozen=True)
class Call:
    """One authenticated request to a repository.

    Attributes:
        path: the operation's path as the description writes it.
        target: the issue's number, the comment's id, or the label's name in the path, as text.
        issue: the issue the path names.
        lag: seconds until a new issue or comment shows in lists.
        now: unix seconds.
    """

    request: Request
    path: str
    target: str
    repository: Repository
    issue: Issue | None
    who: Credential
    shapes: Shapes
    lag: float
    now: float

    @property
    def named(self) -> Issue:
        """The issue the path names; only operations on an issue ask for it."""
        assert self.issue is not None
        return self.issue

    def body(self) -> dict[str, Any]:
        """The checked JSON body."""
        return github_checks.read_body(self.request, self.path)

    def show(self, status: int = 200) -> Response:
        """The issue as the answer."""
        return json_response(self.shapes.issue(self.repository, self.named), status)

    def show_labels(self) -> Response:
        """The issue's labels as the answer."""
        return json_response([self.shapes.label(self.repository, name) for name in self.named.labels])


class Dated(Protocol):
    """What lists show: it was created at a time, in unix seconds."""

    created_at: float


Listed = TypeVar("Listed", bound=Dated)


def shown(call: Call, found: Sequence[Listed]) -> list[Listed]:
    """What lists show by now: what is younger than the lag is left out."""
    return [thing for thing in found if thing.created_at + call.lag <= call.now]


def time(text: str | None) -> float:
    """Unix seconds of an ISO 8601 time in a query, 0 where it is missing.

    Raises:
        GitHubError: it is no time.
    """
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    except ValueError:
        raise github_checks.invalid("Issue", "since", "invalid", value=text) from None


def page(call: Call, found: Sequence[Listed], show: Callable[[Listed], dict[str, Any]]) -> Response:
    """One page of a list, with the Link header that leads to the others."""
    query = call.request.query
    per_page = min(max(number(query.get("per_page"), 30), 1), MOST_PER_PAGE)
    this = max(number(query.get("page"), 1), 1)
    last = max(1, -(-len(found) // per_page))
    pages = {"prev": this - 1, "next": this + 1, "last": last, "first": 1}
    if this >= last:
        del pages["next"], pages["last"]
    if this == 1:
        del pages["prev"], pages["first"]
    url = call.shapes.api + call.request.path
    links = [f'<{with_query(url, {**query, "page": n})}>; rel="{rel}"' for rel, n in pages.items()]
    things = [show(thing) for thing in found[(this - 1) * per_page : this * per_page]]
    return json_response(things, headers={"Link": ", ".join(links)} if links else {})


def number(text: str | None, default: int) -> int:
    """A whole number in a path or query, or the default."""
    return int(text) if text is not None and text.isdecimal() else default
