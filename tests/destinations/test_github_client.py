import json
from datetime import UTC, datetime

import pytest
from destination_kit import DELIVERY, Lane, incident, settings, want
from raw_server import Raw, answer

from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.destinations import github
from bridge.destinations.answer import Answer
from bridge.destinations.base import Failed, Fault, Found, Intent, Nothing, Scope, Step
from bridge.destinations.github.errors import failed as read
from bridge.sandbox import Fault as Play
from bridge.sandbox import Sandbox
from bridge.sandbox.github_state import Credential

SEEN = {"private": False}
DATE = "Tue, 09 Dec 2025 17:30:00 GMT"
RESET = "1765301410"  # 10 s after DATE
COMMENT = Step(
    Intent.ANNOUNCE,
    2,
    "POST comments",
    {"body": f"<!-- bridge:{DELIVERY}:2 -->"},
    {},
    creates=True,
    path="/repos/acme/alerts/issues/1/comments",
)
NOT_FOUND = json.dumps({"message": "Not Found"})


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def lane(sandbox):
    made = github.connect(settings("github", api_url=sandbox.github_url))
    return Lane("github", made, api_url=sandbox.github_url)


def made_a_minute_ago(lane):
    """The issue is known in all of GitHub."""
    lane.have["made"] -= 60


def issue(sandbox, number=1):
    return sandbox.github.repository("acme/alerts").issues[number]


def asked(sandbox):
    return [f"{entry.method} {entry.path}" for entry in sandbox.seen("github")]


def test_an_issue_lives_and_is_closed(sandbox, lane):
    lane.tell(incident())
    person = issue(sandbox)
    person.labels.append("from a person")
    lane.tell(incident(priority=Priority.P0))
    lane.tell(incident(state=State.RESOLVED, priority=Priority.P0))
    assert (person.state, person.state_reason, person.closed_by) == ("closed", "completed", "alert-bridge")
    assert "from a person" in person.labels
    assert {"Pri:P0"} == {label for label in person.labels if label.startswith("Pri:")}
    assert person.body.startswith(f"<!-- bridge:{DELIVERY}:1 -->")
    assert [comment.body.split("\n")[0] for comment in person.comments] == [
        f"<!-- bridge:{DELIVERY}:{step.number} -->" for step in lane.steps if step.method == "POST comments"
    ]
    lane.tell(incident(times=2))
    assert person.state == "open"


def test_headers_are_as_github_wants_them():
    ok = b'{"id": 1, "number": 1, "state": "open", "html_url": "u"}'
    with Raw(answer(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(ok), ok))) as server:
        made = github.connect(settings("github", api_url=server.url))
        done = made.send(github.next_step(want("github", place=SEEN), {}), {}, 5.0, lambda: None)
        head = server.received[0].lower()
    assert done.remote == {"number": 1, "url": "u", "state": "open", "closed_by": None, "made": None}
    for line in (
        b"accept: application/vnd.github+json",
        b"x-github-api-version: 2022-11-28",
        b"user-agent: grafana-alert-bridge/",
        b"authorization: bearer ghp_sandbox",
    ):
        assert line in head


def test_a_person_who_closes_is_heard_and_respected(sandbox, lane):
    lane.tell(incident())
    issue(sandbox).close("sam", sandbox.clock())
    lane.tell(incident(priority=Priority.P0))
    assert lane.have["closed_by"] == "person"
    lane.tell(incident(state=State.RESOLVED, priority=Priority.P0))
    lane.tell(incident(times=2))
    assert (issue(sandbox).state, len(issue(sandbox).comments)) == ("closed", 1)


def test_a_person_who_closes_just_before_we_do_has_closed_it(sandbox, lane):
    lane.tell(incident())
    issue(sandbox).close("sam", sandbox.clock())
    lane.tell(incident(state=State.RESOLVED))
    assert lane.have["closed_by"] == "person"
    lane.tell(incident(times=2))
    assert (issue(sandbox).state, len(issue(sandbox).comments)) == ("closed", 1)


