"""What GitHub refuses in a request, and how it says so.

Sources: the shipped description for shapes, GitHub's error messages for lengths; texts are as commonly seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import best_match

from bridge.sandbox import schemas
from bridge.sandbox.exchange import NOTHING, Request, Response, json_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.sandbox.github_state import Repository

DOCUMENTATION = "https://docs.github.com/rest"
TITLE = 256
BODY = 65_536
LABEL = 50
LABELS = 100
ASSIGNEES = 10


class GitHubError(Exception):
    """An answer that refuses.

    Attributes:
        status: HTTP status.
        body: the JSON body.
        headers: further headers.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = NOTHING, **extra: object) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status), **extra}

    def response(self) -> Response:
        """The answer itself."""
        return json_response(self.body, self.status, self.headers)


def invalid(resource: str, field: str, code: str, message: str = "", value: object = None) -> GitHubError:
    """A 422 that names the field."""
    error: dict[str, object] = {"resource": resource, "code": code, "field": field}
    if message:
        error["message"] = message
    if value is not None:
        error["value"] = value
    return GitHubError(422, "Validation Failed", errors=[error])


def read_body(request: Request, path: str) -> dict[str, Any]:
    """The JSON body of a write, checked against the description of the operation.

    Args:
        request: the request.
        path: the operation's path as the description writes it.

    Raises:
        GitHubError: 400 where it is no JSON object, 422 where it breaks the description.
    """
    try:
        body = request.json() if request.body else {}
    except ValueError:
        raise GitHubError(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise GitHubError(400, "Body should be a JSON object")
    check = schemas.request_body(schemas.GITHUB, path, request.method)
    if check.is_valid(body):
        return body
    error = best_match(check.iter_errors(body))
    message = error.message[:300] if error else ""
    if error is not None and error.validator == "required":
        message = f'"{error.message.split(chr(39))[1]}" wasn\'t supplied.'
    elif error is not None and error.validator == "additionalProperties":
        message = f"{error.message.split(chr(39))[1]!r} is not a permitted key."
    place = "".join(f"/{step}" for step in (error.absolute_path if error else ()))
    raise GitHubError(422, f"Invalid request.\n\n{f'For {place}: ' if place else ''}{message}")


def check_title(title: object) -> str:
    """A title GitHub takes.

    Raises:
        GitHubError: it is blank or too long.
    """
    text = str(title)
    if not text.strip():
        raise invalid("Issue", "title", "missing_field")
    if len(text) > TITLE:
        raise invalid("Issue", "title", "custom", f"title is too long (maximum is {TITLE} characters)")
    return text


def check_text(body: str | None, resource: str) -> str | None:
    """A body GitHub takes.

    Raises:
        GitHubError: it is too long, or a comment's is blank.
    """
    if resource == "IssueComment" and not (body or "").strip():
        raise GitHubError(422, "Validation Failed", errors=["Body cannot be blank"])
    if body is not None and len(body) > BODY:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {BODY} characters)")
    return body


def check_labels(labels: Iterable[Any]) -> list[str]:
    """Label names from strings and objects.

    Raises:
        GitHubError: one is too long or blank, or they are too many.
    """
    names = [str(label if isinstance(label, str) else label.get("name", "")) for label in labels]
    for name in names:
        if len(name) > LABEL:
            raise invalid("Label", "name", "custom", f"name is too long (maximum is {LABEL} characters)")
        if not name.strip():
            raise invalid("Label", "name", "missing_field")
    if len(set(names)) > LABELS:
        raise invalid("Issue", "labels", "custom", f"labels are limited to {LABELS}")
    return names


def check_assignees(repository: Repository, logins: Iterable[Any]) -> list[str]:
    """Logins from strings and objects.

    Raises:
        GitHubError: one may not be assigned here, or they are too many.
    """
    names = [str(login if isinstance(login, str) else login.get("login", "")) for login in logins]
    if len(set(names)) > ASSIGNEES:
        raise invalid("Issue", "assignees", "custom", f"assignees are limited to {ASSIGNEES}")
    for name in names:
        if repository.assignable is not None and name not in repository.assignable:
            raise invalid("Issue", "assignees", "invalid", value=name)
    return list(dict.fromkeys(names))
