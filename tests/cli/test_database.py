import json
import os
import sqlite3
import stat
import threading
from contextlib import closing

import pytest
from cli_kit import command
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bridge.ledger import migrate
from bridge.ledger.ledger import open_ledger
from bridge.ledger.migrate import HEAD


def names(path):
    return sorted(one.name for one in path.iterdir())


def titles(path):
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT title FROM incidents ORDER BY id")]


def test_upgrade(run):
    assert run("db", "upgrade").stdout == f"the tables are at {HEAD} now, before at nothing\n"
    assert run("db", "upgrade").stdout == f"the tables are at {HEAD}, nothing to do\n"
    assert run("incidents").stdout == "There is no such incident.\n"


def test_an_upgrade_that_can_not_be_done_says_why(run, folder, monkeypatch):
    with closing(sqlite3.connect(folder / "bridge.db", isolation_level=None)) as stranger:
        stranger.execute("PRAGMA journal_mode=WAL")
        stranger.execute("CREATE TABLE other (a)")
        stranger.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(migrate, "PATIENCE", 0.1)
        assert run("db", "upgrade", code=1).stderr == "the database is locked by another program\n"
        stranger.execute("ROLLBACK")

    def limit(connection):
        connection.exec_driver_sql("PRAGMA max_page_count=20")

    event.listen(Engine, "begin", limit)
    try:
        assert run("db", "upgrade", code=1).stderr == "the disk is full: make room, then try again\n"
    finally:
        event.remove(Engine, "begin", limit)
    (folder / "bridge.db.upgrade.lock").unlink()
    (folder / "bridge.db.upgrade.lock").mkdir()
    said = run("db", "upgrade", code=1).stderr
    mend = "check its owner and mode, and its folder's"
    assert said.endswith(f"/bridge.db.upgrade.lock can't be opened: Is a directory; {mend}\n")


def test_a_verb_does_not_upgrade_by_itself(run, folder):
    sqlite3.connect(folder / "bridge.db").close()
    assert run("incidents", code=1).stderr == (
        f"the database is at nothing, this program needs {HEAD}: run `bridge db upgrade`\n"
    )


def test_backup(run, past, folder):
    made = run("db", "backup", "copy.db").stdout
    size = (folder / "copy.db").stat().st_size
    assert made == f"copy.db: {size:,} bytes, checked\n"
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert titles(folder / "copy.db") == ["Inductor Jobs Broken", "Queue too long", "Database Connection Failure"]
    assert [name for name in names(folder) if "copy" in name] == ["copy.db"]
    past.close(past.incidents()[-1])
    listed = run("incidents", "--state", "closed", env={"BRIDGE_DATABASE_URL": "sqlite:///copy.db"}).stdout
    assert "Database Connection Failure" in listed
    assert "Inductor" not in listed


def test_the_database_as_json(run, folder):
    assert json.loads(run("db", "upgrade", "--json").stdout) == {"before": None, "after": HEAD}
    assert json.loads(run("db", "upgrade", "--json").stdout) == {"before": HEAD, "after": HEAD}
    made = json.loads(run("db", "backup", "copy.db", "--json").stdout)
    assert made == {"file": "copy.db", "bytes": (folder / "copy.db").stat().st_size}


@pytest.mark.usefixtures("past")
def test_a_backup_replaces_only_when_told_to(run, folder):
    (folder / "copy.db").write_text("precious")
    assert run("db", "backup", "copy.db", code=1).stderr == (
        "copy.db is there already: name another file, or give --force\n"
    )
    assert (folder / "copy.db").read_text() == "precious"
    run("db", "backup", "copy.db", "--force")
    assert len(titles(folder / "copy.db")) == 3
    for words in (["bridge.db"], ["./bridge.db", "--force"]):
        assert run("db", "backup", *words, code=1).stderr.endswith("is the ledger itself: name another file\n")


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("there", [True, False])
def test_a_backup_is_whole_where_another_copys_log_is_left(run, folder, there):
    run("db", "backup", "copy.db")
    with closing(sqlite3.connect(folder / "copy.db")) as used:
        used.execute("PRAGMA journal_mode=WAL")
        used.execute("UPDATE incidents SET title = 'of the former copy'")
        used.commit()
        left = (folder / "copy.db-wal").read_bytes()
        assert left
    # as after a kill
    (folder / "copy.db-wal").write_bytes(left)
    (folder / "copy.db-journal").touch()
    if not there:
        (folder / "copy.db").unlink()
    run("db", "backup", "copy.db", *(["--force"] if there else []))
    assert [name for name in names(folder) if "copy" in name] == ["copy.db"]
    with closing(sqlite3.connect(folder / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert titles(folder / "copy.db") == ["Inductor Jobs Broken", "Queue too long", "Database Connection Failure"]


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("nowhere/copy.db", "nowhere/copy.db could not be written: No such file or directory\n"),
        ("bridge.yml/copy.db", "bridge.yml/copy.db could not be written: Not a directory\n"),
    ],
)
def test_a_backup_that_can_not_be_written(run, file, sentence):
    assert run("db", "backup", file, code=1).stderr == sentence


def test_a_backup_of_what_is_no_ledger(run, folder):
    assert run("db", "backup", "copy.db", code=1).stderr == (
        "there is no bridge.db here: go to the bridge's folder, or set BRIDGE_DATABASE_URL\n"
    )
    (folder / "bridge.db").write_text("no database at all, but long enough to have a header " * 20)
    assert run("db", "backup", "copy.db", code=1).stderr == ("copy.db could not be written: file is not a database\n")
    assert names(folder) == ["bridge.db", "bridge.yml"]


def test_a_backup_while_others_write_is_one_moment(run, folder):
    ledger = open_ledger("sqlite:///bridge.db")
    ledger.write(lambda connection: connection.exec_driver_sql("CREATE TABLE a (n INTEGER)"))
    ledger.write(lambda connection: connection.exec_driver_sql("CREATE TABLE b (n INTEGER)"))
    ended = threading.Event()

    def both(connection):
        for table in "ab":
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES (1)")

    def writes():
        while not ended.is_set():
            ledger.write(both)

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        for number in range(5):
            run("db", "backup", f"copy{number}.db")
    finally:
        ended.set()
        writer.join()
        ledger.close()
    counts = []
    for number in range(5):
        with closing(sqlite3.connect(folder / f"copy{number}.db")) as copy:
            counts.append(copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone())
    assert all(a == b for a, b in counts)
    assert counts == sorted(counts)


def test_postgresql_has_its_own_tool(run):
    result = run("db", "backup", "copy.db", env={"BRIDGE_DATABASE_URL": "postgresql://bridge:hush@host/x"}, code=1)
    assert result.stderr == (
        "this copies SQLite ledgers; on PostgreSQL use its own tool: "
        'pg_dump --format=custom --file=copy.db "$BRIDGE_DATABASE_URL"\n'
    )


def test_the_installed_command():
    assert command("db", "upgrade").stdout == f"the tables are at {HEAD} now, before at nothing\n".encode()
    assert command("db", "backup", "copy.db").returncode == 0
    assert command("db", "backup", "copy.db").returncode == 1
    assert command("db", "backup").returncode == 2
    assert os.access("copy.db", os.R_OK)
