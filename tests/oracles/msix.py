"""A second implementation of MSI-X: a function's table, its pending bits and when it sends, from PCI 3.0, 6.8.2, 6.8.3.

It shares nothing with the product. Where the specification permits more than one thing:

 1. After a reset addresses and data are 0, every vector is masked, nothing is pending.
 2. Address bits 1:0 and Vector Control bits 31:1 are hard 0.
 3. What happens while MSI-X is disabled, or bus mastering off, is remembered as pending and sent when both are on.
 4. Vectors that become free together send in the order of their numbers.
 5. Writes to pending bits are lost. Changing the message of a vector that is not masked is a ForbiddenError.
"""

from __future__ import annotations

import struct

ENTRY = struct.Struct("<IIII")
MASKED = ENTRY.pack(0, 0, 0, 1)
KEEPS = (0xFFFFFFFC, 0xFFFFFFFF, 0xFFFFFFFF, 0x00000001)  # of the four double words


class ForbiddenError(Exception):
    """Report what software must not do."""


class ReferenceMsix:
    """Answer accesses of double words at table and pending bits; `sent` collects (vector, address, data)."""

    def __init__(self, n_vectors: int) -> None:
        self.n_vectors = n_vectors
        self.is_enabled = self.is_function_masked = self.is_bus_master = False
        self.sent: list[tuple[int, int, int]] = []
        self.reset()

    def reset(self) -> None:
        """Do what a function level reset does, to Command and Message Control as well."""
        self.table = [bytearray(MASKED) for _ in range(self.n_vectors)]
        self.waiting: set[int] = set()
        self.is_enabled = self.is_function_masked = self.is_bus_master = False

    def control(self, *, enable: bool, function_mask: bool) -> None:
        """Take a write of Message Control."""
        self.is_enabled, self.is_function_masked = enable, function_mask
        self._release()

    def master(self, is_on: bool) -> None:
        """Take a write of Bus Master Enable."""
        self.is_bus_master = is_on
        self._release()

    def happen(self, vector: int) -> None:
        """Let the function have something to tell by a vector."""
        if self._can_send(vector):
            self._send(vector)
        else:
            self.waiting.add(vector)

    def read_table(self, offset: int) -> int:
        """Return a double word of the table."""
        return ENTRY.unpack(self.table[offset // 16])[offset % 16 // 4]

    def read_pending(self, offset: int) -> int:
        """Return a double word of the pending bits."""
        return sum(1 << vector - 8 * offset for vector in self.waiting if 0 <= vector - 8 * offset < 32)

    def write_table(self, offset: int, value: int) -> None:
        """Take a write of a double word. Raises ForbiddenError."""
        vector, word = offset // 16, offset % 16 // 4
        words = list(ENTRY.unpack(self.table[vector]))
        new = value & KEEPS[word]
        if word != 3 and self._is_unmasked(vector) and new != words[word]:
            raise ForbiddenError
        words[word] = new
        self.table[vector][:] = ENTRY.pack(*words)
        self._release()

    def _is_unmasked(self, vector: int) -> bool:
        return self.is_enabled and not self.is_function_masked and not self.table[vector][12] & 1

    def _can_send(self, vector: int) -> bool:
        return self.is_bus_master and self._is_unmasked(vector)

    def _release(self) -> None:
        for vector in sorted(self.waiting):
            if self._can_send(vector):
                self.waiting.remove(vector)
                self._send(vector)

    def _send(self, vector: int) -> None:
        low, high, data, _ = ENTRY.unpack(self.table[vector])
        self.sent.append((vector, low + (high << 32), data))
