"""Out of which rings the cores of a virtual switch take frames, and so which core passes them on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hwmodel.analytic.bond import addresses_and_ports, leg_shares
from hwmodel.analytic.routes import GROUPS
from hwmodel.analytic.traffic import ONE, ZERO, Traffic
from hwmodel.analytic.uplink import switch_of
from hwmodel.analytic.virtual_switch import copied_bytes, passing_s
from hwmodel.config.names import function_number, is_uplink, port_number
from hwmodel.wire.frame_scan import toeplitz_hash

if TYPE_CHECKING:
    from hwmodel.config import Config

_RSS_ENTRIES = 128  # of the table by which the adapter chooses a ring of the uplink
_HASH_ENTRIES = 1 << 31


def rings_of(config: Config, source: str, target: str) -> dict[int, Fraction]:
    """Give the shares of the rings that frames from a station to another, or from the wire, lie in.

    Tx rings of all VMs have their numbers, Rx rings of the uplink theirs, leg by leg.
    """
    if not is_uplink(source):
        n, first = config.nic.queues_per_vf, function_number(source) * config.nic.queues_per_vf
        return {first + ring: share for ring, share in _by_hash(config, source, target, n, _HASH_ENTRIES).items()}
    n = switch_of(config).n_uplink_rings
    legs = {"p0": ONE} if config.bond is None else leg_shares(config, source, target)
    return {
        config.port.names.index(leg) * n + ring: of_leg * share
        for leg, of_leg in legs.items()
        for ring, share in _by_hash(config, source, target, n, _RSS_ENTRIES).items()
    }


def _by_hash(config: Config, source: str, target: str, n_rings: int, n_entries: int) -> dict[int, Fraction]:
    """Give the shares of so many rings: frames that say nothing of a connection go by their target's number."""
    n_connections = config.workload.connections
    if n_rings == 1 or target in GROUPS or n_connections == 1:
        return {0 if target in GROUPS or is_uplink(target) else port_number(target) % n_rings: ONE}
    inputs = np.array([list(each) for each in addresses_and_ports(config, source, target)], np.uint8)
    counted = Counter((toeplitz_hash(inputs) % n_entries % n_rings).tolist())
    return {ring: Fraction(n, len(inputs)) for ring, n in sorted(counted.items())}


def core_of_ring(config: Config, source: str, ring: int) -> int:
    """Give the core of the host that takes frames from a station, or from the wire, out of a ring."""
    own = switch_of(config)
    return own.cores[(ring % own.n_uplink_rings if is_uplink(source) else ring) % len(own.cores)]


def on_cores(config: Config, source: str, rings: Mapping[int, Fraction], traffic: Traffic) -> Traffic:
    """Give a traffic from a station, or from the wire, with what its frames take of the switch's cores and memory."""
    found: dict[int, Fraction] = {}
    for ring, share in rings.items():
        core = core_of_ring(config, source, ring)
        found[core] = found.get(core, ZERO) + share * passing_s(config, traffic)
    return replace(traffic, switching_s=found, copied_bytes=copied_bytes(config, traffic))
