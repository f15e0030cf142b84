"""Machines drawn at random, mostly their drivers and cores, and loads for them, for both implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.engine_and_oracle import GROUP, PF, VF0, VFS, WIRE, Loops, Recorded

GUESTS = tuple(range(VF0, VF0 + len(VFS)))
EVERYONE = (PF, *GUESTS)
# No whole nanoseconds: two things that are not made to happen in one instant hardly ever do.
COSTS = {
    "driver.byte_time": ("0ns", "0ns", "0.1307ns", "0.5003ns"),
    "driver.doorbell_time": ("0ns", "50.0017ns", "300.0019ns"),
    "driver.interrupt_time": ("0ns", "400.0023ns", "1500.0029ns"),
    "driver.exit_time": ("0ns", "0ns", "1200.0031ns"),
    "driver.wakeup_time": ("0ns", "0ns", "2000.0037ns", "5000.0041ns"),
}
CHOICES: Mapping[str, Sequence[Any]] = {
    **COSTS,
    "driver.frame_time": ("19.987ns", "190.0013ns", "700.0007ns"),
    "driver.poll_budget": (1, 2, 5, 16, 64),
    "driver.send_burst": (1, 2, 7, 16, 64),
    "driver.mask_interrupts": (False, True, True),
    "driver.adaptive_moderation": (False, True),
    "driver.moderation": ("0us", "0us", "9.0013us", "25us", "40.0019us"),
    "driver.tx_doorbell_batch": (1, 3, 8, 11),
    "driver.refill_batch": (1, 5, 8),
    "driver.rx_interrupt_batch": (0, 1, 3, 8),
    "driver.tx_interrupt_batch": (0, 1, 4, 8),
    "nic.queues_per_vf": (1, 1, 2, 3),
    "nic.fetch_batch": (1, 3, 8),
    "nic.rx_fetch_batch": (1, 3, 8),
    "nic.queue_time": ("0ns", "0ns", "78.0011ns", "700.0043ns"),
    "nic.rx_writeback_batch": (1, 3, 8),
    "nic.tx_writeback_batch": (1, 5, 8),
    "nic.writeback_timeout": ("3.0007us", "20.0011us"),
    "nic.drop_enable": (True, False),
    "nic.tx_ring": (12, 64, 67),
    "nic.rx_ring": (65, 71, 128),
    "host.cores": (1, 2, 3, 8),
    "host.iotlb": (None, None, {"entries": 4, "miss": "330.0013ns"}, {"entries": 64, "miss": "2100.0013ns"}),
    "host.jitter": ({"kind": "fixed"}, {"kind": "fixed"}, {"kind": "uniform", "range": "1us"}),
    "pcie.propagation": ("0ns", "0ns", "150.01ns", "1000.0043ns"),
    "pcie.credits": ({"return": "200ns"}, {"ph": 12, "pd": 120, "return": "200ns"}, {"ph": 4, "return": "600.0003ns"}),
    "pcie.arbitration": ("round_robin", "reads_first", "writes_first", "arrival"),
    "workload.on_full": ("wait", "drop"),
}  # fmt: skip


class Drawn(NamedTuple):
    """A machine, and what it has to carry."""

    changes: dict[str, Any]
    load: Recorded | Loops


def draw(seed: int, n: int = 700) -> Drawn:
    """Draw some keys and a load: recorded frames, or guests that send for ever."""
    chance = random.Random(seed)
    changes = draw_keys(chance, CHOICES)
    return draw_load(chance, changes, n)


def draw_keys(chance: random.Random, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Draw values of some keys."""
    keys = chance.sample(sorted(choices), chance.randint(8, len(choices)))
    changes = {key: chance.choice(choices[key]) for key in keys}
    if changes.get("driver.adaptive_moderation"):  # which needs both
        changes |= {"driver.mask_interrupts": True, "driver.moderation": chance.choice(("9.0013us", "25us"))}
    return changes


def draw_with_own_drivers(seed: int) -> Drawn:
    """Draw a machine some of whose VMs have drivers of their own, with the keys that differ drawn for each."""
    chance = random.Random(f"own drivers {seed}")
    keys = {key.partition(".")[2]: values for key, values in CHOICES.items() if key.startswith("driver.")}
    vms: dict[str, dict[str, Any]] = {}
    for name in chance.sample(("pf", "vf0", "vf1", "vf2", "vf3"), chance.randint(1, 4)):
        own = {key: chance.choice(keys[key]) for key in chance.sample(sorted(keys), chance.randint(1, len(keys)))}
        if own.get("adaptive_moderation"):
            own |= {"mask_interrupts": True, "moderation": chance.choice(("9.0013us", "25us"))}
        vms[name] = own
    drawn = draw(seed)
    return Drawn({**drawn.changes, "driver.vms": vms, "nic.tx_ring": 64, "nic.rx_ring": 128}, drawn.load)


def draw_load(chance: random.Random, changes: Mapping[str, Any], n: int, loops: float = 0.25) -> Drawn:
    """Draw a load of `n` frames, or of loops with such a chance, and set what it needs of the machine."""
    if chance.random() < loops:
        sizes = [chance.choice((64, 300, 570, 1001, 1518)) for _ in range(3)]
        changes = {**changes, "nic.queues_per_vf": 1, "run.warmup": "100us", "run.duration": "700us"}
        return Drawn(changes, {port: [(port ^ 1, n_bytes) for n_bytes in sizes] for port in GUESTS})
    senders = chance.choice((GUESTS, (WIRE, *GUESTS), EVERYONE))
    receivers = chance.choice((GUESTS, (GROUP, *EVERYONE), (WIRE, *GUESTS), GUESTS[:2]))
    mean_ns = chance.choice((400, 800, 1500))
    at_ns, frames = 0.0, []
    for _ in range(n):
        source = chance.choice(senders)
        to = chance.choice([port for port in receivers if port != source])
        frames.append((int(at_ns), source, to, chance.choice((64, 64, 570, 1518))))
        at_ns += chance.expovariate(1 / mean_ns)
    return Drawn({**changes, "run.warmup": "20us", "run.duration": f"{frames[-1][0] - 20_000}ns"}, frames)
