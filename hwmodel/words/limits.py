"""The closed form as text that a designer can check with a pocket calculator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_NS
from hwmodel.words.bounds import how_loose
from hwmodel.words.notebook import fragment, html_table, paragraph
from hwmodel.words.quantities import (
    counted,
    fixed_text,
    listed,
    printable,
    rough_text,
    server_noun,
    table,
    three_digits,
)

if TYPE_CHECKING:
    from hwmodel.analytic.ceiling import Ceiling, Step
    from hwmodel.analytic.limits_record import Limits


_MANY_SIZES = 4
_LAW_WORDS = {
    "alone": "One wire feeds it.",
    "random": "Who comes first has the room of the frame just sent: of two wires each loses as many frames.",
    "in_step": "One wire is never idle, in step with the port: its next frame has the room of the frame just sent.",
    "unknown": "Who loses how much is for a run to say: it depends on frame lengths, on who begins when, or on clocks.",
}
_IN_RUNS = {"up": "pcie.up", "down": "pcie.down"}
_INDENT = "  "
_ROUNDING = 1e-9
_FULLER = 1.01  # than at the ceiling, for a wire to be said to be fuller
NS_PER_S, US_PER_S = 10**9, 10**6


def limits_text(limits: Limits) -> str:
    """Write limits as tables: the link's bytes step by step (or all links), the ceilings, wires and latencies."""
    links = [_server_lines(limits)] if limits.servers else [_link_lines(limits), _step_lines(limits)]
    if not any(step.n_bytes for step in limits.steps) and not limits.servers:
        links = [[subject_line(limits)]]
    sections = [
        *links,
        _send_lines(limits),
        _ceiling_lines(limits),
        _hop_lines(limits),
        *_full_port_lines(limits),
        _latency_lines(limits),
    ]
    if limits.notes:
        sections.append(list(limits.notes))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _link_lines(limits: Limits) -> list[str]:
    link = limits.link
    if link.is_bus:
        return [
            subject_line(limits),
            f"{limits.raw_gbps:.3f} Gb/s raw, both directions together: {float(link.bytes_per_s / 10**6):.1f} MB/s, "
            f"{float(link.fs_per_byte / FS_PER_NS):.6f} ns a byte; a clock without data counts as what it could carry",
        ]
    shares = [f"SKP {_percent(link.skp_share)}"]
    shares += [f"DLLPs {_percent(link.dllp_share)}"] if link.dllp_share else []
    usable = float(link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS)
    return [
        subject_line(limits),
        f"{limits.raw_gbps:.3f} Gb/s raw each way, less {' and '.join(shares)}: {usable:.3f} Gb/s, "
        f"{float(link.fs_per_byte / FS_PER_NS):.6f} ns a byte",
    ]


def _send_lines(limits: Limits) -> list[str]:
    """Say what a send takes that the adapter cuts into frames; nothing without sends."""
    send = limits.lone_send
    if send is None:
        return []
    return [
        f"a send of {send.memory_bytes:,} B, header and payload: {counted(send.frames, 'frame')}, "
        f"{counted(send.descriptors, 'descriptor')}, {counted(send.doorbells, 'doorbell')}, "
        f"{counted(send.reads, 'payload read')}",
        f"by itself on the link: {send.up_bytes:,} B up, {send.down_bytes:,} B down (doorbell, descriptors, payload, "
        "write-back; no interrupt, no DLLPs)",
    ]


def _server_lines(limits: Limits) -> list[str]:
    """List the links with their bytes per frame; `to_dict` has the steps of each."""
    are_buses = [one.link.is_bus for one in limits.servers]
    is_mixed = any(are_buses) and not all(are_buses)
    ways = "" if is_mixed else " both ways" if all(are_buses) else " each way"
    noun = server_noun(*(one.name for one in limits.servers))
    heading = (noun, f"Gb/s{ways}", "up B", "down B", "a frame, of all that are offered in the system")
    rows = [
        (
            one.name,
            f"{float(one.link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS):.3f}",
            _number(_sum_bytes(one.steps, "up")),
            _number(_sum_bytes(one.steps, "down")),
            one.link_name + f"; Gb/s {'both ways together' if one.link.is_bus else 'each way'}" * is_mixed,
        )
        for one in limits.servers
    ]
    return [subject_line(limits), *_table([heading, *rows], right={1, 2, 3})]


