"""The page: what people would see, and that hostile words stay words."""

from __future__ import annotations

from html.parser import HTMLParser

import asked
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.drawn import blockkit, markdown
from bridge.drawn.blockkit import Names
from bridge.sandbox.page import version

KEY = "a" * 32
VOID = {"br", "hr", "link", "meta"}
MADE = {"a", "blockquote", "br", "code", "del", "details", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"}
MADE |= {"ol", "p", "pre", "s", "span", "strong", "summary", "table", "td", "th", "tr", "ul"}
HOSTILE = [
    '<script>alert(1)</script><img src=x onerror="alert(1)">',
    '"><svg/onload=alert(1)>',
    '[x](javascript:alert(1)) <javascript:alert(1)|x> [x](data:text/html,a) <https://a.b/" onclick=alert(1)|x>',
    "{{ 7 * 7 }} {% raw %}",
    "</main></body><details><summary><b>",
]


class Outline(HTMLParser):
    """Notes every tag, and checks that they close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.addresses = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, sorted(name for name, _ in attrs)))
        self.addresses += [value for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_harmless(made):
    outline = Outline(made)
    assert {tag for tag, _ in outline.tags} <= MADE
    assert {name for _, names in outline.tags for name in names} <= {"class", "href", "target", "rel"}
    assert all(address.lower().startswith(("http:", "https:", "mailto:")) for address in outline.addresses)


markup = st.lists(
    st.sampled_from([*HOSTILE, *"<>&*_~`|#->![]()@:\\\"'\n 1a", "```", "<!--", "-->", "<details>", "</details>"])
    | st.sampled_from(["<summary>", "</summary>", "https://a.b", "|-|-|\n", "&lt;", "&amp;", "<!here>", "\n> ", "**"])
    | st.text(max_size=5)
).map("".join)


@given(markup)
def test_markdown_makes_only_what_it_may(text):
    assert_harmless(markdown.render(text))


@given(markup)
def test_mrkdwn_makes_only_what_it_may(text):
    assert_harmless(blockkit.mrkdwn(text, Names()))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("*bold* _it_ ~gone~ `co_d_e`", "<strong>bold</strong> <em>it</em> <s>gone</s> <code>co_d_e</code>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("a &lt;b&gt; &amp;amp;", "a &lt;b&gt; &amp;amp;"),
        ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
        ("one\ntwo", "one<br>two"),
        ("```x *y*\nz```", "<pre>x *y*\nz</pre>"),
        ("<!here> <!channel>", '<span class="pill loud">@here</span> <span class="pill loud">@channel</span>'),
        ("<!subteam^S1>", '<span class="pill loud">@oncall</span>'),
        ("<@U1> <#C1>", '<span class="pill">@sam</span> <span class="pill">#alerts</span>'),
        ("<!date^1^{date}|Dec 9>", "Dec 9"),
        (":rotating_light: :unheard:", "🚨 :unheard:"),
        ("<javascript:x|label>", "label"),
    ],
)
def test_mrkdwn_looks_as_in_slack(text, made):
    assert blockkit.mrkdwn(text, Names({"U1": "sam"}, {"C1": "alerts"}, {"S1": "oncall"})) == made


@pytest.mark.parametrize(
    ("node", "made"),
    [
        ({"type": "mrkdwn", "text": "https://a.b"}, "</a>"),
        ({"type": "mrkdwn", "text": "https://a.b", "verbatim": True}, ">https://a.b</span>"),
        ({"type": "mrkdwn", "text": "*https://a.b*", "verbatim": True}, "<strong>https://a.b</strong>"),
        ({"type": "mrkdwn", "text": "<https://a.b>", "verbatim": True}, "</a>"),
        ({"type": "plain_text", "text": "*a* :warning:"}, ">*a* ⚠️<"),
        ({"type": "plain_text", "text": ":warning:", "emoji": False}, ">:warning:<"),
    ],
)
def test_text_objects_look_as_in_slack(node, made):
    shown = blockkit.text_object(node, Names())
    assert made in shown
    assert shown.startswith('<span dir="auto">')


def test_a_link_shows_its_label():
    made = blockkit.mrkdwn("<https://a.b/?x=1&amp;y=2|View alert>", Names())
    assert made == '<a href="https://a.b/?x=1&amp;y=2" target="_blank" rel="noopener noreferrer">View alert</a>'


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("# Title #", "<h1>Title</h1>"),
        ("**bold** _it_ ~~gone~~ `a*b*`", "<p><strong>bold</strong> <em>it</em> <del>gone</del> <code>a*b*</code></p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("- a\n- b\n  c", "<ul><li>a</li><li>b<br>c</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("> a\n> b", "<blockquote><p>a<br>b</p></blockquote>"),
        ("```py\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("| | |\n|-|-|\n| a | b \\| c |", "<table><tr><td>a</td><td>b | c</td></tr></table>"),
        ("| h |\n|---|\n| a |", "<table><tr><th>h</th></tr><tr><td>a</td></tr></table>"),
        ("<!-- mark:1 -->\nshown", "<p>shown</p>"),
        ("a <!-- never closed\nb", "<p>a</p>"),
        (
            "<details><summary>More</summary>\n\ntext\n\n</details>",
            "<details><summary>More</summary><p>text</p></details>",
        ),
        ("<details>open", "<details><p>open</p></details>"),
        ("\\*plain\\* &lt;b&gt; <b>", "<p>*plain* &lt;b&gt; &lt;b&gt;</p>"),
        ("a<br>b", "<p>a<br>b</p>"),
        ("by @mona, see #12", '<p>by <span class="mention">@mona</span>, see <span class="mention">#12</span></p>'),
        ("by @\u200bmona, a@b.c", "<p>by @\u200bmona, a@b.c</p>"),
    ],
)
def test_markdown_looks_as_in_github(text, made):
    assert markdown.render(text) == made


EVERY_BLOCK = [
    {"type": "header", "text": {"type": "plain_text", "text": "🚨 P0 firing: Trunk is red"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*1* job"}, "fields": [{"type": "mrkdwn", "text": "_f_"}]},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "since 9:29"}]},
    {"type": "divider"},
    {"type": "image", "image_url": "https://a.b/c.png", "alt_text": "a graph"},
    {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}}]},
    {"type": "markdown", "text": "**md**"},
    {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "rich"}]}],
    },
]


def test_every_block_is_shown(sandbox, slack):
    posted = slack.chat_postMessage(channel="#alerts", text="P0", blocks=EVERY_BLOCK)
    slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="P0", blocks=EVERY_BLOCK)
    slack.chat_postMessage(channel="#alerts", text="in the thread", thread_ts=posted["ts"])
    page = asked.get(sandbox.url).text
    shown = [
        "🚨 P0 firing: Trunk is red</span></div>",
        "<strong>1</strong> job",
        "<em>f</em>",
        "since 9:29",
        "<hr>",
        "a graph",
    ]
    for words in [*shown, ">Open</span>", "<strong>md</strong>", "rich", "in the thread", "1 reply", "(edited)"]:
        assert words in page
    Outline(page)


def page_with(sandbox, slack, github, text):
    """The page after the text was put everywhere a text goes."""
    slack.chat_postMessage(channel="#alerts", text=text, blocks=[{"type": "markdown", "text": text}], username=text)
    slack.chat_postMessage(channel="#alerts", text=text)
    payload = {
        "summary": text,
        "source": text,
        "severity": "critical",
        "custom_details": {text: text, "n": {text: [1]}},
    }
    link = {"href": "https://a.b/" + "".join(text.split()), "text": text}
    event = {"routing_key": KEY, "event_action": "trigger", "dedup_key": text, "payload": payload, "links": [link]}
    answer = asked.post(
        f"{sandbox.pagerduty_url}/v2/enqueue", json={**event, "client": text, "client_url": "https://a"}
    )
    assert answer.status_code == 202
    issue = {"title": text, "body": text, "labels": [text[:50]], "assignees": [text]}
    number = github.post("/repos/acme/alerts/issues", json=issue).json()["number"]
    github.post(f"/repos/acme/alerts/issues/{number}/comments", json={"body": text})
    return asked.get(sandbox.url)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words_on_the_page(sandbox, slack, github, text):
    usual = Outline(page_with(sandbox, slack, github, "usual").text)
    answer = page_with(sandbox, slack, github, text)
    outline = Outline(answer.text)
    assert {tag for tag, _ in outline.tags} <= {tag for tag, _ in usual.tags} | MADE
    assert not any(name.startswith("on") or name == "style" for _, names in outline.tags for name in names)
    assert not any(address.lower().startswith("javascript") for address in outline.addresses)
    assert outline.tags.count(("script", ["defer", "src"])) == 1
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


def test_pages_and_issues_are_shown(sandbox, slack, github):
    page = page_with(sandbox, slack, github, "Inductor")
    for words in ("Triggered", "critical", "1 open", "Open</span>", "acme/alerts", "people notified"):
        assert words in page.text
    asked.post(
        f"{sandbox.pagerduty_url}/v2/enqueue",
        json={"routing_key": KEY, "event_action": "resolve", "dedup_key": "Inductor"},
    )
    github.patch("/repos/acme/alerts/issues/1", json={"state": "closed"})
    page = asked.get(sandbox.url)
    for words in ("Resolved</span>", "0 open", "Closed</span>", "closed this as completed"):
        assert words in page.text


def test_the_least_that_can_be_sent_is_shown(sandbox, slack, github):
    slack.chat_postMessage(channel="#alerts", attachments=[{"fallback": "only an attachment"}], text="")
    first = slack.chat_postMessage(channel="#alerts", text="parent")
    slack.chat_postMessage(channel="#alerts", text="loud", thread_ts=first["ts"], reply_broadcast=True)
    payload = {"summary": "least", "source": "grafana", "severity": "info"}
    event = {"routing_key": KEY, "event_action": "trigger", "payload": payload, "links": [{"href": "https://a.b"}]}
    asked.post(f"{sandbox.pagerduty_url}/v2/enqueue", json=event)
    del event["links"]
    asked.post(f"{sandbox.pagerduty_url}/v2/enqueue", json=event)
    github.post("/repos/acme/alerts/issues", json={"title": "t"})
    page = asked.get(sandbox.url).text
    for words in ("only an attachment", ">https://a.b</a>", "No description provided.", "replied to a thread"):
        assert words in page
    assert (page.count("loud"), page.count("replied to a thread")) == (2, 1)


def test_the_page_is_fetched_again_only_when_something_changed(sandbox, slack):
    before = version(sandbox)
    assert asked.get(sandbox.url, params={"version": before}).status_code == 204
    slack.chat_postMessage(channel="#alerts", text="x")
    assert asked.get(sandbox.url, params={"version": before}).status_code == 200


def test_everything_the_page_needs_is_served_here(sandbox):
    addresses = Outline(asked.get(sandbox.url).text).addresses
    for address in addresses:
        if not address.startswith("data:"):
            assert address.startswith("/_sandbox/")
            assert asked.get(sandbox.url + address).status_code == 200
    assert len(addresses) == 4


def test_links_to_messages_lead_to_their_place(sandbox, slack):
    posted = slack.chat_postMessage(channel="#alerts", text="x")
    link = slack.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"])["permalink"]
    place = asked.get(link).headers["Location"].removeprefix("/#")
    assert f'id="{place}"' in asked.get(sandbox.url).text
    assert asked.get(f"{sandbox.url}/nothing").status_code == 404
