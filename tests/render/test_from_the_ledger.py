"""What messages say of incidents as a real ledger holds them: true counts, and how often it happened before."""

from dataclasses import replace
from datetime import timedelta

import pytest
from posts import CONFIG, Posts, alert
from scenes import want
from sqlalchemy import event, update

from bridge.core.incident import MOST_COUNTED, Previous, State
from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.pagerduty import step as pages
from bridge.destinations.slack import message as slack
from bridge.ledger import incidents as reading
from bridge.ledger.tables import deliveries, incidents
from bridge.ledger.timeline import note
from bridge.render import times
from bridge.render.view import view
from bridge.render.words import ordinal


@pytest.fixture
def posts(ledger, clock, tmp_path):
    return Posts(ledger, clock, tmp_path, "reopen_duration: 0\n" + CONFIG)


def hosts(numbers, status="firing", priority="P1", **more):
    return [alert(status, fingerprint=f"host-{n:04}", Priority=priority, **more) for n in numbers]


def told(posts, number=-1, kind="slack", **settings):
    """Return the want of an incident as a lane reads it."""
    with posts.ledger.read() as connection:
        incident = reading.load(connection, posts.stored()[number].id)
    return want(incident, kind, {"private": True}, **settings)


def all_of(posts):
    """Return all that is said of the last incident, in all kinds of places."""
    shown = slack.content(told(posts))
    event = pagerduty.trigger(told(posts, kind="pagerduty"), "bridge/x/1", None, 1)
    return str(shown), str(event), github.body(told(posts, kind="github"), "m:1")


def test_of_more_alerts_than_are_loaded_the_true_numbers_are_told(posts):
    posts.hear(*hosts(range(700)))
    seen = view(told(posts))
    assert (seen.total, seen.firing, seen.more) == (700, 700, 695)
    for said in all_of(posts):
        assert "700 alerts" in said
        assert "500" not in said
        assert "550" not in said
    posts.hear(*hosts(range(50), "resolved"))
    seen = view(told(posts))
    assert (seen.total, seen.firing, seen.mixed) == (700, 650, "50 of 700 resolved")
    assert all("50 of 700 resolved" in said for said in all_of(posts))
    posts.hear(*hosts(range(50, 690), "resolved"))
    seen = view(told(posts))
    assert (seen.total, seen.firing, seen.mixed) == (700, 10, "690 of 700 resolved")
    posts.hear(*hosts(range(690, 700), "resolved"))
    assert view(told(posts)).count == "700 alerts"


def test_of_more_alerts_than_are_loaded_those_that_did_not_recover_are_not_said_to_be_resolved(posts):
    posts.hear(*hosts(range(1_300)))
    posts.hear(*hosts(range(600, 1_299), "resolved"))
    assert view(told(posts)).mixed == "699 of 1,300 resolved"
    posts.hear(*hosts([1_299], "resolved", grafana_state_reason="Paused"))
    with posts.ledger.read() as connection:
        incident = reading.load(connection, posts.stored()[-1].id)
    assert (incident.more_over, incident.more_ended) == (700, 1), "none of them is loaded"
    assert view(told(posts)).mixed == "700 of 1,300 ended"
    assert all("700 of 1,300 ended" in said for said in all_of(posts))
    posts.hear(*hosts(range(200, 600), "resolved"))
    assert view(told(posts)).mixed == "1,100 of 1,300 ended"


def test_of_more_alerts_than_are_loaded_one_with_data_suffices_to_say_that_it_fires(posts):
    lost, measured = hosts(range(600), grafana_state_reason="NoData"), hosts(range(700, 760))
    posts.hear(*lost)
    assert (view(told(posts)).word, view(told(posts)).total) == ("no data", 600)
    posts.hear(*(one | {"annotations": {**one["annotations"], "Priority": "P3"}} for one in measured))
    posts.hear(*hosts(range(800, 860), grafana_state_reason="NoData"))
    with posts.ledger.read() as connection:
        incident = reading.load(connection, posts.stored()[-1].id)
    assert all(member.no_data for member in incident.firing), "those that are loaded"
    assert (incident.more_firing, incident.more_unsure) == (170, 110)
    assert view(told(posts)).word == "firing"


