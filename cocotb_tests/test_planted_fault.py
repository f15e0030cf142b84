"""A fault planted in rtl/ is found, and few frames are left that show it."""

from __future__ import annotations

import shutil

import pytest

from cocotb_tests.dut_file import read_dut
from cocotb_tests.places import RTL


@pytest.mark.usefixtures("quick_build")
def test_a_planted_fault_is_found_and_made_small(check_core, tmp_path):
    shutil.copytree(RTL, tmp_path / "rtl", ignore=shutil.ignore_patterns("*.py"))
    source = tmp_path / "rtl/forward.v"
    text = source.read_text(encoding="utf-8")
    right, wrong = "if (mode == `MODE_VEPA) chosen = chosen & ~source_owners;", ""
    assert right in text
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(AssertionError) as failure:
        check_core(read_dut(tmp_path / "rtl/core.yaml").core(), "vepa", 1000)
    report = str(failure.value)
    assert "decision in cycle" in report
    assert "--sim" in report
    assert "Shortest list of frames found, 1 of " in report
    waveform = report.splitlines()[-1].removeprefix("Waveform: ")
    with open(waveform, "rb") as waves:
        assert waves.read(16)
