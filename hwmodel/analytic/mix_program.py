"""A linear program of a mix of streams: variables for turns, for what gets through and lands, and for free rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwmodel.analytic.linear_program import Floats

WITHOUT_END = float("inf")


class MixProgram:
    """Hold the rates of the streams, each a constant and so much of each variable, and bounds of the variables.

    The variables: the level of the turns of each adapter, the hops, the landings, then free streams.
    """

    def __init__(self, n_streams: int, n_levels: int, n_hops: int, n_landings: int) -> None:
        self.constant = np.zeros(n_streams)
        self._of_variables: list[dict[int, float]] = [{} for _ in range(n_streams)]
        self._bounds: list[tuple[dict[int, float], float]] = []
        self._first_hop, self._n_hops = n_levels, n_hops
        self._first_landing, self._n_landings = n_levels + n_hops, n_landings
        self.n_variables = n_levels + n_hops + n_landings

    def fix(self, stream: int, rate: float, level: int = 0, by_level: float = 0.0) -> None:
        """Let a stream have a rate, and with each turn of an adapter so much more."""
        self.constant[stream] = rate
        self._of_variables[stream] = {level: by_level} if by_level else {}

    def free(self, stream: int, most: float) -> int:
        """Let a stream have any rate up to the most; return the number of its variable."""
        variable = self.n_variables
        self.n_variables += 1
        self._of_variables[stream] = {variable: 1.0}
        self.bound({variable: 1.0}, most)
        return variable

    def bound(self, coefficients: dict[int, float], most: float) -> None:
        """Bound a sum of variables."""
        if most < WITHOUT_END:
            self._bounds.append((coefficients, most))

    def matrix(self) -> Floats:
        """Give what a unit of each variable adds to each stream: streams by variables."""
        return _rows(self._of_variables, self.n_variables)

    def hops(self) -> Floats:
        """Give the hops: hops by variables."""
        return self._unit(self._first_hop, self._n_hops)

    def landings(self) -> Floats:
        """Give the landings: landings by variables."""
        return self._unit(self._first_landing, self._n_landings)

    def bounds(self) -> tuple[Floats, Floats]:
        """Give the bounds: coefficients and the most of each."""
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