def test_what_we_close_with_another_accounts_token_is_closed_by_us(sandbox, lane):
    lane.tell(incident())
    sandbox.github.tokens["ghp_of_another"] = Credential("another-bridge")
    lane.client = github.connect(settings("github", api_url=sandbox.github_url, token="ghp_of_another"))
    lane.tell(incident(state=State.RESOLVED))
    assert (issue(sandbox).user, issue(sandbox).closed_by) == ("alert-bridge", "another-bridge")
    assert lane.have["closed_by"] == "bridge"
    lane.tell(incident(times=2))
    assert issue(sandbox).state == "open"


def test_a_person_who_opens_it_again_is_respected(sandbox, lane):
    lane.tell(incident())
    lane.tell(incident(state=State.RESOLVED))
    issue(sandbox).reopen(sandbox.clock())
    lane.have["shown"] = "something changed"
    lane.tell(incident(state=State.RESOLVED))
    assert lane.have["kept_open"] is True
    assert issue(sandbox).state == "open"


def lost(lane, sandbox, its, **fault):
    """Takes the steps for an incident; the answer to a PATCH, or to what `fault` says, is lost."""
    sandbox.faults.add(Play("drop_answer", count=1, **(fault or {"method": "PATCH"})))
    with pytest.raises(AssertionError, match="unknown=True"):
        lane.tell(its)
    lane.crash()


def test_a_closing_whose_answer_was_lost_was_ours(sandbox, lane):
    lane.tell(incident())
    lost(lane, sandbox, incident(state=State.RESOLVED))
    assert issue(sandbox).state == "closed"
    lane.tell(incident(times=2))
    assert issue(sandbox).state == "open"
    assert lane.have["asked"] is None


def test_a_reopening_whose_answer_was_lost_was_ours(sandbox, lane):
    lane.tell(incident())
    lane.tell(incident(state=State.RESOLVED))
    lost(lane, sandbox, incident(times=2))
    assert issue(sandbox).state == "open"
    lane.tell(incident(times=2, state=State.RESOLVED))
    assert issue(sandbox).state == "closed"


def test_an_issue_that_was_deleted_is_opened_anew_once(sandbox, lane):
    lane.tell(incident())
    issue(sandbox).deleted = True
    lane.tell(incident(priority=Priority.P0))
    assert [failure.error for failure in lane.failures] == ["issue_gone"]
    assert (lane.have["number"], issue(sandbox, 2).state) == (2, "open")
    assert lane.tell(incident(priority=Priority.P0)) == Nothing()


@pytest.mark.parametrize(("status", "says"), [(404, "Not Found"), (410, "This issue was deleted")])
def test_a_comment_is_gone_with_its_issue(sandbox, lane, status, says):
    lane.tell(incident())
    made_a_minute_ago(lane)
    gone = Play("status", status=status, path="*/issues/1*", body=json.dumps({"message": says}))
    sandbox.faults.add(gone)
    assert lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0) == Found(None)


def test_whether_a_comment_is_gone_is_asked_again_where_the_repository_does_not_answer(sandbox, lane):
    lane.tell(incident())
    made_a_minute_ago(lane)
    sandbox.faults.add(Play("status", status=404, path="*/comments", body='{"message": "Not Found"}'))
    sandbox.faults.add(Play("reset", method="GET", path="/repos/acme/alerts"))
    failed = lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0)
    assert failed.fault is Fault.RETRY


def test_a_comment_is_not_gone_with_a_repository_that_can_not_be_seen(sandbox, lane):
    lane.tell(incident())
    made_a_minute_ago(lane)
    sandbox.github.repository("acme/alerts").visible = False
    failed = lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0)
    assert (failed.fault, failed.error) == (Fault.PERMANENT, "not_found")


def test_a_repository_that_can_not_be_seen_any_more_opens_nothing_anew(sandbox, lane):
    lane.tell(incident())
    made_a_minute_ago(lane)
    sandbox.github.repository("acme/alerts").visible = False
    step = github.next_step(want("github", incident(priority=Priority.P0), place=SEEN), lane.have)
    failed = lane.client.send(step, lane.have, 5.0, lambda: None)
    assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, Scope.CHANNEL, "not_found")


