"""Read the file that describes a core under test; whatever is wrong with it is an InputError of one line each."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from glob import glob
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cocotb_tests.backend import MODES, Backend, Shape
from cocotb_tests.bench_switch import Station, Switch, Uplink
from cocotb_tests.divergence import RefusedError
from cocotb_tests.dut_schema import DutKeys
from cocotb_tests.places import RTL
from hwmodel.config.build import complaints_from
from hwmodel.config.document import Document, KeyPath, Place, Problem, raise_problems, read_document
from hwmodel.config.kinds import suggest
from hwmodel.config.model import keys_of, model_at
from hwmodel.errors import InputError
from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import PortSchedule
from hwmodel.words.quantities import counted

OWN_CORE = RTL / "core.yaml"
ONLY_SHAPE = "the file's parameters"
MOST_PORTS = 17
SOURCE_SUFFIXES = (".v", ".sv", ".vh", ".svh")  # by these cocotb tells what a file is
OWNER_OF_SETTING: Mapping[str, Any] = {"": Switch, "ports": Station, "uplink": Uplink}


@dataclass(frozen=True)
class Core:
    """A core under test with one set of parameters."""

    dut: Dut
    shape_name: str
    parameters: Mapping[str, int]
    backend: Backend

    @property
    def shape(self) -> Shape:
        """Return ports, priorities and sizes."""
        return self.backend.shape

    def writes(self, switch: Any, schedules: Mapping[int, PortSchedule]) -> Sequence[tuple[int, int]]:
        """Return the register writes that bring the core to a configuration; raise RefusedError where none do."""
        try:
            return self.backend.writes(switch, schedules)
        except ValueError as error:
            said = f"{type(self.backend).__name__} has no writes for a switch of mode {switch.mode}: {error}"
            cure = "Give the shape room for it, or name in `fixed` what the core lacks."
            raise RefusedError(f"{self.dut.name}, {self.shape_name}: {said}\n{cure}") from error

    @property
    def has_long_runs(self) -> bool:
        """Tell whether it is in the shape of the long runs."""
        return self.shape_name == self.dut.shape_names[0]


@dataclass(frozen=True)
class Dut:
    """A core under test: its file's keys, with files found and the back-end loaded."""

    path: Path
    keys: DutKeys
    sources: tuple[Path, ...]
    include_folders: tuple[Path, ...]
    backend_class: Callable[[Mapping[str, int]], Backend]
    document: Document = field(repr=False)

    @property
    def name(self) -> str:
        """Return what people call the core."""
        return self.keys.name or self.keys.top

    @property
    def shape_names(self) -> list[str]:
        """Return the names of the sets of parameters; there is always one."""
        return list(self.keys.shapes) or [ONLY_SHAPE]

    def core(self, shape_name: str | None = None) -> Core:
        """Return the core in one of its shapes, by default the first; raise InputError as `core_with`."""
        chosen = self.shape_names[0] if shape_name is None else shape_name
        return self.core_with({**self.keys.parameters, **self.keys.shapes.get(chosen, {})}, chosen)

    def core_with(self, parameters: Mapping[str, int], shape_name: str = "parameters of a test") -> Core:
        """Return the core with any parameters; raise InputError if its back-end refuses, or its shape cannot be."""
        try:
            backend = self.backend_class(parameters)
            n_ports = backend.shape.ports
        except (ValueError, InputError) as error:
            raise self._misfit(shape_name, str(error)) from error
        except Exception as error:
            said = f"{self.keys.backend} fails with it: {type(error).__name__}: {error}"
            raise self._misfit(shape_name, said) from error
        if not 2 <= n_ports <= MOST_PORTS:
            raise self._misfit(shape_name, f"{counted(n_ports, 'port')}, 2 to {MOST_PORTS} are possible")
        if self.keys.timing == "twin" and not isinstance(backend.shape, CoreParameters):
            raise self._misfit(shape_name, "timing: twin needs a shape that is a CoreParameters")
        longest, queue_bytes = backend.shape.max_frame_bytes, backend.shape.queue_bytes
        if self.keys.losses == "counted" and (queue_bytes is None or queue_bytes < longest):
            said = f"losses: counted needs a shape whose queue_bytes hold the longest frame of {longest} B"
            raise self._misfit(shape_name, f"{said}, not {queue_bytes}")
        return Core(self, shape_name, dict(parameters), backend)

    def _misfit(self, shape_name: str, message: str) -> InputError:
        """Return what is wrong with a shape, at its place in the file if it has one."""
        message = message.replace("\n", " ")
        if shape_name in self.keys.shapes:
            problem = self.document.problem(("shapes", shape_name), message)
        elif shape_name == ONLY_SHAPE:
            problem = self.document.problem(("parameters",), message)
        else:
            problem = Problem(Place(0, 0, 0, str(self.path)), shape_name, message)
        return InputError(problem.line)


