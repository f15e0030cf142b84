"""Numba without the undocumented parts that save time: left out by themselves, with the same results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forwarding_digest import digest
from tests.run_digest import GOLDEN

ROOT = Path(__file__).resolve().parent.parent

# Hides parts of numba while the kernels are imported. Afterwards they are there again, since numba itself needs them.
HIDE = """
import importlib, sys
import numba.core.cpu, numba.core.typed_passes, numba.np.arrayobj

hidden = []
for place, name in PARTS:
    module, _, owner = place.partition(":")
    holder = importlib.import_module(module)
    holder = getattr(holder, owner) if owner else holder
    path = f"{module}.{name}"  # where it is a module
    hidden.append((holder, name, getattr(holder, name), path, sys.modules.get(path)))
    delattr(holder, name)
    sys.modules[path] = None

import hwmodel.kernels.engine
from hwmodel.kernels import templates

for holder, name, part, path, module in hidden:
    setattr(holder, name, part)
    del sys.modules[path]
    if module is not None:
        sys.modules[path] = module
"""
SHOW = """
entry, inner = templates.decide_templates, hwmodel.kernels.engine.timer
print(entry._compiler.pipeline_class.__name__, inner._compiler.pipeline_class.__name__)
print(type(entry._cache).__name__)
print(inner.compile.__name__)
print(*sorted(set(inner.targetoptions) - {"nopython", "boundscheck"}))
"""
LIBRARY = ("numba.core.codegen", "JITCodeLibrary")
LOWERING = ("numba.core.typed_passes", "NativeLowering")
FUNCTION_OBJECTS = ("numba", "_dynfunc")
ARRAYS = ("numba.np", "arrayobj")
LOADING = ("numba.core.caching:Cache", "_load_overload")
RUNTIME = ("numba.core.runtime.nrt", "rtsys")
WIDTHS = ("numba.core.types", "unliteral")
OPTIONS = ("numba.core.cpu", "CPUTargetOptions")
PIPELINES, CACHE, WIDENED = "Entry LinkedOnly", "MachineCode", "widened"
PLAIN_PIPELINES, PLAIN_CACHE, NOT_WIDENED = "Compiler Compiler", "FunctionCache", "compile"
SWITCHES, DOCUMENTED = "error_model no_cfunc_wrapper no_cpython_wrapper nogil", "error_model nogil"
EVERYTHING = (LIBRARY, LOWERING, FUNCTION_OBJECTS, ARRAYS, LOADING, RUNTIME, WIDTHS, OPTIONS)


def without(parts, code, cache):
    """Run code in a process whose kernels were imported without these parts; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"PARTS = {parts!r}\n{HIDE}{code}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "HWMODEL_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        pytest.param((), (PIPELINES, CACHE, WIDENED, SWITCHES), id="nothing"),
        *(
            pytest.param((part,), (PLAIN_PIPELINES, CACHE, WIDENED, SWITCHES), id=part[1])
            for part in (LIBRARY, LOWERING, FUNCTION_OBJECTS, ARRAYS)
        ),
        *(
            pytest.param((part,), (PIPELINES, PLAIN_CACHE, WIDENED, SWITCHES), id=part[1])
            for part in (LOADING, RUNTIME)
        ),
        pytest.param((WIDTHS,), (PIPELINES, CACHE, NOT_WIDENED, SWITCHES), id=WIDTHS[1]),
        pytest.param((OPTIONS,), (PIPELINES, CACHE, WIDENED, DOCUMENTED), id=OPTIONS[1]),
        pytest.param(EVERYTHING, (PLAIN_PIPELINES, PLAIN_CACHE, NOT_WIDENED, DOCUMENTED), id="everything"),
    ],
)
def test_a_part_that_is_missing_is_left_out(parts, shown, tmp_path):
    assert tuple(without(parts, SHOW, tmp_path).splitlines()) == shown


DECIDE = "from tests.forwarding_digest import digest; print(digest())"


def test_decisions_are_the_same_without_any_of_them(tmp_path):
    assert without(EVERYTHING, DECIDE, tmp_path) == digest()


RUN = """
import json, tempfile
from hwmodel.simulation.compile_entry import compile_entry
from tests.run_digest import captured, digests_of, machine_of

compile_entry("engine.run")
with tempfile.TemporaryDirectory() as folder:
    print(json.dumps(digests_of(machine_of("switch_core", 1, captured(folder)))))
"""


@pytest.mark.slow
def test_a_run_is_the_same_as_numba_compiles_it(tmp_path):
    """By numba's own passes, which take twice as long, and kept in its own cache: a run gives the golden digests."""
    found = json.loads(without((LIBRARY, LOADING), RUN, tmp_path))
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["switch_core/1"]
    assert {key: found[key] for key in golden} == golden
