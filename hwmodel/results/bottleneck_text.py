"""The sentence that says why a resource sets the throughput, with the numbers that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hwmodel.results.observation import LinkCost, Observation
from hwmodel.results.stall_text import reason_for_ring, slowed
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.words.quantities import change_text, counted, listed, percent_text, server_title, time_text

DWORD_BYTES = 4
_MOST_NAMED, _MOST_AS_FULL = 4, 12
LEAST_TOLD = 0.01  # a gain below is one that short runs may show by chance
ALIKE = 0.005  # of the payload; the ends of a window cut off less

OFFERED_LOAD = "offered_load"
# What lends items that must be returned; the others work at a rate of their own.
STORES = (
    "nic.tx_ring", "tx.descriptors", "rate_limit", "nic.tx_buffer", "pcie.tags", "nic.dma.places",
    "pcie.credits.posted", "pcie.credits.non_posted", "pcie.credits.completion", "nic.rx_buffer", "nic.rx_ring",
    "rx.descriptors",
)  # fmt: skip
_PUBLISHED_STORES = (*STORES, "pcie.credits", ".buffer")
STOPPED_FROM_OUTSIDE = ("nic.flow_control.received",)  # the keys of a wire that control frames stop most of the time
AS_FULL = 0.97  # of two servers: making one larger gains less than 3 %


def has_room(resource: str, utilization: float, keys: Sequence[str]) -> bool:
    """Tell whether a resource works at a rate of its own, has time left, and is not stopped: then it limits nobody."""
    is_server = resource != OFFERED_LOAD and not resource.endswith(_PUBLISHED_STORES)
    return is_server and utilization < AS_FULL and tuple(keys) != STOPPED_FROM_OUTSIDE


def is_rate_limit(resource: str) -> bool:
    """Tell whether a resource is a configured rate limit, of any server: it holds back or drops, and is never full."""
    return resource.endswith("rate_limit")


def sentence(name: str, seen: Observation) -> str:
    """Return the reason why `name`, a key of `bottleneck.KEYS`, sets the throughput."""
    return _SENTENCES[name](seen)


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


def _link(resource: str, where: str) -> Callable[[Observation], str]:
    def why(seen: Observation) -> str:
        cost = seen.up if resource == "pcie.up" else seen.down
        text = f"The link {where} the host is busy {percent_text(seen.busy(resource))} of the window"
        if cost is None:
            return text + "."
        return (
            f"{text}: {_frame(seen, cost)} costs {cost.bytes_per_frame:.0f} B there, "
            f"{cost.payload_bytes_per_frame:.0f} B of it payload{', mirrored copies included' * seen.has_mirrored}."
        )

    return why


def busy_bus(name: str, share: float, data: float) -> str:
    """Say of a bus of several adapters that it is full."""
    return (
        f"The bus {name}, one for all of its adapters and both directions, is busy {percent_text(share)} of the "
        f"window, {percent_text(data)} of it with data."
    )


def _bus(seen: Observation) -> str:
    text = f"The bus, one for both directions, is busy {percent_text(seen.busy('bus'))} of the window"
    if seen.up is None or seen.down is None:
        return f"{text}."
    n_bytes = seen.up.bytes_per_frame + seen.down.bytes_per_frame
    payload = seen.up.payload_bytes_per_frame + seen.down.payload_bytes_per_frame
    return (
        f"{text}: {_frame(seen, seen.up)} takes clocks that could carry {n_bytes:.0f} B, up and down, and "
        f"{payload:.0f} B of it is payload, retries apart."
    )


def _tags(seen: Observation) -> str:
    number = "" if seen.tags is None else f" of the {seen.tags}"
    subject = "The one read tag is taken" if seen.tags == 1 else f"None{number} read tags is free"
    share = percent_text(seen.busy("pcie.tags"))
    mean = "" if seen.tags_in_use is None or seen.tags == 1 else f" ({seen.tags_in_use:.1f} are in use on average)"
    return (
        f"{subject} {share} of the window{mean}, and reads wait for one {percent_text(seen.wait('pcie.tags'))} of it, "
        f"while the link has room left{_translations(seen)}."
    )


def _translations(seen: Observation) -> str:
    """Add how often addresses miss the IOMMU's translation cache, which delays reads and writes at the host."""
    if not seen.iotlb_miss_share:
        return ""
    return (
        f"; {percent_text(seen.iotlb_miss_share)} of the addresses miss the IOMMU's translation cache, and wait for it"
    )


def _credits(kind: str, what: str, reason: str) -> Callable[[Observation], str]:
    def why(seen: Observation) -> str:
        use = min(1.0, seen.use(kind))
        in_use = (
            f"; what is sent takes {percent_text(use)} of what their number allows" if use > seen.wait(kind) else ""
        )
        return (
            f"{what} stand ready but wait for flow-control credits {percent_text(seen.wait(kind))} of the window: "
            f"{reason}{in_use}{_translations(seen)}."
        )

    return why


def _driver(verb: str) -> Callable[[Observation], str]:
    def why(seen: Observation) -> str:
        owner = f"The core of {seen.core_of}" if seen.core_of else "A VM's core"
        if seen.passes_frames:
            owner = f"The hypervisor's core for {seen.core_of}" if seen.core_of else "A core of the hypervisor"
        whole = "it" if seen.stalled else "the window"
        return (
            f"{owner} is busy {percent_text(seen.busy('driver.tx'))} of {slowed(seen.stalled)}, "
            f"{percent_text(seen.utilizations.get(f'driver.{verb}', 0.0))} of {whole} with "
            f"{'sending' if verb == 'tx' else 'receiving'}: its driver handles no more frames a second."
        )

    return why


