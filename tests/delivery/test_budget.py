"""A token's budget: who asks for it, of several lanes that ask by themselves, is given it by urgency."""

from datetime import timedelta

import pytest
from fake_clock import NOON

from bridge.delivery import budget
from bridge.delivery.budget import GRACE, LOOK_AGAIN, TENTH
from bridge.destinations.base import Settings
from bridge.ledger.deliveries import Delivery

DRAWN = budget.budget_of(Settings("github", "github", {"account": "x"}), "POST issues")
MOMENT = timedelta(milliseconds=10)


def later(seconds):
    return NOON + timedelta(seconds=seconds)


class Token:
    """A token that makes one thing a second."""

    def __init__(self, ledger):
        self.ledger = ledger

    def take(self, who, now):
        """Ask for a request of a delivery, named by its urgency and a letter."""
        delivery = Delivery(who, "01KI", "github", "github", "a/b", f"github/{who}", "t", "pending", int(who[0]), 1, 0,
                            {}, None, NOON, NOON, 0, None, None, None)  # fmt: skip
        return self.ledger.write(lambda connection: budget.take(connection, DRAWN, delivery, now))

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
