"""Programs that call one another by address: the same as by name, loaded at the first call, and only where needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import int64, njit

from hwmodel.compiled.compilation import compile_for
from hwmodel.compiled.programs import by_address, signature_of
from hwmodel.config import config_from_mapping
from hwmodel.simulation.run import commands
from hwmodel.simulation.run.kernel_cache import COMMANDS, DECIDING, RUN_ENTRIES, SYSTEM_ENTRIES, WITHOUT_OPTIONS
from hwmodel.simulation.run.machine import entries_of
from tests.programs_by_address import PAIR, PAIRS, call_each, call_note, double, note

ROOT = Path(__file__).resolve().parent.parent


def test_a_program_is_loaded_at_the_first_call_and_does_the_same_to_arrays_and_records():
    compile_for((PAIRS,), call_each)
    assert not note.signatures and not double.signatures  # whoever is compiled does not bring them along
    pairs = np.zeros(3, PAIR).view(np.recarray)
    assert call_each(pairs) == 402
    assert pairs.tolist() == [(2, 2), (202, 2), (402, 2)]
    assert note.signatures == [(PAIRS, int64, int64)]
    assert call_each(pairs) == 2 * (402 + 201) and note.signatures == [(PAIRS, int64, int64)]


def test_integers_of_any_width_are_words_there():
    @njit
    def note_first(pairs, numbers):
        return call_note(pairs, numbers[0], numbers[1])

    pairs = np.zeros(2, PAIR).view(np.recarray)
    assert note_first(pairs, np.array([1, -2], np.int32)) == -2
    assert pairs.tolist() == [(0, 0), (-2, 1)]


def test_kinds_of_arguments_are_words_records_and_arrays_of_them():
    assert signature_of(("pair[]", "int64", "pair")) == (PAIRS, int64, PAIRS.dtype)
    with pytest.raises(KeyError):
        signature_of(("pairs[]",))


def test_interpreted_it_is_the_function_itself():
    code = "from tests.programs_by_address import call_note, note; assert call_note is note"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, check=True)


INTERRUPTED = """
import hwmodel.compiled.programs as programs
own, asked = programs.address_of, []

def interrupted_once(program, signature):
    asked.append(program)
    if len(asked) == 1:
        raise KeyboardInterrupt
    return own(program, signature)

programs.address_of = interrupted_once
import time
import numpy as np
from tests.programs_by_address import PAIR, call_each
pairs = np.zeros(1, PAIR).view(np.recarray)
try:
    call_each(pairs)
    for _ in range(1000):  # one long sleep would go on to its end: no signal comes from outside
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted", pairs.tolist())
"""


def test_ctrl_c_while_it_is_loaded_comes_when_the_kernel_is_through():
    out = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, check=True, capture_output=True, text=True)
    assert out.stdout == "interrupted [(2, 2)]\n"


BROKEN = """
import hwmodel.compiled.programs as programs

def no_address(program, signature):
    raise AttributeError("numba of another shape")

programs.address_of = no_address
import numpy as np
from tests.programs_by_address import PAIR, call_each
call_each(np.zeros(1, PAIR).view(np.recarray))
print("went on")
"""


def test_a_program_that_cannot_be_loaded_ends_the_process_with_the_reason():
    out = subprocess.run([sys.executable, "-c", BROKEN], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (out.returncode, out.stdout) == (1, "") and out.stderr.endswith("numba of another shape\n")


def test_by_documented_parts_alone_it_is_linked_in(monkeypatch):
    monkeypatch.setattr("hwmodel.compiled.programs.is_plain", lambda: True)
    assert by_address(note, "pair[]", "int64", "int64") is note


ALONE = {"nic": {"vfs": 2}, "run": {"duration": "200us"}}
BRIDGED = {**ALONE, "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"latency": "1us"}}
WITH_OPTION = {**ALONE, "host": {"iotlb": {"entries": 64, "miss": "330ns"}}}
LATER = {"scenario": [{"at": "100us", "set": {"switch.ports.vf1.rate_limit": "1Gbps"}}]}


@pytest.mark.parametrize(
    ("mapping", "entries"),
    [
        (ALONE, (WITHOUT_OPTIONS, *DECIDING)),
        (WITH_OPTION, RUN_ENTRIES),
        (ALONE | LATER, (*RUN_ENTRIES, COMMANDS)),
        (BRIDGED, SYSTEM_ENTRIES),
    ],
    ids=["alone", "with an option", "a scenario", "a bridge"],
)
def test_a_run_has_the_programs_that_it_needs(mapping, entries):
    assert entries_of(config_from_mapping(mapping)) == entries


def test_only_servers_with_commands_are_told_to_obey(monkeypatch):
    asked = []
    monkeypatch.setattr(commands, "run_commanded", lambda _servers, number, *_: asked.append(number))
    servers = np.rec.array([(0,), (3,), (0,)], dtype=[("tail", np.int64)])
    stand_ins = [type("Nic", (), {"commands": each}) for each in servers]
    commands.obey_first(stand_ins)
    assert asked == [1]
