"""People are called by the setting `mention` alone: not by what stands in a template, whatever is put beside it."""

import re
from dataclasses import replace

import pytest
from attacks import alive_in_markdown, alive_in_pagerduty, alive_in_slack, alive_in_title, strings
from scenes import incident, member, want

from bridge.destinations.github import message as github
from bridge.destinations.github.escape import written as github_text
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack
from bridge.destinations.slack.escape import written as slack_text
from bridge.render.folders import template_folder
from bridge.render.jinja import Words

TITLES = ["!channel", "!here|x", "@U0123456789", "!subteam^S0123456789", "evil.example/", "//evil.example", "octocat"]
OURS = r"https:\u2060?//(?:alerts\.acme\.com|pytorchci\.grafana\.net|hud\.pytorch\.org)/"
TAG = re.compile(rf"<{OURS}[^<>]*>")
BEFORE = {"state": "resolved", "firing": [], "priority": "P3", "n": 1}
LINK = "link('x', 'https://alerts.acme.com/')"
SLACK = [
    "<!channel>",
    "<!everyone>",
    "<!here|x>",
    "<@U0123456789>",
    "<@W0123456789|nobody>",
    "<!subteam^S0123456789|@sre>",
    "<!date^1392734382^{date_short}|x>",
    "<{{ title }}>",
    "<!{{ 'here' }}>",
    "<!{{ title[1:] }}>",
    "<{# #}!here>",
    "<{% if true %}!here{% endif %}>",
    "{% set x %}<{% endset %}{{ x }}!here>",
    "{% macro m() %}<{% endmacro %}{{ m() }}!here>",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}!here{% endcall %}",
    "{% filter lower %}<!HERE>{% endfilter %}",
    "{% raw %}<!here>{% endraw %}",
    "{% autoescape false %}<!here>{{ '<!here>' }}{% endautoescape %}",
    "{{ '<!here>' }}{{ '<' }}!here{{ '>' }}",
    "{{ '<' ~ '!here' ~ '>' }}",
    "{{ ['<', '>'] | join('!here') }}",
    f"{{% set m = {LINK} %}}{{{{ m[0] }}}}!here{{{{ m[-1] }}}}",
    f"{{{{ {LINK} | first }}}}!here{{{{ {LINK} | last }}}}",
    f"{{{{ [{LINK}] | map(attribute=0) | join }}}}!here>",
    f"{{{{ [{LINK}] | map('first') | join }}}}!here>",
    f"{{% for one in {LINK} %}}{{{{ one ~ '!here>' if loop.first else '' }}}}{{% endfor %}}",
    f"{{{{ ({LINK} | list)[0] }}}}!here>",
    "{{ title | map(':written') | list }}",
    "<https://{{ title }}|x>",
    "<https://a{{ title }}|x>",
    "<{{ 'https://evil.example/' }}|x>",
    "<#{{ title }}>",
    "@here @channel @everyone",
    "@{{ 'here' }}",
    "<https://alerts.acme.com/<!here>|x>",
    "<https://alerts.acme.com/@here|x>",
]
GITHUB = [
    "@octocat",
    "@acme/sre",
    "a @octocat, (@octocat) [@octocat]",
    "@{{ title }}",
    "{% set x %}@{% endset %}{{ x }}octocat",
    "{% raw %}@octocat{% endraw %}",
    "{% filter lower %}@OCTOCAT{% endfilter %}",
    "&#64;octocat &#064;octocat &#x40;octocat &#X0040;octocat &commat;octocat",
    "\\@octocat",
    "`x`@octocat",
    "**x**@octocat",
    "https://alerts.acme.com/@octocat",
    "[x](https://alerts.acme.com/@octocat)@octocat",
    "[x](https://{{ title }})",
    "[x](https://a{{ title }})",
    "[x]({{ title }})",
    "[x](\n{{ title }})",
    "[x](<{{ title }}>)",
    '<a href="{{ title }}">x</a>',
    "<!-- {{ title }}",
    "<!-- > {{ title }}",
    "<{{ title }}>",
]


