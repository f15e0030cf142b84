"""The block `tree` of a server as the SimPy model of docs/datapath.md, "PCIe trees", is given it."""

from __future__ import annotations

from hwmodel.config import Config, servers_of
from hwmodel.config.adapter import Pcie
from hwmodel.config.pcie_tree import ROOT, TreeSwitch
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.machine import Machine
from tests.oracles.simpy_system import PcieSwitchParameters, PcieTreeParameters, SlotParameters


def trees_of(config: Config) -> list[PcieTreeParameters]:
    """Translate the trees of all servers."""
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


def _under(host: str, name: str) -> str:
    return name if name == ROOT else f"{host}.{name}"


def switches_in(machine: Machine) -> dict[str, tuple[int, int]]:
    """Return the bytes of TLPs on the link above each PCIe switch of a machine, up and down."""
    assert machine.system is not None
    records = machine.system.system[0].trees.switch
    return {
        each.name: (int(records[each.number].up.counts.n_bytes), int(records[each.number].down.counts.n_bytes))
        for each in machine.system.pcie_switches
    }
