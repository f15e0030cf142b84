"""The core with pool filters and queues that are paused, against model and twin, until all combinations were tried."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Access, Frame
from cocotb_tests.bench_switch import BROADCAST, OUTSIDE, PoolFilters, c_tag, frame, mac, switch
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.feature_coverage import PAUSES, POOLS, count_pauses, count_pools, missed
from cocotb_tests.repeating import repeat_line
from cocotb_tests.stages import busy_stage, plain_stage
from cocotb_tests.timing import predict_stage
from cocotb_tests.traffic import GROUPS, UNKNOWN, VLANS
from hwmodel.forwarding.drop_reason import DropReason

PARAMETERS = CoreParameters(
    ports=5, bus_w=128, priorities=4, ingress_bytes=2048, queue_bytes=2048, max_frame_bytes=1514, mac_entries=24,
    vlan_entries=6, list_entries=7, pool_filters=1, pause=1,
)  # fmt: skip
N_STAGES, N_FRAMES = 16, 260
CHANGES = 80  # of what pools want, in a stage
PF, VF0, VF1, VF2 = (1 << number for number in range(1, 5))
NAMES = ("pf", "vf0", "vf1", "vf2")
CHOSEN_AHEAD = 8  # cycles from a choice to the first beat, with words of two beats
PAUSE_OF_UPLINK = regs.PORT_BASE + regs.PORT_PAUSE


@pytest.fixture
def bench(simulator, run_folder):
    return CoreBench.of(simulator, read_dut(OWN_CORE).core_with(PARAMETERS.verilog()), run_folder)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_build")
def test_every_combination_of_pools_and_pauses_was_tried(request, simulator, bench, seed):
    repeat = repeat_line(request.node, "--sim", simulator.name, "--seed", str(seed))
    stages = [pool_stage(bench.core, f"pools {seed} {number}") for number in range(N_STAGES)]
    for stage, outcome in zip(stages, bench.run(stages), strict=True):
        divergence, expected = compare(bench.core, stage, outcome)
        assert divergence is None, bench.report(stage, divergence, repeat)
        count_pools(expected)
        timing = predict_stage(bench.core, stage, outcome)
        count_pauses(PARAMETERS.ports, PARAMETERS.priorities, outcome, timing)
    assert missed(POOLS) == []
    assert missed(PAUSES) == []


def pool_stage(core, seed):
    """Return random traffic most of which comes from the uplink."""
    rng = random.Random(seed)
    stage = busy_stage(core, seed, "veb", N_FRAMES)
    frames = [
        replace(frame_from_uplink(rng), not_before=old.not_before) if rng.randrange(3) else old for old in stage.frames
    ]
    begin, end = min(each.not_before for each in frames), max(each.not_before for each in frames)
    writes = [pool_write(rng, rng.randrange(begin, end + 1)) for _ in range(CHANGES)]
    accesses = sorted([*stage.accesses, *writes], key=lambda access: access.not_before)
    return replace(stage, frames=frames, accesses=accesses)


def pool_write(rng, cycle):
    """Return a write that changes what is chosen from: replication and default port, or what one port wants."""
    if rng.randrange(2):
        word = 1 | rng.randrange(2) << regs.CORE_POOLS_REPLICATION_LSB
        word |= rng.choice((0, rng.randrange(PARAMETERS.ports))) << regs.CORE_POOLS_DEFAULT_LSB
        return Access(regs.CORE_BASE + regs.CORE_POOLS, word, not_before=cycle)
    wants = [name for name in ("BROADCAST", "MULTICAST", "UNTAGGED") if rng.randrange(2)]
    flags = ["ENABLE", "LOOPBACK", *(f"ACCEPT_{name}" for name in wants), *["PROMISCUOUS"] * rng.randrange(2)]
    word = sum(1 << getattr(regs, f"PORT_CONTROL_{name}_LSB") for name in flags)
    port = rng.randrange(1, PARAMETERS.ports)
    return Access(regs.PORT_BASE + port * regs.PORT_STRIDE + regs.PORT_CONTROL, word, not_before=cycle)


def frame_from_uplink(rng):
    """Return a frame that no rule drops before pools are chosen: of each kind of destination and tag as many."""
    to = rng.choice((rng.choice(NAMES), UNKNOWN, rng.choice(GROUPS)))
    tags = rng.choice(((), (c_tag(0, rng.randrange(8)),), (c_tag(rng.choice(VLANS), rng.randrange(8)),)))
    return Frame(0, frame(to, OUTSIDE, *tags, length=rng.choice((60, 64, 100, 400))))


def decisions_of(bench, filters, frames, **stations):
    """Return reasons and ports of frames from the uplink, which agree with the model's."""
    stage = plain_stage(bench.core, switch(*NAMES, stations=stations, pool_filters=filters), frames)
    (outcome,) = bench.run([stage])
    divergence, _ = compare(bench.core, stage, outcome)
    assert divergence is None, divergence
    return [(DropReason(int(each["reason"])).name, int(each["ports"])) for each in outcome.events], outcome


