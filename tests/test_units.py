"""Quantities with units: exact both ways, and refused with a reason."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel import units

PARSED = [
    (units.parse_bytes, "0B", 0),
    (units.parse_bytes, "1518B", 1518),
    (units.parse_bytes, "64KiB", 65_536),
    (units.parse_bytes, "1.5KiB", 1_536),
    (units.parse_bytes, "2MiB", 2_097_152),
    (units.parse_bytes, " 10 B ", 10),
    (units.parse_time_fs, "1fs", 1),
    (units.parse_time_fs, "1ps", 1_000),
    (units.parse_time_fs, "450ns", 450_000_000),
    (units.parse_time_fs, "2.048us", 2_048_000_000),
    (units.parse_time_fs, "20ms", 20_000_000_000_000),
    (units.parse_time_fs, "1s", 1_000_000_000_000_000),
    (units.parse_time_fs, "0.000000000000001s", 1),
    (units.parse_rate_bps, "9bps", 9),
    (units.parse_rate_bps, "5Kbps", 5_000),
    (units.parse_rate_bps, "50Mbps", 50_000_000),
    (units.parse_rate_bps, "2.5Gbps", 2_500_000_000),
    (units.FREQUENCY.parse, "156.25MHz", 156_250_000),
    (units.FREQUENCY.parse, "1GHz", 1_000_000_000),
]


@pytest.mark.parametrize(("parse", "text", "value"), PARSED)
def test_texts_are_whole_numbers_of_base_units(parse, text, value):
    parsed = parse(text)
    assert (parsed, type(parsed)) == (value, int)


WRITTEN = [
    (units.format_bytes, 0, "0B"),
    (units.format_bytes, 1518, "1518B"),
    (units.format_bytes, 1536, "1536B"),
    (units.format_bytes, 163_840, "160KiB"),
    (units.format_bytes, 1_048_576, "1MiB"),
    (units.format_time_fs, 0, "0ns"),
    (units.format_time_fs, 1, "1fs"),
    (units.format_time_fs, 1_500_000, "1.5ns"),
    (units.format_time_fs, 1_234_567, "1234.567ps"),
    (units.format_time_fs, 64_000_000_000, "64us"),
    (units.format_rate_bps, 0, "0bps"),
    (units.format_rate_bps, 2_500_000_000, "2.5Gbps"),
    (units.format_rate_bps, 10_000_000_001, "10000000.001Kbps"),
    (units.FREQUENCY.format, 156_250_000, "156.25MHz"),
]


@pytest.mark.parametrize(("write", "value", "text"), WRITTEN)
def test_numbers_are_written_in_the_largest_unit_that_reads_well(write, value, text):
    assert write(value) == text


REFUSED = [
    (units.parse_bytes, "0.3B", "'0.3B' is not a whole number of B"),
    (units.parse_bytes, "0.0001KiB", "'0.0001KiB' is not a whole number of B"),
    (units.parse_time_fs, "1.5fs", "'1.5fs' is not a whole number of fs"),
    (units.parse_bytes, "500ns", "'500ns' is a time, but this is a byte count; write it like 256B"),
    (units.parse_time_fs, "256B", "'256B' is a byte count, but this is a time; write it like 500ns"),
    (units.parse_rate_bps, "156.25MHz", "'156.25MHz' is a frequency, but this is a rate; write it like 10Gbps"),
    (units.FREQUENCY.parse, "1Gbps", "'1Gbps' is a rate, but this is a frequency; write it like 156.25MHz"),
    (units.parse_bytes, "256", "'256' has no unit; write a byte count like 256B"),
    (units.parse_bytes, 256, "256 has no unit; write a byte count like 256B"),
    (units.parse_time_fs, 0, "0 has no unit; write a time like 0ns"),
    (units.parse_bytes, True, "true is not a byte count; write it like 256B"),
    (units.parse_bytes, None, "a value is missing; write a byte count like 256B"),
    (units.parse_bytes, 2.5, "2.5 is not a byte count; write it like 256B"),
    (units.parse_bytes, ["1B"], "a list is not a byte count; write it like 256B"),
    (units.parse_bytes, "4KB", "'4KB' is not a byte count; use KiB (1024 B) or B"),
    (units.parse_rate_bps, "10gbps", "'10gbps' is not a rate (did you mean 10Gbps?)"),
    (units.parse_rate_bps, "10Gbit/s", "'10Gbit/s' is not a rate; use Gbps (10^9 bits per second)"),
    (units.parse_rate_bps, "1GB/s", "'1GB/s' is not a rate; use Gbps (8 Gbps are 1 GB/s)"),
    (units.parse_time_fs, "3µs", "'3µs' is not a time; use us"),
    (units.parse_time_fs, "3 weeks", "unknown unit 'weeks' in '3 weeks'; a time is in fs, ps, ns, us, ms, s"),
    (units.parse_time_fs, "-3ns", "'-3ns' is negative; a time is 0 or more"),
    (units.parse_time_fs, "", "'' is not a time; write it like 500ns"),
    (units.parse_time_fs, "ns", "'ns' is not a time; write it like 500ns"),
    (units.parse_time_fs, "1" * 31 + "ns", "'" + "1" * 31 + "ns' is not a time; write it like 500ns"),
]


@pytest.mark.parametrize(("parse", "value", "message"), REFUSED)
def test_wrong_texts_are_refused_with_a_reason(parse, value, message):
    with pytest.raises(units.UnitError) as refusal:
        parse(value)
    assert str(refusal.value) == message


@pytest.mark.parametrize("write", [units.format_bytes, units.format_time_fs, units.format_rate_bps])
def test_negative_numbers_are_not_written(write):
    with pytest.raises(units.UnitError, match="negative"):
        write(-1)


PAIRS = [
    (units.parse_bytes, units.format_bytes),
    (units.parse_time_fs, units.format_time_fs),
    (units.parse_rate_bps, units.format_rate_bps),
    (units.FREQUENCY.parse, units.FREQUENCY.format),
]


@given(st.sampled_from(PAIRS), st.integers(0, 10**19))
def test_what_is_written_reads_as_the_same_number(pair, value):
    parse, write = pair
    assert parse(write(value)) == value


@given(st.sampled_from(units.DIMENSIONS), st.decimals(0, 10**6, allow_nan=False, places=6), st.data())
def test_reading_agrees_with_fractions(dimension, number, data):
    unit = data.draw(st.sampled_from(sorted(dimension.units)))
    exact = Fraction(number) * dimension.units[unit]
    text = f"{number:f}{unit}"
    if exact.denominator == 1:
        assert dimension.parse(text) == exact
    else:
        with pytest.raises(units.UnitError, match="not a whole number"):
            dimension.parse(text)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_refusal(text):
    for dimension in units.DIMENSIONS:
        try:
            assert dimension.parse(text) >= 0
        except units.UnitError as refusal:
            assert str(refusal)


def test_bytes_take_exact_time():
    # Gen2 x4: 16 Gb/s raw, so a byte takes 500 ps. Gen3 x8: 8 lanes of 8 Gb/s at 128b/130b.
    assert units.fs_per_byte(16_000_000_000) == (500_000, 1)
    num, den = units.fs_per_byte(Fraction(8 * 8_000_000_000 * 128, 130))
    assert Fraction(num, den) == Fraction(8 * 10**15 * 130, 8 * 8_000_000_000 * 128)
    assert Fraction(num, den).denominator == den


@pytest.mark.parametrize("rate", [0, -1, Fraction(-1, 3)])
def test_a_rate_is_above_zero(rate):
    with pytest.raises(ValueError, match="above zero"):
        units.fs_per_byte(rate)


def test_figures_for_display():
    assert units.ns_from_fs(1_500_000) == 1.5


def test_constants_agree_with_the_units():
    for unit, constant in (("ps", "PS"), ("ns", "NS"), ("us", "US"), ("ms", "MS"), ("s", "S")):
        assert units.parse_time_fs(f"1{unit}") == getattr(units, f"FS_PER_{constant}")
