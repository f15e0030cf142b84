"""What the tests of whole runs share: small machines, runs whose state can be looked into, captures, a recount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scapy.utils import RawPcapReader, RawPcapWriter

from hwmodel.config import Config, config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import Run
from hwmodel.workload import build_workload
from hwmodel.workload.delivered import Deliveries
from tests.journey_runs import JourneyRun

# Nothing waits for a batch: with this, all that was sent arrives.
BATCHES_OF_ONE = {
    "nic": {"fetch_batch": 1, "tx_writeback_batch": 1, "rx_writeback_batch": 1},
    "driver": {
        "preset": None,
        "tx_doorbell_batch": 1,
        "refill_batch": 1,
        "rx_interrupt_batch": 0,
        "tx_interrupt_batch": 0,
    },
}
# A driver that polls, and rates that hold from the first 100 us on.
POLLED = {"driver": {"preset": "dpdk"}, "nic": {"tx_writeback_batch": 8, "writeback_timeout": "5us"}}
OUTSIDE = "02:aa:00:00:00:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay configurations over each other, block by block; a later one wins."""
    result: dict[str, Any] = {}
    for layer in layers:
        for block, values in layer.items():
            result[block] = {**result.get(block, {}), **values}
    return result


def begun(*layers: Mapping[str, Any]) -> JourneyRun:
    """Return a run at time 0."""
    config: Config = config_from_mapping(merged(*layers))
    return JourneyRun(config, build_workload(config))


def finished(*layers: Mapping[str, Any]) -> tuple[JourneyRun, Result]:
    """Run to the end; return the run with its state, and the result."""
    run = begun(*layers)
    for _ in run.pieces():
        pass
    return run, run.result()


def result_of(*layers: Mapping[str, Any]) -> Result:
    return finished(*layers)[1]


def logged(*layers: Mapping[str, Any]) -> tuple[Run, Result, Deliveries]:
    """Run to the end and keep each delivery."""
    run = begun(*layers)
    run.state[0].log.enabled = 1
    pieces = list(run.pieces())
    names = ("at_fs", "template", "frame_bytes", "record", "edit", "egress_port")
    columns = [np.concatenate([getattr(piece, name) for piece in pieces] or [np.zeros(0, int)]) for name in names]
    return run, run.result(), Deliveries(*columns)


def mac(port: str) -> str:
    """Return the default address of a station, or the address itself."""
    number = {"pf": 1}.get(port) or (int(port[2:]) + 2 if port.startswith("vf") else None)
    return port if number is None else f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def frame(source: str, target: str, n_bytes: int = 60, *, c_tag: int | None = None, payload: bytes = b"") -> bytes:
    """Return a frame of `n_bytes` without FCS, the tag among them; `c_tag` is PCP, DEI and VID."""
    header = bytes.fromhex((mac(target) + mac(source)).replace(":", ""))
    if c_tag is not None:
        header += b"\x81\x00" + c_tag.to_bytes(2, "big")
    return (header + b"\x88\xb5" + payload).ljust(n_bytes, b"\xa5")


def write_capture(path: Path, timed_frames: Iterable[tuple[int, bytes]]) -> Path:
    """Write (nanosecond, bytes without FCS) pairs to a capture."""
    writer = RawPcapWriter(str(path), linktype=1, nano=True, sync=True)
    writer.write_header(None)
    for at_ns, raw in timed_frames:
        writer.write_packet(raw, sec=at_ns // 10**9, usec=at_ns % 10**9)
    writer.close()
    return path


def read_capture(path: Path) -> list[tuple[int, bytes]]:
    """Read (nanosecond, bytes) pairs back with scapy."""
    with RawPcapReader(str(path)) as reader:
        assert reader.nano
        return [(about.sec * 10**9 + about.usec, raw) for raw, about in reader]


class Held:
    """Recount what the state holds at the end, from the queues themselves and from no counter."""

    def __init__(self, run: Run) -> None:
        nic = self.nic = run.state[0]
        self.tx_queues = [nic.tx_queue[i] for i in range(int(nic.limits.n_queues))]
        self.rx_queues = [nic.rx_queue[i] for i in range(int(nic.limits.n_queues))]
        self.to_move, self.in_rx_buffer, self.to_wire = map(self._fifo, ("loopback", "rx_fifo", "mac_fifo"))
        self.to_show = [
            nic.finished[queue.first + (i & queue.mask)]
            for queue in self.rx_queues
            for i in range(queue.visible, queue.started)
        ]
        self.to_take = [
            nic.finished[queue.first + (i & queue.mask)]
            for queue in self.rx_queues
            for i in range(queue.taken, queue.visible)
        ]
        self.picked = [nic.grant[i % len(nic.grant)] for i in range(nic.grant_head, nic.grant_tail)]
        self.in_pipeline = [nic.pipe[i % len(nic.pipe)] for i in range(nic.pipe_head, nic.pipe_tail)]

    def _fifo(self, name: str) -> list[Any]:
        fifo = self.nic[name]
        return [fifo.ring[i % len(fifo.ring)] for i in range(fifo.head, fifo.tail)]

    @property
    def copies(self) -> list[Any]:
        return self._copies(is_mirrored=False)

    @property
    def mirrored(self) -> list[Any]:
        return self._copies(is_mirrored=True)

    def _copies(self, *, is_mirrored: bool) -> list[Any]:
        held = self.to_move + self.in_rx_buffer + self.to_wire + self.to_show
        return [copy for copy in held if bool(self.nic.copy_kind[copy.copy_kind].is_mirrored) == is_mirrored]

    def frames(self) -> int:
        """Count frames of which nothing is decided: in a ring, in the Tx buffer, or with all their copies under way.

        What becomes of mirrored copies decides nothing.
        """
        in_rings = sum(int(queue.reserved - queue.picked) for queue in self.tx_queues)
        single = sum(copy.group < 0 for copy in self.copies)
        groups = {int(copy.group) for copy in self.copies if copy.group >= 0}
        undecided = sum(self.nic.groups.slot[number].delivered == 0 for number in groups)
        return in_rings + len(self.picked) + len(self.in_pipeline) + single + undecided

    def rx_buffer_bytes(self) -> int:
        """Add up the copies that wait for the DMA engine or whose last payload TLP has not left."""
        link = self.nic.up
        posted = link.first
        leaving = {i % len(posted.ring) for i in range(posted.head, posted.tail)}
        if link.is_busy and not link.sends_second:
            leaving.add(int(link.slot))
        n_bytes = sum(int(posted.ring[slot].room_bytes) for slot in leaving)
        n_bytes += sum(int(each.n_bytes) for each in self.in_pipeline if each.is_wire)
        return n_bytes + sum(int(copy.n_bytes) for copy in self.in_rx_buffer)

    def tx_buffer_bytes(self) -> int:
        """Add up the frames that VMs have sent and that have not left the Tx buffer, each once."""
        n_bytes = sum(int(each.n_bytes) for each in self.picked)
        n_bytes += sum(int(each.n_bytes) for each in self.in_pipeline if not each.is_wire)
        waiting = self.to_move + self.to_wire
        n_bytes += sum(int(copy.tx_bytes) for copy in waiting if copy.group < 0)
        return n_bytes + sum({int(copy.group): int(copy.tx_bytes) for copy in waiting if copy.group >= 0}.values())
