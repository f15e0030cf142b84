"""Enumerate and set up an adapter's functions by reads and writes, as Linux does, up to any time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hwmodel.config import Config
from hwmodel.config.adapter import Pcie
from hwmodel.config.device_limits import most_of
from hwmodel.config.life import course_of
from hwmodel.config.names import port_place
from hwmodel.config.scenario import Event, of_each_kind, places_of
from hwmodel.config.system import Server, servers_of
from hwmodel.config.vms import vms_of
from hwmodel.config_space.adapter import FIRST_BAR, ROM_BAR, VF_BAR, VF_READY_FS, AccessTimes, PciAdapter, PfSpace
from hwmodel.config_space.devices import DEVICES, ROM, UNNAMED, Bar
from hwmodel.config_space.extended_structures import AER, SR_IOV
from hwmodel.config_space.registers import Structure
from hwmodel.config_space.structures import HEADER, MSI_X, PCI_EXPRESS
from hwmodel.errors import InputError
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.rules.function_names import PF, pf_name
from hwmodel.rules.pcie_link import MOST_TAGS

LINE_DOUBLE_WORDS = 0x10  # lines of 64 B
LEGACY_LINE = 0x0B  # as firmware sets Interrupt Line: model's choice
LEAST_PAYLOAD_BYTES = 128
FIVE_BIT_TAGS = 32
IO, MEMORY, PREFETCHABLE = "I/O", "memory", "prefetchable memory"
# First address and end of each space: model's choice, but I/O has 64 KiB, and memory below 4 GiB ends before the
# interrupt controllers' registers of PCs.
SPACES = {IO: (0x2000, 0x10000), MEMORY: (0xB0000000, 0xFEC00000), PREFETCHABLE: (1 << 38, 1 << 40)}


def adapter_of(server: Server, card: Pcie | None = None) -> PciAdapter:
    """Return the functions of a server's adapter as they come out of reset: with the link that is configured.

    An adapter without a preset has the registers of the 82599. If lanes, payload, tags, ECRC or VFs are configured
    beyond what the device offers, which takes `nic.strict: false`, it offers what is configured, as the run has it.
    `card`: the adapter's own link, if its slot limits it.
    """
    config = server.config
    if config.pcie.bus is not None:
        raise InputError("config-space: its registers are of PCI Express, and the adapter is on a bus (pcie.bus)")
    pcie, device = config.pcie, DEVICES[config.nic.preset or UNNAMED]
    card = card or pcie
    payload = max(size_code(pcie.max_payload_bytes), device.values["Max Payload Size Supported"])
    n_functions, vf_functions = config.port.count, _functions_of_vfs(config)
    at_one = max((vf_functions.count(at) for at in range(n_functions)), default=0)
    values = {
        **device.values,
        "Max Payload Size Supported": payload,
        "Current Link Speed": pcie.generation,
        "Negotiated Link Width": pcie.lanes,
    }
    if pcie.tags > FIVE_BIT_TAGS:
        values["Extended Tag Field Supported"] = 1
    if pcie.tags > MOST_TAGS:
        values |= {"10-Bit Tag Completer Supported": 1, "10-Bit Tag Requester Supported": 1}
    if pcie.ecrc:
        values |= {"ECRC Generation Capable": 1, "ECRC Check Capable": 1}
    device = replace(
        device,
        link_speed=max(device.link_speed, card.generation),
        lanes=max(device.lanes, card.lanes),
        total_vfs=max(device.total_vfs, at_one * (n_functions if device.shares_vfs else 1)),
        values=values | _equalization(pcie),
    )
    beside_pf = most_of("nic.vfs", config.nic.preset)
    return PciAdapter(device, _serial_number(server), AccessTimes.of(config), n_functions, vf_functions, beside_pf)


def _functions_of_vfs(config: Config) -> list[int]:
    """Return the PF of each VF, by the Ethernet port that it is at; none where VMs have no functions."""
    if config.nic.mode != "sriov":
        return []
    ports = {station.name: station.port for station in config.switch.ports}
    return [port_place(ports.get(f"vf{number}")) for number in range(config.nic.vfs)]


def _equalization(pcie: Pcie) -> dict[str, int]:
    """Return what Link Status 2 shows of a link that is equalized, from 8 GT/s on (PCIe 7.8.20)."""
    is_done = int(pcie.generation > 2)
    return {"Equalization Complete": is_done, "Equalization Phase 1 to 3 Successful": 7 * is_done}


def configured(
    server: Server, at_fs: int | None = None, scenario: Config | None = None, card: Pcie | None = None
) -> PciAdapter:
    """Return a server's functions as a running system has them: enumerated, VFs enabled, drivers bound.

    The adapter's clock starts at 0 then. With `at_fs` it is the clock of the run of the configuration `scenario`: it
    stands at `at_fs`, and the run's events up to then have been carried out. `card` as in `adapter_of`. Raises
    InputError as `course_of` and `Config.steps`.
    """
    system = OneAdapter(adapter_of(server, card), server, Addresses())
    system.probe()
    start(system, server, at_fs, scenario)
    return system.adapter


def start(system: OneAdapter, server: Server, at_fs: int | None = None, scenario: Config | None = None) -> None:
    """Start the drivers of a probed adapter, and carry out a run's events up to `at_fs`, as in `configured`."""
    adapter = system.adapter
    vf_functions = _functions_of_vfs(server.config)
    for at, pf in enumerate(adapter.pf_names):
        system.bind(pf)
        system.enable_vfs(vf_functions.count(at), pf)
    adapter.wait(VF_READY_FS)
    for number in range(len(vf_functions)):
        system.bind(f"vf{number}")
    adapter.restart_clock()
    if at_fs is not None and scenario is not None:
        for time_fs, act in _actions(system, server, scenario):
            if time_fs <= at_fs:
                adapter.wait_until(time_fs)
                act()
        adapter.wait_until(at_fs)


