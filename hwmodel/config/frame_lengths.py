"""List the frame lengths that a configuration names, each with the key that names it; count their Rx descriptors."""

from __future__ import annotations

from collections.abc import Iterable

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DATA_DESCRIPTOR_BYTES
from hwmodel.rules.switch_modes import C_TAG, MODES

from .document import KeyPath
from .model import Config

_MAX_PERIOD = 100_000  # frames searched for a stall; batches with a longer period are searched only so far


_SEGMENT = ("workload", "segment_bytes")


def longest_frame(config: Config, *, at_adapter: bool = False) -> tuple[int, KeyPath]:
    """Return the longest frame (bytes with FCS) that a key names, and the key; 0 with a pcap, which is not read.

    `at_adapter`: only what an adapter handles, without the segments that a virtual switch passes whole.
    """
    named = [(n_bytes, path) for n_bytes, path in named_lengths(config) if not (at_adapter and path == _SEGMENT)]
    return max(named, key=lambda named: named[0], default=(0, ("workload", "frame_bytes")))


def named_lengths(config: Config) -> list[tuple[int, KeyPath]]:
    """Return each length (bytes with FCS) that a configuration names, with the path of the key."""
    found: list[tuple[int, KeyPath]] = []
    for block, path in ((config.workload, ("workload",)), (config.workload.external, ("workload", "external"))):
        if block is None or (block is config.workload and config.workload.pattern is None):
            continue
        if block is config.workload and config.workload.segment_bytes is not None:
            if config.hands_over_segments:
                found.append((config.workload.send_bytes + FCS_BYTES, _SEGMENT))
            if not config.switches_in_memory:
                lengths = [entry.frame_bytes for entry in block.sizes or ()] or [block.frame_bytes or 0]
                found.extend((n_bytes, ("workload", "mss")) for n_bytes in lengths)
            continue
        if block.frame_bytes is not None:
            found.append((block.frame_bytes, (*path, "frame_bytes")))
        for index, entry in enumerate(block.sizes or ()):
            found.append((entry.frame_bytes, (*path, "sizes", index)))
    return found


def descriptors_of_send(config: Config) -> int:
    """Return the most Tx descriptors that a send takes: one for its context, one for each 16 KiB begun."""
    return 1 + -(-(config.host.buffer_offset_bytes + config.workload.send_bytes) // DATA_DESCRIPTOR_BYTES)


def slots_of_send(config: Config) -> int:
    """Return the Tx ring slots that a send takes at once: descriptors, or frames if the virtual switch cuts it."""
    return config.workload.frames_a_send if config.sends_cut_by == "switch" else descriptors_of_send(config)


def mirrored_tag_bytes(config: Config) -> int:
    """Return the most tag bytes that a mirrored copy can have beyond those of its frame at a station.

    A mirror of the uplink copies frames as they are on the wire: with the mode's outer tag and a C-TAG.
    """
    if not config.switch.mirrors:
        return 0
    return C_TAG.n_bytes + MODES[config.switch.mode].tag_bytes


def descriptors_of(config: Config, frame_bytes: int) -> int:
    """Return the most Rx descriptors that a frame (bytes with FCS) takes: one for each host buffer begun.

    Tags that the switch may add, or that a mirrored copy may have, are counted. 1 if a buffer has no room at all, which
    another check reports.
    """
    room = config.host.buffer_bytes - config.host.buffer_offset_bytes
    may_add_tag = any(set(port.vlans) - set(port.untagged) for port in config.switch.ports)
    added_bytes = max(C_TAG.n_bytes * may_add_tag, mirrored_tag_bytes(config))
    n_bytes = frame_bytes - FCS_BYTES + added_bytes
    return max(1, -(-n_bytes // room)) if room > 0 else 1


def rx_descriptors_in_use(config: Config, descriptors: Iterable[int]) -> tuple[int, int]:
    """Return how many Rx descriptors unfilled batches can hold back for ever, and how many the next step needs.

    `descriptors`: how many a frame takes, for each kind of frame; empty: one each. If kinds differ, the first result is
    an upper bound: each stage is one short of its batch.
    """
    nic, driver = config.nic, config.driver
    kinds = sorted(set(descriptors)) or [1]
    most = kinds[-1]
    writeback = 1 if nic.writeback_timeout_fs is not None else nic.rx_writeback_batch  # in descriptors
    interrupt = 1 if driver.moderation_fs else max(driver.rx_interrupt_batch, 1)  # in frames
    if len(kinds) == 1:
        held = most * most_held(-(-writeback // most), interrupt, -(-driver.refill_batch // most))
    else:
        held = (writeback - 1) + (interrupt - 1) * most + (driver.refill_batch - 1)
    return held, max(most, nic.rx_fetch_batch if nic.rx_prefetch else 1)


def most_held(writeback: int, interrupt: int, refill: int) -> int:
    """Return the most frames whose descriptors are held back at any time, as frames come one by one.

    Each `writeback` frames are written back together. Once `interrupt` or more are written back, an interrupt tells the
    driver of all of them. The driver posts descriptors again in batches of `refill`. The pattern repeats once none is
    held.
    """
    most = held = counted = taken = 0
    for _ in range(_MAX_PERIOD):
        held += 1
        if held == writeback:
            counted, held = counted + held, 0
        if counted >= interrupt:
            taken, counted = (taken + counted) % refill, 0
        waiting = held + counted + taken
        most = max(most, waiting)
        if waiting == 0:
            break
    return most
