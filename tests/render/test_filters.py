"""What templates can do with values of their own, besides what the view words already."""

import pytest
from scenes import want

from bridge.render.filters import FILTERS
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.render.view import view


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("{{ seconds | duration }}", "2 h 18 min"),
        ("{{ 90 | duration }}, {{ 41.9 | duration }}, {{ 277200 | duration }}", "1 min, 41 s, 3 days 5 h"),
        ("{{ none | duration }}.", "."),
        ("{{ -5 | duration }} {{ 1e300 | duration }}", "0 s 1157407 days 9 h"),
        ("{{ began | moment }}", "Dec 9, 2025 9:29 AM PST"),
        ("{{ ended | moment }}", "Dec 9, 2025 11:47 AM PST"),
        ("{{ '2025-07-01T12:00:00+02:00' | moment }}", "Jul 1, 2025 3:00 AM PDT"),
        ("{{ '2025-07-01' | moment }}", "Jun 30, 2025 5:00 PM PDT"),
        ("{{ 1765301340 | moment }}", "Dec 9, 2025 9:29 AM PST"),
        (
            "{{ 1e300 | moment }} {{ 'soon' | moment }} {{ '0001-01-01T00:00:00Z' | moment }}",
            "1e+300 soon 0001-01-01T00:00:00Z",
        ),
        ("{{ '9999-12-31T23:59:59Z' | moment }}", "9999-12-31T23:59:59Z"),
        (
            "{{ 'job' | plural(1) }}, {{ 'job' | plural(3) }}, {{ 'failing query' | plural(0) }}",
            "job, jobs, failing queries",
        ),
        ("{{ 'one two three' | truncate(9) }}", "one two…"),
        ("{{ 'one two three' | short(9) }}", "one two…"),
        ("{{ '<!here> x' | truncate(5) }}", "&lt;!he…"),
    ],
)
def test_filters(tmp_path, inside, shown):
    (tmp_path / "own.j2").write_text(f"{{% extends 'slack/message.j2' %}}{{% block what %}}{inside}{{% endblock %}}")
    words = Words((tmp_path, template_folder()))
    assert words.block("slack", "what", view(want("resolved")), "own.j2") == shown


def test_every_filter_says_what_it_does():
    assert [name for name, one in FILTERS.items() if not one.__doc__] == []
