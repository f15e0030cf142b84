"""Tables as large and as small as the parameters allow, of the whole core: first, last and random entries are found."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Frame
from cocotb_tests.bench_switch import OUTSIDE, Address, EcidList, Station, Switch, Uplink, c_tag, e_tag, frame, mac
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.load import CYCLES_BEFORE_LOAD
from cocotb_tests.stages import plain_stage
from cocotb_tests.traffic import station_names

LARGEST = CoreParameters(
    ports=3, bus_w=512, mac_entries=1024, vlan_entries=256, list_entries=256, ingress_bytes=2048, queue_bytes=2048
)
# With the longest frames.
SMALLEST = CoreParameters(
    ports=2, bus_w=64, mac_entries=1, vlan_entries=1, list_entries=1, ingress_bytes=10240, queue_bytes=10240,
    max_frame_bytes=9724,
)  # fmt: skip
# The last port is in the last entry of each.
MOST_PORTS = CoreParameters(
    ports=17, bus_w=64, mac_entries=20, vlan_entries=5, list_entries=5, ingress_bytes=2048, queue_bytes=2048
)
FIRST_MAC = 0x0211_0000_0000
FIRST_ECID = 0x5A000
RANDOM_ENTRIES = 6


def some_of(rng, number):
    """Return the first, the last two and random numbers of so many; powers of two among them."""
    powers = [1 << bit for bit in range(10) if 1 << bit < number]
    return sorted({0, max(number - 2, 0), number - 1, *powers, *rng.sample(range(number), min(number, RANDOM_ENTRIES))})


def used_alone(accesses, frames_of):
    """Leave out the writes of entries for which no frame comes: a simulator takes a millisecond for each."""
    tables = (
        (regs.VLAN_BASE, regs.LIST_BASE, regs.VLAN_STRIDE),
        (regs.LIST_BASE, regs.ADDRESS_BASE, regs.LIST_STRIDE),
        (regs.ADDRESS_BASE, regs.COUNTER_BASE, regs.ADDRESS_STRIDE),
    )
    for access in accesses:
        table = next((each for each in tables if each[0] <= access.address < each[1]), None)
        if table is None or access.is_read or (access.address - table[0]) // table[2] in frames_of.get(table[0], ()):
            yield access


def veb(rng, parameters):
    """Return a switch that fills VLAN and address table, and a frame for each of some of their entries."""
    names = station_names(parameters)
    vlans = tuple(range(1, parameters.vlan_entries + 1))
    longest = parameters.max_frame_bytes + 4
    owner = {vlan: names[rng.randrange(len(names))] for vlan in vlans}
    owner[vlans[-1]] = names[-1]
    stations = tuple(
        Station(name, port_vlan=1, vlans=tuple(v for v in vlans if v == 1 or owner[v] == name), untagged=(1,),
                spoof_check=False, max_frame_bytes=longest)
        for name in names
    )  # fmt: skip
    n_more = parameters.mac_entries - len(names)
    more = {FIRST_MAC + i: rng.choice(names[:-1]) if i < n_more - 1 else names[-1] for i in range(n_more)}
    addresses = tuple(Address(1, address, (name,)) for address, name in more.items())
    in_vlans, of_more = some_of(rng, len(vlans)), some_of(rng, n_more) if more else []
    frames = [Frame(0, frame(mac(owner[vlans[i]]), OUTSIDE, c_tag(vlans[i]), length=70)) for i in in_vlans]
    frames += [Frame(0, frame(list(more)[i], OUTSIDE, length=70)) for i in of_more]
    used = {
        regs.VLAN_BASE: {0, *in_vlans},
        regs.ADDRESS_BASE: {*range(len(names)), *(len(names) + i for i in of_more)},
    }
    # Both sides of each power of two, up to the longest, where that is not the lengths of the others.
    lengths = [length for bit in range(6, 14) for length in ((1 << bit) - 1, 1 << bit, (1 << bit) + 1)]
    if parameters.max_frame_bytes == CoreParameters().max_frame_bytes:
        lengths = []
    lengths += [parameters.max_frame_bytes + more for more in (-1, 0, 1)]
    frames += [
        Frame(0, frame(mac(names[-1]), OUTSIDE, length=n)) for n in lengths if n <= parameters.max_frame_bytes + 1
    ]
    return Switch(ports=stations, uplink=Uplink(1, "all"), addresses=addresses), frames, used


def extender(rng, parameters):
    """Return a switch that fills the list table, and a frame for each of some of its entries."""
    names = station_names(parameters)
    size = parameters.list_entries
    lists = tuple(
        EcidList(1 + i % 3, FIRST_ECID + i, (names[-1],) if i == size - 1 else (rng.choice(names),))
        for i in range(size)
    )
    stations = tuple(Station(name, ecid=i + 1) for i, name in enumerate(names))
    group = 0x0300_0000_0001
    used = some_of(rng, size)
    frames = [Frame(0, frame(group, OUTSIDE, e_tag(lists[i].ecid, lists[i].group), length=70)) for i in used]
    return Switch("e_tag", stations, ecid_lists=lists), frames, {regs.LIST_BASE: used}


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("parameters", [LARGEST, SMALLEST, MOST_PORTS], ids=["largest", "smallest", "17 ports"])
def test_every_entry_is_found(simulator, run_folder, seed, parameters):
    core = read_dut(OWN_CORE).core_with(parameters.verilog())
    stages = []
    for make in (veb, extender):
        switch, frames, used = make(random.Random(seed), parameters)
        stage = plain_stage(core, switch, frames)
        stage.accesses = list(used_alone(stage.accesses, used))
        start = CYCLES_BEFORE_LOAD * len(stage.accesses)
        stage.frames = [replace(each, not_before=start) for each in stage.frames]
        stages.append(stage)
    for stage, outcome in zip(stages, CoreBench.of(simulator, core, run_folder).run(stages), strict=True):
        divergence, expected = compare(core, stage, outcome)
        assert divergence is None, divergence
        # All are for some station but the frame that is too long.
        assert expected.n_copies >= len(stage.frames) - 1
