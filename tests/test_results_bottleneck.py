"""Which resource is named, in situations whose answer a designer would give, and that the sentence says the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.results import KEYS, RESOURCES, Observation, find_bottleneck
from hwmodel.results.bottleneck_text import sentence


def observation(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> Observation:
    return Observation(utilizations=busy, waits=waits or {}, **{"open_load": False, "offered_frames": 10_000, **more})


def test_names_are_those_of_the_contract_and_those_beside():
    assert set(RESOURCES) == {
        "pcie.up", "pcie.down", "pcie.tags", "pcie.credits", "wire.tx", "wire.rx", "switch.bus", "driver.tx",
        "driver.rx", "nic.pipeline", "rx.descriptors", "rate_limit", "offered_load",
        "nic.store", "host.drain", "tx.descriptors", "nic.queue", "nic.tx_ring", "nic.tx_buffer",
        "nic.dma.read", "nic.dma.write", "nic.dma.shared", "nic.dma.places", "host.walkers",
    }  # fmt: skip


POSTED, NON_POSTED, COMPLETION = (f"pcie.credits.{kind}" for kind in ("posted", "non_posted", "completion"))
BLOCKED = {"nic.rx_buffer": 1.0, "nic.tx_buffer": 1.0}
OPEN = {"open_load": True}
RING_FULL = {"tx_ring_full_share": 1.0}
CASES = {
    "a lossy load that came in above its mean rate": (
        {"pcie.up": 0.6}, {}, {**OPEN, "demand_use": 0.99, "drops": {"TX_RING_FULL": 280}, "tx_ring_full_share": 0.03},
        "nic.tx_ring", 0.03),
    "a capture that ended before a ring was full": ({"pcie.up": 0.12}, {}, {}, "offered_load", 0.12),
    "the link toward the host": ({"pcie.up": 0.994, "pcie.down": 0.94}, {}, {}, "pcie.up", 0.994),
    "the link from the host": ({"pcie.up": 0.9, "pcie.down": 0.99}, {}, {}, "pcie.down", 0.99),
    "the busier of two full directions": ({"pcie.up": 0.986, "pcie.down": 0.999}, {}, {}, "pcie.down", 0.999),
    "a full link rather than the tags that wait behind it": (
        {"pcie.up": 0.99, "pcie.tags": 1.0}, {"pcie.tags": 0.99}, {}, "pcie.up", 0.99),
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
    "reads that are slow though nothing is busy": (
        {"pcie.up": 0.3, "pcie.down": 0.4}, {"pcie.tags": 1.0}, {"read_slowness": 2.4}, "pcie.tags", 1.0),
    "tags waited for between the turns of a limited sender": (
        {"pcie.up": 0.2}, {"pcie.tags": 0.65, "rate_limit": 0.35}, {}, "rate_limit", 0.35),
    "few tags in use, none waited for": ({"pcie.up": 0.6, "pcie.tags": 0.97}, {"pcie.tags": 0.1}, OPEN,
                                         "offered_load", 0.97),
    "credits of writes": ({"pcie.up": 0.4}, {POSTED: 0.6, **BLOCKED}, {}, "pcie.credits", 0.6),
    "credits that leave a busy link idle": ({"pcie.up": 0.81}, {POSTED: 0.2, **BLOCKED}, {}, "pcie.credits", 0.2),
    "a busy link rather than credits": ({"pcie.up": 0.96}, {POSTED: 0.33, **BLOCKED}, {}, "pcie.up", 0.96),
    "credits close to their limit rather than tags": (
        {"pcie.up": 0.2, "pcie.tags": 1.0}, {COMPLETION: 0.22, "pcie.tags": 1.0},
        {"read_slowness": 1.31, "credit_use": {COMPLETION: 0.99}}, "pcie.credits", 0.99),
    "credits of writes between which the reads go up": (
        {"pcie.up": 0.58, "pcie.tags": 1.0}, {POSTED: 0.44, "pcie.tags": 1.0},
        {"read_slowness": 1.23, "credit_use": {POSTED: 0.97}}, "pcie.credits", 0.97),
    "tags closer to their limit than credits": (
        {"pcie.up": 0.2, "pcie.tags": 1.0}, {COMPLETION: 0.22, "pcie.tags": 1.0},
        {"read_slowness": 1.02, "credit_use": {COMPLETION: 0.93}}, "pcie.tags", 1.0),
    "a ring that runs empty beside a busy link": (
        {"pcie.up": 0.85}, {"rx.descriptors": 0.16, "nic.rx_ring": 0.14, **BLOCKED}, {}, "rx.descriptors", 0.14),
    "one full core that all wait for": (
        {"driver.tx": 0.21, "driver.rx": 0.79, "pcie.up": 0.91},
        {"rx.descriptors": 0.12, "nic.rx_ring": 0.07, **BLOCKED}, {"full_cores_share": 0.64}, "driver.rx", 1.0),
    "credits for write-backs while nothing else is full": (
        {"wire.tx": 0.967, "pcie.up": 0.07}, {POSTED: 0.98}, {"credit_use": {POSTED: 1.0}}, "pcie.credits", 1.0),
    "credits at their limit rather than the Tx buffer before them": (
        {"pcie.up": 0.26}, {POSTED: 0.78, "nic.tx_buffer": 0.58, "nic.rx_buffer": 0.42}, {"credit_use": {POSTED: 0.99}},
        "pcie.credits", 0.99),
    "room in the Tx buffer and tags by turns, which reads would not need": (
        {"pcie.up": 0.44, "pcie.tags": 0.64}, {"pcie.tags": 0.62, "nic.tx_buffer": 0.38}, {"read_slowness": 4.1},
        "nic.tx_buffer", 0.38),
    "tags and room in the Tx buffer by turns": (
        {"pcie.up": 0.44, "pcie.tags": 0.64}, {"pcie.tags": 0.62, "nic.tx_buffer": 0.38}, {}, "pcie.tags", 0.64),
    "loss of frames from the wire behind an engine that always works": (
        {"pcie.up": 0.47}, {"rx.descriptors": 0.55, "nic.tx_buffer": 1.0, "nic.rx_buffer": 0.22},
        {"drops": {"RX_BUFFER_FULL": 1200}}, "rx.descriptors", 0.55),
    "a drain that keeps such credits": (
        {"pcie.up": 0.26, "host.drain": 0.95}, {POSTED: 0.78}, {"credit_use": {POSTED: 0.99}}, "host.drain", 0.95),
    "rate limits that let a demand of any size through": (
        {"pcie.tags": 0.6}, {"rate_limit": 0.92}, {**OPEN, **RING_FULL, "demand_use": 1.0, "limited_demand": 1.0},
        "rate_limit", 0.92),
    "a demand that gets through whole, some of it limited": (
        {"pcie.up": 0.3}, {"pcie.tags": 1.0}, {**OPEN, **RING_FULL, "demand_use": 0.998, "limited_demand": 0.2,
                                               "drops": {"TX_RING_FULL": 600}}, "offered_load", 0.3),
    "credits of reads": (
        {"pcie.up": 0.2}, {NON_POSTED: 0.9, "pcie.tags": 1.0}, {"read_slowness": 3.0}, "pcie.credits", 0.9),
    "credits of completions": (
        {"pcie.down": 0.45}, {COMPLETION: 0.55, "pcie.tags": 1.0}, {"read_slowness": 14.0}, "pcie.credits", 0.55),
    "an Rx ring that the guest returns too slowly": (
        {"pcie.up": 0.5}, {"rx.descriptors": 0.9, "nic.rx_ring": 0.8, **BLOCKED}, {}, "rx.descriptors", 0.8),
    "too few descriptors fetched ahead": (
        {"pcie.up": 0.5}, {"rx.descriptors": 0.9, **BLOCKED}, {}, "rx.descriptors", 0.9),
    "fetches of descriptors that wait for tags": (
        {"pcie.up": 0.5}, {"rx.descriptors": 0.9, "pcie.tags": 1.0, **BLOCKED}, {}, "pcie.tags", 1.0),
    "descriptors lacking where the Rx buffer holds nothing back": (
        {"pcie.up": 0.2, "nic.pipeline": 1.0}, {"rx.descriptors": 0.65, "nic.tx_buffer": 1.0}, {}, "nic.pipeline", 1.0),
    "dropping for want of descriptors": (
        {"pcie.up": 0.5}, {}, {**OPEN, "drops": {"NO_DESCRIPTOR": 300}, "rx_ring_fill": 1.0}, "rx.descriptors", 1.0),
    "a handful of such drops": (
        {"pcie.up": 0.5}, {}, {**OPEN, "drops": {"NO_DESCRIPTOR": 10}}, "offered_load", 0.5),
    "a slow receiver, not the descriptors it refills late": (
        {"driver.rx": 0.96, "driver.tx": 0.03}, {"rx.descriptors": 0.9, "nic.rx_ring": 0.9, **BLOCKED}, {},
        "driver.rx", 0.99),
    "a slow sender": ({"driver.rx": 0.4, "driver.tx": 0.595, "pcie.up": 0.3}, {}, {}, "driver.tx", 0.995),
    "one full core among many": (
        {"driver.tx": 1.0, "pcie.up": 0.3}, {"pcie.tags": 1.0}, {"full_cores_share": 0.4}, "pcie.tags", 1.0),
    "a core with hardly any time left": (
        {"driver.rx": 0.48, "driver.tx": 0.5, "pcie.up": 0.3}, {}, {}, "driver.tx", 0.98),
    "the wire outward": ({"wire.tx": 1.0, "wire.rx": 0.4, "pcie.down": 0.5}, {}, {}, "wire.tx", 1.0),
    "the wire inward": ({"wire.tx": 0.2, "wire.rx": 0.99}, {}, OPEN, "wire.rx", 0.99),
    "a pipeline behind a full wire": ({"wire.rx": 1.0, "nic.pipeline": 0.99}, {}, {}, "nic.pipeline", 0.99),
    "the switch": ({"switch.bus": 0.99, "pcie.up": 0.7}, {}, {}, "switch.bus", 0.99),
    "a Tx buffer smaller than the reads under way": (
        {"pcie.up": 0.4, "pcie.down": 0.5}, {"nic.tx_buffer": 0.99}, {}, "nic.tx_buffer", 0.99),
    "a shaper": ({"pcie.up": 0.3}, {"rate_limit": 0.97}, {}, "rate_limit", 0.97),
    "a policer": ({"pcie.up": 0.3}, {"rate_limit": 0.0}, {**OPEN, "drops": {"RATE_LIMITED": 500}}, "rate_limit", 0.0),
    "a shaper behind a full link": ({"pcie.up": 0.99}, {"rate_limit": 0.4}, {}, "pcie.up", 0.99),
    "a limited station among others with room": (
        {"pcie.up": 0.3}, {"rate_limit": 0.9}, {**OPEN, "drops": {"TX_RING_FULL": 900}}, "offered_load", 0.3),
    "a limited station whose ring alone is full": (
        {"pcie.up": 0.3}, {"rate_limit": 0.9}, {**OPEN, **RING_FULL, "tx_ring_fill": 0.2}, "offered_load", 0.3),
    "limited stations whose rings are all full": (
        {"pcie.up": 0.3}, {"rate_limit": 0.9}, {**OPEN, **RING_FULL}, "rate_limit", 0.9),
    "descriptors that a cache has no room to ask for": (
        {"pcie.up": 0.3}, {"tx.descriptors": 0.8}, {}, "tx.descriptors", 0.8),
    "frames in flight": ({"pcie.up": 0.7, "pcie.down": 0.8}, {}, RING_FULL, "nic.tx_ring", 1.0),
    "a light open load": ({"pcie.up": 0.61, "pcie.down": 0.58}, {}, OPEN, "offered_load", 0.61),
    "an open load that just fits": ({"nic.store": 0.99}, {"pcie.tags": 1.0}, {**OPEN, "backlog_frames": 20},
                                    "offered_load", 0.99),
    "a backlog that grows": ({"pcie.up": 0.4}, {"pcie.tags": 1.0}, {**OPEN, "backlog_frames": 900}, "pcie.tags", 1.0),
    "an open load that overfills its rings": (
        {"pcie.up": 0.99}, {}, {**OPEN, "tx_ring_full_share": 0.9}, "pcie.up", 0.99),
    "loss by policy is no congestion": (
        {"pcie.up": 0.2}, {}, {**OPEN, "drops": {"SPOOFED_MAC": 9000}}, "offered_load", 0.2),
    "nothing at all": ({}, {}, OPEN, "offered_load", 0.0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_resource_is(case):
    busy, waits, more, resource, utilization = CASES[case]
    found = find_bottleneck(observation(busy, waits, **more))
    assert found.resource == resource
    assert found.utilization == pytest.approx(utilization)
    assert found.keys


@pytest.mark.parametrize(
    ("waits", "more", "keys"),
    [
        ({POSTED: 0.6, **BLOCKED}, {}, ("pcie.credits.ph", "pcie.credits.pd")),
        ({NON_POSTED: 0.9, "pcie.tags": 1.0}, {"read_slowness": 3.0}, ("pcie.credits.nph",)),
        ({COMPLETION: 0.9, "pcie.tags": 1.0}, {"read_slowness": 3.0}, ("pcie.credits.cplh", "pcie.credits.cpld")),
        ({"rx.descriptors": 0.9, **BLOCKED}, {}, ("nic.rx_prefetch", "nic.descriptor_cache")),
        ({"rx.descriptors": 0.9, "nic.rx_ring": 0.9, **BLOCKED}, {}, ("nic.rx_ring",)),
    ],
)
def test_the_keys_say_which_kind_lacks(waits, more, keys):
    assert find_bottleneck(observation({"pcie.up": 0.3}, waits, **more)).keys == keys


@pytest.mark.parametrize(
    ("busy", "waits", "also"),
    [
        ({"switch.bus": 1.0, "wire.tx": 0.999}, {}, ("wire.tx",)),
        ({"pcie.up": 1.0, "pcie.down": 0.995}, {}, ()),  # lanes widen both
        ({"driver.tx": 0.98, "pcie.up": 0.2}, {"rate_limit": 1.0}, ("rate_limit",)),
        ({"wire.tx": 1.0}, {POSTED: 0.98}, ("pcie.credits",)),
        ({"wire.tx": 1.0}, {"rx.descriptors": 0.8, **BLOCKED}, ("rx.descriptors",)),
        ({"nic.pipeline": 1.0, "wire.tx": 0.9}, {}, ()),
        ({"pcie.tags": 1.0}, {"pcie.tags": 0.98}, ()),
    ],
)
def test_what_is_as_full_is_named_beside(busy, waits, also):
    found = find_bottleneck(observation(busy, waits))
    assert found.also == also
    assert found.why.endswith(f" As full: {', '.join(also)}." if also else ".")


@pytest.mark.parametrize(
    ("busy", "more", "resource", "also"),
    [
        ({"pcie.down": 1.0}, {"demand_use": 0.99}, "pcie.down", ("offered_load",)),
        ({"pcie.down": 1.0}, {"demand_use": 0.99, "limited_demand": 1.0}, "pcie.down", ("rate_limit",)),
        ({"pcie.down": 1.0}, {"demand_use": 0.9}, "pcie.down", ()),
        ({"pcie.tags": 1.0}, {"demand_use": 1.0}, "offered_load", ("pcie.tags",)),
        ({"pcie.tags": 1.0}, {"demand_use": 1.0, "read_slowness": 1.1}, "offered_load", ()),
        ({"wire.tx": 1.0}, {"credit_use": {COMPLETION: 0.98}}, "wire.tx", ("pcie.credits",)),
        ({}, {"demand_use": 1.0, "limited_demand": 0.4}, "offered_load", ("rate_limit",)),
        (
            {},
            {"waits": {POSTED: 0.8, NON_POSTED: 0.9, **BLOCKED}, "credit_use": {POSTED: 0.96, NON_POSTED: 0.98}},
            "pcie.credits",
            ("pcie.credits",),
        ),
        (
            {},
            {"waits": {POSTED: 0.2, NON_POSTED: 0.9}, "credit_use": {POSTED: 0.96, NON_POSTED: 0.98}},
            "pcie.credits",
            (),
        ),
        ({"wire.tx": 1.0}, {"fetch_use": 0.99}, "wire.tx", ("rx.descriptors",)),
        ({"wire.tx": 1.0, "host.drain": 0.98}, {"waits": {POSTED: 0.3}}, "wire.tx", ("host.drain",)),
        ({"wire.tx": 1.0}, {"waits": {"pcie.tags": 0.95}}, "wire.tx", ("pcie.tags",)),
        ({"wire.tx": 1.0}, {"waits": {"pcie.tags": 0.95, "nic.tx_buffer": 0.9}}, "wire.tx", ()),
        ({"nic.pipeline": 1.0}, {"waits": {"pcie.tags": 0.95}, "drops": {"RX_BUFFER_FULL": 900}}, "nic.pipeline", ()),
        (
            {"nic.pipeline": 1.0, "pcie.up": 0.8},
            {"waits": {"rx.descriptors": 0.2}, "drops": {"RX_BUFFER_FULL": 900}},
            "nic.pipeline",
            ("pcie.up",),
        ),
        (
            {"nic.pipeline": 1.0, "pcie.up": 0.4},
            {"waits": {"rx.descriptors": 0.98, **BLOCKED}},
            "nic.pipeline",
            ("rx.descriptors",),
        ),
    ],
)
def test_what_gives_all_that_it_can_is_named_beside(busy, more, resource, also):
    found = find_bottleneck(observation(busy, **more))
    assert (found.resource, found.also) == (resource, also)


def test_two_kinds_of_credits_are_told_apart():
    waits = {POSTED: 0.8, NON_POSTED: 0.9, **BLOCKED}
    text = why({}, waits, credit_use={POSTED: 0.96, NON_POSTED: 0.98})
    assert text.startswith("Read requests") and text.endswith(
        "As full: pcie.credits (pcie.credits.ph, pcie.credits.pd)."
    )


def test_every_cause_has_a_sentence():
    seen = observation({"pcie.up": 0.5})
    assert all(sentence(name, seen).endswith(".") for name in KEYS)


SHARES = st.floats(0, 1)


@given(
    st.dictionaries(st.sampled_from([*RESOURCES, "nic.pipeline"]), SHARES),
    st.dictionaries(st.sampled_from([*KEYS, "nic.rx_buffer"]), SHARES),
    st.dictionaries(st.sampled_from(["NO_DESCRIPTOR", "RX_BUFFER_FULL", "TX_RING_FULL", "RATE_LIMITED"]),
                    st.integers(0, 10_000)),
    st.booleans(), SHARES, st.floats(0.5, 100),
)  # fmt: skip
def test_whatever_was_seen_has_a_name_and_a_sentence(busy, waits, drops, is_open, full_share, slowness):
    found = find_bottleneck(
        observation(busy, waits, drops=drops, open_load=is_open, tx_ring_full_share=full_share, read_slowness=slowness)
    )
    assert found.resource in RESOURCES
    assert found.keys and 0 <= found.utilization <= 2  # a core is what its two sides are together
    assert found.why.endswith(".") and "{" not in found.why


def why(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> str:
    return find_bottleneck(observation(busy, waits, **more)).why


@pytest.mark.parametrize("waits", [{"pcie.tags": 0.9}, {POSTED: 0.9, **BLOCKED}])
def test_the_sentence_on_what_waits_for_the_host_says_what_its_iommu_misses(waits):
    busy = {"pcie.up": 0.1, "pcie.tags": 0.9}
    plain = find_bottleneck(observation(busy, waits)).why
    missing = find_bottleneck(observation(busy, waits, iotlb_miss_share=0.25)).why
    assert missing == plain[:-1] + ("; 25.0 % of the addresses miss the IOMMU's translation cache, and wait for it.")
    assert find_bottleneck(observation(busy, waits, iotlb_miss_share=0.0)).why == plain


def test_the_sentence_on_credits_says_how_much_of_their_number_is_used():
    waits = {COMPLETION: 0.22, "pcie.tags": 1.0}
    text = why({"pcie.tags": 1.0}, waits, read_slowness=1.31, credit_use={COMPLETION: 0.995})
    assert text == (
        "Completions stand ready but wait for flow-control credits 22.0 % of the window: the adapter returns "
        "completion credits more slowly than data could come; what is sent takes 99.5 % of what their number allows."
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
    waits = {"rx.descriptors": 0.7, "nic.rx_ring": 0.62, **BLOCKED}
    text = why({}, waits, drops={"NO_DESCRIPTOR": 250})
    assert "frames wait for one 62.0 % of the window and 250 of 10000 frames were dropped for want of one" in text
    assert "wait for one" not in why({}, drops={"NO_DESCRIPTOR": 2500})


def test_the_sentence_on_the_load_names_the_busiest_resource_and_the_bursts():
    text = why({"pcie.up": 0.61, "pcie.down": 0.5}, open_load=True, drops={"TX_RING_FULL": 7, "ACL_DENY": 90})
    assert text == (
        "Nothing is full: every resource has room, the load itself sets the throughput; the busiest, pcie.up, is busy "
        "61.0 % of the window. 7 of 10,000 frames met a full queue in a burst."
    )


def test_the_sentence_on_a_rate_limit_says_what_it_did():
    assert why({}, {"rate_limit": 0.9}) == (
        "The configured rate limits hold frames back 90.0 % of the window, and no resource is full."
    )
    assert "dropped 500 of 10,000 frames" in why({}, drops={"RATE_LIMITED": 500})
