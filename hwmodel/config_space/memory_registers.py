"""Registers of 4 B in a memory range, by the same tables of registers and fields as configuration space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hwmodel.config_space.registers import Attribute, Field, Register

REGISTER_BYTES = 4


@dataclass(frozen=True)
class Block:
    """Registers that belong together, `n` times, `stride` bytes apart; `each`: what there is one of them for.

    Offsets are those of the first in the range; `source`: where offsets and fields are from.
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
    """Hold a register of a block, its number among those alike, and its offset in the range."""

    block: Block
    number: int
    register: Register
    at: int

    @property
    def name(self) -> str:
        """Return the register's name, with its number where there are several."""
        return f"{self.register.name}({self.number})" if self.block.each else self.register.name


class _Masks(NamedTuple):
    """Hold bits of a register: taken as written, set by a 1, cleared by a 1, by a read; what a reset gives, leaves."""

    writable: int
    setting: int
    clearing: int
    read_clears: int
    reset: int
    kept: int


class RegisterFile:
    """Hold registers with their values. `offers`: what fields may need."""

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
        """Take a write, by the attributes of the bits; return what stands there then."""
        masks, before = self._masks[at], self._values[at]
        taken = before & ~masks.writable | value & masks.writable
        self._values[at] = (taken | value & masks.setting) & ~(value & masks.clearing)
        return self._values[at]

    def get(self, at: int) -> int:
        """Return a register as it is."""
        return self._values[at]

    def put(self, at: int, value: int) -> None:
        """Set a register, whatever software may write there."""
        self._values[at] = value

    def reset(self) -> None:
        """Give all bits what a reset of the function gives them, but those that it leaves."""
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