def test_replies_on_more_alerts_than_are_loaded_count_and_name_who_is_new(posts):
    posts.hear(*hosts(range(3)))
    few = slack.announced(told(posts))
    posts.hear(*hosts(range(700)))
    many = slack.announced(told(posts))
    assert slack.reply(told(posts), few).startswith("697 more: ")
    assert slack.reply(told(posts), few).endswith(" and 692 more.")
    assert slack.reply(told(posts), many) is None
    posts.hear(*hosts([800, 801]))
    assert slack.reply(told(posts), many) == "2 more: host-0800, host-0801."
    posts.hear(*hosts([*range(400), 800, 801], "resolved"))
    assert slack.reply(told(posts), many) is None
    left = slack.announced(told(posts))
    assert (len(left["firing"]), left["more"]) == (300, 0)
    posts.hear(*hosts([802]))
    assert slack.reply(told(posts), left) == "1 more: host-0802."


def test_who_joins_more_alerts_than_are_loaded_pages_again(posts):
    posts.hear(*hosts(range(700)))
    at = posts.clock.now()
    want_then = replace(told(posts, kind="pagerduty", digests=("d",)), now=at)
    first = pages.next_step(want_then, {})
    posts.hear(*hosts([900]), seconds=600)
    later = replace(told(posts, kind="pagerduty", digests=("d",)), now=posts.clock.now() + timedelta(minutes=1))
    again = pages.next_step(later, first.told)
    assert again.request["payload"]["summary"].startswith("1 more alert, 701 in all. ")


def test_an_alert_that_fires_anew_counts_once(posts):
    posts.hear(*hosts(range(510)))
    posts.hear(*hosts(range(20), "resolved"))
    posts.hear(*hosts(range(20), start="2026-03-02T11:59:30Z"))
    seen = view(told(posts))
    assert (seen.total, seen.firing, seen.mixed) == (510, 510, "")


def once(posts, days, minutes=51):
    """Fire and resolve after some minutes, so many days later."""
    posts.clock.advance(days * 86_400)
    start = posts.clock.now()
    posts.hear(alert(start=start.isoformat()))
    posts.hear(
        alert("resolved", start=start.isoformat(), end=(start + timedelta(minutes=minutes)).isoformat()),
        seconds=minutes * 60,
    )


def words(posts, number=-1):
    return view(told(posts, number)).previous.words


def test_how_often_it_happened_is_counted_back_from_its_opening(posts):
    for days in (1, 5, 26, 3):
        once(posts, days)
    rows = posts.stored()
    assert [row.previous for row in rows] == [None, *(row.id for row in rows[:-1])]
    assert view(told(posts, 0)).previous is None
    assert words(posts, 1).endswith("; 2nd time in 30 days")
    assert words(posts, 2).endswith("; 2nd time in 30 days"), "the first was more than 30 days before it"
    assert words(posts).endswith("; 3rd time in 30 days")
    assert "after 51 min; 3rd" in words(posts)
    before = slack.content(told(posts))
    once(posts, 40)
    with posts.ledger.read() as connection:
        then = reading.load(connection, rows[-1].id)
    assert slack.content(want(then, "slack", {"private": True})) == before, "time going by changes nothing"
    assert "time in" not in words(posts)


def test_another_rules_and_another_teams_incidents_are_not_counted(posts):
    once(posts, 1)
    posts.hear(alert(fingerprint="f9", Team="network", start=posts.clock.now().isoformat()))
    once(posts, 1)
    assert words(posts).endswith("2nd time in 30 days")


def test_it_stands_in_every_kind_of_place(posts):
    for _ in range(4):
        once(posts, 1)
    rows = posts.stored()
    have = {"number": 7, "url": "https://github.com/acme/alerts/issues/7"}
    posts.ledger.write(
        lambda connection: connection.execute(
            update(deliveries)
            .where(deliveries.c.incident == rows[-2].id, deliveries.c.kind == "github")
            .values(have=have)
        )
    )
    for said in all_of(posts):
        assert "after 51 min; 4th time in 30 days" in said
        assert said.count("4th time") == 1


