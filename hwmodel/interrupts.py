"""What Ctrl-C, SIGTERM (a batch system's time limit) and SIGHUP (a terminal that goes away) do to a command.

Imports nothing slow, as it takes effect before the command line itself is imported.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPORT_SYSTEM = "<frozen importlib"


@contextmanager
def signals_end_the_command() -> Iterator[None]:
    """Raise KeyboardInterrupt on each of the signals, except those ignored since the process's start (nohup).

    During an import there is no work to save, and the importing code might turn the exception into another one or
    swallow it: the process then ends at once, with one line.
    """
    try:
        usual = {number: signal.signal(number, _interrupt) for number in _NUMBERS if _is_heard(number)}
    except ValueError:  # only the main thread may set handlers
        usual = {}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _is_heard(number: int) -> bool:
    return signal.getsignal(number) not in (signal.SIG_IGN, None)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            os.write(2, b"hwmodel: interrupted; no result was written\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
