"""What the step functions of all kinds share: numbers, marks, digests, and reading `Have` with care.

`Have` comes back from the ledger as JSON, so every read says what it expects and falls back where it finds something
else.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.alert import Priority
    from bridge.destinations.base import JSON, Have, Step, Want

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def number(have: Have) -> int:
    """The number of the delivery's next step; 1 for the first."""
    steps = have.get("steps")
    return steps + 1 if isinstance(steps, int) else 1


def told(want: Want, have: Have, **facts: object) -> JSON:
    """What a step leaves in `Have`: its number, the delivery (for sentences to the operator) and the facts it told."""
    return {"steps": number(have), "delivery": want.delivery, **facts}


def digest(content: object) -> str:
    """SHA-256 of content as canonical JSON: equal content has equal digests, in every process and version."""
    return hashlib.sha256(_CANONICAL.encode(content).encode("ascii")).hexdigest()


def shown(want: Want, what: str, make: Callable[[], JSON]) -> tuple[JSON, str]:
    """What a remote is to show, and its digest: made once for a step and for the look whether another one is due.

    `what` tells apart what may differ of one incident at one place. Nobody changes what is returned.
    """

    def made() -> tuple[JSON, str]:
        content = make()
        return content, digest(content)

    return want.once(f"shown {what}", made)


def delivery_of(step: Step, have: Have) -> str:
    """The id of the delivery that a step is for, as far as the step or `Have` says; else an empty string."""
    return text(step.told, "delivery") or text(have, "delivery")


def text(facts: Mapping[str, object], key: str) -> str:
    """A fact that is text, or an empty string."""
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def table(facts: Mapping[str, object], key: str) -> JSON:
    """A fact that is a JSON object, or an empty one."""
    value = facts.get(key)
    return value if isinstance(value, dict) else {}


def moment(facts: Mapping[str, object], key: str, default: float = 0.0) -> float:
    """A fact that is a time in unix seconds, or the default."""
    value = facts.get(key)
    return float(value) if isinstance(value, int | float) else default


def names(facts: Mapping[str, object], key: str) -> tuple[str, ...]:
    """A fact that is one text or a list of texts, as a tuple."""
    value = facts.get(key)
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list | tuple):
        return tuple(str(name) for name in value)
    return ()


def lost(have: Have) -> bool:
    """Is a fresh remote due, since the one we had is gone or can't be edited (`Fault.REPLACE`)?

    The lane sets `replaced`; the step that opens the fresh one tells `renewed`, so that it happens once.
    """
    return bool(have.get("replaced")) and not have.get("renewed")


def urgency(priority: Priority) -> int:
    """P0 is 0: the smaller, the sooner."""
    return int(priority[1])
