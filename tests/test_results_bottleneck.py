"""Which resource is named, in situations whose answer a designer would give, and that the sentence says the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.resources import BY_NAME
from hwmodel.results import Bottleneck, Observation, by_shares, sighting_of
from hwmodel.results.bottleneck import not_judged, suspects_of
from hwmodel.results.bottleneck_text import FULLEST_ON_AVERAGE, sentence, with_as_full
from hwmodel.rules.drop_kinds import CONGESTION_DROPS, OFF_DROPS, POLICED_DROPS, STRAY_DROPS

RESOURCES = sorted({row.in_results for row in BY_NAME.values()})


def observation(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> Observation:
    return Observation(utilizations=busy, waits=waits or {}, **{"open_load": False, "offered_frames": 10_000, **more})


def test_names_are_those_of_the_contract_and_those_beside():
    assert set(RESOURCES) == {
        "pcie.up", "pcie.down", "pcie.tags", "pcie.credits", "wire.tx", "wire.rx", "switch.bus", "driver.tx",
        "driver.rx", "nic.pipeline", "rx.descriptors", "rate_limit", "offered_load",
        "nic.store", "nic.rx_buffer", "host.drain", "tx.descriptors", "nic.queue", "nic.tx_ring", "nic.tx_buffer",
        "nic.dma.read", "nic.dma.write", "nic.dma.shared", "nic.dma.places", "host.walkers", "vswitch", "host.memory",
        "bus",
    }  # fmt: skip


POSTED, NON_POSTED, COMPLETION = (f"pcie.credits.{kind}" for kind in ("posted", "non_posted", "completion"))
BLOCKED = {"nic.rx_buffer": 1.0, "nic.tx_buffer": 1.0}
OPEN = {"open_load": True}


def judged(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> Bottleneck:
    return by_shares(sighting_of(observation(busy, waits, **more)))


def test_a_window_in_which_nothing_is_offered_yet_says_nothing_of_what_gets_through():
    busy = {"driver.tx": 1.0}
    assert judged(busy, **OPEN).why.startswith("All that is offered gets through")
    early = judged(busy, **OPEN, offered_frames=0)
    assert early.resource == "driver.tx" and "offered" not in early.why
    assert judged({"driver.tx": 0.4}, **OPEN, offered_frames=0).resource == "offered_load"


def test_the_reasons_of_drops_are_of_one_kind_each():
    kinds = (*CONGESTION_DROPS, *POLICED_DROPS, *OFF_DROPS, *STRAY_DROPS)
    assert len(set(kinds)) == len(kinds) and set(kinds) < set(DropReason.__members__)


def test_rate_limits_give_what_they_can_though_nothing_gets_through():
    """Frames wait for nothing else the whole window, and no one's turn comes in it: the rings are full behind that."""
    waits, more = {"rate_limit": 1.0, "nic.tx_ring": 1.0}, {"limited_demand": 1.0}
    assert judged({}, waits, **more).resource == "rate_limit"
    assert observation({}, waits, **more).use("rate_limit") == 1.0
    assert observation({}, waits, **more, demand_use=0.7).use("rate_limit") == 0.7
    # With a sender that has no limit, and all that it can send, the time for which others wait says nothing.
    assert observation({}, waits).use("rate_limit") == 0.0


