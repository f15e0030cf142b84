"""A command that runs out of time leaves no process behind, whatever groups its children made for themselves."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cocotb_tests import fault_finding
from cocotb_tests.fault_finding import Detection, Planted
from cocotb_tests.places import RTL
from cocotb_tests.process_session import members_of, run_limited
from cocotb_tests.simulators import Simulator
from rtl.formal.proofs import ProofOutOfTimeError
from rtl.yosys_tools import OutOfTimeError, run_tool

# As the program that runs proofs does: each solver is in a process group of its own.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=os.setpgrp)
print(os.getsid(0), child.pid, flush=True)
time.sleep(600)
"""


def test_children_of_another_process_group_are_ended(tmp_path):
    said = tmp_path / "said"
    with said.open("w") as file, pytest.raises(subprocess.TimeoutExpired):
        run_limited([sys.executable, "-c", PARENT], 3, stdout=file)
    session, child = map(int, said.read_text().split())
    assert members_of(session) == []
    assert not Path(f"/proc/{child}/cmdline").exists() or Path(f"/proc/{child}/cmdline").read_bytes() == b""


def test_a_command_that_ends_says_what_it_has_to_say():
    done = run_limited([sys.executable, "-c", "print(7); raise SystemExit(3)"], 60, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (3, "7\n")


def test_a_tool_that_is_not_done_says_that_it_ran_out_of_time(tmp_path):
    began = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"python\S* ran out of its 1 s"):
        run_tool((Path(sys.executable).name, "-c", "import time; time.sleep(600)"), tmp_path, 1)
    assert time.monotonic() - began < 300


def test_a_fault_that_no_proof_found_in_time_is_not_called_unfound(monkeypatch, tmp_path):
    def slow(proof, *_, **__):
        raise ProofOutOfTimeError(f"{proof.name}: yowasp-sby ran out of its 60 s")

    monkeypatch.setattr(fault_finding, "run_proof", slow)
    monkeypatch.setattr(fault_finding, "compiles", lambda _: True)
    monkeypatch.setattr(Detection, "_steps", lambda self, _: iter([self._proofs]))
    detection = Detection(tmp_path, Simulator("icarus"))
    assert detection.find(Planted("tag_out", RTL)) is None
    (said,) = detection.out_of_time
    assert re.fullmatch(r"tag_out: yowasp-sby ran out of its 60 s", said)
