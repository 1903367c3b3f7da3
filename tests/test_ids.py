import threading

import pytest

from bridge import ids

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture
def machine(monkeypatch):
    """Set the wall clock, in milliseconds, and forget what was made before."""
    monkeypatch.setattr(ids, "_last", 0)

    def at(milliseconds):
        monkeypatch.setattr(ids.time, "time_ns", lambda: milliseconds * 1_000_000 + 999_999)

    return at


def number(made):
    found = 0
    for digit in made:
        found = 32 * found + DIGITS.index(digit)
    return found


def test_an_id_is_a_ulid_of_its_millisecond(machine):
    machine(1_469_918_176_385)  # the example of the ULID specification
    made = ids.new_id()
    assert (len(made), made[:10], number(made) >> 80) == (26, "01ARYZ6S41", 1_469_918_176_385)


def test_the_first_of_a_millisecond_is_a_random_one_and_the_others_follow_it(machine):
    starts = set()
    for millisecond in range(1, 20):
        machine(millisecond)
        one, other = number(ids.new_id()), number(ids.new_id())
        assert other == one + 1
        starts.add(one & (1 << 80) - 1)
    assert len(starts) == 19


def test_ids_grow_where_the_clock_is_set_back(machine):
    machine(2_000)
    before = ids.new_id()
    machine(1_000)
    assert ids.new_id() > before


def test_no_two_threads_get_the_same():
    made = []
    threads = [threading.Thread(target=lambda: made.extend(ids.new_id() for _ in range(2_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 8_000
