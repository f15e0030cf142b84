"""PCI and PCI-X buses drawn at random, with one adapter or several on each, and frames among all their VMs."""

from __future__ import annotations

import random
from typing import Any

from hwmodel.config import Config, config_from_mapping
from tests.beside_simpy import BASE
from tests.system_beside_simpy import ONE_BY_ONE, US_FS, Frame, Stations, drawn

NAMES = "wxyz"
READS = ("512B", "1KiB", "2KiB", "4KiB")


def draw_bus(rng: random.Random) -> dict[str, Any]:
    """Draw a bus, with an impatient latency timer in every second draw."""
    kind = rng.choice(("pci", "pci_x"))
    return {
        "kind": kind, "width_bits": rng.choice((32, 64)),
        "clock_mhz": rng.choice((33, 66) if kind == "pci" else (66, 100, 133)),
        "decode_clocks": rng.choice((1, 2, 3, 4)), "initial_wait_clocks": rng.choice((0, 0, 3, 15)),
        "latency_timer": rng.choice((0, 8, 32, 64, 255)), "retry_clocks": rng.choice((2, 2, 9)),
    }  # fmt: skip


def draw_jitter(seed: int) -> dict[str, Any]:
    """Draw at times that hosts' answers vary: each adapter has a stream of its own, on the bus and beside it."""
    rng = random.Random(f"jitter {seed}")
    bins = {"kind": "histogram", "bins": [["0ns", 3], [f"{rng.randrange(10, 900)}ns", 2], ["1300ns", 1]]}
    uniform = {"kind": "uniform", "range": f"{rng.randrange(10, 900)}ns"}
    return {"host.jitter": rng.choice((bins, uniform))} if rng.random() < 0.4 else {}


def draw_config(seed: int) -> tuple[Config, list[Frame]]:
    """Draw a host with its bus, a second host beside it at times, and frames."""
    rng = random.Random(seed)
    adapters = NAMES[: rng.choice((1, 2, 3, 4))]
    bus = draw_bus(rng)
    is_pci = bus["kind"] == "pci"
    kinds = ("round_robin", "round_robin", "reads_first", "writes_first", *(() if is_pci else ("arrival",)))
    pcie = {
        "bus": bus, "max_payload": rng.choice(("128B", "512B", "4KiB")), "arbitration": rng.choice(kinds),
        "max_read_request": rng.choice(("128B", "256B", *READS) if is_pci else READS),
        "tags": rng.choice((1, 1, 2, 5) if is_pci else (1, 2, 3, 8)), "ordering": rng.choice(("strict", "relaxed")),
        "read_completion_boundary": rng.choice(("64B", "128B")),
    }  # fmt: skip
    host: dict[str, Any] = {
        "read_latency": f"{rng.randrange(100000, 900000)}ps", "completion_bytes": rng.choice(("mps", "mps", "rcb")),
        "buffer_offset": rng.choice(("0B", "4B", "60B")),
        "iotlb": {"entries": 16, "miss": "410ns"} if rng.random() < 0.3 else None,
    }  # fmt: skip
    own = [{"name": name, "set": {"pcie.tags": 2}} if rng.random() < 0.3 else {"name": name} for name in adapters]
    own += [{"name": "linked", "set": {"pcie.bus": None}}] * (rng.random() < 0.3)
    others = [{"name": "b"}] if rng.random() < 0.3 else []
    base = {**BASE, "pcie": pcie, "host": {**BASE["host"], **host}}
    changes = {**ONE_BY_ONE, "nic.vfs": 4, "bridge": {}, "servers": [{"name": "a", "adapters": own}, *others]}
    config = config_from_mapping(base, {**changes, **draw_jitter(seed)})
    names = [f"a.{one['name']}.vf{k}" for one in own for k in range(4)] + [f"b.vf{k}" for k in range(4) for _ in others]
    stations = Stations(config)
    frames = drawn(stations, 90, rng.choice((200, 900, 3000)), names, names, seed=seed)
    # The last one comes when all others are over, however slow the bus is.
    return config, [*frames, stations.frame(frames[-1].at_fs + 5000 * US_FS, names[0], names[1], 64)]
