import json
import re
import sqlite3
import time
from contextlib import closing

import pytest
from cli_kit import command, compare, steady
from sqlalchemy.engine import make_url

from bridge.delivery.hints import Listener, hint_path
from bridge.ledger import acts
from bridge.ledger.write import LONG_PATIENCE

MISSING = "01KJM000000000000000009999"
WHY = "the bot is not in #broken-inductor-alerts: /invite it there, then `bridge replay`"


@pytest.fixture
def listener(folder):
    """The deliverer's ear; `wait` gives the lanes that were asked for."""
    made = Listener(hint_path(folder / "bridge.db"))
    yield made
    made.close()


def inductor(past):
    return past.incidents()[-1]


@pytest.mark.usefixtures("past")
def test_incidents(run):
    compare("stored/incidents.txt", run("incidents").stdout)
    compare("stored/incidents.json", run("incidents", "--json").stdout)


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (["--state", "closed"], ["Database Connection Failure"]),
        (["--team", "Broken-Inductor"], ["Inductor Jobs Broken"]),
        (["--priority", "p0"], ["Database Connection Failure", "Queue too long"]),
        (["--priority", "P3"], []),
    ],
)
def test_incidents_chosen(run, words, titles):
    assert [one["title"] for one in json.loads(run("incidents", "--json", *words).stdout)["items"]] == titles


