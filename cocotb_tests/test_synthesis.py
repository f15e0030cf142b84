"""The table of sizes reads what Yosys says, of a part of the core that is small enough to be counted by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cocotb_tests.linters import said_by_icarus, skip_without
from cocotb_tests.places import ROOT
from rtl import synthesis
from rtl.memory_mapping import ModuleRams, map_memories
from rtl.place_and_route import DOCUMENTED, Placed, Step, clocks, description, harness, read_report
from rtl.sources import RTL, listed_sources
from rtl.synthesis import Size, read_depths, read_ram_bits, synthesize, table
from rtl.yosys_tools import ToolError

WORDS, COUNT_W, LENGTH_W = 8, 12, 14
REGISTER_PORTS = 5
INGRESS = {
    "PORTS": 2,
    "BUS_W": 64,
    "WORDS": WORDS,
    "STORE_BYTES": 40,
    "SWALLOW_WORDS": 4,
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
    """Count the registers: pointer, words left, ports read, what goes with them, and twice what goes with a word."""
    info = LENGTH_W + 2
    assert ingress.modules["input_arbiter"].n_flip_flops == 2 + COUNT_W + 2 + (1 + info) + 2 * (1 + 1 + 1 + info)
    assert ingress.modules["switch_ingress"].n_flip_flops == 0
    assert ingress.n_flip_flops == sum(module.n_flip_flops for module in ingress.modules.values())


def test_rams_are_apart(ingress: Size) -> None:
    """Count a word of data and a description for each word of a FIFO, and none of them as flip-flops."""
    assert ingress.ram_bits == 2 * WORDS * (64 + COUNT_W + LENGTH_W + 2)
    # A beat, a word that is gathered and one that leaves, two descriptions, and the numbers that the FIFO keeps.
    assert ingress.modules["ingress_fifo"].n_flip_flops < 2 * (3 * 64 + 2 * (COUNT_W + LENGTH_W + 2) + 100)


def test_a_module_whose_parameters_follow_its_name_has_its_ram(tmp_path: Path) -> None:
    """Find the RAM of 64 bits for each of two ports and 32 reasons, and no flip-flops in its place."""
    size = synthesize(tmp_path / "counters", "counters", {"PORTS": 2})
    assert size.ram_bits == 2 * 32 * 64
    assert size.n_flip_flops < size.ram_bits


@pytest.mark.parametrize(
    ("features", "n_more"),
    [
        ({}, 0),
        ({"POOL_FILTERS": 1}, 1 + 1 + 5 + REGISTER_PORTS),  # on, replication, default port, who takes untagged frames
        ({"PAUSE": 1}, 8 * REGISTER_PORTS),
        ({"PRIVATE_VLANS": 1}, REGISTER_PORTS * REGISTER_PORTS),
    ],
    ids=["none", "pools", "pauses", "private VLANs"],
)
def test_features_that_are_not_built_take_no_flip_flop(tmp_path: Path, features: dict[str, int], n_more: int) -> None:
    """Count the registers of mode and ports, and those of each feature."""
    flags, quanta = 10, 16
    of_a_port = flags + 2 + 3 + 14 + 12 + 12 + 20 + 2 + quanta
    # A write that is done a cycle later, and what is read, 20 bits at most.
    others = 2 + 1 + 12 + (1 + 14 + 20) + 20
    size = synthesize(tmp_path / "control", "switch_control", {"PORTS": REGISTER_PORTS, **features})
    assert size.n_flip_flops == REGISTER_PORTS * of_a_port + others + n_more


def test_a_ram_that_is_not_found_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say so instead of counting its bits as flip-flops."""
    monkeypatch.setattr(synthesis, "RAMS", ("bus_writer/memory",))
    with pytest.raises(ToolError, match="no RAM was found at bus_writer/memory; see "):
        synthesize(tmp_path / "writer", "bus_writer", {"PORTS": 3})


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


def test_file_lists_have_every_source() -> None:
    """Name each Verilog file once in the file list, and in the FuseSoC core with the headers."""
    assert sorted(listed_sources()) == sorted(path.name for path in RTL.glob("*.v"))
    filesets = yaml.safe_load((RTL / "eth_switch_core.core").read_text())["filesets"]
    assert [RTL / name for name in filesets["streams"]["files"]] == sorted(RTL.glob("wrappers/*.v"))
    files = filesets["rtl"]["files"]
    assert [name for name in files if isinstance(name, str)] == listed_sources()
    headers = {name for each in files if isinstance(each, dict) for name in each}
    assert headers == {path.name for path in RTL.glob("*.vh")}


