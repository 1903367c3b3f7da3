"""Values with their unit: "93.5%", "2.3 GiB", "123.46 MB/s", "2 min 5 s", "$12.50".

A unit is Grafana's id of one, or words that people write. The ids and what they mean are those of Grafana's
packages/grafana-data/src/valueFormats/categories.ts: `bytes` counts by 1,024, `decbytes` and `Bps` by 1,000, `percent`
is of 100, `percentunit` of 1, `m` are minutes.
"""

from __future__ import annotations

import math
from typing import Final

from bridge.render.figures import ROUNDS_UP, number
from bridge.render.nouns import plural, singular
from bridge.render.text import one_line

LONGEST: Final = 20
"""Characters of a unit that nobody knows; a longer text is none."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_IEC = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")

_NONE = frozenset({
    "bool", "bool_on_off", "bool_true_false", "bool_yes_no", "count", "datetimeasiso", "datetimeasus",
    "datetimefromnow", "datetimelocal", "datetimesystem", "hex", "hex0x", "locale", "nil", "none", "null",
    "number", "ratio", "sci", "short", "string", "undefined", "unit", "units",
}) | {"", "<no value>", "[no value]", "no value", "<nil>", "-", "1"}  # fmt: skip
"""What says nothing that a number does not, and what templates leave where there is no unit."""

_BINARY = {
    "bits": ("bit", 0), "bytes": ("B", 0), "kbytes": ("B", 1), "mbytes": ("B", 2), "gbytes": ("B", 3),
    "tbytes": ("B", 4), "pbytes": ("B", 5), "binBps": ("B/s", 0), "binbps": ("bit/s", 0), "KiBs": ("B/s", 1),
    "MiBs": ("B/s", 2), "GiBs": ("B/s", 3), "byte": ("B", 0), "bit": ("bit", 0), "B": ("B", 0),
}  # fmt: skip
_DECIMAL = {
    "decbits": ("bit", 0), "decbytes": ("B", 0), "deckbytes": ("B", 1), "decmbytes": ("B", 2), "decgbytes": ("B", 3),
    "dectbytes": ("B", 4), "Bps": ("B/s", 0), "KBs": ("B/s", 1), "MBs": ("B/s", 2), "GBs": ("B/s", 3),
    "TBs": ("B/s", 4), "bps": ("bit/s", 0), "Kbits": ("bit/s", 1), "Mbits": ("bit/s", 2), "Gbits": ("bit/s", 3),
    "B/s": ("B/s", 0), "bytes/s": ("B/s", 0), "bytes/sec": ("B/s", 0), "bits/s": ("bit/s", 0),
    "hertz": ("Hz", 0), "rothz": ("Hz", 0), "Hz": ("Hz", 0), "watt": ("W", 0), "kwatt": ("W", 1), "megwatt": ("W", 2),
    "watth": ("Wh", 0), "kwatth": ("Wh", 1), "volt": ("V", 0), "amp": ("A", 0), "joule": ("J", 0),
    "flops": ("FLOP/s", 0), "Hs": ("H/s", 0),
}  # fmt: skip
_SECONDS = {
    "ns": 1e-9, "nanosecond": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "microsecond": 1e-6, "ms": 1e-3,
    "msec": 1e-3, "millisecond": 1e-3, "millis": 1e-3, "dtdurationms": 1e-3, "clockms": 1e-3, "timeticks": 1e-2,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "dtdurations": 1.0, "dthms": 1.0, "clocks": 1.0, "m": 60.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0, "week": 604800.0,
}  # fmt: skip
_BEFORE = {
    "currencyUSD": "$", "currencyGBP": "£", "currencyEUR": "€", "currencyJPY": "¥", "currencyINR": "₹",
    "currencyBRL": "R$", "currencyCHF": "CHF ", "$": "$", "£": "£", "€": "€", "¥": "¥", "₹": "₹",
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "dollar": "$", "euro": "€",
}  # fmt: skip
_AFTER = {
    "%": "%", "percent": "%", "percentunit": "%", "percentage": "%", "pct": "%", "humidity": "%",
    "celsius": " °C", "°c": " °C", "fahrenheit": " °F", "°f": " °F", "kelvin": " K", "degree": "°",
    "dB": " dB", "dBm": " dBm", "pixel": " px",
    "ppm": " ppm", "pps": " packets/s", "cps": " counts/s", "ops": " ops/s", "reqps": " req/s", "rps": " rps",
    "wps": " writes/s", "iops": " IOPS", "eps": " events/s", "mps": " messages/s", "recps": " records/s",
    "rowsps": " rows/s", "cpm": " counts/min", "opm": " ops/min", "reqpm": " req/min", "rpm": " rpm",
    "wpm": " writes/min", "rotrpm": " rpm", "ohm": " Ω", "lengthm": " m", "lengthkm": " km", "pressurehpa": " hPa",
    "currencySEK": " kr", "currencyNOK": " kr", "currencyDKK": " kr", "currencyPLN": " PLN", "x": "x", "°": "°",
}  # fmt: skip
_FACTORS = {"percentunit": 100}
_SHORT = frozenset(
    {"bit", "bits", "byte", "day", "hour", "week", "euro", "min", "mins", "sec", "secs", "°c", "°f", "pct"}
)
"""Words of fewer than five letters that mean the same in any case; other short ones don't (`Bps`, `bps`; `M`, `m`)."""
_LONG_ENOUGH = 5
_TOO_LARGE = 1e300


