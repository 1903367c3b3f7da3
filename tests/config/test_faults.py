"""Each fault at its line, in a sentence that says how to mend it."""

from __future__ import annotations

import pytest

from bridge.core.matchers import parse_matcher

SLACK = 'destinations:\n  slack: {token: "${env:SLACK_BOT_TOKEN}", channel: "#alerts"}\n'
LINE = "bridge.yml:3: "
NO_SOURCE = (
    "can't be a source's name: write at most 100 letters, digits, - and _, "
    "and not bridge, bridge.storm or bridge.test: those are the bridge's own"
)
LONG = "a-" * 51
HIDDEN = "(not shown, it looks like a secret)"
KEY = "0123456789abcdef0123456789abcdef"


def _why(matcher: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_matcher(matcher)
    return str(caught.value)


def slack(rest: str) -> str:
    return f'destinations:\n  slack:\n    {rest}\n    token: "${{env:T}}"\n    channel: "#a"\n'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("sned: {P0: [slack]}", "sned is no key that is known here: did you mean send?"),
        ("send: {P0: [slak]}", "send.P0[0] names the destination 'slak', which isn't declared: did you mean slack?"),
        ("send: {P0: [mail]}", "send.P0[0] names the destination 'mail', which isn't declared: known: slack"),
        ("send: {P4: [slack]}", "send.P4 is 'P4', which is no priority: write P0, P1, P2 or P3"),
        ("send: {p0: [slack], P0: [slack]}", "send holds P0 twice, in different case: keep one of the two"),
        (
            "send: {P0: []}",
            (
                "send.P0 is an empty list, so these alerts would be told nowhere: "
                "name a destination; to tell nobody, map the priority's word to drop"
            ),
        ),
        ("send: {P0: [-slack]}", "send.P0 leaves nobody to tell: name a destination"),
        (
            "send: {P0: [slack, +slack]}",
            "send.P0 mixes names with +name and -name: write a whole list, or only changes to the inherited one",
        ),
        ("teams: {a: {send: {p1: [-slack]}}}", "teams.a.send.p1 leaves nobody to tell: keep or add a destination"),
        (
            "teams: {a: {destinations: {slak: {channel: x}}}}",
            "teams.a.destinations.slak names the destination 'slak', which isn't declared: did you mean slack?",
        ),
        (
            "teams: {a: {destinations: {slack: {chanel: x}}}}",
            "teams.a.destinations.slack.chanel is no key that is known here: did you mean channel?",
        ),
        (
            "teams: {a: {destinations: {slack: {kind: github}}}}",
            "teams.a.destinations.slack.kind can't be changed by a team: leave it out",
        ),
        (
            "teams: {a: {}, A: {}}",
            "teams.A ('A') names the team a already, at bridge.yml:3: names and aliases count in any case: keep one",
        ),
        (
            "teams: {a: {}, b: {aliases: [A]}}",
            (
                "teams.b.aliases[0] ('A') names the team a already, at bridge.yml:3: "
                "names and aliases count in any case: keep one"
            ),
        ),
        (
            "teams: {a: {aliases: [x]}, b: {aliases: [X]}}",
            (
                "teams.b.aliases[0] ('X') names the team a already, at bridge.yml:3: "
                "names and aliases count in any case: keep one"
            ),
        ),
        (
            "teams: {'a,b': {}}",
            "teams.a,b can't be a team's name: write a word without commas: a comma stands between teams",
        ),
        ("operators: sre", "operators names the team 'sre', which isn't declared: none is declared"),
        (
            "routes: [{matchers: ['a=\"b\"'], set: {team: x}}]",
            "routes[0].set.team names the team 'x', which isn't declared: none is declared",
        ),
        (
            "routes: [{matchers: ['a=\"b\"'], set: {prioritty: P1}}]",
            "routes[0].set.prioritty is no key that is known here: did you mean priority?",
        ),
        (
            "routes: [{matchers: ['a=\"b\"'], send: [slak]}]",
            "routes[0].send[0] names the destination 'slak', which isn't declared: did you mean slack?",
        ),
        ("routes: [{matchers: [a]}]", f"routes[0].matchers[0] can't be used: {_why('a')}"),
        (
            "tests: [{source: grafanna, alert: {}, expect: {}}]",
            "tests[0].source is 'grafanna', which isn't declared: did you mean grafana?",
        ),
        (
            "tests: [{alert: {values: {A: x}}, expect: {}}]",
            ("tests[0].alert.values.A is 'x', which is no number: write a number"),
        ),
        ("normalize: []", "normalize is a list where settings are expected: write `key: value` lines below it"),
        (
            "auth_proxy: {header: X User, trusted: [::1]}",
            ("auth_proxy.header is 'X User', which is no header's name: write one like X-Token"),
        ),
        (
            "auth_proxy: {header: X_User, trusted: [::1]}",
            (
                "auth_proxy.header is 'X_User', which does not arrive: "
                "write X-User: a header with _ is dropped on the way"
            ),
        ),
        (
            "sources: {g: {auth: {header: {name: X_Api_Token, value: '${env:T}'}}}}",
            (
                "sources.g.auth.header.name is 'X_Api_Token', which does not arrive: "
                "write X-Api-Token: a header with _ is dropped on the way"
            ),
        ),
        ("routes: [{matchers: []}]", "routes[0].matchers is an empty list: name at least one"),
        ("routes: [{send: [slack]}]", "routes[0].matchers is missing: add matchers"),
        ("routes: {}", "routes is a mapping where a list is expected: write [one, two], or a line `- one` each"),
        (
            "fallback: {P0: {after: 1m, send: [slak]}}",
            "fallback.P0.send[0] names the destination 'slak', which isn't declared: did you mean slack?",
        ),
        ("fallback: {P0: {send: [slack]}}", "fallback.P0 says no time: add after: 2m, or on: dead"),
        (
            "fallback: {P7: {after: 1m, send: [slack]}}",
            "fallback holds 'P7', which is no priority: write P0, P1, P2, P3 or default",
        ),
        (
            "timezone: America/Los_Angles",
            "timezone is 'America/Los_Angles', which is no time zone: did you mean America/Los_Angeles?",
        ),
        ("timezone: PST", "timezone is 'PST', which is no time zone: write one like America/Los_Angeles or UTC"),
        (
            "external_url: alerts.acme.com",
            "external_url is 'alerts.acme.com', which is no address: write one like https://alerts.example.com",
        ),
        (
            "stale_after: 10 minutes",
            "stale_after is '10 minutes', which is no duration: write a number and a unit, like 30s, 10m, 12h, 30d",
        ),
        (
            "retention: {incidents: 999999d}",
            "retention.incidents is a duration too long to count with: write at most some years, like 400d",
        ),
        (
            f"stale_after: {'9' * 400}w",
            "stale_after is a duration too long to count with: write at most some years, like 400d",
        ),
        ("max_storage: 10", "max_storage is '10', which is no size: write a number and a unit, like 16MiB or 10GiB"),
        ("storm: on", "storm is a text where settings are expected: write `key: value` lines below it"),
        (
            "storm: {incidents: many, within: 1m}",
            "storm.incidents is 'many', which is no count: write a whole number above 0",
        ),
        ("mode: dry", "mode is 'dry', which is not understood: write live or shadow"),
        ("mode: shadow", 'mode is shadow, without a place for it: add shadow: {channel: "#bridge-shadow"}'),
        (
            'shadow: {channel: "#{team}"}',
            (
                "shadow.channel holds a placeholder, and nothing is filled in there: "
                'name one channel, like "#bridge-shadow"'
            ),
        ),
        (
            "shadow: {channel: alerts}",
            (
                "shadow.channel is #alerts, where alerts are told that are live: "
                'give shadow mode a channel of its own, like "#bridge-shadow"'
            ),
        ),
        (
            "auth_proxy: {header: X-User, trusted: [all]}",
            "auth_proxy.trusted[0] is 'all', which is no network: write one like 10.0.0.0/8",
        ),
        (
            "sources: {bridge: {}}",
            (
                "sources.bridge can't be a source's name: write at most 100 letters, digits, - and _, "
                "and not bridge, bridge.storm or bridge.test: those are the bridge's own"
            ),
        ),
        ("sources: {bridge.storm: {}}", f"sources.bridge.storm {NO_SOURCE}"),
        (f"sources: {{{LONG}: {{}}}}", f"sources.{HIDDEN} {NO_SOURCE}"),
        (f"teams: {{{LONG}: {{}}}}", f"teams.{HIDDEN} can't be a team's name: write at most 100 characters"),
        (
            "teams: {'a\u3000b': {}, 'A b': {}}",
            (
                "teams.A b ('A b') names the team a\u3000b already, at bridge.yml:3: "
                "names and aliases count in any case: keep one"
            ),
        ),
        (
            "sources: {g: {auth: {none: off}}}",
            (
                "sources.g.auth needs exactly one form of authentication: write one of bearer: {token}, hmac: "
                "{secret}, basic: {username, password}, header: {name, value}, or none"
            ),
        ),
        (
            "normalize: {priority_words: {bad: P0, Bad: P3}}",
            "normalize.priority_words holds Bad twice, in different case: keep one of the two",
        ),
        (
            "fallback: {P0: {after: 1m, send: [slack]}, p0: {after: 2m, send: [slack]}}",
            "fallback holds p0 twice, in different case: keep one of the two",
        ),
        (
            f"max_storage: {'9' * 400}GiB",
            "max_storage is a size too large to count with: write at most some thousand TiB",
        ),
        (
            "sources: {g: {auth: {bearer: {token: '${env:A}'}, none: {}}}}",
            (
                "sources.g.auth needs exactly one form of authentication: write one of bearer: {token}, hmac: "
                "{secret}, basic: {username, password}, header: {name, value}, or none"
            ),
        ),
        (
            "sources: {g: {auth: {berer: {token: '${env:A}'}}}}",
            "sources.g.auth.berer is no key that is known here: did you mean bearer?",
        ),
        (
            "group_by: ['...', alertname]",
            "group_by holds '...' beside names: write ['...'] alone for every label, or names",
        ),
        (
            "normalize: {default_priority: high}",
            "normalize.default_priority is 'high', which is no priority: write P0, P1, P2 or P3",
        ),
        (
            "normalize: {priority_words: {bad: P9}}",
            "normalize.priority_words.bad is 'P9', which is no priority: write P0, P1, P2, P3 or drop",
        ),
        (
            "tests: [{alert: {}, expect: {send: [slak]}}]",
            "tests[0].expect.send[0] names the destination 'slak', which isn't declared: did you mean slack?",
        ),
        ("tests: [{alert: {}}]", "tests[0].expect is missing: add expect"),
        (
            "timezone: ${env:ZONE}",
            "timezone can't be filled in: the environment variable ZONE isn't set: set it, or write the value itself",
        ),
        ("timezone: ${ZONE}", "timezone holds ${…} that is no reference: write ${env:NAME} or ${file:PATH}"),
        ("timezone:", "timezone is empty: write a value, or leave the key out"),
        ("timezone: [UTC]", "timezone is a list where one text is expected: write one value, in quotes"),
    ],
)
def test_a_fault_beside_a_good_destination(files, line, problem):
    assert files.problems(f"{SLACK}{line}\n") == [LINE + problem]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("timeout: 9s", "timeout is above 8s, the longest that a whole step may take: write at most 8s"),
        ("timeout: 0", "timeout is 0: write a duration above 0, like 10m"),
        ("rate: fast", "rate is 'fast', which is no rate: write requests per time, like 1/s or 500/h, or off"),
        (
            "api_url: http://slack.example/api/",
            "api_url is plain http to another machine, which would show the token to the net: write https://",
        ),
        (
            "api_url: https://user:hunter2@slack.example/",
            "api_url is (not shown, it looks like a secret), which is no address: write one like https://api.example.com",
        ),
        ("rate: []", "rate is an empty list: write requests per time, like 1/s or 500/h, or off"),
        ("replies: {state: maybe}", "replies.state is 'maybe', neither on nor off: write on or off"),
        ("replies: {stat: on}", "replies.stat is no key that is known here: did you mean state?"),
        (
            "reply_broadcast: [all]",
            "reply_broadcast[0] is 'all', which is not understood: write state, priority or members",
        ),
        (
            "mention: joe",
            "mention is 'joe', which is no mention: write \"@handle\", <@U…>, <!subteam^…> or <!here>",
        ),
        ('mention: {P0: "@{tem}"}', "mention.P0 holds {tem}, which isn't filled in: did you mean team?"),
        ("template: ../x", "template is '../x', which leads out of the template folder: write a name relative to it"),
        (
            "fallback_channel: two words",
            "fallback_channel is 'two words', which is no channel: write its name, like \"#alerts\", or its id",
        ),
        (
            'fallback_channel: "#{team}"',
            "fallback_channel holds {team}, but is for teams that aren't configured: name one channel",
        ),
        ("webhook_url: '${env:H}'", "webhook_url stands beside a token: keep the token: a webhook can't edit messages"),
    ],
)
def test_a_fault_of_slacks_settings(files, line, problem):
    assert files.problems(slack(line)) == [f"{LINE}destinations.slack.{problem}"]


