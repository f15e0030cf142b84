"""Machines drawn at random, by a seed or by Hypothesis, and loads for them.

By a seed, for the engine beside the SimPy model: drivers and cores, the host, DMA engines and an order of writes. By
Hypothesis, for what holds of every machine: whole ones with switches, small enough for a run of milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.beside_simpy import EVERYONE, GROUP, GUESTS, VFS, WIRE, Loops, Recorded

# No whole nanoseconds: two things that are not made to happen in one instant hardly ever do.
COSTS = {
    "driver.byte_time": ("0ns", "0ns", "0.1307ns", "0.5003ns"),
    "driver.doorbell_time": ("0ns", "50.0017ns", "300.0019ns"),
    "driver.interrupt_time": ("0ns", "400.0023ns", "1500.0029ns"),
    "driver.exit_time": ("0ns", "0ns", "1200.0031ns"),
    "driver.wakeup_time": ("0ns", "0ns", "2000.0037ns", "5000.0041ns"),
}
DRIVER_KEYS: Mapping[str, Sequence[Any]] = {
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


def draw_drivers(seed: int, n: int = 700) -> Drawn:
    """Draw some keys and a load: recorded frames, or guests that send for ever."""
    chance = random.Random(seed)
    changes = draw_keys(chance, DRIVER_KEYS)
    return draw_load(chance, changes, n)


def draw_keys(chance: random.Random, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Draw values of some keys."""
    keys = chance.sample(sorted(choices), chance.randint(8, len(choices)))
    changes = {key: chance.choice(choices[key]) for key in keys}
    if changes.get("driver.adaptive_moderation"):  # which needs both
        changes |= {"driver.mask_interrupts": True, "driver.moderation": chance.choice(("9.0013us", "25us"))}
    return changes


def draw_own_drivers(seed: int, n: int = 700) -> Drawn:
    """Draw a machine some of whose VMs have drivers of their own, with the keys that differ drawn for each."""
    chance = random.Random(f"own drivers {seed}")
    keys = {key.partition(".")[2]: values for key, values in DRIVER_KEYS.items() if key.startswith("driver.")}
    vms: dict[str, dict[str, Any]] = {}
    for name in chance.sample(("pf", "vf0", "vf1", "vf2", "vf3"), chance.randint(1, 4)):
        own = {key: chance.choice(keys[key]) for key in chance.sample(sorted(keys), chance.randint(1, len(keys)))}
        if own.get("adaptive_moderation"):
            own |= {"mask_interrupts": True, "moderation": chance.choice(("9.0013us", "25us"))}
        vms[name] = own
    drawn = draw_drivers(seed, n)
    return Drawn({**drawn.changes, "driver.vms": vms, "nic.tx_ring": 64, "nic.rx_ring": 128}, drawn.load)


def draw_load(chance: random.Random, changes: Mapping[str, Any], n: int, loops: float = 0.25) -> Drawn:
    """Draw a load of `n` frames, or of loops with such a chance, and set what it needs of the machine."""
    if chance.random() < loops:
        sizes = [chance.choice((64, 300, 570, 1001, 1518)) for _ in range(3)]
        changes = {**changes, "nic.queues_per_vf": 1, "run.warmup": "100us", "run.duration": "300us"}
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


# ---- The IOMMU and the memory ----

