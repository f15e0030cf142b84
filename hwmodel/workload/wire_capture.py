"""What passed a port of a wire, as a capture: both directions, with the tags that frames have there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwmodel.units import FS_PER_NS
from hwmodel.wire.pcapng_writer import PcapngWriter
from hwmodel.workload.delivered import CHUNK_FRAMES, I32, FrameBytes, Frames, HeadersByNumber
from hwmodel.workload.traffic import FrameTemplate


@dataclass(frozen=True)
class Passings(Frames):
    """Hold n frames that passed a port; `is_sent`, int32 of shape (n,): 1 for one that the port sent, else 0."""

    is_sent: I32


class WireCapture:
    """Write what passes a port of a wire to a pcapng file, which appears when the `with` block ends well.

    `headers`: those that frames have there, which `Passings.copy_kind` numbers. Bytes of frames and errors are those of
    `write_delivered`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str,
        description: str,
        templates: Sequence[FrameTemplate],
        headers: HeadersByNumber,
        replayed: str | os.PathLike[str] | None = None,
    ) -> None:
        self._frame_bytes = FrameBytes(templates, headers, replayed)
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
            is_sent = piece.is_sent[rows].astype(bool).tolist()
            self._writer.write_block(piece.at_fs[rows] // FS_PER_NS, frames, is_sent, original_bytes)