# What the shares of one window tell plainly.
CASES = {
    "a capture that ended before a ring was full": ({"pcie.up": 0.12}, {}, {}, "offered_load", 0.12),
    "the link toward the host": ({"pcie.up": 0.994, "pcie.down": 0.94}, {}, {}, "pcie.up", 0.994),
    "the link from the host": ({"pcie.up": 0.9, "pcie.down": 0.99}, {}, {}, "pcie.down", 0.99),
    "the busier of two full directions": ({"pcie.up": 0.986, "pcie.down": 0.999}, {}, {}, "pcie.down", 0.999),
    "a full store rather than the tags that wait for it": (
        {"pcie.up": 0.6, "nic.store": 1.0, "pcie.tags": 1.0}, {"pcie.tags": 1.0}, {"read_slowness": 9.0},
        "nic.store", 1.0),
    "a full drain rather than the credits that wait for it": (
        {"pcie.up": 0.59, "host.drain": 1.0}, {POSTED: 0.44, **BLOCKED}, {}, "host.drain", 1.0),
    "a full drain that no credits wait for": (
        {"pcie.up": 0.7, "host.drain": 1.0}, {"pcie.tags": 1.0}, {}, "pcie.tags", 1.0),
    "tags": ({"pcie.up": 0.6, "pcie.tags": 0.97}, {"pcie.tags": 0.95}, {}, "pcie.tags", 0.97),
    "what makes reads slow rather than their tags": (
        {"pcie.up": 0.3, "pcie.down": 0.93, "pcie.tags": 1.0}, {"pcie.tags": 1.0}, {"read_slowness": 2.4},
        "pcie.down", 0.93),
    "credits at their limit rather than tags": (
        {"pcie.up": 0.2, "pcie.tags": 1.0}, {COMPLETION: 0.22, "pcie.tags": 1.0},
        {"read_slowness": 1.31, "credit_use": {COMPLETION: 0.99}}, "pcie.credits", 0.99),
    "a slow sender": ({"driver.rx": 0.4, "driver.tx": 0.595, "pcie.up": 0.3}, {}, {}, "driver.tx", 0.995),
    "the wire outward": ({"wire.tx": 1.0, "wire.rx": 0.4, "pcie.down": 0.5}, {}, {}, "wire.tx", 1.0),
    "the switch": ({"switch.bus": 0.99, "pcie.up": 0.7}, {}, {}, "switch.bus", 0.99),
    "a light open load": ({"pcie.up": 0.61, "pcie.down": 0.58}, {}, OPEN, "offered_load", 0.61),
    "an open load beside which a ring was once full": (
        {"pcie.up": 0.5}, {}, {**OPEN, "rx_ring_fill": 1.0}, "offered_load", 0.5),
    "an open load that just fits": ({"nic.store": 0.99}, {}, {**OPEN, "backlog_frames": 20}, "nic.store", 0.99),
    "an open load that overfills its rings": (
        {"pcie.up": 0.99}, {}, {**OPEN, "drops": {"TX_RING_FULL": 900}}, "pcie.up", 0.99),
    "loss by policy is no congestion": (
        {"pcie.up": 0.2}, {}, {**OPEN, "drops": {"SPOOFED_MAC": 9000}}, "offered_load", 0.2),
    "a policer rather than rings of which a part is in use": (
        {"pcie.up": 0.2}, {}, {**OPEN, "rx_ring_fill": 0.3, "drops": {"RATE_LIMITED": 900}}, "rate_limit", 0.09),
    "nothing at all": ({}, {}, OPEN, "offered_load", 0.0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_resource_is(case):
    busy, waits, more, resource, utilization = CASES[case]
    found = judged(busy, waits, **more)
    assert found.resource == resource
    assert found.utilization == pytest.approx(utilization)
    assert found.keys and found.gain is None


@pytest.mark.parametrize(
    ("seen", "suspects"),
    [
        ({"busy": {"pcie.up": 0.49}}, []),
        ({"busy": {"pcie.up": 0.6, "host.walkers": 0.57}}, ["pcie.up", "host.walkers"]),
        ({"busy": {"driver.tx": 0.2, "driver.rx": 0.4}}, ["driver.rx"]),  # one core, of which the larger side is told
        ({"busy": {}, "rx_ring_fill": 0.7}, ["rx.descriptors"]),
        ({"busy": {}, "waits": {"nic.tx_buffer": 0.02, "nic.rx_buffer": 0.005}}, ["nic.tx_buffer"]),
        ({"busy": {}, "drops": {"RX_BUFFER_FULL": 300}}, ["nic.rx_buffer"]),
        ({"busy": {"host.drain": 0.9}}, []),  # credits come back in time
        ({"busy": {}, "waits": {"nic.tx_ring": 0.3, "tx.descriptors": 0.2}}, ["nic.tx_ring", "tx.descriptors"]),
        ({"busy": {}, "waits": {POSTED: 0.2}, "credit_use": {POSTED: 0.6, NON_POSTED: 0.8}}, 2 * ["pcie.credits"]),
    ],
)
def test_suspects_are_what_is_much_used_or_waited_for(seen, suspects):
    assert [one.resource for one in suspects_of(observation(**seen))] == suspects
    assert [one.resource for one in suspects_of(observation(**seen), "a.")] == [f"a.{name}" for name in suspects]


def test_the_suspect_that_gives_all_it_can_comes_first():
    waits = {"pcie.tags": 1.0, "nic.tx_buffer": 1.0}
    found = suspects_of(observation({"pcie.up": 0.7, "pcie.down": 0.99, "pcie.tags": 1.0}, waits, read_slowness=2.0))
    assert [one.resource for one in found] == ["pcie.down", "pcie.up", "pcie.tags", "nic.tx_buffer"]
    assert [one.use for one in found] == [0.99, 0.7, 0.5, 0.0]


@pytest.mark.parametrize(
    ("waits", "more", "keys"),
    [
        ({POSTED: 0.6}, {}, ("pcie.credits.ph", "pcie.credits.pd")),
        ({NON_POSTED: 0.9}, {}, ("pcie.credits.nph",)),
        ({COMPLETION: 0.9}, {}, ("pcie.credits.cplh", "pcie.credits.cpld")),
        ({"rx.descriptors": 0.9}, {}, ("nic.rx_prefetch", "nic.descriptor_cache")),
        ({"nic.rx_ring": 0.9}, {}, ("nic.rx_ring",)),
    ],
)
def test_the_keys_say_which_kind_lacks(waits, more, keys):
    assert judged({"pcie.up": 0.3}, waits, **more).keys == keys


@pytest.mark.parametrize(
    ("busy", "waits", "also"),
    [
        ({"switch.bus": 1.0, "wire.tx": 0.999}, {}, ("wire.tx",)),
        ({"pcie.up": 1.0, "wire.tx": 0.99, "nic.store": 0.975}, {}, ("wire.tx", "nic.store")),
        ({"wire.tx": 1.0, "pcie.tags": 1.0}, {"pcie.tags": 0.9, "nic.tx_buffer": 1.0}, ("pcie.tags",)),
        ({"nic.pipeline": 1.0, "wire.tx": 0.9}, {}, ()),
        ({"pcie.tags": 1.0}, {"pcie.tags": 0.98}, ()),
    ],
)
def test_what_is_as_full_is_named_beside(busy, waits, also):
    found = judged(busy, waits)
    assert found.also == also
    assert found.why.endswith(f" As full: {', '.join(also)}." if also else ".")


def test_of_very_many_resources_as_full_the_first_are_named():
    others = [f"bridge.s{at}" for at in range(20)]
    assert with_as_full("Why.", others[:12]) == f"Why. As full: {', '.join(others[:12])}."
    assert with_as_full("Why.", others) == f"Why. As full: {', '.join(others[:12])} and 8 more."


def test_a_load_that_just_gets_through_is_named_beside_what_is_full():
    found = judged({"pcie.up": 0.98, "wire.tx": 0.97, "pcie.down": 0.4}, open_load=True)
    assert (found.resource, found.also) == ("pcie.up", ("offered_load", "wire.tx"))
    assert found.why.startswith("All that is offered gets through, with hardly any room left: the link toward the host")
    assert found.why.endswith("As full: wire.tx.")
    for one in ({"drops": {"NO_DESCRIPTOR": 200}}, {"backlog_frames": 300}):
        assert not sighting_of(observation({"pcie.up": 0.5}, open_load=True, **one)).is_load_enough


# What a ring loses that is never posted again, of 10,000 frames of which it loses 5,000 in all.
REFUSED = {"drops": {"NO_DESCRIPTOR": 5000}, "refused_frames": {"vf0": 0, "vf1": 5000}, "frame_bytes": 64.0}


@pytest.mark.parametrize(
    ("more", "resource"),
    [
        ({**OPEN}, "rx.descriptors"),
        ({**OPEN, "backlog_frames": 200}, "pcie.down"),  # the others do not get through
        ({**OPEN, "drops": {"NO_DESCRIPTOR": 5100}}, "pcie.down"),  # another ring is short
        ({**OPEN, "refused_frames": {"vf1": 9}, "drops": {"NO_DESCRIPTOR": 9}}, "offered_load"),  # next to none
        ({}, "pcie.down"),  # senders send what they can
        ({"frame_bytes": None}, "rx.descriptors"),  # nothing is delivered
    ],
)
def test_rings_that_are_never_posted_again_limit_where_nothing_else_does(more, resource):
    found = judged({"pcie.down": 0.8}, **{**REFUSED, **more})
    assert found.resource == resource
    if resource == "rx.descriptors":
        assert found.keys == ("driver.refill",) and found.why == (
            "The Rx ring of vf1 has no descriptor left: 5,000 of 10,000 frames were dropped for want of one. vf1 posts "
            "none again (refill: false)."
        )


def test_many_rings_that_are_never_posted_again_are_counted():
    lost = {"NO_DESCRIPTOR": 10_000}
    found = judged({}, drops=lost, refused_frames={f"vf{number}": 1000 for number in range(10)})
    assert found.why == (
        "The Rx rings of vf0, vf1 and 8 others have no descriptor left: all frames were dropped for want of one. vf0, "
        "vf1 and 8 others post none again (refill: false)."
    )


def test_two_kinds_of_credits_are_told_apart():
    text = why({}, {POSTED: 0.8, NON_POSTED: 0.9}, credit_use={POSTED: 0.98, NON_POSTED: 0.99})
    assert text.startswith("Read requests") and text.endswith(
        "As full: pcie.credits (pcie.credits.ph, pcie.credits.pd)."
    )


def test_every_cause_has_a_sentence():
    seen = observation({"pcie.up": 0.5})
    assert all(sentence(name, seen).endswith(".") for name in BY_NAME)


SHARES = st.floats(0, 1)


@given(
    st.dictionaries(st.sampled_from([*RESOURCES, "nic.pipeline"]), SHARES),
    st.dictionaries(st.sampled_from([*BY_NAME]), SHARES),
    st.dictionaries(st.sampled_from(["NO_DESCRIPTOR", "RX_BUFFER_FULL", "TX_RING_FULL", "RATE_LIMITED"]),
                    st.integers(0, 10_000)),
    st.booleans(), st.floats(0.5, 100),
)  # fmt: skip
def test_whatever_was_seen_has_a_name_and_a_sentence(busy, waits, drops, is_open, slowness):
    found = judged(busy, waits, drops=drops, open_load=is_open, read_slowness=slowness)
    assert found.resource in RESOURCES
    assert found.keys and 0 <= found.utilization <= 2  # a core is what its two sides are together
    assert found.why.endswith(".") and "{" not in found.why


def why(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> str:
    return judged(busy, waits, **more).why


@pytest.mark.parametrize("waits", [{"pcie.tags": 0.9}, {POSTED: 0.9, **BLOCKED}])
def test_the_sentence_on_what_waits_for_the_host_says_what_its_iommu_misses(waits):
    busy = {"pcie.up": 0.1, "pcie.tags": 0.9}
    plain = judged(busy, waits).why
    missing = judged(busy, waits, iotlb_miss_share=0.25).why
    assert missing == plain[:-1] + ("; 25.0 % of the addresses miss the IOMMU's translation cache, and wait for it.")
    assert judged(busy, waits, iotlb_miss_share=0.0).why == plain


def test_the_sentence_on_credits_says_how_much_of_their_number_is_used():
    waits = {COMPLETION: 0.22, "pcie.tags": 1.0}
    text = why({"pcie.tags": 1.0}, waits, read_slowness=1.31, credit_use={COMPLETION: 0.995})
    assert text == (
        "Completions stand ready but wait for flow-control credits 22.0 % of the window: the adapter returns "
        "completion credits more slowly than data could come; what is sent takes 99.5 % of what their number allows. "
        "As full: pcie.tags."
    )


def test_the_sentence_on_tags_says_how_long_none_is_free_and_how_many_are_in_use():
    waits = {"pcie.tags": 0.953}
    assert why({"pcie.tags": 0.97}, waits, tags=32, tags_in_use=31.46) == (
        "None of the 32 read tags is free 97.0 % of the window (31.5 are in use on average), and reads wait for one "
        "95.3 % of it, while the link has room left."
    )
    assert why({"pcie.tags": 0.97}, waits, tags=1, tags_in_use=0.97).startswith(
        "The one read tag is taken 97.0 % of the window, and reads wait for one 95.3 %"
    )


def test_the_sentence_on_a_core_names_the_vm():
    text = why({"driver.tx": 0.25, "driver.rx": 0.745}, core_of="vf3")
    assert text.startswith("The core of vf3 is busy 99.5 % of the window, 74.5 % of the window with receiving")
    assert why({"driver.tx": 0.99}).startswith(
        "A VM's core is busy 99.0 % of the window, 99.0 % of the window with sending"
    )


def test_the_sentence_on_an_rx_ring_says_waits_and_drops():
    waits = {"rx.descriptors": 0.6, "nic.rx_ring": 0.62}
    text = why({}, waits, drops={"NO_DESCRIPTOR": 250})
    assert "frames wait for one 62.0 % of the window and 250 of 10,000 frames were dropped for want of one" in text
    assert "wait for one" not in why({}, drops={"NO_DESCRIPTOR": 2500})


@pytest.mark.parametrize(("held_ns", "time"), [(536.2, "536 ns"), (2_215_499.0, "2.22 ms")])
def test_the_sentence_on_an_rx_ring_says_for_how_long_a_frame_has_its_descriptor(held_ns, time):
    held = f" A frame keeps its descriptor {time} on average, until the guest has posted it again."
    for waits in ({"nic.rx_ring": 0.62}, {}):
        assert why({}, waits, rx_ring_fill=0.9, rx_descriptor_ns=held_ns).endswith(held)


def test_one_frame_is_not_told_as_several():
    few = why({}, {"nic.rx_ring": 0.6}, drops={"NO_DESCRIPTOR": 1})
    assert "and 1 of 10,000 frames was dropped for want of one" in few
    assert "and 1 of 10,000 frames was dropped for want of room" in why(
        {}, {"nic.rx_buffer": 0.6}, drops={"RX_BUFFER_FULL": 1}
    )


def test_the_sentence_on_the_load_names_the_busiest_resource_and_the_bursts():
    text = why({"pcie.up": 0.61, "pcie.down": 0.5}, open_load=True, drops={"TX_RING_FULL": 7, "ACL_DENY": 90})
    assert text == (
        "Nothing is full: every resource has room, the load itself sets the throughput; the busiest, pcie.up, is busy "
        "61.0 % of the window. 7 of 10,000 frames met a full queue in a burst."
    )


def test_the_sentence_on_the_load_says_what_rules_drop():
    """Filters take frames whatever room there is; copies for nobody are not theirs."""
    text = why({"pcie.up": 0.61}, open_load=True, drops={"ACL_DENY": 190, "VLAN_MEMBER": 3000, "UNKNOWN_UNICAST": 9})
    assert "the load itself, less what rules drop (VLAN_MEMBER 3,000, ACL_DENY 190), sets the throughput; " in text
    strays = {"UNKNOWN_UNICAST": 5000, "NO_DESTINATION": 9}
    assert "rules" not in why({"pcie.up": 0.61}, open_load=True, drops=strays, unwanted_drops=5009)
    # Where no bridge made copies these were whole frames.
    text = why({"pcie.up": 0.61}, open_load=True, drops=strays)
    assert "less what rules drop (UNKNOWN_UNICAST 5,000, NO_DESTINATION 9), sets" in text


def test_the_sentence_on_the_load_says_what_meets_a_dead_wire():
    """Of 10,000 frames 4,000 are for a wire without a link: 290 more meet a rule."""
    text = why({"wire.tx": 0.1}, open_load=True, drops={"LINK_DOWN": 4000, "ACL_DENY": 290})
    assert "the load itself, less what rules drop (ACL_DENY 290) and what meets a dead wire (LINK_DOWN 4,000)," in text
    assert "dead" not in why({"wire.tx": 0.1}, open_load=True, drops={"LINK_DOWN": 200})  # 2 %: aside


def test_the_sentence_on_a_rate_limit_says_what_it_did():
    assert why({}, {"rate_limit": 0.9}) == ("The configured rate limits hold frames back 90.0 % of the window.")
    assert "dropped 500 of 10,000 frames" in why({}, drops={"RATE_LIMITED": 500})
    of_groups = why({}, drops={"RECEIVE_LIMIT": 50_000}, open_load=True)  # each frame has several copies
    assert of_groups == "The configured rate limits dropped 50,000 copies of 10,000 frames."


def test_what_gives_next_to_nothing_of_what_it_could_is_not_the_fullest():
    """One of several hosts behind a slower link: its rings are full, and hardly any Rx descriptor is under way."""
    found = judged({"driver.tx": 0.3}, {"nic.tx_buffer": 1.0}, fetch_use=0.0134)
    assert (found.resource, found.utilization) == ("nic.tx_buffer", 1.0)
    assert judged({"driver.tx": 0.6}, {"nic.tx_buffer": 1.0}, fetch_use=0.0134).resource == "driver.tx"


@pytest.mark.parametrize("busy", [0.02, 0.3])
def test_what_is_fullest_on_average_is_no_less_busy_than_the_busiest(busy):
    """Frames waited for a tag 9 % of a window: that is the fullest beside a link at 2 %, not beside one at 30 %."""
    seen = sighting_of(observation({"pcie.down": busy}, {"pcie.tags": 0.09}, tags_in_use=4.0, tags=32, **OPEN))
    tags = next(one for one in seen.suspects if one.resource == "pcie.tags")
    found = not_judged(seen, tags.bottleneck, FULLEST_ON_AVERAGE)
    assert (found.resource, found.utilization) == (("pcie.tags", 0.09) if busy < 0.09 else ("pcie.down", busy))
