"""What the events of a scenario did, in sentences: to rates, to functions and to hosts, and what was lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.rules.figures import SHORT_FORMS, Watched
from hwmodel.units import FS_PER_NS
from hwmodel.words.quantities import count_text, counted, moment_ns, three_digits, time_text, value_text

MOST_NAMED = 4  # of the figures that changed
FEW_NAMED = 2  # if more changed
MOST_KEYS = 8  # that an event sets
FEW_KEYS = 4  # if it sets more
MOST_SHOWN = 80  # characters of a value
SAME_INSTANT = "what it did is told with another event of this instant"
SAME_VALUES = "nothing changes: these values hold already"
BEGINS_WITH_IT = "the run begins with it"
_DIRECTIONS = {"tx_gbps": "sends", "rx_gbps": "receives", "mirrored_mpps": "gets mirrored copies,"}
_ON_WIRE = {"tx_gbps": "takes", "rx_gbps": "brings"}
_TOGETHER = {"tx_gbps": "send", "rx_gbps": "receive"}


def event_text(changes: Mapping[str, Any]) -> str:
    """Write what an event sets, key by key; long values are cut, and of many keys the first ones stand for all."""
    told = [f"{key} = {_short(value_text(value))}" for key, value in changes.items()]
    if len(told) > MOST_KEYS:
        told = [*told[:FEW_KEYS], f"{len(told) - FEW_KEYS} more keys"]
    return ", ".join(told) or "nothing"


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} ..."


def condition_text(vm: str, kind: str, target: int, from_ns: float, *, was_true: bool) -> str:
    """Write what an event waited for: vf1 had received 1,000 frames."""
    frames = counted(target, "frame")
    text = SHORT_FORMS[kind].words[not was_true].format(vm=vm, frames=frames, up="up" if target else "off")
    return f"{text}{_from_text(from_ns, is_count=kind in ('delivered', 'dropped') or not was_true)}"


def figure_text(what: Watched, amount: int | str, from_ns: float, *, was_true: bool) -> str:
    """Write what figure an event waited for: a.vf1 had dropped more than 9 frames for want of a descriptor within 1 ms.

    `amount`: what it was compared with, as it was typed.
    """
    unit, did = what.figure.unit, what.figure.did
    had = (" had" if not what.figure.is_level else "") if was_true else " had never"
    is_rate = what.within_fs > 0 and isinstance(amount, str) and amount.endswith(("bps", "pps"))
    is_share = isinstance(amount, str) and amount.endswith("%")
    less = "fewer" if isinstance(amount, int) else "less"
    than = f"{'at ' if is_rate else ''}{less if what.is_below else 'more'} than"
    much = counted(amount, unit.noun) if isinstance(amount, int) else f"{amount}{' of the time' if is_share else ''}"
    told = f"{what.of or 'the adapter'}{had} {did} {than} {much}"
    where = what.figure.where
    where, aside = ("", f", {where}") if where.startswith("as its ") else (f" {where}" if where else "", "")
    within = f" {'over' if is_rate or is_share else 'within'} {time_text(what.within_fs / FS_PER_NS)}"
    looked = _from_text(from_ns, is_count=not what.figure.is_level or not was_true)
    return f"{told}{where}{within if what.within_fs else ''}{looked}{aside}"


def _from_text(from_ns: float, *, is_count: bool) -> str:
    """Say from when on something was counted, or looked at: it may have come true later."""
    return f"{'' if is_count else ', looked at'} from {time_text(from_ns)} on" if from_ns else ""


class Moved(NamedTuple):
    """Hold what a figure was before an event and came to after it: a rate in Gb/s, or of mirrored copies in Mpps.

    `from_ns`: when it came to that, None for right after the event.
    """

    whose: str
    direction: str
    before: float
    after: float
    from_ns: float | None = None


class Lost(NamedTuple):
    """Hold how many frames were dropped after an event, up to which time, and how that compares with the time before.

    `is_more`: significantly more than before, or there were none. `is_as_many`: about as many, or fewer. `since_ns`:
    from when on they are counted, None for from the event on.
    """

    n_frames: int
    until_ns: float
    is_more: bool
    is_as_many: bool
    since_ns: float | None = None


class Effects(NamedTuple):
    """Hold what an event did: whose rates changed, the greatest change first, and what else is to be told.

    `together`: the totals of all VMs that changed and are to be told. `has_rates`: some VM sends or receives.
    `is_vague`: rates vary so much that a change may go unseen. `latency_ns`: the mean before and after, None if it did
    not change. `on_wires`: what Ethernet ports carry otherwise than before while no VM's rate changed, the greatest
    change first.
    """

    changed: Sequence[Moved]
    together: Sequence[Moved]
    has_rates: bool
    is_vague: bool
    latency_ns: tuple[float, float] | None
    lost: Lost | None
    on_wires: Sequence[Moved] = ()


def effects_text(effects: Effects, *, of_others: bool) -> str:
    """Say what an event did; `of_others`: to VMs that it is not about, of which nothing is said if they are silent."""
    lost = [] if effects.lost is None else [_lost_text(effects.lost)]
    if not effects.has_rates:
        return "; ".join(lost if of_others else ["no VM sends or receives anything", *lost])
    told = _changes_told(effects.changed, effects.together, "others" if of_others else "VMs")
    if not told:
        told = [_nothing_text(is_vague=effects.is_vague, of_others=of_others, wires_changed=bool(effects.on_wires))]
    elif len(effects.changed) <= MOST_NAMED and not effects.together:
        vague = "no other rate changed beyond what rates vary by"
        told.append(vague if effects.is_vague else "all other rates unchanged")
    if not of_others:  # whose frames are on the wires too
        told += [_on_wire_told(one) for one in effects.on_wires[:MOST_NAMED]]
    if effects.latency_ns is not None:
        before, after = map(time_text, effects.latency_ns)
        told.append(f"mean latency {after} ({before} before)")
    return "; ".join([*told, *lost])


def too_short_text(sides: Sequence[str], interval_ns: float) -> str:
    """Say on which sides of an event there are too few intervals."""
    return f"too little time {' and '.join(sides)} to tell by intervals of {time_text(interval_ns)}"


def _changes_told(changed: Sequence[Moved], together: Sequence[Moved], whose: str) -> list[str]:
    """Say which rates changed; if many did, the total of all VMs and the greatest changes."""
    n_named = len(changed) if len(changed) <= MOST_NAMED else FEW_NAMED
    of_all = " and ".join(_told(one, _TOGETHER) for one in together)
    told = [f"{whose} together {of_all}"] if of_all else []
    told += [f"{one.whose} {_told(one, _DIRECTIONS)}" for one in changed[:n_named]]
    return [*told, f"{len(changed) - n_named} more rates changed"] if len(changed) > n_named else told


def _nothing_text(*, is_vague: bool, of_others: bool, wires_changed: bool) -> str:
    if is_vague and wires_changed and not of_others:
        return "VMs' rates vary too much to tell whether one changed"
    if is_vague:
        whose = "other" if of_others else "VM's"
        return f"no {whose} rate changed beyond what rates vary by"
    return "others unchanged" if of_others else "no VM's rate changed"


def _lost_text(lost: Lost) -> str:
    since = "up" if lost.since_ns is None else f"from {time_text(lost.since_ns)}"
    dropped = f"{counted(lost.n_frames, 'frame')} dropped {since} to {time_text(lost.until_ns)}"
    if lost.is_more:
        return dropped
    return f"{dropped}, {'no more than before it' if lost.is_as_many else 'not more beyond what drops vary by'}"


def _on_wire_told(one: Moved) -> str:
    whose = one.whose if "." in one.whose else f"the {one.whose}"
    return f"{whose} {_told(one, _ON_WIRE)}"


def _told(one: Moved, verbs: Mapping[str, str]) -> str:
    nothing, unit = ("none", " Mpps") if one.direction == "mirrored_mpps" else ("nothing", " Gb/s")
    after, before = (f"{three_digits(rate)}{unit}" if rate else nothing for rate in (one.after, one.before))
    since = "" if one.from_ns is None else f" from {time_text(one.from_ns)} on"
    return f"{verbs[one.direction]} {after}{since} ({before.removesuffix(unit)} before)"


# ---- Hosts that share an adapter, floods ----


def host_event_text(kind: str, name: str | None) -> str:
    """Write an event about a host, or the switch's own processor (None): a reset, a failure or a takeover."""
    who = "the switch's own processor" if name is None else f"host {name}"
    return f"{who} {_OF_HOSTS[kind]}"


