"""Registers of a module, written over the bus inside the core as axi_lite_registers.v does it."""

from __future__ import annotations

from collections.abc import Iterable

from cocotb_tests import register_map as regs
from cocotb_tests.core_registers import Write
from cocotb_tests.module_bench import ModuleBench

WRITE_CYCLES = 3  # from one write to the next, at least
IDLE = dict.fromkeys(
    ("write_valid", "write_address", "write_data", "stage_first", "stage_second", "read_valid", "read_address"), 0
)


async def write_registers(bench: ModuleBench, writes: Iterable[Write]) -> None:
    """Carry out writes, those of a table's entry in their order."""
    for address, data in writes:
        await bench.settle(write_address=address >> 2, write_data=data & 0xFFFFF)
        assert bench.get("write_hit") == 1, hex(address)
        for _ in range(WRITE_CYCLES - 1):
            await bench.next_cycle()
        await bench.settle(write_valid=1)
        await bench.next_cycle()
        await bench.settle(write_valid=0, **staged(address, data))


def staged(address: int, data: int) -> dict[str, int]:
    """Return what a write changes of the words that wait for the last one of their entry."""
    n_words = 2 if regs.LIST_BASE <= address < regs.ADDRESS_BASE else 4
    place = address // 4 % n_words
    if not regs.VLAN_BASE <= address < regs.COUNTER_BASE or place > (0 if n_words == 2 else 1):
        return {}
    return {"stage_second": data & 0xFFFFFFF} if place else {"stage_first": data}
