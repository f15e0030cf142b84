"""What was modelled, in one sentence, and what in it may make a latency fall as the load rises.

All of it is taken from a result's configuration; nothing is added that this does not say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hwmodel.resources import OFFERED_LOAD
from hwmodel.results.bridge_reading import servers_in
from hwmodel.rules.pci_bus import KIND_NAMES
from hwmodel.rules.pcie_link import GENERATIONS
from hwmodel.rules.switch_modes import INTERFACE_KEYS, MODES
from hwmodel.units import FS_PER_NS, parse_time_fs
from hwmodel.words.quantities import listed, printable, three_digits, value_text

if TYPE_CHECKING:
    from hwmodel.results.result import Result

LANE_GTPS = {number: one.lane_bps / 1e9 for number, one in GENERATIONS.items()}  # transfers of a lane
_BRIDGED_BY: dict[str, str] = {name: mode.bridged_by for name, mode in MODES.items()}
_STOPPED_BY = {"pause": "PAUSE frames", "pfc": "priority flow control"}
_PATTERNS = {
    "pairs": "VMs in pairs send {frames} to each other",
    "ring": "each VM sends {frames} to the next",
    "uniform": "each VM sends {frames} to all others at random",
    "incast": "all VMs send {frames} to {incast_to}",
    "broadcast": "each VM broadcasts {frames}",
    "multicast": "each VM sends {frames} to multicast groups",
    "to_wire": "each VM sends {frames} to the wire",
}
_MOST_LISTED = 3
_MOST_NAMED = 8
_OF_EACH = (".macs", *(f".{key}" for key in INTERFACE_KEYS))  # differ in every server
_OF_CEILING = "of ceiling"
UPLINK = "uplink"  # the stations outside, as flows name them
_MOST_CHANGES = 3  # keys of a VM's own driver that are named


def modelled_sentence(config: Mapping[str, Any]) -> str:
    """Return one sentence: adapter, link, VMs, host, switch, traffic, load, driver; empty if none is said."""
    parts = [_servers_words(config) + _adapter_words(config), _bridge_words(config), _traffic_words(config)]
    parts.append(_driver_words(config))
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def link_words(config: Mapping[str, Any]) -> str:
    """Return the link's name, such as `PCIe Gen2 x4`; empty where the configuration does not say."""
    pcie = _block(config, "pcie")
    bus = pcie.get("bus")
    if isinstance(bus, Mapping):
        kind = KIND_NAMES.get(str(bus.get("kind")), "bus")
        return printable(f"{kind} {bus.get('width_bits')}-bit {bus.get('clock_mhz')} MHz")
    if "generation" not in pcie or "lanes" not in pcie:
        return ""
    return printable(f"PCIe Gen{pcie['generation']} x{pcie['lanes']}")


def is_switched_in_memory(config: Mapping[str, Any]) -> bool:
    """Say whether VMs have ports of the host's virtual switch."""
    return bool(_block(config, "nic").get("mode") == "vswitch")


def crosses_no_link(config: Mapping[str, Any]) -> bool:
    """Say whether no frame crosses a link: the virtual switch has no uplink."""
    own = _block(_block(config, "host"), "virtual_switch")
    return is_switched_in_memory(config) and own.get("reach") != "external"


def is_closed_loop(config: Mapping[str, Any]) -> bool:
    """Say whether senders offer a frame as soon as a Tx ring has room, so that latency includes a full ring."""
    workload = _block(config, "workload")
    if workload.get("pcap") is not None:
        return bool(workload.get("pcap_time") == "asap")
    pattern = workload.get("pattern")
    if workload.get("load") != "saturate" or pattern in (None, "none"):
        return False
    if pattern == "flows":
        return any(rate is None and not _is_outside(source) for source, _, rate in _flows(workload))
    return True


def is_meant_for_vms(config: Mapping[str, Any]) -> bool:
    """Say whether the pattern, the flows or external traffic send frames to VMs; False for a capture (unknown)."""
    workload = _block(config, "workload")
    if workload.get("pcap") is not None:
        return False
    pattern, share = workload.get("pattern"), workload.get("wire_share")
    if pattern == "flows":
        return any(not _is_outside(to) for _, to, _ in _flows(workload))
    is_all_out = pattern in (None, "none", "to_wire") or (isinstance(share, int | float) and share >= 1)
    return not is_all_out or isinstance(workload.get("external"), Mapping)


