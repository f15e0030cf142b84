"""Bridges and the port extenders below them, joined by their wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import simpy

from ..simpy_nic.frames import Copy
from .bridge import Bridge
from .extender_relay import ExtenderPort, ExtenderRelay
from .layout import Layout
from .ledger import Ledger
from .parameters import BridgeParameters, BridgePort, Server, Wire
from .ports import AttachedPort
from .relay import Relay
from .results import BridgeOutcome, PortCounts


class Tree:
    """All bridges with all extenders; `ports` are those of all, by their numbers."""

    def __init__(
        self,
        env: simpy.Environment,
        bridges: Sequence[BridgeParameters],
        servers: Sequence[Server],
        ledger: Ledger,
    ) -> None:
        """Build bridges and extenders; `arrives` of each port to a server and outside is to be set."""
        self._env = env
        self._layout = layout = Layout(bridges, servers)
        self.outside = layout.outside
        self.relays = {each.name: Relay(each, layout) for each in bridges}
        self._boxes: dict[str, Bridge] = {}
        self._bridge_of: dict[int, str] = {}
        self._roots: dict[int, AttachedPort] = {}
        for each in bridges:
            own = {each.name: Bridge(env, each, self.relays[each.name], ledger)}
            for number, wire in layout.wires_at(each.name):
                self._roots[number] = self._root(each, number, wire)
            own |= {name: Bridge(env, *self._extender(each, name), ledger) for name in each.extenders}
            self._boxes |= own
            self._bridge_of |= {number: each.name for box in own.values() for number in box.ports}
        self._box_of = {number: box for box in self._boxes.values() for number in box.ports}
        self.ports = {number: self._box_of[number].ports[number] for number in sorted(self._box_of)}
        uplinks = [(upper, upper + 1) for upper in layout.uppers.values()]
        for number, other in [*layout.far_end.items(), *uplinks, *(pair[::-1] for pair in uplinks)]:
            self.ports[number].begins = partial(self._box_of[other].begins_to_come, other)
        for number, other in layout.far_end.items():
            self.ports[number].control_goes = self.ports[other].control_comes
            far = self.relays[layout.wires[other][0]]
            self.relays[layout.wires[number][0]].peers[number] = far, far.ports[other]
        self._introduce(announces=True)
        self._at_start: Mapping[int, PortCounts] = {}
        self._at_end: Mapping[int, PortCounts] = {}
        ledger.window_opens, ledger.window_closes = self._open_window, self._close_window

    def _introduce(self, *, announces: bool) -> None:
        for number, wire in enumerate(self._layout.to_servers):
            relay = self.relays[self._bridge_of[number]]
            relay.introduce(wire, self._roots[number].number, announces=announces)

    def command(self, bridges: Sequence[BridgeParameters], servers: Sequence[Server]) -> None:
        """Let bridges and extenders have other parameters from now on, and the servers at them."""
        self._layout = Layout(bridges, servers)
        for each in bridges:
            self.relays[each.name].command(self._env.now, each, self._layout)
            self._boxes[each.name].parameters = each
            for name in each.extenders:
                self._boxes[name].parameters, self._boxes[name].relay = self._extender(each, name)
        self._introduce(announces=False)

    def _extender(self, bridge: BridgeParameters, name: str) -> tuple[BridgeParameters, ExtenderRelay]:
        """Return what an extender is like, and what it decides by."""
        layout, far_fs, extender = self._layout, bridge.propagation_fs, bridge.extenders[name]
        wires = layout.wires_at(bridge.name)

        def below(other: str) -> frozenset[str]:
            return frozenset(each.port_name for _, each in wires if other in layout.above(each))

        uplink = layout.uppers[name] + 1
        ports = {uplink: ExtenderPort(f"{name}.uplink", extender.rate_bps, far_fs, frozenset())}
        for number, wire in wires:
            port = bridge.ports.get(wire.port_name, BridgePort())
            if port.behind == name:
                own_fs = far_fs if port.propagation_fs is None else port.propagation_fs
                ports[number] = ExtenderPort(wire.port_name, port.rate_bps, own_fs, frozenset((wire.port_name,)))
        for other, one in bridge.extenders.items():
            if one.behind == name:
                ports[layout.uppers[other]] = ExtenderPort(other, one.rate_bps, far_fs, below(other))
        root = next(self._roots[number] for number, wire in wires if wire.port_name in below(name))
        own = replace(
            bridge, latency_fs=extender.latency_fs, forwarding=extender.forwarding,
            buffer_bytes=extender.buffer_bytes, sharing=extender.sharing,
        )  # fmt: skip
        return own, ExtenderRelay(ports, uplink, root)

    def _root(self, bridge: BridgeParameters, number: int, wire: Wire) -> AttachedPort:
        way = self._layout.above(wire)
        return self.relays[bridge.name].ports[self._layout.uppers[way[-1]] if way else number]

    def root_of(self, number: int) -> AttachedPort:
        """Return the bridge's own port that leads to a server, by the number of the port there."""
        return self._roots[number]

    def sending_begins(self, number: int, copy: Copy) -> None:
        """Learn that an adapter, or who is outside, begins with a frame."""
        self._box_of[number].sending_begins(number, copy)

    def _open_window(self) -> None:
        self._at_start = {number: port.counts() for number, port in self.ports.items()}

    def _close_window(self) -> None:
        self._at_end = {number: port.counts() for number, port in self.ports.items()}

    def outcomes(self) -> dict[str, BridgeOutcome]:
        """Return what each bridge and its extenders have done by the end of the run."""
        return {name: self._outcome(name) for name in self.relays}

    def _outcome(self, name: str) -> BridgeOutcome:
        relay, bridge = self.relays[name], self._boxes[name]
        table = relay.table
        table.age(self._env.now)
        ports = {number: port for number, port in self.ports.items() if self._bridge_of[number] == name}
        boxes = {id(self._box_of[number]): self._box_of[number] for number in ports}
        return BridgeOutcome(
            ports={port.name: port.counts() for port in ports.values()},
            window={
                port.name: PortCounts(
                    *(end - start for start, end in zip(self._at_start[number], self._at_end[number], strict=True))
                )
                for number, port in ports.items()
            },
            queue_highest_bytes={port.name: port.highest_bytes for port in ports.values()},
            buffer_highest_bytes=bridge.buffer_highest_bytes,
            learned=table.learned,
            moved=table.moved,
            aged=table.aged,
            not_learned=table.not_learned,
            forwarded=sum(port.frames_in for port in bridge.ports.values()),
            flooded=relay.flooded,
            replicated=sum(box.replicated for box in boxes.values()),
            known=len(table),
        )
