"""What the tests of whole runs share: small machines, runs whose state can be looked into, captures, a recount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scapy.utils import RawPcapReader, RawPcapWriter

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.condition import Condition
from hwmodel.results import Result
from hwmodel.simulation import Run, simulate
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.simulation.run.play import play_of
from hwmodel.simulation.run.scenario import watch_of
from hwmodel.units import FS_PER_NS
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
    """Lay configurations over each other, block by block; a later one wins, and what is no block takes its place."""
    result: dict[str, Any] = {}
    for layer in layers:
        for block, values in layer.items():
            result[block] = {**result.get(block, {}), **values} if isinstance(values, Mapping) else values
    return result


def _change(at_ns: int, config: Config, what: dict[str, Any]) -> Change:
    at_fs, off = at_ns * FS_PER_NS, frozenset(what.pop("off", ()))
    conditions = map(Condition.model_validate, what.pop("watches", ()))
    watches = tuple(watch_of(config, when, number) for number, when in enumerate(conditions))
    jobs = tuple(what.pop("jobs", ()))
    return Change(at_fs, config.with_overrides(what), off, watches, jobs=jobs)


def begun(*layers: Mapping[str, Any], changes: Mapping[int, Mapping[str, Any]] | None = None) -> JourneyRun:
    """Return a run at time 0; `changes`: by the time in ns what differs from then on, and which functions are `off`."""
    config: Config = config_from_mapping(merged(*layers))
    if config.agents:
        return JourneyRun.of_play(play_of(config))
    later: Sequence[Change] = [_change(at_ns, config, dict(what)) for at_ns, what in (changes or {}).items()]
    workload, later = with_workloads(config, later)
    return JourneyRun(config, workload, changes=later)


def finished(*layers: Mapping[str, Any]) -> tuple[JourneyRun, Result]:
    """Run to the end; return the run with its state, and the result."""
    run = begun(*layers)
    for _ in run.pieces():
        pass
    return run, run.result()


def result_of(*layers: Mapping[str, Any]) -> Result:
    return finished(*layers)[1]


def judged_result_of(*layers: Mapping[str, Any]) -> Result:
    """Run as a user does: short runs say what limits, where the window does not."""
    return simulate(config_from_mapping(merged(*layers)))


def measured(config: Config) -> Result:
    """Run to the end and leave out the short runs that say what limits."""
    run = Run(config, build_workload(config, ceiling_frames_per_s(config)), lambda _share, _text: None)
    for _ in run.pieces():
        pass
    return run.result()


_MEASURED: dict[str, Result] = {}


def measured_once(config: Config) -> Result:
    """Return the same, of a configuration that was run before as it was: for faults planted in what it is beside."""
    name = config.config_hash()
    if name not in _MEASURED:
        _MEASURED[name] = measured(config)
    return _MEASURED[name]


def logged(
    *layers: Mapping[str, Any], changes: Mapping[int, Mapping[str, Any]] | None = None
) -> tuple[Run, Result, Deliveries]:
    """Run to the end and keep each delivery; what passes the ports of a bridge is logged too."""
    run = begun(*layers, changes=changes)
    if run.machine.system is not None:
        run.machine.system.bridges["port"]["params"]["is_tapped"] = 1
    run.machine.log_deliveries()
    pieces = list(run.pieces())
    names = ("at_fs", "template", "frame_bytes", "record", "copy_kind", "egress_port")
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
    """Recount what the state holds at the end, from the queues themselves and from no counter.

    Queues and what they hold are arrays of records, a row for each entry; copies are the accounts of their frames, -1
    for a frame of one copy.
    """

    def __init__(self, run: Run) -> None:
        nic = self.nic = run.state[0]
        n_queues = int(nic.params.n_queues)
        self.tx_queues, self.rx_queues = (each[:n_queues].view(np.recarray) for each in (nic.tx_queue, nic.rx_queue))
        to_move, self.in_rx_buffer, to_wire = map(_held, (nic.loopback, nic.rx_fifo, nic.port[0].mac.fifo))
        to_show = self._slots("visible", "started")
        self.to_take = nic.guests.finished[self._slots("taken", "visible")]
        self.picked = _held(nic.grants)
        self.in_pipeline = _between(nic.pipe, nic.pipe_head, nic.pipe_tail)
        self.in_tx_buffer = np.concatenate([to_move, to_wire])
        self.to_show = nic.guests.finished[to_show]
        held = (self.in_tx_buffer, self.in_rx_buffer, self.to_show)
        kinds, groups, journeys = (
            np.concatenate([part[name] for part in held]) for name in ("copy_kind", "group", "journey")
        )
        is_mirrored = nic.traffic.copy_kind["is_mirrored"][kinds].astype(bool)
        self.copies, self.mirrored = groups[~is_mirrored], groups[is_mirrored]
        self.journeys, self.mirrored_journeys = journeys[~is_mirrored], journeys[is_mirrored]

    def _slots(self, first: str, last: str) -> Any:
        """Return where the frames between two counts of the Rx rings stand."""
        return np.concatenate(
            [queue.first + (np.arange(queue[first], queue[last]) & queue.mask) for queue in self.rx_queues]
        )

    def frames(self) -> int:
        """Count frames of which nothing is decided: in a ring, in the Tx buffer, or with all their copies under way.

        What becomes of mirrored copies decides nothing.
        """
        in_rings = int((self.tx_queues.reserved - self.tx_queues.picked).sum())
        groups = np.unique(self.copies[self.copies >= 0])
        undecided = int((self.nic.groups.slot["delivered"][groups] == 0).sum())
        return in_rings + len(self.picked) + len(self.in_pipeline) + int((self.copies < 0).sum()) + undecided

    def rx_buffer_bytes(self) -> int:
        """Add up the copies that wait for the DMA engine or whose last payload TLP has not left."""
        link = self.nic.pcie[0].up
        posted = link.first
        leaving = {i & int(posted.mask) for i in range(posted.head, posted.tail)}
        if link.is_busy and not link.sends_second:
            leaving.add(int(link.place) & int(posted.mask))
        n_bytes = int(posted.ring["room_bytes"][sorted(leaving)].sum())
        n_bytes += int(self.in_pipeline["n_bytes"][self.in_pipeline["is_wire"] != 0].sum())
        return n_bytes + int(self.in_rx_buffer["n_bytes"].sum())

    def tx_buffer_bytes(self) -> int:
        """Add up the frames that VMs have sent and that have not left the Tx buffer, each once."""
        n_bytes = int(self.picked["n_bytes"].sum())
        n_bytes += int(self.in_pipeline["n_bytes"][self.in_pipeline["is_wire"] == 0].sum())
        groups, tx_bytes = self.in_tx_buffer["group"], self.in_tx_buffer["tx_bytes"]
        n_bytes += int(tx_bytes[groups < 0].sum())
        return n_bytes + sum(
            dict(zip(groups[groups >= 0].tolist(), tx_bytes[groups >= 0].tolist(), strict=True)).values()
        )


def _held(queue: Any) -> np.ndarray:
    """Return what a queue holds, in its order."""
    return queue.ring[np.arange(queue.head, queue.tail) & queue.mask]


def _between(ring: Any, head: int, tail: int) -> Any:
    """Return the entries of a ring from its head to its tail."""
    return ring[np.arange(head, tail) % len(ring)]
