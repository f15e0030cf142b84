"""The kernels' logs, merged in time order: of deliveries, and of what passes tapped wires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.forwarding.header_store import MAX_COPY_KINDS
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.workload.delivered import Deliveries, records_of

if TYPE_CHECKING:
    pass


class CopyKinds:
    """Number the kinds of copies of several books together: each book has a range of MAX_COPY_KINDS numbers."""

    def __init__(self, books: Sequence[FlowBook]) -> None:
        self._headers = [book.headers for book in books]
        self._books = books
        self._sent_bytes = np.array(books[0].sent_header_bytes, np.int32)
        self.first_copies = [MAX_COPY_KINDS * at for at in range(len(books))]

    def __getitem__(self, number: int) -> bytes:
        """Return the header of a kind of copy."""
        at, copy = divmod(number, MAX_COPY_KINDS)
        return self._headers[at][copy]

    def deliveries_of(self, entries: Any) -> Deliveries:
        """Return the deliveries that an array of logs' entries tells of."""
        copies, templates = entries["copy_kind"], entries["template"]
        at, kinds = np.divmod(copies, MAX_COPY_KINDS)
        header_bytes, ports = np.zeros(len(copies), np.int32), np.zeros(len(copies), np.int32)
        for number in np.unique(at).tolist():
            rows = at == number
            header_bytes[rows] = self._headers[number].n_bytes[kinds[rows]]
            ports[rows] = self._books[number].egress_ports[kinds[rows]]
        return Deliveries(
            at_fs=entries["at_fs"],
            template=templates,
            frame_bytes=frame_bytes_as_sent(entries["n_bytes"], header_bytes, self._sent_bytes[templates]),
            record=records_of(entries["index"]),
            copy_kind=copies,
            egress_port=ports,
        )


def frame_bytes_as_sent(n_bytes: Any, header_bytes: Any, sent_header_bytes: Any) -> npt.NDArray[np.int32]:
    """Return frames' lengths as sent, with FCS: on the way only tags were added or removed."""
    found: npt.NDArray[np.int32] = (n_bytes - header_bytes + sent_header_bytes + FCS_BYTES).astype(np.int32)
    return found


class MergedLog:
    """Merge logs that reach up to different times: a run stops when one is full, some servers ahead of others.

    `logs`: records with `n` and `entry`; entries of the same time are ordered by log. `first_copies`: for each log, the
    number that its first kind of copy has among all.
    """

    def __init__(self, logs: Sequence[Any], first_copies: Sequence[int] = ()) -> None:
        self._logs = logs
        self._first_copies = first_copies
        self._held = [log["entry"][:0] for log in logs]

    def has_entries(self) -> bool:
        """Tell whether the logs, or what was held back, hold anything."""
        return any(log.n or len(held) for log, held in zip(self._logs, self._held, strict=True))

    def take(self, settled_fs: int) -> np.ndarray:
        """Return the entries up to `settled_fs` in time order, and empty the logs; later ones are held back.

        All entries up to then must already be in the logs.
        """
        taken = []
        for number, log in enumerate(self._logs):
            entries = np.concatenate([self._held[number], log["entry"][: int(log.n)]])
            if self._first_copies:
                entries["copy_kind"][len(self._held[number]) :] += self._first_copies[number]
            log.n = 0
            is_settled = entries["at_fs"] <= settled_fs
            taken.append(entries[is_settled])
            self._held[number] = entries[~is_settled]
        together = np.concatenate(taken)
        return together[np.argsort(together["at_fs"], kind="stable")]
