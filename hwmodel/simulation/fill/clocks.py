"""The clocks of real machines: each a little off its nominal rate, and each with a phase of its own.

An offset is drawn for each oscillator, by the run's seed, within `run.clocks`: the host's, which drives its cores and,
as reference clock, both ends of the PCIe link; the adapter's, which drives its pipeline, timers and Ethernet port; one
for each bridge or extender; one for the stations outside at each line, or beyond the bridges; that by which each VM
times what it sends. The state is built with rates and times scaled by these offsets, as exact ratios; the kernels need
not know. Latencies that no clock sets (memory, flight) keep their values. Drift within a run and spread-spectrum
clocking are not modelled.

Phases are drawn likewise: when each core begins, when a host's first periodic stall does, where in its period each
periodic source begins, and each source outside that always has a frame, and how full each Rx ring's batch of
descriptors to post again is. Rings that are served in turn would keep their offsets in these batches for ever, whatever
the clocks do, and a run would show only one of many cycles. So now and then a driver posts descriptors before its batch
is full, as real drivers do at the end of a poll (DPDK's drivers look at `rx_free_thresh` after each burst). How often
is an assumption; it costs next to nothing, and lets a run see many of the phases.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from hwmodel.config import Config, descriptors_of
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.fill.nic_state import POSTED_AS, set_byte_time
from hwmodel.simulation.fill.random_streams import CLOCKS
from hwmodel.units import EXACT_BYTES, FS_PER_US, in_range
from hwmodel.workload.traffic import Workload

HOST, ADAPTER, BOX, OUTSIDE, SENDER, START, REFILL, PERIOD, STALL = range(9)  # what is drawn for
PPB = 10**9
MOST_DRAWN = 4096  # numbers and ratios that are remembered: a scenario's changes ask for the same again and again
# The chance, in 2**32, that a piece of receive work ends with a refill before the batch is full: one in 64. The phases
# of rings that are served in turn are counts of frames, which no clock offset changes.
EARLY_REFILLS = 1 << 26
LATEST_START_FS = 50 * FS_PER_US  # cores begin within this time: longer than any batch takes

HOST_TIMES = (
    "frame_time_fs", "byte_time_fs", "doorbell_time_fs", "wakeup_time_fs", "pass_time_fs", "interrupt_time_fs",
    "send_time_fs", "descriptor_time_fs", "send_byte_time_fs",
)  # fmt: skip
SWITCH_TIMES = (
    "batch_time_fs", "frame_time_fs", "guest_time_fs", "byte_time_fs", "kick_fs", "sample_fs", "cutting_fs",
    "uplink_time_fs", "uplink_byte_time_fs", "ring_time_fs", "rules_fs", "tag_fs",
)  # fmt: skip
FLOW_CACHE_TIMES = ("far_time_fs", "exact_time_fs", "wildcard_time_fs", "miss_time_fs")
ADAPTER_TIMES = ("pipeline_fs", "queue_time_fs", "ahead_fs", "writeback_timeout_fs")
ENGINE_TIMES = ("operation_fs", "small_fs", "start_fs", "piece_fs", "latency_fs")


@lru_cache(MOST_DRAWN)
def drawn(seed: int, what: int, number: int, server: int, below: int) -> int:
    """Draw a number from 0 to `below` - 1 for one component of a machine, independently of all other draws."""
    words = np.random.SeedSequence([seed, CLOCKS, what, server, number]).generate_state(2, np.uint32)
    return ((int(words[0]) << 32 | int(words[1])) * below) >> 64


def tolerance_ppb(config: Config) -> int:
    """Return the tolerance of all clocks in parts per 10^9; 0: all clocks are exact and begin together."""
    return config.run.clocks_ppb


def stretch(config: Config, seed: int, what: int, number: int = 0, server: int = 0) -> Fraction:
    """Return the factor by which the times of a clock are longer than nominal."""
    tolerance = tolerance_ppb(config)
    if tolerance == 0:
        return Fraction(1)
    return Fraction(PPB + drawn(seed, what, number, server, 2 * tolerance + 1) - tolerance, PPB)


def link_fs_per_byte(config: Config, seed: int, server: int) -> Fraction:
    """Return the time of a byte on a server's PCIe link by the host's clock; the clock of a PCI bus is exact."""
    if config.pcie.bus is not None:
        return link_rate_of(config.pcie).fs_per_byte
    factor = stretch(config, seed, HOST, server=server)
    return in_range(link_rate_of(config.pcie).fs_per_byte * factor, EXACT_BYTES)


def fill_clocks(nic: Any, config: Config, seed: int, server: int = 0) -> None:
    """Give a server's state the rates of its own clocks, in place of nominal ones."""
    if tolerance_ppb(config) == 0:
        return
    of_host = stretch(config, seed, HOST, server=server)
    of_adapter = stretch(config, seed, ADAPTER, server=server)
    clock_links(nic, config, seed, server)
    clock_ports(nic, config, seed, server)
    clock_functions(nic, config, seed, server)
    clock_scheduler(nic, config, seed, server)
    _stretch_times(nic.params, ADAPTER_TIMES, of_adapter)
    for port in nic.port[: int(nic.params.n_ports)]:
        _stretch_times(port.bus.params, ("cycle_fs",), of_adapter)
    _stretch_ratio(nic.params, "store", of_adapter)
    for driver in nic.guests.driver[: int(nic.params.n_scheduled)]:
        _stretch_times(driver, HOST_TIMES, of_host)
        _stretch_times(driver, ("moderation_fs",), of_adapter)
    _stretch_times(nic.virtual_switch.params, SWITCH_TIMES, of_host)
    _stretch_times(nic.virtual_switch.flow_cache.params, FLOW_CACHE_TIMES, of_host)
    for engine in (nic.engines.read, nic.engines.write):
        _stretch_times(engine.params, ENGINE_TIMES, of_adapter)
        _stretch_ratio(engine.params, "", of_adapter)
    _stretch_times(nic.engines.params, ("shared_fs",), of_adapter)
    _stretch_ratio(nic.engines.params, "shared", of_adapter)
    rings = nic["rx_queue"][: int(nic.params.n_queues) + int(nic.virtual_switch.params.n_rings)]
    rings["moderation_fs"] = nic["guests"]["driver"]["moderation_fs"][rings["params"]["function"]]