def test_titles_are_cut_to_the_terminal(run, past):
    lines = run("incidents", env={"COLUMNS": "100"}).stdout.splitlines()
    assert max(map(len, lines)) == 100
    assert lines[1].endswith("  Database Connection Fa…")
    wide = "磁盘" * 30
    past.absorb(json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": wide}}]}).encode())
    assert run("incidents", env={"COLUMNS": "100"}).stdout.splitlines()[1].count("磁") < 12
    assert wide in run("incidents").stdout


def test_pages_go_on(run, past):
    for number in range(60):
        past.absorb(json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": f"alert {number}"}}]}).encode())
    first = run("incidents").stdout.splitlines()
    assert len(first) == 52
    cursor = re.fullmatch(r"There are more: --cursor (\w+)", first[-1])[1]
    second = run("incidents", "--cursor", cursor).stdout.splitlines()
    assert len(second) == 1 + 13
    assert second[-1].endswith("Inductor Jobs Broken")


def test_incident(run, past):
    past.bury(inductor(past), WHY)
    compare("stored/incident.txt", run("incident", inductor(past).lower()).stdout)
    compare("stored/incident.json", run("incident", inductor(past), "--json").stdout)


@pytest.mark.usefixtures("past")
def test_no_such_incident(run):
    for verb in ("incident", "close"):
        result = run(verb, MISSING, code=1)
        assert result.stdout == ""
        assert result.stderr == f"there is no incident {MISSING}; `bridge incidents` lists those that there are\n"


def test_close(run, past, listener):
    incident = inductor(past)
    assert run("close", incident).stdout == f"incident {incident} is closed\n"
    assert listener.wait(1) == {"all"}
    found = past.incident(incident)
    assert (found["state"], found["state_reason"]) == ("closed", "closed by anna at the command line")
    assert found["timeline"][-1]["what"] == "closed"
    assert run("close", incident).stdout == f"incident {incident} is closed already\n"
    assert listener.wait(0) == set()


def test_dead_letters(run, past):
    assert run("dead-letters").stdout == "There are no dead letters.\n"
    past.bury(inductor(past), WHY)
    compare("stored/dead-letters.txt", run("dead-letters").stdout)
    compare("stored/dead-letters.json", run("dead-letters", "--json").stdout)


def test_replay_all(run, past, listener):
    assert run("replay", "--all").stdout == "There is no dead letter: nothing to do.\n"
    ids = past.bury(inductor(past), WHY)
    made = run("replay", "--all").stdout
    assert sorted(made.splitlines()) == sorted(f"{one} is due again" for one in ids)
    assert {past.states()[one] for one in ids} == {("pending", None)}
    assert listener.wait(1) == {"all"}


def test_replay_some(run, past):
    first, second = past.bury(inductor(past), WHY)
    result = run("replay", first.lower(), MISSING, code=1)
    assert result.stdout == f"{first} is due again\n"
    assert result.stderr == f"there is no dead letter {MISSING}\n"
    assert past.states()[second][0] == "dead"


def test_dismiss(run, past):
    first, second = past.bury(inductor(past), WHY)
    assert run("dismiss", first).stdout == f"{first} is dismissed\n"
    assert past.states()[first] == ("skipped", "dismissed")
    assert run("dismiss", "--all").stdout == f"{second} is dismissed\n"


@pytest.fixture
def refused(folder):
    """Make the database refuse every change of one delivery."""

    def refuse(one):
        with closing(sqlite3.connect(folder / "bridge.db")) as connection:
            refusal = "BEGIN SELECT RAISE(ABORT, 'no'); END"
            connection.execute(f"CREATE TRIGGER no BEFORE UPDATE ON deliveries WHEN old.id = '{one}' {refusal}")

    return refuse


def test_where_the_rest_can_not_be_done_it_says_what_was(run, past, listener, refused, monkeypatch):
    first, second = past.bury(inductor(past), WHY)
    refused(second)
    monkeypatch.setattr(acts, "TOGETHER", 1)
    result = run("replay", first, second, code=1)
    assert result.stdout == f"{first} is due again\n"
    assert result.stderr == "1 of 2 are done, do it again for the rest: the database refused it\n"
    assert past.states()[second][0] == "dead"
    assert listener.wait(1) == {"all"}


def test_where_nothing_can_be_done_it_says_only_why(run, past, listener, refused):
    first, second = past.bury(inductor(past), WHY)
    refused(second)
    result = run("replay", first, second, code=1)
    assert (result.stdout, result.stderr) == ("", "the database refused it\n")
    assert past.states()[first][0] == "dead"
    assert listener.wait(0) == set()


def test_a_command_waits_for_a_busy_database_as_long_as_a_deliverer_does(past, folder):
    with closing(sqlite3.connect(folder / "bridge.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        result = command("close", inductor(past))
        waited = time.monotonic() - began
    assert result.returncode == 1
    assert waited > LONG_PATIENCE - 0.1
    assert result.stderr.decode().strip() in {
        "the database is locked by another program",
        "the database was busy for over 20 s; try again",
    }


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("words", [["replay"], ["dismiss"], ["quarantine", "replay"], ["quarantine", "dismiss"]])
def test_naming_none_or_both_is_wrong_use(run, words):
    for more in ([], [MISSING, "--all"]):
        assert "name ids, or give --all" in run(*words, *more, code=2).stderr


def test_quarantine(run, past, listener):
    assert run("quarantine").stdout == "The quarantine is empty.\n"
    assert run("quarantine", "replay", "--all").stdout == "There is no body in quarantine: nothing to do.\n"
    first = past.absorb(b"not JSON \x1b[2J")
    second = past.absorb(b'{"hello": "world"}')
    compare("stored/quarantine.txt", run("quarantine").stdout)
    compare("stored/quarantine.json", run("quarantine", "--json").stdout)
    assert run("quarantine", "replay", first).stdout == f"{first} is to be read again\n"
    assert listener.wait(1) == {"all"}
    assert run("quarantine", "dismiss", "--all").stdout == f"{second} is dismissed\n"
    assert run("quarantine", "replay", MISSING, code=1).stderr == f"there is no body in quarantine {MISSING}\n"
    assert run("quarantine").stdout == "The quarantine is empty.\n"


def test_a_terminal_is_not_obeyed(run, past):
    alert = {"status": "firing", "labels": {"alertname": "\x1b[2Jgone\x07"}, "annotations": {"summary": "\x9b31m\nred"}}
    past.absorb(json.dumps({"alerts": [alert]}).encode())
    newest = past.incidents()[0]
    past.bury(newest, "why\x1b[31m")
    for words in (["incidents"], ["incident", newest], ["dead-letters"], ["incident", newest, "--json"]):
        made = run(*words).stdout
        assert not [character for character in made if not character.isprintable() and character != "\n"], words


@pytest.mark.usefixtures("past")
def test_nothing_found_is_a_sentence(run):
    assert run("incidents", "--team", "nobody").stdout == "There is no such incident.\n"


@pytest.mark.parametrize("words", [["incidents"], ["dead-letters"], ["quarantine"], ["close", MISSING]])
def test_no_ledger(run, folder, words):
    result = run(*words, code=1)
    assert result.stderr == "there is no bridge.db here: go to the bridge's folder, or set BRIDGE_DATABASE_URL\n"
    assert not (folder / "bridge.db").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://x/y", "BRIDGE_DATABASE_URL: mysql is not known; use sqlite:///bridge.db or postgresql://…\n"),
        (
            "nonsense",
            (
                "BRIDGE_DATABASE_URL is no database's address: write sqlite:///bridge.db or "
                "postgresql://user:password@host/name, with special characters in the password percent-encoded\n"
            ),
        ),
        (
            "postgresql://bridge:hush@127.0.0.1:1/x",
            (
                "the database can't be reached: nobody listens at its host and port: is PostgreSQL running, and is the "
                "address right?\n"
            ),
        ),
        (
            "postgresql://bridge:hush@nowhere.invalid/x",
            "the database can't be reached: its host's name is not known: mend the address\n",
        ),
        (
            "postgresql://bridge:hush@/x?host=/nowhere/full/busy/locked/read-only",
            (
                "the database can't be reached: there is no such socket: is PostgreSQL running, and is the "
                "address right?\n"
            ),
        ),
        ("sqlite://", "BRIDGE_DATABASE_URL names no file, and memory keeps nothing: write sqlite:///bridge.db\n"),
        (
            "sqlite:///:memory:",
            "BRIDGE_DATABASE_URL names no file, and memory keeps nothing: write sqlite:///bridge.db\n",
        ),
        ("sqlite:///bridge.yml", "the database can't be read (DatabaseError): is it there, and is it ours?\n"),
    ],
)
def test_a_database_that_can_not_be_used(run, url, sentence):
    assert run("incidents", env={"BRIDGE_DATABASE_URL": url}, code=1).stderr == sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"database": "nowhere"},
            "its server has no such database: make it by CREATE DATABASE, or mend the address\n",
        ),
        ({"username": "nobody"}, "its server does not know the user: make it by CREATE ROLE, or mend the address\n"),
    ],
)
def test_what_a_server_refuses_is_said_without_its_words(run, postgres_url, change, sentence):
    url = make_url(postgres_url).set(**change).render_as_string(hide_password=False)
    said = run("incidents", env={"BRIDGE_DATABASE_URL": url}, code=1).stderr
    assert said == f"the database can't be reached: {sentence}"


