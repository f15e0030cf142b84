"""Frame sizes: one length, or a list of lengths with weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hwmodel.wire.ethernet import wire_bytes
from hwmodel.workload.alias import AliasTable, build_alias_table


@dataclass(frozen=True)
class Sizes:
    """Hold frame lengths in bytes with FCS, and how often each comes, in any unit."""

    weighted: tuple[tuple[int, Fraction], ...]

    @classmethod
    def of(cls, frame_bytes: int | None, sizes: Sequence[tuple[int, Fraction | int | float]] | None) -> Sizes:
        """Take one length, or else a list of (length, weight)."""
        if sizes is not None:
            return cls(tuple((n_bytes, Fraction(weight)) for n_bytes, weight in sizes))
        if frame_bytes is None:
            raise ValueError("neither a frame length nor a list of lengths")
        return cls(((frame_bytes, Fraction(1)),))

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Average the frames' bytes with FCS, exactly."""
        return self._mean([n_bytes for n_bytes, _ in self.weighted])

    @property
    def mean_wire_bytes(self) -> Fraction:
        """Average the byte times on the wire, preamble, gap and padding to 64 B included, exactly."""
        return self._mean([wire_bytes(n_bytes) for n_bytes, _ in self.weighted])

    def table(self) -> AliasTable:
        """Build the table that lengths are drawn from."""
        return build_alias_table(self.weighted)

    def _mean(self, lengths: list[int]) -> Fraction:
        weights = [weight for _, weight in self.weighted]
        return sum((weight * n for weight, n in zip(weights, lengths, strict=True)), Fraction(0)) / sum(weights)