def test_an_issue_that_answers_404_in_a_repository_that_is_seen_is_gone(sandbox, lane):
    lane.tell(incident())
    made_a_minute_ago(lane)
    sandbox.faults.add(Play("status", status=404, path="/repos/acme/alerts/issues/1"))
    step = github.next_step(want("github", incident(priority=Priority.P0), place=SEEN), lane.have)
    assert lane.client.send(step, lane.have, 5.0, lambda: None).fault is Fault.REPLACE


def test_an_issue_that_is_shown_but_is_not_there_to_be_changed_is_not_opened_anew(sandbox, lane):
    """So GitHub answers a classic token that lacks a scope."""
    lane.tell(incident())
    made_a_minute_ago(lane)
    sandbox.faults.add(*(Play("status", method=verb, status=404, body=NOT_FOUND) for verb in ("PATCH", "POST")))
    for its in (incident(title="Jobs Broken"), incident(state=State.RESOLVED)):
        step = github.next_step(want("github", its, place=SEEN), lane.have)
        failed = lane.client.send(step, lane.have, 5.0, lambda: None)
        assert (failed.fault, failed.scope, failed.status) == (Fault.RETRY, Scope.DELIVERY, None)
        assert failed.error == "issue_not_writable"


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_page_that_is_not_githubs_says_nothing_of_an_issue_that_is_there(sandbox, lane, status):
    lane.tell(incident())
    made_a_minute_ago(lane)
    page = {"status": status, "headers": {"Content-Type": "text/html"}, "body": PAGE.decode()}
    sandbox.faults.add(*(Play("status", path=f"*/1{path}", **page) for path in ("", "/comments")))
    for its in (incident(title="Jobs Broken"), incident(state=State.RESOLVED)):
        step = github.next_step(want("github", its, place=SEEN), lane.have)
        failed = lane.client.send(step, lane.have, 5.0, lambda: None)
        assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, Scope.DELIVERY, f"HTTP {status}")
    found = lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0)
    assert isinstance(found, Failed), "nobody says that there is no such comment"


NO_ISSUE = json.dumps({"message": "Validation Failed", "errors": ["Issue not found"]})


@pytest.mark.parametrize(
    ("its", "path", "status", "body"),
    [
        ({"title": "Jobs Broken"}, "*/issues/1", 404, NOT_FOUND),
        ({"state": State.RESOLVED}, "*/comments", 404, NOT_FOUND),
        ({"priority": Priority.P0}, "*/labels", 404, NOT_FOUND),
        ({"priority": Priority.P0}, "*/labels", 422, NO_ISSUE),
    ],
    ids=["edit", "comment", "labels", "labels 422"],
)
def test_an_issue_that_was_made_just_now_is_asked_for_again_where_it_is_not_seen(  # noqa: PLR0913, PLR0917 - a case
    sandbox, lane, its, path, status, body
):
    lane.tell(incident())
    sandbox.faults.add(Play("status", status=status, path=path, body=body, count=1))
    with pytest.raises(AssertionError, match="issue_not_seen_yet"):
        lane.tell(incident(**its))
    [failed] = lane.failures
    assert (failed.fault, failed.scope, failed.status, failed.unknown) == (Fault.RETRY, Scope.DELIVERY, None, False)
    lane.tell(incident(**its))
    assert len(sandbox.github.issues("acme/alerts")) == 1


def test_a_comment_is_looked_for_again_where_its_issue_was_made_just_now_and_is_not_seen(sandbox, lane):
    lane.tell(incident())
    sandbox.faults.add(Play("status", status=404, path="*/comments", body=NOT_FOUND))
    failed = lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0)
    assert (failed.fault, failed.error) == (Fault.RETRY, "issue_not_seen_yet")


def test_a_label_that_is_gone_from_an_issue_made_just_now_is_no_trouble(sandbox, lane):
    lane.tell(incident())
    issue(sandbox).labels.clear()
    lane.tell(incident(priority=Priority.P0))
    assert lane.failures == []


