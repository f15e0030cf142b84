"""The warnings of a window, to be known before its figures are quoted; `simulation` decides when each applies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hwmodel.units import FS_PER_NS, FS_PER_US
from hwmodel.words.quantities import counted, listed, percent_text, rough_text, three_digits, time_text

MOST_NAMES = 3
SAME_FOR_ALL_SEEDS = (
    "Nothing in this run is drawn at random and its clocks are exact: all seeds give these figures, and their "
    "intervals say nothing of machines whose parts begin in other phases."
)
CHANGES_IN_WINDOW = (
    "The scenario changes the machine within the window, and these figures are means over it: the events and the "
    "series say what held when."
)
AGENTS_IN_WINDOW = (
    "Agents change the machine within the window, and these figures are means over it: `agent_actions` of the result "
    "says what they set, and when."
)
CHANGED_BEFORE_WINDOW = (
    "The machine is changed before the window, and short runs in other phases are not made of what it is "
    "then: intervals say nothing of machines whose parts begin in other phases."
)
BEGINS_WITH_CHANGE = (
    "The window begins at the instant of a change, and what settles behind it is in these figures; with a run.warmup "
    "beyond it, a time such as 5ms, the window begins later."
)
SHORT_RUNS_INTERRUPTED = (
    "Interrupted during the short runs behind the window: what limits is named by busy shares alone, and intervals say "
    "nothing of machines whose parts begin in other phases."
)
SEEDS_ARE_WHOLE = "the figures are those of the seeds whose runs had ended"
WINDOW_IS_WHOLE = "the window is whole, only the short runs behind it are not"
NO_FRAME = "No frame was delivered in the window: it gives no rates."


def run_before_their_network(late_ns: Mapping[str, float], way: str) -> str:
    """Warn of VMs that run before their ports, or wires, have what their profiles say; how long each does."""
    told = [f"{name} for {time_text(ns)}" for name, ns in list(late_ns.items())[:MOST_NAMES]]
    if len(late_ns) > MOST_NAMES:
        told.append(f"{len(late_ns) - MOST_NAMES} more")
    return (
        f"VMs run before the network has what they need, in way {way}: {listed(told)}; what they send drops meanwhile "
        "where their VLANs lack."
    )


def beyond_devices(found: Mapping[str, tuple[str, str, str]]) -> str:
    """Say what no such adapter does; `found`: by key what is asked, the device, and what that has."""
    keys = [f"{key} ({asked}; the {device} has {has})" for key, (asked, device, has) in found.items()]
    more = [] if len(keys) <= MOST_NAMES else [f"{len(keys) - MOST_NAMES} more"]
    return f"nic.strict: false lets through what no such adapter does: {listed([*keys[:MOST_NAMES], *more])}."


def none_offered(more_time: str) -> str:
    """Say that no frame was offered by the end of the run."""
    return f"No frame was offered by the end of the run, so there are no rates: with more time ({more_time}) some come."


def capture_left(n_left: int, n_frames: int) -> str:
    """Say how many frames of a capture had not been sent by the end of the run."""
    return (
        f"The run ends before the capture does: {n_left:,} of its {counted(n_frames, 'frame')} "
        f"{'was' if n_left == 1 else 'were'} not sent (a longer run.duration, a larger run.frames)."
    )


def too_few(n_frames: int, *, are_copies: bool, burst: int, n_receiving: int, least: int, more_time: str) -> str:
    """Say that a window holds too few frames for rates."""
    one, many = ("copy", "copies") if are_copies else ("frame", "frames")
    received = f", and {counted(n_receiving, 'VM')} got some" if n_receiving else ""
    return (
        f"The window holds {n_frames:,} {one if n_frames == 1 else many}, too few for rates: frames become "
        f"visible in bursts of up to {burst} for a VM{received}; it takes "
        f"{least:,} {many} or more ({more_time})."
    )


def full_filter_table(where: str, without_room: int, capacity: int) -> str:
    """Say that flows found no room among Flow Director's filters; `where`: a server or port, of several."""
    whose = f" of {where}" if where else ""
    return (
        f"Flow Director's table{whose} is full: its {capacity:,} signature filters are all taken, and "
        f"{counted(without_room, 'flow')} that began later found no room; their frames go by the RSS table. More "
        "memory (nic.steering.flow_director.memory) holds more."
    )


