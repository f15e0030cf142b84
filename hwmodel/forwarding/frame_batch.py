"""Whole frames through the decision, many at once: decide on each, then write the bytes of every copy.

Queues and time play no part, but for the policers, which take the frames' timestamps.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel, out_of_line
from hwmodel.compiled.records import ints, record
from hwmodel.forwarding.decide import NO_POLICER, decide, limit
from hwmodel.forwarding.packet import read_packet, write_packet
from hwmodel.forwarding.parse import HEADER_BYTES, parse, read_behind
from hwmodel.forwarding.police import police, refill
from hwmodel.forwarding.port_set import MAX_PORTS, UPLINK, contains
from hwmodel.forwarding.rewrite import egress_bytes, rewrite
from hwmodel.rules.ethernet import FCS_BYTES

FS_PER_NS = 10**6
# The most that a policer is told at once: 73 minutes, which as femtoseconds fit into 63 bits.
STEP_NS = 1 << 42

# A frame to decide on: where it comes in, where its bytes begin and how many are at hand, its length, its time.
ARRIVAL = record(*ints("port", "first_byte", "captured_bytes", "original_bytes", "at_ns"))
# A copy: of which frame of the batch, for which port, where its bytes begin, how many there are and how many there
# would be if the frame were whole.
COPY = record(*ints("arrival", "port", "is_mirrored", "first_byte", "captured_bytes", "original_bytes"))

ALL_DECIDED = -1


@kernel
def is_within_rate(bucket, elapsed_ns, frame_bytes):
    """Ask a policer that was asked last `elapsed_ns` nanoseconds ago; years are passed on in steps."""
    while elapsed_ns > STEP_NS and bucket.tokens < bucket.params.burst:
        bucket.last_fs = 0
        refill(bucket, STEP_NS * FS_PER_NS)
        elapsed_ns -= STEP_NS
    bucket.last_fs = 0
    return police(bucket, min(elapsed_ns, STEP_NS) * FS_PER_NS, frame_bytes)


@kernel
def parse_arrival(tables, arrival, data, header):
    """Parse what is at hand of a frame; tell whether that is enough to decide on it.

    A frame cut short by its capture counts with its full length, but its header must be there. What is shorter than
    14 B in full length is a runt in any case.
    """
    end = arrival.first_byte + arrival.captured_bytes
    parse(tables, arrival.port, data[arrival.first_byte : end], arrival.captured_bytes, header)
    header.n_bytes = arrival.original_bytes
    is_cut = arrival.captured_bytes < arrival.original_bytes
    return header.is_complete != 0 or not is_cut or arrival.original_bytes < HEADER_BYTES


@out_of_line
def read_arrival(arrival, data, header):
    """Read what a station's frame says behind its type; tell whether all that access lists ask for is at hand."""
    if header.is_complete == 0 or arrival.port == UPLINK:
        return True
    read_behind(data[arrival.first_byte :], arrival.captured_bytes, header)
    return header.packet.is_short == 0 or arrival.captured_bytes == arrival.original_bytes


@entry
def decide_batch(tables, buckets, asked_ns, arrivals, data, headers, decisions):
    """Parse and decide n frames in their order; return the first that is cut within its header, else ALL_DECIDED.

    `tables` is a one-element array of TABLES, `buckets` an array of POLICER, `asked_ns` int64 of the same
    length: when each was asked last; both are kept from batch to batch, from full buckets and zeros on. `arrivals` is
    an array of ARRIVAL (n,) whose times never go back, `data` uint8 (n_bytes,). `headers` and `decisions` (n,) are
    written up to the frame returned.
    """
    table = tables[0]
    for i in range(len(arrivals)):
        arrival = arrivals[i]
        header = headers[i]
        decision = decisions[i]
        if not parse_arrival(table, arrival, data, header):
            return i
        if table.reads_packets and not read_arrival(arrival, data, header):
            return i
        decide(table, header, decision)
        if decision.policer != NO_POLICER:
            elapsed_ns = arrival.at_ns - asked_ns[decision.policer]
            asked_ns[decision.policer] = arrival.at_ns
            if not is_within_rate(buckets[decision.policer], elapsed_ns, arrival.original_bytes + FCS_BYTES):
                limit(table, header, decision)
    return ALL_DECIDED


@entry
def copy_batch(arrivals, data, headers, decisions, copies, out):
    """Write the bytes of all copies of n decided frames, mirrored ones too, in the order of frames and ports.

    `copies` is an array of COPY with room for all of them, `out` uint8 with room for their bytes, 12 B more each than
    is at hand of the frame. Return the number of bytes written.
    """
    n_copies, at = 0, 0
    for i in range(len(arrivals)):
        arrival = arrivals[i]
        header = headers[i]
        decision = decisions[i]
        if decision.n_copies + decision.n_mirrored == 0:
            continue
        frame = data[arrival.first_byte : arrival.first_byte + arrival.captured_bytes]
        for port in range(MAX_PORTS):
            is_mirrored = contains(decision.mirrored, port)
            if not is_mirrored and not contains(decision.egress, port):
                continue
            copy = copies[n_copies]
            copy.arrival, copy.port, copy.is_mirrored = i, port, is_mirrored
            copy.first_byte = at
            copy.captured_bytes = rewrite(frame, arrival.captured_bytes, header, decision, port, out[at:])
            copy.original_bytes = egress_bytes(header, decision, port)
            at += copy.captured_bytes
            n_copies += 1
    return at


@entry
def read_packets(data, at, end, ethertype, found):
    """Read what n frames say behind their types, and write the bytes that say the same.

    `data` is uint8 (n_bytes,), `at` and `end` int64 (n,): where in it what follows a frame's type begins and ends;
    `ethertype`, int64 (n,): that type. `found` is an array of CAPTURED_PACKET (n,), of zeros.
    """
    for row in range(len(found)):
        read_packet(data, end[row], at[row], ethertype[row], found[row].packet)
        found[row].n_bytes = write_packet(found[row].octets, found[row].packet)
