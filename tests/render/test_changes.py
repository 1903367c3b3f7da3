"""What is worth a reply, told as the difference between two announcements."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from goldens import MESSAGES, compare
from scenes import END, MENTION, START, disks, host, incident, member, over, resolved, want

from bridge.core.alert import Priority, Status
from bridge.core.incident import State
from bridge.destinations.github import message as github
from bridge.destinations.pagerduty import message as pagerduty
from bridge.destinations.slack import message as slack

P1 = incident(priority=Priority.P1)
FEW = disks([host(1), host(2)])
JOINED = disks([host(1), host(2, received_at=END, joined_at=END)])
MANY = disks([host(n) for n in range(1, 46)])
CHANGES = {
    "nothing": (incident(), incident(version=9), None),
    "resolved": (incident(), over(), "Resolved after 2 h 18 min."),
    "resolved the third time": (incident(times=3), over(times=3), "Resolved after 2 h 18 min, having fired 3 times."),
    "paused": (incident(), over("Paused"), "Rule paused after 2 h 18 min: not a recovery."),
    "deleted": (incident(), over("RuleDeleted"), "Rule deleted after 2 h 18 min: not a recovery."),
    "changed": (incident(), over("Updated"), "Rule changed after 2 h 18 min: not a recovery."),
    "series gone": (incident(), over("MissingSeries"), "Series gone after 2 h 18 min: not a recovery."),
    "no data": (incident(), over("NoData"), "No data after 2 h 18 min: not a recovery."),
    "two reasons": (
        incident(),
        over("Error, KeepLast"),
        "Evaluation failed, last state kept after 2 h 18 min: not a recovery.",
    ),
    "paused and moved": (
        incident(),
        over("Paused; moved to b"),
        "Rule paused, moved to b after 2 h 18 min: not a recovery.",
    ),
    "moved": (incident(), over("moved to b, c"), "Moved to b, c after 2 h 18 min: not a recovery."),
    "odd reason": (
        incident(),
        over("Gremlins"),
        "Ended with the reason “Gremlins” after 2 h 18 min: not known to be a recovery.",
    ),
    "odd and known": (
        incident(),
        over("Gremlins, Paused"),
        "Ended with the reason “Gremlins”, rule paused after 2 h 18 min: not a recovery.",
    ),
    "paused, nobody knows when": (
        incident(),
        over("Paused", resolved_at=None, members=()),
        "Rule paused: not a recovery.",
    ),
    "recovered after all": (over("NoData"), over(), "Resolved after 2 h 18 min."),
    "worse": (incident(), P1, "Worse: P2 → P1."),
    "better": (P1, incident(), "Less urgent: P1 → P2."),
    "again": (over(), incident(times=2), "Firing again (2nd time)."),
    "again while nobody looked": (incident(), incident(times=3), "Firing again (3rd time)."),
    "stale": (
        incident(),
        incident(state=State.STALE),
        "No longer heard of since Dec 9, 2025 9:30 AM PST: stale, not resolved.",
    ),
    "heard of again": (incident(state=State.STALE), incident(), "Heard of again: still firing."),
    "stale, and another one joins": (disks([host(1)], state=State.STALE), JOINED, "1 more: host-2."),
    "heard of again, and another one joins": (
        disks([host(1)], state=State.STALE),
        disks([host(1, received_at=END), host(2, received_at=END, joined_at=END)]),
        "Heard of again: still firing.\n1 more: host-2.",
    ),
    "fires anew after silence": (
        incident(state=State.STALE),
        incident(members=(member(id="m9", since=END, received_at=END, joined_at=END),)),
        "Fires anew, after it was no longer heard of.",
    ),
    "one of a group fires anew after silence, another goes on, one joins": (
        disks([host(1), host(2)], state=State.STALE),
        disks(
            [
                host(1, id="m9", received_at=END, joined_at=END),
                host(2, received_at=END),
                host(3, received_at=END, joined_at=END),
            ]
        ),
        "Heard of again: still firing.\nFires anew, after it was no longer heard of: host-1.\n1 more: host-3.",
    ),
    "no data again": (over(), incident(times=2, members=(member(no_data="NoData"),)), "No data again (2nd time)."),
    "not evaluated, heard of again": (
        incident(state=State.STALE),
        incident(members=(member(no_data="Error"),)),
        "Heard of again: still cannot be evaluated.",
    ),
    "closed": (incident(), incident(state=State.CLOSED), "Closed by a person."),
    "two more": (FEW, disks([*FEW.members, host(10), host(9)]), "2 more: host-9, host-10."),
    "many more": (FEW, MANY, "43 more: host-3, host-4, host-5, host-6, host-7 and 38 more."),
    "fewer": (FEW, disks([host(1), resolved(host(2))]), None),
    "worse and more": (
        disks(FEW.members, priority=Priority.P2),
        disks([*FEW.members, host(3)]),
        "Worse: P2 → P1.\n1 more: host-3.",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_replies(name):
    before, after, words = CHANGES[name]
    told = json.loads(json.dumps(slack.announced(want(before))))
    assert slack.reply(want(after, mention=MENTION), told) == words


def said(kind, text):
    """All words of a kind's replies, a file that is read as a whole."""
    told = [f"{name}: {text(before, after)}" for name, (before, after, words) in CHANGES.items() if words]
    if kind == "slack":
        late = replace(want(incident()), now=END)
        told.append(f"still firing: {slack.reminder(late)}")
    return "\n".join(told) + "\n"


