"""The machine's state at time 0, from a configuration."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.compiled.records import NEVER
from hwmodel.errors import InputError
from hwmodel.machine.adapter.adapter_state import (
    SCHEDULE_DEFICIT,
    SCHEDULE_ROUND_ROBIN,
    SCHEDULE_STRICT,
    SCHEDULE_WEIGHTED,
)
from hwmodel.machine.counts.ledger_state import STALLS
from hwmodel.machine.frames import GROUP_CAP
from hwmodel.machine.host.host_state import FIRST_PLACES, LOWEST_CLASS, NARROW_PLACES
from hwmodel.machine.pcie.link_state import BY_ARRIVAL, MAX_TLP_BYTES, READS_FIRST, ROUND_ROBIN, WRITES_FIRST
from hwmodel.machine.server import fresh_state
from hwmodel.machine.time.clock import LANE_CAP, RX_WRITEBACK_TIMER, TX_WRITEBACK_TIMER
from hwmodel.machine.tlp_kinds import RX_WRITEBACK, TX_WRITEBACK
from hwmodel.rules import switch_core_cycles
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DLLP_BYTES, counts_whole_double_words, link_rate_of, tlp_overhead_of
from hwmodel.simulation.memory import fill_engines, fill_memory, fill_translation
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S, format_rate_bps, format_time_fs, fs_per_byte

if TYPE_CHECKING:
    from hwmodel.config import Config, VmDriver

State = Any  # a one-element record array of layout.SERVER
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
TX_HELD = (TX_WRITEBACK, TX_WRITEBACK_TIMER)
RX_HELD = (RX_WRITEBACK, RX_WRITEBACK_TIMER)
# Of a VM's driver, what a run has as the configuration says it.
OF_DRIVERS = (
    "frame_time_fs", "byte_time_fs", "doorbell_time_fs", "wakeup_time_fs", "tx_doorbell_batch", "refill_batch",
    "rx_interrupt_batch", "tx_interrupt_batch", "moderation_fs", "poll_budget", "send_burst",
)  # fmt: skip
JITTERS = ("fixed", "uniform", "histogram")
TWO_TO_32 = 1 << 32
FIRST_SERVER_STREAM = 1 << 20  # of random words; those before are the first server's and the sources'
LONG_FS, LONG_FRAMES = 2_000_000 * FS_PER_NS, 20_000  # what takes some ten ms to simulate
MOST_STREAMS = 1024  # that are remembered: points of a sweep have their seeds in common
LONGEST_BYTES = 10_000  # above any frame on the wire and any TLP


def function_of(port_number: int) -> int:
    """Return the number of the function behind a switch port: the PF (port 1) is 0, VF K (port K + 2) is K + 1."""
    return port_number - 1


def ring_slots(ring: int) -> int:
    """Return the slots that a ring takes in the state: the next power of two."""
    return 1 << (int(ring) - 1).bit_length()


def build_state(config: Config, seed: int) -> State:
    """Return the state of an idle machine with the configuration's limits; the workload is not in it yet."""
    state = fresh_state(in_large_pages=is_long(config))
    fill_state(state[0], config, seed)
    return state


def is_long(config: Config) -> bool:
    """Tell whether a run gains by large pages of memory what it takes to fill them with zeros, some ten ms."""
    run = config.run
    return run.duration_fs > LONG_FS and (run.frames is None or run.frames > LONG_FRAMES)


def fill_state(nic: Nic, config: Config, seed: int, server: int = 0) -> None:
    """Make a fresh state that of an idle machine with the configuration's limits; `server`: its number among all."""
    _be_idle(nic)
    _fill_link(nic, config)
    _fill_host(nic, config, seed, server)
    _fill_limits(nic, config)
    mac = nic.port[0].mac
    mac.fs_per_byte_num, mac.fs_per_byte_den = rate_as_ratio("port.rate", config.port.rate_bps)
    _fill_functions(nic, config)
    _fill_free_lists(nic, config)
    _fill_bus(nic, config)
    fill_translation(nic, config)
    fill_memory(nic, config)
    fill_engines(nic, config)
    nic.scheduler.kind = SCHEDULERS[config.switch.scheduler]
    nic.scheduler.quantum_bytes = max(port.max_frame_bytes for port in config.switch.ports) - FCS_BYTES


def _be_idle(nic: Nic) -> None:
    """Say that nothing is under way and nothing is to come, where zero does not say it."""
    nic.clock.next_at[:] = NEVER
    nic.clock.rare_at = NEVER
    nic.down.boundary_fs = NEVER
    nic.up.sends_second = 1  # so that P is the first to go in round robin
    nic.scheduler.chosen = -1
    nic.done_queue = -1
    nic.rx_head_waits_fs = -1
    nic.ledger.delivered_target = NEVER
    for name in STALLS.names or ():
        nic.ledger.counts.stalls[name].since_fs = -1