TAKES_ALL = ("untagged", "broadcast", "multicast")


@pytest.mark.usefixtures("quick_build")
def test_pools_by_hand(bench):
    """Untagged, tagged, a group and an unknown station; steps 2, 3, 7, 8 and 9 of docs/steering.md."""
    stations = {
        "pf": {"accept": ()}, "vf0": {"accept": TAKES_ALL}, "vf1": {"accept": TAKES_ALL, "vlans": (1, 2)},
        "vf2": {"accept": ("untagged",), "promiscuous": True, "vlans": (2,), "untagged": ()},
    }  # fmt: skip
    frames = [
        Frame(0, data)
        for data in (
            frame("vf0", OUTSIDE),  # vf0 by its address, vf2 by promiscuity
            frame("pf", OUTSIDE),  # the PF takes no untagged frames
            frame(BROADCAST, OUTSIDE),
            frame(BROADCAST, OUTSIDE, c_tag(2)),  # vf0 is no member of VLAN 2
            frame(UNKNOWN, OUTSIDE, c_tag(1)),  # vf2 is none of VLAN 1: the default pool
            frame(0x0180_C200_000E, OUTSIDE),  # LLDP, a group like any
            frame("vf1", OUTSIDE, ethertype=0x8808),
            frame("vf1", OUTSIDE, c_tag(4095)),
        )
    ]
    found, outcome = decisions_of(bench, PoolFilters(True, "vf0"), frames, **stations)
    assert found == [
        ("NONE", VF0 | VF2), ("NONE", VF2), ("NONE", VF0 | VF1 | VF2), ("NONE", VF1 | VF2), ("NONE", VF0),
        ("NONE", VF0 | VF1 | VF2), ("CONTROL_FRAME", 0), ("VLAN_MEMBER", 0),
    ]  # fmt: skip
    # Untagged frames stay so, even where a port has no VLAN untagged; VLAN 1 is vf0's untagged one.
    assert outcome.copies_of(4)[1][0] == frames[0].data
    assert frame(UNKNOWN, OUTSIDE, length=56) in [data[:56] for data in outcome.copies_of(2)[1]]
    found, _ = decisions_of(bench, PoolFilters(False, "vf1"), frames, **stations)
    assert found == [
        ("NONE", VF0), ("NONE", VF2), ("NONE", VF1), ("NONE", VF1), ("NONE", VF1), ("NONE", VF1),
        ("CONTROL_FRAME", 0), ("VLAN_MEMBER", 0),
    ]  # fmt: skip
    found, _ = decisions_of(bench, PoolFilters(False, None), frames, **stations)
    assert [each for each in found if each[1] == 0] == [
        ("NO_DESTINATION", 0), ("NO_DESTINATION", 0), ("UNKNOWN_UNICAST", 0), ("NO_DESTINATION", 0),
        ("CONTROL_FRAME", 0), ("VLAN_MEMBER", 0),
    ]  # fmt: skip


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("paused", [1 << 6, 1 << 7, 0xC0])
def test_a_pause_holds_a_queue_between_frames_and_no_other(bench, paused):
    """Priorities 6 and 7 share a queue: either holds it; frames of priority 0 go on, and one that has begun ends."""
    stations = {"vf0": {"untagged": ()}}
    high = [Frame(2, frame(OUTSIDE, mac("vf0"), c_tag(1, 7), length=900)) for _ in range(3)]
    low = [Frame(3, frame(OUTSIDE, mac("vf1"), c_tag(1, 0), length=900)) for _ in range(3)]
    stage = plain_stage(bench.core, switch(*NAMES, stations=stations), [*high, *low])
    begin = stage.frames[0].not_before
    held, released = begin + 300, begin + 1500
    writes = [Access(PAUSE_OF_UPLINK, paused, not_before=held), Access(PAUSE_OF_UPLINK, 0, not_before=released)]
    n_writes = sum(not access.is_read for access in stage.accesses)
    stage.accesses = [*stage.accesses[:n_writes], *writes, *stage.accesses[n_writes:]]
    (outcome,) = bench.run([stage])
    divergence, _ = compare(bench.core, stage, outcome)
    assert divergence is None, divergence
    records, copies = outcome.copies_of(0)
    is_high = np.array([data[6:12] == high[0].data[6:12] for data in copies])
    shown = {int(write["data"]): int(write["cycle"]) for write in outcome.writes if write["address"] == PAUSE_OF_UPLINK}
    first, last = records["first"].astype(int), records["last"].astype(int)
    # The tag of the native VLAN comes off: 112 beats, without a pause.
    assert (last - first == 111).all()
    in_pause = (first > shown[paused] + CHOSEN_AHEAD) & (first < shown[0])
    assert not (in_pause & is_high).any()
    assert (in_pause & ~is_high).sum() >= 1
    assert (is_high & (first > shown[0])).sum() >= 1
    assert ((first < shown[paused]) & (last > shown[paused])).sum() == 1
