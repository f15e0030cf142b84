"""Names of the core's file that its Verilog lacks: a simulator's words for them, and the lines that come of these."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cocotb_tests.core_bench import CoreBench
from cocotb_tests.dut_file import read_dut
from cocotb_tests.elaboration import Unknown, check_names, lost_parameters, unknown_names
from cocotb_tests.places import ROOT
from cocotb_tests.runners import SimulationError
from cocotb_tests.simulators import Simulator
from hwmodel.errors import InputError

EXAMPLE = ROOT / "cocotb_tests/dut_example"
ADAPTER = "/out/core_under_test.v"
# That of the example refuses such a parameter; others need not.
DOES_NOT_LOOK = ("if unknown := ", "if unknown := False and ")


@pytest.fixture
def changed(tmp_path):
    """Return a function that copies the example and changes texts of its file; it gives the core."""

    def change(*changes):
        folder = shutil.copytree(EXAMPLE, tmp_path / "example")
        for name, texts in (("small_switch.yaml", changes), ("small_backend.py", [DOES_NOT_LOOK])):
            text = (folder / name).read_text(encoding="utf-8")
            for old, new in texts:
                assert old in text
                text = text.replace(old, new, 1)
            (folder / name).write_text(text, encoding="utf-8")
        return read_dut(folder / "small_switch.yaml")

    return change


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"{ADAPTER}:80: error: Unknown module type: nosuch", ("module", "nosuch", 80)),
        (f"{ADAPTER}:80: error: port ``clk'' is not a port of core.", ("port", "clk", 80)),
        (f"{ADAPTER}:79: warning: parameter PORT not found in frame_bench.core.core.", ("parameter", "PORT", 79)),
        (f"{ADAPTER}:79: error: parameter `PORT` not found in `frame_bench.core.core`.", ("parameter", "PORT", 79)),
        (f"%Error-MODMISSING: {ADAPTER}:78:5: Cannot find file containing module: 'nosuch'", ("module", "nosuch", 78)),
        (f"%Error: {ADAPTER}:78:5: Cannot find file containing module: nosuch", ("module", "nosuch", 78)),
        (f"%Error-PINNOTFOUND: {ADAPTER}:81:10: Pin not found: 'clk'", ("port", "clk", 81)),
        (f"%Error-PINNOTFOUND: {ADAPTER}:79:10: Parameter not found: 'PORT'", ("parameter", "PORT", 79)),
        (f"%Error: {ADAPTER}:79:10: Parameter pin not found: 'PORT'", ("parameter", "PORT", 79)),
        (f"{ADAPTER}:80: warning: Port 16 (cfg_address) of small_switch expects 8 bits, got 16.", None),
        (f"%Warning-WIDTH: {ADAPTER}:81:10: Operator PIN", None),
    ],
)
def test_the_words_of_the_simulators(line, found):
    wanted = [] if found is None else [Unknown(found[0], found[1], Path(ADAPTER), found[2])]
    assert unknown_names(f"before\n{line}\n{line}\nafter") == wanted


def test_parameters_of_other_instances_are_not_those_of_the_core():
    warning = "{}:1: warning: parameter {} not found in top.core."
    said = f"{warning.format(ADAPTER, 'PORT')}\n{warning.format('/src/core.v', 'DEPTH')}"
    assert lost_parameters(said) == ["PORT"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], []),
        ([("top: small_switch", "top: small_swich")],
         ["3:6: top: no module small_swich in the sources (did you mean small_switch?)"]),
        ([(", small_input.v", "")],
         ["2:10: sources: no module small_input in them, which small_switch.v:"]),
        ([("clock: clock", "clock: clk")],
         ["5:8: clock: small_switch has no port clk (did you mean clock?)"]),
        ([("clock: clock\n", "")],
         ["2:1: clock: small_switch has no port clk (did you mean clock?)"]),
        ([("  in: {data: rx_data, keep: rx_keep, valid: rx_valid, ready: rx_ready, last: rx_last, user: rx_error}",
           "  in: rx")],
         [f"8:7: streams.in: small_switch has no port rx_t{name}"
          for name in ("data", "keep", "valid", "ready", "last", "user")]),
        ([("{PORTS: 3}", "{PORT: 4}"), ("strobe: cfg_strobe", "strobe: strobe")],
         ["12:13: registers.strobe_bus.strobe: small_switch has no port strobe",
          "18:13: shapes.3 ports.PORT: small_switch has no parameter PORT (did you mean PORTS?)"]),
    ],
    ids=["none", "top", "source", "clock", "default", "prefix", "parameter"],
)  # fmt: skip
def test_each_name_is_looked_up_before_any_test(simulator, changed, changes, said):
    dut = changed(*changes)
    try:
        check_names(dut, simulator)
        lines = []
    except InputError as error:
        lines = error.lines
    assert len(lines) == len(said), lines
    for line, wanted in zip(lines, (f"{dut.path}:{each}" for each in said), strict=True):
        assert line.startswith(wanted)


def test_a_build_without_a_parameter_is_no_build(simulator, changed, tmp_path):
    """Icarus Verilog only warns of it, and goes on with another shape than the file says."""
    core = changed(("{PORTS: 3}", "{PORT: 4}")).core()
    with pytest.raises(SimulationError, match=r"(small_switch has no parameter PORT|Parameter not found: 'PORT')"):
        CoreBench.of(simulator, core, tmp_path / "run", tmp_path / "builds")


def test_a_simulator_that_is_not_known_is_not_asked(changed):
    check_names(changed(("top: small_switch", "top: nosuch")), Simulator("questa"))
