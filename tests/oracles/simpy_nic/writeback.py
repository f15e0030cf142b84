"""Descriptors of one ring held for their write-back; writes to registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import simpy

from .cutting import Uncut, write_bytes
from .engines import Kind, Operation
from .link import Direction, Purpose, Rank, Transaction, nothing
from .page_walks import Region
from .parameters import NicParameters
from .timing import later

REGISTER_BYTES = 4


class HeldDescriptors:
    """Writes descriptors back in batches, or when the first of them has been held for the timeout."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        up: Direction,
        *,
        rank: Rank,
        timer_place: int,
        ring_entries: int,
        batch: int,
        landed: Callable[[list[Any]], None],
        entered: Callable[[list[Any]], None] = lambda _owners: None,
        port: int,
        ring: Region,
        reports_last: bool = False,
        entry_bytes: int,
    ) -> None:
        """Call `entered(owners)` as a write-back to `ring` enters P, `landed(owners)` when the host has received it."""
        self._env = env
        self._parameters = parameters
        self._up = up
        self._entry_bytes = entry_bytes
        self._rank = rank
        self._timer_place = timer_place
        self._ring_entries = ring_entries
        self._batch = batch
        self._landed = landed
        self._entered = entered
        self._port = port
        self._memory = ring
        if parameters.completion_entry_bytes:  # entries lie in pages of their own
            self._memory = f"completions of {ring[0]}", *ring[1:]
        self._reports_last = reports_last
        """One descriptor is written for all that are held, and only as their batch is full."""
        self._position = 0
        self._owners: list[Any] = []
        self._descriptors = 0
        self._batches_sent = 0

    def hold(self, owner: Any, descriptors: int = 1) -> None:
        """Hold the descriptors of one frame."""
        self.hold_all([owner], descriptors)

    def hold_all(self, owners: Sequence[Any], descriptors: int) -> None:
        """Hold the descriptors that some frames have together."""
        was_empty = not self._owners
        self._owners.extend(owners)
        self._descriptors += descriptors
        if self._descriptors >= self._batch:
            self._write_back()
        elif was_empty and self._parameters.writeback_timeout_fs is not None and not self._reports_last:
            timeout_fs = self._parameters.writeback_timeout_fs
            later(self._env, timeout_fs, self._timer_place, self._expire, self._batches_sent)

    def forget(self) -> None:
        """Hold nothing any more, and begin at the ring's first descriptor; a timer that runs finds nothing."""
        self._position = 0
        self._owners, self._descriptors = [], 0
        self._batches_sent += 1

    def _expire(self, batch_number: int) -> None:
        if batch_number == self._batches_sent:
            self._write_back()

    def _write_back(self) -> None:
        owners = self._owners
        before_wrap = min(self._descriptors, self._ring_entries - self._position)
        if self._reports_last:
            last = (self._position + self._descriptors - 1) % self._ring_entries
            self._write_part(last, 1, partial(self._landed, owners))
        elif before_wrap < self._descriptors:
            self._write_part(self._position, before_wrap, nothing)
            self._write_part(0, self._descriptors - before_wrap, partial(self._landed, owners))
        else:
            self._write_part(self._position, before_wrap, partial(self._landed, owners))
        self._position = (self._position + self._descriptors) % self._ring_entries
        self._owners, self._descriptors = [], 0
        self._batches_sent += 1
        self._entered(owners)

    def _write_part(self, position: int, descriptors: int, received: Callable[[], None]) -> None:
        """Write descriptors that lie one behind the other."""
        n_bytes = descriptors * self._entry_bytes
        self._up.enter_posted(
            Transaction(
                self._parameters.request_header_bytes,
                Uncut(position * self._entry_bytes, n_bytes, self._parameters, write_bytes),
                received,
                rank=self._rank,
                purpose=Purpose.WRITEBACK,
                operation=Operation(Kind.WRITE, n_bytes),
                port=self._port,
                memory=self._memory,
            )
        )


def access_register(link: tuple[Direction, Direction], parameters: NicParameters, port: int, *, is_read: bool) -> None:
    """Let a driver read a register, or write one that leads to nothing."""
    up, down = link

    def answer() -> None:
        header_bytes = parameters.completion_header_bytes
        up.enter_posted(
            Transaction(
                header_bytes, [REGISTER_BYTES], nothing, rank=Rank.REGISTER, purpose=Purpose.DOORBELL, port=port
            )
        )

    data, received = ([0], answer) if is_read else ([REGISTER_BYTES], nothing)
    down.enter_posted(Transaction(parameters.request_header_bytes, data, received, purpose=Purpose.DOORBELL, port=port))


def send_register_write(
    direction: Direction,
    parameters: NicParameters,
    received: Callable[[], None],
    rank: Rank | None = None,
    port: int = 0,
    n_bytes: int = REGISTER_BYTES,
) -> None:
    """Send an interrupt of a function (up), which has a rank, or a doorbell of its driver (down)."""
    purpose = Purpose.DOORBELL if rank is None else Purpose.INTERRUPT
    header_bytes = parameters.request_header_bytes
    rank = Rank.PAYLOAD if rank is None else rank
    transaction = Transaction(header_bytes, [n_bytes], received, rank=rank, purpose=purpose, port=port)
    direction.enter_posted(transaction)