def is_for_the_wire(config: Mapping[str, Any]) -> bool:
    """Say whether all frames that a pattern or the flows send are for the wire."""
    workload = _block(config, "workload")
    sends = workload.get("pcap") is None and workload.get("pattern") not in (None, "none")
    return sends and not is_meant_for_vms(config)


def frame_words(workload: Mapping[str, Any]) -> str:
    """Return the frames' lengths: `1518 B frames`, `frames of 64 B (58 %), 570 B (33 %) and 1518 B (8 %)`."""
    sizes = workload.get("sizes")
    if isinstance(sizes, Sequence) and not isinstance(sizes, str) and sizes:
        total = sum(weight for _, weight in sizes)
        if len(sizes) > _MOST_LISTED:
            mean = sum(n_bytes * weight for n_bytes, weight in sizes) / total
            return f"frames of {len(sizes)} sizes, {mean:.0f} B on average"
        return "frames of " + listed([f"{n_bytes} B ({100 * weight / total:.0f} %)" for n_bytes, weight in sizes])
    n_bytes = workload.get("frame_bytes")
    return f"{n_bytes} B frames" if n_bytes is not None else "frames"


def is_some_time(amount: str) -> bool:
    """Say whether a time, as a configuration writes it, is more than none: `0us` and `0.0 ns` are none."""
    return bool(amount.strip("fpnums 0."))


_PASSED = {
    "pointer": "passes frames by pointer",
    "copy": "copies each frame once",
    "parent": "copies each frame twice, through a parent partition,",
}


_THREADS = ", and once more in the thread of the VM that gets it"


def _virtual_switch_words(config: Mapping[str, Any]) -> str:
    own, n_vms = _block(_block(config, "host"), "virtual_switch"), _block(config, "nic").get("vfs", 0)
    n_cores = len(own.get("cores") or ())
    passed = _PASSED.get(str(own.get("pass_by")), _PASSED["copy"])
    times = f"{own.get('frame_time')} a frame"
    if is_some_time(str(own.get("guest_time", "0ns"))):
        times += f", {own['guest_time']} for each VM that it comes from or goes to"
    if is_some_time(str(own.get("byte_time", "0ns"))):
        times += f", {own['byte_time']} a byte"
    return (
        f"a virtual switch in the host's memory with {n_vms} VM{'s' * (n_vms != 1)}, which {passed} on {n_cores} "
        f"core{'s' * (n_cores != 1)}{_THREADS * bool(own.get('thread_cores'))} ({times})"
    )


def _adapter_words(config: Mapping[str, Any]) -> str:
    pcie, nic, switch = _block(config, "pcie"), _block(config, "nic"), _block(config, "switch")
    if is_switched_in_memory(config):
        return _virtual_switch_words(config)
    adapter, link = _preset_words(nic), link_words(config)
    if not (adapter or link):
        return ""
    text = f"{adapter or 'an adapter'}{f' on {link}' if link else ''}"
    if "max_payload" in pcie and "bus" not in pcie:
        text += f" (MPS {_spaced(pcie['max_payload'])})"
    n_ports = _block(config, "port").get("count") or 1
    if n_ports > 1:
        text += f" with {n_ports} Ethernet ports"
    if "vfs" in nic:
        of_vms = "pool" if nic.get("mode") == "vmdq" else "VF"
        text += f"{' and' if n_ports > 1 else ' with'} {nic['vfs']} {of_vms}{'s' * (nic['vfs'] != 1)}"
        text += " of VMDq" * (of_vms == "pool")
    host = _block(config, "host").get("preset")
    if host is not None:
        text += f", in a host with the preset {printable(str(host))}"
    mode = switch.get("mode")
    if isinstance(mode, str):
        text += f", switched by {_BRIDGED_BY.get(mode, printable(mode))}"
    stops = _STOPPED_BY.get(str(_block(nic, "flow_control").get("mode")))
    return f"{text}, with {stops}" if stops else text


