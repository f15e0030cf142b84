"""List the frame lengths that a configuration names, each with the key that names it; count their Rx descriptors."""

from __future__ import annotations

from collections.abc import Iterable

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DATA_DESCRIPTOR_BYTES
from hwmodel.rules.switch_modes import C_TAG, MODES

from .document import KeyPath
from .model import Config

_MAX_PERIOD = 100_000  # frames looked at for a stall; batches whose pattern repeats later are looked at in part


_SEGMENT = ("workload", "segment_bytes")


def longest_frame(config: Config, *, at_adapter: bool = False) -> tuple[int, KeyPath]:
    """Return the longest frame (bytes with FCS) that a key names, and the key; a pcap is not read, and has 0.

    `at_adapter`: of those that an adapter handles; a segment that a virtual switch passes whole is none.
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
    """Return how many Tx descriptors a send takes at most: a context's, and one for each 16 KiB begun of its memory."""
    return 1 + -(-(config.host.buffer_offset_bytes + config.workload.send_bytes) // DATA_DESCRIPTOR_BYTES)


def slots_of_send(config: Config) -> int:
    """Return how many slots of one of the adapter's Tx rings a send takes at once: of descriptors, or of frames."""
    return config.workload.frames_a_send if config.sends_cut_by == "switch" else descriptors_of_send(config)


def mirrored_tag_bytes(config: Config) -> int:
    """Return the most bytes of tags with which a mirrored copy comes that its frame, as a station has it, lacks.

    A watcher of the wire gets the tags of the wire: the mode's outer tag and a C-TAG.
    """
    if not config.switch.mirrors:
        return 0
    return C_TAG.n_bytes + MODES[config.switch.mode].tag_bytes


def descriptors_of(config: Config, frame_bytes: int) -> int:
    """Return how many Rx descriptors a frame (bytes with FCS) takes at most: one for each host buffer begun.

    Tags count where the switch may add some, or a mirrored copy may have some. Where a buffer has no room at all, which
    is another check's, it is 1.
    """
    room = config.host.buffer_bytes - config.host.buffer_offset_bytes
    may_add_tag = any(set(port.vlans) - set(port.untagged) for port in config.switch.ports)
    added_bytes = max(C_TAG.n_bytes * may_add_tag, mirrored_tag_bytes(config))
    n_bytes = frame_bytes - FCS_BYTES + added_bytes
    return max(1, -(-n_bytes // room)) if room > 0 else 1


def rx_descriptors_in_use(config: Config, descriptors: Iterable[int]) -> tuple[int, int]:
    """Return how many Rx descriptors batches can hold back for ever, and how many the next step needs.

    `descriptors`: what single frames take; none: one each. Where frames differ in it the first is an upper bound, with
    each stage short of its batch by as little as can be.
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
    driver of all of them. It gives descriptors back in batches of `refill`. The pattern repeats when nothing is held.
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
