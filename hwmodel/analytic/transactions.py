"""The transactions of frames on the link, and a guest's work: how often each happens, its TLPs, its time.

One `Transaction` is a doorbell, a write, or a read with its completions. Each is made in one place, and one place adds
them up. The numbering of the NIC data path: 1 doorbell, 2 Tx descriptors, 4 payload read, 7 Rx descriptors,
8 payload write, 9 Rx write-back, 10 Rx interrupt, 11 refill, 12 Tx write-back and interrupt.

Transfers are cut into TLPs at MPS, MRRS, read completion boundaries and the end of a descriptor ring. All boundaries
are powers of two of at most 4 KiB, so no request crosses a 4 KiB boundary (PCI Express Base Specification 3.0, section
2.2.7). Rings start at multiples of 4 KiB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from math import gcd
from typing import Literal

from hwmodel.analytic.rx_batches import RxBatches, descriptor_shares
from hwmodel.analytic.sends import (
    LoneSend,
    Receives,
    Send,
    coalesces,
    doorbell_batch,
    lone_doorbells,
    posting_fs,
    receives_of,
    send_of,
)
from hwmodel.analytic.traffic import ZERO, Demand, Sizes, Traffic
from hwmodel.analytic.uplink import on_link
from hwmodel.config import Config
from hwmodel.config.frame_lengths import descriptors_of_send
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import (
    DESCRIPTOR_BYTES,
    INLINE_DOORBELL_BYTES,
    REGISTER_BYTES,
    TlpOverhead,
    tlp_overhead_of,
    word_bytes_of,
)
from hwmodel.units import FS_PER_S


def cut(address: int, n_bytes: int, boundary_bytes: int) -> tuple[int, ...]:
    """Cut `n_bytes` from `address` on at multiples of `boundary_bytes`; give the pieces' lengths in address order."""
    pieces = []
    while n_bytes > 0:
        piece = min(n_bytes, boundary_bytes - address % boundary_bytes)
        pieces.append(piece)
        address += piece
        n_bytes -= piece
    return tuple(pieces)


