"""The VLAN table: entries written in one go, looked up as they are in LOOK, the cycle before that of the VLAN."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench

VIDS = (0, 1, 2, 3, 4094, 4095)


@cocotb.test(**LIMIT)
@cocotb.parametrize(writes=[0.1, 0.9])
async def lookups_see_the_entries_of_look(dut, writes):
    n_ports, n_entries = dut.PORTS.value.to_unsigned(), dut.ENTRIES.value.to_unsigned()
    bench = ModuleBench(dut, seed=11)
    await bench.start(write_valid=0, write_address=0, write_data=0, stage_vid=0, stage_members=0, read_address=0,
                      read_valid=0, vlan=0)  # fmt: skip
    entries = [(0, 0, 0)] * n_entries
    answer, n_hits, due = None, 0, deque([None, None])
    in_look = list(entries)
    for cycle in range(1500):
        # A place that is not an entry's last word, or beyond the table, changes nothing.
        place = (
            regs.VLAN_BASE
            + bench.rng.randrange(n_entries + 1) * regs.VLAN_STRIDE
            + bench.rng.choice((0, 4, 8, 8, 8, 12))
        )
        index, offset = divmod(place - regs.VLAN_BASE, regs.VLAN_STRIDE)
        does_write = bench.chance(writes)
        vid, members, untagged = bench.rng.choice(VIDS), bench.bits(n_ports), bench.bits(n_ports)
        if any(i != index and entry[0] == vid for i, entry in enumerate(entries)):
            vid = 0
        read_index, read_offset = bench.rng.randrange(n_entries), bench.rng.choice((0, 4, 8))
        vlan = bench.near(bench.rng.choice(VIDS), 12)
        await bench.settle(
            write_valid=does_write, write_address=place >> 2, stage_vid=vid, stage_members=members, write_data=untagged,
            vlan=vlan, read_address=(regs.VLAN_BASE + read_index * regs.VLAN_STRIDE + read_offset) >> 2, read_valid=1,
        )  # fmt: skip
        assert bench.get("write_hit") == (index < n_entries and offset != 12), hex(place)
        assert bench.get("read_hit") == 1
        if answer is not None:
            assert bench.get("read_data") == answer, cycle
        due.append(next((entry[1:] for entry in in_look if entry[0] == vlan != 0), (0, 0)))
        found = due.popleft()
        if found is not None:
            n_hits += found != (0, 0)
            assert (bench.get("members"), bench.get("untagged")) == found, cycle
        in_look = list(entries)
        answer = entries[read_index][read_offset // 4]
        if does_write and offset == 8 and index < n_entries:
            entries[index] = (vid, members, untagged)
        await bench.next_cycle()
    assert n_hits > 100


@pytest.mark.parametrize("entries", [1, 5, 32])
def test_vlan_table(simulate, entries):
    assert simulate("vlan_table", PORTS=9, ENTRIES=entries) == 2
