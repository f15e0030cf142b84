"""Check that a run has room for what a configuration fills of its tables (`rules.capacities`): a row for each table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hwmodel.rules.capacities import (
    MAX_ACL_ENTRIES,
    MAX_ADDRESSES,
    MAX_BOXES,
    MAX_BRIDGE_MIRRORS,
    MAX_BRIDGE_POLICERS,
    MAX_BRIDGE_PORTS,
    MAX_BRIDGE_SAMPLERS,
    MAX_HOMES,
    MAX_LISTED,
    MAX_LOGICAL_PORTS,
    MAX_LOOKUP_ENTRIES,
    MAX_MIRRORS,
    MAX_OWN_IPS,
    MAX_POLICERS,
    MAX_POLICY,
    MAX_STATION_ADDRESSES,
    MOST_ASKED,
)
from hwmodel.rules.function_names import MOST_FUNCTIONS
from hwmodel.rules.switch_modes import MODES

from .bridge import s_channels_of
from .bridge_ports import ports_of
from .check_controls import check_controls
from .document import KeyPath
from .findings import Findings, Part
from .lookup import looked_up, own_ips
from .model import Config
from .switch import Switch
from .system import bridges_of
from .topology import Topology


@dataclass(frozen=True)
class Room:
    """A table of a run. `what`: its entries, `most` of them; `count`: how many are needed; `keys`: which say so.

    `fewer`: what to do about it. `stations`: a key of stations whose longest value is most to blame; empty: none is.
    """

    most: int
    what: str
    count: Callable[[Any], int]
    keys: tuple[str, ...]
    fewer: str
    stations: str = ""

    def complaint(self, holder: Any, where: str = "") -> str:
        """Say what there is no room for, an empty text where there is."""
        n = self.count(holder)
        return f"{n:,} {self.what}{where}; a run has room for {self.most:,} ({self.fewer})" if n > self.most else ""


def _n_policers(switch: Switch) -> int:
    return sum(entry.action == "police" for entry in switch.acl)


def _n_channels(switch: Switch) -> int:
    return len(s_channels_of(switch)) if MODES[switch.mode].has_channels else 0


def _n_homes(topology: Topology) -> int:
    """Return how many homes of addresses there are, or more where that is below what there is room for."""
    stations = [station for _, switch in topology.to_adapters for station in switch.ports]
    at_most = len(topology.bridges) * sum(len(station.vlans) * len(station.macs) for station in stations)
    return at_most if at_most <= MAX_HOMES else sum(1 for _ in islice(topology.homes(), MAX_HOMES + 1))


# Of an adapter's switch: what stands at one Ethernet port, by that port's own switch.
OF_PORT = (
    Room(MAX_ACL_ENTRIES, "rules", lambda switch: len(switch.acl), ("switch.acl",), "fewer rules"),
    Room(MAX_MIRRORS, "mirrors", lambda switch: len(switch.mirrors), ("switch.mirrors",), "fewer mirrors"),
    Room(
        MAX_OWN_IPS, "addresses of IP", lambda switch: sum(len(own_ips(port)) for port in switch.ports), (),
        "fewer ips, where they are IPv6 fewer macs too", "ips",
    ),
    Room(
        MOST_FUNCTIONS + 1, "S-channels", _n_channels, ("switch.s_channels",), "fewer of them"
    ),
    Room(
        MAX_LOOKUP_ENTRIES, "addresses and interfaces", lambda switch: len(looked_up(switch)),
        ("switch.addresses", "switch.vif_lists", "switch.ecid_lists"), "fewer addresses or lists", "macs",
    ),
)  # fmt: skip
# Of all its ports' switches together, a list of them.
OF_ADAPTER = (
    Room(
        MAX_POLICERS, "policers", lambda switches: sum(map(_n_policers, switches)), ("switch.acl",),
        "fewer entries with action: police; one for port: all counts at each Ethernet port",
    ),
)  # fmt: skip
# Of all bridges together. A count may be more than there is where that is below `most`: counting takes time.
OF_BRIDGES = (
    Room(
        MAX_BOXES, "bridges and extenders", lambda all_of: len({port.box for port in all_of.ports}),
        ("bridge.extenders", "bridges"), "fewer of them",
    ),
    Room(
        MAX_BRIDGE_PORTS, "ports of bridges and extenders", lambda all_of: len(all_of.ports),
        ("servers", "port.count", "bridge.extenders", "bridges"), "fewer servers, ports or extenders",
    ),
    Room(
        MAX_LOGICAL_PORTS, "interfaces, S-channels, translated VLANs and queues of classes at bridges",
        lambda all_of: all_of.n_logical_ports + all_of.n_class_queues,
        ("switch.s_channels", "nic.vfs", "servers", "bridge.ports", "bridges", "bridge.flow_control"),
        "fewer functions or servers",
    ),
    Room(
        MAX_LISTED, "entries of lists of what is behind bridges' ports", lambda all_of: all_of.n_listed,
        ("bridge.extenders", "bridges", "nic.vfs", "servers"), "fewer extenders one behind the other",
    ),
    Room(
        MAX_BRIDGE_POLICERS, "policers of bridges", lambda all_of: len(all_of.policers),
        ("bridge.policy", "bridges"), "fewer entries with action: police",
    ),
    Room(
        MAX_BRIDGE_MIRRORS, "mirrors of bridges", lambda all_of: len(all_of.mirrors), ("bridge.mirrors", "bridges"),
        "fewer mirrors",
    ),
    Room(
        MAX_BRIDGE_SAMPLERS, "samplers of bridges", lambda all_of: len(all_of.samplers),
        ("bridge.samples", "bridges"), "fewer samplers",
    ),
    Room(
        MAX_POLICY, "entries of bridges' policies",
        lambda all_of: sum(len(bridge.policy) for bridge in all_of.bridges), ("bridge.policy", "bridges"),
        "fewer entries",
    ),
    Room(
        MAX_STATION_ADDRESSES, "addresses of stations that bridges' rules ask for",
        lambda all_of: all_of.n_own_addresses, ("bridge.policy", "bridges"), "fewer macs or ips", "macs",
    ),
    Room(
        MAX_HOMES, "addresses in VLANs at bridges", _n_homes, (),
        "fewer vlans or macs of stations", "vlans",
    ),
    Room(
        MAX_ADDRESSES - 1, "announced addresses at bridges", lambda all_of: len(set(all_of.announced())),
        ("bridge.announce", "bridges"), "fewer macs of stations, or announce: false", "macs",
    ),
)  # fmt: skip


# Of a configuration.
OF_SCENARIO = (
    Room(
        MOST_ASKED, "messages and doorbells of floods",
        lambda config: sum(event.n_requests for event in config.scenario), ("scenario",),
        "fewer or shorter floods, fewer messages",
    ),
)  # fmt: skip


def check_adapter_room(config: Config, findings: Findings) -> None:
    """Check that the tables of an adapter have room for what its switch is told."""
    switches = [config.switch.at_port(name) for name in config.switched_ports]
    for room in OF_PORT:
        for name, switch in zip(config.switched_ports, switches, strict=True):
            if complaint := room.complaint(switch, f" at {name}" if name else ""):
                findings.add(complaint, *_to_blame(room, switch, findings), *room.keys)
                break
    for room in OF_ADAPTER:
        if complaint := room.complaint(switches):
            findings.add(complaint, *room.keys)


def check_system_room(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check that a run has room for a system's scenario and bridges; for one in which nothing else is wrong."""
    for room in OF_SCENARIO:
        if complaint := room.complaint(config):
            findings.add(complaint, *room.keys)
    bridges, servers = bridges_of(config), [part.server for part in parts]
    if not bridges or findings.problems:
        return
    topology = Topology([bridge.settings for bridge in bridges], ports_of(bridges, servers), servers, {})
    check_controls(bridges, topology, findings)
    for room in OF_BRIDGES:
        if complaint := room.complaint(topology):
            blamed = [path for part in parts for path in _to_blame(room, part.server.config.switch, part.findings)]
            findings.add(complaint, *blamed, *room.keys)
            return


def _to_blame(room: Room, switch: Switch, findings: Findings) -> list[KeyPath]:
    if not room.stations:
        return []
    most = max(switch.ports, key=lambda port: len(getattr(port, room.stations) or ()))
    return [findings.station(most.name, room.stations)]
