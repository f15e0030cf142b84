"""An independent reader of a hierarchy's dump: it follows bus numbers and windows as bridges do; says what is wrong.

Read from PCI-to-PCI Bridge Architecture 1.2 (3.2.5: bus numbers, windows) and SR-IOV 1.1 (2.1.2, 3.3.14: VFs' routing
ids and ranges). It shares nothing with the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

PREFETCHABLE, IO, MEMORY = "prefetchable", "io", "memory"


@dataclass
class Function:
    """A function by its routing id; `vf_of`: the PF's routing id."""

    routing_id: int
    content: bytearray
    vf_of: int | None = None

    def word(self, at: int, n: int = 2) -> int:
        return int.from_bytes(self.content[at : at + n], "little")

    @property
    def is_port(self) -> bool:
        return self.content[0x0E] & 0x7F == 1

    def extended(self, number: int) -> int:
        at = 0x100
        while at and self.word(at) != number:
            at = self.word(at + 2) >> 4
        return at


def read_dump(text: str) -> dict[int, Function]:
    """Return all functions of a dump by their routing ids."""
    found: dict[int, Function] = {}
    for block in text.strip().split("\n\n"):
        head, *rows = block.splitlines()
        bus, device, number = (int(part, 16) for part in re.split("[:.]", head.split()[0]))
        content = bytearray().join(bytes.fromhex(row.partition(": ")[2]) for row in rows)
        one = Function(bus << 8 | device << 3 | number, content)
        if len(content) != 4096 or one.routing_id in found:
            raise ValueError(f"{head}: twice, or not of 4 KiB")
        found[one.routing_id] = one
    return found


def find_vfs(functions: dict[int, Function]) -> None:
    """Mark the functions that PFs' SR-IOV capabilities say are VFs of theirs."""
    for one in list(functions.values()):
        at = 0 if one.is_port else one.extended(0x10)
        if at and one.word(at + 8) & 1:
            for number in range(one.word(at + 0x10)):
                vf = one.routing_id + one.word(at + 0x14) + number * one.word(at + 0x16)
                functions[vf].vf_of = one.routing_id


def window(port: Function, kind: str) -> range:
    """Return the addresses that a port lets through down, of a kind."""
    if kind == IO:
        first, last = (port.content[0x1C] & 0xF0) << 8, (port.content[0x1D] & 0xF0) << 8 | 0xFFF
    elif kind == MEMORY:
        first, last = (port.word(0x20) & 0xFFF0) << 16, (port.word(0x22) & 0xFFF0) << 16 | 0xFFFFF
    else:
        first = (port.word(0x24) & 0xFFF0) << 16 | port.word(0x28, 4) << 32
        last = (port.word(0x26) & 0xFFF0) << 16 | 0xFFFFF | port.word(0x2C, 4) << 32
    return range(first, last + 1) if last >= first else range(0)


def ranges_of(one: Function, sizes: dict[int, int], vf_sizes: dict[int, int]) -> Iterator[tuple[str, range]]:
    """Give what a PF's BARs and VF BARs claim; `sizes`: by BAR, as the device has them. An address 0 is none."""
    at = one.extended(0x10)
    for first, of_bars, n in ((0x10, sizes, 1), (at + 0x24, vf_sizes, one.word(at + 0x0E))):
        for index, size in of_bars.items():
            low = one.word(first + 4 * index, 4)
            if low & 1:
                kind, address = IO, low & ~3
            else:
                kind = PREFETCHABLE if low & 8 else MEMORY
                address = low & ~0xF | (one.word(first + 4 * index + 4, 4) << 32 if low & 4 else 0)
            if address:
                yield kind, range(address, address + n * size)


def what_is_wrong(functions: dict[int, Function], sizes: dict[int, int], vf_sizes: dict[int, int]) -> Iterator[str]:
    """Say in words what of a hierarchy could not work: nothing where all of it does."""
    find_vfs(functions)
    owners: dict[int, list[int]] = {}
    for one in functions.values():
        bus = one.routing_id >> 8
        above = [
            port for port in functions.values() if port.is_port and port.content[0x19] <= bus <= port.content[0x1A]
        ]
        if bus and not above:
            yield f"{one.routing_id:#x}: no port leads to its bus"
        owners[one.routing_id] = [port.routing_id for port in sorted(above, key=lambda port: port.content[0x19])]
        exact = [port for port in above if port.content[0x19] == bus]
        if bus and len(exact) != 1 and one.vf_of is None:
            yield f"{one.routing_id:#x}: {len(exact)} ports have its bus right behind them"
        if one.is_port and (one.content[0x18] != bus or not bus < one.content[0x19] <= one.content[0x1A]):
            yield f"{one.routing_id:#x}: its bus numbers"
        way = [functions[port] for port in owners[one.routing_id]]
        for outer, inner in pairwise([*way, one]):
            if inner.vf_of is None and inner.routing_id >> 8 != outer.content[0x19]:
                yield f"{one.routing_id:#x}: the way to it is broken at {inner.routing_id:#x}"
    yield from _addresses(functions, owners, sizes, vf_sizes)


def _addresses(
    functions: dict[int, Function], owners: dict[int, list[int]], sizes: dict[int, int], vf_sizes: dict[int, int]
) -> Iterator[str]:
    taken: list[tuple[int, str, range]] = []
    for one in functions.values():
        if one.is_port:
            for kind, enable in ((IO, 1), (MEMORY, 2), (PREFETCHABLE, 2)):
                if window(one, kind) and not one.word(4) & enable:
                    yield f"{one.routing_id:#x}: a window of {kind} without its enable bit"
                mine = window(one, kind)
                for port in owners[one.routing_id]:
                    outer = window(functions[port], kind)
                    if mine and not (outer and outer[0] <= mine[0] and mine[-1] <= outer[-1]):
                        yield f"{one.routing_id:#x}: its window of {kind} is not in that above"
        elif one.vf_of is None:
            taken += [(one.routing_id, kind, each) for kind, each in ranges_of(one, sizes, vf_sizes)]
    for number, (who, kind, mine) in enumerate(taken):
        if mine[0] % len(mine) and mine[0] % 4096:
            yield f"{who:#x}: a range at {mine[0]:#x} is not aligned"
        for port in owners[who]:
            if not (mine[0] in window(functions[port], kind) and mine[-1] in window(functions[port], kind)):
                yield f"{who:#x}: {kind} at {mine[0]:#x} does not pass port {port:#x}"
        for port in (one for one in functions.values() if one.is_port and one.routing_id not in owners[who]):
            if mine[0] in window(port, kind) or mine[-1] in window(port, kind):
                yield f"{who:#x}: {kind} at {mine[0]:#x} is claimed by port {port.routing_id:#x} too"
        for other, other_kind, theirs in taken[:number]:
            if (kind == IO) == (other_kind == IO) and mine[0] <= theirs[-1] and theirs[0] <= mine[-1]:
                yield f"{who:#x} and {other:#x} have {mine[0]:#x} both"
