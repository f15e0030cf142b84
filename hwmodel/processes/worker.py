"""Start a process that serves a pipe: a copy of this one where that is safe, a fresh interpreter elsewhere.

A copy has imported and loaded all that this process has, which takes a fresh interpreter more than a second. It is
made on Linux, and only of a process without other threads, since a copy would inherit locks that these hold.
A fresh interpreter inherits no threads. Neither kind runs an unguarded main script again.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any, Protocol

from hwmodel.errors import RunError

# A terminal sends Ctrl-C and SIGHUP to all processes, but only the parent acts on them; ignored from the first line on,
# since imports take a second.
_FRESH = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.path[:] = {path!r}
from hwmodel.processes.worker import serve
serve({fd})
"""


class Worker(Protocol):
    """What can be done to a process from outside."""

    def kill(self) -> None:
        """End it at once."""

    def wait(self) -> int:
        """Wait for its end; return its exit status, or minus the number of the signal that killed it."""


class _Copy:
    """A forked copy of this process."""

    def __init__(self, descriptor: int) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve_in_copy, args=(descriptor,), daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the copy ignores it
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        self._process.join()
        status = self._process.exitcode
        assert status is not None
        return status


def copies_are_safe() -> bool:
    """Tell whether this process can safely be forked: on Linux, and with a single thread."""
    return sys.platform == "linux" and threading.active_count() == 1


def new_worker() -> tuple[Worker, Connection]:
    """Start a process that serves a pipe; return it and this end of the pipe. Raises OSError where there is no room."""
    ours, theirs = socket.socketpair()
    worker: Worker
    try:
        if copies_are_safe():
            worker = _Copy(theirs.fileno())
        else:
            code = _FRESH.format(path=sys.path, fd=theirs.fileno())
            descriptors = [theirs.fileno()]
            worker = subprocess.Popen([sys.executable, "-c", code], pass_fds=descriptors, stdin=subprocess.DEVNULL)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return worker, Connection(ours.detach())


def _serve_in_copy(descriptor: int) -> None:
    """Serve after closing all that the parent had open: pipes of other processes, the ledger, the lock of a folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.freeze()  # inherited objects must not be collected: they would close descriptors that are reused by then
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    serve(descriptor)
    os._exit(0)


# ---- What such a process does: take items from its pipe, answer each, end with its parent ----


_LOOKS_EVERY_S = 1.0


def serve(descriptor: int) -> None:
    """Answer each item that comes through the pipe with (number, value, exception), until it is closed."""
    connection = Connection(descriptor)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        function = pickle.loads(connection.recv_bytes())
        connection.send(None)
        while True:
            number, item = connection.recv()
            answer: tuple[int, Any, Exception | None]
            try:
                answer = (number, function(item), None)
            except Exception as error:
                answer = (number, None, _that_can_be_sent(error))
            connection.send(answer)
    except (EOFError, OSError):
        return


def _that_can_be_sent(error: Exception) -> Exception:
    """Return an exception as it is if it can be pickled, else one of the same meaning that holds its text alone."""
    try:
        pickle.dumps(error)
    except Exception:  # whatever the exception holds, such as the record type that numpy had no memory for
        return (MemoryError if isinstance(error, MemoryError) else RunError)(str(error))
    return error


def _end_with(parent: int) -> None:
    """End this process soon after its parent was killed, in the middle of an item too."""
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY_S)
    os._exit(1)
