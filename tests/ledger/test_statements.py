"""Statements by the driver's own cursor are what SQLAlchemy's are: values, rows, counts, errors, and who is told."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from ledger_kit import NOON
from sqlalchemy import bindparam, case, event, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.ledger.engine import inserting
from bridge.ledger.statements import COPIED, LONG, Statement, room
from bridge.ledger.tables import lanes
from bridge.ledger.unavailable import RefusedError

ADD = Statement(lanes.insert())
OF = Statement(select(lanes).where(lanes.c.name.in_(bindparam("names", expanding=True))).order_by(lanes.c.name))
LATER = timedelta(hours=1)


def row(name, fence=1, **more):
    return {"name": name, "fence": fence, "ready_at": NOON, "place": {"channel": name.upper()}, **more}


def filled(ledger, *names):
    rows = [row(name, number) for number, name in enumerate(names, 1)]
    assert ledger.write(lambda connection: ADD.run(connection, rows)) == len(names)


def test_rows_are_sqlalchemys(ledger):
    filled(ledger, "a", "b", "c")
    with ledger.read() as connection:
        for names in ([], ["b"], ["a", "c"], ["c", "b", "d"], ["c", "b", "a", "d", "e"]):
            found = OF.rows(connection, {"names": names})
            expected = connection.execute(OF._built, {"names": names}).all()
            assert [one._asdict() for one in found] == [dict(one._mapping) for one in expected]
    assert found[0].ready_at == NOON
    assert found[0].place == {"channel": "A"}
    assert (found[0].holder, found[0].trouble) == (None, None)


def test_of_a_list_few_lengths_are_kept(ledger):
    names = [f"lane {number}" for number in range(LONG + 1)]
    filled(ledger, *names)
    few = Statement(OF._built)
    with ledger.read() as connection:
        for length in range(65):
            assert len(few.rows(connection, {"names": names[:length]})) == length
        assert len(few._made) == len([0, 1, 2, 4, 8, 16, 32, 64])
        assert len(few.rows(connection, {"names": names})) == LONG + 1
    assert [room(length) for length in (LONG - 1, LONG, LONG + 1, 2 * LONG + 1)] == [LONG, LONG, 2 * LONG, 3 * LONG]


def test_of_many_rows_each_is_as_it_is_of_few(ledger):
    names = [f"lane {number}" for number in range(COPIED)]
    filled(ledger, *names)
    odd = [row(f"odd {number}", holder='a\t\\N "b"\n', trouble={"€": [None, True]}) for number in range(COPIED)]
    assert ledger.write(lambda connection: ADD.run(connection, odd)) == COPIED
    with ledger.read() as connection:
        assert [one.fence for one in OF.rows(connection, {"names": names})] == list(range(1, COPIED + 1))
        found = OF.first(connection, {"names": ["odd 7"]})
    assert (found.holder, found.trouble, found.ready_at) == ('a\t\\N "b"\n', {"€": [None, True]}, NOON)
    with pytest.raises(RefusedError):
        ledger.write(lambda connection: ADD.run(connection, [row("one more", holder=None, trouble=None), *odd]))
    with ledger.read() as connection:
        assert OF.first(connection, {"names": ["one more"]}) is None


def test_the_first_row_or_none(ledger):
    filled(ledger, "a", "b")
    with ledger.read() as connection:
        assert OF.first(connection, {"names": ["b", "a"]}).name == "a"
        assert OF.first(connection, {"names": ["c"]}) is None


def test_what_has_no_name_is_found_by_its_place(ledger):
    filled(ledger, "a", "b")
    counted = Statement(select(func.count(), func.max(lanes.c.name)).where(lanes.c.fence > bindparam("fence")))
    with ledger.read() as connection:
        assert [tuple(one) for one in counted.rows(connection, {"fence": 1})] == [(1, "b")]


def test_how_many_rows_were_changed(ledger):
    filled(ledger, "a", "b", "c")
    # of a name in several places one may have no type, as in what a `case` comes to else
    moment = bindparam("moment")
    later = case((lanes.c.ready_at > moment, lanes.c.ready_at), else_=moment)
    put_off = Statement(update(lanes).where(lanes.c.fence >= bindparam("least")).values(ready_at=later))
    assert ledger.write(lambda connection: put_off.run(connection, {"least": 2, "moment": NOON + LATER})) == 2
    several = [{"least": least, "moment": NOON} for least in (1, 2, 3, 4)]
    assert ledger.write(lambda connection: put_off.run(connection, several)) == 6
    assert ledger.write(lambda connection: put_off.run(connection, [])) == 0
    with ledger.read() as connection:
        found = OF.rows(connection, {"names": ["a", "b", "c"]})
    assert [one.ready_at for one in found] == [NOON, NOON + LATER, NOON + LATER]


def test_an_insert_has_the_columns_that_its_row_has(ledger):
    filled(ledger, "a")
    ledger.write(lambda connection: ADD.run(connection, {"name": "b", "trouble": {"probes": 3}}))
    again = Statement(inserting(ledger.engine.dialect.name, lanes).on_conflict_do_nothing())
    assert ledger.write(lambda connection: again.run(connection, [{"name": "b"}, {"name": "c"}])) == 1
    with ledger.read() as connection:
        found = OF.rows(connection, {"names": ["b", "c"]})
    assert [(one.fence, one.ready_at, one.trouble) for one in found] == [(0, None, {"probes": 3}), (0, None, None)]


def test_an_error_is_sqlalchemys_and_shows_no_values(ledger):
    filled(ledger, "a")

    def both(connection):
        ADD.run(connection, row("b"))
        ADD.run(connection, row("a", place={"token": "secret"}))

    with pytest.raises(IntegrityError) as found, ledger.engine.begin() as connection:
        both(connection)
    assert "INSERT INTO lanes" in str(found.value)
    assert "secret" not in str(found.value)
    assert not found.value.connection_invalidated
    with ledger.read() as connection:
        assert [one.name for one in OF.rows(connection, {"names": ["a", "b"]})] == ["a"]


def test_a_connection_that_was_cut_is_not_used_again(postgres_ledger):
    ledger = postgres_ledger
    filled(ledger, "a")
    with ledger.read() as connection:
        (found,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
        url = make_url(ledger.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as operator:
            operator.execute("SELECT pg_terminate_backend(%s)", [found])
        with pytest.raises(DBAPIError) as error:
            OF.rows(connection, {"names": ["a"]})
        assert error.value.connection_invalidated
        assert connection.invalidated
    with ledger.read() as connection:
        assert OF.first(connection, {"names": ["a"]}).fence == 1


def test_who_listens_hears_of_each(ledger):
    heard = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *given: heard.append((given[2].split()[0], given[5])))
    filled(ledger, "a", "b")
    with ledger.read() as connection:
        OF.rows(connection, {"names": ["a"]})
    assert [one for one in heard if one[0] != "BEGIN"] == [("INSERT", True), ("SELECT", False)]