def _fill_link(nic: Nic, config: Config) -> None:
    """Set the link: exact durations by length, cuts, credits, DLLPs."""
    settings = config.pcie
    rate = link_rate_of(settings)
    overhead = tlp_overhead_of(settings)
    pcie = nic.pcie
    pcie.max_payload_bytes = settings.max_payload_bytes
    pcie.max_read_request_bytes = settings.max_read_request_bytes
    pcie.completion_boundary_bytes = settings.read_completion_boundary_bytes
    pcie.whole_completions = config.host.completion_bytes == "mps"
    longest = settings.max_payload_bytes if pcie.whole_completions else settings.read_completion_boundary_bytes
    pcie.completion_shift = longest.bit_length() - 1
    pcie.request_bytes = overhead.memory_write_bytes
    pcie.completion_bytes = overhead.completion_bytes
    pcie.whole_words = counts_whole_double_words(settings.dllp_model)
    pcie.dllp_period = rate.tlps_per_dllp_pair
    pcie.arbitration = ARBITRATIONS[settings.arbitration]
    lengths = np.arange(MAX_TLP_BYTES, dtype=np.int64)
    pcie.duration_fs[:] = lengths * rate.fs_numerator // rate.fs_denominator
    _set_propagation(pcie, settings.flight_fs)
    pcie.dllp_fs = rate.transfer_fs(2 * DLLP_BYTES)
    credits = settings.credits
    limits = ((credits.ph, credits.pd), (credits.nph, 0), (credits.cplh, credits.cpld))
    for record, (headers, units) in zip(nic.credits, limits, strict=True):
        record.headers_limit, record.data_limit = headers, units
    pcie.has_credits = any(headers or units for headers, units in limits)
    # With credits or a flight time, the receipt of each completion has effects of its own.
    pcie.runs_on = not pcie.has_credits and pcie.propagation_fs == 0
    pcie.credit_return_fs = credits.return_fs
    if config.host.write_drain_bps is not None:
        pcie.drain_num, pcie.drain_den = rate_as_ratio("host.write_drain", config.host.write_drain_bps)


def _set_propagation(pcie: Any, propagation_fs: int) -> None:
    """Set the time of flight; InputError if more TLPs may be on their way than a run has room for."""
    least_fs = int(pcie.duration_fs[min(pcie.request_bytes, pcie.completion_bytes)])  # of the shortest TLP
    most_fs = (LANE_CAP - 1) * least_fs - 1
    if propagation_fs > most_fs:
        raise InputError(
            f"pcie.propagation: {format_time_fs(propagation_fs)} holds up to {propagation_fs // least_fs + 1} TLPs of "
            f"this link each way; a run has room for {LANE_CAP - 1}, so for at most {most_fs // FS_PER_NS}ns"
        )
    pcie.propagation_fs = propagation_fs


def rate_as_ratio(key: str, rate_bps: int) -> tuple[int, int]:
    """Return a rate as an exact ratio whose products with a length stay inside 63 bits; InputError if they do not."""
    numerator, denominator = fs_per_byte(rate_bps)
    if numerator * LONGEST_BYTES >= 1 << 63:
        raise InputError(f"{key}: {format_rate_bps(rate_bps)} is finer than the model's time; write whole Kbps")
    return numerator, denominator


def _fill_host(nic: Nic, config: Config, seed: int, server: int) -> None:
    host = nic.host
    host.buffer_bytes = config.host.buffer_bytes
    host.buffer_offset_bytes = config.host.buffer_offset_bytes
    host.n_cores = config.host.cores
    jitter = config.host.jitter
    host.jitter_kind = JITTERS.index(jitter.kind)
    host.jitter_range_fs = jitter.range_fs or 0
    host.rng[:] = random_words(seed, 0 if server == 0 else FIRST_SERVER_STREAM + server)
    if jitter.bins:
        if len(jitter.bins) > len(host.jitter_fs):
            raise InputError(f"host.jitter.bins: {len(jitter.bins)} bins, at most {len(host.jitter_fs)} are supported")
        total = sum(item.weight for item in jitter.bins)
        below = 0
        for i, item in enumerate(jitter.bins):
            below += item.weight
            host.jitter_fs[i] = item.offset_fs
            host.jitter_threshold[i] = below * TWO_TO_32 // total
        host.n_jitter_bins = len(jitter.bins)


@lru_cache(maxsize=MOST_STREAMS)
def random_words(seed: int, stream: int) -> Any:
    """Return four words of 32 bits, not all zero, that start an independent stream; nobody may change them."""
    words = np.random.SeedSequence([seed, stream]).generate_state(4).astype(np.int64)
    words[0] |= 1
    words.setflags(write=False)
    return words


