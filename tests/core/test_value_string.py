import re
import time
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.payload import value_string
from bridge.core.payload.value_string import parse


def shown(written):
    return [(value.name, value.number, dict(value.labels)) for value in parse(written)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", []),
        ("   ", []),
        ("[no value]", []),
        ("[ metric='foo' labels={instance=bar} value=10 ]", [("foo", 10, {"instance": "bar"})]),
        ("[ metric='' labels={} value=14151.331895396988 ]", [("value", 14151.331895396988, {})]),
        ("[ var='B' value=22 ]", [("B", 22, {})]),
        ("[ var='A' metric='m' labels={k=v, k2=v2} type='query' value=22 ]", [("A", 22, {"k": "v", "k2": "v2"})]),
        ("[ var='A' metric='m' type='query' value=1 ]", [("A", 1, {})]),
        ("[ metric='m' type='query' value=1 ]", [("m", 1, {})]),
        ("[ var='A' type='query' value=1 ]", [("A", 1, {})]),
        ("[ value=3 ]", [("value", 3, {})]),
        ("value=3", [("value", 3, {})]),
        (
            "[ var='A' labels={} value=null ], [ var='B' value=NaN ], [ var='C' value=+Inf ], [ var='D' value=1e9 ]",
            [("A", None, {}), ("B", None, {}), ("C", None, {}), ("D", 1e9, {})],
        ),
        (
            "[ var='B0' metric='up{job=\"a\", x='y'}' labels={q={z}, m=a=b, n=it's ] here, w=x, y} value=1 ]",
            [("B0", 1, {"q": "{z}", "m": "a=b", "n": "it's ] here", "w": "x, y"})],
        ),
        (
            "[ var='A' metric='a ], [ b' labels={} value=1 ], [ var='C' labels={} value=2 ]",
            [("A", 1, {}), ("C", 2, {})],
        ),
        ("[ var='A' labels={a=b value=7 ]", [("A", 7, {})]),
        ("[ var='A' labels={} value=value=1 ]", []),
    ],
)
def test_values(written, expected):
    assert shown(written) == expected


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        ("[ var='A' metric='m' labels={k=v} type='query' value=22 ]", ["query"]),
        ("[ var='A' type='reduce' value=1 ], [ var='C' labels={} type='threshold' value=1 ]", ["reduce", "threshold"]),
        ("[ var='A' labels={type='query' value=1 ]", ["query"]),
        ("[ var='A' labels={a=type='x'} value=1 ], [ metric='type='y' z' labels={} value=1 ]", ["", ""]),
        (f"[ var='A' labels={{}} type='{'x' * 10_000}' value=1 ]", [""]),
    ],
)
def test_kinds(written, kinds):
    assert [value.kind for value in parse(written)] == kinds


names = st.text(
    st.characters(blacklist_characters="'=,{}[] \n", blacklist_categories=("Cs", "Zs", "Zl", "Zp", "Cc")), min_size=1
)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(names, numbers, st.dictionaries(names, names, max_size=3)), min_size=1, max_size=4))
def test_what_grafana_writes_is_read_back(entries):
    written = ", ".join(
        f"[ var='{name}' labels={{{', '.join(f'{key}={value}' for key, value in labels.items())}}} value={number} ]"
        for name, number, labels in entries
    )
    assert shown(written) == entries


@given(st.text() | st.text("[]{}='\", valuerms \n", max_size=200))
def test_nothing_makes_it_fail(written):
    for value in parse(written):
        assert value.name


PIECES = (
    " var='A'", " var='B", " metric='m'", " labels={", " labels={}", "k=v", ", k2=v2", "}", " type='query'",
    " type='X'", " value=", " value=1", "1", " ], [ ", "[", "]", "'", "=", " ", "{",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES)) | st.lists(st.sampled_from(PIECES[:-8])))
def test_what_is_read_at_one_go_reads_as_it_does_from_the_outside_in(pieces):
    written = "".join(pieces)
    with patch.object(value_string, "_PLAIN", re.compile("(?!)")):
        expected = parse(written)
    assert parse(written) == expected


@pytest.mark.parametrize("piece", ["[ ", " ], [ ", "value=", "labels={", "metric='", ", a", ", a=", "' type='"])
def test_long_nonsense_takes_no_longer_than_its_length(piece):
    begun = time.monotonic()
    parse(piece * (400_000 // len(piece)))
    assert time.monotonic() - begun < 2
