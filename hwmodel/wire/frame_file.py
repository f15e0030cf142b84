"""What capture files of both formats have in common: a head, then frames, and that they appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from hwmodel.atomic_file import AtomicFile


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
