"""`bridge check` renders every template in use for samples, and says at which line what is wrong."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge import rehearse, samples
from bridge.cli.check import check as command
from bridge.render import changes
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.render.view import view

ENV = {"T": "t", "P": "p", "BRIDGE_TEMPLATES": "mine"}
CONFIG = """\
sources: {grafana: {auth: none}}
destinations: {KIND: SETTINGS}
send: {P0: [KIND], P1: [KIND], P2: [KIND], P3: [KIND]}
teams:
  infra:
    destinations:
      KIND:
        template: KIND/infra.j2
"""
SETTINGS = {
    "slack": '{token: "${env:T}", channel: "#alerts"}',
    "pagerduty": '{routing_key: "${env:P}"}',
    "github": '{token: "${env:T}", repo: a/b}',
}
SHIPPED = Words((template_folder(),))


@pytest.fixture
def found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def find(source, kind="slack", name="infra.j2", *options):
        Path("bridge.yml").write_text(CONFIG.replace("KIND", kind).replace("SETTINGS", SETTINGS[kind]), "utf-8")
        Path("mine", kind).mkdir(parents=True, exist_ok=True)
        if source is not None:
            Path("mine", kind, name).write_text(source, "utf-8")
        result = CliRunner().invoke(command, options, env=ENV, catch_exceptions=False)
        assert result.exit_code == (0 if "can be used" in result.output else 1)
        return result.output

    return find


def extended(inside, kind="slack"):
    return f'{{% extends "{kind}/message.j2" %}}\n\n{inside}\n'


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_shipped_templates_have_nothing_wrong(found, kind):
    said = found(extended("", kind), kind).splitlines()
    assert [line for line in said if ": warning: " not in line] == ["bridge.yml: the configuration can be used"]


@pytest.mark.parametrize(
    ("kind", "inside", "said"),
    [
        (
            "slack",
            "{% block facts %}\n{{ sumary }}\n{% endblock %}",
            (
                "4: template slack/infra.j2 line 4, block facts, 'sumary' is undefined (sample single): "
                "did you mean summary?"
            ),
        ),
        (
            "slack",
            "{% block links %}{% for to in links %}{{ to.href }}{% endfor %}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block links, a Link has no part 'href' (sample single): "
                "known: name, text and url"
            ),
        ),
        (
            "slack",
            "{% block what %}{{ values[0] }}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block what, tuple object has no element 0 (sample group of 3): "
                "it may be empty: ask with {% if … %} first"
            ),
        ),
        (
            "slack",
            "{% block reply %}{{ change.words }}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block reply, 'change' is undefined (sample single, worse): "
                "did you mean changes?"
            ),
        ),
        (
            "github",
            "{% block comment %}{{ nobody }}{% endblock %}",
            (
                "3: template github/infra.j2 line 3, block comment, 'nobody' is undefined (sample single, worse): "
                "what there is stands in docs/reference/template-view.md"
            ),
        ),
        (
            "github",
            "{% block details %}{{ elsewhere[0].url }}{% endblock %}",
            (
                "3: template github/infra.j2 line 3, block details, tuple object has no element 0 (sample single): "
                "it may be empty: ask with {% if … %} first"
            ),
        ),
        (
            "slack",
            "{% block headlne %}{% endblock %}",
            "3: template slack/infra.j2 line 3, has a block headlne, which nothing shows: did you mean headline?",
        ),
        (
            "slack",
            "{% block what %}{% if %}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, Expected an expression, got 'end of statement block': "
                "mend this line; what there is stands in docs/reference/template-view.md"
            ),
        ),
        (
            "slack",
            "{% block what %}{{ title | trunc }}{% endblock %}",
            "3: template slack/infra.j2 line 3, No filter named 'trunc'.: did you mean truncate?",
        ),
        (
            "slack",
            "{% block headline %}{{ title }} " + "x" * 150 + "{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block headline, makes 171 characters, 150 are shown "
                "(sample single): say less, or cut a part with | truncate(…)"
            ),
        ),
        (
            "pagerduty",
            "{% block summary %}{{ title }} " + "x" * 1_024 + "{% endblock %}",
            (
                "3: template pagerduty/infra.j2 line 3, block summary, makes 1,045 characters, 1,024 are shown "
                "(sample single): say less, or cut a part with | truncate(…)"
            ),
        ),
        (
            "github",
            "{% block title %}{{ title }} " + "x" * 256 + "{% endblock %}",
            (
                "3: template github/infra.j2 line 3, block title, makes 277 characters, 256 are shown (sample single): "
                "say less, or cut a part with | truncate(…)"
            ),
        ),
        (
            "github",
            "{% block comment %}" + "x" * 65_537 + "{% endblock %}",
            (
                "3: template github/infra.j2 line 3, block comment, makes 65,537 characters, 65,536 are shown "
                "(sample single, worse): say less, or cut a part with | truncate(…)"
            ),
        ),
        (
            "slack",
            "{% block text %}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block text, is empty (sample single): "
                "write something that is always there, like {{ title }}"
            ),
        ),
        (
            "slack",
            '{% block more %}{{ link("Files", "ftp://example.com/") }}{% endblock %}',
            (
                "3: template slack/infra.j2 line 3, block more, links to ftp://example.com/, which is no http or "
                "https address (sample single): only these become links"
            ),
        ),
        (
            "slack",
            "{% block more %}<javascript:alert(1)|now>{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, links to javascript:alert(1), which is no http or "
                "https address: write one, or only the words"
            ),
        ),
        (
            "slack",
            "{% block more %}<!here>{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, calls <!here>: "
                "mentions come from the destination's setting mention alone"
            ),
        ),
        (
            "github",
            "{% block details %}[now](data:text/html,x){% endblock %}",
            (
                "3: template github/infra.j2 line 3, links to data:text/html,x, which is no http or "
                "https address: write one, or only the words"
            ),
        ),
        (
            "slack",
            "{% block more %}\nsee\n@sre{% endblock %}",
            "5: template slack/infra.j2 line 5, calls @sre: mentions come from the destination's setting mention alone",
        ),
        (
            "slack",
            "{% block more %}{% if false %}<@{{ title }}>{% endif %}{% endblock %}",
            "3: template slack/infra.j2 line 3, calls <@: mentions come from the destination's setting mention alone",
        ),
        (
            "slack",
            "{% block more %}\n\n<{{ title }}>{% endblock %}",
            "5: template slack/infra.j2 line 5, begins a link whose place a value says: write {{ link(text, url) }}",
        ),
        (
            "slack",
            "{% block more %}<https://{{ title }}|x>{% endblock %}",
            "3: template slack/infra.j2 line 3, begins a link whose place a value says: write {{ link(text, url) }}",
        ),
        (
            "github",
            "{% block details %}cc @acme/sre{% endblock %}",
            (
                "3: template github/infra.j2 line 3, calls @acme/sre: mentions come from the destination's "
                "setting mention alone"
            ),
        ),
        (
            "github",
            "{% block details %}&#64;octocat{% endblock %}",
            (
                "3: template github/infra.j2 line 3, calls &#64;octocat: mentions come from the destination's "
                "setting mention alone"
            ),
        ),
        (
            "github",
            "{% block details %}[x]({{ console }}){% endblock %}",
            "3: template github/infra.j2 line 3, begins a link whose place a value says: write {{ link(text, url) }}",
        ),
        (
            "slack",
            "{% block what %}\n{% if false %}{{ title | uper }}{% endif %}{% endblock %}",
            "4: template slack/infra.j2 line 4, No filter named 'uper'.: did you mean upper?",
        ),
        (
            "slack",
            "{% block what %}{{ ['a'] | map('uper') | join }}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block what, No filter named 'uper'. (sample single): did "
                "you mean upper?"
            ),
        ),
        (
            "slack",
            "{% block what %}{{ 1 if title is strng }}{% endblock %}",
            "3: template slack/infra.j2 line 3, No test named 'strng'.: did you mean string?",
        ),
        (
            "slack",
            "{% block what %}{{ title.spilt(' ') }}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block what, text has no method 'spilt' (sample single): did "
                "you mean split?"
            ),
        ),
        (
            "slack",
            "{% block what %}{{ title.center(9) }}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block what, text has no method 'center' (sample single): known: "
                "capitalize, casefold, count, endswith, find, isalpha, isdigit, lower, lstrip, partition, "
                "removeprefix, removesuffix, rstrip, split, splitlines, startswith, strip, title and upper"
            ),
        ),
        (
            "slack",
            "{% block what %}{% for a in range(99999) %}{% endfor %}{% endblock %}",
            (
                "3: template slack/infra.j2 line 3, block what, does more than 20,000 steps (sample single): "
                "make shorter loops, or do less in each turn"
            ),
        ),
    ],
)
def test_a_problem_is_a_line_with_its_mend(found, kind, inside, said):
    lines = [line for line in found(extended(inside, kind), kind).splitlines() if ": warning: " not in line]
    assert lines == [f"mine/{kind}/infra.j2:{said}"]


def test_json_names_file_and_line(found):
    listed = json.loads(found(extended("{% block what %}{{ x }}{% endblock %}"), "slack", "infra.j2", "--json"))
    (one,) = [finding for finding in listed if finding["level"] == "error"]
    assert (one["file"], one["line"], one["level"]) == ("mine/slack/infra.j2", 3, "error")
    assert one["what"] == "template slack/infra.j2 line 3, block what, 'x' is undefined (sample single)"


def test_a_template_that_extends_nothing_is_told_what_it_lacks(found):
    assert found("{% block summary %}{{ title }}{% endblock %}", "pagerduty") == (
        "mine/pagerduty/infra.j2:1: template pagerduty/infra.j2 line 1, has no block what, where, values, team, since, "
        'folder, alerts, notes and before, and extends nothing: begin it with {% extends "pagerduty/message.j2" %}\n'
    )


def test_a_template_that_is_not_there_is_told_where_it_is_named(found):
    assert found(None).endswith(
        "bridge.yml:8: template slack/infra.j2, there is no such template: write it into mine, or mend its name\n"
    )


def test_a_template_that_extends_what_is_not_there(found):
    said = found('{% extends "slack/mesage.j2" %}')
    assert "\nmine/slack/infra.j2: template slack/infra.j2, there is no template slack/mesage.j2: mend" in said


def test_an_override_of_the_shipped_one_is_checked(found):
    found(extended(""))
    said = found('{% extends "slack/message.j2" %}', "slack", "message.j2")
    assert "slack/message.j2 line 1, extends itself: give it a name that no shipped template has\n" in said
    said = found("{% block summary %}{{ nope }}{% endblock %}", "pagerduty", "message.j2")
    assert "mine/pagerduty/message.j2:1: template pagerduty/message.j2 line 1, has no block what" in said
    assert "line 1, block summary, 'nope' is undefined" in said


def test_a_block_inside_of_a_block_is_shown(found):
    inner = "{% block more %}{% block first %}{{ title }}{% endblock %}{% endblock %}"
    assert "can be used" in found(extended(inner))
    assert "can be used" in found(
        extended("{% block mine %}{{ title }}{% endblock %}{% block more %}{{ self.mine() }}{% endblock %}")
    )


def test_templates_through_another_own_one(found, tmp_path):
    found(extended(""))
    (tmp_path / "mine" / "slack" / "base.j2").write_text(extended("{% block more %}{{ gone }}{% endblock %}"), "utf-8")
    said = found('{% extends "slack/base.j2" %}')
    assert "mine/slack/base.j2:3: template slack/base.j2 line 3, block more, 'gone' is undefined" in said


def test_a_template_folder_that_is_not_there(found, tmp_path):
    found(extended(""))
    (tmp_path / "mine").rename(tmp_path / "theirs")
    result = CliRunner().invoke(command, [], env=ENV)
    assert result.exit_code == 1
    assert (
        result.output.splitlines()[-1]
        == "BRIDGE_TEMPLATES: there is no folder mine: make it, or leave the variable out"
    )


def test_the_samples_show_every_situation_and_what_comes_later():
    seen = {scene.name for scene in samples.scenes()}
    assert seen >= {*samples.SITUATIONS.values(), "group of 500", "single, worse", "single, stale", "mixed, resolved"}
    words = {view_of(scene).word for scene in samples.scenes()}
    assert words >= {"firing", "no data", "cannot be evaluated", "paused", "resolved", "stale", "test"}
    assert {scene.incident.priority.value for scene in samples.scenes()} == {"P0", "P1", "P2", "P3"}
    assert max(len(scene.incident.teams) for scene in samples.scenes()) == 3
    assert max(view_of(scene).total for scene in samples.scenes()) == 501
    assert any(view_of(scene).mixed for scene in samples.scenes())


def test_every_file_of_samples_is_a_situation():
    folder = Path(samples.__file__).parent / "sandbox" / "data" / "payloads"
    assert {path.stem for path in folder.glob("*.json")} == set(samples.SITUATIONS)


def test_every_field_of_the_view_is_filled_by_a_sample():
    seen = [view_of(scene, private=private) for scene in samples.scenes() for private in (False, True)]
    assert [name for name in seen[0].__slots__ if not any(getattr(one, name) for one in seen)] == []


def view_of(scene, *, private=False):
    rehearsal = rehearse._Rehearsal("slack", "slack/message.j2", "x:0", SHIPPED, None)
    want = rehearsal._want(scene, private=private)
    return view(want, changes.changes(want.incident, scene.before, rehearse.ZONE))


def test_blocks_are_those_of_the_shipped_templates():
    for kind, blocks in rehearse.BLOCKS.items():
        assert set(SHIPPED.outline(kind).blocks) == set(blocks)
        about = re.match(r"\{#.*?#\}", (template_folder() / kind / "message.j2").read_text("utf-8"), re.DOTALL)
        assert all(re.search(rf"^  {name} ", about[0], re.MULTILINE) for name in blocks)
