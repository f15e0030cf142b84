"""What becomes, in each way, of frames between VMs that policy keeps apart: forbidden pairs, and a run of each.

The way says where policy acts; whether a frame passes that place is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from hwmodel.analytic.paths import Paths
from hwmodel.analytic.system import System
from hwmodel.config import Config, bridges_of, servers_of, vms_of
from hwmodel.config.made_up import Connections, MadeUpPacket
from hwmodel.config.switch import AclEntry, Port
from hwmodel.config.system import looks_behind_type
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.results.comparison import ForbiddenPair

# For runs that measure delivery: some 200 frames, long enough for batches and timers to complete.
RATE, DURATION = "200Kpps", "1ms"


class Pair(NamedTuple):
    """Hold two VMs between which frames are forbidden, and where: "switch" (of the adapter or host) or "bridge"."""

    at: str
    source: str
    target: str


def forbidden_pairs(config: Config, bridged: Config | None) -> tuple[Pair, ...]:
    """Return, for each place where policy acts, the first pair of VMs of one adapter that it forbids, if any.

    `bridged`: the configuration with a way over the bridge, None if there is none. The bridge forbids by `policy`; the
    switch by `switch.acl`, or because the receiver is not in the sender's VLAN and no bridge translates VLANs.
    """
    found = [next(_forbidden_at_switch(config), None)]
    if bridged is not None and any(
        rule.action == "deny" for one in bridges_of(bridged) for rule in one.settings.policy
    ):
        paths = Paths(System.of(bridged), None)
        ways = (pair for pair in _pairs(bridged) if paths.path(*pair).lost == "ACL_DENY")
        found += [Pair("bridge", *pair) for pair in [next(ways, None)] if pair is not None]
    return tuple(pair for pair in found if pair is not None)


def _pairs(config: Config) -> Iterator[tuple[str, str]]:
    for server in servers_of(config):
        yield from permutations((name for name, vm in vms_of([server]).items() if not vm.is_host), 2)


def _forbidden_at_switch(config: Config) -> Iterator[Pair]:
    stations = {name: vm.port for name, vm in vms_of(servers_of(config)).items()}
    connections = Connections(stations) if looks_behind_type(config) else None
    translates = any(port.translate for one in bridges_of(config) for port in one.settings.ports.values())
    for server in servers_of(config):
        acl = server.config.switch.acl
        for sender, target in permutations((vm for vm in vms_of([server]).values() if not vm.is_host), 2):
            is_apart = sender.port.port_vlan not in target.port.vlans and not translates
            ends = sender.name, target.name
            if is_apart or _is_denied(acl, sender.port, target.port, MadeUpPacket.between(connections, *ends)):
                yield Pair("switch", *ends)


def _is_denied(entries: Sequence[AclEntry], sender: Port, target: Port, packet: MadeUpPacket) -> bool:
    """Tell whether the first entry that matches a made-up frame denies it."""
    first = next(
        (
            entry
            for entry in entries
            if entry.port in ("all", sender.name)
            and entry.source in (None, *sender.macs[:1])
            and entry.destination in (None, *target.macs[:1])
            and entry.vlan in (None, sender.port_vlan)
            and packet.is_as_asked(entry, sender)
        ),
        None,
    )
    return first is not None and first.action == "deny"


def with_pair_alone(config: Config, pair: Pair) -> Config | None:
    """Return a configuration in which only one VM sends, at random times, to the other; None if it is invalid."""
    changes: dict[str, object] = {
        "scenario": [], "agents": {},
        "workload.pattern": "flows", "workload.flows": [[pair.source, pair.target, RATE]],
        "workload.arrivals": "poisson", "workload.load": "saturate", "workload.wire_share": 0.0,
        "workload.external": None, "workload.pcap": None, "workload.segment_bytes": None,
        "workload.connections": 1, "workload.weights": {}, "workload.zipf": None,
        "run.warmup": "0ns", "run.duration": DURATION, "run.frames": None, "run.precision": None,
    }  # fmt: skip
    try:
        return config.with_overrides(changes)
    except InputError:
        return None


def counted(pair: Pair, result: Result) -> ForbiddenPair:
    """Return how many frames of a pair its receiver got in a run that has no others."""
    receiver = next((vm for vm in result.vms if vm.name == pair.target), None)
    return ForbiddenPair(
        forbidden_at=pair.at,
        from_=pair.source,
        to=pair.target,
        offered=result.totals.offered_frames,
        delivered=0 if receiver is None else receiver.latency_ns.count,
        in_flight=result.totals.in_flight_frames,
        drops=result.drops,
    )
