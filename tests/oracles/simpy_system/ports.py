"""The bridge's ports as it sees them: logical ports, and the tags that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ..forwarding_oracle import ForwardingOracle
from .parameters import BridgePort, Wire
from .tags import OUTER_TYPE, S_TAG, DroppedError, Header, e_tag_down, tci_tag, vn_tag_down

DEFAULT_S_VID = 1
FIRST_LIST = {"vn_tag": 8192, "e_tag": 0x800}
LIST_GROUP = 1
BROADCAST = (1 << 48) - 1


@dataclass(frozen=True)
class LogicalPort:
    """What a station, channel or VLAN is at the bridge: `key` is None, S-VID, VIF, E-CID or a translated VLAN."""

    number: int
    key: int | None = None
    has_hairpin: bool = field(default=False, compare=False)
    native_vlan: int | None = field(default=None, compare=False)
    vlans: frozenset[int] | None = field(default=None, compare=False)
    """None: all."""
    untagged: frozenset[int] = field(default=frozenset(), compare=False)
    station: Any = field(default=None, compare=False)
    """The one station whose virtual interface it is."""
    wire_vlan: int | None = None
    """The VLAN on the wire that it translates."""
    wire: str = field(default="", compare=False)
    """The name of the port at that station's wire."""
    pvlan: int = field(default=0, compare=False)
    """0 promiscuous, -1 isolated, else a community."""

    def is_let_to(self, other: LogicalPort) -> bool:
        """Tell whether private VLANs let frames that come in here leave there."""
        if 0 in (self.pvlan, other.pvlan):
            return True
        return self.pvlan > 0 and self.pvlan == other.pvlan

    def carries(self, vlan: int) -> bool:
        """Tell whether frames of a VLAN may pass."""
        return 1 <= vlan <= 4094 if self.vlans is None else vlan in self.vlans

    def accepts(self, group: int) -> bool:
        """Tell whether its station takes the frames of a group."""
        kind = "broadcast" if group == BROADCAST else "multicast"
        return kind in self.station.accept or group in self.station.groups or self.station.promiscuous


@dataclass(frozen=True)
class GroupList:
    """A list of interfaces that the bridge has set up in an adapter: a VIF list, or an E-CID with GRP."""

    number: int
    members: tuple[LogicalPort, ...]

    @property
    def untagged(self) -> frozenset[int]:
        """Return the VLANs whose frames have no C-TAG: those of the first member."""
        return self.members[0].untagged


class AttachedPort:
    """One port of the bridge with its logical ports, in their order."""

    def __init__(
        self,
        number: int,
        parameters: BridgePort,
        name: str,
        wires: Sequence[Wire] = (),
        propagation_fs: int = 0,
    ) -> None:
        """Begin without lists; `wires`: those of servers at it, or below it where it leads to an extender."""
        self.number = number
        self.name = name
        self.lists: dict[tuple[LogicalPort, ...], GroupList] = {}
        self.configure(parameters, wires, propagation_fs)

    def configure(self, parameters: BridgePort, wires: Sequence[Wire], propagation_fs: int) -> None:
        """Work out the logical ports; lists that are set up stay."""
        self.rate_bps = parameters.rate_bps
        own_fs = parameters.propagation_fs
        self.propagation_fs = propagation_fs if own_fs is None else own_fs
        self.mode = wires[0].switch.mode if wires else None
        self.outer_type = OUTER_TYPE.get(self.mode)
        self.translate = parameters.translate
        self._native_vlan = parameters.native_vlan
        self.logical = {
            each.key: each for one in wires or [None] for each in _logical_ports(self.number, parameters, one)
        }
        self.wire_to = {key: one.port_name for one in wires for key in self._keys_of(one)}
        """By VIF or E-CID, of stations that are not enabled too."""
        self._configured = {number for one in wires for number in _configured_lists(one)}

    def _keys_of(self, wire: Wire) -> list[int]:
        if not self.has_interfaces:
            return []
        return [each.vif if self.mode == "vn_tag" else each.ecid for each in wire.switch.ports]

    @property
    def has_interfaces(self) -> bool:
        """Tell whether each station behind it has a virtual interface."""
        return self.mode in FIRST_LIST

    def came_on(self, header: Header) -> LogicalPort:
        """Return the logical port that a frame's outer tag names."""
        if self.translate:
            return self.in_vlan(header.vid or self._native_vlan)
        return self.logical[self._key_of(header.outer)]

    def in_vlan(self, wire_vlan: int | None) -> LogicalPort:
        """Return the logical port of a VLAN on the wire, where VLANs are translated."""
        return self.logical[wire_vlan if wire_vlan in self.translate else None]

    def _key_of(self, outer: int | None) -> int | None:
        if self.mode == "multichannel":
            return self._known(((outer or 0) & 0xFFF) or DEFAULT_S_VID, "STAG_UNKNOWN")
        if self.mode == "vn_tag":
            if outer is None:
                raise DroppedError("VNTAG_MISSING")
            if outer >> 12 & 3:
                raise DroppedError("VNTAG_VERSION")
            if outer >> 31:
                raise DroppedError("VNTAG_DIRECTION")
            return self._known(outer & 0xFFF, "VNTAG_UNKNOWN_VIF")
        if self.mode == "e_tag":
            if outer is None:
                raise DroppedError("ETAG_MISSING")
            return self._known((outer & 0xFF) << 12 | outer >> 16 & 0xFFF, "ETAG_UNKNOWN_ECID")
        return None

    def _known(self, key: int, reason: str) -> int:
        if key not in self.logical:
            raise DroppedError(reason)
        return key

    def list_for(self, vlan: int, group: int, sender: LogicalPort) -> GroupList | None:
        """Return the list of the interfaces that take a group's frames; None where nobody but the sender does."""
        members = tuple(
            each
            for each in self.logical.values()
            if each.carries(vlan) and each.accepts(group) and sender.is_let_to(each)
        )
        if not set(members) - {sender}:
            return None
        number = self.lists[members].number if members in self.lists else self._next_list()
        self.lists[members] = GroupList(number, members)
        return self.lists[members]

    def _next_list(self) -> int:
        taken = self._configured | {each.number for each in self.lists.values()}
        number = FIRST_LIST[self.mode]
        while number in taken:
            number += 1
        return number

    def outer_tag(self, to: LogicalPort | GroupList, sender: LogicalPort, priority: int, dei: int) -> bytes:
        """Return the outer tag of a copy that goes out here."""
        own = sender.key if sender.number == self.number else None
        is_list = isinstance(to, GroupList)
        key = to.number if isinstance(to, GroupList) else to.key
        if self.mode == "vn_tag":
            return vn_tag_down(key, is_list, own)
        if self.mode == "e_tag":
            return e_tag_down(key, LIST_GROUP if is_list else 0, own or 0, priority, dei)
        if self.mode == "multichannel" and key != DEFAULT_S_VID:
            return tci_tag(S_TAG, key, priority, dei)
        return b""


