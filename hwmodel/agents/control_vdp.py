"""The ends of VDP where VMs are controlled in way `vdp`: one is told which VM starts, one tells what the bridge grants.

What they say to each other, and when, is `vdp_station`'s and `vdp_bridge`'s. A VM has an association for each profile
that it is given, whose VSI type is the profile's number in the file; those that run from the start have theirs then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.agents.agenda import BEHIND_FS
from hwmodel.agents.agent import Turn
from hwmodel.agents.control_plane import ControlPlane
from hwmodel.agents.edge_end import Association, EdgeAgent
from hwmodel.agents.vdp_bridge import Held, VdpBridge
from hwmodel.agents.vdp_station import AskedVm, VdpStation, instance_of
from hwmodel.config.control_ends import bridge_end, station_end
from hwmodel.wire.edge_control import ACKNOWLEDGED, Filter, Vsi, VsiMode

if TYPE_CHECKING:
    from hwmodel.config.system import NamedBridge

MANAGER = b"network_manager".ljust(16, b"\0")
MODES = {"associate": VsiMode.ASSOCIATE, "de_associate": VsiMode.DE_ASSOCIATE}


def station_of(wire: str) -> str:
    """Return what the station's end of a wire is called."""
    return f"vdp_{wire}"


class VsiTypes:
    """Say of VMs with profiles what VDP has for that, and whose that is."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._types = {name: number for number, name in enumerate(plane.config.profiles, 1)}
        self._names = {number: name for name, number in self._types.items()}
        self._uuids = {entry.name: entry.uuid for entry in plane.config.vms}
        self._vms = {self._instance(vm): vm for vm in plane.courses}

    def vsi(self, vm: str, profile: str) -> Vsi:
        """Return what is asked for a VM that is to have a profile."""
        macs, vlans = self._plane.courses[vm].vm.port.macs, sorted(self._plane.vlans(profile))
        filters = tuple(Filter(vlan, mac=mac) for mac in macs for vlan in vlans)
        return Vsi(VsiMode.ASSOCIATE, MANAGER, self._types[profile], 1, self._instance(vm), filters)

    def of(self, vsi: Vsi) -> tuple[str, str]:
        """Return the VM and the profile of which somebody speaks."""
        return self._vms[vsi.instance], self._names[vsi.type_id]

    def running(self, wires: Sequence[str]) -> Iterator[tuple[str, str, Vsi]]:
        """Yield the VMs behind some wires that run from the start: wire, name, and what they have."""
        for vm, course in self._plane.courses.items():
            if course.runs and course.vm.wire in wires:
                yield course.vm.wire, vm, self.vsi(vm, course.profile)

    def _instance(self, vm: str) -> bytes:
        return self._uuids.get(vm) or instance_of(self._plane.courses[vm].mac)


class ControlledStation(VdpStation):
    """Ask for what the hypervisor says: associate VM PROFILE, de_associate VM PROFILE."""

    def __init__(self, plane: ControlPlane, types: VsiTypes, wire: str, notes: list[Association]) -> None:
        block = station_end(plane.config, wire)
        super().__init__(station_of(wire), block, plane.config, notes)
        self._types, self._wire = types, wire

    def begin(self, at: Turn) -> None:
        """Keep alive what VMs have that run."""
        super().begin(at)
        for _, vm, vsi in self._types.running([self._wire]):
            name = " ".join(self._types.of(vsi))
            self._vms[name] = AskedVm(name, vsi, holds=VsiMode.ASSOCIATE, shown=vm)
            at.wake(self._end.time_fs(self._end.evb.rka), (name, "alive", 0))

    def heard(self, at: Turn, message: str, sender: str) -> None:
        """Ask for what the hypervisor wants."""
        mode, vm, profile = message.split()
        name = f"{vm} {profile}"
        one = self._vms.setdefault(name, AskedVm(name, self._types.vsi(vm, profile), shown=vm))
        one.wanted.append(MODES[mode])
        self._next(at, one)


class ControlledBridge(VdpBridge):
    """Tell of each VLAN that a port is given, or loses, for whom that is."""

    reaches = True

    def __init__(
        self, plane: ControlPlane, types: VsiTypes, name: str, bridge: NamedBridge, notes: Sequence[Association]
    ) -> None:
        super().__init__(name, bridge_end(plane.config, bridge), plane.config, notes)
        self._plane, self._types = plane, types

    def begin(self, at: Turn) -> None:
        """Begin with what VMs that run have."""
        super().begin(at)
        for wire, _, vsi in self._types.running([*self._ports]):
            port = self._ports[wire]
            held = port.held[vsi.key] = Held(vsi._replace(status=ACKNOWLEDGED), mode=VsiMode.ASSOCIATE)
            port.granted.update({each.vid for each in vsi.filters})
            self._await(at, port, held)
        for port in self._ports.values():
            at.set({port.key: sorted({*port.vlans, *+port.granted})})

    def granted(self, at: Turn, vsi: Vsi, *, has: bool) -> None:
        """Note that a VM's wire carries its VLANs, or does so no longer."""
        vm, profile = self._types.of(vsi)
        course = self._plane.courses[vm]
        if has or course.carries == profile:
            self._plane.carry(vm, profile if has else None, at.now_fs + BEHIND_FS, at.read(vm, "sent"))


def ends_of(plane: ControlPlane, name_of: Callable[[NamedBridge], str], notes: list[Association]) -> list[EdgeAgent]:
    """Return both ends of each wire behind which VMs are controlled; what becomes of associations they note."""
    types = VsiTypes(plane)
    bridges = {name_of(bridge): bridge for bridge in plane.bridges.values()}
    stations = [ControlledStation(plane, types, wire, notes) for wire in plane.bridges]
    ends = [*stations, *(ControlledBridge(plane, types, *item, notes) for item in bridges.items())]
    plane.speakers |= {one.name for one in ends}
    return ends
