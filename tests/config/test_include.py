"""Included files: merged where whole, left out loudly where broken."""

from __future__ import annotations

import pytest

from bridge.config.load import load
from bridge.config.problem import ConfigError, Level
from bridge.core.alert import Priority
from bridge.core.fill import Facts
from bridge.core.row import row
from bridge.core.rules import Sending

MAIN = """\
destinations:
  slack: {token: "${env:T}", channel: "#alerts"}
send: {P0: [slack]}
include: [teams/*.yml]
teams:
  sre: {}
"""
BROKEN = "destinations: {x: {kind: slack, token: '${env:X}', channel: x}}\nteams: {a: {sned: 1}}\n"
LEFT_OUT = "this included file is broken and left out, its teams count as not configured: mend the lines below"


def warnings(loaded) -> list[str]:
    return [str(one) for one in loaded.warnings]


def test_teams_destinations_routes_and_tests_are_merged(files):
    files.write(
        """\
        teams: {a: {aliases: [alpha], destinations: {a-chat: {channel: alpha}}}}
        destinations: {a-chat: {kind: slack, token: "${file:a.token}", channel: a}}
        routes: [{matchers: ['x = "y"'], set: {team: alpha}, send: [a-chat]}]
        tests: [{alert: {labels: {x: y}}, expect: {team: a}}]
        """,
        "teams/a.yml",
    )
    files.write("teams: {b: {}}\n", "teams/b.yml")
    files.write("a-secret\n", "teams/a.token")
    loaded = files.load(f"{MAIN}routes: [{{matchers: ['q = \"r\"']}}]\n")
    assert warnings(loaded) == []
    assert list(loaded.rules.teams) == ["sre", "a", "b"]
    assert loaded.rules.teams["a"].where == "teams/a.yml:1"
    assert loaded.rules.destinations["a-chat"].where == "teams/a.yml:2"
    assert loaded.rules.destinations["a-chat"].settings["token"].folder.name == "teams"
    assert [route.where for route in loaded.rules.routes] == ["bridge.yml:7", "teams/a.yml:3"]
    assert loaded.settings.tests[0].where == "teams/a.yml:4"
    assert files.findings((files.folder / "bridge.yml").read_text(), {"T": "x", "BRIDGE_WEBHOOK_TOKEN": "y"}) == [
        "bridge.yml:3: warning: P0 pages nobody: declare a pagerduty destination, and send P0 to it",
        (
            "bridge.yml:6: warning: the team sre has no destination of its own: "
            "add destinations or send to it, or leave the team out"
        ),
        (
            "teams/b.yml:1: warning: the team b has no destination of its own: "
            "add destinations or send to it, or leave the team out"
        ),
    ]


def test_a_broken_one_is_left_out_and_the_rest_loads(files):
    files.write("teams: {a: {aliasses: [x]}}\n", "teams/a.yml")
    files.write("teams:\n\tb: {}\n", "teams/b.yml")
    files.write("teams: {c: {}}\n", "teams/c.yml")
    files.write("timezone: UTC\n", "teams/d.yml")
    loaded = files.load(MAIN)
    assert list(loaded.rules.teams) == ["sre", "c"]
    assert warnings(loaded) == [
        f"teams/a.yml: {LEFT_OUT}",
        "teams/a.yml:1: teams.a.aliasses is no key that is known here: did you mean aliases?",
        f"teams/b.yml: {LEFT_OUT}",
        "teams/b.yml:2: a tab where YAML wants spaces: indent with spaces",
        f"teams/d.yml: {LEFT_OUT}",
        "teams/d.yml:1: timezone is no key that is known here: known: destinations, routes, teams and tests",
    ]
    assert {one.level for one in loaded.warnings} == {Level.ERROR}


def test_one_that_clashes_or_leads_nowhere_is_left_out_and_what_hangs_on_it(files):
    files.write("teams: {SRE: {}}\ndestinations: {x: {kind: slack, token: '${env:X}', channel: x}}\n", "teams/a.yml")
    files.write("teams: {b: {send: {P0: [x]}}}\n", "teams/b.yml")
    loaded = files.load(MAIN.replace("P0: [slack]", "P0: [slack, x]"))
    assert list(loaded.rules.teams) == ["sre"]
    assert loaded.rules.send["P0"] == ("slack",)
    assert warnings(loaded) == [
        f"teams/a.yml: {LEFT_OUT}",
        (
            "teams/a.yml:1: teams.SRE ('SRE') names the team sre already, at bridge.yml:6: "
            "names and aliases count in any case: keep one"
        ),
        f"teams/b.yml: {LEFT_OUT}",
        "teams/b.yml:1: teams.b.send.P0[0] names the destination 'x', which isn't declared: known: slack",
        "bridge.yml:3: warning: send.P0[1] names the destination 'x', which isn't declared, left out: known: slack",
    ]


