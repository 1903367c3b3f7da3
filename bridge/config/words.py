"""Words that errors are made of: the nearest known name, a key's name, a value that is safe to show."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.config.problem import Keys

FOUR_LINES = """\
destinations:
  slack:
    token: "${env:SLACK_BOT_TOKEN}"
    channel: "#alerts\""""
"""A complete configuration."""

_LONGEST = 60
_SECRET = re.compile(
    r"xox[a-z]|xapp-|gh[opsur]_|github_pat_|glsa_|-----BEGIN|hooks\.slack\.com|://[^/\s]*@|[A-Za-z0-9+/_=-]{24,}",
    re.IGNORECASE,
)
_USUAL = {"SLACK_TOKEN": "SLACK_BOT_TOKEN", "PAGERDUTY_ROUTING_KEY": "PAGERDUTY_KEY"}


def dotted(keys: Keys) -> str:
    """Return a key's full name: `teams.broken-inductor.send.P0[1]`."""
    name = ""
    for key in keys:
        name += f"[{key}]" if isinstance(key, int) else f".{shown(key)}" if name else shown(key)
    return name


def shown(text: str) -> str:
    """Return a text that an error may show: shortened, and never what looks like a secret in the wrong place."""
    if _SECRET.search(text):
        return "(not shown, it looks like a secret)"
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def quoted(text: str) -> str:
    """Return a value as an error shows it, in quotes where it is shown at all."""
    return f"'{text}'" if shown(text) == text else shown(text)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, compared without case, or "" where none is close."""
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""


def listed(names: Iterable[str], word: str = "and") -> str:
    """Return names as a sentence lists them: `a, b and c`."""
    names = list(names)
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name: the nearest known one, else all of them."""
    known = sorted(known)
    if close := nearest(name, known):
        return f"did you mean {close}?"
    return f"known: {listed(known)}" if known else "none is declared"


def variable(keys: Keys) -> str:
    """Return a fitting name for the environment variable that should hold the secret at a key."""
    named = [str(key) for key in keys[1:] if isinstance(key, str) and key not in {"auth", "destinations"}]
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(named).upper()).strip("_")
    return _USUAL.get(name, name)
