"""The walk of one frame over both links, piece by piece: who goes next, credits, DLLPs, tags, translations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from hwmodel.analytic.dma_engines import Engines
from hwmodel.analytic.lone_frame import Way
from hwmodel.analytic.system import System
from hwmodel.analytic.transactions import Tlp
from hwmodel.analytic.walk import walk
from hwmodel.analytic.walk_clock import Clock, Phase
from hwmodel.analytic.walk_link import Credits, Direction, Lane, Rank, Transaction
from hwmodel.analytic.walk_memory import Memory, Place, Writes
from hwmodel.analytic.walk_reads import ReadClass, Reads
from hwmodel.config import config_from_mapping
from hwmodel.config.host import Host
from hwmodel.results import PARTS
from hwmodel.rules.pcie_link import link_rate
from tests.one_frame import BASE, NS, R, T, in_1518, out_1518

WRITE = Tlp("up", "posted", 24, 256, 256)
REQUEST = Tlp("up", "non_posted", 24, 0, 0)
GEN2_X4 = link_rate(2, 4, 256, "none")


class Wire:
    """A direction up, and what has been received: a name and when."""

    def __init__(self, arbitration="round_robin", ph=0, nph=0, rate=GEN2_X4, flight_fs=0):
        self.clock, self.received = Clock(), []
        credits = Credits(self.clock, ph, 0, 200 * NS), Credits(self.clock, nph, 0, 200 * NS)
        self.up = Direction(self.clock, rate, flight_fs, arbitration, credits)
        self.down = Direction(self.clock, rate, flight_fs, "arrival", (Credits(self.clock, 0, 0, 0),) * 2)
        self.up.opposite, self.down.opposite = self.down, self.up

    def enter(self, name, lane, tlps, at_fs=0, rank=Rank.PAYLOAD, link=None):
        one = Transaction([(tlp, None) for tlp in tlps], received=lambda: self.note(name), rank=rank)
        self.clock.at(at_fs, Phase.ADAPTER, partial((link or self.up).enter, lane, one))

    def note(self, name):
        self.received.append((name, self.clock.now_fs))

    def run(self):
        self.clock.run()
        return self.received


@pytest.mark.parametrize(
    ("arbitration", "first", "then"),
    [
        ("round_robin", ("read", T[280] + T[24]), ("write", 2 * T[280] + T[24])),
        ("reads_first", ("read", T[24]), ("write", T[24] + 2 * T[280])),
        ("writes_first", ("write", 2 * T[280]), ("read", 2 * T[280] + T[24])),
        ("arrival", ("write", 2 * T[280]), ("read", 2 * T[280] + T[24])),
    ],
)
def test_who_goes_first_when_both_may(arbitration, first, then):
    wire = Wire(arbitration)
    wire.enter("read", Lane.OTHER, [REQUEST])
    wire.enter("write", Lane.POSTED, [WRITE, WRITE])
    assert wire.run() == [first, then]


def test_a_write_without_credits_lets_a_read_by_and_goes_when_they_are_back():
    wire = Wire("writes_first", ph=1)
    wire.enter("writes", Lane.POSTED, [WRITE, WRITE])
    wire.enter("read", Lane.OTHER, [REQUEST])
    assert wire.run() == [("read", T[280] + T[24]), ("writes", 2 * T[280] + 200 * NS)]


def test_posted_transactions_of_one_instant_go_by_rank_and_behind_what_was_chosen():
    wire = Wire()
    wire.enter("write-back", Lane.POSTED, [replace(WRITE, data_bytes=16, padded_bytes=16)], rank=Rank.RX_WRITEBACK)
    wire.enter("payload", Lane.POSTED, [WRITE])
    late = Transaction([(WRITE, None)], received=lambda: wire.note("next payload"))
    wire.up.enter(Lane.POSTED, Transaction([(WRITE, None)], chosen=lambda: wire.up.enter(Lane.POSTED, late)))
    wire.clock.at(0, Phase.TIMER, lambda: None)
    assert [name for name, _ in wire.run()] == ["payload", "write-back", "next payload"]


def test_dllps_go_before_the_next_tlp_of_the_other_direction():
    wire = Wire(rate=link_rate(2, 4, 256, "tlp1"))
    wire.enter("two up", Lane.POSTED, [WRITE, WRITE])
    wire.enter("down", Lane.POSTED, [REQUEST], at_fs=1_000 * NS, link=wire.down)
    wire.enter("up", Lane.OTHER, [REQUEST], at_fs=2_000 * NS)
    two_pairs, one_pair = 2 * T[16], T[16]
    assert wire.run()[1:] == [("down", 1_000 * NS + two_pairs + T[24]), ("up", 2_000 * NS + one_pair + T[24])]


def test_a_tlp_is_received_when_it_has_flown():
    wire = Wire(flight_fs=30 * NS)
    wire.enter("two", Lane.POSTED, [WRITE, WRITE])
    assert wire.run() == [("two", 2 * T[280] + 30 * NS)]


def test_drained_data_bring_their_credits_back_one_after_the_other():
    clock = Clock()
    credits = Credits(clock, 2, 0, 200 * NS, drain_bps=10**9)  # 256 B in 2048 ns
    for _ in range(2):
        credits.take(WRITE)
        credits.give_back(WRITE)
    back_fs = []
    clock.links = [type("Watch", (), {"choose": lambda _: back_fs.append((clock.now_fs, credits.cover(WRITE)))})()]
    clock.run()
    assert back_fs == [((2048 + 200) * NS, True), ((2 * 2048 + 200) * NS, True)]


def test_a_page_that_was_looked_up_longest_ago_is_replaced_and_writes_pass_in_order():
    clock = Clock()
    memory = Memory(clock, Host(iotlb={"entries": 2, "miss": "330ns", "walk_lines": 0}))
    first, second, third = (Place(("Tx ring", 0), 4096 * page) for page in range(3))
    assert (memory.there_fs(first), memory.there_fs(second), memory.there_fs(first)) == (330 * NS,) * 3
    clock.now_fs = 1_000 * NS
    assert memory.there_fs(first) == 1_000 * NS
    assert memory.there_fs(third) == 1_330 * NS  # in the place of the second
    assert memory.there_fs(first) == 1_000 * NS
    assert memory.passes_fs(second, Writes(0)) == 1_330 * NS
    assert memory.passes_fs(None, Writes(0)) == 1_330 * NS  # an interrupt, behind that write
    assert Memory(clock, Host()).there_fs(third) == 1_000 * NS


def test_a_walk_whose_line_is_held_is_shorter():
    """A line has 8 pages of one ring; one of both lines is held at a time."""
    iotlb = {"entries": 64, "miss": "300ns", "walk_lines": 1}
    memory = Memory(Clock(), Host(iotlb=iotlb))
    pages = [0, 1, 7, 8, 9, 2]
    assert [memory.there_fs(Place(("Tx ring", 0), 4096 * page)) // NS for page in pages] == [
        300,
        270,
        270,
        300,
        270,
        300,
    ]
    assert memory.there_fs(Place(("Rx ring", 0), 4096 * 3)) == 300 * NS
    near = Memory(Clock(), Host(iotlb={**iotlb, "near_miss": "40ns"}))
    assert [near.there_fs(Place(("Tx ring", 0), 4096 * page)) // NS for page in (0, 1)] == [300, 40]


def test_the_first_class_of_reads_gets_the_tag_that_comes_free():
    wire = Wire()
    config = config_from_mapping(BASE, {"pcie.tags": 1})
    reads = Reads(config, wire.clock, Memory(wire.clock, Host()), Engines(None), (wire.up, wire.down), R)

    def ask(*names):
        for name in names:
            reads.request(ReadClass[name], (name, 0), 0, 16, lambda _n_bytes, name=name: wire.note(name))

    wire.clock.at(0, Phase.ADAPTER, partial(ask, "PAYLOAD"))
    wire.clock.at(NS, Phase.ADAPTER, partial(ask, "TX_DESCRIPTOR", "RX_DESCRIPTOR"))
    each_fs = T[24] + R + T[36]
    order = ("PAYLOAD", "RX_DESCRIPTOR", "TX_DESCRIPTOR")  # the first found the tag free
    assert wire.run() == [(name, number * each_fs) for number, name in enumerate(order, 1)]


def test_a_way_whole():
    config = config_from_mapping(BASE)
    parts = walk(System.of(config), Way(sender=1, n_bytes=1514, copies=((2, 1514),)), lambda _: R)
    assert list(parts) == list(PARTS)
    taken = {
        "doorbell": T[28], "tx_descriptor_fetch": T[24] + R + T[36], "payload_read": T[24] + R + in_1518(),
        "payload_write": out_1518(), "writeback": T[40], "guest_queue": 20 * NS,
    }  # fmt: skip
    assert parts == dict.fromkeys(PARTS, 0) | taken
    outward = walk(System.of(config), Way(sender=1, n_bytes=1514, wire_bytes=1520), lambda _: R)
    assert (outward["wire"], outward["payload_write"]) == (1544 * 8 * 100_000, 0)
    inward = walk(System.of(config), Way(sender=None, n_bytes=1514, copies=((2, 1514),)), lambda _: R)
    assert {name: part_fs for name, part_fs in inward.items() if part_fs} == {
        name: taken[name] for name in ("payload_write", "writeback", "guest_queue")
    }


def test_an_interrupt_follows_its_write_back():
    changes = {"driver.rx_interrupt_batch": 1, "nic.vfs": 4}
    way = Way(sender=1, n_bytes=1514, copies=((0, 1514), (2, 1514)), mirrored=((3, 1514),))
    parts = walk(System.of(config_from_mapping(BASE, changes)), way, lambda _: R)
    # The second payload, which is there as well, stands behind the first one's interrupt.
    assert parts["interrupt"] == T[28]


def test_a_wait_that_is_never_over():
    config = config_from_mapping(BASE, {"nic.rx_writeback_batch": 8})
    parts = walk(System.of(config), Way(sender=1, n_bytes=60, copies=((2, 60),)), lambda _: R)
    assert [name for name, part_fs in parts.items() if part_fs is None] == list(PARTS[PARTS.index("writeback_batch") :])
