"""What the events of a scenario did, in sentences: who sends or receives more or less, and what was lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.words.quantities import count_text, three_digits, time_text

if TYPE_CHECKING:
    from hwmodel.results.series import Series, VmSeries

LEAST_INTERVALS = 3  # on each side of an event, for a rate to be said to have changed
LEAST_CHANGE = 0.01  # of the greater rate
SURE = 4.0  # by so many standard errors of a mean of so many intervals
SETTLING = 0.1  # of the intervals behind an event, which do not count
MOST_NAMED = 4  # of the figures that changed
_DIRECTIONS = {"tx_gbps": "sends", "rx_gbps": "receives"}
Floats = npt.NDArray[np.float64]


def event_text(changes: Mapping[str, Any]) -> str:
    """Write what an event sets, key by key."""
    return ", ".join(f"{key} = {_value_text(value)}" for key, value in changes.items()) or "nothing"


def _value_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value_text(each) for each in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value_text(each)}" for key, each in value.items()) + "}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# What a condition says of a VM, by its kind: as it was true, and where it has not been.
_CONDITIONS = {
    "delivered": ("{vm} had received {frames}", "{vm} had not received {frames}"),
    "dropped": ("{vm} had lost {frames}", "{vm} had not lost {frames}"),
    "tx_ring": ("{vm}'s Tx rings were empty", "{vm}'s Tx rings had not been empty"),
    "rx_ring": ("{vm}'s Rx rings were empty", "{vm}'s Rx rings had not been empty"),
    "up": ("{vm} was {up}", "{vm} had not been {up}"),
}


def condition_text(vm: str, kind: str, target: int, from_ns: float, *, was_true: bool) -> str:
    """Write what an event waited for: vf1 had received 1,000 frames."""
    frames = f"{count_text(target)} {'frame' if target == 1 else 'frames'}"
    text = _CONDITIONS[kind][not was_true].format(vm=vm, frames=frames, up="up" if target else "off")
    return f"{text} from {time_text(from_ns)} on" if from_ns else text


class _Changed(NamedTuple):
    """Hold a rate of a VM before and after an event."""

    vm: str
    direction: str
    before: float
    after: float


def did_text(series: Series, since_ns: float, at_ns: float, until_ns: float) -> str:
    """Say what an event did, as `rates_text`, or why that cannot be said."""
    too_short = f"too short before or after it to say by intervals of {time_text(series.interval_ns)}"
    return rates_text(series, since_ns, at_ns, until_ns) or too_short


def rates_text(series: Series, since_ns: float, at_ns: float, until_ns: float) -> str:
    """Say how rates between two events differ from those up to the next, and how many frames were dropped by then.

    Means of whole intervals are compared, without the first tenth behind an event, in which rings fill or empty. Empty
    where there are too few of them.
    """
    behind = _intervals(series, at_ns, until_ns)
    before, after = (_settled(part) for part in (_intervals(series, since_ns, at_ns), behind))
    if min(len(before), len(after)) < LEAST_INTERVALS:
        return ""
    found = sorted(_changed(series, before, after), key=lambda one: -abs(one.after - one.before))
    told = [_told(one) for one in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        told.append(f"{len(found) - MOST_NAMED} more rates changed")
    elif found:
        told.append("all other rates unchanged")
    else:
        told.append("no VM's rate changed")
    lost = sum(sum(vm.drops[at] for at in behind) for vm in series.vms.values())
    if lost:
        told.append(f"{count_text(lost)} frames dropped up to {time_text(until_ns)}")
    return "; ".join(told)


def _told(one: _Changed) -> str:
    rate = f"{three_digits(one.after)} Gb/s" if one.after else "nothing"
    return f"{one.vm} {_DIRECTIONS[one.direction]} {rate} ({three_digits(one.before)} before)"


def _intervals(series: Series, first_ns: float, last_ns: float) -> range:
    """Return the numbers of the intervals that lie wholly between two times."""
    first = -int(-first_ns // series.interval_ns)
    last = min(series.n_intervals, int(last_ns // series.interval_ns))
    return range(first, last)


def _settled(part: range) -> range:
    """Return the intervals of a stretch without its first tenth."""
    return part[int(SETTLING * len(part)) :]


def _changed(series: Series, before: range, after: range) -> Iterator[_Changed]:
    for name, vm in series.vms.items():
        for direction in _DIRECTIONS:
            was, became = (_of(vm, direction, part) for part in (before, after))
            means = float(was.mean()), float(became.mean())
            doubt = SURE * max(_standard_error(was), _standard_error(became))
            if abs(means[1] - means[0]) > max(LEAST_CHANGE * max(means), doubt):
                yield _Changed(name, direction, *means)


def _of(vm: VmSeries, direction: str, part: range) -> Floats:
    return np.array(getattr(vm, direction)[part.start : part.stop])


def _standard_error(rates: Floats) -> float:
    return float(rates.std()) / math.sqrt(len(rates))