def flood_text(function: str, n_doorbells: int, every_ns: float) -> str:
    """Write a flood of doorbells."""
    each = f", one each {time_text(every_ns)}" if n_doorbells > 1 else ""
    return f"{function} writes {counted(n_doorbells, 'doorbell')}{each}"


def cut_flood_text(n_written: int, function: str, *, has_gone: bool) -> str:
    """Say how many doorbells of a flood were written before its function went, or by the end."""
    return f"{count_text(n_written)} written {f'before {function} goes' if has_gone else 'by the end'}"


def flood_over_text(over_ns: float, told: str) -> str:
    """Say when a flood was over, and what rates did then."""
    return f"over at {time_text(over_ns)}, and then {told}"


def uncontrolled_text(until_ns: float | None) -> str:
    """Say that no control plane is alive: traffic goes on, changes wait."""
    until = "from then on" if until_ns is None else f"until {time_text(until_ns)}"
    return f"nobody controls the adapter {until}: traffic goes on, changes wait"


def waited_text(asked_ns: float, until_ns: float) -> str:
    """Say how long a change has waited for the control plane."""
    waited = f"it waited {time_text(until_ns - asked_ns)} for the control plane"
    return f"asked for at {time_text(moment_ns(asked_ns))}, {waited}"


def waits_text(since_ns: float) -> str:
    """Say that a change still waits for the control plane."""
    return f"not done: it waits for the control plane, which nobody has from {time_text(moment_ns(since_ns))} on"


_OF_HOSTS = {"reset_host": "is reset", "fail": "fails", "take_over": "takes over the control plane"}
# What an event of a scenario is called, by its kind; what is asked of drivers has words beside these.
EVENT_WORDS: Mapping[str, Callable[[Any], str]] = {
    "set": lambda event: event_text(event.value),
    **dict.fromkeys(
        ("reset", "enable_vfs", "unplug", "plug"),
        lambda event: f"{event.kind} {event.value}" + (f" of {event.of}" if event.of else ""),
    ),
    "bus_master": lambda event: f"Bus Master Enable of {event.function} {'set' if event.value.is_on else 'cleared'}",
    **dict.fromkeys(_OF_HOSTS, lambda event: host_event_text(event.kind, event.host)),
    "flood": lambda event: flood_text(event.function, event.value.n_doorbells, event.value.every_fs / FS_PER_NS),
}
