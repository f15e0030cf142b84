"""A virtual switch that learns: tables that hold what frames have told, by docs/datapath/virtual_switch.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, ClassVar

import simpy

from .frames import WIRE, Frame
from .tables import Tables, station_name

C_TAG = 0x8100
LET_IN = (None, "NO_DESTINATION", "UNKNOWN_UNICAST", "SAME_PORT")
"""What becomes of frames that teach where their sender is."""


class LearningTables(Tables):
    """Decide by what has been learned, and by the configured entries of single VLANs."""

    made: ClassVar[list[LearningTables]] = []
    """All that there are, in the order of servers."""

    def __init__(self, env: simpy.Environment, switch: Any, off: Collection[int], rules: Any) -> None:
        """Begin with nothing known; `rules`: how many addresses there may be, and for how long each holds."""
        self.known: dict[tuple[int, int], tuple[str, int]] = {}
        self._shut: set[str] = set()
        self._security: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self._rules, self.ageing_fs = rules, rules.ageing_fs
        super().__init__(env, switch, off)
        self.made.append(self)

    def _decide_by(self, switch: Any, off: Collection[int]) -> None:
        super()._decide_by(switch, off)
        self._switch = switch
        security = {each.name: each.port_security for each in switch.ports}
        self._shut -= {name for name, own in security.items() if own != self._security.get(name)}
        self._security = security
        self._fixed = {(entry.vlan, entry.mac): set(entry.ports) for entry in switch.addresses}
        self._show()

    def _show(self) -> None:
        self._oracle.table = self._fixed | {key: {port} for key, (port, _) in self.known.items()}
        self._decided.clear()

    def _forward(self, port: int, raw: bytes, is_refused: bool) -> Any:
        found = super()._forward(port, raw, is_refused)
        target, _ = self._ends(port, raw)
        if port == WIRE and found.drop is None and self.known.get(target, ("", 0))[0] == "uplink":
            found.deliver.clear()
            found.drop = "SAME_PORT"
        return found

    def _ends(self, port: int, raw: bytes) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the destination and the source of a frame, each in its VLAN."""
        tag = int.from_bytes(raw[14:16], "big") & 0xFFF if int.from_bytes(raw[12:14], "big") == C_TAG else 0
        name = station_name(port, self._n_vfs)
        own = {each.name: each.port_vlan for each in self._switch.ports} | {"uplink": self._switch.uplink.native_vlan}
        vlan = tag or own[name] or 0
        return (vlan, int.from_bytes(raw[:6], "big")), (vlan, int.from_bytes(raw[6:12], "big"))

    def _is_over(self, key: tuple[int, int]) -> bool:
        return key in self.known and self._env.now - self.known[key][1] >= self._rules.ageing_fs

    def _forget(self, *keys: tuple[int, int]) -> None:
        for key in filter(self._is_over, keys):
            del self.known[key]
            self.counts["aged"] += 1

    def is_shut(self, port: int) -> bool:
        """Tell whether a port's security has shut it."""
        return station_name(port, self._n_vfs) in self._shut

    def learn(self, frame: Frame) -> bool:
        """Learn of a frame that is about to be switched; tell whether its port's security lets it pass."""
        assert frame.raw is not None
        if self.is_shut(frame.source):
            return False
        found = self._forward(frame.source, frame.raw, False)
        if found.drop not in LET_IN:
            return True
        was_dropped, (target, source) = found.drop is not None, self._ends(frame.source, frame.raw)
        is_let_in = True
        if source not in self._fixed and not source[1] >> 40 & 1:
            is_let_in = self._lets_in(source, station_name(frame.source, self._n_vfs))
        if is_let_in and not target[1] >> 40 & 1:
            self._forget(target)
            if target not in self.known and target not in self._fixed and not was_dropped:
                self.counts["flooded"] += 1
        self._show()
        return is_let_in

    def _lets_in(self, source: tuple[int, int], port: str) -> bool:
        """Learn an address unless its port has too many, or no place is left for one of a port that counts them."""
        own = self._security.get(port)
        if own is None:
            self._note(source, port)
            return True
        self._forget(source)
        if self.known.get(source, ("", 0))[0] == port:
            self._note(source, port)
            return True
        if self._n_at(port, source) >= own.most:
            self._forget(*list(self.known))
        if self._n_at(port, source) < own.most:
            self._note(source, port)
            if self.known.get(source, ("", 0))[0] == port:
                return True
        if own.on_excess == "shut_down":
            self._shut.add(port)
        return False

    def _n_at(self, port: str, source: tuple[int, int]) -> int:
        """Return how many addresses a port has beside one."""
        return sum(at == port and key != source for key, (at, _) in self.known.items())

    def _note(self, source: tuple[int, int], port: str) -> None:
        self._forget(source)
        if source not in self.known:
            if len(self.known) >= self._rules.table:
                self._forget(*list(self.known))
            if len(self.known) >= self._rules.table:
                self.counts["not learned"] += 1
                return
            self.counts["learned"] += 1
        elif self.known[source][0] != port:
            self.counts["moved"] += 1
        self.known[source] = port, self._env.now
