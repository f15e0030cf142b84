"""What the events of a scenario did, in sentences: who sends or receives more or less, and what was lost."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.words.quantities import counted, three_digits, time_text, value_text

if TYPE_CHECKING:
    from hwmodel.results.series import Series, VmSeries

LEAST_INTERVALS = 3  # on each side of an event, for a rate to be said to have changed
LEAST_CHANGE = 0.01  # of the greater rate
LEAST_LATER = 0.05  # of the greater latency
BY_CHANCE = 1e-4  # probability by chance of so many zero intervals, below which a rate is said to stop or begin
SURE = 4.0  # standard errors of the difference of two means for a change to be sure
FEW = 2.4  # Student's t is about 1 + 2.4 / (n - 1) times as wide as a normal distribution
MORE_DROPS = 0.1  # of the drops before: an increase up to this counts as none
VAGUE = 0.1  # of all VMs' rate: with more doubt than this, unchanged rates are called "not beyond what they vary by"
SETTLING = 0.1  # of the intervals after an event: left out
MOST_NAMED = 4  # of the figures that changed
FEW_NAMED = 2  # if more changed
MOST_SHOWN = 80  # characters of a value
SAME_INSTANT = "what it did is told with another event of this instant"
SAME_VALUES = "nothing changes: these values hold already"
BEGINS_WITH_IT = "the run begins with it"
_DIRECTIONS = {"tx_gbps": "sends", "rx_gbps": "receives"}
_TOGETHER = {"tx_gbps": "send", "rx_gbps": "receive"}
Floats = npt.NDArray[np.float64]


def event_text(changes: Mapping[str, Any]) -> str:
    """Write what an event sets, key by key; long values are cut."""
    return ", ".join(f"{key} = {_short(value_text(value))}" for key, value in changes.items()) or "nothing"


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} ..."


# What a condition says of a VM, by kind: when it came true, and if it has not.
_CONDITIONS = {
    "delivered": ("{vm} had received {frames}", "{vm} had not received {frames}"),
    "dropped": ("{vm} had lost {frames}", "{vm} had not lost {frames}"),
    "tx_ring": ("{vm}'s Tx rings were empty", "{vm}'s Tx rings had not been empty"),
    "rx_ring": ("{vm}'s Rx rings were empty", "{vm}'s Rx rings had not been empty"),
    "up": ("{vm} was {up}", "{vm} had not been {up}"),
}


def condition_text(vm: str, kind: str, target: int, from_ns: float, *, was_true: bool) -> str:
    """Write what an event waited for: vf1 had received 1,000 frames."""
    frames = counted(target, "frame")
    text = _CONDITIONS[kind][not was_true].format(vm=vm, frames=frames, up="up" if target else "off")
    if not from_ns:
        return text
    looked = "" if kind in ("delivered", "dropped") or not was_true else ", looked at"  # it may have come true later
    return f"{text}{looked} from {time_text(from_ns)} on"


class Span(NamedTuple):
    """Hold an event's time, and those of the changes before and after it, in nanoseconds."""

    since_ns: float
    at_ns: float
    until_ns: float


class _Change(NamedTuple):
    """Hold a figure's means before and after an event, and by how much they may differ by chance."""

    whose: str
    direction: str
    before: float
    after: float
    doubt: float
    stops: bool = False  # stops or begins: 0 on one side, for too long to be chance

    @property
    def is_sure(self) -> bool:
        least = max(LEAST_CHANGE * max(self.before, self.after), self.doubt)
        return self.stops or abs(self.after - self.before) > least


def did_text(series: Series, span: Span) -> str:
    """Say what an event did, as `rates_text` does, or that the time around it is too short to tell."""
    return rates_text(series, span) or _too_short_text(series, span)