def _hop_lines(limits: Limits) -> list[str]:
    """List the wires at the bridge with what they carry at the ceiling."""
    if not limits.hops:
        return []
    heading = ("wire", "M frames/s", "bytes", "busy", "frames with FCS and tags; busy with 20 B more for each")
    rows = [
        (one.wire, _mpps(one.frames_per_s), f"{one.frame_bytes:.6g}", f"{100 * one.utilization:.4g} %", "")
        for one in limits.hops
    ]
    return [*_table([heading, *rows], right={1, 2, 3}), *_fuller_in_a_run(limits)]


def _fuller_in_a_run(limits: Limits) -> list[str]:
    """Name the wires that bring more to a full port than at the ceiling, where senders hold back what would drop."""
    at_ceiling = {one.wire: float(one.frames_per_s) / 1e6 for one in limits.hops}
    brought = (one for port in limits.full_ports for one in port.wires if one.wire in at_ceiling)
    fuller = sorted({one.wire for one in brought if one.arriving_mpps > _FULLER * at_ceiling[one.wire]})
    verb, what = ("is", "this wire") if len(fuller) == 1 else ("are", "these wires")
    return [
        f"{listed(fuller)} {verb} fuller in a run: a full port (below) does not hold back who sends by {what}."
    ] * bool(fuller)


def _full_port_lines(limits: Limits) -> list[list[str]]:
    """Say how each overloaded port of the bridge is shared."""
    found = []
    for port in limits.full_ports:
        arriving, sent = fixed_text(port.arriving_mpps, 4), fixed_text(port.sent_mpps, 4)
        asked = f"{port.port} is asked for {arriving} M frames/s and sends {sent} M"
        rows = [
            (one.wire, fixed_text(one.arriving_mpps, 4), "" if one.kept_mpps is None else fixed_text(one.kept_mpps, 4))
            for one in port.wires
        ]
        table = [] if not rows else _table([(f"for {port.port}", "M frames/s", "gets through"), *rows], right={1, 2})
        found.append([f"{asked}; what finds no room drops (QUEUE_FULL).", _LAW_WORDS[port.law], *table])
    return found


def _step_lines(limits: Limits) -> list[str]:
    lines = []
    for direction, heading in zip(("up", "down"), ("up, adapter to host", "down, host to adapter"), strict=True):
        steps = [step for step in limits.steps if step.direction == direction]
        rows = [(_INDENT + step.name, _tlps(step), _number(step.n_bytes), f"= {step.formula}") for step in steps]
        total = (_INDENT + "sum", "", _number(_sum_bytes(steps, direction)), "")
        pieces, beside = ("bursts", "clocks beside data") if limits.link.is_bus else ("TLPs", "header")
        lines.append([(heading, pieces, "bytes", f"{pieces} * {beside} + data, per frame"), *rows, total])
    table = _table([row for block in lines for row in block], right={1, 2})
    return [*table[: len(lines[0])], "", *table[len(lines[0]) :]]


def ceiling_rows(limits: Limits) -> list[tuple[str, ...]]:
    """Return the table of ceilings, heading first: what a frame takes of each resource, and its capacity."""
    heading = ("ceiling", "a frame takes", "of", "M frames/s", "")
    rows = [
        (
            ceiling.resource,
            *_taken_of(ceiling),
            "" if ceiling.frames_per_s is None else _mpps(ceiling.frames_per_s),
            ceiling.what,
        )
        for ceiling in limits.ceilings
    ]
    return [heading, *rows]


def _taken_of(ceiling: Ceiling) -> tuple[str, str]:
    """Say what a frame takes and of what capacity: one unit held for a time, of so many; or an amount a second.

    Of room in bytes a frame holds as many as it has, each for a time: the mean of their product.
    """
    less = f" - {_short(ceiling.per_s)}" if ceiling.per_s else ""
    if ceiling.is_held:
        of_all = f"{_amount(ceiling.capacity, ceiling.unit)}{less}"
        if ceiling.unit == "B":
            return f"{_short(ceiling.per_frame * US_PER_S)} B us", of_all
        return f"one for {_short(ceiling.per_frame * NS_PER_S)} ns", of_all
    if ceiling.unit == "s":
        return f"{_short(ceiling.per_frame * NS_PER_S)} ns", f"{_short(ceiling.capacity)} s{less} a second"
    return _amount(ceiling.per_frame, ceiling.unit), f"{_amount(ceiling.capacity, ceiling.unit)}{less} a second"


