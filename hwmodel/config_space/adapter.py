"""An adapter's functions on the bus: a PF for each Ethernet port, and the VFs that its VF Enable brings about.

Choices that the specifications leave open: a write of NumVFs is ignored if it is above TotalVFs, or while VF Enable is
set; so are writes of System Page Size and ARI Capable Hierarchy while VFs are enabled, and a page size that is not
supported. A function that is absent, or does not answer yet, reads as all ones; writes to it are lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config_space.devices import ALONE, ROM, PciDevice, PciPorts
from hwmodel.config_space.extended_structures import SR_IOV
from hwmodel.config_space.registers import laid_out
from hwmodel.config_space.space import FunctionSpace, check_access
from hwmodel.errors import InputError
from hwmodel.rules.function_names import pf_name
from hwmodel.rules.pcie_link import REGISTER_BYTES, link_rate_of, tlp_overhead_of
from hwmodel.units import FS_PER_MS

if TYPE_CHECKING:
    from hwmodel.config import Config

VF_READY_FS = 100 * FS_PER_MS  # SR-IOV 2.1.1: software waits 100 ms after VF Enable
PAGE_BYTES = 4096
FIRST_BAR, ROM_BAR = 0x10, 0x30

# Of the SR-IOV capability, from its start on.
CONTROL, NUM_VFS, FIRST_OFFSET, STRIDE, PAGE_SIZE, VF_BAR = 0x08, 0x10, 0x14, 0x16, 0x20, 0x24
VF_ENABLE, VF_MEMORY, ARI_HIERARCHY = 0x01, 0x08, 0x10
ARI_PRESERVED = 0x02  # a bit of SR-IOV Capabilities


class AccessTimes(NamedTuple):
    """Hold the time until a request reaches its function, and the time from then until the core has its completion.

    The link is taken as idle. Reads are answered by a completion with data (`data_fs`); writes, and requests that reach
    no function, by one without (`empty_fs`).
    """

    read_request_fs: int = 0
    write_request_fs: int = 0
    data_fs: int = 0
    empty_fs: int = 0

    @classmethod
    def of(cls, config: Config) -> AccessTimes:
        """Return the times on a configuration's link, after PCI Express Base 3.0, 2.2.7 and 2.2.9.

        A request has a header of 3 double words and addresses one double word, however few of its bytes are accessed.
        The way through the root complex takes `host.read_latency`, as for other registers (assumption); it is counted
        with the completion.
        """
        rate, overhead = link_rate_of(config.pcie), tlp_overhead_of(config.pcie)
        to_function_fs = config.pcie.flight_fs
        to_core_fs = config.pcie.flight_fs + config.host.read_latency_fs
        return cls(
            read_request_fs=to_function_fs + rate.transfer_fs(overhead.configuration_request_bytes),
            write_request_fs=to_function_fs + rate.transfer_fs(overhead.configuration_request_bytes + REGISTER_BYTES),
            data_fs=to_core_fs + rate.transfer_fs(overhead.completion_bytes + REGISTER_BYTES),
            empty_fs=to_core_fs + rate.transfer_fs(overhead.completion_bytes),
        )


AT_ONCE = AccessTimes()


class PfSpace(FunctionSpace):
    """A PF's configuration space: with the rules of the SR-IOV capability.

    `ports`: which of the adapter's PFs it is. Where its VFs are follows ARI Capable Hierarchy of the first PF.
    """

    def __init__(self, device: PciDevice, serial_number: int, ports: PciPorts = ALONE) -> None:
        structures = device.pf_structures(serial_number, ports)
        super().__init__(structures, laid_out(structures, is_vf=False))
        self._device, self._ports = device, ports
        for index, bar in device.bars.items():
            self.lay_bar(ROM_BAR if index == ROM else FIRST_BAR + 4 * index, bar, is_rom=index == ROM)
        at = self.at(SR_IOV.name)
        assert at is not None
        self.sr_iov = at
        self._ari = False
        self._before = self._settings()
        self.follow(ari=False)

    @property
    def total_vfs(self) -> int:
        """Return TotalVFs."""
        return self._device.vfs_of_each(self._ports)

    @property
    def ari(self) -> bool:
        """Say whether ARI Capable Hierarchy is set, of the first PF; others read 0 there."""
        return bool(self.get(self.sr_iov + CONTROL, 1) & ARI_HIERARCHY)

    @property
    def has_vfs(self) -> bool:
        """Say whether VF Enable is set."""
        return bool(self.get(self.sr_iov + CONTROL, 1) & VF_ENABLE)

    @property
    def n_vfs(self) -> int:
        """Return NumVFs, the number of VFs if they are enabled."""
        return self.get(self.sr_iov + NUM_VFS, 2)

    def settle(self) -> None:
        """Undo changes that are not permitted now, and update what depends on the others: VF BARs, offset, stride."""
        had_vfs, ari, n_vfs, page = self._before
        at = self.sr_iov
        if had_vfs:
            self.put(at + CONTROL, 1, self.get(at + CONTROL, 1) & ~ARI_HIERARCHY | ari)
        if had_vfs or self.n_vfs > self.total_vfs:
            self.put(at + NUM_VFS, 2, n_vfs)
        if had_vfs or self.get(at + PAGE_SIZE, 4).bit_count() != 1:
            self.put(at + PAGE_SIZE, 4, page)
        self._follow()

    def reset(self, *, from_d3: bool = False) -> None:
        """Reset the function, and with it its VFs; from D3hot it may keep ARI Capable Hierarchy."""
        at = self.sr_iov
        keeps_ari = from_d3 and self.get(at + 4, 1) & ARI_PRESERVED
        ari = bool(keeps_ari and self.get(at + CONTROL, 1) & ARI_HIERARCHY)
        super().reset(from_d3=from_d3)
        self.set_fields(SR_IOV, "SR-IOV Control", {"ARI Capable Hierarchy": ari})
        self._follow()

    def follow(self, *, ari: bool) -> None:
        """Place the VFs where they are with ARI Capable Hierarchy set in the first PF, or clear."""
        self._ari = ari
        self._follow()

    def vf_offset(self, place: int) -> int:
        """Return how far a VF's routing id is behind the PF's: First VF Offset + its place * VF Stride."""
        return self.get(self.sr_iov + FIRST_OFFSET, 2) + place * self.get(self.sr_iov + STRIDE, 2)

    def vf_address(self, place: int, index: int) -> int:
        """Return where a VF's range of a BAR begins: VF BAR + its place * its size (SR-IOV 3.3.14)."""
        n_bytes = 8 if self._device.vf_bars[index].is_64_bit else 4
        address = self.get(self.sr_iov + VF_BAR + 4 * index, n_bytes) & ~0xF
        return address + place * self.vf_bar_bytes(index)

    def vf_bar_bytes(self, index: int) -> int:
        """Return the size of a VF's range: that of the BAR, or the System Page Size if it is larger."""
        page_bytes = self.get(self.sr_iov + PAGE_SIZE, 4) * PAGE_BYTES
        return max(self._device.vf_bars[index].size_bytes, page_bytes)

    def _settings(self) -> tuple[bool, int, int, int]:
        at = self.sr_iov
        return self.has_vfs, self.get(at + CONTROL, 1) & ARI_HIERARCHY, self.n_vfs, self.get(at + PAGE_SIZE, 4)

    def _follow(self) -> None:
        at = self.sr_iov
        for index, bar in self._device.vf_bars.items():
            self.lay_bar(at + VF_BAR + 4 * index, bar, self.vf_bar_bytes(index))
        ari = self._ari if self._ports.function else self.ari
        first, stride = self._device.vf_places(self._ports, ari=ari)
        self.put(at + FIRST_OFFSET, 2, first)
        self.put(at + STRIDE, 2, stride)
        self._before = self._settings()


