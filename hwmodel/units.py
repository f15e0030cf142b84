"""Hold the only unit arithmetic: byte counts, times, rates and frequencies as exact integers.

Base units: byte, femtosecond, bit per second, hertz. Text becomes a whole number of base units or an error; no
floating point is used on the way, so that what a user types and what the model computes with are the same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

FS_PER_PS = 10**3
FS_PER_NS = 10**6
FS_PER_US = 10**9
FS_PER_MS = 10**12
FS_PER_S = 10**15
BITS_PER_BYTE = 8
BYTES_PER_KIB = 1024
BYTES_PER_MIB = 1024**2
BPS_PER_KBPS = 10**3
BPS_PER_MBPS = 10**6
BPS_PER_GBPS = 10**9
HZ_PER_MHZ = 10**6

EXACT_BYTES = 10_000  # above any frame on the wire and any TLP
LONGEST_BYTES = 1 << 22  # above any frame or segment, and above the bytes of the longest pause, 65535 quanta

_MOST_REMEMBERED = 4096
_MAX_DIGITS = 30  # beyond any quantity of the model; keeps hostile input cheap
_MAX_DECIMALS_SHOWN = 3
_SHAPE = re.compile(r"(?P<sign>[-+]?)(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[^\s0-9.+-][^\s]*)?")


class UnitError(ValueError):
    """Report a text that is not a quantity of the expected kind; the message is for the person who typed it."""


@dataclass(frozen=True, eq=False)  # compared by identity
class Dimension:
    """Describe one kind of quantity: what it is called, an example, and its units in base units, smallest first."""

    name: str
    example: str
    zero: str
    units: Mapping[str, int]
    decimals_shown: int
    slips: Mapping[str, str]  # a unit often typed by mistake -> the hint

    @property
    def pattern(self) -> str:
        """Return the regular expression of the texts that `parse` may accept, for a JSON schema."""
        return f"^\\s*[+]?[0-9]+(\\.[0-9]+)? ?({'|'.join(self.units)})\\s*$"

    def parse(self, text: object) -> int:
        """Return the number of base units in `text`; raise UnitError with a plain message if it is no whole number."""
        if not isinstance(text, str):
            raise UnitError(self._not_a_text(text))
        return _parsed(self, text)

    def _parsed(self, text: str) -> int:
        match = _SHAPE.fullmatch(text.strip())
        if match is None or len(match["number"]) > _MAX_DIGITS:
            raise UnitError(f"{text[:40]!r} is not {self.name}; write it like {self.example}")
        if match["unit"] is None:
            raise UnitError(f"{text!r} has no unit; write {self.name} like {self.example}")
        scale = self.units.get(match["unit"])
        if scale is None:
            raise UnitError(self._wrong_unit(text, match["number"], match["unit"]))
        digits, _, decimals = match["number"].partition(".")
        value, rest = divmod(int(digits + decimals) * scale, int(10 ** len(decimals)))
        if match["sign"] == "-" and (value or rest):
            raise UnitError(f"{text!r} is negative; {self.name} is 0 or more")
        if rest:
            raise UnitError(f"{text!r} is not a whole number of {next(iter(self.units))}")
        return value

    def format(self, value: int) -> str:
        """Write `value` base units so that `parse` gives the same number back, in the largest unit that reads well."""
        return _written(self, value)

    def _written(self, value: int) -> str:
        if value < 0:
            raise UnitError(f"{value} is negative; {self.name} is 0 or more")
        if value == 0:
            return self.zero
        for unit, scale in reversed(list(self.units.items())):
            if value >= scale and value * 10**self.decimals_shown % scale == 0:
                return f"{_decimal_text(value, scale)}{unit}"
        raise AssertionError("the base unit has scale 1 and divides every whole number")

    def _not_a_text(self, value: object) -> str:
        if isinstance(value, bool):
            return f"{str(value).lower()} is not {self.name}; write it like {self.example}"
        if isinstance(value, int):
            shown = self.zero if value == 0 else self.example
            return f"{value} has no unit; write {self.name} like {shown}"
        if value is None:
            return f"a value is missing; write {self.name} like {self.example}"
        kind = {float: str(value), list: "a list", dict: "a mapping"}.get(type(value), type(value).__name__)
        return f"{kind} is not {self.name}; write it like {self.example}"

    def _wrong_unit(self, text: str, number: str, unit: str) -> str:
        same_but_case = [known for known in self.units if known.lower() == unit.lower()]
        slip = self.slips.get(unit) or self.slips.get(unit.lower())
        if slip is not None:
            return f"{text!r} is not {self.name}; {slip}"
        if same_but_case:
            return f"{text!r} is not {self.name} (did you mean {number}{same_but_case[0]}?)"
        for other in DIMENSIONS:
            if unit in other.units:
                return f"{text!r} is {other.name}, but this is {self.name}; write it like {self.example}"
        return f"unknown unit {unit[:20]!r} in {text[:40]!r}; {self.name} is in {', '.join(self.units)}"


# The points of a sweep share nearly all of their quantities.
_parsed = lru_cache(maxsize=_MOST_REMEMBERED)(Dimension._parsed)
_written = lru_cache(maxsize=_MOST_REMEMBERED)(Dimension._written)


def _decimal_text(value: int, scale: int) -> str:
    with localcontext() as context:
        context.prec = 2 * _MAX_DIGITS + 20
        quotient = Decimal(value) / Decimal(scale)
    return f"{quotient.normalize():f}"


BYTES = Dimension(
    "a byte count", "256B", "0B", {"B": 1, "KiB": BYTES_PER_KIB, "MiB": BYTES_PER_MIB}, 0,
    {
        "kb": "use KiB (1024 B) or B", "mb": "use MiB (1024 KiB) or B", "k": "use KiB (1024 B)",
        "m": "use MiB (1024 KiB)", "kib": "use KiB", "mib": "use MiB", "b": "use B", "bytes": "use B", "byte": "use B",
        "gib": "use MiB", "gb": "use MiB",
    },
)  # fmt: skip
TIME = Dimension(
    "a time", "500ns", "0ns",
    {"fs": 1, "ps": FS_PER_PS, "ns": FS_PER_NS, "us": FS_PER_US, "ms": FS_PER_MS, "s": FS_PER_S}, _MAX_DECIMALS_SHOWN,
    {"µs": "use us", "μs": "use us", "usec": "use us", "msec": "use ms", "nsec": "use ns", "sec": "use s"},
)  # fmt: skip
RATE = Dimension(
    "a rate", "10Gbps", "0bps", {"bps": 1, "Kbps": BPS_PER_KBPS, "Mbps": BPS_PER_MBPS, "Gbps": BPS_PER_GBPS},
    _MAX_DECIMALS_SHOWN,
    {
        "gb/s": "use Gbps (10^9 bits per second)", "gbit/s": "use Gbps (10^9 bits per second)",
        "mb/s": "use Mbps (10^6 bits per second)", "mbit/s": "use Mbps (10^6 bits per second)",
        "kb/s": "use Kbps (1000 bits per second)", "kbit/s": "use Kbps (1000 bits per second)",
        "gb": "use Gbps (10^9 bits per second)", "g": "use Gbps (10^9 bits per second)",
        "m": "use Mbps (10^6 bits per second)", "GB/s": "use Gbps (8 Gbps are 1 GB/s)",
        "MB/s": "use Mbps (8 Mbps are 1 MB/s)", "tbps": "use Gbps",
    },
)  # fmt: skip
FREQUENCY = Dimension(
    "a frequency", "156.25MHz", "0Hz", {"Hz": 1, "kHz": 10**3, "MHz": HZ_PER_MHZ, "GHz": 10**9}, _MAX_DECIMALS_SHOWN,
    {},
)  # fmt: skip
FRAME_RATE = Dimension(
    "a frame rate", "2Mpps", "0pps", {"pps": 1, "Kpps": 10**3, "Mpps": 10**6, "Gpps": 10**9}, _MAX_DECIMALS_SHOWN,
    {"fps": "use pps (frames a second)", "mfps": "use Mpps (10^6 frames a second)"},
)  # fmt: skip
TOLERANCE = Dimension("a tolerance", "50ppm", "0ppm", {"ppb": 1, "ppm": 10**3}, _MAX_DECIMALS_SHOWN, {})
DIMENSIONS = (BYTES, TIME, RATE, FREQUENCY, FRAME_RATE, TOLERANCE)


def parse_bytes(text: object) -> int:
    """Return the bytes in a text like '256B', '64KiB' or '1MiB'; raise UnitError if it is no whole byte count."""
    return BYTES.parse(text)


def parse_time_fs(text: object) -> int:
    """Return the femtoseconds in a text like '500ns' or '1.5us'; raise UnitError if it is no whole number of them."""
    return TIME.parse(text)


def parse_rate_bps(text: object) -> int:
    """Return the bits per second in a text like '10Gbps' (powers of 1000); raise UnitError if it is no rate."""
    return RATE.parse(text)


def format_bytes(n_bytes: int) -> str:
    """Write a byte count in the largest unit that divides it: 65536 is '64KiB', 1518 is '1518B'."""
    return BYTES.format(n_bytes)


def format_time_fs(time_fs: int) -> str:
    """Write femtoseconds exactly, in the largest unit that needs at most three decimals: 1500000 is '1.5ns'."""
    return TIME.format(time_fs)


def format_rate_bps(rate_bps: int) -> str:
    """Write bits per second exactly, in the largest unit that needs at most three decimals: '2.5Gbps'."""
    return RATE.format(rate_bps)


@lru_cache(_MOST_REMEMBERED)
def fs_per_byte(rate_bps: Fraction | int) -> tuple[int, int]:
    """Return (num, den), in lowest terms, with num/den the femtoseconds that a byte takes at `rate_bps`.

    They are exact unless `in_range` has to round them. n bytes take floor(n * num / den). Raises ValueError for a rate
    that is not above zero.
    """
    rate = Fraction(rate_bps)
    if rate <= 0:
        raise ValueError(f"a rate must be above zero, not {rate_bps}")
    found = in_range(Fraction(BITS_PER_BYTE * FS_PER_S) / rate)
    return found.numerator, found.denominator


def is_too_fine(rate_bps: int) -> bool:
    """Tell whether the exact time of a byte times a frame's length leaves 63 bits: the rate has too many digits."""
    return Fraction(BITS_PER_BYTE * FS_PER_S, rate_bps).numerator * EXACT_BYTES >= 1 << 63


def in_range(ratio: Fraction, longest_bytes: int = LONGEST_BYTES) -> Fraction:
    """Return a ratio whose products with lengths up to `longest_bytes` stay inside 63 bits: itself, or the nearest."""
    most = (1 << 62) // longest_bytes
    if max(ratio.numerator, ratio.denominator) <= most:
        return ratio
    return ratio.limit_denominator(max(1, int(most / max(ratio, Fraction(1))) - 1))


def ns_from_fs(time_fs: int) -> float:
    """Return a time in nanoseconds for display; the only step of a time into floating point."""
    return time_fs / FS_PER_NS
