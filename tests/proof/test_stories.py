"""Stories that went wrong once, in the simulator: one place's or one delivery's fault must not become another's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign import scratch
from scenarios import (
    CONFIG,
    ENV,
    MINUTE,
    OVER,
    UNPACED,
    Say,
    Scenario,
    alert,
    ends,
    fires,
    github,
    group,
    pagerduty,
    slack,
)
from simulator import Parts, run

from bridge.delivery.lane import Lane
from bridge.destinations.answer import LONGEST
from bridge.ledger import acts
from bridge.sandbox import SlackLimits
from bridge.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from simulator import Outcome, Store
    from world import World

    from bridge.core.incident import Incident
    from bridge.delivery.turns import Acting, Rest
    from bridge.ledger.deliveries import Delivery

OWN_TOKEN = """\
destinations:
  github: {token: "${env:GH}", repo: "acme/alerts"}
teams:
  storage: {}
  network: {destinations: {github: {token: "${env:OTHER}"}}}
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with scratch() as made:
        yield made


def told(store: Store, *says: Say, **more: Any) -> Outcome:
    return run(Scenario("a story", says, (), **more), store)


def at_slack(outcome: Outcome, channel: str) -> list[str]:
    return [line.partition(": ")[2] for line in outcome.seen.lines() if line.startswith(f"slack #{channel}: ")]


def archive_storage(world: World) -> None:
    next(one for one in world.slack.workspace.channels.values() if one.name == "storage").is_archived = True


def no_push(world: World) -> None:
    for repository in world.github.repositories.values():
        repository.push = False


def test_a_message_of_an_archived_channel_is_told_anew_elsewhere_and_harms_nobody_there(store):
    others = [fires(57.6, f"other {number}", Team="nobody") for number in range(6)]
    first = Say(57, group(*(alert(f"first {number}", Team="nobody") for number in range(2))))
    outcome = told(store, fires(0), Say(50, act=archive_storage), first, fires(57.5, Priority="P1"), *others)
    assert outcome.heard.dead == []
    assert len(at_slack(outcome, "alerts")) == 9
    assert "P1 firing: Disk full" in at_slack(outcome, "alerts")


def test_one_teams_bad_token_is_not_the_other_teams_fault(store, monkeypatch):
    monkeypatch.setitem(ENV, "OTHER", "ghp_other")
    mine = [alert(f"mine {number}") for number in range(5)]
    outcome = told(
        store, fires(0), Say(5, group(*mine, alert("theirs", Team="network", Priority="P0"))), config=OWN_TOKEN
    )
    assert len(outcome.heard.dead) == 1
    assert len([line for line in outcome.seen.lines() if "mine" in line]) == 5


def test_a_label_that_may_not_be_set_is_left_out(store):
    others = [fires(57.05 + number / 100, f"other {number}") for number in range(4)]
    outcome = told(store, fires(0), Say(50, act=no_push), fires(57, Priority="P1"), *others)
    assert outcome.heard.dead == []
    assert len([line for line in outcome.seen.lines() if line.startswith("github")]) == 5


def test_a_block_of_the_repository_is_no_locked_issue(store):
    blocked = github("status", status=403, body='{"message": "Repository access blocked"}')
    outcome = told(store, fires(0), faults=(blocked,))
    assert len(outcome.heard.dead) == 1
    assert len([one for one in outcome.asked if one.path.endswith("/issues")]) == 1


def test_after_a_long_outage_the_most_urgent_is_told_first(store):
    later = [fires(60 + 35 * number, f"later {number}", Priority="P3") for number in range(55)]
    outcome = told(
        store,
        fires(0, "urgent", Priority="P0"),
        *later,
        faults=(slack("status", "*", status=503, until=1800),),
        turns=20_000,
    )
    posted = [one for one in outcome.asked if one.path.endswith("chat.postMessage") and one.status == 200]
    assert "urgent" in posted[0].body
    assert posted[0].at < 1835


def test_who_joined_in_the_quiet_time_pages_nobody_when_it_is_repeated(store):
    def says(at: float, jobs: str, *hosts: str) -> Say:
        return Say(at, group(*(alert("Host down", host=host, Priority="P1", Jobs=jobs) for host in hosts)))

    outcome = told(store, says(0, "1", "a"), says(MINUTE, "1", "a", "b"), says(15 * MINUTE, "2", "a", "b"))
    assert [line for line in outcome.seen.lines() if "pagerduty" in line] == ["pagerduty: triggered, P1 Host down"]