def interrupted(done_ms: float, wanted_fs: int) -> str:
    """Say how much of its window an interrupted run covered."""
    done, wanted = time_text(done_ms * 1e6), time_text(wanted_fs / FS_PER_NS)
    return f"Interrupted: the window ended after {done} of {wanted}; its figures are partial."


def seeds_interrupted(n_done: int, n_seeds: int) -> str:
    """Say how many seeds' runs an interrupted series has."""
    return f"Interrupted: the figures are those of {n_done} of {n_seeds} seeds."


def not_steady(names: Sequence[str], warmup_ms: float, windows: float) -> str:
    """Say which figures still changed when the window began; `windows`: the warm-up's length in windows."""
    times = f"{windows:,.0f} times" if windows >= 10 else f"{windows:.2g} times"
    return (
        f"The run was not steady when the window began: {listed(names)} still changed after a warm-up of "
        f"{three_digits(warmup_ms)} ms, {times} the window. A longer run.duration waits longer, run.warmup as long as "
        "it says."
    )


def growing(rises: Sequence[tuple[str, float]], undelivered: float, longer: str, *, fills: bool = False) -> str:
    """Say which figures rose or fell in a window, and what share of the frames was not delivered for it, if known.

    `fills`: more comes than something lets through, and what fills before it was not full in the window.

    `longer`, here and below: what has to be longer for the window to be.
    """
    grown = ", so that latencies and waits that rise or fall have no interval" * any(
        "_ns." in name for name, _ in rises
    )
    told = [f"{figure_name(name)} {'rose' if rise > 0 else 'fell'} by {_amount(name, rise)}" for name, rise in rises]
    text = (
        f"Not steady in the window: {listed(told)}. "
        f"{'These are' if len(told) > 1 else 'It is'} of this window alone: a longer {longer} gives others{grown}."
    )
    if fills:
        text += " Something fills: once it is full, totals.gbps and totals.mpps may be others, too."
    if not undelivered:
        return text
    return (
        f"{text} By that {rough_text(abs(undelivered))} {'less' if undelivered > 0 else 'more'} was delivered than "
        "came: totals.gbps and totals.mpps are as far off, and sender_wait_ns follows."
    )


def few_bursts(n_bursts: float, longer: str) -> str:
    """Say that a window's load, or its queueing, varies as much as if it held only very few bursts."""
    words = f"{n_bursts:.0f} independent ones" if n_bursts >= 1.5 else "a single one"
    return (
        f"The window holds few bursts: what came, or queues where bursts meet, vary as much as with {words}. "
        f"How far off its latencies and waits are it cannot tell: they have no intervals. A longer {longer} tells more."
    )


def few_bursts_beyond(percentiles: Sequence[str], longer: str) -> str:
    """Say of which percentiles a window does not tell how far off they are, since too few bursts reach beyond them."""
    named = listed([one.replace("p999", "p99.9") for one in percentiles])
    return (
        f"The window holds few bursts that reach beyond {named} of latencies and waits: it cannot tell "
        f"how far off {'these are: they have' if len(percentiles) > 1 else 'it is: it has'} no interval. "
        f"A longer {longer} tells more."
    )


def short_beside_queues(names: Sequence[str], longer: str) -> str:
    """Say how far off which figures are a window does not tell, as queues have a longer memory than it."""
    has_waits = any("_ns" in name for name in names)
    return (
        f"The window is short beside the memory of the queues: it does not tell how far off {listed(names)} "
        f"{'are' if len(names) > 1 else 'is'}. {'Latencies and waits of these have no interval. ' * has_waits}"
        f"A longer {longer} tells more."
    )


