"""Which queue of an output had to send first: by strict priority, or by round robin with and without deficit.

In a contest (batch_files.Phase) an output is not ready until nothing has come in for the core's `quiet_cycles`: all
copies then wait in their queues, but for the few whose turn was settled before the others came (`chosen_ahead`). From
there on it is known which queues have copies left whenever one begins to leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cocotb_tests.batch_files import Outcome, Stage
from cocotb_tests.divergence import Divergence
from cocotb_tests.dut_file import Core

ROUNDING = 1e-9


@dataclass(frozen=True)
class Departure:
    """A copy that left: of which frame, from which queue, with how many bytes as received, and its first beat."""

    frame: int
    queue: int
    n_bytes: int
    cycle: int


def wrong_turn(
    core: Core, stage: Stage, outcome: Outcome, port: int, departures: Sequence[Departure]
) -> list[Divergence]:
    """Return the first copy of an output that left out of turn in a contest; `departures` are all that left by it."""
    if core.shape.priorities == 1 or not any(phase.is_contest for phase in stage.phases):
        return []
    came_in = _last_cycles(core.shape.ports, stage, outcome)
    opens_at = _first_departures(core.shape.ports, stage, outcome, came_in)
    for number, phase in enumerate(stage.phases):
        own = [each for each in departures if stage.frames[each.frame].phase == number]
        if not phase.is_contest or not own or port not in phase.schedules:
            continue
        settled = opens_at[number] - core.dut.keys.quiet_cycles
        waited = [came_in.get(each.frame, settled + 1) <= settled for each in own]
        schedule, ahead = phase.schedules[port], core.dut.keys.chosen_ahead
        if schedule.kind == "strict":
            found = _overtaken(port, own, waited, ahead)
        else:
            is_deficit = schedule.kind == "deficit"
            found = _unfair(port, own, waited, ahead, schedule.quanta if is_deficit else None)
        if found:
            return [found]
    return []


def _overtaken(port: int, own: Sequence[Departure], waited: Sequence[bool], ahead: int) -> Divergence | None:
    """Find a copy that began to leave while one of a higher queue waited."""
    for place, (each, later) in enumerate(zip(own[ahead:], _highest_left(own, waited)[ahead:], strict=True), ahead):
        if later is not None and own[later].queue > each.queue:
            higher = own[later]
            rule = "strict priority: no copy of a lower queue starts while one of a higher queue waits"
            said = f"{rule}; frame {higher.frame} waits in queue {higher.queue}"
            which = f"frame {each.frame} of queue {each.queue} leaves first, copy {place + 1} of the ready output"
            return Divergence(f"order of queues at port {port}", each.cycle, said, which, each.frame)
    return None


def _highest_left(own: Sequence[Departure], waited: Sequence[bool]) -> list[int | None]:
    """Return for each copy which of those that waited and left after it was of the highest queue."""
    result: list[int | None] = []
    best: int | None = None
    for place in reversed(range(len(own))):
        result.append(best)
        if waited[place] and (best is None or own[place].queue >= own[best].queue):
            best = place
    return result[::-1]


def _unfair(
    port: int, own: Sequence[Departure], waited: Sequence[bool], ahead: int, quanta: Sequence[int] | None
) -> Divergence | None:
    """Find two queues that both had copies left, of which one got more turns than the other than the rule allows.

    A turn is a copy, or with `quanta` so many bytes. Between the visits to two queues in turn there is one more of one
    of them at most; of what a visit gives, less than a quantum and the longest copy is kept for later.
    """
    for pair in combinations(sorted({each.queue for each in own}), 2):
        # Until then both have copies left that waited.
        last = ([place for place, each in enumerate(own) if each.queue == q and waited[place]] for q in pair)
        end = min(max(places, default=0) for places in last)
        slack = 1.0
        if quanta is not None:
            longest = (max(each.n_bytes for each in own if each.queue == q) for q in pair)
            slack = 3 + sum(n_bytes / quanta[q] for n_bytes, q in zip(longest, pair, strict=True))
        turns, low, high = 0.0, 0.0, 0.0
        for place, each in enumerate(own[ahead:end], ahead):
            if each.queue in pair:
                turn = 1 if quanta is None else each.n_bytes / quanta[each.queue]
                turns += turn if each.queue == pair[0] else -turn
                low, high = min(low, turns), max(high, turns)
            if high - low > slack + ROUNDING:
                name = "round robin"
                if quanta is not None:
                    name = f"deficit {name}, quanta {quanta[pair[0]]} and {quanta[pair[1]]} B"
                rule = f"{name}: queues {pair[0]} and {pair[1]}, which both have copies left, differ by at most"
                which = (
                    f"{high - low:.1f} turns more for queue {each.queue}, copy {place + 1} since the output is ready"
                )
                what = f"shares of queues at port {port}"
                return Divergence(what, each.cycle, f"{rule} {slack:.1f} turns", which, each.frame)
    return None


def _last_cycles(n_ports: int, stage: Stage, outcome: Outcome) -> dict[int, int]:
    """Return the cycle in which each frame's last beat was taken."""
    result: dict[int, int] = {}
    ports = np.array([frame.port for frame in stage.frames])
    for port in range(n_ports):
        last = np.sort(outcome.accepted["last"][outcome.accepted["port"] == port])
        result |= dict(zip(np.flatnonzero(ports == port).tolist(), last.tolist(), strict=False))
    return result


def _first_departures(n_ports: int, stage: Stage, outcome: Outcome, came_in: dict[int, int]) -> dict[int, int]:
    """Return by contest the first cycle in which any output sent a beat since its first frame came in."""
    starts = np.sort(outcome.copies["first"].astype(np.int64))
    result = {}
    for number, phase in enumerate(stage.phases):
        if phase.is_contest:
            numbers = (index for index, frame in enumerate(stage.frames) if frame.phase == number)
            first = min((came_in[each] for each in numbers if each in came_in), default=0)
            after = starts[np.searchsorted(starts, first) :]
            result[number] = int(after[0]) if len(after) else 0
    return result
