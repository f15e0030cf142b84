"""Numba's undocumented parts that break in mid-compile: all are left out, which is said, and nothing changes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwmodel.compiled import known_answers
from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.left_out import in_a_line
from hwmodel.machine.network import places
from hwmodel.machine.network.bridge_state import BRIDGE
from tests.state_digest import state_digest

ROOT = Path(__file__).resolve().parent.parent

# Kernels are lowered by a class that numba might change, and programs are asked for their addresses.
BREAK = """
import json, warnings
from hwmodel.compiled import linked_only
from hwmodel.processes import processors
from hwmodel.simulation.run import compile_entry, kernel_cache

processors.usable_processors = lambda: 1  # one process compiles one after the other
def breaks(self, state):
    raise RuntimeError("a pass of another shape\\nand more")
WHAT = breaks
entries = ("machine.network.places.enter_homes", "machine.network.places.announce")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    kernel_cache.fill_cache(entries)
assert kernel_cache.kernels_are_cached(entries)
print(json.dumps([[kernel_cache.compiled_without((one,)) for one in entries], [str(one.message) for one in caught]]))
"""
ENTERED = """
from tests.test_compiled_left_out import homes_entered, places
print(homes_entered())
assert not places.enter_homes.stats.cache_misses
"""
ASKED = """
from hwmodel.compiled.left_out import left_out
from hwmodel.forwarding import frame_batch
print(left_out(), type(frame_batch.decide_batch._cache).__name__)
"""


def run_python(code: str, cache: Path, **environment: str) -> str:
    """Run code in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HWMODEL_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def homes_entered() -> str:
    """Return a digest of the state of a bridge in which addresses have homes."""
    bridge, number = zeros(1, BRIDGE), np.arange(700)
    places.enter_homes(bridge, number % 3, number % 601 * 0x10000_0F01 % 2**48, number % 7, number % 200, 0 * number)
    return state_digest(bridge)


@pytest.mark.parametrize(
    "what",
    ["linked_only._LoweredForLinking.run_pass", pytest.param("compile_entry.address_of", marks=pytest.mark.nightly)],
)
def test_a_break_in_mid_compile_falls_back_and_says_so(what, tmp_path):
    (without, of_the_second), (said,) = json.loads(run_python(BREAK.replace("WHAT", what), tmp_path))
    assert without == of_the_second == "RuntimeError: a pass of another shape"
    assert said.startswith("numba compiles by its documented parts alone") and without in said
    assert run_python(ENTERED, tmp_path) == homes_entered()


# LLVM's linkages are asked for by name, and without them nothing of the rest is of use.
HIDDEN = f"""
import llvmlite.binding
hidden = llvmlite.binding.Linkage
del llvmlite.binding.Linkage
import hwmodel.compiled.compilation
llvmlite.binding.Linkage = hidden
{ASKED}"""


def test_a_part_that_is_missing_leaves_all_out_and_is_said(tmp_path):
    said = run_python(HIDDEN, tmp_path)
    assert said.startswith("ImportError: cannot import name 'Linkage'") and said.endswith(" FunctionCache")


def test_the_environment_leaves_all_out(tmp_path):
    assert run_python(ASKED, tmp_path, HWMODEL_NUMBA="plain") == "HWMODEL_NUMBA=plain FunctionCache"


@pytest.mark.parametrize(("error", "text"), [
    (KeyError("x"), "KeyError: 'x'"), (ValueError(), "ValueError"), (TypeError("a\nb"), "TypeError: a"),
])  # fmt: skip
def test_an_error_in_a_line(error, text):
    assert in_a_line(error) == text


def test_a_place_that_is_missing_is_met_in_mid_compile_and_no_earlier(monkeypatch):
    """There it is what any break is: all parts are left out, and said."""
    monkeypatch.delattr("numba.core.event")
    monkeypatch.setitem(sys.modules, "numba.core.event", None)
    importlib.reload(known_answers)
    with pytest.raises(ImportError, match="event"), known_answers.known_answers():
        pass
