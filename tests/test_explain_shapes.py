"""What `explain` answers is described field by field, for the API, beside the values that it is made of."""

from dataclasses import fields

import pytest

from bridge import explain_shapes
from bridge.core.alert import Links, Value
from bridge.core.decision import Decision
from bridge.core.rules import Inherited
from bridge.ledger.shapes import DecisionShape
from bridge.preview import Preview, Told
from bridge.preview_alert import Aim, Seen, Setting
from bridge.preview_request import Request
from bridge.preview_step import Planned

ELSEWHERE = {"quarantine", "tried_in_all", "untried_in_all"}
"""What the answer says besides: why there is no preview, and of a stored decision how much was left out."""


@pytest.mark.parametrize(
    "made", [Value, Links, Inherited, Setting, Aim, Seen, Request, Planned, Told, Decision, Preview]
)
def test_each_value_of_an_explanation_is_described_with_all_of_its_fields(made):
    shape = {Preview: explain_shapes.ExplainedShape, Decision: DecisionShape}.get(made)
    described = set((shape or getattr(explain_shapes, f"{made.__name__}Shape")).__annotations__)
    assert described - ELSEWHERE == {one.name for one in fields(made)}