def rates_text(series: Series, span: Span, about: Collection[str] = ()) -> str:
    """Say how rates changed at an event, and how many frames were dropped until the next one.

    Means over whole intervals before and after it are compared, each without its first tenth, in which rings fill or
    empty. Empty if there are too few intervals. `about`: functions that the event is about, whose rates and drops are
    told elsewhere; then it is empty too if no others send or receive and nothing else is dropped.
    """
    vms = {name: vm for name, vm in series.vms.items() if name not in about}
    sides = (span.since_ns, span.at_ns), (span.at_ns, span.until_ns)
    parts = _settled(_intervals(series, *sides[0])), _settled(_intervals(series, *sides[1]))
    if min(map(len, parts)) < LEAST_INTERVALS:
        return ""
    dropped = _drops_told(series, vms, span)
    changes = [_change(name, way, _rates(vm, way), parts) for name, vm in vms.items() for way in _DIRECTIONS]
    if not any(one.before or one.after for one in changes):
        return "; ".join(dropped if about else ["no VM sends or receives anything", *dropped])
    together = [_change("", way, _sum_of(vms, way), parts) for way in _DIRECTIONS]
    found = sorted((one for one in changes if one.is_sure), key=lambda one: -abs(one.after - one.before))
    hidden = [one for one in together if _is_hidden(one, found)]
    told = _changes_told(found, together if len(found) > MOST_NAMED else hidden, "others" if about else "VMs")
    if not told:
        told = [*_nothing_told(together, bool(about)), *_latency_told(vms, parts)]
    elif len(found) <= MOST_NAMED and not hidden:
        told.append(
            "no other rate changed beyond what rates vary by" if _is_vague(together) else "all other rates unchanged"
        )
    return "; ".join([*told, *dropped])


def _changes_told(found: Sequence[_Change], together: Sequence[_Change], whose: str) -> list[str]:
    """Say which rates changed; if many did, the total of all VMs and the greatest changes."""
    n_named = len(found) if len(found) <= MOST_NAMED else FEW_NAMED
    of_all = " and ".join(_told(one, _TOGETHER) for one in together if one.is_sure)
    told = [f"{whose} together {of_all}"] if of_all else []
    told += [f"{one.whose} {_told(one, _DIRECTIONS)}" for one in found[:n_named]]
    return [*told, f"{len(found) - n_named} more rates changed"] if len(found) > n_named else told


def _is_hidden(together: _Change, found: Sequence[_Change]) -> bool:
    """Tell whether the total changed significantly more than the VMs with significant changes account for."""
    known = sum(one.after - one.before for one in found if one.direction == together.direction)
    return together.is_sure and together._replace(after=together.after - known, stops=False).is_sure


def _nothing_told(together: Sequence[_Change], of_others: bool) -> list[str]:
    if _is_vague(together):
        whose = "other" if of_others else "VM's"
        return [f"no {whose} rate changed beyond what rates vary by"]
    return ["others unchanged" if of_others else "no VM's rate changed"]


def _is_vague(together: Sequence[_Change]) -> bool:
    """Tell whether the total is known so roughly, in both directions, that a VM's change may go unseen."""
    return min(one.doubt / max(one.before, one.after) for one in together if one.before or one.after) > VAGUE


def _latency_told(vms: Mapping[str, VmSeries], parts: tuple[range, range]) -> list[str]:
    """Say the mean latency of all VMs if it changed."""
    change = _change("", "latency", _latencies(vms), parts)
    differs = abs(change.after - change.before) > max(LEAST_LATER * max(change.before, change.after), change.doubt)
    return [f"mean latency {time_text(change.after)} ({time_text(change.before)} before)"] if differs else []


