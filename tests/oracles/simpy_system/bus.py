"""A PCI or PCI-X bus between adapters and their host, written from docs/datapath/pcie_link.md, "Shared buses"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from ..simpy_nic.cutting import Tlp
from ..simpy_nic.link import Direction, Lane, Transaction
from ..simpy_nic.timing import Phase, later, place

_CHOICE = place(Phase.CHOICE)
_ALLOWED_DISCONNECT = 128


@dataclass(frozen=True)
class BusParameters:
    """A bus, and the names of the adapters on it, in their order."""

    adapters: Sequence[str]
    is_pci_x: bool
    cycle_fs: int
    word: int
    decode: int
    wait: int
    latency_timer: int
    retry_clocks: int

    def write_clocks(self) -> int:
        """Return what a write takes beside its data."""
        return (3 if self.is_pci_x else 1) + self.decode + self.wait

    def answer_clocks(self) -> int:
        """Return what the data of a read take beside them."""
        return self.write_clocks() if self.is_pci_x else 2 + max(1, self.decode - 1) + self.wait

    def try_clocks(self) -> int:
        """Return what a read takes that brings nothing."""
        return (4 if self.is_pci_x else 3) + self.decode

    def words(self, address: int, n_bytes: int) -> int:
        """Return the words that bytes touch."""
        return -(-(address + n_bytes) // self.word) - address // self.word

    def most_bytes(self, address: int, overhead: int) -> int:
        """Return the bytes of a burst that the latency timer lets through."""
        n_words = max(1, self.latency_timer - (overhead - 1))
        end = (address // self.word + n_words) * self.word
        if self.is_pci_x:
            end += -end % _ALLOWED_DISCONNECT
        return end - address


class OnBus:
    """An adapter on the bus: the queues of its two directions."""

    def __init__(self, bus: Bus, link: tuple[Direction, Direction], arbitration: str) -> None:
        """Take the directions' part of sending over."""
        self._bus, self._arbitration = bus, arbitration
        self.up, self.down = link
        self.up.woken = self.down.woken = bus.look
        self._unanswered = 0
        """Reads of PCI that were tried and are not over."""
        self._again_fs = 0
        self._wrote_last = False

    def _tries(self) -> bool:
        return self._unanswered > 0 and self._again_fs <= self._bus.now_fs

    def asks(self) -> bool:
        """Tell whether the adapter has something to send."""
        return bool(self.up._posted.queue or self.up._other.queue) or self._tries()

    def heads(self) -> list[tuple[int, bool, Lane]]:
        """Return what the bridge may send here: when it entered, whether it is a completion, its queue."""
        lanes = [(self.down._posted, False)]
        if self._bus.parameters.is_pci_x:
            lanes.append((self.down._other, True))
        return [(lane.queue[0].entered_fs, is_second, lane) for lane, is_second in lanes if lane.queue]

    def _chooses_to_write(self) -> bool:
        writes, reads = bool(self.up._posted.queue), bool(self.up._other.queue) or self._tries()
        if not (writes and reads):
            return writes
        if self._arbitration == "round_robin":
            return not self._wrote_last
        if self._arbitration == "arrival":
            return self.up._posted.queue[0].entered_fs <= self.up._other.queue[0].entered_fs
        return self._arbitration == "writes_first"

    def sends(self) -> int:
        """Begin a transaction of the adapter's; return its clocks from the address on."""
        self._wrote_last = self._chooses_to_write()
        own = self._bus.parameters
        if self._wrote_last:
            return self._bus.burst(self.up, self.up._posted, own.write_clocks())
        if self.up._other.queue:
            clocks = self._bus.burst(self.up, self.up._other, own.try_clocks())
            if not own.is_pci_x:
                self._unanswered += 1
                self._tries_again_behind(clocks)
            return clocks
        if self.down._other.queue:
            n_waiting = len(self.down._other.queue)
            clocks = self._bus.burst(self.down, self.down._other, own.answer_clocks())
            self._unanswered -= n_waiting - len(self.down._other.queue)
        else:
            clocks = own.try_clocks() - 1
            self._bus.retries += 1
        self._tries_again_behind(clocks)
        return clocks

    def _tries_again_behind(self, clocks: int) -> None:
        own = self._bus.parameters
        self._again_fs = self._bus.now_fs + (clocks + own.retry_clocks) * own.cycle_fs
        later(self._bus.env, self._again_fs - self._bus.now_fs, self.up.left_at, self._bus.look)

    def gets(self) -> int:
        """Begin a transaction of the bridge's for the adapter; return its clocks from the address on."""
        _, is_completion, lane = min(self.heads(), key=lambda head: head[:2])
        own = self._bus.parameters
        return self._bus.burst(self.down, lane, own.answer_clocks() if is_completion else own.write_clocks())