def test_a_moved_repository_is_followed_with_method_and_body(sandbox, lane):
    sandbox.github.add_repository("acme/alerts").moved_to = "acme/new"
    lane.tell(incident())
    lane.tell(incident(state=State.RESOLVED))
    [moved] = sandbox.github.issues("acme/new")
    assert (moved.state, moved.body.startswith("<!-- bridge:")) == ("closed", True)
    assert lane.failures == []


@pytest.mark.parametrize("location", ["http://127.0.0.2:1/x", "http://127.0.0.1:1/x", "https://github.com/x"])
def test_no_redirect_to_another_host_is_followed(sandbox, lane, location):
    sandbox.faults.add(Play("redirect", status=307, location=location))
    failed = lane.client.send(github.next_step(want("github", place=SEEN), {}), {}, 5.0, lambda: None)
    assert (failed.fault, failed.error) == (Fault.PERMANENT, "HTTP 307")
    assert len(sandbox.requests) == 1


def test_redirects_in_a_circle_end(sandbox, lane):
    sandbox.faults.add(Play("redirect", status=301, location="/github/repos/acme/alerts/issues?again"))
    failed = lane.client.send(github.next_step(want("github", place=SEEN), {}), {}, 5.0, lambda: None)
    assert (failed.fault, len(sandbox.requests)) == (Fault.PERMANENT, 2)


def transferred(sandbox, **where):
    """Transfers the issue into another repository, over as many others as `over` says."""
    over = where.pop("over", 0)
    names = [f"acme/{number}" for number in range(over + 1)]
    for name, following in zip(names, [*names[1:], None], strict=True):
        repository = sandbox.github.add_repository(name, **(where if following is None else {}))
        moved = repository.open_issue("moved", "", "alert-bridge", sandbox.clock())
        moved.moved_to = (following, 1) if following else None
    issue(sandbox).moved_to = (names[0], 1)
    return moved


@pytest.mark.parametrize("over", [0, 1, 2])
def test_a_transferred_issue_is_followed(sandbox, lane, over):
    lane.tell(incident())
    moved = transferred(sandbox, over=over)
    lane.tell(incident(state=State.RESOLVED))
    assert (moved.state, lane.failures) == ("closed", [])


@pytest.mark.parametrize("where", [{"over": 3}, {"visible": False}, {"has_issues": False}, {"writes": False}], ids=str)
def test_an_issue_that_was_transferred_out_of_reach_is_opened_anew_once(sandbox, lane, where):
    lane.tell(incident())
    made_a_minute_ago(lane)
    transferred(sandbox, **where)
    lane.tell(incident(priority=Priority.P0))
    assert [(failure.fault, failure.scope) for failure in lane.failures] == [(Fault.REPLACE, Scope.DELIVERY)]
    assert (lane.have["number"], issue(sandbox, 2).state) == (2, "open")


def test_a_repository_that_moved_to_where_nothing_can_be_written_opens_nothing_anew(sandbox, lane):
    lane.tell(incident())
    sandbox.github.repository("acme/alerts").moved_to = "acme/new"
    sandbox.github.add_repository("acme/new", writes=False)
    step = github.next_step(want("github", incident(priority=Priority.P0), place=SEEN), lane.have)
    failed = lane.client.send(step, lane.have, 5.0, lambda: None)
    assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, Scope.CHANNEL, "resource_not_accessible")


def test_an_issue_made_just_now_in_a_repository_that_moved_is_asked_for_again(sandbox, lane):
    sandbox.github.add_repository("acme/alerts").moved_to = "acme/new"
    lane.tell(incident())
    sandbox.faults.add(Play("status", status=404, path="/repositories/*/issues/1", body=NOT_FOUND, count=1))
    with pytest.raises(AssertionError, match="issue_not_seen_yet"):
        lane.tell(incident(priority=Priority.P0))


@pytest.mark.parametrize("where", [{"over": 3}, {"visible": False}], ids=str)
def test_a_comment_is_gone_with_an_issue_that_was_transferred_out_of_reach(sandbox, lane, where):
    lane.tell(incident())
    made_a_minute_ago(lane)
    transferred(sandbox, **where)
    assert lane.client.find(COMMENT, lane.have, datetime.now(UTC), 5.0) == Found(None)


