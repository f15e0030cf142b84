"""The files through which verilog/frame_bench.v takes a stage of a run and gives its outcome.

In: `settings`, `frames` per port and `accesses`, big-endian, since `$fread` is. Out: `%u` writes 32-bit words in the
order of the machine, the lowest word of a vector first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hwmodel.simulation.fill.switch_core import PortSchedule

PATTERN_ROWS = 4096
BEAT_BYTES = 8
PORTS_MASK, HOLD_SHIFT = 0xFFFFFF, 24  # in a row of ready outputs
AT_ONCE = 0
NO_BYTE = b"\xa5"
MOST_PHASES = 64

EVENT = np.dtype([("cycle", "<u4"), ("port", "u1"), ("reason", "u1"), ("_", "<u2"), ("ports", "<u4"), ("full", "<u4")])
WRITE = np.dtype([("cycle", "<u4"), ("address", "<u2"), ("_", "<u2"), ("data", "<u4")])
DROPPED = np.dtype([("port", "<u4"), ("not_before", "<u4")])
# Of all ports, a bit for each: frames that begin and end in a cycle; beats that leave in it, and their tkeep and tdata.
MOVES = np.dtype([("cycle", "<u4"), ("starting", "<u4"), ("ending", "<u4")])
BEATS = [("cycle", "<u4"), ("firing", "<u4"), ("last", "<u4"), ("user", "<u4")]
ACCEPTED = np.dtype([("port", "<u4"), ("first", "<u4"), ("last", "<u4")])
COPY = np.dtype([("port", "<u4"), ("keep", "u1"), ("user", "u1"), ("beats", "<u2"), ("first", "<u4"), ("last", "<u4")])
ANSWER = np.dtype(
    [("cycle", "<u4"), ("address", "<u2"), ("response", "<u2"), ("data", "<u4"), ("number", "<u4"), ("accepted", "<u4")]
)
END = np.dtype([("cycle", "<u4"), ("flags", "<u2"), ("rule", "u1"), ("port", "u1")])
FAILED, SAW_X = 1, 2

Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Frame:
    """A frame on its way in; it is not offered before its cycle, and if it `must_not_wait` not later either.

    In a stage with phases it is of one, and its cycle counts from when that phase's accesses are done.
    """

    port: int
    data: bytes
    is_bad: bool = False
    empty_last_beat: bool = False
    not_before: int = AT_ONCE
    must_not_wait: bool = False
    phase: int = 0


@dataclass(frozen=True)
class Access:
    """A register access. It waits for the end of those before it, or, if it `overlaps`, for a free channel."""

    address: int
    data: int = 0
    is_read: bool = False
    not_before: int = AT_ONCE
    after_traffic: bool = False
    overlaps: bool = False
    phase: int = 0


@dataclass(frozen=True)
class Phase:
    """What holds from one time at which the core is quiet to the next: a switch, and how outputs' queues take turns.

    `is_contest`: no output is ready until all has come in that finds room, so that it is known what every queue holds.
    """

    switch: Any
    schedules: Mapping[int, PortSchedule] = field(default_factory=dict)
    is_contest: bool = False


@dataclass
class Stage:
    """What happens between two resets. `cut_at`: the cycle in which the next reset comes, whatever is under way.

    `phases`: where they are known, the accesses of each are done while the core is quiet, and then its frames come; all
    cycles of frames count from then on. Without, frames and accesses come by their cycles alone.
    `reset_cycles`: of the core before this stage, 1 to 3; 0 gives it four. `hold`: by the cycle, bit 0 while no answer
    of a register is taken, 1 to 3 where no araddr, awaddr, wdata begins. The three patterns have as many rows, a power
    of two up to 2^17, and repeat.
    """

    frames: Sequence[Frame]
    accesses: Sequence[Access] = ()
    phases: Sequence[Phase] = ()
    ready: npt.NDArray[np.uint32] = field(default_factory=lambda: always(PATTERN_ROWS))
    leave: npt.NDArray[np.uint32] = field(default_factory=lambda: always(PATTERN_ROWS))
    hold: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(PATTERN_ROWS, np.uint32))
    cut_at: int | None = None
    last_cycle: int = 2**31
    reset_cycles: int = 0


@dataclass
class Outcome:
    """What the core did in a stage. `answers` are in the order of the accesses; `rule`: of a protocol, 0 or broken.

    A read's answer says in which cycle its address was `accepted`; a write's, whose address and data may be apart, 0.
    """

    events: Records
    writes: Records
    accepted: Records
    dropped: Records  # by the sources
    copies: Records
    answers: Records
    beats: list[bytes]
    last_cycle: int
    failed: bool
    saw_x: bool
    rule: int = 0
    rule_port: int = 0

    def answered(self, accesses: Sequence[Access]) -> list[tuple[Access, Any]]:
        """Return the accesses of the stage that were answered, with their answers; of a stage that is cut not all."""
        return [(accesses[int(answer["number"])], answer) for answer in self.answers]

    def copies_of(self, port: int) -> tuple[Records, list[bytes]]:
        """Return the records and the bytes of the copies that left by a port, in order."""
        records = self.copies[self.copies["port"] == port]
        data = self.beats[port]
        ends = np.cumsum(records["beats"].astype(np.int64)) * BEAT_BYTES
        starts = ends - records["beats"].astype(np.int64) * BEAT_BYTES
        kept = np.bitwise_count(records["keep"]).astype(np.int64)
        lengths = ends - starts - BEAT_BYTES + kept
        return records, [data[a : a + n] for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)]


def always(n_rows: int) -> npt.NDArray[np.uint32]:
    """Return a pattern with all bits set."""
    return np.full(n_rows, 0xFFFFFFFF, np.uint32)


def frame_bytes(frame: Frame) -> bytes:
    """Return the bytes of a frame's record: a head of eight, then its beats, byte 0 of each in the lowest place."""
    n_beats = -(-len(frame.data) // BEAT_BYTES) + frame.empty_last_beat
    in_last = 0 if frame.empty_last_beat else len(frame.data) - BEAT_BYTES * (n_beats - 1)
    head = frame.not_before << 32 | n_beats << 16 | ((1 << in_last) - 1) << 8
    head |= frame.phase << 2 | frame.must_not_wait << 1 | frame.is_bad
    # What tkeep leaves out is anything.
    padded = frame.data + NO_BYTE * (n_beats * BEAT_BYTES - len(frame.data))
    return head.to_bytes(8, "big") + np.frombuffer(padded, "<u8").astype(">u8").tobytes()


def write_stage(folder: Path, number: int, stage: Stage, n_ports: int) -> None:
    """Write the files of a stage."""
    last = stage.last_cycle if stage.cut_at is None else stage.cut_at
    flags = len(stage.ready) - 1 << 32 | max(len(stage.phases) - 1, 0) << 16
    flags |= stage.reset_cycles << 8 | bool(stage.phases) << 1 | (stage.cut_at is not None)
    stalled = sum(phase.is_contest << number for number, phase in enumerate(stage.phases))
    head = last.to_bytes(4, "big") + flags.to_bytes(8, "big") + stalled.to_bytes(8, "big")
    rows = stage.ready.astype(">u8") & np.uint64(PORTS_MASK) | stage.leave.astype(">u8") << np.uint64(32)
    rows |= stage.hold.astype(">u8") << np.uint64(HOLD_SHIFT)
    (folder / f"settings_{number}.bin").write_bytes(head + rows.astype(">u8").tobytes())
    for port in range(n_ports):
        data = b"".join(frame_bytes(frame) for frame in stage.frames if frame.port == port)
        (folder / f"frames_{number}_{port}.bin").write_bytes(data)
    words = [
        access.not_before << 64
        | access.phase << 51
        | (access.overlaps << 2 | access.after_traffic << 1 | access.is_read) << 48
        | access.address << 32
        | access.data & 0xFFFFFFFF
        for access in stage.accesses
    ]
    (folder / f"accesses_{number}.bin").write_bytes(b"".join(word.to_bytes(12, "big") for word in words))


def read_stage(folder: Path, number: int, n_ports: int) -> Outcome:
    """Read what the core did in a stage."""

    def records(name: str, dtype: np.dtype[np.void]) -> Records:
        return np.frombuffer((folder / f"{name}_{number}.bin").read_bytes(), dtype)

    (end,) = records("end", END)
    copies, beats = copies_of_beats(records("beats", beats_dtype(n_ports)), n_ports)
    return Outcome(
        events=records("events", EVENT),
        writes=records("writes", WRITE),
        accepted=accepted_of_moves(records("accepted", MOVES), n_ports),
        dropped=records("dropped", DROPPED),
        copies=copies,
        answers=np.sort(records("answers", ANSWER), order="number"),
        beats=beats,
        last_cycle=int(end["cycle"]),
        failed=bool(end["flags"] & FAILED),
        saw_x=bool(end["flags"] & SAW_X),
        rule=int(end["rule"]),
        rule_port=int(end["port"]),
    )


def beats_dtype(n_ports: int) -> np.dtype[np.void]:
    """Return the record of a cycle in which beats left."""
    n_bytes = (n_ports // 4 + 1) * 4
    return np.dtype([*BEATS, ("keep", "u1", (n_bytes,)), ("data", "<u8", (n_ports,))])


def accepted_of_moves(moves: Records, n_ports: int) -> Records:
    """Return the frames whose last beat was accepted, in order."""
    found = []
    for port in range(n_ports):
        last = moves["cycle"][_of_port(moves["ending"], port)]
        records = np.empty(len(last), ACCEPTED)
        records["port"], records["last"] = port, last
        records["first"] = moves["cycle"][_of_port(moves["starting"], port)][: len(last)]
        found.append(records)
    return _in_order(found)


def copies_of_beats(rows: Records, n_ports: int) -> tuple[Records, list[bytes]]:
    """Return the copies that left whole, in order, and each port's beats one after another."""
    found, beats = [], []
    for port in range(n_ports):
        mine = _of_port(rows["firing"], port)
        beats.append(rows["data"][mine, port].tobytes())
        ends = _of_port(rows["last"][mine], port)
        starts = np.concatenate([[0], ends + 1])[:-1]
        last = rows[mine[ends]]
        records = np.empty(len(ends), COPY)
        records["port"], records["keep"] = port, last["keep"][:, port]
        records["user"] = last["user"] >> port & 1
        records["beats"] = ends + 1 - starts
        records["first"], records["last"] = rows["cycle"][mine[starts]], last["cycle"]
        found.append(records)
    return _in_order(found), beats


def _of_port(masks: npt.NDArray[np.uint32], port: int) -> npt.NDArray[np.int64]:
    """Return the places of the masks that have a port's bit."""
    return np.flatnonzero(masks >> port & 1)


def _in_order(records: Sequence[Records]) -> Records:
    """Return all ports' records in the order of their last cycles, those of a cycle in the order of the ports."""
    joined = np.concatenate(records)
    return joined[np.lexsort((joined["port"], joined["last"]))]
