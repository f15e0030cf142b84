"""A VF's range 0: each register's bits as driver headers have them, causes, resets, the mailbox word by word."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from docs_site.config_space import tables
from hwmodel.config_space.memory_registers import RegisterFile
from hwmodel.config_space.vf_range import MailboxPartner, VfRange
from hwmodel.config_space.vf_register_tables import VF_REGISTERS
from hwmodel.errors import InputError
from hwmodel.functions.pf_driver_state import state_of
from tests.memory_range_cases import answers, ranges_of, server_of

ONES = 0xFFFFFFFF
REQ, ACK, VFU, PFSTS, PFACK, RSTI, RSTD = 1, 2, 4, 0x10, 0x20, 0x40, 0x80
# Offset: what it reads at the start, and behind a write of ones. Linux ixgbevf, regs.h and defines.h; of VFSRRCTL,
# VFDCA_RXCTRL and VFDCA_TXCTRL DPDK's ixgbe_virt_clr_reg. With one queue, so VTIVAR is written with the first only.
IXGBEVF = {
    "VFCTRL": (0x000, 0, 0), "VFSTATUS": (0x008, 0, 0), "VFLINKS": (0x010, 0x70000000, 0x70000000),
    "VFFRTIMER": (0x048, 0, 0), "VFRXMEMWRAP": (0x3190, 0, 0), "VFPSRTYPE": (0x300, 0, 0xE0001330),
    "VTEICR": (0x100, 0, 0), "VTEICS": (0x104, 0, 0), "VTEIMS": (0x108, 0, 7), "VTEIMC": (0x10C, 0, 0),
    "VTEIAC": (0x110, 0, 7), "VTEIAM": (0x114, 0, 7), "VTEITR(0)": (0x820, 0, 0xFF8), "VTEITR(2)": (0x828, 0, 0xFF8),
    "VTRSCINT(0)": (0x180, 0, 0x71), "VFMBMEM(0)": (0x200, 0, ONES), "VFMBMEM(15)": (0x23C, 0, ONES),
    "VFRDBAL": (0x1000, 0, 0xFFFFFF80), "VFRDBAH": (0x1004, 0, ONES), "VFDCA_RXCTRL": (0x100C, 0xA200, 0xA2E0),
    "VFSRRCTL": (0x1014, 0x402, 0x1FC03F7F), "VFRSCCTL": (0x102C, 0, 0xD),
    "VFGPRC": (0x101C, 0, 0), "VFGORC_LSB": (0x1020, 0, 0), "VFGORC_MSB": (0x1024, 0, 0), "VFMPRC": (0x1034, 0, 0),
    "VFTDBAL": (0x2000, 0, 0xFFFFFF80), "VFTDBAH": (0x2004, 0, ONES), "VFDCA_TXCTRL": (0x200C, 0x2A00, 0x2A20),
    "VFTDWBAL": (0x2038, 0, 0xFFFFFFFD), "VFTDWBAH": (0x203C, 0, ONES), "VFTXDCTL": (0x2028, 0, 0x027F7F7F),
    "VFGPTC": (0x201C, 0, 0), "VFGOTC_LSB": (0x2020, 0, 0), "VFGOTC_MSB": (0x2024, 0, 0),
}  # fmt: skip
RSS = {
    "VFMRQC": (0x3000, 0, 0x00330001), "VFRSSRK(0)": (0x3100, 0, ONES), "VFRSSRK(9)": (0x3124, 0, ONES),
    "VFRETA(0)": (0x3200, 0, 0x3F3F3F3F), "VFRETA(15)": (0x323C, 0, 0x3F3F3F3F),
}  # fmt: skip
# Linux igbvf, regs.h and defines.h; moderation as igb has it.
IGBVF = {
    "CTRL": (0x000, 0, 0), "STATUS": (0x008, 0x83, 0x83), "EICS": (0x1520, 0, 0), "EIMS": (0x1524, 0, 7),
    "EIMC": (0x1528, 0, 0), "EIAC": (0x152C, 0, 7), "EIAM": (0x1530, 0, 7), "EICR": (0x1580, 0, 0),
    "EITR(0)": (0x1680, 0, 0x7FFC), "VMBMEM": (0x800, 0, ONES), "VMBMEM(15)": (0x83C, 0, ONES),
    "RDBAL": (0x2800, 0, 0xFFFFFF80), "RDBAH": (0x2804, 0, ONES), "SRRCTL": (0x280C, 0x402, 0x8FC03F7F),
    "RXDCTL": (0x2828, 0, 0x021F1F1F), "TDBAL": (0x3800, 0, 0xFFFFFF80), "TDBAH": (0x3804, 0, ONES),
    "TXDCTL": (0x3828, 0, 0x021F1F1F), "DCA_TXCTRL": (0x3814, 0, 0x800),
    **{name: (at, 0, 0) for name, at in (
        ("VFGPRC", 0xF10), ("VFGPTC", 0xF14), ("VFGORC", 0xF18), ("VFGOTC", 0xF34), ("VFMPRC", 0xF3C),
        ("VFGPRLBC", 0xF40), ("VFGPTLBC", 0xF44), ("VFGORLBC", 0xF48), ("VFGOTLBC", 0xF50))},
}  # fmt: skip
BITS = [
    *(("82599", name, *row) for name, row in {**IXGBEVF, "VFRXDCTL": (0x1028, 0, 0x42000000)}.items()),
    *(("X550", name, *row) for name, row in {**RSS, "VFRXDCTL": (0x1028, 0, 0x4200BFFF)}.items()),
    ("X540", "VFRXDCTL", 0x1028, 0, 0x4200BFFF),
    *(("82576", name, *row) for name, row in IGBVF.items()),
]


@pytest.mark.parametrize(("device", "name", "at", "first", "written"), BITS, ids=str)
def test_bits_at_the_start_and_behind_ones(device, name, at, first, written):
    ranges = ranges_of(device)
    assert ranges.read("vf3:bar0", at, 4) == first
    ranges.write("vf3:bar0", at, 4, ONES)
    assert ranges.read("vf3:bar0", at, 4) == written
    assert ranges.read("vf2:bar0", at, 4) == first
    # What can be written takes zeros, but a set of bits, which ones alone change.
    ranges.write("vf3:bar0", at, 4, 0)
    zeros = written if name.endswith("EIMS") else first & ~written if first != written else first
    assert ranges.read("vf3:bar0", at, 4) == (0 if first != written and not name.endswith("EIMS") else zeros)


def test_no_two_registers_share_an_offset_and_all_lie_in_the_range():
    for registers in VF_REGISTERS.values():
        offsets = [place.at for block in registers.blocks for place in block.places()]
        assert len(offsets) == len(set(offsets)) and max(offsets) < 16 * 1024
        assert all(at % 4 == 0 for at in offsets)
        assert RegisterFile(registers.blocks).place(0x0004) is None


@pytest.mark.parametrize("queues", [1, 2, 8])
def test_each_queue_has_registers_of_its_own(queues):
    ranges = ranges_of(queues_per_vf=queues)
    for queue in range(queues):
        ranges.write("vf0:bar0", 0x1000 + 0x40 * queue, 4, 0x80 * (queue + 1))
        ranges.write("vf0:bar0", 0x2008 + 0x40 * queue, 4, 0x400 * (queue + 1))
    for queue in range(queues):
        assert ranges.read("vf0:bar0", 0x1000 + 0x40 * queue, 4) == 0x80 * (queue + 1)
        assert ranges.read("vf0:bar0", 0x2008 + 0x40 * queue, 4) == 0x400 * (queue + 1)
    if queues == 8:
        return
    for base in (0x1000, 0x2018):
        with pytest.raises(InputError, match=f"vf0 has {queues} queues?; {base + 0x40 * queues:#x} is VF.*, of queue"):
            ranges.read("vf0:bar0", base + 0x40 * queues, 4)


def test_a_ring_is_set_up_as_a_driver_does_it():
    """Ixgbevf's order: base, length, head, tail, enable, then the doorbell; base and length again once disabled."""
    ranges = ranges_of(queues_per_vf=2)
    for queue, side in ((0, 0x1000), (1, 0x2000)):
        at = side + 0x40 * queue
        for offset, value in ((0, 0x10000), (4, 1), (8, 64 * 16), (0x10, 0), (0x18, 0), (0x28, 1 << 25), (0x18, 63)):
            assert ranges.write("vf0:bar0", at + offset, 4, value) == value
        for offset in (0, 4, 8, 0x10):
            with pytest.raises(InputError, match=rf"queue {queue} is enabled, and VF.D.*\({queue}\) may not change"):
                ranges.write("vf0:bar0", at + offset, 4, 0)
        ranges.write("vf0:bar0", at + 0x28, 4, 0)
        assert ranges.write("vf0:bar0", at + 8, 4, 128 * 16) == 128 * 16
        assert ranges.write("vf0:bar0", at + 0x18, 4, 127) == 127


