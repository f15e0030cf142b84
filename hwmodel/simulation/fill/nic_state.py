"""The machine's state at time 0, from a configuration."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from hwmodel.compiled.far_tables import give
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, VmDriver
from hwmodel.config.adapter import PLACES_A_DESCRIPTOR
from hwmodel.config.frame_lengths import descriptors_of_send
from hwmodel.config.virtual_switch import VirtualSwitch
from hwmodel.config.workload import frames_of_send
from hwmodel.machine.adapter.adapter_state import (
    SCHEDULE_CREDITS,
    SCHEDULE_DEFICIT,
    SCHEDULE_ROUND_ROBIN,
    SCHEDULE_STRICT,
    SCHEDULE_WEIGHTED,
)
from hwmodel.machine.counts.ledger_state import STALLS
from hwmodel.machine.frames import GROUP_CAP, LINE_CAP
from hwmodel.machine.guest.guest_state import FIRST_PLACES, LOWEST_CLASS, MAX_QUEUES, NARROW_PLACES, NO_RING
from hwmodel.machine.pcie.link_state import BY_ARRIVAL, MAX_TLP_BYTES, READS_FIRST, ROUND_ROBIN, WRITES_FIRST
from hwmodel.machine.server import fresh_state
from hwmodel.machine.time.clock import ADAPTER_LINKS, RX_WRITEBACK_TIMER, TX_WRITEBACK_TIMER
from hwmodel.machine.tlp_kinds import RX_WRITEBACK, TX_WRITEBACK
from hwmodel.machine.traffic.sources import NO_TEMPLATE
from hwmodel.rules import switch_core_cycles
from hwmodel.rules.ethernet import FCS_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.rules.pcie_link import DLLP_BYTES, INLINE_DOORBELL_BYTES, link_rate_of, tlp_overhead_of, word_bytes_of
from hwmodel.rules.transmit_credits import rate_kept
from hwmodel.simulation.fill.arbitration import fill_arbiter
from hwmodel.simulation.fill.bond import fill_bond, is_silent
from hwmodel.simulation.fill.flow_control import fill_flow_control
from hwmodel.simulation.fill.memory import TWO_TO_32, fill_engines, fill_memory, fill_translation
from hwmodel.simulation.fill.pci_buses import fill_bus_end
from hwmodel.simulation.fill.random_streams import random_words, stream_of_host
from hwmodel.simulation.fill.virtual_switch import fill_flow_cache
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S, fs_per_byte

State = Any  # a one-element record array of server.SERVER
Nic = Any  # its element

ARBITRATIONS = {
    "round_robin": ROUND_ROBIN,
    "reads_first": READS_FIRST,
    "writes_first": WRITES_FIRST,
    "arrival": BY_ARRIVAL,
}
SCHEDULERS = {
    "round_robin": SCHEDULE_ROUND_ROBIN,
    "weighted": SCHEDULE_WEIGHTED,
    "deficit": SCHEDULE_DEFICIT,
    "strict": SCHEDULE_STRICT,
}
SHARED = ("fetch_batch", "rx_fetch_batch", "rx_prefetch", "descriptor_cache")  # less with a shared cache
POSTED_AS = ("known", "cached")  # count of posted Rx descriptors: for an adapter, for the host's virtual switch
RING_TABLES = {"tx_queue": ("post", "post_batch"), "rx_queue": ("finished", "finished_batch")}
TX_HELD = (TX_WRITEBACK, TX_WRITEBACK_TIMER)
RX_HELD = (RX_WRITEBACK, RX_WRITEBACK_TIMER)
# Parameters of a VM's driver that are copied from the configuration unchanged.
OF_DRIVERS = (
    "doorbell_time_fs", "wakeup_time_fs", "pass_time_fs", "tx_doorbell_batch", "refill_batch", "rx_interrupt_batch",
    "tx_interrupt_batch", "moderation_fs", "poll_budget", "send_burst",
)  # fmt: skip
JITTERS = ("fixed", "uniform", "histogram")


def function_of(port_number: int) -> int:
    """Return the number of the function behind a switch port: the PF (port 1) is 0, VF K (port K + 2) is K + 1."""
    return port_number - 1


def ring_slots(ring: int) -> int:
    """Return the slots reserved for a ring in the state: its length rounded up to a power of two."""
    return 1 << (int(ring) - 1).bit_length()


def build_state(config: Config, seed: int) -> State:
    """Return the state of an idle machine, as configured but without the workload."""
    state = fresh_state()
    fill_state(state[0], config, seed)
    return state


def fill_state(nic: Nic, config: Config, seed: int, server: int = 0) -> None:
    """Fill a zeroed state with that of an idle machine, as configured; `server`: its number among all servers."""
    _be_idle(nic)
    _fill_adapter(nic, config)
    for number, (link, host) in enumerate(zip(nic.pcie, nic.host, strict=True)):
        host.rng[:] = random_words(seed, stream_of_host(server * ADAPTER_LINKS + number))
        fill_link(link, config)
        _fill_jitter(host.params, config)
        fill_translation(link, host, nic.params, config)
        fill_memory(link, host, _rings_of_adapter(config), config)
    fill_ports(nic, config)
    _fill_guests(nic, config)
    if config.virtual_switch is not None:
        _fill_virtual_switch(nic, config, config.virtual_switch)
    fill_functions(nic, config)
    fill_drivers(nic, config)
    fill_legs(nic, config)
    if config.virtual_switch is not None:
        fill_flow_cache(nic.virtual_switch.flow_cache, config)
        fill_bond(nic, config)
    _fill_queues(nic, config)
    _fill_free_lists(nic, config)
    for port in ports_of(nic):
        _fill_bus(port.bus.params, config)
    # Behind the pipeline alone a frame has the room that it gave back as it left that.
    nic.params.turns_at_pipeline = int(nic.params.pipeline_fs) > 0
    nic.params.turns_at_switch = int(nic.params.pipeline_fs) == 0 or int(nic.port[0].bus.params.cycle_fs) > 0
    fill_engines(nic, config)
    fill_scheduler(nic, config)
    fill_arbiter(nic, config)
    fill_flow_control(nic, config)


def fill_ports(nic: Nic, config: Config) -> None:
    """Set the rates of the Ethernet ports and of the lines to them, and which wires are dead."""
    for number in range(config.port.count):
        params = nic.port[number].mac.params
        params.fs_per_byte_num, params.fs_per_byte_den = fs_per_byte(config.port.rate_bps)
        line = nic.port[number].mac.line.params
        line.fs_per_byte_num, line.fs_per_byte_den = params.fs_per_byte_num, params.fs_per_byte_den
        give(nic.port[number].mac.line.ring, LINE_CAP)
        params.is_silent = not config.port.is_down(number) and is_silent(config, number)
        params.is_down = nic.port[number].mac.is_stopped = config.port.is_down(number) or params.is_silent
        params.is_idle = config.bond is not None and f"p{number}" in config.bond.idle


def fill_scheduler(nic: Nic, config: Config) -> None:
    """Set whose frame the scheduler takes next, and for how long it keeps an unused guaranteed rate."""
    has_classes = config.nic.arbitration is not None
    nic.scheduler.params.kind = SCHEDULE_CREDITS if has_classes else SCHEDULERS[config.switch.scheduler]
    nic.scheduler.params.quantum_bytes = config.switch.longest_frame_bytes - FCS_BYTES
    if any(port.min_rate_bps is not None for port in config.switch.ports):
        nic.scheduler.params.guarantee_window_fs = _guarantee_window_fs(config)


def _guarantee_window_fs(config: Config) -> int:
    """Return the time for which an unused minimum rate is kept: two longest frames of every function on the wire.

    A backlogged function never waits longer for its turn: at most one frame of each other function goes first, besides
    one that was picked before the function was owed anything.
    """
    if config.virtual_switch is not None:
        return _passing_window_fs(config, config.virtual_switch)
    longest = config.switch.longest_frame_bytes
    n_bytes = 2 * len(config.switch.ports) * (longest + WIRE_OVERHEAD_BYTES)
    return n_bytes * BITS_PER_BYTE * FS_PER_S // config.port.rate_bps


def _passing_window_fs(config: Config, own: VirtualSwitch) -> int:
    """Return the time in which a virtual switch's core gives each ring two turns, or in which the wire sends these.

    The longer of the two. No ring with frames that may go waits longer for its turn.
    """
    longest = config.switch.longest_frame_bytes
    weights = (port.weight if config.switch.scheduler == "weighted" else 1 for port in config.switch.ports)
    n_batches = 2 * config.nic.queues_per_vf * sum(weights)
    n_pieces = 1
    if config.sends_cut_by is not None:
        payload = longest - FCS_BYTES - (config.workload.header_bytes or 0)
        n_pieces = frames_of_send(payload, config.workload.mss_bytes or payload)
    frame_fs, byte_fs = config.passing_costs_fs
    a_frame_fs = frame_fs + (longest - FCS_BYTES) * byte_fs
    a_frame_fs += n_pieces * own.segment_frame_time_fs * (config.sends_cut_by == "switch")
    passing_fs = n_batches * (own.batch_time_fs + own.batch * a_frame_fs)
    if not own.n_uplink_rings:
        return passing_fs
    with_headers = longest + (n_pieces - 1) * ((config.workload.header_bytes or 0) + FCS_BYTES)
    n_bytes = n_batches * own.batch * (with_headers + n_pieces * WIRE_OVERHEAD_BYTES)
    return max(passing_fs, n_bytes * BITS_PER_BYTE * FS_PER_S // config.port.rate_bps)


def _be_idle(nic: Nic) -> None:
    """Set fields whose idle value is not zero: nothing in flight, no event pending."""
    nic.clock.next_at[:] = NEVER
    nic.clock.rare_at = NEVER
    for number, link in enumerate(nic.pcie):
        link.params.number = link.params.host = number
        link.down.boundary_fs = NEVER
        link.up.sends_second = 1  # so that round robin begins with the posted queue (P)
    nic.scheduler.chosen = -1
    nic.done_queue = -1
    nic.rx_head_waits_fs = -1
    nic.ledger.delivered_target = NEVER
    for name in STALLS.names or ():
        nic.ledger.counts.stalls[name].since_fs = -1


def fill_link(link: Any, config: Config) -> None:
    """Set the link: exact durations by length, cuts, credits, DLLPs."""
    settings = config.pcie
    rate = link_rate_of(settings)
    overhead = tlp_overhead_of(settings)
    params = link.params
    params.max_payload_bytes = settings.max_payload_bytes
    params.max_read_request_bytes = settings.max_read_request_bytes
    params.completion_boundary_bytes = settings.read_completion_boundary_bytes
    params.whole_completions = config.host.completion_bytes == "mps"
    longest = settings.max_payload_bytes if params.whole_completions else settings.read_completion_boundary_bytes
    params.completion_shift = longest.bit_length() - 1
    params.request_bytes = overhead.memory_write_bytes
    params.read_request_bytes = overhead.read_request_bytes
    params.completion_bytes = overhead.completion_bytes
    params.word_mask = word_bytes_of(settings) - 1
    params.dllp_period = rate.tlps_per_dllp_pair
    params.arbitration = ARBITRATIONS[settings.arbitration]
    set_byte_time(params, rate.fs_per_byte)
    params.propagation_fs = settings.flight_fs
    credits = settings.credits
    limits = ((credits.ph, credits.pd), (credits.nph, 0), (credits.cplh, credits.cpld))
    for record, (headers, units) in zip(link.credits, limits, strict=True):
        record.params.headers_limit, record.params.data_limit = headers, units
    params.has_credits = any(headers or units for headers, units in limits)
    # A read's completions are one event unless each one's receipt matters: with credits, or a flight time.
    params.runs_on = not params.has_credits and params.propagation_fs == 0
    params.credit_return_fs = credits.return_fs
    if settings.bus is not None:
        fill_bus_end(link, settings.bus)
    if config.host.write_drain_bps is not None:
        params.drain_num, params.drain_den = fs_per_byte(config.host.write_drain_bps)


def set_byte_time(params: Any, a_byte_fs: Fraction) -> None:
    """Set the link time of TLPs of each length, and of a pair of DLLPs, rounded down to whole fs."""
    lengths = np.arange(MAX_TLP_BYTES, dtype=np.int64)
    params.duration_fs[:] = lengths * a_byte_fs.numerator // a_byte_fs.denominator
    params.dllp_fs = 2 * DLLP_BYTES * a_byte_fs.numerator // a_byte_fs.denominator


def _fill_jitter(params: Any, config: Config) -> None:
    jitter = config.host.jitter
    params.jitter_kind = JITTERS.index(jitter.kind)
    params.jitter_range_fs = jitter.range_fs or 0
    if jitter.bins:
        total = sum(item.weight for item in jitter.bins)
        below = 0
        for i, item in enumerate(jitter.bins):
            below += item.weight
            params.jitter_fs[i] = item.offset_fs
            params.jitter_threshold[i] = below * TWO_TO_32 // total
        params.n_jitter_bins = len(jitter.bins)


def _fill_adapter(nic: Nic, config: Config) -> None:
    params, settings = nic.params, config.nic
    for name in ("tx_ring", "rx_ring", "tx_buffer_bytes", "rx_buffer_bytes", *SHARED):
        params[name] = getattr(settings, name)
    for name in SHARED:
        nic.cache[name] = params[name]
    params.tx_host_threshold = settings.tx_host_threshold
    params.shared_cache = settings.shared_descriptor_cache or 0
    params.least_share = max(1, descriptors_of_send(config)) if config.sends_cut_by == "adapter" else 1
    params.writeback_timeout_fs = settings.writeback_timeout_fs or 0
    params.drop_when_full = config.workload.on_full == "drop"
    if settings.store_rate_bps is not None:
        params.store_num, params.store_den = fs_per_byte(settings.store_rate_bps)
    if settings.max_pps is not None:
        params.pipeline_fs = FS_PER_S // settings.max_pps
    params.queue_time_fs = settings.queue_time_fs
    params.ahead_fs = (settings.descriptor_cache - 1) * settings.queue_time_fs
    if settings.rsc is not None:
        params.most_coalesced, params.coalesced_fs = settings.rsc.descriptors, settings.rsc.timeout_fs
    params.splits_headers = splits_headers(config)
    params.receives_vary = settings.rsc is not None or params.splits_headers
    params.in_line_bytes = params.rx_buffer_bytes
    params.n_ports = config.port.count
    params.tx_descriptor_shift = settings.tx_descriptor_bytes.bit_length() - 1
    params.doorbell_bytes = settings.doorbell_bytes
    params.has_virtual_switch = config.has_virtual_switch
    params.receives_vary |= config.has_virtual_switch
    params.has_inline = any(config.driver_of(port.name).doorbell == "inline" for port in config.switch.ports)
    params.n_functions = len(config.switch.ports)
    params.n_queues = params.n_functions * settings.queues_per_vf
    params.n_scheduled = params.n_functions


def splits_headers(config: Config) -> bool:
    """Tell whether header split takes effect: it is on, and headers fit into the header buffers."""
    return (config.nic.header_split_bytes or 0) >= (config.workload.header_bytes or 1)


def ports_of(nic: Nic) -> list[Any]:
    """Return the Ethernet ports that an adapter has, in order."""
    return [nic.port[number] for number in range(int(nic.params.n_ports))]


def _fill_bus(params: Any, config: Config) -> None:
    """Set up the switch core's bus; do nothing unless `switch.timing` models it."""
    switch = config.switch
    if switch.timing == "none":
        return
    params.cycle_fs = switch_core_cycles.cycle_fs(switch.clock_hz)
    params.n_ports = len(switch.ports) + 1
    params.word_bytes = switch.bus_bits // BITS_PER_BYTE
    params.ingress_words = switch_core_cycles.INGRESS_BYTES // params.word_bytes
    params.ready_cycles = switch_core_cycles.READY_CYCLES
    params.delay_cycles = switch_core_cycles.DECISION_CYCLES + switch_core_cycles.more_header_words(switch.bus_bits)


