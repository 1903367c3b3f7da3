"""What YAML makes of a file that a person wrote, and what it swallows."""

from __future__ import annotations

import pytest

from bridge.config.document import Place
from bridge.config.problem import ConfigError
from bridge.config.read import read

QUOTE = "put the value in double quotes"


def slack(channel: str) -> str:
    return f'destinations:\n  slack:\n    token: "${{env:T}}"\n{channel}\n'


def test_places_of_keys_and_entries(files):
    document = read(files.write("a:\n  b: [1, x]\n  - odd: 2\n".replace("  - odd: 2\n", "c:\n  - d: on\n")), "f.yml")
    assert document.data == {"a": {"b": ["1", "x"]}, "c": [{"d": "on"}]}
    assert document.places[("a", "b")] == Place(2, 3)
    assert document.places[("a", "b", 1)] == Place(2, 10)
    assert document.places[("c", 0, "d")] == Place(4, 5)
    assert document.where(("c", 0, "d", "not", "there")) == "f.yml:4"


@pytest.mark.parametrize("line", ["    channel: #alerts", "    channel:    #alerts   "])
def test_a_channel_that_is_a_comment_is_explained(files, line):
    assert files.problems(slack(line))[0] == (
        "bridge.yml:4: destinations.slack.channel is empty, because YAML takes what follows the # for a comment: "
        'put it in quotes, channel: "#alerts"'
    )


def test_a_list_entry_that_is_a_comment_is_explained(files):
    text = slack('    channel: "#a"') + "group_by:\n  - alertname\n  - #folder\n"
    assert files.problems(text) == [
        (
            "bridge.yml:7: group_by[1] is empty, because YAML takes what follows the # for a comment: "
            'put it in quotes, "#folder"'
        )
    ]


def test_a_comment_that_is_one_is_not_taken_for_a_value(files):
    assert files.problems(slack("    channel:  # where it goes")) == [
        "bridge.yml:4: destinations.slack.channel is empty: write a value, or leave the key out"
    ]


def test_a_secret_that_is_a_comment_is_not_shown(files):
    found = files.problems('destinations:\n  slack:\n    token: #xoxb-planted-literal-secret\n    channel: "#a"\n')
    assert found == [
        (
            "bridge.yml:3: destinations.slack.token is empty, because YAML takes what follows the # for a comment: "
            "put it in quotes, token: the value"
        )
    ]


@pytest.mark.parametrize("channel", ["alerts", '"#alerts"', "ALERTS", '"#Alerts"', "'alerts'"])
def test_a_channel_with_or_without_its_mark(files, channel):
    loaded = files.load(slack(f"    channel: {channel}"))
    assert loaded.rules.destinations["slack"].settings["channel"] == "#alerts"


@pytest.mark.parametrize("channel", ['"#CRITICAL"', "DATABASE", "GATEWAYS", '"#CPPKBEDLZ"'])
def test_a_name_in_capitals_is_no_id(files, channel):
    loaded = files.load(slack(f"    channel: {channel}"))
    assert loaded.rules.destinations["slack"].settings["channel"] == "#" + channel.strip('"#').lower()


@pytest.mark.parametrize("channel", ["C0123ABC", '"#C0123ABC"', "G0123ABCD", "CPPKBEDLZ"])
def test_a_channels_id_stays(files, channel):
    loaded = files.load(slack(f"    channel: {channel}"))
    assert loaded.rules.destinations["slack"].settings["channel"] == channel.strip('"#')


@pytest.mark.parametrize(
    ("word", "on"),
    [("on", True), ("yes", True), ("true", True), ("On", True), ("off", False), ("no", False), ("'false'", False)],
)
def test_switches(files, word, on):
    loaded = files.load(slack(f"    channel: a\n    replies: {{state: {word}}}"))
    replies = loaded.rules.destinations["slack"].settings["replies"]
    assert replies == {"state": on}


def test_numbers_are_texts_as_written_where_text_is_expected(files):
    loaded = files.load(slack("    channel: 0123") + "teams: {123: {aliases: [1e3, 0x10, on, 2020-01-01]}}\n")
    assert loaded.rules.destinations["slack"].settings["channel"] == "#0123"
    assert loaded.rules.teams["123"].aliases[:2] == ("1e3", "0x10")


def test_anchors_and_merge_keys(files):
    loaded = files.load(
        """\
        destinations:
          slack: &slack {token: "${env:T}", channel: a}
          leads:
            <<: *slack
            kind: slack
            channel: leads
          others:
            <<: [*slack]
            kind: slack
        """
    )
    leads = loaded.rules.destinations["leads"]
    assert (leads.settings["channel"], leads.settings["token"].text) == ("#leads", "${env:T}")
    assert loaded.rules.destinations["others"].settings["channel"] == "#a"


