"""Parts of a bridge's mirrors and samples by themselves: what is asked, where collectors stand, who tells what when."""

from __future__ import annotations

from ipaddress import IPv4Address
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.agents.exporter import Exporter
from hwmodel.config import config_from_mapping
from hwmodel.config.bridge_mirrors import BridgeMirror
from hwmodel.config.bridge_samples import BridgeSampler
from hwmodel.config.check_bridge_mirrors import Collector, collector_of
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.bridge_mirrors import bits_of_vlans
from hwmodel.simulation.run.sampled import SampledFrames
from hwmodel.wire.samples import MOST_DATAGRAM_BYTES, Counters, Sample, told_by_sflow
from tests.test_bridge_samples import with_sampler

COUNTERS = Counters(1, 10**10, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("direction", "passed"),
    [(None, (True, False)), ("ingress", (True, False)), ("egress", (False, True)), ("both", (True, True))],
)
def test_a_mirror_copies_what_comes_unless_it_says_otherwise(direction, passed):
    assert BridgeMirror.model_validate({"from": "a", "to": "b", "direction": direction}).passed == passed


@given(st.sets(st.integers(0, 4095), max_size=50))
def test_sets_of_vlans_are_a_bit_each(vlans):
    words = bits_of_vlans(tuple(vlans))
    assert {32 * at + bit for at, word in enumerate(words.tolist()) for bit in range(32) if word >> bit & 1} == vlans


def test_collectors_have_the_addresses_of_their_frames():
    """The station at place n has 10.0.0.1 + n, since the outside has place 0."""
    ports = [SimpleNamespace(macs=[7], port_vlan=3, ips=None), SimpleNamespace(macs=[8], port_vlan=4, ips=None)]
    topology = SimpleNamespace(vms={name: SimpleNamespace(port=port) for name, port in zip("ab", ports, strict=True)})
    assert collector_of("b", topology) == Collector(8, 4, IPv4Address("10.0.0.3"))


@given(st.lists(st.binary(min_size=60, max_size=256), min_size=1, max_size=60))
def test_an_exporter_tells_of_each_sample_once_in_datagrams_that_are_not_too_long(heads):
    samples = [Sample(0, 1, 1, 0, 1 + at, len(head) + 4, head) for at, head in enumerate(heads)]
    outside = SimpleNamespace(configs=[config_from_mapping({})])
    own = BridgeSampler.model_validate({"from": "a", "one_in": 4, "every": "1ms"})
    exporter = Exporter("bridge", 0, 0, own, outside)
    sent, woken = [], []
    turn = SimpleNamespace(
        now_fs=10**12, sampled=lambda number: (samples, COUNTERS),
        send_frame=lambda frame, payload: sent.append(payload), wake=woken.append,
    )  # fmt: skip
    exporter.woke(turn, None)
    payloads = [datagram[28:] for datagram in sent]
    assert max(map(len, payloads)) <= MOST_DATAGRAM_BYTES
    assert [(one.number, one.head) for data in payloads for one in told_by_sflow(data)] == [*enumerate(heads, 1)]
    assert woken == [10**12]


def test_samples_are_given_once_in_order_and_never_before_they_came(monkeypatch):
    asked = []
    real = SampledFrames.of

    def of(frames, number, now_fs):
        samples, counters = real(frames, number, now_fs)
        asked.append((now_fs, samples))
        return samples, counters

    monkeypatch.setattr(SampledFrames, "of", of)
    result = simulate(config_from_mapping(with_sampler()))
    times = np.array([one.at_fs for _, samples in asked for one in samples])
    pools = [one.pool for _, samples in asked for one in samples]
    assert len(asked) > 8 and len(times) > 40
    assert (np.diff(times) >= 0).all() and pools == sorted(set(pools))
    assert all(one.at_fs <= now_fs for now_fs, samples in asked for one in samples)
    (own,) = result.bridges[0].samples
    assert 0 <= own.samples - len(times) < 30  # those of the last 100 us are told of to nobody
