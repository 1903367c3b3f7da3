"""How a process waits for new connections beside others that wait for them too."""

from __future__ import annotations

import os
import select
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable


def wake_one(poller: selectors.BaseSelector, listeners: Iterable[socket.socket]) -> None:
    """Have a new connection wake one of the processes that wait for it, not all: `EPOLLEXCLUSIVE`, where there is."""
    if not isinstance(poller, selectors.EpollSelector):
        return
    try:
        again = os.dup(poller.fileno())
    except OSError:
        return  # no file to be had: all are woken
    with select.epoll.fromfd(again) as polled:
        for listener in listeners:
            polled.unregister(listener)
            polled.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