def _drops_told(series: Series, vms: Mapping[str, VmSeries], span: Span) -> list[str]:
    """Tell what was dropped behind an event, of some VMs and of none."""
    before = _before_event(series, span.since_ns, span.at_ns)
    is_last = span.until_ns >= series.n_intervals * series.interval_ns
    behind = (_intervals if is_last else _before_event)(series, span.at_ns, span.until_ns)
    others = series.other_drops or (0,) * series.n_intervals
    drops = np.array([sum(row) for row in zip(others, *(vm.drops for vm in vms.values()), strict=True)], np.float64)
    lost = int(drops[behind.start : behind.stop].sum())
    if not lost:
        return []
    change = _change("", "drops", drops, (before, behind))
    dropped = f"{counted(lost, 'frame')} dropped up to {time_text(behind.stop * series.interval_ns)}"
    if not change.before or (change.is_sure and change.after > change.before):
        return [dropped]
    is_as_many = change.after <= (1 + MORE_DROPS) * change.before
    return [f"{dropped}, {'no more than before it' if is_as_many else 'not more beyond what drops vary by'}"]


def _too_short_text(series: Series, span: Span) -> str:
    sides = {"before it": (span.since_ns, span.at_ns), "behind it": (span.at_ns, span.until_ns)}
    short = [side for side, ends in sides.items() if len(_settled(_intervals(series, *ends))) < LEAST_INTERVALS]
    return f"too little time {' and '.join(short)} to tell by intervals of {time_text(series.interval_ns)}"


def _told(one: _Change, verbs: Mapping[str, str]) -> str:
    after, before = (f"{three_digits(rate)} Gb/s" if rate else "nothing" for rate in (one.after, one.before))
    return f"{verbs[one.direction]} {after} ({before.removesuffix(' Gb/s')} before)"


def _intervals(series: Series, first_ns: float, last_ns: float) -> range:
    """Return the numbers of the intervals that lie wholly between two times."""
    first = -int(-first_ns // series.interval_ns)
    last = min(series.n_intervals, int(last_ns // series.interval_ns))
    return range(first, last)


def _before_event(series: Series, first_ns: float, event_ns: float) -> range:
    """Return the intervals up to an event, without one that ends at it: that one holds drops caused by the event."""
    part = _intervals(series, first_ns, event_ns)
    return part[:-1] if part.stop * series.interval_ns == event_ns else part


def _settled(part: range) -> range:
    """Return the intervals of a stretch without its first tenth."""
    return part[int(SETTLING * len(part)) :]


def _change(whose: str, direction: str, figures: Floats, parts: tuple[range, range]) -> _Change:
    """Compare a figure's means over two stretches of intervals; intervals without a figure (NaN) are left out."""
    rows = [figures[part.start : part.stop] for part in parts]
    known = [row[~np.isnan(row)] for row in rows]
    if min(map(len, known)) < 2:
        return _Change(whose, direction, 0.0, 0.0, 0.0)
    errors = [(1 + FEW / (len(row) - 1)) * float(row.std(ddof=1)) / math.sqrt(len(row)) for row in known]
    before, after = (float(row.mean()) for row in known)
    stops = _stops(*known) or _stops(*reversed(known))
    return _Change(whose, direction, before, after, SURE * math.hypot(*errors), stops)


def _stops(some: Floats, none: Floats) -> bool:
    """Tell whether `none` is all zero while zeros are too rare in `some` for that to be chance."""
    share = float(np.count_nonzero(some == 0) + 1) / (len(some) + 2)
    return not none.any() and bool(some.any()) and bool(share ** len(none) < BY_CHANCE)


def _rates(vm: VmSeries, direction: str) -> Floats:
    return np.array(getattr(vm, direction), np.float64)


def _sum_of(vms: Mapping[str, VmSeries], direction: str) -> Floats:
    rows = [_rates(vm, direction) for vm in vms.values()]
    return np.asarray(np.sum(rows, axis=0), np.float64)


def _latencies(vms: Mapping[str, VmSeries]) -> Floats:
    """Return the mean latency of all frames that VMs received, interval by interval; NaN where there are none."""
    means = np.array([[math.nan if one is None else one for one in vm.latency_ns] for vm in vms.values()])
    counts = np.where(np.isnan(means), 0.0, [vm.rx_mpps for vm in vms.values()])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(means * counts, axis=0) / counts.sum(axis=0), np.float64)