def test_replies_as_a_whole():
    def text(before, after):
        return slack.reply(want(after), slack.announced(want(before)))

    compare(MESSAGES / "slack" / "replies.txt", said("slack", text))


def test_comments_as_a_whole():
    def text(before, after):
        return github.comment(want(after, "github"), github.announced(want(before, "github")))

    compare(MESSAGES / "github" / "replies.txt", said("github", text))


def test_a_first_message_needs_no_reply():
    assert slack.reply(want(over()), {}) is None
    assert github.comment(want(over(), "github"), {}) is None


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"state": False}, None),
        ({"state": "off", "priority": True}, None),
        ({"priority": False}, "Resolved after 2 h 18 min."),
        (None, "Resolved after 2 h 18 min."),
        (False, None),
    ],
)
def test_replies_are_a_setting(replies, words):
    assert slack.reply(want(over(), replies=replies), slack.announced(want(incident()))) == words


def test_members_and_priority_can_be_kept_quiet():
    before = slack.announced(want(disks(FEW.members, priority=Priority.P2)))
    after = disks([*FEW.members, host(3)])
    assert slack.reply(want(after, replies={"members": False}), before) == "Worse: P2 → P1."
    assert slack.reply(want(after, replies={"priority": False}), before) == "1 more: host-3."


def test_where_states_are_kept_quiet_what_fires_anew_after_silence_is_told_as_a_member():
    before = slack.announced(want(disks([host(1), host(2)], state=State.STALE)))
    after = disks([host(1, id="m9", received_at=END, joined_at=END), host(2, received_at=END)])
    assert slack.reply(want(after, replies={"state": "off", "members": True}), before) == "1 more: host-1."
    assert slack.reply(want(after, replies={"members": "off"}), before).endswith("no longer heard of: host-1.")


def test_comments_say_when():
    before = github.announced(want(incident(), "github"))
    assert github.comment(want(over(), "github"), before) == ("Resolved Dec 9, 2025 11:47 AM PST, after 2 h 18 min.")
    assert github.comment(want(over("Paused"), "github"), before).startswith("Rule paused after 2 h 18 min: not")


@pytest.mark.parametrize(("private", "who"), [(True, "alice"), (False, "a person")])
def test_who_closed_it_is_named_only_where_not_everybody_may_read_it(private, who):
    its, place = over("Closed by alice"), {"private": private}
    said = github.comment(want(its, "github", place), github.announced(want(incident(), "github")))
    assert said == f"Closed by {who} after 2 h 18 min: closed."


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (over(), "completed"),
        (incident(state=State.CLOSED), "completed"),
        (over("Paused"), "not_planned"),
        (over("RuleDeleted; Updated"), "not_planned"),
        (over("moved to b"), "not_planned"),
        (incident(state=State.CLOSED, test=True), "not_planned"),
    ],
)
def test_close_reasons(told, reason):
    assert github.close_reason(want(told, "github")) == reason


GROUPS = {"broken-inductor-oncall": "S0ONCALL", "Kept-As-Sent": "S1"}
P0 = incident(priority=Priority.P0)
NOT_CALLED = "(not called: no known user group)"


@pytest.mark.parametrize(
    ("mention", "called"),
    [
        (MENTION, ("<!subteam^S0ONCALL>", "<!here>", f"@\N{WORD JOINER}nobody {NOT_CALLED}")),
        ("<@U0123>", ("<@U0123>",)),
        ("@Broken-Inductor-OnCall", ("<!subteam^S0ONCALL>",)),
        ("@kept-as-sent", ("<!subteam^S1>",)),
        ("@here", ("<!here>",)),
        ("@{team}-oncall", ()),
        (["<!here>", "<!here>"], ("<!here>",)),
        ("<!here> <@U1>", (f"&lt;!here&gt; &lt;@\N{WORD JOINER}U1&gt; {NOT_CALLED}",)),
        ({"P1": "<!here>"}, ()),
        (None, ()),
        ("", ()),
        (False, ()),
    ],
)
def test_mentions(mention, called):
    assert slack.mentions(want(P0, place={"usergroups": GROUPS}, mention=mention)) == called


