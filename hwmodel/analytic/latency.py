"""The time of one frame, or of one read, on an empty link: every step in whole femtoseconds.

A TLP of n bytes takes floor(n * num / den) femtoseconds, t(n) below. A random read latency enters by its mean. These
sums, which can be checked by hand, leave out DLLPs that are sent one by one (`tlp4`, `tlp1`), waits for credits, misses
of the IOMMU's cache, other traffic on the link, and the wait for the switch core's next clock edge (less than a cycle).
The latency parts of the lone frame as configured include all of these, since they come from a simulation of it. The DMA
engines (`nic.dma`) are written from docs/datapath/transmit.md ("DMA engines"), apart from the kernels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hwmodel.analytic.lone_frame import Way, crossing_of
from hwmodel.analytic.system import System
from hwmodel.analytic.transactions import INLINE_DOORBELL, Tlp, TlpRules, cut_buffers
from hwmodel.config import Config
from hwmodel.config.adapter import DmaEngine, DmaEngines
from hwmodel.rules import switch_core_cycles
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import function_name
from hwmodel.rules.pcie_link import INLINE_DOORBELL_BYTES, REGISTER_BYTES, LinkRate, link_rate_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS, FS_PER_S
from hwmodel.words import limits as words
from hwmodel.words.quantities import plural


@dataclass(frozen=True)
class LatencyStep:
    """Hold one step of a frame's way: its name, its time in femtoseconds, the sum with the numbers put in."""

    name: str
    duration_fs: int
    formula: str


