"""The sentence that says why a resource sets the throughput, with the numbers that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hwmodel import resources
from hwmodel.resources import BY_NAME, CREDITS, ETHERNET, OFFERED_LOAD, RATE_LIMIT, STORES
from hwmodel.results.observation import LinkCost, Observation
from hwmodel.results.stall_text import reason_for_ring, slowed
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.words.quantities import change_text, counted, listed, percent_text, server_title, time_text

DWORD_BYTES = 4
_MOST_NAMED, _MOST_AS_FULL = 4, 12
LEAST_TOLD = 0.01  # a gain below is one that short runs may show by chance
ALIKE = 0.005  # of the payload; the ends of a window cut off less

_PUBLISHED_STORES = (*STORES, CREDITS, ".buffer")
STOPPED_FROM_OUTSIDE = ("nic.flow_control.received",)  # the keys of a wire that control frames stop most of the time
AS_FULL = 0.97  # of two servers: making one larger gains less than 3 %


def has_room(resource: str, utilization: float, keys: Sequence[str]) -> bool:
    """Tell whether a resource works at a rate of its own, has time left, and is not stopped: then it limits nobody."""
    is_server = resource != OFFERED_LOAD and not resource.endswith(_PUBLISHED_STORES)
    return is_server and utilization < AS_FULL and tuple(keys) != STOPPED_FROM_OUTSIDE


def is_rate_limit(resource: str) -> bool:
    """Tell whether a resource is a configured rate limit, of any server: it holds back or drops, and is never full."""
    return resource.endswith(RATE_LIMIT)


def sentence(name: str, seen: Observation) -> str:
    """Return the reason why a resource sets the throughput, by its row's name."""
    if name in _REASONS:
        return _REASONS[name](seen)
    more = _MORE[name](seen) if name in _MORE else ""
    return BY_NAME[name].why.format(busy=percent_text(seen.busy(name)), wait=percent_text(seen.wait(name)), more=more)


