"""The bridge and the port extenders below it, joined by their wires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import simpy

from ..simpy_nic.frames import Copy
from .bridge import Bridge
from .extender_relay import ExtenderPort, ExtenderRelay
from .ledger import Ledger
from .parameters import BRIDGE, BridgeParameters, BridgePort, Server
from .ports import AttachedPort
from .relay import Relay, above
from .results import BridgeOutcome, PortCounts


class Tree:
    """The bridge with all extenders; `ports` are those of all, by their numbers."""

    def __init__(
        self, env: simpy.Environment, parameters: BridgeParameters, servers: Sequence[Server], ledger: Ledger
    ) -> None:
        """Build the bridge and the extenders; `arrives` of each port to a server and outside is to be set."""
        self._env = env
        self.relay = Relay(parameters, servers)
        self._boxes = {BRIDGE: Bridge(env, parameters, self.relay, ledger)}
        self._roots = [self._root(parameters, number, server) for number, server in enumerate(servers)]
        names = list(parameters.extenders)
        uppers = {name: len(servers) + 1 + 2 * at for at, name in enumerate(names)}
        for name, extender in parameters.extenders.items():
            below = frozenset(each.port_name for each in servers if name in above(parameters, each))
            ports = {uppers[name] + 1: ExtenderPort(f"{name}.uplink", extender.rate_bps, frozenset())}
            for number, server in enumerate(servers):
                port = parameters.ports.get(server.port_name, BridgePort())
                if port.behind == name:
                    ports[number] = ExtenderPort(server.port_name, port.rate_bps, frozenset((server.port_name,)))
            for other, one in parameters.extenders.items():
                if one.behind == name:
                    under = frozenset(each.port_name for each in servers if other in above(parameters, each))
                    ports[uppers[other]] = ExtenderPort(other, one.rate_bps, under)
            root = next(self._roots[at] for at, server in enumerate(servers) if server.port_name in below)
            own = replace(
                parameters, latency_fs=extender.latency_fs, forwarding=extender.forwarding,
                buffer_bytes=extender.buffer_bytes, sharing=extender.sharing,
            )  # fmt: skip
            relay = ExtenderRelay(ports, uppers[name] + 1, root)
            self._boxes[name] = Bridge(env, own, relay, ledger)
        self._box_of = {number: box for box in self._boxes.values() for number in box.ports}
        self.ports = {number: self._box_of[number].ports[number] for number in sorted(self._box_of)}
        for upper in uppers.values():
            for number, other in ((upper, upper + 1), (upper + 1, upper)):
                self.ports[number].begins = partial(self._box_of[other].begins_to_come, other)
        self._at_start: Sequence[PortCounts] = ()
        self._at_end: Sequence[PortCounts] = ()
        ledger.window_opens, ledger.window_closes = self._open_window, self._close_window

    def _root(self, parameters: BridgeParameters, number: int, server: Server) -> AttachedPort:
        way = above(parameters, server)
        if not way:
            return self.relay.ports[number]
        return next(port for port in self.relay.ports.values() if port.name == way[-1])

    def root_of(self, number: int) -> AttachedPort:
        """Return the bridge's own port that leads to a server."""
        return self._roots[number]

    def sending_begins(self, number: int, copy: Copy) -> None:
        """Learn that an adapter, or who is outside, begins with a frame."""
        self._box_of[number].sending_begins(number, copy)

    def _open_window(self) -> None:
        self._at_start = [port.counts() for port in self.ports.values()]

    def _close_window(self) -> None:
        self._at_end = [port.counts() for port in self.ports.values()]

    def outcome(self) -> BridgeOutcome:
        """Return what bridge and extenders have done by the end of the run."""
        table, bridge = self.relay.table, self._boxes[BRIDGE]
        table.age(self._env.now)
        pairs = zip(self.ports.values(), self._at_start, self._at_end, strict=True)
        return BridgeOutcome(
            ports={port.name: port.counts() for port in self.ports.values()},
            window={
                port.name: PortCounts(*(end - start for start, end in zip(starts, ends, strict=True)))
                for port, starts, ends in pairs
            },
            queue_highest_bytes={port.name: port.highest_bytes for port in self.ports.values()},
            buffer_highest_bytes=bridge.buffer_highest_bytes,
            learned=table.learned,
            moved=table.moved,
            aged=table.aged,
            not_learned=table.not_learned,
            forwarded=sum(port.frames_in for port in bridge.ports.values()),
            flooded=self.relay.flooded,
            replicated=sum(box.replicated for box in self._boxes.values()),
            known=len(table),
        )