def clock_links(nic: Any, config: Config, seed: int, server: int) -> None:
    """Give a server's PCIe links the rate of the host's clock."""
    if tolerance_ppb(config):
        a_byte_fs = link_fs_per_byte(config, seed, server)
        for link in nic.pcie:
            set_byte_time(link.params, a_byte_fs)


def clock_ports(nic: Any, config: Config, seed: int, server: int) -> None:
    """Give the Ethernet ports the rate of the adapter's clock, and each line that of the stations outside."""
    of_adapter = stretch(config, seed, ADAPTER, server=server)
    for number, port in enumerate(nic.port[: int(nic.params.n_ports)]):
        stretch_port(port.mac.params, of_adapter)
        stretch_port(port.mac.line.params, stretch(config, seed, OUTSIDE, 1 + number, server))


def clock_functions(nic: Any, config: Config, seed: int, server: int) -> None:
    """Give the functions' rate limits and guarantees the adapter's clock."""
    of_adapter = stretch(config, seed, ADAPTER, server=server)
    rows = nic["function"]["params"][: int(nic.params.n_scheduled)]
    if of_adapter == 1:
        return
    factor = of_adapter.as_integer_ratio()
    for num, den in (("shaper_num", "shaper_den"), ("guarantee_num", "guarantee_den")):
        pairs = zip(rows[num].tolist(), rows[den].tolist(), strict=True)
        rows[num], rows[den] = zip(*(_stretched(*pair, *factor) if pair[1] else pair for pair in pairs), strict=True)
    rows["shaper_window_fs"] = [_stretched_fs(time_fs, *factor) for time_fs in rows["shaper_window_fs"].tolist()]


