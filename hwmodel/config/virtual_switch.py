"""Validate the block `host.virtual_switch`: a switch in the host's memory, and the cores that pass its frames."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from .flow_cache import FlowCache
from .kinds import Block, Duration, Listing, Whole, Word, key

PassedBy = Literal["copy", "pointer"]
_COST = Duration("0ns", "1ms")
MOST_SWITCH_CORES = 64
# What it takes a hypervisor to pass a frame on, and each byte of it. Model's choice: "up to 30 Gb/s" is what textbooks
# say of virtual switches that pass pointers, which at 1500 B is 2.5 Mpps, 400 ns a frame on one core; one copy is made
# at 10 GB/s.
FRAME_TIME = "400ns"
BYTE_TIME = {"copy": "0.1ns", "pointer": "0ns"}


class VirtualSwitch(Block):
    """The host's virtual switch (nic.mode: vswitch): what a frame takes there, on which cores."""

    pass_by: Annotated[PassedBy, Word(PassedBy)] = key(
        "copy",
        "How a frame comes from VM to VM: copied once, as vhost does it, or by pointer, in the buffer of its sender.",
    )
    frame_time_fs: Annotated[int, _COST] = key(
        FRAME_TIME,
        "Processor time of the switch's core for each frame. The default is the source chapter's: 30 Gb/s of frames of "
        "1500 B by passing pointers are 2.5 Mpps, 400 ns a frame on one core.",
        alias="frame_time",
    )
    byte_time_fs: Annotated[int, _COST] = key(
        ..., "Processor time for each byte of a frame.", alias="byte_time", derived="0.1ns, by pointer 0ns"
    )
    batch: Annotated[int, Whole(1, 4096)] = key(
        32, "Frames of a ring that a core passes on at most before it looks at the next ring."
    )
    batch_time_fs: Annotated[int, _COST] = key(
        "0ns", "Processor time for each such batch, beside its frames.", alias="batch_time"
    )
    kick_fs: Annotated[int, _COST] = key(
        "0ns",
        "Time from a driver's kick to the switch knowing of it. What a kick costs the VM is `driver.doorbell_time`.",
        alias="kick",
    )
    cores: Annotated[tuple[Annotated[int, Whole(0, 1023)], ...], Listing("[9]", least=1, most=MOST_SWITCH_CORES)] = key(
        ..., "Cores of the host that pass frames on, Tx ring by Tx ring in turn.", derived="[the last of host.cores]"
    )
    flow_cache: FlowCache | None = key(
        None, "How the switch finds out what to do with a frame; null: that is part of `frame_time`, whatever it is."
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Say nothing of a flow cache where there is none."""
        said: dict[str, Any] = write(self)
        if self.flow_cache is None:
            said.pop("flow_cache", None)
        return said