def test_memories_are_block_rams(tmp_path: Path) -> None:
    """Keep a core of five ports below 100 RAM64M8 outside block RAM; a FIFO takes eight block RAMs."""
    rams = map_memories(tmp_path / "core", parameters={"PORTS": 5})
    assert sum(module.ram64m8 for module in rams.values()) < 100
    # 256 words of 512 bits in fifteen halves of 36 bits, descriptions in another; 512 words of 512 and of 52 bits.
    assert rams["ingress_fifo"].block_rams == 5 * 8
    assert rams["output_queues"].block_rams <= 5 * 9


def test_copies_of_eight_priorities_are_block_rams(tmp_path: Path) -> None:
    """Put nothing of a port's eight queues into look-up tables."""
    rams = map_memories(tmp_path / "queues", "output_queues", {"PRIORITIES": 8})
    assert rams["output_queues"].ram64m8 == 0
    # 4,096 words of 512 bits, descriptions of 52 and lengths of 14.
    assert rams["output_queues"].block_rams <= (4096 * (512 + 54 + 18)) / 36864 + 1


def test_ram_cells_are_weighed() -> None:
    """Count half a block RAM for the small one, and look-up tables in eighths of a RAM64M8."""
    rams = ModuleRams(1, {"RAMB36E2": 3, "RAMB18E2": 1, "RAM64M8": 2, "RAM64M": 1, "RAM32X1D": 2})
    assert (rams.block_rams, rams.ram64m8) == (3.5, 3.0)


def test_the_harness_fits_the_core(tmp_path: Path) -> None:
    """Compile the harness around a core with Icarus, which has nothing to say of widths that differ."""
    skip_without("iverilog")
    top = (RTL / "eth_switch_core.v").read_text().split(");\n    localparam")[0]
    widths: dict[str, dict[str, int]] = {"input": {}, "output": {}}
    for direction, bits, name in re.findall(r"(input|output)\s+wire\s+(?:\[([^:]+):0\])?\s*(\w+)", top):
        # (a * b / c - 1) of numbers and of PORTS and PORT_W
        width = eval(bits.replace("PORTS", "2").replace("PORT_W", "64").replace("/", "//")) + 1 if bits else 1
        widths[direction][name] = width
    del widths["input"]["clk"]
    (tmp_path / "harness.v").write_text(harness(widths["input"], widths["output"], {"PORTS": 2}))
    sources = [tmp_path / "harness.v", *(RTL / name for name in listed_sources())]
    assert said_by_icarus("harness", sources) == ""


def test_a_report_of_nextpnr() -> None:
    """Read the clock, and the path between two of its edges."""
    step = {"type": "routing", "delay": 1.5, "from": {"cell": "a", "port": "Q"}, "to": {"cell": "b", "port": "D"}}
    report = {
        "fmax": {"clk": {"achieved": 101.25, "constraint": 156.25}},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": []},
            {"from": "posedge clk", "to": "posedge clk", "path": [step, step | {"type": "logic", "delay": 0.5}]},
        ],
    }
    placed = read_report(report, {"LUT4": 3, "VCC": 1})
    assert (placed.clock_mhz, placed.cells["LUT4"], placed.cells["DP16KD"]) == (101.25, 3, 0)
    assert placed.path == [Step("routing", 1.5, "b.D"), Step("logic", 0.5, "b.D")]
    assert "0.50 ns of logic, 1.50 ns of routing" in description(placed)


def test_an_estimate_has_no_path() -> None:
    """Read what nextpnr says after the placement: in its log the clock that it expects, the last time; no path."""
    line = "Info: Max frequency for clock '$glbnet$clk': {} MHz (FAIL at 156.25 MHz)\n"
    nothing = {"fmax": {}, "critical_paths": []}
    placed = read_report(nothing, {}, line.format("97.50") + line.format("110.08"))
    assert (placed.clock_mhz, placed.path) == (110.08, [])
    with pytest.raises(ToolError, match="no clock"):
        read_report(nothing, {})
    assert "critical path" not in description(placed)


def test_clocks_of_several_seeds() -> None:
    """Give the median and both ends; of an even number of seeds the median is a mean."""
    placed = [Placed(mhz, {}, []) for mhz in (90.0, 100.0, 80.0, 110.0)]
    assert clocks(placed) == "clock of 4 seeds: median 95.0 MHz, least 80.0, most 110.0"


def test_the_shape_is_that_of_the_documentation() -> None:
    """Place by default what docs/switch_core.md names."""
    text = " ".join((ROOT / "docs/switch_core.md").read_text().split())
    names = "Three ports, a bus of 128 bits, 16 addresses, 8 VLANs, 4 lists, 4 KiB for each FIFO and queue"
    assert names in text
    assert list(DOCUMENTED.values()) == [3, 128, 16, 8, 4, 4096, 4096]