def told(folder, kind, source, title, **place):
    blocks = {"slack": slack.BLOCKS, "pagerduty": pagerduty.BLOCKS, "github": github.BLOCKS}[kind]
    text = "".join(f"{{% block {name} %}}x {source} y\n{{% endblock %}}\n" for name in blocks)
    (folder / "own.j2").write_text(text, "utf-8")
    failed = []
    words = Words((folder, template_folder()), lambda _kind, why: failed.append(why))
    about = incident(title=title, members=(member(labels={"alertname": title}),))
    return want(about, kind, place, words, template="own.j2"), failed


def ours(url):
    return re.match(OURS, url) is not None


@pytest.mark.parametrize("source", [*SLACK, *GITHUB[:4]])
def test_nothing_in_a_template_calls_people_in_slack(tmp_path, source):
    for title in TITLES:
        made, _failed = told(tmp_path, "slack", source, title)
        contents = (slack.content(made), slack.content(made, plain=True), {"text": slack.reply(made, BEFORE) or ""})
        for content in contents:
            assert set(alive_in_slack(content, ours)) <= {"a loose bracket", "unescaped"}
            assert [said for said in strings(content) if "<" in TAG.sub("", said)] == []


@pytest.mark.parametrize("source", [*GITHUB, *SLACK[:4]])
def test_nothing_in_a_template_calls_people_in_an_issue(tmp_path, source):
    for title in TITLES:
        made, _failed = told(tmp_path, "github", source, title, private=True)
        for text in (github.body(made, "01KD:1"), github.comment(made, BEFORE) or ""):
            assert [one for one in alive_in_markdown(text, ours) if "<!" not in source or "comment" not in one] == []
        assert [one for one in alive_in_title(github.title(made)) if one == "a mention"] == []


@pytest.mark.parametrize("source", ["<!here>", "@octocat", "<{{ title }}>"])
def test_nor_in_a_page(tmp_path, source):
    made, failed = told(tmp_path, "pagerduty", "see", "octocat")
    assert failed == []
    assert alive_in_pagerduty(pagerduty.trigger(made, "k", None, 1), bool) == []
    made, _ = told(tmp_path, "pagerduty", source, "octocat")
    assert pagerduty.trigger(made, "k", None, 1)["payload"]["summary"]


def test_the_setting_alone_calls_people(tmp_path):
    made, failed = told(tmp_path, "slack", "<!here> *see* <https://alerts.acme.com/|this>", "x")
    content = slack.content(made, mentions=("<!subteam^S1>",))
    assert failed == []
    assert [tag for tag in ("<!here>", "<!subteam^S1>") if tag in str(content)] == ["<!subteam^S1>"]
    assert slack.reply(replace(made), BEFORE).startswith("x &lt;!here> *see* <https://alerts.acme.com/|this> y")


@pytest.mark.parametrize(
    "own",
    [
        "*bold* _it_ `code`, > quote\n• point, 5 > 3 & R&amp;D",
        "<https://wiki.example.com/run|Runbook> <http://wiki.example.com> <https://x.example?q=1|q>",
        "<#C0123456789> <#C0123456789|alerts>",
        "mail ops@example.com",
        "<https://wiki.example.com/",
    ],
)
def test_markup_of_a_template_stays_in_slack(own):
    assert slack_text(own) == own


@pytest.mark.parametrize(
    "own",
    [
        "**bold** | a | b |\n|-|-|\n> quote <br> <details><summary>x</summary>\n\n</details> <!-- note -->",
        "[Runbook](https://wiki.example.com/run) [here](https://wiki.example.com) [on](#top) [wiki](../wiki)",
        "mail ops@example.com, R&amp;D & so on",
        "[x](https://wiki.example.com/",
        "- [ ] step (by hand)\n1. `a < b`\n<b\nclass=x>",
    ],
)
def test_markup_of_a_template_stays_in_an_issue(own):
    if "a < b" in own:
        assert github_text(own).replace("&lt;", "<") == own
    else:
        assert github_text(own) == own
