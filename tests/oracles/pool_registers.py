"""Which pools a frame from the wire goes to by the registers of an 82576 or 82599, bit by bit: a second implementation.

Written from the drivers' names of the registers (Linux ixgbe_type.h, e1000_82575.h) and from QEMU's igb device, which
says in which order they count; it shares nothing with the kernels, nor with the second forwarding decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BROADCAST = b"\xff" * 6
SHIFT_OF_MO = (4, 3, 2, 0)


@dataclass
class Registers:
    """RAL, RAH and MPSAR as a dictionary; bit vectors of pools as sets of their names, in the pools' order."""

    pools: list[str]
    mpsar: dict[bytes, set[str]] = field(default_factory=dict)
    mta: list[int] = field(default_factory=lambda: [0] * 128)
    uta: list[int] = field(default_factory=lambda: [0] * 128)
    mo: int = 0
    vlvf: dict[int, set[str]] = field(default_factory=dict)
    bam: set[str] = field(default_factory=set)
    rope: set[str] = field(default_factory=set)
    rompe: set[str] = field(default_factory=set)
    mpe: set[str] = field(default_factory=set)
    promiscuous: set[str] = field(default_factory=set)
    aupe: set[str] = field(default_factory=set)
    vfre: set[str] = field(default_factory=set)
    def_pl: str | None = None
    rpl_en: bool = True
    vfta: set[int] = field(default_factory=lambda: set(range(1, 4095)))
    etqf: dict[int, str] = field(default_factory=dict)

    def write_table(self, table: list[int], mac: bytes) -> None:
        bit = self._table_bit(mac)
        table[bit // 32] |= 1 << bit % 32

    def _table_bit(self, mac: bytes) -> int:
        return ((mac[5] << 8 | mac[4]) >> SHIFT_OF_MO[self.mo]) & 0xFFF

    def _is_hashed(self, table: list[int], mac: bytes) -> bool:
        bit = self._table_bit(mac)
        return bool(table[bit // 32] >> bit % 32 & 1)

    def pools_of(self, frame: bytes) -> set[str]:
        mac, is_tagged = frame[:6], frame[12:14] == b"\x81\x00"
        vid = int.from_bytes(frame[14:16], "big") & 0xFFF if is_tagged else 0
        ethertype = int.from_bytes(frame[16:18] if is_tagged else frame[12:14], "big")
        is_group = bool(mac[0] & 1)
        if ethertype == 0x8808 or (vid and vid not in self.vfta):  # the port's own, or let in by no filter
            return set()
        if self.rpl_en or not is_group:
            list_ = self._candidates(mac, is_group)
            list_ &= self.vlvf.get(vid, set()) if vid else self.aupe
            if not self.rpl_en and list_:
                list_ = {next(pool for pool in self.pools if pool in list_)}
        else:
            list_ = set()
        if not list_ and self.def_pl is not None and (not is_group or not self.rpl_en):
            list_ = {self.def_pl}
        if ethertype in self.etqf:
            list_ = {self.etqf[ethertype]}
        return list_ & self.vfre

    def _candidates(self, mac: bytes, is_group: bool) -> set[str]:
        list_ = set(self.mpsar.get(mac, set()))
        if mac == BROADCAST:
            list_ |= self.bam
        elif is_group:
            if not list_ and self._is_hashed(self.mta, mac):
                list_ |= self.rompe
            list_ |= self.mpe
        elif not list_ and self._is_hashed(self.uta, mac):
            list_ |= self.rope
        return list_ | self.promiscuous
