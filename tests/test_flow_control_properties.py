"""What flow control promises, whatever the load: nothing is lost, what is stopped does not go, others do not suffer.

Of the engine's runs alone; bounds are worked out here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import BASE, GUESTS, NS_FS, VF0, VF1, VF2, VF3, WIRE
from tests.drawn_flow_control import LONGEST
from tests.flow_control_beside_simpy import C_TAG, Tagged, run_engine
from tests.run_cases import result_of

WIRE_BYTES, CONTROL_WIRE_BYTES, QUANTUM_FS = 24, 84, 51_200_000  # at 10 Gb/s
BYTE_FS = 800_000
OTHERS = {VF0: "vf0", VF1: "vf1", VF2: "vf2", VF3: "vf3"}
SLOW = {
    "nic.rx_ring": 16, "nic.drop_enable": False, "pcie.lanes": 1, "driver.frame_time": "900.0007ns",
    "run.warmup": "0ns",
}  # fmt: skip


def classes(n: int) -> dict[str, Any]:
    """Return n classes, of which each has a share."""
    return {"classes": [{"percent": 100 // n + (100 % n if at == 0 else 0)} for at in range(n)]}


def crowd(chance: random.Random, n: int) -> list[Tagged]:
    """Draw unicast frames that fill the line, of all priorities, and what VMs send to each other."""
    sizes, at_ns, found = chance.choice(((64,), (1518,), (64, 570, 1518))), 0.0, []
    while len(found) < n:
        source = chance.choice((WIRE, WIRE, WIRE, chance.choice(GUESTS)))
        to = chance.choice([each for each in GUESTS if each != source])
        found.append(Tagged(int(at_ns), source, to, chance.choice(sizes), [(C_TAG, chance.randint(0, 7))]))
        at_ns += chance.expovariate(1 / 120)
    return found


def most_behind_the_mark(response_fs: int) -> int:
    """Return the most that comes above the high mark: each byte of a frame takes one on the wire, at least.

    The frame that takes the level over it; while a frame of the longest has just begun the other way, and the control
    frame behind it, and until it takes effect, the line; the frame that has begun there just before.
    """
    line_bytes = (LONGEST + WIRE_BYTES) + CONTROL_WIRE_BYTES + -(-response_fs // BYTE_FS)
    return LONGEST + line_bytes + LONGEST


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", ["the driver's formula", "hand"])
def test_nothing_is_lost_above_the_mark(seed: int, by: str, tmp_path: Path) -> None:
    chance = random.Random(f"nothing is lost {seed}")
    n = chance.choice((0, 1, 2, 4))  # with 0 all frames
    response_ns = chance.choice((0, 700, 5514))
    control: dict[str, Any] = {"mode": "pfc" if n else "pause", "quanta": chance.choice((30, 65535))}
    part = 24 * 1024
    if by == "hand":
        headroom = most_behind_the_mark(response_ns * NS_FS)
        part = headroom + LONGEST + 1
        control |= {"response_delay": f"{response_ns}ns", "headroom": f"{headroom}B", "low_water": "0B"}
    machine = {**SLOW, "nic.rx_buffer": f"{max(1, n) * part}B", "nic.tx_buffer": "64KiB"}
    if n:
        machine["nic.arbitration"] = classes(n)
    machine["nic.max_pps"] = chance.choice((None, 2_000_000))
    frames = crowd(chance, 1500)
    machine["run.duration"] = f"{frames[-1].at_ns}ns"
    lossless = run_engine(tmp_path, {**machine, "nic.flow_control": control}, frames).result()
    assert lossless.drops.get("RX_BUFFER_FULL", 0) == 0
    lossy = run_engine(tmp_path, {**machine, "nic.flow_control": {**control, "send": False}}, frames).result()
    assert lossy.drops.get("RX_BUFFER_FULL", 0) > 0, "the buffer is never full"


def stopped(
    received: Sequence[tuple[int, Sequence[int], int]], response_fs: int, priorities: Sequence[int]
) -> list[tuple[int, int]]:
    """Return from when to when a class with these priorities is stopped: each frame sets its time anew."""
    found: list[tuple[int, int]] = []
    for at_ns, named, quanta in received:
        if not set(named) & set(priorities):
            continue
        at_fs = at_ns * NS_FS + response_fs
        if found and found[-1][1] > at_fs:
            found[-1] = found[-1][0], at_fs
        found.append((at_fs, at_fs + quanta * QUANTUM_FS))
    return [each for each in found if each[0] < each[1]]


@pytest.mark.parametrize("seed", range(5))
def test_nothing_of_a_stopped_class_begins(seed: int, tmp_path: Path) -> None:
    chance = random.Random(f"stopped {seed}")
    n, response_ns, size = chance.choice((0, 2, 3)), chance.choice((0, 1300)), chance.choice((64, 700, 1518))
    received = [
        (at_ns, chance.sample(range(8), chance.randint(1, 5)) if n else range(8), chance.choice((0, 60, 300)))
        for at_ns in sorted(chance.sample(range(20_000, 180_000), 9))
    ]
    control: dict[str, Any] = {
        "mode": "pfc" if n else "pause", "response_delay": f"{response_ns}ns", "headroom": "8KiB",
        "received": [
            {"at": f"{at}ns", "quanta": quanta, **({"priorities": [*named]} if n else {})}
            for at, named, quanta in received
        ],
    }  # fmt: skip
    frames = [
        Tagged(at * 1000, source, WIRE, size) for at in range(0, 220, 2 if size > 1000 else 1) for source in GUESTS
    ]
    machine = {
        "nic.rx_buffer": "64KiB", "pcie.lanes": 8, "nic.flow_control": control, "run.warmup": "0ns",
        "run.duration": "200us",
    }  # fmt: skip
    of_station = {port: (at % n if n else 0) for at, port in enumerate(GUESTS)}
    if n:
        stations = [{"name": OTHERS[port], "classes": [number]} for port, number in of_station.items()]
        machine |= {"nic.arbitration": classes(n), "switch.ports": stations}
    run = run_engine(tmp_path, machine, frames)
    begun = {number: [] for number in range(max(1, n))}  # type: dict[int, list[int]]
    wire_fs = (max(size - 4, 60) + WIRE_BYTES) * BYTE_FS
    for (source, _, to, _), (*_, taken_fs) in run.journeys().items():
        if to == WIRE:
            begun[of_station[source]].append(taken_fs - wire_fs)
    n_stops = 0
    for number, times in begun.items():
        priorities = [each for each in range(8) if not n or each * n // 8 == number]
        stops = stopped(received, response_ns * NS_FS, priorities)
        n_stops += len(stops)
        for begin_fs, end_fs in stops:
            assert not [at for at in times if begin_fs <= at < end_fs]
        assert len(times) > 20
    assert n_stops > 2


@pytest.mark.parametrize("size", [64, 700, 1518])
def test_a_stopped_class_takes_nothing_from_another(size: int) -> None:
    """Of two classes one is stopped for good: what it has read fills its room, and the other has all to itself."""

    def sent(*, others_send: bool) -> float:
        blocks = {
            **BASE,
            "pcie": {"generation": 3, "lanes": 8},
            "nic": {"strict": False,
                **BASE["nic"], "rx_buffer": "64KiB", "arbitration": classes(2),
                "flow_control": {
                    "mode": "pfc", "headroom": "8KiB",
                    "received": [{"at": f"{at}us", "quanta": 65535, "priorities": [0, 1, 2, 3]}
                                 for at in range(0, 4000, 1000)],
                },
            },
            "switch": {"ports": [{"name": name, "classes": [at % 2]} for at, name in enumerate(OTHERS.values())]},
            "workload": {
                "frame_bytes": size,
                "pattern": "flows",
                "load": "saturate",
                "flows": [["vf1", "uplink"], ["vf3", "uplink"], *([["vf0", "uplink"]] if others_send else [])],
            },
            "run": {"warmup": "1ms", "duration": "2ms", "clocks": "exact"},
        }  # fmt: skip
        result = result_of(blocks)
        return sum(vm.tx_gbps for vm in result.vms if vm.name in ("vf1", "vf3"))

    alone = sent(others_send=False)
    assert alone > 1
    assert sent(others_send=True) >= alone * 0.999