IOMMU: Mapping[str, Sequence[Any]] = {
    "entries": (1, 4, 9, 16, 33, 64, 256),
    "miss": ("90.0017ns", "330.0013ns", "700.0029ns", "1500.0011ns"),
    "walkers": (None, 1, 2, 3, 6),
    "walk_lines": (0, 1, 3, 8, 32),
    "near_miss": (None, "0ns", "20.0007ns", "120.0009ns"),
    "page": ("4KiB", "4KiB", "8KiB", "64KiB", "2MiB"),
    "split": (False, True),
    "invalidation": ("none", "strict", "strict", "deferred"),
    "flush_after": (1, 7, 64, 256),
}
MEMORY: Mapping[str, Sequence[Any]] = {
    "size": ("64KiB", "300KiB", "4MiB"),
    "warm": (True, True, False),
    "read_miss": ("0ns", "80.0019ns", "300.0007ns"),
    "io_share_percent": (1, 10, 60, 100),
    "write_miss": ("0ns", "45.0023ns", "400.0019ns"),
}
HOST_KEYS: Mapping[str, Sequence[Any]] = {
    "host.read_latency": ("200.0007ns", "450ns", "1000.0023ns"),
    "host.write_latency": ("0ns", "50.0009ns", "600.0043ns"),
    "host.remote_latency": ("0ns", "70.0011ns", "250.0037ns"),
    "host.jitter": (
        {"kind": "fixed"},
        {"kind": "uniform", "range": "1us"},
        {"kind": "histogram", "bins": [["0ns", 9], ["35.0003ns", 4], ["800.0007ns", 1]]},
    ),
    "host.buffer_bytes": ("512B", "2KiB", "4KiB", "16KiB"),
    "host.buffer_offset": ("0B", "64B", "128B"),
    "host.write_drain": (None, None, "20Gbps"),
    "host.completion_bytes": ("mps", "rcb"),
    "pcie.generation": (1, 2, 3, 4, 5),
    "pcie.lanes": (2, 4, 8, 16),
    "pcie.max_payload": ("128B", "256B"),
    "pcie.max_read_request": ("256B", "512B", "2KiB"),
    "pcie.tags": (3, 8, 32),
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.dllp_model": ("none", "tlp4", "tlp1"),
    "nic.rx_prefetch": (0, 4, 8),
    "nic.tx_buffer": ("8KiB", "32KiB"),
    "nic.rx_buffer": ("8KiB", "32KiB"),
    "run.seed": (1, 5),
}  # fmt: skip
# Frames whose Tx buffers have several pages.
JUMBO = {"switch.ports": [{"name": "all", "max_frame": "9018B"}], "nic.tx_buffer": "32KiB", "nic.rx_buffer": "32KiB"}


def some_of(chance: random.Random, choices: Mapping[str, Sequence[Any]], least: int) -> dict[str, Any]:
    """Draw some keys of these, and a value of each."""
    keys = chance.sample(sorted(choices), chance.randint(least, len(choices)))
    return {key: chance.choice(choices[key]) for key in keys}


def draw_hosts(seed: int, n: int = 500) -> Drawn:
    """Draw a machine with drivers of all kinds, always with an IOMMU, and a load for it.

    Ways of unmapping, counted walkers, and whether there is a last-level cache, go by the seed: six have all of them.
    """
    changes, load = draw_drivers(11_000 + seed, n)
    chance = random.Random(20_160 + seed)
    changes |= some_of(chance, HOST_KEYS, 4)
    changes["host.iotlb"] = iommu = some_of(chance, IOMMU, 4)
    iommu |= {key: chance.choice(IOMMU[key]) for key in ("entries", "miss")}
    iommu["invalidation"] = ("none", "strict", "deferred")[seed % 3]
    iommu["walkers"] = chance.choice(IOMMU["walkers"][1:]) if seed % 2 else None
    if seed // 3 % 2:
        changes["host.cache"] = {"size": "300KiB", **some_of(chance, MEMORY, 2)}
    if not isinstance(load, Mapping):
        if chance.random() < 0.25:
            changes |= JUMBO | {"host.buffer_bytes": chance.choice(("2KiB", "4KiB", "16KiB"))}
            load = [(*frame[:3], chance.choice((64, 1518, 4000, 9018))) for frame in load]
        load = stretched(load, 8 if _is_slow(changes, iommu) else chance.choice((1, 2)))
        changes["run.duration"] = f"{load[-1][0] - 20_000}ns"
    return Drawn(changes, load)


def _is_slow(changes: Mapping[str, Any], iommu: Mapping[str, Any]) -> bool:
    """Tell whether a machine would carry hardly anything of the usual loads."""
    one_by_one = changes.get("nic.rx_prefetch") == 0 or changes.get("pcie.tags") == 3
    return one_by_one or iommu["walkers"] == 1 or iommu["entries"] == 1


