"""Links whose window moves along are pinned around what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.alert import Links
from bridge.core.payload.links import pinned

HEARD = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START = HEARD - timedelta(minutes=20)
BASE = "https://grafana.test/d/abc/x?"


def millis(moment):
    return int(moment.timestamp() * 1000)


def dashboard(query, start=START):
    return pinned(Links(dashboard=f"{BASE}{query}"), start, HEARD).dashboard.removeprefix(BASE)


@pytest.mark.parametrize(
    ("query", "begins", "ends"),
    [
        ("orgId=1&from=now-1h&to=now", START - timedelta(hours=1), HEARD),
        ("from=now-30m&to=now&var=x", START - timedelta(minutes=30), HEARD),
        ("from=now-2d/d&to=now-5m", START - timedelta(days=2), HEARD - timedelta(minutes=5)),
        ("from=now-1h%2Fh&to=now", START - timedelta(hours=1), HEARD),
        ("to=now&from=now", START, HEARD),
        ("from=now-1h&to=now%2B5m", START - timedelta(hours=1), HEARD + timedelta(minutes=5)),
        ("x=1&amp;from=now-1h&amp;to=now", START - timedelta(hours=1), HEARD),
    ],
)
def test_a_moving_window_begins_before_the_start_and_ends_when_it_was_heard_of(query, begins, ends):
    link = dashboard(query)
    assert f"from={millis(begins)}" in link
    assert f"to={millis(ends)}" in link
    assert "now" not in link


@pytest.mark.parametrize(
    "query", ["from=1765297740000&to=1765301350000", "viewPanel=1", "var-from=now-1h", "q=from=nowhere"]
)
def test_what_does_not_move_stays_as_it_is(query):
    assert dashboard(query) == query


@pytest.mark.parametrize("start", [None, HEARD + timedelta(hours=1)])
def test_without_a_usable_start_the_window_ends_and_begins_where_it_was_heard_of(start):
    assert f"from={millis(HEARD - timedelta(hours=1))}" in dashboard("from=now-1h&to=now", start)


def test_only_what_leads_to_grafana_is_touched():
    links = Links(alert=f"{BASE}to=now", panel=f"{BASE}to=now", runbook=f"{BASE}to=now", silence=f"{BASE}to=now")
    found = pinned(links, START, HEARD)
    assert found.alert == found.panel == f"{BASE}to={millis(HEARD)}"
    assert found.runbook == found.silence == f"{BASE}to=now"


@pytest.mark.parametrize("quote", ['"', "%22"])
@pytest.mark.parametrize("colon", [":", "%3A"])
def test_the_window_of_explore_is_json_in_the_query(quote, colon):
    window = f"{quote}from{quote}{colon}{quote}{{}}{quote},{quote}to{quote}{colon}{quote}{{}}{quote}"
    found = dashboard(f"panes={window.format('now-1h', 'now')}")
    assert found == f"panes={window.format(millis(START - timedelta(hours=1)), millis(HEARD))}"
