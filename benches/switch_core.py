"""How fast the twin of the Verilog switch core predicts: nine ports, by frame length, bus and what the outputs do.

    python -m benches.switch_core            half a minute
    python -m benches.switch_core --quick    few frames: shows that it works, and measures nothing

Frames a second are those predicted in a second of wall time: grants, decisions, every copy's cycles; not its bytes, and
not the making of the frames.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

import numpy as np

from benches.comparison import Requirement, figure_text, in_turn, spread, table
from hwmodel.config import config_from_mapping
from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import Offer, Surroundings, lay_out, predict_frames
from hwmodel.simulation.fill.switch_tables import build_tables

PORTS = 9
REQUIRED = Requirement(0.5, at_least=True)
HEADS = ("M frames/s", "median", "min", "max", "copies a frame", "required", "")


@dataclass(frozen=True)
class Load:
    """Say what is offered, as fast as the core takes it: frames of some lengths, a share of them broadcast."""

    name: str
    lengths: tuple[int, ...]
    bus_w: int = 512
    priorities: int = 1
    stalled: bool = False
    broadcast: float = 0.0


LOADS = (
    Load("60 B", (60,)),
    Load("1514 B", (1514,)),
    Load("60 B, bus of 64 bits", (60,), bus_w=64),
    Load("1514 B, bus of 64 bits", (1514,), bus_w=64),
    Load("60 B, outputs ready every other cycle", (60,), stalled=True),
    Load("60 to 1514 B, a tenth to all, 8 queues, stalled", (60, 60, 570, 1514), 512, 8, True, 0.1),
)


def offers_of(load: Load, n_frames: int) -> list[Offer]:
    """Draw frames from the eight stations to each other."""
    rng = random.Random(1)
    made: dict[tuple[int, int, int], bytes] = {}
    offers = []
    for _ in range(n_frames):
        source = rng.randrange(1, PORTS)
        target = 0xFF if rng.random() < load.broadcast else rng.choice([p for p in range(1, PORTS) if p != source])
        key = (source, target, rng.choice(load.lengths))
        if key not in made:
            made[key] = _frame(*key, priority=target % 8)
        offers.append(Offer(source, made[key]))
    return offers


def _frame(source: int, target: int, n_bytes: int, priority: int) -> bytes:
    to = b"\xff" * 6 if target == 0xFF else bytes([2, 0, 0, 0, 0, target])
    tag = bytes([0x81, 0, priority << 5, 1])
    return (to + bytes([2, 0, 0, 0, 0, source]) + tag + b"\x88\xb5").ljust(n_bytes, b"\0")


def measure(load: Load, n_frames: int) -> tuple[float, float]:
    """Predict once; return the frames a second and the copies that found room a frame."""
    switch = {"promiscuous": "all", "ports": [{"name": "pf", "vlan_spoof_check": True}]}  # as the core has it
    config = config_from_mapping({"nic": {"vfs": PORTS - 2}, "workload": {"pattern": "to_wire"}, "switch": switch})
    tables = build_tables(config.switch)
    bits = np.random.default_rng(1).random(65_535) < 0.5
    ready = dict.fromkeys(range(PORTS), bits) if load.stalled else {}
    parameters = CoreParameters(PORTS, load.bus_w, load.priorities)
    frames, raw = lay_out(offers_of(load, n_frames))
    started_s = time.perf_counter()
    found = predict_frames(parameters, Surroundings([(0, tables)], ready=ready), frames, raw)
    return n_frames / (time.perf_counter() - started_s), len(found.copies) / n_frames


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the speed of the switch core's twin.")
    parser.add_argument("--quick", action="store_true", help="few frames; its figures mean nothing")
    n_frames, turns = (200, 1) if parser.parse_args().quick else (100_000, 5)
    measure(LOADS[0], 10)  # compiles
    samples = in_turn({load.name: lambda load=load: measure(load, n_frames) for load in LOADS}, turns)
    rows = []
    for name, found in samples.items():
        speed = spread([frames_per_s / 1e6 for frames_per_s, _ in found])
        figures = (figure_text(each) for each in (speed.median, speed.least, speed.greatest, found[0][1]))
        rows.append((name, *figures, str(REQUIRED), REQUIRED.verdict(speed.median)))
    print(table(HEADS, rows))


if __name__ == "__main__":
    main()
