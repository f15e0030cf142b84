"""The frames that come to an adapter from a bridge: when each came, and when its switch had decided on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hwmodel.machine.frames import LINE_CAP
from hwmodel.simulation.trace.frame_names import FrameNames


class Arrival(NamedTuple):
    """Say when a frame came, and when the switch had decided on it; None while it has not."""

    came_fs: int
    decided_fs: int | None = None


class Arrivals:
    """Keep the arrivals of a stretch of time at one adapter, by the frames' ids; of one that came twice the last."""

    def __init__(self, nic: Any) -> None:
        self._come, self._line = nic["wire"]["come"], nic["mac"]["line"]
        self._crossed = nic["ledger"]["journeys"]["crossed"]
        self._n_come = int(self._come["head"])
        self._undecided: dict[int, str] = {}  # by their journeys' places
        self._found: dict[str, Arrival] = {}

    def look(self, now_fs: int, names: FrameNames) -> Iterator[Any]:
        """Give the frame that has come in this instant, and note what has been decided."""
        while self._n_come < self._come["head"]:
            crossing = self._come["ring"][self._n_come & int(self._come["mask"])]
            # Behind a frame from the bridge the line stands still; its first place has what was taken in last.
            place = int(self._line["ring"][int(self._line["head"]) & (LINE_CAP - 1)]["journey"])
            name = names.of_journey(crossing["journey"])
            self._undecided[place], self._found[name] = name, Arrival(now_fs)
            self._n_come += 1
            yield crossing
        for place, name in list(self._undecided.items()):
            arrival, crossed = self._found[name], self._crossed[place]
            if crossed["came_fs"] != arrival.came_fs:
                del self._undecided[place]  # dropped
            elif crossed["decided_fs"] >= arrival.came_fs:
                self._found[name] = Arrival(arrival.came_fs, int(crossed["decided_fs"]))
                del self._undecided[place]

    def of(self, name: str) -> Arrival | None:
        """Return a frame's arrival; None for one that came before the stretch, or never."""
        return self._found.get(name)
