"""Validate `bridge.flow_control`: classes at a bridge, their shares (ETS), and when it stops who sends to it."""

from __future__ import annotations

from typing import Annotated, Any

from hwmodel.rules.headroom import MOST_QUANTA, PRIORITIES, headroom_bytes, low_mark_bytes, response_bits
from hwmodel.rules.transmit_credits import MOST_CLASSES
from hwmodel.units import FS_PER_S

from .arbitration import ClassNumber
from .flow_control import FlowControl, FlowControlMode, Priority, each_of
from .kinds import Block, ByteCount, Duration, Listing, OfQueues, Truth, Whole, Word, key

_OF_CLASSES = OfQueues(ByteCount("0B", "1024MiB"), "[64KiB, 32KiB]")


class BridgeClass(Block):
    """A class of traffic at a bridge: its share of what a port sends (enhanced transmission selection, 802.1Qaz)."""

    percent: Annotated[int, Whole(0, 100)] = key(..., "Its share of the bandwidth; all classes together have 100.")


class BridgeFlowControl(Block):
    """PAUSE and priority flow control of a bridge: what has come by a port is counted there, and stops its sender."""

    mode: Annotated[FlowControlMode, Word(FlowControlMode)] = key(
        ..., "pause: all frames stop; pfc: each class by itself, with a queue of its own at each port."
    )
    classes: Annotated[
        tuple[BridgeClass, ...], Listing("[{percent: 70}, {percent: 30}]", least=1, most=MOST_CLASSES)
    ] = key([{"percent": 100}], "With mode pfc: classes of traffic, from class 0, with their shares of each port.")
    priorities: Annotated[tuple[ClassNumber, ...], Listing("[0, 0, 0, 0, 1, 1, 1, 1]", least=8, most=8)] | None = key(
        None, "Class of each priority, from 0 to 7; null: priority P is in class P * classes / 8."
    )
    lossless: Annotated[tuple[Priority, ...], Listing("[3, 4]", least=1, most=PRIORITIES)] | None = key(
        None, "With mode pfc: priorities whose senders are stopped; null: all. Others drop when their part is full."
    )
    send: Annotated[bool, Truth()] = key(True, "Whether ports stop who sends to them.")
    obey: Annotated[bool, Truth()] = key(True, "Whether ports stop when they are told to.")
    headroom_bytes: Annotated[tuple[int, ...], _OF_CLASSES] | None = key(
        None,
        "Bytes of a class's part of a port's buffer above the level at which the sender is stopped.",
        derived="by the formula of Linux' ixgbe, for the longest max_frame",
        alias="headroom",
    )
    low_water_bytes: Annotated[tuple[int, ...], _OF_CLASSES] | None = key(
        None,
        "Level of a part at which its sender may go on.",
        derived="the low mark of Linux' ixgbe, at most half of the high one",
        alias="low_water",
    )
    quanta: Annotated[int, Whole(1, MOST_QUANTA, what="a number of quanta")] = key(
        MOST_QUANTA, "For how long a control frame stops, in quanta of 512 bit times."
    )
    refresh: Annotated[int, Whole(1, MOST_QUANTA, what="a number of quanta")] | None = key(
        None, "After how many quanta the next control frame follows while a class is over.", derived="half of quanta"
    )
    response_delay_fs: Annotated[int, Duration("0ns", "50us")] | None = key(
        None,
        "Time from a control frame's last byte to its taking effect.",
        derived="55144 bit times of port.rate of the first adapter",
        alias="response_delay",
    )

    @property
    def is_by_class(self) -> bool:
        """Say whether each class is paused by itself (PFC)."""
        return self.mode == "pfc"

    @property
    def n_classes(self) -> int:
        """Return how many classes can be paused separately: 1 with PAUSE, which stops all frames."""
        return len(self.classes) if self.is_by_class else 1

    @property
    def refresh_quanta(self) -> int:
        """Return the quanta after which a pause is renewed by another control frame."""
        return self.refresh or max(1, self.quanta // 2)

    @property
    def classes_of_priorities(self) -> tuple[int, ...]:
        """Return the class of each priority."""
        if not self.is_by_class:
            return (0,) * PRIORITIES
        return self.priorities or tuple(each * self.n_classes // PRIORITIES for each in range(PRIORITIES))

    def priorities_of(self, number: int) -> tuple[int, ...]:
        """Return those priorities of a class that may be paused (the lossless ones)."""
        classes = self.classes_of_priorities
        lossless = range(PRIORITIES) if self.lossless is None or not self.is_by_class else self.lossless
        return tuple(priority for priority in sorted(set(lossless)) if classes[priority] == number)

    def part_bytes(self, bridge: Any) -> int:
        """Return the bytes that each class has of a port's buffer."""
        return int(bridge.buffer_bytes) // self.n_classes

    def high_marks(self, bridge: Any, longest: int) -> tuple[int, ...]:
        """Return the XOFF mark of each class, in bytes; `longest`: the longest frame, with FCS."""
        said = self.headroom_bytes or (headroom_bytes(None, longest, longest, has_vfs=False),)
        part = self.part_bytes(bridge)
        rooms = each_of(said, self.n_classes)
        return tuple(part - (room if self.priorities_of(number) else 0) for number, room in enumerate(rooms))

    def low_marks(self, bridge: Any, longest: int) -> tuple[int, ...]:
        """Return the XON mark of each class, in bytes; `longest` as for `high_marks`."""
        if self.low_water_bytes is not None:
            return each_of(self.low_water_bytes, self.n_classes)
        return tuple(min(max(0, mark) // 2, low_mark_bytes(longest)) for mark in self.high_marks(bridge, longest))

    def quanta_of_bytes(self, longest: int) -> tuple[int, ...]:
        """Return the bytes that each class may send in its turn; `longest`: the longest frame; both without FCS."""
        if not self.is_by_class:
            return (longest,)
        least = min((each.percent for each in self.classes if each.percent > 0), default=1)
        return tuple(max(1, longest * each.percent // least) for each in self.classes)

    def response_fs(self, rate_bps: int) -> int:
        """Return the time from a control frame's last byte to its taking effect."""
        if self.response_delay_fs is not None:
            return self.response_delay_fs
        return response_bits(None) * FS_PER_S // rate_bps


def obeys(control: FlowControl | BridgeFlowControl | None, mode: str) -> bool:
    """Tell whether an adapter or a bridge obeys control frames of a mode."""
    return control is not None and control.mode == mode and control.obey
