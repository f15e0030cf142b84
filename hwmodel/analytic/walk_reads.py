"""The reads of the walk of one frame: an arbiter that hands out tags, the host that answers, the store of the data.

Written from docs/datapath.md ("Reads and tags"), apart from the kernels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.dma_engines import Engines, places_of
from hwmodel.analytic.transactions import Tlp, TlpRules
from hwmodel.analytic.walk_clock import Action, Clock, Phase
from hwmodel.analytic.walk_link import Direction, Lane, Transaction
from hwmodel.analytic.walk_memory import Memory, Place
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config


class ReadClass(IntEnum):
    """The classes of the arbiter, the first served first."""

    RX_DESCRIPTOR = 0
    TX_DESCRIPTOR = 1
    PAYLOAD = 2


@dataclass
class _Transfer:
    """What several reads bring: an operation of the read engine, stored as one."""

    n_bytes: int
    n_left: int  # reads whose last byte has not come
    ready_fs: int | None = None  # its first request; None: not begun


class _Read(NamedTuple):
    tlps: tuple[Tlp, ...]
    place: Place
    transfer: _Transfer
    done: Action


class Reads:
    """Reads that wait for a tag, by class, and what becomes of those that have one."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        memory: Memory,
        engines: Engines,
        links: tuple[Direction, Direction],
        read_latency_fs: int,
    ) -> None:
        self._rules = TlpRules.of(config)
        self._clock, self._memory, self._engines = clock, memory, engines
        self._engine = None if config.nic.dma is None else config.nic.dma.read
        self._places_free = 0 if self._engine is None else self._engine.outstanding
        self._queues_per_function = config.nic.queues_per_vf
        self._read_latency_fs = read_latency_fs
        self._up, self._down = links
        self._tags_free, self._store_bps, self._stored_fs = config.pcie.tags, config.nic.store_rate_bps, 0
        self._grants_at_fs: int | None = None
        self._waiting: tuple[deque[_Read], ...] = tuple(deque() for _ in ReadClass)

    def request(
        self, read_class: ReadClass, memory: tuple[str, int], address: int, n_bytes: int, done: Callable[[int], None]
    ) -> int:
        """Let the reads of a transfer join their class; return how many. `done` is called with the bytes of each."""
        reads = self._rules.reads(address, n_bytes)
        is_payload = read_class is ReadClass.PAYLOAD
        whole = _Transfer(n_bytes, len(reads))
        for tlps in reads:
            n_read = sum(tlp.data_bytes for tlp in tlps)
            transfer = whole if is_payload else _Transfer(n_read, 1)
            self._waiting[read_class].append(_Read(tlps, Place(memory, address), transfer, partial(done, n_read)))
            address += n_read
        if self._grants_at_fs != self._clock.now_fs:  # one hand-out at an instant is for all that ask in it
            self._grants_at_fs = self._clock.now_fs
            self._clock.at(self._clock.now_fs, Phase.READS, self._hand_out)
        return len(reads)

    def _hand_out(self) -> None:
        self._grants_at_fs = None
        self._grant()

    def _grant(self) -> None:
        while self._tags_free and (queue := next(filter(None, self._waiting), None)):
            if self._places(queue[0]) > self._places_free:
                queue = self._waiting[ReadClass.PAYLOAD]
                if not queue or queue[0].transfer.ready_fs is None:
                    return
            read = queue.popleft()
            self._tags_free -= 1
            self._places_free -= self._places(read)
            ready_fs = self._ready_fs(read.transfer)
            request = [(read.tlps[0], read.place)]
            self._up.enter(Lane.OTHER, Transaction(request, received=partial(self._answer, read), ready_fs=ready_fs))

    def _ready_fs(self, transfer: _Transfer) -> int:
        """Return when the next request of a transfer is ready; the first begins the engine's operation."""
        if transfer.ready_fs is None:
            transfer.ready_fs = self._engines.read_ready_fs(self._clock.now_fs, transfer.n_bytes)
        return max(self._clock.now_fs, transfer.ready_fs)

    def _places(self, read: _Read) -> int:
        """Return how many of the engine's places a read needs yet; none without an engine."""
        return 0 if read.transfer.ready_fs is not None else self._places_of(read.transfer)

    def _places_of(self, transfer: _Transfer) -> int:
        return 0 if self._engine is None else places_of(self._engine, transfer.n_bytes)

    def _answer(self, read: _Read) -> None:
        answer = Transaction([(tlp, None) for tlp in read.tlps[1:]], received=partial(self._store, read))
        function = read.place.memory[1] // self._queues_per_function
        ready_fs = self._memory.begins_fs(read.place, function) + self._read_latency_fs
        self._clock.at(ready_fs, Phase.DOWN, partial(self._down.enter, Lane.OTHER, answer))

    def _store(self, read: _Read) -> None:
        read.transfer.n_left -= 1
        if self._store_bps is None or read.transfer.n_left:
            self._complete(read)
            return
        duration_fs = read.transfer.n_bytes * BITS_PER_BYTE * FS_PER_S // self._store_bps
        self._stored_fs = max(self._stored_fs, self._clock.now_fs) + duration_fs
        self._clock.at(self._stored_fs, Phase.ADAPTER, partial(self._complete, read))

    def _complete(self, read: _Read) -> None:
        self._tags_free += 1
        if not read.transfer.n_left:
            self._places_free += self._places_of(read.transfer)
        self._grant()
        read.done()
