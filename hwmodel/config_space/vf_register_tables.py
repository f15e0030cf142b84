"""The registers in a VF's range 0: of the 82599, X540 and X550 as Linux ixgbevf uses them, and of the 82576 as igbvf.

Offsets: drivers/net/ethernet/intel/ixgbevf/regs.h and mbx.h; igbvf/regs.h and mbx.h. Fields: their defines.h, and
ixgbe_type.h; "unverified": not checked against the data sheets. Names are ixgbevf's for all: igbvf has them without VF
or VT, but for V2PMAILBOX and VMBMEM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

from hwmodel.config_space.memory_registers import REGISTER_BYTES, Block
from hwmodel.config_space.registers import RC, RCW1C, RO, RW, RW1S, RWS, WO, Attribute, Field, Register, bit
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS

RING_STEP_BYTES = 128  # eight descriptors: IXGBE_REQ_TX_DESCRIPTOR_MULTIPLE, of Rx and in igbvf too
QUEUE_ENABLE = 0x02000000  # IXGBE_RXDCTL_ENABLE, IXGBE_TXDCTL_ENABLE
FUNCTION_RESET = 0x04000000  # IXGBE_CTRL_RST
VECTOR_VALID, VECTOR_NUMBER = 0x80, 0x7F  # of a byte of VTIVAR: IXGBE_IVAR_ALLOC_VAL
FRAME_LIMIT = "a frame limit of each queue"  # ixgbevf/defines.h of RLPML: "only supported on the X540"
TWO_QUEUES = "two queues"
GBPS, MBPS = 10**9, 10**6


class VfMailbox(IntFlag):
    """Bits of VFMAILBOX: ixgbevf/mbx.h."""

    REQ = 0x01
    ACK = 0x02
    VFU = 0x04
    PFU = 0x08
    PFSTS = 0x10
    PFACK = 0x20
    RSTI = 0x40
    RSTD = 0x80


@dataclass(frozen=True)
class VfRegisters:
    """The registers in a VF's range 0, the name of the one that shows the link, and its value at each link rate.

    `offers`: the features that a field's `needs` may name.
    """

    blocks: tuple[Block, ...]
    link: str
    link_values: Mapping[int, int]
    offers: tuple[str, ...] = ()

    def at(self, name: str, index: int = 0) -> int:
        """Return where a register is."""
        found = ((block, one) for block in self.blocks for one in block.registers if one.name == name)
        block, register = next(found)
        return register.offset + index * block.stride


def _register(name: str, offset: int, *fields: Field) -> Register:
    return Register(name, offset, REGISTER_BYTES, fields)


def _whole(name: str, offset: int, attribute: Attribute, low: int = 0, n_bits: int = 32) -> Register:
    """Return a register with one field of its name."""
    return _register(name, offset, Field(name, low, n_bits, attribute))


def _counters(source: str, **offsets: int) -> Block:
    return Block("Counters", source, tuple(_whole(name, offset, RO) for name, offset in offsets.items()))


def _causes(name: str, offset: int, attribute: Attribute) -> Register:
    return _register(name, offset, Field("Vectors", 0, 3, attribute))  # IXGBE_VF_IRQ_CLEAR_MASK: 7


def _vector_of(cause: str, low: int) -> tuple[Field, Field]:
    """Return the fields that map a cause: two bits of vector number, as in QEMU's igb_core.c, and a valid bit."""
    return Field(f"Vector of {cause}", low, 2, RW), bit(f"{cause} is mapped", low + 7, RW)


def _interrupts(source: str, clear_at: int, set_at: int, misc_at: int) -> Block:
    return Block(
        "Interrupts", source,
        (
            _causes("VTEICR", clear_at, RCW1C),
            _causes("VTEICS", set_at, WO),
            _causes("VTEIMS", set_at + 0x4, RW1S),
            _causes("VTEIMC", set_at + 0x8, WO),
            _causes("VTEIAC", set_at + 0xC, RW),
            _causes("VTEIAM", set_at + 0x10, RW),
            _register("VTIVAR_MISC", misc_at, *_vector_of("the mailbox", 0)),
        ),
    )  # fmt: skip


