"""A function's MSI-X table and pending bits: PCI Local Bus Specification 3.0, 6.8.2 and 6.8.3.

Choices that the specifications leave open: a vector that is raised while MSI-X or bus mastering is off stays pending,
and is sent as soon as both are on; vectors that can be sent at the same time go in the order of their numbers; a reset
clears addresses and data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from hwmodel.config_space.memory_registers import REGISTER_BYTES, Block, Place, RegisterFile
from hwmodel.config_space.registers import RO, RW, Field, Register, bit
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import BUS_MASTER, COMMAND, MSI_X
from hwmodel.errors import InputError

FUNCTION_MASK, MSIX_ENABLE = 0x4000, 0x8000
TABLE_SIZE, BIR = 0x7FF, 0x7
ENTRY_BYTES = 16
PENDING_BYTES = 8  # pending bits come in quad words
MASK_BIT = 1
LOW, HIGH, DATA, CONTROL = 0, 4, 8, 12  # of an entry

_ENTRY = (
    Register("Message Address", LOW, REGISTER_BYTES, (Field("Message Address", 2, 30, RW),)),
    Register("Message Upper Address", HIGH, REGISTER_BYTES, (Field("Message Upper Address", 0, 32, RW),)),
    Register("Message Data", DATA, REGISTER_BYTES, (Field("Message Data", 0, 32, RW),)),
    Register("Vector Control", CONTROL, REGISTER_BYTES, (bit("Mask Bit", 0, RW, 1),)),
)
_PENDING = (Register("Pending Bits", 0, REGISTER_BYTES, (Field("Pending Bits", 0, 32, RO),)),)
TABLE = Block("MSI-X table", "PCI 6.8.2", _ENTRY, "vector", stride=ENTRY_BYTES)
PENDING = Block("MSI-X pending bits", "PCI 6.8.2", _PENDING, "32 vectors")


class Message(NamedTuple):
    """Hold the memory write by which a function signals a vector."""

    vector: int
    address: int
    data: int

    def __str__(self) -> str:
        return f"vector {self.vector} writes 0x{self.data:08x} to 0x{self.address:08x}"


class MsixTable:
    """Hold the table and the pending bits of a function, where its MSI-X capability says.

    `bar`: in which of its ranges; `n_vectors`: how many entries.
    """

    def __init__(self, space: FunctionSpace) -> None:
        at = space.at(MSI_X.name)
        assert at is not None
        self._space, self._at = space, at
        self.n_vectors = (self._control() & TABLE_SIZE) + 1
        table, pending = space.get(at + 4, 4), space.get(at + 8, 4)
        self.bar = table & BIR
        self._table_at, self._pending_at = table & ~BIR, pending & ~BIR
        self._entries = RegisterFile([replace(TABLE, n=self.n_vectors)])
        self._pending = 0
        self._pending_bytes = -(-self.n_vectors // (8 * PENDING_BYTES)) * PENDING_BYTES

    def read(self, offset: int) -> int:
        """Answer a read of 4 B of the range. Raises InputError where neither table nor pending bits are."""
        entry = self._entry(offset)
        if entry is not None:
            return self._entries.read(entry.at)
        return self._pending >> 8 * self._pending_offset(offset) & 0xFFFFFFFF

    def write(self, offset: int, value: int) -> int:
        """Take a write of 4 B, and return the value after it; pending bits are read-only.

        Raises InputError as `read`, and where it changes the message of a vector that is unmasked.
        """
        entry = self._entry(offset)
        if entry is None:
            return self.read(offset)
        before = self._entries.get(entry.at)
        is_message = entry.register.offset != CONTROL
        if is_message and value != before and not self._why_masked(entry.number):
            what = entry.register.name.lower()
            raise InputError(f"vector {entry.number} is unmasked, and its {what} may not change then (PCI 6.8.3.5)")
        return self._entries.write(entry.at, value)

    def raise_vector(self, vector: int) -> None:
        """Set a vector's pending bit. Raises InputError if the function has no such vector."""
        if not 0 <= vector < self.n_vectors:
            raise InputError(f"vector {vector} is not among its {self.n_vectors} (0 to {self.n_vectors - 1})")
        self._pending |= 1 << vector

    def sent(self) -> list[Message]:
        """Return the messages of pending vectors that may be sent now, and clear their bits."""
        messages = []
        for vector in range(self.n_vectors if self._pending else 0):
            if self._pending >> vector & 1 and not self.why_held(vector):
                self._pending &= ~(1 << vector)
                low, high, data = (self._entries.get(vector * ENTRY_BYTES + at) for at in (LOW, HIGH, DATA))
                messages.append(Message(vector, high << 32 | low, data))
        return messages

    def why_held(self, vector: int) -> str:
        """Return why a vector sends nothing now, an empty text where it does."""
        if not self._space.get(COMMAND, 2) & BUS_MASTER:
            return "Bus Master Enable is clear"
        return self._why_masked(vector)

    def reset(self) -> None:
        """Mask all vectors, and clear their messages and pending bits."""
        self._entries.reset()
        self._pending = 0

    def _why_masked(self, vector: int) -> str:
        control = self._control()
        if not control & MSIX_ENABLE:
            return "MSI-X Enable is clear"
        if control & FUNCTION_MASK:
            return "Function Mask is set"
        return "it is masked" if self._entries.get(vector * ENTRY_BYTES + CONTROL) & MASK_BIT else ""

    def _control(self) -> int:
        return self._space.get(self._at + 2, 2)

    def _entry(self, offset: int) -> Place | None:
        return self._entries.place(offset - self._table_at)

    def _pending_offset(self, offset: int) -> int:
        within = offset - self._pending_at
        if not 0 <= within < self._pending_bytes:
            n_bytes = self.n_vectors * ENTRY_BYTES
            raise InputError(
                f"no register is at {offset:#x} (table: {self._table_at:#x}, {n_bytes} B; pending bits: "
                f"{self._pending_at:#x}, {self._pending_bytes} B)"
            )
        return within