def read_dut(path: Path) -> Dut:
    """Read a file and load the back-end that it names; raise InputError with a line for each problem."""
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise InputError(f"{path}: keys and values are expected, such as top: eth_switch_core")
    raise_problems(document.problems)
    try:
        keys = DutKeys.model_validate(document.data)
    except ValidationError as error:
        raise_problems(complaints_from(error, document, _key_hint).problems)
        raise AssertionError("pydantic complained of something") from None
    problems: list[Problem] = []

    def wrong(key_path: KeyPath, message: str) -> None:
        problems.append(document.problem(key_path, message))

    if keys.timing == "twin" and keys.records.writes is None:
        wrong(("timing",), "twin needs the records of events and writes")
    sources = _sources(path.parent, keys, wrong)
    folders = [(path.parent / name).resolve() for name in keys.include_folders]
    for i, folder in enumerate(folders):
        if not folder.is_dir():
            wrong(("include_folders", i), f"no such folder: {keys.include_folders[i]}")
    backend_class = None
    try:
        backend_class = _backend_class(path.parent, keys)
    except ValueError as error:
        wrong(("backend",), str(error))
    raise_problems(problems)
    assert backend_class is not None
    dut = Dut(path, keys, sources, tuple(folders), backend_class, document)
    misfits: list[str] = []
    for name in dut.shape_names:
        try:
            dut.core(name)
        except InputError as error:
            misfits += error.lines
    if misfits:
        raise InputError(misfits)
    return dut


def _key_hint(path: KeyPath) -> str:
    """Return which key may be meant by the unknown one at a path, else which there are."""
    known = keys_of(model_at(path[:-1], DutKeys))
    return suggest(str(path[-1]), known) or f"; known here: {', '.join(known)}"


def _sources(folder: Path, keys: DutKeys, wrong: Callable[[KeyPath, str], None]) -> tuple[Path, ...]:
    """Return the files that names and patterns mean, each once, in their order."""
    found: dict[Path, None] = {}
    for i, name in enumerate(keys.sources):
        is_pattern = any(sign in name for sign in "*?[")
        names = glob(name, root_dir=folder, recursive=True) if is_pattern else [name]
        files = sorted(folder / each for each in names)
        if is_pattern and not files:
            wrong(("sources", i), f"no file matches {name}")
        for file in files:
            if not file.is_file():
                wrong(("sources", i), f"no such file: {name}")
            elif file.suffix not in SOURCE_SUFFIXES:
                wrong(("sources", i), f"{file.name} is no Verilog by its name: {', '.join(SOURCE_SUFFIXES)}")
            found[file.resolve()] = None
    return tuple(found)


def _backend_class(folder: Path, keys: DutKeys) -> Callable[[Mapping[str, int]], Backend]:
    """Load the back-end; raise ValueError with what is wrong."""
    where, _, name = keys.backend.rpartition(":")
    if not where:
        raise ValueError(f"{keys.backend!r} is neither FILE.py:CLASS nor MODULE:CLASS")
    try:
        module = _load_file((folder / where).resolve()) if where.endswith(".py") else importlib.import_module(where)
    except FileNotFoundError:
        raise ValueError(f"no such file: {where}") from None
    except Exception as error:
        raise ValueError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (inspect.isclass(found) and issubclass(found, Backend)):
        raise ValueError(f"{where} has no class {name} that is a cocotb_tests.backend.Backend")
    if lacking := sorted(found.__abstractmethods__):
        raise ValueError(f"{name} lacks {', '.join(lacking)}; cocotb_tests/backend.py says what each must do")
    if keys.records.writes is not None and found.image is Backend.image:
        raise ValueError(f"{name} lacks image, which a core that records its register writes needs")
    if keys.losses == "counted" and keys.records.events is None and found.counters is Backend.counters:
        raise ValueError(f"{name} lacks counters, without which no lost copy is counted")
    if not found.modes:
        raise ValueError(f"{name}.modes is empty: nothing would be tested")
    if unknown := set(found.modes) - set(MODES):
        raise ValueError(f"{name}.modes has {', '.join(sorted(unknown))}; known are {', '.join(MODES)}")
    for setting in found.fixed:
        if not _is_setting(setting):
            raise ValueError(f"{name}.fixed has {setting!r}, which is no key of the switch block")
    return found


def _load_file(path: Path) -> Any:
    """Import a Python file that is in no package."""
    if not path.is_file():
        raise FileNotFoundError(path)
    spec = importlib.util.spec_from_file_location(f"core_backend_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _is_setting(name: str) -> bool:
    block, _, attribute = name.rpartition(".")
    return block in OWNER_OF_SETTING and attribute in {each.name for each in fields(OWNER_OF_SETTING[block])}
