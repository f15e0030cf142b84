"""What a bridge tells a collector of its samples: datagrams of sFlow or IPFIX, as frames, every so often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwmodel.agents.agent import Agent, Turn
from hwmodel.config.agents import OwnFrame
from hwmodel.config.bridge_samples import BridgeSampler
from hwmodel.config.check_bridge_mirrors import collector_of
from hwmodel.config.topology import Topology
from hwmodel.rules.packets import TYPE_IPV4
from hwmodel.wire.ethernet import FIRST_BRIDGE_ADDRESS
from hwmodel.wire.internet import udp
from hwmodel.wire.samples import (
    EXPORTER_PORT,
    IPFIX_PORT,
    MOST_DATAGRAM_BYTES,
    SFLOW_PORT,
    counter_sample,
    flow_sample,
    ipfix_message,
    packet_report,
    sflow_datagram,
)

_MOST_HEAD_BYTES = 100  # of a datagram, before its samples


class Exporter(Agent):
    """Tell a collector of the samples of one sampler of a bridge.

    `at`: the bridge's number; `number`: the sampler's, among those of all bridges.
    """

    def __init__(self, bridge: str, at: int, number: int, own: BridgeSampler, topology: Topology) -> None:
        collector = collector_of(own.collector, topology)
        assert collector.ip is not None, "it has been checked"
        frame = OwnFrame(bridge, collector.mac, TYPE_IPV4, vlan=collector.vlan)
        super().__init__(f"{bridge}.samples.{own.source}", bridge, frames=[frame])
        self._own, self._number = own, number
        self._ends = FIRST_BRIDGE_ADDRESS + at, collector.ip
        self._domain = at + 1
        self._n_told = self._n_datagrams = self._n_records = self._n_counted = 0

    def begin(self, at: Turn) -> None:
        """Wait for the first time."""
        at.wake(self._own.every_fs)

    def woke(self, at: Turn, timer: Any) -> None:
        """Tell of what has been sampled since the last time."""
        for payload in self._payloads(at):
            port = SFLOW_PORT if self._own.protocol == "sflow" else IPFIX_PORT
            at.send_frame(self.frames[0], udp(self._ends, (EXPORTER_PORT, port), payload))
        at.wake(self._own.every_fs)

    def _payloads(self, at: Turn) -> Iterator[bytes]:
        samples, counters = at.sampled(self._number)
        if self._own.protocol == "ipfix":
            for part in _parts([packet_report(one) for one in samples]):
                yield ipfix_message(self._domain, self._n_records, at.now_fs, self._own.one_in, part)
                self._n_records += 1 + len(part)
            return
        told = []
        for one in samples:
            self._n_told += 1
            told.append(flow_sample(one, self._n_told, self._own.one_in))
        if self._own.counters:
            self._n_counted += 1
            told.append(counter_sample(counters, self._n_counted))
        for part in _parts(told):
            self._n_datagrams += 1
            yield sflow_datagram(self._ends[0], self._n_datagrams, at.now_fs, part)


def _parts(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield records, as many at once as a datagram holds."""
    part: list[bytes] = []
    for record in records:
        if part and _MOST_HEAD_BYTES + sum(map(len, part)) + len(record) > MOST_DATAGRAM_BYTES:
            yield part
            part = []
        part.append(record)
    if part:
        yield part
