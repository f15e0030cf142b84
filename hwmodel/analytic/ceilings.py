"""The ceilings beside the link's bytes: tags, credits, wire, processors, pipeline, bus, offered load.

Each resource has a capacity per second, of which a frame uses a part; what is used at a given rate (frames from
outside, timer interrupts) is subtracted first. Holding times are those of an empty link plus what `waiting` adds, which
is an underestimate. So these ceilings are upper bounds: on a loaded link tags and credits are held longer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from hwmodel.analytic.ceiling import Ceiling, lowest, sum_link_bytes, taken
from hwmodel.analytic.latency import operation_fs, places_of, reads_span_fs, shared_fs
from hwmodel.analytic.rx_rings import descriptor_ceilings, serial_rx_fetches
from hwmodel.analytic.stalls import available_share
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import FROM_WIRE, ONE, TO_WIRE, ZERO, Demand, Traffic
from hwmodel.analytic.transactions import (
    Direction,
    Kind,
    Tlp,
    Transaction,
    by_driver,
    sending_s,
    taking_s,
    transactions_of,
)
from hwmodel.analytic.uplink import at_adapter, on_link
from hwmodel.analytic.virtual_switch import memory_ceiling, passing_keys
from hwmodel.analytic.waiting import with_waits
from hwmodel.config import Config
from hwmodel.config.virtual_switch import n_ports_at_once
from hwmodel.resources import OFFERED_LOAD
from hwmodel.rules import switch_core_cycles
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES, LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_S
from hwmodel.words.limits import at_port
from hwmodel.words.quantities import listed, plural

_Product = tuple[Fraction, Fraction]


def other_ceilings(config: Config, demand: Demand, transactions: Sequence[Transaction]) -> list[Ceiling]:
    """List the ceilings beside those of the link's two directions; unused resources are left out."""
    of_host = [*_cores(config, demand), *memory_ceiling(config, demand)]
    of_rings = list(descriptor_ceilings(config, demand, transactions))
    config, demand = at_adapter(config, demand)
    found = [
        *tag_ceilings(config, transactions),
        *credit_ceilings(config, transactions),
        *engine_ceilings(config, transactions),
        *_wires(config, demand),
        *of_host,
        *_pipeline(config, demand, transactions),
        *_rate_limits(config, demand.sought),
        *serial_rx_fetches(config, demand),
        *_queues(config, demand, len(demand.tx_rings)),
        *of_rings,
    ]
    return [ceiling for ceiling in with_waits(config, demand, found) if ceiling.is_used]


def offered_ceiling(frames_per_s: Fraction) -> Ceiling:
    """Give the ceiling that the offered load sets."""
    return Ceiling(OFFERED_LOAD, "frames that the workload offers", "frames", frames_per_s, Fraction(1))


def in_system(system: System, part: int, found: Iterable[Ceiling]) -> list[Ceiling]:
    """Name one component's resources as the system does: after its server, or as a port of its bridge."""
    if system.is_behind_switch(part):  # the switch's ports grant its link's credits
        found = [replace(one, per_frame=ZERO, per_s=ZERO) if one.resource == "pcie.credits" else one for one in found]
    if system.shares_bus(part):  # `switch_ceilings` adds up all adapters on the bus
        found = [replace(one, per_frame=ZERO, per_s=ZERO) if one.resource == "bus" else one for one in found]
    names: dict[str, str] = {}
    for wire in system.wires_of(part) if system.bridges else ():
        ways = [at_port(system.own_port(wire), name) for name in ("wire.tx", "wire.rx")]
        names |= zip(ways, system.wire_names(wire), strict=True)
    prefix = system.prefix(part) if system.is_server(part) else ""
    if not (names or prefix):
        return list(found)
    return [replace(one, resource=names.get(one.resource, f"{prefix}{one.resource}")) for one in found]


def part_costs(system: System, part: int, traffic: Traffic) -> list[Ceiling]:
    """Give what a frame takes of each resource of a component that is common to all senders, in a fixed order."""
    is_server = system.is_server(part)
    found = shared_costs(system.config(part), traffic) if is_server else wire_ceilings(system, part, Demand(traffic))
    return in_system(system, part, found)