class PciAdapter:
    """An adapter's PFs, named `pf`, `pf1` and so on, and VFs, `vf0` and so on.

    `vf_functions`: of each configured VF, which PF it belongs to; VFs beyond, which software may enable, have the
    numbers that follow, from each PF in turn. `n_functions`: how many PFs. Its clock advances with accesses, by
    `times`, and with `wait`. `routing_id`: the first PF's bus, device and function as one number. VFs answer 100 ms
    after they are enabled. `beside_pf`: how many VFs of each PF work beside its driver; None: all.
    """

    def __init__(
        self,
        device: PciDevice,
        serial_number: int = 0,
        times: AccessTimes = AT_ONCE,
        n_functions: int = 1,
        vf_functions: Sequence[int] = (),
        beside_pf: int | None = None,
    ) -> None:
        self.device, self.beside_pf = device, beside_pf
        self.routing_id = 0x0100  # 01:00.0 unless a hierarchy gives it another bus
        self.pfs = [PfSpace(device, serial_number, PciPorts(at, n_functions)) for at in range(n_functions)]
        self.now_fs = 0
        self.times = times
        self._vf_structures = device.vf_structures()
        self._vf_layout = laid_out(self._vf_structures, is_vf=True)
        self._places = self._name(vf_functions)
        self._vfs: list[list[FunctionSpace]] = [[] for _ in self.pfs]
        self._ready_fs = [0] * n_functions

    @property
    def pf(self) -> PfSpace:
        """Return the first PF."""
        return self.pfs[0]

    @property
    def pf_names(self) -> list[str]:
        """Name the PFs."""
        return [pf_name(at) for at in range(len(self.pfs))]

    def _name(self, vf_functions: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Return PF and place of each VF that can be, by name."""
        found, n_named = {}, [0] * len(self.pfs)
        for number, function in enumerate(vf_functions):
            found[f"vf{number}"] = function, n_named[function]
            n_named[function] += 1
        for function, pf in enumerate(self.pfs):
            for beyond, place in enumerate(range(n_named[function], pf.total_vfs)):
                found[f"vf{len(vf_functions) + beyond * len(self.pfs) + function}"] = function, place
        return found

    def read(self, function: str, offset: int, n_bytes: int) -> int:
        """Answer a configuration read. Raises InputError as `FunctionSpace.read`, or where no such function can be."""
        value = self.answer(function, offset, n_bytes)
        return (1 << 8 * n_bytes) - 1 if value is None else value

    def answer(self, function: str, offset: int, n_bytes: int) -> int | None:
        """Answer a configuration read like `read`, but return None if no function answers."""
        space = self._reached(function, offset, n_bytes, self.times.read_request_fs)
        value = None if space is None else space.read(offset, n_bytes)
        self.now_fs += self.times.empty_fs if space is None else self.times.data_fs
        return value

    def write(self, function: str, offset: int, n_bytes: int, value: int) -> bool:
        """Take a configuration write; say whether a function received it. Raises InputError as `read`."""
        space = self._reached(function, offset, n_bytes, self.times.write_request_fs)
        if space is not None:
            had_vfs, had_ari = [pf.has_vfs for pf in self.pfs], self.pf.ari
            space.write(offset, n_bytes, value)
            for at, pf in enumerate(self.pfs):
                if at and self.pf.ari != had_ari:
                    pf.follow(ari=self.pf.ari)
                if not pf.has_vfs:
                    self._vfs[at] = []
                elif not had_vfs[at]:
                    self._vfs[at] = [FunctionSpace(self._vf_structures, self._vf_layout) for _ in range(pf.n_vfs)]
                    self._ready_fs[at] = self.now_fs + VF_READY_FS
        self.now_fs += self.times.empty_fs
        return space is not None

    def wait(self, time_fs: int) -> None:
        """Advance the clock."""
        self.now_fs += time_fs

    def wait_until(self, time_fs: int) -> None:
        """Advance the clock to an instant, unless that has passed."""
        self.now_fs = max(self.now_fs, time_fs)

    def restart_clock(self) -> None:
        """Set the clock to 0."""
        self._ready_fs = [each - self.now_fs for each in self._ready_fs]
        self.now_fs = 0

    def space(self, function: str) -> FunctionSpace | None:
        """Return a function's space, None where it is not there or does not answer yet. Raises InputError as `read`."""
        pf, place = self._place(function)
        if place is None:
            return self.pfs[pf]
        return self._vfs[pf][place] if place < len(self._vfs[pf]) and self.now_fs >= self._ready_fs[pf] else None

    def pf_of(self, function: str) -> PfSpace:
        """Return the PF that a function is, or that a VF belongs to. Raises InputError as `read`."""
        return self.pfs[self._place(function)[0]]

    def pf_name_of(self, function: str) -> str:
        """Return the name of the PF that a function is, or that a VF belongs to. Raises InputError as `read`."""
        return self.pf_names[self._place(function)[0]]

    def vf_place(self, function: str) -> int | None:
        """Return a VF's place among the VFs of its PF, None of a PF. Raises InputError as `read`."""
        return self._place(function)[1]

    def is_coming(self, function: str) -> bool:
        """Say whether a function is a VF that is enabled but does not answer yet. Raises InputError as `read`."""
        pf, place = self._place(function)
        return place is not None and place < len(self._vfs[pf]) and self.now_fs < self._ready_fs[pf]

    def _reached(self, function: str, offset: int, n_bytes: int, request_fs: int) -> FunctionSpace | None:
        """Advance the clock until a request reaches its function, and return the function's space as `space` does."""
        check_access(offset, n_bytes)
        self._place(function)
        self.now_fs += request_fs
        return self.space(function)

    def vf_number(self, function: str) -> int | None:
        """Return a VF's number, None of a PF. Raises InputError where the device can have no such function."""
        return None if self._place(function)[1] is None else int(function.removeprefix("vf"))

    def _place(self, function: str) -> tuple[int, int | None]:
        """Return the PF that a function is, or belongs to, and a VF's place among the VFs of that PF."""
        found = self._places.get(function)
        if found is not None:
            return found
        if function in self.pf_names:
            return self.pf_names.index(function), None
        last, total = max(int(name[2:]) for name in self._places), self.pf.total_vfs
        digits = function.removeprefix("vf")
        if function == digits or not digits.isdecimal() or str(int(digits)) != digits:
            raise InputError(f"no function is called {function!r} ({', '.join(self.pf_names)}, or vf0 to vf{last})")
        each = " for each PF" * (len(self.pfs) > 1)
        raise InputError(f"{function}: the {self.device.name} has {total} VFs at most{each} (vf0 to vf{last})")

    def functions(self) -> Iterator[str]:
        """Name the functions that answer."""
        yield from self.pf_names
        yield from (name for name in sorted(self._places, key=lambda one: int(one[2:])) if self.space(name) is not None)

    def routing_id_of(self, function: str) -> int:
        """Return a function's routing id: a VF's is its PF's + First VF Offset + place * VF Stride, across buses."""
        pf, place = self._place(function)
        own = self.routing_id + pf
        return own if place is None else (own + self.pfs[pf].vf_offset(place)) & 0xFFFF

    def last_routing_id(self) -> int:
        """Return the highest routing id that a VF of any PF could have, by the places that PFs now give."""
        return max(self.routing_id + at + pf.vf_offset(pf.total_vfs - 1) for at, pf in enumerate(self.pfs))

    def vf_address(self, number: int, index: int) -> int:
        """Return where VF `number`'s range of a BAR begins."""
        pf, place = self._places[f"vf{number}"]
        return self.pfs[pf].vf_address(place, index)
