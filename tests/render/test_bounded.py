"""An incident for showing: what is short already is the same, what nobody reads is cut."""

from dataclasses import replace

import pytest
from scenes import incident, member, want

from bridge.core.alert import Value
from bridge.render import bounded
from bridge.render.view import view

LONG = "x" * 30_000
MANY = {f"l{number}": "v" for number in range(bounded.MOST + 1)}


def test_what_is_fit_is_not_made_anew():
    given = incident()
    assert bounded.bounded(given).members[0] is given.members[0]


@pytest.mark.parametrize(
    "longer",
    [
        {"labels": {"a": LONG}},
        {"labels": {LONG: "a"}},
        {"labels": MANY},
        {"annotations": {"a": LONG}},
        {"values": (Value("a", 1.0), Value(LONG, 1.0))},
        {"values": (Value("a", 1.0, {"b": LONG}),)},
        {"reason": LONG},
    ],
)
def test_what_is_longer_than_anybody_reads_is_cut(longer):
    one = bounded.bounded(incident(members=(replace(member(), **longer),))).members[0]
    assert one == replace(member(), **{name: getattr(one, name) for name in longer})
    assert LONG not in repr(one)
    assert len(one.labels) <= bounded.MOST


@pytest.mark.parametrize("kind", ["slack", "github"])
def test_of_very_many_what_words_are_made_of_is_kept_wherever_it_stands(kind):
    many = dict.fromkeys(MANY, "v")
    texts = {"Summary": "Sign-ins fail", "description": "Nobody gets in."}
    labels = many | {"alertname": "x", "grafana_folder": "Storage", "instance": "db-2"}
    one = replace(member(), labels=labels, annotations=many | texts)
    short = bounded.bounded(incident(members=(one,)))
    assert len(short.members[0].labels) == len(short.members[0].annotations) == bounded.MOST
    assert list(short.members[0].labels)[:2] == ["l0", "l1"]
    seen = view(want(short, kind, {"private": True}))
    assert (seen.summary, seen.description, seen.folder) == ("Sign-ins fail", "Nobody gets in.", "Storage")
    assert seen.where == "instance db-2"
