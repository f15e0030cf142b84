"""One server's rings, adapter and link for the walk of one frame: from the doorbell to the core that takes it.

Written from docs/datapath.md, apart from the kernels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.crossing import wire_fs
from hwmodel.analytic.dma_engines import Engines
from hwmodel.analytic.lone_frame import Way
from hwmodel.analytic.tlp_cuts import cut
from hwmodel.analytic.transactions import Tlp, TlpRules
from hwmodel.analytic.walk_clock import Clock, Phase, nothing
from hwmodel.analytic.walk_cores import Cores
from hwmodel.analytic.walk_link import Lane, Rank, Transaction, both_directions
from hwmodel.analytic.walk_memory import Memory, Place
from hwmodel.analytic.walk_reads import ReadClass, Reads
from hwmodel.results.latency_parts import PARTS
from hwmodel.rules import switch_core_cycles
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES, REGISTER_BYTES, link_rate_of
from hwmodel.units import FS_PER_S
from hwmodel.wire.ethernet import wire_bytes

if TYPE_CHECKING:
    from hwmodel.analytic.walk_clock import Action
    from hwmodel.config import Config


MOST_FETCHES = 20_000  # at the start; each is walked, some 20 us of computing time


@dataclass
class _RxRing:
    """Hold what the adapter knows of an Rx ring; `coming`: descriptors on the chip (`cached`) and requested."""

    number: int
    known: int
    cached: int = 0
    coming: int = 0
    next_fetched: int = 0


class _Copy(NamedTuple):
    ring: _RxRing
    n_bytes: int
    is_first: bool


class Machine:
    """Hold one server at rest, and what a frame does in it; `ends_fs`: when each part of its way ended."""

    def __init__(self, config: Config, way: Way, read_latency_fs: int) -> None:
        self._config, self._way = config, way
        self._sender = way.sender or 0
        self._rules = TlpRules.of(config)
        self.clock = Clock()
        n_rings = (config.nic.vfs + 1) * config.nic.queues_per_vf
        memory = Memory(self.clock, config.host, config.pcie.ordering, config.nic.vfs + 1)
        self._up, self._down = both_directions(config, self.clock, memory)
        self._engines = Engines(config.nic.dma)
        links = self._up, self._down
        self._reads = Reads(config, self.clock, memory, self._engines, links, read_latency_fs)
        self._rx_rings = [_RxRing(number, config.nic.rx_ring - 1) for number in range(n_rings)]
        self._local: deque[_Copy] = deque()
        self._in_rx_buffer: deque[_Copy] = deque()
        self._rx_room = config.nic.rx_buffer_bytes
        self._n_writing, self._most_writing = 0, 1 if config.nic.dma is None else config.nic.dma.write.outstanding
        self._n_reads_left = 0
        self._cores = Cores(config, self.clock)
        self.ends_fs: dict[str, int] = {}

    def _end(self, *parts: str) -> None:
        for part in parts:
            self.ends_fs.setdefault(part, self.clock.now_fs)

    # Writes and interrupts, up.

    def _write(self, memory: tuple[str, int], address: int, n_bytes: int) -> Iterator[tuple[Tlp, Place]]:
        tlps = self._rules.write(address, n_bytes)
        starts = accumulate((tlp.data_bytes for tlp in tlps), initial=address)
        return ((tlp, Place(memory, start)) for tlp, start in zip(tlps, starts, strict=False))

    def _write_back(self, rank: Rank, memory: tuple[str, int], n: int, then: Action) -> None:
        """Write `n` descriptors, the first of their ring, back."""
        n_bytes = DESCRIPTOR_BYTES * n
        tlps = list(self._write(memory, 0, n_bytes))
        ready_fs = self._engines.write_ready_fs(self.clock.now_fs, n_bytes)
        function = self._function(memory[1])
        self._up.enter(Lane.POSTED, Transaction(tlps, rank=rank, passed=then, function=function, ready_fs=ready_fs))

    def _interrupt(self, rank: Rank, function: int, then: Action) -> None:
        (tlp,) = self._rules.write(0, REGISTER_BYTES)
        self._up.enter(Lane.POSTED, Transaction([(tlp, None)], passed=then, rank=rank, function=function))

    def _function(self, ring: int) -> int:
        return ring // self._config.nic.queues_per_vf

    @property
    def _tx_ring(self) -> int:
        """The first Tx ring of the sending function."""
        return self._sender * self._config.nic.queues_per_vf

    def _by_batch_or_timer(self, n_held: int, batch: int, write_back: Action, order: tuple[int, int]) -> None:
        timeout_fs = self._config.nic.writeback_timeout_fs
        if n_held >= batch:
            write_back()
        elif timeout_fs is not None:
            self.clock.at(self.clock.now_fs + timeout_fs, Phase.TIMER, write_back, order)

    # Sending.

    def post(self) -> None:
        """Ring the doorbell of the frame, whose post is done."""
        self._end("driver_batch")
        self._cores.rang(self._sender)
        self._write_register(self._told)

    def _told(self) -> None:
        self._end("doorbell", "tx_ring")
        memory = "Tx ring", self._tx_ring
        self._reads.request(ReadClass.TX_DESCRIPTOR, memory, 0, DESCRIPTOR_BYTES, self._descriptor_in)

    def _descriptor_in(self, _n_bytes: int) -> None:
        self._end("tx_descriptor_fetch", "scheduler", "tx_room")
        memory, offset = ("Tx buffers", self._tx_ring), self._config.host.buffer_offset_bytes
        self._n_reads_left = self._reads.request(ReadClass.PAYLOAD, memory, offset, self._way.n_bytes, self._payload_in)

    def _payload_in(self, _n_bytes: int) -> None:
        self._n_reads_left -= 1
        if self._n_reads_left == 0:
            self.clock.at(self.clock.now_fs, Phase.DONE, self._descriptor_done)
            self.enter_switch()

    def _descriptor_done(self) -> None:
        order = Rank.TX_WRITEBACK, self._tx_ring
        self._by_batch_or_timer(1, self._config.nic.tx_writeback_batch, self._sent, order)

    def _sent(self) -> None:
        self._write_back(Rank.TX_WRITEBACK, ("Tx ring", self._tx_ring), 1, nothing)
        if self._cores.driver_of(self._sender).tx_interrupt_batch == 1:
            self._interrupt(Rank.TX_INTERRUPT, self._sender, self._sender_interrupted)

    def _sender_interrupted(self) -> None:
        """Let the sender's core take its interrupt; one that masked it enables it again."""
        done_fs = self._cores.handle_interrupt(self._sender)
        if self._cores.driver_of(self._sender).masks:
            self.clock.at(done_fs, Phase.TIMER, partial(self._write_register, nothing))

    def _write_register(self, received: Action) -> None:
        (tlp,) = self._rules.write(0, REGISTER_BYTES, "down")
        self._down.enter(Lane.POSTED, Transaction([(tlp, None)], received=received))

    # The switch.

    def enter_switch(self) -> None:
        """Let the frame, which is in, pass the switch."""
        self._end(*PARTS[: PARTS.index("switch")])
        self._pass_switch(self._way.n_bytes, self._decided)

    def _pass_switch(self, n_bytes: int, then: Action) -> None:
        """Let a frame pass the pipeline and the switch core."""
        nic, switch = self._config.nic, self._config.switch
        decided_fs = self.clock.now_fs + (FS_PER_S // nic.max_pps if nic.max_pps is not None else 0)
        if switch.timing == "core":
            cycle_fs = switch_core_cycles.cycle_fs(switch.clock_hz)
            edge = -(-decided_fs // cycle_fs)
            decided_fs = (edge + switch_core_cycles.alone_cycles(n_bytes, switch.bus_bits)) * cycle_fs
        self.clock.at(decided_fs, Phase.ADAPTER, then)

    def _decided(self) -> None:
        self._end("switch")
        if self._way.back_bytes is not None:
            self._end_by_wire("wire")
            return
        if not self._way.copies:
            self._end_by_wire(*PARTS[PARTS.index("wire") :])
            return
        self._end("wire")
        self._take_copies()

    def _end_by_wire(self, *parts: str) -> None:
        """End parts when the frame has left by the wire."""
        n_bytes = wire_bytes((self._way.wire_bytes or 0) + FCS_BYTES)
        sent_fs = self.clock.now_fs + wire_fs(n_bytes, self._config.port.rate_bps)
        self.ends_fs |= dict.fromkeys(parts, sent_fs)

    def come_from_bridge(self) -> None:
        """Take the frame in that the bridge has sent on."""
        self._end("bridge")
        self._pass_switch(self._way.back_bytes or 0, self._decided_again)

    def _decided_again(self) -> None:
        self._end("rx_switch")
        self._take_copies()

    def _take_copies(self) -> None:
        for function, n_bytes in (*self._way.copies, *self._way.mirrored):
            ring = self._rx_rings[function * self._config.nic.queues_per_vf]
            self._local.append(_Copy(ring, n_bytes, is_first=not self._local))
        self._move_copies()

    def _move_copies(self) -> None:
        while self._local and self._local[0].n_bytes <= self._rx_room:
            copy = self._local.popleft()
            self._rx_room -= copy.n_bytes
            self._in_rx_buffer.append(copy)
            if copy.is_first:
                self._end("rx_room", "rx_buffer")
        self._serve_head()

    # Receiving.

    def start(self) -> None:
        """Fetch the first Rx descriptors: of the rings that the frame meets, and of all where it can tell.

        What others have fetched is over when the frame begins: it is seen in a cache of translations that it has
        filled, and in DLLPs that are counted. Where all would be very many it is left out in any case.
        """
        nic, rings = self._config.nic, self._rx_rings
        is_seen = self._config.host.iotlb is not None or link_rate_of(self._config.pcie).tlps_per_dllp_pair
        if not is_seen or len(rings) * -(-nic.rx_prefetch // nic.rx_fetch_batch) > MOST_FETCHES:
            functions = {function for function, _ in (*self._way.copies, *self._way.mirrored)}
            rings = [ring for ring in rings if self._function(ring.number) in functions]
        for ring in rings:
            self._prefetch(ring)

    def _prefetch(self, ring: _RxRing) -> None:
        """Request batches of Rx descriptors, as many as the ring wants on the chip."""
        nic = self._config.nic
        batch = nic.rx_fetch_batch
        while ring.coming < nic.rx_prefetch and ring.coming + batch <= nic.descriptor_cache:
            n = batch - ring.next_fetched % batch
            if ring.known < n:
                return
            self._fetch(ring, n)

    def _fetch(self, ring: _RxRing, n: int) -> None:
        n_before_wrap = min(n, self._config.nic.rx_ring - ring.next_fetched)
        pieces = (ring.next_fetched, n_before_wrap), (0, n - n_before_wrap)
        ring.next_fetched = (ring.next_fetched + n) % self._config.nic.rx_ring
        ring.known, ring.coming = ring.known - n, ring.coming + n
        for first, n_piece in pieces:
            if not n_piece:
                continue
            address, n_bytes = first * DESCRIPTOR_BYTES, n_piece * DESCRIPTOR_BYTES
            memory, done = ("Rx ring", ring.number), partial(self._fetched, ring)
            self._reads.request(ReadClass.RX_DESCRIPTOR, memory, address, n_bytes, done)

    def _fetched(self, ring: _RxRing, n_bytes: int) -> None:
        ring.cached += n_bytes // DESCRIPTOR_BYTES
        self._serve_head()

    def _serve_head(self) -> None:
        """Fetch what the head of the Rx buffer lacks; write it when that is there and the copy before is on its way."""
        if not self._in_rx_buffer:
            return
        copy, nic = self._in_rx_buffer[0], self._config.nic
        # A captured frame that takes more than the ring or the cache holds is dropped as too long before it gets here.
        n_needed = min(len(self._buffers(copy.n_bytes)), nic.rx_ring - 1, nic.descriptor_cache)
        ring, on_demand = copy.ring, nic.rx_fetch_batch if nic.rx_prefetch else 1
        while ring.coming < n_needed:
            n = on_demand - ring.next_fetched % on_demand
            self._fetch(ring, min(ring.known, n, nic.descriptor_cache - ring.coming))
        if ring.cached >= n_needed and self._n_writing < self._most_writing:
            self._in_rx_buffer.popleft()
            self._write_payload(copy, n_needed)
            self._serve_head()

    def _buffers(self, n_bytes: int) -> Sequence[int]:
        return cut(0, n_bytes, self._config.host.buffer_bytes - self._config.host.buffer_offset_bytes)

    def _write_payload(self, copy: _Copy, n_descriptors: int) -> None:
        self._n_writing += 1
        buffers = self._buffers(copy.n_bytes)
        for number, n_bytes in enumerate(buffers):
            self._write_buffer(copy, number, n_bytes, is_last=number == len(buffers) - 1)
        self._note(copy, "rx_descriptor")
        write_back = partial(self._write_copy_back, copy, n_descriptors)
        order = Rank.RX_WRITEBACK, copy.ring.number
        self._by_batch_or_timer(n_descriptors, self._config.nic.rx_writeback_batch, write_back, order)
        copy.ring.cached, copy.ring.coming = copy.ring.cached - n_descriptors, copy.ring.coming - n_descriptors
        self._prefetch(copy.ring)

    def _write_buffer(self, copy: _Copy, number: int, n_bytes: int, *, is_last: bool) -> None:
        host, memory = self._config.host, ("Rx buffers", copy.ring.number)
        address = number * host.buffer_bytes + host.buffer_offset_bytes
        ready_fs = self._engines.write_ready_fs(self.clock.now_fs, n_bytes)
        function = self._function(copy.ring.number)
        write = Transaction(list(self._write(memory, address, n_bytes)), function=function, ready_fs=ready_fs)
        if is_last:
            write.received = partial(self._note, copy, "payload_write")
            write.chosen, write.left = self._payload_chosen, partial(self._free_room, copy.n_bytes)
        self._up.enter(Lane.POSTED, write)

    def _payload_chosen(self) -> None:
        self._n_writing -= 1
        self._serve_head()

    def _free_room(self, n_bytes: int) -> None:
        self._rx_room += n_bytes
        self._move_copies()

    def _note(self, copy: _Copy, *parts: str) -> None:
        if copy.is_first:
            self._end(*parts)

    def _write_copy_back(self, copy: _Copy, n_descriptors: int) -> None:
        self._note(copy, "writeback_batch")
        self._write_back(Rank.RX_WRITEBACK, ("Rx ring", copy.ring.number), n_descriptors, partial(self._landed, copy))
        function = self._function(copy.ring.number)
        if self._cores.is_told_at_once(function):
            self._interrupt(Rank.RX_INTERRUPT, function, partial(self._visible, copy))

    def _landed(self, copy: _Copy) -> None:
        self._note(copy, "writeback")
        function = self._function(copy.ring.number)
        polls = self._cores.driver_of(function).polls
        if polls or self._cores.is_told_at_once(function):
            self._note(copy, "interrupt_moderation")
        if polls:
            self._visible(copy)

    def _visible(self, copy: _Copy) -> None:
        self._note(copy, "interrupt")
        n_descriptors = len(self._buffers(copy.n_bytes))
        function = self._function(copy.ring.number)
        driver = self._cores.driver_of(function)
        refills = n_descriptors >= driver.refill_batch
        taken_fs = self._cores.take(function, copy.n_bytes, refills=refills)
        if copy.is_first:
            self.ends_fs["guest_queue"] = taken_fs
        if refills:
            posted = partial(self._posted_again, copy.ring, n_descriptors)
            self.clock.at(taken_fs, Phase.TIMER, partial(self._write_register, posted))
        if driver.masks:
            self.clock.at(taken_fs, Phase.TIMER, partial(self._write_register, nothing))

    def _posted_again(self, ring: _RxRing, n_descriptors: int) -> None:
        ring.known += n_descriptors
        self._prefetch(ring)