class Addresses:
    """The free addresses of a host, given to ranges of functions one after the other, as an operating system does.

    `sorts`: prefetchable ranges are kept apart, as the windows of ports require.
    """

    def __init__(self, *, sorts: bool = False) -> None:
        self._sorts = sorts
        self._next = {kind: begins for kind, (begins, _) in SPACES.items()}

    def take(self, bar: Bar, size_bytes: int, n_ranges: int = 1) -> int | None:
        """Return the start of `n_ranges` adjacent ranges; None if I/O, which a device can do without, is full.

        Raises InputError where memory has no room.
        """
        kind = IO if bar.is_io else PREFETCHABLE if self._sorts and bar.is_64_bit and bar.is_prefetchable else MEMORY
        begins = -(-self._next[kind] // size_bytes) * size_bytes
        ends = begins + n_ranges * size_bytes
        if ends > SPACES[kind][1]:
            if bar.is_io:
                return None
            raise InputError(f"the ranges of all adapters are more than there is {kind} for")
        self._next[kind] = ends
        return begins

    def align(self, kind: str, n_bytes: int) -> int:
        """Advance to the next multiple of `n_bytes`, and return it."""
        self._next[kind] = -(-self._next[kind] // n_bytes) * n_bytes
        return self._next[kind]


class OneAdapter:
    """Access an adapter as Linux' PCI core and drivers do; its ranges are allocated from `addresses`."""

    def __init__(self, adapter: PciAdapter, server: Server, addresses: Addresses) -> None:
        self.adapter, self._config = adapter, server.config
        self._addresses = addresses
        # BAR and address, by the PF's name and the BAR's offset.
        self._places: dict[str, dict[int, tuple[Bar, int]]] = {name: {} for name in adapter.pf_names}

    def find_vfs(self) -> int:
        """Tell the PF that the port above forwards by ARI; return the routing id of the last VF possible."""
        self._write(PF, SR_IOV, "SR-IOV Control", {"ARI Capable Hierarchy": 1})
        return self.adapter.last_routing_id()

    def probe(self) -> None:
        """Size the PFs' and VFs' BARs, and allocate addresses; the VFs' ranges of one BAR are adjacent."""
        for name in self.adapter.pf_names:
            self._probe(name, self.adapter.pf_of(name))

    def _probe(self, name: str, pf: PfSpace) -> None:
        device = self.adapter.device
        for index, bar in device.bars.items():
            if index == ROM:
                self._size(name, ROM_BAR, bar)  # left as sizing wrote it: nobody reads the ROM
            else:
                self._place(name, FIRST_BAR + 4 * index, bar)
        for index, bar in device.vf_bars.items():
            self._place(name, pf.sr_iov + VF_BAR + 4 * index, bar, pf.total_vfs)
        # What probing for functions that are not there leaves: an unsupported request, as an advisory error.
        errors = {"Correctable Error Detected": 1, "Unsupported Request Detected": 1}
        pf.set_fields(PCI_EXPRESS, "Device Status", errors)
        pf.set_fields(AER, "Correctable Error Status", {"Advisory Non-Fatal Error Status": 1})

    def bind(self, function: str) -> None:
        """Start a function's driver: bus master, MSI-X; for a PF also restore what a reset cleared, and the link."""
        if function in self._places:
            self._restore(function)
            has_io = any(bar.is_io for bar, _ in self._places[function].values())
            of_pf = {"I/O Space Enable": has_io, "Memory Space Enable": 1, "Interrupt Disable": 1}
            self._write(function, HEADER, "Command", {"Bus Master Enable": 1, **of_pf})
            self._configure_link(function)
        else:
            self._write(function, HEADER, "Command", {"Bus Master Enable": 1})
        self._write(function, MSI_X, "Message Control", {"MSI-X Enable": 1})

    def enable_vfs(self, n_vfs: int, pf: str = PF) -> None:
        """Disable any VFs of a PF, then enable `n_vfs`."""
        off = {"ARI Capable Hierarchy": 1}
        self._write(pf, SR_IOV, "SR-IOV Control", off)
        self._write(pf, SR_IOV, "NumVFs", {"NumVFs": n_vfs})
        if n_vfs:
            self._write(pf, SR_IOV, "SR-IOV Control", {**off, "VF Memory Space Enable": 1, "VF Enable": 1})

    def bus_master(self, function: str, is_on: bool) -> None:
        """Set or clear a function's Bus Master Enable."""
        self._write(function, HEADER, "Command", {"Bus Master Enable": is_on}, keeps_others=True)

    def unplug(self, function: str) -> None:
        """Stop a function's driver."""
        self._write(function, MSI_X, "Message Control", {})
        self._write(function, HEADER, "Command", {})

    def reset(self, function: str) -> None:
        """Reset a function."""
        self._write(function, PCI_EXPRESS, "Device Control", {"Initiate Function Level Reset": 1}, keeps_others=True)

    def retrain(self, config: Config) -> None:
        """Change the link to that of another configuration."""
        self._config, pcie = config, config.pcie
        link = {"Current Link Speed": pcie.generation, "Negotiated Link Width": pcie.lanes}
        self.adapter.pf.set_fields(PCI_EXPRESS, "Link Status 2", _equalization(pcie))
        self.adapter.times = AccessTimes.of(config)
        for name in self._places:
            self.adapter.pf_of(name).set_fields(PCI_EXPRESS, "Link Status", link)
            self._configure_link(name)

    def _restore(self, pf: str) -> None:
        write = self.adapter.write
        self._write(pf, HEADER, "Cache Line Size", {"Cache Line Size": LINE_DOUBLE_WORDS})
        self._write(pf, HEADER, "Interrupt Line", {"Interrupt Line": LEGACY_LINE})
        for at, (bar, address) in self._places[pf].items():
            write(pf, at, 4, address & 0xFFFFFFFF)
            if bar.is_64_bit:
                write(pf, at + 4, 4, address >> 32)

    def _configure_link(self, pf: str) -> None:
        pcie = self._config.pcie
        sizes = {
            "Max Payload Size": size_code(pcie.max_payload_bytes),
            "Max Read Request Size": size_code(pcie.max_read_request_bytes),
            "Extended Tag Field Enable": pcie.tags > FIVE_BIT_TAGS,
        }
        self._write(pf, PCI_EXPRESS, "Device Control", sizes, keeps_others=True)
        if pcie.tags > MOST_TAGS:
            tags = {"10-Bit Tag Requester Enable": 1}
            self._write(pf, PCI_EXPRESS, "Device Control 2", tags, keeps_others=True)
        is_128 = pcie.read_completion_boundary_bytes == 128
        clock = {"Common Clock Configuration": 1, "Read Completion Boundary": is_128}
        self._write(pf, PCI_EXPRESS, "Link Control", clock)
        ecrc = dict.fromkeys(("ECRC Generation Enable", "ECRC Check Enable"), pcie.ecrc)
        self._write(pf, AER, "Advanced Error Capabilities and Control", ecrc)

    def _size(self, pf: str, at: int, bar: Bar) -> int:
        """Return a BAR's size, found by writing ones; only its lower 32 bits are looked at."""
        self.adapter.write(pf, at, 4, 0xFFFFFFFE if at == ROM_BAR else 0xFFFFFFFF)
        low = self.adapter.read(pf, at, 4) & ~(0x3 if bar.is_io else 0xF)
        return -low & 0xFFFFFFFF

    def _place(self, pf: str, at: int, bar: Bar, n_ranges: int = 1) -> None:
        address = self._addresses.take(bar, self._size(pf, at, bar), n_ranges)
        if address is None:
            self.adapter.write(pf, at, 4, 0)
        else:
            self._places[pf][at] = bar, address

    def _write(
        self, function: str, structure: Structure, name: str, values: Mapping[str, int], *, keeps_others: bool = False
    ) -> None:
        """Write some fields of a register; the others get 0, or with `keeps_others` what they read as before."""
        register = structure.register(name)
        at = self._at(function, structure) + register.offset
        before = self.adapter.read(function, at, register.n_bytes) if keeps_others else 0
        self.adapter.write(function, at, register.n_bytes, register.with_fields(before, values))

    def _at(self, function: str, structure: Structure) -> int:
        space = self.adapter.space(function)
        at = None if space is None else space.at(structure.name)
        return 0 if at is None else at  # writes to a function that is not there are lost, wherever they go


def _actions(system: OneAdapter, server: Server, scenario: Config) -> list[tuple[int, Callable[[], None]]]:
    """Return times and actions, in order, of a run's events on a server's functions, driver starts included."""
    for number, one in enumerate(scenario.scenario):
        if one.is_of_host:
            raise InputError(f"--at: registers behind scenario.{number}, which is about a whole host, are not shown")
        if one.when is not None and one.row.moves:
            message = f"when scenario.{number} happens is known in a run alone; a time, `at`, would say it"
            raise InputError(f"--at: {message}")
    vms = vms_of([server])
    found: list[tuple[int, int, Callable[[], None]]] = []
    places = places_of(scenario.scenario)
    for at, place in places.items():
        event = scenario.scenario[at]
        for name, value in _about(server, event) if event.row.moves else ():
            found.append((event.at_fs, place, partial(_WRITES[event.kind], system, name, value)))
    pcie = server.config.pcie
    for step in scenario.steps(PfDrivers(scenario)):
        (config,) = (one.config for one in servers_of(step.config) if one.name == server.name)
        if config.pcie != pcie:
            pcie = config.pcie
            found.append((step.at_fs, -1, partial(system.retrain, config)))
    for life in course_of(scenario).lives:
        if life.up_fs is not None and life.vm in vms:
            found.append((life.up_fs, places[life.event], partial(system.bind, vms[life.vm].port.name)))
    return [(time_fs, act) for time_fs, _, act in sorted(found, key=lambda each: each[:2])]


def _about(server: Server, event: Event) -> Iterator[tuple[str, Any]]:
    """Give the functions of a server that an event is about, with what it says; of `enable_vfs` PFs, with NumVFs."""
    if event.function is not None:
        vms = vms_of([server])
        if event.function in vms:
            yield vms[event.function].port.name, event.value
        return
    name, port = event.place
    ports = server.config.port.names if name in (None, server.name) else ()
    places = [port_place(each) for each in ports if port in (None, each)]
    first = [at for at in _functions_of_vfs(server.config) if at in places][: event.value]
    for at in places:
        if at in first or not event.value:
            yield pf_name(at), first.count(at)


_WRITES: Mapping[str, Callable[[OneAdapter, str, Any], None]] = of_each_kind(
    f"registers that it writes, {__name__}",
    {
        "reset": lambda system, name, _: system.reset(name),
        "enable_vfs": lambda system, name, n_vfs: system.enable_vfs(n_vfs, name),
        "unplug": lambda system, name, _: system.unplug(name),
        "plug": lambda system, name, _: system.reset(name),  # by the host, before it gives it to a VM
        "bus_master": lambda system, name, written: system.bus_master(name, written.is_on),
    },
    lambda row: row.moves,
)


def size_code(n_bytes: int) -> int:
    """Return the register code of a payload or request size: 128 B is 0, each doubling adds 1 (PCIe 7.8.4)."""
    return (n_bytes // LEAST_PAYLOAD_BYTES).bit_length() - 1


def _serial_number(server: Server) -> int:
    """Return the PF's address as an EUI-64 with FFFFh in its middle (PCIe 7.12); 0 where it has none."""
    macs = next((port.macs for port in server.config.switch.ports if port.name == PF), ())
    octets = (macs[0] if macs else 0).to_bytes(6, "big")
    return int.from_bytes(octets[:3] + b"\xff\xff" + octets[3:], "big")