def clock_scheduler(nic: Any, config: Config, seed: int, server: int) -> None:
    """Give the time for which the scheduler keeps an unused guaranteed rate the adapter's clock."""
    _stretch_times(nic.scheduler.params, ("guarantee_window_fs",), stretch(config, seed, ADAPTER, server=server))


def stretch_port(port: Any, factor: Fraction) -> None:
    """Give an Ethernet port the rate of its own clock."""
    _stretch_ratio(port, "fs_per_byte", factor)


def _stretch_times(record: Any, names: Iterable[str], factor: Fraction) -> None:
    for name in names:
        record[name] = _stretched_fs(int(record[name]), *factor.as_integer_ratio())


def _stretch_ratio(record: Any, name: str, factor: Fraction) -> None:
    """Stretch `name`_num / `name`_den; a denominator of 0 says that there is none."""
    num, den = (f"{name}_{part}" if name else part for part in ("num", "den"))
    if record[den] > 0 and factor != 1:
        record[num], record[den] = _stretched(int(record[num]), int(record[den]), *factor.as_integer_ratio())


@lru_cache(MOST_DRAWN)
def _stretched_fs(nominal_fs: int, factor_num: int, factor_den: int) -> int:
    return round(Fraction(nominal_fs * factor_num, factor_den))


@lru_cache(MOST_DRAWN)
def _stretched(num: int, den: int, factor_num: int, factor_den: int) -> tuple[int, int]:
    return in_range(Fraction(num * factor_num, den * factor_den)).as_integer_ratio()


def sender_gaps(config: Config, seed: int, listed: int, gaps_fs: Iterable[int]) -> list[int]:
    """Return the gaps between frames of source number `listed` of the workload, by its sender's clock."""
    factor = stretch(config, seed, SENDER, listed).as_integer_ratio()
    return [_stretched_fs(gap_fs, *factor) for gap_fs in gaps_fs]


def first_frame_fs(config: Config, seed: int, listed: int, gap_fs: int, nominal_fs: int) -> int:
    """Return when a source sends its first frame: anywhere in its period, not in step with the others.

    `gap_fs`: the period, or of a source outside that always has a frame the time of one; 0 of other sources.
    """
    if tolerance_ppb(config) == 0 or gap_fs == 0:
        return nominal_fs
    return drawn(seed, PERIOD, listed, 0, gap_fs)


def begin_at_phases(nic: Any, config: Config, workload: Workload, seed: int, server: int = 0) -> None:
    """Draw when each core begins, and how full the refill batch is of each Rx ring that receives frames."""
    if tolerance_ppb(config) == 0:
        return
    for number in range(int(nic.guests.params.n_cores)):
        nic.guests.core[number].free_fs = drawn(seed, START, number, server, LATEST_START_FS)
    if config.host.stall is not None and config.host.stall.every_fs is not None:
        nic.guests.params.stall.first_fs = drawn(seed, STALL, 0, server, config.host.stall.every_fs)
    a_frame = descriptors_of(config, max(workload.frame_lengths, default=0))
    nic.guests.params.early_refills = EARLY_REFILLS
    kinds = nic["traffic"]["copy_kind"][: int(nic.headers.n_copy_kinds)]
    functions = np.unique(kinds["function"][kinds["port"] != UPLINK])  # copies for the wire are nobody's
    for function in functions[functions >= 0].tolist():
        # The batch as configured, even if the driver does not refill now: a scenario may change that.
        n_steps = -(-config.driver_of(config.switch.ports[function].name).refill_batch // a_frame)
        first, n_queues = int(nic.function[function].params.first_queue), int(nic.function[function].params.n_queues)
        for number in range(first, first + n_queues):
            n_taken = a_frame * drawn(seed, REFILL, number, server, n_steps)
            nic.rx_queue[number].since_refill = n_taken
            nic.rx_queue[number][POSTED_AS[config.has_virtual_switch]] -= n_taken
            nic.ledger.counts.rx_ring.level = int(nic.ledger.counts.rx_ring.level) + n_taken
