"""Values with the units that annotations and labels give, Grafana's ids among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.render import units

IDS = sorted(
    units._BINARY.keys() | units._DECIMAL.keys() | units._SECONDS.keys() | units._BEFORE.keys() | units._AFTER.keys()
)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (93, "%", "93%"),
        (93, "percent", "93%"),
        (93, "Percent", "93%"),
        (0.935, "percentunit", "93.5%"),
        (1.2, "percentunit", "120%"),
        (12.5, "short", "12.5"),
        (3, "none", "3"),
        (3, "", "3"),
        (3, "<no value>", "3"),
        (2473545728, "bytes", "2.3 GiB"),
        (1024, "Bytes", "1 KiB"),
        (512, "bytes", "512 B"),
        (3, "gbytes", "3 GiB"),
        (2.5e9, "decbytes", "2.5 GB"),
        (999_999, "decbytes", "1 MB"),
        (2048, "bits", "2 Kibit"),
        (123456789, "Bps", "123.46 MB/s"),
        (2048, "binBps", "2 KiB/s"),
        (1e6, "bps", "1 Mbit/s"),
        (3.2, "GB", "3.2 GB"),
        (3.2, "s", "3.2 s"),
        (1, "seconds", "1 s"),
        (125.4, "seconds", "2 min 5 s"),
        (59.999, "s", "1 min"),
        (3599.9, "s", "1 h"),
        (8280, "s", "2 h 18 min"),
        (86_399, "s", "1 day"),
        (1.5, "ms", "1.5 ms"),
        (1500, "ms", "1.5 s"),
        (-1500, "ms", "-1.5 s"),
        (250, "us", "250 µs"),
        (250, "µs", "250 µs"),
        (5, "ns", "5 ns"),
        (90, "m", "1 h 30 min"),
        (30, "h", "1 day 6 h"),
        (3.5, "d", "3 days 12 h"),
        (400, "Days", "400 days"),
        (0, "s", "0 s"),
        (12, "reqps", "12 req/s"),
        (12, "ops", "12 ops/s"),
        (12, "rps", "12 rps"),
        (21.5, "celsius", "21.5 °C"),
        (2.4e9, "hertz", "2.4 GHz"),
        (12.5, "$", "$12.50"),
        (12, "currencyUSD", "$12"),
        (-3.5, "currencyEUR", "-€3.50"),
        (1234.5, "currencyGBP", "£1,234.50"),
        (1e7, "currencyJPY", "¥10 million"),
        (0.001, "currencyUSD", "$0.001"),
        (1, "requests", "1 request"),
        (3, "request", "3 requests"),
        (3, "mmHg", "3 mmHg"),
        (3, "suffix: req", "3 req"),
        (3, "prefix:~", "~3"),
        (3, "a text that is no unit at all", "3"),
        (None, "%", "no value"),
        (float("nan"), "s", "no value"),
        (float("inf"), "s", "infinite"),
    ],
)
def test_units(value, unit, shown):
    assert units.measured(value, unit) == shown


@given(st.one_of(st.none(), st.floats()), st.one_of(st.sampled_from(IDS), st.text(max_size=40)))
def test_any_unit_makes_short_words(value, unit):
    said = units.measured(value, unit)
    assert 0 < len(said) < 50
    assert "e+" not in said.replace(unit, "")


@pytest.mark.parametrize("unit", ["µ" * 1_000_000, " " * 1_000_000, "suffix:" * 100_000])
def test_a_very_long_unit_is_none(unit):
    assert units.measured(3, unit) == "3"
