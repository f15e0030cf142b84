"""What captured frames say behind their types, read by the kernel that reads the frames of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.forwarding import frame_batch
from hwmodel.forwarding.packet import CAPTURED_PACKET
from hwmodel.simulation.kernel_cache import CAPTURE_ENTRIES, fill_cache

I64 = npt.NDArray[np.int64]


def read_packets(data: bytes, at: I64, end: I64, ethertype: I64) -> npt.NDArray[Any]:
    """Read n frames that lie in `data`, each from `at` to `end` behind its type; return CAPTURED_PACKET of shape (n,).

    The kernel is compiled when it is first asked.
    """
    fill_cache(CAPTURE_ENTRIES)
    found = np.zeros(len(at), CAPTURED_PACKET)
    frame_batch.read_packets(np.frombuffer(data, np.uint8), at, end, ethertype, found)
    return found
