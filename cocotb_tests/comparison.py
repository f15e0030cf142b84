"""What the switch core did in a stage against what the model decides: events, copies, order, counters.

Each frame is decided with the tables of the cycle in which the core looks at them: a register write shown in cycle e
counts for frames decided in e + 3 or later (docs/switch_core.md). Which copies find no room depends on timing: what is
expected here takes the core's word for it, and then timing_comparison.py asks the twin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import Access, Outcome, Stage
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.decisions import FrameTable, copy_frames, decide_frames, queue_of
from cocotb_tests.divergence import REASON_NAMES, Divergence, describe
from cocotb_tests.register_image import RegisterImage
from cocotb_tests.timing_comparison import compare_timing
from hwmodel.kernels.drop_reason import DropReason

WRITE_TO_DECISION = 3
QUEUE_FULL = int(DropReason.QUEUE_FULL)


@dataclass
class Copy:
    """A copy that the model expects: of which frame, in which queue, with which bytes."""

    frame: int
    queue: int
    data: bytes


@dataclass
class Expectation:
    """What the model says of each event, and the copies of each port's queues in the order of their writing."""

    frame_of_event: npt.NDArray[np.int64]
    verdicts: Any
    full: npt.NDArray[np.int64]
    queues: list[list[list[Copy]]]
    image: RegisterImage
    divergences: list[Divergence] = field(default_factory=list)


def compare(parameters: CoreParameters, stage: Stage, outcome: Outcome) -> tuple[Divergence | None, Expectation | None]:
    """Return the earliest divergence, or None, and what was expected."""
    if outcome.saw_x:
        return Divergence("X", outcome.last_cycle, "defined values", "X on an output, or tkeep with gaps"), None
    if wrong := _compare_writes(stage, outcome):
        return wrong, None
    frame_of_event, wrong = _frames_of_events(parameters, stage, outcome)
    if wrong:
        return wrong, None
    expected = _expect(parameters, stage, outcome, frame_of_event)
    expected.divergences += _compare_events(parameters, outcome, expected)
    if not expected.divergences:
        for port in range(parameters.ports):
            expected.divergences += _compare_copies(port, stage, outcome, expected)
    if not expected.divergences:
        expected.divergences += compare_timing(parameters, stage, outcome, expected.frame_of_event)
    if not expected.divergences and outcome.failed:
        missing = f"{len(stage.frames) - len(outcome.events)} frames undecided"
        expected.divergences.append(Divergence("no end", outcome.last_cycle, "all frames through", missing))
    if not expected.divergences and stage.cut_at is None:
        expected.divergences += _compare_counters(parameters, outcome, expected)
    return min(expected.divergences, key=lambda each: each.cycle, default=None), expected


def _compare_writes(stage: Stage, outcome: Outcome) -> Divergence | None:
    """Each write that was answered was shown, once and in order."""
    asked = [(access.address, access.data) for access in stage.accesses if not access.is_read]
    shown = [(int(write["address"]), int(write["data"])) for write in outcome.writes]
    is_whole = stage.cut_at is None and not outcome.failed
    for i, (write, expected) in enumerate(zip(shown, asked, strict=False)):
        if write != expected:
            return Divergence("register write", int(outcome.writes[i]["cycle"]), _hex(expected), _hex(write))
    if len(shown) > len(asked) or (is_whole and len(shown) < len(asked)):
        return Divergence("register writes", outcome.last_cycle, f"{len(asked)} writes", f"{len(shown)} writes")
    for answer in outcome.answers:
        if answer["response"] != 0:
            where = f"at {int(answer['address']):#06x}"
            return Divergence("register access", int(answer["cycle"]), f"OKAY {where}", f"{answer['response']} {where}")
    return None


def _hex(write: tuple[int, int]) -> str:
    return f"{write[0]:#06x} <= {write[1]:#010x}"


def _frames_of_events(
    parameters: CoreParameters, stage: Stage, outcome: Outcome
) -> tuple[npt.NDArray[np.int64], Divergence | None]:
    """Say which frame each event is about: those of a port are decided in the order in which they came in."""
    of_port: list[list[int]] = [[] for _ in range(parameters.ports)]
    for index, frame in enumerate(stage.frames):
        of_port[frame.port].append(index)
    frames, seen = np.zeros(len(outcome.events), np.int64), [0] * parameters.ports
    pairs = zip(outcome.events["port"].tolist(), outcome.events["cycle"].tolist(), strict=True)
    accepted = [
        np.sort(outcome.accepted["last"][outcome.accepted["port"] == p]).tolist() for p in range(parameters.ports)
    ]
    for i, (port, cycle) in enumerate(pairs):
        if port >= parameters.ports or seen[port] >= len(accepted[port]) or accepted[port][seen[port]] >= cycle:
            return frames, Divergence("event", cycle, f"no event of port {port}", "one without a frame")
        frames[i] = of_port[port][seen[port]]
        seen[port] += 1
    return frames, None