def _frame(seen: Observation, cost: LinkCost) -> str:
    """Name the frame that a cost refers to: each one if all are alike, else the mean delivered one."""
    if seen.frame_bytes is None:
        return "a delivered frame on average"
    if seen.frame_bytes != round(seen.frame_bytes):
        return f"a frame of {seen.frame_bytes:.1f} B on average"
    # Frames to or from the wire cross the link once; a group frame crosses it once down and several times up.
    data_bytes = -(-(seen.frame_bytes - FCS_BYTES) // DWORD_BYTES) * DWORD_BYTES
    is_each = abs(cost.payload_bytes_per_frame - data_bytes) < ALIKE * data_bytes or seen.has_mirrored
    return f"{'each' if is_each else 'a delivered'} {seen.frame_bytes:.0f} B frame{'' if is_each else ' on average'}"


def _cost(cost: LinkCost | None, seen: Observation) -> str:
    """Add what a frame costs on a direction of the link."""
    if cost is None:
        return ""
    mirrored = ", mirrored copies included" * seen.has_mirrored
    n_bytes, payload = cost.bytes_per_frame, cost.payload_bytes_per_frame
    return f": {_frame(seen, cost)} costs {n_bytes:.0f} B there, {payload:.0f} B of it payload{mirrored}"


def busy_bus(name: str, share: float, data: float) -> str:
    """Say of a bus of several adapters that it is full."""
    return (
        f"The bus {name}, one for all of its adapters and both directions, is busy {percent_text(share)} of the "
        f"window, {percent_text(data)} of it with data."
    )


def _clocks(seen: Observation) -> str:
    """Add what a frame costs of a bus."""
    if seen.up is None or seen.down is None:
        return ""
    n_bytes = seen.up.bytes_per_frame + seen.down.bytes_per_frame
    payload = seen.up.payload_bytes_per_frame + seen.down.payload_bytes_per_frame
    return (
        f": {_frame(seen, seen.up)} takes clocks that could carry {n_bytes:.0f} B, up and down, and "
        f"{payload:.0f} B of it is payload, retries apart"
    )


def _tags(seen: Observation) -> str:
    number = "" if seen.tags is None else f" of the {seen.tags}"
    subject = "The one read tag is taken" if seen.tags == 1 else f"None{number} read tags is free"
    share, waited = (percent_text(of(resources.TAGS)) for of in (seen.busy, seen.wait))
    mean = "" if seen.tags_in_use is None or seen.tags == 1 else f" ({seen.tags_in_use:.1f} are in use on average)"
    return (
        f"{subject} {share} of the window{mean}, and reads wait for one {waited} of it, while the "
        f"link has room left{_translations(seen)}."
    )


def _translations(seen: Observation) -> str:
    """Add how often addresses miss the IOMMU's translation cache, which delays reads and writes at the host."""
    if not seen.iotlb_miss_share:
        return ""
    return (
        f"; {percent_text(seen.iotlb_miss_share)} of the addresses miss the IOMMU's translation cache, and wait for it"
    )


def _in_use(kind: str, seen: Observation) -> str:
    """Add how much of a kind of credits is in use, where that says more than the waits for them."""
    use = min(1.0, seen.use(kind))
    told = f"; what is sent takes {percent_text(use)} of what their number allows" if use > seen.wait(kind) else ""
    return f"{told}{_translations(seen)}"


def _driver(side: str, verb: str, seen: Observation) -> str:
    owner = f"The core of {seen.core_of}" if seen.core_of else "A VM's core"
    if seen.passes_frames:
        owner = f"The hypervisor's core for {seen.core_of}" if seen.core_of else "A core of the hypervisor"
    whole = "it" if seen.stalled else "the window"
    return (
        f"{owner} is busy {percent_text(seen.busy(side))} of {slowed(seen.stalled)}, "
        f"{percent_text(seen.utilizations.get(side, 0.0))} of {whole} with {verb}: its driver handles no more frames a "
        "second."
    )


def _first_few(names: Sequence[str]) -> str:
    """Return names as a list; of many, the first two and the number of others."""
    return listed([*names[:2], f"{len(names) - 2} others"] if len(names) > _MOST_NAMED else names)


def _rx_ring(seen: Observation) -> str:
    waited, dropped = seen.wait(resources.RX_RING), seen.drops.get("NO_DESCRIPTOR", 0)
    facts = []
    if waited > 0:
        facts.append(f"frames wait for one {percent_text(waited)} of the window")
    if dropped:
        # Frames dropped in the window may have been offered before it.
        part = "all" if dropped >= seen.offered_frames else f"{dropped:,} of {seen.offered_frames:,}"
        facts.append(f"{part} frames {'was' if dropped == 1 else 'were'} dropped for want of one")
    held = (
        ""
        if seen.rx_descriptor_ns is None
        else f" A frame keeps its descriptor {time_text(seen.rx_descriptor_ns)} on average, until the guest has posted "
        "it again."
    )
    if facts:
        refused = seen.refused_frames
        names = seen.rx_blocked or [name for name, n_lost in refused.items() if n_lost or seen.refusing.get(name)]
        whose = f"The Rx ring{'s' if len(names) > 1 else ''} of {_first_few(names)}" if names else "An Rx ring"
        verb = "have" if len(names) > 1 else "has"
        if names and set(names) <= set(refused):
            why = f"{_first_few(names)} {'post' if len(names) > 1 else 'posts'} none again (refill: false)."
        elif seen.lost_in_stalls > dropped / 2:
            why = reason_for_ring(seen.stalled, seen.lost_in_stalls)
        else:
            why = (
                "The guest gives them back too late for so short a ring: after batches, interrupts and its own work."
                + held
            )
        return f"{whose} {verb} no descriptor left: {' and '.join(facts)}. {why}"
    return (
        f"An Rx ring lends its descriptors for a round trip through write, notice, core and doorbell, up to "
        f"{percent_text(seen.rx_ring_fill)} of them at once: never without one, senders and receivers still keep each "
        f"other waiting.{held}"
    )


def _rx_descriptors(seen: Observation) -> str:
    waited = seen.wait(resources.RX_DESCRIPTORS)
    if seen.rx_blocked and seen.wait(resources.RX_RING) > waited / 2:
        return _rx_ring(seen)
    return (
        f"Frames stand ready in the Rx buffer and wait for Rx descriptors to be fetched {percent_text(waited)} of the "
        "window: too few are fetched ahead for the round trip of a fetch."
    )


def _rx_buffer(seen: Observation) -> str:
    waited, dropped = seen.wait(resources.RX_BUFFER), seen.drops.get("RX_BUFFER_FULL", 0)
    facts = []
    if waited > 0:
        facts.append(f"frames wait for room in it {percent_text(waited)} of the window")
    if dropped:
        verb = "was" if dropped == 1 else "were"
        facts.append(f"{dropped:,} of {seen.offered_frames:,} frames {verb} dropped for want of room")
    return f"The Rx buffer is short: {' and '.join(facts) or 'it was full'}."


HARDLY_ROOM = " gets through, with hardly any room left: "


def nearly_full_load(why: str, others: Sequence[str], less: str = "") -> str:
    """Say that the whole offered load just fits through a resource, but for `less`; `why`: the resource's sentence."""
    text = f"All that is offered{less}{HARDLY_ROOM}{why[0].lower()}{why[1:]}"
    return with_as_full(text, others) if others else text


def with_as_full(why: str, others: Sequence[str]) -> str:
    """Add to a sentence the other resources that are as full."""
    more = f" and {len(others) - _MOST_AS_FULL} more" if len(others) > _MOST_AS_FULL else ""
    return f"{why} As full: {', '.join(others[:_MOST_AS_FULL])}{more}."


FULLEST_ON_AVERAGE = (
    "Nothing is full on average over this window, in which the machine changes; what held when, the events and the "
    "series say."
)
_HAS_ROOM = "Nothing is full: every resource has room, "
_HAS_ROOM_ON_AVERAGE = "Nothing is full on average over this window, in which the machine changes: "
_IN_A_BURST, _FOR_A_TIME = "met a full queue in a burst.", "met a queue that was full, or of a function that was off."
FULLEST_UNJUDGED = (
    "Nothing is full in this window, before which the machine has changed; no short runs, which would say what limits, "
    "are made of what it has become."
)
FULLEST_IN_STAGE = "Nothing is full in this stage; no short runs, which would say what limits, are made of a stage."
FULL_OF_LOST = (
    "What is fullest on average carries frames of which many are dropped behind it, so that it need not be what "
    "limits; what held when, the events and the series say."
)
NOTHING_ENDED = "No frame was delivered or dropped by the end of the run, so it does not show what limits."
NOTHING_DELIVERED = "No frame was delivered in the window, so it does not show what limits."
NOTHING_IN_STAGE = "No frame was delivered in this stage, so it does not show what limits."


def room_on_average(why: str) -> str:
    """Say of a window in which the machine changes that nothing is full on average: for a time something may be."""
    return why.replace(_HAS_ROOM, _HAS_ROOM_ON_AVERAGE).replace(_IN_A_BURST, _FOR_A_TIME)


def of_too_much(why: str) -> str:
    """Return the sentence for a load known to exceed the capacity, though nearly all got through in its window."""
    _, _, rest = why.partition(HARDLY_ROOM)
    return f"{rest[0].upper()}{rest[1:]}" if rest else why


def with_gains(why: str, gains: Sequence[tuple[str, float]], *, is_full: bool, loses: bool = False) -> str:
    """Add to a sentence the gains of short runs with one resource each made larger, the one named first.

    Others that gain next to nothing are left out. `loses`: frames drop after they were sent, so a gain may come from
    fewer drops.
    """
    told = [one for at, one in enumerate(gains) if not at or one[1] >= LEAST_TOLD]
    listed = ", ".join(f"{change} gives {change_text(gain)}" for change, gain in told)
    reason = (
        "frames come in bursts that find no room and drop, and with more of it fewer do."
        if loses
        else "frames go through one step after another with so many under way at most, and time saved here lets others "
        "follow sooner."
    )
    if why == NOTHING_IS_FULL:  # only a latency or a batch limits, which cannot be full
        not_full = f" {reason[0].upper()}{reason[1:]}"
    else:
        not_full = "" if is_full else f" It limits though it is not always full: {reason}"
    return f"{why}{not_full} Short runs with one thing changed: {listed}."


def with_gain_together(why: str, changes: Sequence[str], gain: float, others: Sequence[tuple[str, float]] = ()) -> str:
    """Add to a sentence that no single change helps, and the gain of several together; `others`: those that do too."""
    too = "".join(f", {change} {change_text(gain)}" for change, gain in others)
    return (
        f"{why} In short runs nothing made larger alone gives 2 % more; {' and '.join(changes)} together give "
        f"{change_text(gain)}{too}."
    )


def with_nothing_gained(why: str) -> str:
    """Add to the sentence of the fullest resource, which has room, that short runs do not show what limits."""
    return f"{why} It has room, and in short runs nothing made larger gives 2 % more: what limits is not known."


def _switching(seen: Observation) -> str:
    core = seen.switching
    what = "The busiest core of the host's virtual switch"
    if core is not None and core.kind == "slow":
        what += "'s slow path"
    elif core is not None and core.kind == "thread":
        what = f"The core with the thread of {listed(core.vms)} at the host's virtual switch"
    share = percent_text(seen.busy(resources.VSWITCH))
    return f"{what} is busy {share} of the window: it passes no more frames a second."


def _rate_limit(seen: Observation) -> str:
    waited, dropped = seen.wait(RATE_LIMIT), seen.lost_frames("RATE_LIMITED")
    copies, facts = seen.lost_frames("RECEIVE_LIMIT"), []
    if waited > 0:
        facts.append(f"hold frames back {percent_text(waited)} of the window")
    if dropped:
        facts.append(f"dropped {dropped:,} of {seen.offered_frames:,} frames")
    if copies:  # a group's frame has several
        facts.append(f"dropped {copies:,} copies of {seen.offered_frames:,} frames")
    return f"The configured rate limits {' and '.join(facts) or 'set what may be sent'}."


_OFF = {"FUNCTION_RESET": "a function that is off", "PORT_DISABLED": "a port that is off", "LINK_DOWN": "a dead wire"}


def _what_is_off(drops: Mapping[str, int]) -> str:
    return " or ".join(what for reason, what in _OFF.items() if drops.get(reason))


def _counts(drops: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in drops.items())


def lost_to(ruled: Mapping[str, int], at_off: Mapping[str, int]) -> str:
    """Say what of a load is lost whatever room there is: to rules, or at what is off; empty if nothing is."""
    found = [f"what rules drop ({_counts(ruled)})"] if ruled else []
    found += [f"what meets {_what_is_off(at_off)} ({_counts(at_off)})"] if at_off else []
    return f", less {' and '.join(found)}," if found else ""


def _offered_load(seen: Observation) -> str:
    busiest = max(seen.utilizations, key=seen.busy, default=None)
    if busiest is not None and busiest in resources.CORE:
        busiest = seen.core_side
    if busiest is None or seen.busy(busiest) == 0:
        return "Nothing is full: hardly any frame was offered in the window."
    off = seen.lost_at_what_is_off
    if 2 * off > seen.offered_frames:
        return f"Nothing is full: {off:,} frames met {_what_is_off(seen.drops)}; what is off sends none."
    less = lost_to(seen.dropped_by_rules(), seen.dropped_at_what_is_off())
    lost = seen.lost_for_want_of_room
    aside = f" {lost:,} of {seen.offered_frames:,} frames {_IN_A_BURST}" if lost else ""
    return (
        f"{_HAS_ROOM}the load itself{less} sets the throughput; the busiest, {busiest}, is busy "
        f"{percent_text(seen.busy(busiest))} of the window.{aside}"
    )


def _stopped(seen: Observation) -> str:
    """Add for how long flow control stopped a port, or its class, from outside."""
    stop = seen.stopped.get(resources.WIRE_TX)
    if stop is None:
        return ""
    share = percent_text(stop.share)
    if stop.traffic_class is None:
        return f", and stopped from outside by flow control {share} of it"
    return f". Flow control stops its class {stop.traffic_class} from outside {share} of the window"


# What is added to a row's sentence, and the sentences that the window makes.
_MORE: Mapping[str, Callable[[Observation], str]] = {
    resources.UP: lambda seen: _cost(seen.up, seen),
    resources.DOWN: lambda seen: _cost(seen.down, seen),
    resources.BUS: _clocks,
    resources.WIRE_TX: _stopped,
    **{kind: partial(_in_use, kind) for kind in (resources.POSTED, resources.NON_POSTED, resources.COMPLETION)},
}
_REASONS: Mapping[str, Callable[[Observation], str]] = {
    OFFERED_LOAD: _offered_load,
    resources.DRIVER_TX: partial(_driver, resources.DRIVER_TX, "sending"),
    resources.DRIVER_RX: partial(_driver, resources.DRIVER_RX, "receiving"),
    resources.VSWITCH: _switching,
    RATE_LIMIT: _rate_limit,
    resources.TAGS: _tags,
    resources.RX_RING: _rx_ring,
    resources.RX_BUFFER: _rx_buffer,
    resources.RX_DESCRIPTORS: _rx_descriptors,
}
assert all(bool(row.why) != (name in _REASONS) for name, row in BY_NAME.items()), "each row has a reason"


# ---- What sets the throughput at a bridge, or nowhere. ----

NOTHING_IS_FULL = "What resources there are have room."


def busiest_server(name: str, why: str) -> str:
    """Say which server is the busiest, before its own sentence."""
    return f"{server_title(name)} is the busiest. {why}"


def busy_switch_link(name: str, where: str, sharers: Sequence[str], share: float) -> str:
    """Say how busy the link above a PCIe switch is, and who shares it."""
    shared = f", which {' and '.join(sharers)} share," if len(sharers) > 1 else ""
    return f"The link of PCIe switch {name} {where} the host{shared} is busy {percent_text(share)} of the window."


def busy_multi_root_link(name: str, where: str, sharers: Sequence[str], share: float) -> str:
    """Say how busy a link of the multi-root switch is: the adapter's, which hosts share, or one host's own."""
    if len(sharers) > 1:
        whose, end = f"The adapter's link, which hosts {', '.join(sharers)} share,", "the multi-root switch"
    else:
        whose, end = f"The link of the multi-root switch to host {name.rpartition('.')[2]}", "it"
    return f"{whose} is busy {percent_text(share)} of the window {where} {end}."


def policy_drops(owner: str, n_lost: int, offered: int) -> str:
    """Say what the policy of a bridge or an extender dropped."""
    whose = f"{owner[0].upper()}{owner[1:]}"
    return f"{whose}'s policy dropped {n_lost:,} of {offered:,} frames, which came faster than it lets pass."


def busy_port(port: str, share: float, n_lost: int, n_others: int = 0) -> str:
    """Say how busy a bridge's port is, and what its queue drops, and `n_others` at ports that share its buffer."""
    drops = f", and its queue drops {counted(n_lost, 'frame')}" if n_lost else ""
    return f"{port} is busy {percent_text(share)} of the window{ETHERNET}{drops}{_of_others(n_others)}."


def short_queue(port: str, n_lost: int, frames: int, n_others: int, share: float, *, is_ingress: bool) -> str:
    """Say that there is too little room for a burst for a port, of `frames`; `n_others` as for `busy_port`.

    `is_ingress`: with flow control the room is that of the ports by which the frames come.
    """
    lost = f"{n_lost:,} of {counted(frames, 'frame')} for it"
    room = f"has no room for all that comes at once, and drops {lost}"
    if is_ingress:
        room = f"gets less than comes at once, as the ports by which it comes have no room and drop {lost}"
    return f"{port} {room}, though it is busy only {percent_text(share)} of the window{_of_others(n_others)}."


def _of_others(n_lost: int) -> str:
    verb = "drops" if n_lost == 1 else "drop"
    whose = f"; {counted(n_lost, 'frame')} for other ports, which share its buffer (sharing: all), {verb} too"
    return whose * bool(n_lost)


def busier_port(why: str, port: str, share: float) -> str:
    """Add to the load's sentence the bridge port that is busier than every resource of the servers."""
    return f"{why} {port} is busier: {percent_text(share)} of the window."


def busy_level(port: str, share: float, rate: str, s_vid: int, n_lost: int) -> str:
    """Say how much of its allowed rate an S-channel takes, and that its queue drops, or grows."""
    queue = f"its queue drops {counted(n_lost, 'frame')}" if n_lost else "its queue grows"
    return f"{port} takes {percent_text(share)} of the {rate} that S-channel {s_vid} may have, and {queue}."
