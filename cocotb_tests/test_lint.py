"""The Verilog is clean for the linters and the compilers, over the range of its parameters."""

from __future__ import annotations

import re

import pytest

from cocotb_tests.linters import VERIBLE, said_by_icarus, said_by_verible, said_by_verilator, skip_without
from cocotb_tests.places import BENCHES, CHECKERS, RTL
from cocotb_tests.simulators import Simulator

TOP = "eth_switch_core"
# Ports, bits of the bus, priorities, and whether pool filters, pauses and private VLANs are built.
SHAPES = [
    (2, 64, 1, 0, 0, 0), (5, 128, 2, 0, 0, 0), (9, 256, 4, 0, 0, 0), (17, 512, 8, 0, 0, 0), (17, 64, 1, 0, 0, 0),
    (2, 512, 8, 0, 0, 0), (2, 64, 1, 1, 1, 1), (17, 512, 8, 1, 1, 1), (5, 64, 2, 1, 0, 0), (9, 256, 8, 0, 1, 0),
    (3, 64, 1, 0, 0, 1),
]  # fmt: skip
MOST_LINES = 400


def sources():
    return sorted(RTL.glob("*.v"))


def parameters(*shape):
    return dict(zip(("PORTS", "BUS_W", "PRIORITIES", "POOL_FILTERS", "PAUSE", "PRIVATE_VLANS"), shape, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_verilator_has_nothing_to_say(shape):
    if (missing := Simulator("verilator").missing()) is not None:
        pytest.skip(missing)
    settings = [f"-G{name}={value}" for name, value in parameters(*shape).items()]
    assert said_by_verilator(TOP, sources(), *settings) == ""


@pytest.mark.parametrize("shape", SHAPES)
def test_icarus_compiles_it(shape):
    skip_without("iverilog")
    settings = [f"-P{TOP}.{name}={value}" for name, value in parameters(*shape).items()]
    assert said_by_icarus(TOP, sources(), *settings) == ""


@pytest.mark.parametrize("folder", [RTL, BENCHES, CHECKERS], ids=["core", "benches", "checkers"])
def test_verible_has_nothing_to_say(folder):
    skip_without(VERIBLE)
    assert said_by_verible(sorted([*folder.glob("*.v"), *folder.glob("*.vh")])) == ""


@pytest.mark.parametrize("folder", [RTL, BENCHES, CHECKERS], ids=["core", "benches", "checkers"])
def test_files_are_short(folder):
    long = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("*.v")}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("folder", [RTL, CHECKERS], ids=["core", "checkers"])
def test_registers_take_the_rising_edge_of_one_clock(folder):
    """Find the other edge: half a cycle early, it may give a simulation no other numbers."""
    text = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.v")}
    events = {(name, event) for name, lines in text.items() for event in re.findall(r"always\s*@\s*([^;\n]*)", lines)}
    others = {(name, event) for name, event in events if not event.startswith(("(posedge clk)", "*"))}
    assert others == set()
    assert any(event.startswith("(posedge clk)") for _, event in events)
