"""Which combinations traffic has tried of what parameters bring: pool filters, and queues that are paused."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Outcome
from cocotb_tests.decisions import BRIDGED
from cocotb_tests.expectation import Expectation
from cocotb_tests.functional_coverage import DESTINATIONS, TAG_KINDS
from cocotb_tests.register_image import KINDS
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.simulation.fill.switch_core import Prediction

POOLS, PAUSES = "core.pools", "core.pauses"
COPYING = ("to one", "replicated")
REACHED = ("none", "the default pool alone", "another alone", "several")
SCHEDULED = ("round_robin", "deficit", "strict")
NOT_TRIED = [
    ("to one", None, None, "several"),  # one pool at most
    ("to one", "group", None, "another alone"),  # a group has no other
    ("replicated", "group", None, "the default pool alone"),  # it is for no group, and one like others where it asks
]
# Of frames that no rule before the choice of pools drops.
CHOSEN = (DropReason.NONE, DropReason.UNKNOWN_UNICAST, DropReason.NO_DESTINATION)
PRIORITIES = 8


@CoverPoint("core.copying", xf=lambda *sample: sample[0], bins=list(COPYING))
@CoverPoint("core.pool_to", xf=lambda *sample: sample[1], bins=list(DESTINATIONS[:3]))
@CoverPoint("core.pool_tag", xf=lambda *sample: sample[2], bins=list(TAG_KINDS[:3]))
@CoverPoint("core.pool_reached", xf=lambda *sample: sample[3], bins=list(REACHED))
@CoverCross(
    POOLS, items=["core.copying", "core.pool_to", "core.pool_tag", "core.pool_reached"], ign_bins=NOT_TRIED
)  # fmt: skip
def _sample_pools(copying: str, destination: str, tags: str, reached: str) -> None:
    """Count one frame for which pools were chosen."""


@CoverPoint("core.pause_kind", xf=lambda *sample: sample[0], bins=list(SCHEDULED))
@CoverPoint("core.passes", xf=lambda *sample: sample[1], bins=[False, True])
@CoverPoint("core.was_paused", xf=lambda *sample: sample[2], bins=[False, True])
@CoverCross(PAUSES, items=["core.pause_kind", "core.passes", "core.was_paused"])
def _sample_pauses(kind: str, passes: bool, was_paused: bool) -> None:
    """Count one choice of a scheduler: whether it passes over a paused queue, whether the chosen one was paused."""


def count_pools(expected: Expectation) -> None:
    """Count the frames of a stage for which pools were chosen."""
    verdicts = expected.verdicts
    is_chosen = np.isin(verdicts["reason"], [int(each) for each in CHOSEN])
    for row in verdicts[(verdicts["by_pools"] != BRIDGED) & is_chosen]:
        ports, destination, tags = int(row["ports"]), int(row["destination_kind"]), int(row["tag_kind"])
        if destination >= len(DESTINATIONS[:3]) or tags >= len(TAG_KINDS[:3]):
            continue
        default = 1 << int(row["default_pool"]) if row["default_pool"] > 0 else 0
        reached = 0 if not ports else 3 if ports.bit_count() > 1 else 1 if ports == default else 2
        _sample_pools(COPYING[int(row["by_pools"]) - 1], DESTINATIONS[destination], TAG_KINDS[tags], REACHED[reached])


def count_pauses(n_ports: int, n_queues: int, outcome: Outcome, timing: Prediction) -> None:
    """Count the choices of a stage's schedulers, as the twin makes them."""
    paused, kinds = _settings(n_ports, n_queues, outcome)
    for port in range(n_ports):
        own = timing.copies[timing.copies.port == port]
        written, choice, queue = timing.frames.decided[own.frame], own.choice, own.queue
        for cycle, entered, number in zip(choice.tolist(), written.tolist(), queue.tolist(), strict=True):
            waiting = queue[(written < cycle) & (choice > cycle)].tolist()
            held = _at(paused[port], cycle)
            was_paused = any(
                queues >> number & 1 for begin, end, queues in _spans(paused[port], cycle) if end > entered + 1
            )
            _sample_pauses(KINDS[_at(kinds[port], cycle)], any(held >> each & 1 for each in waiting), was_paused)


def missed(name: str) -> list[str]:
    """Return the bins of a cross that no frame has hit."""
    counts = coverage_db[name].detailed_coverage
    return [" x ".join(map(str, bins)) for bins, number in counts.items() if number == 0]


Steps = list[tuple[int, int]]  # cycles from which values hold


def _settings(n_ports: int, n_queues: int, outcome: Outcome) -> tuple[dict[int, Steps], dict[int, Steps]]:
    """Return the paused queues and the kind of scheduler of each port, by the writes that the core showed."""
    paused: dict[int, Steps] = defaultdict(lambda: [(0, 0)])
    kinds: dict[int, Steps] = defaultdict(lambda: [(0, 0)])
    for write in outcome.writes:
        place: Any = int(write["address"]) - regs.PORT_BASE
        port, offset = divmod(place, regs.PORT_STRIDE)
        if not 0 <= port < n_ports:
            continue
        if offset == regs.PORT_PAUSE:
            queues = {each * n_queues // PRIORITIES for each in range(PRIORITIES) if int(write["data"]) >> each & 1}
            paused[port].append((int(write["cycle"]) + 1, sum(1 << each for each in queues)))
        elif offset == regs.PORT_SCHEDULER:
            kinds[port].append((int(write["cycle"]) + 1, int(write["data"]) & 3))
    return paused, kinds


def _at(steps: Steps, cycle: int) -> int:
    return next(value for begin, value in reversed(steps) if begin <= cycle)


def _spans(steps: Steps, until: int) -> list[tuple[int, int, int]]:
    """Return first cycle, cycle after the last, and value, up to a cycle."""
    ends = [begin for begin, _ in steps[1:]] + [until]
    return [(begin, min(end, until), value) for (begin, value), end in zip(steps, ends, strict=True) if begin < until]
