"""The core with a stream of its own for each port: as the generator writes it, and in each cycle the core."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cocotb_tests.dut_adapter import adapter_text
from cocotb_tests.dut_file import MOST_PORTS, read_dut
from cocotb_tests.linters import VERIBLE, found, said_by_icarus, said_by_verible, said_by_verilator
from cocotb_tests.places import ROOT, RTL, WRAPPERS
from cocotb_tests.simulators import Simulator
from rtl.generate_streams import NAME, WRAPPER, of_port, wrapper

N_FRAMES = 600
OTHER_PORTS = (2, 3, MOST_PORTS)


@pytest.fixture(scope="module")
def streams():
    return read_dut(WRAPPERS / "streams.yaml")


def test_the_file_is_up_to_date(tmp_path):
    command = [sys.executable, str(ROOT / "rtl/generate_streams.py"), "--output", str(tmp_path / "default.v")]
    subprocess.run(command, check=True)
    assert WRAPPER.read_text() == (tmp_path / "default.v").read_text() == wrapper(9)


@pytest.mark.parametrize("n_ports", [9, *OTHER_PORTS])
def test_linters_and_compilers_take_it(tmp_path, n_ports):
    if (missing := Simulator("verilator").missing() or Simulator("icarus").missing()) is not None:
        pytest.skip(missing)
    own = tmp_path / f"{NAME}.v"
    own.write_text(wrapper(n_ports))
    sources = [own, *sorted(RTL.glob("*.v"))]
    assert said_by_verilator(NAME, sources) == ""
    assert said_by_icarus(NAME, sources) == ""
    if found(VERIBLE) is not None:
        assert said_by_verible([own]) == ""


def test_each_ports_signals_are_its_part_of_the_cores(streams):
    text = adapter_text(streams.core())
    for port in range(9):
        for name, width in (("s_axis_tdata", 64), ("s_axis_tkeep", 8), ("m_axis_tvalid", 1), ("m_axis_tuser", 1)):
            assert f".{of_port(name, port)}({name}[{port * width}+:{width}])" in text


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("mode", ["vepa", "e_tag"])
def test_it_is_the_core_in_each_cycle(check_core, streams, mode):
    assert len(check_core(streams.core(), mode, N_FRAMES)) > 1
