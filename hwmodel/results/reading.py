"""What summary and page both say of a result, before any layout: the headline, notes, bytes per frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.resources import OFFERED_LOAD
from hwmodel.results.bottleneck_text import is_rate_limit
from hwmodel.results.bridge_reading import copying_words, nic_setting_of
from hwmodel.results.losses import loses
from hwmodel.results.modelled import (
    interrupt_costs,
    is_closed_loop,
    is_for_the_wire,
    is_meant_for_vms,
    set_in_run,
)
from hwmodel.rules.drop_kinds import why_whatever_the_rate
from hwmodel.rules.ethernet import MIN_FRAME_BYTES
from hwmodel.rules.figures import rows_of
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.switch_modes import MODES
from hwmodel.units import BITS_PER_BYTE
from hwmodel.words.bounds import bound_beside_run
from hwmodel.words.events import BEGINS_WITH_IT, SAME_VALUES
from hwmodel.words.latency_parts import DIRECTIONS, PART_WORDS, PARTS
from hwmodel.words.limits import limit_name
from hwmodel.words.quantities import MISSING, gbps_text, mpps_text, percent_text, three_digits, time_text

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import Stalls
    from hwmodel.results.result import AdapterResult, Latency, Result


PURPOSE_WORDS = {
    "payload": "payload",
    "tlp_overhead": "payload TLP headers",
    "read_request": "payload read requests",
    "descriptor": "descriptors",
    "writeback": "write-backs",
    "interrupt": "interrupts",
    "doorbell": "doorbells",
    "dllp": "Acks and credits (DLLP)",
    "skp": "clock skips (SKP)",
}
QUEUE_UNITS = {
    "tx_ring": "frames",
    "rx_ring": "descriptors",
    "tx_buffer": "B",
    "wire": "frames",
    "rx_buffer": "B",
    "tags": "tags",
    "switch": "B",
}
STALL_WORDS = {
    "tags": "a read tag",
    "credits": "flow-control credits",
    "credits_posted": "credits for writes",
    "credits_non_posted": "credits for read requests",
    "credits_completion": "credits for completions",
    "descriptors": "an Rx descriptor",
    "buffer": "room in a buffer",
}
# Modes in which an adapter sends all frames of its VMs out by the wire.
MODES_OF_BRIDGE = tuple(name for name, mode in MODES.items() if mode.kind == "vepa" or mode.has_interfaces)
DELIVERY = "post to delivery"  # the name of the latency in headline, tables and pictures
_CREDIT_KINDS = ("credits_posted", "credits_non_posted", "credits_completion")
PURPOSES = tuple(PURPOSE_WORDS)  # the fields of LinkBytes
FRAME_PURPOSES = tuple(name for name in PURPOSES if name != "skp")  # SKP takes a share of time, whatever the frames
_SATURATED_NOTE = "the load is saturating, so waiting in a full Tx ring is in this figure"
_OVERLOADED_NOTE = "more is offered than gets through, so waiting in a full Tx ring is in this figure"
_FULL_NOTE = "a Tx ring was full for a time, so waiting in a full Tx ring is in this figure"
_GROWS_NOTE = "more is offered than gets through, so it grows as the run goes on"
_ALL_BUT_CHANCE = 1.02  # a bridge's rate over that delivered: up to this they are equal, as window ends cut batches
_MOST_TAG_BYTES = 12  # an E-TAG and a C-TAG
_WAIT_MATTERS = 0.01  # of the mean latency
_RING_WAITS = ("tx_ring", "scheduler", "tx_room")  # parts in which a posted frame waits until its payload is read
_MOSTLY = 0.5
_FULL = 0.97  # of a window; a less busy resource limits together with what it waits for


class LinkRow(NamedTuple):
    """Hold a row of the link table: `cells` are up B, up %, down B, down %; `purpose` is None for sums and skips."""

    words: str
    purpose: str | None
    cells: tuple[str, str, str, str]


def headline(result: Result) -> str:
    """Return the answer in one line: what came out, and what limits it."""
    return f"{outcome_words(result)}; {limit_words(result)}"


def outcome_words(result: Result) -> str:
    """Return the throughput: `13.39 ± 0.02 Gb/s VM to VM, 1.10 Mpps`, with 95 % intervals where there are some.

    With a bridge, the rate over it is added in brackets: a part of the rate delivered, or all of it, or more if frames
    have tags or padding there, or drop behind the bridge.
    """
    text = ", ".join(_outcomes_over_bridge(result) if result.bridges else _outcomes(result))
    return f"{text[0].upper()}{text[1:]}"


def _outcomes(result: Result) -> list[str]:
    totals, wire, intervals = result.totals, result.wire, result.intervals
    outward = totals.delivered_to_wire > 0 or bool(wire.tx_gbps)
    inward = totals.from_wire > 0 or bool(wire.rx_gbps)
    parts = []
    is_silent = totals.offered_frames and not outward and not inward and _nothing_came(result)
    if is_silent and is_for_the_wire(result.config):
        is_known = wire.tx_gbps is not None or _all_is_lost(result)
        return [_none("nothing gets to the wire", wire.tx_gbps) if is_known else "throughput to the wire not measured"]
    is_meant = is_meant_for_vms(result.config) and _nothing_came(result)
    if totals.copies_delivered > totals.delivered_to_wire or totals.gbps or not outward or is_meant:
        parts += _to_vms(result, "to VMs" if outward or inward else "VM to VM")
    if outward:
        rate = gbps_text(wire.tx_gbps, intervals.get("wire.tx_gbps"))
        parts.append("throughput to the wire not measured" if wire.tx_gbps is None else f"{rate} to the wire")
    return parts


def _to_vms(result: Result, to: str) -> list[str]:
    totals, intervals = result.totals, result.intervals
    if not totals.gbps and _nothing_came(result) and (totals.gbps is not None or _all_is_lost(result)):
        return [_none("no VM gets anything" if totals.offered_frames else "nothing is sent", totals.gbps)]
    if totals.gbps is None:
        return [f"throughput {to} not measured"]
    return [f"{gbps_text(totals.gbps, intervals.get('totals.gbps'))} {to}", mpps_text(totals.mpps)]


def _none(words: str, gbps: float | None) -> str:
    """Say that there is none of something, as a rate only where the window gives rates."""
    return words if gbps is None else f"{words} (0 Gb/s)"


def _all_is_lost(result: Result) -> bool:
    """Tell whether all frames that came to an end were dropped, more than are under way: a longer run brings none."""
    totals = result.totals
    return not totals.delivered_frames and totals.dropped_frames > totals.in_flight_frames


def _nothing_came(result: Result) -> bool:
    """Tell whether no VM got a frame in the window; in older results without that count, in the run."""
    totals, n_frames = result.totals, result.window.vm_frames
    return totals.copies_delivered <= totals.delivered_to_wire if n_frames is None else n_frames == 0


def _outcomes_over_bridge(result: Result) -> list[str]:
    outside, over = result.outside_gbps(), result.over_bridge_gbps()
    is_meant = is_meant_for_vms(result.config) and _nothing_came(result)
    has_vms = result.totals.gbps is None or result.totals.gbps or not outside or is_meant
    parts = _to_vms(result, "to VMs") if has_vms else []
    if outside:
        parts.append(f"{gbps_text(outside, result.intervals.get(result.outside_rate()))} to stations outside")
    if over:
        parts[-1] += f" ({gbps_text(over)} {_way_over_bridges(result, over, outside or 0.0)})"
    return parts


def _way_over_bridges(result: Result, over_gbps: float, outside_gbps: float) -> str:
    """Say what the rate over bridges is beside what is delivered: a part of it, or why it is more."""
    gbps, mpps = result.totals.gbps or 0.0, result.totals.mpps
    most = _ALL_BUT_CHANCE * (gbps + outside_gbps)
    if over_gbps <= most:
        return "over the bridge"
    if _loses_behind_bridges(result):
        return "sent on by the bridge, copies that drop behind it included"
    frame_bytes = gbps * 1e3 / (BITS_PER_BYTE * mpps) if mpps else MIN_FRAME_BYTES
    if over_gbps <= most * (1 + _MOST_TAG_BYTES / frame_bytes):
        return "over the bridge, with tags and padding"
    return "sent on by the bridge, some of which still waits behind it"


def _loses_behind_bridges(result: Result) -> bool:
    """Tell whether anything dropped elsewhere than in bridges: behind them, as in extenders, of what they sent on."""
    in_bridges = sum(count for bridge in result.bridges for count in bridge.drops.values())
    of_extenders = (port for bridge in result.bridges for port in bridge.ports if port.device != bridge.name)
    return sum(result.drops.values()) > in_bridges - sum(sum(port.drops.values()) for port in of_extenders)


def limit_words(result: Result) -> str:
    """Return what sets the throughput and how busy it is: `limited by pcie.up (99.3 % busy)`.

    Where the machine changes and nothing is full throughout, only the fullest resource is known. Where rules, or what
    is off, drop all that is sent, no resource is the limit.
    """
    bottleneck = result.bottleneck
    lost = why_whatever_the_rate(result.drops) if _all_is_lost(result) else []  # else some need not be
    if lost:
        return f"all that is sent is dropped ({', '.join(lost)})"
    if not bottleneck.resource:
        return "what limits it is not known"
    share = percent_text(bottleneck.utilization)
    if bottleneck.resource == OFFERED_LOAD:
        what = "the offered load, less what is dropped" if loses(result) else "the offered load alone"
        return f"limited by {what} (the busiest resource is {share} busy)"
    is_rate = is_rate_limit(bottleneck.resource)  # it holds frames back or drops them, never busy or full
    if is_rate and not bottleneck.is_limit:
        return f"limited for a part of the window by {bottleneck.resource}"
    if is_rate or not bottleneck.utilization:  # a full resource may be full of what a limit drops
        return f"limited by {bottleneck.resource}"
    limits = "limited by" if bottleneck.is_limit else "fullest on average:"
    words = f"{limits} {bottleneck.resource} ({share} busy)"
    is_of_several = bottleneck.gain is not None and bottleneck.utilization < _FULL and bottleneck.also
    return f"{words} together with {' and '.join(bottleneck.also[:2])}" if is_of_several else words


def no_way_back_sentence(result: Result) -> str:
    """Return why no VM gets anything, if all frames leave the adapter and nothing sends them back; else empty."""
    switch = result.config.get("switch", {})
    mode, stations = switch.get("mode"), (one for one in switch.get("ports", ()) if not is_pf(one["name"]))
    if result.bridges or not is_meant_for_vms(result.config):
        return ""
    if not _nothing_came(result) or result.totals.from_wire:
        return ""
    if mode in MODES_OF_BRIDGE:
        what, cure = f"switch.mode {mode} each frame", "`bridge: {}` adds one"
    elif held_off := [one["name"] for one in stations if one.get("loopback") is False]:
        what = f"switch.ports.{held_off[0]}.loopback false each frame of the station"
        cure = "`bridge: {ports: {adapter: {hairpin: true}}}` adds one that does"
    else:
        return ""
    return (
        f"With {what} leaves by the wire, also one for a VM of the same adapter, and there is no bridge to send it "
        f"back ({cure})."
    )


def latency_note(result: Result) -> str:
    """Return the note that a latency needs if it includes waiting in full Tx rings, or an empty text.

    Where a core fills its ring with what it has yet to post, frames do not wait there, and their senders do.
    """
    if not _fills_a_tx_ring(result) or not _waits_in_tx_rings(result):
        return ""
    if _load_changes(result):
        return _FULL_NOTE
    if is_closed_loop(result.config):
        return _SATURATED_NOTE
    return _OVERLOADED_NOTE if _is_overloaded(result) else ""


def sender_wait_note(result: Result) -> str:
    """Return the note that the senders' wait needs if more is offered than gets through, or an empty text."""
    is_open = not is_closed_loop(result.config) and not _load_changes(result)
    return _GROWS_NOTE if is_open and _fills_a_tx_ring(result) and _is_overloaded(result) else ""


