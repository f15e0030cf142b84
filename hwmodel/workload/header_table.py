"""Who sends a captured frame: the port that owns its source address, or else the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwmodel.wire.ethernet import BROADCAST_MAC, is_group_mac
from hwmodel.wire.tags import LONGEST_HEADER_BYTES, RuntFrameError, parse_header
from hwmodel.workload.patterns import BROADCAST, MULTICAST
from hwmodel.workload.traffic import UPLINK, FrameTemplate

if TYPE_CHECKING:
    from hwmodel.config.switch import Switch

_KEY_BYTES = 32

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class HeaderTable:
    """Number distinct headers in the order of their first frames.

    `switches`: those of all servers, by what stands before the names of their ports, "a." or nothing.
    """

    def __init__(self, switches: Mapping[str, Switch]) -> None:
        self.templates: list[FrameTemplate] = []
        self._ids: dict[bytes, int] = {}
        self._owners = _Owners(switches)

    def intern(self, prefix: npt.NDArray[np.uint8], header_bytes: I64) -> I32:
        """Give the template id of each frame: int32 of shape (n,)."""
        keys = np.zeros((len(prefix), _KEY_BYTES), np.uint8)
        keys[:, :LONGEST_HEADER_BYTES] = prefix * (np.arange(LONGEST_HEADER_BYTES) < header_bytes[:, None])
        # A header of zeros and a shorter one must differ.
        keys[:, -1] = header_bytes
        distinct, first, inverse = np.unique(keys.view(f"V{_KEY_BYTES}")[:, 0], return_index=True, return_inverse=True)
        ids = np.zeros(len(distinct), np.int32)
        for at in np.argsort(first):
            ids[at] = self._id(distinct[at].tobytes())
        return ids[inverse]

    def _id(self, key: bytes) -> int:
        if key not in self._ids:
            self._ids[key] = len(self.templates)
            self.templates.append(self._owners.template(key[: key[-1]]))
        return self._ids[key]

    def sources(self) -> tuple[list[str], I32]:
        """Name the ports that send, in port order, and number the sending port of each template."""
        senders = {template.source for template in self.templates}
        names = [name for name in self._owners.port_names if name in senders]
        number = {name: i for i, name in enumerate(names)}
        return names, np.array([number[template.source] for template in self.templates], np.int32)


class _Owners:
    """Find the port that owns an address."""

    def __init__(self, switches: Mapping[str, Switch]) -> None:
        self.port_names = [UPLINK]
        self._ports_of: dict[int, list[tuple[str, frozenset[int]]]] = {}
        self._entries: dict[int, str] = {}
        for prefix, switch in switches.items():
            for port in sorted(switch.ports, key=lambda port: port.number):
                self.port_names.append(prefix + port.name)
                for mac in port.macs:
                    self._ports_of.setdefault(mac, []).append((prefix + port.name, frozenset(port.vlans)))
            self._entries |= {entry.mac: prefix + entry.ports[0] for entry in switch.addresses if len(entry.ports) == 1}

    def template(self, header: bytes) -> FrameTemplate:
        """Name sender and target of a header, whole or cut short."""
        try:
            parsed = parse_header(header)
        except RuntFrameError:
            return FrameTemplate(self._sender(header), "unknown", header)
        vlan = parsed.c_tag.vid if parsed.c_tag is not None else 0
        source = self._port(parsed.source, vlan) or UPLINK
        return FrameTemplate(source, self._target(parsed.destination, vlan, source), header)

    def _sender(self, header: bytes) -> str:
        has_source = len(header) >= 12
        return (has_source and self._port(int.from_bytes(header[6:12], "big"), 0)) or UPLINK

    def _port(self, mac: int, vlan: int) -> str | None:
        """Give the owner of an address; of several, which then have no VLAN in common, the member of the tag's VLAN."""
        owners = self._ports_of.get(mac, [])
        members = [name for name, vlans in owners if vlan in vlans]
        return next(iter(members + [name for name, _ in owners]), None)

    def _target(self, mac: int, vlan: int, source: str) -> str:
        if mac == BROADCAST_MAC:
            return BROADCAST
        owner = self._port(mac, vlan) or self._entries.get(mac)
        if owner is not None:
            return owner
        if is_group_mac(mac):
            return MULTICAST
        return "unknown" if source == UPLINK else UPLINK