def _fill_guests(nic: Nic, config: Config) -> None:
    guests = nic.guests.params
    guests.buffer_bytes = config.host.buffer_bytes
    guests.buffer_offset_bytes = config.host.buffer_offset_bytes
    guests.n_cores = config.host.cores
    guests.mss_bytes = config.workload.mss_bytes if config.sends_cut_by == "adapter" else 0
    guests.header_bytes = config.workload.header_bytes or 0
    guests.posts_sends = config.workload.segment_bytes is not None
    if (stall := config.host.stall) is not None:
        guests.stall.for_fs, guests.stall.every_fs = stall.length_fs, stall.every_fs or NEVER
        guests.stall.first_fs = stall.every_fs if stall.at_fs is None else stall.at_fs


def fill_drivers(nic: Nic, config: Config) -> None:
    """Set the times, batches, interrupts and doorbells of each function's driver."""
    for port in config.switch.ports:
        record, driver = nic.guests.driver[function_of(port.number)], config.driver_of(port.name)
        _fill_driver(record, driver)
        record.rings_inline = driver.doorbell == "inline"
        record.lone_doorbell_bytes = INLINE_DOORBELL_BYTES if record.rings_inline else config.nic.doorbell_bytes


def fill_functions(nic: Nic, config: Config) -> None:
    """Set each function's place, weight and rates."""
    ports = config.switch.ports
    params = nic["function"]["params"][: len(ports)]
    params["adapter_port"] = [config.port.number_of(port.port) for port in ports]
    params["port"] = [port.number for port in ports]
    params["first_queue"] = np.arange(len(ports)) * config.nic.queues_per_vf
    params["n_queues"] = config.nic.queues_per_vf
    fill_shares(nic, config)