def known_roughly(names: Sequence[str], longer: str) -> str:
    """Say which figures are known only roughly, as their wide intervals already show."""
    are_more = len(names) > 1
    return (
        f"Known roughly, as the {'widths' if are_more else 'width'} of the "
        f"{'intervals say' if are_more else 'interval says'}: {listed(names)}. This window has seen few of the ups and "
        f"downs of queues that fill and empty slowly, or of batches that wait for later frames; a longer {longer} "
        f"narrows {'them' if are_more else 'it'}."
    )


def figure_name(name: str) -> str:
    """Return a figure's name in warnings: a latency's mean stands for the latency."""
    return name.removesuffix(".mean")


def _amount(name: str, rise: float) -> str:
    """Return a rise in words, with the unit that the name of the figure ends with."""
    if "_ns." in name:
        return time_text(abs(rise))
    if name.endswith("utilization"):
        return rough_text(abs(rise))
    return f"{abs(rise):.3g} {'Mpps' if name.endswith('mpps') else 'Gb/s'}"


def precision_not_met(precision: float, names: Sequence[str], window_ms: float) -> str:
    """Say which figures are less precise than asked for."""
    return f"run.precision {100 * precision:g} % was not met for {listed(names)} after {window_ms:.0f} ms."


def stuck(n_offered: int, batches: Iterable[str]) -> str:
    """Say that nothing was delivered, and which batches everything waits for."""
    words, on_way = f"{n_offered:,} frames were offered and none was", "they are still on their way"
    if n_offered == 1:
        words, on_way = "1 frame was offered and not", "it is still on its way"
    return f"{words} delivered: {' and '.join(batches) or on_way}."


def waits_for_batches(share: float, batches: Iterable[str]) -> str:
    """Say what share of the latency is waiting for batches that no timer ends."""
    named = " and ".join(batches)
    return f"{100 * share:.0f} % of the latency is the wait for a batch that only later frames fill: {named}."


def endless_write_back(batch: int) -> str:
    """Name a batch of write-backs that no timer ends."""
    return f"nic.rx_writeback_batch is {batch} without nic.writeback_timeout"


def endless_interrupt(batch: int) -> str:
    """Name a batch of interrupts that no timer ends."""
    return f"driver.rx_interrupt_batch is {batch} without a timer (driver.moderation)"


def locked_in_phase(n_runs: int, reaches: Iterable[tuple[str, float]]) -> str:
    """Say by what share each figure depends on the phases in which parts of the machine start."""
    named = ", ".join(f"{figure_name(name)} by {rough_text(share)}" for name, share in reaches)
    return (
        f"Locked in phase: which of several cycles this machine settles into depends on the moments at which its "
        f"cores, ports and timers begin. {n_runs} short runs that begin at others say how far 95 % of such "
        f"runs lie from this one: {named}. The intervals say so too; a longer run.duration does not "
        "narrow them, runs with other seeds (hwmodel run --seeds) show the cycles."
    )


def stays_in_levels(n_runs: int, reaches: Iterable[tuple[str, float]]) -> str:
    """Say by what share each figure depends on the levels in which interrupts settle that adapt to the load."""
    named = ", ".join(f"{figure_name(name)} by {rough_text(share)}" for name, share in reaches)
    return (
        f"Interrupts that adapt to the load (driver.adaptive_moderation) stay in one level for long. {n_runs} short "
        f"runs of other seeds say how far 95 % of such runs lie from this one: {named}. The intervals say so too; "
        "runs with other seeds (hwmodel run --seeds) show the levels."
    )


def starved(flows: Sequence[tuple[str, str]], port: str) -> str:
    """Say which flows (source, target) always reach a full port just after others."""
    named = ", ".join(f"{source} to {target}" for source, target in flows[:MOST_NAMES])
    more = f" and {len(flows) - MOST_NAMES} more" if len(flows) > MOST_NAMES else ""
    return (
        f"Next to nothing gets through from {named}{more}: at {port}, which is full, these frames always come just "
        "after others that take the room, in step with them. Clocks that differ by some ppm move such phases slowly, "
        "and another seed has others; with rates and workload.arrivals: poisson the port is shared by chance."
    )


