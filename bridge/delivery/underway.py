"""What of a lane is under way: deliveries that a turn has, requests that have left, and what waits behind them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge.delivery.claim import Claiming

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.delivery.turns import Act, Task
    from bridge.destinations.base import Step


class TakenBackError(RuntimeError):
    """Another thread took this step back while it waited to leave: it is planned anew, and not by this turn."""


class Underway:
    """What threads of one lane know of each other. But for `late` and `asking` they hold its lock.

    Attributes:
        busy: by delivery, the turn whose it is.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.busy: dict[str, object] = {}
        self._lock = lock
        self._asked: dict[int, float] = {}  # by task: when its request was asked for, on the monotonic clock
        self._behind: dict[int, tuple[object, Task, Step]] = {}

    def begin(self, deliveries: Iterable[str]) -> object:
        """Begin a turn of some deliveries; return what it is known by."""
        turn = object()
        self.busy |= dict.fromkeys(deliveries, turn)
        return turn

    def end(self, turn: object) -> None:
        """End a turn: what was taken back of it is another's."""
        self.busy = {delivery: whose for delivery, whose in self.busy.items() if whose is not turn}
        self._behind = {task: held for task, held in self._behind.items() if held[0] is not turn}

    def wait(self, turn: object, acts: Sequence[Act], results: Sequence[Any]) -> None:
        """Take in what a turn has written: of several steps that it claimed one leaves after the other."""
        if len(acts) == 1:
            return  # it waits for its place in the pace at most
        for act, result in zip(acts, results, strict=True):
            if isinstance(act, Claiming) and result == (False, None):
                act.task.behind = True
                self._behind[id(act.task)] = (turn, act.task, act.step)

    def leaves(self, task: Task) -> None:
        """Say that a task's step waits no more: from here on it is its turn's alone, whatever becomes of it.

        Raises:
            TakenBackError: it was taken back meanwhile.
        """
        if task.behind and self._behind.pop(id(task), None) is None:
            raise TakenBackError
        task.behind = False

    @contextmanager
    def asking(self, task: Task, at: float) -> Iterator[None]:
        """Have a task's request count as under way, since then on the monotonic clock."""
        with self._lock:
            self._asked[id(task)] = at
        try:
            yield
        finally:
            with self._lock:
                del self._asked[id(task)]

    def late(self, before: float) -> bool:
        """Return whether a request is under way that was asked for before then, on the monotonic clock."""
        return any(at < before for at in list(self._asked.values()))

    def take_back(self) -> tuple[object, list[tuple[Task, Step]]]:
        """Return what waits behind others: none of it leaves any more, and it is of another turn until that ends."""
        behind, self._behind = [(task, step) for _, task, step in self._behind.values()], {}
        return self.begin(task.delivery.id for task, _ in behind), behind