def _expect(
    parameters: CoreParameters, stage: Stage, outcome: Outcome, frame_of_event: npt.NDArray[np.int64]
) -> Expectation:
    """Ask the model about the frames, from one register write to the next."""
    table, image = FrameTable.of(list(stage.frames)), RegisterImage(parameters)
    events, writes = outcome.events, outcome.writes
    verdicts: list[Any] = []
    queues: list[list[list[Copy]]] = [[[] for _ in range(parameters.priorities)] for _ in range(parameters.ports)]
    first_event = np.searchsorted(events["cycle"], writes["cycle"].astype(np.int64) + WRITE_TO_DECISION)
    bounds = np.append(first_event, len(events))
    begin = 0
    for i in range(len(writes) + 1):
        end = int(bounds[i])
        if end > begin:
            chosen = frame_of_event[begin:end]
            verdicts.append(decide_frames(image.tables, table, chosen))
            _expect_copies(parameters, image, table, chosen, verdicts[-1], events["full"][begin:end], queues)
            begin = end
        if i < len(writes):
            image.write(int(writes[i]["address"]), int(writes[i]["data"]))
    whole = np.concatenate(verdicts) if verdicts else decide_frames(image.tables, table, frame_of_event)
    return Expectation(frame_of_event, whole, events["full"].astype(np.int64), queues, image)


def _expect_copies(
    parameters: CoreParameters,
    image: RegisterImage,
    table: FrameTable,
    chosen: npt.NDArray[np.int64],
    verdicts: Any,
    full: npt.NDArray[np.uint32],
    queues: list[list[list[Copy]]],
) -> None:
    written = verdicts["ports"] & ~full.astype(np.int64)
    for port in range(parameters.ports):
        rows = np.flatnonzero(written >> port & 1)
        copies = copy_frames(image.tables, table, chosen[rows], np.full(len(rows), port, np.int64))
        for row, data in zip(rows.tolist(), copies, strict=True):
            queue = queue_of(int(verdicts["priority"][row]), parameters.priorities)
            queues[port][queue].append(Copy(int(chosen[row]), queue, data))


def _verdict(reason: int, ports: int, full: int) -> str:
    names = ", ".join(str(port) for port in range(32) if ports >> port & 1)
    text = f"{REASON_NAMES.get(reason, reason)} to ports [{names}]"
    return text + (f", full {full:#x}" if full else "")


def _compare_events(parameters: CoreParameters, outcome: Outcome, expected: Expectation) -> list[Divergence]:
    events, verdicts, full = outcome.events, expected.verdicts, expected.full
    lost_all = (verdicts["ports"] != 0) & (verdicts["ports"] & ~full == 0)
    reason = np.where(lost_all, QUEUE_FULL, verdicts["reason"])
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


def _compare_copies(port: int, stage: Stage, outcome: Outcome, expected: Expectation) -> list[Divergence]:
    """Find where the copies that left by a port are not those of its queues, each queue's in order.

    Two queues may have the same bytes at their heads; then every choice is followed until only one is left.
    """
    records, copies = outcome.copies_of(port)
    queues = expected.queues[port]
    heads = {(0,) * len(queues)}
    for i, data in enumerate(copies):
        after = {
            (*at[:q], at[q] + 1, *at[q + 1 :])
            for at in heads
            for q, queue in enumerate(queues)
            if at[q] < len(queue) and queue[at[q]].data == data
        }
        if not after or records["user"][i]:
            waiting = [queue[at[q]] for at in sorted(heads)[:1] for q, queue in enumerate(queues) if at[q] < len(queue)]
            said = "; ".join(f"frame {copy.frame}, {describe(copy.data)}" for copy in waiting) or "nothing"
            concerned = waiting[0].frame if waiting else None
            return [Divergence(f"copy at port {port}", int(records["first"][i]), said, describe(data), concerned)]
        heads = after
    left = min(sum(len(queue) for queue in queues) - sum(at) for at in heads)
    if left and stage.cut_at is None:
        at = min(heads)
        missing = next(queue[at[q]] for q, queue in enumerate(queues) if at[q] < len(queue))
        text = f"frame {missing.frame}, {describe(missing.data)}"
        return [Divergence(f"copy at port {port}", outcome.last_cycle, text, "nothing", missing.frame)]
    return []


def counter_reads(parameters: CoreParameters) -> list[Access]:
    """Return accesses that read all counters when the traffic is over."""
    offsets = [*range(0, 256, 4), *range(regs.COUNTER_RECEIVED, regs.COUNTER_SENT + 8, 4)]
    return [
        Access(regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + offset, is_read=True, after_traffic=True)
        for port in range(parameters.ports)
        for offset in offsets
    ]


def _compare_counters(parameters: CoreParameters, outcome: Outcome, expected: Expectation) -> list[Divergence]:
    words = {
        int(answer["address"]): int(answer["data"])
        for answer in outcome.answers
        if answer["address"] >= regs.COUNTER_BASE
    }
    if not words:
        return []
    events, verdicts, full = outcome.events, expected.verdicts, expected.full
    for port in range(parameters.ports):
        own = events["port"] == port
        drops = np.bincount(verdicts["reason"][own], minlength=64)[:32]
        drops[int(DropReason.NONE)] = 0
        drops[QUEUE_FULL] = int((full >> port & 1).sum())
        is_chosen = verdicts["ports"] >> port & 1
        lost = (verdicts["ports"] != 0) & (verdicts["ports"] & ~full == 0) & own
        wanted = {8 * reason: int(count) for reason, count in enumerate(drops)}
        wanted[regs.COUNTER_RECEIVED] = int(own.sum())
        wanted[regs.COUNTER_LOST] = int(lost.sum())
        wanted[regs.COUNTER_COPIES] = int(is_chosen.sum())
        wanted[regs.COUNTER_SENT] = int((is_chosen & ~(full >> port) & 1).sum())
        for offset, value in wanted.items():
            base = regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + offset
            found = words[base] | words[base + 4] << 32
            if found != value:
                name = f"counter {base:#06x} of port {port}"
                return [Divergence(name, outcome.last_cycle, str(value), str(found))]
    return []
