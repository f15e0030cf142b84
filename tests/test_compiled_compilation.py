"""Numba without the undocumented parts that save time: left out by themselves, with the same results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from hwmodel.compiled import compilation
from tests.forwarding_digest import digest
from tests.run_digest import GOLDEN
from tests.test_compiled_left_out import homes_entered

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

import hwmodel.machine.engine
from hwmodel.forwarding import frame_batch

for holder, name, part, path, module in hidden:
    setattr(holder, name, part)
    del sys.modules[path]
    if module is not None:
        sys.modules[path] = module
"""
SHOW = """
entry, inner = frame_batch.decide_batch, hwmodel.machine.engine.timer
print(entry._compiler.pipeline_class.__name__, inner._compiler.pipeline_class.__name__)
print(type(entry._cache).__name__)
print(inner.compile.__name__)
print(*sorted(set(inner.targetoptions) - {"nopython", "boundscheck"}))
"""
LIBRARY = ("numba.core.codegen", "JITCodeLibrary")
LINKAGE = ("llvmlite.binding", "Linkage")
LOWERING = ("numba.core.typed_passes", "NativeLowering")
FUNCTION_OBJECTS = ("numba", "_dynfunc")
ARRAYS = ("numba.np", "arrayobj")
LOADING = ("numba.core.caching:Cache", "_load_overload")
RUNTIME = ("numba.core.runtime.nrt", "rtsys")
WIDTHS = ("numba.core.types", "unliteral")
OPTIONS = ("numba.core.cpu", "CPUTargetOptions")
PIPELINES, CACHE, WIDENED = "Entry LinkedOnly", "MachineCode", "widened"
PLAIN_PIPELINES, PLAIN_CACHE, NOT_WIDENED = "Compiler Compiler", "FunctionCache", "compile"
SWITCHES, DOCUMENTED = "error_model forceinline no_cfunc_wrapper no_cpython_wrapper nogil", "error_model nogil"
EVERYTHING = (LIBRARY, LINKAGE, LOWERING, FUNCTION_OBJECTS, ARRAYS, LOADING, RUNTIME, WIDTHS, OPTIONS)


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
            for part in (LIBRARY, LINKAGE, LOWERING, FUNCTION_OBJECTS, ARRAYS)
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


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_a_dispatcher_that_keeps_its_cache_elsewhere_has_numbas_own(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compilation, "_ENTRY", lambda _function: object())
    dispatcher = compilation.entry(_squared)
    assert dispatcher(-7) == 49
    assert len(list(tmp_path.rglob("*_squared-*.nbc"))) == 1


def _squared(number):
    return number * number


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_a_kernel_is_not_put_in_place_because_its_caller_is():
    squared = compilation.kernel(_squared)
    fourth = compilation.inlined(lambda number: squared(squared(number)))
    sixteenth = numba.njit(lambda number: fourth(fourth(number)))
    assert sixteenth(3) == 3**16
    assert (_is_put_in_place(fourth), _is_put_in_place(squared)) == (True, False)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
@pytest.mark.parametrize(("decorator", "n_calls"), [(compilation.kernel, 0), (compilation.out_of_line, 1)])
def test_a_kernel_out_of_line_is_called_where_another_is_put_in_place(decorator, n_calls):
    squared = decorator(lambda number: number * number + 1)
    program = numba.njit(pipeline_class=compilation.pipelines()[0])(lambda number: squared(number) * 3)
    assert program(4) == 51
    ((_, compiled),) = program.overloads.items()
    own = [one for one in compiled.library.get_defined_functions() if one.name == compiled.fndesc.mangled_name]
    assert sum(" call " in line for line in str(own[0]).splitlines()) == n_calls
    assert (b"noinline" in _attributes_of(squared)) == bool(n_calls)


def _is_put_in_place(function):
    return b"alwaysinline" in _attributes_of(function)


def _attributes_of(function):
    ((_, compiled),) = function.overloads.items()
    name = compiled.fndesc.mangled_name
    (attributes,) = (one.attributes for one in compiled.library.get_defined_functions() if one.name == name)
    return set(attributes)


def test_a_dispatcher_that_cannot_be_asked_to_compile_does_so_when_it_is_called(monkeypatch):
    dispatcher = object()
    monkeypatch.setattr(compilation, "_INNER", lambda _function: dispatcher)
    assert compilation.kernel(_squared) is dispatcher
    assert not compilation.compile_for((numba.int64,), dispatcher)


DECIDE = "from tests.forwarding_digest import digest; print(digest())"


ENTER = "from tests.test_compiled_left_out import homes_entered; print(homes_entered())"


def test_addresses_have_the_same_homes_without_any_of_them(tmp_path):
    """The smallest kernel that calls others; a night compiles more so."""
    assert without(EVERYTHING, ENTER, tmp_path) == homes_entered()


@pytest.mark.slow
@pytest.mark.nightly
def test_decisions_are_the_same_without_any_of_them(tmp_path):
    assert without(EVERYTHING, DECIDE, tmp_path) == digest()


RUN = """
import json, tempfile
from hwmodel.simulation.compile_entry import compile_entry
from tests.run_digest import captured, digests_of, machine_of

compile_entry("machine.engine.run")
with tempfile.TemporaryDirectory() as folder:
    print(json.dumps(digests_of(machine_of("switch_core", 1, captured(folder)))))
"""


@pytest.mark.slow
@pytest.mark.nightly  # homes of addresses, above, are compared each time
def test_a_run_is_the_same_as_numba_compiles_it(tmp_path):
    """By numba's own passes, three times as slow, and kept in its own cache: a run gives the golden digests."""
    found = json.loads(without((LIBRARY, LOADING), RUN, tmp_path))
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["switch_core/1"]
    assert {key: found[key] for key in golden} == golden
