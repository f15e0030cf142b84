"""The table of sizes reads what Yosys says, of a part of the core that is small enough to be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtl.synthesis import Size, read_depths, read_ram_bits, synthesize, table
from rtl.yosys_tools import ToolError

WORDS, COUNT_W, LENGTH_W = 8, 6, 8
INGRESS = {
    "PORTS": 2,
    "BUS_W": 64,
    "WORDS": WORDS,
    "STORE_BYTES": 40,
    "SWALLOW_WORDS": 4,
    "PORT_I_W": 1,
    "LENGTH_W": LENGTH_W,
    "COUNT_W": COUNT_W,
    "INFO_W": LENGTH_W + 3,
}


@pytest.fixture(scope="module")
def ingress(tmp_path_factory: pytest.TempPathFactory) -> Size:
    """Map two FIFOs and the arbiter."""
    return synthesize(tmp_path_factory.mktemp("synthesis") / "ingress", "switch_ingress", INGRESS)


def test_instances(ingress: Size) -> None:
    """Count modules through the hierarchy."""
    instances = {name: module.n_instances for name, module in ingress.modules.items()}
    assert instances == {"switch_ingress": 1, "ingress_fifo": 2, "input_arbiter": 1}


def test_flip_flops(ingress: Size) -> None:
    """Count the arbiter's registers: pointer, words left, ports read, and twice what goes with a word."""
    info = LENGTH_W + 2
    assert ingress.modules["input_arbiter"].n_flip_flops == 2 + COUNT_W + 2 + 2 * (1 + 1 + 1 + info)
    assert ingress.modules["switch_ingress"].n_flip_flops == 0
    assert ingress.n_flip_flops == sum(module.n_flip_flops for module in ingress.modules.values())


def test_rams_are_apart(ingress: Size) -> None:
    """Count a word of data and a description for each word of a FIFO, and none of them as flip-flops."""
    assert ingress.ram_bits == 2 * WORDS * (64 + COUNT_W + LENGTH_W + 2)
    assert ingress.modules["ingress_fifo"].n_flip_flops < 2 * 64


def test_levels(ingress: Size) -> None:
    """Give levels to modules without others inside, and to the whole."""
    assert ingress.modules["switch_ingress"].n_levels == 0
    assert ingress.modules["input_arbiter"].n_levels > 1
    assert ingress.n_levels > 1


def test_table(ingress: Size) -> None:
    """Print a line for each module, and the whole."""
    lines = table({2: ingress}).splitlines()
    fifo = ingress.modules["ingress_fifo"]
    assert f"| ingress_fifo | 2 | {fifo.n_flip_flops} | {fifo.n_luts} | {fifo.n_levels} |" in lines
    assert f"| **whole** | 1 | {ingress.n_flip_flops} | {ingress.n_luts} | {ingress.n_levels} |" in lines


def test_depths_of_a_report() -> None:
    """Read the number of cells and both ends of the longest path of each module; a module without cells has none."""
    report = (
        "Longest topological path in $paramod\\a\\N=s32'1 (length=2):\n    0: \\start [1]\n    1: x (via y)\n"
        "    2: z (via w)\n   ff: \\end [3] (via f)\n\nLongest topological path in \\empty (length=-1):\n"
    )
    assert read_depths(report) == {"$paramod\\a\\N=s32'1": (2, "\\start", "\\end"), "empty": (0, "", "")}


def test_bits_of_a_dump() -> None:
    """Read the size of a memory; there may be none."""
    assert read_ram_bits("  cell $mem_v2 \\m\n    parameter \\WIDTH 16\n    parameter signed \\SIZE 8\n  end\n") == 128
    assert read_ram_bits("") == 0


def test_unknown_module_is_an_error(tmp_path: Path) -> None:
    """Tell what Yosys said."""
    with pytest.raises(ToolError, match="Yosys failed"):
        synthesize(tmp_path / "nothing", "no_such_module")
