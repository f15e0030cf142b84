"""The Verilog is clean for the linters and the compilers, over the range of its parameters, and refuses others."""

from __future__ import annotations

import subprocess

import pytest

from cocotb_tests.simulate import RTL, TOP, sources

SHAPES = [(2, 64, 1), (5, 128, 2), (9, 256, 4), (17, 512, 8), (17, 64, 1), (2, 512, 8)]
OUT_OF_BOUNDS = {
    "PORTS": (1, 18),
    "PORT_W": (32, 128),
    "BUS_W": (32, 192, 1024),
    "PRIORITIES": (0, 3, 16),
    "MAX_FRAME_BYTES": (59, 9725),
    "INGRESS_BYTES": (1599,),  # 1526 B are 24 words, and one more makes 1600 B
    "QUEUE_BYTES": (1535,),
    "MAC_ENTRIES": (0, 1025),
    "VLAN_ENTRIES": (0, 257),
    "LIST_ENTRIES": (0, 257),
}


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def parameters(ports, bus_w, priorities):
    return {"PORTS": ports, "BUS_W": bus_w, "PRIORITIES": priorities}


def verilator(values):
    settings = [f"-G{name}={value}" for name, value in values.items()]
    waivers = RTL / "switch_core.vlt"
    return run("verilator", "--lint-only", "-Wall", f"-I{RTL}", "--top-module", TOP, *settings, waivers, *sources())


def icarus(values):
    settings = [f"-P{TOP}.{name}={value}" for name, value in values.items()]
    return run("iverilog", "-g2005", "-Wall", "-I", RTL, "-s", TOP, "-o", "/dev/null", *settings, *sources())


@pytest.mark.parametrize("shape", SHAPES)
def test_verilator_has_nothing_to_say(shape):
    done = verilator(parameters(*shape))
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


@pytest.mark.parametrize("shape", SHAPES)
def test_icarus_compiles_it(shape):
    done = icarus(parameters(*shape))
    assert done.returncode == 0, done.stderr
    # That is what the loop over the ports' outputs is meant to be.
    said = [line for line in done.stderr.splitlines() if "is sensitive to all" not in line]
    assert said == []


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OUT_OF_BOUNDS.items() for value in values]
)
def test_a_parameter_out_of_bounds_does_not_elaborate(name, value):
    done = icarus({name: value})
    assert done.returncode != 0
    assert f"Unknown module type: {name}_must_" in done.stderr


def test_the_least_buffers_elaborate():
    done = icarus({"INGRESS_BYTES": 1600, "QUEUE_BYTES": 1536})
    assert done.returncode == 0, done.stderr


def test_verilator_refuses_a_parameter_too():
    done = verilator({"PORTS": 1})
    assert done.returncode != 0
    assert "PORTS_must_be_2_to_17" in done.stderr


def test_verible_has_nothing_to_say():
    files = sorted([*sources(), *RTL.glob("*.vh")])
    done = run("verible-verilog-lint", "--rules_config", RTL / "verible.rules", *files)
    assert (done.returncode, done.stdout) == (0, "")


def test_files_are_short():
    long = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: lines for name, lines in long.items() if lines > 350} == {}