def _load_changes(result: Result) -> bool:
    """Tell whether something may make the load saturate, or end that: the load at the run's start tells neither."""
    return "workload.load" in set_in_run(result.config)


def _fills_a_tx_ring(result: Result) -> bool:
    """Tell whether a Tx ring was ever full (a short capture may not fill one); True if that is unknown."""
    if result.servers:
        depths = [
            (adapter.queues.get("tx_ring"), nic_setting_of(result, adapter.name, "tx_ring"), _slots_at_once(adapter))
            for adapter in result.servers
        ]
    else:
        slots = result.config.get("nic", {}).get("tx_ring")
        depths = [(result.queues.get("tx_ring"), slots, _slots_at_once(result))]
    return any(depth is None or slots is None or depth.max >= slots - least for depth, slots, least in depths)


def _waits_in_tx_rings(result: Result) -> bool:
    """Tell whether waiting in Tx rings is a relevant part of the latency; True if that is unknown."""
    parts = result.latency_parts_ns.get("mean", {})
    wait_ns = sum(parts.get(name, 0.0) for name in _RING_WAITS)
    return not any(parts.values()) or wait_ns > _WAIT_MATTERS * (result.latency_ns.mean or 0.0)


def _slots_at_once(adapter: Result | AdapterResult) -> int:
    """Return how many Tx ring slots are taken at once: all of a send that the adapter cuts, or one for a frame."""
    sends = 0 if "whole" in adapter.segments else adapter.segments.get("sends", 0)
    return max(1, -(-adapter.segments["descriptors"] // sends)) if sends else 1


def _is_overloaded(result: Result) -> bool:
    wait_ns, latency_ns = result.sender_wait_ns.mean or 0.0, result.latency_ns.mean or 0.0
    return result.bottleneck.resource != OFFERED_LOAD and wait_ns > _WAIT_MATTERS * latency_ns


def largest_part_sentence(result: Result) -> str:
    """Return the largest part of the latency to the guest, for the mean and the p99 frame; empty if unknown."""
    mean = _largest_part(result.latency_parts_ns.get("mean", {}))
    if mean is None:
        return ""
    p99 = _largest_part(result.latency_parts_ns.get("p99", {}))
    end = "delivery" if _nothing_came(result) else "taken by the guest"
    text = f"On average {100 * mean[1]:.0f} % of the time from post to {end} is {_part_words(result, mean[0], 'mean')}"
    if p99 is not None and p99[0] != mean[0]:
        text += f"; of the p99 frame's, {100 * p99[1]:.0f} % is {_part_words(result, p99[0], 'p99')}"
    return f"{text}."


def _part_words(result: Result, name: str, column: str) -> str:
    """Name a part of the latency; of what the receiving core takes, what most of it is."""
    if name != "guest_queue":
        return PART_WORDS.get(name, name)
    told_ns, keys = interrupt_costs(result.config)
    part_ns = result.latency_parts_ns[column][name]
    if told_ns and _MOSTLY * part_ns <= told_ns <= part_ns:
        return f"the receiving guest's interrupt ({keys})"
    return f"the wait for {PART_WORDS[name]} and its work"


def _largest_part(parts: Mapping[str, float]) -> tuple[str, float] | None:
    whole = sum(parts.values())
    if whole <= 0:
        return None
    name = max(parts, key=lambda part: parts[part])
    return name, parts[name] / whole


def lone_parts(result: Result) -> dict[str, float]:
    """Return the latency parts of the lone frame, inf for one that never ends; empty if unknown."""
    parts = {} if result.closed_form is None else dict(result.closed_form.latency_parts_ns)
    endless = next((name for name in PARTS if name not in parts), None)
    return parts | {endless: inf} if parts and endless else parts


def lone_words(result: Result) -> str:
    """Return the lone frame's caption, and which wait ends only with further frames, if any."""
    closed, parts = result.closed_form, lone_parts(result)
    of = f": {closed.lone_frame}" if closed is not None and closed.lone_frame else ""
    endless = [PART_WORDS[name] for name, part_ns in parts.items() if part_ns == inf]
    until = f"; {endless[0]} ends only when more frames come" if endless else ""
    return f"One frame alone, as configured{of}{until}"


def direction_rows(result: Result) -> list[tuple[str, str, Latency]]:
    """Return (words, dotted name, latency) from post to delivery by direction, where frames go several ways."""
    found = result.latency_by_direction_ns
    return [
        (f"{DELIVERY}, {direction_words(name, result)}", f"latency_by_direction_ns.{name}", latency)
        for name in DIRECTIONS
        if (latency := found.get(name)) is not None
    ]


def direction_words(name: str, result: Result) -> str:
    """Name the frames of a direction by where they go."""
    if name == "vm_to_vm" and "over_bridge" in result.latency_by_direction_ns:
        return "VM to VM of one adapter"
    outside = "stations outside" if result.bridges else "the wire"
    words = {"vm_to_vm": "VM to VM", "over_bridge": "over the bridge", "to_wire": f"to {outside}"}
    return words.get(name, f"from {outside}")


def latency_rows(result: Result) -> list[tuple[str, str, Latency]]:
    """Return (words, dotted name, latency) of each latency measured; the sender's wait only if it is long."""
    rows = [
        (DELIVERY, "latency_ns", result.latency_ns),
        ("post to taken by the guest", "latency_to_guest_ns", result.latency_to_guest_ns),
        ("doorbell to delivery", "latency_from_doorbell_ns", result.latency_from_doorbell_ns),
    ]
    if _nothing_came(result):  # no guest takes what leaves by the wire
        del rows[1]
    wait_ns, latency_ns = result.sender_wait_ns.mean, result.latency_ns.mean
    if wait_ns is not None and wait_ns > _WAIT_MATTERS * (latency_ns or 0.0):
        rows.append(("offered to posted (the sender's wait)", "sender_wait_ns", result.sender_wait_ns))
    return [row for row in rows if row[2].p50 is not None or row[2].mean is not None]


def bytes_per_frame(result: Result) -> dict[str, dict[str, float]]:
    """Return, for `up` and `down`, the bytes by purpose that each frame delivered in the window costs.

    Empty if the window is too short (the result's warnings say so), if nothing was delivered, and for several servers,
    whose frames cross several links. For results stored before there was `per_frame`: the window's bytes over its
    frames.
    """
    if result.window_frames <= 0 or result.servers:
        return {}
    found = {}
    for name, direction in (("up", result.pcie.up), ("down", result.pcie.down)):
        if direction.per_frame is not None:
            skips = direction.bytes.skp / max(1, direction.bytes.total - direction.bytes.skp)
            amounts = {purpose: direction.per_frame.get(purpose, 0.0) for purpose in FRAME_PURPOSES}
            found[name] = {**amounts, "skp": skips * sum(amounts.values())}
        elif result.warnings or result.totals.gbps is None:
            return {}
        else:
            found[name] = {purpose: getattr(direction.bytes, purpose) / result.window_frames for purpose in PURPOSES}
    return found


def frame_bytes_total(result: Result) -> dict[str, float]:
    """Return, for `up` and `down`, a delivered frame's total bytes without clock skips; empty as `bytes_per_frame`."""
    return {name: sum(amounts[one] for one in FRAME_PURPOSES) for name, amounts in bytes_per_frame(result).items()}


def purpose_words(result: Result) -> Mapping[str, str]:
    """Name the purposes of bytes on a result's link; on a bus, payload overhead is clocks."""
    return PURPOSE_WORDS | ({"tlp_overhead": "payload: address, turnaround, waits"} if result.buses else {})


def link_rows(result: Result) -> list[LinkRow]:
    """Return the table of the link: a row for each purpose, their sum, then the clock skips, which no frame causes."""
    per_frame = bytes_per_frame(result)
    if not per_frame:
        return []
    up, down = per_frame["up"], per_frame["down"]
    up_total, down_total = sum(up.values()), sum(down.values())

    def row(words: str, purpose: str | None, up_bytes: float, down_bytes: float) -> LinkRow:
        figures = (_amount(up_bytes, up_total), _amount(down_bytes, down_total))
        return LinkRow(words, purpose, (*figures[0], *figures[1]))

    words = purpose_words(result)
    rows = [row(words[name], name, up[name], down[name]) for name in FRAME_PURPOSES if up[name] or down[name]]
    rows.append(row("a frame, in all", None, *(sum(side[name] for name in FRAME_PURPOSES) for side in (up, down))))
    if up["skp"] or down["skp"]:
        rows.append(row(PURPOSE_WORDS["skp"], None, up["skp"], down["skp"]))
    return rows


def _amount(n_bytes: float, total: float) -> tuple[str, str]:
    return f"{n_bytes:,.1f}", f"{100 * n_bytes / total:.1f}" if total else MISSING


def stall_shares(result: Result) -> dict[str, float]:
    """Return the share of the window in which something was blocked, by what it waited for.

    Credits are split by kind if the result has the kinds. Empty for several servers, which have shares of their own.
    """
    if result.servers:
        return {}
    return shares_of_stalls(result.stalls_ns, result.window.duration_ns, is_bus=bool(result.buses))


def shares_of_stalls(stalls: Stalls, duration_ns: float, *, is_bus: bool = False) -> dict[str, float]:
    """Return the share of a time in which something of one server was blocked, as `stall_shares` does.

    A bus, `is_bus`, has no credits to wait for.

    Empty where no time has passed: a capture that ended in the warm-up.
    """
    if duration_ns <= 0:
        return {}
    by_kind = any(getattr(stalls, name) for name in _CREDIT_KINDS)
    left_out: tuple[str, ...] = ("credits",) if by_kind else _CREDIT_KINDS
    if is_bus:
        left_out = ("credits", *_CREDIT_KINDS)
    return {name: getattr(stalls, name) / duration_ns for name in STALL_WORDS if name not in left_out}


def segment_words(segments: Mapping[str, int]) -> str:
    """Return a window's counts of sends, passed whole or cut, and of coalesced receives."""
    found = []
    of_switch = "whole" in segments
    if of_switch and (segments["whole"] or not segments.get("sends")):
        found.append(f"{segments['whole']:,} segments passed whole")
    if "sends" in segments and (segments["sends"] or not found):
        found.append(
            f"{segments['sends']:,} {'segments' if of_switch else 'sends'} of {segments['descriptors']:,} descriptors, "
            f"{segments['doorbells']:,} doorbells and {segments['payload_reads']:,} payload reads, cut into "
            f"{segments['frames']:,} frames"
        )
    if "receives" in segments:
        found.append(f"{segments['received_frames']:,} frames received as {segments['receives']:,}")
    return f"In the window: {'; '.join(found)}"


def sends_whole(result: Result) -> bool:
    """Say whether VMs hand over sends, so that a Tx ring slot is a descriptor rather than a frame."""
    workload = result.config.get("workload")
    return isinstance(workload, Mapping) and workload.get("segment_bytes") is not None


def queue_unit(result: Result, name: str) -> str:
    """Return the unit of a queue's depth; empty if unknown."""
    return "descriptors" if name == "tx_ring" and sends_whole(result) else QUEUE_UNITS.get(name, "")


def frame_balance(result: Result) -> str:
    """Return the balance of all frames of the run in one line."""
    totals = result.totals
    made = f" + {totals.replicated_frames:,} {copying_words(result)}" if totals.replicated_frames else ""
    text = (
        f"{totals.offered_frames:,} offered{made} = {totals.delivered_frames:,} delivered "
        f"+ {totals.dropped_frames:,} dropped + {totals.in_flight_frames:,} in flight"
    )
    rows = ((row.beside, getattr(totals, name)) for name, row in rows_of("totals").items())
    extras = ((said[bool(result.bridges)], count) for said, count in rows if said is not None)
    return text + "".join(f"; {count:,} {words}" for words, count in extras if count)


_HEADROOM_TO = 0.995  # of the ceiling; loads above it have no headroom worth a sentence


def headroom_sentence(result: Result) -> str:
    """Return the capacity for such frames, and the share of it that is offered; empty without headroom.

    The capacity is the closed form's lowest ceiling but for the load. Nothing is said if the run found another limit
    than the load or measured more than that, nor if a scenario changes the load or the machine, since the closed form
    holds for the run's start.
    """
    share, could_gbps = _headroom(result)
    if not share:
        return ""
    times = f"at most {three_digits(1 / share)} times"
    workload = result.config.get("workload") or {}
    if workload.get("external") and workload.get("pattern") not in (None, "none"):  # the outside rate is fixed
        return f"Beside what comes from outside VMs could send {times} as much, by the closed form."
    if result.totals.gbps and outward_gbps(result):  # the headline tells both rates
        return f"It could carry {times} this load, by the closed form."
    could = f"It could carry at most {gbps_text(could_gbps)} of such frames, by the closed form"
    return f"{could}; {percent_text(share)} of that is offered."


def bound_sentence(result: Result) -> str:
    """Say how far the closed form is above the run, and why; empty where it is near, or the load is the limit."""
    closed, measured, found = result.closed_form, _measured_gbps(result), result.bottleneck
    if closed is None or not measured or found.resource == OFFERED_LOAD or has_changed(result):
        return ""
    by = limit_name(closed.limited_by)
    named, drops = found.resource if found.is_limit else "", result.totals.dropped_frames > 0
    return bound_beside_run(result.config, measured, closed.gbps, by, named, loses=drops)


def outward_gbps(result: Result) -> float | None:
    """Return the rate that leaves by the wire, or that stations outside get behind a bridge; None if not measured."""
    return result.outside_gbps() if result.bridges else result.wire.tx_gbps


def _headroom(result: Result) -> tuple[float, float]:
    """Return the load as a share of the lowest ceiling, and the throughput there; zeros without headroom."""
    closed, measured = result.closed_form, _measured_gbps(result)
    if closed is None or result.bottleneck.resource != OFFERED_LOAD or not measured or has_changed(result):
        return 0.0, 0.0
    ceilings = {one.resource: one.offered_mpps for one in closed.ceilings if one.offered_mpps}
    load = ceilings.pop(OFFERED_LOAD, None)
    if not load or not ceilings or load >= _HEADROOM_TO * min(ceilings.values()):
        return 0.0, 0.0
    share = load / min(ceilings.values())
    could_gbps = closed.gbps / share
    return (share, could_gbps) if measured < could_gbps else (0.0, 0.0)


def has_changed(result: Result) -> bool:
    """Tell whether an event has changed the machine, or its load, by the window's end: its closed form is of neither.

    That is of what the run begins with, events at time 0 included.
    """
    events = () if result.series is None else result.series.events
    done = (one for one in events if one.at_ns is not None and one.at_ns < result.window.end_ns)
    return any(one.did not in (SAME_VALUES, BEGINS_WITH_IT) for one in done)


def _measured_gbps(result: Result) -> float | None:
    """Return the measured rate that the closed form's throughput is for: to VMs, or outward if they get nothing."""
    if result.totals.gbps is None or result.totals.gbps:
        return result.totals.gbps
    return outward_gbps(result)


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
