"""The entries of the kernels' log of deliveries, as the arrays that the pcap writer takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwmodel.simulation.flow_book import FlowBook
from hwmodel.wire.ethernet import FCS_BYTES
from hwmodel.workload.delivered import Deliveries


def deliveries_of(entries: Any, books: Sequence[FlowBook]) -> Deliveries:
    """Return the deliveries that an array of logs' entries tells of; copies are numbered through all books."""
    copies, templates = entries["copy_kind"], entries["template"]
    copy_bytes = np.array([len(header) for book in books for header in book.headers], np.int32)
    sent_bytes = np.array(books[0].sent_header_bytes, np.int32)
    return Deliveries(
        at_fs=entries["at_fs"],
        template=templates,
        frame_bytes=frame_bytes_as_sent(entries["n_bytes"], copy_bytes[copies], sent_bytes[templates]),
        record=entries["index"],
        copy_kind=copies,
        egress_port=np.array([port for book in books for port in book.egress_ports], np.int32)[copies],
    )


def frame_bytes_as_sent(n_bytes: Any, header_bytes: Any, sent_header_bytes: Any) -> Any:
    """Return frames' lengths with FCS as they were sent: they have lost and won nothing but tags since."""
    return (n_bytes - header_bytes + sent_header_bytes + FCS_BYTES).astype(np.int32)