class Bus:
    """The bus and its arbiter."""

    def __init__(
        self, env: simpy.Environment, parameters: BusParameters, adapters: Sequence[tuple[Any, tuple[Any, Any]]]
    ) -> None:
        """Begin idle; `adapters`: of each its parameters and the directions of its link."""
        self.env, self.parameters = env, parameters
        self.adapters = [OnBus(self, link, nic.arbitration) for nic, link in adapters]
        self._had_last = len(self.adapters)
        self._free_fs = 0
        self._is_given = self._is_contended = False
        self._looks_at: set[int] = set()
        self.busy_clocks = self.retries = 0

    @property
    def now_fs(self) -> int:
        """Return the time."""
        return int(self.env.now)

    def look(self) -> None:
        """Look at the next edge whether somebody asks."""
        cycle_fs = self.parameters.cycle_fs
        edge_fs = -(-max(self.now_fs, self._free_fs) // cycle_fs) * cycle_fs
        if edge_fs not in self._looks_at:
            self._looks_at.add(edge_fs)
            later(self.env, edge_fs - self.now_fs, _CHOICE, self._grant)

    def _of_bridge(self) -> int | None:
        heads = [(*head[:2], at) for at, each in enumerate(self.adapters) for head in each.heads()]
        return min(heads)[2] if heads else None

    def _grant(self) -> None:
        self._looks_at.discard(self.now_fs)
        if self._is_given or self.now_fs < self._free_fs:
            return
        for_whom = self._of_bridge()
        asking = [at for at, each in enumerate(self.adapters) if each.asks()]
        asking += [len(self.adapters)] * (for_whom is not None)
        if not asking:
            return
        n = len(self.adapters) + 1
        chosen = min(asking, key=lambda at: (at - self._had_last - 1) % n)
        self._had_last, self._is_given, self._is_contended = chosen, True, len(asking) > 1
        begin = self.adapters[for_whom].gets if chosen == len(self.adapters) else self.adapters[chosen].sends
        later(self.env, self.parameters.cycle_fs, _CHOICE, self._begin, begin)

    def _begin(self, begin: Any) -> None:
        clocks = begin()
        self._is_given = False
        self.busy_clocks += clocks + 1
        self._free_fs = self.now_fs + clocks * self.parameters.cycle_fs
        self.look()

    def burst(self, direction: Direction, lane: Lane, overhead: int) -> int:
        """Begin with the next burst of a queue's head; return its clocks from the address on."""
        transaction = lane.queue[0]
        tlp = self._cut(transaction, overhead)
        is_last = not transaction.tlps
        if is_last:
            lane.queue.popleft()
        direction._turn += 1
        clocks = overhead - 1
        if tlp.taken_bytes:
            clocks += self.parameters.words(tlp.address, tlp.taken_bytes)
        if is_last:
            transaction.tell(transaction.chosen)
        later(self.env, clocks * self.parameters.cycle_fs, direction.left_at, _ends, direction, lane, transaction, tlp,
              is_last)  # fmt: skip
        return clocks

    def _cut(self, transaction: Transaction, overhead: int) -> Tlp:
        first = transaction.tlps.first
        if self._is_contended and first.taken_bytes:
            most = self.parameters.most_bytes(first.address, overhead)
            if most < first.taken_bytes:
                return transaction.tlps.take_at_most(most)
        return transaction.tlps.take()


def _ends(direction: Direction, lane: Lane, transaction: Transaction, tlp: Tlp, is_last: bool) -> None:
    if is_last:
        transaction.tell(transaction.left)
    direction._receive(lane, transaction, tlp, is_last)
