"""How kernels are compiled: with numba's undocumented parts, which save time, or without, to the same results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from hwmodel.compiled import compilation
from hwmodel.compiled.linked_only import Entry
from tests.forwarding_digest import digest
from tests.run_digest import GOLDEN
from tests.test_compiled_left_out import homes_entered

ROOT = Path(__file__).resolve().parent.parent
SHOW = """
import hwmodel.machine.engine
from hwmodel.forwarding import frame_batch

entry, inner = frame_batch.decide_batch, hwmodel.machine.engine.timer
print(entry._compiler.pipeline_class.__name__, inner._compiler.pipeline_class.__name__)
print(type(entry._cache).__name__)
print(inner.compile.__name__)
print(*sorted(set(inner.targetoptions) - {"nopython", "boundscheck"}))
"""
WITH_ALL = [
    "Entry LinkedOnly", "_MachineCode", "widened",
    "_nrt error_model forceinline no_cfunc_wrapper no_cpython_wrapper nogil",
]  # fmt: skip
PLAIN = ["Compiler Compiler", "FunctionCache", "compile", "error_model nogil"]


def printed(code, cache, **environment):
    """Run code in a process of its own and return what it prints."""
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "HWMODEL_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | places | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(("way", "shown"), [("", WITH_ALL), ("plain", PLAIN)], ids=["with all", "plain"])
def test_the_environment_says_what_is_used(way, shown, tmp_path):
    assert printed(SHOW, tmp_path, HWMODEL_NUMBA=way).splitlines() == shown


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
    program = numba.njit(pipeline_class=Entry)(lambda number: squared(number) * 3)
    assert program(4) == 51
    ((_, compiled),) = program.overloads.items()
    own = [one for one in compiled.library.get_defined_functions() if one.name == compiled.fndesc.mangled_name]
    assert sum(" call " in line for line in str(own[0]).splitlines()) == n_calls
    assert (b"noinline" in _attributes_of(squared)) == bool(n_calls)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_an_entry_is_compiled_for_python_only_where_python_calls_it():
    squared = compilation.entry(_squared)
    fourth = compilation.entry(lambda number: squared(squared(number)))
    assert fourth(3) == 3**4
    assert (len(fourth.overloads), len(squared.overloads)) == (1, 0)
    assert squared(5) == 25
    assert len(squared.overloads) == 1


def _is_put_in_place(function):
    return b"alwaysinline" in _attributes_of(function)


def _attributes_of(function):
    ((_, compiled),) = function.overloads.items()
    name = compiled.fndesc.mangled_name
    (attributes,) = (one.attributes for one in compiled.library.get_defined_functions() if one.name == name)
    return set(b" ".join(attributes).split())


DECIDE = "from tests.forwarding_digest import digest; print(digest())"
ENTER = "from tests.test_compiled_left_out import homes_entered; print(homes_entered())"


def test_addresses_have_the_same_homes_without_any_of_them(tmp_path):
    """The smallest kernel that calls others; a night compiles more so."""
    assert printed(ENTER, tmp_path, HWMODEL_NUMBA="plain") == homes_entered()


@pytest.mark.slow
@pytest.mark.nightly
def test_decisions_are_the_same_without_any_of_them(tmp_path):
    assert printed(DECIDE, tmp_path, HWMODEL_NUMBA="plain") == digest()


RUN = """
import json, os, tempfile
from tests.run_digest import captured, digests_of, machine_of

with tempfile.TemporaryDirectory() as folder:
    print(json.dumps(digests_of(machine_of(os.environ["CASE"], 1, captured(folder)))))
"""


@pytest.mark.slow
@pytest.mark.nightly  # homes of addresses, above, are compared each time
@pytest.mark.parametrize("case", ["switch_core", "commands_bridge"])
def test_a_run_is_the_same_as_numba_compiles_it(case, tmp_path):
    """By numba's own passes, four times as slow, and kept in its own cache: a run gives the golden digests.

    One adapter, and servers and bridges that commands change; integers then have the widths of their fields.
    """
    found = json.loads(printed(RUN, tmp_path, HWMODEL_NUMBA="plain", CASE=case, PYTHONWARNINGS="ignore"))
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[f"{case}/1"]
    assert {key: found[key] for key in golden} == golden
