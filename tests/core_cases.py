"""Random switch cores, what surrounds them, and frames for them: small enough to look at each cycle, rarely idle."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    Address,
    EcidList,
    Station,
    Switch,
    Uplink,
    c_tag,
    e_tag,
    frame,
    mac,
    vn_tag,
)
from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import Offer, PortSchedule, Surroundings
from hwmodel.simulation.fill.switch_tables import build_tables, port_numbers
from tests.forwarding_cases import random_frame, random_station, some
from tests.oracles.core_cycles import Sent, Shape, SwitchCore

MODES = ("veb", "veb", "vepa", "vn_tag", "e_tag")
KINDS = ("round_robin", "deficit", "deficit", "strict")


@dataclass
class Case:
    parameters: CoreParameters
    switches: list
    schedules: list
    ready: dict
    allowed: dict
    offers: list

    def surroundings(self):
        tables = [(cycle, build_tables(switch)) for cycle, switch in self.switches]
        return Surroundings(tables, self.schedules, self.ready, self.allowed)


PAUSED = (0, 0, 0, 0xFF, 1, 0x80, 0x0F, 0xF0, 0x55)  # priorities


def random_parameters(rng):
    bus_w = rng.choice((64, 128, 256, 512))
    priorities = rng.choice((1, 2, 4, 8))
    longest = rng.choice((60, 61, 100, 116, 118, 128, 180, 244, 300, 1514))
    wb = bus_w // 8
    words = -(-(longest + 12) // wb)
    ingress_words = words + 1 + rng.choice((0, 0, 1, 3, words, 100))
    queue_words = words + rng.choice((0, 0, 1, 3, words, 4 * words))
    return CoreParameters(
        rng.randint(2, 9),
        bus_w,
        priorities,
        ingress_words * wb + rng.randrange(wb),
        queue_words * wb + rng.randrange(wb),
        longest,
        pause=rng.randrange(2),
    )


def names_of(ports):
    return ("pf", *(f"vf{k}" for k in range(ports - 2)))


def random_stations(rng, ports, is_tame):
    for name in names_of(ports):
        if is_tame:
            vlans = some(rng, (1, 2), 1)
            yield Station(
                name, vlans=vlans, untagged=some(rng, vlans), spoof_check=False, default_priority=rng.randrange(8)
            )
        else:
            yield replace(random_station(rng, name), s_channel=None, default_priority=rng.randrange(8))


def random_core_switch(rng, mode, ports, is_tame):
    names = names_of(ports)
    return Switch(
        mode,
        # The core reads the tag of every station's frames, and checks its VLAN.
        tuple(replace(one, vlan_spoof_check=True, q_in_q=False) for one in random_stations(rng, ports, is_tame)),
        Uplink(rng.choice((1, 1, 2, None)), rng.choice(("all", "all", (1, 2)))),
        addresses=tuple(Address(rng.choice((1, 2)), OUTSIDE, some(rng, names, 1)) for _ in range(rng.randrange(2))),
        vif_lists={number: some(rng, names, 1) for number in (1, 2, 16383)},
        ecid_lists=tuple(EcidList(group, ecid, some(rng, names, 1)) for group, ecid in ((1, 1), (3, 0xFFFFF), (2, 0))),
    )


def random_pattern(rng):
    """Give a bitmap: half of the cycles, a fifth, long stalls, or none (always)."""
    kind = rng.choice(("always", "always", "half", "fifth", "long", "burst"))
    if kind == "always":
        return None
    n_cycles = rng.randint(2, 400)
    if kind in ("half", "fifth"):
        one_in = 2 if kind == "half" else 5
        bits = [rng.randrange(one_in) == 0 for _ in range(n_cycles)]
    elif kind == "long":
        bits = [i >= n_cycles // 2 + n_cycles // 3 for i in range(n_cycles)]
    else:
        bits = [i % 7 < 3 for i in range(n_cycles)]
    bits[-1] = True
    return np.array(bits)


def random_patterns(rng, ports, some_always):
    chosen = {port: random_pattern(rng) for port in range(ports) if not some_always or rng.randrange(3) == 0}
    return {port: bitmap for port, bitmap in chosen.items() if bitmap is not None}


def random_schedule(rng, ports):
    return {
        port: PortSchedule(rng.choice(KINDS), tuple(rng.choice((1, 40, 64, 300, 1518)) for _ in range(8)))
        for port in range(ports)
        if rng.randrange(4)
    }


def with_pauses(rng, ports, schedules):
    """Give the schedules with pauses of some priorities between them, the last of which ends."""
    cycles = sorted(rng.randrange(1, 3000) for _ in range(rng.choice((2, 10, 60))))
    result = []
    for cycle in sorted({0, *(cycle for cycle, _ in schedules), *cycles}):
        by_port = [each for i, (begin, each) in enumerate(schedules) if i == 0 or begin <= cycle][-1]
        paused = {port: rng.choice(PAUSED) if cycle < cycles[-1] else 0 for port in range(ports)}
        result.append(
            (cycle, {p: replace(by_port.get(p, PortSchedule()), paused=paused[p]) for p in range(ports)}),
        )
    return result


def versions(rng, make):
    """Give one to three versions of something and the cycles from which they stand."""
    later = sorted(rng.randrange(1500) for _ in range(rng.choice((0, 0, 1, 2))))
    return [(cycle, make()) for cycle in (0, *later)]


def random_length(rng, store_bytes):
    return rng.choice(
        (rng.randint(14, 75), rng.randint(14, store_bytes), rng.choice((60, 64, 65, 128, 129)), store_bytes - 12)
        if rng.randrange(10)
        else (
            rng.randint(1, 26),
            rng.randint(store_bytes - 14, store_bytes + 2),
            rng.randint(60, 2 * store_bytes + 200),
        )
    )


def plain_frame(rng, switch):
    """Give a port and a frame for it that few rules drop."""
    names = [port.name for port in switch.ports]
    port = rng.choice(("uplink", *names))
    tags = [c_tag(rng.choice((0, 1, 2)), rng.randrange(8))] * rng.randrange(2)
    if port == "uplink" and switch.mode == "vn_tag":
        tags.insert(0, vn_tag(0, *rng.choice(((rng.choice(switch.ports).vif, 1, 0), (rng.choice((1, 2)), 1, 1)))))
    if port == "uplink" and switch.mode == "e_tag":
        group, ecid = rng.choice(((0, rng.choice(switch.ports).ecid), (1, 1), (3, 0xFFFFF)))
        tags.insert(0, e_tag(ecid, group, 0, rng.randrange(8)))
    to = rng.choice((BROADCAST, OUTSIDE, mac(rng.choice(names)), mac(rng.choice(names))))
    return port, frame(to, OUTSIDE if port == "uplink" else mac(port), *tags), rng.randrange(20) == 0


def random_offer(rng, switch, parameters, target, busy):
    port_name, raw, is_bad = random_frame(rng, switch) if rng.randrange(4) == 0 else plain_frame(rng, switch)
    port = port_numbers(switch)[port_name]
    if target is not None and rng.randrange(3):
        raw = target.to_bytes(6, "big") + raw[6:]
    length = random_length(rng, parameters.store_bytes)
    raw = raw[:length] + bytes(rng.randrange(256) for _ in range(max(0, length - len(raw))))
    ends_empty = len(raw) % 8 == 0 and rng.randrange(6) == 0
    if rng.randrange(200) == 0:
        raw, ends_empty = b"", True
    not_before = 0 if busy else rng.choice((0, 0, rng.randrange(2500)))
    return Offer(port, raw, not_before, rng.choice((0, 0, 0, 1, 9)), is_bad and rng.randrange(3) == 0, ends_empty)


def random_case(rng):
    parameters = random_parameters(rng)
    mode, ports = rng.choice(MODES), parameters.ports
    is_tame, busy = rng.randrange(3) > 0, rng.randrange(2) == 0
    switches = versions(rng, lambda: random_core_switch(rng, mode, ports, is_tame))
    target = rng.choice((None, None, BROADCAST, mac(rng.choice(names_of(ports)))))
    n_frames = rng.randint(1, 25 if parameters.max_frame_bytes > 1000 else 80)
    schedules = versions(rng, lambda: random_schedule(rng, ports))
    return Case(
        parameters,
        switches,
        with_pauses(rng, ports, schedules) if parameters.pause else schedules,
        random_patterns(rng, ports, some_always=rng.randrange(2)),
        random_patterns(rng, ports, some_always=True),
        [random_offer(rng, switches[0][1], parameters, target, busy) for _ in range(n_frames)],
    )


def run_cycles(case):
    """Run a case through the model that looks at each cycle; give its core and its frames."""
    p = case.parameters
    shape = Shape(p.ports, p.bus_w, p.priorities, p.ingress_bytes, p.queue_bytes, p.max_frame_bytes)

    def table_of(patterns):
        return lambda port, t: port not in patterns or bool(patterns[port][t % len(patterns[port])])

    def settings_at(port, t):
        by_port = [each for i, (cycle, each) in enumerate(case.schedules) if i == 0 or cycle <= t][-1]
        schedule = by_port.get(port, PortSchedule())
        return schedule.kind, schedule.quanta, schedule.paused

    core = SwitchCore(shape, case.switches, table_of(case.allowed), table_of(case.ready), settings_at)
    frames = [
        Sent(i, o.port, o.data, o.not_before, o.lead_cycles, o.is_bad, o.ends_empty) for i, o in enumerate(case.offers)
    ]
    core.run(frames)
    return core, frames


def seeded_case(seed):
    return random_case(random.Random(seed))