def vlan_not_carried(flows: Sequence[tuple[str, str]], n_offered: int, key: str, vlan: int) -> str:
    """Say which flows (source, target) do not arrive because a place on their way is not in their VLAN, by its key."""
    named = _some([f"{source} to {target}" for source, target in flows])
    none = "the 1 frame does not arrive" if n_offered == 1 else f"none of {n_offered:,} frames arrives"
    return f"From {named} {none}: on their way {key} lacks VLAN {vlan}."


def burst_too_fast(asked_mpps: float, posted_mpps: float, posted_gbps: float) -> str:
    """Say that a core posts a burst more slowly than `peak_rate` asks for."""
    return (
        f"In a burst workload.peak_rate asks each VM for {asked_mpps:.3g} M frames/s, and its core posts "
        f"at most {posted_mpps:.3g} M ({posted_gbps:.3g} Gb/s of frames): the core spaces the "
        "burst, and what waits for it is in the sender's wait. What a frame costs the core: driver.frame_time, "
        "byte_time, doorbell_time."
    )


def inline_in_vain(share: float) -> str:
    """Say that descriptors were read although doorbells had brought them inline."""
    return (
        f"driver.doorbell inline: {percent_text(share)} of the descriptors that came with their doorbells were read "
        "all the same, for their rings had others before them, or no room on the chip. Such doorbells cost their bytes "
        "and save nothing; with tail, or a larger tx_doorbell_batch, the link has them for frames."
    )


def dead_wires(lost: int, ports: Sequence[str]) -> str:
    """Say that frames drop at ports that are down."""
    whose = f"that of {ports[0]} is" if len(ports) == 1 else f"those of {_some(ports)} are"
    return f"LINK_DOWN: {counted(lost, 'frame')} dropped for want of a wire; {whose} dead at the start (port.down)."


def kept_for_dead_wire(port: str, stations: Sequence[str]) -> str:
    """Say which senders are blocked by a first frame for a dead wire."""
    is_one = len(stations) == 1
    keep = "sends all it can, keeps its" if is_one else "send all they can, keep their"
    return (
        f"The wire of {port} is dead (port.down): {_some(stations)}, which {keep} first frame for it until it lives, "
        "and all that is behind that frame."
    )


def _some(names: Sequence[str]) -> str:
    """List the first of some names, and how many more there are."""
    more = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return listed([*names[:MOST_NAMES], *more])


def blocked_behind(server: str, blocked: Mapping[str, float], waited: Mapping[str, float], window_ns: float) -> str:
    """Say whose empty Rx ring blocked the head of the adapter's Rx buffer, for how long, and who waited behind.

    `blocked`, `waited`: ns of the window, by VM; VMs that waited equally long share one time.
    """
    most = dict(sorted(blocked.items(), key=lambda one: -one[1])[:MOST_NAMES])
    rings = [f"{name}'s Rx ring was empty for {_of_window(ns, window_ns)}" for name, ns in most.items()]
    by_time: dict[str, list[str]] = {}
    for name, ns in sorted(waited.items(), key=lambda one: -one[1]):
        by_time.setdefault(_of_window(ns, window_ns), []).append(name)
    waiting = [f"{listed(names)} for {time}" for time, names in by_time.items()]
    where = f" of {server}" if server else ""
    prefix = f"servers.{server}.set." if server else ""
    keys = listed([f"{prefix}switch.ports.{name}.drop_enable" for name in most])
    return (
        f"{listed(rings)} while a frame for it stood first in the adapter's Rx buffer{where}: all behind it waited, "
        f"{'; '.join(waiting)}. {keys}: true would drop such frames and let the others pass."
    )


def _of_window(ns: float, window_ns: float) -> str:
    return f"{time_text(ns)} ({100 * min(1.0, ns / window_ns):.3g} % of the window)"


def by_mode(mode: str) -> str:
    """Say for which frames an adapter in a mode without a bridge inside relies on the bridge outside."""
    return f"in mode {mode} frames between the VMs of an adapter"


