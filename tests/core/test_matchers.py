import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.matchers import Matcher, MatcherError, parse_matcher


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('grafana_folder = "staging"', Matcher("grafana_folder", "=", "staging")),
        ("team=broken-inductor", Matcher("team", "=", "broken-inductor")),
        ('team =~ "broken-.*"', Matcher("team", "=~", "broken-.*")),
        ('team!~"a|b"', Matcher("team", "!~", "a|b")),
        (" a != b c ", Matcher("a", "!=", "b c")),
        ('a=""', Matcher("a", "=", "")),
        ("a=", Matcher("a", "=", "")),
        ('a = "say \\"hi\\", {x}\\n"', Matcher("a", "=", 'say "hi", {x}\n')),
        (r'a =~ "\d+\\.x"', Matcher("a", "=~", r"\d+\.x")),
        ('"a name" = "x"', Matcher("a name", "=", "x")),
        ("größe = 1", Matcher("größe", "=", "1")),
        ("a =~ (?i)prod", Matcher("a", "=~", "(?i)prod")),
    ],
)
def test_parse(text, expected):
    assert parse_matcher(text) == expected
    assert parse_matcher(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("team", "no operator"),
        ('team == "x"', "a single `=`"),
        ("team == x", "a single `=`"),
        ("team = 'x'", "write double ones"),
        ("folder =~ 'x'", "write double ones"),
        ('{team="x"}', "leave them out"),
        ('team = "x', "not closed"),
        ('team = x, priority = "P0"', "one condition an entry"),
        ('a = b"c"d', "can't be read"),
        ("team =~ [", "invalid"),
        ("team =~ *x", "invalid"),
        ("team =~ " + "x" * 1001, "1000 characters"),
    ],
)
def test_what_cannot_be_read_says_how_to_mend_it(text, says):
    with pytest.raises(MatcherError, match=says) as caught:
        parse_matcher(f'team =~ "{text[8:]}"' if text.startswith("team =~ ") else text)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "pattern", ["broken-.*", "(foo|bar)-x", "[ab]+", "(?:a|b)?", "(a+)+b", "prod-.*|stage-.*", r"\(x+\)+", "a{2}"]
)
def test_ordinary_expressions_are_fine(pattern):
    assert parse_matcher(f'x =~ "{pattern}"').value == pattern


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("x = a", "a", True),
        ("x = a", "A", False),
        ("x = a", None, False),
        ('x = ""', None, True),
        ("x != a", None, True),
        ("x != a", "a", False),
        ("x =~ a.c", "abc", True),
        ("x =~ a.c", "abcd", False),
        ("x =~ a|b", "ab", False),
        ("x =~ .*", None, True),
        ("x =~ .+", None, False),
        ("x !~ a.*", "abc", False),
        ("x !~ a.*", "b", True),
        ("x =~ a", "a\n", False),
    ],
)
def test_matches(text, value, holds):
    assert parse_matcher(text).matches({} if value is None else {"x": value}) is holds


def test_any_case():
    assert Matcher("team", "=", "Broken").holds("bROKEN", any_case=True)
    assert Matcher("team", "=~", "bro.*").holds("BROKEN", any_case=True)


@given(st.text(max_size=30))
def test_any_text_is_a_matcher_or_a_sentence(text):
    with contextlib.suppress(MatcherError):
        assert parse_matcher(text).name


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_equality_reads_back(name, value):
    matcher = Matcher(name, "=", value)
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize("pattern", [".*a.*a.*b", "(a+)+b", "(a|aa)*b", "((a*)b)*", "(.*y){9}", "a?" * 60 + "a" * 60])
def test_hostile_labels_do_not_keep_it_busy(pattern):
    """Python's own engine would not end."""
    matcher = parse_matcher(f'x =~ "{pattern}"')
    assert not matcher.matches({"x": "a" * 200_000 + "c"})
