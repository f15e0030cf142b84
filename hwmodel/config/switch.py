"""Validate the `switch` block: the embedded switch, its uplink, its tables and its stations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import count
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PrivateAttr, SerializerFunctionWrapHandler, model_serializer

from hwmodel.rules.function_names import PF, is_pf
from hwmodel.rules.packets import ICMP, ICMPV6, TYPE_ARP, TYPE_IPV4, TYPE_IPV6
from hwmodel.rules.private_vlan import PROMISCUOUS
from hwmodel.rules.switch_modes import DEFAULT_S_VID, MODES, OUTER_TAGS, TAG_MODES, ChannelKind, ModeName
from hwmodel.rules.transmit_credits import Credits, credits_of_weights
from hwmodel.wire.ethernet import OUTSIDE_MAC

from .arbitration import ClassNumber, PoolCredits
from .kinds import (
    LONGEST_FRAME_BYTES,
    LONGEST_SEGMENT_BYTES,
    Block,
    ByteCount,
    ByteRate,
    Frequency,
    Listing,
    OfQueues,
    OrWord,
    Rate,
    Truth,
    Whole,
    Word,
    key,
)
from .names import CoreNumber, EtherType, IdKey, Mac, Name, OwnName, PortName, port_number
from .packet_kinds import ArpOperation, IpPrefix, OwnOr, Protocol, Span
from .port_security import PortSecurity
from .private_vlan import PVLAN_FORM, PvlanClass

Admit = Literal["all", "tagged", "untagged"]
Accept = Literal["broadcast", "multicast", "untagged", "multicast_hash", "unicast_hash"]
ONLY_OF_POOLS = ("untagged", "multicast_hash", "unicast_hash")  # words of `accept` that need pool_filters
VlanId = Annotated[int, Whole(1, 4094, what="a VLAN number")]
VlanList = Annotated[tuple[VlanId, ...], Listing("[1, 2]")]
MacAddress = Annotated[int, Mac(group=False)]
GroupAddress = Annotated[int, Mac(group=True)]
StationName = Annotated[str, Name()]
SwitchTiming = Literal["none", "core"]
Scheduler = Literal["round_robin", "weighted", "deficit", "strict"]
PromiscuousFor = Literal["all", "from_wire"]
AddressLookup = Literal["mac_and_vlan", "mac"]
MirrorDirection = Literal["ingress", "egress"]
AclAction = Literal["permit", "deny", "priority", "police"]
OF_ARP = IpPrefix("10.0.0.0/8", version=4)
Prefix = Annotated[IPv4Network | IPv6Network, IpPrefix()]
OwnOrPrefix = Annotated[IPv4Network | IPv6Network | Literal["own"], OwnOr(IpPrefix())]
PortSpan = Annotated[tuple[int, int], Span(65535, "a port")]
GuardName = Literal["arp", "dhcp", "nd", "ip"]
Guards = Annotated[tuple[Annotated[GuardName, Word(GuardName)], ...], Listing("[arp, dhcp, nd, ip]")]
# Keys of an entry that match beyond the EtherType, in ARP and in IP.
ARP_KEYS = ("arp_operation", "arp_sender_mac", "arp_sender_ip", "arp_target_ip")
IP_KEYS = ("protocol", "source_ip", "destination_ip", "source_port", "destination_port", "icmp_type", "nd_target")
PACKET_KEYS = (*IP_KEYS, *ARP_KEYS)
# Keys of a station that a profile may have: all that may change in operation but for who the station is.
OF_PROFILES = (
    "port_vlan", "vlans", "untagged", "admit", "spoof_check", "vlan_spoof_check", "loopback", "self_loopback", "accept",
    "promiscuous", "default", "trusted", "guards", "pvlan", "port_security", "ethertype_filter", "default_priority",
    "rate_limit", "min_rate", "receive_limit", "receive_burst", "weight", "drop_enable",
)  # fmt: skip
Binding = Literal["static", "dynamic"]
StationNames = Annotated[tuple[StationName, ...], Listing("[vf0, vf1]", least=1)]


class _EntryName(Name):
    """A station's name; the schema also allows `all`, an entry that is spread over the stations before validation."""

    def schema(self) -> dict[str, Any]:
        return Name("all").schema()