def _amount(number: Fraction, unit: str) -> str:
    """Write an amount with its unit, given in the plural: 1 frame, 2.5 frames."""
    text = _short(number)
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def limit_name(limited_by: str) -> str:
    """Return the name that runs have for the resource by which the closed form is limited."""
    return _IN_RUNS.get(limited_by, limited_by)


def ceiling_sentence(limits: Limits) -> str:
    """Say how much is offered and delivered at the ceiling, and what limits it."""
    beside = limits.beside_per_s
    are_more = limits.mpps > (1 + _ROUNDING) * float((limits.frames_per_s + beside) / 10**6)
    delivered = "copies" if are_more and limits.counts == "frames" else "frames"
    return (
        f"At most {_mpps(limits.frames_per_s)} M {limits.counts}/s offered"
        + (f" beside {_mpps(beside)} M of a given rate" if beside else "")
        + f"; delivered {fixed_text(limits.mpps, 4)} M {delivered}/s, {fixed_text(limits.gbps, 2)} Gb/s; "
        f"limited by {limit_name(limits.limited_by)}{_as_full(limits)}."
    )


def _as_full(limits: Limits) -> str:
    """Name the other ports at a bridge that are asked for more than they send, as a run names all that is full."""
    others = [one.port for one in limits.full_ports if one.port != limits.limited_by]
    return f" (as full: {', '.join(others)})" if others else ""


def subject_line(limits: Limits) -> str:
    """Name the link, unless there are several servers, and the frames' sizes."""
    sizes = _sizes(limits.sizes).replace("frames", limits.counts, 1)
    return sizes if limits.servers else f"{limits.link_name}; {sizes}"


def _ceiling_lines(limits: Limits) -> list[str]:
    return [*_table(ceiling_rows(limits), right={1, 2, 3}), ceiling_sentence(limits), limits.how_sure]


def how_sure(notes: Collection[str], document: Mapping[str, Any] | None) -> str:
    """Say how near a run comes to the ceiling; `document`: the configuration where that is only a bound, else None."""
    if document is None:
        return "A long run comes to that within 0.2 %."
    return "A run may stay below that, or come above it." if LONG_DROP in notes else how_loose(document)


def _latency_lines(limits: Limits) -> list[str]:
    lines = []
    if limits.latency_steps:
        longest = max(n_bytes for n_bytes, _ in limits.sizes)
        symbols = "t(n): time of n bytes on the link, R: host read latency"
        heading = (f"one frame of {longest} B alone, all batches 1", "ns", symbols)
        rows = [(_INDENT + step.name, f"{step.duration_fs / FS_PER_NS:.3f}", f"= {step.formula}")
                for step in limits.latency_steps]  # fmt: skip
        total = sum(step.duration_fs for step in limits.latency_steps) / FS_PER_NS
        lines += _table([heading, *rows, (_INDENT + "sum", f"{total:.3f}", "")], right={1})
        if len(limits.sizes) > 1:
            lines.append(f"Mean over the frame sizes: {limits.unloaded_latency_ns:.3f} ns.")
        lines.append("")
    if limits.round_trip_ns is not None:
        lines.append(f"A read of {limits.round_trip_bytes} B alone takes {limits.round_trip_ns:.3f} ns.")
    return lines


def _sizes(sizes: Sequence[tuple[int, Fraction]]) -> str:
    if len(sizes) == 1:
        return f"frames of {sizes[0][0]} B with FCS"
    mean = float(sum(n_bytes * share for n_bytes, share in sizes))
    if len(sizes) > _MANY_SIZES:
        return f"frames of {len(sizes)} sizes, {mean:.1f} B with FCS in the mean"
    lengths = ", ".join(f"{n_bytes} B ({_percent(share)})" for n_bytes, share in sizes)
    return f"frames of {lengths} with FCS"