@pytest.mark.parametrize(
    ("destination", "problem"),
    [
        ("slack: {channel: a}", 'slack has no token: add token: "${env:SLACK_BOT_TOKEN}"'),
        ('slack: {token: "${env:T}"}', 'slack has no channel: add channel: "#alerts"'),
        (
            'slack: {token: "${env:T}", channel: "{team}"}',
            (
                'slack.channel holds {team} without a fallback_channel: add fallback_channel: "#alerts", '
                "for alerts of teams that aren't configured"
            ),
        ),
        (
            'github: {token: "${env:T}", repo: "acme/{team}"}',
            (
                "github.repo holds {team} without a fallback_repo: add fallback_repo: owner/name, "
                "for alerts of teams that aren't configured"
            ),
        ),
        (
            'github: {token: "${env:T}", repo: acme}',
            "github.repo is 'acme', which is no repository: write owner/name, like acme/alerts",
        ),
        (
            "github: {repo: a/b}",
            'github has no token: add token: "${env:GITHUB_TOKEN}", or app: {id, installation, private_key}',
        ),
        ('github: {token: "${env:T}"}', 'github has no repo: add repo: "owner/name"'),
        (
            'github: {token: "${env:T}", repo: a/b, app: {id: 1, installation: 2, private_key: "${env:K}"}}',
            "github.app stands beside a token: keep one of the two",
        ),
        ("pagerduty:", 'pagerduty has no routing_key: add routing_key: "${env:PAGERDUTY_KEY}"'),
        ("leads: {token: x}", "leads has no kind, and its name is none: add kind: slack, pagerduty or github"),
        ("Slack: {channel: a}", 'Slack has no token: add token: "${env:SLACK_BOT_TOKEN}"'),
        ("leads: {kind: mail}", "leads.kind is 'mail', which is no kind: write slack, pagerduty or github"),
        ("+leads: {kind: slack}", "+leads can't be a name: write at most 100 letters, digits, - and _"),
        (
            'pagerduty: {routing_key: "${file:keys/{team}}"}',
            (
                "pagerduty.routing_key has {team} in a path without a default: "
                "add the path for other teams, like ${file:keys/{team}:-keys/default}"
            ),
        ),
    ],
)
def test_a_fault_of_a_destination(files, destination, problem):
    found = files.problems(f"destinations:\n  {destination}\n")
    assert found[0].replace("[0]", "") == f"bridge.yml:2: destinations.{problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "destinations:\n  slack: {token: xoxb-planted-literal-secret, channel: a}\n",
            (
                "bridge.yml:2: destinations.slack.token is a literal secret: "
                'put it in an environment variable and write "${env:SLACK_BOT_TOKEN}"'
            ),
        ),
        (
            f"destinations:\n  pagerduty: {{routing_key: {KEY}}}\n",
            (
                "bridge.yml:2: destinations.pagerduty.routing_key is a literal secret: "
                'put it in an environment variable and write "${env:PAGERDUTY_KEY}"'
            ),
        ),
        (
            f"{SLACK}  pagerduty: {{routing_key: ['${{env:A}}', 'hunter2${{env:B}}']}}\n",
            (
                "bridge.yml:3: destinations.pagerduty.routing_key[1] has text around its reference: "
                'put it in an environment variable and write "${env:PAGERDUTY_KEY}"'
            ),
        ),
        (
            "destinations:\n  github: {repo: a/b, app: {id: 1, installation: 2, private_key: hunter2}}\n",
            (
                "bridge.yml:2: destinations.github.app.private_key is a literal secret: "
                'put it in an environment variable and write "${env:GITHUB_APP_PRIVATE_KEY}"'
            ),
        ),
        (
            "destinations:\n  slack: {webhook_url: https://hooks.slack.com/hunter2}\n",
            (
                "bridge.yml:2: destinations.slack.webhook_url is a literal secret: "
                'put it in an environment variable and write "${env:SLACK_WEBHOOK_URL}"'
            ),
        ),
        *[
            (
                f"{SLACK}sources: {{grafana: {{auth: {form}}}}}\n",
                (
                    f"bridge.yml:3: sources.grafana.auth.{key} is a literal secret: "
                    f'put it in an environment variable and write "${{env:GRAFANA_{key.replace(".", "_").upper()}}}"'
                ),
            )
            for form, key in (
                ("{bearer: {token: hunter2}}", "bearer.token"),
                ("{hmac: {secret: hunter2}}", "hmac.secret"),
                ("{basic: {username: a, password: hunter2}}", "basic.password"),
                ("{header: {name: X, value: hunter2}}", "header.value"),
            )
        ],
        (
            f"{SLACK}teams: {{a: {{destinations: {{slack: {{token: hunter2}}}}}}}}\n",
            (
                "bridge.yml:3: teams.a.destinations.slack.token is a literal secret: "
                'put it in an environment variable and write "${env:A_SLACK_TOKEN}"'
            ),
        ),
        (
            "destinations:\n  slack: xoxb-planted-literal-secret\n",
            "bridge.yml:2: destinations.slack is a text where settings are expected: write `key: value` lines below it",
        ),
        (
            (
                "destinations:\n  slack: {token: '${env:T}', channel: xoxb-planted-literal-secret}\n"
                "timezone: xoxb-planted-literal-secret\n"
            ),
            (
                "bridge.yml:3: timezone is (not shown, it looks like a secret), which is no time zone: "
                "write one like America/Los_Angeles or UTC"
            ),
        ),
    ],
)
def test_a_secret_in_the_wrong_place_is_never_shown(files, text, problem):
    assert problem in files.problems(text)


