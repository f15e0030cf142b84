"""Reads: the arbiter that hands out tags, the host that answers, the store of the data."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial

import simpy

from .cutting import Uncut, completion_bytes
from .engines import Kind, Operation
from .link import Direction, Purpose, Transaction, nothing
from .lives import Life
from .memory import HostMemory
from .page_walks import Region
from .parameters import NicParameters
from .timing import BEHIND_THE_EVENT, AtLink, FifoServer, Phase, fs_of_bytes, later, place
from .translation import Iommu


class ReadClass(IntEnum):
    """Classes of the read arbiter, the first served first."""

    RX_DESCRIPTOR = 0
    TX_DESCRIPTOR = 1
    PAYLOAD = 2


@dataclass(slots=True, eq=False)
class Transfer:
    """What is read by one request or by several: a frame's payload, or some descriptors."""

    operation: Operation
    reads_left: int = 1
    """Whose last byte has not come; what is still to be cut is one."""
    has_places: bool = False
    life: Life = field(default_factory=Life)
    """Its function's, as it is requested."""


@dataclass(slots=True, eq=False)
class Read:
    """One read request, or what is left of a transfer, and what follows on the completion of all of it."""

    address: int
    n_bytes: int
    complete: Callable[[], None]
    port: int
    """The function that reads."""
    memory: Region
    """What is read: its pages."""
    begins: int = 0
    """Where what requests may not cross is counted from: a frame's buffer, a ring."""
    ends_buffer: bool = False
    """It is the last of its frame, whose buffer is then unmapped."""
    read_class: ReadClass = ReadClass.PAYLOAD
    """Set when the read is requested."""
    transfer: Transfer | None = None
    """The same."""


class Host:
    """Answers reads after its latency, and what chance adds."""

    def __init__(
        self, env: simpy.Environment, down: Direction, parameters: NicParameters, iommu: Iommu, memory: HostMemory
    ) -> None:
        """Answer into the direction `down`."""
        self._iommu = iommu
        self._memory = memory
        self._env = env
        self._parameters = parameters
        self._down = down

    def request_received(self, read: Read, received: Callable[[], None]) -> None:
        """Answer a read; `received` is called with its last completion byte."""
        unmaps = read.ends_buffer and not read.transfer.life.is_over
        wait_fs = self._iommu.wait_fs(read.memory, read.address, unmaps)
        latency_fs = self._memory.read_wait_fs(read.port, wait_fs) + self._memory.read_fs()
        self._down.ready_fs[self._env.now + latency_fs] += 1
        later(self._env, latency_fs, place(Phase.LINK, AtLink.ANSWER), self._answer, read, received)

    def _answer(self, read: Read, received: Callable[[], None]) -> None:
        del self._down.ready_fs[self._env.now]
        data = Uncut(read.address, read.n_bytes, self._parameters, completion_bytes)
        purpose = Purpose.PAYLOAD if read.read_class is ReadClass.PAYLOAD else Purpose.DESCRIPTOR
        header_bytes = self._parameters.completion_header_bytes
        self._down.enter_other(Transaction(header_bytes, data, received, purpose=purpose))