def fill_shares(nic: Nic, config: Config) -> None:
    """Set each function's weight and rates."""
    ports = config.switch.ports
    functions = nic["function"][: len(ports)]
    params = functions["params"]
    limits = [_shaper(config, port.rate_limit_bps) for port in ports]
    guarantees = [(0, 0) if port.min_rate_bps is None else fs_per_byte(port.min_rate_bps) for port in ports]
    params["weight"] = [port.weight for port in ports]
    params["shaper_num"], params["shaper_den"], params["shaper_window_fs"] = zip(*limits, strict=True)
    params["guarantee_num"], params["guarantee_den"] = zip(*guarantees, strict=True)
    functions["eligible_at_fs"][params["shaper_den"] > 0] = -NEVER  # as after a long pause


def _shaper(config: Config, limit_bps: int | None) -> tuple[int, int, int]:
    """Return the time of a byte at a rate limit, as a ratio, and the time that its window lasts; zeros for no limit."""
    if limit_bps is None:
        return 0, 0, 0
    rate = limit_bps if config.nic.arbitration is None else rate_kept(limit_bps, config.port.rate_bps)
    num, den = fs_per_byte(rate)
    window_fs = config.nic.rate_limit_window_bytes * num // den
    if config.virtual_switch is not None:
        window_fs = max(window_fs, _passing_window_fs(config, config.virtual_switch))
    return num, den, window_fs


