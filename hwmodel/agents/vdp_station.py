"""A hypervisor that tells its bridge of VMs by VDP: asks for what a configuration says, and keeps it alive.

The states are those of IEEE 802.1Q 41.5 as lldpad has them: a request, which is given up where no answer comes within
the response wait, then the same again after each keep-alive time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hwmodel.agents.agent import Turn
from hwmodel.agents.edge_end import Association, EdgeAgent, End
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock
from hwmodel.config.edge_agents import VdpVm
from hwmodel.config.switch import Port
from hwmodel.config.system import servers_of
from hwmodel.config.vms import vms_of
from hwmodel.wire.edge_control import (
    ACKNOWLEDGED,
    CODE_BITS,
    KEPT,
    STATION_ROLE,
    Filter,
    Vsi,
    VsiMode,
    status_words,
)
from hwmodel.wire.ethernet import mac_to_bytes


@dataclass(eq=False)
class AskedVm:
    """A VM: what is wanted next, what has been asked, what it holds. `turn`: timers of an earlier one count no more.

    `shown`: what it is called in notes, where that is not what timers call it.
    """

    name: str
    vsi: Vsi
    wanted: deque[VsiMode] = field(default_factory=deque)
    asked: VsiMode | None = None
    holds: VsiMode | None = None
    turn: int = 0
    note: Association | None = None
    shown: str = ""


def instance_of(mac: int) -> bytes:
    """Return by which instance a VM without one is known: by its first address."""
    return b"VM".ljust(10, b"\0") + mac_to_bytes(mac)


def vsi_of(entry: VdpVm, port: Port, manager: str) -> Vsi:
    """Return what VDP says of a VM; one without an instance is known by its first address."""
    instance = entry.instance or instance_of(port.macs[0])
    return Vsi(
        VsiMode.ASSOCIATE, manager.encode().ljust(16, b"\0"), 1 if entry.type_id is None else entry.type_id,
        1 if entry.version is None else entry.version, instance,
        tuple(Filter(entry.vlan, mac=each) for each in port.macs),
    )  # fmt: skip


class VdpStation(EdgeAgent):
    """Tell the bridge of a server's VMs; what becomes of their associations it adds to `notes`."""

    def __init__(self, name: str, block: AgentBlock, config: Config, notes: list[Association]) -> None:
        own, vms = block.vdp_station, vms_of(servers_of(config))
        assert own is not None
        by = vms[own.by]
        relays = by.server.config.switch.at_port(by.port.port or "").mode == "vepa"
        self._notes, self._bridge_port = notes, by.wire
        self._end = End(own.by, by.port.macs[0], STATION_ROLE, own, relays=relays, received=self._received)
        self._vms = {vm: AskedVm(vm, vsi_of(entry, vms[vm].port, own.manager)) for vm, entry in own.vms.items()}
        super().__init__(name, block, block.server or "", own, [self._end])
        self._asked = own.vms

    def begin(self, at: Turn) -> None:
        """Listen, and set the times of all requests."""
        super().begin(at)
        for name, entry in self._asked.items():
            for mode, time_fs in zip(VsiMode, entry.times_fs, strict=True):
                if time_fs is not None:
                    at.wake(time_fs, (name, "wants", mode))

    def woke(self, at: Turn, timer: Any) -> None:
        """Go on with a VM, or with the wire's end."""
        name, what, which = timer
        if (vm := self._vms.get(name)) is None or what not in _DO:
            self._end.woke(at, what, which)
        elif what == "wants":
            vm.wanted.append(which)
            self._next(at, vm)
        elif which == vm.turn:
            _DO[what](self, at, vm)

    def _next(self, at: Turn, vm: AskedVm) -> None:
        """Ask for what is wanted next, once the bridge is known and has answered what was asked before."""
        while vm.wanted and vm.asked is None and self._end.heard is not None:
            mode = vm.wanted.popleft()
            if mode == VsiMode.ASSOCIATE:
                vm.note = Association(
                    vm.shown or vm.name, self._bridge_port, vm.vsi.filters[0].vid, vm.vsi.instance, at.now_fs
                )  # fmt: skip
                self._notes.append(vm.note)
            if mode != VsiMode.DE_ASSOCIATE or vm.holds is not None:  # else there is nothing to give back
                self._ask(at, vm, mode)

    def _ask(self, at: Turn, vm: AskedVm, mode: VsiMode) -> None:
        vm.asked, vm.turn = mode, vm.turn + 1
        self._end.request(at, vm.vsi._replace(mode=mode).to_bytes())
        wait_fs = self._end.time_fs(self._end.evb.rwd, with_retries=True)
        at.wake(wait_fs, (vm.name, "answer", vm.turn))

    def _keep_alive(self, at: Turn, vm: AskedVm) -> None:
        if vm.holds is not None:
            self._ask(at, vm, vm.holds)

    def _no_answer(self, at: Turn, vm: AskedVm) -> None:
        self._over(at, vm, "no answer")

    def _received(self, at: Turn, vsis: Sequence[Vsi]) -> None:
        """Look at what the bridge says, or go on as it is known first, and says nothing yet."""
        for vm in self._vms.values():
            self._next(at, vm)
        for vsi in vsis:
            if vsi.status & ACKNOWLEDGED or vsi.mode == VsiMode.DE_ASSOCIATE:
                for one in (vm for vm in self._vms.values() if vm.vsi.key == vsi.key):
                    self._answered(at, one, vsi)

    def _answered(self, at: Turn, vm: AskedVm, vsi: Vsi) -> None:
        is_new, vm.asked, vm.turn = vm.asked != vm.holds, None, vm.turn + 1
        is_refused = bool(vsi.status & CODE_BITS)
        if not vsi.status & ACKNOWLEDGED:
            self._over(at, vm, "the bridge gave up")
        elif is_refused and not (vsi.status & KEPT and vsi.mode == VsiMode.ASSOCIATE):
            self._over(at, vm, f"refused: {status_words(vsi.status)}")
        elif is_refused and not is_new:
            self._ask(at, vm, VsiMode.DE_ASSOCIATE)
        elif vsi.mode == VsiMode.DE_ASSOCIATE:
            self._over(at, vm, "de-associated")
        else:
            vm.holds = vsi.mode
            if vm.note is not None and vsi.mode == VsiMode.ASSOCIATE and vm.note.told_fs is None:
                vm.note.told_fs = at.now_fs
            at.wake(self._end.time_fs(self._end.evb.rka), (vm.name, "alive", vm.turn))
            self._next(at, vm)

    def _over(self, at: Turn, vm: AskedVm, why: str) -> None:
        vm.asked, vm.holds, vm.turn = None, None, vm.turn + 1
        if vm.note is not None:
            vm.note.why = vm.note.why or why
            vm.note = None
        self._next(at, vm)


_DO: dict[str, Callable[[VdpStation, Turn, AskedVm], None]] = {
    "wants": VdpStation._next,
    "answer": VdpStation._no_answer,
    "alive": VdpStation._keep_alive,
}
