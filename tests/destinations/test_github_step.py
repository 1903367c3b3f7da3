from dataclasses import replace

import pytest
from destination_kit import DELIVERY, Lane, digest, incident, settings, want

from bridge.core.alert import Priority
from bridge.core.incident import State
from bridge.destinations import github
from bridge.destinations.base import Done, Intent, Nothing
from bridge.destinations.github import message
from bridge.destinations.github.message import BODY
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

SEEN = {"private": False}


def told(*incidents, **values):
    lane = Lane("github", **values)
    for its in incidents:
        lane.tell(its)
    return lane


def by_person(lane):
    """A person closes the issue; the next edit's answer says so."""
    lane.have |= {"state": "closed", "closed_by": "person"}
    return lane


def test_the_address_is_the_repository_without_case():
    found = github.address(settings("github", repo="PyTorch/Alerts"), digest)
    assert (found.text, found.lane) == ("pytorch/alerts", "github/pytorch/alerts")


@pytest.mark.parametrize(("visibility", "learns"), [("auto", True), ("public", False), ("private", False)])
def test_whether_it_is_public_is_learned_where_nobody_says(visibility, learns):
    step = github.next_step(want("github", visibility=visibility), {})
    assert step.learns is learns
    assert not github.next_step(want("github", visibility=visibility, place={"private": None}), {}).learns


def test_the_opening_request():
    step = github.next_step(want("github", place=SEEN, assignees=["octocat"]), {})
    assert (step.intent, step.method, step.creates, step.path) == (
        Intent.OPEN,
        "POST issues",
        True,
        "/repos/acme/alerts/issues",
    )
    assert step.request["body"].startswith(f"<!-- bridge:{DELIVERY}:1 -->")
    assert step.request["assignees"] == ["octocat"]
    assert "Pri:P1" in step.request["labels"]


def test_an_incident_over_before_it_could_be_told_opens_nothing():
    for state in (State.RESOLVED, State.CLOSED):
        assert Lane("github").tell(incident(state=state)) == Nothing("over before it could be told")


def test_a_rise_in_priority_edits_labels_and_comments():
    lane = told(incident(), incident(priority=Priority.P0))
    assert lane.methods == ["PATCH issue", "POST labels", "DELETE label", "POST comments"]
    edit, add, remove, comment = lane.taken
    assert edit.request.keys() == {"title", "body"}
    assert edit.request["body"].startswith(f"<!-- bridge:{DELIVERY}:1 -->"), "the mark of the opening stays"
    assert add.request == {"labels": ["Pri:P0"]}
    assert remove.path.endswith("/labels/Pri%3AP1")
    assert comment.request["body"].startswith(f"<!-- bridge:{DELIVERY}:{comment.number} -->\n")
    assert [step.creates for step in lane.taken] == [False, False, False, True]
    assert set(lane.have["labels"]) == set(lane.steps[1].request["labels"]) - {"Pri:P1"} | {"Pri:P0"}


def test_labels_are_compared_without_case():
    lane = told(incident(), labels=["Alert"])
    lane.values = {"labels": ["alert"]}
    assert lane.tell(incident()) == Nothing()
    assert lane.taken == []


def test_a_resolve_is_one_comment_and_one_closing_with_its_reason():
    lane = told(incident(), incident(state=State.RESOLVED))
    assert lane.methods == ["POST comments", "PATCH issue"]
    assert [step.intent for step in lane.taken] == [Intent.RESOLVE] * 2
    assert lane.taken[1].request.keys() == {"title", "body", "state", "state_reason"}
    assert lane.taken[1].request["state_reason"] == "completed"
    paused = told(incident(), incident(state=State.RESOLVED, state_reason="Paused"))
    assert paused.taken[1].request["state_reason"] == "not_planned"


def test_firing_again_opens_what_we_closed():
    lane = told(incident(), incident(state=State.RESOLVED), incident(times=2))
    assert lane.methods == ["PATCH issue", "POST comments"]
    assert lane.taken[0].request["state"] == "open"
    assert lane.have["state"] == "open"
    lane.tell(incident(state=State.RESOLVED, times=2))
    assert lane.methods == ["POST comments", "PATCH issue"]


def test_what_a_person_closed_stays_closed_with_one_comment_at_most():
    lane = by_person(told(incident()))
    lane.tell(incident(priority=Priority.P0))
    assert lane.methods.count("POST comments") == 1
    for its in (incident(state=State.RESOLVED), incident(times=2), incident(state=State.RESOLVED, times=2)):
        lane.tell(its)
        assert "POST comments" not in lane.methods
    assert not any("state" in step.request for step in lane.steps)


def test_what_a_person_opened_again_is_not_closed_until_it_fires_again():
    lane = told(incident(), incident(state=State.RESOLVED))
    lane.have |= {"state": "open", "closed_by": None, "kept_open": True}
    assert lane.tell(incident(state=State.RESOLVED)) == Nothing()
    lane.tell(incident(times=2))
    lane.tell(incident(state=State.RESOLVED, times=2))
    assert lane.taken[-1].request["state"] == "closed"


def test_a_refused_assignee_or_label_opens_a_plain_issue_and_labels_it_after():
    lane = Lane("github", assignees=["nobody"])
    lane.have = {"plain": True}
    lane.tell(incident())
    assert lane.methods == ["GET repo", "POST issues", "POST labels"]
    assert lane.steps[1].request.keys() == {"title", "body"}
    assert lane.have["assignees_refused"] is True
    assert "Pri:P1" in lane.have["labels"]


def test_an_issue_that_is_gone_is_opened_anew_once_and_not_for_what_is_over():
    lane = told(incident())
    gone = lane.have | {"replaced": True}
    step = github.next_step(want("github", place=SEEN), gone)
    assert step.method == "POST issues"
    assert step.request["body"].startswith(f"<!-- bridge:{DELIVERY}:{step.number} -->")
    have = gone | Done({"number": 9, "state": "open"}).remote | step.told
    assert github.next_step(want("github", place=SEEN), have) == Nothing()
    assert github.next_step(want("github", incident(state=State.RESOLVED), place=SEEN), gone).skipped


def test_a_template_that_says_very_much_makes_no_body_that_github_refuses():
    rooms = {"what": 24_000, "facts": 12_000, "alerts": 6_000, "others": 30_000, "timeline": 3_000}
    blocks = "".join(f"{{% block {name} %}}{'word ' * (room // 5)}{{% endblock %}}" for name, room in rooms.items())
    words = Words((template_folder(),), typed={"github": f'{{% extends "github/message.j2" %}}{blocks}'})
    made = message.body(replace(want("github"), words=words), "01KD:1")
    assert BODY - 1_000 < len(made) <= BODY
    assert made.startswith("<!-- bridge:01KD:1 -->")