def test_a_list_that_what_is_left_out_empties_is_as_if_it_were_not_there(files):
    """Else alerts of whoever is whole would be told nowhere."""
    files.write(
        "destinations: {x: {kind: slack, token: '${env:X}', channel: x}}\nteams: {a: {sned: 1}}\n", "teams/a.yml"
    )
    sends = "teams: {b: {send: {P0: [x], P1: [-slack, +x]}}}\nroutes: [{matchers: ['team = \"c\"'], send: [x]}]\n"
    loaded = files.load(f"{MAIN.partition('teams:')[0]}{sends}")
    team, (route,) = loaded.rules.teams["b"], loaded.rules.routes
    assert [team.send[level] for level in ("P0", "P1")] == [Sending(), Sending()]
    assert route.send == Sending()


@pytest.mark.parametrize(
    "sends",
    [
        "send: {P2: [slack, x]}\nteams: {b: {send: {P2: [-slack]}}}\n",
        "send: {P2: [slack, x]}\nroutes: [{matchers: ['team = \"b\"'], send: [-slack]}]\n",
        "routes: [{matchers: ['team=b'], send: [+x], continue: true}, {matchers: ['x=\"\"'], send: [-slack]}]\n",
    ],
)
def test_what_is_left_out_leaves_nobody_without_a_word(files, sends):
    files.write(
        "destinations: {x: {kind: slack, token: '${env:X}', channel: x}}\nteams: {a: {sned: 1}}\n", "teams/a.yml"
    )
    head = MAIN.replace("send: {P0: [slack]}\n", "").partition("teams:\n")[0]
    loaded = files.load(f"{head}{sends}")
    route = [("a route", one.send) for one in loaded.rules.routes if one.send]
    found = row(Facts("b", Priority.P2, "grafana", configured=True), route, loaded.rules)
    assert list(found.names) == ["slack"]


def test_a_second_declaration_is_told_with_the_first_place(files):
    files.write("destinations: {slack: {token: '${env:X}', channel: x}}\n", "teams/a.yml")
    assert warnings(files.load(MAIN))[1] == (
        "teams/a.yml:1: destinations.slack is declared a second time, first at bridge.yml:2: keep one"
    )


def test_an_unknown_name_in_the_main_file_is_an_error_while_all_included_are_whole(files):
    files.write("teams: {a: {}}\n", "teams/a.yml")
    assert files.problems(f"{MAIN}operators: b\n") == [
        "bridge.yml:7: operators names the team 'b', which isn't declared: known: a and sre"
    ]


def test_the_last_good_settings_of_a_broken_one_stay(files):
    good = files.write("teams: {a: {timezone: UTC}}\n", "teams/a.yml")
    first = files.load(MAIN)
    good.write_text("teams: {a: {timezone: hunter2}}\n")
    second = load("bridge.yml", {}, last=first)
    assert second.rules.teams == first.rules.teams
    assert warnings(second) == [
        "teams/a.yml: this included file is broken, its last good settings stay: mend the lines below",
        (
            "teams/a.yml:1: teams.a.timezone is 'hunter2', which is no time zone: "
            "write one like America/Los_Angeles or UTC"
        ),
    ]
    third = load("bridge.yml", {}, last=second)
    assert third.rules.teams == first.rules.teams


PAYMENTS = (
    "teams: {payments: {aliases: [pay]}, ledger: {}}\ndestinations: {x: {kind: slack, token: '${env:X}', channel: x}}\n"
)


