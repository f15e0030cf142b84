"""The adapter's stages that serve one frame at a time (pipeline, switch core's bus, wire), and drops."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.adapter_state import PASSING_CAP, PIPE_CAP
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.network.pauses import CONTROL_ON_WIRE
from hwmodel.machine.time.clock import WIRE
from hwmodel.machine.tlp_kinds import CREDIT_KINDS
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import CONTROL_BYTES
from hwmodel.simulation.figures.measurement import ports_named, rings_in_use
from hwmodel.simulation.run.trace.frame_parts import CONTROL, Arrivals, FrameNames, real
from hwmodel.simulation.run.trace.link_tlps import link_groups
from hwmodel.simulation.run.trace.timeline import Slice, Timeline, Track, shown
from hwmodel.wire.ethernet import wire_bytes
from hwmodel.words.quantities import plural

OVER_MARK, STOPPED = "classes over their mark", "classes stopped"
PIPELINE = Track("Switch", "pipeline")
DROPS = Track("Switch", "drops")


class Port:
    """Hold the tracks of one Ethernet port, and how far each of its stages has been shown."""

    def __init__(self, record: Any, number: int, name: str) -> None:
        self.number, self.bus, self.mac = number, record["bus"], record["mac"]
        own = f"{name} " if name else ""
        self.on_bus, self.out = Track("Switch", f"{own}bus"), Track("Wire", f"{own}out")
        self.come = Track("Wire", f"{own}in")
        self.wire_key = (0, -1, 0)
        self.n_granted, self.n_lines = int(self.bus["tail"]), int(self.mac["line"]["head"])

    @property
    def n_new(self) -> int:
        """Count the frames that have come by the line and are not shown yet."""
        return int(self.mac["line"]["head"]) - self.n_lines

    def wire_fs(self, n_bytes: int) -> int:
        """Return the time of a frame on the wire."""
        return wire_fs(self.mac["params"], n_bytes)


def wire_fs(rate: Any, n_bytes: int) -> int:
    """Return the time of a frame on the wire of a port with such parameters."""
    return wire_bytes(n_bytes + FCS_BYTES) * int(rate["fs_per_byte_num"]) // int(rate["fs_per_byte_den"])


def control_slice(track: Track, rate: Any, end_fs: int) -> Slice:
    """Return the slice of a pause frame that a port has sent by `end_fs`."""
    details = {"frame": CONTROL, "bytes": CONTROL_BYTES + FCS_BYTES}
    return Slice(track, CONTROL, end_fs - wire_fs(rate, CONTROL_BYTES), end_fs, details)


class Servers:
    """Show what each stage of the adapter works on; a stage serves one frame at a time."""

    def __init__(self, nic: Any, names: FrameNames, timeline: Timeline) -> None:
        self._nic, self._names, self._timeline = nic, names, timeline
        self._ports = [Port(nic["port"][at], at, name) for at, name in enumerate(ports_named(nic))]
        self._counters = nic["ledger"]["counts"]
        self._n_piped = int(nic["pipe_head"])
        self._drops, self._n_gone = self._dropped(), self._gone()
        self.arrivals = Arrivals(nic)

    def look(self, now_fs: int) -> None:
        """Record what left the pipeline or came from the wire, what bus and wire have begun, and drops."""
        nic = self._nic
        while self._n_piped < nic["pipe_head"]:
            frame = nic["pipe"][self._n_piped & (PIPE_CAP - 1)]
            end_fs, name = int(frame["ready_fs"]), self._names.of_frame(frame)
            self._serve(PIPELINE, name, end_fs - int(nic.params.pipeline_fs), end_fs, frame)
            self._n_piped += 1
        for port in self._ports:
            while port.n_granted < port.bus["tail"]:
                frame = port.bus["passing"][port.n_granted & (PASSING_CAP - 1)]
                self._serve(port.on_bus, self._names.at(int(frame["journey"])), now_fs, int(port.bus["free_fs"]), frame)
                port.n_granted += 1
        for number, crossing in self.arrivals.look(now_fs, self._names):
            port = self._ports[number]
            start_fs = now_fs - port.wire_fs(int(crossing["n_bytes"]))
            self._serve(port.come, self._names.of_journey(crossing["journey"]), start_fs, now_fs, crossing)
        self._look_at_lines()
        for port in self._ports:
            self._look_at_wire(port)
        self._look_for_drops(now_fs)

    def _look_at_lines(self) -> None:
        """Record frames from the lines, numbered across all ports, within an instant in the order of the ports."""
        number = int(self._counters["from_wire"]) - sum(port.n_new for port in self._ports)
        for port in self._ports:
            for _ in range(port.n_new):
                frame = port.mac["line"]["ring"][port.n_lines & (LINE_CAP - 1)]
                end_fs = int(frame["ready_fs"])
                start_fs = end_fs - port.wire_fs(int(frame["n_bytes"]))
                self._serve(port.come, f"wire/{number}", start_fs, end_fs, frame)
                port.n_lines += 1
                number += 1

    def _look_at_wire(self, port: Port) -> None:
        fifo = port.mac["fifo"]
        is_control = int(port.mac["is_stopped"]) & CONTROL_ON_WIRE
        control_ends_fs = int(self._nic["pauses"]["port"][port.number]["sent_fs"]) if is_control else 0
        key = (int(port.mac["is_sending"]), int(fifo["head"]), control_ends_fs)
        if key == port.wire_key:
            return
        port.wire_key = key
        if is_control:
            self._timeline.add(control_slice(port.out, port.mac["params"], control_ends_fs))
        elif key[0]:
            copy = fifo["ring"][key[1] & int(fifo["mask"])]
            end_fs = int(self._nic["clock"]["next_at"][WIRE + port.number])
            start_fs = end_fs - port.wire_fs(int(copy["n_bytes"]))
            self._serve(port.out, self._names.at(int(copy["journey"])), start_fs, end_fs, copy)

    def _serve(self, track: Track, name: str, start_fs: int, end_fs: int, frame: Any) -> None:
        details = {"frame": name, "bytes": int(frame["n_bytes"]) + FCS_BYTES}
        self._timeline.add(Slice(track, name, start_fs, end_fs, details, real([name])))

    def _look_for_drops(self, now_fs: int) -> None:
        """Mark drops, with frame ids if known: frames refused by a full Tx ring and mirrored copies have none."""
        dropped, n_gone = self._dropped(), self._gone()
        has_gone, self._n_gone = n_gone > self._n_gone, n_gone
        if (dropped == self._drops).all():
            return
        more = dropped - self._drops
        own = more[0].copy()
        own[DropReason.TX_RING_FULL] = 0
        # A frame that went to the bridge in this instant has freed its journey too, so the ids are ambiguous.
        lost = self._names.lost(int(own.sum())) if np.count_nonzero(own) == 1 and not has_gone else []
        for reason in np.flatnonzero(more.sum(axis=0)).tolist():
            details = {"frames": int(more[:, reason].sum())} | (shown(lost) if own[reason] else {})
            self._timeline.mark(DROPS, f"dropped: {DropReason(reason).name}", now_fs, details)
        self._drops = dropped

    def _gone(self) -> int:
        return int(self._counters["sent_to_bridge"])

    def _dropped(self) -> Any:
        """Return the drops by reason: of frames and copies, and of mirrored copies."""
        return np.stack((self._counters["drops"], self._counters["mirrored_drops"]))


class Levels:
    """Show the depths of queues and the tags and credits in use, each beside its capacity."""

    def __init__(self, nic: Any, names: FrameNames, timeline: Timeline) -> None:
        self._nic, self._timeline, self._names = nic, timeline, names
        self._params = nic["params"]
        self._rings: Any = np.full((2, len(names.owners)), -1)
        self._link, self._reads = link_groups(nic)
        self.capacities: dict[str, int] = {}

    def look(self, now_fs: int) -> None:
        """Set the counters whose values have changed in this instant."""
        nic, params = self._nic, self._params
        self._set("Adapter", "Tx buffer", "B", now_fs, nic["counts"]["tx_buffer"]["level"], params["tx_buffer_bytes"])
        self._set("Adapter", "Rx buffer", "B", now_fs, nic["counts"]["rx_buffer"]["level"], params["rx_buffer_bytes"])
        waiting = nic["counts"]["wire_waiting"]["level"]
        self._set("Adapter", "waiting for the wire", "frames", now_fs, waiting, None)
        n_tags, n_free = nic["pcie"][0]["tags"]["params"]["n_tags"], nic["pcie"][0]["tags"]["n_free"]
        self._set(self._reads, "tags in use", plural("tag", int(n_tags)), now_fs, n_tags - n_free, n_tags)
        for direction, first, second in (("up", "P", "NP"), ("down", "doorbells", "CPL")):
            for name, queue in ((first, nic.pcie[0][direction]["first"]), (second, nic.pcie[0][direction]["second"])):
                track = f"{direction}, {name}: waiting"
                self._set(self._link, track, "transactions", now_fs, queue["tail"] - queue["head"], None)
        if nic["pcie"][0]["params"]["has_credits"]:
            self._look_at_credits(now_fs)
        if params["has_flow_control"]:
            self._set("Adapter", OVER_MARK, "classes", now_fs, int(nic["pauses"]["over"]).bit_count(), None)
            for at, name in enumerate(ports_named(nic)):
                stopped = int(nic["pauses"]["port"][at]["mac"]["mask"]).bit_count()
                self._set("Wire", f"{name} out: {STOPPED}".lstrip(), "classes", now_fs, stopped, None)
        self._look_at_rings(now_fs)

    def _look_at_credits(self, now_fs: int) -> None:
        for kind, credit in zip(CREDIT_KINDS, self._nic["pcie"][0]["credits"], strict=True):
            name = kind.replace("_", "-")
            for what in ("headers", "data"):
                limit = credit["params"][f"{what}_limit"]
                if limit:
                    unit = plural("credit", int(limit))
                    self._set("PCIe link", f"{name} {what}", unit, now_fs, credit[f"{what}_used"], limit)

    def _look_at_rings(self, now_fs: int) -> None:
        params, n = self._params, self._names.n_rings
        owners = self._nic["tx_queue"]["params"]["function"][:n]
        rings: Any = np.zeros_like(self._rings)
        for side, level in enumerate(rings_in_use(self._nic, n).values()):
            np.add.at(rings[side], owners, level)
        for side, function in np.argwhere(rings != self._rings).tolist():
            name, noun = (("Tx ring", "frame"), ("Rx ring", "descriptor"))[side]
            capacity = (int(params[("tx_ring", "rx_ring")[side]]) - 1) * int((owners == function).sum())
            if rings[side, function] or self._rings[side, function] > 0:
                title = f"{self._names.owners[function]} {name}"
                self._set("Rings", title, plural(noun, int(capacity)), now_fs, rings[side, function], capacity)
        self._rings = rings

    def _set(self, group: str, name: str, unit: str, now_fs: int, value: Any, capacity: Any) -> None:
        if capacity is not None:
            name = f"{name}, of {int(capacity)}"
            self.capacities.setdefault(f"{name} {unit}", int(capacity))
        self._timeline.count(Track(group, name), unit, now_fs, int(value))
