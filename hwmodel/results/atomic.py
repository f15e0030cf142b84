"""Writing a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from hwmodel.errors import InputError, RunError

_WRONG_PATH = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Put `content` (text as UTF-8, line ends as they are) in a file that nobody ever sees half written.

    A temporary file in the same folder takes the content and then the name; a link is followed. What is there and is
    not a regular file (a pipe, /dev/null) is written to directly. Raises InputError for a path that cannot be
    written, RunError where the writing itself fails (disk full); the old content then stands.
    """
    target = os.path.realpath(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(0, "Is a directory")
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:
                stream.write(data)
        else:
            _replace(target, data)
    except _WRONG_PATH as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    except OSError as error:
        raise RunError(f"{path}: writing failed: {error.strerror or error}") from error


def _replace(target: str, data: bytes) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(6)}.tmp")
    # os.open rather than tempfile: the mode then follows the user's umask, as for any file that a command leaves.
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
