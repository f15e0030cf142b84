"""Which resource is named, in situations whose answer a designer would give, and that the sentence says the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.results import RESOURCES, LinkCost, Observation, find_bottleneck


def observation(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> Observation:
    return Observation(utilizations=busy, waits=waits or {}, **{"open_load": False, "offered_frames": 10_000, **more})


def test_names_are_those_of_the_contract():
    assert set(RESOURCES) == {
        "pcie.up", "pcie.down", "pcie.tags", "pcie.credits", "wire.tx", "wire.rx", "switch.bus", "driver.tx",
        "driver.rx", "nic.pipeline", "rx.descriptors", "rate_limit", "offered_load",
    }  # fmt: skip


CASES = {
    "the link toward the host": ({"pcie.up": 0.994, "pcie.down": 0.94}, {}, {}, "pcie.up", 0.994),
    "the link from the host": ({"pcie.up": 0.9, "pcie.down": 0.99}, {}, {}, "pcie.down", 0.99),
    "the busier of two full directions": ({"pcie.up": 0.986, "pcie.down": 0.999}, {}, {}, "pcie.down", 0.999),
    "a full link rather than the tags that wait behind it": (
        {"pcie.up": 0.99, "pcie.tags": 1.0}, {"pcie.tags": 0.99}, {}, "pcie.up", 0.99),
    "tags": ({"pcie.up": 0.6, "pcie.tags": 0.97}, {"pcie.tags": 0.95}, {}, "pcie.tags", 0.97),
    "few tags in use, none waited for": ({"pcie.up": 0.6, "pcie.tags": 0.97}, {"pcie.tags": 0.1},
                                         {"open_load": True}, "offered_load", 0.97),
    "credits": ({"pcie.up": 0.7}, {"pcie.credits": 0.8, "pcie.tags": 0.6}, {}, "pcie.credits", 0.8),
    "tags more than credits": ({"pcie.up": 0.7}, {"pcie.credits": 0.6, "pcie.tags": 0.8}, {}, "pcie.tags", 0.8),
    "waiting for descriptors": ({"pcie.up": 0.5}, {"rx.descriptors": 0.9}, {}, "rx.descriptors", 0.9),
    "dropping for want of descriptors": (
        {"pcie.up": 0.5}, {}, {"open_load": True, "drops": {"NO_DESCRIPTOR": 11}}, "rx.descriptors", 0.0),
    "a handful of such drops": (
        {"pcie.up": 0.5}, {}, {"open_load": True, "drops": {"NO_DESCRIPTOR": 10}}, "offered_load", 0.5),
    "a slow receiver, not the descriptors it refills late": (
        {"driver.rx": 0.96, "driver.tx": 0.03}, {"rx.descriptors": 0.9}, {}, "driver.rx", 0.99),
    "a slow sender": ({"driver.rx": 0.4, "driver.tx": 0.595, "pcie.up": 0.3}, {}, {}, "driver.tx", 0.995),
    "a core with time left": ({"driver.rx": 0.48, "driver.tx": 0.5, "pcie.up": 0.3}, {}, {}, "driver.tx", 0.98),
    "the wire outward": ({"wire.tx": 1.0, "wire.rx": 0.4, "pcie.down": 0.5}, {}, {}, "wire.tx", 1.0),
    "the wire inward": ({"wire.tx": 0.2, "wire.rx": 0.99}, {}, {"open_load": True}, "wire.rx", 0.99),
    "the pipeline": ({"nic.pipeline": 0.999, "pcie.up": 0.7}, {}, {}, "nic.pipeline", 0.999),
    "a pipeline behind a full wire": (
        {"wire.rx": 1.0, "nic.pipeline": 0.99}, {}, {"open_load": True}, "nic.pipeline", 0.99),
    "the switch": ({"switch.bus": 0.99, "pcie.up": 0.7}, {}, {}, "switch.bus", 0.99),
    "a shaper": ({"pcie.up": 0.3}, {"rate_limit": 0.97}, {}, "rate_limit", 0.97),
    "a policer": ({"pcie.up": 0.3}, {}, {"open_load": True, "drops": {"RATE_LIMITED": 500}}, "rate_limit", 0.0),
    "a shaper behind a full link": ({"pcie.up": 0.99}, {"rate_limit": 0.97}, {}, "pcie.up", 0.99),
    "a light open load": ({"pcie.up": 0.61, "pcie.down": 0.58}, {}, {"open_load": True}, "offered_load", 0.61),
    "an open load that overfills its rings": (
        {"pcie.up": 0.97}, {}, {"open_load": True, "tx_ring_full_share": 0.9}, "pcie.up", 0.97),
    "an open load with much loss": (
        {"pcie.up": 0.9, "pcie.down": 0.7}, {}, {"open_load": True, "drops": {"TX_RING_FULL": 900}}, "pcie.up", 0.9),
    "loss by policy is no congestion": (
        {"pcie.up": 0.2}, {}, {"open_load": True, "drops": {"SPOOFED_MAC": 9000}}, "offered_load", 0.2),
    "a closed loop with nothing full": ({"pcie.up": 0.7, "pcie.down": 0.8}, {}, {}, "pcie.down", 0.8),
    "a wait that is the largest of all": ({"pcie.up": 0.2}, {"pcie.tags": 0.4}, {}, "pcie.tags", 0.4),
    "a link at the limit": ({"pcie.up": 0.985}, {}, {"open_load": True}, "pcie.up", 0.985),
    "a link below the limit": ({"pcie.up": 0.984}, {}, {"open_load": True}, "offered_load", 0.984),
    "tags waited for just long enough": ({"pcie.up": 0.9}, {"pcie.tags": 0.5}, {"open_load": True}, "pcie.tags", 0.5),
    "tags waited for less": ({"pcie.up": 0.9}, {"pcie.tags": 0.49}, {"open_load": True}, "offered_load", 0.9),
    "rings full less than half of the time": (
        {"pcie.up": 0.9}, {}, {"open_load": True, "tx_ring_full_share": 0.49}, "offered_load", 0.9),
    "nothing at all": ({}, {}, {}, "offered_load", 0.0),
    "nothing sent": ({"pcie.up": 0.0, "pcie.down": 0.0}, {}, {}, "offered_load", 0.0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_resource_is(case):
    busy, waits, more, resource, utilization = CASES[case]
    found = find_bottleneck(observation(busy, waits, **more))
    assert found.resource == resource
    assert found.utilization == pytest.approx(utilization)


def why(busy: dict[str, float], waits: dict[str, float] | None = None, **more: object) -> str:
    return find_bottleneck(observation(busy, waits, **more)).why


def test_the_sentence_on_the_link_has_the_bytes_of_a_frame():
    cost = LinkCost(bytes_per_frame=1808.96, payload_bytes_per_frame=1516.0)
    assert why({"pcie.up": 0.994}, frame_bytes=1518.0, up=cost) == (
        "The link toward the host is busy 99.4 % of the window: each 1518 B frame costs 1809 B there, "
        "1516 B of it payload."
    )
    assert why({"pcie.down": 0.994}, frame_bytes=353.75, down=cost) == (
        "The link from the host is busy 99.4 % of the window: a frame of 353.8 B on average costs 1809 B there, "
        "1516 B of it payload."
    )
    assert why({"pcie.up": 1.0}) == "The link toward the host is busy 100.0 % of the window."


def test_the_sentence_on_the_link_says_that_mirrored_copies_count():
    cost = LinkCost(bytes_per_frame=2019.4, payload_bytes_per_frame=1705.5)
    seen = observation({"pcie.up": 0.994}, frame_bytes=1518.0, up=cost, has_mirrored=True)
    assert find_bottleneck(seen).why.endswith("costs 2019 B there, 1706 B of it payload, mirrored copies included.")


@pytest.mark.parametrize("resource", ["pcie.tags", "pcie.credits"])
def test_the_sentence_on_what_waits_for_the_host_says_what_its_iommu_misses(resource):
    busy, waits = {"pcie.up": 0.4, "pcie.tags": 0.9}, {resource: 0.9}
    plain = find_bottleneck(observation(busy, waits)).why
    missing = find_bottleneck(observation(busy, waits, iotlb_miss_share=0.25)).why
    assert missing == plain[:-1] + ("; 25.0 % of the addresses miss the IOMMU's translation cache, and wait for it.")
    assert find_bottleneck(observation(busy, waits, iotlb_miss_share=0.0)).why == plain


def test_the_sentence_on_tags_says_how_many_and_how_long():
    waits = {"pcie.tags": 0.953}
    assert why({"pcie.tags": 0.97}, waits, tags=32) == (
        "All 32 read tags are in use 97.0 % of the window and reads wait for one 95.3 % of the window, "
        "while the link has room left."
    )
    assert why({}, waits, tags=1).startswith("The one read tag is in use and reads wait for one 95.3 %")
    assert why({}, waits).startswith("All read tags are in use and")


def test_the_sentence_on_a_core_names_the_vm():
    text = why({"driver.tx": 0.25, "driver.rx": 0.745}, core_of="vf3")
    assert text.startswith("The core of vf3 is busy 99.5 % of the window, 74.5 % of the window with receiving")
    assert why({"driver.tx": 0.99}).startswith(
        "A VM's core is busy 99.0 % of the window, 99.0 % of the window with sending"
    )


def test_the_sentence_on_descriptors_says_waits_and_drops():
    text = why({}, {"rx.descriptors": 0.62}, drops={"NO_DESCRIPTOR": 250})
    assert "frames wait for one 62.0 % of the window and 250 of 10000 frames were dropped for want of one" in text
    assert "wait" not in why({}, drops={"NO_DESCRIPTOR": 250})


def test_the_sentence_on_the_load_names_the_busiest_resource_and_the_bursts():
    text = why({"pcie.up": 0.61, "pcie.down": 0.5}, open_load=True, drops={"TX_RING_FULL": 7, "ACL_DENY": 90})
    assert text == (
        "Nothing is full: every resource has room, the load itself sets the throughput; the busiest, pcie.up, is busy "
        "61.0 % of the window. 7 of 10000 frames met a full queue in a burst."
    )


def test_the_sentence_on_a_rate_limit_says_what_it_did():
    assert why({}, {"rate_limit": 0.9}) == (
        "The configured rate limits hold frames back 90.0 % of the window, and no resource is full."
    )
    assert "dropped 500 of 10000 frames" in why({}, drops={"RATE_LIMITED": 500})


shares = st.floats(min_value=0, max_value=1)


@given(
    busy=st.dictionaries(st.sampled_from(RESOURCES[:-1]), shares),
    waits=st.dictionaries(st.sampled_from(["pcie.tags", "pcie.credits", "rx.descriptors", "rate_limit"]), shares),
    open_load=st.booleans(),
    drops=st.dictionaries(st.sampled_from(["TX_RING_FULL", "NO_DESCRIPTOR", "RATE_LIMITED"]), st.integers(0, 9999)),
    ring_full=shares,
)
def test_there_is_always_one_answer_in_one_paragraph(busy, waits, open_load, drops, ring_full):
    found = find_bottleneck(observation(busy, waits, open_load=open_load, drops=drops, tx_ring_full_share=ring_full))
    assert found.resource in RESOURCES
    assert 0 <= found.utilization <= 2
    assert found.why.endswith(".")
    assert "\n" not in found.why
    if max(busy.get("pcie.up", 0), busy.get("pcie.down", 0)) >= 0.985:
        assert found.resource in ("pcie.up", "pcie.down")
