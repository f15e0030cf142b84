"""The bridge's ports as it sees them: logical ports, and the tags that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..forwarding_oracle import ForwardingOracle
from .parameters import OUTSIDE, BridgePort, Server
from .tags import OUTER_TYPE, S_TAG, DroppedError, Header, e_tag_down, tci_tag, vn_tag_down

DEFAULT_S_VID = 1


@dataclass(frozen=True)
class LogicalPort:
    """What a station or a channel is at the bridge: `key` is None, the S-VID, the VIF or the E-CID."""

    number: int
    key: int | None = None
    has_hairpin: bool = field(default=False, compare=False)
    stations: tuple[tuple[str, frozenset[int]], ...] = field(default=(), compare=False)
    """(name in the system, addresses) of those behind it."""

    def is_from(self, name: str, source: int) -> bool:
        """Tell whether a frame with this source address is that station's: alone here, or by its address."""
        if len(self.stations) == 1:
            return self.stations[0][0] == name
        return any(name == each and source in macs for each, macs in self.stations)


@dataclass(frozen=True)
class GroupList:
    """A VIF list (`group` 0) or a multipoint E-CID at an adapter, with its stations' names in the system."""

    group: int
    number: int
    stations: frozenset[str]


class AttachedPort:
    """One port with its logical ports, in the order of their numbers."""

    def __init__(self, number: int, parameters: BridgePort, server: Server | None) -> None:
        """Work out the logical ports; without a server it is the port outside."""
        self.number = number
        self.name = server.port_name if server else OUTSIDE
        self.parameters = parameters
        self.mode = server.switch.mode if server else None
        self.outer_type = OUTER_TYPE.get(self.mode)
        self.logical: dict[int | None, LogicalPort] = {}
        self.lists = list(_lists_of(server)) if server else []
        for key, relies, stations in _interfaces(server):
            has_hairpin = relies if parameters.hairpin is None else parameters.hairpin
            named = tuple((server.station(each.name), frozenset(each.macs)) for each in stations) if server else ()
            self.logical[key] = LogicalPort(number, key, has_hairpin, named)

    def carries(self, vlan: int | None) -> bool:
        """Tell whether frames of a VLAN may pass."""
        vlans = self.parameters.vlans
        return vlan is not None and 1 <= vlan <= 4094 and (vlans is None or vlan in vlans)

    def came_on(self, header: Header) -> LogicalPort:
        """Return the logical port that a frame's outer tag names."""
        return self.logical[self._key_of(header.outer)]

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

    def list_of_all(self) -> GroupList | None:
        """Return the first list that names each station behind this port."""
        wanted = {name for port in self.logical.values() for name, _ in port.stations}
        return next((each for each in self.lists if each.stations >= wanted), None)

    def outer_tag(self, to: LogicalPort | GroupList, sender: LogicalPort, priority: int, dei: int) -> bytes:
        """Return the outer tag of a copy that goes out here."""
        if isinstance(to, GroupList):
            own = sender.key if sender.number == self.number else None
            if self.mode == "vn_tag":
                return vn_tag_down(to.number, True, own)
            return e_tag_down(to.number, to.group, own or 0, priority, dei)
        if to.key is None or (self.mode == "multichannel" and to.key == DEFAULT_S_VID):
            return b""
        if self.mode == "multichannel":
            return tci_tag(S_TAG, to.key, priority, dei)
        return vn_tag_down(to.key, False, None) if self.mode == "vn_tag" else e_tag_down(to.key, 0, 0, priority, dei)


def _interfaces(server: Server | None) -> Iterator[tuple[int | None, bool, list[Any]]]:
    """Yield (key, whether the adapter relies on a hairpin there, stations) of each logical port, by key."""
    if server is None:
        yield None, False, []
        return
    switch = server.switch
    stations = [each for each in switch.ports if each.enabled]
    if switch.mode == "multichannel":
        for s_vid, (kind, names) in sorted(ForwardingOracle(switch).channels().items()):
            yield s_vid, kind == "vepa", [each for each in stations if each.name in names]
    elif switch.mode in ("vn_tag", "e_tag"):
        key = "vif" if switch.mode == "vn_tag" else "ecid"
        for each in sorted(stations, key=lambda station: getattr(station, key)):
            yield getattr(each, key), False, [each]
    else:
        yield None, switch.mode == "vepa", stations


def _lists_of(server: Server) -> Iterator[GroupList]:
    switch = server.switch
    if switch.mode == "vn_tag":
        for number, names in sorted(switch.vif_lists.items()):
            yield GroupList(0, number, frozenset(map(server.station, names)))
    elif switch.mode == "e_tag":
        for each in switch.ecid_lists:
            yield GroupList(each.group, each.ecid, frozenset(map(server.station, each.ports)))
