"""How a server's adapter decides: by the second implementation of docs/forwarding.md, on the bytes of each frame."""

from __future__ import annotations

import simpy

from ..bucket_oracle import BucketOracle
from ..forwarding_oracle import ForwardingOracle
from ..forwarding_oracle import Outcome as Forwarded
from ..simpy_nic.frames import WIRE, Decision, Frame
from .parameters import Server
from .ports import AttachedPort, ListedSwitch
from .relay import FCS_BYTES

PF = 1


def station_name(port: int) -> str:
    """Return the name of an adapter's port."""
    if port == WIRE:
        return "uplink"
    return "pf" if port == PF else f"vf{port - 2}"


def port_number(name: str) -> int:
    """Return the number of an adapter's port."""
    if name == "uplink":
        return WIRE
    return PF if name == "pf" else int(name.removeprefix("vf")) + 2


class AdapterSwitch:
    """Decides by a frame's bytes; policers are asked when it does."""

    def __init__(self, env: simpy.Environment, server: Server, port: AttachedPort) -> None:
        """Begin with full buckets; `port` is the bridge's, which may set up lists."""
        self._env = env
        self._oracle = ForwardingOracle(ListedSwitch(server, port))
        self._buckets = [
            BucketOracle(entry.rate_bps, entry.burst_bytes) for entry in server.switch.acl if entry.action == "police"
        ]
        self._decided: dict[tuple[int, bytes, bool], Forwarded] = {}

    def decide(self, frame: Frame) -> Decision:
        """Return a frame's copies."""
        assert frame.raw is not None
        found = self._forward(frame.source, frame.raw, False)
        if found.policer is not None:
            has_tokens = self._buckets[found.policer].police(self._env.now, len(frame.raw) + FCS_BYTES)
            found = self._forward(frame.source, frame.raw, not has_tokens)
        copies, mirrored = (
            tuple(sorted((port_number(name), raw) for name, raw in each.items()))
            for each in (found.deliver, found.mirrored)
        )
        return Decision(copies, mirrored, found.drop or "NO_DESTINATION")

    def _forward(self, port: int, raw: bytes, is_refused: bool) -> Forwarded:
        key = port, raw, is_refused
        if key not in self._decided:
            self._decided[key] = self._oracle.forward(station_name(port), raw, refused=is_refused)
        return self._decided[key]
