"""Validate the `bridge` block: the bridge at the other end of the wire, its ports, its table and its policy."""

from __future__ import annotations

from typing import Annotated, Literal

from .amounts import ByteCount, Duration, Rate, Whole
from .block import Block, key
from .box_keys import BUFFER, FORWARDING, LATENCY, SHARING, Buffer, Forwarding, Latency, Sharing
from .extenders import BRIDGE, Behind, Extender, ExtenderName, way_up
from .kinds import Listing, OrWord, Truth, Word
from .names import IdKey, Name, ServerName
from .station import VlanId, VlanList
from .switch import AclEntry

ADAPTER = "adapter"  # the port of the one server that has no name
OUTSIDE = "outside"
TAG_MODES = ("vn_tag", "e_tag")  # of adapters that a controlling bridge needs
BridgeKind = Literal["learning", "controlling"]
PortName = Annotated[str, ServerName("a port", ADAPTER, OUTSIDE, with_adapters=True)]


class ServiceLevel(Block):
    """What an S-channel gets of the bridge's port to its adapter. S-channels without an entry have the defaults."""

    weight: Annotated[int, Whole(1, 65535)] = key(
        1, "Share of the S-channel in what the port sends, in bytes (deficit round robin)."
    )
    rate_bps: Annotated[int, Rate("1Kbps", "1000Gbps")] | None = key(
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
    """A port of the bridge, by its name: `adapter` or the server's, and `outside`."""

    rate_bps: Annotated[int, Rate("1Mbps", "1000Gbps")] = key(
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
    behind: Behind = key(BRIDGE, "Whose port it is: that of the bridge, or of an extender by its name.")
    s_channels: dict[Annotated[int, IdKey(1, 4094)], ServiceLevel] = key(
        {},
        "Service levels of S-channels, towards an adapter in mode multichannel, by S-VLAN: {10: {weight: 3}, 20: "
        "{rate: 2Gbps}}. With an entry each S-channel has a queue of its own at the port, without any all have one.",
    )
    translate: dict[Annotated[int, IdKey(1, 4094)], VlanId] = key(
        {},
        "VLANs that have another number in the bridge, by their number on the wire: {101: 10, 102: 10}. Each of them "
        "is a logical port of its own, so that stations in one reach those in another through the bridge alone.",
    )


class PolicyEntry(AclEntry):
    """A rule for frames that come to the bridge; the first that matches a frame decides. null matches everything."""

    port: Annotated[str, Name("all", OUTSIDE, with_servers=True)] = key(
        "all", "Station whose frames the rule looks at: vf0, with servers a.vf0, outside, or all."
    )


class Bridge(Block):
    """The bridge at the other end of the wire."""

    kind: Annotated[BridgeKind, Word("learning", "controlling")] = key(
        "learning",
        "Whether the bridge learns where addresses are (adapters in mode veb, vepa and multichannel), or knows each "
        "station by its virtual interface (modes vn_tag and e_tag).",
    )
    ports: dict[PortName, BridgePort] = key(
        {},
        "Ports that differ from the defaults, by name: {outside: {rate: 40Gbps}}. There is one for each server "
        "(`adapter` without servers; a.x, a.y for a server's adapters), and `outside`, which leads to stations that "
        "nobody models further.",
    )
    extenders: dict[ExtenderName, Extender] = key(
        {},
        "Port extenders between the bridge, which is controlling, and adapters, by name: {fex0: {rate: 40Gbps}, fex1: "
        "{behind: fex0}}. A port of the bridge says `behind: fex1` where its adapter is there.",
    )
    latency_fs: Latency = LATENCY
    forwarding: Forwarding = FORWARDING
    buffer_bytes: Buffer = BUFFER
    sharing: Sharing = SHARING
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

    def above(self, port: str) -> tuple[str, ...] | None:
        """Return the extenders between a port and the bridge, the lowest first; None where they never come to it."""
        return way_up(self.ports[port].behind, {name: each.behind for name, each in self.extenders.items()})