def test_an_issue_that_a_token_may_not_edit_says_nothing_of_others(sandbox, lane):
    lane.tell(incident())
    sandbox.github.repository("acme/alerts").push = False
    issue(sandbox).user = "another-bridge"
    step = github.next_step(want("github", incident(priority=Priority.P0), place=SEEN), lane.have)
    failed = lane.client.send(step, lane.have, 5.0, lambda: None)
    assert (failed.fault, failed.scope, failed.status) == (Fault.PERMANENT, Scope.DELIVERY, 403)


def test_a_refused_assignee_is_left_out(sandbox):
    sandbox.github.add_repository("acme/alerts").assignable = {"octocat"}
    values = {"api_url": sandbox.github_url, "assignees": ["nobody"]}
    lane = Lane("github", github.connect(settings("github", **values)), **values)
    lane.tell(incident())
    assert [failure.error for failure in lane.failures] == ["validation_assignee"]
    assert lane.have["assignees_refused"] is True
    assert "Pri:P1" in issue(sandbox).labels


def test_a_locked_issue_is_edited_and_closed_without_a_comment(sandbox, lane):
    lane.tell(incident())
    sandbox.faults.add(
        Play(
            "status",
            path="*/comments",
            status=403,
            headers={"Content-Type": "application/json"},
            body=json.dumps({"message": "Unable to create comment because issue is locked."}),
        )
    )
    lane.tell(incident(state=State.RESOLVED))
    assert (issue(sandbox).state, issue(sandbox).comments) == ("closed", [])


def test_a_label_that_a_person_took_away_is_no_trouble(sandbox, lane):
    lane.tell(incident())
    issue(sandbox).labels.remove("Pri:P1")
    lane.tell(incident(priority=Priority.P0))
    assert "Pri:P0" in issue(sandbox).labels


@pytest.mark.parametrize("priority", [Priority.P0, Priority.P1])
@pytest.mark.parametrize("fault", [{"method": "POST", "path": "*/labels"}, {"method": "DELETE"}], ids=["add", "remove"])
def test_labels_whose_answer_was_lost_are_put_right(sandbox, lane, priority, fault):
    lane.tell(incident())
    lost(lane, sandbox, incident(priority=Priority.P0), **fault)
    lane.tell(incident(priority=priority))
    assert [label for label in issue(sandbox).labels if label.startswith("Pri:")] == [f"Pri:{priority}"]
    assert lane.have["unsure_labels"] == []


@pytest.mark.parametrize(
    ("repository", "private"), [({"private": True}, True), ({}, False), ({"visible": False}, None)]
)
def test_whether_a_repository_is_private_is_learned(sandbox, lane, repository, private):
    sandbox.github.add_repository("acme/alerts", **repository)
    learned = lane.client.send(github.next_step(want("github"), {}), {}, 5.0, lambda: None)
    assert learned.remote["private"] is private


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"action": "status", "status": 401}, Fault.PERMANENT),
        ({"action": "status", "status": 500}, Fault.RETRY),
        ({"action": "status", "status": 429}, Fault.LIMITED),
        ({"action": "garbage"}, Fault.RETRY),
    ],
)
def test_learning_fails_where_asking_later_may_help(sandbox, lane, fault, expected):
    sandbox.faults.add(Play(**fault))
    assert lane.client.send(github.next_step(want("github"), {}), {}, 5.0, lambda: None).fault is expected


def test_a_lost_issue_is_found_behind_many_others_and_never_a_pull_request(sandbox, lane):
    repository = sandbox.github.add_repository("acme/alerts")
    since, step = datetime.now(UTC), github.next_step(want("github", place=SEEN), {})
    now, top = sandbox.clock(), f"<!-- bridge:{DELIVERY}:1 -->\n"
    repository.open_issue("a pull request", top, "sam", now, is_pull_request=True)
    repository.open_issue("a quotation", f"See {top}", "sam", now)
    repository.open_issue("another", f"<!-- bridge:{DELIVERY}:11 -->", "sam", now)
    assert lane.client.find(step, {}, since, 5.0) == Found(None)
    ours = repository.open_issue("ours", top, "alert-bridge", now)
    for number in range(150):
        repository.open_issue(f"later {number}", "", "sam", now)
    found = lane.client.find(step, {}, since, 5.0)
    assert found.remote["number"] == ours.number
    assert not any("search" in path for path in asked(sandbox))


