"""A lane as a deliverer has it, whose turns a test takes one by one."""

from bridge.delivery.lane import Lane
from bridge.delivery.yard import Yard
from bridge.destinations import KINDS
from bridge.ids import new_id
from bridge.ledger import lanes
from bridge.render.folders import template_folder
from bridge.render.jinja import Words


def take(ledger, clock, name, effective, report=lambda *_: None):
    """Take a lane, as a process does that has just begun."""
    yard = Yard(
        ledger=ledger,
        clock=clock,
        kinds=dict(KINDS),
        effective=effective,
        words=Words((template_folder(),)),
        new_id=new_id,
        holder="test",
        report=report,
    )
    return take_in(yard, name)


def take_in(yard, name):
    """Take a lane, as a process does that may have others in its yard."""
    at = yard.ledger.database_now(yard.clock.now())
    held = yard.ledger.write(lambda connection: lanes.acquire(connection, name, "test", at))
    return Lane(held, yard, yard.clock.monotonic() + 12)


def turns(lane):
    """Take turns until the lane rests; return how."""
    while (rest := lane.turn()) is None:
        pass
    return rest