def test_a_fault_that_an_anchor_brings_is_told_where_it_is_written(files):
    assert files.problems(
        """\
        destinations:
          slack: {token: "${env:T}", channel: a}
          leads: {kind: slack, channel: b, <<: &more {tken: x}, token: "${env:T}"}
        """
    ) == ["bridge.yml:3: destinations.leads.tken is no key that is known here: did you mean token?"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "timezone: UTC\ndestinations: {}\ntimezone: UTC\n",
            "3: timezone stands here a second time, first in line 1: keep one of the two",
        ),
        (
            "a:\n  hunter2x: 1\n  b: 1\n  b: 2\n",
            "4: a.b stands here a second time, first in line 3: keep one of the two",
        ),
        ("a:\n\tb: 1\n", "2: a tab where YAML wants spaces: indent with spaces"),
        ("a: 1\nb: @oncall\n", f"2: a value can't begin with this character: {QUOTE}"),
        ("a: `hunter2`\n", f"1: a value can't begin with this character: {QUOTE}"),
        (
            "a: 1\nb: *hunter2\n",
            "2: a value that begins with * refers to an anchor, and there is none of this name: " + QUOTE,
        ),
        ("a: b: c\n", f"1: a colon where YAML expects none: {QUOTE}, or mend the indentation"),
        ("a: 1\n---\nb: 1\n", "2: a second document begins here (---): keep one document in a file"),
        (
            "a: 1\nb: {c: #alerts}\n",
            (
                "2: what follows the # is a comment to YAML, so a { or [ is never closed: "
                'put the value in double quotes, like channel: "#alerts"'
            ),
        ),
        ("a: 1\nb: {c: hunter2\n", "2: a { or [ is opened here and never closed: close it"),
        ('a: 1\nb: "hunter2\nc: 1\n', "2: the quote opened here is never closed: close it"),
        (
            "slack: {channel: #alerts}\nb: 1\n",
            (
                "1: what follows the # is a comment to YAML, so a { or [ is never closed: "
                'put the value in double quotes, like channel: "#alerts"'
            ),
        ),
        (
            "a: 1\nslack: {token: ${env:T}}\n",
            (
                "2: a { or [ that YAML can't read as a mapping or list: "
                'put the value in double quotes where it is text, like "${env:NAME}", or close it'
            ),
        ),
        (
            "a: {team}-alerts\n",
            (
                "1: a { or [ that YAML can't read as a mapping or list: "
                'put the value in double quotes where it is text, like "${env:NAME}", or close it'
            ),
        ),
        (
            "a: 'x' hunter2\n",
            "1: the line doesn't fit what stands before it: check quotes, brackets and indentation here and just above",
        ),
        ("a: !vault hunter2\n", "1: a YAML tag (!…) means nothing here: leave it out; secrets are ${env:NAME}"),
        ("? [a]\n: 1\n", "1: a key that is a list or a mapping: quote values that begin with { or ["),
        ("a: &a [*a]\n", "1: an alias that contains itself, or far too many: write the values out"),
        ("<<: 3\n", "1: << takes a mapping, or a list of them: give it an alias of a mapping (*name)"),
        ("a: \x07\n", "1: is not YAML: remove control characters, save it as UTF-8"),
    ],
)
def test_what_yaml_cannot_read(files, text, problem):
    assert files.problems(text) == [f"bridge.yml:{problem}"]


def test_a_list_is_no_configuration(files):
    assert files.problems("- a\n")[0].startswith(
        "bridge.yml:1: the top of the file is not a mapping: write keys, like\n"
    )


def test_aliases_that_grow_without_bound_end(files):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "far too many" in files.problems("\n".join(lines))[0]


def test_nesting_without_end_is_refused(files):
    assert files.problems("a: " + "[" * 5000) == ["bridge.yml:1: is nested too deep: take levels of { and [ out of it"]


def test_files_that_cannot_be_read(files):
    path = files.write("")
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match=r"^f.yml: is not UTF-8 text: save it as UTF-8$"):
        read(path, "f.yml")
    with pytest.raises(ConfigError, match=r"^f.yml: can't be read, is a directory: let the bridge's user read it$"):
        read(files.folder, "f.yml")


def test_a_byte_order_mark_and_windows_line_ends(files):
    path = files.write("")
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read(path, "f.yml").data == {"a": "1", "b": "2"}