def test_of_a_crowd_too_large_to_know_nobody_is_called_new(store):
    hosts = [f"h{number:03}" for number in range(600)]

    def says(at: float, jobs: str, who: list[str], over: str | None = None) -> Say:
        return Say(at, group(*(alert("Host down", over=over, host=host, Priority="P1", Jobs=jobs) for host in who)))

    outcome = told(store, says(0, "1", hosts), says(20 * MINUTE, "2", hosts), says(22 * MINUTE, "2", hosts[:150], OVER))
    assert [line for line in outcome.seen.lines() if "pagerduty" in line] == ["pagerduty: triggered, P1 Host down"]
    assert at_slack(outcome, "storage") == ["P1 firing: Host down, 150 of 600 resolved"]


def test_a_limit_on_what_is_asked_first_holds_all_who_would_ask_it(store):
    limit = slack("status", "/api/auth.test", status=429, headers={"Retry-After": "30"}, until=30)
    outcome = told(store, Say(0, group(*(alert(f"n {number}") for number in range(30)))), faults=(limit,))
    assert [round(one.at) for one in outcome.asked if one.path.endswith("auth.test")] == [0, 30]
    assert len(at_slack(outcome, "storage")) == 30


@pytest.mark.parametrize(
    "fault",
    [
        slack("status", "/api/conversations.*", status=503, nth=1),
        Fault("status", "github", method="POST", path="*/labels", status=503, nth=1),
        pagerduty("status", status=503, nth=1),
    ],
    ids=lambda fault: fault.double,
)
def test_no_trouble_is_left_when_all_is_told(store, fault):
    outcome = told(
        store,
        fires(0, Priority="P1"),
        fires(2, Priority="P0"),
        ends(2.3, Priority="P1"),
        fires(3 * MINUTE, "Another", Priority="P1"),
        faults=(fault,),
    )
    assert outcome.troubled == []
    assert outcome.heard.dead == []


def test_what_can_not_be_marked_is_repeated_once(store):
    faults = (
        slack("ok_false", code="metadata_must_be_sent_from_app", nth=1),
        slack("drop_answer", nth=2, count=5),
    )
    outcome = told(store, fires(0), faults=faults)
    assert at_slack(outcome, "storage") == ["P2 firing: Disk full"] * 2
    assert "can't be searched (unmarked)" in outcome.heard.dead[0]


def test_all_labels_are_put_right_though_their_requests_look_alike(store):
    outcome = told(
        store,
        fires(0, Priority="P1"),
        fires(2.2, Priority="P0"),
        fires(3.4, Priority="P3"),
    )
    (issue,) = [thing for thing in outcome.seen.things if thing.place.startswith("github")]
    assert (issue.words.count("Pri:"), "Pri:P3" in issue.words) == (1, True)


def test_a_channel_made_anew_is_found_though_another_id_was_known(store):
    def anew(world: World) -> None:
        channels = world.slack.workspace.channels
        old = next(key for key, channel in channels.items() if channel.name == "storage")
        del channels[old]
        world.slack.workspace.add_channel("storage")

    outcome = told(store, fires(0), Say(2 * MINUTE, act=anew), fires(3 * MINUTE, "Another"))
    assert at_slack(outcome, "storage") == ["P2 firing: Another"]
    assert outcome.heard.dead == []


def test_a_trouble_of_which_only_a_lookup_saw_the_end_makes_the_next_one_no_longer(store):
    faults = (github("drop_answer", nth=1), github("status", nth=3, status=503))
    outcome = told(store, fires(0), fires(5 * MINUTE, "Another", Priority="P0"), faults=faults)
    opened = [one.at for one in outcome.asked if one.path.endswith("/issues") and one.status == 201]
    assert len(opened) == 1  # the first answer was lost
    assert opened[0] < 5 * MINUTE + 3


@pytest.mark.parametrize("action", ["reset", "drop_answer"])
@pytest.mark.parametrize("double", ["slack", "github"])
def test_lookups_at_a_dead_place_are_probes_like_any_other(store, action, double):
    body = group(*(alert(f"n {number}", Team="nobody") for number in range(100)))
    config = CONFIG.replace('"#{team}"', '"#{team}", rate: off').replace('"acme/alerts"', '"acme/alerts", rate: off')
    outcome = told(store, Say(0, body), config=config, faults=(Fault(action, double, until=20),), turns=10_000)
    assert outcome.heard.dead == []
    assert len([one for one in outcome.asked if one.double == double and one.at < 20]) <= 40
    assert len(at_slack(outcome, "alerts")) == 100


