"""The address table: owners of destination and source, in one VLAN and in all."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench

VIDS = (0, 1, 2, 4094)
ANSWERS = ("destination_owners", "source_owners", "source_own")
MACS = (0x0200_0000_0001, 0x0200_0000_0002, 0x0300_0000_0001, 0xFFFF_FFFF_FFFF, 0)


@cocotb.test(**LIMIT)
@cocotb.parametrize(writes=[0.1, 0.9])
async def all_matching_entries_count(dut, writes):
    n_ports, n_entries = dut.PORTS.value.to_unsigned(), dut.ENTRIES.value.to_unsigned()
    bench = ModuleBench(dut, seed=12)
    await bench.start(write_valid=0, write_address=0, write_data=0, stage_key=0, read_address=0, read_valid=0, vlan=0,
                      destination=0, source=0)  # fmt: skip
    entries = [(0, 0, 0)] * n_entries
    answer, n_hits, due = None, 0, deque([None, None])
    look = None  # what was given in the cycle before, and the entries of that cycle

    def owners(entries, mac, vlan, in_all=True, in_one=True):
        found = 0
        for vid, own, ports in entries:
            if own == mac and ((vid == 0 and in_all) or (vid != 0 and vid == vlan and in_one)):
                found |= ports
        return found

    for cycle in range(2500):
        index, offset = bench.rng.randrange(n_entries + 1), bench.rng.choice((0, 4, 8, 8, 8, 12))
        place = regs.ADDRESS_BASE + index * regs.ADDRESS_STRIDE + offset
        does_write = bench.chance(writes)
        vid, mac, ports = bench.rng.choice(VIDS), bench.rng.choice(MACS), bench.bits(n_ports)
        read_index, read_offset = bench.rng.randrange(n_entries), bench.rng.choice((0, 4, 8))
        vlan = bench.near(bench.rng.choice(VIDS), 12)
        destination, source = (bench.near(bench.rng.choice(MACS), 48) for _ in range(2))
        await bench.settle(
            write_valid=does_write, write_address=place >> 2, write_data=ports, stage_key=vid << 48 | mac, vlan=vlan,
            read_address=(regs.ADDRESS_BASE + read_index * regs.ADDRESS_STRIDE + read_offset) >> 2, read_valid=1,
            destination=destination, source=source,
        )  # fmt: skip
        is_hit = (index < n_entries) and offset != 12
        assert bench.get("write_hit") == is_hit, hex(place)
        if answer is not None:
            assert bench.get("read_data") == answer, cycle
        if look is not None:
            before, *macs = look
            due.append([*(owners(before, mac, vlan) for mac in macs), owners(before, macs[1], vlan, in_one=False)])
            found = due.popleft()
            if found is not None:
                assert [bench.get(name) for name in ANSWERS] == found, cycle
                n_hits += found[0] != 0
        look = list(entries), destination, source
        vid_read, mac_read, ports_read = entries[read_index]
        answer = (mac_read & 0xFFFFFFFF, vid_read << 16 | mac_read >> 32, ports_read)[read_offset // 4]
        if does_write and is_hit and offset == 8:
            entries[index] = (vid, mac, ports)
        await bench.next_cycle()
    assert n_hits > 50


@pytest.mark.parametrize("entries", [1, 7, 64])
def test_address_table(simulate, entries):
    assert simulate("address_table", PORTS=9, ENTRIES=entries) == 2
