"""MSI-X tables and pending bits, where the capability says: by hand, and beside a second implementation."""

from __future__ import annotations

import random

import pytest

from hwmodel.config_space.devices import DEVICES
from hwmodel.config_space.msix_table import MsixTable
from hwmodel.errors import InputError
from tests.memory_range_cases import answers, ranges_of
from tests.oracles.msix import ForbiddenError, ReferenceMsix

COMMAND, MESSAGE_CONTROL, DEVICE_CONTROL = 0x04, 0x72, 0xA8
ENABLE, FUNCTION_MASK, BUS_MASTER, MEMORY, FLR = 0x8000, 0x4000, 0x4, 0x2, 0x8000
# Of each device: vectors of PF and VF, the PF's BAR and pending bits. facts: lspci of 82576 and 82599.
PLACES = {
    "82576": (10, 3, 3, 0x2000), "82599": (64, 3, 4, 0x2000), "X540": (64, 3, 4, 0x2000), "X550": (64, 3, 4, 0x2000),
    "XL710": (129, 5, 3, 0x1000),
}  # fmt: skip


def functions(device):
    n_pf, n_vf, bar, pending = PLACES[device]
    return [("pf", f"pf:bar{bar}", n_pf, pending), ("vf0", "vf0:bar3", n_vf, 0x2000)]


