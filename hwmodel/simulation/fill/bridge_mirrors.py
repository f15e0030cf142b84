"""Mirrors and samplers of bridges, with names replaced by numbers, and by the bytes before the copies."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np

from hwmodel.config.bridge_mirrors import BridgeMirror
from hwmodel.config.check_bridge_mirrors import collector_of
from hwmodel.config.topology import Topology
from hwmodel.forwarding.tables import VIDS
from hwmodel.machine.network.bridge_state import IN_VLAN, TO_COLLECTOR, TO_PORT
from hwmodel.simulation.fill.random_streams import BRIDGE_SAMPLES, random_words
from hwmodel.wire.ethernet import BRIDGES_OWN_MAC, FIRST_BRIDGE_ADDRESS
from hwmodel.wire.remote_mirror import encapsulation

MOST_SETS = 256  # of VLANs, whose bits are remembered


@lru_cache(MOST_SETS)
def bits_of_vlans(vlans: Collection[int]) -> Any:
    """Return the words of a set of VLANs."""
    is_in = np.zeros(VIDS, bool)
    is_in[list(vlans)] = True
    return np.packbits(is_in, bitorder="little").view("<u4").astype(np.int64)


def fill_mirrors(record: Any, topology: Topology) -> None:
    """Set up the mirrors of all bridges, which ports they watch, and the VLANs of mirrored copies."""
    record.params.n_mirrors = len(topology.mirrors)
    for at, bridge in enumerate(topology.bridges):
        record.unlearned[at].members[:] = bits_of_vlans(tuple(bridge.unlearned_vlans))
    first = 0
    for number, (at, mirror) in enumerate(topology.mirrors):
        first = number if number and topology.mirrors[number - 1][0] != at else first
        _fill_mirror(record.mirror[number].params, topology, at, mirror, 1 + number - first)
        named = topology.named_at(at)
        if mirror.source is not None:
            watched = [logical.number for logical in named[mirror.source]]
        else:
            watched = [logical.number for logical in topology.bridge_ports.logical[at]]
        for way, is_watched in zip(("watched_in", "watched_out"), mirror.passed, strict=True):
            for logical in watched if is_watched else ():
                record.logical_port[logical].params[way] |= 1 << number


def fill_samplers(record: Any, topology: Topology, seed: int) -> None:
    """Set up the samplers of all bridges, and which ports they look at."""
    for number, (at, sampler) in enumerate(topology.samplers):
        record.sampler[number].params.one_in = sampler.one_in
        record.sampler[number].rng[:] = random_words(seed, BRIDGE_SAMPLES + number)
        for logical in topology.named_at(at)[sampler.source]:
            record.logical_port[logical.number].params.sampler = number + 1


def _fill_mirror(params: Any, topology: Topology, at: int, mirror: BridgeMirror, session: int) -> None:
    params.box, params.vlan = at, mirror.vlan or 0
    if mirror.to is not None:
        params.kind, params.to = TO_PORT, topology.named_at(at)[mirror.to][0].number
    elif mirror.to_vlan is not None:
        params.kind, params.to_vlan = IN_VLAN, mirror.to_vlan
    else:
        assert mirror.collector is not None
        collector = collector_of(mirror.collector, topology)
        assert collector.ip is not None, "it has been checked"
        head = encapsulation(
            (BRIDGES_OWN_MAC + at, collector.mac), collector.vlan, (FIRST_BRIDGE_ADDRESS + at, collector.ip),
            session if mirror.session is None else mirror.session,
        )  # fmt: skip
        params.kind, params.n_octets = TO_COLLECTOR, len(head)
        params.octets[: len(head)] = np.frombuffer(head, np.uint8)
