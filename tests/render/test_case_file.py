"""GitHub's issue as a case file: what is folded, what fits, what is for nobody's eyes, and what a subscriber hears."""

from dataclasses import replace

import pytest
from scenes import END, SCENES, disks, host, incident, over, resolved, want

from bridge.core.alert import Links, Priority
from bridge.core.incident import Previous, State
from bridge.destinations.github import message as github
from bridge.destinations.github import step as steps
from bridge.destinations.slack import message as slack
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.render.view import view

PRIVATE = {"private": True}


def body(told, place=PRIVATE, **settings):
    return github.body(want(told, "github", place, **settings), "m:1")


def group(n, **changes):
    return disks([host(one, round(0.5 + one / 10_000, 5), **changes) for one in range(1, n + 1)])


def lines_of(text):
    """Return how many alerts are listed in sight, and how many folded."""
    before, _, rest = text.partition("more alert")
    return before.count("\n- "), rest.partition("</details>")[0].count("\n- host")


@pytest.mark.parametrize(
    ("alerts", "in_sight", "folded", "summary", "last"),
    [
        (1, 0, 0, "", ""),
        (5, 5, 0, "", ""),
        (6, 5, 1, "1 more alert", ""),
        (40, 5, 35, "35 more alerts", ""),
        (100, 5, 95, "95 more alerts", ""),
        (500, 5, 95, "495 more alerts", "and 400 more"),
    ],
)
def test_beyond_five_alerts_the_others_are_folded(alerts, in_sight, folded, summary, last):
    text = body(group(alerts))
    assert lines_of(text) == (in_sight, folded)
    assert (f"<details><summary>{summary}</summary>" in text) is bool(summary)
    assert ("and 400 more" in text) is bool(last)
    assert text.count("<details>") == text.count("</details>")


def test_of_alerts_that_are_not_loaded_the_number_is_told():
    assert "- [and 2,400 more](" in body(replace(group(500), more_firing=2_000))


@pytest.mark.parametrize(("sign", "length"), [("x", 100), ("x", 1_000), ("x", 2_900), ("&", 200)])
def test_as_many_are_listed_as_there_is_room_for(sign, length):
    links = Links(alert="https://grafana.example/" + sign * length)
    long = {"description": "word & " * 3_000, "summary": "s" * 900}
    text = body(group(500, links=links, annotations=long))
    assert len(text) <= github.BODY
    in_sight, folded = lines_of(text)
    assert text.count("<details>") == text.count("</details>")
    assert f"and {495 - folded} more]" in text
    assert text.rstrip().endswith("more joined"), "the time line is there"
    assert in_sight == 5 or length > 1_000


def test_where_all_else_is_long_there_are_fewer():
    told = group(
        500, links=Links(alert="https://grafana.example/" + "x" * 250), annotations={"description": "a_b_" * 4_000}
    )
    many = {f"label{n}": "v" * 480 for n in range(40)}
    members = tuple(replace(one, labels={**one.labels, **many}) for one in told.members)
    text = body(replace(told, members=members))
    assert len(text) <= github.BODY
    assert 0 < lines_of(text)[1] < lines_of(body(told))[1]
    assert text.rstrip().endswith("more joined")


def test_a_template_without_the_fold_says_how_many_there_are(tmp_path):
    (tmp_path / "mine.j2").write_text("{% extends 'github/message.j2' %}{% block others %}{% endblock %}", "utf-8")
    words = Words((tmp_path, template_folder()))
    told = want(group(40), "github", PRIVATE, words=words, template="mine.j2")
    assert "more alert" not in github.body(told, "m:1")


