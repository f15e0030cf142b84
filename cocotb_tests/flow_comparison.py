"""The copies that leave a core which does not record its decisions: bytes, ports, and order within each flow.

A flow is the frames of one source port, one destination port and one priority. What a core does between flows is its
own affair. A copy may be missing only where the core's file allows losses, only if the core counts it, and only if its
queue may have been full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cocotb_tests.backend import PortCounters
from cocotb_tests.batch_files import Outcome, Phase, Stage
from cocotb_tests.copy_rules import GOOD, LEAVES, rule_of_copy, rule_of_stranger
from cocotb_tests.counter_comparison import read_counters
from cocotb_tests.decisions import I64, FrameTable, copy_frames, decide_frames, queue_of
from cocotb_tests.divergence import REASON_NAMES, Divergence, describe
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import Expectation, tables_of
from cocotb_tests.lost_copies import Loss, Stay, unjustified_loss
from cocotb_tests.queue_order import Departure, wrong_turn
from hwmodel.forwarding.drop_reason import DropReason

QUEUE_FULL = int(DropReason.QUEUE_FULL)
N_REASONS = 64
SAME_END = 16  # bytes by which a frame is recognised in a copy that should not be


Place = tuple[int, ...]  # in each flow, the first copy that has not left
Way = tuple[Any, int, int] | None  # by which a place was reached: the way before, and flow and index of the last copy


@dataclass
class PortFlows:
    """The copies that a port should send: `flows` has frames and bytes in order, `places` where bytes stand in them."""

    port: int
    flows: list[list[tuple[int, bytes]]]
    places: dict[bytes, list[tuple[int, int]]]
    may_lose: bool

    @property
    def n_copies(self) -> int:
        """Return the number of copies of all flows."""
        return sum(len(flow) for flow in self.flows)

    def after(self, heads: Mapping[Place, Way], data: bytes) -> dict[Place, Way]:
        """Return the places that the flows may have reached when a copy with these bytes has left, and a way to each.

        Copies that are skipped on the way are lost. In a flow the first place will do: a later one reaches no more.
        """
        reached: dict[Place, Way] = {}
        for at, way in heads.items():
            taken = set()
            for flow, index in self.places.get(data, ()):
                fits = index >= at[flow] if self.may_lose else index == at[flow]
                if fits and flow not in taken:
                    taken.add(flow)
                    reached.setdefault((*at[:flow], index + 1, *at[flow + 1 :]), (way, flow, index))
        return reached


def compare_flows(core: Core, stage: Stage, outcome: Outcome) -> tuple[Expectation, dict[int, PortCounters]]:
    """Return what was expected with what differs, and what the core should have counted."""
    table = FrameTable.of(list(stage.frames))
    everything = np.arange(len(stage.frames))
    spans = [(chosen, tables_of(phase.switch, core.shape)[0]) for chosen, phase in _phases(stage)]
    verdicts = np.concatenate([decide_frames(tables, table, chosen) for chosen, tables in spans]).view(np.recarray)
    expected = Expectation(everything, verdicts, np.zeros(len(everything), np.int64))
    n_lost: dict[int, int] = {}
    for port in range(core.shape.ports):
        chosen = np.flatnonzero(verdicts["ports"] >> port & 1)
        copies = _copies(spans, table, chosen, port)
        priorities = verdicts["priority"][chosen].tolist()
        flows = _flows(core, stage, port, list(zip(chosen.tolist(), priorities, copies, strict=True)))
        found, n_lost[port] = _compare_port(core, flows, stage, outcome, expected)
        expected.divergences += found
        expected.n_copies += flows.n_copies - n_lost[port]
    expected.n_lost = sum(n_lost.values())
    if not expected.divergences and stage.cut_at is None and any(n_lost.values()):
        expected.divergences += _compare_losses(core, stage, outcome, n_lost)
    return expected, _counted(core.shape.ports, stage, expected, n_lost)


def _phases(stage: Stage) -> Iterator[tuple[I64, Phase]]:
    """Give the frames of each phase, which follow each other."""
    of_phase = np.array([frame.phase for frame in stage.frames], np.int64)
    for number, phase in enumerate(stage.phases):
        yield np.flatnonzero(of_phase == number), phase


def _copies(spans: Sequence[tuple[I64, Any]], table: FrameTable, chosen: I64, port: int) -> list[bytes]:
    """Return the bytes of the copies of chosen frames for a port, each by the tables of its phase."""
    result = []
    for frames, tables in spans:
        mine = np.intersect1d(frames, chosen)
        result += copy_frames(tables, table, mine, np.full(len(mine), port, np.int64))
    return result


def _flows(core: Core, stage: Stage, port: int, copies: list[tuple[int, int, bytes]]) -> PortFlows:
    """Sort the copies of a port, frames with priorities and bytes, into flows."""
    flows: dict[tuple[int, int], list[tuple[int, bytes]]] = defaultdict(list)
    for frame, priority, data in copies:
        flows[stage.frames[frame].port, priority].append((frame, data))
    places = defaultdict(list)
    for number, flow in enumerate(flows.values()):
        for index, (_, data) in enumerate(flow):
            places[data].append((number, index))
    return PortFlows(port, list(flows.values()), dict(places), core.dut.keys.losses == "counted")


def _compare_port(
    core: Core, flows: PortFlows, stage: Stage, outcome: Outcome, expected: Expectation
) -> tuple[list[Divergence], int]:
    """Find where the copies that left by a port are not those of its flows; say how many of these did not leave.

    Two flows may have the same bytes; then every choice is followed until only one is left.
    """
    what, (records, copies) = f"copy at port {flows.port}", outcome.copies_of(flows.port)
    heads: dict[Place, Way] = {(0,) * len(flows.flows): None}
    for i, data in enumerate(copies):
        after = flows.after(heads, data)
        if not after or records["user"][i]:
            at = min(heads)
            waiting = [flow[n] for flow, n in zip(flows.flows, at, strict=True) if n < len(flow)]
            said = "; ".join(f"frame {frame}, {describe(wanted)}" for frame, wanted in waiting) or "nothing"
            frame = _origin(stage, data)
            mark = ", marked bad" * bool(records["user"][i])
            seen = describe(data) + mark + ("" if frame is None else _of_frame(frame, stage, expected))
            cycle = int(records["first"][i])
            rule = GOOD if mark else rule_of_copy(flows.places, flows.flows, at, data, copies[i + 1 :])
            if rule is None:
                ports = 0 if frame is None else int(expected.verdicts["ports"][frame])
                rule = rule_of_stranger(stage, outcome, flows.port, cycle, frame, ports)
            return [Divergence(what, cycle, said, seen, frame, rule)], 0
        heads = after
    n_missing = flows.n_copies - len(copies)
    if n_missing and stage.cut_at is None and not flows.may_lose:
        at = min(heads)
        frame, data = next(flow[n] for flow, n in zip(flows.flows, at, strict=True) if n < len(flow))
        said = f"frame {frame}, {describe(data)}"
        return [Divergence(what, outcome.last_cycle, said, "nothing", frame, LEAVES)], n_missing
    if n_missing and stage.cut_at is None:
        # Where copies are alike there are several ways to tell which were lost; one of them has to be possible.
        judged = [_judge_losses(core, flows, way, stage, outcome, expected) for way in heads.values()]
        if found := min(judged, key=len):
            return found, n_missing
    turns = [
        wrong_turn(core, stage, outcome, flows.port, _departures(core, flows, way, stage, outcome, expected))
        for way in heads.values()
    ]
    return min(turns, key=len), n_missing


def _departures(
    core: Core, flows: PortFlows, way: Way, stage: Stage, outcome: Outcome, expected: Expectation
) -> list[Departure]:
    """Return the copies that left, in their order."""
    result = []
    for record in reversed(outcome.copies_of(flows.port)[0]):
        assert way is not None
        way, flow, index = way
        frame = flows.flows[flow][index][0]
        queue = queue_of(int(expected.verdicts["priority"][frame]), core.shape.priorities)
        result.append(Departure(frame, queue, len(stage.frames[frame].data), int(record["first"])))
    return result[::-1]


def _judge_losses(
    core: Core, flows: PortFlows, way: Way, stage: Stage, outcome: Outcome, expected: Expectation
) -> list[Divergence]:
    """Find a copy that was lost although its queue had room; `way`: which copies left, in their order."""
    records = outcome.copies_of(flows.port)[0]
    left: list[dict[int, int]] = [{} for _ in flows.flows]  # by flow: the record of each copy that left
    for record in reversed(range(len(records))):
        assert way is not None
        way, flow, index = way
        left[flow][index] = record
    came_in = _first_cycles(core.shape.ports, stage, outcome)
    stays: dict[int, list[Stay]] = defaultdict(list)
    losses: dict[int, list[Loss]] = defaultdict(list)
    for flow, copies in enumerate(flows.flows):
        # In a flow no copy overtakes another: a lost one was lost before the next one left.
        latest = outcome.last_cycle
        for index in reversed(range(len(copies))):
            frame, data = copies[index]
            queue = queue_of(int(expected.verdicts["priority"][frame]), core.shape.priorities)
            n_bytes = max(len(data), len(stage.frames[frame].data))
            if (record := left[flow].get(index)) is None:
                losses[queue].append(Loss(frame, n_bytes, came_in[frame], latest))
            else:
                stays[queue].append(Stay(n_bytes, came_in[frame], int(records["last"][record])))
                latest = int(records["first"][record])
    return [
        found for queue in losses for found in unjustified_loss(flows.port, core.shape, stays[queue], losses[queue])
    ]


def _first_cycles(n_ports: int, stage: Stage, outcome: Outcome) -> dict[int, int]:
    """Return the cycle in which each frame's first beat was taken."""
    result = {}
    for port in range(n_ports):
        own = [i for i, frame in enumerate(stage.frames) if frame.port == port]
        first = np.sort(outcome.accepted["first"][outcome.accepted["port"] == port])
        result |= dict(zip(own, first.tolist(), strict=False))
    return result


