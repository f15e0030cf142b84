"""The buses of a configuration as the SimPy model of docs/datapath/pcie_link.md, "Shared buses", is given them."""

from __future__ import annotations

from hwmodel.config import Config, servers_of
from hwmodel.simulation.run.machine import Machine
from tests.oracles.simpy_system import BusParameters

CYCLE_FS = {33: 30_000_000, 66: 15_000_000, 100: 10_000_000, 133: 7_500_000}


def buses_for_oracle(config: Config) -> list[BusParameters]:
    """Translate the block `pcie.bus` of each host."""
    by_host: dict[str, list[str]] = {}
    settings = {}
    for server in servers_of(config):
        if server.config.pcie.bus is not None:
            by_host.setdefault(server.host, []).append(server.name)
            settings[server.host] = server.config.pcie.bus
    return [
        BusParameters(
            adapters=names,
            is_pci_x=settings[host].kind == "pci_x",
            cycle_fs=CYCLE_FS[settings[host].clock_mhz],
            word=settings[host].width_bits // 8,
            decode=settings[host].decode_clocks,
            wait=settings[host].initial_wait_clocks,
            latency_timer=settings[host].latency_timer,
            retry_clocks=settings[host].retry_clocks,
        )
        for host, names in by_host.items()
    ]


def buses_in(machine: Machine) -> list[tuple[int, int]]:
    """Return of each bus of a machine the clocks that it was busy, and the tries at reads but for the first of each."""
    found = []
    for bus in machine.buses:
        links = [machine.servers[at].nic.pcie[0] for at in bus.members]
        params = links[0].bus.params
        retries = sum(int(link.counts.retries) for link in links)
        busy_fs = sum(int(link.up.counts.busy_fs) + int(link.down.counts.busy_fs) for link in links)
        found.append((busy_fs // int(params.cycle_fs) + retries * int(params.try_clocks), retries))
    return found
