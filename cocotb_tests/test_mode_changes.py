"""The core while its mode changes under full load, against the model."""

from __future__ import annotations

import numpy as np
import pytest

from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.mode_changes import mode_change_stage
from cocotb_tests.repeating import repeat_line

N_FRAMES = 1200
LEAST_CHANGES = 100


@pytest.mark.parametrize("bus_w", [128, 512])
def test_frames_are_parsed_and_decided_in_one_mode(request, simulator, run_folder, seed, bus_w):
    parameters = CoreParameters(ports=5, bus_w=bus_w, priorities=2, mac_entries=16, vlan_entries=6, list_entries=8)
    stage = mode_change_stage(parameters, str(seed), N_FRAMES)
    repeat = repeat_line(request.node, "--sim", simulator.name, "--seed", str(seed))
    core = read_dut(OWN_CORE).core_with(parameters.verilog())
    (expected,) = CoreBench.of(simulator, core, run_folder).check([stage], repeat)
    changes = [access.not_before for access in stage.accesses if access.not_before > stage.frames[0].not_before]
    assert len(changes) > LEAST_CHANGES
    assert len(np.unique(expected.verdicts["reason"])) > 10
