"""What a run of several servers on one bridge is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..service_level_oracle import Level
from ..simpy_nic import FlowControl, NicParameters
from ..simpy_nic.tables import tables_by_port

OUTSIDE = "outside"
BRIDGE = "bridge"
ADAPTER = "adapter"
"""The bridge's port to a server without a name."""


@dataclass(frozen=True)
class BridgePort:
    """One port of the bridge; both ends of its wire run at its rate."""

    rate_bps: int = 10**10
    hairpin: bool | None = None
    """Of all its logical ports; None: of those of which the adapter relies on it."""
    native_vlan: int | None = 1
    vlans: frozenset[int] | None = None
    """None: all."""
    pvlan: int = 0
    """Class in private VLANs: 0 promiscuous, -1 isolated, else a community's number."""
    most_addresses: int | None = None
    """Port security: as many as its logical ports may have in the table together; None: any number."""
    shuts: bool = False
    """The first address above that shuts the port down."""
    behind: str = BRIDGE
    """Whose port it is: an extender's by its name, else the bridge's."""
    s_channels: Mapping[int, Level] = field(default_factory=dict)
    """Service levels; with one or more each S-channel has a queue."""
    translate: Mapping[int, int] = field(default_factory=dict)
    """Of VLANs on the wire: their numbers in the bridge."""
    to: str | None = None
    """The port of another bridge at the other end of the wire, `right.trunk`; written at one end or both."""
    propagation_fs: int | None = None
    """Of its wire; None: as the bridge's."""


@dataclass(frozen=True)
class ExtenderParameters:
    """A port extender; its uplink leads to what it is `behind`, another extender or the bridge."""

    rate_bps: int = 10**10
    behind: str = BRIDGE
    latency_fs: int = 0
    forwarding: str = "store_and_forward"
    buffer_bytes: int = 1 << 20
    sharing: str = "port"


@dataclass(frozen=True)
class BridgeParameters:
    """The bridge; `ports` that are left out are as `BridgePort()`."""

    name: str = BRIDGE
    kind: str = "learning"
    ports: Mapping[str, BridgePort] = field(default_factory=dict)
    """By the names of servers' wires, `outside`, and of wires to other bridges by a name of their own."""
    latency_fs: int = 0
    forwarding: str = "store_and_forward"
    buffer_bytes: int = 1 << 20
    sharing: str = "port"
    propagation_fs: int = 0
    """Of each wire, that of the port `outside` among them."""
    table: int = 8192
    ageing_fs: int | None = None
    announce: bool = False
    extenders: Mapping[str, ExtenderParameters] = field(default_factory=dict)
    guards: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the name of a port or of a logical port, which counts in place of its port."""
    flow_control: FlowControl | None = None
    percents: Sequence[int] = (100,)
    """With flow control, of each class."""
    policy: Sequence[Any] = ()
    """Entries shaped like those of `switch.acl`, with stations' names in the system, or `outside`."""


@dataclass(frozen=True)
class Server:
    """A host with its adapter; `switch` is shaped like the configuration's block, for all its Ethernet ports."""

    name: str
    nic: NicParameters
    switch: Any

    @property
    def place(self) -> str:
        """Return what it is called where frames drop."""
        return self.name or ADAPTER

    @property
    def wires(self) -> tuple[Wire, ...]:
        """Return its Ethernet ports with their wires, in their order."""
        return tuple(Wire(self, number) for number in range(self.nic.ethernet_ports))

    def station(self, name: str) -> str:
        """Return the name that one of its stations has in the whole system."""
        return f"{self.name}.{name}" if self.name else name


@dataclass(frozen=True)
class Wire:
    """An Ethernet port of an adapter, by its number, with the wire to its bridge."""

    server: Server
    number: int

    @property
    def port_name(self) -> str:
        """Return the name of the bridge's port at its other end."""
        if self.server.nic.ethernet_ports == 1:
            return self.server.place
        return self.server.station(f"p{self.number}")

    @property
    def switch(self) -> Any:
        """Return the tables of this port's switch."""
        return tables_by_port(self.server.nic, self.server.switch)[self.number]


def wires_of(servers: Sequence[Server]) -> list[Wire]:
    """Return the wires of all servers in their order."""
    return [wire for server in servers for wire in server.wires]


class Setup(NamedTuple):
    """All servers and all bridges, as they are from some time on."""

    servers: Sequence[Server]
    bridges: Sequence[BridgeParameters]
    quanta_bytes: Mapping[str, int] = {}
    """Of hosts that share an adapter: what their balances grow by, by the switch inside it."""


class SystemArrival(NamedTuple):
    """One recorded frame: who sends it, and its bytes without FCS."""

    at_fs: int
    sender: str
    raw: bytes


@dataclass(frozen=True)
class SystemLoad:
    """Who sends what, bytes without FCS: `saturating` in turn for ever, `arrivals` sorted by time."""

    saturating: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    arrivals: Sequence[SystemArrival] = ()
    on_full: str = "wait"