def test_a_repositorys_issues_are_listed_page_by_page_for_all_that_is_looked_for(sandbox, lane):
    repository = sandbox.github.add_repository("acme/alerts")
    since, step, now = datetime.now(UTC), github.next_step(want("github", place=SEEN), {}), sandbox.clock()
    first, second = (repository.open_issue("ours", f"<!-- bridge:{DELIVERY}:{n} -->\n", "b", now) for n in (1, 2))
    repository.open_issue("a pull request", f"<!-- bridge:{DELIVERY}:3 -->\n", "sam", now, is_pull_request=True)
    for number in range(198):
        repository.open_issue(f"later {number}", "", "sam", now)
    pages, cursor = [], None
    while not pages or cursor is not None:
        pages.append(lane.client.page(step, {}, since, cursor, 5.0))
        cursor = pages[-1].cursor
    assert [sorted(page.found) for page in pages] == [[], [f"{DELIVERY}:2"], [f"{DELIVERY}:1"]]
    adopted = [lane.client.adopt(step, page.found[mark]) for page in pages for mark in page.found]
    assert [(remote["number"], remote["state"]) for remote in adopted] == [
        (second.number, "open"),
        (first.number, "open"),
    ]
    assert len({page.cursor.split(" ")[1] for page in pages[:-1]}) == 1, "all pages have one bound"
    assert lane.client.lists(step, {})
    assert not lane.client.lists(COMMENT, {})


def test_a_page_that_is_too_large_is_read_in_smaller_ones(sandbox, lane):
    repository = sandbox.github.add_repository("acme/alerts")
    since, step, now = datetime.now(UTC), github.next_step(want("github", place=SEEN), {}), sandbox.clock()
    ours = repository.open_issue("ours", f"<!-- bridge:{DELIVERY}:1 -->\n", "b", now)
    for number in range(99):
        repository.open_issue(f"later {number}", "\N{BELL}" * 16_000, "sam", now)
    found, cursor = {}, None
    while not found:
        page = lane.client.page(step, {}, since, cursor, 30.0)
        found, cursor = page.found, page.cursor
    assert [remote["number"] for remote in found.values()] == [ours.number]
    assert asked(sandbox).count("GET /repos/acme/alerts/issues") == 1 + 5


def test_a_lost_comment_is_found_among_its_issues(lane):
    lane.tell(incident())
    its, since = incident(state=State.RESOLVED), datetime.now(UTC)
    step = github.next_step(want("github", its, place=SEEN), lane.have)
    assert step.method == "POST comments"
    assert lane.client.find(step, lane.have, since, 5.0) == Found(None)
    sent = lane.client.send(step, lane.have, 5.0, lambda: None)
    assert lane.client.find(step, lane.have, since, 5.0) == Found(sent.remote)


def test_a_lookup_that_fails_says_why(sandbox, lane):
    step = github.next_step(want("github", place=SEEN), {})
    for fault, error in (
        ("reset", "connection closed or broken answer"),
        ("garbage", "an answer that is not GitHub's"),
    ):
        sandbox.faults.clear()
        sandbox.faults.add(Play(fault))
        failed = lane.client.find(step, {}, datetime.now(UTC), 5.0)
        assert isinstance(failed, Failed)
        assert failed.error in {error, "connection reset"}


def answered(status, message="", errors=(), **headers):
    body = json.dumps({"message": message, "errors": list(errors)}).encode()
    return Answer(status, {"date": DATE, "x-ratelimit-remaining": "4990", "x-ratelimit-reset": RESET} | headers, body)


