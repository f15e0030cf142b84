"""Where each header goes, hop by hop: from the sender's adapter over bridges to the receivers' adapters.

A copy that leaves an adapter by the wire names the hop with which it comes to its bridge; each way that the bridge may
send it names the hop with which it comes to the next bridge, or the template at the next adapter. An extender between
them is a hop too. All of it is found before the run; which of the ways a frame takes, bridges look up frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.templates import MAX_TEMPLATES
from hwmodel.machine.switch.decisions import ON_THE_WIRE
from hwmodel.machine.network.bridge_state import MAX_ADDRESSES, MAX_HOPS, NOBODY
from hwmodel.simulation.bridge_ports import LogicalPort, PhysicalPort, Source, comes_in, place_of
from hwmodel.simulation.adapter_headers import AdapterHeaders, Arrival, Departure
from hwmodel.simulation.extenders import Extenders
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.hops import Hop, Inside, Way, priority_of
from hwmodel.simulation.joined_bridges import BridgePorts
from hwmodel.simulation.policies import Policies
from hwmodel.wire.ethernet import is_group_mac
from hwmodel.wire.tags import parse_header
from hwmodel.workload.traffic import UPLINK as OUTSIDE_NAME
from hwmodel.workload.traffic import FrameTemplate

if TYPE_CHECKING:
    from hwmodel.config.bridge import Bridge

MANY_TEMPLATES = 1 << 11  # of more, the copies of floods are not told apart one by one
NOBODYS_MAC = 0x02FF_FFFF_0000  # and those above that no station has
OUTSIDE = -1  # in place of a server's number
RESERVED_BLOCK, RESERVED_MASK = 0x0180C2000000, 0xFFFFFFFFFFF0
UNKNOWN_INTERFACE = {
    "vn_tag": DropReason.VNTAG_UNKNOWN_VIF,
    "e_tag": DropReason.ETAG_UNKNOWN_ECID,
    "multichannel": DropReason.STAG_UNKNOWN,
}


class Topology:
    """Find all hops of a workload's headers; `hops` are those of all bridges.

    `addresses`: those in the bridges' tables, by bridge, MAC and VLAN, with their numbers. `hop_headers`,
    `onward_headers`: the bytes of a header that comes to a bridge, by its hop, and of one that goes on to an adapter,
    by its template there.
    """

    def __init__(
        self,
        bridges: Sequence[Bridge],
        ports: Sequence[PhysicalPort],
        adapters: Sequence[AdapterHeaders],
        book: FlowBook,
    ) -> None:
        self.bridges = bridges
        self.ports = ports
        self.outside = ports[len(adapters)]
        self.logical = [logical for port in ports if port.joined is None or port.to for logical in port.logical]
        self.policies = Policies(bridges)
        self.bridge_ports = BridgePorts(ports, self.outside, self.logical)
        self.extenders = Extenders(ports, len(self.logical))
        self.n_logical_ports = len(self.logical) + len(self.extenders.own)
        for port in ports:
            if not port.is_of_extender and port.has_interfaces:
                name = f"{port.name}.groups"
                port.groups = LogicalPort(self.n_logical_ports, port.number, name, port.mode, None, False, None, (), ())
                self.n_logical_ports += 1
        self.adapters = adapters
        self.book = book
        self.hops: list[Hop] = []
        self.hop_headers: list[bytes] = []
        self.onward_headers: list[list[bytes]] = [[] for _ in adapters]  # of what comes to each server
        self.addresses: dict[tuple[int, int, int], int] = {}
        self.homes = self._homes()
        self.announced = list(self._announced()) if any(one.announce for one in bridges) else []
        self.n_templates = 0
        self._hop_numbers: dict[tuple[int, bytes, str, str], int] = {}
        self._onward: dict[tuple[int, bytes, str, str], int] = {}
        self.outside_flows: dict[int, int] = {}  # by the kind of copy
        self.outside_headers = book.outside_headers
        self.shares_strays = False
        self._servers_of: dict[str, int] = {}
        self._shared_strays: dict[tuple[Source, int, str, int], list[Way]] = {}
        self._stray_ports: dict[tuple[int, int], tuple[list[LogicalPort], list[LogicalPort]]] = {}
        self._waiting: dict[int, list[Arrival]] = {}

    def enter(self, templates: Sequence[FrameTemplate]) -> None:
        """Enter a workload's headers in all adapters and in the bridge."""
        self.n_templates = len(templates)
        self.shares_strays = len(templates) > MANY_TEMPLATES and all(map(_drops_strays, self.adapters))
        by_server: dict[int, list[Arrival]] = {}
        for number, template in enumerate(templates):
            if template.source == OUTSIDE_NAME:
                self._from_outside(number, template)
            else:
                server = self._server_of(template.source)
                port = self.adapters[server].numbers[template.source]
                arrival = Arrival(number, port, template.source, template.target, template.header)
                by_server.setdefault(server, []).append(arrival)
        for server, arrivals in by_server.items():
            for departure in self._enter(server, arrivals):
                self._leaves(server, departure)
        for server, arrivals in self._waiting.items():
            self._enter(server, arrivals)

    def _enter(self, server: int, arrivals: Sequence[Arrival]) -> list[Departure]:
        adapter = self.adapters[server]
        found = adapter.enter(arrivals)
        adapter.book.take_flows(adapter.nic.ledger)
        return found

    def _server_of(self, station: str) -> int:
        if not self._servers_of:
            self._servers_of = {name: i for i, adapter in enumerate(self.adapters) for name in adapter.numbers}
        return self._servers_of[station]

    def _homes(self) -> dict[int, list[tuple[int, LogicalPort]]]:
        """Return for each station's address its VLANs at each bridge and the logical port behind which it stands."""
        found: dict[int, list[tuple[int, LogicalPort]]] = {}
        for server, adapter in enumerate(self.adapters):
            port = self.ports[server]
            for station in adapter.switch.ports:
                # Where two of its VLANs are one in the bridge the first counts, that of its untagged frames.
                own = sorted(station.vlans, key=lambda vlan: vlan != station.port_vlan)
                places = [place for vlan in own if (place := place_of(station, vlan, port))]
                seen = [(vlan, logical) for place in places for logical, vlan in self.bridge_ports.seen_from(*place)]
                for mac in station.macs:
                    found.setdefault(mac, []).extend(seen)
        return found

    def _announced(self) -> Iterator[tuple[int, LogicalPort]]:
        """Give the number of each address that a station has announced, in its port's VLAN, and its logical port.

        At each bridge that has heard it there.
        """
        for server, adapter in enumerate(self.adapters):
            port = self.ports[server]
            for station in adapter.switch.ports:
                place = place_of(station, station.port_vlan, port) if station.enabled else None
                if place is None or place[1] not in place[0].vlans:
                    continue
                for logical, vlan in self.bridge_ports.seen_from(*place):
                    bridge = self.ports[logical.port].bridge
                    if self.bridges[bridge].announce and self.bridges[bridge].kind == "learning":
                        yield from ((self._address(bridge, mac, vlan), logical) for mac in station.macs)

    def _from_outside(self, number: int, template: FrameTemplate) -> None:
        """Enter a header of a station outside: its one copy is on the wire to the bridge."""
        arrival = Arrival(number, ON_THE_WIRE, template.source, template.target, template.header)
        (departure,) = self._enter(0, [arrival])
        hop = self._hop(self.outside, template.header, template.source, template.target)
        self.adapters[0].nic.traffic.copy_kind[departure.copy_kind].next_template = hop

    def _leaves(self, server: int, departure: Departure) -> None:
        arrival = departure.arrival
        hop = self._hop(self.ports[server], departure.header, arrival.sender, arrival.target)
        self.adapters[server].nic.traffic.copy_kind[departure.copy_kind].next_template = hop

    def _hop(self, port: PhysicalPort, header: bytes, sender: str, target: str) -> int:
        """Return the number of a header's hop at a port of the bridge or an extender; a new one is worked out."""
        key = (port.number, header, sender, target)
        if key not in self._hop_numbers:
            if len(self.hops) == MAX_HOPS:
                raise InputError(f"workload: more than {MAX_HOPS} headers at the bridge")
            number = self._hop_numbers[key] = len(self.hops)
            self.hops.append(Hop(NOBODY))  # its place: behind it may stand those that it leads to
            self.hop_headers.append(header)
            work_out = self._passed_on if port.is_of_extender else self._worked_out
            self.hops[number] = work_out(port, header, sender, target)
        return self._hop_numbers[key]

    def _passed_on(self, port: PhysicalPort, header: bytes, sender: str, target: str) -> Hop:
        ways = [
            Way(self.extenders.own[each.number], each.number, self._beyond(each, header, sender, target), 0)
            for each in self.extenders.ports_for(port, header)
        ]
        return Hop(self.extenders.own[port.number], flood=ways)

    def _worked_out(self, port: PhysicalPort, header: bytes, sender: str, target: str) -> Hop:
        parsed = parse_header(header, port.outer_types)
        place = comes_in(port, parsed.outer, 0 if parsed.c_tag is None else parsed.c_tag.vid)
        if place is None:
            return Hop(port.logical[0].number, UNKNOWN_INTERFACE[port.mode])
        logical, vlan = place
        pcp, dei = priority_of(parsed)
        if vlan not in logical.vlans:
            return Hop(logical.number, DropReason.VLAN_MEMBER)
        inside = Inside(parsed, vlan, pcp, dei, len(header), sender, target)
        hop = Hop(logical.number, source=self._address(port.bridge, parsed.source, vlan))
        if parsed.destination & RESERVED_MASK == RESERVED_BLOCK:
            hop.reason = DropReason.CONTROL_FRAME
            return hop
        inside = self.policies.ask(port.bridge, inside, hop)
        if hop.reason != DropReason.NONE:
            return hop
        is_group = is_group_mac(parsed.destination)
        source = Source(port.number, logical.number, inside.pcp, inside.dei)
        if is_group:
            hop.flood = self._group_ways(inside, source, logical)
            return hop
        hop.target = self._address(port.bridge, parsed.destination, vlan)
        home = self.home_of(port.bridge, parsed.destination, vlan) or self.bridge_ports.way_out[port.bridge]
        if vlan in home.vlans and (home.number != logical.number or logical.is_hairpin):
            hop.home = self._way(inside, source, home)
        hop.flood = self._strays(inside, source, logical)
        return hop

    def _address(self, bridge: int, mac: int, vlan: int) -> int:
        """Return the number of an address in a VLAN at a bridge; group addresses are never learned."""
        if is_group_mac(mac):
            return NOBODY
        if (bridge, mac, vlan) not in self.addresses and len(self.addresses) == MAX_ADDRESSES:
            raise InputError(f"bridge: more than {MAX_ADDRESSES} addresses")
        return self.addresses.setdefault((bridge, mac, vlan), len(self.addresses))

    def home_of(self, bridge: int, mac: int, vlan: int) -> LogicalPort | None:
        """Return a bridge's logical port behind which the configuration puts an address, None if it does not say."""
        homes = self.homes.get(mac, ())
        return next((one for each, one in homes if each == vlan and self.ports[one.port].bridge == bridge), None)

    def _reachable(self, own: LogicalPort, vlan: int) -> list[LogicalPort]:
        """Return the logical ports that a frame of a VLAN may leave by."""
        return [
            each
            for each in self.bridge_ports.logical_beside(own)
            if vlan in each.vlans and (each.number != own.number or own.is_hairpin)
        ]

    def _group_ways(self, inside: Inside, source: Source, own: LogicalPort) -> list[Way]:
        """Return the ways of a group's copies: virtual interfaces get them by lists alone."""
        found: list[Way] = []
        reachable = self._reachable(own, inside.vlan)
        for port in self.bridge_ports.beside(own):
            if port.has_interfaces:
                found += self._list_way(inside, source, own, port)
            else:
                found += [self._way(inside, source, each) for each in reachable if each.port == port.number]
        return found

    def _strays(self, inside: Inside, source: Source, own: LogicalPort) -> list[Way]:
        """Return the ways of the copies of a frame to an address that the bridge does not know.

        Of many headers one stands for all of a sender, to an address that nobody has: what is not for an adapter's
        stations drops there. Another bridge may know the address, so each header has its own way there.
        """
        to_adapters, beyond = self._ports_for_strays(own, inside.vlan)
        if not self.shares_strays:
            return [self._way(inside, source, each) for each in (*to_adapters, *beyond)]
        key = (source, inside.vlan, inside.sender, inside.n_bytes)
        if key not in self._shared_strays:
            nobody = next(mac for mac in range(NOBODYS_MAC, NOBODYS_MAC + len(self.homes) + 1) if mac not in self.homes)
            stray = replace(inside, parsed=replace(inside.parsed, destination=nobody))
            self._shared_strays[key] = [self._way(stray, source, each) for each in to_adapters]
        shared = self._shared_strays[key]
        return [*shared, *(self._way(inside, source, each) for each in beyond)] if beyond else shared

    def _ports_for_strays(self, own: LogicalPort, vlan: int) -> tuple[list[LogicalPort], list[LogicalPort]]:
        """Return the ports to which frames to unknown addresses go, in their order: to adapters and outside; wires."""
        if (own.number, vlan) not in self._stray_ports:
            reachable = [each for each in self._reachable(own, vlan) if not self.ports[each.port].has_interfaces]
            bridge = self.ports[own.port].bridge
            if self.bridges[bridge].kind == "controlling":
                reachable = [each for each in reachable if each is self.bridge_ports.way_out[bridge]]
            n_adapters = sum(not self.ports[each.port].to for each in reachable)
            self._stray_ports[own.number, vlan] = reachable[:n_adapters], reachable[n_adapters:]
        return self._stray_ports[own.number, vlan]

    def _list_way(self, inside: Inside, source: Source, own: LogicalPort, port: PhysicalPort) -> list[Way]:
        """Return the one way of a group to all interfaces of a port that take it, none where none does."""
        adapters = [self.adapters[server] for server in port.below]
        enabled = [station for adapter in adapters for station in adapter.switch.ports if station.enabled]
        kind = "broadcast" if inside.parsed.destination == (1 << 48) - 1 else "multicast"
        members = [
            logical
            for logical, station in zip(port.logical, enabled, strict=True)
            if inside.vlan in logical.vlans
            and (kind in station.accept or inside.parsed.destination in station.groups or station.promiscuous)
        ]
        if not [each for each in members if each.number != own.number]:
            return []
        names = [each.name for each in members]
        number = port.list_of(names)
        for adapter in adapters:
            adapter.add_list(port.mode, number, [name for name in names if name in adapter.numbers])
        outer = port.list_tag(number, source, own.interface if own.port == port.number else None)
        header = inside.header(members[0], outer)
        assert port.groups is not None
        template = self._beyond(port, header, inside.sender, inside.target)
        return [Way(port.groups.number, port.number, template, len(header) - inside.n_bytes)]

    def _way(self, inside: Inside, source: Source, to: LogicalPort) -> Way:
        own = self.logical[source.logical_port]
        same = own.interface if own.port == to.port else None
        return self._onward_way(inside, to, inside.header(to, to.tag_for(source, same)))

    def _onward_way(self, inside: Inside, to: LogicalPort, header: bytes) -> Way:
        template = self._beyond(self.ports[to.port], header, inside.sender, inside.target)
        return Way(to.number, to.port, template, len(header) - inside.n_bytes)

    def _beyond(self, port: PhysicalPort, header: bytes, sender: str, target: str) -> int:
        """Return what a header is behind a port's wire: a hop, an adapter's template, a kind of copy for outside."""
        if port.joined is not None:
            return self._hop(self.ports[port.joined], header, sender, target)
        if port.server is None:
            return self._outside(header, sender, target)
        key = (port.server, header, sender, target)
        if key not in self._onward:
            headers = self.onward_headers[port.server]
            number = self.n_templates + len(headers)
            headers.append(header)
            if number == MAX_TEMPLATES:
                raise InputError(f"workload: more than {MAX_TEMPLATES} headers at one server")
            self._onward[key] = number
            arrival = Arrival(number, UPLINK, sender, target, header)
            self._waiting.setdefault(port.server, []).append(arrival)
        return self._onward[key]

    def _outside(self, header: bytes, sender: str, target: str) -> int:
        """Return the kind of a copy that leaves for stations outside."""
        key = (OUTSIDE, header, sender, target)
        if key not in self._onward:
            kind = self._onward[key] = len(self.outside_headers)
            self.outside_headers.append(header)
            self.outside_flows[kind] = self.book.flow(sender, OUTSIDE_NAME)
        return self._onward[key]


def _drops_strays(adapter: AdapterHeaders) -> bool:
    """Tell whether frames that the bridge floods, and that are for none of an adapter's stations, just drop there."""
    switch = adapter.switch
    return not (switch.mirrors or switch.addresses or any(each.promiscuous or each.default for each in switch.ports))


def _is_for_group(header: bytes) -> bool:
    return bool(header) and bool(header[0] & 1)