def test_a_folder_of_the_database_that_is_not_there_is_named(run, folder):
    said = run("db", "upgrade", env={"BRIDGE_DATABASE_URL": "sqlite:///sub/x.db"}, code=1).stderr
    assert said == f"there is no folder {folder}/sub: make it, or mend BRIDGE_DATABASE_URL\n"


def test_neither_configuration_nor_secrets_are_needed(run, past, folder):
    (folder / "bridge.yml").unlink()
    assert "Inductor Jobs Broken" in run("incidents").stdout
    run("close", inductor(past))


def test_the_installed_command(past):
    result = command("incident", inductor(past))
    assert result.returncode == 0
    assert result.stderr == b""
    assert b"Inductor Jobs Broken\n  id" in result.stdout
    assert command("replay").returncode == 2
    assert command("close", inductor(past)).stdout == f"incident {inductor(past)} is closed\n".encode()
    compare("stored/closed.txt", steady(command("incident", inductor(past)).stdout.decode()))


@pytest.mark.parametrize("verb", ["incidents", "dead-letters", "quarantine"])
def test_a_cursor_that_no_page_ended_with_is_wrong_use(run, verb):
    assert "the end of the last page" in run(verb, "--cursor", "zz", code=2).stderr


def test_what_was_done_as_json(run, past):
    incident = inductor(past)
    first, second = past.bury(incident, WHY)
    for already in (False, True):
        told = json.loads(run("close", incident.lower(), "--json").stdout)
        assert told == {"id": incident, "state": "closed", "already": already}
    result = run("replay", first, MISSING, "--json", code=1)
    assert json.loads(result.stdout) == {"done": [first], "unknown": [MISSING]}
    assert result.stderr == f"there is no dead letter {MISSING}\n"
    assert json.loads(run("dismiss", "--all", "--json").stdout) == {"done": [second], "unknown": []}
    body, other = past.absorb(b"no JSON"), past.absorb(b"nor this")
    assert json.loads(run("quarantine", "replay", body, "--json").stdout) == {"done": [body], "unknown": []}
    assert json.loads(run("quarantine", "dismiss", "--all", "--json").stdout) == {"done": [other], "unknown": []}
    assert json.loads(run("quarantine", "dismiss", "--all", "--json").stdout) == {"done": [], "unknown": []}


def test_what_was_done_until_it_failed_as_json(run, past, refused, monkeypatch):
    first, second = past.bury(inductor(past), WHY)
    refused(second)
    monkeypatch.setattr(acts, "TOGETHER", 1)
    result = run("replay", first, second, "--json", code=1)
    assert json.loads(result.stdout) == {"done": [first], "unknown": []}
    assert result.stderr == "1 of 2 are done, do it again for the rest: the database refused it\n"


@pytest.mark.parametrize("words", [["--json"], ["--config", "other.yml"], ["--cursor", "01KJM000000000000000000001"]])
def test_an_option_that_would_not_be_seen_is_wrong_use(run, past, words):
    body = past.absorb(b"no JSON")
    assert "options stand behind `replay`" in run("quarantine", *words, "replay", "--all", code=2).stderr
    assert json.loads(run("quarantine", "--json").stdout)["items"][0]["id"] == body
