"""A configuration that is read anew when its files change, however they do; and the last good one stays."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.absorb import Intake
from bridge.changes import EVERY, Changes, files_of
from bridge.chores.watch import Watch
from bridge.clock import SystemClock
from bridge.config.environ import from_environ
from bridge.config.load import load
from bridge.config.problem import ConfigError, Level, Problem
from bridge.core.rules import OWN
from bridge.effective import Effective
from bridge.ids import new_id
from bridge.ledger import troubles
from bridge.ledger.lanes import acquire, release_all
from bridge.ledger.tables import lanes
from bridge.ledger.troubles import RENEWED, Wrong
from bridge.reload import AGAIN, Reloader, note, wrong_in
from bridge.whole import read_whole

GOOD = 'destinations:\n  slack: {webhook_url: "${env:HOOK}"}\n'
OTHER = GOOD + "timezone: Europe/Berlin\n"
INCLUDES = GOOD + "include: [teams/*.yml]\n"
EXAMPLE = Path(__file__).parent.parent / "bridge.example.yml"


class Place:
    """A folder with a configuration, and a process's view of it; its time goes on when it looks."""

    def __init__(self, folder, text=GOOD, **env):
        self.folder = folder
        self.env = {
            "BRIDGE_CONFIG": str(folder / "bridge.yml"),
            "BRIDGE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
            "HOOK": "https://hooks.slack.test/x",
            **env,
        }
        self.now = 0.0
        self.check = lambda _loaded: None
        if text:
            self.write("bridge.yml", text)
        self.start()

    def start(self):
        """Start a process; what it looked at first is what it has read."""
        environ = from_environ(self.env)
        loaded = read_whole(environ, self.env)
        self.reloader = Reloader(environ, self.env, loaded, self.check, lambda: self.now)
        assert not self.looks(3), "nothing has changed since it was read"

    def write(self, name, text):
        """Write a file as editors do: another one takes its place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name("draft~")
        draft.write_text(text, "utf-8")
        draft.replace(path)

    def looks(self, times=2, seconds=EVERY):
        """Look some times; how often there was something new."""
        found = 0
        for _ in range(times):
            self.now += seconds
            found += self.reloader.look()
            while self.reloader.reading:
                found += self.reloader.look(1)
        return found

    @property
    def zone(self):
        return self.reloader.loaded.rules.timezone

    @property
    def teams(self):
        return sorted(self.reloader.loaded.rules.teams)

    @property
    def refused(self):
        return self.reloader._refused


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_file_that_takes_anothers_place_is_read_once_it_is_at_rest(place):
    place.write("bridge.yml", OTHER)
    assert not place.looks(1), "somebody may still be writing"
    assert place.looks(1)
    assert place.zone == "Europe/Berlin"
    assert not place.looks(5)


def test_what_is_still_being_written_is_not_read(place):
    path = place.folder / "bridge.yml"
    for end in range(len(GOOD), len(OTHER) + 1, 5):
        path.write_text(OTHER[:end], "utf-8")
        assert not place.looks(1)
        assert not place.refused
    path.write_text(OTHER, "utf-8")
    assert place.looks() == 1
    assert place.zone == "Europe/Berlin"


def test_between_two_looks_nothing_is_looked_at(place):
    place.write("bridge.yml", OTHER)
    assert not place.looks(50, seconds=EVERY / 100)


def test_a_file_that_was_only_touched_starts_nothing_anew(place):
    os.utime(place.folder / "bridge.yml", (1, 1))
    assert not place.looks(3)


def test_what_changes_between_reading_and_the_first_look_is_seen(tmp_path):
    place = Place(tmp_path)
    environ = from_environ(place.env)
    loaded = read_whole(environ, place.env)
    place.write("bridge.yml", OTHER)
    place.reloader = Reloader(environ, place.env, loaded, monotonic=lambda: place.now)
    assert place.looks() == 1


@pytest.mark.parametrize(("text", "known"), [(GOOD, True), (INCLUDES, False)])
def test_what_is_as_it_was_when_it_was_read_is_not_read_once_more(tmp_path, text, known):
    """Which files are included is known only once it was read: whether these changed meanwhile, nobody knows."""
    place = Place(tmp_path, text)
    place.write("teams/a.yml", "teams: {a: {}}\n")
    environ = from_environ(place.env)
    loaded = read_whole(environ, place.env)
    changes = Changes(lambda: place.now, loaded.stamps)
    looks = []
    for _ in range(4):
        place.now += EVERY
        looks.append(changes.settled(lambda: files_of(environ.config, loaded, environ.templates)))
    assert looks == ([False] * 4 if known else [False, True, False, False])


def config_map(folder, version, **files):
    """Write files as Kubernetes shows a ConfigMap: a folder of its own, and a link to it that is exchanged at once."""
    real = folder / f"..2026_{version}"
    for name, text in files.items():
        path = real / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    fresh = folder / "..data_tmp"
    fresh.symlink_to(real.name)
    fresh.replace(folder / "..data")
    for name in {name.split("__")[0] for name in files}:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def test_a_config_map_is_read_when_its_link_is_exchanged(tmp_path):
    first = {"bridge.yml": INCLUDES, "teams__a.yml": "teams: {a: {}}\n", "slack__message.j2": "one"}
    config_map(tmp_path, 1, **first)
    place = Place(tmp_path, "", BRIDGE_TEMPLATES=str(tmp_path))
    assert place.teams == ["a"]
    # the same size, and the same time: only where the link leads to is another
    config_map(tmp_path, 2, **first | {"teams__a.yml": "teams: {b: {}}\n"})
    for path in (tmp_path / "..2026_2").rglob("*"):
        old = tmp_path / "..2026_1" / path.relative_to(tmp_path / "..2026_2")
        os.utime(path, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
    assert place.looks() == 1
    assert place.teams == ["b"]
    shutil.rmtree(tmp_path / "..2026_1")
    assert not place.looks(3)
    assert place.reloader.loaded.templates["slack/message.j2"] == "one"


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path):
    for name, text in (("one", GOOD), ("two", OTHER)):
        (tmp_path / name).write_text(text, "utf-8")
    config = tmp_path / "bridge.yml"
    config.symlink_to("one")
    place = Place(tmp_path, "")
    # the link itself stays the same: one above the file it leads to is exchanged
    (tmp_path / "one").replace(tmp_path / "old")
    (tmp_path / "two").replace(tmp_path / "one")
    assert place.looks() == 1
    assert place.zone == "Europe/Berlin"


def test_included_files_that_come_change_and_go(tmp_path):
    place = Place(tmp_path, INCLUDES)
    place.write("teams/a.yml", "teams: {a: {}}\n")
    assert place.looks() == 1
    place.write("teams/b.yml", "teams: {b: {}}\n")
    assert place.looks() == 1
    assert place.teams == ["a", "b"]
    place.write("teams/b.yml", "teams: {c: {}}\n")
    assert place.looks() == 1
    assert place.teams == ["a", "c"]
    (tmp_path / "teams/a.yml").unlink()
    assert place.looks() == 1
    assert place.teams == ["c"]


def test_a_broken_included_file_keeps_its_last_good_settings_and_the_others_change(tmp_path):
    place = Place(tmp_path, INCLUDES)
    place.write("teams/a.yml", "teams: {a: {timezone: Asia/Tokyo}}\n")
    place.write("teams/b.yml", "teams: {b: {}}\n")
    assert place.looks() == 1
    place.write("teams/a.yml", "teams: {a: {timezone: nowhere}}\n")
    place.write("teams/b.yml", "teams: {b: {timezone: Asia/Tokyo}}\n")
    assert place.looks() == 1
    teams = place.reloader.loaded.rules.teams
    assert (teams["a"].timezone, teams["b"].timezone) == ("Asia/Tokyo", "Asia/Tokyo")
    assert "last good settings stay" in str(place.reloader.loaded.warnings[0])
    place.start()
    assert place.teams == ["b"], "broken at start it is left out"
    assert "its teams count as not configured" in str(place.reloader.loaded.warnings[0])
    place.write("teams/a.yml", "teams: {a: {}}\n")
    assert place.looks() == 1
    assert (place.teams, place.reloader.loaded.warnings) == (["a", "b"], ())


def test_an_invalid_one_is_refused_once_and_the_next_good_one_taken(place):
    place.write("bridge.yml", "destinatoins: {}\n")
    assert not place.looks(4)
    assert "destinatoins" in place.refused[0]
    (place.folder / "bridge.yml").unlink()
    assert not place.looks(4)
    assert place.zone == "UTC"
    place.write("bridge.yml", OTHER)
    assert place.looks() == 1
    assert place.refused == []


def test_one_that_lacks_a_secret_is_taken_when_the_secret_comes(place):
    place.write("bridge.yml", f"{OTHER}sources: {{g: {{auth: {{bearer: {{token: '${{file:token}}'}}}}}}}}\n")
    assert not place.looks(3)
    assert "token" in place.refused[0]
    (place.folder / "token").write_text("x")
    assert place.looks(1, seconds=AGAIN) == 1
    assert place.zone == "Europe/Berlin"


def test_one_that_can_not_be_served_is_refused(place):
    def check(loaded):
        if loaded.rules.timezone != "UTC":
            raise ConfigError([Problem("bridge.yml", 1, "no")])

    place.check = check
    place.start()
    place.write("bridge.yml", OTHER)
    assert not place.looks()
    assert place.refused == ["bridge.yml:1: no"]


def test_templates_are_read_anew_and_broken_ones_are_refused_as_a_whole(tmp_path):
    folder = tmp_path / "templates"
    place = Place(tmp_path, BRIDGE_TEMPLATES=str(folder))
    mine = '{% extends "slack/message.j2" %}{% block headline %}MINE{% endblock %}'
    place.write("templates/own.j2", mine)
    place.write("bridge.yml", GOOD.replace("}\n", ", template: own.j2}\n"))
    assert place.looks() == 1
    place.write("templates/own.j2", mine.replace("endblock %}", ""))
    assert not place.looks()
    assert place.refused[0].startswith("own.j2:1: ")
    assert place.reloader.loaded.templates["own.j2"] == mine
    place.write("templates/own.j2", mine.replace("MINE", "YOURS"))
    assert place.looks() == 1
    (folder / "own.j2").write_bytes(b"\xff")
    assert not place.looks()
    assert place.refused == ["own.j2: is no UTF-8: write it as text, readable for the bridge"]
    (folder / "own.j2").write_bytes(b" " * 400_001)
    assert not place.looks()
    assert place.refused[0].startswith("own.j2: is longer than 100,000 characters: ")
    assert "YOURS" in place.reloader.loaded.templates["own.j2"]


def test_the_whole_example_is_the_same_when_it_is_read_again(tmp_path):
    secrets = dict.fromkeys(("GRAFANA_HMAC_SECRET", "AM_TOKEN", "SLACK_BOT_TOKEN"), "x" * 32)
    text = EXAMPLE.read_text("utf-8")
    environ = from_environ({"BRIDGE_CONFIG": str(tmp_path / "bridge.yml")})
    (tmp_path / "bridge.yml").write_text(text, "utf-8")

    assert load(environ.config, secrets) == load(environ.config, secrets)


@pytest.mark.parametrize("pattern", ["loop.yml", '"\\0.yml"', '"\\uD800.yml"', "'teams/a**'"])
def test_what_is_no_file_ends_nothing_and_is_said_with_its_place(tmp_path, pattern):
    (tmp_path / "loop.yml").symlink_to("loop.yml")
    place = Place(tmp_path)
    place.write("bridge.yml", f"{GOOD}include: [{pattern}]\n")
    assert place.looks(4) == 1
    said = [str(one) for one in place.reloader.loaded.warnings if one.level is Level.ERROR]
    assert said
    assert all(one.startswith(("bridge.yml:3: ", "loop.yml: ", f"{tmp_path}/")) for one in said), said
    assert list(files_of(tmp_path / "bridge.yml", place.reloader.loaded, None))


def test_a_file_that_becomes_a_circle_of_links_ends_nothing(place):
    place.write("other.yml", "teams: {}\n")
    place.write("bridge.yml", f"{GOOD}include: [other.yml]\n")
    assert place.looks() == 1
    for name in ("other.yml", "bridge.yml"):
        (place.folder / name).unlink()
        (place.folder / name).symlink_to(name)
    assert not place.looks(4)
    assert "bridge.yml: can't be read, too many levels of symbolic links: lead the link to a file" in place.refused[0]


def test_without_a_process_to_read_in_the_last_good_one_stays(place, monkeypatch):
    place.write("bridge.yml", OTHER)
    monkeypatch.setattr(sys, "executable", str(place.folder / "gone"))
    assert not place.looks()
    assert "no process can be started for it, no such file or directory" in place.refused[0]
    monkeypatch.undo()
    assert place.looks(1, seconds=AGAIN) == 1
    assert place.zone == "Europe/Berlin"


def test_what_nobody_expected_ends_nothing_and_is_tried_again(place):
    def check(_loaded):
        raise ZeroDivisionError

    place.check = check
    place.start()
    place.write("bridge.yml", OTHER)
    assert not place.looks()
    assert place.refused == [f"{place.folder}/bridge.yml: could not be read: ZeroDivisionError: see the log"]


def test_what_is_wrong_is_stored_whatever_its_file_is_called(ledger, tmp_path):
    name = os.fsdecode(b"\xff.yml")
    place = Place(tmp_path)
    place.write(name, BROKEN)
    place.write("bridge.yml", INCLUDES.replace("teams/*.yml", "'[!b]*.yml'"))
    assert place.looks() == 1
    found = wrong_in(place.reloader.loaded, ["\ud800x"])
    assert "\ufffd.yml" in found.broken[0]
    assert note(from_environ(place.env), found, ledger)
    with ledger.read() as connection:
        ((_, stored),) = troubles.wrong(connection, SystemClock().now())
    assert stored.refused == ["\ufffdx"]


def test_a_secret_that_never_comes_holds_up_nobody_and_is_refused_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.reading.DEADLINE", 1.0)
    place = Place(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    place.write("bridge.yml", f"{OTHER}sources: {{g: {{auth: {{bearer: {{token: '${{file:pipe}}'}}}}}}}}\n")
    for _ in range(2):
        place.now += EVERY
        assert not place.reloader.look()
    assert place.reloader.reading, "it is not waited for"
    child = place.reloader._reading._child
    assert not place.looks(1)
    assert child.poll() is not None, "it is ended"
    assert "bridge.yml: could not be read within 1 s: see whether a secret's file or a template" in place.refused[0]


def test_what_is_asked_for_while_it_is_read_is_read_once_more(place):
    place.reloader.ask()
    assert not place.reloader.look()
    place.reloader.ask()
    assert place.looks(1) == 1
    assert place.looks(3) == 1
    assert not place.looks(3)


def test_a_database_that_is_away_ends_nothing(place):
    assert not note(from_environ(place.env), Wrong(["a problem"], []))


BROKEN = "teamz: {}\n"


@pytest.fixture
def hosts(postgres_ledger, tmp_path):
    """Two hosts on one ledger, each with its own copy of an included file: broken on the first one."""
    url, found = postgres_ledger.engine.url.render_as_string(hide_password=False), []
    for name, team in (("one", BROKEN), ("other", "teams: {a: {}}\n")):
        (tmp_path / name).mkdir()
        host = Place(tmp_path / name, INCLUDES, BRIDGE_DATABASE_URL=url)
        host.write("teams/a.yml", team)
        assert host.looks() == 1
        found.append(host)
    return found


def wrong(ledger, later=timedelta()):
    """What is wrong on which host."""
    with ledger.read() as connection:
        return {
            Path(where).parent.name: what for where, what in troubles.wrong(connection, SystemClock().now() + later)
        }


def places(ledger):
    """The rows that say so."""
    with ledger.read() as connection:
        names = connection.execute(select(lanes.c.name).where(lanes.c.name.startswith(troubles.CONFIG))).scalars()
        return [name.removeprefix(troubles.CONFIG) for name in names]


def looks_as_watch(ledger, host):
    """Let a host watch; return whether it told anything."""
    loaded = host.reloader.loaded
    effective = Effective(lambda: loaded.rules, host.env, b"key")
    return Watch(ledger, SystemClock(), loaded, effective, host.folder.name).look()


def free(ledger):
    """Let another host watch."""
    ledger.write(release_all)


def absorbed(ledger, host):
    """Absorb what a watch told; return the names of the bridge's own alerts that fire."""
    loaded = host.reloader.loaded
    at = ledger.database_now(SystemClock().now())
    held = ledger.write(lambda connection: acquire(connection, f"intake/{OWN}", "test", at))
    effective = Effective(lambda: loaded.rules, host.env, b"key")
    how = {"rules": lambda: loaded.rules, "effective": effective, "new_id": new_id, "wake": lambda _lanes: None}
    intake = Intake(held, SystemClock().monotonic() + 12, ledger=ledger, clock=SystemClock(), **how)
    while intake.turn() is None:
        pass
    with ledger.read() as connection:
        return [one["labels"]["alertname"] for one in troubles.told_of(connection).values()]


