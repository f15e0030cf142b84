"""Linear programs of mixes of streams, and the simplex method that solves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

# ---- Dantzig's simplex method on a dense table ----


Floats = npt.NDArray[np.float64]
TOLERANCE = 1e-12  # beside coefficients of about 1


def maximize(value: Floats, uses: Floats, room: Floats) -> tuple[Floats, Floats] | None:
    """Return the x >= 0 that maximizes `value` @ x with `uses` @ x <= `room`, and the dual prices.

    `value`: n, `uses`: m by n, `room`: m; the price of each room is what a unit more of it adds. None where x = 0 is
    infeasible. The column and, at a tie, the row of least index is taken (Bland's rule), so that the search ends.
    Raises ValueError where the value has no bound.
    """
    if (room < -TOLERANCE).any():
        return None
    n_bounds, n = uses.shape
    table = np.hstack([uses, np.eye(n_bounds), np.maximum(room, 0.0)[:, None]])
    price = np.concatenate([value, np.zeros(n_bounds + 1)])
    basis = list(range(n, n + n_bounds))
    while True:
        rising = np.flatnonzero(price[: n + n_bounds] > TOLERANCE)
        if not rising.size:
            break
        _pivot(table, price, basis, int(rising[0]))
    found = np.zeros(n + n_bounds)
    found[basis] = table[:, -1]
    return found[:n], -price[n : n + n_bounds]


def _pivot(table: Floats, price: Floats, basis: list[int], entering: int) -> None:
    """Let a column enter the basis; the one that bounds it first leaves."""
    rows = np.flatnonzero(table[:, entering] > TOLERANCE)
    if not rows.size:
        raise ValueError("the value has no bound")
    ratios = table[rows, -1] / table[rows, entering]
    leaving = min(rows[ratios <= ratios.min() + TOLERANCE], key=lambda row: basis[row])
    table[leaving] /= table[leaving, entering]
    others = np.flatnonzero(table[:, entering])
    others = others[others != leaving]
    changed = np.flatnonzero(table[leaving])
    table[np.ix_(others, changed)] -= np.outer(table[others, entering], table[leaving, changed])
    price -= price[entering] * table[leaving]
    basis[leaving] = entering


# ---- A mix of streams: turns, what gets through and lands, free rates ----


WITHOUT_END = float("inf")


class MixProgram:
    """Hold the streams' rates, each a constant plus a linear combination of the variables, and the bounds.

    The variables, in order: each giver's turns, frames passed by each hop, copies kept at each landing, free streams.
    """

    def __init__(self, n_streams: int, n_levels: int, n_hops: int, n_landings: int) -> None:
        self.constant = np.zeros(n_streams)
        self._of_variables: list[dict[int, float]] = [{} for _ in range(n_streams)]
        self._bounds: list[tuple[dict[int, float], float]] = []
        self._first_hop, self._n_hops = n_levels, n_hops
        self._first_landing, self._n_landings = n_levels + n_hops, n_landings
        self.n_variables = n_levels + n_hops + n_landings

    def fix(self, stream: int, rate: float, level: int = 0, by_level: float = 0.0) -> None:
        """Set a stream's rate to a constant, plus `by_level` for each turn of the giver `level`."""
        self.constant[stream] = rate
        self._of_variables[stream] = {level: by_level} if by_level else {}

    def free(self, shares: Mapping[int, float], most: float) -> int:
        """Let streams share a free rate of at most `most`; return the number of its variable."""
        variable = self.n_variables
        self.n_variables += 1
        for stream, share in shares.items():
            self._of_variables[stream] = {variable: share}
        self.bound({variable: 1.0}, most)
        return variable

    def bound(self, coefficients: dict[int, float], most: float) -> None:
        """Bound a weighted sum of variables from above."""
        if most < WITHOUT_END:
            self._bounds.append((coefficients, most))

    def matrix(self) -> Floats:
        """Give the matrix, streams by variables, of what a unit of each variable adds to each stream's rate."""
        return _rows(self._of_variables, self.n_variables)

    def hops(self) -> Floats:
        """Give the matrix, hops by variables, that selects the hops' variables."""
        return self._unit(self._first_hop, self._n_hops)

    def landings(self) -> Floats:
        """Give the matrix, landings by variables, that selects the landings' variables."""
        return self._unit(self._first_landing, self._n_landings)

    def bounds(self) -> tuple[Floats, Floats]:
        """Give the bounds: a row of coefficients each, and their upper limits."""
        return _rows([row for row, _ in self._bounds], self.n_variables), np.array([most for _, most in self._bounds])

    def _unit(self, first: int, n: int) -> Floats:
        found = np.zeros((n, self.n_variables))
        found[:, first : first + n] = np.eye(n)
        return found


def _rows(rows: Sequence[dict[int, float]], n: int) -> Floats:
    found = np.zeros((len(rows), n))
    for row, coefficients in zip(found, rows, strict=True):
        for column, coefficient in coefficients.items():
            row[column] = coefficient
    return found
