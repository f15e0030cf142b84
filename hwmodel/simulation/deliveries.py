"""The entries of the kernels' log of deliveries, as the arrays that the pcap writer takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.workload.delivered import Deliveries


class CopyKinds(NamedTuple):
    """Hold of each kind of copy, numbered through all books, its header's length and the port by which it leaves.

    `sent_bytes`: by the number of a workload's header, its length.
    """

    header_bytes: npt.NDArray[np.int32]
    egress_ports: npt.NDArray[np.int32]
    sent_bytes: npt.NDArray[np.int32]


def copy_kinds_of(books: Sequence[FlowBook]) -> CopyKinds:
    """Return the kinds of copies that some books have, once all are entered."""
    return CopyKinds(
        np.array([len(header) for book in books for header in book.headers], np.int32),
        np.array([port for book in books for port in book.egress_ports], np.int32),
        np.array(books[0].sent_header_bytes, np.int32),
    )


def deliveries_of(entries: Any, kinds: CopyKinds) -> Deliveries:
    """Return the deliveries that an array of logs' entries tells of."""
    copies, templates = entries["copy_kind"], entries["template"]
    sent_bytes = kinds.sent_bytes[templates]
    return Deliveries(
        at_fs=entries["at_fs"],
        template=templates,
        frame_bytes=frame_bytes_as_sent(entries["n_bytes"], kinds.header_bytes[copies], sent_bytes),
        record=entries["index"],
        copy_kind=copies,
        egress_port=kinds.egress_ports[copies],
    )


def frame_bytes_as_sent(n_bytes: Any, header_bytes: Any, sent_header_bytes: Any) -> Any:
    """Return frames' lengths with FCS as they were sent: they have lost and won nothing but tags since."""
    return (n_bytes - header_bytes + sent_header_bytes + FCS_BYTES).astype(np.int32)
