"""The header parser of `tags`, for many frames at once: where each header ends, and whether the frame has all of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.tags import LONGEST_HEADER_BYTES, OUTER_TAG_TYPES, TAG_BYTES, TAG_OFFSET, TYPE_BYTES

Bytes2D = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeaderScan:
    """Hold, for n frames, the header's end `n_bytes` (int64), its type (int64) and whether the frame reaches that end.

    Where `complete` is false the other two are worth nothing.
    """

    n_bytes: I64
    ethertype: I64
    complete: npt.NDArray[np.bool_]


def scan_headers(prefix: Bytes2D, valid_bytes: I64) -> HeaderScan:
    """Find the headers of n frames, with any of the three outer tags and a C-TAG recognised.

    `prefix` is uint8 of shape (n, at least 26): each frame's first bytes, zeros where the frame is shorter;
    `valid_bytes` is int64 of shape (n,): how many bytes of the frame are there.
    """
    if prefix.shape[1] < LONGEST_HEADER_BYTES:
        raise ValueError(f"{prefix.shape[1]} bytes of a frame are too few to find its header")
    first_type = _types_at(prefix, np.full(len(prefix), TAG_OFFSET, np.int64))
    end = np.full(len(prefix), TAG_OFFSET, np.int64)
    for outer_type in OUTER_TAG_TYPES:
        end[first_type == outer_type] += TAG_BYTES[outer_type]
    has_c_tag = _types_at(prefix, end) == EtherType.C_TAG
    end[has_c_tag] += TAG_BYTES[EtherType.C_TAG]
    n_bytes = end + TYPE_BYTES
    return HeaderScan(n_bytes, _types_at(prefix, end), valid_bytes >= n_bytes)


def _types_at(prefix: Bytes2D, at: I64) -> I64:
    rows = np.arange(len(prefix))
    types: I64 = prefix[rows, at].astype(np.int64) << 8 | prefix[rows, at + 1]
    return types
