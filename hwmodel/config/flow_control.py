"""Validate `nic.flow_control`: when the adapter stops who sends to it, and how it obeys who stops it."""

from __future__ import annotations

from typing import Annotated, Literal

from hwmodel.rules.capacities import MAX_RECEIVED
from hwmodel.rules.headroom import MOST_QUANTA, PRIORITIES

from .kinds import Block, ByteCount, Duration, Listing, OfQueues, Truth, Whole, Word, key
from .names import PortName

FlowControlMode = Literal["pause", "pfc"]
Priority = Annotated[int, Whole(0, PRIORITIES - 1, what="a priority")]
Quanta = Whole(0, MOST_QUANTA, what="a number of quanta")
_ROOM = ByteCount("0B", "64MiB")
_OF_CLASSES = OfQueues(_ROOM, "[64KiB, 32KiB]")


class ControlFrame(Block):
    """A control frame that comes from outside, from whoever stands at the other end of the wire."""

    at_fs: Annotated[int, Duration("0ns", "1000s")] = key(..., "When its last byte has come.", alias="at")
    quanta: Annotated[int, Quanta] = key(..., "Quanta for which the adapter is to stop; 0 lets it go on.")
    priorities: Annotated[tuple[Priority, ...], Listing("[3]", least=1, most=PRIORITIES)] | None = key(
        None, "With mode pfc: the priorities that it names; null: all."
    )
    port: Annotated[str, PortName()] | None = key(None, "By which of several Ethernet ports it comes; null: p0.")


class FlowControl(Block):
    """PAUSE and priority flow control: sent by thresholds of the Rx buffer, and obeyed."""

    mode: Annotated[FlowControlMode, Word(FlowControlMode)] = key(
        ...,
        "pause: all frames stop (IEEE Std 802.3, annex 31B); pfc: each class of nic.arbitration by itself (IEEE Std "
        "802.1Qbb), and the Rx buffer is split into parts for the classes.",
    )
    send: Annotated[bool, Truth()] = key(True, "Whether the adapter stops who sends to it, by the marks below.")
    obey: Annotated[bool, Truth()] = key(True, "Whether the adapter stops when it is told to.")
    priorities: Annotated[tuple[Priority, ...], Listing("[3, 4]", least=1, most=PRIORITIES)] | None = key(
        None,
        "With mode pfc: priorities that are lossless, and so stopped; null: all. Others drop when their part is full.",
    )
    parts_bytes: Annotated[tuple[Annotated[int, _ROOM], ...], Listing("[384KiB, 128KiB]", least=1, most=8)] | None = (
        key(None, "With mode pfc: bytes of nic.rx_buffer for each class.", derived="equal parts", alias="parts")
    )
    headroom_bytes: Annotated[tuple[int, ...], _OF_CLASSES] | None = key(
        None,
        "Bytes of a part above the level at which its sender is stopped, for what comes until it has stopped; one "
        "value, or one for each class.",
        derived="by the formula of Linux' ixgbe",
        alias="headroom",
    )
    low_water_bytes: Annotated[tuple[int, ...], _OF_CLASSES] | None = key(
        None,
        "Level of a part at which its sender may go on; one value, or one for each class.",
        derived="the low mark of Linux' ixgbe, at most half of the high one",
        alias="low_water",
    )
    quanta: Annotated[int, Whole(1, MOST_QUANTA, what="a number of quanta")] = key(
        MOST_QUANTA, "For how long a control frame stops, in quanta of 512 bit times, unless another comes before."
    )
    refresh: Annotated[int, Whole(1, MOST_QUANTA, what="a number of quanta")] | None = key(
        None, "After how many quanta the next control frame follows while a class is still over its mark.",
        derived="half of quanta",
    )  # fmt: skip
    response_delay_fs: Annotated[int, Duration("0ns", "100us")] | None = key(
        None,
        "Time from a control frame's last byte to its taking effect, here and at who sends to the adapter without a "
        "bridge.",
        derived="cable, interfaces and layers above of the headroom formula: 55144 bit times, 93032 for the X540",
        alias="response_delay",
    )
    received: Annotated[tuple[ControlFrame, ...], Listing("[{at: 1ms, quanta: 1000}]", most=MAX_RECEIVED)] = key(
        [], "Without a bridge: control frames that come from outside, in the order of their times.", unsaid=()
    )

    @property
    def is_by_class(self) -> bool:
        """Say whether each class is paused by itself (PFC)."""
        return self.mode == "pfc"

    @property
    def refresh_quanta(self) -> int:
        """Return the quanta after which a pause is renewed by another control frame."""
        return self.refresh or max(1, self.quanta // 2)

    @property
    def lossless_priorities(self) -> tuple[int, ...]:
        """Return the priorities that may be paused."""
        return tuple(range(PRIORITIES)) if self.priorities is None else self.priorities


def each_of(said: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Return one value for each class; a single value holds for all."""
    return said * n if len(said) == 1 else said
