"""What is made of an incident for showing: no more than is asked for, and once; counted, no clock is asked."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from scenes import want

from bridge.destinations import KINDS
from bridge.destinations.base import Nothing, Step

PLACES = {"slack": {"channel_id": "C0123456", "usergroups": {}}, "github": {"private": True}}
TOKENS = {"slack": {"token": "xoxb", "channel": "#alerts"}, "github": {"repo": "acme/alerts"}}
ANSWERS = {
    "slack": {"ts": "1.2", "channel": "C0123456"},
    "github": {"number": 7, "state": "open"},
}


@pytest.fixture
def counted(monkeypatch):
    """A function that has a function of a module counted: it returns the list of what that one is given."""

    def count(module, name):
        asked, real = [], getattr(module, name)

        def made(*given, **named):
            asked.append(given)
            return real(*given, **named)

        monkeypatch.setattr(module, name, made)
        return asked

    return count


@pytest.mark.parametrize("kind", PLACES)
def test_a_message_is_made_once_for_its_step_and_for_the_look_afterwards(kind, counted):
    digests = counted(hashlib, "sha256")
    told = want("firing", kind, PLACES[kind], **TOKENS[kind])
    step = KINDS[kind].next_step(told, {})
    assert isinstance(step, Step)
    have = {**ANSWERS[kind], **step.told}
    assert KINDS[kind].next_step(replace(told, now=told.now + timedelta(seconds=1)), have) == Nothing()
    assert len(digests) == 1
