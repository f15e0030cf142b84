"""The regression on other cores than rtl/: one that it accepts, and ours where it says less.

test_wheel.py has one that it refuses.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.places import ROOT
from tests.guide_blocks import blocks_of, commands_of, difference

EXAMPLE = "cocotb_tests/dut_example"
SHORT_RUN = 250
LIMIT_SECONDS = 900
FULL_QUEUES = {"PORTS": 9, "BUS_W": 128, "MAX_FRAME_BYTES": 300, "QUEUE_BYTES": 320}  # for one long frame each
RECORDS_LEFT = {"events alone": {"events": "event"}, "none": {}}


@pytest.fixture
def regression(simulator):
    """Return a function that calls the regression as a person does; it gives exit status and output."""

    def run(dut, *options):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "cocotb_tests", "--sim", simulator.name]
        done = subprocess.run(
            [*command, "--dut", dut, *options],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_core_that_is_quite_different_is_accepted_and_prints_what_the_guide_shows(simulator, tmp_path):
    (block,) = (block for block in blocks_of(ROOT / "docs/guide/test_your_core.md") if block.language == "console")
    printed = []
    for command in commands_of(block):
        simulated = ["--sim", simulator.name] if "--dut" in command.words else []
        done = subprocess.run(
            [sys.executable, "-m", *command.words, *simulated], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
        printed = without_time(done.stdout).splitlines()
        assert done.returncode == 0, done.stdout + done.stderr
        # pytest begins with where it runs.
        first = next((at for at, line in enumerate(printed) if line.startswith("core under test")), 0)
        shown = tuple(without_time("\n".join(command.lines)).splitlines())
        assert difference(shown, printed[first:]) == "", done.stdout + done.stderr
    other_page = (ROOT / "docs/own_core.md").read_text(encoding="utf-8")
    summary = [line for line in printed if line.startswith(("core under", "SKIPPED")) or line == printed[-1]]
    assert [line for line in summary if f"    {line}\n" not in without_time(other_page)] == []


def without_time(text):
    return re.sub(r"^( *)=+ (.* in )[0-9.]+s =+$", r"\1\2no time", text, flags=re.MULTILINE)


@pytest.mark.usefixtures("quick_build")
def test_a_new_seed_is_shown_with_the_line_that_repeats_it(regression):
    name = "test_core_decides_as_the_model_with_a_new_seed[veb]"
    status, output = regression(f"{EXAMPLE}/small_switch.yaml", "--only", name, "--frames", "150")
    assert status == 0, output
    seed, line = re.search(r"^fresh seed (\d+): python (-m pytest .*)$", output, re.M).groups()
    assert f"--fresh-seed {seed} --frames 150 --dut" in line
    command = [sys.executable, *shlex.split(line), "-p", "no:cacheprovider"]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert again.returncode == 0, again.stdout
    compared = [re.search(r"small_switch, 3 ports, veb: .*", text)[0] for text in (output, again.stdout)]
    assert compared[0] == compared[1]


def test_a_file_that_is_wrong_ends_the_regression_with_a_line(regression):
    status, output = regression(f"{EXAMPLE}/none.yaml")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {EXAMPLE}/none.yaml: no such file\n" in output
    assert "Traceback" not in output


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize(
    ("mode", "records"),
    [
        ("vepa", "none"),
        ("e_tag", "events alone"),
        pytest.param("veb", "events alone", marks=pytest.mark.slow),
        pytest.param("vn_tag", "none", marks=pytest.mark.slow),
    ],
)
def test_our_core_is_accepted_by_what_leaves_it_alone(check_core, tmp_path, mode, records):
    """As any core that tells less; copies are lost, and accepted as such since the core counts them."""
    rtl = shutil.copytree(ROOT / "rtl", tmp_path / "rtl", ignore=shutil.ignore_patterns("*.py"))
    keys = yaml.safe_load(OWN_CORE.read_text(encoding="utf-8"))
    keys |= {"records": RECORDS_LEFT[records], "timing": "free"}
    (rtl / "core.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    core = read_dut(rtl / "core.yaml").core_with(FULL_QUEUES)
    stages = check_core(core, mode, SHORT_RUN)
    assert len(stages) > 2
    # In a VEB few frames share a way out, and none is lost.
    assert mode == "veb" or sum(expected.n_lost for stage, expected in stages if stage.cut_at is None) > 0
