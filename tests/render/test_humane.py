"""What Go's templates leave in annotations, as people read it; an author's own text stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.render.humane import LONGEST, humane


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CPU of <no value> is high", "CPU of no value is high"),
        ("CPU of [no value] is high", "CPU of no value is high"),
        ("map[A:3.3333333333333335 B:1e+06]", "A: 3.33, B: 1 million"),
        ("Labels: map[alertname:High CPU instance:a:9090].", "Labels: alertname: High CPU, instance: a:9090."),
        ("map[instance:[::1]:9090 job:x]", "instance: [::1]:9090, job: x"),
        (
            "map[url:https://a.example:1/x y:see https://b.example]",
            "url: https://a.example:1/x, y: see https://b.example",
        ),
        ("map[a:map[b:1 c:2e+06] d:x y]", "a: (b: 1, c: 2 million), d: x y"),
        ("map[a: b:<no value>]", "a:, b: no value"),
        ("Values: map[]", "Values: none"),
        ("[is map[A:1] so]", "[is A: 1 so]"),
        ("map[ and map[A:1]", "map[ and A: 1"),
        (
            "[ var='A' labels={instance=a b, x=y} value=3.3333333333333335 ]",
            "A: 3.33",
        ),
        (
            "Is [ var='A' labels={} value=1 ], [ var='B' metric='m' labels={} type='query' value=null ]!",
            "Is A: 1, B: no value!",
        ),
        ("[ var='Number_of_Jobs_Failing' labels={} value=1 ]", "1 job failing"),
        ("[ metric='node_load1' labels={a=] b} value=1e+06 ]", "node load1: 1 million"),
        ("[ var='A' is how it is written: [ var='B' labels={} value=1 ]", "[ var='A' is how it is written: B: 1"),
        ("1.23457e+06 jobs", "1.23 million jobs"),
        ("load is 3.3333333333333335.", "load is 3.33."),
        ("disk at 33.3333333333%, took 1.5000000001s", "disk at 33.33%, took 1.5s"),
        ("1e+09B", "1 billion B"),
        ("value=0.30000000000000004", "value=0.3"),
        ("(1.2e-05), +1.5e+06, -1.5e+06", "(0.000012), +1.5 million, -1.5 million"),
    ],
)
def test_what_go_wrote_is_reworded(text, shown):
    assert humane(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Inductor jobs have been failing 3 commits on Trunk.\n\nSee `map[string]int`, arr[0] and bitmap[A:1].",
        "https://a.example/?lat=52.5200066&at=1e+06 and www.a.example/1.23456789",
        "https://a.example/?q=map[A:1]",
        "v1.2.12345678 1.23456789-rc1 1.23456789.tar abc1e+06 0x1e+06_ a-1.5e+06",
        "2025-12-09 17:29:00.123456789 +0000 UTC",
        "1e6 and 3.14159 and 12345678 and 1,000,000",
        "1e+400",
        "[ var='A' and no end",
        "map[A:1",
        "map[3:5]",
        "[ not a value ] <novalue> [x](https://a.example/1.23456789)",
    ],
)
def test_an_authors_text_stays(text):
    assert humane(text) == text


@given(st.text(alphabet=" []map:{}='valuer1.e+-<no>/\n", max_size=200))
def test_any_text_is_read(text):
    said = humane(text)
    assert len(said) <= 3 * len(text) + 10
    assert "<no value>" not in said


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_no_map_of_floats_stays_raw(numbers):
    said = humane(f"is map[{' '.join(f'v{chr(97 + n)}:{number!r}' for n, number in enumerate(numbers))}] now")
    assert said.startswith("is va: ")
    assert said.endswith(" now")
    assert "map[" not in said
    assert "e+" not in said


PIECES = (
    "map[", "map[a:", "map[a:b ", "map[a:1]", "<no value>", "[ var='A' ", "[ var='A' labels={} value=1 ], ", "value=",
    " value=1", "1", "1.", "1.11111111-", "1e+06", "1e", "[", "]", "https://", "www.", "a: ", "-", " ", "a", "µ", "%",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("map[a:", "]"), ("[ var='A' labels={", "} value=1 ]")])
def test_a_hostile_text_of_any_length_is_read(piece, before, after):
    assert humane(before + piece * (LONGEST // len(piece)) + after)


def test_maps_without_end_are_read():
    assert humane("map[a:" * 20_000 + "]" * 20_000).startswith("a: (a: (a: ")
    assert humane("x" * 16_000_000) == "x" * LONGEST + "…"
