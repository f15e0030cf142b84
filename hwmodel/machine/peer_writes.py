"""Endless writes through PCIe switches, without frames: of adapters to the host's memory, or to a peer's."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.link_alone import LINK, handle_link, issue_writes
from hwmodel.machine.pcie.link import could_start, start_up
from hwmodel.machine.pcie.tree_end import at_tree
from hwmodel.machine.pcie_trees import look_at_switches, run_trees
from hwmodel.machine.system import next_within
from hwmodel.machine.time.events import first_elsewhere, first_of_links


@kernel
def end_instant(nic, now_fs):
    """Let idle links choose, now that all of this instant has happened; return when the next event is."""
    pcie = nic.pcie[LINK]
    if nic.dma.params.does_write:
        issue_writes(nic, now_fs)
    if could_start(pcie.up):
        start_up(nic, pcie, now_fs)
    at_tree(nic, pcie, now_fs)
    if nic.dma.params.does_write:
        issue_writes(nic, now_fs)
    return min(first_elsewhere(nic.clock), first_of_links(nic.clock))


@kernel
def write_through(nic, until_fs):
    """Let an adapter write up to a time; return when its next event is."""
    clock = nic.clock
    at_fs = min(first_elsewhere(clock), first_of_links(clock))
    while at_fs <= until_fs:
        clock.now_fs = at_fs
        while min(first_elsewhere(clock), first_of_links(clock)) == clock.now_fs:
            handle_link(nic, clock.now_fs)
        at_fs = end_instant(nic, clock.now_fs)
    return at_fs


@entry
def run_writes(systems, servers, until_fs):
    """Let all that write, write up to a time, and all switches run; return 1 where something had no room, else 0."""
    system = systems[0]
    for number in range(system.n_servers):
        nic, component = servers[number], system.server[number]
        if nic.clock.has_started == 0:
            nic.clock.has_started = 1
            component.next_fs = end_instant(nic, 0) if nic.dma.params.does_write else NEVER
    run_trees(system, servers, 0)
    at_fs = next_within(system)
    while at_fs <= until_fs:
        turn_fs = min(until_fs, at_fs - 1 + system.trees.ahead_fs)
        for number in range(system.n_servers):
            nic, component = servers[number], system.server[number]
            if component.next_fs <= turn_fs:
                component.next_fs = write_through(nic, turn_fs)
                look_at_switches(system.trees, number)
                if nic.clock.overflow:
                    return 1
        run_trees(system, servers, turn_fs)
        if system.trees.overflow:
            return 1
        at_fs = next_within(system)
    return 0
