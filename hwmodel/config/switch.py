"""Validate the `switch` block: the embedded switch, its uplink, its tables and its stations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from .amounts import ByteCount, Frequency, Rate, Whole
from .block import Block, key
from .kinds import Listing, OrWord, Word
from .names import EtherType, IdKey, Mac, Name
from .station import MacAddress, Port, StationName, VlanId, VlanList

SwitchMode = Literal["veb", "vepa", "vn_tag", "e_tag", "multichannel"]
SwitchTiming = Literal["none", "core"]
Scheduler = Literal["round_robin", "weighted", "deficit", "strict"]
ChannelKind = Literal["veb", "vepa", "single"]
MirrorDirection = Literal["ingress", "egress"]
AclAction = Literal["permit", "deny", "priority", "police"]
StationNames = Annotated[tuple[StationName, ...], Listing("[vf0, vf1]", least=1)]


def _by_number(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """Put stations in the order of their port numbers, whatever the order in which they were written."""
    return tuple(sorted(ports, key=lambda port: port.number))


class Uplink(Block):
    """The switch's side of the wire."""

    native_vlan: VlanId | None = key(1, "VLAN of untagged frames on the wire; null: untagged frames drop.")
    vlans: Annotated[VlanList | Literal["all"], OrWord("all", VlanList)] = key(
        "all", "VLANs that the wire carries: all, or a list."
    )


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
    direction: Annotated[MirrorDirection, Word("ingress", "egress")] = key(
        "ingress", "Frames that the port sends into the switch (ingress) or gets from it (egress)."
    )
    vlan: VlanId | None = key(None, "VLAN whose frames are copied.")


class AclEntry(Block):
    """A rule of the access-control list; the first that matches a frame decides. null matches everything."""

    port: Annotated[str, Name("all")] = key("all", "Station whose frames the rule looks at, or all.")
    source: Annotated[int, Mac()] | None = key(None, "Source address, or null.")
    destination: Annotated[int, Mac()] | None = key(None, "Destination address, or null.")
    vlan: VlanId | None = key(None, "VLAN, or null.")
    ethertype: Annotated[int, EtherType()] | None = key(None, "EtherType like 0x0800, or null.")
    action: Annotated[AclAction, Word("permit", "deny", "priority", "police")] = key(
        ..., "Let it pass, drop it, set its priority, or let it pass up to `rate`."
    )
    priority: Annotated[int, Whole(0, 7)] | None = key(None, "New priority; needed with `action: priority`.")
    rate_bps: Annotated[int, Rate("1Kbps", "1000Gbps")] | None = key(
        None, "Rate of the token bucket; needed with `action: police`.", alias="rate"
    )
    burst_bytes: Annotated[int, ByteCount("64B", "64MiB")] | None = key(
        None, "Size of the token bucket; needed with `action: police`.", alias="burst"
    )


class Switch(Block):
    """The embedded switch: how it decides, what it knows, how it schedules."""

    mode: Annotated[SwitchMode, Word("veb", "vepa", "vn_tag", "e_tag", "multichannel")] = key(
        "veb",
        "How stations are bridged: in the adapter (veb), by the adjacent switch (vepa), by the adjacent switch with a "
        "tag for each station (vn_tag, e_tag), or in several channels (multichannel).",
    )
    timing: Annotated[SwitchTiming, Word("none", "core")] = key(
        "none", "Time that the switch takes: none, or the clock cycles of the Verilog switch core."
    )
    scheduler: Annotated[Scheduler, Word("round_robin", "weighted", "deficit", "strict")] = key(
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
    vif_lists: dict[Annotated[int, IdKey(1, 16383)], StationNames] = key(
        {}, "Stations behind a VIF list in mode vn_tag, by its number: {1: [vf0, vf1]}."
    )
    ecid_lists: Annotated[tuple[EcidList, ...], Listing("[{group: 1, ecid: 1, ports: [vf0]}]")] = key(
        [], "Stations behind a multipoint E-CID in mode e_tag."
    )
    s_channels: dict[Annotated[int, IdKey(1, 4094)], Annotated[ChannelKind, Word("veb", "vepa", "single")]] = key(
        {}, "S-channels of mode multichannel, by S-VLAN: {10: veb, 20: vepa}; 1 is the untagged default channel."
    )
    mirrors: Annotated[tuple[Mirror, ...], Listing("[{to: vf3, from: vf0}]")] = key(
        [], "Copies of frames for a station that watches; counted apart in results."
    )
    acl: Annotated[tuple[AclEntry, ...], Listing("[{port: vf0, action: deny}]")] = key(
        [], "Access-control list for frames that stations send; the first entry that matches decides, else permit."
    )
