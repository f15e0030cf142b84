"""Validate `bridge` and `bridges`: what is at the other end of the wire, its ports, extenders, table and policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from hwmodel.rules.private_vlan import PROMISCUOUS
from hwmodel.rules.switch_modes import DEFAULT_S_VID, TAG_MODES, ChannelKind

from .bridge_flow_control import BridgeFlowControl
from .bridge_mirrors import BridgeMirror
from .bridge_samples import BridgeSampler
from .kinds import Block, ByteCount, ByteRate, Duration, Listing, OrWord, Truth, Whole, Word, key
from .names import OUTSIDE, IdKey, LogicalName, Name, PortOfBridge, ServerName, ethernet_ports
from .port_security import PortSecurity
from .private_vlan import PVLAN_FORM, PvlanClass
from .switch import AclEntry, Guards, Switch, VlanId, VlanList

Latency = Annotated[int, Duration("0ns", "1s")]
Forwarding = Literal["store_and_forward", "cut_through"]
Sharing = Literal["port", "all"]
Buffer = Annotated[int, ByteCount("64B", "1024MiB")]

LATENCY: Any = key(
    "500ns", "Time from a frame's arrival until it stands in the queues of the ports it goes to.", alias="latency"
)
FORWARDING: Any = key(
    "store_and_forward", "Whether a frame has come with its last byte, or (cut_through) with its first 64."
)
BUFFER: Any = key(
    "1MiB", "Room for copies that wait or are being sent; one without room drops (QUEUE_FULL).", alias="buffer"
)
SHARING: Any = key("port", "Whether each port has a buffer of this size, or all have one together.")


BRIDGE = "bridge"  # in `behind`: the bridge itself, not an extender
ExtenderName = Annotated[str, ServerName("an extender")]
Behind = Annotated[str, ServerName("an extender", BRIDGE)]
ADAPTER = "adapter"  # the port of the one server that has no name
BridgeKind = Literal["learning", "controlling"]
PortName = Annotated[str, ServerName("a port", ADAPTER, OUTSIDE, with_wires=True)]


def wire_names(server: str, n_ports: int) -> tuple[str, ...]:
    """Return the names of a bridge's ports to an adapter, one for each Ethernet port: a, or with several a.p0, a.p1.

    For the one adapter without a name: `adapter`, or p0, p1.
    """
    if n_ports == 1:
        return (server or ADAPTER,)
    return tuple(f"{server}.{port}" if server else port for port in ethernet_ports(n_ports))


class Extender(Block):
    """A port extender, by its name: its uplink is one wire to the bridge or to another extender."""

    rate_bps: Annotated[int, ByteRate("1Mbps", "1000Gbps")] = key(
        ...,
        "Rate of the uplink, each way.",
        alias="rate",
        derived="port.rate of the first adapter",
    )
    behind: Behind = key(BRIDGE, "What the uplink leads to: bridge, or another extender.")
    latency_fs: Latency = LATENCY
    forwarding: Annotated[Forwarding, Word(Forwarding)] = FORWARDING
    buffer_bytes: Buffer = BUFFER
    sharing: Annotated[Sharing, Word(Sharing)] = SHARING


def way_up(behind: str, parents: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the extenders from `behind` up to the bridge, the lowest first; None if they never lead to it.

    `parents`: what each extender is behind, by its name.
    """
    found: list[str] = []
    while behind != BRIDGE:
        if behind in found or behind not in parents:
            return None
        found.append(behind)
        behind = parents[behind]
    return tuple(found)


def interfaces_before(
    data: Mapping[str, Any], n_functions: Mapping[str, int], n_ports: Mapping[str, int]
) -> dict[str, int]:
    """Return, by adapter name, how many stations the earlier adapters below the same port of a bridge have.

    Each adapter's virtual interfaces are numbered from there on, so that no two below one port share a number; 0 for an
    adapter directly at a port of a bridge. `data`: the plain data of the configuration, possibly invalid.
    `n_functions`, `n_ports`: the stations and the Ethernet ports of each adapter.
    """
    joined = data.get("bridges")
    bridges = [data.get(BRIDGE), *(joined if isinstance(joined, list) else [])]
    before = [_before_at(bridge, n_functions, n_ports) for bridge in bridges]
    return {name: max(one[name] for one in before) for name in n_functions}