def _sum_bytes(steps: Iterable[Step], direction: str) -> Fraction:
    return sum((step.n_bytes for step in steps if step.direction == direction), Fraction(0))


def _tlps(step: Step) -> str:
    return _number(step.n_tlps) if step.n_tlps else ""


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.4f}".rstrip("0").rstrip(".")


def _mpps(frames_per_s: Fraction | float) -> str:
    """Write a rate in millions a second."""
    return fixed_text(float(frames_per_s) / 10**6, 4)


def _digits(value: float) -> str:
    """Write a number with up to four digits, and no exponent."""
    return f"{value:.4g}" if value == 0 or value >= 1e-4 else three_digits(value)


def _short(value: Fraction) -> str:
    return f"{float(value):.6g}"


def _percent(share: Fraction) -> str:
    return f"{100 * float(share):.3g} %"


def _table(rows: Sequence[tuple[str, ...]], right: Collection[int]) -> list[str]:
    left = [column for column in range(len(rows[0])) if column not in right]
    return [line.text for line in table(rows[0], rows[1:], left)]


def limits_html(limits: Limits) -> str:
    """Return the ceiling in a sentence, the table of all ceilings, and the notes, as HTML that needs nothing else."""
    heading, *rows = ceiling_rows(limits)
    lone_ns = limits.unloaded_latency_ns
    lone = (
        "" if lone_ns is None else f"With all batches 1, a frame alone takes {lone_ns:,.1f} ns from post to delivery."
    )
    return fragment(
        paragraph(ceiling_sentence(limits), is_answer=True),
        paragraph(f"{subject_line(limits)}."),
        html_table(heading, rows, left_columns=(0, 4)),
        *(paragraph(text) for text in (lone, *limits.notes)),
    )


# ---- What a reader of the closed form has to know beside its figures. ----

_MOST_NAMED = 6
_WHY_LOST_AT_BRIDGE = {
    "SAME_PORT": "their destination is behind the port on which they come, which has no hairpin",
    "VLAN_MEMBER": "a port of the bridge does not carry their VLAN",
    "ACL_DENY": "its policy denies them",
    "NO_DESTINATION": "no port of the bridge is left for them",
}
_WHY_LOST_ELSEWHERE = {
    "SAME_PORT": "they are for their own sender, to which nothing comes back without self_loopback",
    "VLAN_MEMBER": "the port by which they would come or leave is not in their VLAN",
    "NO_DESTINATION": "the uplink is not in their VLAN, and nobody else gets them",
    "LINK_DOWN": "a wire on their way is dead (port.down)",
    "UNKNOWN_UNICAST": "their destination is off, or in none of the VLANs in which they come there",
}
SHORT_PIECES = "batch_time comes once a piece, and pieces of VMs that send less than their turns are short"
WHO_WAITS = "who waits how long for what is full beside the switch's cores is not known, and the best is taken"
LEVEL_RATES = "Not counted: the rates of S-channels at the bridge, which hold back more."
LEVEL_WEIGHTS = "Not counted: the weights of S-channels at the bridge, which say who gets what of a full port."
POLICED_FRAMES = "Not counted: frames that the access list drops or polices."
LATENCY_SPREAD = "Not counted: the spread of the read latency (its mean counts)."
IOTLB_MISSES = "Misses of the IOMMU's cache are counted by what rings and buffers touch, and low."
WITHOUT_WALKS = "Not counted: page walks (host.iotlb), where a mix of streams is sought; they may hold back far more."
FRAME_OF_SEND = "The frame alone is sent by itself, as a send of one frame."


def frames_are_segments(n_bytes: int, n_frames: int | None) -> str:
    """Say that segments which VMs hand over are counted; `n_frames`: frames that each is cut into for the wire."""
    cut = "" if n_frames is None else f" For the wire each is cut into {n_frames} frames, the last of which ends it."
    return f"VMs hand over segments of {n_bytes} B, whole; what a frame takes is what a segment does.{cut}"