def test_steps_share_commits_where_nothing_limits_the_pace(store):
    """Nine are written down in doubt and told by a handful of commits; by themselves they would take two each."""

    def commits(trip: float) -> int:
        many = group(*(alert(f"alert {number}") for number in range(8)))
        outcome = told(store, fires(0), Say(MINUTE, many), config=UNPACED, trip=trip)
        assert len(outcome.seen.lines()) == 9
        return outcome.points.count("after a commit")

    # where answers take their time, each has a commit before it is sent and one after; the first one always has
    assert commits(0.1) - commits(0.001) == 2 * 7 - 2


def test_what_is_about_to_be_sent_together_is_not_once_the_channel_refuses(store):
    many = Say(5, group(*(alert(f"alert {number}") for number in range(6))))
    outcome = told(store, fires(0), Say(3, act=archive_storage), many, config=UNPACED, trip=0.001)
    assert len(outcome.heard.dead) == 2
    assert [line for line in outcome.seen.stored if "pending" in line or "retrying" in line] == []
    assert sum(one.path.endswith("chat.postMessage") for one in outcome.asked) == 1 + 2


def test_what_one_message_breaks_takes_no_other_along(store):
    many = Say(MINUTE, group(*(alert(f"alert {number}") for number in range(6))))
    refused = slack("ok_false", contains="alert 3", code="msg_too_long", count=2)
    outcome = told(store, fires(0), many, config=UNPACED, faults=(refused,), trip=0.001)
    assert len(at_slack(outcome, "storage")) == 6
    assert len(outcome.heard.dead) == 1


class Refused(Lane):
    """The database refuses what is to be written of one delivery."""

    def _work(self, delivery: Delivery, incident: Incident, now: datetime) -> Acting[Rest | None]:
        if incident.title == "alert 3":
            yield lambda connection: connection.exec_driver_sql("INSERT INTO lanes (name, fence) VALUES (NULL, 0)")
        return (yield from super()._work(delivery, incident, now))


def test_what_the_database_refuses_of_one_takes_no_other_along(store):
    says = fires(0), Say(5, group(*(alert(f"alert {number}") for number in range(6))))
    scenario = Scenario("a story", says, (), config=UNPACED, trip=0.001, turns=100_000)
    outcome = run(scenario, store, parts=Parts(lane=Refused))
    assert len(at_slack(outcome, "storage")) == 6
    assert outcome.heard.errors
    assert {type(error).__name__ for error in outcome.heard.errors} == {"RefusedError"}
    assert "could not be prepared for 24 h" in outcome.heard.dead[0]


@pytest.mark.parametrize(("first", "second", "times"), [(0.03, 0.03, 0), (0.3, 0.0, 1), (0.03, 0.3, 1)])
def test_behind_an_answer_that_is_a_little_late_nothing_is_taken_back(store, first, second, times):
    """A machine that is busy for a moment would write each of them down twice more."""
    anew = []

    class Watched(Lane):
        def plan_anew(self) -> None:
            anew.append(self.name)
            super().plan_anew()

    many = Say(5, group(*(alert(f"alert {number}") for number in range(6))))
    slow = (slack("delay", contains=f"alert {n}", seconds=one) for n, one in enumerate((first, second)))
    scenario = Scenario("a story", (fires(0), many), (), config=UNPACED, faults=tuple(slow), trip=0.001)
    outcome = run(scenario, store, parts=Parts(lane=Watched))
    assert len(anew) == times
    assert len(at_slack(outcome, "storage")) == 7


def test_behind_a_slow_answer_other_threads_take_their_turns(store):
    """What was about to be sent behind it, and was not, says nothing of how soon the place answers."""
    widths = []

    class Watched(Lane):
        def turn(self) -> Rest | None:
            began = self.yard.clock.monotonic()
            rest = super().turn()
            if self.yard.clock.monotonic() - began > 0.5:
                widths.append(self.width)
            return rest

    many = Say(5, group(*(alert(f"alert {number}") for number in range(6))))
    slow = slack("delay", contains="alert 1", seconds=1.0)
    scenario = Scenario("a story", (fires(0), many), (), config=UNPACED, faults=(slow,), trip=0.001)
    run(scenario, store, parts=Parts(lane=Watched))
    assert widths == [4]