class ListedSwitch:
    """The configuration of an adapter's port with the lists that the bridge has set up there by now."""

    def __init__(self, wire: Wire, port: AttachedPort) -> None:
        """Look at a configuration; `port` is the bridge's, which may lead to other servers too."""
        self._switch = wire.switch
        self._wire = wire.port_name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        """Return what the configuration says."""
        return getattr(self._switch, name)

    @property
    def vif_lists(self) -> Mapping[int, Any]:
        """Return all VIF lists."""
        return {**self._switch.vif_lists, **{number: names for number, names in self._set_up()}}

    @property
    def ecid_lists(self) -> list[Any]:
        """Return all lists by E-CID."""
        own = [SimpleNamespace(group=LIST_GROUP, ecid=number, ports=names) for number, names in self._set_up()]
        return [*self._switch.ecid_lists, *own]

    def _set_up(self) -> Iterator[tuple[int, list[str]]]:
        for each in self._port.lists.values():
            own = [member.station for member in each.members if member.wire == self._wire]
            if own:
                yield each.number, [station.name for station in own]


def _logical_ports(number: int, parameters: BridgePort, wire: Wire | None) -> Iterator[LogicalPort]:
    """Yield the logical ports in the order in which copies go: stations as configured, channels by S-VID."""
    vlans = parameters.vlans
    if parameters.translate:
        vlans = (frozenset(range(1, 4095)) if vlans is None else vlans) - set(parameters.translate)
    own = parameters.native_vlan, vlans, frozenset({parameters.native_vlan} - {None})
    if wire is None:
        yield LogicalPort(number, None, False, *own, pvlan=parameters.pvlan)
        return
    switch = wire.switch
    if switch.mode in FIRST_LIST:
        for each in switch.ports:
            if each.enabled:
                key = each.vif if switch.mode == "vn_tag" else each.ecid
                yield LogicalPort(
                    number, key, False, each.port_vlan, frozenset(each.vlans), frozenset(each.untagged), each,
                    wire=wire.port_name, pvlan=each.pvlan,
                )  # fmt: skip
        return
    relies = {None: switch.mode == "vepa"}
    if switch.mode == "multichannel":
        relies = {s_vid: kind == "vepa" for s_vid, (kind, _) in sorted(ForwardingOracle(switch).channels().items())}
    for key, is_vepa in relies.items():
        has_hairpin = is_vepa if parameters.hairpin is None else parameters.hairpin
        yield LogicalPort(number, key, has_hairpin, *own, pvlan=parameters.pvlan)
    for wire_vlan in sorted(parameters.translate):
        has_hairpin = relies[None] if parameters.hairpin is None else parameters.hairpin
        inside = frozenset({parameters.translate[wire_vlan]})
        untagged = inside if wire_vlan == parameters.native_vlan else frozenset()
        yield LogicalPort(
            number, wire_vlan, has_hairpin, parameters.native_vlan, inside, untagged, wire_vlan=wire_vlan,
            pvlan=parameters.pvlan,
        )  # fmt: skip


def _configured_lists(wire: Wire) -> set[int]:
    """Return the numbers of the lists that the configuration has at a wire, whatever their GRP."""
    return {*wire.switch.vif_lists, *(each.ecid for each in wire.switch.ecid_lists)}