def _causes_of_queues(source: str, offset: int, n_queues: int) -> Block:
    fields = [
        one
        for low, cause in enumerate(("Rx 2n", "Tx 2n", "Rx 2n + 1", "Tx 2n + 1"))
        for one in _vector_of(cause, 8 * low)
    ]
    return Block("Causes of queues", source, (_register("VTIVAR", offset, *fields),), TWO_QUEUES, n_queues // 2)


def _mailbox(source: str, memory_at: int, register_at: int) -> tuple[Block, Block]:
    attributes = (WO, WO, RW, RO, RC, RC, RO, RC)
    flags = [bit(str(flag.name), at, attributes[at]) for at, flag in enumerate(VfMailbox)]
    return (
        Block("Mailbox memory", source, (_whole("VFMBMEM", memory_at, RW),), "word", MAILBOX_WORDS),
        Block("Mailbox", source, (_register("VFMAILBOX", register_at, *flags),)),
    )


def _ring(side: str, at: int, control: Register, *more: Register) -> tuple[Register, ...]:
    """Return what rings of all these adapters have at the same places; head and tail are 16 bits (unverified)."""
    kept = control.fields[0].attribute
    return (
        _whole(f"VF{side}DBAL", at, RW, 7, 25),
        _whole(f"VF{side}DBAH", at + 0x04, RW),
        _whole(f"VF{side}DLEN", at + 0x08, RW, 7, 13),
        _whole(f"VF{side}DH", at + 0x10, kept, 0, 16),
        _whole(f"VF{side}DT", at + 0x18, kept, 0, 16),
        control,
        *more,
    )


def _thresholds(kept: Attribute, n_bits: int) -> tuple[Field, ...]:
    return tuple(Field(name, 8 * at, n_bits, kept) for at, name in enumerate(("PTHRESH", "HTHRESH", "WTHRESH")))


def _srrctl(at: int, kept: Attribute, drop_bit: int) -> Register:
    return _register(
        "VFSRRCTL", at,
        Field("BSIZEPACKET", 0, 7, kept, 2),  # KiB; the values at the start: DPDK ixgbe_vf.c, ixgbe_virt_clr_reg
        Field("BSIZEHEADER", 8, 6, kept, 4),  # 64 B
        Field("RDMTS", 22, 3, kept),
        Field("DESCTYPE", 25, 3, kept),
        bit("DROP_EN", drop_bit, kept),
    )  # fmt: skip


def _direct_access(name: str, at: int, kept: Attribute, *bits: tuple[str, int, int]) -> Register:
    return _register(name, at, *(bit(what, low, kept, reset) for what, low, reset in bits))


_REGS_H = "Linux ixgbevf, regs.h, defines.h"
_MBX_H = "Linux ixgbevf, mbx.h"
# The 82599's specification update, software clarification 5: what VFLR leaves. It says so of VFRDH, VFRDT, VFTDH,
# VFTDT, VFPSRTYPE, VFSRRCTL, VFRXDCTL, VFTXDCTL, VFTDWBAL, VFTDWBAH, VFDCA_RXCTRL, VFDCA_TXCTRL.
_LEFT = RWS
_QUEUES = 8  # IXGBE_VF_MAX_TX_QUEUES
_IXGBEVF = (
    Block("General", _REGS_H, (
        _register("VFCTRL", 0x000, bit("RST", 26, WO)),
        _whole("VFSTATUS", 0x008, RO),
        _register("VFLINKS", 0x010, Field("LINKS_SPEED", 28, 2, RO), bit("LINKS_UP", 30, RO)),
        _whole("VFFRTIMER", 0x048, RO),
        _register(
            "VFPSRTYPE", 0x300,
            bit("TCPHDR", 4, _LEFT), bit("UDPHDR", 5, _LEFT), bit("IPV4HDR", 8, _LEFT), bit("IPV6HDR", 9, _LEFT),
            bit("L2HDR", 12, _LEFT), Field("RQPL", 29, 3, _LEFT),
        ),
        _whole("VFRXMEMWRAP", 0x3190, RO),
    )),
    _interrupts(_REGS_H, 0x100, 0x104, 0x140),
    Block("Moderation", _REGS_H, (
        _register("VTEITR", 0x820, Field("Interval", 3, 9, RW), bit("CNT_WDIS", 31, WO)),
    ), "vector", 3),
    Block("Moderation of RSC", _REGS_H + "; fields unverified", (
        _register("VTRSCINT", 0x180, bit("RSCEN", 0, RW), Field("RSC Delay", 4, 3, RW)),
    ), "vector", 3),
    _causes_of_queues(_REGS_H, 0x120, _QUEUES),
    *_mailbox(_MBX_H, 0x200, 0x2FC),
    Block("Receive queues", _REGS_H, _ring(
        "R", 0x1000,
        _register(
            "VFRXDCTL", 0x1028,
            bit("ENABLE", 25, _LEFT), bit("VME", 30, _LEFT),
            Field("RLPML", 0, 14, _LEFT, needs=FRAME_LIMIT), bit("RLPML_EN", 15, _LEFT, needs=FRAME_LIMIT),
        ),
        _direct_access(
            "VFDCA_RXCTRL", 0x100C, _LEFT, ("DESC_DCA_EN", 5, 0), ("HEAD_DCA_EN", 6, 0), ("DATA_DCA_EN", 7, 0),
            ("DESC_RRO_EN", 9, 1), ("DATA_WRO_EN", 13, 1), ("HEAD_WRO_EN", 15, 1),
        ),
        _srrctl(0x1014, _LEFT, 28),
        _register("VFRSCCTL", 0x102C, bit("RSCEN", 0, RW), Field("MAXDESC", 2, 2, RW)),
    ), "queue", _QUEUES, 0x40),
    Block("Transmit queues", _REGS_H, _ring(
        "T", 0x2000,
        _register(
            "VFTXDCTL", 0x2028,
            *_thresholds(_LEFT, 7), bit("ENABLE", 25, _LEFT), bit("SWFLSH", 26, WO),
        ),
        _direct_access(
            "VFDCA_TXCTRL", 0x200C, _LEFT,
            ("DESC_DCA_EN", 5, 0), ("DESC_RRO_EN", 9, 1), ("DESC_WRO_EN", 11, 1), ("DATA_RRO_EN", 13, 1),
        ),
        _register("VFTDWBAL", 0x2038, bit("Head_WB_En", 0, _LEFT), Field("HeadWB_Low", 2, 30, _LEFT)),  # unverified
        _whole("VFTDWBAH", 0x203C, _LEFT),
    ), "queue", _QUEUES, 0x40),
    _counters(
        _REGS_H, VFGPRC=0x101C, VFGORC_LSB=0x1020, VFGORC_MSB=0x1024, VFMPRC=0x1034,
        VFGPTC=0x201C, VFGOTC_LSB=0x2020, VFGOTC_MSB=0x2024,
    ),
)  # fmt: skip
_RSS = (  # a VF's own table and key
    Block("RSS", _REGS_H, (
        _register(
            "VFMRQC", 0x3000,
            bit("RSSEN", 0, RW), bit("IPV4_TCP", 16, RW), bit("IPV4", 17, RW), bit("IPV6", 20, RW),
            bit("IPV6_TCP", 21, RW),
        ),
    )),
    Block("RSS key", _REGS_H, (_whole("VFRSSRK", 0x3100, RW),), "word", 10),  # IXGBEVF_VFRSSRK_REGS
    Block("RSS table", _REGS_H, (  # IXGBEVF_X550_VFRETA_SIZE: 64 entries, four in a word
        _register("VFRETA", 0x3200, *(Field(f"Entry 4n + {k}", 8 * k, 6, RW) for k in range(4))),
    ), "word", 16),
)  # fmt: skip

_IGBVF_H = "Linux igbvf, regs.h, defines.h"
_IGBVF = (
    Block("General", _IGBVF_H, (
        _register("VFCTRL", 0x000, bit("RST", 26, WO)),
        _register("VFSTATUS", 0x008, bit("FD", 0, RO), bit("LU", 1, RO), Field("SPEED", 6, 2, RO)),
    )),
    _interrupts(_IGBVF_H, 0x1580, 0x1520, 0x1740),
    Block("Moderation", _IGBVF_H + "; fields of igb", (
        _register("VTEITR", 0x1680, Field("Interval", 2, 13, RW), bit("CNT_IGNR", 31, WO)),
    ), "vector", 3),
    _causes_of_queues(_IGBVF_H, 0x1700, 2),
    *_mailbox("Linux igbvf, mbx.h", 0x800, 0xC40),
    Block("Receive queues", _IGBVF_H, _ring(
        "R", 0x2800,
        _register("VFRXDCTL", 0x2828, *_thresholds(RW, 5), bit("ENABLE", 25, RW)),
        _srrctl(0x280C, RW, 31),
    ), "queue", 2, 0x100),
    Block("Transmit queues", _IGBVF_H, _ring(
        "T", 0x3800,
        _register("VFTXDCTL", 0x3828, *_thresholds(RW, 5), bit("ENABLE", 25, RW)),
        _direct_access("VFDCA_TXCTRL", 0x3814, RW, ("DESC_WRO_EN", 11, 0)),
    ), "queue", 2, 0x100),
    _counters(
        _IGBVF_H, VFGPRC=0xF10, VFGPTC=0xF14, VFGORC=0xF18, VFGOTC=0xF34, VFMPRC=0xF3C, VFGPRLBC=0xF40, VFGPTLBC=0xF44,
        VFGORLBC=0xF48, VFGOTLBC=0xF50,
    ),
)  # fmt: skip

_LINKS = {10 * GBPS: 0x7000_0000, GBPS: 0x6000_0000, 100 * MBPS: 0x5000_0000}  # IXGBE_LINKS_SPEED_*_82599, LINKS_UP
_STATUS = {GBPS: 0x83, 100 * MBPS: 0x43, 10 * MBPS: 0x03}  # E1000_STATUS_SPEED_*, FD, LU
VF_REGISTERS: Mapping[str, VfRegisters] = {
    "82576": VfRegisters(_IGBVF, "VFSTATUS", _STATUS),
    "82599": VfRegisters(_IXGBEVF, "VFLINKS", _LINKS),
    "X540": VfRegisters(_IXGBEVF, "VFLINKS", _LINKS, (FRAME_LIMIT,)),
    "X550": VfRegisters((*_IXGBEVF, *_RSS), "VFLINKS", _LINKS, (FRAME_LIMIT,)),
}
