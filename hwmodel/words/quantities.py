"""Numbers in words: three significant digits and a unit that fits, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import NamedTuple

MISSING = "-"
PLUS_MINUS = " ± "
_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"), (1e-3, "ps"))
_LEAST_SHOWN = 0.001  # of the unit of a column
_MISTOLD = 0.01  # of a span's length: how far what its ends say may be from it
_FAR_BELOW = 2 / 3  # of an interval's lower end
_MOST_DECIMALS = 12  # 1 Kbps of the longest segments are 0.0000000019 M frames a second
_FS_PER_NS = 1e6
_LEAST_NS = 0.9995e-3  # less than a bucket of the finest histogram


def three_digits(value: float) -> str:
    """Write a number with at least three significant digits and no exponent: 1,340, 13.4, 0.00134."""
    if value == 0:
        return "0"
    magnitude, decimals = abs(value), 2
    while magnitude >= 9.995 and decimals > 0:
        magnitude, decimals = magnitude / 10, decimals - 1
    while magnitude < 0.9995 and decimals < _MOST_DECIMALS:
        magnitude, decimals = magnitude * 10, decimals + 1
    return f"{value:,.{decimals}f}"


def fixed_text(value: float, decimals: int, least_digits: int = 3) -> str:
    """Write a number with so many decimals, or with three digits where these would show less than the least of it."""
    is_shown = value == 0 or abs(value) >= 10.0 ** (least_digits - 1 - decimals)
    return f"{value:.{decimals}f}" if is_shown else three_digits(value)


def cost_text(cost: float) -> str:
    """Write a cost as people write it: 20.1, 1,250,000; it has no unit."""
    return f"{cost:,.12g}"


def time_text(time_ns: float | None, interval: Sequence[float] | None = None) -> str:
    """Write a time given in nanoseconds in the unit that fits: `912 ns`, `45.1 us`, `3.71 ± 0.02 ms`; `<1 ps` below."""
    if time_ns is None:
        return MISSING
    if 0 < abs(time_ns) < _LEAST_NS:
        return "<1 ps"
    scale, unit = _time_unit(time_ns)
    return f"{scaled_text(time_ns, scale, interval)} {unit}"


def moment_ns(at_ns: float) -> float:
    """Return a moment as it is told: one less than a picosecond behind the run's start is the start."""
    return 0.0 if at_ns < _LEAST_NS else at_ns


def span_text(start_ns: float, end_ns: float) -> str:
    """Write a span of time, with enough digits to tell its length: `24.4 ms to 44.4 ms`, `24.401 ms to 24.459 ms`."""
    scale, unit = _time_unit(end_ns)
    length = (end_ns - start_ns) / scale
    decimals = max(0, 1 - floor(log10(length))) if length > 0 else 0
    shown = [three_digits(one_ns / scale) for one_ns in (start_ns, end_ns)]
    if decimals <= len(shown[1].partition(".")[2]) and _tells(shown, length):
        return f"{time_text(start_ns)} to {time_text(end_ns)}"
    most = round(log10(scale * _FS_PER_NS))  # to the femtosecond, which a long time does not hold any more
    decimals = min(decimals, most)
    while not _tells(shown := [f"{one_ns / scale:,.{decimals}f}" for one_ns in (start_ns, end_ns)], length):
        if decimals == most:
            break
        decimals += 1
    return " to ".join(f"{number} {unit}" for number in shown)


def _tells(shown: Sequence[str], length: float) -> bool:
    """Tell whether the ends of a span as written say how long it is."""
    start, end = (float(number.replace(",", "")) for number in shown)
    return abs(end - start - length) <= _MISTOLD * length


def scaled_text(value: float | None, scale: float, interval: Sequence[float] | None = None) -> str:
    """Write a value in units of `scale`, with three digits and the half of its interval; tiny ones as `<0.001`."""
    if value is None:
        return MISSING
    if 0 < abs(value) < scale * _LEAST_SHOWN:
        return f"<{_LEAST_SHOWN:g}"
    return interval_text(three_digits(value / scale), value, interval, scale)


def page_time_unit(time_ns: float | None) -> tuple[float, str]:
    """Return the unit that fits a time, in nanoseconds, and its name on a page."""
    scale, unit = _time_unit(time_ns or 0.0)
    return scale, "µs" if unit == "us" else unit


def spread_text(number: str, half_width: float) -> str:
    """Add the half of an interval to a number, with as many decimals: `13.39 ± 0.02`, `13.39 ± <0.01`."""
    decimals = len(number.partition(".")[2])
    least = 10.0**-decimals
    shown = f"<{least:.{decimals}f}" if half_width < least / 2 else f"{half_width:,.{decimals}f}"
    return f"{number}{PLUS_MINUS}{shown}"


