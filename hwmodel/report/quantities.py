"""Numbers in words: three significant digits and a unit that fits, the same in the terminal and on the page."""

from __future__ import annotations

MISSING = "-"
_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def three_digits(value: float) -> str:
    """Write a number with at least three significant digits and no exponent: 1,340, 13.4, 0.00134."""
    if value == 0:
        return "0"
    magnitude, decimals = abs(value), 2
    while magnitude >= 9.995 and decimals > 0:
        magnitude, decimals = magnitude / 10, decimals - 1
    while magnitude < 0.9995 and decimals < 8:
        magnitude, decimals = magnitude * 10, decimals + 1
    return f"{value:,.{decimals}f}"


def time_text(time_ns: float | None) -> str:
    """Write a time given in nanoseconds in the unit that fits: `912 ns`, `45.1 us`, `3.71 ms`."""
    if time_ns is None:
        return MISSING
    # 999.5 ns would round to "1000 ns": the limit of a unit is where its three digits end.
    scale, unit = next((pair for pair in _TIME_UNITS if abs(time_ns) >= 0.9995 * pair[0]), _TIME_UNITS[-1])
    return f"{three_digits(time_ns / scale)} {unit}"


def gbps_text(gbps: float | None) -> str:
    """Write a rate with two decimals: `13.36 Gb/s`; small ones with three digits; `-` where none was measured."""
    return MISSING if gbps is None else f"{_fixed_or_digits(gbps)} Gb/s"


def mpps_text(mpps: float | None) -> str:
    """Write a frame rate with two decimals: `1.10 Mpps`; small ones with three digits; `-` where none was measured."""
    return MISSING if mpps is None else f"{_fixed_or_digits(mpps)} Mpps"


def decimals_text(value: float | None, decimals: int) -> str:
    """Write a number with so many decimals, for columns that line up; `-` for None."""
    return MISSING if value is None else f"{value:.{decimals}f}"


def percent_text(share: float) -> str:
    """Write a share of 1 as a percentage with one decimal: `99.3 %`."""
    return f"{100 * share:.1f} %"


def count_text(count: int) -> str:
    """Write a count with its digits in groups of three: `22,054`."""
    return f"{count:,}"


def printable(text: str) -> str:
    """Return a text with control characters written out, so that a name cannot move the cursor or break a page."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _fixed_or_digits(value: float) -> str:
    return f"{value:.2f}" if value == 0 or abs(value) >= 0.1 else three_digits(value)
