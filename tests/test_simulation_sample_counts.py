"""Rows of a histogram, mark by mark, against rows of all columns that are added up one sample at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.simulation.figures.figure_intervals import SampleCounts

N_COLUMNS = 12
SAMPLES = st.lists(st.lists(st.integers(0, N_COLUMNS - 1), max_size=3), min_size=1, max_size=70)
COLUMNS = [0, 3, 4, N_COLUMNS, 7, N_COLUMNS + 5]


@given(SAMPLES)
def test_rows_say_what_was_counted_since_the_first_mark(samples):
    """A row behind each batch of samples, of the columns that any has so far, and one of all columns."""
    counts, whole, rows = np.zeros(N_COLUMNS, np.int32), [], []
    for batch in samples:
        for column in batch:
            counts[column] += 1
        filled = np.flatnonzero(counts)
        columns = slice(filled[0], filled[-1] + 1) if len(filled) else slice(0, 0)
        rows.append((columns.start, counts[columns].copy()))
        whole.append(counts.copy())
    found, grown = SampleCounts(rows), np.array(whole) - whole[0]
    assert found.n_samples == grown[-1].sum()
    assert found.n_below(COLUMNS).tolist() == [grown[:, :column].sum(axis=1).tolist() for column in COLUMNS]
    for rank in range(1, found.n_samples + 1):
        at = found.column((rank - 0.5) / found.n_samples)
        assert grown[-1][:at].sum() < rank <= grown[-1][: at + 1].sum()
