"""Team says where, priority says which destinations: every cell of a table, and what falls outside it."""

import json

import pytest
from harness import Starter, alert, config, group, issues, messages, pages

from bridge.sandbox import Sandbox

KEYS = {name: f"{name:x<32}"[:32] for name in ("main", "beta")}
SEND = {"P0": ["slack", "pagerduty", "github", "leads"], "P1": ["slack", "pagerduty"], "P2": ["slack", "github"]}
SEND |= {"P3": ["slack"]}
MAIN, LEADS = "acme/alerts", "#leads"

TABLE = {  # team as it is said → priority → addresses
    "alpha": {
        "P0": {"#alpha-alerts", "main", MAIN, LEADS},
        "P1": {"#alpha-alerts", "main"},
        "P2": {"#alpha-alerts", MAIN},
        "P3": {"#alpha-alerts"},
    },
    "beta": {
        "P0": {"#beta-room", "beta", "acme/beta"},
        "P1": {"#beta-room", "beta", LEADS},
        "P2": {"#beta-room", "acme/beta"},
        "P3": {"#beta-room", "acme/beta"},
    },
    "who-is-this": {
        "P0": {"#alerts", "main", MAIN, LEADS},
        "P1": {"#alerts", "main"},
        "P2": {"#alerts", MAIN},
        "P3": {"#alerts"},
    },
    "": {
        "P0": {"#alerts", "main", MAIN, LEADS},
        "P1": {"#alerts", "main"},
        "P2": {"#alerts", MAIN},
        "P3": {"#alerts"},
    },
}


