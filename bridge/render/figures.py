"""Numbers as a person writes them: 1,200, 0.93, 1.2 million, 3rd."""

from __future__ import annotations

import math
from typing import Final

NO_VALUE: Final = "no value"
MANY: Final = 1e15
"""From here on a number is told by its power of ten: nobody reads quadrillions."""

_SCALES = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"))
_TINY = 1e-6
ROUNDS_UP = 1 - 5e-6
"""What two decimals would write as "1,000 million" is a billion."""


def number(value: float | None) -> str:
    """Return a number as a person writes it: 1, 0.93, 12,345.7, 1.2 million; None is "no value"."""
    if value is None or math.isnan(value):
        return NO_VALUE
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size < _SCALES[-1][0] and value % 1 == 0:
        return f"{int(value):,}"
    if size >= MANY * ROUNDS_UP or 0 < size < _TINY:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{trimmed(mantissa)} \N{MULTIPLICATION SIGN} 10^{int(exponent)}"
    scale, name = next((pair for pair in _SCALES if size >= _from(pair[0])), (1.0, ""))
    return trimmed(f"{value / scale:,.{_decimals(size / scale)}f}") + name


def _from(scale: float) -> float:
    """Return from which number on a scale is used; below a million every figure is written, so nothing rounds up."""
    return scale if scale == _SCALES[-1][0] else scale * ROUNDS_UP


def _decimals(size: float) -> int:
    """Return how many decimals tell enough: about three digits, and never less than the whole number."""
    if size >= 1000:  # noqa: PLR2004 - thousands
        return 1
    return 2 if size >= 1 else 2 - math.floor(math.log10(size))


def trimmed(text: str) -> str:
    """Return a number's text without zeros that tell nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def ordinal(n: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th, 21st."""
    if n % 100 in {11, 12, 13}:
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"
