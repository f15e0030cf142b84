"""The decisions that a core records, frame by frame: ports, reasons, and the copies of each queue in order.

Each frame is decided with the tables of the cycle in which the core looks at them: a register write shown in cycle e
counts for frames decided in e + 7 or later (docs/switch_core.md). Which copies find no room depends on timing: what is
expected here takes the core's word for it. Where the file claims so, timing_comparison.py asks the twin; else a copy
may have found no room only where its queue may have been full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import PortCounters
from cocotb_tests.batch_files import BEAT_BYTES, Outcome, Records, Stage
from cocotb_tests.copy_rules import BYTES, LEAVES, rule_of_copy
from cocotb_tests.decisions import VERDICT, FrameTable, copy_frames, decide_frames, queue_of
from cocotb_tests.divergence import REASON_NAMES, Divergence, describe
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import Expectation, tables_of
from cocotb_tests.lost_copies import Loss, Stay, unjustified_loss
from cocotb_tests.queue_order import Departure, wrong_turn
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.rules.switch_core_cycles import DECISION_CYCLES, LOOK_CYCLES

WRITE_TO_DECISION = DECISION_CYCLES - LOOK_CYCLES + 1
QUEUE_FULL = int(DropReason.QUEUE_FULL)
N_REASONS = 64


@dataclass
class Copy:
    """A copy that the model expects: of which frame, with which bytes, written in which cycle."""

    frame: int
    data: bytes
    cycle: int


Way = tuple[Any, int] | None  # the way before, and the queue of the last copy
Queues = list[list[list[Copy]]]  # of each port, of each of its queues, in the order in which they were written


def compare_events(core: Core, stage: Stage, outcome: Outcome) -> tuple[Expectation, dict[int, PortCounters]]:
    """Return what was expected with what differs, and what the core should have counted."""
    frame_of_event, wrong = _frames_of_events(core.shape.ports, stage, outcome)
    if wrong:
        no_verdicts = np.zeros(0, VERDICT).view(np.recarray)
        return Expectation(frame_of_event, no_verdicts, np.zeros(0, np.int64), [wrong]), {}
    expected, queues = _expect(core, stage, outcome, frame_of_event)
    expected.n_lost = int(np.bitwise_count(expected.full).sum())
    expected.divergences += _compare_decisions(outcome, expected)
    if core.dut.keys.losses == "none":
        expected.divergences += _compare_losses(outcome, expected)
    if not expected.divergences:
        for port in range(core.shape.ports):
            found, ways = _compare_copies(port, stage, outcome, queues[port])
            expected.n_copies += len(outcome.copies_of(port)[0])
            if not found and core.dut.keys.timing != "twin":
                found = min(
                    (_judge_losses(core, port, queues[port], way, outcome, expected, stage) for way in ways), key=len
                ) or min(
                    (
                        wrong_turn(core, stage, outcome, port, _departures(port, queues[port], way, stage, outcome))
                        for way in ways
                    ),
                    key=len,
                )
            # AXI4-Stream leaves these bytes open; the core that the twin stands for has zeros (docs/switch_core.md).
            if not found and core.dut.keys.timing == "twin":
                found = _compare_ends(port, outcome)
            expected.divergences += found
    return expected, _counted(core.shape.ports, outcome, expected)


def _frames_of_events(n_ports: int, stage: Stage, outcome: Outcome) -> tuple[npt.NDArray[np.int64], Divergence | None]:
    """Say which frame each event is about: those of a port are decided in the order in which they came in."""
    of_port: list[list[int]] = [[] for _ in range(n_ports)]
    for index, frame in enumerate(stage.frames):
        of_port[frame.port].append(index)
    frames, seen = np.zeros(len(outcome.events), np.int64), [0] * n_ports
    pairs = zip(outcome.events["port"].tolist(), outcome.events["cycle"].tolist(), strict=True)
    accepted = [np.sort(outcome.accepted["last"][outcome.accepted["port"] == p]).tolist() for p in range(n_ports)]
    for i, (port, cycle) in enumerate(pairs):
        if port >= n_ports or seen[port] >= len(accepted[port]) or accepted[port][seen[port]] >= cycle:
            return frames, Divergence("event", cycle, f"no event of port {port}", "one without a frame")
        frames[i] = of_port[port][seen[port]]
        seen[port] += 1
    return frames, None


def _expect(
    core: Core, stage: Stage, outcome: Outcome, frame_of_event: npt.NDArray[np.int64]
) -> tuple[Expectation, Queues]:
    """Ask the model about the frames, from one register write to the next."""
    shape, events = core.shape, outcome.events
    table = FrameTable.of(list(stage.frames))
    verdicts: list[Any] = []
    queues: Queues = [[[] for _ in range(shape.priorities)] for _ in range(shape.ports)]
    for begin, end, tables in _spans(core, stage, outcome, frame_of_event):
        chosen = frame_of_event[begin:end]
        verdicts.append(decide_frames(tables, table, chosen))
        _expect_copies(tables, table, chosen, verdicts[-1], events[begin:end], queues)
    whole = np.concatenate(verdicts) if verdicts else np.zeros(0, VERDICT)
    return Expectation(frame_of_event, whole.view(np.recarray), events["full"].astype(np.int64)), queues


def _spans(
    core: Core, stage: Stage, outcome: Outcome, frame_of_event: npt.NDArray[np.int64]
) -> Iterable[tuple[int, int, Any]]:
    """Give the first event, the event after the last and the tables between two register writes."""
    n_events = len(outcome.events)
    if core.dut.keys.records.writes is None:
        # In a phase all frames are decided before the next one begins.
        phases = np.array([frame.phase for frame in stage.frames])[frame_of_event]
        for number in np.unique(phases).tolist():
            begin, end = np.searchsorted(phases, [number, number + 1]).tolist()
            yield begin, end, tables_of(stage.phases[number].switch, core.shape)[0]
        return
    image, writes, begin = core.backend.image(), outcome.writes, 0
    first_event = np.searchsorted(outcome.events["cycle"], writes["cycle"].astype(np.int64) + WRITE_TO_DECISION)
    for i, end in enumerate(np.append(first_event, n_events).tolist()):
        if end > begin:
            yield begin, end, image.tables
            begin = end
        if i < len(writes):
            image.write(int(writes[i]["address"]), int(writes[i]["data"]))


def _expect_copies(
    tables: Any,
    table: FrameTable,
    chosen: npt.NDArray[np.int64],
    verdicts: Any,
    events: Records,
    queues: Queues,
) -> None:
    written = verdicts["ports"] & ~events["full"].astype(np.int64)
    for port, own in enumerate(queues):
        rows = np.flatnonzero(written >> port & 1)
        copies = copy_frames(tables, table, chosen[rows], np.full(len(rows), port, np.int64))
        for row, data in zip(rows.tolist(), copies, strict=True):
            queue = own[queue_of(int(verdicts["priority"][row]), len(own))]
            queue.append(Copy(int(chosen[row]), data, int(events["cycle"][row])))


def _verdict(reason: int, ports: int, full: int) -> str:
    names = ", ".join(str(port) for port in range(32) if ports >> port & 1)
    text = f"{REASON_NAMES.get(reason, reason)} to ports [{names}]"
    return text + (f", full {full:#x}" if full else "")


def _lost_all(expected: Expectation) -> npt.NDArray[np.bool_]:
    ports = expected.verdicts["ports"]
    result: npt.NDArray[np.bool_] = (ports != 0) & (ports & ~expected.full == 0)
    return result


def _compare_decisions(outcome: Outcome, expected: Expectation) -> list[Divergence]:
    events, verdicts, full = outcome.events, expected.verdicts, expected.full
    reason = np.where(_lost_all(expected), QUEUE_FULL, verdicts["reason"])
    wrong = (events["reason"] != reason) | (events["ports"] != verdicts["ports"]) | (full & ~verdicts["ports"] != 0)
    return [
        Divergence(
            "decision",
            int(events["cycle"][i]),
            _verdict(int(reason[i]), int(verdicts["ports"][i]), int(full[i] & verdicts["ports"][i])),
            _verdict(int(events["reason"][i]), int(events["ports"][i]), int(full[i])),
            int(expected.frame_of_event[i]),
        )
        for i in np.flatnonzero(wrong)[:1]
    ]


def _compare_losses(outcome: Outcome, expected: Expectation) -> list[Divergence]:
    return [
        Divergence(
            "full queue",
            int(outcome.events["cycle"][i]),
            "room everywhere, as the core's file says",
            f"no room at ports {int(expected.full[i]):#x}",
            int(expected.frame_of_event[i]),
        )
        for i in np.flatnonzero(expected.full)[:1]
    ]


def _compare_copies(
    port: int, stage: Stage, outcome: Outcome, queues: list[list[Copy]]
) -> tuple[list[Divergence], list[Way]]:
    """Find where the copies that left by a port are not those of its queues, each queue's in order.

    Two queues may have the same bytes at their heads; then every choice is followed until only one is left. The ways
    that are left say of each copy, the last one first, from which queue it came.
    """
    records, copies = outcome.copies_of(port)
    heads: dict[tuple[int, ...], Way] = {(0,) * len(queues): None}
    for i, data in enumerate(copies):
        after: dict[tuple[int, ...], Way] = {
            (*at[:q], at[q] + 1, *at[q + 1 :]): (way, q)
            for at, way in heads.items()
            for q, queue in enumerate(queues)
            if at[q] < len(queue) and queue[at[q]].data == data
        }
        if not after or records["user"][i]:
            waiting = [queue[at[q]] for at in sorted(heads)[:1] for q, queue in enumerate(queues) if at[q] < len(queue)]
            said = "; ".join(f"frame {copy.frame}, {describe(copy.data)}" for copy in waiting) or "nothing"
            concerned = waiting[0].frame if waiting else None
            wrong = Divergence(f"copy at port {port}", int(records["first"][i]), said, describe(data), concerned)
            return [replace(wrong, rule=_rule(queues, min(heads), data, copies[i + 1 :]))], []
        heads = after
    left = min(sum(len(queue) for queue in queues) - sum(at) for at in heads)
    if left and stage.cut_at is None:
        at = min(heads)
        missing = next(queue[at[q]] for q, queue in enumerate(queues) if at[q] < len(queue))
        text = f"frame {missing.frame}, {describe(missing.data)}"
        return [Divergence(f"copy at port {port}", outcome.last_cycle, text, "nothing", missing.frame, LEAVES)], []
    return [], list(heads.values())


def _rule(queues: list[list[Copy]], at: tuple[int, ...], data: bytes, later: list[bytes]) -> str:
    """Return the rule that a copy breaks."""
    flows = [[(copy.frame, copy.data) for copy in queue] for queue in queues]
    places: dict[bytes, list[tuple[int, int]]] = {}
    for number, flow in enumerate(flows):
        for index, (_, its) in enumerate(flow):
            places.setdefault(its, []).append((number, index))
    return rule_of_copy(places, flows, at, data, later) or BYTES


def _departures(port: int, queues: list[list[Copy]], way: Way, stage: Stage, outcome: Outcome) -> list[Departure]:
    """Return the copies that left, in their order."""
    order: list[int] = []
    while way is not None:
        way, queue = way
        order.append(queue)
    heads = [iter(queue) for queue in queues]
    result = []
    for queue, record in zip(reversed(order), outcome.copies_of(port)[0], strict=True):
        frame = next(heads[queue]).frame
        result.append(Departure(frame, queue, len(stage.frames[frame].data), int(record["first"])))
    return result


def _judge_losses(
    core: Core, port: int, queues: list[list[Copy]], way: Way, outcome: Outcome, expected: Expectation, stage: Stage
) -> list[Divergence]:
    """Find a copy that found no room in a queue that had some."""
    records, shape = outcome.copies_of(port)[0], core.shape
    left: list[list[int]] = [[] for _ in queues]
    for record in reversed(range(len(records))):
        assert way is not None
        way, queue = way
        left[queue].append(int(records["last"][record]))
    stays = [
        [
            Stay(max(len(copy.data), len(stage.frames[copy.frame].data)), copy.cycle, until)
            for copy, until in zip(queue, [*ends[::-1], *[outcome.last_cycle] * (len(queue) - len(ends))], strict=True)
        ]
        for queue, ends in zip(queues, left, strict=True)
    ]
    losses: list[list[Loss]] = [[] for _ in queues]
    for row in np.flatnonzero(expected.full >> port & 1).tolist():
        frame, cycle = int(expected.frame_of_event[row]), int(outcome.events["cycle"][row])
        queue = queue_of(int(expected.verdicts["priority"][row]), len(queues))
        losses[queue].append(Loss(frame, len(stage.frames[frame].data), cycle, cycle))
    return [found for q, lost in enumerate(losses) for found in unjustified_loss(port, shape, stays[q], lost)]


def _compare_ends(port: int, outcome: Outcome) -> list[Divergence]:
    """Find where a last beat has bytes outside its tkeep that are not 0."""
    records = outcome.copies[outcome.copies["port"] == port]
    last = np.frombuffer(outcome.beats[port], "<u8")[np.cumsum(records["beats"].astype(np.int64)) - 1]
    n_kept = np.bitwise_count(records["keep"]).astype(np.uint64)
    # Shifts by less than 64 bits alone are defined.
    rest = np.where(n_kept < BEAT_BYTES, last >> (8 * n_kept % 64), 0)
    return [
        Divergence(
            f"end of a copy at port {port}", int(records["last"][i]), "zeros outside tkeep", f"{int(last[i]):#018x}"
        )
        for i in np.flatnonzero(rest)[:1]
    ]


def _counted(n_ports: int, outcome: Outcome, expected: Expectation) -> dict[int, PortCounters]:
    """Return what the counters should hold."""
    verdicts, full = expected.verdicts, expected.full
    result = {}
    for port in range(n_ports):
        own = outcome.events["port"] == port
        is_chosen = verdicts["ports"] >> port & 1
        drops = np.bincount(verdicts["reason"][own], minlength=N_REASONS)
        drops[int(DropReason.NONE)] = 0
        drops[QUEUE_FULL] = int((full >> port & 1).sum())
        result[port] = PortCounters(
            received=int(own.sum()),
            dropped=int((own & (verdicts["ports"] == 0)).sum()),
            copies=int(is_chosen.sum()),
            sent=int((is_chosen & ~(full >> port) & 1).sum()),
            lost_frames=int((_lost_all(expected) & own).sum()),
            drops=dict(enumerate(drops.tolist())),
        )
    return result
