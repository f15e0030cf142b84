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
        self.counts: Counter[str] = Counter()
        self._rules, self.ageing_fs = rules, rules.ageing_fs
        super().__init__(env, switch, off)
        self.made.append(self)

    def _decide_by(self, switch: Any, off: Collection[int]) -> None:
        super()._decide_by(switch, off)
        self._switch = switch
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

    def learn(self, frame: Frame) -> None:
        """Learn of a frame that is about to be switched."""
        assert frame.raw is not None
        found = self._forward(frame.source, frame.raw, False)
        if found.drop not in LET_IN:
            return
        was_dropped, (target, source) = found.drop is not None, self._ends(frame.source, frame.raw)
        if source not in self._fixed and not source[1] >> 40 & 1:
            self._note(source, station_name(frame.source, self._n_vfs))
        if not target[1] >> 40 & 1:
            self._forget(target)
            if target not in self.known and target not in self._fixed and not was_dropped:
                self.counts["flooded"] += 1
        self._show()

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