def measured(value: float | None, unit: str) -> str:
    """Return a value with its unit; a unit that says nothing, or is no unit at all, is left out."""
    said = one_line(unit[: LONGEST * 4]) if unit else ""
    if value is None or math.isnan(value) or abs(value) > _TOO_LARGE or said.lower() in _NONE or len(said) > LONGEST:
        return number(value)
    for known in (said, said.lower(), singular(said.lower())):
        if (words := _known(value, known, exact=known == said)) is not None:
            return words
    return _custom(value, said)


def _known(value: float, unit: str, *, exact: bool) -> str | None:
    """Return a value with a unit of the tables, None where it is in none; capitals matter only in short names."""
    if not exact and len(unit) < _LONG_ENOUGH and unit not in _SHORT:
        return None
    if unit in _BINARY:
        return _scaled(value, *_BINARY[unit], 1024, _IEC)
    if unit in _DECIMAL:
        return _scaled(value, *_DECIMAL[unit], 1000, _PREFIXES)
    if unit in _SECONDS:
        return lasting(value * _SECONDS[unit])
    if unit in _BEFORE:
        return ("-" if value < 0 else "") + _BEFORE[unit] + _money(abs(value))
    return number(value * _FACTORS.get(unit, 1)) + _AFTER[unit] if unit in _AFTER else None


def _custom(value: float, unit: str) -> str:
    """Return a value with a unit of somebody's own: Grafana's `suffix:…` and `prefix:…`, or words."""
    kind, found, own = unit.partition(":")
    if found and kind in {"prefix", "currency"}:
        return own.strip() + number(value)
    if found and kind in {"suffix", "si", "count", "time"}:
        unit = own.strip()
    if unit.isalpha() and unit.isascii() and unit.islower() and len(unit) > len("mmhg"):
        unit = singular(unit) if value == 1 else plural(unit)
    return f"{number(value)} {unit}".rstrip()


def _scaled(value: float, symbol: str, power: int, base: int, prefixes: tuple[str, ...]) -> str:
    """Return a value with the prefix that leaves one to three figures before the point."""
    while power < len(prefixes) - 1 and abs(value) >= base * ROUNDS_UP:
        value, power = value / base, power + 1
    return f"{number(value)} {prefixes[power]}{symbol}"


def lasting(seconds: float) -> str:
    """Return a measured time, small ones in small units: "3.2 s", "250 ms", "2 min 5 s", "3 days 4 h"."""
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if round(size, 2) < 60:  # noqa: PLR2004 - a minute
        for unit, length in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
            if size >= length * ROUNDS_UP:
                return f"{sign}{number(size / length)} {unit}"
        return f"{sign}{number(size / 1e-9)} ns" if size else "0 s"
    for larger, smaller, name, rest in ((60, 1, "min", "s"), (3600, 60, "h", "min"), (86_400, 3600, "day", "h")):
        whole = round(size / smaller)
        if whole * smaller < larger * _NEXT[name]:
            return sign + _two(*divmod(whole, larger // smaller), name, rest)
    return f"{sign}{number(round(size / 86_400))} days"


_NEXT = {"min": 60, "h": 24, "day": 100}
"""How many of a unit make it too many: then the next larger one is used."""


def _two(many: int, few: int, name: str, rest: str) -> str:
    larger = f"{many} {plural(name) if name == 'day' and many != 1 else name}"
    return f"{larger} {few} {rest}" if few else larger


def _money(size: float) -> str:
    """Return an amount with its cents, unless there are none or they don't matter."""
    if 0 < size < 0.01 or size >= 1e6 * ROUNDS_UP:  # noqa: PLR2004 - a cent, a million
        return number(size)
    return f"{size:,.2f}".removesuffix(".00")
