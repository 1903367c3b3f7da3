"""How GitHub shows repositories, issues, comments, labels and users in its answers."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.drawn.requests import label_color
from bridge.sandbox import schemas
from bridge.sandbox.github_state import stable_id

if TYPE_CHECKING:
    from bridge.sandbox.github_state import Comment, Issue, Repository


@cache
def urls_of(component: str) -> list[str]:
    """The `…_url` fields a component of the description requires."""
    required = schemas.load(schemas.GITHUB)["components"]["schemas"][component]["required"]
    return [name for name in required if name.endswith("_url")]


def iso(at: float) -> str:
    """Unix seconds as GitHub writes a time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    """An opaque id as GraphQL would want it."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


@cache
def user(login: str, api: str, page: str) -> dict[str, Any]:
    """A `simple-user`."""
    url = f"{api}/users/{login}"
    made: dict[str, Any] = {"login": login, "id": stable_id(login), "node_id": node_id("User", stable_id(login))}
    made |= {"avatar_url": f"{page}/_sandbox/avatar/{login}", "gravatar_id": "", "url": url}
    made |= {"html_url": f"{page}/{login}"}
    made = {name: f"{url}/{name.removesuffix('_url')}" for name in urls_of("simple-user")} | made
    return made | {"type": "Bot" if login.endswith("[bot]") else "User", "site_admin": False}


@dataclass(frozen=True)
class Shapes:
    """Makes answers whose links begin with `api` (the double) and `page` (where people look)."""

    api: str
    page: str

    def user(self, login: str) -> dict[str, Any]:
        """A `simple-user`."""
        return user(login, self.api, self.page)

    def label(self, repository: Repository, name: str) -> dict[str, Any]:
        """A `label`."""
        number = stable_id(f"{repository.full_name}/{name.lower()}")
        return {
            "id": number,
            "node_id": node_id("Label", number),
            "url": f"{self.api}/repos/{repository.full_name}/labels/{name}",
            "name": name,
            "description": None,
            "color": label_color(name),
            "default": False,
        }

    def comment(self, repository: Repository, issue: Issue, comment: Comment) -> dict[str, Any]:
        """An `issue-comment`."""
        return {
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": f"{self.api}/repos/{repository.full_name}/issues/comments/{comment.id}",
            "html_url": f"{self.page}/{repository.full_name}/issues/{issue.number}#issuecomment-{comment.id}",
            "issue_url": f"{self.api}/repos/{repository.full_name}/issues/{issue.number}",
            "user": self.user(comment.user),
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "author_association": "MEMBER",
            "body": comment.body,
            "performed_via_github_app": None,
        }

    def issue(self, repository: Repository, issue: Issue) -> dict[str, Any]:
        """An `issue`."""
        home = f"{self.api}/repos/{repository.full_name}"
        url = f"{home}/issues/{issue.number}"
        people = [self.user(login) for login in issue.assignees]
        made: dict[str, Any] = {"id": issue.id, "node_id": node_id("Issue", issue.id), "number": issue.number}
        made |= {"url": url, "repository_url": home, "timeline_url": f"{url}/timeline", "events_url": f"{url}/events"}
        made |= {"labels_url": f"{url}/labels{{/name}}", "comments_url": f"{url}/comments"}
        made |= {"html_url": f"{self.page}/{repository.full_name}/issues/{issue.number}"}
        made |= {"title": issue.title, "body": issue.body, "user": self.user(issue.user)}
        made |= {"state": issue.state, "state_reason": issue.state_reason, "locked": issue.locked}
        made |= {"labels": [self.label(repository, name) for name in issue.labels], "milestone": None}
        made |= {"assignee": people[0] if people else None, "assignees": people, "comments": len(issue.comments)}
        made |= {"created_at": iso(issue.created_at), "updated_at": iso(issue.updated_at)}
        made |= {"closed_at": None if issue.closed_at is None else iso(issue.closed_at)}
        made |= {"closed_by": None if issue.closed_by is None else self.user(issue.closed_by)}
        made |= {"author_association": "MEMBER", "active_lock_reason": None, "performed_via_github_app": None}
        if issue.is_pull_request:
            pull = f"{self.page}/{repository.full_name}/pull/{issue.number}"
            made["pull_request"] = {"url": f"{home}/pulls/{issue.number}", "html_url": pull}
            made["pull_request"] |= {"diff_url": f"{pull}.diff", "patch_url": f"{pull}.patch", "merged_at": None}
        return made

    def repository(self, repository: Repository) -> dict[str, Any]:
        """A `repository`, with what the token may do in it."""
        owner, _, name = repository.full_name.partition("/")
        url = f"{self.api}/repos/{repository.full_name}"
        page = f"{self.page}/{repository.full_name}"
        count = sum(issue.state == "open" for issue in repository.issues.values())
        made: dict[str, Any] = {"id": repository.id, "node_id": node_id("Repository", repository.id)}
        made |= {"name": name, "full_name": repository.full_name, "private": repository.private, "url": url}
        made |= {"visibility": "private" if repository.private else "public", "html_url": page}
        made = {name: f"{url}/{name.removesuffix('_url')}" for name in urls_of("repository")} | made
        made |= {"git_url": f"git:{page}.git", "clone_url": f"{page}.git", "ssh_url": f"git@sandbox:{name}.git"}
        made |= {"owner": self.user(owner), "svn_url": page, "homepage": None, "description": None, "fork": False}
        made |= {"default_branch": "main", "language": None, "license": None, "mirror_url": None, "size": 0}
        made |= dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0)
        made |= {"open_issues": count, "open_issues_count": count, "has_issues": repository.has_issues}
        made |= dict.fromkeys(("has_downloads", "has_projects", "has_wiki", "has_pages", "disabled"), False)
        made |= {"archived": repository.archived}
        made |= dict.fromkeys(("created_at", "updated_at", "pushed_at"), "2025-01-01T00:00:00Z")
        push = repository.push
        rights = {"admin": False, "maintain": False, "push": push, "triage": push, "pull": True}
        return made | {"permissions": rights}
