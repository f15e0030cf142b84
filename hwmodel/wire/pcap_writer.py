"""Writing of classic capture files with nanosecond timestamps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import Struct

import numpy as np
import numpy.typing as npt

from hwmodel.wire.frame_file import FrameFile
from hwmodel.wire.pcap import LINK_TYPE_ETHERNET, LONGEST_FRAME_BYTES, NANOSECOND_MAGIC, RECORD_HEADER_BYTES, VERSION

NS_PER_S = 1_000_000_000
# Seconds are 32 bits in the format.
LAST_NS = (1 << 32) * NS_PER_S - 1


def file_header() -> bytes:
    """Give the 24 B that begin a file: little endian, nanoseconds, Ethernet, version 2.4."""
    return Struct("<I2H8x2I").pack(NANOSECOND_MAGIC, *VERSION, LONGEST_FRAME_BYTES, LINK_TYPE_ETHERNET)


class PcapWriter(FrameFile):
    """Write frames to a classic capture file; see `FrameFile`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, file_header())

    def write(self, at_ns: int, frame: bytes, original_bytes: int | None = None) -> None:
        """Append one frame; `original_bytes` is its length on the wire where `frame` is only its beginning."""
        self.write_block([at_ns], [frame], None if original_bytes is None else [original_bytes])

    def write_block(
        self,
        at_ns: npt.ArrayLike,
        frames: Sequence[bytes],
        original_bytes: npt.ArrayLike | None = None,
    ) -> None:
        """Append frames in the order given, their times in nanoseconds from 0 on.

        Raises ValueError for a time outside the format's 2^32 s, for a frame longer than 262,144 B and for an original
        length below the captured one.
        """
        times = np.asarray(at_ns, np.int64)
        captured = np.fromiter(map(len, frames), np.int64, len(frames))
        original = captured if original_bytes is None else np.asarray(original_bytes, np.int64)
        if times.shape != captured.shape or original.shape != captured.shape:
            raise ValueError(f"{len(times)} times and {len(original)} lengths do not fit {len(captured)} frames")
        if np.any(times < 0) or np.any(times > LAST_NS):
            raise ValueError("a time lies outside the 2^32 s of the format")
        if np.any(original < captured) or np.any(original > LONGEST_FRAME_BYTES):
            raise ValueError(f"a frame is longer than its original length or than {LONGEST_FRAME_BYTES} bytes")
        fields = np.stack([times // NS_PER_S, times % NS_PER_S, captured, original], axis=1).astype("<u4")
        headers = fields.tobytes()
        parts: list[bytes] = []
        for index, frame in enumerate(frames):
            parts += (headers[RECORD_HEADER_BYTES * index : RECORD_HEADER_BYTES * (index + 1)], frame)
        self._append(parts, len(frames))