def stretched(frames: Recorded, by: int) -> Recorded:
    """Return frames with so much more time between them."""
    return [(by * at_ns, *frame) for at_ns, *frame in frames]


# ---- DMA engines, the order of writes ----

ENGINE: Mapping[str, Sequence[Any]] = {
    "operation": ("0ns", "41.0003ns", "97.0007ns", "230.0011ns"),
    "small": ("0B", "16B", "64B", "128B", "300B"),
    "small_operation": ("0ns", "17.0003ns", "61.0009ns", "150.0001ns"),
    "start": ("0ns", "11.0003ns", "53.0007ns"),
    "piece": ("16B", "64B", "100B", "128B", "512B"),
    "piece_time": ("0ns", "3.0001ns", "13.0007ns"),
    "rate": (None, "23Gbps", "41.3Gbps", "90Gbps"),
    "latency": ("0ns", "66.0001ns", "185.0003ns", "900.0007ns"),
    "outstanding": (2, 3, 4, 7, 16, 256),
    "large": ("0B", "64B", "256B", "511B", "1MiB"),
}
PATH: Mapping[str, Sequence[Any]] = {
    "shared_rate": (None, "31Gbps", "52.7Gbps"),
    "shared_time": ("0ns", "4.0003ns", "29.0007ns"),
    "shared_bytes": ("16B", "100B", "512B", "1MiB"),
}
WRITE_LATENCIES = ("90.0007ns", "470.0009ns", "2100.0007ns")
ENGINE_KEYS: Mapping[str, Sequence[Any]] = {
    **DRIVER_KEYS,
    **HOST_KEYS,
    "host.write_latency": ("0ns", *WRITE_LATENCIES),
    "host.buffer_bytes": ("1KiB", "2KiB", "16KiB"),
    "host.buffer_offset": ("0B", "64B", "100B"),
    "host.write_drain": (None, None, "12Gbps", "31.7Gbps"),
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.tags": (1, 2, 3, 8, 32),
    "pcie.max_payload": ("128B", "256B", "512B"),
    "pcie.max_read_request": ("128B", "256B", "512B", "1KiB"),
    "pcie.read_completion_boundary": ("64B", "128B"),
    "pcie.switch_hops": (0, 1, 3),
    "pcie.switch_latency": ("110.0003ns", "150.0007ns"),
    "pcie.ecrc": (False, True),
    "pcie.address_bits": (32, 64),
    "nic.rx_prefetch": (0, 8, 11),
    "nic.descriptor_cache": (20, 64),
    "nic.store_rate": (None, "8Gbps", "33Gbps"),
    "nic.max_pps": (None, 1_500_003),
    "switch.timing": ("none", "core"),
    "switch.mirrors": ([], [{"to": "vf3", "from": "vf0"}], [{"to": "pf", "from": "vf1", "direction": "egress"}]),
}
ROOM_FOR_LONG = {
    "switch.ports": [{"name": name, "max_frame": "9728B"} for name in ("pf", *VFS)],
    "nic.tx_buffer": "32KiB",
    "nic.rx_buffer": "32KiB",
    "nic.rx_ring": 128,
}


def draw_engines(seed: int, n: int = 600) -> Drawn:
    """Draw engines, or an order of writes, or both, with some other keys and a load."""
    chance = random.Random(f"engines {seed}")
    changes = draw_keys(chance, ENGINE_KEYS)
    has_engines = chance.random() < 0.75
    if has_engines:
        changes["nic.dma"] = {**_some(chance, PATH), "read": _some(chance, ENGINE), "write": _some(chance, ENGINE)}
    if not has_engines or chance.random() < 0.5:
        changes["pcie.ordering"] = chance.choice(("relaxed", "id_based"))
        changes["host.write_latency"] = chance.choice(WRITE_LATENCIES)
    if chance.random() < 0.4:
        changes["host.iotlb"] = {"entries": 9, "miss": "330.0013ns", **some_of(chance, IOMMU, 0)}
    if chance.random() < 0.3:
        changes["host.cache"] = {"size": "300KiB", **some_of(chance, MEMORY, 2)}
    changes, load = draw_load(chance, changes, n, loops=0.1)
    if isinstance(load, Mapping):
        return Drawn(changes, load)
    # Where reads are slow more time between frames lets most of them get through, and each rule has its turn.
    load = stretched(load, chance.choice((5, 9, 20) if _reads_are_slow(changes) else (1, 2, 5)))
    if chance.random() < 0.2:
        changes |= ROOM_FOR_LONG
        load = [(at_ns, source, to, chance.choice((n_bytes, 9018))) for at_ns, source, to, n_bytes in load]
    return Drawn({**changes, "run.duration": f"{load[-1][0] - 20_000}ns"}, load)