CONTEXTS = "Not counted: context descriptors of sends (tso_context: changed)."
COALESCED = "Frames are taken to come in rows of one flow, which are coalesced as far as they may be."
NO_REFILLS = (
    "Not counted: drivers that post no Rx descriptor again (refill: false) receive what their rings have at the start, "
    "then nothing; where their frames do not drop (drop_enable: false) nobody receives anything from then on."
)
WITHOUT_SCENARIO = "There is a scenario: all of this is of the machine without any of its events."
PCIE_SWITCHES = (
    "Of PCIe switches the links are counted, not their credits, nor how adapters share a link by their weights: of "
    "mixes that carry as much one is taken."
)
BUSES = (
    "Of a bus each transaction is counted once, as on one that nobody else asks for: not the retries of PCI while the "
    "host reads, nor that a latency timer cuts a burst in two."
)


def host_shares(shares: Sequence[tuple[str, float]], resource: str = "") -> str:
    """Say the shares of the common link that backlogged hosts get; that there are none where their VMs meet."""
    credits = "Of a multi-root switch the links are counted, not their credits."
    if not shares:
        return f"{credits} Who gets how much of the adapter's link depends on who sends to whom: a run says it."
    each = ", ".join(f"{printable(name)} {100 * share:.1f} %" for name, share in shares)
    return f"{credits} Hosts that always have frames get, by their weights, of {resource}: {each}."


RECEIVE_LIMITS = "Not counted: frames that a receive_limit drops."
CORE_EDGE = (
    "A frame alone as configured begins at a clock edge of the switch core; elsewhere its switch part differs by less "
    "than a cycle."
)


def share_of_cache(share: int, whole: int) -> str:
    """Say how many descriptors of the common cache each ring in use has."""
    return (
        f"The rings in use share {whole:,} descriptors on the chip (nic.shared_descriptor_cache): each has up to "
        f"{share}, and reads {'one' if share == 1 else f'up to {share}'} at once."
    )


def all_lost(ways: Sequence[str], reason: str, by: str) -> str:
    """Say between which ends all frames are dropped whatever the load; `by`: who drops, a plural for one of several."""
    why = (_WHY_LOST_AT_BRIDGE if by.startswith("bridge") else _WHY_LOST_ELSEWHERE)[reason]
    who = {"bridges": "A bridge", "adapters": "An adapter"}.get(by, f"The {by}")
    return f"{who} drops all frames from {_first(ways)} ({reason}): {why}."


def starved(names: Sequence[str]) -> str:
    """Say which flows with a given rate send nothing, because their VM also has a saturating flow."""
    return f"Nothing is sent of {_first(names)}: a flow of the same VM has no rate, and takes each slot as it is free."


def far_below(least: float, reasons: Sequence[str]) -> str:
    """Say down to which share of the figure a run may fall, and why."""
    return f"A run may be far below, down to {rough_text(least)} of it: {'; '.join(reasons)}."


def no_room_above(resource: str) -> str:
    """Say that a bridge's port drops what is above the ceiling."""
    return f"Above that {resource} has no room: what is more drops there (QUEUE_FULL)."


LONG_DROP = (
    "Which of several lengths drop is for a run to say: a full buffer has room for a short frame rather than for a "
    "long one, and a core that sends a long one leaves a receiver more time before it."
)


def stops_senders(bridge: str) -> str:
    """Say that a bridge stops its senders, so that frames wait there in place of dropping."""
    return (
        f"{bridge[0].upper()}{bridge[1:]} stops who sends too much (flow control): what it has no room for waits at "
        "its senders, other frames of the class wait with it, and wires carry less than here; what nobody stops drops "
        "(QUEUE_FULL)."
    )


def dropped_in_bridge(resource: str, bridge: str) -> str:
    """Say that what a receiver holds back drops at a bridge that stops nobody."""
    return f"What {resource} has no room for waits in {bridge}, which stops nobody, and drops there (QUEUE_FULL)."


WAIT_IN_ORDER = (
    "Frames from the wire wait in the Rx buffer in order, those for other VMs behind one that finds no descriptor: a "
    "run may stay far below."
)


def dropped_above(resource: str, wires: str) -> str:
    """Say that a receiver drops what is above the ceiling; `wires`: what that has used before, if anything."""
    beside = f", and has used {wires} by then, which are busier in a run than here" if wires else ""
    return f"Nothing holds back who sends more than {resource} has room for: the adapter drops it{beside}."