def _origin(stage: Stage, data: bytes) -> int | None:
    """Return the frame that a copy is probably of: the first with its addresses and its end."""
    end = data[12:][-SAME_END:]
    for index, frame in enumerate(stage.frames):
        if len(end) > 1 and frame.data[:12] == data[:12] and frame.data[12:].endswith(end):
            return index
    return None


def _of_frame(frame: int, stage: Stage, expected: Expectation) -> str:
    """Say what the model does with a frame of which there is a wrong copy."""
    verdict = expected.verdicts[frame]
    ports = ", ".join(str(port) for port in range(32) if int(verdict["ports"]) >> port & 1)
    does = f"sends it to ports [{ports}]" if ports else f"drops it, {REASON_NAMES[int(verdict['reason'])]}"
    return f"\n         perhaps of frame {frame} from port {stage.frames[frame].port}; the model {does}"


def _compare_losses(core: Core, stage: Stage, outcome: Outcome, n_lost: dict[int, int]) -> list[Divergence]:
    """Each missing copy was counted as one that found no room."""
    counters = read_counters(core, stage, outcome)
    for port, missing in n_lost.items():
        counted = counters[port].drops.get(QUEUE_FULL, 0) if port in counters else 0
        if missing != counted:
            found = f"{counted} counted as QUEUE_FULL"
            said = f"{missing} missing"
            return [Divergence(f"lost copies at port {port}", outcome.last_cycle, said, found, rule=LEAVES)]
    return []


def _counted(n_ports: int, stage: Stage, expected: Expectation, n_lost: dict[int, int]) -> dict[int, PortCounters]:
    """Return what the counters should hold; frames all of whose copies were lost are not known."""
    verdicts = expected.verdicts
    from_port = np.array([frame.port for frame in stage.frames])
    result = {}
    for port in range(n_ports):
        own = from_port == port
        n_copies = int((verdicts["ports"] >> port & 1).sum())
        drops = np.bincount(verdicts["reason"][own], minlength=N_REASONS)
        drops[int(DropReason.NONE)] = 0
        drops[QUEUE_FULL] = n_lost[port]
        result[port] = PortCounters(
            received=int(own.sum()),
            dropped=int((own & (verdicts["ports"] == 0)).sum()),
            copies=n_copies,
            sent=n_copies - n_lost[port],
            drops=dict(enumerate(drops.tolist())),
        )
    return result
