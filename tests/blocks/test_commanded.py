"""The loop that commands cut: each is obeyed at its instant; where there are none it is the plain loop."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT, IDLE
from hwmodel.machine.time.commands import PLAIN
from hwmodel.simulation.run.machine import run_alone as run
from hwmodel.simulation.run.machine import run_alone_commanded as run_commanded
from tests.blocks.idle_machine import NS
from tests.blocks.test_commands import command, word_of
from tests.blocks.test_engine import START_FS, one_frame

CALLS = ((START_FS, 10**9), (START_FS + 400 * NS, 10**9), (START_FS + 20_000 * NS, 7), (START_FS + 3_000 * NS, 10**9))


def went_through(entry, state):
    """Return why each of CALLS stopped, and all of the state behind them that two machines may differ in."""
    stopped = [entry(state, until_fs, n_events) for until_fs, n_events in CALLS]
    nic = state[0]
    return stopped, nic.clock.now_fs, nic.clock.n_events, nic.ledger.counts.tobytes(), nic["pcie"].tobytes()


def test_without_commands_it_is_the_plain_loop():
    plain, commanded = (went_through(entry, one_frame(200)) for entry in (run, run_commanded))
    assert plain == commanded
    assert {DONE, EVENTS_SPENT} <= set(plain[0]) and plain[2] > 20


@pytest.mark.parametrize("at_fs", [0, START_FS // 2, START_FS, START_FS + 1])
def test_a_command_is_obeyed_at_its_instant_and_no_femtosecond_before(at_fs):
    state = one_frame(200)
    command(state[0], at_fs, PLAIN, 0, word_of("port", "mac", "params", "fs_per_byte_num"), 12345)
    if at_fs:
        run_commanded(state, at_fs - 1, 10**9)
        assert state[0].port[0].mac.params.fs_per_byte_num != 12345 and state[0].clock.now_fs == at_fs - 1
    assert run_commanded(state, at_fs, 10**9) == DONE
    assert state[0].port[0].mac.params.fs_per_byte_num == 12345 and state[0].clock.now_fs == at_fs


def test_a_command_behind_the_last_event_is_obeyed_and_then_nothing_comes():
    state = one_frame(200)
    state[0].traffic.source[0].params.first_fs = NEVER
    command(state[0], 5 * NS, PLAIN, 0, word_of("port", "mac", "params", "fs_per_byte_num"), 12345)
    assert run_commanded(state, NEVER, 10**9) == IDLE
    assert state[0].port[0].mac.params.fs_per_byte_num == 12345