@pytest.mark.parametrize(
    ("declared", "own", "problem"),
    [
        (
            "slack: {token: '${env:T}', channel: a}",
            "webhook_url: '${env:H}'",
            "slack.webhook_url stands beside the destination's token: write channel: a token posts in any channel",
        ),
        (
            "slack: {webhook_url: '${env:H}'}",
            "channel: b",
            (
                "slack.channel stands beside the destination's webhook_url, which leads to its own channel: "
                "give the team a webhook_url of its own, or the destination a token"
            ),
        ),
        (
            "github: {repo: a/b, app: {id: 1, installation: 2, private_key: '${env:K}'}}",
            "token: '${env:A}'",
            "github.token stands beside the destination's app: leave it out, or declare a destination with the token",
        ),
    ],
)
def test_what_a_team_sets_without_effect_is_warned_of(files, declared, own, problem):
    name = declared.partition(":")[0]
    loaded = files.load(f"destinations:\n  {declared}\nteams: {{a: {{destinations: {{{name}: {{{own}}}}}}}}}\n")
    assert [str(one) for one in loaded.warnings] == [f"{LINE}warning: teams.a.destinations.{problem}"]


@pytest.mark.parametrize("own", ["webhook_url: '${env:A}'", "token: '${env:A}', channel: b"])
def test_a_team_may_have_a_webhook_or_a_token_of_its_own(files, own):
    declared = "destinations:\n  slack: {webhook_url: '${env:H}'}\n"
    loaded = files.load(f"{declared}teams: {{a: {{destinations: {{slack: {{{own}}}}}}}}}\n")
    assert loaded.rules.teams["a"].destinations["slack"]
    assert loaded.warnings == ()


