"""Random traffic for the switch core: switches, frames, stalls and register writes among them, all from one seed.

Few addresses, VLANs and interfaces, so that most rules apply now and then.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import Shape
from cocotb_tests.batch_files import BEAT_BYTES, PATTERN_ROWS, Frame
from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    MULTICAST,
    OUTSIDE,
    Address,
    EcidList,
    PoolFilters,
    Station,
    Switch,
    Uplink,
    c_tag,
    e_tag,
    mac,
    s_tag,
    vn_tag,
)
from cocotb_tests.core_registers import SCHEDULERS
from hwmodel.simulation.fill.switch_core import PortSchedule

VLANS = (1, 2, 3, 4094)
ETHERTYPES = (0x0800, 0x0800, 0x0800, 0x86DD, 0x0026, 0x8100, 0x8808, 0x88A8, 0x8926, 0x893F)
OWN_GROUP = 0x3333_0000_0001
GROUPS = (BROADCAST, MULTICAST, OWN_GROUP)
UNKNOWN = 0x02DD_0000_0099
FIRST_ECID = 0xAB000
ALL_ONES = {"vn_tag": bytes.fromhex("8926ffffffff"), "e_tag": bytes.fromhex("893fffffffffffff"), "c": c_tag(4095, 7, 1)}
JUMBO_LENGTHS = (2047, 2048, 3001, 4096, 6000, 8191, 8999, 9000, 9018, 9019, 9030, 9031, 9200)
FRAMES_A_BLOCK = 200
QUANTA = (1, 64, 500, 1518, 9038, 65535)
PAYLOAD = random.Random(64).randbytes(4 * 9300)


def rarely(rng: random.Random, one_in: int) -> bool:
    """Return True once in so many times."""
    return rng.randrange(one_in) == 0


def some(rng: random.Random, choices: Sequence[Any], least: int = 0) -> tuple[Any, ...]:
    """Return some of the choices."""
    return tuple(rng.sample(choices, rng.randint(least, len(choices))))


def station_names(shape: Shape) -> list[str]:
    """Return the names of the stations that a core has ports for."""
    return ["pf", *(f"vf{i}" for i in range(shape.ports - 2))]


def random_station(rng: random.Random, name: str, max_frame_bytes: int) -> Station:
    """Return a station in which any rule may bite, but few do."""
    vlans = (1,) if rarely(rng, 3) else some(rng, VLANS, 1)
    number = 1 if name == "pf" else int(name[2:]) + 2
    return Station(
        name,
        port_vlan=rng.choice(VLANS) if rarely(rng, 6) else vlans[0],
        vlans=vlans,
        untagged=some(rng, vlans),
        admit=rng.choice(("all", "all", "all", "all", "tagged", "untagged")),
        spoof_check=not rarely(rng, 3),
        loopback=not rarely(rng, 5),
        self_loopback=rarely(rng, 3),
        accept=some(rng, ("broadcast", "multicast")) if rarely(rng, 3) else ("broadcast", "multicast"),
        groups=some(rng, GROUPS) if rarely(rng, 3) else (),
        promiscuous=rarely(rng, 8),
        default=rarely(rng, 8),
        trusted=rarely(rng, 4),
        enabled=not rarely(rng, 15),
        max_frame_bytes=rng.choice((1518, 1518, 1518, max_frame_bytes, max_frame_bytes, max_frame_bytes + 4, 80)),
        ethertype_filter=not rarely(rng, 3),
        default_priority=rng.choice((0, 0, 3, 5, 7)),
        vif=number if not rarely(rng, 3) else 0xF00 + number,
        ecid=number if not rarely(rng, 3) else FIRST_ECID + number,
    )


def random_pool_filters(rng: random.Random, switch: Switch) -> Switch:
    """Return the switch with filters that choose pools for frames from the uplink: many pools want most, or few do."""
    names = [port.name for port in switch.ports]
    words, one_in_promiscuous = rng.choice(
        ((("untagged", "broadcast", "multicast"), 8), (("untagged", "broadcast", "multicast"), 2), (("untagged",), 9))
    )
    ports = tuple(
        replace(port, accept=some(rng, words, len(words) - 1), promiscuous=rarely(rng, one_in_promiscuous))
        for port in switch.ports
    )
    filters = PoolFilters(rng.randrange(2) == 0, rng.choice(names) if rng.randrange(2) else None)
    return replace(switch, ports=ports, pool_filters=filters)


def random_classes(rng: random.Random, switch: Switch) -> Switch:
    """Return the switch with classes of private VLANs: isolated and promiscuous ports, and two communities."""
    ports = tuple(replace(port, pvlan=rng.choice((0, -1, -1, 1, 2))) for port in switch.ports)
    return replace(switch, ports=ports, uplink=replace(switch.uplink, pvlan=rng.choice((0, 0, 0, -1, 1))))


def random_switch(rng: random.Random, mode: str, shape: Shape) -> Switch:
    """Return a switch that fits the core; of one with pool filters, they are on three times in four, if the mode is.

    Likewise classes of private VLANs where the core has them, whatever the mode.
    """
    switch = _random_switch(rng, mode, shape)
    if getattr(shape, "pool_filters", 0) and mode == "veb" and not rarely(rng, 4):
        switch = random_pool_filters(rng, switch)
    if getattr(shape, "private_vlans", 0) and not rarely(rng, 4):
        switch = random_classes(rng, switch)
    return switch


def _random_switch(rng: random.Random, mode: str, shape: Shape) -> Switch:
    names = [name for name in station_names(shape) if not rarely(rng, 15)] or ["pf"]
    return Switch(
        mode,
        tuple(random_station(rng, name, shape.max_frame_bytes) for name in names),
        Uplink(rng.choice((1, 1, 2, None)), rng.choice(("all", "all", (1, 2), (2, 3, 4094)))),
        addresses=tuple(
            Address(rng.choice(VLANS), rng.choice((OUTSIDE, mac(rng.choice(names)))), some(rng, names, 1))
            for _ in range(rng.randrange(3))
        ),
        vif_lists={number: some(rng, names, 1) for number in (1, 2, 16383)},
        ecid_lists=tuple(
            EcidList(group, ecid, some(rng, names, 1)) for group, ecid in ((1, 1), (3, 0xFFFFF), (2, 0), (1, 0xAB002))
        ),
    )


def random_schedules(
    rng: random.Random, shape: Shape, kinds: Sequence[str] = tuple(SCHEDULERS), least_quantum: int = 1
) -> dict[int, PortSchedule]:
    """Return how each port's queues take turns."""
    return {
        port: PortSchedule(
            rng.choice(kinds),
            tuple(max(rng.choice(QUANTA), least_quantum) for _ in range(shape.priorities)),
        )
        for port in range(shape.ports)
    }


