"""Validate the `driver` block: how the VMs' drivers batch their work."""

from __future__ import annotations

from typing import Annotated, Literal

from .amounts import Duration, Whole
from .block import Block, key
from .kinds import Word

DriverPreset = Literal["kernel", "dpdk"]
_BATCH = Whole(1, 4096)
_INTERRUPT_BATCH = Whole(0, 4096)


class Driver(Block):
    """The driver of a VM: doorbells, refills, interrupts, and its time for a frame."""

    preset: Annotated[DriverPreset | None, Word("kernel", "dpdk")] | None = key(
        "kernel", "Driver whose numbers stand in for keys that are not written, before the device's; null: none."
    )
    tx_doorbell_batch: Annotated[int, _BATCH] = key(
        8, "Frames posted for one doorbell write; a driver with nothing more to post rings at once."
    )
    refill_batch: Annotated[int, _BATCH] = key(8, "Received frames for one doorbell write that returns Rx descriptors.")
    rx_interrupt_batch: Annotated[int, _INTERRUPT_BATCH] = key(
        8, "Received frames for one interrupt, where moderation is 0; 0: the driver polls, no interrupts."
    )
    tx_interrupt_batch: Annotated[int, _INTERRUPT_BATCH] = key(
        8, "Sent frames for one interrupt; 0: none, a slot is free when its write-back lands."
    )
    moderation_fs: Annotated[int, Duration("0us", "1s")] = key(
        "0us",
        "Shortest time between Rx interrupts of a queue (EITR); 0us: interrupts go by rx_interrupt_batch.",
        alias="moderation",
    )
    frame_time_fs: Annotated[int, Duration("0ns", "1s")] = key(
        "20ns", "Processor time for a frame, at each end; its inverse limits a VM's frame rate.", alias="frame_time"
    )
