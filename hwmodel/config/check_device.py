"""Check functions, rings and tables against the device and against the room that a simulation has."""

from __future__ import annotations

from .findings import Findings
from .model import Config
from .nic import MODEL_MAX_QUEUES, MODEL_RING_POOL
from .presets import DEVICES, Device


def check_device(config: Config, findings: Findings) -> None:
    """Check the `nic` block against its device."""
    name = config.nic.preset
    if name is not None:
        _check_functions(config, findings, name, DEVICES[name])
        _check_ring_range(config, findings, name, DEVICES[name])
        _check_tables(config, findings, name, DEVICES[name])
    _check_capacity(config, findings)


def _check_functions(config: Config, findings: Findings, name: str, device: Device) -> None:
    nic = config.nic
    if nic.vfs > device.max_vfs:
        findings.add(
            f"{nic.vfs} VFs are more than the {device.max_vfs} of the {name} (nic.preset: null has no such limit)",
            "nic.vfs",
            "nic.preset",
        )
    if nic.queues_per_vf > device.max_queues_per_function:
        findings.add(
            f"{nic.queues_per_vf} is more than the {device.max_queues_per_function} queues of a function of the {name}",
            "nic.queues_per_vf",
            "nic.preset",
        )
        return
    n_queues = nic.queues_per_vf * (nic.vfs + 1)
    if n_queues > device.max_queues and nic.vfs <= device.max_vfs:
        findings.add(
            f"{nic.vfs} VFs and the PF with {nic.queues_per_vf} queues each are {n_queues}, more than the "
            f"{device.max_queues} of the {name}",
            "nic.queues_per_vf",
            "nic.vfs",
            "nic.preset",
        )


def _check_ring_range(config: Config, findings: Findings, name: str, device: Device) -> None:
    for key, ring in (("nic.tx_ring", config.nic.tx_ring), ("nic.rx_ring", config.nic.rx_ring)):
        if not device.ring_least <= ring <= device.ring_most:
            findings.add(
                f"{ring} is out of range; rings of the {name} have {device.ring_least} to {device.ring_most} entries",
                key,
                "nic.preset",
            )


def _check_tables(config: Config, findings: Findings, name: str, device: Device) -> None:
    ports = config.switch.ports
    n_macs = sum(len(port.macs) for port in ports)
    if device.max_macs is not None and n_macs > device.max_macs:
        findings.add(
            f"{n_macs} addresses in all; the {name} filters {device.max_macs}", "switch.ports", "nic.vfs", "nic.preset"
        )
    n_vlans = len({vlan for port in ports for vlan in port.vlans})
    if device.max_vlans is not None and n_vlans > device.max_vlans:
        findings.add(
            f"{n_vlans} VLANs in all; the {name} filters {device.max_vlans}", "switch.ports", "nic.vfs", "nic.preset"
        )
    n_mirrors = len(config.switch.mirrors)
    if n_mirrors > device.max_mirrors:
        findings.add(f"{n_mirrors} mirrors; the {name} has {device.max_mirrors}", "switch.mirrors", "nic.preset")


def _check_capacity(config: Config, findings: Findings) -> None:
    nic = config.nic
    n_queues = nic.queues_per_vf * (nic.vfs + 1)
    if n_queues > MODEL_MAX_QUEUES:
        findings.add(
            f"{nic.vfs} VFs and the PF with {nic.queues_per_vf} queues each are {n_queues}; the model has room for "
            f"{MODEL_MAX_QUEUES}",
            "nic.queues_per_vf",
            "nic.vfs",
        )
        return
    for key, ring in (("nic.tx_ring", nic.tx_ring), ("nic.rx_ring", nic.rx_ring)):
        most = MODEL_RING_POOL // n_queues
        if ring > most:
            findings.add(
                f"{ring} descriptors in each of {n_queues} rings; the model has room for {most}",
                key,
                besides=["nic.vfs", "nic.queues_per_vf"],
            )
