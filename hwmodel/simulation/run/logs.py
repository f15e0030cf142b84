"""The kernels' logs, merged in time order: of deliveries, and of what passes tapped wires, for captures of both."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.config import bridges_of
from hwmodel.config.bridge_ports import PhysicalPort
from hwmodel.config.kinds import suggest
from hwmodel.config.names import uplink_of
from hwmodel.errors import InputError
from hwmodel.forwarding.header_store import MAX_COPY_KINDS
from hwmodel.machine.network.wires import CONTROL_FRAME
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.simulation.fill.flow_book import FlowBook, StoredHeaders
from hwmodel.workload.delivered import QUANTA_SHIFT, Deliveries, Passings, WireCapture
from hwmodel.workload.traffic import Workload

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.simulation.run.machine import Machine


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
            record=entries["index"],
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


def tap_names(config: Config) -> tuple[str, ...]:
    """Name the ports at which a run can capture: the adapter's own, or the bridge's end of each wire.

    On a wire to an extender that is the upper end; a wire between bridges has a name for each end.
    """
    bridges = bridges_of(config)
    if not bridges:
        return tuple(map(uplink_of, config.port.names))
    return tuple(
        name
        for bridge in bridges
        for name in (
            *(f"{bridge.name}.{port}" if port in bridge.wires else port for port in bridge.settings.ports),
            *bridge.settings.extenders,
        )
    )


def check_taps(config: Config, names: Mapping[str, str]) -> None:
    """Raise InputError, with a line for each of `names` (wires, with their files) that is not in `tap_names`."""
    if not isinstance(names, Mapping):
        raise InputError("pcap_hops: give a mapping of names of wires to files")
    known = tap_names(config)
    problems = [
        f"--pcap-hop: there is no wire {name!r}; {'it is' if len(known) == 1 else 'one of'} {', '.join(known)}"
        + (suggest(name, known) if len(known) > 1 else "")
        for name in names
        if name not in known
    ]
    if problems:
        raise InputError(problems)


@dataclass(frozen=True)
class _Tap:
    """Hold a tapped port: its number, its name in the capture, and the headers of frames received and sent.

    In the capture, headers of sent frames are numbered after those of received frames.
    """

    name: str
    description: str
    port: int
    came: StoredHeaders
    sent: StoredHeaders

    def __getitem__(self, number: int) -> bytes:
        """Return a header."""
        n_came = self.came.most
        return self.came[number] if number < n_came else self.sent[number - n_came]


class Taps:
    """Capture what passes some ports to files, while the machine runs within the `with` block.

    `paths`: files by names from `tap_names`. Raises InputError where a file cannot be made.
    """

    def __init__(self, machine: Machine, workload: Workload, paths: Mapping[str, str]) -> None:
        self._machine = machine
        self._workload = workload
        self._paths = paths
        ledger = (machine.servers[0].nic if machine.bridge is None else machine.bridge).ledger
        self._log = MergedLog([ledger.tap_log])
        self._files = contextlib.ExitStack()
        self._captures: list[tuple[_Tap, WireCapture]] = []

    @cached_property
    def _sent_header_bytes(self) -> npt.NDArray[np.int32]:
        return np.array([len(template.header) for template in self._workload.templates], np.int32)

    def __enter__(self) -> Taps:
        """Open the files, and enable the kernel's log of these ports."""
        with contextlib.ExitStack() as files:
            for name, path in self._paths.items():
                tap = _tap(self._machine, name)
                capture = WireCapture(
                    path, tap.name, tap.description, self._workload.templates, tap, self._workload.pcap,
                )  # fmt: skip
                self._captures.append((tap, files.enter_context(capture)))
            self._files = files.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Finish the files, or remove them on an exception."""
        self._files.__exit__(*exception)

    def write(self) -> None:
        """Write what has passed since the last call, up to the time before which no further frame can be logged."""
        if not self._captures:
            return
        entries = self._log.take(self._machine.settled_fs)
        for tap, capture in self._captures:
            own = entries[entries["port"] == tap.port]
            if len(own):
                capture.add(self._passings(tap, own))

    def _passings(self, tap: _Tap, entries: Any) -> Passings:
        is_sent, is_control = entries["is_sent"].astype(bool), entries["header"] == CONTROL_FRAME
        headers, templates = (np.where(is_control, 0, entries[name]) for name in ("header", "template"))
        came_bytes, sent_bytes = tap.came.n_bytes, tap.sent.n_bytes
        header_bytes = np.where(
            is_sent, sent_bytes[np.where(is_sent, headers, 0)], came_bytes[np.where(is_sent, 0, headers)]
        )
        return Passings(
            at_fs=entries["at_fs"],
            template=templates,
            frame_bytes=frame_bytes_as_sent(entries["n_bytes"], header_bytes, self._sent_header_bytes[templates]),
            record=np.where(is_control, _control_record(entries), entries["index"]),
            copy_kind=headers + np.where(is_sent, tap.came.most, 0).astype(np.int32),
            is_sent=entries["is_sent"],
        )


def _control_record(entries: Any) -> Any:
    """Return the contents of control frames, encoded as numbers below -1 in place of a record index."""
    return -2 - (entries["index"].astype(np.int64) << QUANTA_SHIFT | entries["template"])


def _tap(machine: Machine, name: str) -> _Tap:
    """Enable logging of what passes a port, and return its tap."""
    if machine.system is None:
        server = machine.servers[0]
        number = tap_names(server.config).index(name)
        server.nic.port[number].mac.params.is_tapped = 1
        came = StoredHeaders(server.nic["headers"]["template_header"])
        return _Tap(name, "port of the adapter", number, came, machine.book.headers)
    bridge = machine.bridge
    port: PhysicalPort = next(port for port in machine.ports if port.wire == name)
    bridge.port[port.number].params.is_tapped = 1
    whose = f"extender {port.device}" if port.is_of_extender else port.owner.words
    at_bridges = StoredHeaders(bridge["hop_header"])
    if port.joined is not None:
        sent = at_bridges
    elif port.server is None:
        sent = machine.book.headers
    else:
        sent = StoredHeaders(machine.servers[port.server].nic["headers"]["template_header"])
    return _Tap(name, f"port of {whose}", port.number, at_bridges, sent)
