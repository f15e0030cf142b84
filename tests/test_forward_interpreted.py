"""The kernels as plain Python give the same bits as compiled."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.forwarding import (
    decide,
    ingress_rules,
    octets,
    packet,
    packet_rules,
    parse,
    police,
    port_set,
    rewrite,
    tables,
    veb,
)

BLOCKS = [
    veb, decide, ingress_rules, octets, packet, packet_rules, parse, police, port_set, tables, rewrite,
]  # fmt: skip


def digest(disable_jit):
    """Run tests/forwarding_digest.py in a process of its own: numba reads the switch once."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.forwarding_digest"],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"NUMBA_DISABLE_JIT": disable_jit},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_compiled_and_interpreted_decisions_are_the_same():
    compiled, interpreted = digest("0"), digest("1")
    assert len(compiled) == 64
    assert compiled == interpreted


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_function_is_compiled(block):
    functions = [item for item in ast.parse(inspect.getsource(block)).body if isinstance(item, ast.FunctionDef)]
    assert functions
    for function in functions:
        marks = {ast.unparse(each) for each in function.decorator_list}
        assert marks, function.name
        assert marks <= {"kernel", "entry", "inlined", "out_of_line"}, function.name