def test_what_is_to_be_sent_behind_a_slow_answer_lets_the_more_urgent_go_first(store):
    many = Say(5, group(*(alert(f"alert {number}") for number in range(6))))
    slow = slack("delay", contains="alert 0", seconds=1.0)
    outcome = told(
        store, fires(0), many, fires(5.5, "It burns", Priority="P0"), config=UNPACED, faults=(slow,), trip=0.001
    )
    posted = [one.body for one in outcome.asked if one.path.endswith("chat.postMessage")]
    order = [name for body in posted for name in ("alert 0", "It burns", "alert 1", "alert 5") if name in body]
    assert order[:2] == ["alert 0", "It burns"]
    assert len(at_slack(outcome, "storage")) == 8


def looking(double: str, action: str, **more: Any) -> Fault:
    if double == "slack":
        return slack(action, "/api/conversations.history", **more)
    return Fault(action, "github", method="GET", path="*/issues", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "refused",
    [
        looking("slack", "ok_false", code="invalid_auth", nth=1),
        looking("slack", "status", status=403, body="<html>", nth=1),
        looking("slack", "status", status=302, nth=1),
        looking("github", "status", status=401, body='{"message": "Bad credentials"}', nth=1),
        looking("github", "status", status=403, body="<html>", nth=1),
        looking("github", "status", status=404, body='{"message": "Not Found"}', nth=1),
        looking("github", "status", status=302, headers={"Location": "https://other.example/"}, nth=1),
    ],
    ids=lambda fault: f"{fault.double} {fault.status or fault.code}",
)
def test_a_lookup_that_is_refused_once_proves_nothing(store, refused):
    lost = (slack if refused.double == "slack" else github)("drop_answer", nth=1)
    outcome = told(store, fires(0), fires(2 * MINUTE, Priority="P1"), faults=(lost, refused))
    (message,) = at_slack(outcome, "storage")
    assert message.startswith("P1 firing: Disk full")
    assert len([line for line in outcome.seen.lines() if line.startswith("github")]) == 1
    assert outcome.heard.dead == []


def replay_in(store: Store) -> Callable[[World], None]:
    def replay(world: World) -> None:
        with store.engine.execution_options(immediate=True).begin() as connection:
            acts.replay(connection, acts.dead_letters(connection), "somebody", world.clock.now())

    return replay


@pytest.mark.parametrize(
    ("lost", "refused"),
    [
        (slack("drop_answer", nth=1), looking("slack", "ok_false", code="token_revoked", until=MINUTE)),
        (github("drop_answer", nth=1), looking("github", "status", status=401, body="{}", until=MINUTE)),
    ],
    ids=["slack", "github"],
)
def test_what_is_in_doubt_stays_so_in_a_dead_letter(store, lost, refused):
    outcome = told(store, fires(0), Say(2 * MINUTE, act=replay_in(store)), faults=(lost, refused))
    assert len(outcome.heard.dead) == 1
    assert at_slack(outcome, "storage") == ["P2 firing: Disk full"]
    assert len([line for line in outcome.seen.lines() if line.startswith("github")]) == 1
    assert [line for line in outcome.seen.stored if "dead" in line] == []


def test_what_is_replayed_but_is_too_far_back_to_be_found_is_told_once_more(store):
    def busy(world: World) -> None:
        (repository,) = world.github.repositories.values()
        for number in range(5_100):
            repository.open_issue(f"somebody's {number}", "text", "octocat", world.clock.seconds())

    faults = (
        github("status", status=502, nth=1),
        looking("github", "status", status=401, body="{}", until=MINUTE),
    )
    says = (fires(0), Say(90, act=busy), Say(2 * MINUTE, act=replay_in(store)))
    outcome = told(store, *says, faults=faults, turns=600)
    assert len([line for line in outcome.seen.lines() if "Disk full" in line and line.startswith("github")]) == 1
    assert (outcome.heard.blind, len(outcome.heard.dead)) == (1, 1)


