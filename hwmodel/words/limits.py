"""What a reader of the closed form has to know beside its figures, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hwmodel.resources import OF_PORTS, SHORT_NAMES
from hwmodel.words.bounds import how_loose
from hwmodel.words.quantities import (
    counted,
    fixed_text,
    gbps_text,
    percent_text,
    printable,
    rough_text,
    three_digits,
    time_text,
)

_IN_RUNS = {short: name for name, short in SHORT_NAMES.items()}
_MOST_NAMED = 6
_WHY_LOST_AT_BRIDGE = {
    "SAME_PORT": "their destination is behind the port on which they come, which has no hairpin",
    "VLAN_MEMBER": "a port of the bridge does not carry their VLAN",
    "ACL_DENY": "its policy denies them",
    "NO_DESTINATION": "no port of the bridge is left for them",
    "PVLAN": "private VLANs keep the ports apart (pvlan)",
}
_WHY_LOST_ELSEWHERE = {
    "SAME_PORT": "they are for their own sender, to which nothing comes back without self_loopback",
    "VLAN_MEMBER": "the port by which they would come or leave is not in their VLAN",
    "NO_DESTINATION": "the uplink is not in their VLAN, and nobody else gets them",
    "PVLAN": "private VLANs keep the ports apart (pvlan)",
    "LINK_DOWN": "a wire on their way is dead (port.down)",
    "UNKNOWN_UNICAST": "their destination is off, or in none of the VLANs in which they come there",
}
SHORT_PIECES = "batch_time comes once a piece, and pieces of VMs that send less than their turns are short"
LEVEL_RATES = "Not counted: the rates of S-channels at the bridge, which hold back more."
LEVEL_WEIGHTS = "Not counted: the weights of S-channels at the bridge, which say who gets what of a full port."
POLICED_FRAMES = "Not counted: frames that the access list drops or polices."
LATENCY_SPREAD = "Not counted: the spread of the read latency (its mean counts)."
IOTLB_MISSES = "Misses of the IOMMU's cache are counted by what rings and buffers touch, and low."
WITHOUT_WALKS = "Not counted: page walks (host.iotlb), where a mix of streams is sought; they may hold back far more."
FRAME_OF_SEND = "The frame alone is sent by itself, as a send of one frame."


def limit_name(limited_by: str) -> str:
    """Return the name that runs have for the resource by which the closed form is limited."""
    return _IN_RUNS.get(limited_by, limited_by)


def at_port(port: str, name: str) -> str:
    """Return the name of a resource at a port: wire.tx, or p1.wire.tx where an adapter has several."""
    return f"{port}.{name}" if port else name


def of_any_port(name: str) -> str:
    """Return a port resource's name without its port."""
    return next((one for one in OF_PORTS if name.endswith(one)), name)


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
WITHOUT_AGENTS = "There are agents: all of this is of the machine without anything that they set or send."
WITHOUT_COPIES = "A bridge mirrors or samples frames: all of this is without the copies and datagrams that it sends."
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


def how_sure(notes: Collection[str], document: Mapping[str, Any] | None) -> str:
    """Say how near a run comes to the ceiling; `document`: the configuration where that is only a bound, else None."""
    if document is None:
        return "A long run comes to that within 0.2 %."
    return "A run may stay below that, or come above it." if LONG_DROP in notes else how_loose(document)


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


def far_below(least: float) -> str:
    """Say down to which share of the figure a run of a virtual switch may fall, and why."""
    return f"A run may be far below, down to {rough_text(least)} of it: {SHORT_PIECES}."


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


def any_mix(most: str, limited_by: str) -> str:
    """Say that no mix of a load's flows carries more than `most`, where the machine chooses which it carries."""
    return (
        "What each flow gets is the machine's to choose, and a run says it; no mix of them carries more than "
        f"{most}, by {limit_name(limited_by)}."
    )


def run_beside(duration: str, gbps: float | None, interval: Sequence[float] | None, limited_by: str) -> str:
    """Say what a short run of the load carries, and what limits it; `limited_by`: empty where the run names nothing."""
    named = f", limited by {printable(limited_by)}" if limited_by else ""
    return f"A run of {duration} beside it carries {gbps_text(gbps, interval)}{named}."


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


def over_the_wire_by_mode(
    mode: str, port: str, gbps: float, n_ports: int, inside: tuple[float, str] | None, *, is_in_memory: bool
) -> str:
    """Say what a mode costs that sends all frames out; `inside`: Gb/s, and what limits, if they stayed inside.

    `is_in_memory`: a virtual switch sends them out, not the adapter.
    """
    why = f"In mode {mode} frames between VMs {_come_back(port, gbps, n_ports)}"
    if inside is None:
        return f"{why}."
    gbps_inside, limited_by = inside
    at_most = f"at most {fixed_text(gbps_inside, 2)} Gb/s, limited by {limit_name(limited_by)}"
    return f"{why}; in mode veb they would stay in the {'virtual switch' if is_in_memory else 'adapter'}: {at_most}."


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