class Port(Block):
    """A station at the switch: the PF of an Ethernet port, or a VF."""

    shown_by = ("receive_limit_bps",)
    _n_vfs: int = PrivateAttr(0)  # of the adapter, behind which the PFs of further ports are numbered
    name: Annotated[str, _EntryName()] = key(
        ...,
        "Which function this is: pf, vf0, vf1 and so on, pf1 of a second port. all: what holds where their own "
        "entries say nothing.",
    )
    profile: Annotated[str, OwnName("the name of a profile")] | None = key(
        None,
        "What the station is given beside its own keys, of `profiles` (docs/profiles.md); null: nothing.",
        unsaid=None,
    )
    binding: Annotated[Binding, Word(Binding)] = key(
        "static",
        "static: without a profile it has what its own keys say; dynamic: it is then in no VLAN, unless its own "
        "`vlans` say so: the port of a VM that somebody has yet to give a profile.",
        unsaid="static",
    )
    own_lines: Annotated[tuple[Annotated[str, OwnName("a key")], ...], Listing("[rate_limit]")] | None = key(
        None,
        "Which of the keys that profiles may have are its own, and win over its profile's.",
        derived="those that are written, where there are profiles",
        unsaid=None,
    )
    macs: Annotated[tuple[MacAddress, ...], Listing("['02:00:00:00:00:02']")] = key(
        ...,
        "Addresses of the station, in all its VLANs; the first is its frames' source. With none it sends nothing.",
        derived="02:00:00:SS:NN:NN by the number of the server from 0 and of the port (pf 1, vf0 2)",
    )
    port_vlan: VlanId = key(1, "VLAN of untagged frames that the station sends.")
    vlans: VlanList = key(..., "VLANs that the station is a member of.", derived="port_vlan alone")
    untagged: VlanList = key(
        ..., "VLANs whose frames the station gets without a tag.", derived="port_vlan, where it is one of vlans"
    )  # fmt: skip
    admit: Annotated[Admit, Word(Admit)] = key("all", "Frames that the station may send.")
    q_in_q: Annotated[bool, Truth()] = key(
        False,
        "Tags that the station sends are payload, under the tag of its port_vlan (802.1Q over 802.1Q).",
        unsaid=False,
    )
    spoof_check: Annotated[bool, Truth()] = key(
        True,
        "Drop frames whose source address is not the station's own.",
        derived="true for VFs; false for the PF, which may bridge for others",
    )
    vlan_spoof_check: Annotated[bool, Truth()] = key(
        True,
        "Drop frames of VLANs that the station is no member of.",
        derived="as spoof_check: drivers set both together",
    )
    loopback: Annotated[bool, Truth()] = key(
        True, "Frames of the station may go to other stations; false: to the uplink only."
    )
    self_loopback: Annotated[bool, Truth()] = key(False, "Frames to the station's own address come back to it.")
    accept: Annotated[tuple[Annotated[Accept, Word(Accept)], ...], Listing("[broadcast]")] = key(
        ["broadcast", "multicast"],
        "Frames that the station gets without asking for them. With pool_filters besides: untagged ones (AUPE), those "
        "whose group is in the table multicast_hash (ROMPE), those whose address is in unicast_hash (ROPE).",
        derived="[broadcast, multicast], with pool_filters untagged too",
    )
    groups: Annotated[tuple[GroupAddress, ...], Listing("['01:00:5e:00:00:01']")] = key(
        [], "Group addresses that the station gets besides."
    )
    promiscuous: Annotated[bool, Truth()] = key(
        False,
        "The station gets every group frame in its VLANs and every frame to an unknown address, of those from other "
        "stations only with `switch.promiscuous: all`.",
    )
    default: Annotated[bool, Truth()] = key(
        False, "The station gets frames from the wire to addresses that nobody has."
    )
    trusted: Annotated[bool, Truth()] = key(
        False,
        "The station may send and get control frames, and send frames with outer tags.",
        derived="false for VFs, true for the PF",
    )
    enabled: Annotated[bool, Truth()] = key(True, "The station sends and gets frames at all.")
    max_frame_bytes: Annotated[int, ByteCount("64B", f"{LONGEST_SEGMENT_BYTES}B")] = key(
        "1518B",
        f"Longest frame that the station may send, with FCS and without tags. Above {LONGEST_FRAME_BYTES}B: a segment "
        "that a virtual switch passes whole; where the workload has such ones it is as long without being said.",
        alias="max_frame",
    )
    ethertype_filter: Annotated[bool, Truth()] = key(
        True,
        "Drop frames that begin with an outer tag "
        f"({', '.join(f'0x{tag.ethertype:04X}' for tag in OUTER_TAGS)}), which only bridges may add.",
    )
    default_priority: Annotated[int, Whole(0, 7)] = key(0, "Priority of frames without a tag.")
    rate_limit_bps: Annotated[int, ByteRate("1Kbps", "1000Gbps")] | None = key(
        None, "Most that the station may send, frame bits with FCS; null: no limit.", alias="rate_limit"
    )
    min_rate_bps: Annotated[int, ByteRate("1Kbps", "1000Gbps")] | None = key(
        None,
        "Least that the station may send, whatever the others have to send, frame bits with FCS; what all guarantees "
        "leave is shared as `scheduler` says. null: none.",
        alias="min_rate",
    )
    cores: Annotated[tuple[CoreNumber, ...], Listing("[0, 1]", least=1)] | None = key(
        None,
        "The host's cores that serve the station's queues, queue by queue and then from the first again; null: all of "
        "them that of its number (the PF's is 0, vf0's 1) modulo host.cores.",
    )
    drop_enable: Annotated[tuple[bool, ...], OfQueues(Truth(), "[true, false]")] | None = key(
        None,
        "Whether frames drop for which the station's Rx ring has no descriptor (SRRCTL.Drop_En): true or false for all "
        "its queues, or a list, queue by queue and then from the first again; null: as nic.drop_enable. Where they "
        "do not they wait, and everything behind them in the adapter's Rx buffer, whoever it is for.",
        unsaid=None,
    )
    receive_limit_bps: Annotated[int, Rate("1Kbps", "1000Gbps")] | None = key(
        None,
        "Most that the station may receive, frame bits with FCS: a token bucket behind the switch's decision, whose "
        "excess drops as RECEIVE_LIMIT; null: no limit.",
        alias="receive_limit",
        unsaid=None,
    )
    receive_burst_bytes: Annotated[int, ByteCount("64B", "64MiB")] = key(
        "64KiB", "Size of the token bucket of receive_limit.", alias="receive_burst"
    )
    weight: Annotated[int, Whole(1, 65535)] = key(
        1, "Share of the station in the `weighted` and `deficit` schedulers, and of its class in nic.arbitration."
    )
    classes: Annotated[tuple[ClassNumber, ...], Listing("[0, 3]", least=1)] | None = key(
        None,
        "Classes of nic.arbitration of the station's queues, queue by queue and then from the first again; null: all "
        "of them that of its default_priority.",
        unsaid=None,
    )
    credits: PoolCredits | None = key(
        None, "Credits of the station in its class (nic.arbitration); null: in proportion to the weights.", unsaid=None
    )
    vif: Annotated[int, Whole(1, MODES["vn_tag"].highest)] = key(
        ...,
        "VIF in mode vn_tag; no two stations have the same.",
        derived="the port's number, behind an extender counted on over the servers there",
    )
    ecid: Annotated[int, Whole(1, MODES["e_tag"].highest)] = key(
        ...,
        "E-CID in mode e_tag; no two stations have the same.",
        derived="the port's number, behind an extender counted on over the servers there",
    )
    s_channel: VlanId | None = key(
        None, "S-channel of the station in mode multichannel, a key of switch.s_channels; null: none."
    )
    ips: Annotated[tuple[Prefix, ...], Listing("[10.0.0.2, 'fd00::2']")] | None = key(
        None,
        "Addresses of IP, or prefixes, that the station may send from where its `guards` look; the first is its "
        "made-up frames' source. null: with guards 10.S.0.N+1 by the number of the server from 0 and of the port (pf "
        "1, vf0 2); without nobody asks.",
        unsaid=None,
    )
    guards: Guards = key(
        [],
        "Rules for what the station sends, ahead of switch.acl (docs/forwarding.md): arp: ARP for its own addresses "
        "alone; dhcp: no answers of a DHCP server, unless it is `trusted`; nd: no advertisements of a router, unless "
        "it is `trusted`, and neighbour discovery for its own addresses alone; ip: IP from its own addresses alone.",
        unsaid=(),
    )
    pvlan: PvlanClass = key(
        "promiscuous",
        "Whom a private VLAN lets the station reach, in all its VLANs: promiscuous everybody; isolated promiscuous "
        f"ports alone, of which the uplink is one; {PVLAN_FORM} those and its community.",
        unsaid=PROMISCUOUS,
    )
    port_security: PortSecurity | None = key(
        None,
        "Limit on the addresses that the station may send from, at a virtual switch that learns; null: none.",
        unsaid=None,
    )
    port: Annotated[str, PortName()] | None = key(
        None,
        "Ethernet port of the adapter that the station is at, p0 or p1 and so on; it reaches the stations there.",
        derived="with port.count above 1 in turn: pf p0, vf0 p0, vf1 p1 and so on",
        unsaid=None,
    )

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the token bucket's size if there is no receive limit."""
        said: dict[str, Any] = handler(self)
        return said if self.receive_limit_bps is not None else {
            name: value for name, value in said.items() if not name.startswith("receive_burst")
        }  # fmt: skip

    @property
    def number(self) -> int:
        """Return the port number: pf 1, vfK K+2; those of the PFs of further Ethernet ports are behind all VFs'."""
        is_further_pf = is_pf(self.name) and self.name != PF
        return port_number(self.name, self._n_vfs) if is_further_pf else port_number(self.name)