def random_outer_tag(rng: random.Random, mode: str, n_ports: int) -> bytes:
    """Return an outer tag of a mode, mostly one that means something."""
    if rarely(rng, 25) and mode in ALL_ONES:
        return ALL_ONES[mode]
    station = rng.randrange(1, n_ports)
    if mode == "vn_tag":
        vif = rng.choice((station, station, station, 0xF00 + station, 77, 0))
        by_list = rarely(rng, 3)
        return vn_tag(
            rng.choice((station, rng.randrange(1, n_ports), 0)),
            rng.choice((1, 2, 9, 16383)) if by_list else vif,
            int(not rarely(rng, 12)),
            int(by_list),
            looped=rng.randrange(2),
            reserved=rng.randrange(2),
            version=int(rarely(rng, 12)),
        )
    if mode == "e_tag":
        ecid = rng.choice((station, station, station, FIRST_ECID + station, 0x12345, 0))
        group, number = rng.choice(
            ((0, ecid), (0, ecid), (0, ecid), (1, 1), (3, 0xFFFFF), (2, 0), (1, 0xAB002), (1, 2))
        )
        ingress = rng.choice((0, station, rng.randrange(1, n_ports), FIRST_ECID + station, 99))
        return e_tag(number, group, ingress, rng.randrange(8), rng.randrange(2))
    return s_tag(rng.choice((0, 1, 10)), rng.randrange(8), rng.randrange(2))


def random_tags(rng: random.Random, mode: str, port: int, n_ports: int) -> bytes:
    """Return the tags of a frame: the mode's from the uplink, now and then one that the mode does not use, a C-TAG."""
    tags = b""
    if mode in ("vn_tag", "e_tag") and port == 0:
        if not rarely(rng, 15):
            tags += random_outer_tag(rng, mode, n_ports)
    elif rarely(rng, 12):
        tags += random_outer_tag(rng, rng.choice(("vn_tag", "e_tag", "s")), n_ports)
    if rng.random() < 0.55:
        tags += (
            ALL_ONES["c"] if rarely(rng, 40) else c_tag(rng.choice((0, *VLANS, 77)), rng.randrange(8), rarely(rng, 2))
        )
        if rarely(rng, 12):
            tags += c_tag(7)
    return tags


