"""What an operating system makes of an adapter's functions: by reads and writes, as Linux does it, in mid-run too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hwmodel.config.scenario import OF_FUNCTIONS
from hwmodel.config_space.adapter import (
    ARI_HIERARCHY,
    CONTROL,
    NUM_VFS,
    PAGE_SIZE,
    PF,
    VF_BAR,
    VF_ENABLE,
    VF_MEMORY,
    VF_READY_FS,
    PciAdapter,
)
from hwmodel.config_space.devices import DEVICES, ROM, UNNAMED, Bar
from hwmodel.config_space.extended_structures import AER
from hwmodel.config_space.registers import Structure
from hwmodel.config_space.space import FIRST_BAR, ROM_BAR
from hwmodel.config_space.structures import MSI_X, PCI_EXPRESS
from hwmodel.errors import InputError
from hwmodel.functions.life import Life, course_of

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.system import Server

COMMAND, CACHE_LINE, INTERRUPT_LINE = 0x04, 0x0C, 0x3C
IO_SPACE, MEMORY_SPACE, BUS_MASTER, INTX_OFF = 0x001, 0x002, 0x004, 0x400
LINE_DOUBLE_WORDS = 0x10  # lines of 64 B
LEGACY_LINE = 0x0B  # what firmware gave the pin: model's choice
MSIX_CONTROL, MSIX_ENABLE = 0x02, 0x8000
DEVICE_CONTROL, DEVICE_STATUS, LINK_CONTROL = 0x08, 0x0A, 0x10
PAYLOAD_AND_REQUEST = 0x70E0
EXTENDED_TAG = 0x0100
FLR = 0x8000
COMMON_CLOCK = 0x40
# What probing for functions that are not there leaves with the PF: an unsupported request, as an advisory error.
UNSUPPORTED_REQUEST, CORRECTABLE_STATUS, ADVISORY = 0x9, 0x10, 0x2000
LEAST_PAYLOAD_BYTES = 128
FIVE_BIT_TAGS = 32
# Where ranges are put: those of 32 bits, those of 64, those of I/O. Model's choice.
MEMORY_BASE, HIGH_BASE, IO_BASE = 0xB0000000, 0x38_0000_0000, 0x2000


def adapter_of(server: Server) -> PciAdapter:
    """Return the functions of a server's adapter as they come out of reset: with the link that is configured.

    An adapter without a preset has the registers of the 82599. Where more is configured than a device offers, lanes,
    payload, tags or VFs, it offers that.
    """
    config = server.config
    pcie, device = config.pcie, DEVICES[config.nic.preset or UNNAMED]
    payload = max(_size_code(pcie.max_payload_bytes), device.device_values.get("Max Payload Size Supported", 2))
    values = {
        **device.device_values,
        "Max Payload Size Supported": payload,
        "Current Link Speed": pcie.generation,
        "Negotiated Link Width": pcie.lanes,
    }
    if pcie.tags > FIVE_BIT_TAGS:
        values["Extended Tag Field Supported"] = 1
    device = replace(
        device,
        link_speed=max(device.link_speed, pcie.generation),
        lanes=max(device.lanes, pcie.lanes),
        total_vfs=max(device.total_vfs, config.nic.vfs),
        device_values=values,
    )
    return PciAdapter(device, _serial_number(server))


def configured(server: Server, at_fs: int | None = None, scenario: Config | None = None) -> PciAdapter:
    """Return a server's functions as a running system has them: enumerated, VFs enabled, drivers bound.

    `at_fs`: at that time of the run that `scenario` is the configuration of, all its events up to then done.
    Raises InputError as `course_of`.
    """
    adapter = adapter_of(server)
    system = _System(adapter, server)
    system.probe()
    system.enable_vfs(server.config.nic.vfs)
    adapter.wait(VF_READY_FS)
    for number in range(server.config.nic.vfs):
        system.bind(f"vf{number}")
    if at_fs is not None and scenario is not None:
        _play(system, server, scenario, at_fs)
    return adapter


class _System:
    """Reads and writes as Linux' PCI core and the drivers do."""

    def __init__(self, adapter: PciAdapter, server: Server) -> None:
        self.adapter, self._config = adapter, server.config
        self._next = {"memory": MEMORY_BASE, "high": HIGH_BASE, "io": IO_BASE}

    def probe(self) -> None:
        """Size and place the PF's ranges, configure its link, start its driver."""
        write, pf = self.adapter.write, self.adapter.pf
        write(PF, CACHE_LINE, 1, LINE_DOUBLE_WORDS)
        write(PF, INTERRUPT_LINE, 1, LEGACY_LINE)
        for index, bar in self.adapter.device.bars.items():
            self._place(ROM_BAR if index == ROM else FIRST_BAR + 4 * index, bar, is_used=index != ROM)
        pf.set_bits(self._at(PF, PCI_EXPRESS) + DEVICE_STATUS, 2, UNSUPPORTED_REQUEST)
        pf.set_bits(self._at(PF, AER) + CORRECTABLE_STATUS, 4, ADVISORY)
        self.bind(PF)

    def enable_vfs(self, n_vfs: int) -> None:
        """Disable what VFs there are, and enable so many."""
        write, at = self.adapter.write, self.adapter.pf.sr_iov
        write(PF, at + CONTROL, 2, 0)
        if not n_vfs:
            return
        write(PF, at + CONTROL, 2, ARI_HIERARCHY)
        write(PF, at + NUM_VFS, 2, n_vfs)
        write(PF, at + PAGE_SIZE, 4, 1)
        for index, bar in self.adapter.device.vf_bars.items():
            self._place(at + VF_BAR + 4 * index, bar, times=n_vfs)
        write(PF, at + CONTROL, 2, ARI_HIERARCHY | VF_MEMORY | VF_ENABLE)

    def bind(self, function: str) -> None:
        """Let a driver start a function: bus master, MSI-X; of the PF also its ranges and its link."""
        write = self.adapter.write
        if function == PF:
            has_io = any(bar.is_io for bar in self.adapter.device.bars.values())
            write(PF, COMMAND, 2, has_io * IO_SPACE | MEMORY_SPACE | BUS_MASTER | INTX_OFF)
            self._configure_link()
        else:
            write(function, COMMAND, 2, BUS_MASTER)
        write(function, self._at(function, MSI_X) + MSIX_CONTROL, 2, MSIX_ENABLE)

    def unbind(self, function: str) -> None:
        """Let a driver give a function up."""
        self.adapter.write(function, self._at(function, MSI_X) + MSIX_CONTROL, 2, 0)
        self.adapter.write(function, COMMAND, 2, 0)

    def reset(self, function: str) -> None:
        """Reset a function."""
        at = self._at(function, PCI_EXPRESS) + DEVICE_CONTROL
        self.adapter.write(function, at, 2, self.adapter.read(function, at, 2) | FLR)

    def _configure_link(self) -> None:
        pcie, at = self._config.pcie, self._at(PF, PCI_EXPRESS)
        control = self.adapter.read(PF, at + DEVICE_CONTROL, 2) & ~(PAYLOAD_AND_REQUEST | EXTENDED_TAG)
        control |= _size_code(pcie.max_payload_bytes) << 5 | _size_code(pcie.max_read_request_bytes) << 12
        control |= EXTENDED_TAG * (pcie.tags > FIVE_BIT_TAGS)
        self.adapter.write(PF, at + DEVICE_CONTROL, 2, control)
        self.adapter.write(PF, at + LINK_CONTROL, 2, COMMON_CLOCK)

    def _place(self, at: int, bar: Bar, times: int = 1, *, is_used: bool = True) -> None:
        """Find a range's size by writing ones; give it an address, unless it is not used and stays as it was sized."""
        write = self.adapter.write
        write(PF, at, 4, 0xFFFFFFFE if at == ROM_BAR else 0xFFFFFFFF)
        if bar.is_64_bit:
            write(PF, at + 4, 4, 0xFFFFFFFF)
        if not is_used:
            return
        low = self.adapter.read(PF, at, 4) & ~(0x3 if bar.is_io else 0xF)
        size_bytes = -low & 0xFFFFFFFF
        window = "io" if bar.is_io else "high" if bar.is_64_bit else "memory"
        begins = -(-self._next[window] // size_bytes) * size_bytes
        self._next[window] = begins + times * size_bytes
        write(PF, at, 4, begins & 0xFFFFFFFF)
        if bar.is_64_bit:
            write(PF, at + 4, 4, begins >> 32)

    def _at(self, function: str, structure: Structure) -> int:
        space = self.adapter.space(function)
        at = None if space is None else space.at(structure.name)
        return 0 if at is None else at  # writes to a function that is not there are lost, wherever they go


def _play(system: _System, server: Server, scenario: Config, at_fs: int) -> None:
    """Do what a run's events have done to the functions up to a time."""
    adapter, start_fs = system.adapter, system.adapter.now_fs
    for number, one in enumerate(scenario.scenario):
        if one.when is not None and one.kind in OF_FUNCTIONS:
            message = f"when scenario.{number} happens is known in a run alone; a time, `at`, would say it"
            raise InputError(f"--at: {message}")
    events = sorted(scenario.scenario, key=lambda event: event.at_fs)
    steps: list[tuple[int, int, str, Life]] = []
    for life in course_of(scenario).lives:
        if not life.vm.startswith(server.prefix):
            continue
        steps.append((life.at_fs, life.event, events[life.event].kind, life))
        if life.up_fs is not None:
            steps.append((life.up_fs, life.event, "up", life))
    done: set[int] = set()
    for time_fs, event, kind, life in sorted(steps, key=lambda step: step[:2]):
        if time_fs > at_fs:
            break
        adapter.wait(start_fs + time_fs - adapter.now_fs)
        function = life.vm.removeprefix(server.prefix)
        if kind == "enable_vfs" and event not in done:
            done.add(event)
            system.enable_vfs(events[event].enable_vfs or 0)
        elif kind in ("reset", "plug"):
            system.reset(function)
        elif kind == "unplug":
            system.unbind(function)
        elif kind == "up":
            system.bind(function)
    adapter.wait(start_fs + at_fs - adapter.now_fs)


def _size_code(n_bytes: int) -> int:
    """Return how a payload's or a request's size is written: 128 B is 0, twice as much 1 more (PCIe 7.8.4)."""
    return (n_bytes // LEAST_PAYLOAD_BYTES).bit_length() - 1


def _serial_number(server: Server) -> int:
    """Return the PF's address as an EUI-64 with FFFFh in its middle (PCIe 7.12); 0 where it has none."""
    macs = next((port.macs for port in server.config.switch.ports if port.name == PF), ())
    octets = (macs[0] if macs else 0).to_bytes(6, "big")
    return int.from_bytes(octets[:3] + b"\xff\xff" + octets[3:], "big")


def only_server(servers: Mapping[str, Server], name: str | None) -> Server:
    """Return the server of a name, or the only one. Raises InputError where there is none, or it is not clear which."""
    if name is None and len(servers) == 1:
        return next(iter(servers.values()))
    names = ", ".join(servers)
    if name is None:
        raise InputError(f"of which server? --server says it ({names})")
    if name not in servers:
        raise InputError(f"--server: no server is called {name!r} ({names})")
    return servers[name]
