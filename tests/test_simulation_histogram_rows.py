"""Rows of a histogram, mark by mark, against rows of all columns that are added up one sample at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.simulation.histogram_rows import HistogramRows, RowCopies

N_COLUMNS = 12
SAMPLES = st.lists(st.lists(st.integers(0, N_COLUMNS - 1), max_size=3), min_size=1, max_size=70)


def counted(samples):
    """Take a row after each batch of samples, of the columns that any has so far; return the rows, and all columns."""
    counts, whole = np.zeros(N_COLUMNS, np.int32), []
    copies, reach = RowCopies(counts), None
    for batch in samples:
        for column in batch:
            counts[column] += 1
        filled = np.flatnonzero(counts)
        if len(filled) and (int(filled[0]), int(filled[-1]) + 1) != reach:
            reach = int(filled[0]), int(filled[-1]) + 1
            copies.reach(slice(*reach))
        copies.copy()
        whole.append(counts.copy())
    return copies.take()[0], np.array(whole)


def check(rows, whole):
    assert len(rows) == len(whole)
    for number, wanted in enumerate(whole):
        first, counts = rows[number]
        assert counts.sum() == wanted.sum()
        assert counts.tolist() == wanted[first : first + len(counts)].tolist()
    columns = [0, 3, 4, N_COLUMNS, 7, N_COLUMNS + 5]
    assert rows.n_below(columns).tolist() == [whole[:, :column].sum(axis=1).tolist() for column in columns]
    first, totals = rows.totals()
    assert totals.tolist() == (whole[-1] - whole[0])[first : first + len(totals)].cumsum().tolist()
    assert (totals[-1] if len(totals) else 0) == (whole[-1] - whole[0]).sum()


@given(SAMPLES)
def test_rows_say_what_was_counted_up_to_each_mark(samples):
    rows, whole = counted(samples)
    check(rows, whole)
    check(rows.every_second(), whole[::2])
    check(rows.every_second().every_second(), whole[::4])


@given(SAMPLES, st.integers(1, 69))
def test_rows_follow_rows(samples, at):
    rows, whole = counted(samples)
    apart = [(first, counts[None, :]) for first, counts in (rows[number] for number in range(len(rows)))]
    check(HistogramRows(apart[:at]).followed_by(HistogramRows(apart[at:])), whole)


@given(SAMPLES)
def test_histograms_side_by_side_are_told_apart(samples):
    """The third of four counts in sixteen bytes, and the first, with others between them."""
    buckets = np.zeros((N_COLUMNS, 8), np.int32)
    copies = RowCopies(np.ndarray(N_COLUMNS, np.complex128, buckets, 16, buckets.strides[:1]), (2, 0))
    copies.reach(slice(4, 6))
    copies.reach(slice(0, N_COLUMNS))
    whole = []
    for batch in samples:
        for column in batch:
            buckets[column] += [9, 9, 9, 9, 2**31 - 100, 3, 1, -1]
            buckets[column, 4] = -1
        copies.copy()
        whole.append(buckets.copy())
    third, first = copies.take()
    check(third, np.array(whole)[:, :, 6])
    for row, wanted in zip(first, whole, strict=True):
        assert row[1].tolist() == wanted[:, 4].tolist()