SPAM = {"resource": "Issue", "code": "custom", "field": "base", "message": "was submitted too quickly"}
LONG = {"resource": "Issue", "code": "custom", "field": "title", "message": "title is too long (maximum is 256)"}
LABEL = {"resource": "Label", "code": "custom", "field": "name", "message": "name is too long (maximum is 50)"}
ASSIGNEE = {"value": "nobody", "resource": "Issue", "field": "assignees", "code": "invalid"}
IP = "Although you appear to have the correct authorization credentials, the organization has an IP allow list enabled"
SAML = "Resource protected by organization SAML enforcement."
PAGE = b"""<!DOCTYPE html><title>Blocked</title>For comments write to abuse@corp.example. This issue is locked,
archived, disabled, spammed; bad credentials, claim, saml, interactions, ip allow list, user-agent, api version,
secondary rate limit, not found"""
USER_AGENT = b"Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
CASES = [
    (answered(401, "Bad credentials"), Fault.PERMANENT, Scope.TOKEN, "bad_credentials", None),
    (answered(401, "'Issued at' claim ('iat') must be an Integer"), Fault.RETRY, Scope.TOKEN, "jwt_clock", None),
    (answered(403, "x", **{"retry-after": "61"}), Fault.LIMITED, Scope.TOKEN, "HTTP 403", 61.0),
    (answered(503, "x", **{"retry-after": "5"}), Fault.RETRY, Scope.CHANNEL, "HTTP 503", 5.0),
    (answered(502, "x", **{"retry-after": "5"}), Fault.RETRY, Scope.CHANNEL, "HTTP 502", 5.0),
    (answered(408, "x"), Fault.RETRY, Scope.CHANNEL, "HTTP 408", None),
    (answered(403, "Repository access blocked"), Fault.PERMANENT, Scope.CHANNEL, "resource_not_accessible", None),
    (answered(403, "x", **{"x-ratelimit-remaining": "0"}), Fault.LIMITED, Scope.TOKEN, "HTTP 403", 10.0),
    (answered(429, "x", **{"x-ratelimit-remaining": "0"}), Fault.LIMITED, Scope.TOKEN, "HTTP 429", 10.0),
    (answered(403, "You have exceeded a secondary rate limit"), Fault.LIMITED, Scope.TOKEN, "HTTP 403", 60.0),
    (answered(403, "abuse detection"), Fault.LIMITED, Scope.TOKEN, "HTTP 403", 60.0),
    (answered(429), Fault.LIMITED, Scope.TOKEN, "HTTP 429", 60.0),
    (answered(403, "Resource not accessible"), Fault.PERMANENT, Scope.CHANNEL, "resource_not_accessible", None),
    (answered(403, "x", **{"x-github-sso": "required"}), Fault.PERMANENT, Scope.CHANNEL, "saml", None),
    (answered(403, SAML), Fault.PERMANENT, Scope.CHANNEL, "saml", None),
    (answered(403, "Repository was archived so is read-only."), Fault.PERMANENT, Scope.CHANNEL, "archived", None),
    (answered(403, "Interactions on this"), Fault.PERMANENT, Scope.CHANNEL, "interaction_limited", None),
    (answered(403, IP), Fault.PERMANENT, Scope.TOKEN, "ip_allow_list", None),
    (answered(403, "have a User-Agent header"), Fault.PERMANENT, Scope.TOKEN, "missing_user_agent", None),
    (answered(404, "Not Found"), Fault.PERMANENT, Scope.CHANNEL, "not_found", None),
    (answered(410, "This issue was deleted"), Fault.REPLACE, Scope.DELIVERY, "issue_gone", None),
    (answered(410, "Issues has been disabled"), Fault.PERMANENT, Scope.CHANNEL, "issues_disabled", None),
    (answered(301, "Moved Permanently"), Fault.PERMANENT, Scope.CHANNEL, "HTTP 301", None),
    (answered(400, "Problems parsing JSON"), Fault.PERMANENT, Scope.DELIVERY, "bad_json", None),
    (answered(400, "Invalid API version"), Fault.PERMANENT, Scope.TOKEN, "bad_api_version", None),
    (answered(422, "x", [ASSIGNEE]), Fault.DEGRADE, Scope.DELIVERY, "validation_assignee", None),
    (answered(422, "x", [LABEL]), Fault.DEGRADE, Scope.DELIVERY, "validation_label", None),
    (answered(422, "x", [LONG]), Fault.DEGRADE, Scope.DELIVERY, "validation_title_too_long", None),
    (answered(422, "x", [SPAM]), Fault.LIMITED, Scope.TOKEN, "validation_spam", 60.0),
    (answered(422, 'Invalid request. "title"'), Fault.PERMANENT, Scope.DELIVERY, "validation", None),
    (answered(422, "endpoint has been spammed."), Fault.PERMANENT, Scope.DELIVERY, "unprocessable_spammed", None),
    (answered(451), Fault.PERMANENT, Scope.CHANNEL, "legal", None),
    (answered(500), Fault.RETRY, Scope.CHANNEL, "HTTP 500", None),
    (answered(503), Fault.RETRY, Scope.CHANNEL, "HTTP 503", None),
    (answered(418), Fault.PERMANENT, Scope.DELIVERY, "HTTP 418", None),
    (Answer(502, {}, b"<!DOCTYPE html><title>Unicorn!</title>"), Fault.RETRY, Scope.CHANNEL, "HTTP 502", None),
    (Answer(403, {}, USER_AGENT), Fault.PERMANENT, Scope.TOKEN, "missing_user_agent", None),
    (Answer(403, {"x-github-request-id": "1"}, PAGE), Fault.PERMANENT, Scope.CHANNEL, "resource_not_accessible", None),
    (Answer(401, {}, PAGE), Fault.PERMANENT, Scope.TOKEN, "unauthorized", None),
    (Answer(404, {}, PAGE), Fault.PERMANENT, Scope.CHANNEL, "not_found", None),
    (Answer(429, {}, PAGE), Fault.LIMITED, Scope.TOKEN, "HTTP 429", 60.0),
]


