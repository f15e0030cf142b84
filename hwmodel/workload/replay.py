"""A capture as traffic: which port sends each frame, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwmodel.errors import InputError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import FS_PER_NS, FS_PER_S
from hwmodel.wire.header_scan import scan_headers
from hwmodel.wire.pcap import PcapBlock, read_blocks
from hwmodel.wire.rss import RSS_PREFIX_BYTES, frame_hashes
from hwmodel.wire.tags import LONGEST_HEADER_BYTES
from hwmodel.workload.header_table import HeaderTable
from hwmodel.workload.traffic import CLOSED, RECORDED, FrameTemplate, Records, Source

if TYPE_CHECKING:
    from hwmodel.config.switch import Switch

# Times beyond this, with what a run adds to them, would not fit into 63 bits of femtoseconds.
LONGEST_CAPTURE_FS = 1 << 62

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Replay:
    """Hold a capture as templates, sources and records that number each other from 0."""

    templates: list[FrameTemplate]
    sources: list[Source]
    records: Records


def read_replay(path: str, switches: Mapping[str, Switch], *, asap: bool) -> Replay:
    """Read a capture, each frame entering by the port that owns its source address, any other frame by the uplink.

    `switches`: as of `HeaderTable`.
    With `asap` the times are dropped and each port plays its frames in file order, back to back; else the earliest
    frame comes at time 0. Memory grows by 28 B a frame and with the number of distinct headers. Raises InputError for a
    file that cannot be read, holds no frames, lacks part of a header it should have, or spans more than 4611 s.
    """
    headers = HeaderTable(switches)
    blocks = [_read_block(path, block, headers) for block in read_blocks(path)]
    if not blocks:
        raise InputError(f"{path}: holds no frames")
    at_ns = np.concatenate([block.at_ns for block in blocks])
    template = np.concatenate([block.template for block in blocks])
    names, source_of_template = headers.sources()
    n_records = np.bincount(source_of_template[template], minlength=len(names))
    order, at_fs = _times(path, at_ns, asap)
    records = Records(
        at_fs=at_fs,
        source=source_of_template[template][order],
        template=template[order],
        frame_bytes=np.concatenate([block.frame_bytes for block in blocks])[order],
        index=np.arange(len(at_ns), dtype=np.int32)[order],
        rss_hash=np.concatenate([block.rss_hash for block in blocks])[order],
    )
    kind = CLOSED if asap else RECORDED
    sources = [Source(name, kind, n_records=int(n)) for name, n in zip(names, n_records, strict=True)]
    return Replay(headers.templates, sources, records)


def _times(path: str, at_ns: I64, asap: bool) -> tuple[I64 | slice, I64]:
    """Give the order in which frames come, and their times in that order."""
    if asap:
        return slice(None), np.zeros(len(at_ns), np.int64)
    span_ns = int(at_ns.max()) - int(at_ns.min())
    if span_ns * FS_PER_NS >= LONGEST_CAPTURE_FS:
        raise InputError(
            f"{path}: its timestamps span {span_ns // 10**9} s; at most {LONGEST_CAPTURE_FS // FS_PER_S} s "
            "can be replayed (pcap_time: asap plays it back to back)"
        )
    order = np.argsort(at_ns, kind="stable").astype(np.int64)
    return order, (at_ns[order] - at_ns.min()) * FS_PER_NS


@dataclass(frozen=True)
class _Frames:
    at_ns: I64
    template: I32
    frame_bytes: I32
    rss_hash: npt.NDArray[np.uint32]


def _read_block(path: str, block: PcapBlock, headers: HeaderTable) -> _Frames:
    captured = block.captured_bytes
    prefix = block.prefix(RSS_PREFIX_BYTES)
    scan = scan_headers(prefix, captured)
    for at in np.flatnonzero(~scan.complete & (captured < block.original_bytes))[:1]:
        raise InputError(
            f"{path}: frame {block.first_frame + int(at)} holds {captured[at]} of {block.original_bytes[at]} bytes, "
            "which ends within its header (capture with a longer snapshot length)"
        )
    is_ip = np.where(scan.complete, scan.ethertype, 0)
    return _Frames(
        at_ns=block.at_ns,
        template=headers.intern(prefix[:, :LONGEST_HEADER_BYTES], np.minimum(scan.n_bytes, captured)),
        frame_bytes=(block.original_bytes + FCS_BYTES).astype(np.int32),
        rss_hash=frame_hashes(prefix, captured, scan.n_bytes, is_ip),
    )
