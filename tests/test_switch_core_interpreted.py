"""The twin as plain Python gives the same as compiled, and its blocks hold kernels only."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.switch_core import bus, ingress, lookup, output, pattern, scheduler
from hwmodel.switch_core.state import CORE
from tests.core_digest import core_digest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = [bus, ingress, lookup, output, pattern, scheduler]


def test_interpreted_as_compiled():
    finished = subprocess.run(
        [sys.executable, "-m", "tests.core_digest"],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == core_digest()


def test_fields_are_aligned():
    assert CORE.isalignedstruct


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_function_is_compiled(block):
    functions = [item for item in ast.parse(inspect.getsource(block)).body if isinstance(item, ast.FunctionDef)]
    assert functions
    for function in functions:
        assert [ast.unparse(each) in ("kernel", "entry") for each in function.decorator_list] == [True], function.name