def _by_number(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """Put stations in the order of their port numbers, whatever the order in which they were written."""
    n_vfs = sum(not is_pf(port.name) for port in ports)
    for port in ports:
        port._n_vfs = n_vfs
    return tuple(sorted(ports, key=lambda port: port.number))


class Uplink(Block):
    """The switch's side of the wire."""

    native_vlan: VlanId | None = key(1, "VLAN of untagged frames on the wire; null: untagged frames drop.")
    vlans: Annotated[VlanList | Literal["all"], OrWord("all", VlanList)] = key(
        "all", "VLANs that the wire carries: all, or a list."
    )
    pvlan: PvlanClass = key("promiscuous", "Class of the uplink in private VLANs, as of a station.", unsaid=PROMISCUOUS)


class AddressEntry(Block):
    """An entry of the address table that the PF sets."""

    vlan: VlanId = key(..., "VLAN of the entry.")
    mac: MacAddress = key(..., "Station address of the entry.")
    ports: StationNames = key(..., "Stations that get the frames.")


class EcidList(Block):
    """The stations behind a multipoint E-CID."""

    group: Annotated[int, Whole(1, 3)] = key(..., "GRP field of the E-TAG, 1 to 3.")
    ecid: Annotated[int, Whole(0, 0xFFFFF)] = key(..., "E-CID within the group.")
    ports: StationNames = key(..., "Stations that get the frames.")


class Mirror(Block):
    """A copy of a port's or a VLAN's frames to a station; either `from` or `vlan`."""

    to: StationName = key(..., "Station that gets the copies.")
    source: Annotated[str, Name("uplink")] | None = key(None, "Port whose frames are copied.", alias="from")
    direction: Annotated[MirrorDirection, Word(MirrorDirection)] = key(
        "ingress", "Frames that the port sends into the switch (ingress) or gets from it (egress)."
    )
    vlan: VlanId | None = key(None, "VLAN whose frames are copied.")


_OUTCOME = ("action", "priority", "rate_bps", "burst_bytes")  # of a rule, beside what it matches


class AclEntry(Block):
    """A rule of the access-control list; the first that matches a frame decides. null matches everything."""

    port: Annotated[str, Name("all")] = key("all", "Station whose frames the rule looks at, or all.")
    source: Annotated[int, Mac()] | None = key(None, "Source address, or null.")
    destination: Annotated[int, Mac()] | None = key(None, "Destination address, or null.")
    vlan: VlanId | None = key(None, "VLAN, or null.")
    ethertype: Annotated[int, EtherType()] | None = key(None, "EtherType like 0x0800, or null.")
    action: Annotated[AclAction, Word(AclAction)] = key(
        ..., "Let it pass, drop it, set its priority, or let it pass up to `rate`."
    )
    priority: Annotated[int, Whole(0, 7)] | None = key(None, "New priority; needed with `action: priority`.")
    rate_bps: Annotated[int, Rate("1Kbps", "1000Gbps")] | None = key(
        None, "Rate of the token bucket; needed with `action: police`.", alias="rate"
    )
    burst_bytes: Annotated[int, ByteCount("64B", "64MiB")] | None = key(
        None, "Size of the token bucket; needed with `action: police`.", alias="burst"
    )
    protocol: Annotated[int, Protocol()] | None = key(
        None, "Protocol of IP: tcp, udp, sctp, icmp (of IPv4), icmpv6 (of IPv6), or its number.", unsaid=None
    )
    source_ip: OwnOrPrefix | None = key(
        None,
        "Source of IP, an address or a prefix (10.0.0.0/8, fd00::/8); own: one of the sender's `ips`.",
        unsaid=None,
    )
    destination_ip: Prefix | None = key(None, "Destination of IP, an address or a prefix.", unsaid=None)
    source_port: PortSpan | None = key(None, "Source port of tcp, udp or sctp, or a range like 5000-5010.", unsaid=None)
    destination_port: PortSpan | None = key(None, "Destination port of tcp, udp or sctp, or a range.", unsaid=None)
    icmp_type: Annotated[tuple[int, int], Span(255, "a type of ICMP")] | None = key(
        None,
        "Type of icmp or icmpv6, or a range; of IPv6 134 is a router's advertisement, 135 and 136 a neighbour's.",
        unsaid=None,
    )
    nd_target: OwnOrPrefix | None = key(
        None,
        "Target of neighbour discovery (icmpv6 of type 135, 136), an address or a prefix; own: as of source_ip.",
        unsaid=None,
    )
    arp_operation: Annotated[int, ArpOperation()] | None = key(
        None, "Operation of ARP: request, reply, or its number.", unsaid=None
    )
    arp_sender_mac: Annotated[int | Literal["own"], OwnOr(Mac())] | None = key(
        None, "Sender's hardware address in ARP; own: one of the sending station's `macs`.", unsaid=None
    )
    arp_sender_ip: Annotated[IPv4Network | Literal["own"], OwnOr(OF_ARP)] | None = key(
        None, "Sender's address in ARP, an address or a prefix; own: as of source_ip.", unsaid=None
    )
    arp_target_ip: Annotated[IPv4Network, OF_ARP] | None = key(
        None, "Target's address in ARP, an address or a prefix.", unsaid=None
    )

    @property
    def mask(self) -> tuple[tuple[str, object], ...]:
        """Return which fields it asks for, of prefixes their lengths: rules that ask for the same fit one table."""
        asked = ((name, getattr(self, name)) for name in type(self).model_fields if name not in _OUTCOME)
        return tuple((name, getattr(value, "prefixlen", None)) for name, value in asked if value not in (None, "all"))

    @property
    def asked_packets(self) -> tuple[str, ...]:
        """Return those keys that are set and match beyond the EtherType."""
        return tuple(name for name in PACKET_KEYS if getattr(self, name) is not None)

    @property
    def packet_types(self) -> frozenset[int]:
        """Return the EtherTypes of packets that its keys beyond the type can match; none if the keys contradict."""
        found = {TYPE_ARP, TYPE_IPV4, TYPE_IPV6}
        if self.ethertype is not None:
            found &= {self.ethertype}
        if any(getattr(self, name) is not None for name in ARP_KEYS):
            found &= {TYPE_ARP}
        if any(getattr(self, name) is not None for name in IP_KEYS):
            found &= {TYPE_IPV4, TYPE_IPV6}
        if self.nd_target is not None:
            found &= {TYPE_IPV6}
        for prefix in (self.source_ip, self.destination_ip, self.nd_target):
            if prefix is not None and prefix != "own":
                found &= {TYPE_IPV4 if prefix.version == 4 else TYPE_IPV6}
        if self.protocol in (ICMP, ICMPV6):
            found &= {TYPE_IPV4 if self.protocol == ICMP else TYPE_IPV6}
        return frozenset(found)


class PoolFilters(Block):
    """How frames from the wire find their pools by an adapter's registers, in place of the rules of bridging."""

    default_pool: StationName | None = key(
        None,
        "Station that gets unicast frames for which no pool is found, whatever their VLAN; null: nobody. Of several "
        "Ethernet ports it is that of its own port; the others have none.",
    )
    replication: Annotated[bool, Truth()] = key(
        True,
        "A group frame is copied for each pool that accepts it; false: it goes to the default pool alone, and a "
        "unicast frame to one pool.",
    )
    multicast_hash: Annotated[tuple[GroupAddress, ...], Listing("['01:00:5e:00:00:01']")] = key(
        [], "Groups in the hash table of 4096 bits (MTA), which has 12 bits of each: others share them."
    )
    unicast_hash: Annotated[tuple[MacAddress, ...], Listing("['02:00:00:00:00:02']")] = key(
        [], "Station addresses in the hash table of 4096 bits (UTA), of which the same holds."
    )
    hash_offset: Annotated[int, Whole(0, 3)] = key(
        0, "Which 12 bits of an address the tables go by (MCSTCTRL.MO): 0 47:36, 1 46:35, 2 45:34, 3 43:32."
    )


class Switch(Block):
    """The embedded switch: how it decides, what it knows, how it schedules."""

    mode: Annotated[ModeName, Word(ModeName)] = key(
        "veb",
        "How stations are bridged: in the adapter (veb), by the adjacent switch (vepa), by the adjacent switch with a "
        f"tag for each station ({', '.join(TAG_MODES)}), or in several channels (multichannel).",
    )
    timing: Annotated[SwitchTiming, Word(SwitchTiming)] = key(
        "none", "Time that the switch takes: none, or the clock cycles of the Verilog switch core."
    )
    scheduler: Annotated[Scheduler, Word(Scheduler)] = key(
        "round_robin", "Who sends next: in turn, by weight in frames, by weight in bytes, or the lowest port first."
    )
    bus_bits: Annotated[int, Whole(choices=(64, 128, 256, 512))] = key(
        512, "Width of the switch core's bus; matters with `timing: core`."
    )
    clock_hz: Annotated[int, Frequency("1MHz", "10GHz")] = key(
        "156.25MHz", "Clock of the switch core; matters with `timing: core`.", alias="clock"
    )
    queue_bytes: Annotated[int, ByteCount("64B", "64MiB")] = key(
        "32KiB",
        "Each output queue of the Verilog switch core, where a copy without room drops (QUEUE_FULL); a run keeps "
        "copies in the Tx buffer instead.",
    )
    priorities: Annotated[int, Whole(choices=(1, 2, 4, 8))] = key(
        1, "Output queues of each port; a frame of priority P goes to queue P * priorities / 8."
    )
    uplink: Uplink = key({}, "The switch's side of the wire.")
    ports: Annotated[tuple[Port, ...], AfterValidator(_by_number), Listing("[{name: vf0, vlans: [1, 2]}]")] = key(
        [],
        "Stations that differ from the defaults, an entry for each with its name, and an entry `all` with other "
        "defaults for all of them: [{name: all, max_frame: 9018B}, {name: vf0, max_frame: 1518B}].",
    )
    addresses: Annotated[tuple[AddressEntry, ...], Listing("[{vlan: 1, mac: '02:..', ports: [vf0]}]")] = key(
        [], "Entries of the address table besides the stations' own addresses."
    )
    vif_lists: dict[Annotated[int, IdKey(16383)], StationNames] = key(
        {}, "Stations behind a VIF list in mode vn_tag, by its number: {1: [vf0, vf1]}."
    )
    ecid_lists: Annotated[tuple[EcidList, ...], Listing("[{group: 1, ecid: 1, ports: [vf0]}]")] = key(
        [], "Stations behind a multipoint E-CID in mode e_tag."
    )
    s_channels: dict[Annotated[int, IdKey(4094)], Annotated[ChannelKind, Word(ChannelKind)]] = key(
        {}, "S-channels of mode multichannel, by S-VLAN: {10: veb, 20: vepa}; 1 is the untagged default channel."
    )
    promiscuous: Annotated[PromiscuousFor, Word(PromiscuousFor)] = key(
        "all",
        "Frames to unknown addresses that promiscuous stations get: those from the wire, or those that other stations "
        "send as well, as at a bridge.",
        derived="from_wire with a device preset, all without one and in mode vswitch",
    )
    lookup: Annotated[AddressLookup, Word(AddressLookup)] = key(
        "mac_and_vlan",
        "What makes a station's address known to frames that stations send: its VLAN too, so that one held in another "
        "VLAN is unknown; or the address alone (mac): such a frame goes nowhere.",
        derived="mac with the preset X550, else mac_and_vlan",
    )
    pool_filters: PoolFilters | None = key(
        None,
        "How frames from the wire find stations in mode veb: null: by the rules of bridging (docs/forwarding.md); else "
        "by the filters of an adapter with pools (docs/steering.md).",
    )
    mirrors: Annotated[tuple[Mirror, ...], Listing("[{to: vf3, from: vf0}]")] = key(
        [], "Copies of frames for a station that watches; counted apart in results."
    )
    acl: Annotated[tuple[AclEntry, ...], Listing("[{port: vf0, action: deny}]")] = key(
        [], "Access-control list for frames that stations send; the first entry that matches decides, else permit."
    )

    @property
    def looks_behind_type(self) -> bool:
        """Tell whether a rule or a guard matches packet fields beyond the EtherType."""
        return any(entry.asked_packets for entry in self.acl) or any(port.guards for port in self.ports)

    @property
    def unasked_lists(self) -> tuple[str, ...]:
        """Return the keys of the access list and first guards that have no effect, as the bridge above decides."""
        if not MODES[self.mode].has_interfaces:
            return ()
        guarded = next((f"switch.ports.{port.name}.guards" for port in self.ports if port.guards), None)
        return (*(["switch.acl"] if self.acl else []), *([guarded] if guarded else []))

    @property
    def unseparated(self) -> str:
        """Return the key of the first station whose `pvlan` keeps no frame back in the adapter, or none."""
        if self.uplink.pvlan != PROMISCUOUS:
            return ""
        mode = MODES[self.mode]
        kinds = ((one, mode.kind_of(self.s_channels, one.s_channel or DEFAULT_S_VID)) for one in self.ports)
        names = (one.name for one, kind in kinds if one.pvlan != PROMISCUOUS and kind != "veb")
        return next((f"switch.ports.{name}.pvlan" for name in names), "")

    @property
    def promiscuous_for_wire(self) -> tuple[Port, ...]:
        """Return the promiscuous stations that get nothing of what others send to unknown addresses."""
        is_bridge = "veb" in (MODES[self.mode].kind, *self.s_channels.values()) and self.promiscuous == "from_wire"
        return tuple(port for port in self.ports if port.promiscuous and port.enabled and is_bridge)

    @property
    def longest_sender(self) -> Port:
        """Return the station that may send the longest frames, the first of several."""
        return max(self.ports, key=lambda port: port.max_frame_bytes)

    @property
    def has_core(self) -> bool:
        """Say whether frames pass the bus of the Verilog switch core, which takes time."""
        return self.timing == "core"

    @property
    def longest_frame_bytes(self) -> int:
        """Return the longest frame with FCS that any station may send."""
        return self.longest_sender.max_frame_bytes

    def pool_credits(self) -> tuple[Credits, ...]:
        """Return each station's credits against others of its class: its own, or in proportion to its weight."""
        computed = credits_of_weights([port.weight for port in self.ports], self.longest_frame_bytes)
        return tuple(
            own if port.credits is None else Credits(port.credits.refill, port.credits.most)
            for port, own in zip(self.ports, computed, strict=True)
        )

    def at_port(self, name: str) -> Switch:
        """Return the switch behind one Ethernet port of an adapter: its stations, and the settings that concern them.

        The whole switch if the port has no name, as a single port has none. A mirror is at the port of its destination.
        """
        if not name:
            return self
        here = tuple(port for port in self.ports if port.port == name)
        names = {port.name for port in here}

        def kept(stations: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(station for station in stations if station in names)

        def with_stations(entries: Iterable[Any]) -> tuple[Any, ...]:
            found = (entry.model_copy(update={"ports": kept(entry.ports)}) for entry in entries)
            return tuple(entry for entry in found if entry.ports)

        lists = {number: kept(stations) for number, stations in self.vif_lists.items()}
        filters = self.pool_filters
        if filters is not None and filters.default_pool not in names:
            filters = filters.model_copy(update={"default_pool": None})
        return self.model_copy(
            update={
                "ports": here,
                "addresses": with_stations(self.addresses),
                "vif_lists": {number: stations for number, stations in lists.items() if stations},
                "ecid_lists": with_stations(self.ecid_lists),
                "pool_filters": filters,
                "mirrors": tuple(mirror for mirror in self.mirrors if mirror.to in names),
                "acl": tuple(entry for entry in self.acl if entry.port == "all" or entry.port in names),
            }
        )


def outside_mac(switches: Sequence[Switch]) -> int:
    """Return the address that stations outside send from: the first from OUTSIDE_MAC on that no station has."""
    taken = {mac for switch in switches for port in switch.ports for mac in port.macs}
    taken |= {entry.mac for switch in switches for entry in switch.addresses}
    return next(mac for mac in count(OUTSIDE_MAC) if mac not in taken)