def fill_legs(nic: Nic, config: Config) -> None:
    """Set the legs of a virtual switch's uplink up as functions of the adapter, behind those of the VMs."""
    for leg in range(config.n_legs if int(nic.virtual_switch.params.n_rings) else 0):
        _fill_leg(nic, config, leg)


def _fill_driver(record: Any, driver: VmDriver) -> None:
    """Set the times, batches and interrupts of a VM's driver."""
    for name in OF_DRIVERS:
        record[name] = getattr(driver, name)
    record.frame_time_fs, record.byte_time_fs = driver.frame_cost_fs, driver.byte_cost_fs
    record.interrupt_time_fs = driver.interrupt_time_fs + driver.exit_time_fs
    record.send_time_fs, record.descriptor_time_fs, record.send_byte_time_fs = driver.send_costs_fs
    record.keeps_context = driver.tso_context == "changed"
    if not driver.refill:
        record.refill_batch = NEVER
    record.polls = driver.polls
    record.mask_interrupts = driver.masks
    record.adapts_moderation = driver.masks and driver.adaptive_moderation and driver.moderation_fs > 0
    record.adaptive_ns[:] = [interval_fs // FS_PER_NS for interval_fs in driver.adaptive_intervals_fs]


def _rings_of_adapter(config: Config) -> int:
    """Return the number of rings, in each direction, that the adapter accesses by DMA."""
    if config.virtual_switch is not None:
        return config.virtual_switch.n_uplink_rings * config.n_legs
    return len(config.switch.ports) * config.nic.queues_per_vf


def _fill_virtual_switch(nic: Nic, config: Config, own: VirtualSwitch) -> None:
    """Set the virtual switch's times per frame, its cores, and the rings of its uplink."""
    params = nic.virtual_switch.params
    for name in ("batch_time_fs", "frame_time_fs", "guest_time_fs", "byte_time_fs", "kick_fs", "batch"):
        params[name] = getattr(own, name)
    params.ring_time_fs, params.further_rings, params.rules_fs = own.ring_time_fs, own.further_rings, config.rules_fs
    params.uplink_time_fs, params.uplink_byte_time_fs = config.uplink_costs_fs
    params.tag_fs = config.tag_fs
    params.memory_byte_fs = own.memory_byte_fs
    if config.sends_cut_by is not None:
        params.mss_bytes, params.header_bytes = config.workload.mss_bytes, config.workload.header_bytes
        params.cuts, params.cutting_fs = config.sends_cut_by == "switch", own.segment_frame_time_fs
    params.waits_for_uplink = own.on_uplink_full == "wait"
    params.sample_one_in, params.sample_fs = own.sample_one_in or 0, own.sample_time_fs
    if own.ecn_threshold_bytes is not None:
        params.marks, params.ecn_threshold_bytes = 1, own.ecn_threshold_bytes
        stations = config.switch.ports  # numbered after the stations outside, which are 0
        params.knows_ecn[: 1 + len(stations)] = [
            own.ecn_capable == "all" or name in map(config.function_of, own.ecn_capable)
            for name in ("", *(port.name for port in stations))
        ]
    params.has_weights = config.switch.scheduler == "weighted"
    if config.switch.scheduler == "deficit":
        params.quantum_bytes = config.switch.longest_frame_bytes - FCS_BYTES
    params.n_cores = len(own.cores)
    params.n_threads = len(config.thread_cores)
    cores = [*own.cores, *config.thread_cores]
    params.core[: len(cores)] = cores
    params.n_leg_rings = own.n_uplink_rings
    params.n_rings = own.n_uplink_rings * config.n_legs
    params.first_ring = nic.params.n_queues if params.n_rings else MAX_QUEUES
    if params.n_rings == 0:
        return
    nic.params.n_scheduled = nic.params.n_functions + config.n_legs
    share = max(1, (config.nic.shared_descriptor_cache or NEVER) // (2 * int(params.n_rings)))
    nic.params.shared_cache = 0  # no dynamic sharing: all rings are in use from the start, each with a fixed share
    for name in SHARED:
        nic.cache[name] = min(int(nic.params[name]), share)


def _fill_leg(nic: Nic, config: Config, leg: int) -> None:
    """Set up a leg of the uplink as a function of the adapter, at the leg's port, and its driver."""
    number, params = int(nic.params.n_functions) + leg, nic.virtual_switch.params
    of_function = nic.function[number].params
    of_function.weight, of_function.adapter_port = 1, leg
    of_function.first_queue = params.first_ring + leg * params.n_leg_rings
    of_function.n_queues = params.n_leg_rings
    driver = nic.guests.driver[number]
    _fill_driver(driver, config.driver_of("pf"))
    of_pf = nic.guests.driver[0]
    driver.rings_inline, driver.lone_doorbell_bytes = of_pf.rings_inline, of_pf.lone_doorbell_bytes
    # The time per frame is the virtual switch's; it polls for freed Tx slots; a host interrupt causes no VM exit.
    driver.frame_time_fs = driver.byte_time_fs = driver.pass_time_fs = driver.tx_interrupt_batch = 0
    driver.interrupt_time_fs = config.driver_of("pf").interrupt_time_fs


def _fill_queues(nic: Nic, config: Config) -> None:
    """Set all rings, which differ only in their numbers, their cores, and what their functions' drivers do."""
    settings, switch = config.nic, nic.virtual_switch.params
    n_queues, n_functions = int(nic.params.n_queues), int(nic.params.n_functions)
    in_leg = np.arange(int(switch.n_rings)) % max(1, int(switch.n_leg_rings))
    numbers = np.arange(n_queues + len(in_leg))
    of_legs = n_functions + (numbers - n_queues) // max(1, int(switch.n_leg_rings))
    cores = [core for function in range(n_functions) for core in config.cores_of_queues(function)]
    cores += [int(switch.core[ring % int(switch.n_cores)]) for ring in in_leg]
    for name, ring, *held in (
        ("tx_queue", settings.tx_ring, settings.tx_writeback_batch, *TX_HELD, settings.tx_entry_bytes),
        ("rx_queue", settings.rx_ring, settings.rx_writeback_batch, *RX_HELD, settings.rx_entry_bytes),
    ):
        queues = nic[name][: len(numbers)]
        queues["params"]["function"] = np.where(numbers < n_queues, numbers // settings.queues_per_vf, of_legs)
        queues["params"]["core"] = cores
        queues["first"] = numbers * FIRST_PLACES
        # Coalesced frames take a place in the state each, but mostly no descriptor of their own.
        places = ring_slots(ring) * (PLACES_A_DESCRIPTOR if name == "rx_queue" and settings.rsc is not None else 1)
        queues["params"]["wide_first"] = NARROW_PLACES + numbers * places
        for table in RING_TABLES[name]:
            give(nic.guests[table], NARROW_PLACES + len(numbers) * places)
        queues["mask"] = min(ring_slots(ring), FIRST_PLACES) - 1
        queues["slots"] = ring - 1
        if name == "tx_queue":
            queues["last_template"] = NO_TEMPLATE
            queues["held"]["params"]["reports_last"] = settings.reports_last
        waiting = queues["held"]
        waiting["timer_at_fs"] = NEVER
        params = waiting["params"]
        params["queue"], params["ring_length"] = numbers, ring
        params["batch"], params["kind"], params["timer_kind"], params["entry_bytes"] = held
    receiving = nic["rx_queue"][: len(numbers)]
    in_function = numbers[:n_queues] % settings.queues_per_vf
    following = in_function + settings.n_vectors
    receiving["params"]["vector"] = numbers
    receiving["params"]["vector"][:n_queues] += in_function % settings.n_vectors - in_function
    receiving["params"]["next_of_vector"] = NO_RING
    receiving["params"]["next_of_vector"][:n_queues] = np.where(
        following < settings.queues_per_vf, numbers[:n_queues] + settings.n_vectors, NO_RING
    )
    fill_drops(nic, config)
    receiving[POSTED_AS[config.has_virtual_switch]][:n_queues] = receiving["slots"][:n_queues]
    receiving["known"][n_queues:] = receiving["slots"][n_queues:]
    receiving["closes_fs"] = NEVER
    receiving["moderation_fs"] = nic["guests"]["driver"]["moderation_fs"][receiving["params"]["function"]]
    receiving["rx_class"] = receiving["tx_class"] = LOWEST_CLASS


def fill_drops(nic: Nic, config: Config) -> None:
    """Set of each Rx ring whether frames drop that find no descriptor; the rings of an uplink do as the PF's."""
    drops = [drops for port in config.switch.ports for drops in config.drops_of_queues(function_of(port.number))]
    switch, of_pf = nic.virtual_switch.params, config.drops_of_queues(0)
    drops += [of_pf[ring % max(1, int(switch.n_leg_rings)) % len(of_pf)] for ring in range(int(switch.n_rings))]
    nic["rx_queue"]["params"]["drop_enable"][: len(drops)] = drops


def _fill_free_lists(nic: Nic, config: Config) -> None:
    tags = config.pcie.tags
    for link in nic.pcie:
        link.tags.params.n_tags = link.tags.n_free = link.tags.counts.fewest_free = tags
        link.tags.free[:tags] = np.arange(tags)[::-1]
    nic.groups.n_free = GROUP_CAP
    cores = nic["guests"]["core"][: config.host.cores]
    cores["first_work"] = cores["last_work"] = -1