def without_loopback(key: str, n_others: int) -> str:
    """Say for which frames a station relies on the bridge; `n_others`: further ones without loopback."""
    others = f" (and {counted(n_others, 'station')} more)" if n_others else ""
    return f"with {key} false{others} frames for VMs of its own adapter"


def no_hairpin(lost: int, forwarded: int, where: str, keys: Sequence[str], why: str) -> str:
    """Say that a bridge may not send frames back to adapters that rely on it; `why`: for which of their frames."""
    return (
        f"{lost:,} of {forwarded:,} frames at {where} were for stations behind the port on "
        f"which they came, and dropped (SAME_PORT): {' and '.join(keys)} {'is' if len(keys) == 1 else 'are'} not "
        f"true, but {why} come back from the bridge or not at all."
    )


def beyond_security(key: str, most: int, lost: int, *, is_shut: bool) -> str:
    """Say that a port had frames from more addresses than it may; `is_shut`: the first of them shut it."""
    what = "it is shut, and all for it drops too" if is_shut else "their frames drop"
    return f"{key}.most is {most:,}, and more addresses sent there: {what} ({lost:,}, PORT_SECURITY)."


def not_obeyed(who: str, mode: str, other: str, other_mode: str | None) -> str:
    """Say that nobody obeys the control frames that `who` sends; `other`: the receiver's key."""
    if other_mode is None:
        why = f"{other} is not set"
    elif other_mode != mode:
        why = f"{other}.mode is {other_mode}, which takes no frames of {mode}"
    else:
        why = f"{other}.obey is false"
    return f"{who} sends control frames (flow control, {mode}), and nobody obeys them: {why}."


def unused_weight(station: str, weight: int, order: str) -> str:
    """Say that a station's weight has no effect; `order`: the scheduler's key with its value."""
    others = "weighted goes" if "nic.arbitration" in order else "weighted and deficit go"
    return f"{station} is {weight}, and nothing goes by weights: {order} ({others} by them)."


def unused_lengths(key: str) -> str:
    """Say that the frame lengths of VMs have no effect, as no VM sends."""
    return (
        f"workload.{key} does nothing: with pattern: none no VM sends, and frames from outside have lengths of their "
        "own (workload.external)."
    )


def unheld_drain(keys: tuple[str, str], drain_gbps: float, written_gbps: float) -> str:
    """Say that writes exceeded the memory's drain; `keys`: of the drain, and of the credits that would enforce it."""
    drain, credits = keys
    return (
        f"{drain} is {drain_gbps:g} Gb/s and holds nothing back: {written_gbps:.3g} Gb/s were written, because "
        f"{credits}.ph and pd are infinite (0), and writes wait for memory by their credits alone."
    )


def unsplit_headers(key: str, room_bytes: int, header_bytes: int) -> str:
    """Say that no headers are split off, since they are longer than their buffers."""
    return (
        f"{key} does nothing: headers of {header_bytes} B (workload.header_bytes) are longer than its {room_bytes} B."
    )


def unused_switch(key: str, mode_key: str) -> str:
    """Say that a virtual switch is configured but not used."""
    return f"{key} does nothing: in mode sriov, the default, VMs have functions of the adapter ({mode_key}: vswitch)."


def unused_peak_rate(block: str, arrivals: str) -> str:
    """Say that a peak rate has no effect without bursts."""
    return f"{block}.peak_rate does nothing: {block}.arrivals is {arrivals}, and on_off alone makes bursts."


def unused_flows(pattern: str) -> str:
    """Say that flows beside another pattern have no effect."""
    return f"workload.flows does nothing: pattern: {pattern} says who sends to whom; pattern: flows sends by them."


UNUSED_LOAD = "workload.load does nothing: each flow has a rate of its own (workload.flows); one without follows it."


def unasked_lists(keys: Sequence[str], mode: str) -> str:
    """Say that access lists and guards of an adapter's switch have no effect."""
    verb = "is" if len(keys) == 1 else "are"
    return f"In mode {mode} the bridge decides who may send to whom (bridge.policy): {listed(keys)} {verb} not asked."