@pytest.mark.parametrize(("device", "most"), [("82576", 4096), ("82599", 8192), ("X540", 8192), ("X550", 32768)])
def test_the_longest_ring_is_the_device_s(device, most):
    ranges, at = ranges_of(device), {"82576": 0x2808}.get(device, 0x1008)
    assert ranges.write("vf0:bar0", at, 4, 16 * most) == 16 * most
    with pytest.raises(InputError, match=f"a ring of {most + 8} descriptors is longer than {most}"):
        ranges.write("vf0:bar0", at, 4, 16 * most + 128)


def test_what_a_reset_leaves_is_what_the_specification_update_says():
    """82599, software clarification 5: VFRDH/T, VFTDH/T, VFPSRTYPE, VFSRRCTL, VF[RT]XDCTL, VFTDWBAL/H, VFDCA_*."""
    left = {0x1010: 3, 0x1018: 5, 0x2010: 3, 0x2018: 5, 0x300: 0x1000, 0x1014: 0x2000002, 0x1028: 1 << 25, 0x2028: 32,
            0x2038: 0x100, 0x203C: 1, 0x100C: 0x200, 0x200C: 0x200}  # fmt: skip
    lost = {0x1000: 0x1000, 0x1004: 1, 0x1008: 128, 0x2000: 0x1000, 0x2008: 128, 0x110: 7, 0x108: 7, 0x120: 0x8180,
            0x140: 0x82, 0x820: 0x100, 0x200: 1}  # fmt: skip
    for reset in (("vf0:bar0", 0, 1 << 26), ("vf0", 0xA8, 0x8000)):
        ranges = ranges_of("X550")
        for at, value in {**lost, **left}.items():
            assert ranges.write("vf0:bar0", at, 4, value) == value
        name, at, value = reset
        if ":" in name:
            assert ranges.write(name, at, 4, value) == 0
        else:
            ranges.adapter.write(name, at, 2, value)
        assert {at: ranges.read("vf0:bar0", at, 4) for at in left} == left
        assert {at: ranges.read("vf0:bar0", at, 4) for at in lost} == dict.fromkeys(lost, 0)
        assert ranges.read("vf0:bar0", 0x10, 4) == 0x70000000