def random_length(rng: random.Random, shape: Shape) -> int:
    """Return a length: short ones, all ones, those on both sides of a bus word's end, long and too long ones."""
    kind = rng.randrange(100)
    if kind < 45:
        return rng.randint(60, 130)
    if kind < 60:
        return rng.randint(14, 60)
    if kind < 75:
        return shape.word_bytes * rng.randint(1, 4) + rng.choice((-1, 0, 1))
    if kind < 88:
        return rng.randint(14, 1518)
    if kind < 97 or shape.max_frame_bytes < 2000:
        longest = min(shape.max_frame_bytes, 1514)
        return rng.choice((66, 67, 70, 71, 76, 80, 84, 200, *(longest + more for more in (-1, 0, 1, 4, 8, 12, 13))))
    return rng.choice(JUMBO_LENGTHS) if rarely(rng, 2) else 256


def random_frame(rng: random.Random, mode: str, shape: Shape, serial: int, port: int | None = None) -> Frame:
    """Return a frame without a time; `port`: by which it comes in, otherwise any."""
    n_ports = shape.ports
    if port is None:
        port = 0 if rarely(rng, 4) else rng.randrange(1, n_ports)
    own = OUTSIDE if port == 0 else 0x0200_0000_0000 | port
    stations = 0x0200_0000_0000 | rng.randrange(1, n_ports)
    odd = (stations, 0, BROADCAST, 0x0300_0000_0001, OWN_GROUP)
    # What the adjacent bridge reflects has a station's address.
    source = rng.choice(odd) if rarely(rng, 8) else stations if port == 0 and rarely(rng, 3) else own
    target = 0x0200_0000_0000 | rng.randrange(1, n_ports)
    if rarely(rng, 3):
        target = rng.choice((*GROUPS, *GROUPS, OUTSIDE, UNKNOWN, LLDP, 0))
    raw = target.to_bytes(6, "big") + source.to_bytes(6, "big") + random_tags(rng, mode, port, n_ports)
    raw += rng.choice(ETHERTYPES).to_bytes(2, "big") + serial.to_bytes(4, "big")
    length = random_length(rng, shape)
    at = rng.randrange(len(PAYLOAD) - length) if length > len(raw) else 0
    raw = (raw + PAYLOAD[at : at + max(0, length - len(raw))])[:length]
    if rarely(rng, 20):
        raw = raw[: rng.randrange(1, 30)]
    if rarely(rng, 150):
        return Frame(port, raw[: len(raw) // BEAT_BYTES * BEAT_BYTES], empty_last_beat=True)
    return Frame(port, raw, is_bad=rarely(rng, 40))


def timed(rng: random.Random, frames: Sequence[Frame], first_cycle: int, n_ports: int) -> list[Frame]:
    """Give each frame its first cycle: blocks of back-to-back traffic, of a full load and of lighter ones."""
    clock, block, pace = [first_cycle] * n_ports, 0, 0
    result = []
    for i, frame in enumerate(frames):
        if i >= block:
            block, pace = i + rng.randrange(1, FRAMES_A_BLOCK), rng.choice((0, 0, 1, 2, 4))
        result.append(Frame(frame.port, frame.data, frame.is_bad, frame.empty_last_beat, clock[frame.port]))
        beats = -(-len(frame.data) // BEAT_BYTES) + 1
        clock[frame.port] += rng.randrange(2 * pace + 1) * beats
    return result


def pattern(rng: random.Random, n_ports: int, chances: Sequence[float]) -> npt.NDArray[np.uint32]:
    """Return, for each cycle of the pattern, the ports that may go: some more often, and some with long pauses."""
    generator = np.random.default_rng(rng.randrange(2**32))
    bits = np.zeros(PATTERN_ROWS, np.uint32)
    for port in range(n_ports):
        goes = generator.random(PATTERN_ROWS) < rng.choice(chances)
        if rarely(rng, 5):
            begin = rng.randrange(PATTERN_ROWS)
            goes[begin : begin + rng.randrange(400)] = False
        goes[rng.randrange(PATTERN_ROWS)] = True
        bits |= goes.astype(np.uint32) << np.uint32(port)
    return bits
