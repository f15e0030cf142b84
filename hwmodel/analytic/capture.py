"""The frame sizes and flows of a capture file, as the closed form needs them."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwmodel.errors import InputError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.wire.ethernet import ADDRESS_BYTES, BROADCAST_MAC, is_group_mac
from hwmodel.wire.pcap import read_blocks

_NS_PER_S = 10**9
HEADER_BYTES = 2 * ADDRESS_BYTES + 2  # addresses and type: a shorter frame is dropped, RUNT


@dataclass(frozen=True)
class Capture:
    """Hold the frames of a capture, counted: by `frame_bytes` with FCS, and by (source, target).

    `frames_per_s` is their mean rate by the timestamps, None where these do not span any time.
    """

    sizes: Mapping[int, int]
    flows: Mapping[tuple[str, str], int]
    frames_per_s: Fraction | None


def read_capture(path: str | os.PathLike[str], station_of_mac: Mapping[int, str], most_bytes: int) -> Capture:
    """Count the frames of a capture file, or return what the last call has counted in the same one.

    Frames that no adapter takes, without a whole header or longer with FCS and tags than `most_bytes`, do not count.
    A source address that no station has stands for the wire, such a destination for the uplink; of a frame from the
    wire to an address that is not here nothing is counted but its length. Tags are not looked at. Raises InputError
    where the file cannot be read, or holds no frames.
    """
    written = os.stat(path) if os.path.isfile(path) else None
    identity = None if written is None else (written.st_mtime_ns, written.st_size, written.st_ino)
    return _count(os.fspath(path), identity, tuple(station_of_mac.items()), most_bytes)


@functools.lru_cache(maxsize=1)
def _count(
    path: str, _identity: tuple[int, int, int] | None, stations: tuple[tuple[int, str], ...], most_bytes: int
) -> Capture:
    """Count; `_identity` is in the key alone, so that a file that was written anew is read anew."""
    station_of_mac = dict(stations)
    sizes: Counter[int] = Counter()
    flows: Counter[tuple[str, str]] = Counter()
    first_ns, last_ns, n_frames = [], [], 0
    for block in read_blocks(path):
        n_frames += len(block)
        taken = (block.original_bytes >= HEADER_BYTES) & (block.original_bytes + FCS_BYTES <= most_bytes)
        lengths, counts = np.unique(block.original_bytes[taken], return_counts=True)
        sizes.update({int(length) + FCS_BYTES: int(n) for length, n in zip(lengths, counts, strict=True)})
        addresses, counts = np.unique(block.prefix(2 * ADDRESS_BYTES)[taken], axis=0, return_counts=True)
        for row, n in zip(addresses, counts, strict=True):
            destination = int.from_bytes(row[:ADDRESS_BYTES].tobytes(), "big")
            source = station_of_mac.get(int.from_bytes(row[ADDRESS_BYTES:].tobytes(), "big"), "uplink")
            target = _target(source, destination, station_of_mac)
            if target is not None:
                flows[source, target] += int(n)
        if taken.any():
            first_ns.append(int(block.at_ns[taken].min()))
            last_ns.append(int(block.at_ns[taken].max()))
    if not n_frames:
        raise InputError(f"{path}: holds no frames")
    span_ns = max(last_ns) - min(first_ns) if first_ns else 0
    rate = Fraction(sum(sizes.values()) * _NS_PER_S, span_ns) if span_ns else None
    return Capture(dict(sizes), dict(flows), rate)


def _target(source: str, destination: int, station_of_mac: Mapping[int, str]) -> str | None:
    if is_group_mac(destination):
        return "broadcast" if destination == BROADCAST_MAC else "multicast"
    return station_of_mac.get(destination, "uplink" if source != "uplink" else None)
