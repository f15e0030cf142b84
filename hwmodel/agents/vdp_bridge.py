"""A bridge that answers VDP at its ports to servers: grants VMs their VLANs, refuses some, gives up silent ones.

The states are those of IEEE 802.1Q 41.5 as lldpad has them, which keeps a VM that it has de-associated until its
keep-alive time is over, and then says so once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hwmodel.agents.agenda import BEHIND_FS
from hwmodel.agents.agent import Turn
from hwmodel.agents.edge_end import Association, EdgeAgent, End
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.check_edge_agents import bridge_of, vdp_ports, vlans_key
from hwmodel.config.edge_agents import Refusal
from hwmodel.config.system import bridges_of, servers_of
from hwmodel.wire.edge_control import (
    ACKNOWLEDGED,
    BRIDGE_ROLE,
    HARD_ERROR,
    KEPT,
    Vsi,
    VsiMode,
    status_words,
)
from hwmodel.wire.ethernet import BRIDGE_MAC

NO_RESOURCES = 2


@dataclass(eq=False)
class Held:
    """A VM at a port: what it has, and whether a decision on it is due. `turn`: earlier timers count no more.

    `note`: of its association, the last that was asked for.
    """

    vsi: Vsi
    note: Association | None = None
    mode: VsiMode | None = None
    is_deciding: bool = False
    turn: int = 0


class _Port:
    """What a bridge has at a port: the wire's end, VMs by what says which they are, and how many have each VLAN.

    `vlans`: those that it always has; `key`: of all that it has.
    """

    def __init__(self, end: End, vlans: Sequence[int], key: str) -> None:
        self.end, self.vlans, self.key = end, vlans, key
        self.held: dict[Any, Held] = {}
        self.granted: Counter[int] = Counter()


class VdpBridge(EdgeAgent):
    """Answer stations at a bridge's ports, and note what becomes of associations that these have noted."""

    def __init__(self, name: str, block: AgentBlock, config: Config, notes: Sequence[Association]) -> None:
        own = block.vdp_bridge
        assert own is not None
        bridge = bridge_of(config, own)
        assert bridge is not None, "it has been checked"
        self._own, self._notes = own, notes
        self._ports: dict[str, _Port] = {}
        for port in ports_of(bridges_of(config), servers_of(config)):
            if port.name in vdp_ports(config, own):
                received, relays = partial(self._received, port.name), port.logical[0].is_hairpin
                end = End(port.name, BRIDGE_MAC + port.number, BRIDGE_ROLE, own, relays=relays, received=received)
                vlans = bridge.settings.ports[port.name].vlans
                assert vlans != "all", "it has been checked"
                self._ports[port.name] = _Port(end, vlans, vlans_key(bridge, port.name))
        super().__init__(name, block, bridge.name, own, [port.end for port in self._ports.values()])

    def woke(self, at: Turn, timer: Any) -> None:
        """Go on with a VM, or with a wire's end."""
        name, what, which = timer
        port = self._ports[name]
        if what not in ("decided", "too late", "silence"):
            port.end.woke(at, what, which)
            return
        key, turn = which
        held = port.held.get(key)
        if held is None or held.turn != turn:
            return
        if what == "decided":
            self._decide(at, port, held)
        else:
            self._give_up(at, port, held, "keep-alives stopped" if what == "silence" else "the decision came too late")

    def _received(self, port: str, at: Turn, vsis: Sequence[Vsi]) -> None:
        for vsi in vsis:
            if not vsi.status & ACKNOWLEDGED:
                self._asked(at, self._ports[port], vsi)

    def _asked(self, at: Turn, port: _Port, vsi: Vsi) -> None:
        """Take in a request."""
        held = port.held.get(vsi.key)
        if held is None:
            if vsi.mode == VsiMode.DE_ASSOCIATE:
                self._answer(at, port, vsi, ACKNOWLEDGED)
                return
            held = port.held[vsi.key] = Held(vsi)
        if held.is_deciding or vsi.filters != held.vsi.filters:
            return
        held.vsi, held.turn = vsi, held.turn + 1
        if vsi.mode == VsiMode.ASSOCIATE:
            held.note = next((one for one in reversed(self._notes) if one.instance == vsi.instance), None)
        if vsi.mode == VsiMode.DE_ASSOCIATE:
            self._hold(at, port, held, None, "de-associated")
            self._answer(at, port, vsi, ACKNOWLEDGED)
            self._await(at, port, held)
            return
        if not self._own.decides_fs:
            self._decide(at, port, held)
            return
        held.is_deciding = True
        wait_fs = port.end.time_fs(port.end.evb.rwd)
        is_late = self._own.decides_fs > wait_fs
        after_fs = wait_fs if is_late else self._own.decides_fs
        at.wake(after_fs, (port.end.port, "too late" if is_late else "decided", (vsi.key, held.turn)))

    def _decide(self, at: Turn, port: _Port, held: Held) -> None:
        held.is_deciding, vsi = False, held.vsi
        refusal = self._refusal(port, held)
        if refusal is None:
            self._hold(at, port, held, vsi.mode, "")
            self._answer(at, port, vsi, ACKNOWLEDGED)
        elif refusal.keep:
            self._answer(at, port, vsi, ACKNOWLEDGED | KEPT | refusal.code)
        else:
            status = ACKNOWLEDGED | HARD_ERROR * bool(refusal.hard) | refusal.code
            self._hold(at, port, held, None, f"refused: {status_words(status)}")
            self._answer(at, port, vsi._replace(mode=VsiMode.DE_ASSOCIATE), status)
            del port.held[vsi.key]
            return
        self._await(at, port, held)

    def _refusal(self, port: _Port, held: Held) -> Refusal | None:
        """Return by what a request is refused, None if it is granted."""
        vsi = held.vsi
        for one in self._own.refuse:
            if one.vlan in (None, *(each.vid for each in vsi.filters)) and one.type_id in (None, vsi.type_id):
                return one
        if vsi.mode != VsiMode.PRE_ASSOCIATE:
            others = [one for one in port.held.values() if one is not held]
            if sum(one.mode in (VsiMode.RESERVE, VsiMode.ASSOCIATE) for one in others) >= self._own.most:
                return Refusal(code=NO_RESOURCES)
        return None

    def granted(self, at: Turn, vsi: Vsi, *, has: bool) -> None:
        """Do something as a port is given a VM's VLANs, or has them no longer because of it."""

    def _give_up(self, at: Turn, port: _Port, held: Held, why: str) -> None:
        """Forget a VM, and tell its station so."""
        self._hold(at, port, held, None, why)
        self._answer(at, port, held.vsi._replace(mode=VsiMode.DE_ASSOCIATE), 0)
        del port.held[held.vsi.key]

    def _await(self, at: Turn, port: _Port, held: Held) -> None:
        """Wait for the station's next word on a VM."""
        wait_fs = port.end.time_fs(port.end.evb.rka, with_retries=True)
        at.wake(wait_fs, (port.end.port, "silence", (held.vsi.key, held.turn)))

    def _answer(self, at: Turn, port: _Port, vsi: Vsi, status: int) -> None:
        port.end.request(at, vsi._replace(status=status).to_bytes())

    def _hold(self, at: Turn, port: _Port, held: Held, mode: VsiMode | None, why: str) -> None:
        """Have a VM hold something else; with an association the port has its VLANs, and has them no more without."""
        had, has = (one == VsiMode.ASSOCIATE for one in (held.mode, mode))
        held.mode, note = mode, held.note
        if has != had:
            self.granted(at, held.vsi, has=has)
            before, vids = +port.granted, {each.vid for each in held.vsi.filters}
            port.granted.update({vid: 1 if has else -1 for vid in vids})
            if (+port.granted).keys() != before.keys():
                at.set({port.key: sorted({*port.vlans, *+port.granted})})
            if note is not None:
                if has:
                    note.ready_fs = at.now_fs + BEHIND_FS
                else:
                    note.ended_fs = at.now_fs + BEHIND_FS
        if note is not None:
            note.why = note.why or why
