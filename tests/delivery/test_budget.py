"""A token's budget: who asks for it, of several lanes that ask by themselves, is given it by urgency."""

from datetime import timedelta

import pytest
from fake_clock import NOON

from bridge.delivery import budget
from bridge.delivery.budget import ALONE, GRACE, LOOK_AGAIN, PROBED, TENTH
from bridge.delivery.trouble import FORGOTTEN
from bridge.destinations.base import Settings
from bridge.ledger.deliveries import Delivery

DRAWN = budget.budget_of(Settings("github", "github", {"account": "x"}), "POST issues")
MOMENT = timedelta(milliseconds=10)


def later(seconds):
    return NOON + timedelta(seconds=seconds)


def delivery(who):
    return Delivery(who, "01KI", "github", "github", "a/b", f"github/{who}", "t", "pending", int(who[0]), 1, 0,
                    {}, None, NOON, NOON, 0, None, None, None)  # fmt: skip


class Token:
    """A token that makes one thing a second."""

    def __init__(self, ledger):
        self.ledger = ledger

    def take(self, who, now):
        """Ask for a request of a delivery, named by its urgency and a letter."""
        return self.ledger.write(lambda connection: budget.take(connection, DRAWN, delivery(who), now)).until

    def spend(self, who, now):
        assert self.take(who, now) is None
        self.ledger.write(lambda connection: budget.answered(connection, DRAWN, who))


@pytest.fixture
def token(ledger):
    return Token(ledger)


def test_the_most_urgent_that_found_no_room_is_first_whoever_asks_before_it(token):
    token.spend("3a", NOON)
    assert token.take("0", later(0.5)) == later(1)
    assert token.take("3b", later(0.6)) == later(1)
    assert token.take("3b", later(1)) == later(1 + LOOK_AGAIN)
    token.spend("0", later(1.1))
    assert token.take("3b", later(1.2)) == later(2.1)
    token.spend("3b", later(2.1))


def test_a_less_urgent_one_that_waits_already_is_not_first(token):
    token.spend("3a", NOON)
    assert token.take("2", later(0.5)) == later(1)
    assert token.take("3b", later(0.6)) == later(1)
    assert token.take("1", later(0.7)) == later(1)
    assert token.take("2", later(1)) == later(1 + LOOK_AGAIN)
    token.spend("1", later(1.1))


def test_one_that_never_comes_back_keeps_nobody_back_for_long(token):
    token.spend("3a", NOON)
    assert token.take("0", later(0.5)) == later(1)
    assert token.take("3b", later(1 + GRACE) - MOMENT) is not None
    token.spend("3b", later(1 + GRACE))


def test_it_is_waited_for_while_another_request_is_not_answered(token):
    assert token.take("3a", NOON) is None
    assert token.take("0", later(1.1)) == later(1.1 + LOOK_AGAIN)
    token.ledger.write(lambda connection: budget.answered(connection, DRAWN, "3a"))
    assert token.take("3b", later(1.15)) == later(1.15 + LOOK_AGAIN)
    token.spend("0", later(1.2))


def test_of_ten_requests_one_is_kept_back_by_a_p0_alone(token):
    for number in range(TENTH):
        token.spend(f"3{number}", later(number))
    assert token.take("1", later(TENTH - 0.5)) == later(TENTH)
    token.spend("3b", later(TENTH))
    for number in range(1, TENTH):
        token.spend(f"3{number}", later(TENTH + number))
    assert token.take("0", later(2 * TENTH - 0.5)) == later(2 * TENTH)
    assert token.take("3b", later(2 * TENTH)) is not None


def test_a_wait_of_before_the_clock_was_set_back_keeps_nobody_back(token):
    token.spend("3a", later(7200))
    assert token.take("0", later(7200.5)) == later(7201)
    token.spend("3b", NOON)


class Limited:
    """A method of a workspace, of which nothing is counted, that was limited at noon for a second."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.drawn = budget.budget_of(Settings("slack", "slack", {"account": "x"}), "chat.update")
        self.limit(0)

    def limit(self, at, wait=1.0):
        """Refuse a request; return for how many seconds all wait."""
        until = self.ledger.write(lambda connection: budget.limit(connection, self.drawn, wait, later(at)))
        return (until - later(at)).total_seconds()

    def take(self, who, at):
        """Ask for a request; return for how many seconds it waits, and whether it asks for all."""
        until, probes = self.ledger.write(
            lambda connection: budget.take(connection, self.drawn, delivery(who), later(at))
        )
        return until and (until - later(at)).total_seconds(), probes

    def answer(self, who, *, over):
        self.ledger.write(lambda connection: budget.answered(connection, self.drawn, who, over=over))


def test_one_request_at_a_time_asks_whether_a_limit_is_over(ledger):
    limited = Limited(ledger)
    assert limited.take("2a", 0.5) == (0.5, False)
    assert limited.take("2a", 1) == (None, True)
    assert limited.take("2b", 1.1) == (PROBED, False)
    limited.limit(1.2)
    limited.answer("2a", over=False)
    assert limited.take("2b", 2.2) == (None, True)
    assert limited.take("2a", 2.3) == (PROBED, False)
    limited.answer("2b", over=True)
    assert limited.take("2a", 2.4) == limited.take("2c", 2.4) == (None, False)


def test_one_that_hangs_while_it_asks_keeps_the_others_back_for_a_moment_only(ledger):
    limited = Limited(ledger)
    assert limited.take("2a", 1) == (None, True)
    assert limited.take("2b", 1 + ALONE) == (None, True)


def test_whoever_is_answered_well_shows_that_a_limit_is_over(ledger):
    limited = Limited(ledger)
    assert limited.take("2a", 1) == (None, True)
    assert limited.take("2b", 1 + ALONE) == (None, True)
    limited.answer("2a", over=True)
    assert limited.take("2c", 1.1 + ALONE) == (None, False)


def test_a_limit_is_waited_for_the_longer_the_longer_it_lasts_but_never_less_than_asked_for(ledger):
    limited = Limited(ledger)
    assert [limited.limit(at) for at in (1, 10, 20)] == [1, 2, 4]
    assert limited.limit(25, wait=60) == 60
    assert limited.limit(25 + 60 + FORGOTTEN) == 1
