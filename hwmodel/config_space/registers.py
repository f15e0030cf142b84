"""What a register of configuration space is made of, and which of its bits software can change.

A structure (the header, or a capability) is a table of registers, a register a row of fields. A device is described by
values: read-only fields have the value that the device gives, and a field that `needs` another one can be written only
if the device gives that one a value other than 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

SPACE_BYTES = 4096


class Attribute(Enum):
    """How software sees a field: PCI Express Base Specification 3.0, 7.4, table 7-2."""

    RO = "read-only"
    HWINIT = "set by the device as it starts, read-only then"
    RW = "read and write"
    RW1C = "read, a written 1 clears"
    RWS = "read and write; a reset of the function leaves it"
    RW1CS = "read, a written 1 clears; a reset of the function leaves it"
    # Of registers in memory ranges alone; as the 82599's data sheet has them (unverified).
    RC = "read-only, a read clears"
    RCW1C = "read, a read clears, and so does a written 1"
    RW1S = "read, a written 1 sets"
    WO = "reads as 0; a written 1 asks for something"

    @property
    def can_write(self) -> bool:
        """Say whether a written bit is taken as it is."""
        return self in (Attribute.RW, Attribute.RWS)

    @property
    def clears(self) -> bool:
        """Say whether a written 1 clears."""
        return self in (Attribute.RW1C, Attribute.RW1CS, Attribute.RCW1C)

    @property
    def read_clears(self) -> bool:
        """Say whether a read clears."""
        return self in (Attribute.RC, Attribute.RCW1C)

    @property
    def is_sticky(self) -> bool:
        """Say whether a reset of the function leaves it."""
        return self in (Attribute.RWS, Attribute.RW1CS)


RO, HWINIT, RW, RW1C, RWS, RW1CS, RC, RCW1C, RW1S, WO = Attribute


@dataclass(frozen=True)
class Field:
    """Some bits of a register.

    `reset`: the reset value, if the field can be written. `in_vf`: its attribute in a VF, if another. `needs`: a field
    of the same device, or one of its bits (`NAME#BIT`), without which this one reads as 0. `keeps`: a reset of the
    function leaves it, since it belongs to the link, or software sets it for all functions (PCI Express Base 3.0,
    6.6.2); `keeps_with`: it does so where the device has that field, as `needs` names one.
    """

    name: str
    low: int
    n_bits: int
    attribute: Attribute
    reset: int = 0
    in_vf: Attribute | None = None
    needs: str = ""
    keeps: bool = False
    keeps_with: str = ""

    @property
    def mask(self) -> int:
        """Return its bits in the register."""
        return ((1 << self.n_bits) - 1) << self.low

    def of(self, is_vf: bool) -> Attribute:
        """Return its attribute in a PF or in a VF."""
        return self.in_vf if is_vf and self.in_vf is not None else self.attribute


def bit(name: str, low: int, attribute: Attribute, reset: int = 0, **more: object) -> Field:
    """Return a field of one bit."""
    return Field(name, low, 1, attribute, reset, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Register:
    """A register at an offset of its structure."""

    name: str
    offset: int
    n_bytes: int
    fields: tuple[Field, ...] = ()

    def with_fields(self, before: int, values: Mapping[str, int]) -> int:
        """Return the register's value `before` with some fields changed, by their names."""
        fields = {one.name: one for one in self.fields}
        for name, value in values.items():
            before = before & ~fields[name].mask | value << fields[name].low
        return before


@dataclass(frozen=True)
class Structure:
    """The header, or a capability by its number; `source`: where the specification has it; `is_listed`: in the list."""

    name: str
    number: int
    n_bytes: int
    source: str
    registers: tuple[Register, ...]
    is_extended: bool = False
    is_listed: bool = True

    def register(self, name: str) -> Register:
        """Return a register by its name."""
        return next(one for one in self.registers if one.name == name)

    def fields(self) -> Iterator[tuple[Register, Field]]:
        """Give each field, with the register that it is in."""
        for register in self.registers:
            for one in register.fields:
                yield register, one