def test_the_time_line_tells_what_became_of_it(posts):
    posts.hear(alert(start=posts.clock.now().isoformat()))
    slack_one = next(row for row in posts.deliveries() if row.kind == "slack")
    noted = posts.clock.now() + timedelta(minutes=1)
    posts.ledger.write(lambda connection: note(connection, slack_one, noted, "open", why="at #storage"))
    later = posts.clock.now() + timedelta(seconds=100)
    posts.hear(alert(start=later.isoformat(), fingerprint="f2", Priority="P0"), seconds=120)
    end = posts.clock.now().isoformat()
    posts.hear(*(alert("resolved", fingerprint=one, start=None, end=end) for one in ("f1", "f2")), seconds=600)
    told_in_private = [event.what for event in view(told(posts, kind="github", visibility="private")).history]
    assert told_in_private == ["firing", "posted in #storage", "f2 joined", "P2 → P0", "resolved"]
    told_to_all = [event.what for event in view(told(posts, kind="github", visibility="public")).history]
    assert told_to_all == ["firing", "posted", "f2 joined", "P2 → P0", "resolved"]


def test_the_time_line_tells_every_return(clock, ledger, tmp_path):
    posts = Posts(ledger, clock, tmp_path)
    for _ in range(3):
        start = posts.clock.now().isoformat()
        posts.hear(alert(start=start))
        posts.hear(alert("resolved", start=start, end=posts.clock.now().isoformat()), seconds=120)
    assert len(posts.stored()) == 1
    events = [event.what for event in view(told(posts)).history]
    assert events == ["firing", "firing again, 2nd time", "firing again, 3rd time", "resolved"]


def test_of_very_many_returns_the_time_line_tells_the_first_and_the_last(clock, ledger, tmp_path):
    posts = Posts(ledger, clock, tmp_path)
    posts.hear(alert(fingerprint="other", Team="network", start=clock.now().isoformat()))
    times = reading.MOST_LINES + 20
    for _ in range(times):
        start = clock.now().isoformat()
        posts.hear(alert(start=start))
        posts.hear(alert("resolved", start=start, end=clock.now().isoformat()), seconds=120)
    other, flapping = (row.id for row in posts.stored())
    events = [event.what for event in view(told(posts)).history]
    returns = [f"firing again, {ordinal(n)} time" for n in (*range(2, 17), *range(times - 14, times + 1))]
    assert events == ["firing", *returns, "resolved"]
    with posts.ledger.read() as connection:
        both = reading.load_all(connection, [other, flapping])
        assert both == {one: reading.load(connection, one) for one in (other, flapping)}


def test_what_fired_several_times_is_resolved_after_all_of_it(clock, ledger, tmp_path):
    posts = Posts(ledger, clock, tmp_path)
    for _ in range(3):
        start = posts.clock.now().isoformat()
        posts.hear(alert(start=start), seconds=60)
        before = slack.announced(told(posts))
        posts.hear(alert("resolved", start=start, end=posts.clock.now().isoformat()), seconds=60)
    assert slack.reply(told(posts), before) == "Resolved after 5 min, having fired 3 times."


def test_counting_reads_few_rows_along_an_index(posts):
    once(posts, 1)
    row = posts.stored()[0]
    many = [{**row._mapping, "id": f"01AAAAAAAAAAAAAAAAAAAA{n:04}"} for n in range(300)]
    posts.ledger.write(lambda connection: connection.execute(incidents.insert(), many))
    once(posts, 1)
    with posts.ledger.read() as connection:
        asked = []
        event.listen(connection, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))
        found = reading.load(connection, posts.stored()[-1].id)
        counts = [one for one in asked if "count(" in one[0] and "never_fired" in one[0]]
        assert len(counts) == 1
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = str(connection.exec_driver_sql(explain + counts[0][0], counts[0][1]).all())
    assert "ix_incidents_key_id" in plan
    assert found.previous.times == MOST_COUNTED + 1
    assert words(posts).endswith("more than 100 times in 30 days")


def test_a_team_that_a_route_sets_is_told_as_one_that_was_named(ledger, clock, tmp_path):
    routes = 'routes: [{matchers: ["service = checkout"], set: {team: storage}}]\n'
    posts = Posts(ledger, clock, tmp_path, CONFIG + routes)
    for number, service in enumerate(("checkout", "search")):
        one = alert(fingerprint=service)
        one["annotations"], one["labels"]["service"] = {}, service
        posts.hear(one)
        notes = view(told(posts, number)).notes
        page = pagerduty.trigger(told(posts, number, "pagerduty"), "bridge/x/1", None, 1)
        issue = github.body(told(posts, number, "github"), "m:1")
        set_by_route = service == "checkout"
        assert ("No team given: sent to the default destinations." not in notes) is set_by_route
        assert page["payload"]["summary"].endswith("team storage" if set_by_route else "no team given")
        assert ("(no team given)" not in issue) is set_by_route