def test_vfs_that_are_enabled_anew_begin_anew():
    ranges = ranges_of()
    ranges.write("vf0:bar0", 0x300, 4, 0x1000)
    said = answers(
        ranges,
        "write pf 0x168 2 0",
        "read vf0:bar0 0x300 4",
        "write pf 0x168 2 0x19",
        "read vf0:bar0 0x300 4",
        "wait 100ms",
        "read vf0:bar0 0x300 4",
        "read vf0:bar3 0xc 4",
    )
    assert [text.partition("-> ")[2] for text in said if text.startswith("read")] == [
        "0xffffffff, does not answer (it is not there)",
        "0xffffffff, does not answer (not before 100 ms behind VF Enable)",
        "0x00000000",
        "0x00000001",
    ]


def test_causes_raise_vectors_that_are_not_masked():
    ranges = ranges_of()
    for at, value in ((0x0, 0xFEE00000), (0x8, 0x20), (0xC, 0), (0x10, 0xFEE00000), (0x18, 0x21), (0x1C, 0)):
        ranges.write("vf0:bar3", at, 4, value)
    ranges.write("vf0:bar0", 0x110, 4, 2)  # VTEIAC: vector 1 clears itself
    ranges.write("vf0:bar0", 0x104, 4, 3)
    assert ranges.told() == []
    ranges.write("vf0:bar0", 0x108, 4, 3)
    assert ranges.told() == [
        "vf0 vector 0 writes 0x00000020 to 0xfee00000",
        "vf0 vector 1 writes 0x00000021 to 0xfee00000",
    ]
    assert [ranges.read("vf0:bar0", 0x100, 4) for _ in range(2)] == [1, 0]  # VTEICR: a read clears
    ranges.write("vf0:bar0", 0x10C, 4, 1)
    ranges.write("vf0:bar0", 0x104, 4, 3)
    assert ranges.told() == ["vf0 vector 1 writes 0x00000021 to 0xfee00000"]
    assert ranges.read("vf0:bar0", 0x108, 4) == 2
    assert ranges.write("vf0:bar0", 0x100, 4, 1) == 0  # and so does a 1


