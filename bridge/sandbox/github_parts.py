"""The operations on what hangs on an issue: comments, labels, assignees; and on a repository's labels."""

from __future__ import annotations

from bridge.sandbox import github_checks
from bridge.sandbox.exchange import Response, json_response
from bridge.sandbox.github_call import Call, number, page, shown, time
from bridge.sandbox.github_checks import GitHubError

MOST_COMMENTS = 2_500


def list_comments(call: Call) -> Response:
    """GET …/issues/{issue_number}/comments: oldest first."""
    since = time(call.request.query.get("since"))
    found = [comment for comment in shown(call, call.named.comments) if comment.updated_at >= since]
    return page(call, found, lambda comment: call.shapes.comment(call.repository, call.named, comment))


def create_comment(call: Call) -> Response:
    """POST …/issues/{issue_number}/comments."""
    if call.named.locked:
        raise GitHubError(403, "Unable to create comment because issue is locked.")
    if len(call.named.comments) >= MOST_COMMENTS:
        raise GitHubError(403, "Commenting is disabled on issues with more than 2500 comments")
    text = github_checks.check_text(call.body()["body"], "IssueComment")
    comment = call.repository.comment(call.named, text or "", call.who.login, call.now)
    made = call.shapes.comment(call.repository, call.named, comment)
    return json_response(made, 201, {"Location": made["url"]})


def get_comment(call: Call) -> Response:
    """GET …/issues/comments/{comment_id}."""
    found = call.repository.find_comment(number(call.target, 0))
    if found is None:
        raise GitHubError(404, "Not Found")
    return json_response(call.shapes.comment(call.repository, *found))


def update_comment(call: Call) -> Response:
    """PATCH …/issues/comments/{comment_id}."""
    found = call.repository.find_comment(number(call.target, 0))
    if found is None:
        raise GitHubError(404, "Not Found")
    issue, comment = found
    comment.body = github_checks.check_text(call.body()["body"], "IssueComment") or ""
    comment.updated_at = issue.updated_at = call.now
    return json_response(call.shapes.comment(call.repository, issue, comment))


def list_labels(call: Call) -> Response:
    """GET …/issues/{issue_number}/labels."""
    return call.show_labels()


def add_labels(call: Call) -> Response:
    """POST …/issues/{issue_number}/labels: beside those it has."""
    names = github_checks.check_labels(call.body().get("labels", []))
    return _set_labels(call, [*call.named.labels, *names])


def set_labels(call: Call) -> Response:
    """PUT …/issues/{issue_number}/labels: instead of those it has."""
    return _set_labels(call, github_checks.check_labels(call.body().get("labels", [])))


def remove_label(call: Call) -> Response:
    """DELETE …/issues/{issue_number}/labels/{name}."""
    kept = [name for name in call.named.labels if name.lower() != call.target.lower()]
    if len(kept) == len(call.named.labels):
        raise GitHubError(404, "Label does not exist")
    return _set_labels(call, kept)


def _set_labels(call: Call, names: list[str]) -> Response:
    if not call.repository.push:
        raise GitHubError(403, "Must have push access to set labels.")
    call.named.labels = list(call.repository.known_labels(names))
    call.named.updated_at = call.now
    return call.show_labels()


def add_assignees(call: Call) -> Response:
    """POST …/issues/{issue_number}/assignees: who may not be assigned is left out in silence."""
    asked = [login if isinstance(login, str) else login["login"] for login in call.body().get("assignees", [])]
    may = call.repository.assignable
    if call.repository.push:
        names = [*call.named.assignees, *(name for name in asked if may is None or name in may)]
        call.named.assignees = list(dict.fromkeys(names))[: github_checks.ASSIGNEES]
    return call.show(201)


def remove_assignees(call: Call) -> Response:
    """DELETE …/issues/{issue_number}/assignees."""
    asked = set(call.body().get("assignees", []))
    if call.repository.push:
        call.named.assignees = [name for name in call.named.assignees if name not in asked]
    return call.show()


def list_repository_labels(call: Call) -> Response:
    """GET …/labels."""
    labels = [call.shapes.label(call.repository, name) for name in call.repository.labels.values()]
    return json_response(labels)


def create_label(call: Call) -> Response:
    """POST …/labels."""
    (name,) = github_checks.check_labels([call.body()["name"]])
    if name.lower() in call.repository.labels:
        raise github_checks.invalid("Label", "name", "already_exists")
    call.repository.labels[name.lower()] = name
    return json_response(call.shapes.label(call.repository, name), 201)