@pytest.mark.parametrize("replayed", [False, True])
def test_a_listing_of_several_pages_ends_where_one_a_minute_may_be_read(store, replayed):
    """While a limit lasts the lane is given back: what was read stays."""

    def busy(world: World) -> None:
        channel = next(one for one in world.slack.workspace.channels.values() if one.name == "storage")
        for number in range(40):
            channel.say(f"chatter {number}", world.clock.seconds())
        world.slack.limits = SlackLimits.outside_marketplace()

    faults = (slack("status", status=502, nth=1),)
    says = (fires(0), Say(1.5, act=busy))
    if replayed:
        faults += (looking("slack", "ok_false", code="token_revoked", until=MINUTE),)
        says = (fires(0), Say(90, act=busy), Say(5 * MINUTE, act=replay_in(store)))
    outcome = told(store, *says, faults=faults, turns=3_000)
    assert len([line for line in at_slack(outcome, "storage") if "firing" in line]) == 1
    assert outcome.heard.blind == 0


def test_what_is_replayed_is_looked_for_by_itself(store):
    """To read back to it for all would keep a fresh one waiting whose answer was lost."""

    def busy(world: World) -> None:
        channel = next(one for one in world.slack.workspace.channels.values() if one.name == "storage")
        for number in range(280):
            channel.say(f"chatter {number}", world.clock.seconds())

    faults = (
        slack("status", status=502, contains="first", nth=1),
        slack("status", status=502, contains="second", nth=1),
        looking("slack", "ok_false", code="token_revoked", until=MINUTE),
    )
    again = Say(60 * MINUTE + 0.5, act=replay_in(store))
    says = (fires(0, "first"), Say(90, act=busy), fires(60 * MINUTE, "second", Priority="P0"), again)
    outcome = told(store, *says, faults=faults)
    posted = [one.at for one in outcome.asked if one.path.endswith("chat.postMessage") and "second" in one.body]
    assert posted[1] - posted[0] < 8
    assert len([line for line in at_slack(outcome, "storage") if "firing" in line]) == 2


def test_a_repository_that_can_not_be_asked_about_just_now_takes_nobody_along(store):
    faults = (
        Fault(
            "status", "github", method="PATCH", path="*/issues/1", status=404, body='{"message": "Not Found"}', nth=1
        ),
        Fault("status", "github", method="GET", path="/repos/acme/alerts", status=502, nth=2),
    )
    others = [fires(MINUTE + 1 + number / 10, f"other {number}", Priority="P0") for number in range(3)]
    outcome = told(store, fires(0), fires(MINUTE, Priority="P1"), *others, faults=faults)
    assert [one.status for one in outcome.asked if one.path == "/repos/acme/alerts"][:2] == [200, 502]
    assert outcome.heard.dead == []
    assert len([line for line in outcome.seen.lines() if line.startswith("github")]) == 1 + len(others)


def test_no_header_silences_a_place_for_long(store):
    absurd = {"Retry-After": "999999999"}
    faults = (slack("status", status=429, headers=absurd, nth=1), github("status", status=403, headers=absurd, nth=1))
    outcome = told(store, fires(0), faults=faults)
    assert at_slack(outcome, "storage") == ["P2 firing: Disk full"]
    asked = [one.at for one in outcome.asked if one.path.endswith(("chat.postMessage", "/issues"))]
    assert [at for at in asked if 1 < at < LONGEST] == []
    assert max(asked) < LONGEST + MINUTE


def test_what_is_deleted_again_and_again_is_told_anew_by_a_replay(store):
    def delete(world: World) -> None:
        channel = next(one for one in world.slack.workspace.channels.values() if one.name == "storage")
        for ts in list(channel.messages):
            channel.messages.pop(ts)
        for repository in world.github.repositories.values():
            for issue in repository.issues.values():
                issue.deleted = True

    changes = (fires(2 * MINUTE, Priority="P1"), fires(4 * MINUTE, Priority="P0"))
    deletions = (Say(MINUTE, act=delete), Say(3 * MINUTE, act=delete))
    says = sorted((fires(0), *changes, *deletions, Say(5 * MINUTE, act=replay_in(store))), key=lambda say: say.at)
    outcome = told(store, *says)
    assert len(outcome.heard.dead) == 2
    assert all("bridge replay" in sentence for sentence in outcome.heard.dead)
    assert len(at_slack(outcome, "storage")) == 1
    assert at_slack(outcome, "storage")[0].startswith("P0 firing")
    assert [line for line in outcome.seen.stored if "dead" in line] == []
