"""Servers, frames and loads for tests of the bridge's second implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from tests.oracles.simpy_nic import NicParameters
from tests.oracles.simpy_system import (
    OUTSIDE,
    BridgeParameters,
    Server,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)
from tests.oracles.simpy_system.layout import Layout
from tests.oracles.simpy_system.relay import Relay

NS_FS, US_FS = 10**6, 10**9
GEN2_X4 = (500_000 * 1538, 1534)
BROADCAST = "broadcast"
OUTSIDE_MAC = 0x02EE_0000_0010
UNKNOWN_MAC = 0x0200_0000_7777
VFS = 4
EVERYONE = ("pf", "vf0", "vf1", "vf2", "vf3")


def mac(name: str) -> int:
    """Return a station's address: 02:00:00:00:SS:PP by its server's first letter and its port."""
    if name == OUTSIDE:
        return OUTSIDE_MAC
    if name == BROADCAST:
        return (1 << 48) - 1
    server, _, station = name.rpartition(".")
    port = 1 if station == "pf" else int(station.removeprefix("vf")) + 2
    return 0x0200_0000_0000 | (ord(server) if server else 0) << 8 | port


def address(what: str | int) -> bytes:
    return (mac(what) if isinstance(what, str) else what).to_bytes(6, "big")


def frame(to: str | int, source: str | int, frame_bytes: int = 64, tag: str = "", ethertype: str = "88b5") -> bytes:
    """Return a frame's bytes without FCS; `frame_bytes` counts it and the tag."""
    head = address(to) + address(source) + bytes.fromhex(tag) + bytes.fromhex(ethertype)
    return head.ljust(frame_bytes - 4, b"\0")


def nic(**changes: Any) -> NicParameters:
    """Everything one by one, polled, and nothing else on the link while one frame is alone."""
    one_by_one = dict.fromkeys(("fetch_batch", "rx_writeback_batch", "tx_doorbell_batch", "refill_batch"), 1)
    settings = {"rx_interrupt_batch": 0, "tx_interrupt_batch": 0, "max_read_request_bytes": 4096}
    return NicParameters(GEN2_X4, **(one_by_one | settings | {"vfs": VFS, "rx_ring": 9} | changes))


def batched_nic(**changes: Any) -> NicParameters:
    """Fast enough for its wire, received frames seen one by one."""
    settings = {"vfs": VFS, "rx_prefetch": 32, "cores": VFS + 1, "rx_writeback_batch": 1, "rx_interrupt_batch": 0}
    return NicParameters(GEN2_X4, **(settings | changes))


STATION = {
    "port_vlan": 1,
    "vlans": (1,),
    "untagged": (1,),
    "admit": "all",
    "accept": ("broadcast", "multicast"),
    "groups": (),
    "max_frame_bytes": 1518,
    "default_priority": 0,
    "s_channel": None,
    "pvlan": 0,
}
IS_SET = {"spoof_check", "vlan_spoof_check", "loopback", "enabled", "ethertype_filter"}
IS_NOT_SET = {"q_in_q", "self_loopback", "promiscuous", "default", "trusted"}
SWITCH = {
    "addresses": (),
    "vif_lists": {},
    "ecid_lists": (),
    "s_channels": {},
    "mirrors": (),
    "acl": (),
    "uplink": SimpleNamespace(native_vlan=1, vlans="all", pvlan=0),
    "promiscuous": "all",
    "lookup": "mac_and_vlan",
}


def server(
    name: str = "",
    mode: str = "vepa",
    stations: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: NicParameters | None = None,
    **switch: Any,
) -> Server:
    """Return a server; `stations` tells what differs from the defaults."""
    own = stations or {}
    flags = dict.fromkeys(IS_SET, True) | dict.fromkeys(IS_NOT_SET, False)
    ports = []
    for number, each in enumerate(EVERYONE, 1):
        whole = name + "." + each if name else each
        named = {"name": each, "macs": (mac(whole),), "vif": number, "ecid": number}
        ports.append(SimpleNamespace(**(STATION | flags | named | dict(own.get(each, {})))))
    return Server(name, parameters or nic(), SimpleNamespace(mode=mode, ports=tuple(ports), **(SWITCH | switch)))


def relay_of(parameters: BridgeParameters, servers: Sequence[Server]) -> Relay:
    """Return what the only bridge decides by, told of all stations."""
    layout = Layout([parameters], servers)
    relay = Relay(parameters, layout)
    for number, wire in enumerate(layout.to_servers):
        relay.introduce(wire, number)
    return relay


def ecid_list(group: int, ecid: int, *ports: str) -> SimpleNamespace:
    return SimpleNamespace(group=group, ecid=ecid, ports=ports)


def run(
    servers: list[Server], bridge: BridgeParameters, *arrivals: tuple[int, str, bytes], **load: Any
) -> SystemOutcome:
    """Run recorded frames to the end, and check that nothing is lost."""
    outcome = simulate_system(servers, bridge, SystemLoad([], [SystemArrival(*each) for each in arrivals], **load))
    check_balance(outcome)
    assert outcome.in_flight_frames == 0
    return outcome


def check_balance(outcome: SystemOutcome) -> None:
    """Check the places' own counts against those of frames, and that deliveries are in order."""
    assert outcome.in_flight_frames >= 0
    assert all(first.at_fs <= second.at_fs for first, second in pairwise(outcome.deliveries))


def one_after_the_other(*frames: tuple[str, bytes], first_fs: int = 1000 * US_FS, every_fs: int = 100 * US_FS):
    """Return arrivals that do not meet."""
    return [(first_fs + i * every_fs, sender, raw) for i, (sender, raw) in enumerate(frames)]


def receivers_of(outcome: SystemOutcome, sender: str) -> list[str]:
    return sorted(each.receiver for each in outcome.deliveries if each.sender == sender)