def _reads_are_slow(changes: Mapping[str, Any]) -> bool:
    read = changes.get("nic.dma", {}).get("read", {})
    is_short_of_tags = min(changes.get("pcie.tags", 32), read.get("outstanding", 256)) < 8
    return is_short_of_tags or changes.get("nic.rx_prefetch") == 0 or read.get("latency") == "900.0007ns"


def _some(chance: random.Random, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Draw values of some keys, of all as often as not."""
    return some_of(chance, choices, len(choices) if chance.random() < 0.5 else 0)


# ---- By Hypothesis ----


def some(**choices):
    """Return a strategy for a block: some of these keys, each with one of its values."""
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in choices.items()})


def within_device(nic: dict[str, Any]) -> dict[str, Any]:
    """Keep a device's rings, 64 at least and multiples of 32, and its fetches within the cache that was drawn."""
    kept = {"rx_ring": 64, **nic}
    kept |= {key: max(64, kept[key] // 32 * 32) for key in ("tx_ring", "rx_ring") if key in kept}
    if "descriptor_cache" in nic:
        # A device's own are 32 at most.
        cache = nic["descriptor_cache"]
        kept = {"fetch_batch": min(32, cache), "rx_fetch_batch": 8, "rx_prefetch": min(8, cache), **kept}
    return kept


PCIE = some(
    generation=[1, 2, 3, 4, 5],
    lanes=[1, 4, 8],
    max_payload=["128B", "256B", "512B"],
    max_read_request=["128B", "512B", "4KiB"],
    read_completion_boundary=["64B", "128B"],
    tags=[1, 2, 8, 64],
    dllp_model=["none", "spec", "tlp4", "tlp1", "pcie_bench"],
    arbitration=["round_robin", "reads_first", "writes_first", "arrival"],
    propagation=["0ns", "100ns"],
    address_bits=[32, 64],
    ecrc=[False, True],
    credits=[
        {"ph": 1, "pd": 32, "return": "500ns"},
        {"nph": 1, "ph": 4},
        {"cplh": 1},
        {"ph": 8, "pd": 64, "nph": 8, "cplh": 8, "cpld": 64},
    ],
)
HOST = some(
    read_latency=["0ns", "450ns", "2us"],
    jitter=[
        {"kind": "uniform", "range": "1us"},
        {"kind": "histogram", "bins": [["0ns", 9], ["300ns", 2], ["3us", 1]]},
    ],
    completion_bytes=["mps", "rcb"],
    buffer_offset=["0B", "64B"],
    write_drain=["8Gbps"],
    iotlb=[{"entries": 3, "miss": "330ns"}, {"entries": 64, "miss": "2us"}],
    cores=[1, 3],
)

NIC = some(
    preset=["82576", "82599", "X550", "XL710"],
    vfs=[2, 4, 6],
    queues_per_vf=[1, 2],
    tx_ring=[64, 100, 512],
    rx_ring=[16, 64, 100],
    fetch_batch=[1, 5, 8, 16],
    rx_fetch_batch=[1, 5, 8],
    rx_prefetch=[0, 8, 13],
    tx_writeback_batch=[1, 8],
    rx_writeback_batch=[1, 4],
    writeback_timeout=["1us", "20us"],
    descriptor_cache=[16, 64],
    store_rate=["6Gbps", "20Gbps"],
    tx_buffer=["2KiB", "16KiB"],
    rx_buffer=["2KiB", "16KiB"],
    max_pps=[1_000_000],
    queue_time=["78ns"],
    drop_enable=[False, True],
).map(lambda nic: {"strict": False, **within_device(nic)} if "preset" in nic else {"preset": None, **nic})
DRIVER = some(
    tx_doorbell_batch=[1, 8],
    refill_batch=[1, 8],
    rx_interrupt_batch=[0, 1],
    tx_interrupt_batch=[0, 1, 8],
    moderation=["0us", "3us"],
    frame_time=["0ns", "20ns", "700ns", "4us"],
    byte_time=["0.1ns"],
    doorbell_time=["100ns"],
    interrupt_time=["1us"],
    exit_time=["2us"],
    wakeup_time=["3us"],
    poll_budget=[1, 64],
    send_burst=[1, 32],
    mask_interrupts=[False, True],
    adaptive_moderation=[False, True],
).map(lambda driver: {"preset": None, "rx_interrupt_batch": 0, **driver})
PORTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["pf", "vf0", "vf1"])},
        optional={
            "port_vlan": st.just(10),
            "vlans": st.sampled_from([[1], [10], [1, 10]]),
            "untagged": st.sampled_from([[], [1, 10]]),
            "rate_limit": st.just("1Gbps"),
            "weight": st.just(3),
            "loopback": st.just(False),
            "self_loopback": st.just(True),
            "promiscuous": st.just(True),
            "default": st.just(True),
            "admit": st.just("tagged"),
            "accept": st.just([]),
        },
    ),
    max_size=3,
    unique_by=lambda port: port["name"],
)
MIRROR = st.one_of(
    st.fixed_dictionaries(
        {
            "to": st.sampled_from(["pf", "vf0", "vf1"]),
            "from": st.sampled_from(["pf", "vf0", "vf1", "uplink"]),
            "direction": st.sampled_from(["ingress", "egress"]),
        }
    ).filter(
        lambda mirror: (mirror["from"], mirror["direction"]) != (mirror["to"], "egress")
    ),  # refused: it has no use
    st.fixed_dictionaries({"to": st.sampled_from(["pf", "vf0", "vf1"]), "vlan": st.sampled_from([1, 10])}),
)
SWITCH = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["veb", "veb", "vepa", "vn_tag", "e_tag"]),
        "scheduler": st.sampled_from(["weighted", "deficit", "strict"]),
        "uplink": st.sampled_from([{"native_vlan": None}, {"native_vlan": 10, "vlans": [1, 10]}]),
        "ports": PORTS,
        "mirrors": st.lists(MIRROR, min_size=1, max_size=4),
        "acl": st.sampled_from(
            [
                [{"port": "vf0", "action": "police", "rate": "1Gbps", "burst": "4KiB"}],
                [{"port": "vf1", "action": "deny"}],
            ]
        ),
    },
)
LOAD = st.one_of(
    st.just({"load": "saturate"}),
    some(on_full=["wait", "drop"], arrivals=["periodic", "poisson"]).flatmap(
        lambda load: st.sampled_from([{**load, "load": 0.3}, {**load, "load": "4Gbps"}])
    ),
    st.just({"load": "500Mbps", "arrivals": "on_off", "peak_rate": "8Gbps", "mean_burst": 16}),
)
LENGTHS = st.sampled_from(
    [{"frame_bytes": 64}, {"frame_bytes": 1518}, {"sizes": [[64, 7], [570, 4], [1518, 1]]}, {"frame_bytes": 257}]
)
WORKLOAD = st.builds(
    lambda load, lengths, rest: {**load, **lengths, **rest},
    LOAD,
    LENGTHS,
    some(
        pattern=["pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire"],
        wire_share=[0.3],
        external=[{"rate": "500Mbps"}, {"rate": "300Mbps", "arrivals": "periodic", "to": ["vf1", "pf"]}],
    ),
)
MACHINE = st.fixed_dictionaries({"pcie": PCIE, "host": HOST, "nic": NIC, "driver": DRIVER, "switch": SWITCH})
