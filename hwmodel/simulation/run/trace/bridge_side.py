"""The ports of bridges and extenders: each frame sent, their queues, and drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.bridge_ports import PhysicalPort
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge_state import CONTROL_FRAME_SENT, NOBODY
from hwmodel.machine.network.wires import CONTROL_FRAME
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.run.trace.adapter_side import OVER_MARK, STOPPED, control_slice
from hwmodel.simulation.run.trace.frame_parts import CONTROL, FrameNames
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track

BRIDGE = "Bridge"


class BridgePorts:
    """Show each port of bridges and extenders: frames sent as slices, its queue as a counter, drops as instants."""

    def __init__(
        self, bridge: Any, ports: Sequence[PhysicalPort], outside: Any, names: FrameNames, timeline: Timeline
    ) -> None:
        self._bridge, self._names, self._timeline = bridge, names, timeline
        self._ports = bridge["port"][: len(ports)]
        self._tracks = [Track(_group(port), f"{port.name}: out") for port in ports]
        self._drop_tracks = [Track(_group(port), f"{port.name}: drops") for port in ports]
        self._queues = [self._queue(number, port) for number, port in enumerate(ports)]
        # By port: the numbers of inbound classes over their watermark, and of outbound classes that are paused.
        self._flow_tracks = {
            port.number: tuple(Track(_group(port), f"{port.name}: {what}") for what in (OVER_MARK, STOPPED))
            for port in ports
            if self._ports[port.number]["params"]["n_classes"]
        }
        self._begun_fs = np.full(len(ports), -1)
        self._control_ends_fs = np.full(len(ports), -1)
        self._drops = self._ports["counts"]["drops"].copy()
        outside_port = next(port for port in ports if port.name == OUTSIDE)
        self._outside, self._outside_number = outside, outside_port.number
        self._outside_track = Track(_group(outside_port), "from outside")
        self._n_outside = int(outside["sent"]["head"])
        self.capacities: dict[str, int] = {}

    def look(self, now_fs: int) -> None:
        """Record what ports have begun to send, their queues, drops, and what outside stations have sent."""
        for number in np.flatnonzero(self._ports["sending"] == CONTROL_FRAME_SENT).tolist():
            self._look_at_control_frame(number)
        for number in np.flatnonzero(self._ports["sending"] > NOBODY).tolist():
            crossing = self._bridge["slot"][int(self._ports[number]["sending"])]["crossing"]
            if crossing["begun_fs"] != self._begun_fs[number]:
                self._begun_fs[number] = crossing["begun_fs"]
                self._send(number, self._tracks[number], crossing)
        for number, level in enumerate(self._ports["counts"]["waiting"]["level"].tolist()):
            self._timeline.count(self._queues[number], "B", now_fs, level)
        for number, (over, stopped) in self._flow_tracks.items():
            pauses = self._bridge["pauses"][number]
            self._timeline.count(over, "classes", now_fs, int(pauses["over"]).bit_count())
            self._timeline.count(stopped, "classes", now_fs, int(pauses["hears"]["mask"]).bit_count())
        self._look_for_drops(now_fs)
        sent = self._outside["sent"]
        while self._n_outside < sent["head"]:
            crossing = sent["ring"][self._n_outside & int(sent["mask"])]
            self._send(self._outside_number, self._outside_track, crossing)
            self._n_outside += 1

    def under_way(self) -> Iterator[Any]:
        """Yield the journeys of the frames that are in the bridge, or on their way from outside to it."""
        for port in self._ports:
            for name in ("come", "queue"):
                yield from self._listed(int(port[name]["first"]))
            if port["params"]["joined"] == NOBODY and port["sending"] > NOBODY:  # a frame, not a pause frame
                yield self._bridge["slot"][int(port["sending"])]["crossing"]["journey"]
        for level in self._bridge["logical_port"][: int(self._bridge.params.n_logical_ports)]:
            if level["params"]["quantum_bytes"]:
                yield from self._listed(int(level["queue"]["first"]))

    def _listed(self, place: int) -> Iterator[Any]:
        while place != NOBODY:
            slot = self._bridge["slot"][place]
            yield slot["crossing"]["journey"]
            place = int(slot["following"])

    def _send(self, number: int, track: Track, crossing: Any) -> None:
        """Show a frame on the wire at a port, whichever end sends it."""
        is_control = int(crossing["template"]) == CONTROL_FRAME
        name = CONTROL if is_control else self._names.of_journey(crossing["journey"])
        end_fs = int(crossing["come_fs"]) - int(self._ports[number]["params"]["propagation_fs"])
        details = {"frame": name, "bytes": int(crossing["n_bytes"]) + FCS_BYTES}
        self._timeline.add(Slice(track, name, int(crossing["begun_fs"]), end_fs, details, [] if is_control else [name]))

    def _look_at_control_frame(self, number: int) -> None:
        end_fs = int(self._bridge["pauses"][number]["sent_fs"])
        if end_fs != self._control_ends_fs[number]:
            self._control_ends_fs[number] = end_fs
            self._timeline.add(control_slice(self._tracks[number], self._ports[number]["params"], end_fs))

    def _look_for_drops(self, now_fs: int) -> None:
        if (self._ports["counts"]["drops"] == self._drops).all():
            return
        more = self._ports["counts"]["drops"] - self._drops
        self._drops = self._ports["counts"]["drops"].copy()
        for number, reason in np.argwhere(more > 0).tolist():
            details = {"frames": int(more[number, reason])}
            self._timeline.mark(
                self._drop_tracks[number], f"dropped: {DropReason(reason).name}", now_fs, details
            )  # fmt: skip

    def _queue(self, number: int, port: PhysicalPort) -> Track:
        box = self._bridge.box[int(self._ports[number]["params"]["box"])]
        return Track(_group(port), f"{port.name}: queue, of {int(box.params.buffer_bytes)}")


def group_of_all(ports: Sequence[PhysicalPort]) -> str:
    """Return the track group for what belongs to no single port: "Bridge" or "Bridges"; empty without a bridge."""
    n_bridges = len({port.bridge for port in ports})
    return "" if not n_bridges else BRIDGE if n_bridges == 1 else f"{BRIDGE}s"


def _group(port: PhysicalPort) -> str:
    if port.is_of_extender:
        return f"Extender {port.device}"
    return f"{BRIDGE} {port.device}" if port.owner.is_joined else BRIDGE
