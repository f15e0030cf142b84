"""The tables of docs/config_space.md: the devices, the registers of each capability, those in memory ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hwmodel.config_space import extended_structures, ports, structures
from hwmodel.config_space.devices import DEVICES, ROM, SOURCES, Bar, PciDevice, PciPorts
from hwmodel.config_space.memory_registers import Block
from hwmodel.config_space.msix_table import PENDING, TABLE
from hwmodel.config_space.registers import Attribute, Field, Register, Structure
from hwmodel.config_space.vf_register_tables import VF_REGISTERS
from hwmodel.units import format_bytes

_ORDER = (
    structures.HEADER, structures.POWER_MANAGEMENT, structures.MSI, structures.MSI_X, structures.PCI_EXPRESS,
    structures.VITAL_PRODUCT_DATA, extended_structures.AER,
    extended_structures.SERIAL_NUMBER, extended_structures.ARI, extended_structures.SR_IOV,
    extended_structures.TPH, extended_structures.ACS, extended_structures.LTR,
    extended_structures.SECONDARY_PCI_EXPRESS,
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
    yield "What a PF shows as it comes out of reset, with one Ethernet port and the device's own link, field by field:"
    yield "what software can only read, and what begins with a value of the device's own. The letters are sources:"
    yield ""
    for letter, source in SOURCES.items():
        yield f"- {letter}: {source}."
    yield ""
    yield f"| structure | field | {' | '.join(DEVICES)} |"
    yield f"|---|---|{'---|' * len(DEVICES)}"
    for place, cells in _PLACES.items():
        what, field = place
        yield f"| {what} | {field} | {' | '.join(map(cells, DEVICES.values()))} |"
    values: dict[tuple[str, str], dict[str, str]] = {}
    for device in DEVICES.values():
        for structure, name, value, source in device.field_values():
            values.setdefault((structure.name, name), {})[device.name] = f"{value:#x} {source}"
    for (structure_name, name), of_device in values.items():
        yield f"| {structure_name} | {name} | {' | '.join(of_device.get(one, '-') for one in DEVICES)} |"
    yield ""


def _places(device: PciDevice, *, ari: bool) -> str:
    """Return First VF Offset and VF Stride of the functions of one, two and four ports."""
    most = 4 if device.shares_vfs else 2
    counts = [n for n in (1, 2, 4) if n <= most]
    found = [[device.vf_places(PciPorts(at, n), ari=ari) for at in range(n)] for n in counts]
    offsets = "; ".join("/".join(f"{first}" for first, _ in each) for each in found)
    return f"{offsets}, {found[0][0][1]} {device.field_sources['offset']}"


_PLACES: dict[tuple[str, str], Callable[[PciDevice], str]] = {
    ("ranges", "BAR 0 to 5, ROM"): lambda one: f"{_bars(one)} {one.field_sources['ranges']}",
    ("ranges", "VF BAR 0 to 5"): lambda one: f"{_vf_bars(one)} {one.field_sources['ranges']}",
    ("VF", "MSI-X vectors"): lambda one: f"{one.vf_msix_vectors} {one.field_sources['VF']}",
    ("by ports", "TotalVFs of each PF, with one port, two, four"): lambda one: "; ".join(
        f"{one.vfs_of_each(PciPorts(0, n))}" for n in ((1, 2, 4) if one.shares_vfs else (1, 2))
    ),
    ("by ports", "First VF Offset, VF Stride, with ARI"): lambda one: _places(one, ari=True),
    ("by ports", "First VF Offset, VF Stride, without"): lambda one: _places(one, ari=False),
}


def _bars(device: PciDevice) -> str:
    return ", ".join(
        f"{'ROM' if index == ROM else index}: {format_bytes(bar.size_bytes)}{_kind(bar)}"
        for index, bar in device.bars.items()
    )


def _vf_bars(device: PciDevice) -> str:
    return ", ".join(f"{index}: {format_bytes(bar.size_bytes)}{_kind(bar)}" for index, bar in device.vf_bars.items())


def _kind(bar: Bar) -> str:
    return " of I/O" if bar.is_io else " prefetchable" * bar.is_prefetchable


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
    kept = ", kept by a reset" * (one.keeps or bool(one.keeps_with))
    if one.keeps_with:
        kept += f" with {one.keeps_with.replace('#', ', bit ')}"
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
