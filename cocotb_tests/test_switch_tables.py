"""The registers and the tables together: a configuration is written, and lookups find what it says."""

from __future__ import annotations

import random

import cocotb

from cocotb_tests import register_map as regs
from cocotb_tests.backend import MODES
from cocotb_tests.bench_switch import OUTSIDE, e_tag, vn_tag
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.module_bench import LIMIT, ModuleBench, joined
from cocotb_tests.register_bus import IDLE, write_registers
from cocotb_tests.traffic import GROUPS, VLANS, random_schedules, random_switch

SMALL = CoreParameters(ports=5, priorities=2, mac_entries=24, vlan_entries=6, list_entries=7)
KINDS = {"round_robin": 0, "deficit": 1, "strict": 2}


def bits(numbers):
    return sum(1 << number for number in set(numbers))


async def answer(bench, vlan=0, **asked):
    """Look something up: what is asked is given in LOOK, the VLAN a cycle later, and two later it answers."""
    await bench.settle(**asked)
    await bench.next_cycle()
    await bench.settle(**dict.fromkeys(asked, 0), vlan=vlan)
    await bench.next_cycle()
    await bench.settle(vlan=0)
    await bench.next_cycle()
    await bench.settle()


async def look_up_addresses(bench, switch):
    own = {port.number: (*port.macs, *port.groups) for port in switch.ports}
    number = {port.name: port.number for port in switch.ports}
    macs = sorted({mac for each in own.values() for mac in each} | {OUTSIDE, *GROUPS})
    for vlan in (*VLANS, 77):
        for mac in macs:
            general = bits(port for port, each in own.items() if mac in each)
            special = bits(
                number[name] for each in switch.addresses if (each.vlan, each.mac) == (vlan, mac) for name in each.ports
            )
            await answer(bench, vlan, destination=mac, source=mac)
            assert bench.get("owners") == general | special, (vlan, hex(mac))
            assert bench.get("source_owners") == general | special
            assert bench.get("source_own") == general
        members = bits(port.number for port in switch.ports if vlan in port.vlans)
        carried = switch.uplink.vlans
        assert bench.get("members") & ~1 == members, vlan
        if carried != "all":
            assert bench.get("members") & 1 == (vlan in carried), vlan
        assert bench.get("untagged") & ~1 == bits(port.number for port in switch.ports if vlan in port.untagged)


async def look_up_tags(bench, switch):
    number = {port.name: port.number for port in switch.ports}
    if switch.mode == "vn_tag":
        for port in switch.ports:
            await answer(bench, outer=int.from_bytes(vn_tag(0, port.vif, 1)[2:], "big") << 16)
            assert bench.get("targets") == bits(p.number for p in switch.ports if p.vif == port.vif)
        for vif_list, names in switch.vif_lists.items():
            await answer(bench, outer=int.from_bytes(vn_tag(1, vif_list, 1, 1)[2:], "big") << 16)
            assert bench.get("targets") == bits(number[name] for name in names), vif_list
    elif switch.mode == "e_tag":
        for port in switch.ports:
            await answer(bench, outer=int.from_bytes(e_tag(port.ecid, 0, port.ecid)[2:], "big"))
            assert bench.get("targets") == bench.get("pruned") == 1 << port.number
        for each in switch.ecid_lists:
            await answer(bench, outer=int.from_bytes(e_tag(each.ecid, each.group)[2:], "big"))
            assert bench.get("targets") == bits(number[name] for name in each.ports), each


@cocotb.test(**LIMIT)
@cocotb.parametrize(mode=MODES, turn=[0, 1])
async def lookups_find_what_the_configuration_says(dut, mode, turn):
    bench = ModuleBench(dut)
    await bench.start(**IDLE, vlan=0, destination=0, source=0, outer=0)
    rng = random.Random(f"{mode} {turn}")
    # The second switch is written over the first.
    for _ in range(2):
        switch, schedules = random_switch(rng, mode, SMALL), random_schedules(rng, SMALL)
        await write_registers(bench, switch_writes(switch, SMALL, schedules))
        assert bench.get("mode") == MODES.index(mode)
        assert bench.get("carries_all") == (switch.uplink.vlans == "all")
        assert bench.get("enable") == bits(port.number for port in switch.ports if port.enabled) | 1
        limits = {port.number: port.max_frame_bytes for port in switch.ports if port.enabled}
        shown = bench.get("max_frame")
        for port, limit in limits.items():
            assert shown >> 14 * port & 0x3FFF == limit
        assert shown & 0x3FFF == max(limits.values(), default=0x3FFF)
        assert bench.get("scheduler") == joined([KINDS[schedules[port].kind] for port in range(SMALL.ports)], 2)
        quanta = [quantum for port in range(SMALL.ports) for quantum in schedules[port].quanta]
        assert bench.get("quantum") == joined(quanta, 16)
        await look_up_addresses(bench, switch)
        await look_up_tags(bench, switch)


@cocotb.test(**LIMIT)
async def reads_are_answered_as_other_words_are_written(dut):
    bench = ModuleBench(dut)
    await bench.start(**IDLE, vlan=0, destination=0, source=0, outer=0)
    places = (
        regs.PORT_BASE + regs.PORT_ECID, regs.VLAN_BASE + regs.VLAN_VID, regs.LIST_BASE + regs.LIST_KEY,
        regs.ADDRESS_BASE + regs.ADDRESS_MAC_LOW,
    )  # fmt: skip
    words = {place: 0x800 + number for number, place in enumerate(places)}
    # An entry is written with its last word.
    ends = {place: place + size for place, size in zip(places, (0, 8, 4, 8), strict=True)}
    for place, word in words.items():
        await write_registers(bench, [(place, word), *([(ends[place], 2)] if ends[place] != place else [])])
    words |= {regs.CORE_BASE + regs.CORE_IDENTIFICATION: None, regs.COUNTER_BASE: None}  # these are elsewhere
    for place, word in words.items():
        for start in range(7):
            for cycle in range(8):
                asks = cycle == 3
                await bench.settle(
                    read_address=place >> 2, read_valid=asks, write_address=(regs.PORT_BASE + regs.PORT_VIF) >> 2,
                    write_data=start, write_valid=cycle == start,
                )  # fmt: skip
                assert bench.get("read_hit") == (word is not None), hex(place)
                if cycle > 3:
                    assert bench.get("read_data") == (word or 0), (hex(place), start, cycle)
                await bench.next_cycle()


def test_switch_tables(simulate):
    names = ("ports", "priorities", "mac_entries", "vlan_entries", "list_entries")
    assert simulate("switch_tables", **{name.upper(): getattr(SMALL, name) for name in names}) == 9
