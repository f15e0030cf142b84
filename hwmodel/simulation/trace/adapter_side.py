"""What the adapter's servers do, frame by frame: pipeline, the switch core's bus, wire; and what is dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.adapter_state import PASSING_CAP, PIPE_CAP
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.time.clock import WIRE
from hwmodel.machine.tlp_kinds import CREDIT_KINDS
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.trace.frame_parts import Arrivals, FrameNames, real
from hwmodel.simulation.trace.timeline import Rows, Slice, Track, shown
from hwmodel.wire.ethernet import wire_bytes

PIPELINE = Track("Switch", "pipeline")
BUS = Track("Switch", "bus")
DROPS = Track("Switch", "drops")
WIRE_OUT = Track("Wire", "out")
WIRE_IN = Track("Wire", "in")


class Servers:
    """Show what each server inside the adapter works on; each serves one frame at a time."""

    def __init__(self, nic: Any, names: FrameNames, timeline: Rows) -> None:
        self._nic, self._names, self._timeline = nic, names, timeline
        self._bus, self._mac, self._counters = nic["port"][0]["bus"], nic["port"][0]["mac"], nic["ledger"]["counts"]
        self._wire_key = (0, -1)
        self._n_piped, self._n_granted = int(nic["pipe_head"]), int(self._bus["tail"])
        self._n_lines = int(self._mac["line"]["head"])
        self._drops, self._n_gone = self._dropped(), self._gone()
        self.arrivals = Arrivals(nic)

    def look(self, now_fs: int) -> None:
        """Note what left the pipeline or came from the wire, what bus and wire have begun, what is lost."""
        nic = self._nic
        while self._n_piped < nic["pipe_head"]:
            frame = nic["pipe"][self._n_piped & (PIPE_CAP - 1)]
            end_fs, name = int(frame["ready_fs"]), self._names.at(int(frame["journey"]))
            self._serve(PIPELINE, name, end_fs - int(nic.params.pipeline_fs), end_fs, frame)
            self._n_piped += 1
        while self._n_granted < self._bus["tail"]:
            frame = self._bus["passing"][self._n_granted & (PASSING_CAP - 1)]
            self._serve(BUS, self._names.at(int(frame["journey"])), now_fs, int(self._bus["free_fs"]), frame)
            self._n_granted += 1
        for crossing in self.arrivals.look(now_fs, self._names):
            start_fs = now_fs - self._wire_fs(int(crossing["n_bytes"]))
            self._serve(WIRE_IN, self._names.of_journey(crossing["journey"]), start_fs, now_fs, crossing)
        line = self._mac["line"]
        while self._n_lines < line["head"]:
            frame = line["ring"][self._n_lines & (LINE_CAP - 1)]
            name = f"wire/{int(self._counters['from_wire']) - int(line['head']) + self._n_lines}"
            end_fs = int(frame["ready_fs"])
            self._serve(WIRE_IN, name, end_fs - self._wire_fs(int(frame["n_bytes"])), end_fs, frame)
            self._n_lines += 1
        self._look_at_wire(now_fs)
        self._look_for_drops(now_fs)

    def _look_at_wire(self, now_fs: int) -> None:
        fifo = self._mac["fifo"]
        key = (int(self._mac["is_sending"]), int(fifo["head"]))
        if key != self._wire_key:
            self._wire_key = key
            if key[0]:
                copy = fifo["ring"][key[1] & int(fifo["mask"])]
                end_fs = int(self._nic["clock"]["next_at"][WIRE])
                start_fs = end_fs - self._wire_fs(int(copy["n_bytes"]))
                self._serve(WIRE_OUT, self._names.at(int(copy["journey"])), start_fs, end_fs, copy)

    def _wire_fs(self, n_bytes: int) -> int:
        rate = self._mac["params"]
        return wire_bytes(n_bytes + FCS_BYTES) * int(rate["fs_per_byte_num"]) // int(rate["fs_per_byte_den"])

    def _serve(self, track: Track, name: str, start_fs: int, end_fs: int, frame: Any) -> None:
        details = {"frame": name, "bytes": int(frame["n_bytes"]) + FCS_BYTES}
        self._timeline.add(Slice(track, name, start_fs, end_fs, details, real([name])))

    def _look_for_drops(self, now_fs: int) -> None:
        """Mark what was dropped, with its ids: a frame that found its Tx ring full, or a mirrored copy, has none."""
        dropped, n_gone = self._dropped(), self._gone()
        has_gone, self._n_gone = n_gone > self._n_gone, n_gone
        if (dropped == self._drops).all():
            return
        more = dropped - self._drops
        own = more[0].copy()
        own[DropReason.TX_RING_FULL] = 0
        # What has gone to the bridge in this instant has left its place too.
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

    def __init__(self, nic: Any, names: FrameNames, timeline: Rows) -> None:
        self._nic, self._timeline, self._names = nic, timeline, names
        n = int(nic.params.n_queues)
        self._tx, self._rx, self._params = nic["tx_queue"][:n], nic["rx_queue"][:n], nic["params"]
        self._rings: Any = np.full((2, len(names.owners)), -1)
        self.capacities: dict[str, int] = {}

    def look(self, now_fs: int) -> None:
        """Set the counters whose values have changed in this instant."""
        nic, params = self._nic, self._params
        self._set("Adapter", "Tx buffer", "B", now_fs, nic["counts"]["tx_buffer"]["level"], params["tx_buffer_bytes"])
        self._set("Adapter", "Rx buffer", "B", now_fs, nic["counts"]["rx_buffer"]["level"], params["rx_buffer_bytes"])
        waiting = nic["port"][0]["mac"]["counts"]["waiting"]
        self._set("Adapter", "waiting for the wire", "frames", now_fs, waiting["level"], None)
        n_tags, n_free = nic["pcie"][0]["tags"]["params"]["n_tags"], nic["pcie"][0]["tags"]["n_free"]
        self._set("PCIe reads", "tags in use", "tags", now_fs, n_tags - n_free, n_tags)
        for direction, first, second in (("up", "P", "NP"), ("down", "doorbells", "CPL")):
            for name, queue in ((first, nic.pcie[0][direction]["first"]), (second, nic.pcie[0][direction]["second"])):
                track = f"{direction}, {name}: waiting"
                self._set("PCIe link", track, "transactions", now_fs, queue["tail"] - queue["head"], None)
        if nic["pcie"][0]["params"]["has_credits"]:
            self._look_at_credits(now_fs)
        self._look_at_rings(now_fs)

    def _look_at_credits(self, now_fs: int) -> None:
        for kind, credit in zip(CREDIT_KINDS, self._nic["pcie"][0]["credits"], strict=True):
            name = kind.replace("_", "-")
            for what in ("headers", "data"):
                limit = credit["params"][f"{what}_limit"]
                if limit:
                    self._set("PCIe link", f"{name} {what}", "credits", now_fs, credit[f"{what}_used"], limit)

    def _look_at_rings(self, now_fs: int) -> None:
        shape = (len(self._names.owners), -1)
        rx, params = self._rx, self._params
        in_use = rx["slots"] - rx["known"] - rx["requested"] - rx["cached"]
        levels = (self._tx["reserved"] - self._tx["freed"], in_use)
        rings = np.stack([level.reshape(shape).sum(axis=1) for level in levels])
        for side, function in np.argwhere(rings != self._rings).tolist():
            name, unit = (("Tx ring", "frames"), ("Rx ring", "descriptors"))[side]
            capacity = (int(params[("tx_ring", "rx_ring")[side]]) - 1) * self._names.queues_per_vf
            if rings[side, function] or self._rings[side, function] > 0:
                title = f"{self._names.owners[function]} {name}"
                self._set("Rings", title, unit, now_fs, rings[side, function], capacity)
        self._rings = rings

    def _set(self, group: str, name: str, unit: str, now_fs: int, value: Any, capacity: Any) -> None:
        if capacity is not None:
            name = f"{name}, of {int(capacity)}"
            self.capacities.setdefault(f"{name} {unit}", int(capacity))
        self._timeline.count(Track(group, name), unit, now_fs, int(value))
