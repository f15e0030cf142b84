"""Tables of registers, one function, the adapter's clock, enumeration, and the page made from the tables."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from docs_site.config_space import tables
from hwmodel.config import config_from_mapping, only_server, servers_of
from hwmodel.config_space import extended_structures, structures
from hwmodel.config_space.adapter import VF_READY_FS, AccessTimes, PciAdapter
from hwmodel.config_space.devices import DEVICES
from hwmodel.config_space.dump import address_text
from hwmodel.config_space.enumeration import adapter_of, configured
from hwmodel.config_space.memory_ranges import MemoryRanges
from hwmodel.config_space.registers import RO, RW, RW1C, SPACE_BYTES, Placed, Register, Structure, bit, laid_out
from hwmodel.config_space.script import read_script, run_script
from hwmodel.config_space.space import FunctionSpace
from hwmodel.errors import InputError
from hwmodel.units import FS_PER_NS

TABLES = [
    one for module in (structures, extended_structures) for one in vars(module).values() if isinstance(one, Structure)
]


def server_of(**keys: object):
    (server,) = servers_of(config_from_mapping({"nic": {"preset": "82599", "vfs": 4, "strict": False}, **keys}))
    return server


def bytes_of(space: FunctionSpace, at: int, n: int) -> str:
    return space.content()[at : at + n].hex(" ")


class TestTables:
    def test_there_are_fifteen(self):
        assert len({table.name for table in TABLES}) == len(TABLES) == 15

    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_fields_fit_and_leave_each_other_alone(self, table):
        taken = set()
        for register, one in table.fields():
            assert one.low + one.n_bits <= 8 * register.n_bytes
            assert register.offset % min(register.n_bytes, 4) == 0 or register.n_bytes == 3
            assert one.reset >> one.n_bits == 0
            bits = {8 * register.offset + number for number in range(one.low, one.low + one.n_bits)}
            assert not bits & taken and max(bits) < 8 * table.n_bytes
            taken |= bits

    @pytest.mark.parametrize("name", DEVICES)
    def test_structures_of_a_device_do_not_overlap(self, name):
        for placed in (DEVICES[name].pf_structures(1), DEVICES[name].vf_structures()):
            taken = [at for each in placed for at in range(each.at, each.at + each.structure.n_bytes)]
            assert len(taken) == len(set(taken)) and max(taken) < SPACE_BYTES
            known = {one.name for each in placed for _, one in each.structure.fields()}
            beside = {structures.HAS_IO, structures.HAS_MEMORY, structures.ABOVE_2_5_GT, structures.ABOVE_5_GT}
            beside |= {structures.NO_SNOOP, extended_structures.ACS_VIOLATIONS, extended_structures.SURPRISE_DOWN}
            beside.add(extended_structures.LOWEST_PF)
            assert {name for each in placed for name in each.values} <= known | beside
            assert set(DEVICES[name].values) <= {one.name for table in TABLES for _, one in table.fields()} | beside

    def test_a_field_that_needs_another(self):
        fields = (bit("Switch", 0, RW, 1, needs="Offer#1"), bit("Lamp", 1, RW1C), bit("Plate", 2, RO))
        table = Structure("Box", 9, 8, "here", (Register("Front", 4, 2, fields),))
        offered, without = (laid_out([Placed(table, 0x40, {"Offer": value, "Plate": 1})], False) for value in (2, 1))
        assert [layout.start[0x40:0x46].hex() for layout in (offered, without)] == ["090000000500", "090000000400"]
        assert [layout.writable[0x44] for layout in (offered, without)] == [1, 0]
        assert [layout.clearing[0x44] for layout in (offered, without)] == [2, 2]

    def test_lists_of_capabilities(self):
        pf = PciAdapter(DEVICES["XL710"]).pf
        assert [bytes_of(pf, at, 2) for at in (0x34, 0x40, 0x50, 0x70, 0xA0)] == [
            "40 00", "01 50", "05 70", "11 a0", "10 e0",
        ]  # fmt: skip
        heads = {0x100: "01 00 02 14", 0x140: "03 00 01 15", 0x150: "0e 00 01 16", 0x160: "10 00 01 1a",
                 0x1A0: "17 00 01 1b", 0x1B0: "0d 00 01 1d", 0x1D0: "19 00 01 00"}  # fmt: skip
        assert {at: bytes_of(pf, at, 4) for at in heads} == heads


class TestClock:
    # 20 B and 24 B for each access: 8 B of framing, sequence number and LCRC, 12 B of header, 4 B of data one way.
    # Bits a second behind the line code, and the share of SKP ordered sets.
    @pytest.mark.parametrize(
        ("generation", "lanes", "bps", "skp"),
        [
            (1, 4, 8_000_000_000, Fraction(4, 1538)),
            (2, 8, 32_000_000_000, Fraction(4, 1538)),
            (3, 8, Fraction(8_000_000_000 * 8 * 128, 130), Fraction(1, 371)),
        ],
    )
    def test_bytes_summed_by_hand(self, generation, lanes, bps, skp):
        link = {"generation": generation, "lanes": lanes, "propagation": "30ns", "dllp_model": "none"}
        server = server_of(pcie=link, host={"read_latency": "500ns"})
        adapter = configured(server)
        byte_fs = Fraction(8 * 10**15) / (bps * (1 - skp))
        expected = 560 * FS_PER_NS + int(20 * byte_fs) + int(24 * byte_fs)
        text = "read pf 0 1\nread pf 0 4\nwrite pf 4 2 6\nread vf7 0 4\nwrite vf7 4 2 0"
        ranges = MemoryRanges(adapter, server, 0)
        took = [answer.took_fs for answer in run_script(ranges, read_script(text, "s"), "s")]
        nobody = 560 * FS_PER_NS + 2 * int(20 * byte_fs)  # a completion without data
        assert took == [expected, expected, expected, nobody, expected]
        assert adapter.now_fs == sum(took)

    def test_ecrc_and_switches(self):
        config = server_of(pcie={"generation": 2, "lanes": 8, "ecrc": True, "dllp_model": "none"}).config
        plain = server_of(pcie={"generation": 2, "lanes": 8, "dllp_model": "none"}).config
        more = [b - a for a, b in zip(AccessTimes.of(plain), AccessTimes.of(config), strict=True)]
        byte_fs = Fraction(250_000) * Fraction(1538, 1534)  # 32 Gb/s less the SKP ordered sets
        assert more == pytest.approx([int(4 * byte_fs)] * 4, abs=1)
        far = server_of(pcie={"switch_hops": 2, "switch_latency": "100ns"}).config
        near = server_of().config
        assert [a - b for a, b in zip(AccessTimes.of(far), AccessTimes.of(near), strict=True)] == [200 * FS_PER_NS] * 4

    def test_new_vfs_count_from_the_request_s_arrival(self):
        times = AccessTimes(read_request_fs=2, write_request_fs=3, data_fs=50, empty_fs=40)
        adapter = PciAdapter(DEVICES["82599"], times=times)
        adapter.write("pf", 0x170, 2, 1)
        adapter.write("pf", 0x168, 2, 1)  # arrives at 43 + 3
        assert adapter.now_fs == 86
        adapter.wait(VF_READY_FS - 43)  # the next read arrives 1 fs too early
        assert adapter.read("vf0", 8, 4) == 0xFFFFFFFF
        adapter.wait(0)
        assert adapter.read("vf0", 8, 4) == 0x02000001
        assert adapter.now_fs == 86 + VF_READY_FS - 43 + (2 + 40) + (2 + 50)

    def test_who_is_not_there_costs_no_time_where_there_can_be_none(self):
        adapter = PciAdapter(DEVICES["82599"], times=AccessTimes(1, 1, 1, 1))
        for access in (lambda: adapter.read("vf64", 0, 4), lambda: adapter.write("pf", 1, 2, 0)):
            with pytest.raises(InputError):
                access()
        assert adapter.now_fs == 0


class TestRoutingIds:
    def test_vfs_lie_on_the_buses_behind(self):
        adapter = PciAdapter(DEVICES["82599"])
        adapter.routing_id = 0x0901
        places = {}
        for ari in (0x10, 0):
            adapter.write("pf", 0x168, 2, ari)
            places[ari] = [address_text(adapter.routing_id_of(f"vf{number}")) for number in (0, 1, 63)]
        assert places == {0x10: ["09:10.1", "09:10.3", "09:1f.7"], 0: ["0a:10.1", "0a:10.3", "0a:1f.7"]}

    def test_ranges_of_vfs(self):
        adapter = PciAdapter(DEVICES["82599"])
        adapter.write("pf", 0x184, 4, 0xB0000000)
        assert [adapter.vf_address(number, 0) for number in (0, 5)] == [0xB0000000, 0xB0014000]
        adapter.write("pf", 0x180, 4, 0x10)  # pages of 64 KiB
        assert [adapter.vf_address(number, 0) for number in (0, 5)] == [0xB0000000, 0xB0050000]
        assert adapter.pf.vf_bar_bytes(3) == 0x10000


class TestEnumeration:
    def test_out_of_reset(self):
        pf = adapter_of(server_of()).pf
        assert [bytes_of(pf, at, 2) for at in (0x04, 0x06, 0x10, 0x168, 0x170, 0x180)] == [
            "00 00", "10 00", "0c 00", "00 00", "00 00", "01 00",
        ]  # fmt: skip

    @pytest.mark.parametrize("name", DEVICES)
    def test_ranges_are_aligned_and_lie_apart(self, name):
        (server,) = servers_of(config_from_mapping({"nic": {"preset": name, "vfs": 4}}))
        adapter = configured(server)
        taken = {False: [], True: []}
        for index, bar in DEVICES[name].bars.items():
            address = adapter.pf.get(0x10 + 4 * index, 8 if bar.is_64_bit else 4) & ~0xF
            if index != 6:
                taken[bar.is_io].append((address, bar.size_bytes, bar.size_bytes))
        for index, bar in DEVICES[name].vf_bars.items():
            taken[False].append(
                (adapter.vf_address(0, index), bar.size_bytes, DEVICES[name].total_vfs * bar.size_bytes)
            )
        for ranges in taken.values():
            in_order = sorted(ranges)
            assert all(address > 0 and address % size == 0 for address, size, _ in in_order)
            for (address, _, n_bytes), (following, *_) in pairwise(in_order):
                assert address + n_bytes <= following

    def test_what_more_is_configured_than_a_device_has_it_offers(self):
        pcie = {"generation": 3, "lanes": 16, "max_payload": "1024B", "tags": 64, "ecrc": True}
        pf = configured(server_of(pcie=pcie)).pf
        control = pf.get(0xA8, 2)
        assert (control >> 5 & 7, control >> 8 & 1) == (3, 1)  # 128 B * 2^3; extended tags
        assert pf.get(0xA4, 4) & 0x27 == 0x23
        assert (pf.get(0xAC, 4) & 0x3FF, pf.get(0xB2, 2) & 0x3FF) == (0x103, 0x103)
        assert pf.get(0x118, 4) == 0x1E0

    def test_an_adapter_without_a_preset_is_an_82599_with_as_many_vfs_as_it_has(self):
        config = config_from_mapping({"nic": {"preset": None, "vfs": 100}, "workload": {"pattern": "to_wire"}})
        pf = configured(servers_of(config)[0]).pf
        assert (pf.get(0x02, 2), pf.get(0x16E, 2), pf.get(0x170, 2)) == (0x10FB, 100, 100)

    def test_whose_adapter(self):
        config = config_from_mapping({})
        assert only_server(config) is servers_of(config)[0]
        both = config_from_mapping({"servers": [{"name": "a"}, {"name": "b"}]})
        assert only_server(both, "b") is servers_of(both)[1]
        with pytest.raises(InputError, match=r"of which server\? --server says it \(a, b\)"):
            only_server(both)


class TestOneFunction:
    def test_accesses_that_cannot_be(self):
        pf = PciAdapter(DEVICES["82576"]).pf
        for offset, n_bytes, value in ((1, 2, 0), (2, 4, 0), (4096, 1, 0), (-4, 4, 0), (0, 3, 0), (4, 1, 256)):
            with pytest.raises(InputError):
                pf.write(offset, n_bytes, value)
        assert pf.content() == PciAdapter(DEVICES["82576"]).pf.content()


def test_the_page_has_each_field_and_device():
    text = tables()
    for table in TABLES:
        assert f"\n### {table.name}" in text or not table.registers
        for register, one in table.fields():
            assert f"| {register.name} |" in text and f" {one.name} |" in text
    for row in ("| PCI Express | L1 Exit Latency | 0x6 A | 0x4 B | 0x4 ? | 0x4 E | 0x4 G |",
                "| by ports | TotalVFs of each PF, with one port, two, four | 8; 8 | 64; 64 |",
                "| 0x10 | 2 | NumVFs | 15:0 | NumVFs | RW | RW | 0x0 |  |"):  # fmt: skip
        assert row in text
