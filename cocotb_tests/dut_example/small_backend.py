"""The back-end of small_switch.v, whose registers small_registers.v explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from cocotb_tests.backend import Backend, CoreShape, PortCounters
from cocotb_tests.batch_files import Access
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.rules.ethernet import FCS_BYTES

MODE = 0
PORT_BASE, PORT_STRIDE = 0x10, 0x10
CONTROL, LONGEST, ADDRESS_LOW, ADDRESS_HIGH, RECEIVED, DROPPED, SENT, LOST = range(8)
PARAMETERS = ("PORTS", "MAX_BYTES")
UPLINK = 0
LONGEST_FIELD = 2**14 - 1
MODE_NUMBER = {"veb": 0, "vn_tag": 1}


class SmallBackend(Backend):
    """Brings up two to four ports; all of them are in VLAN 1, and nobody is privileged."""

    modes = ("veb", "vn_tag")
    fixed: ClassVar[Mapping[str, Any]] = {
        "addresses": (),
        "vif_lists": {},
        "uplink.native_vlan": 1,
        "uplink.vlans": "all",
        "ports.port_vlan": 1,
        "ports.vlans": (1,),
        "ports.untagged": (1,),
        "ports.admit": "all",
        "ports.loopback": True,
        "ports.self_loopback": False,
        "ports.groups": (),
        "ports.promiscuous": False,
        "ports.default": False,
        "ports.trusted": False,
        "ports.ethertype_filter": True,
        "ports.default_priority": 0,
    }

    def __init__(self, parameters: Mapping[str, int]) -> None:
        if unknown := [name for name in parameters if name not in PARAMETERS]:
            raise ValueError(f"small_switch has no parameter {', '.join(unknown)}; it has {' and '.join(PARAMETERS)}")
        self.n_ports, self.max_bytes = parameters.get("PORTS", 3), parameters.get("MAX_BYTES", 1514)
        if self.n_ports > 4:
            raise ValueError(f"{self.n_ports} ports; small_switch has 4 at most")

    @property
    def shape(self) -> CoreShape:
        """Return what the parameters say."""
        return CoreShape(self.n_ports, self.max_bytes)

    def writes(self, switch: Any, schedules: object) -> Sequence[tuple[int, int]]:
        """Return the writes of all registers."""
        if any(len(port.macs) != 1 for port in switch.ports):
            raise ValueError("a station of small_switch has one address")
        stations = {port.number: port for port in switch.ports}
        longest = [port.max_frame_bytes - FCS_BYTES for port in switch.ports if port.enabled]
        result = [(MODE, MODE_NUMBER[switch.mode]), *self._port(UPLINK, 1, max(longest, default=LONGEST_FIELD), 0)]
        for number in range(1, self.n_ports):
            port = stations.get(number)
            if port is None:
                result += self._port(number, 0, 0, 0)
                continue
            control = port.enabled | port.spoof_check << 1 | port.vif << 16
            control |= ("broadcast" in port.accept) << 2 | ("multicast" in port.accept) << 3
            result += self._port(number, control, port.max_frame_bytes - FCS_BYTES, port.macs[0])
        return result

    def _port(self, number: int, control: int, longest: int, mac: int) -> list[tuple[int, int]]:
        base = PORT_BASE + PORT_STRIDE * number
        return [
            (base + CONTROL, control),
            (base + LONGEST, min(longest, self.max_bytes)),
            (base + ADDRESS_LOW, mac & 0xFFFFFFFF),
            (base + ADDRESS_HIGH, mac >> 32),
        ]

    def counter_reads(self) -> Sequence[Access]:
        """Return reads of the three counters of each port."""
        return [
            Access(PORT_BASE + PORT_STRIDE * number + register, is_read=True)
            for number in range(self.n_ports)
            for register in (RECEIVED, DROPPED, SENT)
        ]

    def counters(self, data: Sequence[int]) -> Mapping[int, PortCounters]:
        """Return frames in, frames dropped and copies out."""
        return {
            number: PortCounters(received=received, dropped=dropped, sent=sent)
            for number, (received, dropped, sent) in enumerate(zip(data[::3], data[1::3], data[2::3], strict=True))
        }


class LosingBackend(SmallBackend):
    """Of the cores in cheats.yaml that lose copies, for which the example has no reason, and count them."""

    @property
    def shape(self) -> CoreShape:
        """Return the shape with room for two frames."""
        return replace(super().shape, queue_bytes=2 * self.max_bytes)

    def counter_reads(self) -> Sequence[Access]:
        """Return reads of the lost copies of each port."""
        return [Access(PORT_BASE + PORT_STRIDE * number + LOST, is_read=True) for number in range(self.n_ports)]

    def counters(self, data: Sequence[int]) -> Mapping[int, PortCounters]:
        """Return the lost copies."""
        return {number: PortCounters(drops={int(DropReason.QUEUE_FULL): lost}) for number, lost in enumerate(data)}


class RoomlessBackend(LosingBackend):
    """Says that there is no room at all, so that every loss is one for want of room."""

    @property
    def shape(self) -> CoreShape:
        """Return a shape without room."""
        return replace(super().shape, queue_bytes=0)


class DeafBackend(SmallBackend):
    """Says that no port of the core can be enabled, so that nothing has to pass."""

    fixed: ClassVar[Mapping[str, Any]] = {**SmallBackend.fixed, "ports.enabled": False}
