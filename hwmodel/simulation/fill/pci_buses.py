"""PCI buses at time 0: an adapter's slot, the bus that adapters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.compiled.records import NEVER
from hwmodel.config import Server, buses_of
from hwmodel.config.adapter import PciBus
from hwmodel.machine.pcie.bus_end import DOWN
from hwmodel.machine.pcie.link_state import BY_BUS, ON_BUS
from hwmodel.machine.pcie.tree_state import NO_ONE
from hwmodel.rules.pci_bus import CYCLE_FS, request_clocks, word_bytes


def fill_bus_end(link: Any, settings: PciBus) -> None:
    """Turn a link into an adapter's slot on an idle bus, whose last master was the bridge; the bus clock is exact."""
    params = link.bus.params
    params.cycle_fs, params.word_bytes = CYCLE_FS[settings.clock_mhz], word_bytes(settings)
    params.is_split = settings.kind == "pci_x"
    params.timer_clocks = settings.latency_timer
    params.retry_fs = settings.retry_clocks * params.cycle_fs
    params.try_clocks = request_clocks(settings)
    link.bus.begins_fs, link.bus.way = NEVER, DOWN
    link.params.by_tree, link.params.propagation_fs, link.params.runs_on = ON_BUS, BY_BUS, 0
    link.up.is_busy = link.down.is_busy = 1  # so that neither direction ever starts a TLP by itself


def fill_buses(system: Any, servers: Any, parts: Sequence[Server]) -> None:
    """Set up the arbiters of buses shared by several adapters; a lone adapter arbitrates its bus itself."""
    buses = system.buses
    buses.n_buses, buses.next_fs, buses.ahead_fs = 0, NEVER, NEVER
    for one in buses_of(parts):
        if len(one.members) == 1:
            continue
        record = buses.bus[int(buses.n_buses)]
        buses.n_buses += 1
        record.n_members, record.cycle_fs = len(one.members), CYCLE_FS[one.settings.clock_mhz]
        record.member[: len(one.members)] = one.members
        record.turn, record.granted, record.begins_fs = len(one.members), NO_ONE, -1
        buses.ahead_fs = min(int(buses.ahead_fs), int(record.cycle_fs))
        for number in one.members:
            servers[number].pcie[0].bus.params.is_shared = 1