@pytest.mark.parametrize(
    "told",
    [over(), incident(state=State.STALE), incident(state=State.CLOSED, test=True), incident(test=True)],
)
def test_nobody_is_called_for_what_does_not_fire(told):
    assert slack.mentions(want(told, mention="<!here>")) == ()
    assert slack.mentions(replace(want(P0, mention="<!here>"), never_fired=True)) == ()


@pytest.mark.parametrize(
    ("cause", "words"), [("NoData", "no data"), ("Error", "cannot be evaluated"), (None, "firing")]
)
def test_a_reminder_says_how_it_stands_in_the_words_of_its_header(cause, words):
    told = want(incident(members=(member(no_data=cause),)))
    assert slack.reminder(told) == f"Still {words} after 2 h 18 min: P2 Inductor Jobs Broken."
    assert f"P2 {words}: " in slack.content(told)["blocks"][0]["text"]["text"]


def test_of_what_fired_twice_all_places_say_one_length():
    last = resolved(member(since=START + timedelta(minutes=35), starts_at=START + timedelta(minutes=35)))
    fired = {"times": 2, "members": (replace(last, status=Status.FIRING, ends_at=None, resolved_at=None),)}
    before, after = incident(**fired), over(times=2, members=(last,))
    lasted = "2 h 18 min"
    assert slack.reply(want(after), slack.announced(want(before))) == f"Resolved after {lasted}, having fired 2 times."
    assert f"9:29\N{EN DASH}11:47 AM PST, {lasted} · 2nd time" in str(slack.content(want(after)))
    ledger = want(after, "github")
    assert github.comment(ledger, github.announced(want(before, "github"))).endswith(f"after {lasted}.")
    body = github.body(ledger, "m")
    assert "| Occurred At | Dec 9, 2025 9:29 AM PST |" in body
    assert f"11:47 AM PST, after {lasted}" in body
    assert slack.reminder(want(before)).startswith(f"Still firing after {lasted}: ")
    paged = pagerduty.trigger(want(before, "pagerduty"), "k", None, 2)["payload"]
    assert (paged["timestamp"], "9:29 AM PST, 2nd time" in str(paged)) == ("2025-12-09T18:04:00Z", True)
    paged = pagerduty.trigger(want(before, "pagerduty"), "k", (last.id,), 2)["payload"]
    assert "10:04 AM PST, 2nd time" in str(paged)


def test_a_mention_stays_in_edits():
    content = slack.content(want(over()), mentions=("<!here>",))
    assert content["text"].startswith("<!here> P2 resolved")
    assert content["blocks"][1]["text"]["text"] == "<!here>"
    assert slack.content(want(over()), plain=True, mentions=("<!here>",))["text"].startswith("<!here>\n")


def test_labels():
    told = incident(teams=("a", "B", "b"), priority=Priority.P1)
    assert github.labels(want(told, "github")) == ["area:alerting", "Pri:P1", "Team:a", "Team:B", "Source:grafana"]
    assert github.labels(
        want(told, "github", labels=["oncall: pt2", "x" * 60, "X" * 60, " ", "{team}-{priority}"])
    ) == [
        "oncall: pt2",
        "x" * 50,
        "a-P1",
        "B-P1",
    ]
    assert github.labels(want(told, "github", labels=[])) == []


@pytest.mark.parametrize(
    ("place", "visibility", "private"),
    [
        ({}, None, False),
        ({"private": True}, None, True),
        ({"private": "yes"}, None, False),
        ({"private": False}, "auto", False),
        ({"private": True}, "public", False),
        ({}, "private", True),
    ],
)
def test_silences_and_labels_only_where_known_to_be_private(place, visibility, private):
    body = github.body(want("firing", "github", place, visibility=visibility), "m")
    for secret in ("Silence", "alertname =", "slack.com"):
        assert (secret in body) is private


def test_what_is_told_never_depends_on_now():
    for kind, made in (("slack", slack.content), ("github", lambda told: github.body(told, "m"))):
        one, other = want("firing", kind), replace(want("firing", kind), now=START.replace(year=2030))
        assert made(one) == made(other)


def test_an_incident_without_members_or_links_is_told():
    bare = incident(members=(), external_url="")
    assert slack.content(want(bare))["blocks"]
    assert github.body(want(bare, "github"), "m")
    one = incident(members=(member(links=None, values=(), annotations={}, labels={}, failure_threshold=None),))
    assert slack.content(want(one, external_url=None))["blocks"][-1]["elements"][0]["text"].startswith("Incident 01KC")


def test_the_end_is_the_last_member_s_where_the_incident_says_none():
    told = disks([resolved(host(1)), resolved(host(2), END.replace(hour=20))], state=State.RESOLVED)
    assert "12:47 PM PST" in str(slack.content(want(told)))