class ReadArbiter:
    """Gives free tags to waiting reads, the first class first."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, up: Direction, host: Host) -> None:
        """Begin with all tags free; `payload_class_empty` is to be set before the run."""
        self._env = env
        self._parameters = parameters
        self._header_bytes = parameters.request_header_bytes
        self._up = up
        self._host = host
        self.free_tags = parameters.tags
        engine = parameters.dma_read
        self._free_places = engine.outstanding if engine else math.inf
        self._large_bytes = engine.large_bytes if engine else math.inf
        self._waiting: tuple[deque[Read], ...] = tuple(deque() for _ in ReadClass)
        self.payload_class_empty: Callable[[], None] = nothing
        self._is_due = False
        self._has_freed = False
        """Tags of reads that were taken back are free, and nobody has looked yet."""
        self._forgotten: list[Read] = []
        """Of transfers that are over as all that was left of them is forgotten; what follows has not."""
        self._store: FifoServer | None = None
        store_rate = parameters.store_fs_per_byte
        if store_rate is not None:
            self._store = FifoServer(
                env,
                service_fs=lambda read: fs_of_bytes(read.transfer.operation.n_bytes, store_rate),
                place_of=lambda _: place(Phase.READS),
                done=lambda read, _: self._finish(read),
            )

    def request(self, read_class: ReadClass, reads: list[Read]) -> None:
        """Let reads join their class."""
        for read in reads:
            transfer = Transfer(Operation(Kind.READ, read.n_bytes), life=self._up.lives[read.port])
            read.read_class, read.transfer = read_class, transfer
        self._waiting[read_class].extend(reads)
        self.look()

    def look(self, at_place: int = BEHIND_THE_EVENT) -> None:
        """See to the reads when all else has happened that an event leads to: some may go, a frame may be picked."""
        if not self._is_due:
            self._is_due = True
            later(self._env, 0, at_place, self._settle)

    def _settle(self) -> None:
        self._is_due = False
        self._grant()

    def has_payload_reads(self) -> bool:
        """Tell whether a payload read waits for a tag."""
        return bool(self._waiting[ReadClass.PAYLOAD])

    def _grant(self) -> None:
        while True:
            if not self.has_payload_reads():
                self.payload_class_empty()
            queue = self._first_waiting()
            if queue is None or not self.free_tags:
                return
            if self._places(queue[0]) > self._free_places:
                queue = self._waiting[ReadClass.PAYLOAD]
                if not queue or not queue[0].transfer.has_places:
                    return
            read = self._cut_off(queue)
            self.free_tags -= 1
            self._free_places -= self._places(read)
            read.transfer.has_places = True
            received = partial(self._host.request_received, read, partial(self._last_completion, read))
            self._up.enter_other(self._request_for(read, received))

    def _request_for(self, read: Read, received: Callable[[], None]) -> Transaction:
        return Transaction(
            self._header_bytes,
            [0],
            received,
            purpose=Purpose.READ_REQUEST if read.read_class is ReadClass.PAYLOAD else Purpose.DESCRIPTOR,
            operation=read.transfer.operation,
            port=read.port,
            taken_back=partial(self._taken_back, read),
        )

    def _cut_off(self, queue: deque[Read]) -> Read:
        """Take the next request out of a class: of a payload as much as one may ask for now."""
        read = queue[0]
        boundary = self._parameters.max_read_request_bytes
        n_bytes = boundary - (read.address - read.begins) % boundary
        if read.read_class is not ReadClass.PAYLOAD or n_bytes >= read.n_bytes:
            return queue.popleft()
        queue[0] = replace(read, address=read.address + n_bytes, n_bytes=read.n_bytes - n_bytes)
        read.transfer.reads_left += 1
        return replace(read, n_bytes=n_bytes, ends_buffer=False)

    def _first_waiting(self) -> deque[Read] | None:
        return next((queue for queue in self._waiting if queue), None)

    def _places(self, read: Read) -> int:
        """Return how many more places the engine needs for a read."""
        return 0 if read.transfer.has_places else self._places_of(read.transfer)

    def _places_of(self, transfer: Transfer) -> int:
        return 2 if transfer.operation.n_bytes > self._large_bytes else 1

    def _last_completion(self, read: Read) -> None:
        read.transfer.reads_left -= 1
        if self._store is None or read.transfer.reads_left or read.transfer.life.is_over:
            self._finish(read)
        else:
            self._store.put(read)

    def _finish(self, read: Read) -> None:
        self.free_tags += 1
        is_over = not read.transfer.reads_left
        if is_over:
            self._free_places += self._places_of(read.transfer)
        if any(self._waiting):
            self._grant()
        if is_over:
            read.complete()

    def forget(self, life: Life) -> None:
        """Forget the reads of a function that is off which wait for a tag; those in NP are taken back there."""
        for queue in self._waiting:
            gone = [read for read in queue if read.transfer.life is life]
            kept = [read for read in queue if read.transfer.life is not life]
            queue.clear()
            queue.extend(kept)
            for read in gone:
                self._leave_out(read)
        self.look()

    def _taken_back(self, read: Read) -> None:
        self.free_tags += 1
        self._has_freed = True
        self._leave_out(read)

    def _leave_out(self, read: Read) -> None:
        """Count a read that is never done as one of its transfer's that is over."""
        transfer = read.transfer
        transfer.reads_left -= 1
        if transfer.reads_left:
            return
        if transfer.has_places:
            self._free_places += self._places_of(transfer)
            self._has_freed = True
        self._forgotten.append(read)

    def go_on(self) -> None:
        """Let the reads that wait take what forgotten ones have freed; transfers that are forgotten are complete."""
        if self._has_freed and any(self._waiting):
            self._grant()
        self._has_freed = False
        forgotten, self._forgotten = self._forgotten, []
        for read in forgotten:
            read.complete()
