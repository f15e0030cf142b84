"""An adapter's functions on the bus: the PF, and the VFs that its VF Enable brings about.

Choices that the specifications leave open: a write of NumVFs is ignored if it is above TotalVFs, or while VF Enable is
set; so are writes of System Page Size and ARI Capable Hierarchy while VFs are enabled, and a page size that is not
supported. A function that is absent, or does not answer yet, reads as all ones; writes to it are lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config.names import PF
from hwmodel.config_space.devices import ROM, PciDevice
from hwmodel.config_space.extended_structures import SR_IOV
from hwmodel.config_space.registers import laid_out
from hwmodel.config_space.space import FunctionSpace, check_access
from hwmodel.errors import InputError
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
    """A PF's configuration space: with the rules of the SR-IOV capability."""

    def __init__(self, device: PciDevice, serial_number: int) -> None:
        structures = device.pf_structures(serial_number)
        super().__init__(structures, laid_out(structures, is_vf=False))
        self._device = device
        for index, bar in device.bars.items():
            self.lay_bar(ROM_BAR if index == ROM else FIRST_BAR + 4 * index, bar, is_rom=index == ROM)
        at = self.at(SR_IOV.name)
        assert at is not None
        self.sr_iov = at
        self._before = self._settings()
        self._follow()

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
        if had_vfs or self.n_vfs > self._device.total_vfs:
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

    def _settings(self) -> tuple[bool, int, int, int]:
        at = self.sr_iov
        return self.has_vfs, self.get(at + CONTROL, 1) & ARI_HIERARCHY, self.n_vfs, self.get(at + PAGE_SIZE, 4)

    def _follow(self) -> None:
        at = self.sr_iov
        page_bytes = self.get(at + PAGE_SIZE, 4) * PAGE_BYTES
        for index, bar in self._device.vf_bars.items():
            self.lay_bar(at + VF_BAR + 4 * index, bar, max(bar.size_bytes, page_bytes))
        first, stride = self._device.offsets[bool(self.get(at + CONTROL, 1) & ARI_HIERARCHY)]
        self.put(at + FIRST_OFFSET, 2, first)
        self.put(at + STRIDE, 2, stride)
        self._before = self._settings()


class PciAdapter:
    """A PF and its VFs, named `pf`, `vf0` and so on; its clock advances with accesses, by `times`, and with `wait`.

    `routing_id`: the PF's bus, device and function as one number. VFs answer 100 ms after they are enabled.
    """

    def __init__(self, device: PciDevice, serial_number: int = 0, times: AccessTimes = AT_ONCE) -> None:
        self.device = device
        self.routing_id = 0x0100  # 01:00.0 unless a hierarchy gives it another bus
        self.pf = PfSpace(device, serial_number)
        self.now_fs = 0
        self.times = times
        self._vf_structures = device.vf_structures()
        self._vf_layout = laid_out(self._vf_structures, is_vf=True)
        self._vfs: list[FunctionSpace] = []
        self._ready_fs = 0

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
            had_vfs = self.pf.has_vfs
            space.write(offset, n_bytes, value)
            if not self.pf.has_vfs:
                self._vfs = []
            elif not had_vfs:
                self._vfs = [FunctionSpace(self._vf_structures, self._vf_layout) for _ in range(self.pf.n_vfs)]
                self._ready_fs = self.now_fs + VF_READY_FS
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
        self._ready_fs -= self.now_fs
        self.now_fs = 0

    def space(self, function: str) -> FunctionSpace | None:
        """Return a function's space, None where it is not there or does not answer yet. Raises InputError as `read`."""
        number = self.vf_number(function)
        if number is None:
            return self.pf
        return self._vfs[number] if number < len(self._vfs) and self.now_fs >= self._ready_fs else None

    def _reached(self, function: str, offset: int, n_bytes: int, request_fs: int) -> FunctionSpace | None:
        """Advance the clock until a request reaches its function, and return the function's space as `space` does."""
        check_access(offset, n_bytes)
        self.vf_number(function)
        self.now_fs += request_fs
        return self.space(function)

    def vf_number(self, function: str) -> int | None:
        """Return a VF's number, None of the PF. Raises InputError where the device can have no such function."""
        if function == PF:
            return None
        digits = function.removeprefix("vf")
        total = self.device.total_vfs
        if function == digits or not digits.isdecimal() or str(int(digits)) != digits:
            raise InputError(f"no function is called {function!r} (pf, or vf0 to vf{total - 1})")
        if int(digits) >= total:
            raise InputError(f"{function}: the {self.device.name} has {total} VFs at most (vf0 to vf{total - 1})")
        return int(digits)

    def functions(self) -> Iterator[str]:
        """Name the functions that answer."""
        yield PF
        if self.now_fs >= self._ready_fs:
            yield from (f"vf{number}" for number in range(len(self._vfs)))

    def routing_id_of(self, function: str) -> int:
        """Return a function's routing id: VF k's is the PF's + First VF Offset + k * VF Stride, across buses."""
        number = self.vf_number(function)
        if number is None:
            return self.routing_id
        at = self.pf.sr_iov
        first, stride = self.pf.get(at + FIRST_OFFSET, 2), self.pf.get(at + STRIDE, 2)
        return (self.routing_id + first + number * stride) & 0xFFFF

    def vf_address(self, number: int, index: int) -> int:
        """Return where a VF's range of a BAR begins: VF BAR + number * its size (SR-IOV 3.3.14)."""
        at = self.pf.sr_iov + VF_BAR + 4 * index
        bar = self.device.vf_bars[index]
        address = self.pf.get(at, 8 if bar.is_64_bit else 4) & ~0xF
        return address + number * self.vf_bar_bytes(index)

    def vf_bar_bytes(self, index: int) -> int:
        """Return the size of a VF's range: that of the BAR, or the System Page Size if it is larger."""
        page_bytes = self.pf.get(self.pf.sr_iov + PAGE_SIZE, 4) * PAGE_BYTES
        return max(self.device.vf_bars[index].size_bytes, page_bytes)