def _servers_words(config: Mapping[str, Any]) -> str:
    """Return the words before those on an adapter if there are several servers: `2 servers (a and b), each with `."""
    names = [printable(str(entry.get("name"))) for entry in config.get("servers") or []]
    if not names:
        return ""
    who = _span(names)
    parts = servers_in(config)
    own = dict.fromkeys(
        key
        for _, changes in parts
        for key in changes
        if not key.endswith(_OF_EACH) and any(one.get(key) != changes[key] for _, one in parts)
    )
    keys = printable(", ".join([*own][:_MOST_LISTED])) + " and more" * (len(own) > _MOST_LISTED)
    alike = f", alike but for {keys}" if own else ""
    several = f", {len(parts)} adapters in all" if len(parts) > len(names) else ""
    if config.get("multi_root"):
        return f"{len(names)} hosts ({who}) at one adapter, by a multi-root switch{alike}, each with a part of "
    return f"{len(names)} server{'s' * (len(names) != 1)} ({who}){several}{alike}, each {'' if several else 'with '}"


def _bridge_words(config: Mapping[str, Any]) -> str:
    bridge, joined = _block(config, "bridge"), config.get("bridges")
    if isinstance(joined, list) and joined:
        names = listed([printable(str(entry.get("name"))) for entry in joined[:_MOST_NAMED]])
        return f"at the other ends of the wires {len(joined)} bridges joined with each other ({names})"
    if not bridge:
        return ""
    kind = {"learning": "learns addresses", "controlling": "knows each virtual interface"}.get(str(bridge.get("kind")))
    extenders = [printable(str(name)) for name in bridge.get("extenders") or {}]
    over = f", with port extender{'s' * (len(extenders) != 1)} {_span(extenders)} below" if extenders else ""
    has_several = (_block(config, "port").get("count") or 1) > 1
    where = (
        "at the other ends of its wires"
        if has_several and not config.get("servers")
        else "at the other end of the wire"
    )
    return f"{where} a bridge{f' that {kind}' if kind else ''}{over}"


def _span(names: Sequence[str]) -> str:
    return listed(names) if len(names) <= _MOST_NAMED else f"{names[0]} to {names[-1]}"


def _spaced(amount: object) -> str:
    """Put a space between a number and its unit: `256 B`."""
    text = printable(str(amount))
    digits = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return f"{digits} {text[len(digits) :]}" if digits and digits != text else text


def _preset_words(nic: Mapping[str, Any]) -> str:
    if "preset" not in nic:
        return ""
    preset = nic["preset"]
    # "an 82599", "an X540": each known name begins with the sound of a vowel.
    return "an adapter without limits of a device" if preset is None else f"an {printable(str(preset))} adapter"


def _traffic_words(config: Mapping[str, Any]) -> str:
    workload = _block(config, "workload")
    if not workload:
        return ""
    if workload.get("pcap") is not None:
        when = "as fast as the adapter takes them" if workload.get("pcap_time") == "asap" else "at their recorded times"
        senders = f"the frames of {printable(PurePath(str(workload['pcap'])).name)} are sent {when}"
    else:
        senders = _pattern_words(config, workload)
    outside = _outside_words(config, workload)
    return "; ".join(part for part in (senders, outside) if part) or "nobody sends"


def _segments_words(config: Mapping[str, Any], workload: Mapping[str, Any]) -> str:
    segments, nic = f"{_spaced(workload['segment_bytes'])} segments", _block(config, "nic")
    if crosses_no_link(config):
        return f"{segments}, passed whole,"
    who = "the adapter" if nic.get("tso", True) else "a core of the switch"
    which = "those for the wire " if nic.get("mode") == "vswitch" else ""
    return f"{segments}, {which}cut by {who} into {frame_words(workload)},"


