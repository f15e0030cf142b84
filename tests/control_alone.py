"""Those who control VMs without a machine: what they set goes nowhere, and a VM has sent a frame each so often."""

from __future__ import annotations

from typing import Any

from hwmodel.agents.control import controllers_of
from hwmodel.agents.control_plane import ControlPlane
from hwmodel.agents.live import LiveAgents
from hwmodel.config import Config


class NoMachine:
    """Be a machine of which nothing is seen, but that frames are sent `every_fs`."""

    def __init__(self, every_fs: int) -> None:
        self.every_fs, self.now_fs = every_fs, 0

    def read(self, server: str | None, of: str, figure: str) -> int:
        """Return how many frames have been sent by now."""
        assert (server, figure) == (None, "sent") and of
        return self.now_fs // self.every_fs

    def set(self, at_fs: int, setting: Any) -> None:
        """Set nothing."""


def played(config: Config, end_fs: int, every_fs: int) -> ControlPlane:
    """Return what those who control VMs have done by a time."""
    plane, agents = controllers_of(config, [])
    assert plane is not None
    machine = NoMachine(every_fs)
    live = LiveAgents(agents, config, ["a", "b"], machine, 0)  # type: ignore[arg-type]
    live.begin()
    while (now_fs := live.next_fs(end_fs + 1)) <= end_fs:
        machine.now_fs = now_fs
        live.carry_out(now_fs)
    return plane
