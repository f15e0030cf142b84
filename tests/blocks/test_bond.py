"""A bond's blocks: by which leg a header goes, and when a leg is given up and comes back, poll by poll."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from hwmodel.config.virtual_switch import Bond
from hwmodel.forwarding.header_store import HEADER_ROOM
from hwmodel.machine.network.bond import LOG_CAP, NO_LEG, connection_hash, leg_changes, leg_found, leg_of, log_leg
from hwmodel.simulation.figures.part_snapshots import take_bond
from hwmodel.simulation.fill.bond import MODES
from tests.blocks.idle_machine import machine
from tests.oracles.simpy_nic.bond import hash_of

US = 10**9


def idle_bond(n_legs=2, **keys):
    nic = machine(nic={"mode": "vswitch", "vfs": 2, "preset": None}, port={"count": n_legs},
                  host={"cores": 4, "virtual_switch": {"cores": [2], "bond": keys}},
                  run={"duration": "1ms", "clocks": "exact"})  # fmt: skip
    nic.clock.has_started = 1
    return nic, nic.virtual_switch.bond


def header_of(packet):
    class Header:
        octets = np.frombuffer(bytes(packet)[:HEADER_ROOM].ljust(HEADER_ROOM, b"\0"), np.uint8)
        n_bytes = min(len(bytes(packet)), HEADER_ROOM)

    return Header


ENDS = Ether(src="02:11:22:33:44:55", dst="02:aa:bb:cc:dd:ee")
PACKETS = [
    ENDS / IP(src="10.0.0.2", dst="10.0.7.1") / TCP(sport=32768, dport=5001),
    ENDS / Dot1Q(vlan=300, prio=5) / IP(src="10.0.0.2", dst="10.0.7.1") / TCP(sport=32770, dport=5001),
    ENDS / IP(src="10.0.0.2", dst="10.0.7.1", flags="MF") / TCP(sport=32768, dport=5001),
    ENDS / IP(src="10.0.0.2", dst="10.0.7.1", proto=50) / b"12345678",
    ENDS / IPv6(src="fd00::1:2", dst="fd00:3::7") / TCP(sport=9, dport=65535),
    Ether(src="02:11:22:33:44:55", dst="02:aa:bb:cc:dd:ee", type=0x88B5) / b"0123456789",
    ENDS / Dot1Q(vlan=9, type=0x88B5) / b"0123456789",
]


def test_the_hash_is_linux_s():
    """By hand for the first, bytes of ports and addresses: 80 00 13 89, 0a 00 00 02, 0a 00 07 01; little-endian."""
    nic, _ = idle_bond()
    word = 0x89130080 ^ 0x0200000A ^ 0x0107000A
    word ^= word >> 16
    assert connection_hash(header_of(PACKETS[0]), nic.port[0].switch.steering.flow) == (word ^ word >> 8) >> 1


@pytest.mark.parametrize("mode", ["source_mac", "l4_hash"])
@pytest.mark.parametrize("legs", [2, 4])
def test_the_leg_is_that_of_the_second_implementation(mode, legs):
    nic, bond = idle_bond(legs, mode=mode)
    for used in ([0], list(range(legs)), list(range(1, legs))):
        bond.n_in_use = len(used)
        bond.in_use[: len(used)] = used
        for packet in PACKETS:
            for is_coming in (False, True):
                found = leg_of(bond, header_of(packet), nic.port[0].switch.steering.flow, is_coming)
                assert found == used[hash_of(mode, bytes(packet), is_coming) % len(used)]
    bond.n_in_use = 0
    assert leg_of(bond, header_of(PACKETS[0]), nic.port[0].switch.steering.flow, False) == NO_LEG


def test_each_mode_of_the_configuration_is_one_of_the_machine():
    assert set(MODES) == set(Bond.model_fields["mode"].annotation.__args__)


def test_a_leg_is_found_by_the_first_look_that_sees_it_so_for_long_enough():
    """Looks at each multiple of the interval, with delays of whole intervals, as Linux counts them."""
    for seed in range(60):
        chance = random.Random(seed)
        interval, down, up = chance.randint(1, 9), chance.randint(0, 3), chance.randint(0, 3)
        nic, bond = idle_bond(monitor=f"{interval}us", down_delay=f"{down * interval}us", up_delay=f"{up * interval}us")
        # Legs change between looks, and then stay for long enough for a look to see it: else Linux may not notice.
        times, at = [], 0
        for _ in range(4):
            at += interval * chance.randint(1, 6)
            times.append(at * US + chance.randrange(1, interval * US))
        used, log, seen = True, [], 0
        is_down = False
        changes = iter([*times, 10**18])
        change = next(changes)
        look = 0
        while look < (at + 9 * interval) * US:
            look += interval * US
            while change <= look:
                is_down, change = not is_down, next(changes)
            seen = seen + 1 if is_down == used else 0
            if seen > (down if used else up):
                used, seen = not used, 0
                log.append((look, used))
        found = []
        mac, due = nic.port[0].mac, []
        for time in [*times, 10**18]:
            for at_fs in [one for one in due if one <= time]:
                before = bond.leg[0].is_in_use
                leg_found(bond, 0, at_fs)
                if bond.leg[0].is_in_use != before:
                    found.append((at_fs, bool(bond.leg[0].is_in_use)))
            mac.params.is_down = 1 - mac.params.is_down
            leg_changes(bond, nic.clock, mac, 0, time)
            due = [int(bond.leg[0].found_fs)]
        assert found == log, seed


def test_what_the_log_has_no_room_for_is_left_out():
    nic, bond = idle_bond()
    for number in range(LOG_CAP + 3):
        log_leg(bond, number, 0, 0)
    assert bond.n_logged == LOG_CAP + 3 and len(take_bond(nic)["log"]) == LOG_CAP
