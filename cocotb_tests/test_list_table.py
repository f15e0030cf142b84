"""Which stations a VN-Tag or an E-TAG names, and which one it leaves out."""

from __future__ import annotations

from collections import deque

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.bench_switch import e_tag, vn_tag
from cocotb_tests.module_bench import LIMIT, ModuleBench, joined

VN_TAG, E_TAG = 2, 3
LISTS = (0, 1, 2, 16383)
ECIDS = (0, 1, 0x101, 0xFF0FF, 0xFFFFF)


def random_tag(bench, mode):
    """Return the bytes of a tag after its type, from the top of 48 bits, and what it names."""
    rng = bench.rng
    if mode == VN_TAG:
        by_list, looped = rng.randrange(2), rng.randrange(2)
        dvif = bench.near(rng.choice(LISTS) if by_list else rng.choice((0, 1, 3, 4095, 16383)), 14)
        svif = bench.near(rng.choice((0, 1, 2, 4095)), 12)
        tag = vn_tag(svif, dvif, rng.randrange(2), by_list, looped, rng.randrange(2), rng.randrange(4))
        return int.from_bytes(tag[2:], "big") << 16, (0, dvif) if by_list else None, dvif, svif if looped else 0
    group, ecid, ingress = rng.randrange(4), bench.near(rng.choice(ECIDS), 20), bench.near(rng.choice(ECIDS), 20)
    tag = e_tag(ecid, group, ingress, rng.randrange(8), rng.randrange(2))
    return int.from_bytes(tag[2:], "big"), (group, ecid) if group else None, ecid, ingress


@cocotb.test(**LIMIT)
@cocotb.parametrize(mode=[VN_TAG, E_TAG], writes=[0.1, 0.9])
async def tags_name_stations(dut, mode, writes):
    n_ports, n_entries = dut.PORTS.value.to_unsigned(), dut.ENTRIES.value.to_unsigned()
    bench = ModuleBench(dut, seed=13)
    await bench.start(write_valid=0, write_address=0, write_data=0, stage_key=0, read_address=0, read_valid=0, vif=0,
                      ecid=0, mode=0, outer=0)  # fmt: skip
    entries = [((0, 0), 0)] * n_entries
    answer, n_hits, due = None, 0, deque([None, None])
    look = None  # the entries of the cycle before, and what its tag names
    for cycle in range(1500):
        index, offset = bench.rng.randrange(n_entries + 1), bench.rng.choice((0, 4, 4, 4))
        place = regs.LIST_BASE + index * regs.LIST_STRIDE + offset
        group = bench.rng.randrange(4)
        key, stations = (group, bench.rng.choice(LISTS if group == 0 else ECIDS)), bench.bits(n_ports) & ~1
        if any(i != index and entry[0] == key for i, entry in enumerate(entries)):
            stations = 0
        # Numbers of ports are given a cycle after the tag.
        vifs = [bench.rng.choice((0, port, 4095)) for port in range(1, n_ports)]
        ecids = [bench.rng.choice((0, port, 0xFF0FF)) for port in range(1, n_ports)]
        outer, wanted, name, source = random_tag(bench, mode)
        does_write = bench.chance(writes)
        read_index, read_offset = bench.rng.randrange(n_entries), bench.rng.choice((0, 4))
        await bench.settle(
            write_valid=does_write, write_address=place >> 2, write_data=stations >> 1,
            stage_key=key[0] << 20 | key[1], vif=joined(vifs, 12), ecid=joined(ecids, 20), mode=mode, outer=outer,
            read_address=(regs.LIST_BASE + read_index * regs.LIST_STRIDE + read_offset) >> 2, read_valid=1,
        )  # fmt: skip
        assert bench.get("write_hit") == (index < n_entries), hex(place)
        if answer is not None:
            assert bench.get("read_data") == answer, cycle
        own = vifs if mode == VN_TAG else ecids

        def of(number, own=own):
            return sum(1 << port for port, mine in enumerate(own, 1) if mine == number != 0)

        if look is not None:
            before, asked, number, sender = look
            listed = sum(stations for key, stations in before if key == asked and stations)
            due.append((of(number) if asked is None else listed, of(sender)))
            found = due.popleft()
            if found is not None:
                assert (bench.get("targets"), bench.get("pruned")) == found, cycle
                n_hits += found[0] != 0
        look = list(entries), wanted, name, source
        key_read, stations_read = entries[read_index]
        answer = stations_read if read_offset else key_read[0] << 20 | key_read[1]
        if does_write and offset == 4 and index < n_entries:
            entries[index] = (key, stations)
        await bench.next_cycle()
    assert n_hits > 50


@pytest.mark.parametrize("entries", [1, 3, 16])
def test_list_table(simulate, entries):
    assert simulate("list_table", PORTS=9, ENTRIES=entries) == 4