@dataclass(frozen=True)
class Placed:
    """A structure as a device has it: where, of which version, with which values (by the names of fields).

    `values`: of read-only fields, and the initial values of others.
    """

    structure: Structure
    at: int
    values: Mapping[str, int] = field(default_factory=dict)
    version: int = 1

    def has(self, needed: str) -> bool:
        """Say whether a field, or one of its bits, has a value other than 0."""
        name, _, number = needed.partition("#")
        value = self.values.get(name, 0)
        return bool(value >> int(number) & 1 if number else value)


@dataclass
class Layout:
    """A function's whole space: its initial bytes and, for each bit, whether it can be written and what resets do.

    All are of `SPACE_BYTES` bytes. `reset`: the values after a reset of the function, for bits that are not `kept`.
    """

    start: bytearray = field(default_factory=lambda: bytearray(SPACE_BYTES))
    writable: bytearray = field(default_factory=lambda: bytearray(SPACE_BYTES))
    clearing: bytearray = field(default_factory=lambda: bytearray(SPACE_BYTES))
    kept: bytearray = field(default_factory=lambda: bytearray(SPACE_BYTES))
    reset: bytearray = field(default_factory=lambda: bytearray(SPACE_BYTES))


def put_bits(into: bytearray, at: int, n_bytes: int, bits: int) -> None:
    """Set bits of a register that are 1 in `bits`."""
    value = int.from_bytes(into[at : at + n_bytes], "little") | bits
    into[at : at + n_bytes] = value.to_bytes(n_bytes, "little")


def laid_out(structures: Sequence[Placed], is_vf: bool) -> Layout:
    """Return the space that structures make up; a field that needs what another one does not offer is left out."""
    layout = Layout()
    for each in structures:
        for register, one in each.structure.fields():
            _lay_out_field(layout, structures, each, register, one, is_vf)
    _link(layout, [each for each in structures if each.structure.number and not each.structure.is_extended])
    _link_extended(layout, [each for each in structures if each.structure.is_extended])
    return layout


def _lay_out_field(
    layout: Layout, structures: Sequence[Placed], placed: Placed, register: Register, one: Field, is_vf: bool
) -> None:
    at, n_bytes, attribute = placed.at + register.offset, register.n_bytes, one.of(is_vf)
    is_there = not one.needs or any(each.has(one.needs) for each in structures)
    is_kept = one.keeps or any(each.has(one.keeps_with) for each in structures)
    can_change = is_there and (attribute.can_write or attribute.clears)
    value = placed.values.get(one.name, one.reset if can_change and attribute.can_write else 0)
    put_bits(layout.start, at, n_bytes, value << one.low & one.mask)
    if not can_change:
        return
    put_bits(layout.writable if attribute.can_write else layout.clearing, at, n_bytes, one.mask)
    put_bits(layout.reset, at, n_bytes, one.reset << one.low if attribute.can_write else 0)
    if attribute.is_sticky or is_kept:
        put_bits(layout.kept, at, n_bytes, one.mask)


def _link(layout: Layout, listed: list[Placed]) -> None:
    """Chain the capabilities of the first 256 B from the header's pointer on; each begins with its number."""
    pointer = 0x34
    for each in sorted(listed, key=lambda one: one.at):
        layout.start[each.at] = each.structure.number
        if each.structure.is_listed:
            layout.start[pointer] = each.at
            pointer = each.at + 1


def _link_extended(layout: Layout, listed: list[Placed]) -> None:
    """Chain the extended capabilities: number, version, offset of the next."""
    in_order = sorted(listed, key=lambda one: one.at)
    for each in in_order:
        put_bits(layout.start, each.at, 4, each.structure.number | each.version << 16)
    for each, following in pairwise(in_order):
        put_bits(layout.start, each.at, 4, following.at << 20)