def _before_at(bridge: Any, n_functions: Mapping[str, int], n_ports: Mapping[str, int]) -> dict[str, int]:
    parents, behind = _plain_parents(bridge, "extenders"), _plain_parents(bridge, "ports")
    n_before: dict[str, int] = {}
    found = {}
    for name, n in n_functions.items():
        ways = [way_up(behind.get(wire, BRIDGE), parents) for wire in wire_names(name, n_ports[name])]
        tops = {above[-1] for above in ways if above}
        found[name] = max((n_before.get(top, 0) for top in tops), default=0)
        n_before |= dict.fromkeys(tops, found[name] + n)
    return found


def _plain_parents(bridge: Any, what: str) -> dict[str, str]:
    entries = bridge.get(what) if isinstance(bridge, dict) else None
    if not isinstance(entries, dict):
        return {}
    behind = {name: entry.get("behind", BRIDGE) if isinstance(entry, dict) else BRIDGE
              for name, entry in entries.items()}  # fmt: skip
    return {name: one if isinstance(one, str) else BRIDGE for name, one in behind.items()}


class ServiceLevel(Block):
    """What an S-channel gets of the bridge's port to its adapter. S-channels without an entry have the defaults."""

    weight: Annotated[int, Whole(1, 65535)] = key(
        1, "Share of the S-channel in what the port sends, in bytes (deficit round robin)."
    )
    rate_bps: Annotated[int, ByteRate("1Kbps", "1000Gbps")] | None = key(
        None,
        "Most that the port sends of the S-channel, frame bits with FCS and tags; what is more waits; null: no limit.",
        alias="rate",
    )
    burst_bytes: Annotated[int, ByteCount("0B", "64MiB")] = key(
        "16KiB", "What may go out faster than `rate` after an idle time, and makes up for waiting.", alias="burst"
    )
    buffer_bytes: Annotated[int, ByteCount("64B", "1024MiB")] | None = key(
        None,
        "Most that the S-channel's queue holds, where `bridge.buffer` has room; null: `bridge.buffer` divided by the "
        "port's S-channels. More lets one take the room of the others.",
        alias="buffer",
    )


class BridgePort(Block):
    """A port of the bridge, by its name: `adapter` or the server's, of several Ethernet ports `p1`, and `outside`."""

    rate_bps: Annotated[int, ByteRate("1Mbps", "1000Gbps")] = key(
        ...,
        "Rate of the port, each way; the other end of the wire has the same.",
        alias="rate",
        derived="the adapter's port.rate, for outside that of the first adapter",
    )
    hairpin: Annotated[bool, Truth()] | None = key(
        None,
        "Whether a frame may go back out of the port on which it came (reflective relay); null: where the adapter "
        "relies on it, which is in mode vepa, and in mode multichannel for S-channels of kind vepa.",
    )
    native_vlan: VlanId | None = key(
        ...,
        "VLAN of untagged frames at the port; null: they drop.",
        derived="the adapter's switch.uplink.native_vlan, for outside 1",
    )
    vlans: Annotated[VlanList | Literal["all"], OrWord("all", VlanList)] = key(
        "all", "VLANs that the port carries: all, or a list."
    )
    pvlan: PvlanClass = key(
        "promiscuous",
        "Whom a private VLAN lets the port's logical ports reach: promiscuous all ports; isolated promiscuous ports "
        f"alone, not even each other; {PVLAN_FORM} those and its community.",
        unsaid=PROMISCUOUS,
    )
    port_security: PortSecurity | None = key(
        None, "Limit on the addresses that the port may have, of a learning bridge; null: none.", unsaid=None
    )
    behind: Behind = key(BRIDGE, "Whose port it is: that of the bridge, or of an extender by its name.")
    s_channels: dict[Annotated[int, IdKey(4094)], ServiceLevel] = key(
        {},
        "Service levels of S-channels, towards an adapter in mode multichannel, by S-VLAN: {10: {weight: 3}, 20: "
        "{rate: 2Gbps}}. With an entry each S-channel has a queue of its own at the port, without any all have one.",
    )
    translate: dict[Annotated[int, IdKey(4094)], VlanId] = key(
        {},
        "VLANs that have another number in the bridge, by their number on the wire: {101: 10, 102: 10}. Each of them "
        "is a logical port of its own, so that stations in one reach those in another through the bridge alone.",
    )


