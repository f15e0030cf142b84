"""One function's configuration space: reads and writes as software does them, and what resets do.

Choices that the specifications leave open: a reset is over at once (`adapter.py` models the 100 ms until a VF answers);
other bits of a write that asks for a function level reset are written before it; fields with a list of permitted values
accept any; a change to D1 or D2 if not offered, or from one D state to a higher-powered one other than D0, is ignored,
but the other bits of that write are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwmodel.config_space.devices import Bar
from hwmodel.config_space.registers import SPACE_BYTES, Layout, Placed, Structure
from hwmodel.config_space.structures import PCI_EXPRESS, POWER_MANAGEMENT
from hwmodel.errors import InputError

WIDTHS = (1, 2, 4)
D0, D3_HOT = 0, 3
POWER_STATE = 3
INITIATE_FLR = 0x80  # in the upper byte of Device Control


class FunctionSpace:
    """Hold the 4 KiB of a function.

    `structures`: its header and capabilities; `layout`: what these make up, which functions may share. `n_resets`: how
    often it was reset.
    """

    def __init__(self, structures: Sequence[Placed], layout: Layout) -> None:
        self._places = {each.structure.name: each for each in structures}
        self._layout = layout
        self._bytes = bytearray(layout.start)
        self.n_resets = 0

    def at(self, structure: str) -> int | None:
        """Return where a structure begins, None where the function has none of that name."""
        placed = self._places.get(structure)
        return None if placed is None else placed.at

    def lay_bar(self, at: int, bar: Bar, size_bytes: int = 0, *, is_rom: bool = False) -> None:
        """Make a register a BAR: address bits from the range's size up can be written, writes to lower bits are lost.

        `size_bytes`: the size, if it is not the BAR's own.
        """
        n_bytes = 8 if bar.is_64_bit else 4
        mask = -(size_bytes or bar.size_bytes) & ((1 << 8 * n_bytes) - 1)
        self.put(at, n_bytes, self.get(at, n_bytes) & mask | bar.type_bits)
        layout = self._layout
        layout.writable[at : at + n_bytes] = (mask | is_rom).to_bytes(n_bytes, "little")
        layout.reset[at : at + n_bytes] = bytes(n_bytes)

    def read(self, offset: int, n_bytes: int) -> int:
        """Answer a read of 1, 2 or 4 B, little endian. Raises InputError where it is not aligned or not there."""
        check_access(offset, n_bytes)
        return self.get(offset, n_bytes)

    def write(self, offset: int, n_bytes: int, value: int) -> None:
        """Take a write of 1, 2 or 4 B. Raises InputError where it is not aligned or not there, or has more bits."""
        check_access(offset, n_bytes)
        if value >> 8 * n_bytes:
            raise InputError(f"the value {value:#x} has more than {n_bytes} B")
        was_state = self._power_state()
        self._store(offset, n_bytes, value)
        self.settle()
        is_reset = self._settle_power_state(was_state)
        if self._asks_for_flr(offset, n_bytes, value):
            self.reset()
        elif is_reset:
            self.reset(from_d3=True)

    def set_fields(self, structure: Structure, register: str, values: Mapping[str, int]) -> None:
        """Set some fields from the function's side, like an error in a status register."""
        one, at = structure.register(register), self._places[structure.name].at
        self.put(at + one.offset, one.n_bytes, one.with_fields(self.get(at + one.offset, one.n_bytes), values))

    def write_fields(self, structure: Structure, register: str, values: Mapping[str, int]) -> None:
        """Take a write of some fields, the others being written as they are read."""
        one, at = structure.register(register), self._places[structure.name].at
        before = self.read(at + one.offset, one.n_bytes)
        self.write(at + one.offset, one.n_bytes, one.with_fields(before, values))

    def settle(self) -> None:
        """Apply rules beyond the attributes of single bits; here there are none."""

    def reset(self, *, from_d3: bool = False) -> None:
        """Reset the function: what is not sticky, and not the link's, is as it was at the start.

        `from_d3`: by a return from D3hot, which is not a function level reset.
        """
        layout = self._layout
        for at in range(SPACE_BYTES):
            lost = (layout.writable[at] | layout.clearing[at]) & ~layout.kept[at]
            self._bytes[at] = self._bytes[at] & ~lost | layout.reset[at] & lost
        self.n_resets += 1

    def content(self) -> bytes:
        """Return all 4 KiB."""
        return bytes(self._bytes)

    def get(self, at: int, n_bytes: int) -> int:
        """Return some bytes as they are."""
        return int.from_bytes(self._bytes[at : at + n_bytes], "little")

    def put(self, at: int, n_bytes: int, value: int) -> None:
        """Set some bytes, regardless of what software may write."""
        self._bytes[at : at + n_bytes] = value.to_bytes(n_bytes, "little")

    def _store(self, offset: int, n_bytes: int, value: int) -> None:
        layout, span = self._layout, slice(offset, offset + n_bytes)
        writable, clearing = (int.from_bytes(each[span], "little") for each in (layout.writable, layout.clearing))
        before = self.get(offset, n_bytes)
        self.put(offset, n_bytes, (before & ~writable | value & writable) & ~(value & clearing))

    def _power_state(self) -> int:
        at = self.at(POWER_MANAGEMENT.name)
        return D0 if at is None else self.get(at + 4, 1) & POWER_STATE

    def _settle_power_state(self, was: int) -> bool:
        """Undo a power state that cannot be entered; say whether the change resets the function."""
        at = self.at(POWER_MANAGEMENT.name)
        if at is None:
            return False
        new, placed = self._power_state(), self._places[POWER_MANAGEMENT.name]
        offered = {D0, D3_HOT} | {state for state in (1, 2) if placed.has(f"D{state} Support")}
        if new not in offered or was > new > D0:
            self.put(at + 4, 1, self.get(at + 4, 1) & ~POWER_STATE | was)
            return False
        return was == D3_HOT and new == D0 and not placed.has("No Soft Reset")

    def _asks_for_flr(self, offset: int, n_bytes: int, value: int) -> bool:
        """Say whether a write initiates an FLR; all functions can, even VFs of the 82599, which do not advertise it."""
        at = self.at(PCI_EXPRESS.name)
        if at is None:
            return False
        upper = at + 9  # of Device Control
        return offset <= upper < offset + n_bytes and bool(value >> 8 * (upper - offset) & INITIATE_FLR)


def check_access(offset: int, n_bytes: int) -> None:
    """Raise InputError unless an access is one of software's: 1, 2 or 4 B, aligned, within the 4 KiB."""
    if n_bytes not in WIDTHS:
        raise InputError(f"{n_bytes} B cannot be accessed at once (1, 2 or 4)")
    if not 0 <= offset <= SPACE_BYTES - n_bytes:
        raise InputError(f"offset {offset:#x} is not in the 4 KiB of configuration space")
    if offset % n_bytes:
        raise InputError(f"offset {offset:#x} is not aligned to the {n_bytes} B of the access")
