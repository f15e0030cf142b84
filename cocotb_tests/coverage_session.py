"""Coverage of the Verilog in a run of pytest: `--sim verilator --hdl-coverage`."""

from __future__ import annotations

import json
import shutil

import pytest

from cocotb_tests.closure_runs import UNITED, VERILOG, folder_of
from cocotb_tests.coverage_report import CoverageReport
from cocotb_tests.coverage_waivers import read_waivers
from cocotb_tests.dut_file import OWN_CORE, Dut
from cocotb_tests.places import BUILDS, REPORTS
from cocotb_tests.verilator_coverage import counts_of, covered, write_counts
from hwmodel.atomic_file import write_atomically

OPTION = "--hdl-coverage"
COVERAGE = ("report", "complete")
COVERAGE_HELP = "count reached lines and toggles, with --sim verilator; complete: what is missed without a reason fails"
RUNS_COVERAGE = BUILDS / "counted"  # of this session; closure_runs.py keeps what sessions have reached together
OUT = REPORTS


def start_coverage(config: pytest.Config) -> None:
    """Forget what earlier runs have reached."""
    if config.getoption(OPTION) is None:
        return
    if config.getoption("--sim") != "verilator":
        raise pytest.UsageError(f"{OPTION} needs --sim verilator: no other simulator here counts lines and toggles")
    if not hasattr(config, "workerinput"):
        shutil.rmtree(RUNS_COVERAGE, ignore_errors=True)


def finish_coverage(session: pytest.Session, dut: Dut) -> str | None:
    """Unite what all runs have reached, earlier ones too, and write it to out/; a stale waiver fails the session.

    With `complete`, lines and branches that were missed without a reason fail it too. Returns what is to be said of it;
    None where it was not asked for.
    """
    asked = session.config.getoption(OPTION)
    if asked is None or hasattr(session.config, "workerinput"):
        return None
    waivers = read_waivers() if dut.path == OWN_CORE else ([], [])
    folder = folder_of(dut)
    named = counts_of([*sorted(RUNS_COVERAGE.glob("*.dat")), *folder.glob(UNITED)])
    write_counts(named, folder / UNITED)
    report = CoverageReport(covered(named, dut.sources), *waivers)
    shutil.rmtree(RUNS_COVERAGE, ignore_errors=True)
    report.write(OUT)
    write_atomically(folder / VERILOG, json.dumps(report.as_json()) + "\n")
    wrong = report.stale()
    if asked == "complete":
        wrong += [f"not reached, without a reason: {each}" for each in report.unexplained()]
        wrong += report.lacking_toggles()
    if wrong and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return "\n".join([report.table(), f"What was not reached: {OUT}/coverage-verilator.txt", *wrong])