def settings(sandbox):
    return config(
        sandbox,
        destinations={
            "slack": {"channel": "#{team}-alerts", "fallback_channel": "#alerts"},
            "leads": {
                "kind": "slack",
                "token": "${env:SLACK_BOT_TOKEN}",
                "channel": "#leads",
                "api_url": sandbox.slack_url,
            },
            "pagerduty": {"routing_key": "${env:MAIN_KEY}"},
        },
        send=SEND,
        teams={
            "Alpha": {"aliases": ["al", "oncall: alpha"]},
            "beta": {
                "destinations": {
                    "slack": {"channel": "#beta-room"},
                    "github": {"repo": "acme/beta"},
                    "pagerduty": {"routing_key": "${env:BETA_KEY}"},
                },
                "send": {"P0": ["-leads"], "P1": ["+leads"], "P3": ["slack", "github"]},
            },
        },
        routes=[
            {
                "matchers": ['stage = "dev"', 'team =~ "al.*"'],
                "set": {"priority": "P3"},
                "send": ["slack", "leads"],
            },
            {"matchers": ['drill = "yes"'], "send": ["leads"], "continue": True},
            {"matchers": ['drill = "yes"'], "set": {"team": "beta"}, "send": ["slack"]},
            {"matchers": ['drill = "yes"'], "send": ["pagerduty"]},
        ],
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A bridge and its sandbox, shared: each test has its own alerts."""
    env = {"MAIN_KEY": KEYS["main"], "BETA_KEY": KEYS["beta"]}
    channels = ("alerts", "alpha-alerts", "beta-room", "leads")
    with Sandbox(channels=channels) as sandbox, Starter(tmp_path_factory) as starter:
        yield starter(settings(sandbox), env=env), sandbox


def said(team, priority):
    """Annotations of a team and a priority, where they are said."""
    return {"Team": team} * bool(team) | {"Priority": priority} * bool(priority) if team or priority else {}


def told_at(sandbox, title):
    """Where an alert of a title is told, at the destinations themselves; each address as often as it is."""
    keys = {key: name for name, key in KEYS.items()}
    with sandbox.lock:
        found = [
            f"#{name}" for name in ("alerts", "alpha-alerts", "beta-room", "leads") for _ in told(sandbox, name, title)
        ]
        found += [issue_at for issue_at in (MAIN, "acme/beta") for _ in issues(sandbox, title, issue_at)]
        found += [keys[page.routing_key] for page in pages(sandbox, title)]
    return sorted(found)


def told(sandbox, channel, title):
    return messages(sandbox, channel, f"{title}.") or messages(sandbox, channel, f"{title} ")


CELLS = [(team, priority) for team, row in TABLE.items() for priority in row]


def test_every_cell_of_the_table(place):
    bridge, sandbox = place
    titles = {(team, priority): f"cell {team or 'none'} {priority}" for team, priority in CELLS}
    for (team, priority), title in titles.items():
        annotations = {"Priority": priority} | ({"Team": team} if team else {})
        bridge.post(group(alert(title, **annotations)))
    bridge.settle()
    found = {cell: told_at(sandbox, title) for cell, title in titles.items()}
    assert found == {(team, priority): sorted(TABLE[team][priority]) for team, priority in CELLS}


@pytest.mark.parametrize("name", ["al", "AL", "Oncall: Alpha", "ALPHA", " alpha "])
def test_a_team_is_known_by_its_aliases_in_any_case(place, name):
    bridge, sandbox = place
    title = f"alias {name.encode().hex()}"
    bridge.post(group(alert(title, Team=name, Priority="P3")))
    bridge.settle()
    assert told_at(sandbox, title) == ["#alpha-alerts"]
    assert bridge.incident(title)["teams"] == ["Alpha"]


def test_two_teams_in_one_notification_see_only_their_own(place):
    bridge, sandbox = place
    mine = alert("mine alone", Team="alpha", Priority="P2", Secret="alpha's own text")
    yours = alert("yours alone", Team="beta", Priority="P2", Secret="beta's own text")
    bridge.post(group(mine, yours))
    bridge.settle()
    assert told_at(sandbox, "mine alone") == ["#alpha-alerts", MAIN]
    assert told_at(sandbox, "yours alone") == ["#beta-room", "acme/beta"]
    for entry in sandbox.seen():
        assert not ("mine alone" in entry.body and "yours alone" in entry.body)


def test_an_alert_of_two_teams_is_told_at_both_and_once_where_they_share(place):
    bridge, sandbox = place
    bridge.post(group(alert("shared trouble", Teams="alpha, beta", Priority="P0")))
    bridge.settle()
    expected = ["#alpha-alerts", "#beta-room", "#leads", MAIN, "acme/beta", "beta", "main"]
    assert told_at(sandbox, "shared trouble") == expected
    bridge.post(group(alert("shared by channel", Teams="alpha,who-is-this", Priority="P2")))
    bridge.settle()
    assert told_at(sandbox, "shared by channel") == ["#alerts", "#alpha-alerts", MAIN]


def test_unknown_and_missing_teams_are_marked(place):
    bridge, sandbox = place
    bridge.post(group(alert("lost sheep", Team="shepherds", Priority="P3"), alert("nameless sheep", Priority="P3")))
    bridge.settle()
    (lost,), (nameless,) = told(sandbox, "alerts", "lost sheep"), told(sandbox, "alerts", "nameless sheep")
    assert "shepherds" in json.dumps(lost.blocks)
    assert "not configured" in json.dumps(lost.blocks).lower()
    assert "unrouted" in json.dumps(nameless.blocks)
    assert "no team" in json.dumps(nameless.blocks).lower()


def test_a_priority_word_nobody_knows_is_loud_and_shown(place):
    bridge, sandbox = place
    bridge.post(group(alert("odd word", Team="alpha", Priority="apocalyptic")))
    bridge.settle()
    assert told_at(sandbox, "odd word") == ["#alpha-alerts", "main"]
    (message,) = told(sandbox, "alpha-alerts", "odd word")
    assert message.text.startswith("P1 firing")
    assert "apocalyptic" in json.dumps(message.blocks)
    bridge.post(group(alert("odd word", Team="alpha", Priority="P3")))
    bridge.settle()
    assert bridge.incident("odd word")["priority"] == "P3"
    assert "apocalyptic" not in json.dumps(told(sandbox, "alpha-alerts", "odd word")[0].blocks)
    bridge.post(group(alert("odd word", Team="alpha", Priority="cataclysmic")))
    bridge.settle()
    assert "cataclysmic" in json.dumps(told(sandbox, "alpha-alerts", "odd word")[0].blocks)


@pytest.mark.parametrize(
    ("word", "priority"),
    [("p0 - urgent", "P0"), ("1", "P1"), ("P2 ", "P2"), ("Critical", "P0"), ("warning", "P2"), ("info", "P3")],
)
def test_priorities_are_read_in_many_spellings(place, word, priority):
    bridge, _ = place
    title = f"spelt {word.encode().hex()}"
    bridge.post(group(alert(title, Team="alpha", Priority=word)))
    bridge.settle()
    assert bridge.incident(title)["priority"] == priority


def test_a_label_severity_stands_in_for_a_missing_priority(place):
    bridge, _ = place
    bridge.post(group(alert("by label", team="beta", severity="high")))
    bridge.settle()
    incident = bridge.incident("by label")
    assert (incident["teams"], incident["priority"]) == (["beta"], "P1")


def test_none_is_recorded_and_told_nowhere(place):
    bridge, sandbox = place
    receipt = bridge.receipt(bridge.post(group(alert("watchdog", Team="alpha", severity="none"))))
    bridge.settle()
    assert receipt["state"] == "absorbed"
    assert receipt["alerts"] == 1
    assert told_at(sandbox, "watchdog") == []
    assert not [entry for entry in sandbox.seen() if "watchdog" in entry.body]


def test_a_route_sets_and_sends(place):
    bridge, sandbox = place
    bridge.post(group(alert("staged", Team="alpha", Priority="P0", stage="dev")))
    bridge.post(group(alert("not alpha's stage", Team="beta", Priority="P3", stage="dev")))
    bridge.settle()
    assert told_at(sandbox, "staged") == ["#alpha-alerts", LEADS]
    assert bridge.incident("staged")["priority"] == "P3"
    assert told_at(sandbox, "not alpha's stage") == ["#beta-room", "acme/beta"]


def test_routes_that_continue_add_up_and_the_first_that_does_not_ends_it(place):
    bridge, sandbox = place
    bridge.post(group(alert("drilled", Team="alpha", Priority="P2", drill="yes")))
    bridge.settle()
    assert bridge.incident("drilled")["teams"] == ["beta"]
    assert told_at(sandbox, "drilled") == ["#beta-room", LEADS]


def test_every_delivery_says_why_it_is_told_there(place):
    bridge, _ = place
    bridge.post(group(alert("asked why", Team="alpha", Priority="P2")))
    bridge.settle()
    lines = [line["why"] for line in bridge.incident("asked why")["timeline"] if line["what"] == "addressed"]
    assert [line.partition(":")[0] for line in lines] == ["slack #alpha-alerts", f"github {MAIN}"]
    assert all("P2" in line for line in lines)


def test_of_several_teams_in_one_channel_each_is_called(sandbox, start):
    def call(who):
        return {"destinations": {"slack": {"mention": {"P0": who}}}}

    teams = {"search": call("<@U0SEARCH1>"), "infra": {}, "night": call("<@U0NIGHT01>")}
    teams |= {"paged": {**call("<@U0PAGED01>"), "send": {"P0": ["pagerduty"]}}}
    teams |= {"shady": {**call("<@U0SHADOW1>"), "mode": "shadow"}}
    bridge = start(config(sandbox, teams=teams, shadow={"channel": "#shadow"}))
    for said in ("serch, search", "infra, search", "search, night", "infra", "search, paged", "search, shady"):
        bridge.post(group(alert(said, Team=said, Priority="P0")))
    bridge.settle()
    texts = {said: messages(sandbox, text=f"P0 firing: {said}")[0].text for said in ("serch, search", "infra, search")}
    assert {text.partition(" ")[0] for text in texts.values()} == {"<@U0SEARCH1>"}
    (both,) = messages(sandbox, text="P0 firing: search, night")
    assert both.text.startswith("<@U0SEARCH1> <@U0NIGHT01> P0")
    assert [message.text[0] for message in messages(sandbox) if "(infra)" in message.text] == ["P"]
    for said in ("search, paged", "search, shady"):
        assert messages(sandbox, text=f"P0 firing: {said}")[0].text.startswith("<@U0SEARCH1> P0"), said
