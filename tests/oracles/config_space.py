"""A second implementation of configuration space: an interpreter of any 4 KiB image of a PF or a VF.

It walks the header and the capability lists of an image, gives each bit an attribute by the capability's id and by
what the registers say of themselves (`config_attributes.py`), and then answers reads and writes. Read from PCI Local
Bus 3.0, PCI Bus Power Management 1.2, PCI Express Base 3.x and SR-IOV 1.1. It shares nothing with the product.

Where these permit more than one thing, this is what is done here:

 1. The image is the state at the start, as it is. A reset gives RW bits the specification's default (0 where no row of
    the tables says otherwise), not the image's, and leaves read-only bits as in the image. What is called hard 0 below
    is read-only: an image that has a 1 there keeps it.
 2. I/O and Memory Space Enable are hard 0 without such a BAR, Interrupt Disable without an INTx pin; Cache Line Size
    and Interrupt Line of a PF are plain RW; a VF has of Command only Bus Master Enable.
 3. A field with an enumeration (payload, read request, completion timeout, multiple message) takes any value as it is
    written.
 4. Power State: D1 or D2 that the capability does not offer, D1 from D2, and D1 or D2 from D3hot change no state, while
    the other bits of the same write hold. D3hot to D0 resets like an FLR if No_Soft_Reset is 0, at once; else nothing
    is lost.
 5. An FLR is over at once, and the other bits of the write that asks for it are written before it: what an FLR leaves
    alone (sticky bits, payload size, ASPM and its neighbours) holds their new values.
 6. PME Enable and Status, and Aux Power PM, are sticky where PME from D3cold is offered; without, the latter is hard 0.
    Data Select is RW where scale or data show that there is a Data register, whose content stays as in the image.
 7. Link Control: Hardware Autonomous Width Disable is hard 0; Link Control 2 is read-only where 2.5 GT/s is all there
    is, and Hardware Autonomous Speed Disable hard 0. AtomicOp and ID-based ordering enables, which no bit announces,
    are hard 0.
 8. AER: all errors that an endpoint can report, see the tables; the obsolete bit 0 is read-only; a VF has status bits
    alone, of what one function can be blamed for. All sticky.
 9. NumVFs greater than TotalVFs, or written while VF Enable is 1, leaves it as it was; 0 is a value like any other, and
    VF Enable with it makes no VF. Writes of one byte are taken together with the byte that stands there.
10. System Page Size takes exactly one of the supported sizes; any other value leaves it as it was. A larger page clears
    the bits of the VF BARs below it for good. VF BARs may be written whatever VF Enable is.
11. ARI Capable Hierarchy, System Page Size and NumVFs look at VF Enable as it was before the write. ARI falls with an
    FLR; from D3hot to D0 it stays if the capability's bit 1 (preserved) says so.
12. VFs: there from VF Enable on, answering 100 ms later (at exactly 100 ms they do). Each enabling makes new ones, in
    the state of their images. Where VF Enable is 1 in the PF's image its VFs answer from the start.
13. A function that is absent or not yet answering reads as ones, and writes to it are lost.
14. The PF's D3hot takes nothing from its VFs, but the reset on its way back does (choice 4).
15. VPD is storage: address, flag and data are plain RW. Capabilities that the tables do not know are read-only.
16. A BAR without a size in `bar_bytes` reads 0 and keeps it; the index of the expansion ROM is 6, its bit 0 is RW.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.oracles.config_attributes import (
    KEPT,
    PCI_EXPRESS,
    POWER_MANAGEMENT,
    RW,
    RW1C,
    RW1CS,
    RWS,
    SR_IOV,
    Row,
    rows,
    walk,
)

N_BYTES = 4096
ROM = 6
FS_PER_MS = 10**12
VF_READY_FS = 100 * FS_PER_MS  # SR-IOV 1.1, 2.1.1: software waits 100 ms after VF Enable
FLR_BIT, FLR_CAPABLE = 1 << 15, 1 << 28
VF_OF_82599 = 0x10ED  # resets, though its capability does not say so: Linux 76b57c6700e5
VF_ENABLE, ARI_HIERARCHY = 0x01, 0x10
D3HOT = 3
Offsets = Mapping[bool, tuple[int, int]]


class ReferenceSpace:
    """One function's configuration space; `bar_bytes` and `vf_bar_bytes` are sizes by BAR index."""

    def __init__(
        self,
        image: bytes,
        kind: str,
        bar_bytes: Mapping[int, int] | None = None,
        vf_bar_bytes: Mapping[int, int] | None = None,
        offsets_by_ari: Offsets | None = None,
        total_vfs: int | None = None,
    ):
        assert len(image) == N_BYTES
        assert kind in ("pf", "vf")
        self.found = walk(bytes(image), kind == "vf")
        self.image = bytes(image)
        self.value = bytearray(image)
        self.writable, self.clearable = bytearray(N_BYTES), bytearray(N_BYTES)
        self.survives, self.default = bytearray(N_BYTES), bytearray(N_BYTES)
        self.bars = {} if kind == "vf" else dict(bar_bytes or {})
        self.vf_bars, self.offsets_by_ari = dict(vf_bar_bytes or {}), offsets_by_ari
        self.power = self.found.legacy.get(POWER_MANAGEMENT)
        self.express = self.found.legacy.get(PCI_EXPRESS)
        self.sr_iov = self.found.extended.get(SR_IOV) if kind == "pf" else None
        self.total_vfs = total_vfs
        if self.sr_iov and total_vfs is None:
            self.total_vfs = self._get(self.sr_iov + 0x0E, 2)
        self.n_resets = 0
        self.resets_unsaid = False
        self._lay_out()

    # ---- the two accesses

    def read(self, offset: int, width: int) -> int:
        _check(offset, width)
        return self._get(offset, width)

    def write(self, offset: int, width: int, value: int) -> None:
        _check(offset, width)
        before = bytes(self.value)
        for at, byte in enumerate(value.to_bytes(width, "little"), offset):
            kept = self.value[at] & ~self.writable[at]
            self.value[at] = (kept | byte & self.writable[at]) & ~(byte & self.clearable[at])
        if self.sr_iov:
            self._settle_sr_iov(before)
        is_reset = self._settle_power(before)
        if self._asks_for_flr(offset, value):
            self._reset(keeps_ari=False)
        elif is_reset:
            self._reset(keeps_ari=bool(self.sr_iov and self.image[self.sr_iov + 4] & 2))

    def set_status(self, offset: int, bits: int) -> None:
        """Let the function itself set bits, an error in a status register, say."""
        self._put(offset, 4, self._get(offset, 4) | bits)

    # ---- what an adapter asks

    @property
    def vf_enable(self) -> bool:
        return bool(self.sr_iov and self.value[self.sr_iov + 8] & VF_ENABLE)

    @property
    def num_vfs(self) -> int:
        return self._get(self.sr_iov + 0x10, 2) if self.sr_iov else 0

    # ---- attributes

    def _lay_out(self) -> None:
        is_io = {index: bool(self.image[0x10 + 4 * index] & 1) for index in self.bars if index != ROM}
        for row in rows(self.found, any(is_io.values()), not all(is_io.values())):
            self._mark(row)
        if not self.found.is_vf:
            taken = set(self.bars) | {index + 1 for index in is_io if self._is_wide(0x10 + 4 * index)}
            for index in range(6):
                if index not in taken:
                    self._put(0x10 + 4 * index, 4, 0)
            for index, size in self.bars.items():
                self._mark_bar(0x30 if index == ROM else 0x10 + 4 * index, size, is_rom=index == ROM)
        if self.sr_iov:
            self._size_vf_bars()
            self._follow_ari()

    def _mark(self, row: Row) -> None:
        for number in range(row.n_bytes):
            at, mask = row.at + number, row.mask >> 8 * number & 0xFF
            target = self.writable if row.attribute in (RW, RWS, KEPT) else self.clearable
            assert row.attribute in (RW, RWS, KEPT, RW1C, RW1CS)
            target[at] |= mask
            self.default[at] |= row.default >> 8 * number & mask
            if row.attribute in (RWS, RW1CS, KEPT):
                self.survives[at] |= mask

    def _is_wide(self, at: int) -> bool:
        return self.image[at] & 7 == 4

    def _mark_bar(self, at: int, size: int, is_rom: bool = False) -> None:
        """Make the address bits from the size up writable, the others read as 0 beneath the bits of the type."""
        n_bytes = 8 if not is_rom and self._is_wide(at) else 4
        mask = -size & ((1 << 8 * n_bytes) - 1)
        types = 1 if is_rom else (3 if self.image[at] & 1 else 0xF)
        value = self._get(at, n_bytes) & mask | self.image[at] & types
        self._put(at, n_bytes, value)
        for number in range(n_bytes):
            self.writable[at + number] = mask >> 8 * number & 0xFF
        if is_rom:
            self.writable[at] |= 1

    # ---- rules beyond attributes

    def _settle_power(self, before: bytes) -> bool:
        """Undo a state that cannot be entered; tell whether the function has come back through a reset."""
        if not self.power:
            return False
        at, old = self.power + 4, before[self.power + 4] & 3
        new = self.value[at] & 3
        offered = {0, D3HOT} | {state for state in (1, 2) if self.found.word(self.power + 2) & 0x100 << state}
        if new not in offered or (old > new > 0):  # only to D0 does the way lead up
            self.value[at] = self.value[at] & ~3 | old
            return False
        return old == D3HOT and new == 0 and not self.image[at] & 8

    def _asks_for_flr(self, offset: int, value: int) -> bool:
        if not self.express or not (self.found.dword(self.express + 4) & FLR_CAPABLE or self.resets_unsaid):
            return False
        at = self.express + 9
        width = (value.bit_length() + 7) // 8
        return offset <= at < offset + width and bool(value >> 8 * (at - offset) & FLR_BIT >> 8)

    def _settle_sr_iov(self, before: bytes) -> None:
        at = self.sr_iov
        if before[at + 8] & VF_ENABLE:
            self.value[at + 8] = self.value[at + 8] & ~ARI_HIERARCHY | before[at + 8] & ARI_HIERARCHY
            self.value[at + 0x10 : at + 0x12] = before[at + 0x10 : at + 0x12]
            self.value[at + 0x20 : at + 0x24] = before[at + 0x20 : at + 0x24]
        if self.num_vfs > self.total_vfs:
            self.value[at + 0x10 : at + 0x12] = before[at + 0x10 : at + 0x12]
        page = self._get(at + 0x20, 4)
        if page.bit_count() != 1:
            self.value[at + 0x20 : at + 0x24] = before[at + 0x20 : at + 0x24]
        self._size_vf_bars()
        self._follow_ari()

    def _size_vf_bars(self) -> None:
        page = self._get(self.sr_iov + 0x20, 4) << 12
        for index, size in self.vf_bars.items():
            self._mark_bar(self.sr_iov + 0x24 + 4 * index, max(size, page))

    def _follow_ari(self) -> None:
        if self.offsets_by_ari:
            first, stride = self.offsets_by_ari[bool(self.value[self.sr_iov + 8] & ARI_HIERARCHY)]
            self._put(self.sr_iov + 0x14, 2, first)
            self._put(self.sr_iov + 0x16, 2, stride)

    def _reset(self, keeps_ari: bool) -> None:
        ari = self.value[self.sr_iov + 8] & ARI_HIERARCHY if self.sr_iov else 0
        for at in range(N_BYTES):
            changed = (self.writable[at] | self.clearable[at]) & ~self.survives[at]
            self.value[at] = self.value[at] & ~changed | self.default[at] & changed
        if self.sr_iov:
            self.value[self.sr_iov + 8] |= ari if keeps_ari else 0
            self._size_vf_bars()
            self._follow_ari()
        self.n_resets += 1

    # ---- bytes

    def _get(self, at: int, n_bytes: int) -> int:
        return int.from_bytes(self.value[at : at + n_bytes], "little")

    def _put(self, at: int, n_bytes: int, value: int) -> None:
        self.value[at : at + n_bytes] = value.to_bytes(n_bytes, "little")


