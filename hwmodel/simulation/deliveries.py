"""The kernel's log of deliveries, as the arrays that the pcap writer takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwmodel.simulation.workload_state import FlowBook
from hwmodel.wire.ethernet import FCS_BYTES
from hwmodel.workload.delivered import Deliveries


def take_log(nic: Any, book: FlowBook) -> Deliveries:
    """Return what the log holds, in time order, and empty it."""
    n = int(nic.ledger.log.n)
    entries = nic["ledger"]["log"]["entry"][:n].copy()
    nic.ledger.log.n = 0
    copies = entries["copy_kind"]
    sent_bytes = entries["n_bytes"] - np.array(book.delta_bytes, np.int32)[copies] + FCS_BYTES
    return Deliveries(
        at_fs=entries["at_fs"],
        template=entries["template"],
        frame_bytes=sent_bytes.astype(np.int32),
        record=entries["index"],
        edit=copies,
        egress_port=np.array(book.egress_ports, np.int32)[copies],
    )
