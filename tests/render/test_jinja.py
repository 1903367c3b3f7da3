"""Templates: parts can be replaced, nothing escapes the sandbox, and one that fails says where and why."""

from dataclasses import fields, replace

import pytest
from scenes import SCENES, want

from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack
from bridge.render.folders import template_folder
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.view import View, view

EVIL = "<!here> *x* & [a](https://evil.example)"


@pytest.fixture
def words(tmp_path):
    def make(source, name="own.j2", on_fallback=lambda _kind, _why: None):
        (tmp_path / name).write_text(source, "utf-8")
        return Words((tmp_path, template_folder()), on_fallback)

    return make


def block(words, source, kind="slack", name="facts", scene="firing"):
    return words(source).block(kind, name, view(want(scene, kind)), "own.j2")


def wrapped(inside, name="facts"):
    return f"{{% extends 'slack/message.j2' %}}{{% block {name} %}}{inside}{{% endblock %}}"


def test_a_part_is_replaced_and_the_rest_stays(words):
    own = words(wrapped("*{{ title }}* {{ super() }}"))
    seen = view(want())
    assert own.block("slack", "facts", seen, "own.j2").startswith("*Inductor Jobs Broken* *broken-inductor* · since")
    shipped = Words((template_folder(),))
    for name in ("headline", "what", "text"):
        assert own.block("slack", name, seen, "own.j2") == shipped.block("slack", name, seen)


@pytest.mark.parametrize("above", ["{% set said %}{{ title }}{% endset %}", "{% set said = title | upper %}"])
def test_what_stands_above_the_blocks_is_escaped_for_each_of_them(words, above):
    """In a whole message, of which the headline comes first: it is plain text, where a star is a star."""
    parts = "".join(f"{{% block {name} %}}{{{{ said }}}}{{% endblock %}}" for name in ("headline", "facts"))
    own = words("{% extends 'slack/message.j2' %}" + above + parts)
    told = slack.content(want(replace(SCENES["firing"], title=EVIL), words=own, template="own.j2"))
    headline, facts = (next(one for one in told["blocks"] if one["type"] == kind) for kind in ("header", "context"))
    assert "*X*" in headline["text"]["text"].upper()
    assert "*" not in facts["elements"][0]["text"]


def test_the_first_folder_wins(words, tmp_path):
    (tmp_path / "slack").mkdir()
    own = words("{% block text %}mine{% endblock %}", "slack/message.j2")
    assert own.block("slack", "text", view(want())) == "mine"


@pytest.mark.parametrize(
    "inside",
    [
        "{{ description }}",
        "{% autoescape false %}{{ description }}{% endautoescape %}",
        "{% set x = description %}{{ x }}",
        "{% set x %}{{ description }}{% endset %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(description) }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ description }}{% endcall %}",
        "{{ [description] | join(', ') }}",
        "{{ [description] | map('upper') | join }}",
        "{{ description ~ '' }}",
        "{{ description + '' }}",
        "{{ link('see', links[0].url) ~ description }}",
        "{{ link('see', links[0].url) + description }}",
        "{{ [link('see', links[0].url), description] | join(description) }}",
        "{{ link(description, links[0].url) }}",
        "{{ link(description, 'javascript:x') }}",
        "{{ link('x', links[0].url)[:4] ~ description }}",
        "{% filter upper %}{{ description }}{% endfilter %}",
        "{{ description[1:] }}{{ description | short(30) }}{{ description | trim }}",
        "{% for word in description.split(' ') %}{{ word }}{% endfor %}",
        "{% for letter in description %}{{ letter }}{% endfor %}",
        "{{ {'a': description}.a }}",
        "{{ none }}{{ 3 }}{{ description if true }}",
        "{% autoescape false %}{% set x %}{{ description }}{% endset %}{{ x ~ description }}{% endautoescape %}",
    ],
)
def test_nothing_puts_out_text_unescaped(words, inside):
    seen = replace(view(want()), description=EVIL)
    for kind, forbidden in (("slack", ("<!", "*x*")), ("github", ("<!", "*x*", "[a](", "https://evil"))):
        own = words(f"{{% extends '{kind}/message.j2' %}}{{% block facts %}}{inside}{{% endblock %}}")
        said = own.block(kind, "facts", seen, "own.j2")
        assert not [bad for bad in forbidden if bad in said.replace("\\*", "").replace("\\[", "")], said