def shared_buffer(whose: str) -> str:
    """Say that ports share a buffer."""
    return f"All ports of {whose} share its buffer: where one is full, frames for others drop too."


def policed(entry: str, gbps: float, passing: float | None) -> str:
    """Say what share of its frames a policer lets pass, None where that is not known."""
    if passing is None:
        return f"Not counted: what {entry} polices; of its frames no more than {gbps:g} Gb/s pass, whatever is above."
    return f"Of the frames that {entry} polices {100 * passing:.3g} % pass, {gbps:g} Gb/s (RATE_LIMITED)."


def mix(parts: Sequence[tuple[Sequence[str], float, float | None]], *, has_turns: bool) -> str:
    """Say for which mix the figures hold: the streams cut, their M frames/s, and those offered.

    Several names share one figure if it is unknown how they divide it. `has_turns`: some senders take turns.
    """
    shown = []
    for names, mpps, of in parts:
        who = names[0] if len(names) == 1 else f"({_first(names)}) together"
        shown.append(f"{who} {_digits(mpps)}" + ("" if of is None else f" of {_digits(of)}"))
    turns = ", senders taking turns" if has_turns else ""
    are_open = any(len(names) > 1 for names, _, _ in parts)
    return f"The mix that carries most to VMs{turns}; not carried in full, M frames/s: {_first(shown)}." + (
        " Who of those in brackets gets how much is for a run to say." if are_open else ""
    )


def _first(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def never_written_back(batch: int) -> str:
    """Say that a lone frame waits forever for a write-back batch to fill."""
    return _never(f"{batch} descriptors are written back together (nic.rx_writeback_batch)")


def never_interrupted(batch: int, key: str) -> str:
    """Say that a lone frame waits forever for an interrupt batch to fill; `key`: prefix of its driver's keys."""
    return _never(f"{batch} frames share an interrupt ({key}.rx_interrupt_batch)")


def _never(reason: str) -> str:
    return f"A frame alone is never taken: {reason}, and no timer ends the wait."


def over_the_wire_by_vlan(port: str, gbps: float, n_ports: int) -> str:
    """Say what it costs that VMs are in different VLANs, so that their frames go over the wire."""
    come_back = _come_back(port, gbps, n_ports)
    return f"Frames between VMs in VLANs of their own {come_back}; in one VLAN they would stay in the adapter."


def over_the_wire_by_mode(mode: str, port: str, gbps: float, n_ports: int, inside: Limits | None) -> str:
    """Say what a mode costs that sends all frames out; `inside`: the limits if they stayed inside, if known."""
    why = f"In mode {mode} frames between VMs {_come_back(port, gbps, n_ports)}"
    if inside is None:
        return f"{why}."
    at_most = f"at most {fixed_text(inside.gbps, 2)} Gb/s, limited by {limit_name(inside.limited_by)}"
    return f"{why}; in mode veb they would stay in the adapter: {at_most}."


def _come_back(port: str, gbps: float, n_ports: int) -> str:
    whose = f"the uplink of {port}, with its" if port else "its"
    if n_ports > 1 and not port:
        return (
            f"leave by the wire of their port and come back, so that all at a port share {whose} {gbps:g} Gb/s each way"
        )
    return f"leave by the wire and come back, so that all share {whose} {gbps:g} Gb/s each way"


def inline_doorbells(inline_bytes: int, plain_bytes: int) -> str:
    """Say that the closed form takes every inline descriptor as used, while a ring with a backlog reads it anyway."""
    return (
        f"A doorbell with its descriptor ({inline_bytes} B in place of {plain_bytes} B) is taken to save the read. A "
        "ring that is behind has descriptors before it still to read, and reads this one too."
    )


def more_doorbells(n_free: int, above: float) -> str:
    """Say how far a run may exceed a full link's ceiling, as busy drivers ring less often than counted."""
    free = "Tx slot that comes" if n_free == 1 else f"{n_free} Tx slots that come"
    return (
        f"A doorbell is counted for each {free} free; cores that are busy with other frames ring for more at "
        f"once, and a run may be up to {rough_text(above)} above."
    )