@pytest.mark.parametrize(("came", "fault", "scope", "error", "wait"), CASES)
def test_what_answers_mean(came, fault, scope, error, wait):
    failed = read(came, "POST issues", "acme/alerts", "01KD")
    assert (failed.fault, failed.scope, failed.error, failed.retry_after) == (fault, scope, error, wait)
    assert failed.unknown is (came.status in {408, 500, 502, 504})
    needs_a_person = fault in {Fault.PERMANENT, Fault.DEGRADE, Fault.REPLACE}
    assert failed.hint.endswith(", then `bridge replay 01KD`.") is needs_a_person
    assert failed.note == ({"plain": True} if fault is Fault.DEGRADE else {})


@pytest.mark.parametrize("method", ["POST issues", "PATCH issue", "POST comments", "GET"])
@pytest.mark.parametrize("body", [PAGE, b"", b'{"error": "blocked"}'], ids=["page", "nothing", "record"])
@pytest.mark.parametrize("status", [400, 403, 407, 410, 413, 422, 451])
def test_what_is_not_githubs_speaks_of_one_alert_alone(status, body, method):
    failed = read(Answer(status, {"date": DATE, "content-type": "text/html"}, body), method, "acme/alerts", "")
    assert (failed.fault, failed.scope, failed.error) == (Fault.PERMANENT, Scope.DELIVERY, f"HTTP {status}")
    assert "a proxy may refuse this alert" in failed.hint


@pytest.mark.parametrize(
    ("message", "error"),
    [("because issue is locked.", "locked"), ("more than 2500 comments", "too_many_comments")],
)
def test_a_comment_that_can_not_be_is_done_without_and_nothing_else_is(message, error):
    refused = answered(403, message)
    found = read(refused, "POST comments", "acme/alerts", "")
    assert (found.fault, found.scope, found.error) == (Fault.SATISFIED, Scope.DELIVERY, error)
    assert read(refused, "POST issues", "acme/alerts", "").fault is Fault.PERMANENT


def test_labels_are_never_worth_a_failure():
    forbidden = answered(403, "Must have push access to set labels.")
    for refused in (answered(404, "Label does not exist"), answered(422, "x", [LABEL]), forbidden):
        assert read(refused, "POST labels", "acme/alerts", "").fault is Fault.SATISFIED
