"""Putting a deliverer together over a bridge: lanes of destinations, lanes of receipts, hints."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.absorb import Intake
from bridge.chores import prune, remind, resume, stale, storms, tests, watch
from bridge.compose import Parent, compose, hints_at
from bridge.delivery.chores import Chore
from bridge.delivery.hints import Listener
from bridge.delivery.local import Deliverer
from bridge.delivery.yard import Yard
from bridge.destinations import KINDS
from bridge.ids import follow, new_id
from bridge.ledger import book, lanes
from bridge.ledger.write import LONG_PATIENCE
from bridge.mapping import reader
from bridge.metrics import Tally
from bridge.reload import Reloader, note, wrong_in
from bridge.render.folders import template_folder
from bridge.render.jinja import Words
from bridge.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.compose import Bridge
    from bridge.delivery.hints import Near
    from bridge.delivery.procrastinate import Carrier
    from bridge.ledger.lanes import Held
    from bridge.ledger.ledger import Ledger
    from bridge.reading import Reading

GRACE = 9.0
"""Seconds that steps under way have to end when the process is told to stop."""


@contextmanager
def deliverer(
    bridge: Bridge, alone: int | None = None, *, once: bool = False, near: Near | None = None
) -> Iterator[Deliverer]:
    """Give a running deliverer; on the way out it finishes its steps and gives its lanes back.

    `alone` is the lock of the machine's only deliverer, where the caller has it already (`lock`). `once`: nobody starts
    it again, so it says at once that it delivers no more. `near` brings hints of the same server's processes.
    """
    holder = f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(4)}"
    if alone is None and bridge.ledger.path is not None:
        alone = lock(bridge.ledger)
    bridge.ledger.patience = LONG_PATIENCE
    if alone is not None:
        bridge.ledger.write(lanes.release_all)
    bridge.ledger.writer.yields = True
    tally = Tally()
    reports = Reports(tally)
    words = Words((template_folder(),), reports.template_failed, kept=bridge.loaded.templates)
    yard = Yard(
        ledger=bridge.ledger,
        clock=bridge.clock,
        kinds=dict(KINDS),
        effective=bridge.effective,
        words=words,
        new_id=new_id,
        holder=holder,
        report=reports,
        drain=tally.drain,
        put_back=tally.more,
    )
    listener = Listener(hints_at(bridge.ledger.path, bridge.environ) if bridge.ledger.embedded else None, near)

    def wake(names: Iterable[str]) -> None:
        for name in names:
            yard.kick(name)

    def open_intake(held: Held, lease_ends: float) -> Intake:
        # the order of episodes is that of their ids, and a clock ahead of ours, or our own before, may have made some
        with bridge.ledger.read() as connection:
            follow(book.newest(connection))
        return Intake(
            held,
            lease_ends,
            ledger=bridge.ledger,
            clock=bridge.clock,
            rules=lambda: bridge.loaded.rules,
            effective=bridge.effective,
            new_id=new_id,
            wake=wake,
            read=reader(bridge.loaded.settings.sources.get(held.name.removeprefix(lanes.INTAKE))),
            report=reports,
        )

    held = resume.Resume(bridge.ledger, bridge.clock, bridge.effective)
    watching = watch.Watch(bridge.ledger, bridge.clock, bridge.loaded, bridge.effective, holder)
    silent = stale.Stale(bridge.ledger, bridge.clock, lambda: bridge.loaded.rules)
    folding = storms.Storms(bridge.ledger, bridge.clock, lambda: bridge.loaded.rules, holder)
    again = remind.Remind(bridge.ledger, bridge.clock, lambda: bridge.loaded.rules)
    left = tests.Leftovers(bridge.ledger, bridge.clock)
    pruning = prune.Prune(bridge.ledger, bridge.clock, lambda: bridge.loaded)
    chores = (  # what may take long comes last: others that are due with it wait for it
        Chore(watch.EVERY, watching.look),
        Chore(storms.EVERY, folding.look),
        Chore(resume.EVERY, held.look),
        Chore(stale.EVERY, silent.look),
        Chore(tests.EVERY, left.look),
        Chore(remind.EVERY, again.look),
        Chore(prune.EVERY, pruning.look, again=lambda: pruning.more),
    )
    delivering = Deliverer(yard, listener, open_intake, chores=chores)
    carrier = None if bridge.ledger.embedded else _carrier(bridge, yard)
    try:
        yield delivering
    finally:
        if carrier is not None:
            carrier.stop()
        delivering.stop()
        if once:
            bridge.ledger.write(lambda connection: lanes.release(connection, holder, [lanes.PULSE]))
        if carrier is not None:
            carrier.join(1)
        listener.close()
        if alone is not None:
            os.close(alone)


def _carrier(bridge: Bridge, yard: Yard) -> Carrier:
    """Start what brings hints of other processes, and what is to be done once for the whole installation."""
    from bridge.delivery.procrastinate import Carrier  # noqa: PLC0415 - on SQLite nobody pays for it

    def look(lane: str) -> None:
        yard.report("hint", None)
        yard.kick(lane)

    # what is found to do in a lane that another worker holds, that one is told of
    yard.pass_on = bridge.hint
    return Carrier(bridge.environ.database_direct_url or bridge.environ.database_url, yard.holder, look)


def work(reading: Reading) -> int:
    """Deliver until SIGTERM or SIGINT; return the exit code, 1 where a turn hung or the writer died.

    On SIGHUP, and when its files change, the configuration is read anew: a good one is taken over between steps.

    Steps under way are finished, for at most as long as a step may take; what then still runs is left to the others.
    """
    environ, env = reading.environ, reading.env
    bridge = compose(environ, env, loaded=reading.result().loaded)
    note(environ, wrong_in(bridge.loaded), bridge.ledger)
    reloader = Reloader(environ, env, bridge.loaded)
    told: list[int] = []
    while True:
        wanted = _until_told(bridge, told, reloader)
        bridge.close()
        if wanted != signal.SIGHUP:
            return 0 if wanted else 1
        # the tables were looked at when it started; the database may be away now
        parent = Parent(bridge.ledger.engine)
        bridge = compose(environ, env, loaded=reloader.loaded, parent=parent)


def _until_told(bridge: Bridge, told: list[int], reloader: Reloader) -> int | None:
    """Deliver; return the signal that ends it (SIGHUP: for another configuration), None where it is not healthy.

    `told` are the signals that nobody has acted on yet: what comes while another one is acted on is not lost.
    """
    wanted = None
    with deliverer(bridge) as delivering:

        def hear(number: int, _frame: object) -> None:
            told.append(number)
            delivering.wake()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, hear)
        while delivering.healthy() and not (wanted := _wanted(told, reloader)):
            delivering.round()
        last = threading.Timer(GRACE, os._exit, [0 if wanted and wanted != signal.SIGHUP else 1])
        last.daemon = True
        last.start()
    last.cancel()
    # whoever asked to stop while a reload was under way is heard
    return _stop(told) or wanted


def _stop(told: list[int]) -> int | None:
    return next((number for number in told if number != signal.SIGHUP), None)


def _wanted(told: list[int], reloader: Reloader) -> int | None:
    """Return the signal that ends this deliverer: SIGHUP, of which a change is one, where what is read is good."""
    if stop := _stop(told):
        return stop
    heard = len(told)
    if heard:
        reloader.ask()
    del told[:heard]
    return signal.SIGHUP if reloader.look() else None


def lock(ledger: Ledger, *, wait: bool = True) -> int:
    """Make sure to be the machine's only deliverer of an SQLite file; then the last one's lanes are free at once.

    The kernel frees the lock when its holder dies, so whoever has it knows that nobody else is delivering.

    Returns:
        A descriptor that holds the lock until it is closed.

    Raises:
        BlockingIOError: somebody else delivers, and is not waited for.
    """
    held = os.open(f"{ledger.path}.deliverer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held
