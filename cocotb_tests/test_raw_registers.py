"""Registers with contents that no configuration makes, bit by bit at random, against model and twin."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.backend import MODES
from cocotb_tests.batch_files import Access, Frame, Stage
from cocotb_tests.bench_switch import BROADCAST, OUTSIDE, frame, switch
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.load import CYCLES_BEFORE_LOAD
from cocotb_tests.register_list import all_words
from cocotb_tests.stages import counter_reads, plain_stage
from cocotb_tests.traffic import FIRST_ECID, GROUPS, VLANS, random_frame, station_names, timed

SHAPES = {
    "5 ports": CoreParameters(
        ports=5, bus_w=128, priorities=2, ingress_bytes=2048, queue_bytes=2048, mac_entries=12, vlan_entries=6,
        list_entries=6, pool_filters=1, pause=1, private_vlans=1,
    ),
    "3 ports, the longest frames": CoreParameters(
        ports=3, bus_w=64, priorities=1, ingress_bytes=10240, queue_bytes=10240, max_frame_bytes=9724, mac_entries=12,
        vlan_entries=6, list_entries=8,
    ),
    "9 ports": CoreParameters(
        ports=9, bus_w=64, priorities=8, ingress_bytes=2048, queue_bytes=2048, mac_entries=7, vlan_entries=6,
        list_entries=9,
    ),
}  # fmt: skip
FIRST = next(iter(SHAPES))
# Stages, and frames of each.
SHORT, NIGHTLY, NIGHTLY_OTHERS = (12, 150), (1000, 500), (100, 150)
PARAMETERS = SHAPES[FIRST]
ALL_STATIONS = (1 << PARAMETERS.ports) - 2
PAUSED_CYCLES = 600
A_RUN = 100  # stages; the bench counts them with eight bits


def raw_writes(parameters, rng):
    """Return writes of all words; what a frame is compared with is taken from what frames have, if not at random."""
    stations = [0x0200_0000_0000 | number for number in range(1, parameters.ports)]
    vids = rng.sample((*VLANS, 0, 77, 4095, 1234), parameters.vlan_entries)
    lists = [(1, 1), (3, 0xFFFFF), (2, 0), (1, 0xAB002), (0, 1), (0, 2), (0, 16383)]
    lists += [(0, rng.getrandbits(20)), (3, rng.getrandbits(20))]
    keys = rng.sample(lists, parameters.list_entries)
    values = {}
    for i, vid in enumerate(vids):
        values[regs.VLAN_BASE + i * regs.VLAN_STRIDE] = vid
    for i, (group, number) in enumerate(keys):
        values[regs.LIST_BASE + i * regs.LIST_STRIDE] = group << 20 | number
    for i in range(parameters.mac_entries):
        mac = rng.choice((*stations, *stations, *GROUPS, OUTSIDE, 0, rng.getrandbits(48)))
        base = regs.ADDRESS_BASE + i * regs.ADDRESS_STRIDE
        values[base] = mac & 0xFFFFFFFF
        values[base + 4] = rng.choice((0, 0, *VLANS, rng.getrandbits(12))) << 16 | mac >> 32
    for port in range(parameters.ports):
        base = regs.PORT_BASE + port * regs.PORT_STRIDE
        values[base + regs.PORT_CONTROL] = rng.getrandbits(32) | int(rng.randrange(8) != 0)
        values[base + regs.PORT_PORT_VLAN] = rng.choice((*VLANS, 1, 1, 0, 4095))
        values[base + regs.PORT_VIF] = rng.choice((port, port, 0xF00 + port, rng.getrandbits(12)))
        values[base + regs.PORT_ECID] = rng.choice((port, port, FIRST_ECID + port, rng.getrandbits(20)))
        if rng.randrange(4):
            values[base + regs.PORT_MAX_FRAME] = parameters.max_frame_bytes + 4
    junk = {word.address: rng.getrandbits(32) & ~word.mask for word in all_words(parameters)}
    return [
        Access(word.address, values.get(word.address, rng.getrandbits(32)) & word.mask | junk[word.address])
        for word in all_words(parameters)
        if word.is_writable
    ]


def raw_stage(core, parameters, seed, n_frames):
    """Return a stage of raw registers, with the mode of most of its frames."""
    rng = random.Random(seed)
    mode = rng.choice(MODES)
    writes = raw_writes(parameters, rng)
    at = regs.CORE_BASE + regs.CORE_MODE
    writes = [replace(each, data=MODES.index(mode)) if each.address == at else each for each in writes]
    start = CYCLES_BEFORE_LOAD * len(writes)
    frames = [random_frame(rng, mode, parameters, serial) for serial in range(n_frames)]
    # What is paused by then goes on, or none of its copies would leave.
    goes_on = [
        replace(each, data=each.data & ~0xFF, not_before=start + PAUSED_CYCLES)
        for each in writes
        if parameters.pause and is_pause(each.address)
    ]
    accesses = [*writes, *goes_on, *counter_reads(core)]
    return Stage(timed(rng, frames, start, parameters.ports), accesses, last_cycle=200_000)


def is_pause(address):
    """Tell whether a port's register PAUSE is at an address."""
    place = (address - regs.PORT_BASE) % regs.PORT_STRIDE
    return regs.PORT_BASE <= address < regs.VLAN_BASE and place == regs.PORT_PAUSE


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("shape", SHAPES)
def test_raw_registers_mean_what_the_map_says(request, simulator, run_folder, seed, shape):
    is_nightly = request.config.getoption("--nightly")
    if shape != FIRST and not is_nightly:
        pytest.skip("one shape is enough for a short run; --nightly has all")
    parameters = SHAPES[shape]
    core = read_dut(OWN_CORE).core_with(parameters.verilog())
    n_stages, n_frames = SHORT if not is_nightly else NIGHTLY if shape == FIRST else NIGHTLY_OTHERS
    bench, n_copies = CoreBench.of(simulator, core, run_folder), 0
    for first in range(0, n_stages, A_RUN):
        seeds = [f"raw {seed} {number}" for number in range(first, min(first + A_RUN, n_stages))]
        stages = [raw_stage(core, parameters, each, n_frames) for each in seeds]
        for name, stage, outcome in zip(seeds, stages, bench.run(stages), strict=True):
            divergence, expected = compare(core, stage, outcome)
            assert divergence is None, f"stage {name!r}: {divergence}"
            n_copies += expected.n_copies
    assert n_copies > n_stages * n_frames // 10


@pytest.mark.usefixtures("quick_build")
def test_a_group_address_filters_nothing_as_a_source_in_a_vepa(simulator, run_folder):
    """A table of registers may give a group in one VLAN to ports, which no configuration of stations does."""
    core = read_dut(OWN_CORE).core_with(PARAMETERS.verilog())
    stage = plain_stage(
        core, switch(*station_names(PARAMETERS), mode="vepa"), [Frame(0, frame(BROADCAST, BROADCAST))], 2000
    )
    entry = regs.ADDRESS_BASE + (PARAMETERS.mac_entries - 1) * regs.ADDRESS_STRIDE
    words = (BROADCAST & 0xFFFFFFFF, VLANS[0] << 16 | BROADCAST >> 32, ALL_STATIONS)
    made = [Access(entry + 4 * i, word) for i, word in enumerate(words)]
    n_writes = sum(not access.is_read for access in stage.accesses)
    stage.accesses = [*stage.accesses[:n_writes], *made, *stage.accesses[n_writes:]]
    (outcome,) = CoreBench.of(simulator, core, run_folder).run([stage])
    divergence, _ = compare(core, stage, outcome)
    assert divergence is None, divergence
    assert outcome.events["ports"].tolist() == [ALL_STATIONS]
