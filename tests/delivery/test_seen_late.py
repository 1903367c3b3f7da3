"""An issue that GitHub does not find right after it was opened is asked for again, alone, and is not opened twice."""

import pytest
from lane_kit import take, turns
from posts import ENV, Posts, alert

from bridge.effective import Effective
from bridge.ledger import troubles
from bridge.sandbox import Fault, Sandbox

GITHUB = 'token: "${{env:GH}}", repo: "acme/alerts", api_url: "{0.github_url}", rate: off'
NOT_FOUND = '{"message": "Not Found"}'


@pytest.mark.parametrize(("unseen", "opened"), [(4, 1), (300, 2)])
def test_an_issue_is_gone_only_where_it_could_have_been_seen(sqlite_ledger, clock, tmp_path, unseen, opened):
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  github: {{{GITHUB.format(sandbox)}}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P1: [github], P2: [github]}}\n")
        effective = Effective(lambda: place.rules, ENV | {"GH": "ghp_sandbox"}, b"key")

        def work():
            lane = take(sqlite_ledger, clock, place.deliveries()[0].lane, effective)
            while lane.turn() is None:
                pass
            assert lane.trouble is None, "others of the place go on"
            with sqlite_ledger.read() as connection:
                assert troubles.held(connection, clock.now()) == [], "nobody has to mend anything"

        place.hear(alert(Priority="P2"))
        work()
        first = "/repos/acme/alerts/issues/1*"
        sandbox.faults.add(Fault("status", "github", path=first, status=404, body=NOT_FOUND, until=unseen))
        place.hear(alert(Priority="P1"))
        for _ in range(80):
            work()
            clock.advance(1)
        assert [row.state for row in place.deliveries()] == ["delivered"]
        issues = sandbox.github.issues("acme/alerts")
        assert len(issues) == opened
        assert "[P1]" in issues[-1].title


def test_an_issue_that_a_token_may_only_read_is_not_opened_twice(sqlite_ledger, clock, tmp_path):
    """A classic token whose scope was taken away: what it may not change, it does not find."""
    with Sandbox(clock=lambda: clock.now().timestamp()) as sandbox:
        config = f"destinations:\n  github: {{{GITHUB.format(sandbox)}}}\n"
        place = Posts(sqlite_ledger, clock, tmp_path, f"{config}send: {{P1: [github], P2: [github]}}\n")
        effective = Effective(lambda: place.rules, ENV | {"GH": "ghp_sandbox"}, b"key")

        def work():
            turns(take(sqlite_ledger, clock, place.deliveries()[0].lane, effective))

        place.hear(alert(Priority="P2"))
        work()
        clock.advance(60)
        for verb in ("PATCH", "POST"):
            sandbox.faults.add(Fault("status", "github", verb, status=404, body=NOT_FOUND, until=300))
        place.hear(alert(Priority="P1"))
        work()
        (waits,) = place.deliveries()
        assert (waits.state, waits.last_error) == ("retrying", "issue_not_writable")
        assert "let the token change it" in waits.reason
        for _ in range(60):
            clock.advance(10)
            work()
        assert [row.state for row in place.deliveries()] == ["delivered"]
        (issue,) = sandbox.github.issues("acme/alerts")
        assert "[P1]" in issue.title