def test_all_faults_are_told_at_once(files):
    assert files.problems(
        """\
        timezone: Nowhere
        destinations:
          slack: {token: hunter2, channel: a}
          github: {token: "${env:T}"}
        storm: {incidents: 0, within: 1x}
        """
    ) == [
        "bridge.yml:1: timezone is 'Nowhere', which is no time zone: write one like America/Los_Angeles or UTC",
        (
            "bridge.yml:3: destinations.slack.token is a literal secret: "
            'put it in an environment variable and write "${env:SLACK_BOT_TOKEN}"'
        ),
        'bridge.yml:4: destinations.github has no repo: add repo: "owner/name"',
        "bridge.yml:5: storm.incidents is '0', which is no count: write a whole number above 0",
        "bridge.yml:5: storm.within is '1x', which is no duration: write a number and a unit, like 30s, 10m, 12h, 30d",
    ]


def test_names_are_not_looked_up_while_the_file_that_declares_them_is_faulty(files):
    assert files.problems(f"{SLACK}teams: {{sre: {{aliases: [a, 'b,c'], timzone: UTC}}}}\noperators: ops\n") == [
        "bridge.yml:3: teams.sre.timzone is no key that is known here: did you mean timezone?",
        (
            "bridge.yml:3: teams.sre.aliases[1] holds 'b,c', which can't be a team's name: "
            "write a word without commas: a comma stands between teams"
        ),
    ]