@pytest.mark.parametrize("device", PLACES)
def test_tables_are_where_the_capability_says_and_begin_masked(device):
    ranges = ranges_of(device)
    for function, name, n_vectors, pending in functions(device):
        adapter = ranges.adapter
        assert (adapter.read(function, 0x70, 4) >> 16 & 0x7FF) + 1 == n_vectors
        table, bits = adapter.read(function, 0x74, 4), adapter.read(function, 0x78, 4)
        assert (f"{function}:bar{table & 7}", table & ~7, bits & ~7, bits & 7) == (name, 0, pending, table & 7)
        for vector in range(n_vectors):
            assert [ranges.read(name, 16 * vector + at, 4) for at in (0, 4, 8, 12)] == [0, 0, 0, 1]
        n_pending_bytes = 8 * -(-n_vectors // 64)
        assert [ranges.read(name, pending + at, 4) for at in range(0, n_pending_bytes, 4)] == [0] * (
            n_pending_bytes // 4
        )
        for outside in (16 * n_vectors, pending - 4, pending + n_pending_bytes):
            with pytest.raises(InputError, match=f"no register is at {outside:#x}"):
                ranges.read(name, outside, 4)
    assert set(PLACES) == set(DEVICES)


def test_an_entry_s_bits():
    ranges = ranges_of()
    for at, expected in ((0, 0xFFFFFFFC), (4, 0xFFFFFFFF), (8, 0xFFFFFFFF), (12, 1)):
        assert ranges.write("vf1:bar3", 16 + at, 4, 0xFFFFFFFF) == expected
        assert ranges.read("vf1:bar3", 16 + at, 4) == expected
        assert ranges.read("vf1:bar3", at, 4) == (at == 12)
        assert ranges.read("vf0:bar3", 16 + at, 4) == (at == 12)
    assert ranges.read("vf1:bar3", 16, 8) == 0xFFFFFFFF_FFFFFFFC
    assert ranges.write("vf1:bar3", 24, 8, 0x00000000_00001234) == 0x1234
    assert [ranges.read("vf1:bar3", at, 4) for at in (24, 28)] == [0x1234, 0]


def test_pending_bits_are_read_only():
    ranges = ranges_of()
    ranges.raise_vector("vf0", 2)
    assert ranges.write("vf0:bar3", 0x2000, 4, 0) == 4
    assert ranges.write("vf0:bar3", 0x2000, 8, 0xFF) == 4
    assert ranges.write("vf0:bar3", 0x2004, 4, 0xFF) == 0


def test_what_holds_a_vector_back_and_what_lets_it_go():
    """Enumeration leaves MSI-X enabled and the VF a bus master."""
    assert answers(
        ranges_of(),
        "write vf0:bar3 0x10 4 0xfee01000",
        "write vf0:bar3 0x14 4 0x1",
        "write vf0:bar3 0x18 4 0x31",
        "raise vf0 1",
        "read vf0:bar3 0x2000 4",
        "write vf0:bar3 0x1c 4 0",
        "read vf0:bar3 0x2000 4",
        "raise vf0 1",
        "write vf0 0x72 2 0xc000",
        "raise vf0 1",
        "raise vf0 1",
        "write vf0 0x72 2 0x8000",
        "write vf0 0x72 2 0",
        "raise vf0 1",
        "write vf0 4 2 0",
        "write vf0 0x72 2 0x8000",
        "raise vf0 1",
        "write vf0 4 2 4",
        "read vf0:bar3 0x2000 4",
    )[3:] == [
        "raise vf0 1 -> pending: it is masked",
        "read vf0:bar3 0x2000 4 -> 0x00000002",
        "write vf0:bar3 0x01c 4 0x00000000 -> 0x00000000; vf0 vector 1 writes 0x00000031 to 0x1fee01000",
        "read vf0:bar3 0x2000 4 -> 0x00000000",
        "raise vf0 1; vf0 vector 1 writes 0x00000031 to 0x1fee01000",
        "write vf0 0x072 2 0xc000 -> 0xc002",
        "raise vf0 1 -> pending: Function Mask is set",
        "raise vf0 1 -> pending: Function Mask is set",
        "write vf0 0x072 2 0x8000 -> 0x8002; vf0 vector 1 writes 0x00000031 to 0x1fee01000",
        "write vf0 0x072 2 0x0000 -> 0x0002",
        "raise vf0 1 -> pending: MSI-X Enable is clear",
        "write vf0 0x004 2 0x0000 -> 0x0000",
        "write vf0 0x072 2 0x8000 -> 0x8002",
        "raise vf0 1 -> pending: Bus Master Enable is clear",
        "write vf0 0x004 2 0x0004 -> 0x0004; vf0 vector 1 writes 0x00000031 to 0x1fee01000",
        "read vf0:bar3 0x2000 4 -> 0x00000000",
    ]  # fmt: skip


def test_vfs_sleep_with_their_pf():
    """A VF has no power management of its own: it is in its PF's state (SR-IOV 6.1.2)."""
    assert answers(
        ranges_of(),
        "write vf0:bar3 0x0c 4 0",
        "write pf 0x44 2 3",
        "read vf0:bar3 0x0c 4",
        "read vf0 8 4",
        "raise vf0 0",
    )[2:] == [
        "read vf0:bar3 0x00c 4 -> 0xffffffff, does not answer (its PF is in D3hot)",
        "read vf0 0x008 4 -> 0x02000001",
        "raise vf0 0 -> pending: its PF is in D3hot",
    ]  # fmt: skip


def test_a_reset_of_the_function_puts_its_table_back_and_no_other():
    said = answers(
        ranges_of("X550"),
        *(f"write {name}:bar3 0x8 4 7" for name in ("vf0", "vf1")),
        *(f"write {name}:bar3 0xc 4 0" for name in ("vf0", "vf1")),
        "write vf0 4 2 0",
        "raise vf0 0",
        "write vf0 0xa8 2 0x8000",
        *(f"read {name}:bar3 {at} 4" for name in ("vf0", "vf1") for at in (8, 12, 0x2000)),
        "write vf0 0x72 2 0x8000",
        "write vf0 4 2 4",
    )  # fmt: skip
    assert [text.partition("-> ")[2] for text in said[7:]] == [
        "0x00000000", "0x00000001", "0x00000000", "0x00000007", "0x00000000", "0x00000000", "0x8002", "0x0004",
    ]  # fmt: skip


KINDS = ["raise"] * 3 + ["mask"] + ["unmask"] * 2 + ["message", "quad", "control", "master", "reset"]


class Both:
    """A function's accesses done to the product and to the reference, each compared."""

    def __init__(self, ranges, function, name, n_vectors, pending):
        self.ranges, self.adapter = ranges, ranges.adapter
        self.function, self.name, self.pending = function, name, pending
        self.reference = ReferenceMsix(n_vectors)
        self.command = MEMORY if function == "pf" else 0
        self.master(True)
        self.control(enable=True, function_mask=False)

    def same(self):
        sent = [f"{self.function} vector {vector} writes 0x{data:08x} to 0x{address:08x}"
                for vector, address, data in self.reference.sent]  # fmt: skip
        self.reference.sent.clear()
        assert self.ranges.told() == sent
        return len(sent)

    def master(self, is_on):
        self.adapter.write(self.function, COMMAND, 2, self.command | BUS_MASTER * is_on)
        self.reference.master(is_on)
        return self.same()

    def control(self, *, enable, function_mask):
        self.adapter.write(self.function, MESSAGE_CONTROL, 2, ENABLE * enable | FUNCTION_MASK * function_mask)
        self.reference.control(enable=enable, function_mask=function_mask)
        return self.same()

    def write(self, offset, n_bytes, value):
        parts = [(offset + at, value >> 8 * at & 0xFFFFFFFF) for at in range(0, n_bytes, 4)]
        try:
            for at, part in parts:
                self.reference.write_table(at, part)
        except ForbiddenError:
            with pytest.raises(InputError, match=f"vector {offset // 16} is unmasked"):
                self.ranges.write(self.name, offset, n_bytes, value)
            self.same()
            return -1
        self.ranges.write(self.name, offset, n_bytes, value)
        return self.same()

    def happen(self, vector):
        held = self.ranges.raise_vector(self.function, vector)
        self.reference.happen(vector)
        assert bool(held) == (not self.reference.sent)
        return self.same()

    def reset(self):
        device_control = self.adapter.read(self.function, DEVICE_CONTROL, 2)
        self.adapter.write(self.function, DEVICE_CONTROL, 2, device_control | FLR)
        self.reference.reset()
        assert self.same() == 0
        if self.function == "pf":
            self.adapter.write("pf", COMMAND, 2, MEMORY)

    def look(self):
        for offset in range(0, 16 * self.reference.n_vectors, 4):
            assert self.ranges.read(self.name, offset, 4) == self.reference.read_table(offset)
        for offset in range(0, 8 * -(-self.reference.n_vectors // 64), 8):
            low, high = (self.reference.read_pending(offset + at) for at in (0, 4))
            assert self.ranges.read(self.name, self.pending + offset, 8) == low | high << 32


@pytest.mark.parametrize(("device", "which"), [("82576", 0), ("X550", 1), ("XL710", 0), ("XL710", 1)])
def test_drawn_accesses_are_answered_as_the_reference_does(device, which):
    rng = random.Random(f"{device} {which}")
    n_sent = n_refused = 0
    both = Both(ranges_of(device), *functions(device)[which])
    vectors = [*range(min(4, both.reference.n_vectors)), both.reference.n_vectors - 1]
    for step in range(2500):
        vector = rng.choice(vectors)
        outcome = 0
        match rng.choice(KINDS):
            case "raise":
                outcome = both.happen(vector)
            case "mask":
                outcome = both.write(16 * vector + 12, 4, rng.choice([1, 0xFFFFFFFF]))
            case "unmask":
                outcome = both.write(16 * vector + 12, 4, rng.choice([0, 0xFFFFFFFE]))
            case "message":
                outcome = both.write(16 * vector + rng.choice([0, 4, 8]), 4, rng.getrandbits(32))
            case "quad":
                outcome = both.write(16 * vector + rng.choice([0, 8]), 8, rng.getrandbits(64))
            case "control":
                outcome = both.control(enable=rng.random() < 0.8, function_mask=rng.random() < 0.4)
            case "master":
                outcome = both.master(rng.random() < 0.8)
            case "reset":
                if rng.random() < 0.2:
                    both.reset()
        n_sent += max(outcome, 0)
        n_refused += outcome < 0
        if step % 50 == 0:
            both.look()
    both.look()
    assert n_sent > 150 and n_refused > 20


def test_a_function_has_the_vectors_that_its_capability_says():
    ranges = ranges_of("82576")
    assert MsixTable(ranges.adapter.pf).n_vectors == 10
    for function, vector, n in (("pf", 10, 10), ("vf0", 3, 3)):
        with pytest.raises(InputError, match=rf"vector {vector} is not among its {n} \(0 to {n - 1}\)"):
            ranges.raise_vector(function, vector)
