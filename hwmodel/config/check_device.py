"""Check rings, batches, caches and buffers against each other and against the device."""

from __future__ import annotations

import math

from hwmodel.units import format_bytes

from .findings import Findings
from .frame_lengths import longest_frame
from .model import Config
from .nic import MODEL_MAX_QUEUES, MODEL_RING_POOL
from .presets import DEVICES, Device

_TX_BATCHES = ("driver.tx_doorbell_batch", "nic.fetch_batch", "nic.tx_writeback_batch", "driver.tx_interrupt_batch")
_RX_BATCHES = (
    "nic.rx_fetch_batch", "nic.rx_prefetch", "nic.rx_writeback_batch", "driver.rx_interrupt_batch",
    "driver.refill_batch",
)  # fmt: skip
_MAX_PERIOD = 100_000  # frames looked at for a stall; batches whose pattern repeats later are looked at in part
_FCS_BYTES = 4


def check_device(config: Config, findings: Findings) -> None:
    """Check the `nic` and `driver` blocks."""
    name = config.nic.preset
    if name is not None:
        _check_functions(config, findings, name, DEVICES[name])
        _check_ring_range(config, findings, name, DEVICES[name])
        _check_tables(config, findings, name, DEVICES[name])
    _check_capacity(config, findings)
    _check_batches(config, findings)
    _check_caches(config, findings)
    _check_packet_buffers(config, findings)


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


def _check_batches(config: Config, findings: Findings) -> None:
    for ring_key, batch_keys in (("nic.tx_ring", _TX_BATCHES), ("nic.rx_ring", _RX_BATCHES)):
        ring = _value(config, ring_key)
        too_large = [key for key in batch_keys if _value(config, key) >= ring]
        for key in too_large:
            findings.add(
                f"{key} {_value(config, key)} never comes together: {ring_key} {ring} holds at most {ring - 1}",
                key,
                ring_key,
            )
        if not too_large:
            _check_stall(config, findings, ring_key, ring)


def _check_stall(config: Config, findings: Findings, ring_key: str, ring: int) -> None:
    """Find rings that fill with descriptors each of which waits for a batch that cannot complete any more."""
    nic, driver = config.nic, config.driver
    if ring_key == "nic.tx_ring":
        batches = [1 if nic.writeback_timeout_fs is not None else nic.tx_writeback_batch, driver.tx_interrupt_batch]
        needed = 1
        keys: tuple[str, ...] = ("nic.tx_writeback_batch", "driver.tx_interrupt_batch")
    else:
        batches = [
            1 if nic.writeback_timeout_fs is not None else nic.rx_writeback_batch,
            1 if driver.moderation_fs else driver.rx_interrupt_batch,
            driver.refill_batch,
        ]
        needed = nic.rx_fetch_batch if nic.rx_prefetch else 1
        keys = ("nic.rx_writeback_batch", "driver.rx_interrupt_batch", "driver.refill_batch", "nic.rx_fetch_batch")
    held = most_held([max(batch, 1) for batch in batches])
    if ring - 1 - held < needed:
        named = " and ".join(key.partition(".")[2] for key in keys)
        findings.add(
            f"a ring of {ring} can stop for ever: {named} hold back up to {held} of its {ring - 1} descriptors, and "
            f"the next step needs {needed}; {held + needed + 1} or more are enough",
            ring_key,
            *keys,
            besides=["nic.writeback_timeout", "driver.moderation", "nic.rx_prefetch"],
        )


def most_held(batches: list[int]) -> int:
    """Return the most items that are held back when whole batches of each stage are passed to the next.

    Of n items a first stage passes on the whole multiples of its batch, the next of those the whole multiples of its
    own; the pattern repeats at the least common multiple.
    """
    most = 0
    for n_items in range(min(math.lcm(*batches), _MAX_PERIOD)):
        passed = n_items
        for batch in batches:
            passed -= passed % batch
        most = max(most, n_items - passed)
    return most


def _check_caches(config: Config, findings: Findings) -> None:
    cache = config.nic.descriptor_cache
    for key in ("nic.fetch_batch", "nic.rx_fetch_batch", "nic.rx_prefetch"):
        value = _value(config, key)
        if value > cache:
            findings.add(
                f"{key} {value} does not fit into nic.descriptor_cache {cache}",
                key,
                "nic.descriptor_cache",
            )


def _check_packet_buffers(config: Config, findings: Findings) -> None:
    n_bytes, length_key = longest_frame(config)
    for key, buffer_bytes in (
        ("nic.tx_buffer", config.nic.tx_buffer_bytes),
        ("nic.rx_buffer", config.nic.rx_buffer_bytes),
    ):
        if n_bytes > buffer_bytes:
            findings.add(f"{format_bytes(buffer_bytes)} does not hold a frame of {n_bytes} B", key, length_key)
    host = config.host
    room = host.buffer_bytes - host.buffer_offset_bytes
    if 0 < room < n_bytes - _FCS_BYTES:
        findings.add(
            f"a frame of {n_bytes} B ({n_bytes - _FCS_BYTES} without FCS) does not fit into the {room} B of a buffer "
            "(host.buffer_bytes less host.buffer_offset)",
            length_key,
            "host.buffer_bytes",
            "host.buffer_offset",
        )


def _value(config: Config, key: str) -> int:
    block, _, name = key.partition(".")
    value: int = getattr(getattr(config, block), name)
    return value
