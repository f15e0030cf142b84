"""Where the median latency falls as load rises the page names what makes it: by runs, by hand, by a planted fault."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from benches.load_sweep import Case, falls, is_told, measure, row
from hwmodel.config import config_from_mapping
from hwmodel.results import Bottleneck, Latency
from hwmodel.results.modelled import falling_latency_sentences
from hwmodel.results.summary import summary
from hwmodel.simulation import simulate
from tests.sample_result import sample_result

OFFERED = Bottleneck(resource="offered_load", utilization=0.3, why="", keys=())


def latency(p50, least=500.0):
    return Latency(min=least, mean=p50, p50=p50, max=10 * p50, count=50)


def result_with(p50=1000.0, parts=None, warnings=(), **config):
    blocks = {"nic": {"rx_writeback_batch": 8, "writeback_timeout": None}, "driver": {"moderation": "0us"}, **config}
    return sample_result(
        latency_ns=latency(p50), latency_to_guest_ns=latency(p50), latency_parts_ns={"p50": parts or {}},
        warnings=warnings, config=blocks, bottleneck=OFFERED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("case", "loads", "n_falls"),
    [
        # Eight frames of a VM fill the batch: half the load, twice the wait.
        (Case("sriov_10g_gen2x4", "dpdk", "as it is", "poisson"), (0.2, 0.4), 1),
        # A frame waits 64 us at the most until eight come sooner; without batches nothing waits for others.
        (Case("sriov_imix", "dpdk", "write-back timer", "poisson"), (0.05, 0.6), 1),
        (Case("sriov_imix", "dpdk", "none", "poisson"), (0.05, 0.6), 0),
        # Eight senders with one period: at 30 % their frames meet, at 40 % others do.
        (Case("sriov_imix", "dpdk", "none", "periodic"), (0.3, 0.4), 1),
        # A guest that has nothing to do sleeps: 4.8 us of the median are waking it and its interrupt, until it is busy.
        (Case("sriov_imix", "kernel", "none", "poisson"), (0.05, 0.6), 1),
    ],
)
def test_a_fall_of_the_median_is_told(case, loads, n_falls):
    found = measure(case, loads, "3ms")
    assert len(found) == n_falls
    assert all(fall.is_told for fall in found)
    assert row(case, found)[-1] == "PASS"


def test_a_run_names_its_timer_on_the_summary():
    result = simulate(Case("sriov_imix", "dpdk", "write-back timer", "poisson").config(0.3, "3ms"))
    assert "nic.rx_writeback_batch 8 with nic.writeback_timeout 64us" in summary(result, verbose=True)
    silent = replace(result, latency_parts_ns={}, warnings=())
    assert not is_told(silent), "planted: a page without the parts tells nothing"


def test_falls_count_either_median_and_only_beyond_a_twentieth():
    results = [result_with(1000.0), result_with(951.0), result_with(900.0), result_with(2000.0)]
    found = falls((0.1, 0.2, 0.3, 0.4), results)
    assert [(fall.load, fall.next_load, round(fall.left, 3), fall.is_told) for fall in found] == [
        (0.2, 0.3, 0.946, False)
    ]
    to_guest = [replace(results[0], latency_to_guest_ns=latency(p50)) for p50 in (3000.0, 2000.0)]
    assert [fall.left for fall in falls((0.1, 0.2), to_guest)] == [pytest.approx(2 / 3)]
    assert row(Case("a", "b", "c", "d"), found)[-1] == "not told"


@pytest.mark.parametrize(
    ("parts", "blocks", "words"),
    [
        ({"writeback_batch": 49.0, "payload_read": 951.0}, {}, None),
        ({"writeback_batch": 60.0, "payload_read": 940.0}, {}, "6 % .*: nic.rx_writeback_batch 8 without"),
        (
            {"interrupt_moderation": 700.0, "driver_batch": 100.0, "payload_read": 200.0},
            {"driver": {"moderation": "20us", "tx_doorbell_batch": 32}},
            "80 % .*: driver.tx_doorbell_batch 32 and driver.moderation 20us.$",
        ),
        (
            {"interrupt_moderation": 700.0, "payload_read": 300.0},
            {"driver": {"moderation": "0us", "rx_interrupt_batch": 16}},
            "driver.rx_interrupt_batch 16 without driver.moderation.$",
        ),
        (
            {"writeback_batch": 600.0, "payload_read": 400.0},
            {"nic": {"rx_writeback_batch": 1, "writeback_timeout": "2us", "rsc": {"timeout": "6144ns"}}},
            "60 % .*: nic.rsc.timeout 6144ns.$",  # a batch of one is no wait
        ),
        (
            {"writeback_batch": 600.0, "payload_read": 400.0},
            {"nic": {"rx_writeback_batch": 8, "writeback_timeout": "2us", "rsc": {"timeout": "6144ns"}}},
            "nic.rsc.timeout 6144ns and nic.rx_writeback_batch 8 with nic.writeback_timeout 2us.$",
        ),
    ],
)
def test_the_batch_or_timer_is_named(parts, blocks, words):
    found = list(falling_latency_sentences(result_with(parts=parts, **blocks)))
    assert len(found) == (words is not None)
    assert words is None or re.search(words, found[0])


def test_no_moderation_is_none_in_whatever_unit_the_configuration_has_it():
    """A resolved configuration writes the default as 0ns, a file may have 0us."""
    of_no_preset = config_from_mapping({"driver": {"preset": None}}).resolved()["driver"]
    blocks = {"driver": {"rx_interrupt_batch": 16, "moderation": of_no_preset["moderation"]}}
    (text,) = falling_latency_sentences(
        result_with(parts={"interrupt_moderation": 700.0, "payload_read": 300.0}, **blocks)
    )
    assert text.endswith("driver.rx_interrupt_batch 16 without driver.moderation.")


@pytest.mark.parametrize(
    ("driver", "at_the_guest", "words"),
    [
        ({"wakeup_time": "3us", "interrupt_time": "1us"}, 4800.0, ": driver.wakeup_time 3us and driver.interrupt_time"),
        ({"interrupt_time": "1us", "exit_time": "500ns"}, 2000.0, "work: driver.interrupt_time 1us and driver.exit"),
        ({"wakeup_time": "3us"}, 900.0, None),  # most frames find their core awake
        ({"interrupt_time": "400ns"}, 900.0, None),  # less than a twentieth
        ({"wakeup_time": "3us", "rx_interrupt_batch": 0}, 4800.0, None),  # polls
    ],
)
def test_a_core_that_is_woken_is_named(driver, at_the_guest, words):
    driver = {"moderation": "0us", "rx_interrupt_batch": 1, **driver}
    parts = {"payload_read": 10_000.0 - at_the_guest, "guest_queue": at_the_guest}
    found = list(falling_latency_sentences(result_with(parts=parts, driver=driver)))
    assert len(found) == (words is not None)
    assert words is None or re.search(words, found[0])


def test_a_batch_that_a_higher_load_cannot_fill_sooner_is_not_told():
    result = result_with(parts={"writeback_batch": 600.0, "payload_read": 400.0})
    assert list(falling_latency_sentences(result))
    full = replace(result, bottleneck=replace(OFFERED, resource="pcie.up"))
    assert not list(falling_latency_sentences(full))
    saturated = replace(result, config=result.config | {"workload": {"pattern": "pairs", "load": "saturate"}})
    assert not list(falling_latency_sentences(saturated))


def test_senders_in_step_are_told_where_the_median_shows_them():
    def told(p50, resource="offered_load", parts=None, **workload):
        workload = {"arrivals": "periodic", "pattern": "pairs", "load": 0.3, **workload}
        result = result_with(p50, parts, workload=workload)
        found = falling_latency_sentences(replace(result, bottleneck=replace(OFFERED, resource=resource)))
        return [text for text in found if "in step" in text]

    assert "8 % above the fastest frame's" in told(540.0)[0]
    assert not told(520.0)
    assert not told(540.0, arrivals="poisson")
    assert not told(540.0, resource="pcie.up")
    assert not told(540.0, load="saturate")
    assert not told(1000.0, parts={"writeback_batch": 480.0, "payload_read": 520.0}), "that is the batch's doing"


@pytest.mark.parametrize(("clocks", "how_long"), [("exact", "for ever"), ("50ppm", "until their clocks have moved")])
def test_senders_whose_clocks_differ_do_not_meet_for_ever(clocks, how_long):
    result = result_with(540.0, workload={"arrivals": "periodic", "pattern": "pairs", "load": 0.3})
    (text,) = falling_latency_sentences(replace(result, config=result.config | {"run": {"clocks": clocks}}))
    assert f"the same ones meet on the link {how_long}" in text


def test_frames_of_several_ways_and_of_one_sender_are_not_said_to_be_in_step():
    """The fastest is one that leaves by the wire, or a short one, whoever meets whom."""
    both = result_with(540.0, workload={"arrivals": "periodic", "pattern": "pairs", "load": 0.3})
    ways = {"vm_to_vm": both.latency_ns, "to_wire": both.latency_ns}
    assert list(falling_latency_sentences(both))
    assert not list(falling_latency_sentences(replace(both, latency_by_direction_ns=ways)))
    assert not list(falling_latency_sentences(replace(both, flows=both.flows[:1])))
    servers = {"servers": [{"name": "a"}, {"name": "b"}]}
    assert not list(falling_latency_sentences(replace(both, config=both.config | servers)))