def switch_ceilings(system: System, transactions: Mapping[int, Sequence[Transaction]]) -> list[Ceiling]:
    """Give the ceilings of PCIe switches' upper links and of shared buses; `transactions`: by adapter number."""
    found = []
    for one in system.pcie_switches:
        link = link_rate_of(one.link_of(system.servers))
        own = [each for part in one.members for each in transactions.get(part, ())]
        for ceiling in _directions(own, link):
            what = f"{ceiling.what}, of PCIe switch {one.name}"
            found.append(replace(ceiling, resource=ceiling.resource.replace("pcie", one.name), what=what))
    for bus in system.shared_buses:
        link = link_rate_of(system.config(bus.members[0]).pcie)
        found.append(_bus([each for part in bus.members for each in transactions.get(part, ())], link, bus.name))
    return found


def switch_costs(system: System, part: int, traffic: Traffic) -> list[Ceiling]:
    """Give what a frame at one component takes of the link above each PCIe switch, and of buses, in a fixed order."""
    if not (system.pcie_switches or system.shared_buses):
        return []
    transactions = {part: _transactions_at_most(system.config(part), traffic)} if system.is_server(part) else {}
    return switch_ceilings(system, transactions)


def wire_ceilings(system: System, part: int, demand: Demand) -> list[Ceiling]:
    """Give the ceilings, up and down, of a component that is only a wire, such as an extender's uplink."""
    (wire,) = system.wires_of(part)
    return list(_wire(system.rate_bps(wire), demand))


def shared_costs(config: Config, traffic: Traffic) -> list[Ceiling]:
    """Give what a frame takes of each resource that all senders share, unused ones included.

    Timer interrupts are left out: their number does not grow with the frames.
    """
    transactions = _transactions_at_most(config, traffic)
    of_host = memory_ceiling(config, Demand(traffic))
    own = config.virtual_switch
    n_uplink_rings = 0 if own is None else own.n_uplink_rings * n_ports_at_once(config.bond, config.port.count)
    config, traffic = on_link(config, traffic)
    demand = Demand(traffic)
    return [
        *of_host,
        *_directions(transactions, link_rate_of(config.pcie)),
        *tag_ceilings(config, transactions),
        *credit_ceilings(config, transactions),
        *engine_ceilings(config, transactions),
        *_wires(config, demand),
        *_pipeline(config, demand, transactions),
        *serial_rx_fetches(config, demand),
        *_queues(config, demand, n_uplink_rings),
    ]


def _transactions_at_most(config: Config, traffic: Traffic) -> Sequence[Transaction]:
    seen = config.for_functions(traffic.stations) or config
    return transactions_of(config, traffic, ZERO if seen.driver.moderation_fs else None)


def link_ceilings(transactions: Sequence[Transaction], link: LinkRate) -> list[Ceiling]:
    """Give the ceilings of the two directions, DLLPs for the TLPs of the other direction counted."""
    return [one for one in _directions(transactions, link) if one.is_used]


def _directions(transactions: Sequence[Transaction], link: LinkRate) -> tuple[Ceiling, ...]:
    if link.is_bus:
        return (_bus(transactions, link),)
    what = f"{float(link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS):.4g} Gb/s for TLPs and their DLLPs"

    def ceiling(direction: Direction) -> Ceiling:
        amounts = sum_link_bytes(transactions, link, direction)
        return Ceiling(f"pcie.{direction}", what, "B", link.bytes_per_s, *amounts)

    return ceiling("up"), ceiling("down")


def _bus(transactions: Sequence[Transaction], link: LinkRate, name: str = "bus") -> Ceiling:
    """Give the ceiling of a bus: the clocks of all transactions, in bytes that they could have carried."""
    what = f"{float(link.raw_bps / BPS_PER_GBPS):.4g} Gb/s for data and all other clocks, both ways together"
    return Ceiling(name, what, "B", link.bytes_per_s, *taken(transactions, _bytes_of_clocks))


