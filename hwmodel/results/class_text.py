"""What is said of classes of traffic, pools, and the registers of rate limits."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.results.adapter_use import ArbitrationUse
from hwmodel.words.quantities import Line, count_text, percent_text, printable, table

_MOST_NAMED = 6
_STRICT = {"none": "", "group": "first in its group", "link": "first of all"}
CLASS_COLUMNS = ("class", "credits, most", "group", "bytes", "share", "")
POOL_COLUMNS = ("pool", "class", "credits, most", "bytes read", "share of the class")


def class_words(use: ArbitrationUse) -> str:
    """Return the classes' shares of what left the Tx buffer, in one line."""
    told = [f"class {one.traffic_class} {percent_text(one.share)}" for one in use.classes if one.bytes]
    return f"Classes, of the bytes sent in the window: {', '.join(told) or 'none'}"


def class_lines(use: ArbitrationUse) -> Iterator[Line]:
    """Return all that a window says of classes, pools and registers, as tables."""
    rows = [
        (
            str(one.traffic_class),
            f"{one.refill}, {one.max}",
            str(one.group),
            count_text(one.bytes),
            percent_text(one.share),
            _STRICT[one.strict],
        )
        for one in use.classes
    ]
    yield from table(CLASS_COLUMNS, rows, left_columns=(5,))
    pools = [
        (
            printable(one.name),
            str(one.traffic_class),
            f"{one.refill}, {one.max}",
            count_text(one.bytes),
            percent_text(one.share),
        )
        for one in use.pools
        if one.bytes
    ]
    if pools:
        yield Line("")
        yield from table(POOL_COLUMNS, pools)
    for one in use.rate_limits:
        yield Line(printable(f"{one.name}: rate limit RTTBCNRC {one.rttbcnrc}, {one.gbps:.9g} Gb/s"))
