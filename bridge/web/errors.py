"""Errors as programs are answered: one sentence, as long as Grafana's list of alerts shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import jsonify

if TYPE_CHECKING:
    from flask import Response

LONGEST = 1_024
"""Bytes of an error: so much of it appears in Grafana's list of alerts."""


def answer(status: int, sentence: str) -> tuple[Response, int]:
    """Return an error's answer, its sentence cut where that would be too long as it is sent: signs may be escaped."""
    made = jsonify(error=sentence)
    while len(made.data) > LONGEST:
        sentence = sentence[: len(sentence) * 9 // 10]
        made = jsonify(error=f"{sentence}…")
    return made, status
