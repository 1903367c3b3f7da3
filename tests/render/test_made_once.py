"""What is made of an incident for showing: no more than is asked for, and once; counted, no clock is asked."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from scenes import disks, host, want

from bridge.core.alert import Value
from bridge.destinations import KINDS
from bridge.destinations.base import Nothing, Step
from bridge.destinations.github import message as issue
from bridge.destinations.slack import message as slack
from bridge.render import history, lines
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.render.view import MOST_ALERTS, view

PLACES = {"slack": {"channel_id": "C0123456", "usergroups": {}}, "github": {"private": True}}
TOKENS = {"slack": {"token": "xoxb", "channel": "#alerts"}, "github": {"repo": "acme/alerts"}}
ANSWERS = {
    "slack": {"ts": "1.2", "channel": "C0123456"},
    "github": {"number": 7, "state": "open"},
}


@pytest.fixture
def counted(monkeypatch):
    """A function that has a function of a module counted: it returns the list of what that one is given."""

    def count(module, name):
        asked, real = [], getattr(module, name)

        def made(*given, **named):
            asked.append(given)
            return real(*given, **named)

        monkeypatch.setattr(module, name, made)
        return asked

    return count


@pytest.mark.parametrize("kind", PLACES)
def test_a_message_is_made_once_for_its_step_and_for_the_look_afterwards(kind, counted):
    digests = counted(hashlib, "sha256")
    told = want("firing", kind, PLACES[kind], **TOKENS[kind])
    step = KINDS[kind].next_step(told, {})
    assert isinstance(step, Step)
    have = {**ANSWERS[kind], **step.told}
    assert KINDS[kind].next_step(replace(told, now=told.now + timedelta(seconds=1)), have) == Nothing()
    assert len(digests) == 1


def test_of_a_group_only_the_alerts_that_are_shown_are_told(counted):
    told = counted(lines, "member_word")
    measured = counted(lines, "values_words")
    slack.content(want("group-of-40"))
    assert len(told) == MOST_ALERTS
    # the first two, which show that nothing is measured alike
    assert len(measured) == MOST_ALERTS + 2


def test_alerts_that_measure_the_same_are_worded_once(counted):
    measured = counted(lines, "values_words")
    alike = [host(n, values=(Value("Jobs", 3.0),)) for n in range(40)]
    assert view(want(disks(alike))).values == ("Jobs: 3",)
    assert len(measured) == 1


def test_what_no_template_names_is_not_made(counted):
    histories = counted(history, "history")
    slack.content(want())
    assert not histories
    assert "**Time line** — Dec 9" in issue.body(want(kind="github"), "mark")
    assert len(histories) == 1


@pytest.mark.parametrize(
    "inside",
    [
        "{% include 'part.j2' %}",
        "{% set mine = 1 %}{% include 'part.j2' %}",
        "{% from 'part.j2' import said with context %}{{ said() }}",
        "{% macro said() %}{{ history[0].what }} {{ labels | length }} {{ host }}{% endmacro %}{{ said() }}",
        "{% for one in [1] %}{{ history[0].what }} {{ labels | length }} {{ host }}{% endfor %}",
        "{{ history[0].what if history is defined }} {{ labels | length }} {{ host }}",
    ],
)
def test_whatever_names_it_has_it_made(tmp_path, inside):
    said = "{{ history[0].what }} {{ labels | length }} {{ host }}"
    (tmp_path / "part.j2").write_text(f"{said}{{% macro said() %}}{said}{{% endmacro %}}", "utf-8")
    (tmp_path / "own.j2").write_text(f"{{% block facts %}}{inside}{{% endblock %}}", "utf-8")
    words = Words((tmp_path, template_folder()))
    assert words.block("slack", "facts", view(want()), "own.j2") == "firing 2 pytorchci.grafana.net"


def test_a_view_is_the_same_whether_all_of_it_has_been_made_or_not():
    whole, partly = view(want("mixed")), view(want("mixed"))
    assert "host-1" in repr(whole)
    assert partly == whole
    assert replace(partly, others=()).alerts == whole.alerts
