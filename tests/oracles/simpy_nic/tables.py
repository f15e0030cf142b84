"""How an adapter decides by its tables: by the second implementation of docs/forwarding.md, on a frame's bytes."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import simpy

from ..bucket_oracle import PolicersOracle
from ..forwarding_oracle import ForwardingOracle
from ..forwarding_oracle import Outcome as Forwarded
from .frames import WIRE, Decision, Frame

PF = 1


def station_name(port: int, n_vfs: int) -> str:
    """Return the name of an adapter's port: those of further PFs come behind the VFs'."""
    if port == WIRE:
        return "uplink"
    further = port - PF - n_vfs
    return "pf" if port == PF else f"pf{further}" if further > 0 else f"vf{port - 2}"


def port_number(name: str, n_vfs: int) -> int:
    """Return the number of an adapter's port."""
    if name in ("uplink", "pf"):
        return WIRE if name == "uplink" else PF
    return PF + n_vfs + int(name[2:]) if name.startswith("pf") else int(name[2:]) + 2


def n_vfs_of(switch: Any) -> int:
    """Return how many VFs an adapter has, of whose switch this may be a part."""
    while "_switch" in vars(switch):
        switch = vars(switch)["_switch"]
    return sum(each.name.startswith("vf") for each in switch.ports)


class _Disabled:
    """A station as it is but for its not being enabled, and for its filters, which have gone: it has no address."""

    enabled = False
    macs: tuple[int, ...] = ()

    def __init__(self, station: Any) -> None:
        self._station = station

    def __getattr__(self, name: str) -> Any:
        return getattr(self._station, name)


class _Without:
    """A switch's tables without the filters of functions that are off."""

    def __init__(self, switch: Any, off: Collection[int]) -> None:
        self._switch = switch
        n_vfs = n_vfs_of(switch)
        self.ports = [_Disabled(each) if port_number(each.name, n_vfs) in off else each for each in switch.ports]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._switch, name)


class AtEthernetPort:
    """A switch's tables as they are at one Ethernet port: of its stations, and what names them."""

    def __init__(self, switch: Any, ports: Collection[int]) -> None:
        """Keep what is of the stations with these numbers."""
        self._switch = switch
        n_vfs = n_vfs_of(switch)
        self.ports = [each for each in switch.ports if port_number(each.name, n_vfs) in ports]
        names = {each.name for each in self.ports}
        self.mirrors = [each for each in switch.mirrors if each.to in names]
        self.acl = [each for each in switch.acl if each.port == "all" or each.port in names]
        self.addresses = [
            SimpleNamespace(vlan=each.vlan, mac=each.mac, ports=[one for one in each.ports if one in names])
            for each in switch.addresses
            if names.intersection(each.ports)
        ]
        self.vif_lists = {
            number: [one for one in ports if one in names]
            for number, ports in switch.vif_lists.items()
            if names.intersection(ports)
        }
        self.ecid_lists = [
            SimpleNamespace(group=each.group, ecid=each.ecid, ports=[one for one in each.ports if one in names])
            for each in switch.ecid_lists
            if names.intersection(each.ports)
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._switch, name)


def tables_by_port(parameters: Any, switch: Any) -> list[Any]:
    """Return an adapter's tables as they are at each of its Ethernet ports."""
    if parameters.ethernet_ports == 1 or parameters.virtual_switch is not None:
        return [switch]
    at = {port: parameters.at_ethernet_port.get(port, 0) for port in parameters.ports}
    return [
        AtEthernetPort(switch, [port for port, own in at.items() if own == number])
        for number in range(parameters.ethernet_ports)
    ]


class Tables:
    """Decide by a frame's bytes; policers are asked when they do."""

    def __init__(self, env: simpy.Environment, switch: Any, off: Collection[int]) -> None:
        """Begin with full buckets; `switch` is shaped like the configuration's block, `off`: ports of functions."""
        self._env = env
        self._policers = PolicersOracle(switch.acl)
        self._decide_by(switch, off)

    def _decide_by(self, switch: Any, off: Collection[int]) -> None:
        self._n_vfs = n_vfs_of(switch)
        self._oracle = ForwardingOracle(_Without(switch, off) if off else switch)
        self._decided: dict[tuple[int, bytes, bool], Forwarded] = {}

    def change(self, switch: Any, off: Collection[int]) -> None:
        """Decide by other tables from now on."""
        self._policers.change(self._env.now, switch.acl)
        self._decide_by(switch, off)

    def decide(self, frame: Frame) -> Decision:
        """Return a frame's copies."""
        assert frame.raw is not None
        found = self._forward(frame.source, frame.raw, False)
        if found.policer is not None:
            has_tokens = self._policers.police(found.policer, self._env.now, frame.frame_bytes)
            found = self._forward(frame.source, frame.raw, not has_tokens)
        copies, mirrored = (
            tuple(sorted((port_number(name, self._n_vfs), raw) for name, raw in each.items()))
            for each in (found.deliver, found.mirrored)
        )
        return Decision(copies, mirrored, found.drop or "NO_DESTINATION")

    def leaves(self, frame: Frame) -> bool:
        """Tell whether a copy of a frame leaves by the wire; no policer is asked."""
        found = self._forward(frame.source, frame.raw or b"", False)
        return "uplink" in (*found.deliver, *found.mirrored)

    def is_for_wire_alone(self, port: int, raw: bytes) -> bool:
        """Tell whether a frame's one copy leaves by the wire; no policer is asked."""
        found = self._forward(port, raw, False)
        return list(found.deliver) == ["uplink"] and not found.mirrored

    def _forward(self, port: int, raw: bytes, is_refused: bool) -> Forwarded:
        key = port, raw, is_refused
        if key not in self._decided:
            self._decided[key] = self._oracle.forward(station_name(port, self._n_vfs), raw, refused=is_refused)
        return self._decided[key]