def _pattern_words(config: Mapping[str, Any], workload: Mapping[str, Any]) -> str:
    pattern = workload.get("pattern")
    frames = frame_words(workload)
    if workload.get("segment_bytes") is not None:
        frames = _segments_words(config, workload)
    if pattern in (None, "none") or (workload.get("load") == 0 and pattern != "flows"):
        return ""
    if pattern == "flows":
        return _flow_words(workload, frames)
    if isinstance(pattern, str) and pattern in _PATTERNS:
        text = _PATTERNS[pattern].format(frames=frames, incast_to=printable(str(workload.get("incast_to", "vf0"))))
    else:
        text = printable(f"{pattern}: {frames}")
    share = workload.get("wire_share")
    if isinstance(share, int | float) and share:
        text += f", {100 * share:.3g} % of them to the wire"
    return f"{text}, {load_words(workload)}"


def _flow_words(workload: Mapping[str, Any], frames: str) -> str:
    flows = _flows(workload)
    if len(flows) <= _MOST_LISTED:
        named = [f"{source} to {to}{f' at {rate}' if rate is not None else ''}" for source, to, rate in flows]
        text = f"{frames} flow from {printable(listed(named))}"
    else:
        rated = sum(rate is not None for _, _, rate in flows)
        kinds = "all" if rated == len(flows) else ("none" if not rated else str(rated))
        text = f"{frames} in {len(flows)} flows, {kinds} of them with rates of their own"
    senders = {source for source, _, rate in flows if rate is None}
    return f"{text}, {load_words(workload, senders)}" if senders else text


def load_words(workload: Mapping[str, Any], senders: Collection[str] = ()) -> str:
    """Return how much is offered, and when: `as fast as their Tx rings take them`, `at 80 % of the port's rate`.

    `senders`: of the flows that follow the load, where the pattern does not say it: stations outside have no Tx ring.
    """
    load, n_outside = workload.get("load"), sum(map(_is_outside, senders))
    if load == "saturate":
        by_ring, by_line = "as fast as their Tx rings take them", "those from the wire back to back"
        words = by_ring if not n_outside else by_line if n_outside == len(senders) else f"{by_ring}, {by_line}"
        return f"{words} (load: saturate)"
    arrivals = workload.get("arrivals")
    when = f", {printable(arrivals)} arrivals" if isinstance(arrivals, str) else ""
    if workload.get("zipf") is not None:
        when = f", shared by Zipf's law with exponent {workload['zipf']}{when}"
    elif workload.get("weights"):
        when = f", shared by weights{when}"
    if isinstance(load, int | float):
        return f"at {three_digits(100 * load)} % of the port's rate in all{when}"
    if isinstance(load, str) and load.endswith(_OF_CEILING):
        share = load.removesuffix(_OF_CEILING).strip().rstrip("%").strip()
        return printable(f"at {share} % of the closed form's ceiling in all{when}")
    if isinstance(load, str) and load.endswith("bps"):
        load = f"{load} (frame bits with FCS)"
    whose = "each VM" if not n_outside else "the wire" if n_outside == len(senders) else "each sender"
    return printable(f"at {load} from {whose}{when}") if load is not None else "at no stated load"


def _is_outside(station: str) -> bool:
    return station.rpartition(".")[2] == UPLINK


def _outside_words(config: Mapping[str, Any], workload: Mapping[str, Any]) -> str:
    external = workload.get("external")
    if not isinstance(external, Mapping):
        return ""
    to = external.get("to", "all")
    targets = "all VMs" if to == "all" else printable(listed([str(name) for name in to]))
    has_bridge = bool(config.get("bridge") or config.get("bridges"))
    whence = "outside" if has_bridge else "the wire"
    each = " by each port that one of them is at" * (not has_bridge and (_block(config, "port").get("count") or 1) > 1)
    return (
        f"{frame_words(external)} come in from {whence} at {printable(str(external.get('rate')))} for {targets}{each}"
    )


def _driver_words(config: Mapping[str, Any]) -> str:
    driver = _block(config, "driver")
    return _one_driver_words(driver) + _vms_words(driver) if "preset" in driver else ""


