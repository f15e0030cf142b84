"""What became of each frame, as Python values and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hwmodel.config import Config, as_config, only_server
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.switch_frames.decide import AUTO, DecidedBlock, FrameSwitch
from hwmodel.wire.pcap import LAST_NS, LONGEST_FRAME_BYTES, PcapBlock, read_blocks

# Small enough for the copies of a block: with the shortest frames for all of 129 stations some 100 MB.
BLOCK_BYTES = 256 << 10
BLOCK_FRAMES = 8192


class FrameCopy(NamedTuple):
    """Hold a copy as it leaves `port`; `original_bytes` exceeds `len(frame)` where the capture was cut short."""

    port: str
    frame: bytes
    original_bytes: int

    def to_mapping(self) -> dict[str, Any]:
        """Give port and hexadecimal bytes, and the full length of a frame that was cut short."""
        mapping: dict[str, Any] = {"port": self.port, "hex": self.frame.hex()}
        if self.original_bytes != len(self.frame):
            mapping["original_bytes"] = self.original_bytes
        return mapping


class SwitchedFrame(NamedTuple):
    """Hold what became of frame `number`, which came in at `in_port`.

    `vlan` is 0 where it was accepted in none (the modes vn_tag and e_tag: where it has no C-TAG), `drop` the name of
    the reason or None. A dropped frame may have mirrored copies all the same.
    """

    number: int
    in_port: str
    at_ns: int
    vlan: int
    priority: int
    deliver: tuple[FrameCopy, ...]
    mirrored: tuple[FrameCopy, ...]
    drop: str | None

    def to_mapping(self, with_in_port: bool = False) -> dict[str, Any]:
        """Give plain values; a dropped frame has no VLAN and priority, and `mirrored` only if there are any."""
        mapping: dict[str, Any] = {"frame": self.number}
        if with_in_port:
            mapping["in_port"] = self.in_port
        if self.drop is None:
            mapping |= {"vlan": self.vlan, "priority": self.priority}
        mapping["deliver"] = [copy.to_mapping() for copy in self.deliver]
        if self.drop is None or self.mirrored:
            mapping["mirrored"] = [copy.to_mapping() for copy in self.mirrored]
        mapping["drop"] = self.drop
        return mapping


def forward_frames(
    config: Config | str | Path | Mapping[str, Any],
    frames: str | os.PathLike[str] | Iterable[bytes | tuple[int, bytes]],
    in_port: str = AUTO,
    server: str | None = None,
) -> list[SwitchedFrame]:
    """Pass frames through the switch's decision, and return what became of each.

    `config` may be what `load_config` takes. `frames` is the path of a capture, or frames without FCS, each as bytes or
    as (time in nanoseconds from 0 on, bytes); without a time all come at once, which matters to policers alone.
    `in_port` is the name of the port at which they come in, or `auto`: the port that owns the source address, else the
    uplink, of several Ethernet ports (p0.uplink, p1.uplink) that of the destination's. `server`: whose switch, of
    several servers or adapters (a, or a.x). Raises InputError for an unknown port, for what are no frames, for a
    capture that cannot be read or cuts a header short, and where it is not clear whose switch is meant.
    """
    own = only_server(as_config(config), server).config
    switch = FrameSwitch(own.switch, in_port, own.switched_ports)
    if isinstance(frames, str | os.PathLike):
        try:
            return [
                each for block in read_blocks(frames, BLOCK_BYTES) for each in outcomes(switch, switch.decide(block))
            ]
        except InputError as error:
            raise InputError(in_capture(frames, error.lines)) from None
    blocks = _blocks_of(_timed(frames))
    return [each for block in blocks for each in outcomes(switch, switch.decide(block))]


def in_capture(path: str | os.PathLike[str], lines: Iterable[str]) -> list[str]:
    """Put the file's name before what is wrong with one of its frames."""
    return [f"{os.fspath(path)}: {line}" if line.startswith("frame ") else line for line in lines]


def _timed(frames: object) -> list[tuple[int, bytes]]:
    """Return frames each with its time, 0 without one; InputError for what are none."""
    if isinstance(frames, bytes) or not isinstance(frames, Iterable):
        raise InputError("frames: give the path of a capture, or a list of frames: bytes, or (nanoseconds, bytes)")
    timed = [each if isinstance(each, tuple) else (0, each) for each in frames]
    for number, each in enumerate(timed):
        match each:
            case (int(), bytes()):
                continue
        raise InputError(f"frame {number}: a frame is bytes, or (nanoseconds, bytes)")
    return timed


def _blocks_of(timed: list[tuple[int, bytes]]) -> Iterator[PcapBlock]:
    for number, (at_ns, frame) in enumerate(timed):
        if not 0 <= at_ns <= LAST_NS:
            raise InputError(f"frame {number}: the time {at_ns} ns lies outside the 2^32 s of a capture")
        if len(frame) > LONGEST_FRAME_BYTES:
            raise InputError(f"frame {number}: {len(frame)} bytes; at most {LONGEST_FRAME_BYTES} are taken")
    for first in range(0, len(timed), BLOCK_FRAMES):
        part = timed[first : first + BLOCK_FRAMES]
        yield PcapBlock.of_frames([at_ns for at_ns, _ in part], [frame for _, frame in part], first)


def outcomes(switch: FrameSwitch, decided: DecidedBlock) -> Iterator[SwitchedFrame]:
    """Give what became of each frame of a block."""
    copies = _by_arrival(switch, decided)
    decisions = decided.decisions
    columns = (
        decided.came_by,
        decided.at_ns,
        decisions["vlan"],
        decisions["priority"],
        decisions["reason"],
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    reasons = {reason.value: reason.name for reason in DropReason if reason}
    for index, (port, at_ns, vlan, priority, reason) in enumerate(rows):
        deliver, mirrored = copies.get(index, _NO_COPIES)
        yield SwitchedFrame(
            decided.first_frame + index,
            switch.names[port],
            at_ns,
            vlan,
            priority,
            tuple(deliver),
            tuple(mirrored),
            reasons.get(reason),
        )


_Lists = tuple[list[FrameCopy], list[FrameCopy]]
_NO_COPIES: _Lists = ([], [])


def _by_arrival(switch: FrameSwitch, decided: DecidedBlock) -> dict[int, _Lists]:
    """Give the copies of each frame that has any: delivered ones, mirrored ones."""
    found: dict[int, _Lists] = {}
    names = ("arrival", "is_mirrored", "first_byte", "captured_bytes", "original_bytes")
    rows = zip(decided.left_by.tolist(), *(decided.copies[name].tolist() for name in names), strict=True)
    out = decided.out
    for port, arrival, is_mirrored, first, n_bytes, original_bytes in rows:
        lists = found.get(arrival)
        if lists is None:
            lists = found[arrival] = ([], [])
        lists[is_mirrored].append(FrameCopy(switch.names[port], out[first : first + n_bytes], original_bytes))
    return found


def json_line(frame: SwitchedFrame, with_in_port: bool = False) -> str:
    """Write one frame's outcome as JSON on one line."""
    return json.dumps(frame.to_mapping(with_in_port))