class ReferenceAdapter:
    """A PF and the VFs that come and go with its VF Enable.

    `images` holds "pf" and, by number from 0, "vf0", "vf1", ...; a VF without one of its own has that of "vf0".
    """

    def __init__(
        self,
        images: Mapping[str, bytes],
        bar_bytes: Mapping[int, int],
        vf_bar_bytes: Mapping[int, int],
        total_vfs: int,
        offsets_by_ari: Offsets,
        routing_id: int = 0x0900,
    ):
        self.images, self.total_vfs, self.pf_routing_id = dict(images), total_vfs, routing_id
        self.pf = ReferenceSpace(images["pf"], "pf", bar_bytes, vf_bar_bytes, offsets_by_ari, total_vfs)
        self.now_fs = self.ready_fs = 0
        self.vfs: list[ReferenceSpace] = []
        self._make_vfs(ready_fs=0)

    def read(self, function: str, offset: int, width: int) -> int:
        _check(offset, width)
        space = self._space(function)
        return space.read(offset, width) if space else (1 << 8 * width) - 1

    def write(self, function: str, offset: int, width: int, value: int) -> None:
        _check(offset, width)
        space = self._space(function)
        if space is None:
            return
        was_enabled, n_resets = self.pf.vf_enable, self.pf.n_resets
        space.write(offset, width, value)
        if not self.pf.vf_enable or self.pf.n_resets != n_resets:
            self.vfs = []
        elif not was_enabled:
            self._make_vfs(self.now_fs + VF_READY_FS)

    def wait(self, fs: int) -> None:
        assert fs >= 0
        self.now_fs += fs

    def functions(self) -> list[str]:
        """Name the functions that exist, answering or not."""
        return ["pf", *(f"vf{number}" for number in range(len(self.vfs)))]

    def routing_id(self, function: str) -> int:
        """Tell bus, device and function as one number; of a VF also if it does not exist."""
        if function == "pf":
            return self.pf_routing_id
        at = self.pf.sr_iov
        return (
            self.pf_routing_id + self.pf.read(at + 0x14, 2) + int(function[2:]) * self.pf.read(at + 0x16, 2)
        ) & 0xFFFF

    def _space(self, function: str) -> ReferenceSpace | None:
        if function == "pf":
            return self.pf
        number = int(function[2:])
        return self.vfs[number] if number < len(self.vfs) and self.now_fs >= self.ready_fs else None

    def _make_vfs(self, ready_fs: int) -> None:
        n_vfs = self.pf.num_vfs if self.pf.vf_enable else 0
        self.vfs = [ReferenceSpace(self.images.get(f"vf{k}", self.images.get("vf0")), "vf") for k in range(n_vfs)]
        for vf in self.vfs:
            vf.resets_unsaid = self.pf.read(self.pf.sr_iov + 0x1A, 2) == VF_OF_82599
        self.ready_fs = ready_fs


def _check(offset: int, width: int) -> None:
    assert width in (1, 2, 4), width
    assert offset % width == 0, (offset, width)
    assert 0 <= offset <= N_BYTES - width
