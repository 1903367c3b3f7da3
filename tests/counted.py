"""A bridge in the test's own process, whose turns a test takes one by one, and what was asked meanwhile."""

import json
from contextlib import contextmanager

from harness import ENV, config
from sqlalchemy import event

from bridge.absorb import Intake
from bridge.compose import compose
from bridge.config.environ import from_environ
from bridge.deliver import deliverer
from bridge.delivery.lane import Lane
from bridge.ids import new_id
from bridge.ledger import due, lanes, receipts
from bridge.ledger.receipts import Receipt
from bridge.sandbox import Sandbox


class Counted:
    """A bridge in this process, and what its ledger and its destinations were asked."""

    def __init__(self, bridge, delivering, sandbox):
        self.bridge = bridge
        self.delivering = delivering
        self.yard = delivering._yard
        self.chores = delivering._chores._chores
        self.sandbox = sandbox
        self.statements = []
        event.listen(bridge.ledger.engine, "before_cursor_execute", self._hear)

    def _hear(self, *given):
        _, _, statement, parameters, _, executemany = given
        if not statement.startswith("BEGIN"):
            self.statements.append((statement, parameters[0] if executemany else parameters))

    def take(self, name):
        """Take a lane, as a deliverer does."""
        now = self.bridge.clock.now()
        at = self.bridge.ledger.database_now(now)
        held = self.bridge.ledger.write(lambda connection: lanes.acquire(connection, name, self.yard.holder, at))
        ends = self.bridge.clock.monotonic() + 12
        if not name.startswith(lanes.INTAKE):
            return Lane(held, self.yard, ends)
        return Intake(
            held,
            ends,
            ledger=self.bridge.ledger,
            clock=self.bridge.clock,
            rules=lambda: self.bridge.loaded.rules,
            effective=self.bridge.effective,
            new_id=new_id,
            wake=lambda _names: None,
        )

    def store(self, body):
        raw = json.dumps(body).encode()
        made = Receipt(new_id(), "grafana", self.bridge.clock.now(), {}, raw)
        self.bridge.ledger.write(lambda connection: receipts.insert(connection, made))

    @contextmanager
    def counting(self):
        """Give a dict that has, afterwards, what was done meanwhile."""
        found = {}
        self.statements.clear()
        commits, requests = self.bridge.ledger.writer.commits, len(self.sandbox.seen())
        yield found
        asked = self.sandbox.seen()[requests:]
        found |= {
            "statements": len(self.statements),
            "commits": self.bridge.ledger.writer.commits - commits,
            "requests": [one.path.rsplit("/", 1)[-1] for one in asked],
        }

    def absorb(self):
        """Absorb all that waits."""
        intake = self.take("intake/grafana")
        with self.counting() as found:
            while intake.turn() is None:
                pass
        return found

    def due(self):
        """The lanes in which something is due."""
        with self.bridge.ledger.read() as connection:
            return due.due_lanes(connection, self.bridge.clock.now())

    def lane(self):
        """Take the one lane in which something is due."""
        (name,) = self.due()
        return self.take(name)

    def step(self):
        """Do all that is due in the one lane."""
        lane = self.lane()
        with self.counting() as found:
            while lane.turn() is None:
                pass
        return found


@contextmanager
def in_process(ledger_url, tmp_path, *kinds, rate):
    """A bridge that tells at destinations of some kinds, under a rate."""
    with Sandbox() as sandbox:
        settings = config(sandbox)
        settings["destinations"] = {kind: {**settings["destinations"][kind], "rate": rate} for kind in kinds}
        (tmp_path / "bridge.yml").write_text(json.dumps(settings), "utf-8")
        env = {**ENV, "BRIDGE_CONFIG": str(tmp_path / "bridge.yml"), "BRIDGE_DATABASE_URL": ledger_url}
        bridge = compose(from_environ(env), env)
        try:
            with deliverer(bridge) as delivering:
                yield Counted(bridge, delivering, sandbox)
        finally:
            bridge.close()
