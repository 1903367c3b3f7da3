"""The built-in words of a message whose template fails: they are marked, whatever else is in it, and lack no fact."""

from dataclasses import replace

import pytest
from scenes import disks, host, incident, want

from bridge.destinations.github import message as github
from bridge.destinations.slack import message as slack
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

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
