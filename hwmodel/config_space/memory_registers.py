"""Registers of 4 B in a memory range, by the same tables of registers and fields as configuration space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hwmodel.config_space.registers import Attribute, Field, Register

REGISTER_BYTES = 4


@dataclass(frozen=True)
class Block:
    """A group of registers that occurs `n` times, `stride` bytes apart; `each`: what each copy is for, like `queue`.

    Offsets are those of the first copy in the range; `source`: where offsets and fields are from.
    """

    name: str
    source: str
    registers: tuple[Register, ...]
    each: str = ""
    n: int = 1
    stride: int = REGISTER_BYTES

    def places(self) -> Iterator[Place]:
        """Give each register with its number and its offset."""
        for number in range(self.n):
            for register in self.registers:
                yield Place(self, number, register, register.offset + number * self.stride)


class Place(NamedTuple):
    """Hold a register of a block, the number of its copy, and its offset in the range."""

    block: Block
    number: int
    register: Register
    at: int

    @property
    def name(self) -> str:
        """Return the register's name, with its number where there are several."""
        return f"{self.register.name}({self.number})" if self.block.each else self.register.name


class _Masks(NamedTuple):
    """Hold a register's bits: taken as written, set by 1, cleared by 1, by a read; its reset value; kept in a reset."""

    writable: int
    setting: int
    clearing: int
    read_clears: int
    reset: int
    kept: int


class RegisterFile:
    """Hold registers with their values. `offers`: the features that a field's `needs` may name."""

    def __init__(self, blocks: Iterable[Block], offers: Iterable[str] = ()) -> None:
        offered = frozenset(offers)
        self._places = {place.at: place for block in blocks for place in block.places()}
        self._masks = {at: _masks(place.register, offered) for at, place in self._places.items()}
        self._values = {at: masks.reset for at, masks in self._masks.items()}

    def place(self, at: int) -> Place | None:
        """Return the register at an offset, None where there is none."""
        return self._places.get(at)

    def read(self, at: int) -> int:
        """Answer a read, which clears some bits."""
        value = self._values[at]
        self._values[at] &= ~self._masks[at].read_clears
        return value

    def write(self, at: int, value: int) -> int:
        """Take a write, by the attributes of the bits; return the value after it."""
        masks, before = self._masks[at], self._values[at]
        taken = before & ~masks.writable | value & masks.writable
        self._values[at] = (taken | value & masks.setting) & ~(value & masks.clearing)
        return self._values[at]

    def get(self, at: int) -> int:
        """Return a register as it is."""
        return self._values[at]

    def put(self, at: int, value: int) -> None:
        """Set a register, regardless of what software may write."""
        self._values[at] = value

    def reset(self) -> None:
        """Set all bits to their reset values, except those that a reset of the function keeps."""
        for at, masks in self._masks.items():
            self._values[at] = self._values[at] & masks.kept | masks.reset & ~masks.kept


def _masks(register: Register, offered: frozenset[str]) -> _Masks:
    there = [one for one in register.fields if not one.needs or one.needs in offered]
    return _Masks(
        writable=_bits(one for one in there if one.attribute.can_write),
        setting=_bits(one for one in there if one.attribute is Attribute.RW1S),
        clearing=_bits(one for one in there if one.attribute.clears),
        read_clears=_bits(one for one in there if one.attribute.read_clears),
        reset=sum(one.reset << one.low for one in there),
        kept=_bits(one for one in there if one.attribute.is_sticky),
    )


def _bits(fields: Iterable[Field]) -> int:
    return sum(one.mask for one in fields)
