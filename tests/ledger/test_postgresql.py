"""A PostgreSQL that its operators have set up in their own way."""

from __future__ import annotations

import psycopg
import pytest
from ledger_kit import count, insert
from posts import Posts, alert
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bridge.ledger.engine import NotDurableError
from bridge.ledger.ledger import open_ledger


def alter(ledger, setting):
    """Set something for the database, for whoever connects from now on."""
    url = ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE {make_url(url).database} SET {setting}")
    return url


@pytest.mark.parametrize(("said", "in_force"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_what_is_confirmed_is_on_disk_whatever_the_database_is_set_to(postgres_ledger, open_again, said, in_force):
    ledger = open_again(alter(postgres_ledger, f"synchronous_commit = {said}"))
    shown = text("SHOW synchronous_commit")
    with ledger.read() as connection:
        assert connection.execute(shown).scalar() == in_force
    assert ledger.write(lambda connection: connection.execute(shown).scalar()) == in_force
    insert(ledger)
    assert count(ledger) == 1


def absorbed(ledger, clock, tmp_path):
    """Absorb an alert whose words are of many scripts, and one whose title is; return their titles and summaries."""
    posts = Posts(ledger, clock, tmp_path)
    words = alert(fingerprint="a", summary="Žluťoučký 🔥 火")
    words["labels"] |= {"alertname": "火 🔥"}
    assert posts.hear(words)["state"] == "absorbed"
    (incident,) = posts.incidents()
    return incident["title"], incident["alerts"][0]["annotations"]["summary"]


def test_every_character_is_stored_whatever_encoding_the_database_is_set_to_talk_in(
    postgres_ledger, open_again, clock, tmp_path
):
    ledger = open_again(alter(postgres_ledger, "client_encoding = latin1"))
    assert absorbed(ledger, clock, tmp_path) == ("火 🔥", "Žluťoučký 🔥 火")


def test_a_database_that_takes_any_bytes_is_as_good_as_one_of_utf_8(postgres_encoded, clock, tmp_path):
    with postgres_encoded("SQL_ASCII") as url:
        ledger = open_ledger(url, upgrade=True)
        assert absorbed(ledger, clock, tmp_path) == ("火 🔥", "Žluťoučký 🔥 火")
        ledger.close()


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_database_that_has_no_place_for_every_character_is_refused(postgres_encoded, upgrade):
    with (
        postgres_encoded("LATIN1") as url,
        pytest.raises(NotDurableError, match="the database's encoding is LATIN1, "),
    ):
        open_ledger(url, upgrade=upgrade)
