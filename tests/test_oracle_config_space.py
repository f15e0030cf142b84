"""The reference for configuration space on a real PF's bytes, against expectations written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracles.config_attributes import walk
from tests.oracles.config_scripts import drawn_scripts, replay
from tests.oracles.config_space import FS_PER_MS, VF_READY_FS, ReferenceAdapter, ReferenceSpace

PM, MSI, MSI_X, EXPRESS, AER, ARI, SR_IOV = 0x40, 0x50, 0x70, 0xA0, 0x100, 0x150, 0x160
CONTROL, NUM_VFS, OFFSET, STRIDE, PAGE = SR_IOV + 8, SR_IOV + 0x10, SR_IOV + 0x14, SR_IOV + 0x16, SR_IOV + 0x20
DEVICE_CONTROL, PMCSR = EXPRESS + 8, PM + 4
BARS = {0: 128 << 10, 1: 128 << 10, 2: 32, 3: 16 << 10, 6: 128 << 10}
VF_BARS = {0: 16 << 10, 3: 16 << 10}
OFFSETS = {True: (128, 2), False: (384, 2)}
ONES = 0xFFFFFFFF


def pf_image() -> bytes:
    lines = (Path(__file__).parent / "vectors" / "82576_config_space.txt").read_text().splitlines()
    rows = [line.split(":", 1)[1] for line in lines if line[0] != "#" and ": " in line and len(line.split(": ")[0]) < 4]
    return bytes.fromhex("".join(rows))


def patched(image: bytes, **words: int) -> bytes:
    """Replace 16-bit words, named w and the offset in hexadecimal."""
    changed = bytearray(image)
    for name, value in words.items():
        at = int(name[1:], 16)
        changed[at : at + 2] = value.to_bytes(2, "little")
    return bytes(changed)


def vf_image() -> bytes:
    """Build a VF as the 82576 has it: MSI-X with 3 vectors, PCI Express, AER, ARI."""
    real, image = pf_image(), bytearray(4096)
    image[0:4], image[6], image[8:12] = b"\xff" * 4, 0x10, real[8:12]
    image[0x34], image[0x70:0x7C] = 0x70, bytes.fromhex("11a002000300000003200000")
    image[0xA0:0xC8] = real[0xA0:0xC8]
    image[0xA1] = 0
    image[0xA8:0xAC], image[0xB0:0xB4] = bytes(4), bytes(4)
    image[0x100:0x104], image[0x150:0x158] = bytes.fromhex("01000115"), bytes.fromhex("0e00010000010000")
    return bytes(image)


def space(image: bytes | None = None) -> ReferenceSpace:
    """Make a PF with its VFs off."""
    pf = ReferenceSpace(image or pf_image(), "pf", BARS, VF_BARS, OFFSETS)
    if image is None:
        for _ in range(2):  # ARI Capable Hierarchy falls only when VF Enable is 0 already
            pf.write(CONTROL, 2, 0)
    return pf


def adapter(**more) -> ReferenceAdapter:
    made = ReferenceAdapter({"pf": pf_image(), "vf0": vf_image()}, BARS, VF_BARS, 8, OFFSETS, **more)
    made.write("pf", CONTROL, 2, 0)
    return made


def enabled(n_vfs: int = 4) -> ReferenceAdapter:
    made = adapter()
    made.write("pf", CONTROL, 2, 0x10)
    made.write("pf", NUM_VFS, 2, n_vfs)
    made.write("pf", CONTROL, 2, 0x19)
    made.wait(VF_READY_FS)
    return made


class TestWalk:
    def test_the_image_is_whole(self):
        assert len(pf_image()) == 4096

    def test_the_lists_are_those_of_lspci(self):
        found = walk(pf_image(), is_vf=False)
        assert found.legacy == {1: 0x40, 5: 0x50, 0x11: 0x70, 0x10: 0xA0}  # no VPD: the pointer at A1h is 0
        assert found.extended == {1: 0x100, 3: 0x140, 0xE: 0x150, 0x10: 0x160}

    def test_a_list_that_loops_ends(self):
        found = walk(patched(pf_image(), wA0=0x4010), is_vf=False)
        assert sorted(found.legacy.values()) == [0x40, 0x50, 0x70, 0xA0]

    def test_reads_are_the_image_of_every_width(self):
        pf, image = ReferenceSpace(pf_image(), "pf", BARS, VF_BARS, OFFSETS), pf_image()
        for width in (1, 2, 4):
            for at in range(0, 4096, width):
                assert pf.read(at, width) == int.from_bytes(image[at : at + width], "little")


# (offset, bytes written, value written, value read back): from the image with VFs off.
WRITES = [
    pytest.param(0x00, 4, 0, 0x10C98086, id="ids"),
    pytest.param(0x04, 2, 0xFFFF, 0x0547, id="command: I/O, memory, master, parity, SERR, INTx disable"),
    pytest.param(0x04, 2, 0x0000, 0x0000, id="command off"),
    pytest.param(0x06, 2, 0xFFFF, 0x0010, id="status keeps its capability list"),
    pytest.param(0x08, 4, ONES, 0x02000001, id="class and revision"),
    pytest.param(0x0C, 4, ONES, 0x008000FF, id="line size; latency 0, multi-function, no BIST"),
    pytest.param(0x10, 4, ONES, 0xFFFE0000, id="BAR 0: 128 KiB"),
    pytest.param(0x14, 4, ONES, 0xFFFE0000, id="BAR 1: 128 KiB"),
    pytest.param(0x18, 4, ONES, 0xFFFFFFE1, id="BAR 2: 32 B of I/O"),
    pytest.param(0x1C, 4, ONES, 0xFFFFC000, id="BAR 3: 16 KiB"),
    pytest.param(0x20, 4, ONES, 0, id="BAR 4: none"),
    pytest.param(0x24, 4, ONES, 0, id="BAR 5: none"),
    pytest.param(0x30, 4, ONES, 0xFFFE0001, id="ROM: 128 KiB, enable"),
    pytest.param(0x10, 4, 0xB1A7FFFF, 0xB1A60000, id="BAR 0 takes an aligned address"),
    pytest.param(0x2C, 4, 0, 0, id="subsystem"),
    pytest.param(0x34, 1, 0, 0x40, id="capability pointer"),
    pytest.param(0x3C, 4, ONES, 0x000001FF, id="interrupt line, pin A"),
    pytest.param(PM, 4, ONES, 0xC8235001, id="power management capabilities"),
    pytest.param(PMCSR, 2, 0x0100, 0x2100, id="PME enable"),
    pytest.param(PMCSR, 2, 0x1E00, 0x3E00, id="data select"),
    pytest.param(PMCSR, 2, 0x0003, 0x2003, id="D3hot"),
    pytest.param(PMCSR, 2, 0x0001, 0x2000, id="D1 is not there"),
    pytest.param(PMCSR, 2, 0x0102, 0x2100, id="D2 is not there, the rest holds"),
    pytest.param(PM + 7, 1, 0, 0x1A, id="the data register"),
    pytest.param(MSI, 4, ONES, 0x01F17005, id="MSI control: enable and multiple message"),
    pytest.param(MSI + 4, 4, ONES, 0xFFFFFFFC, id="MSI address"),
    pytest.param(MSI + 8, 4, ONES, ONES, id="MSI upper address"),
    pytest.param(MSI + 12, 4, ONES, 0x0000FFFF, id="MSI data"),
    pytest.param(MSI + 16, 4, ONES, 1, id="MSI mask of one vector"),
    pytest.param(MSI + 20, 4, ONES, 0, id="MSI pending"),
    pytest.param(MSI_X, 4, ONES, 0xC009A011, id="MSI-X control: enable, mask; 10 vectors"),
    pytest.param(MSI_X + 4, 4, 0, 3, id="MSI-X table in BAR 3"),
    pytest.param(MSI_X + 8, 4, 0, 0x2003, id="MSI-X PBA in BAR 3"),
    pytest.param(EXPRESS + 4, 4, ONES, 0x10008CC2, id="device capabilities"),
    pytest.param(DEVICE_CONTROL, 2, 0x7FFF, 0x7CFF, id="device control: no extended tag, no phantoms"),
    pytest.param(DEVICE_CONTROL, 2, 0, 0, id="device control off"),
    pytest.param(DEVICE_CONTROL + 2, 2, 0xFFFF, 0x0010, id="device status keeps aux power"),
    pytest.param(EXPRESS + 0x10, 2, 0xFFFF, 0x00CB, id="link control"),
    pytest.param(EXPRESS + 0x12, 2, 0, 0x1041, id="link status: x4, 2.5 GT/s"),
    pytest.param(EXPRESS + 0x24, 4, 0, 0x1F, id="device capabilities 2"),
    pytest.param(EXPRESS + 0x28, 2, 0xFFFF, 0x001F, id="device control 2: completion timeout"),
    pytest.param(EXPRESS + 0x30, 2, 0xFFFF, 0, id="link control 2 of 2.5 GT/s alone"),
    pytest.param(AER + 8, 4, ONES, 0x0017F010, id="uncorrectable mask"),
    pytest.param(AER + 12, 4, 0, 1, id="uncorrectable severity: the obsolete bit 0 stays"),
    pytest.param(AER + 16, 4, 0x2000, 0, id="advisory error cleared"),
    pytest.param(AER + 16, 4, 0x0001, 0x2000, id="another bit clears nothing"),
    pytest.param(AER + 20, 4, ONES, 0x31C1, id="correctable mask"),
    pytest.param(AER + 24, 4, ONES, 0, id="no ECRC"),
    pytest.param(AER + 28, 4, ONES, 0, id="header log"),
    pytest.param(0x144, 4, 0, 0xFF12174C, id="serial number"),
    pytest.param(ARI + 4, 4, ONES, 0x00000100, id="ARI: next function 1, no control"),
    pytest.param(SR_IOV + 4, 4, ONES, 0, id="SR-IOV capabilities"),
    pytest.param(CONTROL, 2, 0xFFFE, 0x0018, id="SR-IOV control: memory, ARI; no migration"),
    pytest.param(SR_IOV + 12, 4, 0, 0x00080008, id="initial and total VFs"),
    pytest.param(NUM_VFS, 2, 8, 8, id="NumVFs: all"),
    pytest.param(NUM_VFS, 2, 9, 4, id="NumVFs: too many"),
    pytest.param(NUM_VFS, 2, 0, 0, id="NumVFs: none"),
    pytest.param(NUM_VFS, 1, 7, 7, id="NumVFs by byte"),
    pytest.param(NUM_VFS + 1, 1, 1, 0, id="NumVFs by its high byte: 260 is too many"),
    pytest.param(NUM_VFS, 4, 0xFFFF0003, 3, id="NumVFs beside the read-only dependency link"),
    pytest.param(OFFSET, 4, 0, 0x00020180, id="offset and stride without ARI"),
    pytest.param(SR_IOV + 0x18, 4, 0, 0x10CA0000, id="VF device id"),
    pytest.param(SR_IOV + 0x1C, 4, 0, 0x553, id="supported page sizes"),
    pytest.param(PAGE, 4, 0x10, 0x10, id="64 KiB pages"),
    pytest.param(PAGE, 4, 0x4, 1, id="16 KiB pages are not offered"),
    pytest.param(PAGE, 4, 0x3, 1, id="two page sizes"),
    pytest.param(PAGE, 4, 0, 1, id="no page size"),
    pytest.param(SR_IOV + 0x24, 4, ONES, 0xFFFFC004, id="VF BAR 0: 16 KiB, 64 bits"),
    pytest.param(SR_IOV + 0x28, 4, ONES, ONES, id="VF BAR 0, upper half"),
    pytest.param(SR_IOV + 0x2C, 4, ONES, 0, id="VF BAR 2: none"),
    pytest.param(SR_IOV + 0x30, 4, ONES, 0xFFFFC004, id="VF BAR 3: 16 KiB, 64 bits"),
    pytest.param(SR_IOV + 0x3C, 4, ONES, 0, id="migration state array"),
    pytest.param(0x200, 4, ONES, 0, id="beyond the capabilities"),
]


@pytest.mark.parametrize(("at", "width", "value", "expected"), WRITES)
def test_what_a_write_leaves(at, width, value, expected):
    pf = space()
    pf.write(at, width, value)
    expected_width = 4 if at % 4 == 0 and expected > 0xFFFF else width
    assert pf.read(at, expected_width) == expected


def rich_image() -> bytes:
    """Build a PF that says of everything that it has it, with seven more capabilities."""
    image = bytearray(patched(pf_image(), wA0=0xE010, wA4=0x8CFA, wAE=0x0307, wC4=0x081F, wC6=0x000C, w162=0x2001))
    image[0x164] = 1  # VF migration
    for at, number, following, word in [
        (0x200, 0x0D, 0x220, 0x2875),  # ACS: five controls and a vector of 40 bits
        (0x220, 0x0F, 0x240, 0x0020),  # ATS
        (0x240, 0x17, 0x260, 0x0107),  # TPH: all modes, extended
        (0x260, 0x18, 0x280, 0x0000),  # LTR
        (0x280, 0x19, 0x2A0, 0x0000),  # secondary PCI Express
        (0x2A0, 0x1B, 0x2C0, 0x1404),  # PASID: privileged
        (0x2C0, 0x0B, 0x000, 0x1234),  # a vendor's own
    ]:
        image[at : at + 6] = b"".join(each.to_bytes(2, "little") for each in (number, following << 4 | 1, word))
    return bytes(image)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(DEVICE_CONTROL, 0x00107FFF, id="device control: extended tag, phantoms"),
        pytest.param(EXPRESS + 0x10, 0x104101CB, id="link control: clock power management"),
        pytest.param(EXPRESS + 0x28, 0x0000641F, id="device control 2: LTR, OBFF"),
        pytest.param(0xE0, 0xFFFF0003, id="VPD address and flag"),
        pytest.param(0xE4, ONES, id="VPD data"),
        pytest.param(AER + 4, 0, id="status"),
        pytest.param(AER + 8, 0x0037F010, id="uncorrectable mask with ACS"),
        pytest.param(0x204, 0x00752875, id="ACS controls"),
        pytest.param(0x208, ONES, id="ACS egress vector"),
        pytest.param(0x20C, 0x000000FF, id="ACS egress vector, its end"),
        pytest.param(0x224, 0x801F0020, id="ATS"),
        pytest.param(0x248, 0x00000307, id="TPH"),
        pytest.param(0x264, 0x1FFF1FFF, id="LTR"),
        pytest.param(0x288, 0, id="lane errors"),
        pytest.param(0x2A4, 0x00051404, id="PASID"),
        pytest.param(0x2C4, 0x00001234, id="a vendor's own is read-only"),
    ],
)
def test_ones_to_all_that_may_be_there(at, expected):
    pf = space(rich_image())
    if at >= 0x160:
        pf.write(CONTROL, 2, 0)
    if at in (DEVICE_CONTROL, AER + 4, 0x288):
        pf.write(at, 4, ONES & ~0x8000)
    else:
        pf.write(at, 4, ONES)
    assert pf.read(at, 4) == expected


def test_status_that_may_be_there_clears_by_one():
    pf = space(rich_image())
    for at, bits in ((0x288, ONES), (CONTROL, 0x00010000)):
        pf.set_status(at, bits)
        pf.write(at, 4, ONES if at == 0x288 else 0x00010000)
    assert pf.read(0x288, 4) == ONES & ~0xF  # four lanes
    assert pf.read(CONTROL + 2, 2) == 0


def test_migration_controls_where_capable():
    pf = space(rich_image())
    pf.write(CONTROL, 2, 0xFFFF)
    assert pf.read(CONTROL, 2) == 0x1F


class TestSpecialBits:
    @pytest.mark.parametrize("bit", [8, 11, 12, 13, 14, 15])
    def test_status_bits_clear_by_one(self, bit):
        pf = space()
        pf.set_status(0x04, 1 << 16 + bit)
        pf.write(0x06, 2, 0)
        assert pf.read(0x06, 2) == 0x0010 | 1 << bit
        pf.write(0x06, 2, 1 << bit)
        assert pf.read(0x06, 2) == 0x0010

    def test_writing_command_as_a_byte_spares_status(self):
        pf = space()
        pf.set_status(0x04, 0x8000_0000)
        pf.write(0x04, 1, 0xFF)
        assert pf.read(0x04, 4) == 0x80100447

    def test_a_dword_write_to_command_clears_status_too(self):
        pf = space()
        pf.set_status(0x04, 0x8000_0000)
        pf.write(0x04, 4, 0x8000_0000)
        assert pf.read(0x04, 4) == 0x0010_0000

    def test_pme_status_clears_by_one(self):
        pf = space()
        pf.set_status(PMCSR, 0x8000)
        pf.write(PMCSR, 2, 0x8100)
        assert pf.read(PMCSR, 2) == 0x2100

    def test_uncorrectable_status_clears_by_one_and_survives_an_flr(self):
        pf = space()
        pf.set_status(AER + 4, 0x00100010)
        pf.write(AER + 4, 4, 0x10)
        pf.write(DEVICE_CONTROL, 2, 0x8000)
        assert pf.read(AER + 4, 4) == 0x00100000

    def test_without_an_intx_pin_its_disable_is_hard(self):
        pf = space(patched(pf_image(), w04=0, w3C=0))
        pf.write(4, 2, 0xFFFF)
        assert pf.read(4, 2) == 0x0147

    def test_without_an_io_bar_its_enable_is_hard(self):
        pf = ReferenceSpace(patched(pf_image(), w04=0, w18=0), "pf", {0: 4096})
        pf.write(4, 2, 0xFFFF)
        assert pf.read(4, 2) & 3 == 2

    def test_msi_of_32_bits_lies_closer(self):
        pf = space(patched(pf_image(), w52=0x0104))  # 32 bits, masks, 4 vectors
        for at in range(0x54, 0x68, 4):
            pf.write(at, 4, ONES)
        assert [pf.read(at, 4) for at in range(0x54, 0x68, 4)] == [0xFFFFFFFC, 0xFFFF, 0xF, 0, 0]

    def test_a_64_bit_bar_of_8_gib(self):
        pf = ReferenceSpace(patched(pf_image(), w10=0x000C), "pf", {0: 8 << 30})
        pf.write(0x10, 4, ONES)
        pf.write(0x14, 4, ONES)
        assert (pf.read(0x10, 4), pf.read(0x14, 4)) == (0xC, 0xFFFFFFFE)

    def test_a_64_bit_bar_keeps_its_upper_half(self):
        pf = ReferenceSpace(patched(pf_image(), w10=0x000C, w14=0x0002, w16=0), "pf", {0: 128 << 10})
        assert (pf.read(0x10, 4), pf.read(0x14, 4)) == (0xB1A6000C, 2)

    def test_link_control_2_of_5_gt(self):
        pf = space(patched(pf_image(), wAC=0x6C42))
        pf.write(0xD0, 2, 0xFFFF)
        assert pf.read(0xD0, 2) == 0x1F9F

    def test_ecrc_enables_where_capable(self):
        pf = space(patched(pf_image(), w118=0x00A0))
        for at in (AER + 8, AER + 24):
            pf.write(at, 4, ONES)
        assert pf.read(AER + 24, 4) == 0x01E0
        assert pf.read(AER + 8, 4) == 0x001FF010


class TestResets:
    def test_an_flr_clears_what_it_should(self):
        pf = space()
        for at, value in ((4, 0x547), (0x10, 0xB0000000), (MSI_X, 0xC0000000), (MSI + 4, 0xFEE00000), (0x3C, 7)):
            pf.write(at, 4, value)
        pf.write(DEVICE_CONTROL, 2, 0x8000)
        assert [pf.read(at, 4) for at in (4, 0x10, MSI_X, MSI + 4, 0x3C)] == [0x100000, 0, 0x0009A011, 0, 0x100]

    def test_an_flr_keeps_what_belongs_to_the_link(self):
        pf = space()
        pf.write(EXPRESS + 0x10, 2, 0x43)
        pf.write(DEVICE_CONTROL, 2, 0x8000 | 0x5040 | 0x400 | 0xF)
        assert pf.read(EXPRESS + 0x10, 2) == 0x43
        assert pf.read(DEVICE_CONTROL, 2) == 0x2C50  # payload and aux power held, the rest is the default

    def test_the_flr_bit_reads_0(self):
        pf = space()
        pf.write(DEVICE_CONTROL + 1, 1, 0xFF)
        assert pf.read(DEVICE_CONTROL + 1, 1) == 0x2C

    def test_no_flr_where_it_is_not_offered(self):
        pf = space(patched(pf_image(), wA6=0x0000))
        pf.write(0x3C, 1, 9)
        pf.write(DEVICE_CONTROL, 2, 0x8000)
        assert (pf.read(0x3C, 1), pf.read(DEVICE_CONTROL, 2)) == (9, 0)

    def test_sticky_bits_stay(self):
        pf = space()
        pf.write(PMCSR, 2, 0x0100)
        pf.write(AER + 8, 4, 0x00100000)
        pf.write(DEVICE_CONTROL, 2, 0x8000)
        assert (pf.read(PMCSR, 2), pf.read(AER + 8, 4), pf.read(AER + 20, 4)) == (0x2100, 0x00100000, 0x2000)

    def test_d3hot_to_d0_resets(self):
        pf = space()
        pf.write(0x10, 4, 0xB0000000)
        pf.write(PMCSR, 2, 0x0003)
        assert pf.read(0x10, 4) == 0xB0000000
        pf.write(PMCSR, 2, 0x0000)
        assert pf.read(0x10, 4) == 0

    def test_d3hot_to_d0_resets_nothing_with_no_soft_reset(self):
        pf = space(patched(pf_image(), w44=0x2008))
        pf.write(0x10, 4, 0xB0000000)
        pf.write(PMCSR, 2, 0x0003)
        pf.write(PMCSR, 2, 0x0000)
        assert pf.read(0x10, 4) == 0xB0000000

    def test_d3hot_does_not_lead_to_d1(self):
        pf = space(patched(pf_image(), w42=0xCE23))
        for state in (3, 1):
            pf.write(PMCSR, 2, state)
        assert pf.read(PMCSR, 1) == 3

    def test_d1_where_it_is_offered(self):
        pf = space(patched(pf_image(), w42=0xCA23))
        pf.write(PMCSR, 2, 1)
        assert pf.read(PMCSR, 1) == 1


class TestSrIov:
    def test_the_listing_itself_has_four_vfs_at_once(self):
        made = ReferenceAdapter({"pf": pf_image(), "vf0": vf_image()}, BARS, VF_BARS, 8, OFFSETS)
        assert made.functions() == ["pf", "vf0", "vf1", "vf2", "vf3"]
        assert made.read("vf3", 8, 4) == 0x02000001
        assert made.read("vf4", 8, 4) == ONES

    def test_offset_follows_ari(self):
        pf = space()
        pf.write(CONTROL, 2, 0x10)
        assert (pf.read(OFFSET, 2), pf.read(STRIDE, 2)) == (128, 2)
        pf.write(CONTROL, 2, 0)
        assert (pf.read(OFFSET, 2), pf.read(STRIDE, 2)) == (384, 2)

    @pytest.mark.parametrize(("at", "width", "value"), [(NUM_VFS, 2, 2), (PAGE, 4, 2), (CONTROL, 2, 0x01)])
    def test_what_vf_enable_locks(self, at, width, value):
        made = enabled()
        before = made.read("pf", at, width)
        made.write("pf", at, width, value)
        assert made.read("pf", at, width) == (before & ~8 if at == CONTROL else before)

    def test_ari_in_the_write_that_enables_counts(self):
        made = adapter()
        made.write("pf", CONTROL, 2, 0x11)
        assert made.read("pf", OFFSET, 2) == 128

    def test_ari_in_the_write_that_disables_does_not(self):
        made = enabled()
        made.write("pf", CONTROL, 2, 0)
        assert made.read("pf", CONTROL, 2) == 0x10

    def test_a_larger_page_makes_larger_vf_bars(self):
        pf = space()
        pf.write(SR_IOV + 0x24, 4, 0xB1A84000)
        pf.write(PAGE, 4, 0x10)
        assert pf.read(SR_IOV + 0x24, 4) == 0xB1A80004
        pf.write(SR_IOV + 0x24, 4, ONES)
        assert pf.read(SR_IOV + 0x24, 4) == 0xFFFF0004
        pf.write(PAGE, 4, 0x1)
        pf.write(SR_IOV + 0x24, 4, ONES)
        assert pf.read(SR_IOV + 0x24, 4) == 0xFFFFC004

    def test_vfs_answer_after_100_ms(self):
        made = adapter()
        made.write("pf", NUM_VFS, 2, 2)
        made.write("pf", CONTROL, 2, 1)
        made.wait(100 * FS_PER_MS - 1)
        assert made.read("vf0", 8, 4) == ONES
        made.write("vf0", 4, 2, 4)
        made.wait(1)
        assert made.read("vf0", 4, 2) == 0
        assert [made.read(f"vf{k}", 8, 4) for k in range(3)] == [0x02000001, 0x02000001, ONES]

    def test_no_vfs_of_none(self):
        assert enabled(0).functions() == ["pf"]

    def test_disabling_takes_them_away_and_their_state(self):
        made = enabled()
        made.write("vf1", 4, 2, 4)
        made.write("pf", CONTROL, 2, 0)
        assert [made.read("vf1", 4, width) for width in (1, 2, 4)] == [0xFF, 0xFFFF, ONES]
        made.write("pf", CONTROL, 2, 1)
        made.wait(VF_READY_FS)
        assert made.read("vf1", 4, 2) == 0

    @pytest.mark.parametrize("way", ["flr", "d3hot"])
    def test_a_reset_of_the_pf_takes_them_away(self, way):
        made = enabled()
        if way == "flr":
            made.write("pf", DEVICE_CONTROL, 2, 0x8000)
        else:
            made.write("pf", PMCSR, 2, 3)
            assert made.read("vf0", 8, 4) == 0x02000001
            made.write("pf", PMCSR, 2, 0)
        assert made.functions() == ["pf"]
        assert made.read("pf", CONTROL, 4) == 0
        assert (made.read("pf", NUM_VFS, 2), made.read("pf", PAGE, 4), made.read("pf", OFFSET, 2)) == (0, 1, 384)

    def test_ari_is_preserved_from_d3hot_where_the_capability_says_so(self):
        pf = space(patched(pf_image(), w164=2))
        for at, value in ((CONTROL, 0), (CONTROL, 0x19), (PMCSR, 3), (PMCSR, 0)):
            pf.write(at, 2, value)
        assert pf.read(CONTROL, 2) == 0x10
        pf.write(DEVICE_CONTROL, 2, 0x8000)
        assert pf.read(CONTROL, 2) == 0

    def test_routing_ids(self):
        made = enabled()
        assert [made.routing_id(name) for name in ("pf", "vf0", "vf3")] == [0x0900, 0x0980, 0x0986]
        made.write("pf", CONTROL, 2, 0)
        made.write("pf", CONTROL, 2, 0)
        assert made.routing_id("vf0") == 0x0A80


class TestVf:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            pytest.param(0x00, ONES, id="ids read ones"),
            pytest.param(0x04, 0x00100004, id="command: bus master alone"),
            pytest.param(0x0C, 0, id="no line size"),
            pytest.param(0x10, 0, id="no BARs"),
            pytest.param(0x30, 0, id="no ROM"),
            pytest.param(0x3C, 0, id="no interrupt line"),
            pytest.param(MSI_X, 0xC002A011, id="MSI-X of its own"),
            pytest.param(EXPRESS + 0x10, 0, id="the link is the PF's"),
            pytest.param(EXPRESS + 0x28, 0, id="the completion timeout is the PF's"),
            pytest.param(AER + 8, 0, id="masks are the PF's"),
            pytest.param(AER + 12, 0, id="severities are the PF's"),
        ],
    )
    def test_ones_written(self, at, expected):
        made = enabled()
        made.write("vf0", at, 4, ONES)
        assert made.read("vf0", at, 4) == expected

    def test_device_control_is_the_flr_alone(self):
        made = enabled()
        made.write("vf2", 4, 2, 4)
        made.write("vf2", DEVICE_CONTROL, 2, 0x7FFF)
        assert (made.read("vf2", DEVICE_CONTROL, 2), made.read("vf2", 4, 2)) == (0, 4)
        made.write("vf2", DEVICE_CONTROL, 2, 0x8000)
        assert (made.read("vf2", DEVICE_CONTROL, 2), made.read("vf2", 4, 2)) == (0, 0)

    def test_one_vf_s_flr_is_its_own(self):
        made = enabled()
        made.write("vf1", 4, 2, 4)
        made.write("vf2", DEVICE_CONTROL, 2, 0x8000)
        assert made.read("vf1", 4, 2) == 4
        assert len(made.functions()) == 5

    def test_error_status_of_what_one_function_can_be_blamed_for(self):
        made = enabled()
        vf = made.vfs[0]
        vf.set_status(AER + 4, ONES)
        vf.write(AER + 4, 4, ONES)
        assert vf.read(AER + 4, 4) == ONES & ~0x0011D000
        vf.set_status(AER + 16, 0x2001)
        vf.write(AER + 16, 4, ONES)
        assert vf.read(AER + 16, 4) == 0x0001


class TestScripts:
    def test_they_are_the_same_for_a_seed_and_run(self):
        images = {"pf": pf_image(), "vf0": vf_image()}
        names = ["pf", *(f"vf{k}" for k in range(9))]
        drawn = list(drawn_scripts(7, 30, names, images))
        assert drawn == list(drawn_scripts(7, 30, names, images))
        assert drawn != list(drawn_scripts(8, 30, names, images))
        n_alive, n_vf_writes = 0, 0
        for script in drawn:
            made = ReferenceAdapter(images, BARS, VF_BARS, 8, OFFSETS)
            for kind, *arguments in script:
                {"read": made.read, "write": made.write, "wait": made.wait}[kind](*arguments)
                n_alive += len(made.functions()) > 1
                n_vf_writes += kind == "write" and arguments[0] != "pf" and arguments[0] in made.functions()
        assert n_alive > 300
        assert n_vf_writes > 50

    def test_a_replay_gives_what_was_read(self):
        script = [
            ("read", "pf", 0, 2),
            ("write", "pf", 4, 2, 0),
            ("wait", 1),
            ("read", "pf", 4, 2),
            ("read", "vf0", 0, 1),
        ]
        assert replay(adapter(), script) == [0x8086, 0, 0xFF]
