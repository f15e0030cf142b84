"""Programs that call one another: by their addresses the same as by their names, and each only where it is needed."""

from __future__ import annotations

import numpy as np
import pytest
from numba import int64, typeof, types

from hwmodel.compiled.compilation import compile_for, entry
from hwmodel.compiled.programs import address_of, call_server
from hwmodel.config import config_from_mapping
from hwmodel.simulation import server_programs
from hwmodel.simulation.kernel_cache import COMMANDS, ENGINE, RUN_ENTRIES, SYSTEM_ENTRIES
from hwmodel.simulation.machine import entries_of

PAIR = np.dtype([("sum", np.int64), ("calls", np.int64)])
PAIRS = typeof(np.zeros(1, PAIR))


@entry
def note(servers, number, until_fs, n_events, part, beneath):
    """Add up what it is told, each word at a place of its own, and count the call."""
    own = servers[number]
    own.calls += 1
    own.sum += until_fs + 10 * n_events + 100 * part + 1000 * beneath
    return own.sum


@entry
def call_each(servers, programs):
    """Have each server called with its number in each of the words."""
    last = 0
    for number in range(len(servers)):
        last = call_server(programs, servers, number, number, number, number)
    return last


def test_a_program_is_called_by_its_address_with_what_it_is_told():
    compile_for((PAIRS, *[int64] * 5), note)
    compile_for((PAIRS, types.UniTuple(int64, 2)), call_each)
    servers = np.zeros(3, PAIR).view(np.recarray)
    address = address_of(note)
    assert address
    assert call_each(servers, (address, 7)) == 7222
    assert servers.tolist() == [(7000, 1), (7111, 1), (7222, 1)]
    assert call_each.signatures == [(PAIRS, types.UniTuple(int64, 2))]


ALONE = {"nic": {"vfs": 2}, "run": {"duration": "200us"}}
BRIDGED = {**ALONE, "servers": [{"name": "a"}, {"name": "b"}], "bridge": {"latency": "1us"}}
LATER = {"scenario": [{"at": "100us", "set": {"switch.ports.vf1.rate_limit": "1Gbps"}}]}


@pytest.mark.parametrize(
    ("mapping", "entries"),
    [
        (ALONE, RUN_ENTRIES),
        (ALONE | LATER, (*RUN_ENTRIES, COMMANDS)),
        (BRIDGED, SYSTEM_ENTRIES),
    ],
    ids=["alone", "a scenario", "a bridge"],
)
def test_a_run_has_the_programs_that_it_needs(mapping, entries):
    assert entries_of(config_from_mapping(mapping)) == entries
    assert ENGINE in entries  # which runs each server, whatever is around it


def test_servers_without_commands_do_not_ask_for_that_program(monkeypatch):
    asked = []
    monkeypatch.setattr(server_programs, "_address", lambda name, program: asked.append(name) or len(asked))

    class Commands:
        tail = 0

    class Nic:
        commands = Commands

    assert server_programs.programs_of([Nic]) == (1, 0)
    Commands.tail = 1
    assert server_programs.programs_of([Nic]) == (3, 2)
    assert asked == [ENGINE, ENGINE, COMMANDS]
