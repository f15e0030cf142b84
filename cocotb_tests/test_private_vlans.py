"""The core with private VLANs against model and twin, and by hand: who reaches whom, and what drops for it."""

from __future__ import annotations

from collections import Counter

import pytest

from cocotb_tests.batch_files import Frame
from cocotb_tests.bench_switch import BROADCAST, OUTSIDE, Uplink, frame, switch
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.repeating import repeat_line
from cocotb_tests.stages import busy_stage, plain_stage
from cocotb_tests.traffic import UNKNOWN
from hwmodel.forwarding.drop_reason import DropReason

PARAMETERS = CoreParameters(
    ports=7, bus_w=128, priorities=2, ingress_bytes=2048, queue_bytes=2048, max_frame_bytes=1514, mac_entries=24,
    vlan_entries=6, list_entries=7, private_vlans=1,
)  # fmt: skip
N_STAGES, N_FRAMES = 10, 250
UPLINK, PF, VF0, VF1, VF2, VF3, VF4 = (1 << number for number in range(7))
ALL = (1 << 7) - 1
CLASSES = {"pf": 0, "vf0": -1, "vf1": -1, "vf2": 1, "vf3": 1, "vf4": 2}


@pytest.fixture
def bench(simulator, run_folder):
    return CoreBench.of(simulator, read_dut(OWN_CORE).core_with(PARAMETERS.verilog()), run_folder)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("mode", ["veb", "vepa", "vn_tag"])
def test_random_classes_and_frames(request, simulator, bench, seed, mode):
    repeat = repeat_line(request.node, "--sim", simulator.name, "--seed", str(seed))
    stages = [busy_stage(bench.core, f"private {seed} {mode} {number}", mode, N_FRAMES) for number in range(N_STAGES)]
    seen = Counter()
    for stage, outcome in zip(stages, bench.run(stages), strict=True):
        divergence, _ = compare(bench.core, stage, outcome)
        assert divergence is None, bench.report(stage, divergence, repeat)
        for event in outcome.events:
            seen[DropReason(int(event["reason"])).name, int(event["port"]) == 0] += 1
    asks = mode != "vn_tag"
    assert (seen["PVLAN", False] >= 20) == asks, seen
    assert (seen["PVLAN", True] >= 5) == asks, seen
    assert seen["NONE", False] >= 100 and seen["NONE", True] >= 20, seen


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize(("uplink", "reached"), [
    (0, {"pf": ALL & ~PF, "vf0": UPLINK | PF, "vf2": UPLINK | PF | VF3, "vf4": UPLINK | PF, "uplink": ALL & ~UPLINK}),
    (-1, {"pf": ALL & ~PF, "vf0": PF, "vf2": PF | VF3, "vf4": PF, "uplink": PF}),
    (1, {"pf": ALL & ~PF, "vf0": PF, "vf2": UPLINK | PF | VF3, "vf4": PF, "uplink": PF | VF2 | VF3}),
])  # fmt: skip
def test_broadcasts_known_and_unknown_addresses_by_hand(bench, uplink, reached):
    stations = {name: {"pvlan": pvlan} for name, pvlan in CLASSES.items()}
    block = switch(*CLASSES, stations=stations, uplink=Uplink(pvlan=uplink))
    numbers = {"uplink": 0, "pf": 1, **{f"vf{number}": number + 2 for number in range(5)}}
    frames, expected = [], []
    for source, ports in reached.items():
        own = OUTSIDE if source == "uplink" else source
        for target, chosen in ((BROADCAST, ALL & ~(1 << numbers[source])), ("vf1", VF1), ("vf3", VF3)):
            frames.append(Frame(numbers[source], frame(target, own)))
            expected.append(("NONE" if chosen & ports else "PVLAN", chosen & ports))
        if source != "uplink":
            frames.append(Frame(numbers[source], frame(UNKNOWN, own)))
            expected.append(("NONE" if ports & UPLINK else "PVLAN", ports & UPLINK))
    stage = plain_stage(bench.core, block, frames)
    (outcome,) = bench.run([stage])
    divergence, _ = compare(bench.core, stage, outcome)
    assert divergence is None, divergence
    found = Counter(
        (int(each["port"]), DropReason(int(each["reason"])).name, int(each["ports"])) for each in outcome.events
    )
    assert found == Counter((each.port, *wanted) for each, wanted in zip(frames, expected, strict=True))


def test_a_core_without_them_is_given_no_classes():
    block = switch("pf", "vf0", stations={"vf0": {"pvlan": -1}})
    with pytest.raises(ValueError, match="no private VLANs: PRIVATE_VLANS is 0"):
        switch_writes(block, CoreParameters())
