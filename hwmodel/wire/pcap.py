"""Capture files: the classic format read in blocks and written, pcapng written.

The classic format is that of the tcpdump project ("PCAP Capture File Format", IETF draft-ietf-opsawg-pcap): a header of
24 B, then for each frame 16 B (seconds, fraction, captured length, original length) and the captured bytes. pcapng is
that of the draft "PCAP Next Generation Capture File Format" (draft-ietf-opsawg-pcapng): one section, one interface, an
enhanced packet block for each frame, with its direction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from hwmodel.atomic_file import AtomicFile
from hwmodel.errors import InputError

FILE_HEADER_BYTES = 24
RECORD_HEADER_BYTES = 16
NS_PER_S = 1_000_000_000
VERSION = (2, 4)
LINK_TYPE_ETHERNET = 1
MICROSECOND_MAGIC = 0xA1B2C3D4
NANOSECOND_MAGIC = 0xA1B23C4D
# The longest frame that tcpdump and Wireshark take as sound.
LONGEST_FRAME_BYTES = 262_144
# Enough for the 17,000 shortest frames in a few megabytes of arrays.
BLOCK_BYTES = 4 << 20

_NS_PER_TICK = {MICROSECOND_MAGIC: 1000, NANOSECOND_MAGIC: 1}
_FCS_PRESENT_BIT = 1 << 26
_OTHER_MAGICS = {
    b"\x0a\x0d\x0d\x0a": "is in the pcapng format (convert it with `editcap -F pcap IN.pcapng OUT.pcap`)",
    b"\x34\xcd\xb2\xa1": "is in a modified pcap format (convert it with `editcap -F pcap IN OUT.pcap`)",
    b"\xa1\xb2\xcd\x34": "is in a modified pcap format (convert it with `editcap -F pcap IN OUT.pcap`)",
    b"\x1f\x8b": "is compressed (unpack it with gunzip first)",
    b"\x28\xb5\x2f\xfd": "is compressed (unpack it with unzstd first)",
}

I64 = npt.NDArray[np.int64]
# Seconds are 32 bits in the format.
LAST_NS = (1 << 32) * NS_PER_S - 1
# Of pcapng: kinds of blocks and of options, and what stands in them.
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


@dataclass(frozen=True, slots=True)
class PcapFormat:
    """Hold what the file header says: byte order as in `struct` ('<' or '>') and nanoseconds of one timestamp tick."""

    byte_order: str
    ns_per_tick: int


@dataclass(frozen=True, slots=True)
class PcapBlock:
    """Hold some consecutive frames of a file; arrays are int64 of shape (n,), frames count from 0 in the file.

    `at_ns` is the timestamp, `captured_bytes` what the file holds of a frame, `original_bytes` its length on the wire
    (neither with the frame check sequence), `file_offset` where in the file its bytes begin, `start` where in `data`.
    """

    first_frame: int
    at_ns: I64
    captured_bytes: I64
    original_bytes: I64
    file_offset: I64
    data: bytes
    start: I64

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.at_ns)

    @classmethod
    def of_frames(cls, at_ns: Sequence[int], frames: Sequence[bytes], first_frame: int = 0) -> PcapBlock:
        """Hold whole frames that come from no file; their `file_offset` is -1. Times are from 0 on."""
        n_bytes = np.fromiter(map(len, frames), np.int64, len(frames))
        return cls(
            first_frame=first_frame,
            at_ns=np.array(at_ns, np.int64),
            captured_bytes=n_bytes,
            original_bytes=n_bytes,
            file_offset=np.full(len(frames), -1, np.int64),
            data=b"".join(frames),
            start=np.cumsum(n_bytes) - n_bytes,
        )

    def frame(self, index: int) -> bytes:
        """Give the captured bytes of the frame at `index` within the block."""
        start = int(self.start[index])
        return self.data[start : start + int(self.captured_bytes[index])]

    def prefix(self, n_bytes: int) -> npt.NDArray[np.uint8]:
        """Give the first `n_bytes` of each frame as uint8 of shape (n, n_bytes), zeros behind the captured bytes."""
        padded = np.frombuffer(self.data + bytes(n_bytes), np.uint8)
        rows = np.lib.stride_tricks.sliding_window_view(padded, n_bytes)[self.start]
        short = np.flatnonzero(self.captured_bytes < n_bytes)
        rows[short] *= np.arange(n_bytes) < self.captured_bytes[short, None]
        return rows


def read_blocks(path: str | os.PathLike[str], block_bytes: int = BLOCK_BYTES) -> Iterator[PcapBlock]:
    """Yield the frames of a capture file in blocks of about `block_bytes`.

    Raises InputError where the file cannot be read, is no classic Ethernet capture, is cut short or damaged; the frames
    before the fault have been yielded by then.
    """
    name = os.fspath(path)
    if "\0" in name:
        raise InputError(f"{name!r}: cannot be read: a path has no NUL character")
    try:
        with open(name, "rb") as file:
            yield from _blocks(name, file, block_bytes)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None


def read_format(name: str, header: bytes) -> PcapFormat:
    """Decode the first 24 B of a file called `name`; InputError where they announce no classic Ethernet capture."""
    for beginning, what in _OTHER_MAGICS.items():
        if header.startswith(beginning):
            raise InputError(f"{name}: {what}")
    for byte_order in "<>":
        for magic, ns_per_tick in _NS_PER_TICK.items():
            magic_bytes = Struct(byte_order + "I").pack(magic)
            if header[:4] == magic_bytes:
                _check_file_header(name, header, byte_order)
                return PcapFormat(byte_order, ns_per_tick)
            if len(header) < len(magic_bytes) and magic_bytes.startswith(header):
                raise InputError(_truncated(name, 0, len(header), "the file header"))
    raise InputError(f"{name}: is no pcap file: it begins with the bytes {header[:4].hex(' ')}")


def _check_file_header(name: str, header: bytes, byte_order: str) -> None:
    if len(header) < FILE_HEADER_BYTES:
        raise InputError(_truncated(name, 0, len(header), "the file header"))
    major, minor, link = Struct(byte_order + "4x2H12xI").unpack(header)
    if (major, minor) != VERSION:
        raise InputError(f"{name}: is of pcap version {major}.{minor}; only {VERSION[0]}.{VERSION[1]} is read")
    if link & 0xFFFF != LINK_TYPE_ETHERNET:
        raise InputError(f"{name}: has link type {link & 0xFFFF}; only Ethernet ({LINK_TYPE_ETHERNET}) is read")
    if link & _FCS_PRESENT_BIT:
        raise InputError(f"{name}: its frames end with a frame check sequence; only captures without it are read")


def frame_name(frame: int) -> str:
    """Name a frame, counted from 0, with the number that Wireshark shows, which counts from 1."""
    return f"frame {frame} (No. {frame + 1} in Wireshark)"


def _truncated(name: str, n_frames: int, n_bytes: int, where: str) -> str:
    were_read = "1 frame was read" if n_frames == 1 else f"{n_frames} frames were read"
    return f"{name}: truncated: {were_read}, the file ends at offset {n_bytes} inside {where}"


def _blocks(name: str, file: BinaryIO, block_bytes: int) -> Iterator[PcapBlock]:
    layout = read_format(name, file.read(FILE_HEADER_BYTES))
    data, data_offset, n_frames = b"", FILE_HEADER_BYTES, 0
    while chunk := file.read(block_bytes):
        data += chunk
        starts, end = _record_starts(name, layout, data, n_frames)
        if starts:
            yield _block(name, layout, data, starts, n_frames, data_offset)
        n_frames += len(starts)
        data, data_offset = data[end:], data_offset + end
    if data:
        where = "the header" if len(data) < RECORD_HEADER_BYTES else "the data"
        raise InputError(_truncated(name, n_frames, data_offset + len(data), f"{where} of {frame_name(n_frames)}"))


def _record_starts(name: str, layout: PcapFormat, data: bytes, n_frames: int) -> tuple[list[int], int]:
    """Find the whole records in `data` and where the rest begins, in a plain loop: each length leads to the next."""
    captured_at = Struct(f"{layout.byte_order}8xI").unpack_from
    starts: list[int] = []
    at, last = 0, len(data) - RECORD_HEADER_BYTES
    while at <= last:
        captured = captured_at(data, at)[0]
        if captured > LONGEST_FRAME_BYTES:
            raise InputError(_absurd(name, n_frames + len(starts), captured))
        end = at + RECORD_HEADER_BYTES + captured
        if end > len(data):
            break
        starts.append(at)
        at = end
    return starts, at


def _absurd(name: str, frame: int, n_bytes: int) -> str:
    return f"{name}: damaged: {frame_name(frame)} says it has {n_bytes} bytes, more than {LONGEST_FRAME_BYTES}"


def _block(name: str, layout: PcapFormat, data: bytes, starts: list[int], n_frames: int, data_offset: int) -> PcapBlock:
    start = np.array(starts, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), RECORD_HEADER_BYTES)
    fields = windows[start].view(f"{layout.byte_order}u4").astype(np.int64)
    fraction, captured, original = fields[:, 1], fields[:, 2], fields[:, 3]
    for at in np.flatnonzero((original > LONGEST_FRAME_BYTES) | (captured > original))[:1]:
        frame, was, held = n_frames + int(at), int(original[at]), int(captured[at])
        if was > LONGEST_FRAME_BYTES:
            raise InputError(_absurd(name, frame, was))
        raise InputError(f"{name}: damaged: {frame_name(frame)} says it had {was} bytes, but the file holds {held}")
    ticks_per_s = NS_PER_S // layout.ns_per_tick
    for at in np.flatnonzero(fraction >= ticks_per_s)[:1]:
        ticks = f"{fraction[at]} {'ns' if layout.ns_per_tick == 1 else 'us'}"
        raise InputError(
            f"{name}: damaged: {frame_name(n_frames + int(at))} has a time of {ticks} past its second, "
            f"which has {ticks_per_s}"
        )
    return PcapBlock(
        first_frame=n_frames,
        at_ns=fields[:, 0] * NS_PER_S + fraction * layout.ns_per_tick,
        captured_bytes=captured,
        original_bytes=original,
        file_offset=data_offset + start + RECORD_HEADER_BYTES,
        data=data,
        start=start + RECORD_HEADER_BYTES,
    )


class FrameFile:
    """A file of frames that appears under its name only when the `with` block ends well; it begins with `head`.

    Errors are those of `AtomicFile`.
    """

    def __init__(self, path: str | os.PathLike[str], head: bytes) -> None:
        self.n_frames = 0
        self._atomic = AtomicFile(path)
        self._head = head

    def __enter__(self) -> Self:
        """Begin the file with its head."""
        self._atomic.__enter__()
        self._atomic.write(self._head)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, or remove it where an exception passes."""
        self._atomic.__exit__(kind, error, trace)

    def flush(self) -> None:
        """Hand what was written to the system; see `AtomicFile.flush`."""
        self._atomic.flush()

    def _append(self, parts: Iterable[bytes], n_frames: int) -> None:
        self._atomic.write(b"".join(parts))
        self.n_frames += n_frames


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


def section_header() -> bytes:
    """Give the block that begins a file: little endian, version 1.0, of unknown length."""
    return _pcapng_block(SECTION_HEADER, Struct("<I2Hq").pack(BYTE_ORDER_MAGIC, 1, 0, UNKNOWN_LENGTH))


def interface_description(name: str, description: str) -> bytes:
    """Give the block of an Ethernet interface with nanosecond timestamps."""
    options = (IF_NAME, name.encode()), (IF_DESCRIPTION, description.encode()), (IF_TSRESOL, NANOSECONDS)
    fixed = Struct("<2HI").pack(LINK_TYPE_ETHERNET, 0, LONGEST_FRAME_BYTES)
    return _pcapng_block(INTERFACE_DESCRIPTION, fixed + b"".join(_option(*option) for option in options) + bytes(4))


def _option(code: int, value: bytes) -> bytes:
    return Struct("<2H").pack(code, len(value)) + _padded(value)


def _pcapng_block(kind: int, body: bytes) -> bytes:
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
