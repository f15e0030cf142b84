"""The decision record itself: wholly written each time, and good for all frames with one header."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    AclEntry,
    Mirror,
    c_tag,
    e_tag,
    frame,
    switch,
    vn_tag,
)
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.decide import DECISION, decide, limit
from hwmodel.forwarding.parse import HEADER, parse
from hwmodel.forwarding.rewrite import added_bytes
from hwmodel.forwarding.tables import oversize
from tests.forwarding_bench import (
    Bench,
    drops,
)
from tests.packet_cases import packet_switch, random_packet_frame

POLICE = AclEntry("police", rate_bps=10**9, burst_bytes=2000)
CONFIGS = {
    "veb": switch(mirrors=(Mirror("vf2", "vf0"), Mirror("pf", "vf1", "egress")), stations={"vf1": {"untagged": ()}}),
    "policed": switch(acl=(POLICE,), mirrors=(Mirror("vf1", "vf0"),)),
    "vn_tag": switch(mode="vn_tag", mirrors=(Mirror("vf2", "uplink", "egress"),)),
}
FRAMES = {
    "delivered": ("vf0", frame("vf1", "vf0")),
    "group": ("vf0", frame(BROADCAST, "vf0", c_tag(1, 3))),
    "spoofed": ("vf0", frame("vf1", "vf2")),
    "runt": ("vf0", frame("vf1", "vf0")[:9]),
    "too long": ("vf0", frame("vf1", "vf0", length=1515)),
    "from outside": ("uplink", frame("vf1", OUTSIDE, vn_tag(dvif=3, direction=1))),
}


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("sent", FRAMES.values(), ids=FRAMES)
def test_nothing_is_left_of_an_earlier_decision(config, sent, refused):
    used, fresh = Bench(config), Bench(config)
    used.decision.view(np.uint8)[:] = 0x5A
    used.header.view(np.uint8)[:] = 0x5A
    assert used.send(*sent, refused=refused) == fresh.send(*sent, refused=refused)
    assert used.decision.tobytes() == fresh.decision.tobytes()
    written = [name for name in HEADER.names if name != "packet"]  # which no rule here asks for
    assert [used.header[name].tobytes() for name in written] == [fresh.header[name].tobytes() for name in written]


def test_nothing_of_an_earlier_packet_decides():
    rng, found_drops = random.Random(41), set()
    for _ in range(60):
        config = packet_switch(rng)
        used, fresh = Bench(config), Bench(config)
        for _ in range(20):
            sent = random_packet_frame(rng)
            used.header.view(np.uint8)[:] = rng.randrange(256)
            found = used.send(*sent)
            assert found == fresh.send(*sent)
            assert used.decision.tobytes() == fresh.decision.tobytes()
            found_drops.add(found.drop)
    assert {"ACL_DENY", "ARP_GUARD", "DHCP_GUARD", "ND_GUARD", "IP_GUARD", None} <= found_drops


def longest_bytes(config, port, raw, **keys):
    bench = Bench(config)
    bench.send(port, raw, **keys)
    return bench.decision[0].longest_bytes


def test_the_longest_frame_of_a_header_counts_its_tags():
    config = switch(stations={"vf0": {"max_frame_bytes": 2000}})
    assert longest_bytes(config, "vf0", frame("vf1", "vf0")) == 1996
    assert longest_bytes(config, "vf0", frame("vf1", "vf0", c_tag(1))) == 2000
    assert longest_bytes(config, "vf1", frame("vf0", "vf1")) == 1514
    tagged = switch(mode="e_tag")
    assert longest_bytes(tagged, "uplink", frame("vf1", OUTSIDE, e_tag(3), c_tag(1))) == 1514 + 8 + 4


def test_it_is_where_oversize_begins():
    for tags in ((), (c_tag(1),)):
        limit_bytes = longest_bytes(switch(), "vf0", frame("vf1", "vf0", *tags))
        assert drops(switch(), "vf0", frame("vf1", "vf0", *tags, length=limit_bytes)) is None
        assert drops(switch(), "vf0", frame("vf1", "vf0", *tags, length=limit_bytes + 1)) == "OVERSIZE"


def test_it_holds_for_frames_that_later_rules_drop():
    assert longest_bytes(switch(), "vf0", frame("vf1", "vf2")) == 1514
    assert longest_bytes(switch(), "vf0", frame("vf1", "vf0", length=1515)) == 1514


def test_reasons_that_come_before_the_length_know_no_longest_frame():
    raw = frame("vf1", "vf0")
    assert longest_bytes(switch(stations={"vf0": {"enabled": False}}), "vf0", raw) == NEVER
    assert longest_bytes(switch(), "vf0", raw, is_bad=True) == NEVER
    assert longest_bytes(switch(), "vf0", raw[:13]) == NEVER


def test_oversize_looks_at_the_length_without_tags():
    tables = Bench(switch(stations={"vf0": {"max_frame_bytes": 2000}})).tables[0]
    assert [oversize(tables, port, 1997) for port in (0, 2, 3)] == [True, True, True]
    assert [oversize(tables, port, 1996) for port in (0, 2, 3)] == [False, False, True]
    assert not oversize(tables, 3, 1514)


def test_added_bytes_do_not_depend_on_the_length():
    config = switch(stations={"vf1": {"untagged": ()}}, mirrors=(Mirror("vf2", "vf0"),))
    bench = Bench(config)
    for length in (60, 1000):
        bench.send("vf0", frame("vf1", "vf0", length=length))
        assert [added_bytes(bench.header[0], bench.decision[0], port) for port in (3, 4)] == [4, 0]
        bench.send("vf0", frame("pf", "vf0", c_tag(0), length=length))
        assert [added_bytes(bench.header[0], bench.decision[0], port) for port in (1, 4)] == [-4, 0]


def test_a_template_is_its_header_alone():
    """A header without payload gives the decision of every frame that begins with it."""
    for port, raw in (FRAMES["delivered"], FRAMES["group"], FRAMES["spoofed"], FRAMES["from outside"]):
        for config in CONFIGS.values():
            whole, template = Bench(config), Bench(config)
            whole.send(port, raw)
            template.send(port, raw[:26])
            assert whole.decision.tobytes() == template.decision.tobytes()


def test_limit_may_be_applied_to_a_copy():
    bench = Bench(CONFIGS["policed"])
    port, raw = FRAMES["delivered"]
    parse(bench.tables[0], bench.number[port], np.frombuffer(raw, np.uint8).copy(), len(raw), bench.header[0])
    decide(bench.tables[0], bench.header[0], bench.decision[0])
    refused = bench.decision.copy().view(np.recarray)
    limit(bench.tables[0], bench.header[0], refused[0])
    assert refused.dtype.itemsize == DECISION.itemsize
    assert (bench.decision[0].n_copies, bench.decision[0].n_mirrored) == (1, 0)
    assert (refused[0].n_copies, refused[0].n_mirrored) == (0, 1)
