"""The greatest value of a linear function under linear bounds: Dantzig's simplex method on a dense table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_ZERO = 1e-12  # beside coefficients of about 1


def maximize(value: Floats, uses: Floats, room: Floats) -> Floats | None:
    """Return the x >= 0 with `uses` @ x <= `room` at which `value` @ x is greatest; None where x = 0 does not fit.

    `value`: n, `uses`: m by n, `room`: m. The column and, at a tie, the row of least index is taken (Bland's rule), so
    that the search ends. Raises ValueError where the value has no bound.
    """
    if (room < -_ZERO).any():
        return None
    n_bounds, n = uses.shape
    table = np.hstack([uses, np.eye(n_bounds), np.maximum(room, 0.0)[:, None]])
    price = np.concatenate([value, np.zeros(n_bounds + 1)])
    basis = list(range(n, n + n_bounds))
    while True:
        rising = np.flatnonzero(price[: n + n_bounds] > _ZERO)
        if not rising.size:
            break
        _pivot(table, price, basis, int(rising[0]))
    found = np.zeros(n + n_bounds)
    found[basis] = table[:, -1]
    return found[:n]


def _pivot(table: Floats, price: Floats, basis: list[int], entering: int) -> None:
    """Let a column into the basis, in the place of the one that bounds it first."""
    rows = np.flatnonzero(table[:, entering] > _ZERO)
    if not rows.size:
        raise ValueError("the value has no bound")
    ratios = table[rows, -1] / table[rows, entering]
    leaving = min(rows[ratios <= ratios.min() + _ZERO], key=lambda row: basis[row])
    table[leaving] /= table[leaving, entering]
    others = np.flatnonzero(table[:, entering])
    others = others[others != leaving]
    changed = np.flatnonzero(table[leaving])
    table[np.ix_(others, changed)] -= np.outer(table[others, entering], table[leaving, changed])
    price -= price[entering] * table[leaving]
    basis[leaving] = entering