@pytest.mark.parametrize(
    "inside",
    [
        "{{ title | safe }}",
        "{{ title | e }}",
        "{{ title | escape }}",
        "{{ title | forceescape }}",
        "{{ {} | xmlattr }}",
        "{{ title | tojson }}",
        "{{ title | urlize }}",
        "{{ title | format }}",
        "{{ title | replace('a', 'b') }}",
        "{{ title.__class__ }}",
        "{{ title.format() }}",
        "{{ title.ljust(9) }}",
        "{{ links.__class__ }}",
        "{{ [title] | map(attribute='__class__') | list }}",
        "{{ links | join(attribute='__class__') }}",
        "{{ link('a', links[0].url).unescape() }}",
        "{{ link('a', links[0].url).replace('a', 'b') }}",
        "{{ cycler }}",
        "{{ lipsum() }}",
        "{{ self.__init__ }}",
        "{{ nothing }}",
        "{{ links }}",
        "{{ links[0] }}",
        "{{ true }}",
        "{{ 1 / 0 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{% for a in range(99999) %}{% endfor %}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(9999) %}{{ description }}{% endfor %}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{% set x = ['a' ~ description] %}{% for n in range(200) recursive %}{{ loop(range(200)) }}{% endfor %}",
        "{% include 'own.j2' %}",
        "{% include 'missing.j2' %}",
        "{% include '../../../etc/passwd' %}",
        "{% import 'own.j2' as me %}{{ me.x }}",
        "{% if %}",
        "{{ title",
    ],
)
def test_what_a_template_may_not_do_ends_it(words, inside):
    with pytest.raises(TemplateFailedError) as failed:
        block(words, wrapped(inside))
    assert str(failed.value).startswith("template ")
    assert len(str(failed.value)) < 500


def test_a_failure_names_template_line_and_reason(words):
    with pytest.raises(TemplateFailedError, match=r"^template own\.j2 line 3, block facts: 'nothing' is undefined$"):
        block(words, "{% extends 'slack/message.j2' %}\n{% block facts %}\n{{ nothing }}{% endblock %}")
    with pytest.raises(TemplateFailedError, match=r"^template own\.j2 line 2: Expected an expression"):
        block(words, "\n{% if %}")
    with pytest.raises(TemplateFailedError, match=r"^template own\.j2, block facts: it has no block 'facts'$"):
        block(words, "nothing here")
    with pytest.raises(TemplateFailedError, match=r"^template gone\.j2, block facts: there is no such template$"):
        words("").block("slack", "facts", view(want()), "gone.j2")
    with pytest.raises(TemplateFailedError, match=r"there is no template gone\.j2$"):
        block(words, "{% extends 'gone.j2' %}")


def test_check_compiles_without_rendering(words):
    words("{{ nothing }}").check("slack", "own.j2")
    with pytest.raises(TemplateFailedError, match="line 1"):
        words("{% if %}").check("slack", "own.j2")


def test_definitions_of_both_templates_are_seen(words):
    source = (
        "{% extends 'base.j2' %}{% set mine = 'child' %}{% macro m() %}macro{% endmacro %}"
        "{% block text %}{{ mine }} {{ m() }} {{ super() }}{% endblock %}"
    )
    own = words("{% set theirs = 'base' %}{% block text %}{{ theirs }}{% endblock %}", "base.j2")
    own = words(source)
    assert own.block("slack", "text", view(want()), "own.j2") == "child macro base"


def test_macros_of_another_file_are_used(words):
    words("{% macro loud(text) %}*{{ text | upper }}* {{ caller() }}{% endmacro %}", "parts.j2")
    inside = "{% from 'parts.j2' import loud %}{% call loud(title) %}{{ description | short(9) }}{% endcall %}"
    assert block(words, wrapped(inside)) == "*INDUCTOR JOBS BROKEN* Inductor…"


@pytest.mark.parametrize("scene", SCENES)
def test_a_broken_template_still_tells_every_fact(words, scene):
    heard = []
    own = words("{{ nothing", on_fallback=lambda kind, why: heard.append((kind, why)))

    def told(kind, **place):
        return want(scene, kind, place, own, template="own.j2")

    mark = "(plain: template failed)"
    content = slack.content(told("slack"))
    assert mark in str(content["blocks"])
    assert mark in slack.content(told("slack"), plain=True)["text"]
    assert mark in str(pagerduty.trigger(told("pagerduty"), "k", None, 1))
    assert mark in github.body(told("github", private=True), "m").replace("\\", "")
    assert github.title(told("github"))
    before = {"state": "resolved" if scene != "resolved" else "firing", "n": 0, "priority": "P2", "firing": []}
    assert slack.reply(told("slack"), before) is None or heard
    assert {kind for kind, _ in heard} >= {"slack", "pagerduty", "github"}
    assert all(why.startswith("template own.j2 line 1") for _, why in heard)


def test_every_block_of_the_readme_exists():
    for kind in ("slack", "pagerduty", "github"):
        source = (template_folder() / kind / "message.j2").read_text("utf-8")
        comment, body = source.split("#}", 1)
        for line in body.splitlines():
            if line.startswith("{% block "):
                name = line.split()[2]
                assert f"\n  {name} " in comment, name


def test_every_field_of_a_view_is_explained():
    assert all({"meaning", "example"} <= field.metadata.keys() for field in fields(View))
