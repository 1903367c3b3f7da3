"""Text from an alert stays text: no mention, no link, no markup and no control that is not our own."""

import json
import re
from dataclasses import replace

import pytest
from attacks import (
    ATTACKS,
    alive_in_markdown,
    alive_in_pagerduty,
    alive_in_slack,
    alive_in_title,
    hidden,
    strings,
)
from cmarkgfm import github_flavored_markdown_to_html
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import incident, member, want

from bridge.core.alert import Links, Value
from bridge.destinations.github import message as github
from bridge.destinations.github.escape import markdown, plain
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack
from bridge.render.text import one_line

OURS = re.compile(r"^https://(pytorchci\.grafana\.net|hud\.pytorch\.org|alerts\.acme\.com)/")


def hostile(text):
    one = member(
        labels={"alertname": text, "grafana_folder": text, "instance": text, text[:30]: text},
        annotations={"description": text, "summary": f"s {text}", "unit": text, "Error": text},
        reason=text,
        no_data="error",
        values=(Value(text[:40] or "x", 2.0, {"a": text}), Value(text[:40] or "x", 3.0, {"a": "b"})),
        fingerprint=text or "f",
        priority_word=text,
    )
    other = replace(one, id="m2", fingerprint="other", labels={**one.labels, "instance": "b"})
    return incident(title=text, teams=(text,), members=(one, other), receiver=text, org=text, rule_key=text)


BEFORE = [{"state": state, "firing": [], "priority": "P3", "n": 1} for state in ("firing", "resolved")]
"""What was said before: now alerts join, or it fires again."""


def ours(url):
    return bool(OURS.match(url.replace("&amp;", "&")))


def check_slack(text, **settings):
    told = want(hostile(text), **settings)
    replies = [{"text": slack.reply(told, before) or ""} for before in BEFORE]
    for content in (slack.content(told), slack.content(told, plain=True), *replies):
        assert alive_in_slack(content, ours) == []


def check_pagerduty(text, **settings):
    event = pagerduty.trigger(want(hostile(text), "pagerduty", **settings), "k", None, 1)
    assert alive_in_pagerduty(event, ours) == []


def check_github(text, **settings):
    for private in (True, False):
        told = want(hostile(text), "github", {"private": private}, **settings)
        body = github.body(told, "01KD:1")
        assert body.startswith("<!-- bridge:01KD:1 -->\n")
        assert alive_in_markdown(body, ours) == []
        assert alive_in_title(github.title(told)) == []
        for before in BEFORE:
            assert alive_in_markdown(github.comment(told, before) or "", ours) == []
        assert [label for label in github.labels(told) if hidden(label) or len(label) > 50] == []


def test_there_are_enough_attacks():
    assert len(ATTACKS) > 250


@pytest.mark.parametrize("template", ["", "missing.j2"], ids=["", "built-in words"])
@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("check", [check_slack, check_pagerduty, check_github])
def test_an_attack_stays_text(check, name, template):
    check(ATTACKS[name], template=template)


pieces = st.lists(
    st.one_of(
        st.sampled_from(list(ATTACKS.values())),
        st.text(alphabet="<>&|*_~`@#:/[]()!\\\n \u202eaא1-=+$", max_size=12),
        st.text(max_size=8),
    ),
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(pieces)
def test_any_text_stays_text(text):
    check_slack(text)
    check_pagerduty(text)
    check_github(text)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://evil.example/",
        "//evil.example",
        "https://",
        "x",
        "file:///etc",
    ],
)
def test_only_http_links_are_links(url):
    told = incident(members=(member(links=Links(alert=url, dashboard=url, runbook=url, silence=url, image=url)),))
    assert "View alert" not in json.dumps(slack.content(want(told)))
    assert "links" not in pagerduty.trigger(want(told, "pagerduty"), "k", None, 1)
    assert "View" not in github.body(want(told, "github", {"private": True}), "m")


def test_a_url_cannot_leave_its_link():
    url = "https://pytorchci.grafana.net/a|b>c <d) \"e' [f](x)\\ @octocat #1"
    told = incident(members=(member(links=Links(alert=url)),))
    links = [said for said in strings(slack.content(want(told))) if "View alert" in said]
    assert links[0].count("<") == links[0].count(">") == 1
    assert alive_in_markdown(github.body(want(told, "github", {"private": True}), "01KD:1"), ours) == []


def test_right_to_left_letters_and_joined_emoji_stay():
    text = "אזהרה: דיסק מלא 👩‍💻 می‌خواهم"
    said = json.dumps(slack.content(want(incident(title=text))), ensure_ascii=False)
    assert text in said


@pytest.mark.parametrize("line", [":-", ":-:", ":--", ":---:", " :-", "-:", "---", "|-|", ":-\n:-"])
def test_no_line_of_a_text_makes_a_table(line):
    shown = github_flavored_markdown_to_html(f"Below\n{markdown(line)}\n\n{markdown(f'Resolved{chr(10)}{line}')}")
    assert re.findall("<[a-z0-9]+", shown) == ["<p", "<p"]
    for row in line.split("\n"):
        assert row.strip() in shown.replace("\N{ZERO WIDTH SPACE}", "")


SHA = "a5c3785ed8d6a35868bc169f07e40e889087fd2e"


@pytest.mark.parametrize("sha", [SHA[:length] for length in (7, 8, 12, 13, 15, 17, 39, 40)] + [SHA.upper(), "1" * 40])
@pytest.mark.parametrize("around", ["{}", "of {}.", "({})", "octocat/hello@{}", "a: {}\nb"])
def test_no_part_of_a_commit_is_long_enough_to_be_linked(sha, around):
    said = around.format(sha)
    for escape in (markdown, plain):
        shown = escape(said)
        assert not re.search("[0-9a-fA-F]{7}", shown)
        assert shown.replace("\N{ZERO WIDTH SPACE}", "") == (said if escape is markdown else one_line(said))


@pytest.mark.parametrize(
    "said",
    [
        *("1234567", "20251209", "a5c378", "defaced", "api-7d9f8c6b5d-2xkqp", "550e8400-e29b-41d4-a716-446655440000"),
        *("v2.10.2.aba315b", "0xa5c3785e", SHA + "a", SHA[:16]),
    ],
)
def test_what_is_no_commit_is_copied_as_it_is(said):
    assert markdown(said) == plain(said) == said
