"""Tapped wires: which a run can capture, and what passes them written to files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.config import Config, bridges_of
from hwmodel.config.bridge_ports import PhysicalPort
from hwmodel.config.kinds import suggest
from hwmodel.config.names import uplink_of
from hwmodel.errors import InputError
from hwmodel.machine.network.wires import CONTROL_FRAME
from hwmodel.simulation.fill.flow_book import StoredHeaders
from hwmodel.simulation.run.logs import MergedLog, frame_bytes_as_sent
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload.delivered import QUANTA_SHIFT, Passings, WireCapture, records_of
from hwmodel.workload.traffic import Workload


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
                    self._machine.said,
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
            record=np.where(is_control, _control_record(entries), records_of(entries["index"])),
            copy_kind=headers + np.where(is_sent, tap.came.most, 0).astype(np.int32),
            is_sent=entries["is_sent"].astype(np.int32),
            mirrored=entries["mirrored"],
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
