"""Text from an alert stays text: no mention, no link, no markup and no control that is not our own."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from scenes import incident, member, want

from bridge.core.alert import Links, Value
from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack

ATTACKS = (
    "<!here>",
    "<!channel> look",
    "<!everyone|all>",
    "<!subteam^S0123456>",
    "<@U0123456>",
    "@here @channel @everyone",
    "@octocat please",
    "<#C0123456|general>",
    "<https://evil.example|View alert>",
    "<mailto:a@evil.example|mail>",
    "<!date^1392734382^{date}|x>",
    "https://evil.example/x",
    "www.evil.example",
    "a@evil.example",
    "[View alert](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[x]: https://evil.example\n[x]",
    "<https://evil.example>",
    "<a href='https://evil.example'>x</a>",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<!-- bridge:other:1 -->",
    "--> visible <!--",
    "</details></summary>",
    "| a | b |\n|-|-|\n| c | d |",
    "*bold* _it_ ~gone~ `code`",
    "**bold** __bold__ ***x***",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "# Heading\n## Second\nText\n===\nText\n---",
    "> quote\n>> deeper",
    "- item\n+ item\n* item\n1. item\n2) item",
    "    indented code\n\tby tab",
    "fixes #123, closes acme/alerts#4, resolves GH-5",
    "fixes https://github.com/acme/alerts/issues/1",
    "#123 acme/alerts#123 GH-123",
    ":tada: :rotating_light: :+1:",
    "$x^2$ $$y$$",
    "[^1] [ ] [x] [[wiki]]",
    "\\<!here\\> \\[x\\](https://evil.example)",
    "&lt;!here&gt; &amp;lt;",
    "\u202egnp.exe\u2066\u2069\u200f",
    "\x00\x07\x1b[31mred\x1b[0m\x9b",
    "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "z\u200be\u200cr\u200do\ufeff\u2060",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "</details>\n\n@octocat",
    "\ud800 lone \udfff",
    "javascript:alert(1) data:text/html,x",
    "````\n@octocat\n````",
)
EVIL = "evil.example"
OURS = re.compile(r"^https://(pytorchci\.grafana\.net|hud\.pytorch\.org|alerts\.acme\.com)/")
SLACK_TAG = re.compile(r"<([^<>]*)>")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u2028\u2029\ud800-\udfff]")
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def hostile(text):
    one = member(
        labels={"alertname": text, "grafana_folder": text, "instance": text, text[:30]: text},
        annotations={"description": text, "summary": f"s {text}", "unit": text},
        values=(Value(text[:40] or "x", 2.0, {"a": text}), Value(text[:40] or "x", 3.0, {"a": "b"})),
        fingerprint=text or "f",
    )
    other = replace(one, id="m2", fingerprint="other", labels={**one.labels, "instance": "b"})
    return incident(
        title=text, teams=(text,), members=(one, other), priority_word=text, receiver=text, org=text, rule_key=text
    )


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def check_slack(text):
    told = want(hostile(text))
    before = {"state": "resolved", "firing": [], "priority": "P3", "n": 1}
    shown = [slack.content(told), slack.content(told, plain=True), slack.reply(told, before) or ""]
    for said in strings(shown):
        for tag in SLACK_TAG.findall(said):
            assert OURS.match(tag), tag
        assert "<" not in SLACK_TAG.sub("", said)
        assert not CONTROL.search(said)
        assert not re.search(r"&(?!amp;|lt;|gt;)", said)
    for block in slack.content(told)["blocks"]:
        for part in [*block.get("elements", []), *([block["text"]] if "text" in block else [])]:
            assert part.get("verbatim") is True if part["type"] == "mrkdwn" else part["emoji"] is False


def check_pagerduty(text):
    event = pagerduty.trigger(want(hostile(text), "pagerduty"), "k", None, 1)
    for said in strings(event):
        assert not CONTROL.search(said)
    assert not re.search(r"[\[\](){}<>]|://", event["payload"]["summary"])
    for link in event["links"]:
        assert OURS.match(link["href"])


def check_github(text):
    for private in (True, False):
        told = want(hostile(text), "github", {"private": private})
        body = github.body(told, "01KD:1")
        assert not CONTROL.search(body)
        assert body.startswith("<!-- bridge:01KD:1 -->\n")
        check_markdown(body)
        title = github.title(told)
        assert not CONTROL.search(title)
        assert not re.search(r"@\w|#\d|\n", title)
        check_markdown(github.comment(told, {"state": "firing", "firing": [], "priority": "P3", "n": 1}) or "")


OWN_HTML = re.compile(r"<!-- bridge:01KD:1 -->|<details><summary>[\w, ]+</summary>|</details>")


def check_markdown(body):
    """Parse as GitHub does, and look at what would come alive."""
    allowed = {"paragraph", "inline", "table", "thead", "tbody", "tr", "th", "td", "html_block", "fence"}
    allowed |= {"blockquote", "bullet_list", "list_item"}
    for token in MARKDOWN.parse(body):
        kind = token.type.removesuffix("_open").removesuffix("_close")
        assert kind in allowed, (kind, token)
        if kind == "html_block":
            assert not OWN_HTML.sub("", token.content).strip().startswith("<"), token.content
        for inner in token.children or ():
            check_inline(inner)


def check_inline(token):
    kind = token.type.removesuffix("_open").removesuffix("_close")
    assert kind in {"text", "text_special", "softbreak", "hardbreak", "link", "strong", "html_inline"}, token
    if token.type == "link_open":
        assert OURS.match(token.attrs["href"]), token
    if token.type == "html_inline":
        assert OWN_HTML.fullmatch(token.content), token
    if kind == "text":
        assert not re.search(r"(?i)@\w|#\d|\bGH-\d|\b(?:https?|ftp):/|\bwww\.\w", token.content), token.content


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("check", [check_slack, check_pagerduty, check_github])
def test_an_attack_stays_text(check, text):
    check(text)


pieces = st.lists(
    st.one_of(
        st.sampled_from(ATTACKS),
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
    assert len(SLACK_TAG.findall(links[0])) == 1
    check_markdown(github.body(want(told, "github", {"private": True}), "01KD:1"))


def test_right_to_left_letters_and_joined_emoji_stay():
    text = "אזהרה: דיסק מלא 👩‍💻 می‌خواهم"
    said = json.dumps(slack.content(want(incident(title=text))), ensure_ascii=False)
    assert text in said
