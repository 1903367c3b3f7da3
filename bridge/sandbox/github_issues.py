"""The operations on a repository and its issues, one function each, and `ROUTES`, which names all operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.sandbox import github_checks
from bridge.sandbox import github_parts as parts
from bridge.sandbox.exchange import Response, json_response
from bridge.sandbox.github_call import Call, page, shown, time
from bridge.sandbox.github_checks import GitHubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.sandbox.github_state import Issue


def get_repository(call: Call) -> Response:
    """GET /repos/{owner}/{repo}; not in the shipped description, its answer is the `repository` component."""
    return json_response(call.shapes.repository(call.repository))


def list_issues(call: Call) -> Response:
    """GET …/issues: pull requests too, newest first where nothing else is said."""
    query = call.request.query
    found = [issue for issue in call.repository.issues.values() if not issue.deleted and issue.moved_to is None]
    state = _one_of(query.get("state", "open"), "state", "open", "closed", "all")
    wanted = {name.lower() for name in query.get("labels", "").split(",") if name}
    since = time(query.get("since"))
    found = [
        issue
        for issue in found
        if state in {"all", issue.state}
        and wanted <= {name.lower() for name in issue.labels}
        and issue.updated_at >= since
        and query.get("creator", issue.user) == issue.user
    ]
    sort = _one_of(query.get("sort", "created"), "sort", "created", "updated", "comments")
    descending = _one_of(query.get("direction", "desc"), "direction", "asc", "desc") == "desc"
    rank: dict[str, Callable[[Issue], tuple[float, int]]] = {
        "created": lambda issue: (issue.created_at, issue.number),
        "updated": lambda issue: (issue.updated_at, issue.number),
        "comments": lambda issue: (len(issue.comments), issue.number),
    }
    found.sort(key=rank[sort], reverse=descending)
    return page(call, shown(call, found), lambda issue: call.shapes.issue(call.repository, issue))


def _one_of(value: str, field: str, *allowed: str) -> str:
    if value not in allowed:
        raise github_checks.invalid("Issue", field, "invalid", value=value)
    return value


def create_issue(call: Call) -> Response:
    """POST …/issues; labels and assignees count only with push access."""
    if call.repository.archived:
        raise GitHubError(403, "Repository was archived so is read-only.")
    body = call.body()
    title = github_checks.check_title(body["title"])
    text = github_checks.check_text(body.get("body"), "Issue")
    labels = github_checks.check_labels(body.get("labels", []))
    logins = [*body.get("assignees", []), *([body["assignee"]] if body.get("assignee") else [])]
    assignees = github_checks.check_assignees(call.repository, logins) if call.repository.push else []
    issue = call.repository.open_issue(title, text, call.who.login, call.now)
    if call.repository.push:
        issue.labels = list(call.repository.known_labels(labels))
        issue.assignees = assignees
    made = call.shapes.issue(call.repository, issue)
    return json_response(made, 201, {"Location": made["url"]})


def get_issue(call: Call) -> Response:
    """GET …/issues/{issue_number}."""
    return call.show()


def update_issue(call: Call) -> Response:
    """PATCH …/issues/{issue_number}: labels and assignees replace the whole list."""
    issue, body = call.named, call.body()
    if not call.repository.push and issue.user != call.who.login:
        raise GitHubError(403, "Must have admin rights to Repository.")
    title = github_checks.check_title(body["title"]) if body.get("title") is not None else issue.title
    text = github_checks.check_text(body["body"], "Issue") if "body" in body else issue.body
    labels = github_checks.check_labels(body.get("labels", []))
    assignees = github_checks.check_assignees(call.repository, body.get("assignees", []))
    issue.title, issue.body, issue.updated_at = title, text, call.now
    if call.repository.push and "labels" in body:
        issue.labels = list(call.repository.known_labels(labels))
    if call.repository.push and "assignees" in body:
        issue.assignees = assignees
    if body.get("state", issue.state) != issue.state:
        if body["state"] == "closed":
            issue.close(call.who.login, call.now, body.get("state_reason") or "completed")
        else:
            issue.reopen(call.now)
    return call.show()


ISSUE = "/issues/{issue_number}"
ROUTES: dict[tuple[str, str], Callable[[Call], Response]] = {
    ("GET", ""): get_repository,
    ("GET", "/issues"): list_issues,
    ("POST", "/issues"): create_issue,
    ("GET", ISSUE): get_issue,
    ("PATCH", ISSUE): update_issue,
    ("GET", f"{ISSUE}/comments"): parts.list_comments,
    ("POST", f"{ISSUE}/comments"): parts.create_comment,
    ("GET", "/issues/comments/{comment_id}"): parts.get_comment,
    ("PATCH", "/issues/comments/{comment_id}"): parts.update_comment,
    ("GET", f"{ISSUE}/labels"): parts.list_labels,
    ("POST", f"{ISSUE}/labels"): parts.add_labels,
    ("PUT", f"{ISSUE}/labels"): parts.set_labels,
    ("DELETE", f"{ISSUE}/labels/{{name}}"): parts.remove_label,
    ("POST", f"{ISSUE}/assignees"): parts.add_assignees,
    ("DELETE", f"{ISSUE}/assignees"): parts.remove_assignees,
    ("GET", "/labels"): parts.list_repository_labels,
    ("POST", "/labels"): parts.create_label,
}
"""Method and path below the repository → operation."""
