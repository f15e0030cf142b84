"""What a process of the pool does: take items from its pipe, answer each, end with its parent."""

from __future__ import annotations

import os
import pickle
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

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
                answer = (number, None, error)
            connection.send(answer)
    except (EOFError, OSError):
        return


def _end_with(parent: int) -> None:
    """End this process soon after its parent was killed, in the middle of an item too."""
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY_S)
    os._exit(1)
