"""What the bench records of all ports at once, taken apart by hand."""

from __future__ import annotations

import numpy as np

from cocotb_tests.batch_files import ACCEPTED, COPY, MOVES, accepted_of_moves, beats_dtype, copies_of_beats

PORT_0, PORT_2 = 1, 4


def rows_of(*rows):
    """Return the records of cycles: cycle, firing, last, user, then tkeep and tdata of three ports."""
    found = np.zeros(len(rows), beats_dtype(3))
    for row, (cycle, firing, last, user, keep, data) in zip(found, rows, strict=True):
        row["cycle"], row["firing"], row["last"], row["user"] = cycle, firing, last, user
        row["keep"][:3], row["data"] = keep, data
    return found


def words(*numbers):
    return b"".join(number.to_bytes(8, "little") for number in numbers)


def test_beats_of_ports_become_their_copies():
    rows = rows_of(
        (5, PORT_0 | PORT_2, PORT_2, PORT_2, (0xFF, 0x55, 0x0F), (10, 99, 20)),
        (6, PORT_2, 0, PORT_0, (0x01, 0x55, 0xFF), (98, 99, 21)),
        (8, PORT_0, PORT_0 | PORT_2, PORT_2, (0x07, 0x55, 0xFF), (11, 99, 97)),
    )
    copies, beats = copies_of_beats(rows, 3)
    # The copy at port 2 that begins in cycle 6 has not left whole; what ports do that do not fire means nothing.
    assert copies.tolist() == [(2, 0x0F, 1, 1, 5, 5), (0, 0x07, 0, 2, 5, 8)]
    assert beats == [words(10, 11), b"", words(20, 21)]
    assert copies.dtype == COPY


def test_frames_accepted_have_their_first_and_last_cycles():
    moves = np.array([(3, PORT_0 | PORT_2, PORT_2), (7, PORT_2, PORT_0), (9, PORT_0, PORT_2), (9, 0, 0)], MOVES)
    frames = accepted_of_moves(moves, 3)
    assert frames.tolist() == [(2, 3, 3), (0, 3, 7), (2, 7, 9)]
    assert frames.dtype == ACCEPTED


def test_nothing_recorded_is_no_copy():
    copies, beats = copies_of_beats(rows_of(), 3)
    assert (len(copies), beats, len(accepted_of_moves(np.zeros(0, MOVES), 3))) == (0, [b"", b"", b""], 0)
