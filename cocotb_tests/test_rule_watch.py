"""A test that drives the core itself fails where the core breaks a rule of a protocol, and says which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cocotb_tests.places import BENCHES
from cocotb_tests.protocol import CHECKERS
from cocotb_tests.rule_watch import CHECKED_CORE
from cocotb_tests.simulators import Design, SimulationError
from cocotb_tests.test_registers import SMALL


def test_an_answer_that_is_taken_back_is_found(simulator, run_folder, tmp_path):
    source = (BENCHES / f"{CHECKED_CORE}.v").read_text(encoding="utf-8")
    at_core, ends = ".s_axil_rvalid(s_axil_rvalid)", "\nendmodule"
    assert source.count(at_core) == source.count(ends) == 1
    fault = (
        "reg waits = 0;\n"
        "always @(posedge clk) waits <= answered && !s_axil_rready;\n"
        "assign s_axil_rvalid = answered && !waits;"
    )
    source = source.replace(at_core, ".s_axil_rvalid(answered)").replace(ends, f"\n{fault}{ends}")
    path = tmp_path / f"{CHECKED_CORE}.v"
    path.write_text(source.replace("    wire [7:0] stream_rule;", "    wire answered;\n    wire [7:0] stream_rule;"))
    core = Design.of_folder()
    design = replace(core, sources=(*core.sources, path), builds=tmp_path / "builds")
    build = simulator.build(CHECKED_CORE, CHECKERS, SMALL.verilog(), design=design)
    with pytest.raises(SimulationError):
        build.run("cocotb_tests.test_registers", run_folder)
    log = (run_folder / "simulation.log").read_text(encoding="utf-8")
    assert "an answer that waits for its ready stays\n" in log
