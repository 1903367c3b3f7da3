"""What GitHub holds: repositories, issues, comments, labels. No HTTP here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class Comment:
    """A comment under an issue; times in unix seconds."""

    id: int
    user: str
    body: str
    created_at: float
    updated_at: float


@dataclass
class Issue:
    """An issue, or a pull request, which GitHub lists among the issues.

    Attributes:
        labels: names, as the repository writes them.
        deleted: GitHub answers 410.
        moved_to: (full name, number) after a transfer; GitHub answers 301.
    """

    number: int
    id: int
    title: str
    body: str | None
    user: str
    created_at: float
    updated_at: float
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: float | None = None
    closed_by: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    locked: bool = False
    is_pull_request: bool = False
    deleted: bool = False
    moved_to: tuple[str, int] | None = None

    def close(self, by: str, now: float, reason: str = "completed") -> None:
        """A person or the token closes the issue; `now` in unix seconds."""
        self.state, self.state_reason, self.closed_at, self.closed_by = "closed", reason, now, by
        self.updated_at = now

    def reopen(self, now: float) -> None:
        """A person or the token opens the issue again; `now` in unix seconds."""
        self.state, self.state_reason, self.closed_at, self.closed_by = "open", "reopened", None, None
        self.updated_at = now


@dataclass
class Repository:
    """A repository and what the token may do in it.

    Attributes:
        full_name: `owner/name`.
        writes: the token may write into it at all, where it may anywhere.
        push: the token has push access; without it labels and assignees are dropped in silence.
        assignable: logins that may be assigned; None: everybody.
        moved_to: the full name after a rename or transfer; GitHub answers 301.
        labels: lower case → as written.
        last_comment_id: the double counts ids in each repository, from its own base.
    """

    id: int
    full_name: str
    private: bool = False
    has_issues: bool = True
    archived: bool = False
    writes: bool = True
    push: bool = True
    visible: bool = True
    assignable: set[str] | None = None
    moved_to: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    last_comment_id: int = 0

    def open_issue(
        self, title: str, body: str | None, user: str, now: float, *, is_pull_request: bool = False
    ) -> Issue:
        """Files an issue; `now` in unix seconds."""
        number = len(self.issues) + 1
        issue = Issue(number, self.id * 100_000 + number, title, body, user, now, now, is_pull_request=is_pull_request)
        self.issues[number] = issue
        return issue

    def comment(self, issue: Issue, body: str, user: str, now: float) -> Comment:
        """Writes a comment; `now` in unix seconds."""
        self.last_comment_id += 1
        comment = Comment(self.id * 1_000_000 + self.last_comment_id, user, body, now, now)
        issue.comments.append(comment)
        issue.updated_at = now
        return comment

    def find_comment(self, comment_id: int) -> tuple[Issue, Comment] | None:
        """A comment by its id, with its issue."""
        for issue in self.issues.values():
            for comment in issue.comments:
                if comment.id == comment_id:
                    return issue, comment
        return None

    def known_labels(self, names: Iterable[str]) -> Iterator[str]:
        """Label names as the repository writes them, made where they don't exist, each once."""
        yield from dict.fromkeys(self.labels.setdefault(name.lower(), name) for name in names)


@dataclass(frozen=True)
class Credential:
    """A token.

    Attributes:
        login: whom its writes belong to.
        writes: it holds `Issues: write`.
        expires_at: unix seconds, None: never.
        is_app: an installation's token.
    """

    login: str
    writes: bool = True
    expires_at: float | None = None
    is_app: bool = False


def stable_id(text: str) -> int:
    """A number that is the same in every run, below 10 million."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 9_000_000 + 1_000_000
