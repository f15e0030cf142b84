"""A lock on a sweep's folder, which goes with the process that holds it, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hwmodel.errors import InputError

NAME = "ledger.lock"


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Make the folder where it is missing, and keep other sweeps out of it; InputError where one is at work there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(folder / NAME)
    except BlockingIOError:
        raise InputError(f"{folder}: --out: another sweep is at work in this folder") from None
    except OSError as error:
        raise InputError(f"{folder}: --out: cannot be used: {error.strerror or error}") from None
    try:
        yield
    finally:
        with suppress(OSError):  # where the folder was made anew, the file there is another sweep's
            if os.path.samestat(os.stat(folder / NAME), os.fstat(descriptor)):
                os.unlink(folder / NAME)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Return the locked file; one that its last holder took away in the meantime is none."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