class PolicyEntry(AclEntry):
    """A rule for frames that come to the bridge; the first that matches a frame decides. null matches everything."""

    port: Annotated[str, Name("all", OUTSIDE, with_servers=True)] = key(
        "all", "Station whose frames the rule looks at: vf0, with servers a.vf0, outside, or all."
    )


class Controls(Block):
    """What a port of the bridge, or one of its logical ports, controls beside the policy."""

    guards: Guards = key(
        [],
        "Rules for what comes in, ahead of `policy`, each with the addresses of the station that sends "
        "(docs/forwarding.md): arp: ARP for its own addresses alone; dhcp, nd, ip: as of a station at an adapter.",
    )


class Bridge(Block):
    """The bridge at the other end of the wire."""

    kind: Annotated[BridgeKind, Word(BridgeKind)] = key(
        "learning",
        "Whether the bridge learns where addresses are (adapters in mode veb, vepa and multichannel), or knows each "
        f"station by its virtual interface (modes {' and '.join(TAG_MODES)}).",
    )
    ports: dict[PortName, BridgePort] = key(
        {},
        "Ports that differ from the defaults, by name: {outside: {rate: 40Gbps}}. There is one for each server "
        "(`adapter` without servers; a.x, a.y for a server's adapters), for each Ethernet port of an adapter with "
        "several (p0, p1; a.p0, a.p1), and `outside`, which leads to stations that nobody models further.",
    )
    extenders: dict[ExtenderName, Extender] = key(
        {},
        "Port extenders between the bridge, which is controlling, and adapters, by name: {fex0: {rate: 40Gbps}, fex1: "
        "{behind: fex0}}. A port of the bridge says `behind: fex1` where its adapter is there.",
    )
    latency_fs: Latency = LATENCY
    forwarding: Annotated[Forwarding, Word(Forwarding)] = FORWARDING
    buffer_bytes: Buffer = BUFFER
    sharing: Annotated[Sharing, Word(Sharing)] = SHARING
    propagation_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "0ns", "Time that a bit takes along a wire, each way.", alias="propagation"
    )
    table: Annotated[int, Whole(1, 65536)] = key(
        8192, "Addresses that the bridge can learn; one that finds the table full is not learned."
    )
    ageing_fs: Annotated[int, Duration("1us", "4000s")] = key(
        "300s", "Time after which an address that sent nothing is forgotten.", alias="ageing"
    )
    announce: Annotated[bool, Truth()] = key(
        False,
        "Whether the stations have made their addresses known before the run, as with a gratuitous ARP: else a bridge "
        "that learns floods all frames to one that has not sent yet.",
    )
    policy: Annotated[tuple[PolicyEntry, ...], Listing("[{port: a.vf0, action: deny}]")] = key(
        [], "Access-control list for frames that come; the first entry that matches decides, else permit."
    )
    controls: dict[Annotated[str, LogicalName()], Controls] = key(
        {},
        "What ports control, by the names that results have for them: a port to an adapter (a) for all its logical "
        "ports, or one of these (a.10, a.vlan101, a.vf0), whose entry counts in place of its port's.",
        unsaid={},
    )
    mirrors: Annotated[tuple[BridgeMirror, ...], Listing("[{from: a, to: outside}]")] = key(
        [],
        "Copies of frames that pass a port, or come in a VLAN, for another port, a VLAN or a collector; counted apart.",
        unsaid=(),
    )
    mirror_vlans: VlanList = key(
        [],
        "VLANs of mirrored copies: nothing is learned in them, and each frame goes to all ports that carry them; those "
        "of `mirrors` are among them.",
        unsaid=(),
    )
    samples: Annotated[tuple[BridgeSampler, ...], Listing("[{from: a, one_in: 1000}]")] = key(
        [],
        "Ports at which frames that come are sampled, and who is told of the samples, by sFlow or IPFIX.",
        unsaid=(),
    )
    flow_control: BridgeFlowControl | None = key(
        None,
        "PAUSE or priority flow control, and the shares of classes of traffic (ETS), at all ports; null: neither.",
        unsaid=None,
    )

    @property
    def looks_behind_type(self) -> bool:
        """Tell whether a rule or a guard matches packet fields beyond the EtherType."""
        return any(entry.asked_packets for entry in self.policy) or any(one.guards for one in self.controls.values())

    @property
    def unlearned_vlans(self) -> set[int]:
        """Return the VLANs of mirrored copies."""
        return {*self.mirror_vlans, *(mirror.to_vlan for mirror in self.mirrors if mirror.to_vlan is not None)}

    def controls_of(self, port: str, logical: str) -> Controls:
        """Return what a logical port of a port to an adapter controls."""
        return self.controls.get(logical) or self.controls.get(port) or Controls()

    def above(self, port: str) -> tuple[str, ...] | None:
        """Return the extenders between a port and the bridge, the lowest first; None if they never lead to it."""
        return way_up(self.ports[port].behind, {name: each.behind for name, each in self.extenders.items()})


