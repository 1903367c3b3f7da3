"""The double of GitHub, over httpx2 on a real socket and in process on a virtual clock."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import asked
import httpx2
import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import encode as sign

from bridge.sandbox import GitHubLimits, Sandbox, schemas
from bridge.sandbox.exchange import request
from bridge.sandbox.github import GitHubDouble
from bridge.sandbox.github_issues import ROUTES
from bridge.sandbox.github_state import Credential

REPO = "/repos/{owner}/{repo}"
ISSUES = "/repos/acme/alerts/issues"


def create(github, **fields):
    answer = github.post(ISSUES, json={"title": "[P2] Inductor Jobs Broken", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


OPERATIONS = {
    ("GET", "/issues"): (200, None),
    ("POST", "/issues"): (201, {"title": "t", "body": "b", "labels": ["Pri:P2"], "assignees": ["octocat"]}),
    ("GET", "/issues/{issue_number}"): (200, None),
    ("PATCH", "/issues/{issue_number}"): (200, {"state": "closed", "state_reason": "completed"}),
    ("GET", "/issues/{issue_number}/comments"): (200, None),
    ("POST", "/issues/{issue_number}/comments"): (201, {"body": "b"}),
    ("GET", "/issues/comments/{comment_id}"): (200, None),
    ("PATCH", "/issues/comments/{comment_id}"): (200, {"body": "c"}),
    ("GET", "/issues/{issue_number}/labels"): (200, None),
    ("POST", "/issues/{issue_number}/labels"): (200, {"labels": ["more"]}),
    ("PUT", "/issues/{issue_number}/labels"): (200, {"labels": ["other"]}),
    ("DELETE", "/issues/{issue_number}/labels/{name}"): (200, None),
    ("POST", "/issues/{issue_number}/assignees"): (201, {"assignees": ["mona"]}),
    ("DELETE", "/issues/{issue_number}/assignees"): (200, {"assignees": ["octocat"]}),
    ("GET", "/labels"): (200, None),
    ("POST", "/labels"): (201, {"name": "Pri:P3"}),
}


def test_every_operation_is_held_to_githubs_description():
    assert OPERATIONS.keys() == ROUTES.keys() - {("GET", "")}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_success_answers_match_githubs_description(sandbox, github, method, path):
    number = create(github, body="x", labels=["Pri:P2", "Team:inductor"], assignees=["octocat"])["number"]
    comment = github.post(f"{ISSUES}/{number}/comments", json={"body": "first"}).json()["id"]
    sandbox.github.repository("acme/alerts").open_issue("a pull request", None, "mona", 1.0, is_pull_request=True)
    status, body = OPERATIONS[method, path]
    url = (REPO + path).format(owner="acme", repo="alerts", issue_number=number, comment_id=comment, name="pri:p2")
    answer = github.request(method, url, json=body, params={"state": "all"} if method == "GET" else None)
    assert answer.status_code == status
    schemas.answer(schemas.GITHUB, REPO + path, method, status).validate(answer.json())


def test_the_repository_rate_and_token_answers_match_too(github, clock):
    component = schemas.validator(schemas.GITHUB, "/components/schemas/repository")
    component.validate(github.get("/repos/acme/alerts").json())
    schemas.answer(schemas.GITHUB, "/rate_limit", "get").validate(github.get("/rate_limit").json())
    made = app_token(GitHubDouble(clock), jwt(clock.now))
    path = "/app/installations/{installation_id}/access_tokens"
    schemas.answer(schemas.GITHUB, path, "post", 201).validate(made.json())


def test_an_issue_lives_from_open_to_closed_and_back(sandbox, github):
    made = create(github, body="<!-- bridge:01KD:1 -->\nFiring", labels=["Pri:P2"])
    url = f"{ISSUES}/{made['number']}"
    closed = github.patch(url, json={"state": "closed", "state_reason": "not_planned"}).json()
    assert (closed["state"], closed["state_reason"], closed["closed_by"]["login"]) == (
        "closed",
        "not_planned",
        "alert-bridge",
    )
    reopened = github.patch(url, json={"state": "open"}).json()
    assert (reopened["state_reason"], reopened["closed_at"]) == ("reopened", None)
    (issue,) = sandbox.github.issues("Acme/Alerts")
    assert issue.body.endswith("Firing")


def test_a_person_can_close_an_issue(sandbox, github):
    number = create(github)["number"]
    with sandbox.lock:
        sandbox.github.repository("acme/alerts").issues[number].close("mona", 1_765_300_000)
    found = github.get(f"{ISSUES}/{number}").json()
    assert (found["closed_by"]["login"], found["closed_at"]) == ("mona", "2025-12-09T17:06:40Z")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"title": "x" * 257}, "title", "custom"),
        ({"title": " "}, "title", "missing_field"),
        ({"body": "x" * 65_537}, "body", "custom"),
        ({"labels": ["x" * 51]}, "name", "custom"),
        ({"labels": [str(n) for n in range(101)]}, "labels", "custom"),
        ({"assignees": [f"u{n}" for n in range(11)]}, "assignees", "custom"),
        ({"assignees": ["nobody"]}, "assignees", "invalid"),
    ],
)
def test_a_wrong_issue_is_refused_by_field(sandbox, github, fields, field, code):
    assignable = {f"u{n}" for n in range(11)}
    sandbox.github.add_repository("acme/alerts", assignable=assignable)
    answer = github.post(ISSUES, json={"title": "t", **fields})
    assert answer.status_code == 422
    schemas.validator(schemas.GITHUB, "/components/schemas/validation-error").validate(answer.json())
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert sandbox.github.issues("acme/alerts") == []


def test_lengths_at_the_limit_are_taken(github):
    create(github, title="x" * 256, body="x" * 65_536, labels=["x" * 50])


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "", {"title": "t", "colour": "red"}, "'colour' is not a permitted key."),
        ("POST", "", {"body": "b"}, '"title" wasn\'t supplied.'),
        ("POST", "", {"title": "t", "labels": "bug"}, "/labels"),
        ("PATCH", "/1", {"state": "resolved"}, "/state"),
        ("PATCH", "/1", {"colour": "red"}, "not a permitted key"),
        ("POST", "/1/comments", {}, '"body" wasn\'t supplied.'),
        ("POST", "/1/labels", {"labels": []}, "/labels"),
    ],
)
def test_a_body_that_breaks_the_description_is_refused(github, method, path, body, words):
    create(github)
    answer = github.request(method, ISSUES + path, json=body)
    assert answer.status_code == 422
    assert words in answer.json()["message"]


def test_bodies_that_are_no_json_object(github):
    assert github.post(ISSUES, content=b"{").status_code == 400
    assert github.post(ISSUES, content=b"[]").status_code == 400


def test_credentials_and_a_user_agent_are_wanted(sandbox):
    url = f"{sandbox.github_url}/repos/acme/alerts"
    assert asked.get(url).status_code == 401
    refused = asked.get(url, headers={"Authorization": "Bearer ghp_wrong"})
    assert (refused.status_code, refused.json()["message"]) == (401, "Bad credentials")
    nameless = asked.get(url, headers={"Authorization": "Bearer ghp_sandbox", "User-Agent": ""})
    assert nameless.status_code == 403
    assert "User-Agent" in nameless.text


def test_a_token_without_the_permission_only_reads(sandbox):
    sandbox.github.tokens["ghp_read"] = Credential("reader", writes=False)
    with httpx2.Client(
        base_url=sandbox.github_url, headers={"Authorization": "Bearer ghp_read"}, trust_env=False
    ) as client:
        assert client.get(ISSUES).status_code == 200
        refused = client.post(ISSUES, json={"title": "t"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by personal access token")


def test_lists_page_by_link(github):
    for n in range(5):
        create(github, title=str(n))
    found, answer = [], github.get(ISSUES, params={"per_page": 2, "state": "all"})
    while True:
        found.append([issue["title"] for issue in answer.json()])
        following = answer.links.get("next")
        if following is None:
            break
        answer = github.get(following["url"])
    assert found == [["4", "3"], ["2", "1"], ["0"]]
    assert set(answer.links) == {"prev", "first"}


def test_lists_filter_and_sort(sandbox, github):
    first, second, third = (
        create(github, title=title, labels=labels)["number"]
        for title, labels in (("a", ["Pri:P1"]), ("b", ["pri:p1", "Team:x"]), ("c", []))
    )
    github.patch(f"{ISSUES}/{first}", json={"state": "closed"})
    repository = sandbox.github.repository("acme/alerts")
    repository.issues[first].updated_at += 60
    repository.comment(repository.issues[second], "x", "mona", repository.issues[second].created_at)

    def numbers(**query):
        return [issue["number"] for issue in github.get(ISSUES, params=query).json()]

    assert numbers() == [third, second]
    assert numbers(state="closed") == [first]
    assert numbers(state="all", direction="asc") == [first, second, third]
    assert numbers(state="all", sort="updated")[0] == first
    assert numbers(state="all", sort="comments")[0] == second
    assert numbers(state="all", labels="PRI:P1") == [second, first]
    assert numbers(labels="Pri:P1,team:x") == [second]
    assert numbers(state="all", since="2099-01-01T00:00:00Z") == []
    assert github.get(ISSUES, params={"state": "resolved"}).status_code == 422


def test_labels_are_added_and_taken_away_one_by_one(github):
    url = f"{ISSUES}/{create(github, labels=['Pri:P2'])['number']}"

    def names(answer):
        return [label["name"] for label in answer.json()]

    assert names(github.post(f"{url}/labels", json={"labels": ["by a person", "pri:p2"]})) == ["Pri:P2", "by a person"]
    assert names(github.delete(f"{url}/labels/Pri%3AP2")) == ["by a person"]
    assert github.delete(f"{url}/labels/Pri%3AP2").status_code == 404
    assert [label["name"] for label in github.patch(url, json={"labels": ["only"]}).json()["labels"]] == ["only"]
    assert {label["name"] for label in github.get("/repos/acme/alerts/labels").json()} == {
        "Pri:P2",
        "by a person",
        "only",
    }
    assert github.post("/repos/acme/alerts/labels", json={"name": "ONLY"}).status_code == 422


def test_without_push_access_labels_and_assignees_are_dropped(sandbox, github):
    sandbox.github.add_repository("acme/alerts", push=False)
    made = create(github, labels=["Pri:P2"], assignees=["octocat"])
    assert (made["labels"], made["assignees"]) == ([], [])
    assert github.get("/repos/acme/alerts").json()["permissions"]["push"] is False
    assert github.post(f"{ISSUES}/1/labels", json={"labels": ["x"]}).status_code == 403


def test_comments_are_written_edited_and_listed(sandbox, github):
    url = f"{ISSUES}/{create(github)['number']}/comments"
    made = [github.post(url, json={"body": text}).json() for text in ("one", "two")]
    github.patch(f"{ISSUES}/comments/{made[0]['id']}", json={"body": "uno"})
    assert [comment["body"] for comment in github.get(url).json()] == ["uno", "two"]
    assert github.post(url, json={"body": " "}).status_code == 422
    assert github.post(url, json={"body": "x" * 65_537}).status_code == 422
    assert github.get(f"{ISSUES}/comments/999").status_code == 404
    sandbox.github.repository("acme/alerts").issues[1].locked = True
    assert github.post(url, json={"body": "three"}).status_code == 403


def test_repositories_that_cannot_take_issues(sandbox, github):
    double = sandbox.github
    double.add_repository("acme/private", private=True, visible=False)
    double.add_repository("acme/closed", has_issues=False)
    double.add_repository("acme/old", archived=True)
    issue = {"title": "t"}
    assert github.get("/repos/acme/private").status_code == 404
    assert github.post("/repos/acme/private/issues", json=issue).status_code == 404
    assert github.post("/repos/acme/closed/issues", json=issue).status_code == 410
    assert github.post("/repos/acme/old/issues", json=issue).status_code == 403
    assert github.get(f"{ISSUES}/1").status_code == 404
    double.strict_repositories = True
    assert github.post("/repos/acme/unheard-of/issues", json=issue).status_code == 404


def test_a_moved_repository_redirects_to_where_the_write_works(sandbox, github):
    sandbox.github.add_repository("acme/before", moved_to="acme/after")
    moved = github.post("/repos/acme/before/issues", json={"title": "t"})
    assert moved.status_code == 301
    assert moved.headers["Location"].startswith(sandbox.github_url)
    made = github.post(moved.headers["Location"], json={"title": "t"})
    assert made.status_code == 201
    assert made.json()["url"] == f"{sandbox.github_url}/repos/acme/after/issues/1"


def test_deleted_and_transferred_issues(sandbox, github):
    repository = sandbox.github.add_repository("acme/alerts")
    deleted, moved = create(github)["number"], create(github)["number"]
    repository.issues[deleted].deleted = True
    repository.issues[moved].moved_to = ("acme/other", 7)
    assert github.get(f"{ISSUES}/{deleted}").status_code == 410
    answer = github.get(f"{ISSUES}/{moved}")
    assert (answer.status_code, answer.headers["Location"][-9:]) == (301, "/issues/7")
    assert github.get(ISSUES).json() == []


def test_links_to_issues_lead_to_the_page(github):
    answer = asked.get(create(github, title="Look here")["html_url"], follow_redirects=True)
    assert answer.status_code == 200
    assert "Look here" in answer.text


def in_process(double, method, path, body=None, token="ghp_sandbox"):
    return double.handle(request(method, path, body, token=token))


@pytest.mark.parametrize("status", [403, 429])
def test_eighty_new_things_a_minute(clock, status):
    double = GitHubDouble(clock, limits=replace(GitHubLimits.real(), status=status))
    answers = [in_process(double, "POST", ISSUES, {"title": "t"}).status for _ in range(80)]
    assert answers == [201] * 80
    clock.now += 20
    refused = in_process(double, "POST", f"{ISSUES}/1/comments", {"body": "b"})
    assert (refused.status, refused.headers["Retry-After"]) == (status, "40")
    assert "secondary rate limit" in refused.json()["message"]
    assert in_process(double, "PATCH", f"{ISSUES}/1", {"body": "edits are free"}).status == 200
    double.limits = replace(double.limits, retry_after=False)
    assert "Retry-After" not in in_process(double, "POST", ISSUES, {"title": "t"}).headers
    clock.now += 40
    assert in_process(double, "POST", ISSUES, {"title": "t"}).status == 201


def test_five_hundred_new_things_an_hour(clock):
    double = GitHubDouble(clock, limits=GitHubLimits(creates_per_hour=500))
    for _ in range(500):
        assert in_process(double, "POST", ISSUES, {"title": "t"}).status == 201
        clock.now += 1
    assert in_process(double, "POST", ISSUES, {"title": "t"}).headers["Retry-After"] == "3100"


def test_the_primary_limit_says_when_it_ends(clock):
    double = GitHubDouble(clock, limits=GitHubLimits(requests_per_hour=3))
    for _ in range(3):
        assert in_process(double, "GET", ISSUES).status == 200
        clock.now += 10
    refused = in_process(double, "GET", ISSUES)
    assert refused.status == 403
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert int(refused.headers["X-RateLimit-Reset"]) == clock.now - 30 + 3600


def test_lists_lag_behind(clock):
    double = GitHubDouble(clock, limits=GitHubLimits(lag=5.0))
    in_process(double, "POST", ISSUES, {"title": "t"})
    in_process(double, "POST", f"{ISSUES}/1/comments", {"body": "b"})
    clock.now += 4
    assert in_process(double, "GET", ISSUES).json() == []
    assert in_process(double, "GET", f"{ISSUES}/1/comments").json() == []
    assert in_process(double, "GET", f"{ISSUES}/1").status == 200
    clock.now += 1
    assert len(in_process(double, "GET", ISSUES).json()) == 1


def jwt(now, **claims):
    parts = ({"alg": "RS256"}, {"iss": "1", "iat": int(now) - 60, "exp": int(now) + 540, **claims}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def app_token(double, token):
    return in_process(double, "POST", "/app/installations/7/access_tokens", {"permissions": {"issues": "write"}}, token)


def test_an_apps_token_lasts_an_hour(clock):
    double = GitHubDouble(clock)
    token = app_token(double, jwt(clock.now)).json()["token"]
    assert in_process(double, "POST", ISSUES, {"title": "t"}, token).json()["user"]["login"] == "alert-bridge[bot]"
    clock.now += 3_600
    assert in_process(double, "GET", ISSUES, token=token).json()["message"] == "Bad credentials"
    double.installations = {8}
    assert app_token(double, jwt(clock.now)).status == 404


@pytest.mark.parametrize("claims", [{"iat": 1_765_300_001}, {"exp": 1_765_300_601}, {"exp": 1_765_300_000}])
def test_a_jwt_must_be_of_now(clock, claims):
    assert app_token(GitHubDouble(clock), jwt(clock.now, **claims)).status == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "bm8.bm8.bm8"])
def test_what_is_no_jwt(clock, token):
    assert app_token(GitHubDouble(clock), token).status == 401


def test_with_an_apps_public_key_only_its_private_key_opens(clock):
    one, another = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    text = one.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo).decode()
    double = GitHubDouble(clock, app_key=text)
    claims = {"iss": "1", "iat": int(clock.now) - 60, "exp": int(clock.now) + 540}
    assert app_token(double, sign(claims, one, algorithm="RS256")).status == 201
    assert app_token(double, sign(claims, another, algorithm="RS256")).status == 401
    assert app_token(double, jwt(clock.now)).json()["message"] == "A JSON web token could not be decoded"
    late = {**claims, "exp": int(clock.now) + 601}
    assert "'exp'" in app_token(double, sign(late, one, algorithm="RS256")).json()["message"]


def test_repositories_have_one_address_each():
    with Sandbox() as sandbox:
        one, two = (sandbox.github.add_repository(name) for name in ("acme/a", "acme/b"))
        assert one.id != two.id
        assert sandbox.github.add_repository("ACME/A") is one
