"""Validate one entry of `switch.ports`: what the embedded switch knows and allows of one function."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from .amounts import ByteCount, Rate, Whole
from .block import Block, key
from .kinds import Listing, Truth, Word
from .names import Mac, Name, port_number

MAX_VIF = 4095  # svif has 12 bits
Admit = Literal["all", "tagged", "untagged"]
Accept = Literal["broadcast", "multicast"]
VlanId = Annotated[int, Whole(1, 4094, what="a VLAN number")]
VlanList = Annotated[tuple[VlanId, ...], Listing("[1, 2]")]
MacAddress = Annotated[int, Mac(group=False)]
GroupAddress = Annotated[int, Mac(group=True)]
StationName = Annotated[str, Name()]


class _EntryName(Name):
    """A station's name; the schema has `all` besides, whose entry is spread over the stations before validation."""

    def schema(self) -> dict[str, Any]:
        return Name("all").schema()


class Port(Block):
    """A station at the switch: the PF or a VF."""

    name: Annotated[str, _EntryName()] = key(
        ..., "Which function this is: pf, vf0, vf1 and so on. all: what holds where their own entries say nothing."
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
    admit: Annotated[Admit, Word("all", "tagged", "untagged")] = key("all", "Frames that the station may send.")
    spoof_check: Annotated[bool, Truth()] = key(True, "Drop frames whose source address is not the station's own.")
    loopback: Annotated[bool, Truth()] = key(
        True, "Frames of the station may go to other stations; false: to the uplink only."
    )
    self_loopback: Annotated[bool, Truth()] = key(False, "Frames to the station's own address come back to it.")
    accept: Annotated[tuple[Annotated[Accept, Word("broadcast", "multicast")], ...], Listing("[broadcast]")] = key(
        ["broadcast", "multicast"], "Group frames that the station gets without asking for the group."
    )
    groups: Annotated[tuple[GroupAddress, ...], Listing("['01:00:5e:00:00:01']")] = key(
        [], "Group addresses that the station gets besides."
    )
    promiscuous: Annotated[bool, Truth()] = key(
        False, "The station gets every group frame and every frame to an unknown address in its VLANs."
    )
    default: Annotated[bool, Truth()] = key(
        False, "The station gets frames from the wire to addresses that nobody has."
    )
    trusted: Annotated[bool, Truth()] = key(
        False, "The station may send and get control frames, and send frames with outer tags."
    )
    enabled: Annotated[bool, Truth()] = key(True, "The station sends and gets frames at all.")
    max_frame_bytes: Annotated[int, ByteCount("64B", "9728B")] = key(
        "1518B", "Longest frame that the station may send, with FCS and without tags.", alias="max_frame"
    )
    ethertype_filter: Annotated[bool, Truth()] = key(
        True, "Drop frames that begin with an outer tag (0x88A8, 0x8926, 0x893F), which only bridges may add."
    )
    default_priority: Annotated[int, Whole(0, 7)] = key(0, "Priority of frames without a tag.")
    rate_limit_bps: Annotated[int, Rate("1Kbps", "1000Gbps")] | None = key(
        None, "Most that the station may send, frame bits with FCS; null: no limit.", alias="rate_limit"
    )
    weight: Annotated[int, Whole(1, 65535)] = key(1, "Share of the station in the `weighted` and `deficit` schedulers.")
    vif: Annotated[int, Whole(1, MAX_VIF)] = key(
        ...,
        "VIF in mode vn_tag; no two stations have the same.",
        derived="the port's number, behind an extender counted on over the servers there",
    )
    ecid: Annotated[int, Whole(1, 0xFFFFF)] = key(
        ...,
        "E-CID in mode e_tag; no two stations have the same.",
        derived="the port's number, behind an extender counted on over the servers there",
    )
    s_channel: VlanId | None = key(
        None, "S-channel of the station in mode multichannel, a key of switch.s_channels; null: none."
    )

    @property
    def number(self) -> int:
        """Return the port number: pf 1, vfK K+2."""
        return port_number(self.name)
