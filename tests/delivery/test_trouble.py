"""A place in trouble: when it is asked again, and whose fault it was."""

from __future__ import annotations

import pytest

from bridge.delivery.trouble import Asked, back_off, failed, lasts, succeeded, waited

POST = "chat.postMessage"
EDIT = "chat.update"


def ask(name: str, method: str = POST, at: float = 3.0) -> Asked:
    return Asked(f"delivery-{name}", f"incident-{name}", method, at)


def test_the_gap_grows_to_a_quarter_of_the_outage_between_1_and_30_seconds():
    now, trouble, gaps = 0.0, None, []
    while now < 400:
        trouble = failed(trouble, ask("a", at=now), now, None, "HTTP 503")
        gaps.append(trouble.until - now)
        now = trouble.until
    assert gaps[0] == 1.0
    assert max(gaps) == 30.0
    assert gaps == sorted(gaps)


def test_a_20_second_outage_draws_few_probes():
    now, trouble, probes = 0.0, None, 0
    while now < 20:
        trouble = failed(trouble, ask("a", at=now), now, None, "HTTP 503")
        now, probes = trouble.until, probes + 1
    assert probes <= 15


def test_retry_after_is_honoured_to_the_second():
    trouble = failed(None, ask("a", at=100.0), 100.0, 47.0, "HTTP 429")
    assert trouble.until == 147.0


def test_a_shorter_answer_of_a_request_under_way_does_not_shorten_the_wait():
    trouble = failed(None, ask("a", at=100.0), 100.0, 47.0, "HTTP 429")
    assert failed(trouble, ask("b", at=100.5), 100.5, None, "reset").until == 147.0


def test_success_of_the_same_kind_of_request_ends_the_trouble():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 503")
    assert succeeded(trouble, ask("b")) == (None, ())


def test_success_of_a_request_that_was_under_way_at_the_failure_does_not_end_the_wait():
    trouble = failed(None, ask("a", at=100.0), 100.0, 47.0, "HTTP 429")
    assert succeeded(trouble, Asked("delivery-b", "incident-b", POST, 99.9)) == (trouble, ())
    assert succeeded(trouble, Asked("delivery-b", "incident-b", POST, 147.0)) == (None, ())


def test_a_lookup_proves_nothing():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 503")
    assert succeeded(trouble, ask("a"), looking=True) == (trouble, ())


def test_success_of_another_kind_of_request_does_not_end_it():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 503")
    assert succeeded(trouble, ask("b", EDIT)) == (trouble, ())


def test_what_failed_twice_while_another_incident_succeeds_was_its_own_fault():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 500")
    trouble = failed(trouble, ask("a", at=1.0), 1.0, None, "HTTP 500")
    assert trouble.behind() == ("incident-a",)
    assert succeeded(trouble, ask("b")) == (None, ("delivery-a",))


def test_one_failed_probe_accuses_nobody():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 500")
    assert trouble.behind() == ()
    assert succeeded(trouble, ask("b")) == (None, ())


def test_its_own_success_clears_the_accused():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 500")
    trouble = failed(trouble, ask("a", at=1.0), 1.0, None, "HTTP 500")
    assert succeeded(trouble, ask("a")) == (None, ())


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 1), (1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (60, 300)])
def test_a_delivery_at_fault_backs_off_alone(attempts, seconds):
    assert back_off(attempts) == seconds


def test_it_is_stored_and_read_back():
    trouble = failed(None, ask("a", at=5.0), 5.0, 2.0, "reset")
    assert type(trouble)(**trouble.as_json()) == trouble


def test_a_trouble_that_nobody_asks_about_again_is_over():
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 503")
    assert succeeded(trouble, ask("b", EDIT, 15.0)) == (trouble, ())
    assert succeeded(trouble, ask("b", EDIT, 17.0)) == (None, ())
    assert failed(trouble, ask("b", at=17.0), 25.0, None, "HTTP 503").since == 25.0


def test_a_trouble_goes_on_while_what_was_due_in_it_could_not_be_asked_for():
    """Nobody delivered for a while: that is no sign that the place works."""
    trouble = failed(None, ask("a", at=0.0), 0.0, None, "HTTP 503")
    late = Asked("delivery-a", "incident-a", POST, 400.0, due=0.5)
    assert failed(trouble, late, 400.0, None, "HTTP 503").since == 0.0
    assert succeeded(trouble, late, looking=True) == (trouble, ())
    assert succeeded(trouble, late) == (None, ())
    assert lasts(trouble.as_json(), 400.0, due=0.5)
    assert not lasts(trouble.as_json(), 400.0, due=390.0), "what came long after it was never in it"


def test_a_request_that_hung_has_waited_already():
    trouble = failed(None, ask("a", at=0.0), 8.0, None, "no answer in time")
    trouble = failed(trouble, ask("a", at=9.0), 17.0, None, "no answer in time")
    assert trouble.until == 18.0
    assert failed(trouble, ask("a", at=18.0), 58.0, None, "no answer in time").until == 59.0


def test_a_limit_without_any_wait_is_no_reason_to_hurry():
    assert failed(None, ask("a", at=100.0), 100.0, 0.0, "HTTP 429").until == 101.0


def test_what_a_delivery_waited_alone_adds_up():
    assert [waited(number) for number in (1, 2, 3, 4)] == [0, 1, 3, 7]
    assert waited(295) < 86_400 < waited(297)
