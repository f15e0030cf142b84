"""Write captures, with the bytes of each frame: of what was delivered, and of what passed a port on the wire."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hwmodel.errors import RunError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.headroom import PAUSE_OPCODE, PFC_OPCODE, PRIORITIES, control_frame
from hwmodel.units import FS_PER_NS
from hwmodel.wire.ethernet import counting_payload, tcp_packet
from hwmodel.wire.pcap import PcapngWriter, PcapWriter, read_blocks
from hwmodel.wire.remote_mirror import sealed
from hwmodel.workload.traffic import FrameTemplate

# Frames put together at once: some megabytes of full-size ones.
CHUNK_FRAMES = 4096
QUANTA_SHIFT = 17  # of the quanta in a control frame's number: the bits below hold its kind and priorities
CONTROL_SOURCE = 0x020000008808  # the address of a port, which nothing else has
# Indices of journeys from here down are of agents' frames with bytes of their own, by what was said; those above and
# below -1 of frames with a word. As records such frames are so much lower that none is a control frame's.
PAYLOADS = -(1 << 30)
SAID = -(1 << 40)

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def records_of(indices: npt.NDArray[Any]) -> I64:
    """Return the records of frames by the indices of their journeys, which are below -1 for those of agents."""
    return np.where(indices <= PAYLOADS, SAID + indices.astype(np.int64), np.maximum(indices, -1))


@dataclass(frozen=True)
class Frames:
    """Hold n frames, in the order in which they are to be written; all arrays have shape (n,).

    `at_fs` int64: when the frame was there. `template`, `frame_bytes` int32: its header and its length with FCS, as its
    sender sent it. `record` int64: its number in the replayed capture, -1 for a made-up frame, below `SAID` for one of
    an agent with bytes of its own. `copy_kind` int32: the number of the header that it has there, which may differ from
    the sender's.
    """

    at_fs: I64
    template: I32
    frame_bytes: I32
    record: npt.NDArray[Any]
    copy_kind: I32

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.at_fs)


@dataclass(frozen=True)
class Deliveries(Frames):
    """Hold n deliveries; `egress_port`, int32 of shape (n,): the numbers of the ports they left by."""

    egress_port: I32


def write_delivered(
    path: str | os.PathLike[str],
    deliveries: Deliveries | Iterable[Deliveries],
    templates: Sequence[FrameTemplate],
    copy_headers: HeadersByNumber,
    *,
    replayed: str | os.PathLike[str] | None = None,
    said: Sequence[str | bytes] = (),
) -> int:
    """Write deliveries to a capture file, piece by piece, and return how many.

    A frame of an agent has what that `said`, if it is not a word. A replayed frame has the bytes of the capture
    `replayed`, a made-up one its template's header, the rest of a TCP header where it is of a connection, and bytes
    that count 0, 1, 2; either with the header of its copy, from `copy_headers`. Frames leave the switch unpadded and
    without FCS. Times are cut to nanoseconds. The file appears only when all is written. Raises InputError where a file
    cannot be made or read, RunError where `replayed` has changed or writing fails.
    """
    pieces = [deliveries] if isinstance(deliveries, Deliveries) else deliveries
    with FrameBytes(templates, copy_headers, replayed, said) as frame_bytes, PcapWriter(path) as writer:
        for piece in pieces:
            for start in range(0, len(piece), CHUNK_FRAMES):
                rows = np.arange(start, min(start + CHUNK_FRAMES, len(piece)))
                frames, original_bytes = frame_bytes.of(piece, rows)
                writer.write_block(piece.at_fs[rows] // FS_PER_NS, frames, original_bytes)
    return writer.n_frames


class HeadersByNumber(Protocol):
    """Give the bytes of the header with a number."""

    def __getitem__(self, number: int, /) -> bytes: ...


class FrameBytes:
    """Give the bytes of frames, from the replayed capture or made up; errors are those of `write_delivered`."""

    def __init__(
        self,
        templates: Sequence[FrameTemplate],
        copy_headers: HeadersByNumber,
        replayed: str | os.PathLike[str] | None,
        said: Sequence[str | bytes] = (),
    ) -> None:
        self._templates, self._said = templates, said
        self._copy_headers = copy_headers
        self._path = replayed
        self._file = -1
        # Without this cache, captures of a pattern's frames take two and a half times as long to write.
        self.made_up = lru_cache(maxsize=4096)(self._made_up)

    def __enter__(self) -> FrameBytes:
        """Open the replayed capture, if there is one."""
        if self._path is not None:
            # Deliveries come in order of time, not of the file, so each frame's place in the file is kept at hand.
            places = [(b.file_offset, b.captured_bytes, b.original_bytes) for b in read_blocks(self._path)]
            empty = [(np.zeros(0, np.int64),) * 3]
            self._offset, self._captured, self._original = map(np.concatenate, zip(*(places or empty), strict=True))
            self._file = os.open(self._path, os.O_RDONLY)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)

    def of(self, piece: Frames, rows: npt.NDArray[np.intp]) -> tuple[list[bytes], list[int]]:
        """Give the bytes of some frames, and the lengths they had on the wire where a capture was cut."""
        columns = (piece.record, piece.template, piece.frame_bytes, piece.copy_kind)
        frames, original_bytes = [], []
        for record, template, frame_bytes, copy_kind in zip(
            *(column[rows].tolist() for column in columns), strict=True
        ):
            if record < SAID:
                said = self._said[SAID + PAYLOADS - record]
                assert isinstance(said, bytes), "its index says so"
                header, sent = self._copy_headers[copy_kind], self._templates[template]
                frame, missing = header[: len(header) - sent.flow_bytes] + said, 0
            elif record < -1:
                frame, missing = control_frame_of(-2 - record), 0
            elif record < 0:
                frame = self.made_up(template, frame_bytes, copy_kind)
                missing = 0
            else:
                sent = self._templates[template]
                header = self._copy_headers[copy_kind]
                frame = header[: len(header) - sent.flow_bytes] + self._recorded(record)[sent.type_ends :]
                missing = int(self._original[record] - self._captured[record])
            frames.append(frame)
            original_bytes.append(len(frame) + missing)
        return frames, original_bytes

    def _recorded(self, record: int) -> bytes:
        if record < len(self._captured):
            n_bytes = int(self._captured[record])
            data = os.pread(self._file, n_bytes, int(self._offset[record]))
            if len(data) == n_bytes:
                return data
        raise RunError(f"{self._path}: changed while it was in use: frame {record} is no longer there")

    def _made_up(self, template: int, frame_bytes: int, copy_kind: int) -> bytes:
        sent, header = self._templates[template], self._copy_headers[copy_kind]
        n_behind = frame_bytes - FCS_BYTES - len(sent.header)
        if not sent.flow_bytes:
            return header + counting_payload(n_behind)
        return header[: -sent.flow_bytes] + tcp_packet(header[-sent.flow_bytes :], n_behind)


def control_frame_of(said: int) -> bytes:
    """Return a PAUSE or PFC frame for the number that encodes its quanta, kind and priorities."""
    quanta, is_by_class = said >> QUANTA_SHIFT, said >> 16 & 1
    if not is_by_class:
        return control_frame(CONTROL_SOURCE, PAUSE_OPCODE, {0: quanta})
    named, stopped = said & 0xFF, said >> 8 & 0xFF
    times = {each: quanta if stopped >> each & 1 else 0 for each in range(PRIORITIES) if named >> each & 1}
    return control_frame(CONTROL_SOURCE, PFC_OPCODE, times)


@dataclass(frozen=True)
class Passings(Frames):
    """Hold n frames that passed a port; `is_sent`, int32 of shape (n,): 1 for one that the port sent, else 0.

    `record` below -1: a PAUSE or PFC frame, -2 minus its number (`control_frame_of`). `mirrored`, int32 of shape (n,):
    of a copy that a bridge has mirrored its number among those of its mirror, -1 of all others.
    """

    is_sent: I32
    mirrored: I32


class WireCapture:
    """Write what passes a port of a wire to a pcapng file, which appears when the `with` block ends well.

    `headers`: the headers that frames have at that port, by `Passings.copy_kind`. Bytes of frames and errors are those
    of `write_delivered`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str,
        description: str,
        templates: Sequence[FrameTemplate],
        headers: HeadersByNumber,
        replayed: str | os.PathLike[str] | None = None,
        said: Sequence[str | bytes] = (),
    ) -> None:
        self._frame_bytes = FrameBytes(templates, headers, replayed, said)
        self._writer = PcapngWriter(path, name, description)

    def __enter__(self) -> WireCapture:
        """Open the files."""
        self._frame_bytes.__enter__()
        self._writer.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        """Finish the file, or remove it where an exception passes."""
        self._frame_bytes.__exit__()
        self._writer.__exit__(*exception)  # type: ignore[arg-type]

    def add(self, piece: Passings) -> None:
        """Append frames; their times are cut to nanoseconds."""
        for start in range(0, len(piece), CHUNK_FRAMES):
            rows = np.arange(start, min(start + CHUNK_FRAMES, len(piece)))
            frames, original_bytes = self._frame_bytes.of(piece, rows)
            for at, number in enumerate(piece.mirrored[rows].tolist()):
                if number >= 0:
                    frames[at] = sealed(frames[at], number)
            is_sent = piece.is_sent[rows].astype(bool).tolist()
            self._writer.write_block(piece.at_fs[rows] // FS_PER_NS, frames, is_sent, original_bytes)
