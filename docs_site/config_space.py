"""The tables of docs/config_space.md: the devices, the registers of each capability, those in memory ranges."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space import extended_structures, ports, structures
from hwmodel.config_space.devices import DEVICES, ROM, PciDevice
from hwmodel.config_space.memory_registers import Block
from hwmodel.config_space.msix_table import PENDING, TABLE
from hwmodel.config_space.registers import Attribute, Field, Register, Structure
from hwmodel.config_space.vf_register_tables import VF_REGISTERS
from hwmodel.units import format_bytes

_ORDER = (
    structures.HEADER, structures.POWER_MANAGEMENT, structures.MSI, structures.MSI_X, structures.PCI_EXPRESS,
    extended_structures.AER, extended_structures.SERIAL_NUMBER, extended_structures.ARI, extended_structures.SR_IOV,
    extended_structures.TPH, extended_structures.ACS, extended_structures.SECONDARY_PCI_EXPRESS,
)  # fmt: skip
_OF_PORTS = (ports.TYPE_1_HEADER, ports.PORT_EXPRESS)


def tables() -> str:
    """Return the devices, the registers of each capability, those in memory ranges."""
    lines = [*_devices(), *_attributes(), *(line for each in _ORDER for line in _table(each))]
    lines += [line for each in _OF_PORTS for line in _table(each, is_of_port=True)]
    return "\n".join([*lines, *_memory()])


def _devices() -> Iterator[str]:
    yield "## Devices"
    yield ""
    yield "| | PF, VF id | VFs | offset, stride with ARI; without | ranges | VF ranges | MSI-X vectors, of a VF |"
    yield "|---|---|---|---|---|---|---|"
    for device in DEVICES.values():
        with_ari, without = (f"{first}, {stride}" for first, stride in (device.offsets[True], device.offsets[False]))
        yield (
            f"| {device.name} | {device.device_id:04x}, {device.vf_device_id:04x} | {device.total_vfs} "
            f"| {with_ari}; {without} | {_bars(device)} | {_vf_bars(device)} "
            f"| {device.msix_vectors}, {device.vf_msix_vectors} |"
        )
    yield ""
    yield "Sources, and what is recalled or chosen, stand beside each number in `hwmodel/config_space/devices.py`."
    yield ""


def _bars(device: PciDevice) -> str:
    return ", ".join(
        f"{'ROM' if index == ROM else index}: {format_bytes(bar.size_bytes)}{' of I/O' if bar.is_io else ''}"
        for index, bar in device.bars.items()
    )


def _vf_bars(device: PciDevice) -> str:
    return ", ".join(f"{index}: {format_bytes(bar.size_bytes)}" for index, bar in device.vf_bars.items())


def _attributes() -> Iterator[str]:
    yield "## Registers"
    yield ""
    for attribute in Attribute:
        yield f"- {_short(attribute)}: {attribute.value}."
    yield ""


def _table(structure: Structure, *, is_of_port: bool = False) -> Iterator[str]:
    kind = (
        "" if not structure.number else f", capability {structure.number:#06x}" + " (extended)" * structure.is_extended
    )
    yield f"### {structure.name}{kind}"
    yield ""
    yield f"Source: {structure.source}."
    yield ""
    yield f"| offset | bytes | register | bits | field | {'port' if is_of_port else 'PF | VF'} | reset | needs |"
    yield "|---|---|---|---|---|---|---|---|" + "---|" * (not is_of_port)
    for register, one in structure.fields():
        yield _row(register, one, is_of_port)
    yield ""


def _row(register: Register, one: Field, is_of_port: bool) -> str:
    kept = ", kept by a reset" if one.keeps else ""
    needs = one.needs.replace("#", ", bit ")
    in_vf = "" if is_of_port else f" | {_short(one.of(is_vf=True))}"
    return (
        f"| {register.offset:#04x} | {register.n_bytes} | {register.name} | {_bits(one)} | {one.name} "
        f"| {_short(one.attribute)}{kept}{in_vf} | {_reset(one)} | {needs} |"
    )


def _short(attribute: Attribute) -> str:
    return "HwInit" if attribute is Attribute.HWINIT else attribute.name


def _bits(one: Field) -> str:
    return f"{one.low + one.n_bits - 1}:{one.low}" if one.n_bits > 1 else f"{one.low}"


def _reset(one: Field) -> str:
    return f"{one.reset:#x}" if one.attribute.can_write else ""


def _memory() -> Iterator[str]:
    yield "## Registers in memory ranges"
    yield ""
    yield "### MSI-X"
    yield ""
    yield "Where a function's MSI-X capability says; offsets are from there."
    yield ""
    for block in (TABLE, PENDING):
        yield from _block(block)
    for blocks, devices in _by_blocks().items():
        yield f"### Range 0 of VFs: {', '.join(devices)}"
        yield ""
        for block in blocks:
            yield from _block(block)


def _by_blocks() -> dict[tuple[Block, ...], list[str]]:
    """Return blocks that devices share, and such as only one has, with the devices' names."""
    devices_of: dict[Block, list[str]] = {}
    for name, registers in VF_REGISTERS.items():
        for block in registers.blocks:
            devices_of.setdefault(block, []).append(name)
    found: dict[tuple[str, ...], list[Block]] = {}
    for block, devices in devices_of.items():
        found.setdefault(tuple(devices), []).append(block)
    return {tuple(blocks): list(devices) for devices, blocks in found.items()}


def _block(block: Block) -> Iterator[str]:
    times = f", one for each {block.each}, {block.stride:#x} apart" if block.each else ""
    yield f"**{block.name}**{times}. Source: {block.source}."
    yield ""
    yield "| offset | register | bits | field | attribute | reset | needs |"
    yield "|---|---|---|---|---|---|---|"
    for register in block.registers:
        for one in register.fields:
            yield _row_in_memory(register, one)
    yield ""


def _row_in_memory(register: Register, one: Field) -> str:
    bits, reset = _bits(one), _reset(one)
    cells = (f"{register.offset:#06x}", register.name, bits, one.name, one.attribute.name, reset, one.needs)
    return f"| {' | '.join(cells)} |"
