"""What the host's virtual switch counts of its flows: samples, and marks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .chances import TWO_TO_32, xorshift128
from .frames import WIRE, Copy, Decision, Frame

if TYPE_CHECKING:
    from .virtual_switch import Rules

Ends = tuple[int, int]


class FlowCounts:
    """Counts by sender and receiver, frames that have no single one by no ends."""

    def __init__(self, rules: Rules) -> None:
        """Begin with nothing."""
        self._one_in, self._threshold_bytes = rules.sample_one_in, rules.ecn_threshold_bytes
        self._capable = rules.ecn_capable
        self._words = xorshift128(rules.sample_state)
        self.frames: Counter[Ends] = Counter()
        self.samples: Counter[Ends] = Counter()
        self.may_be_marked: Counter[int] = Counter()
        self.marked: Counter[int] = Counter()
        """By receiver."""

    def draw(self, frame: Frame, decision: Decision) -> bool:
        """Count a frame; tell whether it is a sample."""
        if self._one_in is None:
            return False
        is_sample = next(self._words) * self._one_in < TWO_TO_32
        self.frames[frame.source, frame.destinations] += 1
        self.samples[frame.source, frame.destinations] += is_sample
        return is_sample

    def mark(self, copy: Copy, waiting_bytes: int) -> None:
        """Mark a copy that finds too much in front of its receiver."""
        source = copy.frame.source
        name = "" if source == WIRE else "pf" if source == 1 else f"vf{source - 2}"
        knows = self._capable == "all" or name in self._capable
        if self._threshold_bytes is None or copy.is_mirrored or not knows:
            return
        self.may_be_marked[copy.destination] += 1
        self.marked[copy.destination] += waiting_bytes > self._threshold_bytes