def post(ranges, vf, *words):
    """Send words as ixgbevf does, and give the flags, twice as they are cleared by a read, and the memory."""
    mailbox, memory = 0x2FC, 0x200
    ranges.read(vf, mailbox, 4)
    assert ranges.write(vf, mailbox, 4, VFU) & VFU
    for at, word in enumerate(words):
        ranges.write(vf, memory + 4 * at, 4, word)
    ranges.write(vf, mailbox, 4, REQ)
    flags = [ranges.read(vf, mailbox, 4) for _ in range(2)]
    found = [ranges.read(vf, memory + 4 * at, 4) for at in range(16)]
    ranges.write(vf, mailbox, 4, ACK)
    return flags, found


def test_a_conversation_word_by_word():
    """Linux ixgbe_sriov.c: ACK 0x80000000, NACK 0x40000000, clear to send 0x20000000; VF 1's address is the PF's."""
    ranges = ranges_of(queues_per_vf=2)
    vf = "vf1:bar0"
    assert ranges.read(vf, 0x2FC, 4) == RSTD
    assert ranges.read(vf, 0x2FC, 4) == 0
    assert post(ranges, vf, 0x08, 2) == ([PFSTS | PFACK, 0], [0xA0000008, 2, *[0] * 14])  # API 1.1
    assert ranges.told() == ["the PF answers 0xa0000008"]
    assert post(ranges, vf, 0x09)[1][:5] == [0xA0000009, 2, 2, 0, 0]  # two queues each way
    flags, found = post(ranges, vf, 0x01)
    assert (flags, found[0] & ~0xC0000000) == ([PFSTS | PFACK, 0], 0x01)
    assert post(ranges, vf, 0x77)[1][0] == 0x60000077  # no such message
    assert post(ranges, vf, 0x80000001)[0] == [PFACK, 0]  # an answer is not answered
    assert ranges.told()[-1].startswith("the PF answers nothing")


def test_the_82576_has_its_mailbox_elsewhere():
    ranges = ranges_of("82576")
    ranges.write("vf0:bar0", 0x800, 4, 1)
    ranges.write("vf0:bar0", 0xC40, 4, REQ)
    assert ranges.read("vf0:bar0", 0xC40, 4) == PFSTS | PFACK | RSTD
    assert ranges.read("vf0:bar0", 0x800, 4) & 0xFFFF == 1