def with_starts(address: int, pieces: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the address and the length of each of some adjacent pieces, the first at `address`."""
    return zip(accumulate(pieces, initial=address), pieces, strict=False)


def cut_buffers(config: Config, n_bytes: int) -> tuple[int, ...]:
    """Cut a frame, its length without FCS, into what each Rx buffer of the host gets of it."""
    return cut(0, n_bytes, config.host.buffer_bytes - config.host.buffer_offset_bytes)


def cut_completions(
    address: int, n_bytes: int, max_payload_bytes: int, boundary_bytes: int, completion_bytes: str
) -> tuple[int, ...]:
    """Cut the answer to one read into completions; give the lengths in address order.

    `completion_bytes` "mps": each carries the rest if that is at most MPS, else it ends at the last read completion
    boundary within MPS of its first address. "rcb": each ends at the next boundary.
    """
    if completion_bytes == "rcb":
        return cut(address, n_bytes, boundary_bytes)
    pieces = []
    while n_bytes > max_payload_bytes:
        end = (address + max_payload_bytes) // boundary_bytes * boundary_bytes
        pieces.append(end - address)
        n_bytes -= end - address
        address = end
    return (*pieces, n_bytes) if n_bytes else tuple(pieces)


@dataclass(frozen=True)
class RingPiece:
    """Hold one kind of piece into which batches of a ring's descriptors are cut.

    `address`: its offset from a boundary; `per_descriptor`: how many such pieces one descriptor causes on average.
    """

    address: int
    n_bytes: int
    per_descriptor: Fraction


# With rings of 4,096 and frames of several lengths the closed form takes 4 ms, and 14 ms without this cache.
@lru_cache(maxsize=1024)
def cut_ring(
    batch: int, ring: int, boundary_bytes: int, *, each_bytes: int = DESCRIPTOR_BYTES, from_anywhere: bool = False
) -> tuple[RingPiece, ...]:
    """Cut consecutive batches of `batch` descriptors around a ring of `ring` descriptors into pieces.

    A batch is cut where the ring wraps and at multiples of `boundary_bytes`. The means are exact: over the batches
    until their position in the ring repeats, or with `from_anywhere` over all positions, for batches that do not
    directly follow one another. Raises ValueError for an empty batch or one larger than the ring.
    """
    if not 1 <= batch <= ring:
        raise ValueError(f"a batch of {batch} descriptors in a ring of {ring}")
    counts: dict[tuple[int, int], int] = {}
    step = 1 if from_anywhere else batch
    n_batches = ring // gcd(ring, step)
    for number in range(n_batches):
        first = number * step % ring
        before_wrap = min(batch, ring - first)
        for start, n in ((first, before_wrap), (0, batch - before_wrap)):
            address = start * each_bytes
            for piece in cut(address, n * each_bytes, boundary_bytes):
                key = (address % boundary_bytes, piece)
                counts[key] = counts.get(key, 0) + 1
                address += piece
    n_descriptors = n_batches * batch
    return tuple(RingPiece(*key, Fraction(count, n_descriptors)) for key, count in sorted(counts.items()))


Direction = Literal["up", "down"]
Kind = Literal["posted", "non_posted", "completion"]
DIRECTIONS: tuple[Direction, Direction] = ("up", "down")
Read = tuple["Tlp", ...]  # a request and its completions
INLINE_DOORBELL = "Tx doorbell with descriptor"


@dataclass(frozen=True)
class Tlp:
    """Hold one TLP: `header_bytes` with its framing, `data_bytes` as the transfer counts them.

    `padded_bytes` are the data as they travel, in whole double words.
    """

    direction: Direction
    kind: Kind
    header_bytes: int
    data_bytes: int
    padded_bytes: int

    @cached_property
    def link_bytes(self) -> int:
        """Give all of the TLP's bytes on the link."""
        return self.header_bytes + self.padded_bytes


@dataclass(frozen=True, eq=False)
class Transaction:
    """Hold a kind of transaction that happens `per_frame` times a frame plus `per_s` times a second.

    `transfer`: the reads of the DMA engine operation that this one starts; None: an operation by itself; empty: it
    belongs to the operation before.
    """

    name: str
    per_frame: Fraction
    per_s: Fraction
    tlps: tuple[Tlp, ...]
    transfer: tuple[Read, ...] | None = None

    @cached_property
    def is_read(self) -> bool:
        """Tell whether it is a read, which holds a tag."""
        return any(tlp.kind == "non_posted" for tlp in self.tlps)

    @property
    def is_dma_write(self) -> bool:
        """Tell whether it writes memory: an interrupt, though a posted write, does not."""
        posted = all(tlp.kind == "posted" and tlp.direction == "up" for tlp in self.tlps)
        return posted and not self.name.endswith("interrupt")

    def link_bytes(self, direction: Direction) -> int:
        """Sum its bytes in one direction."""
        return self._tlps_and_bytes[direction][1]

    def n_tlps(self, direction: Direction) -> int:
        """Count its TLPs in one direction."""
        return self._tlps_and_bytes[direction][0]

    @cached_property
    def _tlps_and_bytes(self) -> dict[Direction, tuple[int, int]]:
        """Give its TLPs and their bytes on the link, by direction."""
        sent = {way: [tlp.link_bytes for tlp in self.tlps if tlp.direction == way] for way in DIRECTIONS}
        return {way: (len(of_tlps), sum(of_tlps)) for way, of_tlps in sent.items()}


@dataclass(frozen=True)
class TlpRules:
    """Hold how the configured link cuts transfers and what it adds to them."""

    overhead: TlpOverhead
    max_payload_bytes: int
    max_read_request_bytes: int
    read_completion_boundary_bytes: int
    completion_bytes: str
    word_bytes: int

    @classmethod
    def of(cls, config: Config) -> TlpRules:
        """Take the rules from a configuration."""
        pcie = config.pcie
        return cls(
            tlp_overhead_of(pcie),
            pcie.max_payload_bytes,
            pcie.max_read_request_bytes,
            pcie.read_completion_boundary_bytes,
            config.host.completion_bytes,
            word_bytes_of(pcie),
        )

    def write(self, address: int, n_bytes: int, direction: Direction = "up") -> tuple[Tlp, ...]:
        """Cut a write at MPS boundaries."""
        pieces = cut(address, n_bytes, self.max_payload_bytes)
        return self._with_data(direction, "posted", self.overhead.memory_write_bytes, address, pieces)

    def read(self, address: int, n_bytes: int) -> Read:
        """Give one read request, of at most MRRS, and its completions."""
        pieces = cut_completions(
            address, n_bytes, self.max_payload_bytes, self.read_completion_boundary_bytes, self.completion_bytes
        )
        request = Tlp("up", "non_posted", self.overhead.read_request_bytes, 0, 0)
        return (request, *self._with_data("down", "completion", self.overhead.completion_bytes, address, pieces))

    def reads(self, address: int, n_bytes: int) -> tuple[Read, ...]:
        """Cut a transfer at MRRS boundaries into reads."""
        pieces = cut(address, n_bytes, self.max_read_request_bytes)
        return tuple(self.read(start, piece) for start, piece in with_starts(address, pieces))

    def operation(self, address: int, n_bytes: int) -> Iterator[tuple[Read, tuple[Read, ...]]]:
        """Give the reads of one operation of a DMA engine, each with its `Transaction.transfer`."""
        reads = self.reads(address, n_bytes)
        return ((read, () if number else reads) for number, read in enumerate(reads))

    def _with_data(
        self, direction: Direction, kind: Kind, header_bytes: int, address: int, pieces: Sequence[int]
    ) -> tuple[Tlp, ...]:
        """Give a TLP for each piece of the data from `address` on."""
        return tuple(
            Tlp(direction, kind, header_bytes, piece, self._padded(piece, start))
            for start, piece in with_starts(address, pieces)
        )

    def _padded(self, n_bytes: int, address: int) -> int:
        """Return the bytes of all double words (or bus words) that some bytes touch."""
        touched = address % self.word_bytes + n_bytes
        return -(-touched // self.word_bytes) * self.word_bytes


@dataclass(frozen=True)
class Batches:
    """Hold the batches that a saturated run settles into, in descriptors or frames; `RxBatches` has further ones.

    `tx_interrupt`: 0 for none. `tx_free`: slots of a Tx ring that are freed together. `tx_doorbells`: doorbells for the
    frames that refill them: a saturated driver rings for these even if its own batch is larger. `tx_inline`: how many
    of these doorbells carry a frame's descriptor.
    """

    fetch: int
    rx_fetch: int
    tx_writeback: int
    tx_interrupt: int
    tx_free: int
    tx_doorbells: int
    tx_inline: int

    @classmethod
    def of(cls, config: Config, share: int | None = None) -> Batches:
        """Derive the batches from a configuration, limited by the ring and its descriptor cache (or `share` of one)."""
        nic, driver = config.nic, config.driver
        most = nic.descriptor_cache if share is None else share
        tx_writeback = min(nic.tx_writeback_batch, nic.tx_ring)
        # Frames count towards an interrupt when their write-back is sent, so an interrupt covers whole write-backs. A
        # driver that masks its interrupts polls under load, and frees the slots of each write-back.
        n_told = 0 if driver.masks else driver.tx_interrupt_batch
        tx_interrupt = -(-n_told // tx_writeback) * tx_writeback
        rung = doorbell_batch(config)
        tx_free = tx_interrupt or tx_writeback
        if driver.masks:  # a driver idle in between finds several write-backs' slots free
            tx_free = max(tx_free, min(rung, nic.tx_ring))
        return cls(
            fetch=min(nic.fetch_batch, nic.tx_ring, most),
            rx_fetch=min(nic.rx_fetch_batch if nic.rx_prefetch else 1, nic.rx_ring, most),
            tx_writeback=tx_writeback,
            tx_interrupt=tx_interrupt,
            tx_free=tx_free,
            tx_doorbells=-(-tx_free // rung),
            tx_inline=lone_doorbells(tx_free, rung) if driver.doorbell == "inline" else 0,
        )


def share_of_cache(config: Config, demand: Demand) -> int | None:
    """Return a ring's part of a descriptor cache common to all rings in use; None where each ring has its own.

    In use are the Rx rings that get frames, and the Tx rings that they come from.
    """
    whole = config.nic.shared_descriptor_cache
    if whole is None:
        return None
    least = 1 if config.workload.segment_bytes is None else descriptors_of_send(config)
    return min(config.nic.descriptor_cache, max(least, whole // max(1, len(demand.rx_rings) + len(demand.tx_rings))))


def transactions_of(
    config: Config, traffic: Traffic, interrupts_per_s: Fraction | None = None
) -> tuple[Transaction, ...]:
    """List the transactions of some traffic, zero counts left out.

    Counts are per frame, or per second where the traffic has a rate of its own. `interrupts_per_s`: the Rx interrupts a
    second if a timer limits them; None: they follow from batches of frames. Where VMs have different drivers, each
    driver's share of the frames has its own batches, and timer interrupts are left out.
    """
    config, traffic = on_link(config, traffic)
    seen = config.for_functions(traffic.stations)
    if seen is not None:
        return tuple(_Writer(seen, traffic).all(interrupts_per_s))
    found: dict[tuple[object, ...], Transaction] = {}
    for own, names in by_driver(config, traffic.stations):
        reads, written = (
            _share(by_station, names) * whole
            for by_station, whole in ((traffic.sent, traffic.reads), (traffic.received, traffic.written))
        )
        part = replace(traffic, reads=reads, copies=written, mirrored=ZERO)
        for one in _Writer(own, part).all(ZERO if own.driver.moderation_fs else None):
            key = one.name, one.tlps, one.transfer
            known = found.get(key, replace(one, per_frame=ZERO, per_s=ZERO))
            found[key] = replace(known, per_frame=known.per_frame + one.per_frame, per_s=known.per_s + one.per_s)
    return tuple(found.values())


def core_of(config: Config, station: str) -> int:
    """Give the core of a station, or the first of several; by default function f (PF 0, VF K is K + 1) has core f."""
    return config.core_of(config.function_number(station))


def by_driver(config: Config, stations: Collection[str]) -> list[tuple[Config, Collection[str]]]:
    """Give the configuration as each driver sees it, with the stations that use the driver."""
    of_all = config.for_functions(stations)
    if of_all is not None:
        return [(of_all, stations)]
    found: dict[object, tuple[Config, list[str]]] = {}
    for name in dict.fromkeys(stations):
        own = config.for_function(name)
        found.setdefault(own.driver.behaviour, (own, []))[1].append(name)
    return list(found.values())


def _share(by_station: Mapping[str, Fraction], names: Iterable[str]) -> Fraction:
    """Give the share of some stations in what all have."""
    total = sum(by_station.values(), ZERO)
    return sum((by_station.get(name, ZERO) for name in names), ZERO) / total if total else ZERO


def receives_in(config: Config, sizes: Sizes) -> tuple[tuple[Receives, Fraction], ...]:
    """Give how frames of these lengths are received: each repeating sequence with its share of the frames.

    Empty without coalescing and header split, where each frame lies in buffers of its own.
    """
    if config.workload.segment_bytes is not None and coalesces(config):
        whole = config.workload.frames_a_send
        found = receives_of(config, [n_bytes for n_bytes, share in sizes for _ in range(round(share * whole))])
        return () if found is None else ((found, Fraction(1)),)
    each = ((receives_of(config, [n_bytes]), share) for n_bytes, share in sizes)
    return tuple((found, share) for found, share in each if found is not None)


def receives_a_frame(config: Config, sizes: Sizes) -> Fraction:
    """Give the receives per frame: one, or less where frames are coalesced."""
    found = receives_in(config, sizes)
    if not found:
        return Fraction(1)
    return sum((share * Fraction(len(one.descriptors), one.n_frames) for one, share in found), ZERO)


def share_taking_descriptors(config: Config, sizes: Sizes) -> Fraction:
    """Give the share of received frames that take Rx descriptors: all but those that lie whole in begun buffers."""
    found = receives_in(config, sizes)
    return sum((share * Fraction(one.n_taking, one.n_frames) for one, share in found), ZERO) if found else Fraction(1)


def descriptors_a_frame(config: Config, sizes: Sizes) -> Fraction:
    """Give the Rx descriptors that a frame takes, in the mean."""
    shares = _shares_of_receives(config, sizes)
    return receives_a_frame(config, sizes) * sum((n * share for n, share in shares.items()), ZERO)


def _shares_of_receives(config: Config, sizes: Sizes) -> dict[int, Fraction]:
    """Give the shares of receives by the Rx descriptors that they take."""
    found = receives_in(config, sizes)
    if not found:
        return descriptor_shares(config, sizes)
    shares: dict[int, Fraction] = {}
    for one, share in found:
        for n in one.descriptors:
            shares[n] = shares.get(n, ZERO) + share / one.n_frames
    whole = sum(shares.values(), ZERO)
    return {n: share / whole for n, share in sorted(shares.items())}


class _Writer:
    """List the transactions of some traffic whose stations all have one driver."""

    def __init__(self, config: Config, traffic: Traffic) -> None:
        self._config, self._traffic = config, traffic
        self._rules, self._batches = TlpRules.of(config), Batches.of(config, share_of_cache(config, Demand(traffic)))
        self._offset, self._tx_ring = config.host.buffer_offset_bytes, config.nic.tx_ring
        self._rx_frames = _shares_of_receives(config, traffic.sizes)
        self._rx_batches = RxBatches.of(config, self._rx_frames)

    def all(self, interrupts_per_s: Fraction | None) -> Iterator[Transaction]:
        for transaction in (*self._sending(), *self._receiving(), *self._rx_interrupts(interrupts_per_s)):
            if transaction.per_frame or transaction.per_s:
                yield transaction

    def _times(
        self, name: str, per_frame: Fraction, tlps: tuple[Tlp, ...], transfer: tuple[Read, ...] | None = None
    ) -> Transaction:
        rate = self._traffic.frames_per_s
        if rate is None:
            return Transaction(name, per_frame, Fraction(0), tlps, transfer)
        return Transaction(name, Fraction(0), per_frame * rate, tlps, transfer)

    def _sends(self, send: Send) -> Iterator[Transaction]:
        """Give the transactions of sends, as shares of each frame."""
        sends = self._traffic.reads / send.n_frames
        descriptors = sends * send.n_descriptors
        yield from self._tell(sends, descriptors, send.doorbells, send.per_free, send.inline)
        operations = (self._rules.operation(self._offset + first, end - first) for first, end in send.picks)
        for (tlps, transfer), n in Counter(chain.from_iterable(operations)).items():
            yield self._times("payload read", sends * n, tlps, transfer)
        batch = min(send.per_writeback * send.n_descriptors, self._tx_ring)
        yield from self._tx_writebacks(descriptors, batch)
        if send.per_interrupt:
            yield self._interrupt("Tx interrupt", sends / send.per_interrupt)

    def _sending(self) -> Iterator[Transaction]:
        send = send_of(self._config)
        if send is not None:
            yield from self._sends(send)
            return
        batches, reads = self._batches, self._traffic.reads
        yield from self._tell(reads, reads, batches.tx_doorbells, batches.tx_free, batches.tx_inline)
        for frame_bytes, share in self._traffic.sizes:
            for tlps, transfer in self._rules.operation(self._offset, frame_bytes - FCS_BYTES):
                yield self._times("payload read", reads * share, tlps, transfer)
        yield from self._tx_writebacks(reads, batches.tx_writeback)
        if batches.tx_interrupt:
            yield self._interrupt("Tx interrupt", reads / batches.tx_interrupt)

    def _tell(
        self, posted: Fraction, descriptors: Fraction, doorbells: int, free: int, inline: int
    ) -> Iterator[Transaction]:
        """Give the doorbells and descriptor fetches of what is posted.

        `free` slots are freed together and posted again with `doorbells` doorbells, of which `inline` carry a
        descriptor. These are taken never to be fetched (the best case).
        """
        yield self._doorbell("Tx doorbell", posted * (doorbells - inline) / free)
        inline_write = self._rules.write(0, INLINE_DOORBELL_BYTES, "down")
        yield self._times(INLINE_DOORBELL, posted * inline / free, inline_write)
        read, each_bytes = descriptors * (free - inline) / free, self._config.nic.tx_descriptor_bytes
        yield from self._descriptor_reads("Tx descriptor read", read, self._batches.fetch, self._tx_ring, each_bytes)

    def _receiving(self) -> Iterator[Transaction]:
        nic, sizes = self._config.nic, self._traffic.sizes
        copies, ring, rx = self._traffic.written, nic.rx_ring, self._rx_batches
        receives = receives_in(self._config, sizes)
        for one, share in receives:
            for address, n_bytes in one.writes:
                yield self._times("payload write", copies * share / one.n_frames, self._rules.write(address, n_bytes))
        for frame_bytes, share in () if receives else sizes:
            for piece_bytes in cut_buffers(self._config, frame_bytes - FCS_BYTES):
                yield self._times("payload write", copies * share, self._rules.write(self._offset, piece_bytes))
        received = copies * receives_a_frame(self._config, sizes)
        descriptors = received * sum((n * share for n, share in self._rx_frames.items()), ZERO)
        fetch = self._batches.rx_fetch
        yield from self._descriptor_reads("Rx descriptor read", descriptors, fetch, ring, DESCRIPTOR_BYTES)
        for n_descriptors, share in rx.writebacks:
            held = received / rx.frames_per_writeback * share * n_descriptors
            for piece in cut_ring(
                n_descriptors, ring, self._rules.max_payload_bytes,
                each_bytes=nic.rx_entry_bytes, from_anywhere=not rx.is_regular,
            ):  # fmt: skip
                yield self._ring_write("Rx write-back", held, piece)
        yield self._doorbell("Rx doorbell", descriptors / rx.descriptors_per_doorbell)

    def _rx_interrupts(self, per_s: Fraction | None) -> Iterator[Transaction]:
        if per_s is not None:
            tlps = self._rules.write(0, REGISTER_BYTES)
            yield Transaction("Rx interrupt", Fraction(0), per_s, tlps)
        elif self._rx_batches.frames_per_interrupt:
            per_frame = self._traffic.written / self._rx_batches.frames_per_interrupt
            yield self._interrupt("Rx interrupt", per_frame)

    def _interrupt(self, name: str, per_frame: Fraction) -> Transaction:
        return self._times(name, per_frame, self._rules.write(0, REGISTER_BYTES))

    def _doorbell(self, name: str, per_frame: Fraction) -> Transaction:
        return self._times(name, per_frame, self._rules.write(0, self._config.nic.doorbell_bytes, "down"))

    def _descriptor_reads(
        self, name: str, descriptors: Fraction, batch: int, ring: int, each_bytes: int
    ) -> Iterator[Transaction]:
        for piece in cut_ring(batch, ring, self._rules.max_read_request_bytes, each_bytes=each_bytes):
            tlps = self._rules.read(piece.address, piece.n_bytes)
            yield self._times(name, descriptors * piece.per_descriptor, tlps)

    def _tx_writebacks(self, descriptors: Fraction, batch: int) -> Iterator[Transaction]:
        """Give the write-backs of sent descriptors: of each one, or only of the last one of a batch."""
        written, n = (descriptors / batch, 1) if self._config.nic.reports_last else (descriptors, batch)
        each_bytes = self._config.nic.tx_entry_bytes
        for piece in cut_ring(n, self._tx_ring, self._rules.max_payload_bytes, each_bytes=each_bytes):
            yield self._ring_write("Tx write-back", written, piece)

    def _ring_write(self, name: str, descriptors: Fraction, piece: RingPiece) -> Transaction:
        tlps = self._rules.write(piece.address, piece.n_bytes)
        return self._times(name, descriptors * piece.per_descriptor, tlps)


# ---- What a frame costs a guest's core at the least ----


def sending_s(config: Config, sizes: Iterable[tuple[int, Fraction]]) -> Fraction:
    """Give the core time of a frame sent, in seconds; `sizes`: (bytes with FCS, share)."""
    driver, told, a_doorbell = config.driver, Fraction(Batches.of(config).tx_interrupt), doorbell_batch(config)
    send, posting = send_of(config), posting_fs(config)
    if send is not None:
        told, a_doorbell = Fraction(send.per_interrupt * send.n_frames), a_doorbell * send.n_frames
    work_fs = (_frame_fs(config, sizes) if posting is None else posting) + Fraction(driver.doorbell_time_fs, a_doorbell)
    if told:
        work_fs += Fraction(driver.interrupt_time_fs + driver.exit_time_fs, told)
    return work_fs / FS_PER_S


def taking_s(config: Config, sizes: Sizes) -> Fraction:
    """Give the core time of a frame taken, in seconds; `sizes`: (bytes with FCS, share).

    No interrupts are counted for a driver that masks them, which polls under load, nor with a timer, which may hold
    back any number of them.
    """
    driver, batches = config.driver, RxBatches.of(config, _shares_of_receives(config, sizes))
    receives = receives_a_frame(config, sizes)
    per_frame = descriptors_a_frame(config, sizes)
    work_fs = (
        _frame_fs(config, sizes, receives) + driver.doorbell_time_fs * per_frame / batches.descriptors_per_doorbell
    )
    if batches.frames_per_interrupt and not driver.moderation_fs:
        work_fs += receives * (driver.interrupt_time_fs + driver.exit_time_fs) / batches.frames_per_interrupt
    return work_fs / FS_PER_S


def _frame_fs(config: Config, sizes: Iterable[tuple[int, Fraction]], receives: Fraction = Fraction(1)) -> Fraction:
    driver = config.driver
    bytes_fs = sum((share * driver.byte_cost_fs * (n_bytes - FCS_BYTES) for n_bytes, share in sizes), Fraction(0))
    return driver.frame_cost_fs * receives + bytes_fs


def lone_send_of(config: Config) -> LoneSend | None:
    """Return what a send takes on the link with a doorbell and a descriptor read of its own; None without sends."""
    send, rules = send_of(config), TlpRules.of(config)
    if send is None:
        return None
    nic, offset, n = config.nic, config.host.buffer_offset_bytes, send.n_descriptors
    is_inline = config.driver.doorbell == "inline" and n == 1
    doorbell_bytes = INLINE_DOORBELL_BYTES if is_inline else nic.doorbell_bytes
    descriptors = () if is_inline else rules.reads(0, nic.tx_descriptor_bytes * n)
    reads = [read for first, end in send.picks for read in rules.reads(offset + first, end - first)]
    tlps = [
        *rules.write(0, doorbell_bytes, "down"),
        *(tlp for read in (*descriptors, *reads) for tlp in read),
        *rules.write(0, nic.tx_entry_bytes * n),
    ]
    up, down = (sum(tlp.link_bytes for tlp in tlps if tlp.direction == way) for way in ("up", "down"))
    return LoneSend(send.n_frames, send.n_descriptors, 1, len(reads), config.workload.send_bytes, up, down)