def unseparated(key: str, mode: str) -> str:
    """Say that a station's class in private VLANs has no effect, since the adapter forwards to its uplink alone."""
    return (
        f"{key} keeps the station from nobody: in mode {mode} a bridge forwards between stations, by the classes of "
        "its own ports (bridge.ports.NAME.pvlan), or of stations if it is controlling."
    )


def promiscuous_for_wire(key: str, station: str, preset: str | None) -> str:
    """Say that a promiscuous station gets nothing of what others send to addresses that the switch does not know."""
    why = "" if preset is None else f", as in the {preset}"
    return (
        f"{station} is promiscuous, but of frames to unknown addresses gets those from the wire alone ({key}: from_wire"
        f"{why}): what other functions send to such addresses, as to containers or VMs behind a bridge on {station}, "
        f"leaves by the wire. Give {station} these addresses (macs), or set {key}: all."
    )


def short_burst(entry: str, burst_bytes: int | None, too_long: Sequence[int]) -> str:
    """Say that a policer's token bucket is smaller than some frames."""
    which = f"{too_long[0]:,} B" + (" and more" if len(too_long) > 1 else "")
    return (
        f"{entry}.burst is {burst_bytes:,} B: frames of {which} never find so many tokens, and all "
        "of them that the entry polices drop (RATE_LIMITED), whatever its rate."
    )


# ---- A bridge that floods. ----


def in_other_vlans(strangers: Sequence[str]) -> str:
    """Say which stations are in other VLANs than those who send to them."""
    verb = "is" if len(strangers) == 1 else "are"
    return f"{_stations(strangers)} {verb} in other VLANs of the bridge than some who send there"


# Of addresses that no station's broadcast made known: it comes in one VLAN, and as far as VLANs let it.
UNANNOUNCED = "Frames came in VLANs in which the stations that they are for had not announced themselves"
KEPT_OUT = "Port security keeps addresses out of the bridge's table"


def silent(stations: Sequence[str], outside: str) -> str:
    """Say which stations send nothing, so no bridge learns them; `outside`: the name of all beyond the bridges."""
    is_one = len(stations) == 1 and stations[0] != outside
    verb, learned = ("sends", "its address is") if is_one else ("send", "their addresses are")
    return f"{_stations(stations, outside)} {verb} nothing over the bridge, so that {learned} never learned"


def besides(reason: str) -> str:
    """Append one more reason to a sentence on silent stations."""
    return f"; {reason[0].lower()}{reason[1:]}"


def _stations(stations: Sequence[str], outside: str = "") -> str:
    """Name the first few stations; `outside`, one name for many stations, in words."""
    names = [name for name in stations[:MOST_NAMES] if name != outside]
    if len(stations) > MOST_NAMES:
        names.append(f"{len(stations) - MOST_NAMES} more")
    if outside in stations[:MOST_NAMES]:
        names.append("the stations outside")
    text = listed(names)
    return text.replace("the", "The", 1) if text.startswith("the ") else text


# ---- What a time line (`--trace`) leaves out of what was asked for ----


NOT_BEGUN = "the run ended before the time line began"


def no_more_room(shown_fs: int, asked_fs: int) -> str:
    """Say how much of the stretch a time line has room for."""
    return f"a time line has room for {_us(shown_fs)} of the {_us(asked_fs)} asked for"


def run_ended_first(shown_fs: int, asked_fs: int) -> str:
    """Say how much of the stretch there was when the run ended."""
    return f"the run ended after {_us(shown_fs)} of the {_us(asked_fs)} asked for"


def without_a_row(n_slices: int, n_rows: int) -> str:
    """Say how many slices found no free row where those of a track overlap."""
    tracks = "its track" if n_slices == 1 else "their tracks"
    return f"{counted(n_slices, 'slice')} found none of the {n_rows} rows of {tracks} free"


def _us(time_fs: int) -> str:
    return f"{time_fs / FS_PER_US:.3f} us"