def test_where_the_default_team_is_configured_it_is_told_as_that_teams(ledger, clock, tmp_path):
    posts = Posts(ledger, clock, tmp_path, CONFIG + "normalize: {default_team: storage}\n")
    one = alert()
    one["annotations"] = {}
    posts.hear(one)
    assert view(told(posts)).notes == ("No team given: sent to team storage.",)


def test_a_team_that_is_configured_by_now_is_not_said_to_be_missing_in_its_own_channel(ledger, clock, tmp_path):
    posts = Posts(ledger, clock, tmp_path)
    posts.hear(alert(Team="billing"))
    assert view(told(posts)).notes == ("Team billing is not configured: sent to the default destinations.",)
    posts.rules = Posts(ledger, clock, tmp_path, CONFIG.replace("network: {}", "network: {}, billing: {}")).rules
    posts.hear(alert(Team="billing"))
    assert view(told(posts)).notes == ()
    assert {(row.address, row.want) for row in posts.deliveries() if row.kind == "slack"} == {
        ("#alerts", 2),
        ("#billing", 2),
    }
    posts.hear(alert(Team="billing"))
    assert posts.stored()[-1].version == 2


@pytest.mark.parametrize("reopened", [False, True])
def test_a_team_that_is_said_by_now_is_told_as_one_that_was_given(ledger, clock, tmp_path, reopened):
    posts = Posts(ledger, clock, tmp_path, CONFIG + "normalize: {default_team: storage}\n")
    posts.hear({**alert(), "annotations": {}})
    if reopened:
        posts.hear({**alert("resolved"), "annotations": {}})
    posts.hear(alert(start=posts.clock.now().isoformat()))
    version = posts.stored()[-1].version
    posts.hear({**alert(fingerprint="f2"), "annotations": {}})  # which names none still, and is told with it
    (row,) = posts.stored()
    assert (row.times, row.version) == (1 + reopened, version + 1)
    posts.hear(alert(start=posts.clock.now().isoformat()), {**alert(fingerprint="f2"), "annotations": {}})
    assert posts.stored()[-1].version == version + 1
    assert view(told(posts)).notes == ()
    page = pagerduty.trigger(told(posts, kind="pagerduty"), "bridge/x/1", None, 1)
    assert page["payload"]["summary"].endswith("team storage")
    assert "(no team given)" not in github.body(told(posts, kind="github"), "m:1")


def test_the_incident_before_is_linked_where_it_was_told_in_this_very_channel(posts):
    once(posts, 1)
    once(posts, 2)
    before = posts.stored()[0].id
    row = next(row for row in posts.deliveries() if (row.incident, row.kind) == (before, "slack"))
    here = {"id": "01ZZZZZZZZZZZZZZZZZZZZZZZZ", "address": "#alerts", "have": {"url": "https://acme.slack.com/C2"}}

    def tell(connection):
        elsewhere = {"have": {"url": "https://acme.slack.com/C1"}}
        connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(elsewhere))
        connection.execute(deliveries.insert().values(dict(row._mapping) | here))

    posts.ledger.write(tell)
    assert view(told(posts)).previous.url == "https://acme.slack.com/C2"


def test_what_was_no_recovery_is_not_said_to_be_resolved():
    end = want().incident.previous.resolved_at
    for state, reason, how in (
        (State.RESOLVED, None, "resolved"),
        (State.RESOLVED, "Paused", "ended"),
        (State.CLOSED, "closed by alice", "closed"),
    ):
        before = Previous("01KB", end, 60.0, state=state, state_reason=reason)
        assert view(want(replace(want().incident, previous=before))).previous.words == f"{how} Dec 2 after 1 min"
    last_year = Previous("01KB", end - timedelta(days=365), None)
    assert view(want(replace(want().incident, previous=last_year))).previous.words == "resolved Dec 2, 2024"
    assert view(want(replace(want().incident, previous=Previous("01KB", None, None)))).previous.words == ""


