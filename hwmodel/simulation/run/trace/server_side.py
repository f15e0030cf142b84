"""One server: what happens in each instant at its link, its adapter, its host and its cores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.agents.drivers import Kept
from hwmodel.machine.tlp_kinds import READS
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.run.trace.adapter_side import Levels, Servers
from hwmodel.simulation.run.trace.bus_side import BusRows
from hwmodel.simulation.run.trace.frame_parts import FrameNames, View
from hwmodel.simulation.run.trace.host_side import Cores, Reads, Translations
from hwmodel.simulation.run.trace.link_tlps import LinkTlps, StartedTlp
from hwmodel.simulation.run.trace.scenario_side import Commands
from hwmodel.simulation.run.trace.timeline import Timeline


class ServerRecording:
    """Record what happens at one server; `view` shows its frames. `bus`: the PCI bus of its adapter, if any."""

    def __init__(
        self,
        server: Server,
        names: FrameNames,
        timeline: Timeline,
        start_fs: int,
        end_fs: int,
        messages: Sequence[Kept],
        trees: Any,
        bus: BusRows | None,
    ) -> None:
        nic = server.nic
        self.prefix, self.nic, self.bus, self._start_fs = server.prefix, nic, bus, start_fs
        self._number = names.number
        if bus is None:
            self.tlps = LinkTlps(nic, names, timeline, trees)
        else:
            self.tlps = LinkTlps(nic, names, bus.timeline, tracks=bus.tracks)
        self.reads = Reads(nic, names, timeline)
        self._servers, self.levels = Servers(nic, names, timeline), Levels(nic, names, timeline)
        self._cores = Cores(nic, names, timeline, end_fs, messages, server.prefix)
        self._commands = Commands(nic.commands, timeline, names.owners)
        self._translations = Translations(nic, timeline)
        self.view = View(names, timeline, self._servers.arrivals)
        self._sums = _link_bytes(nic)

    def look(self, now_fs: int) -> None:
        """Note what has happened in this instant."""
        self.view.names.note_carried()
        started = list(self.tlps.look())
        if self.bus is not None:
            self.bus.began(self._number, started, now_fs)
        self.reads.look(now_fs, started)
        self._translations.look(now_fs, started)
        self._servers.look(now_fs)
        self._commands.look(now_fs)
        self._cores.look(self._start_fs, now_fs)
        self.levels.look(now_fs)

    def comes_to_host(self, tlp: StartedTlp) -> None:
        """Record when the host receives a TLP that has come through PCIe switches."""
        if tlp.kind in READS and tlp.tag is not None:
            self.reads.received(tlp.tag, tlp.arrives_fs)
        self._translations.comes(tlp)

    def link_bytes(self) -> dict[str, int]:
        """Return the bytes of TLPs in each direction of the link since the recording began."""
        return {f"{self.prefix}{name}": after - self._sums[name] for name, after in _link_bytes(self.nic).items()}


def _link_bytes(nic: Any) -> dict[str, int]:
    return {name: int(nic.pcie[0][name]["counts"]["n_bytes"].sum()) for name in ("up", "down")}