def test_mistakes_of_every_sort_are_told_in_one_run(files):
    assert files.problems(
        f"""\
timezon: UTC
{SLACK}send: {{P1: [slck], P9: [slack]}}
teams:
  pay:
    remind: often
    destinations: {{slack: {{chanel: "#pay"}}, githb: {{repo: a/b}}}}
    send: {{P0: [+leads]}}
routes:
  - matchers: ['a == b']
    send: [nobody]
    continu: true
  - matchers: ['team="nope"']
    set: {{team: nope}}
reopen_duration: soon
"""
    ) == [
        "bridge.yml:1: timezon is no key that is known here: did you mean timezone?",
        "bridge.yml:4: send.P9 is 'P9', which is no priority: write P0, P1, P2 or P3",
        "bridge.yml:4: send.P1[0] names the destination 'slck', which isn't declared: did you mean slack?",
        "bridge.yml:7: teams.pay.remind is a text where settings are expected: write `key: value` lines below it",
        "bridge.yml:8: teams.pay.destinations.slack.chanel is no key that is known here: did you mean channel?",
        "bridge.yml:8: teams.pay.destinations.githb names the destination 'githb', which isn't declared: known: slack",
        "bridge.yml:9: teams.pay.send.P0[0] names the destination 'leads', which isn't declared: known: slack",
        (
            "bridge.yml:11: routes[0].matchers[0] can't be used: matcher 'a == b' has `==`, "
            'equality is a single `=`; write it as `name = "value"`, with =, !=, =~ or !~'
        ),
        "bridge.yml:12: routes[0].send[0] names the destination 'nobody', which isn't declared: known: slack",
        "bridge.yml:13: routes[0].continu is no key that is known here: did you mean continue?",
        "bridge.yml:15: routes[1].set.team names the team 'nope', which isn't declared: known: pay",
        (
            "bridge.yml:16: reopen_duration is 'soon', which is no duration: "
            "write a number and a unit, like 30s, 10m, 12h, 30d"
        ),
    ]


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        (
            "destinations: {slack: {kind: slak}}\nsend: {P0: [slack], P1: [-slack]}",
            ["bridge.yml:1: destinations.slack.kind"],
        ),
        ("destinations: {slack: [a]}\nsend: {P0: [slack]}", ["bridge.yml:1: destinations.slack is a list"]),
        (f"{SLACK}fallback: {{P0: {{after: [soon], send: [slack]}}}}", ["bridge.yml:3: fallback.P0.after is a list"]),
        (
            f"{SLACK}mode: shadow\nshadow: {{channel: [a]}}",
            ["bridge.yml:4: shadow.channel is a list"],
        ),
    ],
)
def test_one_mistake_is_not_told_as_several(files, faulty, told):
    found = files.problems(f"{faulty}\n")
    assert [one[: len(start)] for one, start in zip(found, told, strict=True)] == told


