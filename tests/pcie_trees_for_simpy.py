"""The blocks `tree` of servers, and `multi_root`, as the SimPy model of docs/datapath/pcie_link.md is given them."""

from __future__ import annotations

from dataclasses import replace

from hwmodel.config import Config, servers_of
from hwmodel.config.adapter import Pcie
from hwmodel.config.pcie_tree import ROOT, HostPort, MultiRoot, TreeSwitch
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.run.machine import Machine
from tests.oracles.simpy_system import PcieSwitchParameters, PcieTreeParameters, SlotParameters


def trees_of(config: Config) -> list[PcieTreeParameters]:
    """Translate the trees of all servers, or of all hosts of a multi-root switch."""
    if config.multi_root is not None:
        return [_of_hosts(config, config.multi_root)]
    found = []
    for entry in config.servers:
        if entry.tree is None:
            continue
        slots = {f"{entry.name}.{name}": slot for name, slot in entry.tree.slots.items()}
        links = [server.config.pcie for server in servers_of(config) if server.name in slots]
        found.append(
            PcieTreeParameters(
                [_pcie_switch(entry.name, one, links[0]) for one in entry.tree.switches],
                {name: SlotParameters(_under(entry.name, slot.behind), slot.weight) for name, slot in slots.items()},
            )
        )
    return found


def _pcie_switch(host: str, one: TreeSwitch, link: Pcie) -> PcieSwitchParameters:
    rate = link_rate_of(link.model_copy(update={"generation": one.generation, "lanes": one.lanes}))
    granted = one.credits
    return PcieSwitchParameters(
        name=_under(host, one.name),
        behind=_under(host, one.behind),
        fs_per_byte=(rate.fs_numerator, rate.fs_denominator),
        dllp_period_tlps=rate.tlps_per_dllp_pair,
        propagation_fs=one.propagation_fs,
        latency_fs=one.latency_fs,
        cuts_through=one.forwarding == "cut_through",
        weight=one.weight,
        ph=granted.ph, pd=granted.pd, nph=granted.nph, cplh=granted.cplh, cpld=granted.cpld,
        return_fs=granted.return_fs,
    )  # fmt: skip


def _of_hosts(config: Config, block: MultiRoot) -> PcieTreeParameters:
    """Return two switches in a row for each host: inside the adapter, and in the multi-root switch."""
    ports, switches, slots = block.hosts, [], {}
    for server in servers_of(config):
        link, own = server.config.pcie, ports.get(server.name, HostPort())
        inside, above = f"multi_root.{server.name}.inside", f"multi_root.{server.name}"
        common = {"forwarding": block.forwarding, "credits": block.credits, "weight": 1}
        shared = TreeSwitch.model_construct(
            name=inside, behind=above, generation=link.generation, lanes=link.lanes, **common,
            propagation_fs=link.propagation_fs, latency_fs=block.inside_latency_fs,
        )  # fmt: skip
        host = TreeSwitch.model_construct(
            name=above, behind=ROOT, generation=own.generation or link.generation, lanes=own.lanes or link.lanes,
            propagation_fs=own.propagation_fs, latency_fs=block.latency_fs, **common,
        )  # fmt: skip
        # A memory write of the longest payload: 24 B with a long address, 20 B with a short one, 4 B of ECRC.
        longest = link.max_payload_bytes + (24 if link.address_bits == 64 else 20) + 4 * link.ecrc
        switches += [
            replace(_pcie_switch("", shared, link), quantum_bytes=own.weight * longest),
            replace(_pcie_switch("", host, link), grants_doorbells=True),
        ]
        slots[server.name] = SlotParameters(inside, 1)
    return PcieTreeParameters(switches, slots)


def quanta_of(config: Config) -> dict[str, int]:
    """Return what each host's balance on a shared link grows by, by the switch inside the adapter."""
    switches = [one for tree in trees_of(config) for one in tree.switches]
    return {one.name: one.quantum_bytes for one in switches if one.quantum_bytes is not None}


def _under(host: str, name: str) -> str:
    return name if name == ROOT or not host else f"{host}.{name}"


def switches_in(machine: Machine) -> dict[str, tuple[int, int]]:
    """Return the bytes of TLPs on the link above each PCIe switch of a machine, up and down."""
    assert machine.system is not None
    records = machine.system.system[0].trees.switch
    return {
        each.name: (int(records[each.number].up.counts.n_bytes), int(records[each.number].down.counts.n_bytes))
        for each in machine.system.pcie_switches
    }