def test_what_a_public_issue_must_not_show_no_template_can(tmp_path):
    everything = (
        "{% extends 'github/message.j2' %}{% block what %}"
        "{% for to in links %}{{ to.name }} {{ to.url }} {% endfor %}"
        "{% for place in elsewhere %}{{ place.url }} {% endfor %}"
        "{{ console }} {% for one in labels %}{{ one.name }} = {{ one.value }} {% endfor %}"
        "{% for one in readings %}{{ one.value }} {% endfor %}"
        "{% for one in history %}{{ one.what }}{% endfor %}"
        "{% for note in notes %}{{ note }}{% endfor %}{{ previous.text }} {{ previous.url }}{% endblock %}"
    )
    (tmp_path / "mine.j2").write_text(everything, "utf-8")
    words = Words((tmp_path, template_folder()))
    elsewhere = Previous(
        "01KB", END, 60.0, remotes={"github": {"url": "https://github.com/acme/ops/1", "text": "ops#1"}}
    )
    told = replace(SCENES["firing"], happened=SCENES["resolved"].happened, previous=elsewhere)
    secrets = (
        "silence",
        "slack.com",
        "alerts.acme.com",
        "grafana_folder =",
        "#broken-inductor",
        "#sec",
        "ops#1",
        "ops/1",
    )
    for place, shown in ((PRIVATE, True), ({"private": False}, False), ({}, False)):
        there = want(told, "github", place, words=words, template="mine.j2")
        text = github.body(replace(there, because="Told here because slack #sec could not be told."), "m:1")
        assert "Told here because" in text
        for secret in secrets:
            assert (secret in text.replace("\N{ZERO WIDTH SPACE}", "").replace("\\", "")) is shown, (secret, place)
        assert "View alert" in text


def test_slack_and_pagerduty_show_them_whatever_a_repository_is():
    seen = view(want("firing", "slack", {"private": False}))
    assert "silence" in {to.name for to in seen.links}
    assert seen.labels


FEW = disks([host(1), host(2)], priority=Priority.P2)


@pytest.mark.parametrize(
    ("before", "after", "comment"),
    [
        (incident(), incident(priority=Priority.P1), "Worse: P2 → P1."),
        (incident(priority=Priority.P1), incident(), None),
        (FEW, disks([host(1), host(2), host(3)], priority=Priority.P2), None),
        (FEW, disks([host(n) for n in range(1, 5)], priority=Priority.P2), "2 more: host-3, host-4."),
        (FEW, disks([host(n) for n in range(1, 4)]), "Worse: P2 → P1."),
        (FEW, replace(FEW, more_firing=8), "8 more."),
        (replace(FEW, more_firing=8), replace(FEW, more_firing=12), None),
        (incident(), over(), "Resolved Dec 9, 2025 11:47 AM PST, after 2 h 18 min."),
        (
            incident(),
            incident(state=State.STALE),
            "No longer heard of since Dec 9, 2025 9:30 AM PST: stale, not resolved.",
        ),
        (over(), incident(times=2), "Firing again (2nd time)."),
    ],
)
def test_subscribers_hear_what_is_worth_a_mail(before, after, comment):
    told = github.announced(want(before, "github"))
    assert github.comment(want(after, "github"), told) == comment


def test_what_subscribers_were_told_is_what_the_next_comment_is_measured_by():
    have = {"number": 7, "mark": "m:1", "shown": "old", "state": "open", "closed_by": None, "steps": 1}
    told = github.announced(want(incident(priority=Priority.P1), "github"))
    have |= {"announced": told, "labels": github.labels(want(incident(), "github"))}
    quiet = steps.next_step(want(incident(), "github", repo="pytorch/pytorch", visibility="private"), have)
    assert quiet.method == "PATCH issue"
    have |= quiet.told
    assert have["announced"] == told
    back = want(incident(priority=Priority.P1), "github", repo="pytorch/pytorch", visibility="private")
    assert github.comment(back, have["announced"]) is None, "they know it as a P1"


def test_slack_hears_of_every_newcomer():
    after = disks([host(1), host(2), host(3)], priority=Priority.P2)
    assert slack.reply(want(after), slack.announced(want(FEW))) == "1 more: host-3."


def test_who_fires_again_is_not_said_to_have_joined():
    members = (host(1), replace(host(2, since=END), again=2), resolved(host(3)))
    text = body(disks(members, times=2))
    assert "host-2 joined" not in text
    assert "firing again, 2nd time" in text
