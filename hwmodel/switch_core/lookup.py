"""Parser, classify and forward of the switch core: each frame's decision, by the tables as they stand when it looks."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.forwarding.decide import decide
from hwmodel.forwarding.outer_tag import OUTER_BYTES
from hwmodel.forwarding.parse import parse
from hwmodel.forwarding.port_set import contains
from hwmodel.forwarding.rewrite import rewrite


@kernel
def port_bits(ports, n_ports):
    """Return a set of ports as a bitmap of the core's ports."""
    bits = 0
    for port in range(n_ports):
        if contains(ports, port):
            bits |= 1 << port
    return bits


@kernel
def table_at(from_cycles, cycle):
    """Return the number of the tables that stand in a cycle."""
    number = len(from_cycles) - 1
    while number > 0 and from_cycles[number] > cycle:
        number -= 1
    return number


@kernel
def look_up(table, raw, frame, header, decision):
    """Parse a frame and decide."""
    parse(table, frame.port, raw[frame.first_byte : frame.first_byte + frame.n_bytes], frame.n_bytes, header)
    header.is_bad = frame.is_bad
    decide(table, header, decision)


@entry
def decide_frames(cores, tables, from_cycles, raw, frames, granted, headers, decisions):
    """Decide all frames in the order of their grants; return how many copies are made, room or not.

    `tables` (m,) of TABLES stand from the cycles `from_cycles` on, int64 (m,), ascending; the first stand from the
    beginning. `raw`, uint8, has all frames' bytes. `headers` and `decisions` are one-element arrays to work with.
    """
    core = cores[0]
    header, decision = headers[0], decisions[0]
    n_copies = number = 0
    for i in range(len(granted)):
        frame = frames[granted[i]]
        while number + 1 < len(from_cycles) and from_cycles[number + 1] <= frame.look:
            number += 1
        look_up(tables[number], raw, frame, header, decision)
        frame.reason = decision.reason
        frame.priority = decision.priority
        frame.n_tag_bytes = header.n_tag_bytes
        frame.ports = port_bits(decision.egress, core.n_ports)
        frame.tagged = port_bits(decision.tagged, core.n_ports)
        frame.outer_bytes = OUTER_BYTES[decision.outer_kind]
        n_copies += decision.n_copies
    return n_copies


@entry
def write_copies(tables, from_cycles, raw, frames, copies, starts, out, headers, decisions):
    """Write the bytes of the copies, one behind the other.

    `starts`, int64 (n + 1,), gets the place of each copy in `out`, uint8, and the end of the last; see `decide_frames`.
    """
    header, decision = headers[0], decisions[0]
    at = 0
    last = -1
    for i in range(len(copies)):
        copy = copies[i]
        frame = frames[copy.frame]
        if copy.frame != last:
            look_up(tables[table_at(from_cycles, frame.look)], raw, frame, header, decision)
            last = copy.frame
        received = raw[frame.first_byte : frame.first_byte + frame.n_bytes]
        starts[i] = at
        at += rewrite(received, frame.n_bytes, header, decision, copy.port, out[at:])
    starts[len(copies)] = at
