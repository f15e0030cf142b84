"""Full load: every port sends as fast as it or its wire can, to each other port in turn, through one VEB."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import BEAT_BYTES, Access, Frame
from cocotb_tests.bench_switch import BROADCAST, OUTSIDE, Station, Switch, mac
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.traffic import PAYLOAD, station_names

IPV4 = bytes.fromhex("0800")
FCS_BYTES = 4
ENTRY_BYTES = 16  # of a table, at most
WIRE_BYTES = 8 + FCS_BYTES + 12  # IEEE 802.3 clause 3.1.1 and 4.4.2: preamble with SFD, FCS, interpacket gap
SHORTEST_BYTES = 60
CYCLES_BEFORE_LOAD = 6  # for each register write, so that all are done
# Lengths with FCS, in their parts: 7 of 64 B, 4 of 570 B, 1 of 1518 B, and one frame of 9000 B in a thousand.
MIX = ((64, 7), (570, 4), (1518, 1))
JUMBO_BYTES, JUMBO_ONE_IN = 9000, 1000

Lengths = Callable[[random.Random], int]


def always_of(n_bytes: int) -> Lengths:
    """Return the choice of one length, in bytes without FCS."""
    return lambda rng: n_bytes


def mixed(rng: random.Random, *, jumbo: bool = True) -> int:
    """Draw a length of the mix, without FCS."""
    if jumbo and rng.randrange(JUMBO_ONE_IN) == 0:
        return JUMBO_BYTES - FCS_BYTES
    lengths, parts = zip(*MIX, strict=True)
    return int(rng.choices(lengths, parts)[0]) - FCS_BYTES


def small_mix(rng: random.Random) -> int:
    """Draw a length of the mix without its jumbo frames."""
    return mixed(rng, jumbo=False)


# By the names that the benches' tables show; lengths there count the FCS.
LOADS: dict[str, Lengths] = {"64 B": always_of(60), "1518 B": always_of(1514), "mixed": mixed}


def open_writes(parameters: CoreParameters) -> list[Access]:
    """Return the writes that let every port send any frame to any other."""
    longest = parameters.max_frame_bytes + FCS_BYTES
    stations = tuple(Station(name, max_frame_bytes=longest) for name in station_names(parameters))
    writes = switch_writes(Switch(ports=stations), parameters)
    # Entries that stay empty are left as the reset makes them.
    used = {write.address // ENTRY_BYTES for write in writes if write.data}
    return [
        Access(*write)
        for write in writes
        if not regs.VLAN_BASE <= write.address < regs.COUNTER_BASE or write.address // ENTRY_BYTES in used
    ]


def address_of(port: int, n_ports: int) -> int:
    """Return the address of what is behind a port: a station's own, or, behind the uplink, one that no station has."""
    return OUTSIDE if port == 0 else mac(station_names(CoreParameters(ports=n_ports))[port - 1])


def load_frames(
    n_frames: int, lengths: Lengths, n_ports: int, first_cycle: int, *, broadcast_one_in: int = 0, seed: int = 1
) -> list[Frame]:
    """Return frames for all ports in turn, none before a cycle; one in `broadcast_one_in` goes to all ports."""
    rng = random.Random(seed)
    addresses = [address_of(port, n_ports).to_bytes(6, "big") for port in range(n_ports)]
    frames = []
    for serial in range(n_frames):
        turn, port = divmod(serial, n_ports)
        target = addresses[(port + 1 + turn % (n_ports - 1)) % n_ports]
        if broadcast_one_in and rng.randrange(broadcast_one_in) == 0:
            target = BROADCAST.to_bytes(6, "big")
        head = target + addresses[port] + IPV4 + serial.to_bytes(4, "big")
        n_payload = max(lengths(rng), SHORTEST_BYTES) - len(head)
        begin = rng.randrange(len(PAYLOAD) - n_payload)
        frames.append(Frame(port, head + PAYLOAD[begin : begin + n_payload], not_before=first_cycle))
    return frames


def wire_frames(n_frames: int, n_bytes: int, n_ports: int, first_cycle: int) -> list[Frame]:
    """Return frames of one length as MACs hand them over: ports at their wire's full rate, and no frame ever waits.

    A beat is what a wire brings in a cycle: 10 Gb/s at 156.25 MHz. `n_bytes`: without FCS.
    """
    spacing = wire_cycles(n_bytes)
    frames = load_frames(n_frames, always_of(n_bytes), n_ports, first_cycle)
    return [
        replace(
            frame,
            not_before=first_cycle + math.ceil((i // n_ports + i % n_ports / n_ports) * spacing),
            must_not_wait=True,
        )
        for i, frame in enumerate(frames)
    ]


def wire_cycles(n_bytes: int) -> float:
    """Return the cycles that a frame without FCS takes on the wire, with preamble, FCS and gap."""
    return (n_bytes + WIRE_BYTES) / BEAT_BYTES
