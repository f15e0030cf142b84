"""The Verilog of the switch core for synthesis: the file list, and the names that Yosys makes of its modules."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

RTL = Path(__file__).resolve().parent
BUILDS = RTL.parent / "build" / "synthesis"
TOP = "eth_switch_core"
FILE_LIST = RTL / "files.f"


def listed_sources() -> list[str]:
    """Return the names of the Verilog files in the file list; options, which begin with a plus, are left out."""
    lines = (line.split("//")[0].strip() for line in FILE_LIST.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("+")]


def copy_sources(folder: Path) -> list[str]:
    """Copy the Verilog and its headers to a folder, which is made; return the names of the files to read."""
    folder.mkdir(parents=True)
    names = listed_sources()
    for path in (*(RTL / name for name in names), *RTL.glob("*.vh")):
        shutil.copy(path, folder / path.name)
    return names


def base_name(module: str) -> str:
    """Return a module's name without its parameters."""
    parts = module.split("\\")
    return (parts[1] if parts[0].startswith("$paramod") and len(parts) > 1 else parts[0]).strip()


def instance_counts(cells: Mapping[str, Mapping[str, int]], top: str) -> Counter[str]:
    """Return how often each module is there below the top, that included, from the number of cells in each."""
    instances: Counter[str] = Counter()

    def visit(module: str, n_instances: int) -> None:
        instances[module] += n_instances
        for inside, number in cells[module].items():
            if inside in cells:
                visit(inside, n_instances * number)

    (top_module,) = (name for name in cells if base_name(name) == top)
    visit(top_module, 1)
    return instances
