"""One frame alone that crosses a bridge, in a machine drawn at random: its parts in a run, and by the closed form.

`python -m tests.lone_crossings FIRST LAST` compares the frames of the seeds from FIRST up to LAST and prints what
differs. The machines are those of tests.lone_frames, one server, or two that are alike, in each mode of the switch.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from itertools import pairwise
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from hwmodel.analytic import limits
from hwmodel.config import Config, servers_of
from hwmodel.errors import InputError
from hwmodel.machine.counts.journey_state import STAMPS
from hwmodel.results import BRIDGE_PARTS, PARTS
from hwmodel.rules import switch_core_cycles
from hwmodel.simulation import Run
from hwmodel.simulation.run.one_frame import lone_parts_fs
from hwmodel.workload import build_workload
from tests.lone_frames import CHANNEL, TAGGED, Drawn, Parts, compare_all, draw, two_frames

LAST_NS = 40_000_000  # by then the slowest write-back's timer has ended
LEARNING = {"kind": "learning", "announce": True}
MODES: tuple[Mapping[str, Any], ...] = (
    {"switch.mode": "vepa", "bridge": LEARNING},
    {"switch.mode": "vepa", "bridge": {**LEARNING, "forwarding": "cut_through"}, "switch.ports": TAGGED},
    {"switch.mode": "vn_tag", "bridge": {"kind": "controlling"}},
    {"switch.mode": "e_tag", "bridge": {"kind": "controlling"}},
    {"switch.mode": "multichannel", "switch.s_channels": {10: "vepa"}, "bridge": LEARNING, "switch.ports": CHANNEL},
    {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {**LEARNING, "propagation": "7ns"}},
    {"servers": [{"name": "a"}, {"name": "b"}], "bridge": LEARNING, "switch.mode": "vepa"},
    {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {"kind": "controlling"}, "switch.mode": "e_tag"},
)  # fmt: skip


def draw_crossing(seed: int) -> Drawn:
    """Draw a machine as `draw` does, with a mode and a bridge in the place of its switch, and the frame's ends."""
    drawn, chance = draw(seed), random.Random(f"crossing {seed}")
    changes = {key: value for key, value in drawn.changes.items() if key not in ("switch.mode", "switch.mirrors")}
    changes = {key: value for key, value in changes.items() if not key.startswith("switch.s_channels")}
    mode = dict(chance.choice(MODES))
    of_all = {"name": "all", "max_frame": "9728B"}
    changes["switch.ports"] = [of_all, *mode.pop("switch.ports", [])]
    names = ("a.vf0", "b.vf1") if "servers" in mode else ("vf0", "vf1")
    ends = chance.choice((names, names, names, ("uplink", names[1]), (names[0], "uplink")))
    return Drawn(drawn.base, changes | mode, ends, drawn.frame_bytes)


def compare_crossing(folder: Path, drawn: Drawn) -> tuple[Parts, Parts]:
    """Return the parts of a drawn frame that a capture sends once, and those of a frame alone, as configured."""
    made_up, config = two_frames(folder, drawn, LAST_NS)
    run = LoggedRun(config)
    for _ in run.pieces():
        pass
    if not run.logged:  # it waits for ever, or its way ends in a drop
        raise InputError("the frame is never taken")
    posted_fs, found = parts_of(run, run.logged[-1])
    lone = limits(made_up).lone_frame
    assert lone is not None
    edges_fs = lcm(*(switch_core_cycles.cycle_fs(one.config.switch.clock_hz) for one in servers_of(made_up)))
    return found, lone_parts_fs(made_up, lone, posted_fs % edges_fs)


def parts_of(run: LoggedRun, journey: Any) -> tuple[int, Parts]:
    """Return when a frame was posted, and its parts; those over the bridge are the sums of the run, of one frame."""
    _, *stamps_fs = (int(journey[name]) for name in STAMPS)
    parts: Parts = dict(zip(PARTS, (end - begin for begin, end in pairwise(stamps_fs)), strict=True))
    for name in BRIDGE_PARTS:  # which have no stamps, but sums of their own
        parts[name] = run.crossed_fs(name)
        parts["rx_room"] = (parts["rx_room"] or 0) - run.crossed_fs(name)
    return stamps_fs[0], parts


class LoggedRun(Run):
    """A run whose finished journeys are kept, of all servers and of what leaves by the bridge."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, build_workload(config), lambda _share, _text: None)
        self.logged: list[np.ndarray] = []
        for ledger in self.machine.ledgers():
            ledger.journey_log.enabled = 1

    def call(self, until_fs: int, n_events: int) -> int:
        status = super().call(until_fs, n_events)
        for ledger in self.machine.ledgers():
            self.logged.extend(ledger["journey_log"]["entry"][: int(ledger.journey_log.n)].copy())
            ledger.journey_log.n = 0
        return status

    def crossed_fs(self, part: str) -> int:
        """Return the sum of a part over all frames so far."""
        return int(sum(float(ledger.counts.part_sums[part].sum_fs) for ledger in self.machine.ledgers()))


if __name__ == "__main__":
    sys.exit(compare_all(draw_crossing, compare_crossing, *map(int, sys.argv[1:])))
