"""Whether the Verilog has the names of the core's file: a simulator elaborates the core, before any test.

Each simulator says in its own words which module, port or parameter it has not found, and Icarus Verilog goes on
without a parameter. Those that are not known here say it when they build, in their first test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pydantic import BaseModel

from cocotb_tests.dut_adapter import ADAPTER, write_adapter
from cocotb_tests.dut_file import Core, Dut
from cocotb_tests.dut_schema import DutKeys
from cocotb_tests.simulators import Design, Simulator
from hwmodel.config.document import KeyPath, Problem, raise_problems
from hwmodel.config.kinds import suggest

# Of the adapter, besides the core.
PARTS = ("strobe_master",)
NOT_FOUND = (
    # Icarus Verilog; version 11 only warns of a parameter
    r"(?P<file>.+?):(?P<line>\d+): (?:error|warning): (?:Unknown module type: (?P<module>[\w$]+)"
    r"|port [`']*(?P<port>[\w$]+)[`']* is not a port of|parameter [`']*(?P<parameter>[\w$]+)[`']* not found)",
    # Verilator
    r"%Error[-\w]*: (?P<file>.+?):(?P<line>\d+):\d+: (?:Cannot find file containing module: '?(?P<module>[\w$]+)"
    r"|Pin not found: '?(?P<port>[\w$]+)|Parameter(?: pin)? not found: '?(?P<parameter>[\w$]+))",
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class Unknown(NamedTuple):
    """A name that a simulator has not found: of a `module`, a `port` or a `parameter`; and where it met it."""

    kind: str
    name: str
    file: Path
    line: int

    @property
    def is_of_the_file(self) -> bool:
        """Tell whether the core's file says so: what the adapter gives the core, and modules that no source holds."""
        return self.kind == "module" or self.file.stem == ADAPTER


def unknown_names(said: str) -> list[Unknown]:
    """Return the names that a simulator has not found, by what it printed."""
    found: dict[Unknown, None] = {}
    for line in said.splitlines():
        for pattern in NOT_FOUND:
            if (match := re.match(pattern, line)) is not None:
                kind, name = next((k, v) for k, v in match.groupdict().items() if v and k not in ("file", "line"))
                found[Unknown(kind, name, Path(match["file"]), int(match["line"]))] = None
    return list(found)


def lost_parameters(said: str) -> list[str]:
    """Return the parameters that the core was given and does not have, by what a simulator printed."""
    return [each.name for each in unknown_names(said) if each.kind == "parameter" and each.is_of_the_file]


def check_names(dut: Dut, simulator: Simulator) -> None:
    """Raise InputError with a line for each name of the core's file that its Verilog lacks, in any shape."""
    problems: list[Problem] = []
    for shape_name in dut.shape_names:
        core = dut.core(shape_name)
        with TemporaryDirectory() as folder:
            design = Design((*dut.sources, write_adapter(core, Path(folder))), dut.include_folders, dut.keys.defines)
            said = simulator.elaborated(ADAPTER, PARTS, design, Path(folder))
        problems += [_problem(core, each) for each in unknown_names(said) if each.is_of_the_file]
    raise_problems(problems)


def _problem(core: Core, unknown: Unknown) -> Problem:
    """Say what is unknown at the key that names it; modules that are not the top one, at the sources."""
    dut, top = core.dut, core.dut.keys.top
    kind, name, hint = unknown.kind, unknown.name, _hint(core.dut, unknown)
    if kind == "parameter":
        return dut.document.problem(_key_of_parameter(core, name), f"{top} has no parameter {name}{hint}", key=True)
    if kind == "port":
        return dut.document.problem(_key_of_port(core, name), f"{top} has no port {name}{hint}")
    if name == top:
        return dut.document.problem(("top",), f"no module {name} in the sources{hint}")
    where = f"{unknown.file.name}:{unknown.line}"
    return dut.document.problem(("sources",), f"no module {name} in them, which {where} instantiates")


def _key_of_parameter(core: Core, name: str) -> KeyPath:
    shape = core.dut.keys.shapes.get(core.shape_name, {})
    return ("shapes", core.shape_name, name) if name in shape else ("parameters", name)


def _key_of_port(core: Core, name: str) -> KeyPath:
    """Return the key that names a port of the core, or the prefix from which its name follows."""
    path = next(path for path, text in _signals(core.dut.keys) if name in _names(text, core.shape.ports))
    written = (path[:length] for length in range(len(path), 0, -1))
    return next((each for each in written if core.dut.document.is_written(each)), path)


def _names(text: str, n_ports: int) -> set[str]:
    return {text.format(port=port) for port in range(n_ports)}


def _signals(keys: DutKeys) -> Iterator[tuple[KeyPath, str]]:
    """Yield each name of a signal, and the path of its key."""
    yield ("clock",), keys.clock
    yield ("reset", "name"), keys.reset.name
    for step, block in (("streams", keys.streams), ("registers", keys.registers), ("records", keys.records)):
        yield from _texts(block, (step,))


def _texts(block: BaseModel, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    for name, field in type(block).model_fields.items():
        value, here = getattr(block, name), (*path, field.alias or name)
        if isinstance(value, BaseModel):
            yield from _texts(value, here)
        elif isinstance(value, str):
            yield here, value


def _hint(dut: Dut, unknown: Unknown) -> str:
    """Return which name may be meant, of those that a quick look at the sources finds."""
    text = "\n".join(_COMMENT.sub("", path.read_text(errors="replace")) for path in dut.sources)
    if unknown.kind == "module":
        return suggest(unknown.name, re.findall(r"\bmodule\s+(\w+)", text))
    header = re.search(rf"\bmodule\s+{re.escape(dut.keys.top)}\b(.*?);", text, re.DOTALL)
    pattern = r"(\w+)\s*=" if unknown.kind == "parameter" else r"(\w+)\s*(?=,|\)\s*$)"
    return suggest(unknown.name, re.findall(pattern, header[1])) if header else ""
