"""Segmentation offload, receive-side coalescing and header split: what one send, or one receive, takes.

Written from docs/datapath/transmit.md ("Sends that the adapter cuts") and docs/datapath/receive.md ("Headers by
themselves, receives of several frames"), apart from the simulated machine: a send is followed from its first byte to
its last, and so are the frames of a receive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from hwmodel.config import Config
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DATA_DESCRIPTOR_BYTES

_MOST_BYTES, _MOST_BEGUN = 65535, 15  # of a coalesced receive; and how many of its frames may begin in one buffer
_MOST_FRAMES = 4096  # of a receive that no send's end closes


class Send(NamedTuple):
    """Hold what a send takes; `picks`: the first byte of the send that each payload fetch reads, and its end.

    Sends at once: `per_writeback` in one write-back, `per_interrupt` in one interrupt (0: none), `per_free` whose ring
    slots are freed together. `doorbells`: for the sends that take these slots; `inline` of them carry a send's
    descriptor.
    """

    n_frames: int
    n_descriptors: int
    picks: tuple[tuple[int, int], ...]
    per_writeback: int
    per_interrupt: int
    per_free: int
    doorbells: int
    inline: int


class LoneSend(NamedTuple):
    """Hold what a send takes by itself: counts, its bytes in memory, and all its bytes on the link, without DLLPs.

    Counted: a doorbell, one read of all its descriptors, the reads of its payload, one write-back of all descriptors;
    no interrupt.
    """

    frames: int
    descriptors: int
    doorbells: int
    reads: int
    memory_bytes: int
    up_bytes: int
    down_bytes: int


class Receives(NamedTuple):
    """Hold how consecutive frames are received: each receive's descriptors, and (address, bytes) of all writes.

    `n_taking`: how many of the frames begin an Rx buffer, and so take descriptors.
    """

    n_frames: int
    n_taking: int
    descriptors: tuple[int, ...]
    writes: tuple[tuple[int, int], ...]


def send_of(config: Config) -> Send | None:
    """Return what a send takes, None where VMs send frame by frame.

    Context descriptors are left out where they are written only on a change (`tso_context: changed`).
    """
    workload, driver = config.workload, config.driver
    if workload.segment_bytes is None:
        return None
    offset, n_frames = config.host.buffer_offset_bytes, workload.frames_a_send
    n_descriptors = -(-(offset + workload.send_bytes) // DATA_DESCRIPTOR_BYTES) + (driver.tso_context == "each")
    if config.has_virtual_switch:  # there a send stays whole in a VM's ring, in memory
        n_frames = n_descriptors = 1
    per_writeback = -(-config.nic.tx_writeback_batch // n_descriptors)
    told = 0 if driver.masks else driver.tx_interrupt_batch
    per_interrupt = -(-told // (per_writeback * n_descriptors)) * per_writeback
    per_free = per_interrupt or per_writeback
    rung = doorbell_batch(config)
    is_inline = driver.doorbell == "inline" and n_descriptors == 1
    return Send(
        n_frames,
        n_descriptors,
        tuple(_picks(config)),
        per_writeback,
        per_interrupt,
        per_free,
        -(-per_free // rung),
        lone_doorbells(per_free, rung) if is_inline else 0,
    )


def doorbell_batch(config: Config) -> int:
    """Return the most frames, or sends, that one Tx doorbell announces; the end of a turn rings too."""
    return min(config.driver.tx_doorbell_batch, config.driver.send_burst)


def lone_doorbells(posted: int, rung: int) -> int:
    """Return how many doorbells announce a single frame or send, of `posted` ones in groups of `rung`."""
    return posted if rung == 1 else int(posted % rung == 1)


def _picks(config: Config) -> Iterator[tuple[int, int]]:
    """Give what each payload fetch reads: to the end of the read request that has its first frame's last byte."""
    workload, offset, boundary = config.workload, config.host.buffer_offset_bytes, config.pcie.max_read_request_bytes
    assert workload.mss_bytes and workload.header_bytes, "they are filled in"
    read = frame = 0
    while read < workload.send_bytes:
        needed = min(workload.send_bytes, workload.header_bytes + (frame + 1) * workload.mss_bytes)
        end = min(workload.send_bytes, -(-(offset + needed) // boundary) * boundary - offset)
        yield read, end
        read, frame = end, (end - workload.header_bytes) // workload.mss_bytes


def posting_fs(config: Config) -> Fraction | None:
    """Return what a frame of a send costs its core to post, beside doorbells; None where VMs send frame by frame."""
    send = send_of(config)
    if send is None:
        return None
    send_fs, descriptor_fs, byte_fs = config.driver.send_costs_fs
    work_fs = send_fs + send.n_descriptors * descriptor_fs + config.workload.send_bytes * byte_fs
    return Fraction(work_fs, send.n_frames)


def splits(config: Config) -> bool:
    """Tell whether headers are split off: `nic.header_split` is on, and they fit."""
    size, header_bytes = config.nic.header_split_bytes, config.workload.header_bytes
    return size is not None and header_bytes is not None and header_bytes <= size


def coalesces(config: Config) -> bool:
    """Tell whether received frames may be coalesced: `nic.rsc` is on, and not all frames are for groups."""
    workload = config.workload
    return config.nic.rsc is not None and (not workload.is_for_groups or workload.external is not None)


def receives_of(config: Config, lengths: Sequence[int]) -> Receives | None:
    """Return how consecutive frames are received; None without coalescing and header split: each in own buffers.

    `lengths`: with FCS, of the frames that repeat; with sends, the frames of one send. Frames that are not of sends
    coalesce until a receive is full.
    """
    if not coalesces(config) and not splits(config):
        return None
    found: list[_Receive] = []
    if not coalesces(config) or config.workload.segment_bytes is not None:
        for n_bytes in lengths:
            _receive(config, found, n_bytes - FCS_BYTES)
    else:
        longest = max(lengths) - FCS_BYTES
        while len(found) < 2 and sum(one.n_frames for one in found) < _MOST_FRAMES:
            _receive(config, found, longest)
        found = found[:1]  # the one known to be full
    descriptors = tuple(one.n_descriptors for one in found)
    return Receives(
        sum(one.n_frames for one in found),
        sum(one.n_taking for one in found),
        descriptors,
        tuple(each for one in found for each in one.writes),
    )


@dataclass
class _Receive:
    """Hold an unfinished receive; of its last buffer: the bytes used, and the number of frames begun in it."""

    n_bytes: int
    n_frames: int = 1
    n_taking: int = 1
    n_descriptors: int = 1
    used_bytes: int = 0
    begun: int = 0
    writes: list[tuple[int, int]] = field(default_factory=list)


def _receive(config: Config, found: list[_Receive], n_bytes: int) -> None:
    """Add a frame to the last receive, or begin one with it."""
    header_bytes = config.workload.header_bytes or 0
    payload_bytes = n_bytes - header_bytes
    if found and payload_bytes > 0 and _fits(config, found[-1], payload_bytes):
        found[-1].n_frames += 1
        found[-1].n_bytes += payload_bytes
        n_descriptors = found[-1].n_descriptors
        _write(config, found[-1], payload_bytes)
        found[-1].n_taking += found[-1].n_descriptors > n_descriptors
        return
    one = _Receive(n_bytes)
    found.append(one)
    if splits(config):
        one.writes.append((0, min(n_bytes, header_bytes)))
        n_bytes -= min(n_bytes, header_bytes)
    _write(config, one, n_bytes)


def _fits(config: Config, one: _Receive, payload_bytes: int) -> bool:
    """Tell whether a receive takes another frame."""
    if config.nic.rsc is None or not coalesces(config):
        return False
    room_bytes = config.host.buffer_bytes - config.host.buffer_offset_bytes
    n_more = max(0, one.used_bytes + payload_bytes - 1) // room_bytes
    is_full = one.used_bytes < room_bytes and one.begun == _MOST_BEGUN
    has_descriptors = one.n_descriptors + n_more <= config.nic.rsc.descriptors
    return has_descriptors and one.n_bytes + payload_bytes <= _MOST_BYTES and not is_full


def _write(config: Config, one: _Receive, left: int) -> None:
    """Write bytes of a frame, buffer by buffer."""
    offset = config.host.buffer_offset_bytes
    room_bytes = config.host.buffer_bytes - offset
    has_begun = False
    while left:
        if one.used_bytes == room_bytes:
            one.used_bytes = one.begun = 0
            one.n_descriptors += 1
        one.begun += not has_begun
        has_begun = True
        n_bytes = min(left, room_bytes - one.used_bytes)
        one.writes.append((offset + one.used_bytes, n_bytes))
        one.used_bytes += n_bytes
        left -= n_bytes