def slow_path_note(asked: float, n_cores: int) -> str:
    """Say that a slow path with cores of its own is overloaded."""
    cores = f"the {n_cores} cores" if n_cores > 1 else "the core"
    return (
        f"Misses of the flow cache ask {cores} of the slow path for {three_digits(asked)} times what they do; what "
        "finds too many waiting is dropped (QUEUE_FULL), which the ceiling leaves out."
    )


def ring_needed(ring: str, length: str, needed: int, n_there: int, *, drops: bool) -> str:
    """Say what a stall asks of an Rx ring at the closed form's rate, and what it has; `drops`: what finds none does."""
    need = f"While the host stalls for {length} (host.stall), {counted(needed, 'Rx descriptor')} of {printable(ring)}"
    verb = "is" if needed == 1 else "are"
    if needed <= n_there:
        return f"{need} {verb} used up at this rate; a ring has {n_there:,} (nic.rx_ring), so none is missing."
    rest = "the rest drops" if drops else "the rest waits in the Rx buffer, as far as that has room"
    return f"{need} would be used up at this rate; a ring has {n_there:,} (nic.rx_ring), and {rest}."


BOND_IS_DEAD = (
    "No leg of the bond is in use: what is for the wire is lost, and so is what comes from there (LINK_DOWN)."
)


def bond_capacity(mode: str, parts: Mapping[str, float], fullest: str, gbps: float) -> str:
    """Say each leg's share of the frames for the wire, and what the bond carries until one leg is full."""
    shares = ", ".join(f"{port} {percent_text(share)}" for port, share in parts.items())
    return (
        f"Bond ({mode}): of the frames for the wire {shares}; without a loss it carries {gbps_text(gbps)} of them, as "
        f"{fullest} is full then."
    )


def leg_is_given_up(leg: str, found_ns: float, frames: float) -> str:
    """Say for how long frames still go to a leg that has died, and how many these are at most."""
    return (
        f"A leg without its carrier is given up after {time_text(found_ns)} at most (monitor, down_delay): of {leg} "
        f"that loses up to {three_digits(frames)} frames, and those that wait in its rings."
    )


def leg_is_silent(leg: str, share: float) -> str:
    """Say that link monitoring does not detect a leg whose other end is silent."""
    return f"{leg} is silent and nothing finds it (LACP does): {percent_text(share)} of what is for the wire is lost."


def class_share(number: int, refill: int, share: float | None, pools: Sequence[tuple[str, float]]) -> str:
    """Say a class's share, and its pools', if all are always backlogged."""
    within = ""
    if len(pools) > 1:
        told = ", ".join(f"{name} {percent_text(part)}" for name, part in pools[:_MOST_NAMED])
        within = f"; of that {told}{' and others' if len(pools) > _MOST_NAMED else ''}"
    if share is None:
        return f"Class {number} goes before all others, which share what it leaves{within}."
    return f"Class {number}, {refill} credits a round: {percent_text(share)} where all always have a frame{within}."


def rate_register_words(name: str, limit: str, value: int, gbps: float) -> str:
    """Say the register value that holds a rate limit, and the rate that it means."""
    return f"{name}: rate_limit {limit} is RTTBCNRC 0x{value:08x}, which holds it to {gbps:.9g} Gb/s."


def headroom_words(kilobytes: int, low_kilobytes: int, longest: int, device: str, *, has_vfs: bool) -> str:
    """Say what the driver's formula gives as headroom and as low mark."""
    loopback = ", one more for what VMs send to each other" if has_vfs else ""
    return (
        f"Flow control, headroom by the formula of Linux' ixgbe ({device}, frames of {longest} B{loopback}): "
        f"{kilobytes} KiB; low mark {low_kilobytes} KiB."
    )


def stop_may_lapse(quanta: int, refresh: int, needed: int) -> str:
    """Say that stops are too short to hold until the control frame that renews them has got on the wire."""
    return (
        f"a stop of {quanta} quanta may be over before it is renewed: the next control frame is "
        f"due {refresh} quanta later, and waits for the frame that the port is sending then; {needed} quanta hold."
    )


def headroom_use(number: int | None, headroom: str, needed_bytes: int, port: str, *, is_enough: bool) -> str:
    """Say a class's headroom (None: one buffer for all), of a bridge's `port` if said, beside what may still arrive."""
    whose = "The Rx buffer" if number is None else f"Class {number}"
    if port:
        whose = f"Port {printable(port)}" if number is None else f"Class {number} of port {printable(port)}"
    end = "" if is_enough else ": it may lose frames"
    return (
        f"{whose} has {headroom} of headroom, and up to {needed_bytes:,} B may come from the wire behind the mark "
        f"until the sender has stopped{end}."
    )