def _bytes_of_clocks(one: Transaction) -> int:
    """Return what a transaction takes of a bus, either way, in bytes."""
    return one.link_bytes("up") + one.link_bytes("down")


def tag_ceilings(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceiling of the read tags, if anything is read."""
    reads = [one for one in transactions if one.is_read]
    held = _seconds(reads, lambda one: reads_span_fs(config, [one.tlps], begins=one.transfer != ()))
    tags = Fraction(config.pcie.tags)
    what = "1 tag, held for a round trip" if tags == 1 else f"{tags} tags, each held for a round trip"
    yield Ceiling("pcie.tags", what, "tags", tags, *held)


def credit_ceilings(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceilings of the finite credits, and of the host's drain where it holds them back."""
    credits, rate = config.pcie.credits, link_rate_of(config.pcie)
    pools: list[tuple[str, int, Kind, bool]] = [
        ("PH", credits.ph, "posted", False),
        ("PD", credits.pd, "posted", True),
        ("NPH", credits.nph, "non_posted", False),
        ("CPLH", credits.cplh, "completion", False),
        ("CPLD", credits.cpld, "completion", True),
    ]
    for name, granted, kind, counts_data in pools:
        if granted:
            amounts = taken(transactions, _credit_seconds(config, rate, kind, counts_data))
            what = f"{granted} {plural(f'{name} credit', granted)}"
            yield Ceiling("pcie.credits", what, "credits", Fraction(granted), *amounts)
        if granted and counts_data:
            most = max(1, granted * CREDIT_DATA_BYTES // config.pcie.max_payload_bytes)
            amounts = taken(transactions, _long_tlp_seconds(config, rate, kind, granted // (most + 1)))
            what = f"{most} {plural('long TLP', most)} within {granted} {name} credits"
            yield Ceiling("pcie.credits", what, "TLPs", Fraction(most), *amounts)
    drain_bps = config.host.write_drain_bps
    if drain_bps is not None and (credits.ph or credits.pd):
        yield Ceiling(
            "pcie.credits", "host memory's drain, which returns posted credits", "B",
            Fraction(drain_bps, BITS_PER_BYTE), *taken(transactions, _written_bytes),
        )  # fmt: skip


def _credit_seconds(config: Config, rate: LinkRate, kind: Kind, counts_data: bool) -> Callable[[Transaction], Fraction]:
    """Give how long a transaction holds credits: over its TLPs of the kind, units times the credit loop's time."""

    def seconds(one: Transaction) -> Fraction:
        loops = ((tlp, _loop_fs(config, rate, tlp)) for tlp in one.tlps if _takes_credits(tlp, kind))
        return sum((_data_credits(tlp) * fs if counts_data else fs for tlp, fs in loops), ZERO) / FS_PER_S

    return seconds


def _long_tlp_seconds(config: Config, rate: LinkRate, kind: Kind, more_than: int) -> Callable[[Transaction], Fraction]:
    """Give how long payload TLPs that take more than `more_than` data credits hold them.

    Write-backs are left out: where the timer expires before a batch is full they are shorter than counted.
    """

    def seconds(one: Transaction) -> Fraction:
        if not one.name.startswith("payload"):
            return ZERO
        long = (tlp for tlp in one.tlps if _takes_credits(tlp, kind) and _data_credits(tlp) > more_than)
        return sum((_loop_fs(config, rate, tlp) for tlp in long), ZERO) / FS_PER_S

    return seconds


def _takes_credits(tlp: Tlp, kind: Kind) -> bool:
    """Tell whether a TLP takes credits of a kind; doorbells do not: the adapter's credits never limit them."""
    return tlp.kind == kind and not (kind == "posted" and tlp.direction == "down")


def _data_credits(tlp: Tlp) -> int:
    return -(-tlp.data_bytes // CREDIT_DATA_BYTES)


def _loop_fs(config: Config, rate: LinkRate, tlp: Tlp) -> Fraction:
    """Give how long a TLP holds its credits: transmission, flight, the host's drain, and the credits' return."""
    pcie, drain_bps = config.pcie, config.host.write_drain_bps
    loop_fs = Fraction(rate.transfer_fs(tlp.link_bytes) + pcie.flight_fs + pcie.credits.return_fs)
    if tlp.kind == "posted" and drain_bps is not None:
        loop_fs += Fraction(tlp.data_bytes * BITS_PER_BYTE * FS_PER_S, drain_bps)
    return loop_fs


def _written_bytes(one: Transaction) -> int:
    return sum(tlp.data_bytes for tlp in one.tlps if _takes_credits(tlp, "posted"))


def _read_bytes(one: Transaction) -> int:
    return sum(tlp.data_bytes for tlp in one.tlps if tlp.kind == "completion" and tlp.direction == "down")


def _queues(config: Config, demand: Demand, n_rings: int) -> Iterator[Ceiling]:
    """Give the ceiling that `queue_time` sets on the adapter's Tx rings, `n_rings` of all senders together."""
    if config.nic.queue_time_fs and n_rings:
        each_s = Fraction(config.nic.queue_time_fs, config.workload.frames_a_send * FS_PER_S)
        amounts = demand.taken(lambda one: one.reads * each_s)
        yield Ceiling("nic.queue", "queue_time, Tx rings of all senders", "s", Fraction(n_rings), *amounts)


def _wires(config: Config, demand: Demand) -> Iterator[Ceiling]:
    """Give the ceilings of an adapter's wires, both ways of each port in turn."""
    rate_bps = config.port.rate_bps
    if config.port.count == 1:
        yield from _wire(rate_bps, demand)
        return
    for port in config.port.names:
        what = f"port {port} at {rate_bps / 1e9:g} Gb/s, frame + 20 B"
        for name in ("wire.tx", "wire.rx"):
            yield _at_port(at_port(port, name), what, "B", Fraction(rate_bps, BITS_PER_BYTE), demand)


def _at_port(name: str, what: str, unit: str, capacity: Fraction, demand: Demand) -> Ceiling:
    return Ceiling(name, what, unit, capacity, *demand.taken(lambda one: one.at_ports.get(name, ZERO)))


def taken_at_port(config: Config, port: str, traffic: Traffic) -> dict[str, Fraction]:
    """Give what frames that pass one of several ports take of that port's resources, by name, and their numbers."""
    (frames_out, bytes_out), (frames_in, bytes_in) = on_wire(traffic)
    found = {"wire.tx": bytes_out, "wire.rx": bytes_in, TO_WIRE: frames_out, FROM_WIRE: frames_in}
    if config.switch.timing == "core":
        found["switch.bus"] = bus_words(config, traffic)
    return {at_port(port, name): amount for name, amount in found.items() if amount}


def on_wire(traffic: Traffic, port: str = "") -> tuple[_Product, _Product]:
    """Give the frames and bytes on a wire, out and in; `port`: which one, of an adapter with several."""
    if not port:
        return (traffic.to_wire, traffic.bytes_out), (traffic.from_wire, traffic.bytes_in)
    at = {name: traffic.at_ports.get(at_port(port, name), ZERO) for name in (TO_WIRE, "wire.tx", FROM_WIRE, "wire.rx")}
    return (at[TO_WIRE], at["wire.tx"]), (at[FROM_WIRE], at["wire.rx"])


def _wire(rate_bps: int, demand: Demand) -> Iterator[Ceiling]:
    capacity, what = Fraction(rate_bps, BITS_PER_BYTE), f"port at {rate_bps / 1e9:g} Gb/s, frame + 20 B"
    yield Ceiling("wire.tx", what, "B", capacity, *demand.taken(lambda one: one.bytes_out))
    yield Ceiling("wire.rx", what, "B", capacity, *demand.taken(lambda one: one.bytes_in))


def _cores(config: Config, demand: Demand) -> Iterator[Ceiling]:
    """Give the ceilings of the VMs' busiest core and of a virtual switch's; at a tie, of the first core."""
    views = by_driver(config, demand.stations)
    everybody = [(one, seen, names) for one in demand.traffics for seen, names in views]
    shares = [_shares_of_cores(config, one, names) for one, _, names in everybody]
    costs = [(sending_s(seen, one.sizes), taking_s(seen, one.sizes)) for one, seen, _ in everybody]
    switching_s = [one.switching_s for one in demand.traffics]
    first: dict[tuple[tuple[_Product, ...], tuple[Fraction, ...]], int] = {}  # the first of those with the same work
    for core in sorted(set().union(*shares, *switching_s)):
        own = tuple(one.get(core, (ZERO, ZERO)) for one in shares)
        first.setdefault((own, tuple(one.get(core, ZERO) for one in switching_s)), core)
    of_vms, of_switch, available_s = [], [], available_share(config)
    but = "" if available_s == ONE else ", without stalls of the host"
    for (own, passes_s), core in first.items():
        sends = takes = ZERO
        per_s = sum((s * (one.frames_per_s or 0) for s, one in zip(passes_s[1:], demand.beside, strict=True)), ZERO)
        for (one, _, _), (sent, received), (send_s, take_s) in zip(everybody, own, costs, strict=True):
            if one.frames_per_s is None:
                sends, takes = sends + sent * send_s, takes + received * take_s
            else:
                per_s += (sent * send_s + received * take_s) * one.frames_per_s
        if any(passes_s):
            threads = config.vms_of_thread(core)
            whose = f"core {core}, thread of {listed(threads)}" if threads else "core of the virtual switch"
            keys = passing_keys(config, core, demand.traffics)
            what = f"{whose}, {keys}{', and its VMs' * bool(sends + takes)}{but}"
            of_switch.append(Ceiling("vswitch", what, "s", available_s, passes_s[0] + sends + takes, per_s))
        elif sends + takes:
            seen_there = (seen for (_, seen, _), work in zip(everybody, own, strict=True) if any(work))
            name, what = "driver.tx" if sends >= takes else "driver.rx", f"core {core}, {_work_keys(seen_there)}{but}"
            of_vms.append(Ceiling(name, what, "s", available_s, sends + takes, per_s))
    yield from (lowest(rows) for rows in (of_vms, of_switch) if any(row.per_frame for row in rows))


def _shares_of_cores(config: Config, traffic: Traffic, stations: Collection[str]) -> dict[int, _Product]:
    """Give the frames that each core sends and receives for some stations.

    Approximated: a station's frames are spread evenly over its queues.
    """
    found = dict[int, tuple[list[Fraction], list[Fraction]]]()
    for side, by_station in enumerate((traffic.sent, traffic.received)):
        for station, share in by_station.items():
            if station not in stations:
                continue
            of_queues = Counter(config.cores_of_queues(config.function_number(station)))
            for core, n_queues in of_queues.items():
                found.setdefault(core, ([], []))[side].append(share * Fraction(n_queues, of_queues.total()))
    return {core: (sum(sent, ZERO), sum(received, ZERO)) for core, (sent, received) in found.items()}


def _work_keys(seen: Iterable[Config]) -> str:
    """Name the keys that a core's work is made of; `seen`: the configurations of its guests."""
    named = dict.fromkeys(("pass_time", "byte_time", "pass_byte_time", "doorbell_time", "interrupt_time"), 0)
    own_send = None
    for own in seen:
        driver, own_send = own.driver, own.workload.segment_bytes
        for name in ("pass_time", "byte_time", "pass_byte_time"):
            named[name] += getattr(driver, f"{name}_fs")
        named["doorbell_time"] += driver.doorbell_time_fs
        named["interrupt_time"] += driver.interrupt_time_fs + driver.exit_time_fs
    first = ["frame_time"] if own_send is None else ["frame_time", "send_time", "descriptor_time"]
    return ", ".join([*first, *(name for name, cost_fs in named.items() if cost_fs)])


def _pipeline(config: Config, demand: Demand, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    if config.nic.max_pps is not None:
        passes = demand.taken(lambda one: one.reads + one.from_wire)
        yield Ceiling("nic.pipeline", "max_pps", "frames", Fraction(config.nic.max_pps), *passes)
    if config.nic.store_rate_bps is not None:
        capacity = Fraction(config.nic.store_rate_bps, BITS_PER_BYTE)
        yield Ceiling("nic.pipeline", "store_rate", "B", capacity, *taken(transactions, _read_bytes))
    if config.switch.timing == "core":
        clock = Fraction(config.switch.clock_hz)
        what = f"shared bus of {config.switch.bus_bits} bits"
        if config.port.count == 1:
            yield Ceiling("switch.bus", what, "cycles", clock, *demand.taken(lambda one: bus_words(config, one)))
            return
        for port in config.port.names:
            yield _at_port(at_port(port, "switch.bus"), f"{what} at {port}", "cycles", clock, demand)


def bus_words(config: Config, traffic: Traffic) -> Fraction:
    """Give the mean cycles that a frame holds the switch's shared bus: whole words in each pass, no FCS.

    Frames from the wire are counted with their tags.
    """
    bus_bits, tag_bytes = config.switch.bus_bits, int(traffic.back_tag_bytes)
    passes = ((traffic.reads, -FCS_BYTES), (traffic.from_wire, tag_bytes - FCS_BYTES))
    return sum(
        (
            share * n_passes * switch_core_cycles.words(n_bytes + more_bytes, bus_bits)
            for n_bytes, share in traffic.sizes
            for n_passes, more_bytes in passes
        ),
        ZERO,
    )


def _rate_limits(config: Config, traffic: Traffic) -> Iterator[Ceiling]:
    limits = {port.name: port.rate_limit_bps for port in config.switch.ports}
    of_senders = [limits.get(name) for name in traffic.sent]
    known = [limit for limit in of_senders if limit is not None]
    # One sender without a limit can make up for all that have one.
    if known and len(known) == len(of_senders):
        per_frame = BITS_PER_BYTE * traffic.mean_frame_bytes * traffic.reads
        yield Ceiling("rate_limit", "rate limits of the sending ports", "bits", Fraction(sum(known)), per_frame)


# ---- DMA engines (`nic.dma`): the time of each, the path that they share, the reads outstanding ----


def engine_ceilings(config: Config, transactions: Sequence[Transaction]) -> Iterator[Ceiling]:
    """Give the ceilings of the DMA engines, of outstanding reads and of the shared path, unused ones too.

    None without `nic.dma`. The reads of a transfer are one operation, outstanding for as long as they take on an empty
    link; interrupts and doorbells use no engine.
    """
    settings = config.nic.dma
    if settings is None:
        return

    reads = [one for one in transactions if one.is_read and one.transfer != ()]
    writes = [one for one in transactions if one.is_dma_write]
    places = Fraction(settings.read.outstanding)
    reading = _seconds(reads, lambda one: operation_fs(settings.read, _moved_bytes(one)))
    held = _seconds(
        reads,
        lambda one: places_of(settings.read, _moved_bytes(one)) * reads_span_fs(config, one.transfer or (one.tlps,)),
    )
    writing = _seconds(writes, lambda one: operation_fs(settings.write, _moved_bytes(one)))
    sharing = _seconds([*reads, *writes], lambda one: shared_fs(settings, _moved_bytes(one)))
    yield Ceiling("nic.dma.read", "the engine of reads", "s", ONE, *reading)
    yield Ceiling("nic.dma.read", "reads outstanding", "places", places, *held)
    yield Ceiling("nic.dma.write", "the engine of writes", "s", ONE, *writing)
    yield Ceiling("nic.dma.shared", "the path shared by both engines", "s", ONE, *sharing)


def _moved_bytes(one: Transaction) -> int:
    """Return the bytes of the operation that a transaction begins."""
    return sum(tlp.data_bytes for tlps in one.transfer or (one.tlps,) for tlp in tlps)


def _seconds(transactions: Sequence[Transaction], of_one_fs: Callable[[Transaction], int]) -> Iterator[Fraction]:
    """Sum times that transactions take, in seconds per frame and per second."""
    return (each_fs / FS_PER_S for each_fs in taken(transactions, of_one_fs))
