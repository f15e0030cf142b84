"""The figures that rows of the table make (`rules/figures.py`), from the counters of a window or of its marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.tlp_kinds import OF_KIND
from hwmodel.rules.figures import BIT_RATE, EACH, FRAME_RATE, FUNCTION, PORTS, TIME, Figure, Path, rows_of
from hwmodel.simulation.figures.counts import PLACES
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS

# The counters of functions that marks copy: those of rates with intervals.
OF_FUNCTIONS = tuple(
    dict.fromkeys(str(part.path[-1]) for row in rows_of("vms").values() if row.interval for part in row.parts)
)


def amount_of(row: Figure, counts: Any, functions: Mapping[str, Any], overhead: Any = None) -> Any:
    """Return the sum of a row's words, of one moment or of several; an entry for each function, or port, at the end.

    `counts`: one or several of SERVER_COUNTS. `functions`: counters of functions, by name. `overhead`: that of TLPs.
    """
    return sum(
        part.factor * (getattr(overhead, part.times) if part.times else 1) * _words(part.path, counts, functions)
        for part in row.parts
    )


def _words(path: Path, counts: Any, functions: Mapping[str, Any]) -> Any:
    if path[:2] == ("ledger", "function"):
        found, rest = functions[str(path[3])], path[4:]
    else:
        steps = tuple(step for step in path if step is not PORTS)
        name = next(name for name, place in PLACES.items() if steps[: len(place)] == place)
        found, rest = counts[name], steps[len(PLACES[name]) :]
    for before, step in zip((None, *rest), rest, strict=False):
        is_field = isinstance(step, str) and found.dtype.names is not None
        found = found[step] if is_field else found[..., _numbers(before, step)].sum(axis=-1)
    return found


def _numbers(counted: Any, step: Any) -> Any:
    """Return the entries of an array that a step goes on with, by what is counted there."""
    if step is EACH:
        return slice(None)
    if counted in ("drops", "mirrored_drops"):
        return [DropReason[step].value]
    return [kind for kind, about in OF_KIND.items() if about.purpose == step] if isinstance(step, str) else [step]


def amount_in(span: Span, row: Figure, overhead: Any = None) -> Any:
    """Return a row's amount in a window, or in the whole run if results have it of that."""
    last = amount_of(row, span.end.counts, span.end.functions, overhead)
    return last if row.of_run else last - amount_of(row, span.start.counts, span.start.functions, overhead)


def figure_of(span: Span, row: Figure, amount: Any) -> Any:
    """Return an amount, or an array of them, as results have it: a rate in Gb/s or 10^6/s, a time in ns, a count."""
    if row.unit == BIT_RATE:
        return span.gbps(amount)
    if row.unit == FRAME_RATE:
        return span.mpps(amount)
    return amount / FS_PER_NS if row.unit == TIME else amount


def figures_of(record: str, span: Span, overhead: Any = None) -> dict[str, Any]:
    """Return the fields of a record of results that rows make, of an adapter with all its ports."""
    found = {}
    for field, row in rows_of(record).items():
        amount = amount_in(span, row, overhead)
        found[field] = figure_of(span, row, int(amount.sum()))
    return found


def by_function(span: Span, own: Span) -> dict[str, list[Any]]:
    """Return the fields of VMs' results that rows make, for each function; `span`: the run's, `own`: as it counted."""
    found = {}
    for field, row in rows_of("vms").items():
        assert row.of == FUNCTION
        figures = figure_of(span, row, amount_in(own, row))
        found[field] = [None] * len(own.end.functions) if figures is None else figures.tolist()
    return found
