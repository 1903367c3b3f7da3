"""The words that incidents are found by: of their titles and of their alerts' label values, from two letters on."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, bindparam, func, select

from bridge.ledger.engine import inserting
from bridge.ledger.statements import Statement
from bridge.ledger.tables import incident_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

LONGEST = 40
"""Characters of a word that are kept; a longer one is found by its beginning."""
READ, MOST = 300, 60
"""Characters of a text that are read, and words of an alert that are kept: whoever sends decides how many there are."""
_WORD = re.compile(r"[^\W_]{2,}")
_NAME = re.compile(r"\b[A-Za-z_]\w*\s*=~?")
"""A label's name before its value, as people paste it."""


def words(texts: Iterable[str]) -> list[str]:
    """Return the words of some texts in lower case, each once, in order."""
    return list(dict.fromkeys(word for text in texts for word in _words(text[:READ])))[:MOST]


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """Return a text's words: alerts have most of their labels' values in common."""
    return tuple(word[:LONGEST] for word in _WORD.findall(text.lower()))


def asked(text: str) -> list[str]:
    """Return the words that a person looks for; of `pod="api-7"` only the value's."""
    return words([_NAME.sub(" ", text)])


def store(connection: Connection, found: Mapping[str, Iterable[str]]) -> None:
    """Keep words by incident, beside those that it has."""
    rows = sorted({(incident, word) for incident, some in found.items() for word in some})
    if rows and connection.dialect.name == "postgresql":
        _many().run(connection, {"incidents": [one for one, _ in rows], "words": [word for _, word in rows]})
    elif rows:
        _ADD.run(connection, [{"incident": one, "word": word} for one, word in rows])


_ADD = Statement(inserting("sqlite", incident_words).on_conflict_do_nothing())


@cache
def _many() -> Statement:
    """PostgreSQL's: by one round trip, in a third of the time that a row after the other takes."""
    columns = [func.unnest(bindparam(name, type_=ARRAY(Text))) for name in ("incidents", "words")]
    rows = inserting("postgresql", incident_words).from_select(["incident", "word"], select(*columns))
    return Statement(rows.on_conflict_do_nothing())
