"""Numba's undocumented parts that break in mid-compile: all are left out, which is said, and nothing changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.compiled.left_out import in_a_line
from tests.forwarding_digest import digest

ROOT = Path(__file__).resolve().parent.parent

# The trial passes, and a later function breaks: kernels are lowered by a class that numba might change.
BREAK = """
import json, warnings
from hwmodel.compiled import linked_only
from hwmodel.simulation import kernel_cache

assert linked_only.works()
def breaks(self, state):
    raise RuntimeError("a pass of another shape\\nand more")
linked_only._LoweredForLinking.run_pass = breaks
entry = "forwarding.frame_batch.decide_batch"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    kernel_cache.fill_cache((entry,))
assert kernel_cache.kernels_are_cached((entry,))
print(json.dumps([kernel_cache.compiled_without((entry,)), [str(one.message) for one in caught]]))
"""
DECIDE = "from tests.forwarding_digest import digest; print(digest())"
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


@pytest.mark.slow
def test_a_break_in_mid_compile_falls_back_and_says_so(tmp_path):
    without, (said,) = json.loads(run_python(BREAK, tmp_path))
    assert without == "RuntimeError: a pass of another shape"
    assert said.startswith("numba compiles by its documented parts alone") and without in said
    assert run_python(DECIDE, tmp_path) == digest()


def test_the_environment_leaves_all_out(tmp_path):
    assert run_python(ASKED, tmp_path, HWMODEL_NUMBA="plain") == "HWMODEL_NUMBA=plain FunctionCache"


@pytest.mark.parametrize(("error", "text"), [
    (KeyError("x"), "KeyError: 'x'"), (ValueError(), "ValueError"), (TypeError("a\nb"), "TypeError: a"),
])  # fmt: skip
def test_an_error_in_a_line(error, text):
    assert in_a_line(error) == text