def _fill_limits(nic: Nic, config: Config) -> None:
    limits, settings = nic.limits, config.nic
    for name in ("tx_ring", "rx_ring", "fetch_batch", "rx_fetch_batch", "rx_prefetch"):
        limits[name] = getattr(settings, name)
    for name in ("descriptor_cache", "tx_buffer_bytes", "rx_buffer_bytes"):
        limits[name] = getattr(settings, name)
    limits.writeback_timeout_fs = settings.writeback_timeout_fs or 0
    limits.drop_enable = settings.drop_enable
    limits.drop_when_full = config.workload.on_full == "drop"
    if settings.store_rate_bps is not None:
        limits.store_num, limits.store_den = rate_as_ratio("nic.store_rate", settings.store_rate_bps)
    if settings.max_pps is not None:
        limits.pipeline_fs = FS_PER_S // settings.max_pps
    limits.queue_time_fs = settings.queue_time_fs
    limits.ahead_fs = (settings.descriptor_cache - 1) * settings.queue_time_fs
    limits.n_functions = len(config.switch.ports)
    limits.n_queues = limits.n_functions * settings.queues_per_vf


def _fill_bus(nic: Nic, config: Config) -> None:
    """Set the switch core's bus, which a run without its timing does not have."""
    switch, bus = config.switch, nic.port[0].bus
    if switch.timing == "none":
        return
    bus.cycle_fs = switch_core_cycles.cycle_fs(switch.clock_hz)
    bus.n_ports = len(switch.ports) + 1
    bus.word_bytes = switch.bus_bits // BITS_PER_BYTE
    bus.ingress_words = switch_core_cycles.INGRESS_BYTES // bus.word_bytes
    bus.ready_cycles = switch_core_cycles.READY_CYCLES
    bus.delay_cycles = switch_core_cycles.DECISION_CYCLES + switch_core_cycles.more_header_words(switch.bus_bits)


def _fill_functions(nic: Nic, config: Config) -> None:
    for port in config.switch.ports:
        number = function_of(port.number)
        function = nic.function[number]
        function.core = config.core_of(number)
        _fill_driver(nic.host.driver[number], config.driver_of(port.name))
        function.weight = port.weight
        function.port = port.number
        function.first_queue, function.n_queues = number * config.nic.queues_per_vf, config.nic.queues_per_vf
        if port.rate_limit_bps is not None:
            key = f"switch.ports.{port.name}.rate_limit"
            function.shaper_num, function.shaper_den = rate_as_ratio(key, port.rate_limit_bps)
            window_bytes = config.nic.rate_limit_window_bytes
            function.shaper_window_fs = window_bytes * function.shaper_num // function.shaper_den
            function.eligible_at_fs = -NEVER  # as after a long pause
    _fill_queues(nic, config)


def _fill_driver(record: Any, driver: VmDriver) -> None:
    """Set what a VM's driver takes, how it batches, and which interrupts it gets."""
    for name in OF_DRIVERS:
        record[name] = getattr(driver, name)
    record.interrupt_time_fs = driver.interrupt_time_fs + driver.exit_time_fs
    record.polls = driver.polls
    record.mask_interrupts = driver.masks
    record.adapts_moderation = driver.masks and driver.adaptive_moderation and driver.moderation_fs > 0
    record.adaptive_ns[:] = [interval_fs // FS_PER_NS for interval_fs in driver.adaptive_intervals_fs]


def _fill_queues(nic: Nic, config: Config) -> None:
    """Set the rings of all functions, which differ in nothing but their numbers and their drivers' timers."""
    limits, settings = nic.limits, config.nic
    numbers = np.arange(int(limits.n_queues))
    for name, ring, *held in (
        ("tx_queue", settings.tx_ring, settings.tx_writeback_batch, *TX_HELD),
        ("rx_queue", settings.rx_ring, settings.rx_writeback_batch, *RX_HELD),
    ):
        queues = nic[name][: len(numbers)]
        queues["function"] = numbers // settings.queues_per_vf
        queues["first"] = numbers * FIRST_PLACES
        queues["wide_first"] = NARROW_PLACES + numbers * ring_slots(ring)
        queues["mask"] = min(ring_slots(ring), FIRST_PLACES) - 1
        waiting = queues["held"]
        waiting["timer_at_fs"], waiting["queue"], waiting["ring_length"] = NEVER, numbers, ring
        waiting["batch"], waiting["kind"], waiting["timer_kind"] = held
    receiving = nic["rx_queue"][: len(numbers)]
    receiving["known"] = settings.rx_ring - 1
    receiving["moderation_fs"] = nic["host"]["driver"]["moderation_fs"][receiving["function"]]
    receiving["rx_class"] = receiving["tx_class"] = LOWEST_CLASS


def _fill_free_lists(nic: Nic, config: Config) -> None:
    tags = config.pcie.tags
    nic.tags.n_tags = nic.tags.n_free = nic.tags.counts.fewest_free = tags
    nic.tags.free[:tags] = np.arange(tags)[::-1]
    nic.groups.n_free = GROUP_CAP
    nic["host"]["core"]["first_work"][:] = -1
    nic["host"]["core"]["last_work"][:] = -1
