"""The log of what passes a tapped port: what is entered, when it is to be emptied, when the run is void."""

from __future__ import annotations

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.machine.counts.ledger_state import LEDGER, LOG_CAP, LOG_FULL, LOG_RESERVE
from hwmodel.machine.network.wires import note_passing


def fresh_ledger():
    ledger = zeros(1, LEDGER)[0]
    give(ledger.tap_log.entry, LOG_CAP)
    return ledger


def passed(ledger, at_fs):
    note_passing(ledger, at_fs, 3, 1, 11, 1514, 5, 7, -1)


def test_a_frame_is_entered_with_what_its_sender_sent_and_what_it_is_there():
    ledger = fresh_ledger()
    note_passing(ledger, 10**18, 3, 1, 11, 1514, 5, 7, -1)
    note_passing(ledger, 2, 4, 0, 12, 60, 6, -1, 9)
    log = ledger.tap_log
    names = ("at_fs", "port", "is_sent", "header", "n_bytes", "template", "index", "mirrored")
    found = [tuple(int(log.entry[row][name]) for name in names) for row in range(3)]
    assert found == [(10**18, 3, 1, 11, 1514, 5, 7, -1), (2, 4, 0, 12, 60, 6, -1, 9), (0,) * 8]
    assert (log.n, ledger.is_stopping, ledger.overflow) == (2, 0, 0)


def test_the_run_is_to_stop_while_there_is_room_for_one_instant_more():
    """An instant makes as many entries as are kept in reserve: with the last but these nothing is lost yet."""
    ledger = fresh_ledger()
    ledger.tap_log.n = LOG_CAP - LOG_RESERVE - 1
    passed(ledger, 1)
    assert ledger.is_stopping == 0
    passed(ledger, 2)
    assert (ledger.is_stopping, ledger.overflow) == (LOG_FULL, 0)
    ledger.tap_log.n = LOG_CAP - 1
    passed(ledger, 3)
    assert (ledger.tap_log.n, ledger.overflow) == (LOG_CAP, 0)
    assert ledger.tap_log.entry[LOG_CAP - 1].at_fs == 3


def test_a_frame_for_which_there_is_no_room_makes_the_run_void():
    ledger = fresh_ledger()
    ledger.tap_log.n = LOG_CAP - 1
    passed(ledger, 1)
    passed(ledger, 2)
    assert (ledger.tap_log.n, ledger.overflow) == (LOG_CAP, 1)
    assert ledger.tap_log.entry[LOG_CAP - 1].at_fs == 1