@pytest.mark.parametrize("others", [0, 600])
def test_where_its_first_alert_fires_anew_an_incident_begins_no_later(posts, others):
    began = posts.clock.now()

    def after(minutes):
        return (began + timedelta(minutes=minutes)).isoformat()

    posts.hear(alert(start=after(0), Priority="P1"))
    posts.hear(*hosts(range(others + 1), start=after(30)), seconds=1_800)
    posts.hear(alert("resolved", start=after(0), end=after(40)), seconds=600)
    posts.hear(alert(start=after(50), Priority="P1"), seconds=600)
    page = pagerduty.trigger(told(posts, kind="pagerduty"), "bridge/x/1", None, 1)
    assert (view(told(posts)).began, page["payload"]["timestamp"]) == (times.iso(began), times.iso(began))
    before = slack.announced(told(posts))
    posts.hear(*hosts(range(others + 1), "resolved", start=after(30), end=after(60)), seconds=600)
    posts.hear(alert("resolved", start=after(50), end=after(60)))
    assert slack.reply(told(posts), before) == "Resolved after 1 h."
    assert view(told(posts)).history[0].what == "firing"


def test_an_incident_begins_with_the_first_of_its_alerts_whichever_was_heard_of_first(posts):
    began = posts.clock.now()
    later = (began + timedelta(minutes=5)).isoformat()
    posts.hear(alert(start=later), seconds=300)
    posts.hear(alert(fingerprint="f2", start=began.isoformat()))
    posts.hear(alert("resolved", fingerprint="f2", start=began.isoformat(), end=later), seconds=300)
    posts.hear(alert(fingerprint="f2", start=posts.clock.now().isoformat()), seconds=1_200)
    assert view(told(posts)).began == posts.incidents()[0]["opened_at"] == times.iso(began)


@pytest.mark.parametrize("heard", [["firing", "over"], ["over", "firing"], ["both"]])
def test_what_was_over_before_it_was_heard_of_is_not_when_an_incident_began(clock, ledger, tmp_path, heard):
    posts = Posts(ledger, clock, tmp_path)
    began, now = clock.now() - timedelta(minutes=5), clock.now().isoformat()
    over = alert("resolved", start=(began - timedelta(days=3)).isoformat(), end=now)
    firing = alert(fingerprint="f2", start=began.isoformat(), Priority="P1")
    for said in heard:
        posts.hear(*{"firing": [firing], "over": [over], "both": [firing, over]}[said])
    page = pagerduty.trigger(told(posts, kind="pagerduty"), "bridge/x/1", None, 1)
    opened, since = posts.incidents()[0]["opened_at"], view(told(posts)).began
    assert {since, page["payload"]["timestamp"], opened} == {times.iso(began)}
    assert "again" not in str(view(told(posts)).history)
    before = slack.announced(told(posts))
    posts.hear(alert("resolved", fingerprint="f2", start=began.isoformat(), end=now))
    assert slack.reply(told(posts), before) == "Resolved after 5 min."


def test_where_nothing_fired_that_was_heard_of_an_incident_began_with_what_was_over(posts):
    began = posts.clock.now() - timedelta(hours=1)
    end = posts.clock.now().isoformat()
    posts.hear(alert("resolved", start=began.isoformat(), end=end))
    assert (view(told(posts)).began, view(told(posts)).lasted) == (times.iso(began), "1 h")


def test_what_was_over_before_it_was_heard_of_shows_no_values_of_after_it(posts):
    def used(one, percent):
        return {**one, "values": {"Disk_Used": percent}}

    start, end = "2026-03-02T10:00:00Z", posts.clock.now().isoformat()
    counts = {"Number_of_Jobs_Failing": "0", "Failure_Threshold": "1"}
    over = used(alert("resolved", start=start, end=end, **counts), 0)
    posts.hear(over)
    assert view(told(posts)).values == ()
    posts.hear(used(alert(fingerprint="f3", Team="network"), 97))
    posts.hear(used(alert("resolved", fingerprint="f4", Team="network", start=start, end=end, **counts), 0))
    seen = view(told(posts))
    assert (seen.values, {one.values for one in seen.alerts}) == (("Disk used: 97",), {""})
    for _ in range(2):
        posts.hear(used(alert(fingerprint="f4", Team="network", start=start), 91))
        assert {one.name: one.values for one in view(told(posts)).alerts} == {
            "f3": "Disk used: 97",
            "f4": "Disk used: 91",
        }
