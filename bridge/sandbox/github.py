"""A double of GitHub's REST API for issues: state in memory, as strict as the real one.

What it knows is in the shipped description and in GitHub's public documentation of rate limits and troubleshooting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bridge.sandbox import github_checks, github_issues
from bridge.sandbox.exchange import Request, Response, json_response, text_response
from bridge.sandbox.github_app import check_jwt, token_body
from bridge.sandbox.github_call import Call
from bridge.sandbox.github_checks import GitHubError
from bridge.sandbox.github_json import Shapes, iso
from bridge.sandbox.github_state import Credential, Issue, Repository, stable_id
from bridge.sandbox.limits import Window, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOUR = 3_600
CREATING = {"/issues", "/issues/{issue_number}/comments"}
"""Paths whose POST creates content, which the secondary limits count."""


@dataclass(frozen=True)
class GitHubLimits:
    """Rate limits and delays; the default has none.

    Attributes:
        creates_per_minute: new issues and comments a token may make (GitHub: 80).
        creates_per_hour: the same for an hour (GitHub: 500).
        requests_per_hour: the primary limit (GitHub: 5,000); beyond it 403 with `x-ratelimit-remaining: 0`.
        status: how a secondary limit answers, 403 or 429.
        retry_after: whether that answer says how long to wait.
        lag: seconds until a new issue or comment shows in lists.
    """

    creates_per_minute: int | None = None
    creates_per_hour: int | None = None
    requests_per_hour: int | None = None
    status: int = 403
    retry_after: bool = True
    lag: float = 0.0

    @classmethod
    def real(cls) -> GitHubLimits:
        """What GitHub documents."""
        return cls(80, 500, 5_000)


class GitHubDouble:
    """GitHub with its repositories; `handle` answers one request.

    Args:
        clock: unix seconds.
        tokens: token → whose it is; default: `ghp_sandbox`.
        strict_repositories: a repository that was not added does not exist. Otherwise asking for it makes it.
        limits: rate limits and lag, default none.
        app_key: the App's public key as a PEM text; without one any JWT's signature is good.
        page_url: where people look at issues; `html_url` leads there.

    Attributes:
        api_url: the address the double is served at, for links in answers.
        installations: ids of the App's installations; None: any.
        limits: may be replaced at any time.
    """

    def __init__(  # noqa: PLR0913 (keywords, each of its own)
        self,
        clock: Callable[[], float],
        *,
        tokens: Mapping[str, Credential] | None = None,
        strict_repositories: bool = False,
        limits: GitHubLimits | None = None,
        app_key: str | None = None,
        page_url: str = "https://github.test",
    ) -> None:
        self.clock = clock
        self.tokens = dict(tokens) if tokens is not None else {"ghp_sandbox": Credential("alert-bridge")}
        self.strict_repositories = strict_repositories
        self.limits = limits or GitHubLimits()
        self.app_key = app_key
        self.page_url = page_url
        self.api_url = "https://api.github.test"
        self.installations: set[int] | None = None
        self.repositories: dict[str, Repository] = {}
        self._minute, self._hour, self._primary = Window(60), Window(HOUR), Window(HOUR)
        self._made_tokens = 0

    def add_repository(self, full_name: str, **settings: Any) -> Repository:  # noqa: ANN401 (fields of Repository)
        """Makes a repository, or gives the one of that name; settings are fields of `Repository`."""
        key = full_name.lower()
        if key not in self.repositories:
            self.repositories[key] = Repository(stable_id(key), full_name, **settings)
        return self.repositories[key]

    def repository(self, full_name: str) -> Repository:
        """A repository by its name.

        Raises:
            KeyError: there is none.
        """
        return self.repositories[full_name.lower()]

    def issues(self, full_name: str) -> list[Issue]:
        """The issues of a repository, oldest first; none where it does not exist."""
        found = self.repositories.get(full_name.lower())
        return list(found.issues.values()) if found else []

    def handle(self, request: Request) -> Response:
        """Answers one request, whose path is that of api.github.com."""
        if not request.headers.get("user-agent"):
            words = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
            return text_response(words, 403, "text/html")
        try:
            answer = self._route(request, [unquote(part) for part in request.path.strip("/").split("/")])
        except GitHubError as error:
            answer = error.response()
        headers = {"X-GitHub-Media-Type": "github.v3; format=json", **self._rate_headers(request), **answer.headers}
        return Response(answer.status, headers, answer.body)

    def _route(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["app", "installations", installation, "access_tokens"] if request.method == "POST":
                return self._make_token(request, installation)
            case ["rate_limit"]:
                self._authenticate(request)
                return self._show_rate(request)
            case ["repos", owner, name, *rest]:
                who = self._authenticate(request)
                return self._in_repository(request, who, self._find(f"{owner}/{name}"), rest)
            case ["repositories", number, *rest]:
                who = self._authenticate(request)
                found = next((r for r in self.repositories.values() if str(r.id) == number), None)
                return self._in_repository(request, who, found, rest)
        raise GitHubError(404, "Not Found")

    def _authenticate(self, request: Request) -> Credential:
        token, now = request.token, self.clock()
        if token is None:
            raise GitHubError(401, "Requires authentication")
        who = self.tokens.get(token)
        if who is None or (who.expires_at is not None and who.expires_at <= now):
            raise GitHubError(401, "Bad credentials")
        limit = self.limits.requests_per_hour
        if limit is not None and self._primary.wait(token, limit, now) > 0:
            raise GitHubError(403, f"API rate limit exceeded for user {who.login}.")
        self._primary.take(token, now)
        return who

    def _find(self, full_name: str) -> Repository | None:
        if not self.strict_repositories:
            return self.add_repository(full_name)
        return self.repositories.get(full_name.lower())

    def _in_repository(
        self, request: Request, who: Credential, repository: Repository | None, rest: list[str]
    ) -> Response:
        path, target = _template(rest)
        run = github_issues.ROUTES.get((request.method, path))
        if run is None or repository is None or not repository.visible:
            raise GitHubError(404, "Not Found")
        if repository.moved_to is not None:
            raise self._moved(repository.moved_to, ["", *rest])
        if not repository.has_issues and "/issues" in path:
            raise GitHubError(410, "Issues has been disabled in this repository.")
        if request.method != "GET" and not (who.writes and repository.writes):
            kind = "integration" if who.is_app else "personal access token"
            raise GitHubError(
                403, f"Resource not accessible by {kind}", {"X-Accepted-GitHub-Permissions": "issues=write"}
            )
        issue = self._issue(repository, rest[1], rest[2:]) if "{issue_number}" in path else None
        if request.method == "POST" and path in CREATING:
            self._limit_creating(request)
        shapes = Shapes(self.api_url, self.page_url)
        name = rest[3] if path.endswith("{name}") else target
        full_path = "/repos/{owner}/{repo}" + path
        return run(Call(request, full_path, name, repository, issue, who, shapes, self.limits.lag, self.clock()))

    def _issue(self, repository: Repository, number: str, below: list[str]) -> Issue:
        issue = repository.issues.get(int(number)) if number.isdecimal() else None
        if issue is None:
            raise GitHubError(404, "Not Found")
        if issue.deleted:
            raise GitHubError(410, "This issue was deleted")
        if issue.moved_to is not None:
            raise self._moved(issue.moved_to[0], ["/issues", str(issue.moved_to[1]), *below])
        return issue

    def _moved(self, full_name: str, path: list[str]) -> GitHubError:
        url = f"{self.api_url}/repositories/{self.add_repository(full_name).id}{'/'.join(path)}"
        return GitHubError(301, "Moved Permanently", {"Location": url}, url=url)

    def _limit_creating(self, request: Request) -> None:
        token, now = request.token, self.clock()
        limits = ((self._minute, self.limits.creates_per_minute), (self._hour, self.limits.creates_per_hour))
        wait = max(window.wait(token, limit, now) if limit is not None else 0.0 for window, limit in limits)
        if wait > 0:
            headers = {"Retry-After": whole_seconds(wait)} if self.limits.retry_after else {}
            words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            raise GitHubError(self.limits.status, words, headers)
        for window, _ in limits:
            window.take(token, now)

    def _rate(self, request: Request) -> dict[str, int]:
        limit, now = self.limits.requests_per_hour or 5_000, self.clock()
        used = self._primary.used(request.token, now)
        reset = now + (self._primary.wait(request.token, used, now) if used else HOUR)
        return {"limit": limit, "remaining": max(0, limit - used), "reset": math.ceil(reset), "used": used}

    def _rate_headers(self, request: Request) -> dict[str, str]:
        rate = {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in self._rate(request).items()}
        return rate | {"X-RateLimit-Resource": "core"}

    def _show_rate(self, request: Request) -> Response:
        rate = self._rate(request)
        search = {**rate, "limit": 30, "remaining": 30, "used": 0}
        return json_response({"resources": {"core": rate, "search": search}, "rate": rate})

    def _make_token(self, request: Request, installation: str) -> Response:
        """A token for an App's installation, good for an hour."""
        now = self.clock()
        check_jwt(request.token, now, self.app_key)
        number = int(installation) if installation.isdecimal() else -1
        if number < 0 or (self.installations is not None and number not in self.installations):
            raise GitHubError(404, "Not Found")
        github_checks.read_body(request, "/app/installations/{installation_id}/access_tokens")
        self._made_tokens += 1
        token = f"ghs_sandbox{self._made_tokens:029d}"
        self.tokens[token] = Credential("alert-bridge[bot]", expires_at=now + HOUR, is_app=True)
        return json_response(token_body(token, iso(now + HOUR)), 201)


def _template(rest: list[str]) -> tuple[str, str]:
    """A path below a repository as the description writes it, and what stood for its first variable."""
    match rest:
        case ["issues", "comments", comment]:
            return "/issues/comments/{comment_id}", comment
        case ["issues", number, "labels", _]:
            return "/issues/{issue_number}/labels/{name}", number
        case ["issues", number, *tail]:
            return "/".join(["/issues/{issue_number}", *tail]), number
    return "/".join(["", *rest]), ""