def _first_few(names: Sequence[str]) -> str:
    """Return names as a list; of many, the first two and the number of others."""
    return listed([*names[:2], f"{len(names) - 2} others"] if len(names) > _MOST_NAMED else names)


def _rx_ring(seen: Observation) -> str:
    waited, dropped = seen.wait("nic.rx_ring"), seen.drops.get("NO_DESCRIPTOR", 0)
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
    if seen.rx_blocked and seen.wait("nic.rx_ring") > seen.wait("rx.descriptors") / 2:
        return _rx_ring(seen)
    return (
        f"Frames stand ready in the Rx buffer and wait for Rx descriptors to be fetched "
        f"{percent_text(seen.wait('rx.descriptors'))} of the window: too few are fetched ahead for the round trip of a "
        "fetch."
    )


def _rx_buffer(seen: Observation) -> str:
    waited, dropped = seen.wait("nic.rx_buffer"), seen.drops.get("RX_BUFFER_FULL", 0)
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


def _server(resource: str, what: str, rest: str = "") -> Callable[[Observation], str]:
    return lambda seen: f"{what} is busy {percent_text(seen.busy(resource))} of the window{rest}."


def _switching(seen: Observation) -> str:
    core = seen.switching
    what = "The busiest core of the host's virtual switch"
    if core is not None and core.kind == "slow":
        what += "'s slow path"
    elif core is not None and core.kind == "thread":
        what = f"The core with the thread of {listed(core.vms)} at the host's virtual switch"
    return _server("vswitch", what, ": it passes no more frames a second")(seen)


def _store(resource: str, what: str) -> Callable[[Observation], str]:
    return lambda seen: what.format(share=percent_text(seen.wait(resource)))


def _tx_ring(seen: Observation) -> str:
    return (
        "The frames that a Tx ring holds, from the post until the slot is free again, set the rate; the fullest ring "
        f"has no slot free {percent_text(seen.tx_ring_full_share)} of the window."
    )


def _rate_limit(seen: Observation) -> str:
    waited, dropped = seen.wait("rate_limit"), seen.lost_frames("RATE_LIMITED")
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
    if busiest is not None and busiest.startswith("driver."):
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


_ETHERNET = ", counting each frame with its 20 B of preamble and gap"


def _wire_tx(seen: Observation) -> str:
    text = _server("wire.tx", "The Ethernet port outward", _ETHERNET)(seen)
    if "wire.tx" not in seen.stopped:
        return text
    stop = seen.stopped["wire.tx"]
    if stop.traffic_class is None:
        return f"{text[:-1]}, and stopped from outside by flow control {percent_text(stop.share)} of it."
    share = percent_text(stop.share)
    return f"{text} Flow control stops its class {stop.traffic_class} from outside {share} of the window."


_SENTENCES: Mapping[str, Callable[[Observation], str]] = {
    "offered_load": _offered_load,
    "driver.tx": _driver("tx"),
    "vswitch": _switching,
    "host.memory": _server("host.memory", "The host's memory, which reads and writes what the virtual switch copies,"),
    "driver.rx": _driver("rx"),
    "nic.tx_ring": _tx_ring,
    "nic.queue": _server(
        "nic.queue", "The adapter's work on the busiest Tx ring", ": it takes no more frames from one ring"
    ),
    "tx.descriptors": _store(
        "tx.descriptors",
        "Nothing to send is on the chip {share} of the window, though rings hold more: a queue's descriptor cache is "
        "too small for the round trip of a fetch.",
    ),
    "rate_limit": _rate_limit,
    "nic.tx_buffer": _store(
        "nic.tx_buffer",
        "The next frame waits for room in the Tx buffer {share} of the window: it holds too little for the round trip "
        "of its reads.",
    ),
    "pcie.tags": _tags,
    "pcie.credits.non_posted": _credits(
        "pcie.credits.non_posted",
        "Read requests",
        "the host returns non-posted credits more slowly than reads could go",
    ),
    "pcie.credits.completion": _credits(
        "pcie.credits.completion",
        "Completions",
        "the adapter returns completion credits more slowly than data could come",
    ),
    "pcie.credits.posted": _credits(
        "pcie.credits.posted", "Writes", "the host returns posted credits more slowly than the link could carry data"
    ),
    "bus": _bus,
    "pcie.up": _link("pcie.up", "toward"),
    "pcie.down": _link("pcie.down", "from"),
    "nic.dma.places": _store(
        "nic.dma.places",
        "The next read waits for a place among those outstanding in the read engine {share} of the window.",
    ),
    "nic.dma.read": _server("nic.dma.read", "The adapter's DMA engine for reads"),
    "nic.dma.write": _server("nic.dma.write", "The adapter's DMA engine for writes"),
    "nic.dma.shared": _server("nic.dma.shared", "The path inside the adapter that reads and writes share"),
    "host.walkers": _server("host.walkers", "The IOMMU's pool of page walkers"),
    "nic.store": _server("nic.store", "What moves received data into the adapter's buffer"),
    "nic.pipeline": _server(
        "nic.pipeline", "The adapter's packet pipeline", ": it takes no more frames a second, whatever their length"
    ),
    "switch.bus": _server("switch.bus", "The switch's data bus"),
    "wire.tx": _wire_tx,
    "wire.rx": _server("wire.rx", "The Ethernet port inward", _ETHERNET),
    "nic.rx_ring": _rx_ring,
    "nic.rx_buffer": _rx_buffer,
    "rx.descriptors": _rx_descriptors,
    "host.drain": _server(
        "host.drain", "The host's memory, which takes written data,", ", and credits for writes wait for it"
    ),
}


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
    return f"{port} is busy {percent_text(share)} of the window{_ETHERNET}{drops}{_of_others(n_others)}."


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