def _vms_words(driver: Mapping[str, Any]) -> str:
    """Say which VMs have a driver of their own, grouped by driver, and in what it differs."""
    vms, of_all = _block(driver, "vms"), _one_driver_words(driver)
    groups: dict[str, list[str]] = {}
    for name, own in vms.items():
        if not isinstance(own, Mapping) or all(driver.get(key) == value for key, value in own.items()):
            continue
        changes = [key for key, value in own.items() if driver.get(key) != value and key != "preset"]
        shown = [f"{key} {value_text(own[key])}" for key in changes[:_MOST_CHANGES]]
        words = _one_driver_words(own)
        if words != of_all and own.get("preset") != driver.get("preset"):
            shown = [words]
        elif len(changes) > _MOST_CHANGES:
            shown.append(f"{len(changes) - _MOST_CHANGES} more keys")
        groups.setdefault(printable(listed(shown)), []).append(printable(str(name)))
    return "".join(f", but {listed(names)} with {words}" for words, names in groups.items() if words)


def _one_driver_words(driver: Mapping[str, Any]) -> str:
    preset = driver.get("preset")
    name = "a driver" if preset is None else f"{printable(str(preset)).replace('_', ' ')} driver"
    batch = driver.get("rx_interrupt_batch")
    if batch is None:
        return "" if preset is None else name
    moderation = str(driver.get("moderation", "0ns"))
    is_moderated, masks = is_some_time(moderation), bool(driver.get("mask_interrupts"))
    if not (is_moderated or batch):
        return f"{name} that polls"
    if not is_moderated:
        words = f"an interrupt {'for each frame' if batch == 1 else f'every {batch} frames'}"
    elif masks and driver.get("adaptive_moderation"):
        words = f"interrupts at intervals adapted to the load ({printable(moderation)} at first)"
    else:
        words = f"interrupts at most every {printable(moderation)}"
    return f"{name} with {words}{', none while it polls (NAPI)' if masks else ''}"


