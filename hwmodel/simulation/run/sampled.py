"""What bridges have sampled, for those who tell of it: the frames' heads, and what their ports have counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwmodel.config.topology import Topology
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.fill.flow_book import StoredHeaders
from hwmodel.simulation.run.logs import frame_bytes_as_sent
from hwmodel.simulation.run.machine import Machine
from hwmodel.wire.samples import Counters, Sample
from hwmodel.workload.delivered import FrameBytes, Frames, records_of
from hwmodel.workload.traffic import Workload

QUEUE_FULL = DropReason.QUEUE_FULL.value


class SampledFrames:
    """Give samplers' samples, in their order, and the counters of their ports."""

    def __init__(self, machine: Machine, workload: Workload) -> None:
        self._machine = machine
        self._headers = StoredHeaders(machine.bridge["hop_header"])
        self._sent_bytes = np.array([len(template.header) for template in workload.templates], np.int32)
        self._frames = FrameBytes(workload.templates, self._headers, workload.pcap, machine.said)
        self._is_open = False
        assert machine.system is not None
        self._samplers = machine.system.topology.samplers
        self._topology: Topology = machine.system.topology
        self._held: list[list[Sample]] = [[] for _ in self._samplers]

    def of(self, number: int, now_fs: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a sampler has sampled up to now and since it was asked, and its port's counters."""
        self._take()
        held = self._held[number]
        taken = [one for one in held if one.at_fs <= now_fs]
        self._held[number] = held[len(taken) :]
        return taken, self._counters(number)

    def _take(self) -> None:
        """Take the machine's log of samples."""
        log = self._machine.bridge.sample_log
        entries = log["entry"][: int(log.n)]
        log.n = 0
        if not len(entries):
            return
        if not self._is_open:
            self._frames.__enter__()
            self._is_open = True
        hops, templates = entries["hop"], entries["template"]
        lengths = frame_bytes_as_sent(entries["n_bytes"], self._headers.n_bytes[hops], self._sent_bytes[templates])
        frames = Frames(entries["at_fs"], templates, lengths, records_of(entries["index"]), hops)
        raw, _ = self._frames.of(frames, np.arange(len(entries)))
        for entry, head in zip(entries, raw, strict=True):
            number = int(entry["sampler"])
            _, own = self._samplers[number]
            sample = Sample(
                int(entry["at_fs"]), self._interface(number), int(entry["vlan"]), int(entry["priority"]),
                int(entry["pool"]), max(len(head), 60) + FCS_BYTES, head[: own.header_bytes],
            )  # fmt: skip
            self._held[number].append(sample)

    def _interface(self, number: int) -> int:
        """Return the number of a sampler's port, from 1 on."""
        return self._port_of(number) + 1

    def _port_of(self, number: int) -> int:
        at, own = self._samplers[number]
        return self._topology.named_at(at)[own.source][0].port

    def _counters(self, number: int) -> Counters:
        port = self._port_of(number)
        counts = self._machine.bridge.port[port].counts
        n_full = int(counts.drops[QUEUE_FULL])
        return Counters(
            self._interface(number), self._machine.ports[port].rate_bps, int(counts.rx_bytes), int(counts.rx_frames),
            int(counts.drops.sum()) - n_full, int(counts.tx_bytes), int(counts.tx_frames), n_full,
        )  # fmt: skip
