"""Many frames at once through the model's decision: ports, reasons, and the bytes of each copy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from cocotb_tests.batch_files import Frame
from hwmodel.forwarding.decide import DECISION, decide, output_queue
from hwmodel.forwarding.ingress_rules import is_group, vlan_of
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG, OUTER_TYPES
from hwmodel.forwarding.parse import HEADER, parse
from hwmodel.forwarding.port_set import UPLINK, contains, count
from hwmodel.forwarding.rewrite import egress_bytes, rewrite
from hwmodel.forwarding.tables import RESERVED_VID, STATION_MAC, VLAN_MAC, find, key_of, vlan_address

LONGEST_TAGS = 12

# What the model says of a frame, and what functional coverage asks about it.
VERDICT = np.dtype(
    [
        (name, "i8")
        for name in (
            "reason", "ports", "priority", "tag_kind", "destination_kind", "admit", "vid_class",
            "by_pools", "default_pool",
        )
    ]
)  # fmt: skip
UNTAGGED, PRIORITY_TAG, C_TAG, OUTER, OUTER_AND_C, FOREIGN = range(6)
HIT, MISS, GROUP, OWN, NO_DESTINATION_ADDRESS = range(5)
MEMBER, NO_MEMBER, RESERVED = range(3)
BRIDGED, TO_ONE_POOL, REPLICATED = range(3)
I64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FrameTable:
    """Frames end to end in one array of bytes."""

    port: I64
    is_bad: I64
    start: I64
    length: I64
    data: Bytes

    @classmethod
    def of(cls, frames: list[Frame]) -> FrameTable:
        """Gather frames; one with an empty last beat is bad."""
        length = np.array([len(frame.data) for frame in frames], np.int64)
        return cls(
            port=np.array([frame.port for frame in frames], np.int64),
            is_bad=np.array([frame.is_bad or frame.empty_last_beat for frame in frames], np.int64),
            start=np.cumsum(length) - length,
            length=length,
            data=np.frombuffer(b"".join(frame.data for frame in frames) + bytes(32), np.uint8),
        )


@njit(cache=True)
def _tag_kind(header):  # type: ignore[no-untyped-def]
    if header.outer_kind != NO_OUTER_TAG:
        return OUTER_AND_C if header.has_c_tag else OUTER
    if header.ethertype in OUTER_TYPES[1:]:
        return FOREIGN
    if not header.has_c_tag:
        return UNTAGGED
    return C_TAG if header.vid != 0 else PRIORITY_TAG


@njit(cache=True)
def _destination_kind(tables, header):  # type: ignore[no-untyped-def]
    if not header.is_complete:
        return NO_DESTINATION_ADDRESS
    if is_group(header.destination):
        return GROUP
    in_vlan = vlan_address(vlan_of(tables, header), header.destination)
    found = tables.lookup.entry[find(tables.lookup, key_of(STATION_MAC, header.destination))]
    also = tables.lookup.entry[find(tables.lookup, key_of(VLAN_MAC, in_vlan))]
    if contains(found.ports, header.ingress_port) or contains(also.ports, header.ingress_port):
        return OWN
    return HIT if count(found.ports) + count(also.ports) > 0 else MISS


@njit(cache=True)
def _decide_some(tables, chosen, port, is_bad, start, length, data, header, decision, verdict):  # type: ignore[no-untyped-def]
    for row in range(len(chosen)):
        frame = chosen[row]
        parse(tables, port[frame], data[start[frame] : start[frame] + max(length[frame], 26)], length[frame], header)
        header.is_bad = is_bad[frame]
        decide(tables, header, decision)
        verdict[row].reason = decision.reason
        verdict[row].ports = decision.egress.word[0]
        verdict[row].priority = decision.priority
        verdict[row].tag_kind = _tag_kind(header)
        verdict[row].destination_kind = _destination_kind(tables, header)
        verdict[row].admit = tables.port[port[frame]].admit
        verdict[row].by_pools = BRIDGED
        if tables.has_pool_filters and port[frame] == UPLINK:
            verdict[row].by_pools = REPLICATED if tables.replicates else TO_ONE_POOL
        verdict[row].default_pool = tables.default_pool
        vlan = vlan_of(tables, header)
        is_member = contains(tables.vlan[vlan].members, port[frame])
        verdict[row].vid_class = RESERVED if vlan == RESERVED_VID else MEMBER if is_member else NO_MEMBER


@njit(cache=True)
def _copy_some(tables, chosen, to_port, port, is_bad, start, length, data, header, decision, out, ends):  # type: ignore[no-untyped-def]
    """Write the copy of each chosen frame for its port, end to end."""
    at = 0
    for row in range(len(chosen)):
        frame = chosen[row]
        received = data[start[frame] : start[frame] + max(length[frame], 26)]
        parse(tables, port[frame], received, length[frame], header)
        header.is_bad = is_bad[frame]
        decide(tables, header, decision)
        n_bytes = egress_bytes(header, decision, to_port[row])
        rewrite(received, length[frame], header, decision, to_port[row], out[at : at + n_bytes])
        at += n_bytes
        ends[row] = at


def _scratch() -> tuple[Any, Any]:
    return np.zeros(1, HEADER).view(np.recarray)[0], np.zeros(1, DECISION).view(np.recarray)[0]


def decide_frames(tables: Any, frames: FrameTable, chosen: I64) -> Any:
    """Return a VERDICT for each of the chosen frames."""
    verdict = np.zeros(len(chosen), VERDICT).view(np.recarray)
    _decide_some(
        tables, chosen, frames.port, frames.is_bad, frames.start, frames.length, frames.data, *_scratch(), verdict
    )
    return verdict


def copy_frames(tables: Any, frames: FrameTable, chosen: I64, to_port: I64) -> list[bytes]:
    """Return the bytes of the copy of each chosen frame for the port beside it."""
    out = np.zeros(int(frames.length[chosen].sum()) + LONGEST_TAGS * len(chosen), np.uint8)
    ends = np.zeros(len(chosen), np.int64)
    _copy_some(
        tables, chosen, to_port, frames.port, frames.is_bad, frames.start, frames.length, frames.data, *_scratch(), out,
        ends,
    )  # fmt: skip
    whole, bounds = out.tobytes(), [0, *ends.tolist()]
    return [whole[a:b] for a, b in pairwise(bounds)]


def queue_of(priority: int, priorities: int) -> int:
    """Return the output queue of a priority."""
    return int(output_queue(priority, priorities))
