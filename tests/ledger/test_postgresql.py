"""A PostgreSQL that its operators have set up in their own way."""

from __future__ import annotations

import psycopg
import pytest
from ledger_kit import count, insert
from sqlalchemy import text
from sqlalchemy.engine import make_url


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