def test_what_is_broken_on_one_host_is_told_once_whoever_watches_until_that_host_mends_it(hosts, postgres_ledger):
    (one, other), ledger = hosts, postgres_ledger
    assert list(wrong(ledger)) == ["one"]
    assert "broken and left out" in wrong(ledger)["one"].broken[0]
    assert looks_as_watch(ledger, one)
    (name,) = absorbed(ledger, one)
    assert name.startswith("Configuration broken in parts: ")
    for watching in (other, one, other):
        free(ledger)
        assert not looks_as_watch(ledger, watching)
    one.write("teams/a.yml", "teams: {a: {}}\n")
    assert one.looks() == 1
    assert wrong(ledger) == {}
    free(ledger)
    assert looks_as_watch(ledger, other)
    assert absorbed(ledger, other) == []


def test_a_host_that_is_gone_for_a_day_counts_no_more_and_one_that_lives_says_it_again(hosts, postgres_ledger):
    (one, other), ledger = hosts, postgres_ledger
    whole = timedelta(hours=25)
    assert wrong(ledger, whole - timedelta(hours=2)).keys() == {"one"}
    assert wrong(ledger, whole) == {}
    (where,) = places(ledger)
    ledger.write(
        lambda connection: troubles.note_wrong(connection, where, wrong(ledger)["one"], SystemClock().now() - whole)
    )
    assert wrong(ledger) == {}
    one.looks(1, seconds=RENEWED.total_seconds() + 1)
    assert wrong(ledger).keys() == {"one"}
    ledger.write(
        lambda connection: troubles.note_wrong(connection, where, Wrong(["x"], []), SystemClock().now() - whole)
    )
    other.write("teams/a.yml", BROKEN)
    assert other.looks() == 1
    assert len(places(ledger)) == 1, "whoever has news forgets who is gone"