class JoinedPort(BridgePort):
    """A port of one of several bridges: to a server, by its name, `outside`, or `to` a port of another bridge."""

    to: Annotated[str, PortOfBridge()] | None = key(
        ...,
        "Port of another bridge at the other end of the wire, like right.trunk; at one end is enough. null: the port "
        "leads to the server of its name, or outside.",
        derived="the port that leads here, else null",
    )
    propagation_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        ...,
        "Time that a bit takes along the wire, each way; both ends of a wire between bridges have one.",
        alias="propagation",
        derived="that of the wire's other end, else the bridge's",
    )


class _Named(Block):
    """What stands first in a bridge's entry."""

    name: Annotated[str, ServerName("a bridge")] = key(
        ..., "Name of the bridge; in results its ports are then left.a, left.trunk."
    )


class JoinedBridge(Bridge, _Named):
    """One of several bridges, by its name; ports to other bridges join them in a tree."""

    ports: dict[PortName, JoinedPort] = key(  # type: ignore[assignment]  # blocks are frozen: a narrower value is safe
        {},
        "Ports: to each server at this bridge by its name, `outside` at one bridge (the first, unless written), "
        "and to other bridges by names of your choice: {a: {}, trunk: {to: right.trunk, rate: 40Gbps}}.",
    )


def s_channels_of(switch: Switch) -> dict[int, ChannelKind]:
    """Return the kinds of the S-channels of an adapter in mode multichannel, in the order of their S-VLANs.

    The default channel is among them where it is listed or a station is in it.
    """
    kinds = dict(switch.s_channels)
    if any(station.s_channel in (None, DEFAULT_S_VID) for station in switch.ports):
        kinds.setdefault(DEFAULT_S_VID, "veb")
    return dict(sorted(kinds.items()))


def queue_bytes(bridge: Bridge, port: BridgePort, s_channel: int, n_channels: int) -> int:
    """Return the bytes that an S-channel's queue holds, at a port with service levels and `n_channels` S-channels."""
    level = port.s_channels.get(s_channel)
    if level is None or level.buffer_bytes is None:
        return bridge.buffer_bytes // n_channels
    return level.buffer_bytes
