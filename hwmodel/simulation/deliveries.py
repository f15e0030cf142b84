"""The kernels' logs of deliveries, as the arrays that the pcap writer takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwmodel.simulation.flow_book import FlowBook
from hwmodel.wire.ethernet import FCS_BYTES
from hwmodel.workload.delivered import Deliveries


def take_log(ledgers: Sequence[Any], books: Sequence[FlowBook]) -> Deliveries:
    """Return what the logs hold, in time order, and empty them.

    A book for each ledger; copies are numbered through all of them.
    """
    entries = np.concatenate([ledger["log"]["entry"][: int(ledger.log.n)] for ledger in ledgers])
    first_copies = np.cumsum([0, *(len(book.headers) for book in books[:-1])])
    counts = [int(ledger.log.n) for ledger in ledgers]
    copies = entries["copy_kind"] + np.repeat(first_copies, counts)
    if len(ledgers) > 1:
        order = np.argsort(entries["at_fs"], kind="stable")
        entries, copies = entries[order], copies[order]
    for ledger in ledgers:
        ledger.log.n = 0
    templates = entries["template"]
    copy_bytes = np.array([len(header) for book in books for header in book.headers], np.int32)
    sent_bytes = np.array(books[0].sent_header_bytes, np.int32)
    # A frame has lost and won nothing but tags since it was sent.
    frame_bytes = entries["n_bytes"] - copy_bytes[copies] + sent_bytes[templates] + FCS_BYTES
    return Deliveries(
        at_fs=entries["at_fs"],
        template=templates,
        frame_bytes=frame_bytes.astype(np.int32),
        record=entries["index"],
        copy_kind=copies.astype(np.int32),
        egress_port=np.array([port for book in books for port in book.egress_ports], np.int32)[copies],
    )