def test_a_kind_that_is_not_indented(files):
    text = 'destinations:\nslack:\n  token: "${env:SLACK_BOT_TOKEN}"\n  channel: alerts\n'
    assert files.problems(text) == [
        "bridge.yml:2: slack stands at the top of the file: indent it, so that it is below destinations"
    ]


@pytest.mark.parametrize(
    "unreadable",
    ["destinatons: {leads: {kind: slack}}", "team: {ops: {}}", "include: {a: b}", "teams: [ops]"],
)
def test_names_that_may_stand_in_what_can_not_be_read_are_not_called_unknown(files, unreadable):
    (problem,) = files.problems(f"{SLACK}{unreadable}\nsend: {{P0: [slack, leads]}}\noperators: ops\n")
    assert problem.startswith(f"bridge.yml:3: {unreadable.split(':')[0]}")


def test_an_address_with_an_impossible_port(files):
    assert files.problems(f"{SLACK}external_url: https://alerts.example:port/\n") == [
        (
            f"{LINE}external_url is 'https://alerts.example:port/', which is no address: "
            "write one like https://alerts.example.com"
        )
    ]


def test_a_pager_may_have_its_keys_from_the_teams_alone(files):
    text = """\
        destinations:
          slack: {token: "${env:T}", channel: a}
          pagerduty:
        teams:
          a: {destinations: {pagerduty: {routing_key: "${env:A}"}}}
          b: {send: {P0: [-pagerduty], P1: [slack]}}
        """
    assert files.load(text).rules.teams["a"].destinations["pagerduty"]
    assert files.problems(text.replace("P1: [slack]", "P1: [pagerduty]")) == [
        (
            "bridge.yml:3: destinations.pagerduty has no routing_key, and neither has the team b, which is routed "
            'there: add routing_key: "${env:PAGERDUTY_KEY}"'
        )
    ]
    routed = "routes: [{matchers: ['q = \"r\"'], set: {team: b}, send: [+pagerduty]}]\n"
    assert len(files.problems(text + routed)) == 1
    alone = text.replace("P0: [-pagerduty]", "P0: [slack]") + "send: {P0: [pagerduty]}\n"
    assert files.problems(alone) == [
        (
            "bridge.yml:3: destinations.pagerduty has no routing_key, but alone is told P0 of teams "
            "that aren't configured: "
            'add routing_key: "${env:PAGERDUTY_KEY}"'
        )
    ]
