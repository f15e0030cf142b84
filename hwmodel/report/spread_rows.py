"""What runs of several seeds say of a figure: a row for each."""

from __future__ import annotations

from collections.abc import Callable

from hwmodel.report.quantities import MISSING, gbps_text, mpps_text, percent_text, time_text
from hwmodel.results.result import Result

SPREAD_COLUMNS = ("mean", "95 % from", "to", "least", "greatest")


def spread_rows(result: Result) -> list[tuple[str, ...]]:
    """Return a row for each figure of runs with several seeds: its name, then SPREAD_COLUMNS."""
    rows = []
    for one in result.spread:
        known = [value for value in one.values if value is not None]
        if known:
            text = _spread_text(one.name)
            figures = (one.mean, one.low, one.high, min(known), max(known))
            rows.append((one.name, *(MISSING if figure is None else text(figure) for figure in figures)))
    return rows


def _spread_text(name: str) -> Callable[[float], str]:
    if "_ns." in name:
        return time_text
    if name.endswith("gbps"):
        return gbps_text
    return mpps_text if name.endswith("mpps") else percent_text