@pytest.mark.parametrize("change", ["payments: {}", "ads: {aliases: [pay]}"], ids=["a team", "an alias"])
def test_a_change_that_clashes_with_a_file_as_it_was_is_the_one_that_is_left_out(files, change):
    changed = files.write("teams: {ads: {}}\n", "teams/a.yml")
    other = files.write("teams: {b: {}}\n", "teams/b.yml")
    files.write(PAYMENTS, "teams/payments.yml")
    first = files.load(MAIN)
    changed.write_text(f"teams: {{{change}}}\n")
    other.write_text("teams: {b: {}, c: {}}\n")
    second = load("bridge.yml", {}, last=first)
    assert list(second.rules.teams) == ["sre", "ads", "b", "c", "payments", "ledger"]
    head, clash = warnings(second)
    assert head == "teams/a.yml: this included file is broken, its last good settings stay: mend the lines below"
    assert clash.startswith("teams/payments.yml:1: teams.payments")
    assert "at teams/a.yml:1" in clash
    third = load("bridge.yml", {}, last=second)
    assert third.rules.teams == second.rules.teams


def test_new_files_that_clash_with_one_as_it_was_are_left_out_and_what_they_took_away_stays(files):
    files.write(PAYMENTS, "teams/payments.yml")
    files.write("teams: {b: {send: {P0: [x]}}}\n", "teams/user.yml")
    first = files.load(MAIN)
    files.write("teams: {payments: {}}\n", "teams/a.yml")
    files.write("teams: {Pay: {}}\n", "teams/c.yml")
    second = load("bridge.yml", {}, last=first)
    assert second.rules.teams == first.rules.teams
    assert [f"teams/{name}.yml: {LEFT_OUT}" in warnings(second) for name in "ac"] == [True, True]
    for name in "ac":
        (files.folder / "teams" / f"{name}.yml").unlink()
    assert warnings(load("bridge.yml", {}, last=second)) == []


def test_a_file_as_it_was_from_which_a_change_takes_a_name_keeps_it(files):
    changed = files.write(PAYMENTS, "teams/payments.yml")
    files.write("teams: {b: {send: {P0: [x]}}}\n", "teams/user.yml")
    first = files.load(MAIN)
    changed.write_text("teams: {payments: {}}\n")
    second = load("bridge.yml", {}, last=first)
    assert second.rules.teams == first.rules.teams
    assert "x" in second.rules.destinations
    assert warnings(second)[0].startswith("teams/payments.yml: this included file is broken, its last good settings")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("P0: [slack]", "P0: [x, slack]", []),  # what the main file itself names stays with the file that declares it
        ("  sre: {}", "  pay: {}", ["teams/payments.yml:1: teams.payments.aliases[0] ('pay') names the team pay"]),
        ("  slack:", "  chat: {kind: slack}\n  gone:", None),
    ],
)
def test_a_change_of_the_main_file_never_costs_an_included_one_its_teams(files, before, after, says):
    """A whole file that is as it was is not broken: the reload is refused, and all goes on as before."""
    files.write(PAYMENTS, "teams/payments.yml")
    files.write("teams: {b: {send: {P0: [slack]}, destinations: {slack: {channel: b}}}}\n", "teams/user.yml")
    first = files.load(MAIN)
    main = files.folder / "bridge.yml"
    main.write_text(main.read_text().replace(before, after))
    if says == []:
        assert load("bridge.yml", {}, last=first).rules.teams == first.rules.teams
        return
    with pytest.raises(ConfigError) as refused:
        load("bridge.yml", {}, last=first)
    told = [str(one) for one in refused.value.problems]
    assert not any("broken" in one for one in told)
    assert told[0].startswith(says[0]) if says else any(one.startswith("teams/user.yml:1: ") for one in told)


def test_a_file_that_is_gone_never_costs_another_one_its_teams(files):
    gone = files.write(PAYMENTS, "teams/payments.yml")
    files.write("teams: {b: {send: {P0: [x]}}}\n", "teams/user.yml")
    first = files.load(MAIN)
    gone.unlink()
    with pytest.raises(ConfigError) as refused:
        load("bridge.yml", {}, last=first)
    assert [str(one) for one in refused.value.problems] == [
        "teams/user.yml:1: teams.b.send.P0[0] names the destination 'x', which isn't declared: known: slack"
    ]
    assert f"teams/user.yml: {LEFT_OUT}" in warnings(load("bridge.yml", {}))


def test_files_that_are_not_there(files):
    loaded = files.load(MAIN.replace("teams/*.yml", "nowhere/*.yml, one.yml, bridge.yml"))
    assert warnings(loaded) == [
        "bridge.yml:4: warning: include[0] finds no file: write a path relative to this file",
        f"one.yml: {LEFT_OUT}",
        "one.yml: there is no such file: mend include, or write the file",
    ]
