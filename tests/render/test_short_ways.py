"""Most texts need nothing done to them, and most blocks see the same: the short way says what the long one does."""

import re
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.compiler import CodeGenerator
from scenes import want

from bridge.destinations.github import escape as github
from bridge.destinations.github import message as issue
from bridge.destinations.pagerduty import escape as pagerduty
from bridge.destinations.pagerduty import message as page
from bridge.destinations.slack import escape as slack
from bridge.destinations.slack import message
from bridge.render import jinja, text
from bridge.render.bounds import Rendering
from bridge.render.folders import template_folder
from bridge.render.humane import humane
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.sandbox import Sandbox
from bridge.render.unmarked import unmarked
from bridge.render.view import view

BLOCKS = {"slack": message.BLOCKS, "pagerduty": page.BLOCKS, "github": issue.BLOCKS}
HIDDEN = "\x00"
"""Goes, and leaves no trace: with it a text needs cleaning."""
PIECES = (
    *(
        "a",
        "Xy",
        "é",
        "日",
        "\U0001f525",
        " ",
        "  ",
        "\n",
        "\r",
        "\t",
        "\u2028",
        "\u202e",
        "\xad",
        "\ud800",
        "\U000e0100",
    ),
    *("@", "#1", "GH-2", ":", "//", ":tada:", "www.", "http://", "https://ex.am/p?a=b", "'", '"'),
    *("mailto:x", "f" * 40, "a1b2c3d", ":-", ":--"),
    *("*", "_", "~", "`", "```", "[", "](", "|", "\\", "^", "&", "<", ">", "> ", "$", "-", "+", "=", "1.", "2)", "."),
    *("<no value>", "<nil>", "[no value]", "no value", "3.14159265358979", "1e+06", "map[a:1]", "[ var='A' value=1 ]"),
    *("**b**", "# h", "[a](https://b.c)", "<https://d.e>", "\u017f", "\u212a", "\u0661.", "İ", "%", ",", ";"),
)
of_any = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12)
of_few = st.lists(st.sampled_from([one for one in PIECES if one.isascii()]), max_size=2)
texts = (of_few | of_any).map("".join)


@given(texts)
def test_what_needs_cleaning_and_what_does_not_come_out_alike(said):
    assert text.clean(said) == text.clean(HIDDEN + said)


@pytest.mark.parametrize(
    ("of", "guard", "made"),
    [
        (github, "_is_lively", github.markdown),
        (pagerduty, "_may_address", pagerduty.inert),
        (pagerduty, "_may_address", pagerduty.spoken),
    ],
)
@settings(max_examples=400)
@given(said=texts)
@example(said="GH-2")
def test_what_needs_no_escaping_comes_out_as_it_would_with_it(of, guard, made, said):
    short = made(said)
    with patch.object(of, guard, return_value=True):
        assert made(said) == short


@settings(max_examples=400)
@given(texts)
@example("a://b")
@example(":a:")
@example("a:\u017f:")
def test_what_slack_makes_nothing_of_comes_out_as_it_would_escaped(said):
    assert slack.mrkdwn(said) == slack.neutral(slack.characters(said))


@given(texts)
def test_what_is_inert_in_slack_is_so_beside_what_is_not(said):
    beside = "&gt; @ :// "
    assert slack.neutral(f"{beside}({said}") == slack.neutral(beside) + slack.neutral(f"({said}")


@settings(max_examples=400)
@given(texts)
def test_letters_of_any_script_are_spoken_alike(said):
    assert pagerduty._spoken(said) == pagerduty._spoken(f"{said}é")[:-1]


@given(st.text("htpsHTPS\u017f\u212a:/?#%'@[]~ .aé\n", max_size=20).map("http://".__add__) | texts)
@example("https://a.b/" + "c" * text.LONGEST_LINK)
@example("https:///a")
@example("http\u017f://a.b")
def test_a_link_is_what_percent_encoding_leaves_of_it(url):
    assert text.http_link(url) == text.http_link(f" {url}")


@given(texts)
def test_marks_and_numbers_come_out_as_they_do_beside_others(said):
    line = said.replace("\n", " ")
    assert unmarked(f"x\n{line}") == f"x\n{unmarked(line)}"
    long = "1.23456789 <nil> "
    assert humane(long + said) == humane(long) + humane(said)


@given(texts, st.integers(1, 40))
def test_a_text_is_measured_in_units(said, room):
    assert text.units(said) == text.units(said + "\U0001f525") - 2
    short = text.cut(said, room)
    assert text.units(short) <= room
    assert (short == said) == (text.units(said) <= room)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("scene", ["firing", "group-of-40", "hostile", "resolved"])
def test_blocks_together_say_and_cost_what_each_does_alone(kind, scene, monkeypatch):
    spent = []

    def watched(*given):
        spent.append(Rendering(*given))
        return spent[-1]

    monkeypatch.setattr(jinja, "Rendering", watched)
    words, seen = Words((template_folder(),)), view(want(scene, kind))
    together = words.blocks(kind, BLOCKS[kind], seen)
    assert together == {block: words.block(kind, block, seen) for block in BLOCKS[kind]}
    first, second = spent[: len(together)], spent[len(together) :]
    assert [(one.steps, one.room) for one in first] == [(one.steps, one.room) for one in second]
    assert len({one.steps for one in first}) > 1


@pytest.mark.parametrize("above", ["", "{% extends 'slack/message.j2' %}", "{% set other = 1 %}"])
def test_what_one_block_sets_no_other_sees(tmp_path, above):
    own = (
        above + "{% block what %}{% set mine = title %}{{ mine }}{% endblock %}{% block more %}{{ mine }}{% endblock %}"
    )
    (tmp_path / "own.j2").write_text(own, "utf-8")
    words = Words((tmp_path, template_folder()))
    with pytest.raises(TemplateFailedError, match=r"block more: 'mine' is undefined$"):
        words.blocks("slack", ("what", "more"), view(want()), "own.j2")


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("scene", ["firing", "hostile"])
def test_a_program_as_jinja_alone_writes_it_says_the_same(kind, scene, monkeypatch):
    """What is put out is escaped, whatever Jinja calls for it in versions to come."""
    seen = view(want(scene, kind))
    ours = Words((template_folder(),)).blocks(kind, BLOCKS[kind], seen)
    monkeypatch.setattr(Sandbox, "code_generator_class", CodeGenerator)
    assert Words((template_folder(),)).blocks(kind, BLOCKS[kind], seen) == ours


def test_nothing_is_put_out_but_through_the_sandbox():
    sandbox = Words((template_folder(),))._sandbox
    for kind in BLOCKS:
        source, file, _ = sandbox.loader.get_source(sandbox, f"{kind}/message.j2")
        program = sandbox.compile(source, f"{kind}/message.j2", file, raw=True)
        assert re.findall(r"(?m)^ *yield (?!'|from |None$|environment\.put_out\()", program) == []
