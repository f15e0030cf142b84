"""Validate the `driver` block: how the VMs' drivers batch their work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from .amounts import Duration, Whole
from .block import Block, key
from .kinds import Listing, Truth, Word
from .names import Name

DriverPreset = Literal["kernel", "kernel_busy_poll", "dpdk"]
_BATCH = Whole(1, 4096)
_COST = Duration("0ns", "1s")
_INTERRUPT_BATCH = Whole(0, 4096)


class VmDriver(Block):
    """The driver of a VM: doorbells, refills, interrupts, and its time for a frame."""

    preset: Annotated[DriverPreset | None, Word("kernel", "kernel_busy_poll", "dpdk")] | None = key(
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
    byte_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time for each byte of a frame, at each end: copying, checksums.", alias="byte_time"
    )
    doorbell_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time of a write to the adapter's registers, which is not cached.", alias="doorbell_time"
    )
    interrupt_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time to enter and leave an interrupt and to begin the poll.", alias="interrupt_time"
    )
    exit_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time of an exit to the hypervisor for each interrupt; 0ns: interrupts are posted to the VM.",
        alias="exit_time",
    )
    wakeup_time_fs: Annotated[int, _COST] = key(
        "0ns", "Time until a VM that has nothing to do runs again after an interrupt.", alias="wakeup_time"
    )
    poll_budget: Annotated[int, _BATCH] = key(64, "Received frames that a core takes before it does something else.")
    send_burst: Annotated[int, _BATCH] = key(32, "Frames that a core posts before it does something else.")
    mask_interrupts: Annotated[bool, Truth()] = key(
        False,
        "Whether a ring's interrupt, if any, is off from when it is raised until the driver has taken all frames "
        "and polls no more (NAPI). One interrupt then tells of received and of sent frames.",
    )
    adaptive_moderation: Annotated[bool, Truth()] = key(
        False,
        "Whether a driver that masks its interrupts adapts the time between them to the load; `moderation` is where it "
        "starts; at 0us nothing is adapted.",
    )

    adaptive_intervals_fs: Annotated[
        tuple[Annotated[int, Duration("1us", "1s")], ...], Listing("[10us, 50us, 84us]", least=3, most=3)
    ] = key(
        ["10us", "50us", "84us"],
        "Times between interrupts that adaptive moderation goes for: up to 10 B/us, up to 20 B/us, and above (bulk). "
        "The larger of the class of what is received and that of what is sent decides.",
        alias="adaptive_intervals",
    )

    @property
    def polls(self) -> bool:
        """Say whether the driver sees received frames without an interrupt."""
        return not (self.rx_interrupt_batch or self.moderation_fs)

    @property
    def masks(self) -> bool:
        """Say whether the driver has Rx interrupts, and masks them while it polls."""
        return self.mask_interrupts and not self.polls

    @property
    def behaviour(self) -> tuple[Any, ...]:
        """Return all that the driver does, which drivers of different names may have in common."""
        return tuple(getattr(self, name) for name in VmDriver.model_fields if name != "preset")


class Driver(VmDriver):
    """The driver of all VMs of a server, but for those that have one of their own."""

    vms: dict[Annotated[str, Name()], VmDriver] = key(
        {},
        "Functions whose driver is another one, with the keys in which it is: {vf1: {preset: kernel}, vf2: "
        "{frame_time: 200ns}}. A key that is not said is as in `driver`; beside a `preset` it is that preset's.",
    )

    @model_serializer(mode="wrap")
    def _without_empty_vms(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Say nothing of VMs where all have the same driver."""
        said: dict[str, Any] = write(self)
        if not self.vms:
            said.pop("vms", None)
        return said
