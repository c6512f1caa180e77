"""Text to numbers and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.units import (
    Price,
    decimals_apart,
    duration_text,
    ms_text,
    parse_duration_s,
    parse_percent,
    parse_price,
    parse_rate_per_s,
    rate_per_text,
    rate_text,
    size_text,
    wrk_binary,
    wrk_metric,
    wrk_time,
    wrk_whole_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("30", 30),
        ("250ms", 0.25),
        ("1.5m", 90),
        ("2h", 7200),
        ("10us", 1e-5),
        (" 3s ", 3),
        ("1m30s", 90),
        ("1m 30s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2h 1m 5s", 7265),
        ("1s 5ms", 1.005),
        ("30 s", 30),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "3d", "1e3s", "٣s", "1s2s", "30s1m", "1m30", "30S", "1m,30s", "nan"])
def test_what_is_no_duration_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration_s(text)


@pytest.mark.parametrize(("text", "part"), [("3%", 0.03), ("0.5%", 0.005), (" 3 % ", 0.03), ("100%", 1.0)])
def test_percentages_are_read(text: str, part: float) -> None:
    assert parse_percent(text) == pytest.approx(part)


@pytest.mark.parametrize("text", ["", "%", "3", "0.03", "-1%", "1e3%", "٣%", "nan%"])
def test_what_is_no_percentage_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a percentage such as"):
        parse_percent(text)


@pytest.mark.parametrize(("text", "price"), [("0.34/h", 0.34), ("0.34", 0.34), (" 12 /h ", 12), ("730/month", 1)])
def test_prices_are_read(text: str, price: float) -> None:
    assert parse_price(text) == Price(price, None)


@pytest.mark.parametrize(
    ("text", "currency"), [("0.34 EUR/h", "EUR"), ("EUR 0.34", "EUR"), ("$0.34/h", "$"), ("248.2€/month", "€")]
)
def test_prices_have_a_currency(text: str, currency: str) -> None:
    found = parse_price(text)
    assert (round(found.per_h, 9), found.currency) == (0.34, currency)


@pytest.mark.parametrize(
    ("text", "rate_per_s"), [("800", 800), ("800/s", 800), ("48000/min", 800), ("36 /h", 0.01), (" 0.5/s ", 0.5)]
)
def test_rates_are_read(text: str, rate_per_s: float) -> None:
    assert parse_rate_per_s(text) == pytest.approx(rate_per_s)


@pytest.mark.parametrize(("rate_per_s", "text"), [(800, "800/s"), (1, "1.00/s"), (0.5, "30.0/min"), (0.01, "36.0/h")])
def test_rates_below_one_are_told_of_longer_times(rate_per_s: float, text: str) -> None:
    assert rate_per_text(rate_per_s) == text


@pytest.mark.parametrize("text", ["", "/s", "-1/s", "1e3/s", "8/m", "8/day", "8 min", "٣/s", "nan"])
def test_what_is_no_rate_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a rate such as"):
        parse_rate_per_s(text)


@pytest.mark.parametrize("text", ["", "/h", "-1/h", "1e3/h", "0.34/s", "$0.34€/h", "EU 3", "eur 3", "nan"])
def test_what_is_no_price_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a price such as"):
        parse_price(text)


@given(st.integers(min_value=0, max_value=10**6))
def test_whole_milliseconds_survive(milliseconds: int) -> None:
    assert parse_duration_s(f"{milliseconds}ms") == pytest.approx(milliseconds / 1000)


@given(st.floats(min_value=0.001, max_value=7 * 24 * 3600))
def test_durations_that_were_written_for_people_are_read(seconds: float) -> None:
    rounding_s = max(0.005 * seconds, 0.0005) if seconds < 60 else 0.5
    assert parse_duration_s(duration_text(seconds)) == pytest.approx(seconds, abs=rounding_s)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "250ms"), (3, "3s"), (59.94, "59.9s"), (90, "1m 30s"), (119.7, "2m 00s")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0.0, "0 ms"),
        (0.01234, "0.0123 ms"),
        (0.123, "0.123 ms"),
        (0.9996, "1.00 ms"),
        (9.996, "10.0 ms"),
        (12.34, "12.3 ms"),
        (123.4, "123 ms"),
        (999.6, "1.00 s"),
        (1500, "1.50 s"),
    ],
)
def test_latencies_have_three_figures(ms: float, text: str) -> None:
    assert ms_text(ms) == text


@pytest.mark.parametrize(("rate", "text"), [(3.456, "3.46"), (34.56, "34.6"), (1534.4, "1,534")])
def test_rates_are_grouped(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_sizes_change_unit_at_a_gibibyte() -> None:
    assert size_text(41.2 * 2**20) == "41.2 MiB"
    assert size_text(23.5 * 2**30) == "23.5 GiB"
    assert size_text(1536) == "1.5 KiB"
    assert size_text(100) == "100 B"


@pytest.mark.parametrize(
    ("seconds", "text"),
    # as in wrk's own output: microseconds below 850 of them, milliseconds up to a second, minutes from 51 seconds
    [
        (1.26, "1.26s"),
        (0.13673, "136.73ms"),
        (0.9, "900.00ms"),
        (0.000684, "684.00us"),
        (0.00086, "0.86ms"),
        (60, "1.00m"),
    ],
)
def test_times_read_as_wrk_prints_them(seconds: float, text: str) -> None:
    assert wrk_time(seconds) == text


def test_sizes_and_counts_read_as_wrk_prints_them() -> None:
    assert wrk_binary(71_816_970) == "68.49M"
    assert wrk_binary(900) == "0.88K"
    assert wrk_binary(869) == "869.00"
    assert wrk_metric(3.05) == "3.05"
    assert wrk_metric(48_730) == "48.73k"


@pytest.mark.parametrize(("seconds", "text"), [(30, "30s"), (120, "2m"), (2, "2s")])
def test_the_asked_duration_reads_as_wrk_announces_it(seconds: float, text: str) -> None:
    assert wrk_whole_time(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "decimals"),
    [(0.98, 1.02, 2), (0.998, 1.004, 3), (0.9996, 1.0004, 4), (1.0, 1.0, 2), (0.9999999, 1.0, 2)],
)
def test_the_ends_of_an_interval_are_told_apart_where_that_takes_few_decimals(
    low: float, high: float, decimals: int
) -> None:
    assert decimals_apart(low, high, 2) == decimals
