"""The yardstick of `benches.engine`: the bare core of an event simulation of this kind.

Eight VMs keep sixteen frames each under way through one adapter. For each frame: doorbell, descriptor read, payload
reads, switch, receive descriptor read, payload writes, two write-backs, interrupt, all in batches of one: 17 events for
a frame of up to 256 B, 31 for one of 1281 to 1536 B. Left out is what makes a product: rings, batches, arbitration,
forwarding tables, statistics, configuration. Times are rounded, 64 ps a byte (about Gen3 x16) and 24 B beside the data
of each TLP. The results are the same, bit for bit, in each run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

I64 = np.int64
NEVER = np.int64(2**63 - 1)

# Times in picoseconds, lengths in bytes.
BYTE_PS, TLP_BYTES, FLIGHT_PS = 64, 24, 100_000
MEMORY_BUSY_PS, MEMORY_LATENCY_PS = 4_000, 200_000
SWITCH_FRAME_PS, SWITCH_64_BYTES_PS, SWITCH_LATENCY_PS = 4_000, 2_000, 50_000
REPOST_PS, REFILL_PS = 50_000, 100_000
MAX_PAYLOAD, MAX_READ, DESCRIPTOR_BYTES, REGISTER_BYTES = 256, 512, 16, 4
VMS, FRAMES_A_VM, READ_TAGS, RX_DESCRIPTORS = 8, 16, 64, 16
FRAMES_UNDER_WAY = VMS * FRAMES_A_VM

# One lane for each server that gives its events out in the order of time.
LINK_DOWN, LINK_UP, MEMORY, SWITCH, RX_GUEST, TX_GUEST, LANES = range(7)
# What has happened when an event is due.
(
    GUEST_READY, DOORBELL_IN, REQUEST_IN, MEMORY_READ, COMPLETION_IN, FRAME_SWITCHED, DATA_IN, RX_WRITEBACK_IN,
    TX_WRITEBACK_IN, INTERRUPT_IN, DESCRIPTOR_POSTED,
) = range(11)  # fmt: skip
# What a read is for; the last read of a payload is shorter than the others.
TX_DESCRIPTOR, RX_DESCRIPTOR, PAYLOAD, PAYLOAD_END = range(4)

# Capacities; powers of two, so that a counter masked is a place in the ring.
LANE_MASK, READ_MASK, FRAME_MASK, MAX_LENGTHS = 4095, 8191, 255, 16

EVENT = np.dtype([("at_ps", I64), ("word", I64)], align=True)
LANE = np.dtype([("first", I64), ("end", I64), ("ring", EVENT, (LANE_MASK + 1,))], align=True)
AGENDA = np.dtype(
    [("n_scheduled", I64), ("head_ps", I64, (LANES,)), ("head_word", I64, (LANES,)), ("lane", LANE, (LANES,))],
    align=True,
)
SERVER = np.dtype([("busy_until_ps", I64)], align=True)
READS = np.dtype([("free_tags", I64), ("first", I64), ("end", I64), ("ring", I64, (READ_MASK + 1,))], align=True)
RECEIVER = np.dtype([("descriptors", I64), ("first", I64), ("end", I64), ("ring", I64, (FRAME_MASK + 1,))], align=True)
FRAME = np.dtype([("posted_ps", I64), ("receiver", I64), ("n_bytes", I64), ("unread_bytes", I64)], align=True)
ADAPTER = np.dtype(
    [
        ("agenda", AGENDA), ("down", SERVER), ("up", SERVER), ("memory", SERVER), ("switch", SERVER),
        ("reads", READS), ("receiver", RECEIVER, (VMS,)), ("frame", FRAME, (FRAMES_UNDER_WAY,)),
        ("lengths", I64, (MAX_LENGTHS,)), ("n_lengths", I64), ("random", I64),
        ("posted", I64), ("delivered", I64), ("delivered_bytes", I64), ("latency_sum_ps", I64), ("n_events", I64),
    ],
    align=True,
)  # fmt: skip

kernel = njit(nogil=True)


@dataclass(frozen=True)
class CoreRun:
    """Hold what one run delivered, and the seconds that the kernel took for it."""

    frames: int
    frame_bytes: int
    events: int
    end_ps: int
    latency_sum_ps: int
    wall_s: float


def run_core_path(lengths: Sequence[int], n_frames: int) -> CoreRun:
    """Deliver `n_frames` frames whose lengths in bytes are drawn from `lengths`, each as often as it stands there.

    Raises ValueError for a length that is not in 1 B to 1536 B, or for too many of them.
    """
    if not 1 <= len(lengths) <= MAX_LENGTHS or not all(1 <= n_bytes <= 3 * MAX_READ for n_bytes in lengths):
        raise ValueError(f"1 to {MAX_LENGTHS} lengths of 1 B to {3 * MAX_READ} B, not {list(lengths)}")
    state = _idle_adapter(lengths)
    started_s = time.perf_counter()
    end_ps = int(deliver(state, n_frames))
    wall_s = time.perf_counter() - started_s
    found = state[0]
    return CoreRun(
        frames=int(found.delivered),
        frame_bytes=int(found.delivered_bytes),
        events=int(found.n_events),
        end_ps=end_ps,
        latency_sum_ps=int(found.latency_sum_ps),
        wall_s=wall_s,
    )


def _idle_adapter(lengths: Sequence[int]) -> np.recarray:
    state = np.zeros(1, ADAPTER)
    for name in ("head_ps", "head_word"):
        state["agenda"][name] = NEVER
    state["reads"]["free_tags"] = READ_TAGS
    state["receiver"]["descriptors"] = RX_DESCRIPTORS
    state["lengths"][0, : len(lengths)] = lengths
    state["n_lengths"] = len(lengths)
    state["random"] = 12345
    return state.view(np.recarray)


@kernel
def schedule(agenda, number, at_ps, kind, purpose, is_last, place):
    """Put an event at the end of a lane, whose events before it are none of them later."""
    # The count in the upper bits makes words grow with time, so that they decide between events of one instant.
    word = agenda.n_scheduled << 24 | is_last << 23 | purpose << 20 | kind << 16 | place
    agenda.n_scheduled += 1
    lane = agenda.lane[number]
    if lane.first == lane.end:
        agenda.head_ps[number] = at_ps
        agenda.head_word[number] = word
    event = lane.ring[lane.end & LANE_MASK]
    event.at_ps = at_ps
    event.word = word
    lane.end += 1


@kernel
def next_lane(agenda):
    """Choose the lane whose head is due first, of one instant the one scheduled first."""
    first = 0
    for number in range(1, LANES):
        if agenda.head_ps[number] < agenda.head_ps[first] or (
            agenda.head_ps[number] == agenda.head_ps[first] and agenda.head_word[number] < agenda.head_word[first]
        ):
            first = number
    return first


@kernel
def drop_head(agenda, number):
    """Take the head off a lane."""
    lane = agenda.lane[number]
    lane.first += 1
    if lane.first < lane.end:
        event = lane.ring[lane.first & LANE_MASK]
        agenda.head_ps[number] = event.at_ps
        agenda.head_word[number] = event.word
    else:
        agenda.head_ps[number] = NEVER
        agenda.head_word[number] = NEVER


@kernel
def occupy(server, now_ps, duration_ps):
    """Let a FIFO server work, as soon as it is free; return when it is done."""
    server.busy_until_ps = max(now_ps, server.busy_until_ps) + duration_ps
    return server.busy_until_ps


@kernel
def send_up(adapter, now_ps, n_bytes, kind, purpose, place):
    """Send a TLP to the host."""
    sent_ps = occupy(adapter.up, now_ps, (n_bytes + TLP_BYTES) * BYTE_PS)
    schedule(adapter.agenda, LINK_UP, sent_ps + FLIGHT_PS, kind, purpose, 0, place)


@kernel
def send_down(adapter, now_ps, n_bytes, kind, purpose, is_last, place):
    """Send a TLP to the adapter."""
    sent_ps = occupy(adapter.down, now_ps, (n_bytes + TLP_BYTES) * BYTE_PS)
    schedule(adapter.agenda, LINK_DOWN, sent_ps + FLIGHT_PS, kind, purpose, is_last, place)


@kernel
def post_frame(adapter, now_ps, place, n_frames):
    """Let a guest post a frame for another VM, drawn at random, and ring the doorbell."""
    if adapter.posted == n_frames:
        return
    adapter.posted += 1
    # A linear congruential generator; the multiplier is the one of Press et al., "Numerical Recipes", 7.1.
    adapter.random = (adapter.random * 1664525 + 1013904223) & 0xFFFFFFFF
    frame = adapter.frame[place]
    frame.receiver = (place // FRAMES_A_VM + 1 + (adapter.random >> 16) % (VMS - 1)) % VMS
    chosen = 0
    if adapter.n_lengths > 1:
        adapter.random = (adapter.random * 1664525 + 1013904223) & 0xFFFFFFFF
        chosen = (adapter.random >> 16) % adapter.n_lengths
    frame.n_bytes = adapter.lengths[chosen]
    frame.unread_bytes = frame.n_bytes
    frame.posted_ps = now_ps
    send_down(adapter, now_ps, REGISTER_BYTES, DOORBELL_IN, 0, 0, place)


@kernel
def request(adapter, now_ps, purpose, place):
    """Send a read request, or let it wait for a tag."""
    reads = adapter.reads
    if reads.free_tags == 0:
        reads.ring[reads.end & READ_MASK] = purpose << 16 | place
        reads.end += 1
    else:
        reads.free_tags -= 1
        send_up(adapter, now_ps, 0, REQUEST_IN, purpose, place)


@kernel
def return_tag(adapter, now_ps):
    """Give a tag to the read that has waited longest, if any."""
    reads = adapter.reads
    if reads.first < reads.end:
        waiting = reads.ring[reads.first & READ_MASK]
        reads.first += 1
        send_up(adapter, now_ps, 0, REQUEST_IN, waiting >> 16, waiting & 0xFFFF)
    else:
        reads.free_tags += 1


@kernel
def last_read_bytes(n_bytes):
    """Return how much is left for the last read of a payload."""
    return ((n_bytes - 1) & (MAX_READ - 1)) + 1


@kernel
def answer_read(adapter, now_ps, purpose, place):
    """Send what the memory has read, cut into completions."""
    left_bytes = DESCRIPTOR_BYTES
    if purpose == PAYLOAD:
        left_bytes = MAX_READ
    elif purpose == PAYLOAD_END:
        left_bytes = last_read_bytes(adapter.frame[place].n_bytes)
    while left_bytes > MAX_PAYLOAD:
        send_down(adapter, now_ps, MAX_PAYLOAD, COMPLETION_IN, purpose, 0, place)
        left_bytes -= MAX_PAYLOAD
    send_down(adapter, now_ps, left_bytes, COMPLETION_IN, purpose, 1, place)


@kernel
def completion_in(adapter, now_ps, purpose, is_last, place):
    """Go on with what a read was for."""
    frame = adapter.frame[place]
    if is_last:
        return_tag(adapter, now_ps)
    if purpose == TX_DESCRIPTOR:
        for _ in range((frame.n_bytes - 1) // MAX_READ):
            request(adapter, now_ps, PAYLOAD, place)
        request(adapter, now_ps, PAYLOAD_END, place)
    elif purpose == RX_DESCRIPTOR:
        write_frame(adapter, now_ps, frame.n_bytes, place)
    elif is_last:
        frame.unread_bytes -= MAX_READ if purpose == PAYLOAD else last_read_bytes(frame.n_bytes)
        if frame.unread_bytes == 0:
            busy_ps = SWITCH_FRAME_PS + (frame.n_bytes + 63) // 64 * SWITCH_64_BYTES_PS
            decided_ps = occupy(adapter.switch, now_ps, busy_ps) + SWITCH_LATENCY_PS
            schedule(adapter.agenda, SWITCH, decided_ps, FRAME_SWITCHED, 0, 0, place)


@kernel
def take_descriptor(adapter, now_ps, place):
    """Read a receive descriptor for a switched frame, or let the frame wait for one to be posted."""
    receiver = adapter.receiver[adapter.frame[place].receiver]
    if receiver.descriptors > 0:
        receiver.descriptors -= 1
        request(adapter, now_ps, RX_DESCRIPTOR, place)
    else:
        receiver.ring[receiver.end & FRAME_MASK] = place
        receiver.end += 1


@kernel
def post_descriptor(adapter, now_ps, vm):
    """Post a receive descriptor again; a frame that waits for it takes it."""
    receiver = adapter.receiver[vm]
    if receiver.first < receiver.end:
        place = receiver.ring[receiver.first & FRAME_MASK]
        receiver.first += 1
        request(adapter, now_ps, RX_DESCRIPTOR, place)
    else:
        receiver.descriptors += 1


@kernel
def write_frame(adapter, now_ps, n_bytes, place):
    """Write the payload, both descriptors, and the interrupt."""
    while n_bytes > 0:
        part_bytes = min(n_bytes, MAX_PAYLOAD)
        send_up(adapter, now_ps, part_bytes, DATA_IN, 0, place)
        n_bytes -= part_bytes
    send_up(adapter, now_ps, DESCRIPTOR_BYTES, RX_WRITEBACK_IN, 0, place)
    send_up(adapter, now_ps, DESCRIPTOR_BYTES, TX_WRITEBACK_IN, 0, place)
    send_up(adapter, now_ps, REGISTER_BYTES, INTERRUPT_IN, 0, place)


@njit(nogil=True, cache=True)  # all that it calls stands in this file, so that the cache notices each change
def deliver(state, n_frames):
    """Run until so many frames are delivered; return the time of the last event in picoseconds."""
    adapter = state[0]
    agenda = adapter.agenda
    for place in range(FRAMES_UNDER_WAY):
        schedule(agenda, TX_GUEST, place * 1_000, GUEST_READY, 0, 0, place)
    now_ps = np.int64(0)
    while adapter.delivered < n_frames:
        number = next_lane(agenda)
        now_ps = agenda.head_ps[number]
        word = agenda.head_word[number]
        drop_head(agenda, number)
        adapter.n_events += 1
        place, kind, purpose, is_last = word & 0xFFFF, word >> 16 & 15, word >> 20 & 7, word >> 23 & 1
        if kind == COMPLETION_IN:
            completion_in(adapter, now_ps, purpose, is_last, place)
        elif kind == REQUEST_IN:
            read_ps = occupy(adapter.memory, now_ps, MEMORY_BUSY_PS) + MEMORY_LATENCY_PS
            schedule(agenda, MEMORY, read_ps, MEMORY_READ, purpose, 0, place)
        elif kind == MEMORY_READ:
            answer_read(adapter, now_ps, purpose, place)
        elif kind == GUEST_READY:
            post_frame(adapter, now_ps, place, n_frames)
        elif kind == DOORBELL_IN:
            request(adapter, now_ps, TX_DESCRIPTOR, place)
        elif kind == FRAME_SWITCHED:
            take_descriptor(adapter, now_ps, place)
        elif kind == RX_WRITEBACK_IN:
            vm = adapter.frame[place].receiver
            schedule(agenda, RX_GUEST, now_ps + REFILL_PS, DESCRIPTOR_POSTED, 0, 0, vm)
        elif kind == TX_WRITEBACK_IN:
            schedule(agenda, TX_GUEST, now_ps + REPOST_PS, GUEST_READY, 0, 0, place)
        elif kind == INTERRUPT_IN:
            frame = adapter.frame[place]
            adapter.delivered += 1
            adapter.delivered_bytes += frame.n_bytes
            adapter.latency_sum_ps += now_ps - frame.posted_ps
        elif kind == DESCRIPTOR_POSTED:
            post_descriptor(adapter, now_ps, place)
    return now_ps