def test_a_message_s_answer_interrupts_the_vf_where_it_is_mapped():
    ranges = ranges_of()
    for at, value in ((0x20, 0xFEE00000), (0x28, 0x22), (0x2C, 0)):
        ranges.write("vf0:bar3", at, 4, value)
    ranges.write("vf0:bar0", 0x140, 4, 0x82)
    ranges.write("vf0:bar0", 0x108, 4, 4)
    post(ranges, "vf0:bar0", 0x08, 2)
    assert ranges.told()[1:] == ["vf0 vector 2 writes 0x00000022 to 0xfee00000"]
    assert ranges.read("vf0:bar0", 0x100, 4) == 4


def test_without_the_pf_s_driver_nobody_answers():
    ranges = ranges_of()
    command = ranges.adapter.read("pf", 4, 2)
    ranges.adapter.write("pf", 4, 2, command & ~4)
    assert ranges.read("vf0:bar0", 0x2FC, 4) == RSTI
    assert post(ranges, "vf0:bar0", 1) == ([RSTI, RSTI], [1, *[0] * 15])
    ranges.adapter.write("pf", 4, 2, command)
    assert [ranges.read("vf0:bar0", 0x2FC, 4) for _ in range(2)] == [RSTD, 0]
    assert post(ranges, "vf0:bar0", 8, 2)[1][0] == 0xA0000008


def test_a_vf_s_link_is_the_port_s_unless_the_pf_has_it_down():
    state = state_of(server_of("82599").config)
    down = state.with_vf(0, replace(state.vfs[0], link_enabled=False))
    assert MailboxPartner(state).link_rate_bps(0) == 10**10
    assert MailboxPartner(down).link_rate_bps(0) is None


def test_vfs_enabled_anew_have_to_reset_before_they_are_served():
    ranges = ranges_of(vfs=2)
    answers(ranges, "write pf 0x168 2 0", "write pf 0x170 2 3", "write pf 0x168 2 0x19", "wait 100ms")
    for vf in ("vf0:bar0", "vf2:bar0"):
        assert post(ranges, vf, 0x08, 2)[1][0] == 0x40000008
        assert post(ranges, vf, 0x01)[1][0] & ~0xC0000000 == 1
        assert post(ranges, vf, 0x08, 2)[1][0] == 0xA0000008


def test_a_vf_that_resets_itself_has_forgotten_the_version_it_agreed_on():
    """Ixgbe_vf_reset_event: the API is 1.0 again, which knows no GET_QUEUES; the VF stays clear to send."""
    ranges = ranges_of()
    assert post(ranges, "vf0:bar0", 0x09)[1][0] == 0xA0000009
    ranges.write("vf0:bar0", 0, 4, 1 << 26)
    assert post(ranges, "vf0:bar0", 0x09)[1][0] == 0x60000009


def test_the_page_has_every_register():
    text = tables()
    for registers in VF_REGISTERS.values():
        for block in registers.blocks:
            assert f"**{block.name}**" in text
            for register in block.registers:
                for one in register.fields:
                    row = f"| {register.offset:#06x} | {register.name} |"
                    assert any(line.startswith(row) and f"| {one.name} |" in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("device", "rate_bps", "at", "expected"),
    [
        ("82599", 10**10, 0x10, 0x70000000), ("82599", 10**9, 0x10, 0x60000000), ("82599", 10**8, 0x10, 0x50000000),
        ("X550", 25 * 10**9, 0x10, 0x70000000), ("X540", None, 0x10, 0),
        ("82576", 10**9, 0x8, 0x83), ("82576", 10**8, 0x8, 0x43), ("82576", 10**7, 0x8, 0x03), ("82576", None, 0x8, 0),
    ],
)  # fmt: skip
def test_the_link_is_told_with_its_rate(device, rate_bps, at, expected):
    table, partner = SimpleNamespace(n_vectors=3), SimpleNamespace(see_reset=lambda _vf: None)
    own = VfRange(VF_REGISTERS[device], 0, 1, 4096, table, partner)
    own.tell_link(rate_bps)
    assert own.read(at) == own.write(at, ONES) == expected
    own.reset()
    assert own.read(at) == expected
