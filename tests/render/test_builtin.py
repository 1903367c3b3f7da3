"""The built-in words of a message whose template fails: they are marked, whatever else is in it, and lack no fact."""

from dataclasses import replace

import pytest
from scenes import SCENES, disks, host, incident, member, want

from bridge.core.alert import Links, Value
from bridge.core.incident import State
from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.render.text import http_link
from bridge.render.view import view

MARK = "(plain: template failed)"
MISSING = {"template": "missing.j2"}
ENDED = {"state": "resolved", "n": 0, "priority": "P3", "firing": []}


def test_where_the_title_alone_fails_the_body_is_marked(tmp_path):
    (tmp_path / "own.j2").write_text(
        "{% extends 'github/message.j2' %}{% block title %}{{ nothing }}{% endblock %}", "utf-8"
    )
    heard = []
    words = Words((tmp_path, template_folder()), lambda *why: heard.append(why))
    told = want("firing", "github", words=words, template="own.j2")
    assert github.title(told) == "[P2] Inductor Jobs Broken"
    body = github.body(told, "m")
    assert body.count(MARK) == 1
    assert "| Occurred At | Dec 9, 2025 9:29 AM PST |" in body
    assert len(heard) == 1


def test_a_comment_is_marked():
    many = disks([host(n) for n in range(1, 41)])
    told = want(many, "github", **MISSING)
    assert github.comment(told, ENDED).endswith(f" {MARK}")


@pytest.mark.parametrize("title", ["Disk full", "x & " * 250])
def test_a_reply_and_a_reminder_are_marked(title):
    told = want(incident(title=title), **MISSING)
    mentions = ("<!subteam^S0123456789>",) * 60
    for said in (slack.reply(told, ENDED), slack.reply(told, ENDED, mentions), slack.reminder(told)):
        assert said.endswith(f" {MARK}")
        assert len(said) <= slack.TEXT
    assert slack.reply(told, ENDED, mentions).startswith("<!subteam^S0123456789> ")


@pytest.mark.parametrize("plain", [False, True])
def test_long_notes_leave_the_mark(plain):
    told = replace(want(incident(), **MISSING), because="it is long " * 100)
    content = slack.content(told, plain=plain)
    shown = content["text"].split("\n") if plain else [block["elements"][0]["text"] for block in content["blocks"][-2:]]
    assert any(part.startswith(MARK) for part in shown)


def facts_of(scene, kind, **place):
    """What a template would have seen of a scene, and what the built-in words show."""
    told = want(scene, kind, place, **MISSING)
    return view(told), (slack.content(told) if kind == "slack" else github.body(told, "m"))


ALONE = replace(
    SCENES["firing"],
    state=State.STALE,
    times=3,
    members=(member(labels={"alertname": "x", "grafana_folder": "f", "instance": "db-2"}, annotations={}),),
)


def test_slack_lacks_no_fact():
    seen, content = facts_of(ALONE, "slack")
    shown = str(content["blocks"])
    assert seen.where
    assert seen.heard
    for fact in (seen.where, f"last heard of {seen.heard}", "3rd time", seen.console, seen.previous.words):
        assert fact in shown, fact
    for to in (*seen.elsewhere, seen.previous):
        assert to.url in shown
        assert to.text in shown


@pytest.mark.parametrize("private", [True, False])
def test_an_issue_lacks_no_fact_but_what_is_not_for_everybody(private):
    seen, body = facts_of(ALONE, "github", private=private)
    shown = body.replace("\\", "").replace("\N{ZERO WIDTH SPACE}", "")
    for fact in (f"last heard of {seen.heard}", "3rd time", seen.previous.text, seen.previous.words, seen.previous.url):
        assert fact in shown, fact
    assert all(to.url in shown for to in seen.elsewhere)
    assert all(f"{event.at} {event.what}" in shown for event in seen.history)
    for fact in ("db-2", "https://alerts.acme.com/incidents/", "https://acme.slack.com"):
        assert (fact in shown) is private, fact


def test_a_page_tells_of_the_incident_before():
    told = want(ALONE, "pagerduty", **MISSING)
    details = str(pagerduty.trigger(told, "k", None, 1)["payload"]["custom_details"])
    assert view(told).previous.words in details
    assert "3rd time" in details


@pytest.mark.parametrize("fill", ["&", "$", "["])
@pytest.mark.parametrize("number", [1, 5, 100])
@pytest.mark.parametrize("kind", ["slack", "github", "pagerduty"])
def test_no_value_alone_brings_a_shipped_template_to_its_built_in_words(kind, number, fill):
    url = "https://a.b/?" + fill * 2_900
    links = Links(alert=url, dashboard=url, runbook=url, silence=url, image=url)
    values = tuple(Value(f"{n}{fill * 198}", float(n), {"a": fill * 60}) for n in range(40))
    summary = {"summary": fill * 999}
    given = {"values": values, "links": links, "annotations": summary}
    named = [host(n, labels={"instance": f"{n}{fill * 200}"}, **given) for n in range(number)]
    heard = []
    words = Words((template_folder(),), lambda *why: heard.append(why))
    told = want(disks(named, title=fill * 900), kind, {"private": True}, words)
    shown = {"slack": slack.content, "github": lambda one: github.body(one, "m"), "pagerduty": paged}[kind](told)
    assert heard == []
    assert "Left out, too long: alert, dashboard, runbook, silence links." in str(shown)


def test_a_long_address_stays_where_its_markup_has_room():
    url = "https://a.b/?" + "&a=b" * 370
    assert http_link(url) == url
    assert http_link(url + "&a=b" * 10) is None


def paged(told):
    return pagerduty.trigger(told, "k", None, 1)
