"""What the sentences on the bottleneck and the warnings say, by hand."""

from __future__ import annotations

from hwmodel.results import LinkCost, Observation, by_shares, sighting_of
from hwmodel.words import warnings


def why(busy: dict[str, float], **more: object) -> str:
    seen = Observation(utilizations=busy, **{"open_load": False, "offered_frames": 10_000, **more})
    return by_shares(sighting_of(seen)).why


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
    # A quarter leaves by the wire and is written to no VM: 1516 B of payload are no frame's cost here.
    some = LinkCost(bytes_per_frame=1385.0, payload_bytes_per_frame=1137.0)
    assert why({"pcie.up": 0.994}, frame_bytes=1518.0, up=some).endswith(
        "a delivered 1518 B frame on average costs 1385 B there, 1137 B of it payload."
    )


def test_an_idle_sender_is_not_the_busiest_side_of_its_core():
    text = why({"driver.tx": 0.0, "driver.rx": 0.62, "pcie.up": 0.35}, open_load=True)
    assert "the busiest, driver.rx, is busy 62.0 % of the window" in text


def test_frames_for_what_is_off_are_not_held_back_by_a_load():
    text = why({"pcie.up": 0.005}, open_load=True, drops={"FUNCTION_RESET": 9_000, "PORT_DISABLED": 11})
    assert (
        text
        == "Nothing is full: 9,011 frames met a function that is off or a port that is off; what is off sends none."
    )
    text = why({"pcie.up": 0.005}, open_load=True, drops={"LINK_DOWN": 9_000})
    assert text == "Nothing is full: 9,000 frames met a dead wire; what is off sends none."
    text = why({"pcie.up": 0.5}, open_load=True, drops={"FUNCTION_RESET": 4_000})
    assert "the load itself, less what meets a function that is off (FUNCTION_RESET 4,000), sets the throughput" in text
    assert "the load itself sets the throughput" in why({"pcie.up": 0.5}, open_load=True, drops={"LINK_DOWN": 200})


def test_the_sentence_on_the_link_says_that_mirrored_copies_count():
    cost = LinkCost(bytes_per_frame=2019.4, payload_bytes_per_frame=1705.5)
    text = why({"pcie.up": 0.994}, frame_bytes=1518.0, up=cost, has_mirrored=True)
    assert text.endswith("costs 2019 B there, 1706 B of it payload, mirrored copies included.")


def test_warnings_speak_of_one_and_of_several():
    few = {"are_copies": False, "burst": 8, "n_receiving": 2, "least": 80, "more_time": "run.frames"}
    assert warnings.too_few(1, **few).startswith("The window holds 1 frame, too few for rates")
    assert warnings.too_few(2, **{**few, "are_copies": True}).startswith("The window holds 2 copies, too few")
    assert "how far off a and b are" in warnings.short_beside_queues(["a", "b"], "run.duration")
    assert "interval" not in warnings.short_beside_queues(["a"], "run.duration")
    assert "waits of these have no interval" in warnings.short_beside_queues(["a", "latency_ns"], "run.duration")
    assert "interval" not in warnings.growing([("totals.gbps", 1.0)], 0.0, "run.duration")
    assert "how far off a is" in warnings.short_beside_queues(["a"], "run.duration")
    # At a light load it is batches that are slow: nothing is near to full.
    assert warnings.known_roughly(["a"], "run.duration") == (
        "Known roughly, as the width of the interval says: a. This window has seen few of the ups and downs of queues "
        "that fill and empty slowly, or of batches that wait for later frames; a longer run.duration narrows it."
    )
    lost = "2 frames dropped for want of a wire"
    assert warnings.dead_wires(2, ["p1"]) == f"LINK_DOWN: {lost}; that of p1 is dead at the start (port.down)."
    assert warnings.dead_wires(2, ["p0", "p1"]) == (
        f"LINK_DOWN: {lost}; those of p0 and p1 are dead at the start (port.down)."
    )
    assert warnings.stuck(1, []) == "1 frame was offered and not delivered: it is still on its way."
    assert warnings.growing([("totals.gbps", -1.5)], 0.0, "run.duration").startswith(
        "Not steady in the window: totals.gbps fell by 1.5"
    )
    assert "and 2 more: at bridge.c" in warnings.starved([("a", "b")] * 5, "bridge.c")