def interval_text(number: str, value: float, interval: Sequence[float] | None, scale: float = 1.0) -> str:
    """Add its interval to a number that is `value` in units of `scale`: `13.39 ± 0.02`; `203 (57.1 to 6,470)`.

    The ends are written where plus and minus would reach far below the lower one; a lower end below a thousandth of the
    value is written as 0.
    """
    half_width = half_width_of(value, interval)
    if interval is None or half_width is None:
        return number
    low, high = interval
    if value - half_width >= _FAR_BELOW * low or not value:
        return spread_text(number, half_width / scale)
    shown_low = three_digits(low / scale) if low >= _LEAST_SHOWN * value else "0"
    return f"{number} ({shown_low} to {three_digits(high / scale)})"


def half_width_of(value: float, interval: Sequence[float] | None) -> float | None:
    """Return how far an interval reaches from a value, on the wider side; None without an interval."""
    if interval is None:
        return None
    return max(0.0, interval[1] - value, value - interval[0])


def gbps_text(gbps: float | None, interval: Sequence[float] | None = None) -> str:
    """Write a rate with two decimals: `13.36 ± 0.02 Gb/s`; small ones with three digits; `-` where there is none."""
    return _rate_text(gbps, interval, "Gb/s")


def mpps_text(mpps: float | None, interval: Sequence[float] | None = None) -> str:
    """Write a frame rate with two decimals: `1.10 Mpps`; small ones with three digits; `-` where there is none."""
    return _rate_text(mpps, interval, "Mpps")


def decimals_text(value: float | None, decimals: int, interval: Sequence[float] | None = None) -> str:
    """Write a number with so many decimals, for columns that line up; one that would show as 0 with three digits.

    `-` for None.
    """
    return MISSING if value is None else interval_text(fixed_text(value, decimals, 1), value, interval)


def page_time(time_ns: float | None, interval: Sequence[float] | None = None) -> str:
    """Write a time as `time_text` does, with the unit as pages, but not all terminals, can show it: `45.1 µs`."""
    text = time_text(time_ns, interval)
    return f"{text[:-3]} µs" if text.endswith(" us") else text


def percent_text(share: float) -> str:
    """Write a share of 1 as a percentage with one decimal: `99.3 %`."""
    return f"{100 * share:.1f} %"


def change_text(change: float) -> str:
    """Write a relative change as a percentage with its sign: `+8.7 %`, `-50.0 %`; none, or hardly any, as `+0.0 %`."""
    text = f"{100 * change:+,.1f} %"
    return "+0.0 %" if text == "-0.0 %" else text


def rough_text(share: float) -> str:
    """Write a share of 1 with two digits: `8.7 %`, `150 %`, from ten on `890 times itself`."""
    number = float(f"{share if share >= 10 else 100 * share:.2g}")
    text = f"{number:,.0f}" if number >= 10 else f"{number:g}"
    return f"{text} times itself" if share >= 10 else f"{text} %"


def count_text(count: int) -> str:
    """Write a count with its digits in groups of three: `22,054`."""
    return f"{count:,}"


def plural(noun: str, count: int) -> str:
    """Return a noun in the number that a count needs: `frame` for 1, else `frames`; `copies`, `ways`, `accesses`."""
    if count == 1:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: `1 frame`, `22,054 frames`."""
    return f"{count:,} {plural(noun, count)}"


def server_noun(*names: str) -> str:
    """Return what has these names: `server`, or `adapter` where one is a server's of several, as in a.x."""
    return "adapter" if any("." in name for name in names) else "server"


def server_title(name: str) -> str:
    """Name a server, or one adapter of a server that has several: `Server a`, `Adapter a.x`."""
    return f"{server_noun(name).capitalize()} {name}"


def printable(text: str) -> str:
    """Return a text with control characters written out, so that a name cannot move the cursor or break a page."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def listed(words: Sequence[str]) -> str:
    """Return words as a list: `a, b and c`."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def value_text(value: object) -> str:
    """Return a key's value as a user types it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_text(each) for each in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {value_text(each)}" for key, each in value.items()) + "}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def drop_words(drops: Mapping[str, int], none: str) -> str:
    """Return how many were dropped by reason, `none` where nothing was."""
    counts = sorted(drops.items())
    return ", ".join(f"{printable(reason)} {count_text(count)}" for reason, count in counts if count) or none


def _time_unit(time_ns: float) -> tuple[float, str]:
    # A unit ends at 999.5, not 1000: 999.5 ns would be written as "1000 ns".
    if time_ns == 0:
        return 1.0, "ns"
    return next((pair for pair in _TIME_UNITS if abs(time_ns) >= 0.9995 * pair[0]), _TIME_UNITS[-1])


def _rate_text(value: float | None, interval: Sequence[float] | None, unit: str) -> str:
    if value is None:
        return MISSING
    return f"{interval_text(fixed_text(value, 2, 2), value, interval)} {unit}"


MOST_ROWS = 16
_INDENT = "  "


class Line(NamedTuple):
    """One line of the summary and how it looks on a terminal: `answer`, `warning`, `heading` or `plain`."""

    text: str
    look: str = "plain"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left_columns: Sequence[int] = (0,)) -> Iterable[Line]:
    """Lay rows out in columns as wide as their widest cell, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for index, row in enumerate((header, *rows)):
        cells = (
            cell.ljust(width) if column in left_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield Line(_INDENT.join(cells).rstrip(), "plain" if index else "heading")