def _flows(workload: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Return (source, target, rate or None) of each flow; entries of another shape are left out."""
    flows = workload.get("flows") or []
    return [(str(one[0]), str(one[1]), one[2] if len(one) > 2 else None) for one in flows if len(one) in (2, 3)]


def _block(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    block = config.get(name)
    return block if isinstance(block, Mapping) else {}


_COSTS = ("wakeup_time", "interrupt_time", "exit_time")  # of an interrupt
MATTERS = 0.05  # of the median; a smaller wait cannot make it fall by more


def falling_latency_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence, with keys, for each effect that may make the median latency fall as the load rises.

    The wait for a batch ends sooner when more frames come; periodic senders with one gap stay in phase for as
    long as their clocks let them, and another load has another phase. Nothing is said if something other than the load
    sets the throughput, since a higher load then brings no more frames.
    """
    if result.bottleneck.resource == OFFERED_LOAD and not is_closed_loop(result.config):
        yield from _batches(result)
        yield from _awakened(result)
        yield from _in_step(result)


def _batches(result: Result) -> Iterator[str]:
    parts = result.latency_parts_ns.get("p50", {})
    whole, waits = sum(parts.values()), _batch_waits_ns(parts)
    if whole <= 0 or sum(waits.values()) < MATTERS * whole:
        return
    words = [_KEYS[part](result.config) for part, wait_ns in waits.items() if wait_ns > MATTERS / 4 * whole]
    share = f"{100 * sum(waits.values()) / whole:.0f} %"
    yield (
        f"Of the median frame's latency {share} is waiting for batches, which end when later frames fill them or a "
        f"timer runs out, so it falls as the load rises: {' and '.join(words)}."
    )


def interrupt_costs(config: Mapping[str, Any]) -> tuple[float, str]:
    """Return what a guest that sleeps takes to answer an interrupt, in ns, and the keys that say so; 0 if it polls."""
    driver = _block(config, "driver")
    costs = [key for key in _COSTS if is_some_time(str(driver.get(key, "0ns")))]
    has_interrupts = driver.get("rx_interrupt_batch") != 0 or is_some_time(str(driver.get("moderation", "0ns")))
    if not has_interrupts:
        return 0.0, ""
    told_ns = sum(parse_time_fs(driver[key]) for key in costs) / FS_PER_NS
    return told_ns, " and ".join(f"driver.{key} {driver[key]}" for key in costs)


def _awakened(result: Result) -> Iterator[str]:
    """Say so if the median frame's core sleeps until an interrupt; a busier core need not be woken."""
    parts, (told_ns, words) = result.latency_parts_ns.get("p50", {}), interrupt_costs(result.config)
    if parts.get("guest_queue", 0) >= told_ns > MATTERS * sum(parts.values()):
        yield (
            f"The median frame finds its VM's core without work: {words} "
            "are in its latency, and not in that of frames that find it busy, so it falls as the load rises."
        )


def _batch_waits_ns(parts: Mapping[str, float]) -> dict[str, float]:
    return {name: parts[name] for name in _KEYS if parts.get(name)}


def _in_step(result: Result) -> Iterator[str]:
    """Say so if the median is above the fastest frame's latency because the same frames always collide.

    Not for a single sender, whose frames meet no others, nor where frames may go several ways, as they do between
    several servers: the fastest goes the shortest.
    """
    workload, latency = result.config.get("workload", {}), result.latency_to_guest_ns
    if workload.get("arrivals") != "periodic" or not latency.p50 or not latency.min:
        return
    if len({flow.from_ for flow in result.flows}) == 1 or len(result.latency_by_direction_ns) > 1:
        return
    if result.config.get("servers"):
        return
    moving_ns = latency.p50 - sum(_batch_waits_ns(result.latency_parts_ns.get("p50", {})).values())
    if moving_ns > (1 + MATTERS) * latency.min:
        is_exact = _block(result.config, "run").get("clocks") == "exact"
        how_long = "for ever" if is_exact else "until their clocks have moved them apart"
        yield (
            "The senders' frames come in step (workload.arrivals periodic), so the same ones meet on the link "
            f"{how_long}: the median is {100 * (moving_ns / latency.min - 1):.0f} % above the fastest frame's, and at "
            "a higher load it may be less. workload.arrivals poisson has no such step."
        )


def _doorbells(config: Mapping[str, Any]) -> str:
    return f"driver.tx_doorbell_batch {_value(config, 'driver', 'tx_doorbell_batch')}"


def _write_backs(config: Mapping[str, Any]) -> str:
    timer, batch = _value(config, "nic", "writeback_timeout"), _value(config, "nic", "rx_writeback_batch")
    words = f"with nic.writeback_timeout {timer}" if timer else "without nic.writeback_timeout"
    found = f"nic.rx_writeback_batch {batch} {words}"
    open_receives = _value(config, "nic", "rsc")  # coalesced receives are written back once closed
    if not open_receives:
        return found
    closed = f"nic.rsc.timeout {open_receives.get('timeout')}"
    return closed if batch == 1 else f"{closed} and {found}"


def _interrupts(config: Mapping[str, Any]) -> str:
    timer = _value(config, "driver", "moderation")
    if timer and is_some_time(str(timer)):
        adapts = _value(config, "driver", "mask_interrupts") and _value(config, "driver", "adaptive_moderation")
        return f"driver.moderation {timer}{', which adapts to the load' if adapts else ''}"
    return f"driver.rx_interrupt_batch {_value(config, 'driver', 'rx_interrupt_batch')} without driver.moderation"


def _value(config: Mapping[str, Any], block: str, name: str) -> Any:
    return config.get(block, {}).get(name)


# Part of the latency -> what its wait is for, from the resolved configuration.
_KEYS = {"driver_batch": _doorbells, "writeback_batch": _write_backs, "interrupt_moderation": _interrupts}


def set_in_run(config: Mapping[str, Any]) -> set[str]:
    """Return the keys that events and agents may set while a run of a resolved configuration goes on."""
    agents = [*(config.get("agents") or {}).values()]
    rules = (rule for agent in agents for rule in agent.get("rules") or ())
    granted = {key for agent in agents for role, key in (("vdp_bridge", "vlans"), ("lacp", "idle")) if role in agent}
    said = [event.get("set") for event in (*(config.get("scenario") or ()), *rules)]
    return granted | {key for one in said for keys in (one if isinstance(one, list) else [one]) for key in keys or ()}
