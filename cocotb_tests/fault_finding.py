"""Everything that is tried on a planted fault, the cheapest first, until something finds it.

A fault of a batch (mutant_batch.py) is chosen in builds that all faults share: short runs of the whole core under
Verilator take a second or two each and find most. Any other needs a build of its own, by Icarus. Then come lint, the
module's own tests, its proofs, the whole core under Icarus, which knows X, and the tests of resets, registers and
streams.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cocotb_tests.mutant_detection import SHAPES, Found, WholeCore
from cocotb_tests.places import ROOT, RTL
from cocotb_tests.process_session import run_limited
from cocotb_tests.runners import SimulationError
from cocotb_tests.simulators import Simulator
from rtl.formal.proofs import PROOFS, ProofError, ProofOutOfTimeError, run_proof

NO_BUILD = "does not build"
TEST_SECONDS = 900
PROOF_SECONDS = 60  # those of rtl/ take 20 at most; where z3 does not decide, others go on
FURTHER_TESTS = (
    "test_reset_phases.py::test_a_reset_in_any_cycle_leaves_nothing",
    "test_registers.py",
    "test_decode.py",
    "test_large_tables.py",
    "test_streams.py",
)
N_QUICK_TESTS = 1  # of these, the first: some seconds each
# Verible would see the empty statement that is left of a missing one, and long lines.
WHOLE_LINT = "-k=verilator or icarus or rising_edge"
# Of the shapes of test_lint.py three without pools and pauses, and one with both.
QUICK_LINT = "-k=(verilator and (shape0 or shape1 or shape4 or shape7)) or rising_edge"
# A search of all runs of an output port takes minutes; the proofs of its parts have the same faults to find.
NO_PROOFS_OF = {"output_port"}


@dataclass(frozen=True)
class Planted:
    """A fault in a copy of rtl/, and, where runs can choose it, the folder of its batch and its number there."""

    module: str
    rtl: Path
    batch: Path | None = None
    number: int = 0

    @property
    def runs(self) -> Path:
        """Return the sources that tests run, with the fault chosen if they have more of them."""
        return self.batch or self.rtl


class Detection:
    """All that is tried on a fault. Each must find nothing on the unchanged core, once."""

    def __init__(self, folder: Path, simulator: Simulator | None = None, *, is_quick: bool = False) -> None:
        self._is_quick = is_quick  # without what takes minutes
        self.simulator = simulator or Simulator("icarus")
        quick = Simulator("verilator")
        self._folder = folder
        self._of_batch = _whole(self.simulator if quick.missing() else quick, folder / "batch")
        self._of_copy = _whole(self.simulator, folder)
        self._proven: set[tuple[str, Path]] = set()
        self.out_of_time: list[str] = []

    def find(self, fault: Planted) -> Found | None:
        """Return what found the fault, and the first difference, or None if nothing did.

        Then `out_of_time` says which proofs might have, had they ended.
        """
        self.out_of_time = []
        if not compiles(fault.rtl):
            return NO_BUILD, ""
        with chosen(fault.number):
            for step in self._steps(fault):
                if (found := step(fault)) is not None:
                    return found
        return None

    def _steps(self, fault: Planted) -> Iterator[Callable[[Planted], Found | None]]:
        if fault.batch is not None:
            yield self._in_whole_cores_of_batch
        yield self._lint
        yield self._proofs
        yield self._own_tests
        if fault.batch is None or not self._is_quick:
            yield self._in_whole_cores
        yield self._further_tests

    def _in_whole_cores_of_batch(self, fault: Planted) -> Found | None:
        if fault.batch is not None and ("whole", fault.batch) not in self._proven:
            with chosen(0):
                found = [whole.find(fault.batch) for whole in self._of_batch]
            assert not any(found), f"the batch without a fault: {found}"
            self._proven.add(("whole", fault.batch))
        return next(filter(None, (whole.find(fault.runs) for whole in self._of_batch)), None)

    def _in_whole_cores(self, fault: Planted) -> Found | None:
        return next(filter(None, (whole.find(fault.rtl) for whole in self._of_copy)), None)

    def _lint(self, fault: Planted) -> Found | None:
        # Each shape costs as much as a run of the whole core.
        failed = self._failed_test("test_lint.py", fault.rtl, RTL, QUICK_LINT if self._is_quick else WHOLE_LINT)
        return None if failed is None else ("lint", failed[1])

    def _own_tests(self, fault: Planted) -> Found | None:
        own = f"test_{fault.module}.py"
        return self._failed_test(own, fault.runs, fault.batch) if (Path(__file__).parent / own).exists() else None

    def _further_tests(self, fault: Planted) -> Found | None:
        tests = FURTHER_TESTS[:N_QUICK_TESTS] if self._is_quick else FURTHER_TESTS
        failed = (self._failed_test(test, fault.runs, fault.batch) for test in tests)
        return next(filter(None, failed), None)

    def _proofs(self, fault: Planted) -> Found | None:
        for proof in PROOFS:
            if fault.module in (proof.module, *proof.below) and proof.module not in NO_PROOFS_OF:
                try:
                    outcome = run_proof(proof, self._folder / "proof", rtl=fault.rtl, max_seconds=PROOF_SECONDS)
                except ProofOutOfTimeError as error:
                    self.out_of_time.append(str(error))
                    continue
                except ProofError:
                    continue
                if outcome.status != "PASS":
                    return f"proof of {proof.module}", ", ".join(outcome.broken) or outcome.status
        return None

    def _failed_test(self, test: str, rtl: Path, batch: Path | None, *options: str) -> Found | None:
        """Return the first test of a file that fails on sources, once all of them have passed without the fault."""
        if (unchanged := (test, batch or RTL)) not in self._proven:
            with chosen(0):
                failed = failed_test(*unchanged, self.simulator, *options)
            assert failed is None, f"the unchanged core: {failed}"
            self._proven.add(unchanged)
        return failed_test(test, rtl, self.simulator, *options)


def _whole(simulator: Simulator, folder: Path) -> list[WholeCore]:
    return [WholeCore(name, parameters, simulator, folder) for name, parameters in SHAPES.items()]


@contextmanager
def chosen(number: int) -> Iterator[None]:
    """Let all runs in the block choose this fault of their batch; 0: none."""
    before = os.environ.get("SWITCH_CORE_FAULT")
    os.environ["SWITCH_CORE_FAULT"] = str(number)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SWITCH_CORE_FAULT"]
        else:
            os.environ["SWITCH_CORE_FAULT"] = before


def compiles(rtl: Path) -> bool:
    """Say whether a compiler takes the core in a folder."""
    icarus = shutil.which("iverilog")
    if icarus is None:
        raise SimulationError("iverilog is not installed")
    sources = [str(path) for path in sorted(rtl.glob("*.v"))]
    command = [icarus, "-g2005", "-I", str(rtl), "-s", "eth_switch_core", "-t", "null", *sources]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def failed_test(test: str, rtl: Path, simulator: Simulator, *more: str) -> Found | None:
    """Run a file of tests on sources in a process of its own; return the first that fails."""
    options = ["--sim", simulator.name, "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-rf", *more]
    command = [sys.executable, "-m", "pytest", f"cocotb_tests/{test}", *options]
    environment = {**os.environ, "SWITCH_CORE_RTL": str(rtl)}
    environment.pop("PYTEST_CURRENT_TEST", None)
    try:
        done = run_limited(
            command, TEST_SECONDS, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except subprocess.TimeoutExpired:
        return test, f"no end after {TEST_SECONDS} s"
    if done.returncode == 0:
        return None
    if done.returncode != 1:
        said = done.stdout[-3000:] + done.stderr[-1000:]
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    named = re.search(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)
    return test, named[1] if named else "failed"
