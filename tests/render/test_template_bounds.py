"""A template may do what it likes: it ends soon, needs little, and says why it was ended."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from attacked import MEMORY, SECONDS
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import want
from template_attacks import attacks

from bridge.render import bounds
from bridge.render.filters import FILTERS
from bridge.render.folders import template_folder
from bridge.render.jinja import TemplateFailedError, Words
from bridge.render.sandbox import TEST_NAMES
from bridge.render.view import view

HERE = Path(__file__).parent
KILOBYTES = 64 * 1024


# A kind's own part is the escaping of what is put out.
PUT_OUT = [name for name in attacks("", "") if name.startswith(("text", "macro of", "loop of", "join", "link"))]


@pytest.fixture(
    scope="module", params=[("slack", "facts"), ("pagerduty", "summary", *PUT_OUT), ("github", "facts", *PUT_OUT)]
)
def outcome(request):
    """What came of attacks, each in a process of its own that the kernel bounds; and what was said there."""
    command = [sys.executable, HERE / "attacked.py", *request.param]
    ended = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    found = {one["name"]: one for one in map(json.loads, ended.stdout.splitlines())}
    assert set(found) == set(request.param[2:] or attacks("", "")), ended.stderr
    return found, ended.stderr


def test_there_are_enough_attacks():
    assert len(attacks("", "")) > 120
    assert len(PUT_OUT) > 10


def test_no_attack_takes_long_or_much(outcome):
    found, said = outcome
    killed = [name for name, one in found.items() if "killed" in one]
    assert killed == [], f"more than {SECONDS} s of the processor, {MEMORY} bytes, or a crash: {said[-2_000:]}"
    assert [name for name, one in found.items() if one["kilobytes"] > KILOBYTES] == []


def test_each_attack_fails_with_a_reason(outcome):
    found, _ = outcome
    assert [name for name, one in found.items() if "text" in one] == []
    assert [one["failed"] for one in found.values() if "MemoryError" in one["failed"]] == []
    assert all(one["failed"].startswith("template ") for one in found.values())
    counted = [name for name, one in found.items() if "more than" in one["failed"]]
    assert len(counted) > len(found) / 2


@pytest.mark.parametrize(
    ("inside", "steps"),
    [
        ("{{ title }}", 3),
        ("{% for a in alerts %}{{ a.name }}{% endfor %}", 5),
        ("{{ range(1000) | list | length }}", 3_000),
        ("{% include 'gone' ignore missing %}", 200),
        ("{% set x = range(1000) %}" + "{% if x == x %}{% endif %}" * 4, 9_000),
        ("{% for a in range(100) %}{% if a == 3 or a == 4 %}x{% endif %}{% endfor %}", 800),
        ("{% set x = '" + "y" * 50_000 + "' %}{{ x | length }}", 3),
        ("{% set x = '" + "y" * 50_000 + "' %}{{ x | upper | length }}", 2_000),
    ],
)
def test_what_is_done_is_counted(tmp_path, inside, steps):
    """Each is done as often as there are steps for it, and once more ends it."""
    words = Words((tmp_path, template_folder()))
    seen = view(want())

    def often(times):
        own = "{% extends 'slack/message.j2' %}{% macro m() %}" + inside + "{% endmacro %}"
        own += "{% block facts %}{% for n in range(" + str(times) + ") %}{% set x = m() %}{% endfor %}{% endblock %}"
        (tmp_path / f"{times}.j2").write_text(own, "utf-8")
        return words.block("slack", "facts", seen, f"{times}.j2")

    most = bounds.MOST_STEPS // steps
    assert often(max(1, most // 8)) == ""
    with pytest.raises(TemplateFailedError, match=r"does more than 20,000 steps|makes more than 100,000 characters"):
        often(most + 1)


def test_a_busy_template_of_people_has_plenty(tmp_path):
    own = """{% extends "slack/message.j2" %}
{% macro row(alert) %}{{ alert.name | oneline | short(60) }}
{% if alert.values %}({{ alert.values | short(80) }}){% endif %}
{% endmacro %}
{% block facts %}
{% for label in labels | sort(attribute="name") if label.name not in ["alertname", "grafana_folder"] %}
{% set name = label.name | capitalize %}{{ name }}={{ label.value | truncate(40) }}{{ ", " if not loop.last }}
{% endfor %}
{% for alert in alerts | selectattr("firing") | list %}{{ row(alert) }}{% endfor %}
{% for note in (notes | map("oneline") | unique) %}{{ loop.index }}. {{ note }}{% endfor %}
{{ teams | map("upper") | join(" and ") }} {{ (values | first) if values }}
{{ history | map(attribute="what") | join(", ") }}
{% endblock %}"""
    (tmp_path / "own.j2").write_text(own, "utf-8")
    words = Words((tmp_path, template_folder()))
    for scene in ("firing", "resolved"):
        assert "BROKEN-INDUCTOR" in words.block("slack", "facts", view(want(scene)), "own.j2")


def test_a_file_that_is_no_template_is_not_read(tmp_path):
    with (tmp_path / "own.j2").open("wb") as huge:
        huge.truncate(10 * 1024**4)
    with pytest.raises(TemplateFailedError, match=r"^template own\.j2 line 1: is longer than 100,000 characters$"):
        Words((tmp_path, template_folder())).block("slack", "facts", view(want()), "own.j2")


values = st.sampled_from(
    ["a", "b", "title", "alerts", "labels", "loop", "none", "99", "-1.5", "'x<y'", "[a,b]", "(a,b)", "{1:a}"]
)
filters = st.sampled_from(
    ["", "[1:]", "[a]", "[0]", ".name", ".a.b", ".split(b)", ".items()", "()", "(a)"]
    + [f" | {name}" for name in FILTERS]
    + [" | map('upper')", " | map(attribute='name') | join", " | select('in', b) | list", " | sort(attribute='a.0')"]
    + [" | plural(3)", " | counted(b)", " | short(b)", " | join(b)", " | round(b, 'ceil')", " | default(b)"]
    + [f" {operator} b" for operator in ("~", "+", "-", "*", "//", "%", "**", "==", "<", "in", "is in", "is eq", "and")]
    + [f" is {name}" for name in TEST_NAMES if name.isidentifier()]
)
pieces = st.tuples(values, filters, filters).map("".join)
shapes = st.sampled_from(
    [
        "{{ ONE }}{{ TWO }}",
        "{% set a = ONE %}{% set b = TWO %}",
        "{% for a in ONE %}{{ TWO }}{% endfor %}",
        "{% if ONE %}{% set b %}<{{ TWO }}{% endset %}{% endif %}",
        "{% macro m(a) %}{{ ONE }}{% endmacro %}{{ m(TWO) }}",
    ]
)
statements = st.tuples(shapes, pieces, pieces).map(
    lambda three: three[0].replace("ONE", three[1]).replace("TWO", three[2])
)


@settings(max_examples=400, deadline=None)
@given(st.lists(statements, max_size=4).map("".join))
def test_anything_is_text_or_a_failure_with_a_reason(inside):
    text = f"{{% block facts %}}{{% set a, b = title, 2 %}}{inside}{{% endblock %}}"
    words = Words((template_folder(),), typed={"slack": text})
    said = None
    with suppress(TemplateFailedError):
        said = words.block("slack", "facts", view(want()))
    assert said is None or isinstance(said, str)
