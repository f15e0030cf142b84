"""Writing of pcapng files: frames of one wire, in nanoseconds, each with its direction.

The format is that of the IETF draft "PCAP Next Generation Capture File Format" (draft-ietf-opsawg-pcapng): one section,
one interface, an enhanced packet block for each frame.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import Struct

import numpy as np
import numpy.typing as npt

from hwmodel.wire.frame_file import FrameFile
from hwmodel.wire.pcap import LINK_TYPE_ETHERNET, LONGEST_FRAME_BYTES

SECTION_HEADER, INTERFACE_DESCRIPTION, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
UNKNOWN_LENGTH = -1
IF_NAME, IF_DESCRIPTION, IF_TSRESOL = 2, 3, 9
EPB_FLAGS = 2
INBOUND, OUTBOUND = 1, 2  # of EPB_FLAGS: to the interface, from it
NANOSECONDS = b"\x09"  # of IF_TSRESOL: 10^-9 s

_ENDS = Struct("<2I")
_PACKET = Struct("<7I")
_FLAGS = Struct("<2H3I")  # with the end of the options and of the block


def section_header() -> bytes:
    """Give the block that begins a file: little endian, version 1.0, of unknown length."""
    return _block(SECTION_HEADER, Struct("<I2Hq").pack(BYTE_ORDER_MAGIC, 1, 0, UNKNOWN_LENGTH))


def interface_description(name: str, description: str) -> bytes:
    """Give the block of an Ethernet interface with nanosecond timestamps."""
    options = (IF_NAME, name.encode()), (IF_DESCRIPTION, description.encode()), (IF_TSRESOL, NANOSECONDS)
    fixed = Struct("<2HI").pack(LINK_TYPE_ETHERNET, 0, LONGEST_FRAME_BYTES)
    return _block(INTERFACE_DESCRIPTION, fixed + b"".join(_option(*option) for option in options) + bytes(4))


def _option(code: int, value: bytes) -> bytes:
    return Struct("<2H").pack(code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    n_bytes = 12 + len(body)
    return _ENDS.pack(kind, n_bytes) + body + Struct("<I").pack(n_bytes)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class PcapngWriter(FrameFile):
    """Write the frames of one interface to a pcapng file; see `FrameFile`."""

    def __init__(self, path: str | os.PathLike[str], name: str, description: str) -> None:
        super().__init__(path, section_header() + interface_description(name, description))

    def write_block(
        self,
        at_ns: npt.ArrayLike,
        frames: Sequence[bytes],
        is_outbound: Sequence[bool],
        original_bytes: Sequence[int] | None = None,
    ) -> None:
        """Append frames in the order given, their times in nanoseconds from 0 on.

        `original_bytes`: their lengths on the wire, where a frame may be only its beginning. Raises ValueError for a
        negative time, for a frame longer than 262,144 B and for an original length below the captured one.
        """
        times = np.asarray(at_ns, np.int64).tolist()
        originals = list(map(len, frames)) if original_bytes is None else original_bytes
        parts: list[bytes] = []
        for at, frame, outbound, original in zip(times, frames, is_outbound, originals, strict=True):
            if at < 0 or not len(frame) <= original <= LONGEST_FRAME_BYTES:
                raise ValueError(f"a frame of {len(frame)} of {original} bytes at {at} ns does not fit the format")
            data = _padded(frame)
            n_bytes = _PACKET.size + len(data) + _FLAGS.size
            head = (ENHANCED_PACKET, n_bytes, 0, at >> 32, at & 0xFFFFFFFF, len(frame), original)
            direction = OUTBOUND if outbound else INBOUND
            parts += (_PACKET.pack(*head), data, _FLAGS.pack(EPB_FLAGS, 4, direction, 0, n_bytes))
        self._append(parts, len(frames))
