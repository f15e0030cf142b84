"""A binary file, written piece by piece, that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from types import TracebackType
from typing import BinaryIO

from hwmodel.errors import InputError, RunError

_LONGEST_STEM = 100


class AtomicFile:
    """Write beside the final name, and rename there when the `with` block ends without an exception.

    On any exception, Ctrl-C among them, what was written is removed and an earlier file of that name stays as it was.
    Links are followed; an existing file that is not regular (a pipe, /dev/null) is written directly. Raises InputError
    if the file cannot be made, RunError if writing fails later (no space left).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self._final = os.path.realpath(self.name)
        self._temporary: str | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> AtomicFile:
        """Make the temporary file, with the permissions that the process gives to new files."""
        if os.path.isdir(self._final):
            raise InputError(f"{self.name}: cannot be written: it is a folder")
        target, flags = self._final, os.O_WRONLY
        if not os.path.exists(self._final) or os.path.isfile(self._final):
            folder, base = os.path.split(self._final)
            target = os.path.join(folder, f".{base[:_LONGEST_STEM]}.{secrets.token_hex(6)}.tmp")
            flags |= os.O_CREAT | os.O_EXCL
        try:
            self._file = os.fdopen(os.open(target, flags, 0o666), "wb")
        except OSError as error:
            raise InputError(f"{self.name}: cannot be written: {error.strerror}") from None
        self._temporary = target if target != self._final else None
        return self

    @property
    def closed(self) -> bool:
        """Tell whether the file is closed, like the attribute of Python's files."""
        return self._file is None or self._file.closed

    def write(self, data: bytes) -> None:
        """Append bytes."""
        assert self._file is not None, "the file is open only within its `with` block"
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failure(error) from error

    def flush(self) -> None:
        """Flush to the system, so that a full disk shows now rather than at the end."""
        assert self._file is not None, "the file is open only within its `with` block"
        try:
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, then rename the file, or remove it where an exception passes."""
        assert self._file is not None
        if kind is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._remove()
            return
        try:
            self._file.close()
            if self._temporary is not None:
                os.replace(self._temporary, self._final)
        except BaseException as failure:
            self._remove()
            if isinstance(failure, OSError):
                raise self._failure(failure) from failure
            raise

    def _remove(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)

    def _failure(self, error: OSError) -> RunError:
        return RunError(f"{self.name}: writing failed: {error.strerror or error}")


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write `content` (text as UTF-8, line ends unchanged) to a file atomically: nobody sees it half written.

    Raises InputError for a path that cannot be written, RunError if writing fails; the old content then stays.
    """
    with AtomicFile(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