def mean_read_latency_fs(config: Config) -> int:
    """Give the host's mean answer time to a read, rounded down; a miss if the host has a cache that is not warm."""
    host, jitter = config.host, config.host.jitter
    fixed_fs = host.read_latency_fs + host.remote_latency_fs
    if host.cache is not None and not host.cache.warm:
        fixed_fs += host.cache.read_miss_fs
    if jitter.kind == "uniform":
        return int(fixed_fs + (jitter.range_fs or 0) // 2)
    if jitter.kind == "histogram" and jitter.bins:
        total = sum(weight for _, weight in jitter.bins)
        return int(fixed_fs + sum(offset * weight for offset, weight in jitter.bins) // total)
    return int(fixed_fs)


def round_trip_fs(config: Config, n_bytes: int) -> int:
    """Give the round trip of one read of at most MRRS bytes from an aligned address: t(24) + R + the completions."""
    return reads_span_fs(config, [TlpRules.of(config).read(0, n_bytes)])


def transfer_read_fs(config: Config, address: int, n_bytes: int) -> int:
    """Give the time in which a transfer is read by requests of at most MRRS that follow one another."""
    return reads_span_fs(config, TlpRules.of(config).reads(address, n_bytes))


def reads_span_fs(config: Config, reads: Sequence[Sequence[Tlp]], *, begins: bool = True) -> int:
    """Give the time that the reads of one transfer take: requests, host, completions, and storing if that is modelled.

    A single read holds its tag for that time. `begins`: the first read starts an operation of `nic.dma`, so its tag is
    also held during the engine's latency.
    """
    return _read_span(config, reads, begins=begins).duration_fs


class _ReadSpan(NamedTuple):
    """Hold the time of some reads, and the number (from 0) of the last one whose answer found the link idle."""

    duration_fs: int
    last_after_idle: int


def _read_span(config: Config, reads: Sequence[Sequence[Tlp]], *, begins: bool = True) -> _ReadSpan:
    """Give the time until all the reads of a transfer, ready at once, are in.

    Requests leave back to back while tags are free (with `nic.dma` after its engine's latency); each is answered R
    after its receipt, with all its completions at once; completions are sent in the order of the requests; the data are
    stored once all have arrived.
    """
    rate, flight_fs = link_rate_of(config.pcie), config.pcie.flight_fs
    answer_fs, tags, store_bps = mean_read_latency_fs(config), config.pcie.tags, config.nic.store_rate_bps
    up_free_fs = down_free_fs = last_after_idle = 0
    n_bytes = sum(tlp.data_bytes for tlps in reads for tlp in tlps)
    begun_fs = config.nic.dma.read.latency_fs if config.nic.dma is not None and begins else 0
    end_fs: list[int] = []
    for number, tlps in enumerate(reads):
        tag_free_fs = end_fs[number - tags] if number >= tags else 0
        up_free_fs = max(up_free_fs, tag_free_fs, begun_fs) + _serial_fs(rate, tlps, "up")
        ready_fs = up_free_fs + flight_fs + answer_fs
        if ready_fs >= down_free_fs:
            last_after_idle, down_free_fs = number, ready_fs
        down_free_fs += _serial_fs(rate, tlps, "down")
        end_fs.append(down_free_fs + flight_fs)
    store_fs = 0 if store_bps is None else n_bytes * BITS_PER_BYTE * FS_PER_S // store_bps
    return _ReadSpan(end_fs[-1] + store_fs if end_fs else 0, last_after_idle)


def _serial_fs(rate: LinkRate, tlps: Iterable[Tlp], direction: str) -> int:
    return sum([rate.transfer_fs(tlp.link_bytes) for tlp in tlps if tlp.direction == direction])


def frame_latency_steps(config: Config, frame_bytes: int, way: Way | None = None) -> tuple[LatencyStep, ...]:
    """List the steps of a lone frame from VM to VM, from its post until it is visible to the receiver.

    Batches are taken as 1, whatever is configured, and the frame's Rx descriptors as on the chip. A receiver that does
    not poll waits for an interrupt. `way`: None for a frame that stays unchanged inside one adapter.
    """
    system, n_bytes = System.of(config), frame_bytes - FCS_BYTES
    sender, receiver = system.config(way.part if way else 0), system.config(way.to_part if way else 0)
    if way is None:
        way = Way(0, n_bytes, ((0, n_bytes),))
    else:
        receiver = receiver.for_function(function_name(way.copies[0][0], receiver.nic.vfs))
        if way.sender is not None:
            sender = sender.for_function(function_name(way.sender, sender.nic.vfs))
    steps = [*_sending(sender, way.n_bytes), *_inside(sender, way.n_bytes)]
    if way.back_bytes is not None:
        steps += [*_over_the_bridge(system, way), *_inside(receiver, way.back_bytes, "of the receiver")]
    return (*steps, *_receiving(receiver, way.copies[0][1]))


def _sending(config: Config, n_bytes: int) -> Iterator[LatencyStep]:
    rules, flight_fs = TlpRules.of(config), config.pcie.flight_fs

    def read(name: str, reads: Sequence[Sequence[Tlp]]) -> LatencyStep:
        span = _read_span(config, reads)
        # Requests count up to the last one whose answer finds the link idle; from there on completions follow without a
        # gap.
        requests = [one[0] for one in reads[: span.last_after_idle + 1]]
        completions = [tlp for one in reads[span.last_after_idle :] for tlp in one[1:]]
        formula = f"{_terms(requests)} + R + {_terms(completions)}"
        formula += " + 2 propagation" if flight_fs else ""
        formula += " + read engine" if config.nic.dma is not None else ""
        formula += " + store" if config.nic.store_rate_bps is not None else ""
        n_tags = config.pcie.tags
        formula += f" + waits for {n_tags} {plural('tag', n_tags)}" if len(reads) > n_tags else ""
        return LatencyStep(name, span.duration_fs, formula)

    if config.driver.doorbell == "inline":
        yield _write(config, INLINE_DOORBELL, rules.write(0, INLINE_DOORBELL_BYTES, "down"))
    else:
        yield _write(config, "Tx doorbell", rules.write(0, config.nic.doorbell_bytes, "down"))
        yield read("Tx descriptor read", [rules.read(0, config.nic.tx_descriptor_bytes)])
    yield read("payload read", rules.reads(config.host.buffer_offset_bytes, n_bytes))


def _receiving(config: Config, n_bytes: int) -> Iterator[LatencyStep]:
    """Give the payload write, the Rx write-back and, if the receiver does not poll, the Rx interrupt.

    They follow one another back to back, so their flight times overlap; the frame counts as visible once in memory.
    """
    rules, rate, end_fs = TlpRules.of(config), link_rate_of(config.pcie), 0
    buffers = cut_buffers(config, n_bytes)
    back_bytes = config.nic.rx_entry_bytes * len(buffers)
    *pieces_ready_fs, back_ready_fs = writes_ready_fs(config.nic.dma, (*buffers, back_bytes))
    written: list[Tlp] = []
    for piece, ready_fs in zip(buffers, pieces_ready_fs, strict=True):
        tlps = rules.write(config.host.buffer_offset_bytes, piece)
        end_fs = max(end_fs, ready_fs) + _serial_fs(rate, tlps, "up")
        written += tlps
    payload_fs, written_back = end_fs, rules.write(0, back_bytes)
    end_fs = max(end_fs, back_ready_fs) + _serial_fs(rate, written_back, "up")
    of_engine = " + write engine" if config.nic.dma is not None else ""
    yield LatencyStep("payload write", payload_fs, _terms(written) + of_engine)
    landing_fs = config.host.write_latency_fs
    landing = " + write latency" if landing_fs else ""
    flight_fs, flight = config.pcie.flight_fs, " + propagation" if config.pcie.flight_fs else ""
    back = _terms(written_back) + of_engine
    if not (config.driver.rx_interrupt_batch or config.driver.moderation_fs):
        yield LatencyStep("Rx write-back", end_fs - payload_fs + flight_fs + landing_fs, f"{back}{flight}{landing}")
        return
    yield LatencyStep("Rx write-back", end_fs - payload_fs, back)
    interrupt = rules.write(0, REGISTER_BYTES)
    interrupt_fs = max(_serial_fs(rate, interrupt, "up"), landing_fs)
    told = f"max({_terms(interrupt)}, write latency)" if landing else _terms(interrupt)
    yield LatencyStep("Rx interrupt", interrupt_fs + flight_fs, f"{told}{flight}")


def _write(config: Config, name: str, tlps: Sequence[Tlp]) -> LatencyStep:
    flight_fs, flight = config.pcie.flight_fs, " + propagation" if config.pcie.flight_fs else ""
    duration_fs = _serial_fs(link_rate_of(config.pcie), tlps, "down")
    return LatencyStep(name, duration_fs + flight_fs, f"{_terms(tlps)}{flight}")


def _over_the_bridge(system: System, way: Way) -> Iterator[LatencyStep]:
    """Give the steps from the sender's switch to the receiver's."""
    crossing = crossing_of(system, way)

    def wire(name: str, n_bytes: int, duration_fs: int, rate_bps: int, propagation_fs: int) -> LatencyStep:
        flight = " + propagation" if propagation_fs else ""
        formula = f"{n_bytes} B * 8 / {rate_bps / BPS_PER_GBPS:g} Gb/s{flight}"
        return LatencyStep(name, duration_fs + propagation_fs, formula)

    what = last = "bridge"
    names = {bridge.name: bridge.words for bridge in system.bridges}
    for stage in crossing.stages:
        what = names.get(stage.name, f"extender {stage.name}")
        last = what.removeprefix("the ")
        yield wire(f"wire to {what}", stage.known_bytes, stage.known_fs, stage.rate_bps, stage.propagation_fs)
        yield LatencyStep(last, stage.latency_fs, stage.key)
    rate_bps = system.rate_bps(way.to_wire)
    yield wire(f"wire from {what}", crossing.from_bytes, crossing.back_fs, rate_bps, crossing.propagation_fs)


def why_never_taken(config: Config, way: Way) -> tuple[str, ...]:
    """Say which unfilled batches a lone frame waits for forever, if any; one that leaves by the wire waits for none."""
    if not way.copies:
        return ()
    function = function_name(way.copies[0][0], config.nic.vfs)
    found, nic, driver = [], config.nic, config.driver_of(function)
    n_descriptors = len(cut_buffers(config, way.copies[0][1]))
    if n_descriptors < nic.rx_writeback_batch and nic.writeback_timeout_fs is None:
        found.append(words.never_written_back(nic.rx_writeback_batch))
    if driver.rx_interrupt_batch > 1 and not driver.moderation_fs:
        key = config.driver_block_of(function)
        found.append(words.never_interrupted(driver.rx_interrupt_batch, key))
    return tuple(found)


def _inside(config: Config, n_bytes: int, whose: str = "") -> Iterator[LatencyStep]:
    """Give the steps inside an adapter: the pipeline's time for a frame, the switch core's."""
    if config.nic.max_pps is not None:
        yield LatencyStep(f"pipeline {whose}".rstrip(), FS_PER_S // config.nic.max_pps, "1 / max_pps")
    if config.switch.timing == "core":
        n_words = switch_core_cycles.words(n_bytes, config.switch.bus_bits)
        cycles = switch_core_cycles.alone_cycles(n_bytes, config.switch.bus_bits)
        duration_fs = cycles * switch_core_cycles.cycle_fs(config.switch.clock_hz)
        yield LatencyStep(
            f"switch core {whose}".rstrip(), duration_fs, f"({n_words} words + {cycles - n_words}) / clock"
        )


def _terms(tlps: Iterable[Tlp]) -> str:
    """Write the times of some TLPs: `5 t(280) + t(260)`."""
    counts = Counter(tlp.link_bytes for tlp in tlps)
    return " + ".join(f"{n} t({n_bytes})" if n > 1 else f"t({n_bytes})" for n_bytes, n in counts.items())


# ---- DMA engines: when an operation begins, and how long it keeps its engine ----


def operation_fs(engine: DmaEngine, n_bytes: int) -> int:
    """Give the time in fs for which an operation occupies its engine."""
    if n_bytes <= engine.small_bytes:
        return engine.small_operation_fs
    n_pieces = -(-n_bytes // engine.piece_bytes)
    busy_fs = engine.start_fs + engine.piece_time_fs * n_pieces
    if engine.rate_bps is not None:
        moved_bytes = max(n_bytes, (n_pieces - 1) * engine.piece_bytes + engine.piece_least_bytes)
        busy_fs += moved_bytes * BITS_PER_BYTE * FS_PER_S // engine.rate_bps
    return max(engine.operation_fs, busy_fs)


def shared_fs(settings: DmaEngines, n_bytes: int) -> int:
    """Give the time in fs for which an operation occupies the path shared by both engines; 0 without one."""
    if settings.shared_rate_bps is None:
        return 0
    moved_bits = min(n_bytes, settings.shared_bytes) * BITS_PER_BYTE
    return settings.shared_time_fs + moved_bits * FS_PER_S // settings.shared_rate_bps


def places_of(engine: DmaEngine, n_bytes: int) -> int:
    """Give how many of the places for outstanding reads one read takes: two if it is a large one."""
    return 1 + (n_bytes > engine.large_bytes)


def writes_ready_fs(settings: DmaEngines | None, lengths: Iterable[int]) -> list[int]:
    """Give the times at which several writes, all requested at 0, are ready for the link.

    Each takes the shared path, then the write engine, in turn; without `nic.dma` all are ready at once.
    """
    engine_free_fs = path_free_fs = 0
    found = []
    for n_bytes in lengths:
        if settings is None:
            found.append(0)
            continue
        begin_fs = max(engine_free_fs, path_free_fs)
        path_free_fs += shared_fs(settings, n_bytes)
        engine_free_fs = begin_fs + operation_fs(settings.write, n_bytes)
        found.append(engine_free_fs + settings.write.latency_fs)
    return found
