"""What gets through of a demand that is too large: worked by hand on machines whose pipeline is the limit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwmodel import load_config
from hwmodel.analytic import limits
from hwmodel.analytic.contention import carried
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.system import System
from hwmodel.simulation import simulate
from tests.analytic_cases import demo

M = 10**6
# One million frames a second through the pipeline, and room for them everywhere else.
WIDE = {"nic.strict": False,
        "nic.preset": None, "pcie.generation": 3, "pcie.lanes": 16, "nic.max_pps": M, "port.rate": "100Gbps",
        "workload.pattern": "flows"}  # fmt: skip


def flows(*of: list[str | None], **changes: object):
    return demo({**WIDE, "workload.flows": list(of), **{key.replace("__", "."): to for key, to in changes.items()}})


def mpps(*of: list[str | None], **changes: object) -> float:
    return limits(flows(*of, **changes)).mpps


@pytest.mark.parametrize("rate", ["1Kbps", "10Kbps", "100Kbps", "1Mbps", "10Mbps", "900Mbps"])
def test_slow_senders_carry_all_that_they_have(rate):
    """Eight of `rate` each: whole, to the last digit that is shown, with no word of a mix that is cut."""
    own_bps = {"Kbps": 1e3, "Mbps": 1e6}[rate[-4:]] * int(rate[:-4])
    found = limits(demo({**WIDE, "workload.pattern": "to_wire", "switch.ports.all.rate_limit": rate}))
    assert found.gbps == pytest.approx(8 * own_bps / 1e9, rel=1e-6)
    assert found.mpps == pytest.approx(8 * own_bps / (8 * 1518) / 1e6, rel=1e-6)
    assert not any(note.startswith("The mix ") for note in found.notes)
    beside = limits(flows(["vf0", "vf1", rate], ["vf2", "vf3"], ["vf4", "uplink"]))
    assert beside.mpps == pytest.approx((M + own_bps / (8 * 1518)) / 2e6, rel=1e-6)
    assert not any("vf0" in note for note in beside.notes)


def test_small_flows_get_through_whole_and_the_others_take_equal_turns():
    small, large, greedy = ["vf0", "vf1", "0.1Mpps"], ["vf2", "uplink", "0.6Mpps"], ["vf4", "vf5", None]
    # 0.1 whole; 0.9 is left for two, 0.45 each, of which one leaves by the wire.
    found = limits(flows(small, large, greedy))
    assert found.mpps == pytest.approx(0.55)
    assert found.frames_per_s == pytest.approx(M)
    assert found.limited_by == "nic.pipeline"
    assert "vf2 to uplink 0.45 of 0.6" in found.notes[0] and "vf0 to vf1" not in found.notes[0]
    # With 0.4 it gets through whole too, and 0.5 is left.
    assert mpps(small, ["vf2", "uplink", "0.4Mpps"], greedy) == pytest.approx(0.6)


def test_the_mix_names_what_each_stream_gets():
    config = flows(["vf0", "vf1", "0.1Mpps"], ["vf2", "uplink", "0.6Mpps"], ["vf4", "vf5", None])
    mix = carried(System.of(config), demand_of(config))
    assert {one.name: float(rate) for one, rate in mix.carried} == pytest.approx(
        {"vf0 to vf1": 0.1 * M, "vf2 to uplink": 0.45 * M, "vf4 to vf5": 0.45 * M}, rel=1e-6
    )
    assert {name: float(share) for name, share in mix.sought.sent.items()} == pytest.approx(
        {"vf0": 0.1, "vf2": 0.45, "vf4": 0.45}, rel=1e-6
    )
    assert (float(mix.sought.copies), float(mix.sought.to_wire)) == pytest.approx((0.55, 0.45), rel=1e-6)
    assert mix.offered_frames_per_s is None and mix.beside == ()


def test_more_demand_than_room_is_not_carried_in_proportion():
    assert mpps(["vf0", "vf1", "0.5Mpps"], ["vf2", "uplink", "4Mpps"]) == pytest.approx(0.5)
    assert mpps(["vf0", "vf1", "0.7Mpps"], ["vf2", "uplink", "4Mpps"]) == pytest.approx(0.5)


def test_what_all_gets_through_is_as_offered():
    found = limits(flows(["vf0", "vf1", "0.3Mpps"], ["vf2", "uplink", "0.4Mpps"]))
    assert found.limited_by == "offered_load"
    assert (found.mpps, float(found.frames_per_s)) == pytest.approx((0.3, 0.7 * M))
    assert found.notes == () or "mix" not in found.notes[0]


def test_turns_have_weights_where_the_scheduler_knows_them():
    of = (["vf0", "vf1", None], ["vf2", "uplink", None])
    weights = {"switch__ports__vf0__weight": 3}
    assert mpps(*of, **weights) == pytest.approx(0.5)
    assert mpps(*of, **weights, switch__scheduler="weighted") == pytest.approx(0.75)
    assert mpps(*of, switch__scheduler="strict") == pytest.approx(1)  # no turns: at its best all is of vf0


def test_a_rate_limit_holds_nobody_else_back():
    of = (["vf0", "vf1", None], ["vf2", "uplink", None])
    limit = int(0.2 * M * 1518 * 8)
    assert mpps(*of, switch__ports__vf2__rate_limit=f"{limit // 1000}Kbps") == pytest.approx(0.8, rel=1e-5)
    both = {f"switch__ports__{name}__rate_limit": f"{limit // 1000}Kbps" for name in ("vf0", "vf2")}
    found = limits(flows(*of, **both))
    assert found.mpps == pytest.approx(0.2, rel=1e-5)
    assert found.limited_by == "rate_limit"


def test_a_slow_core_holds_nobody_else_back():
    # vf2 is guest 3, vf5 guest 6: one core of three for both, which posts 0.4 M frames/s in all, for the wire.
    of = (["vf0", "vf1", None], ["vf2", "uplink", None], ["vf5", "uplink", None])
    slow = {"host__cores": 3, "driver__frame_time": "2.5us"}
    # vf0 sends from core 1, and vf1 takes on core 2: 0.4 each. Equal turns of three would be 0.2.
    assert mpps(*of, **slow) == pytest.approx(0.4)


def test_what_turns_do_not_say_is_said_of_all_who_share_it():
    """Of two at a core that posts 0.4 M frames/s, and under a scheduler without turns, who has how much is open."""
    of = (["vf2", "uplink"], ["vf5", "uplink"], ["vf0", "vf1"])
    begin, figures = "The mix that carries most to VMs", "; not carried in full, M frames/s: "
    slow = limits(flows(*of, host__cores=3, driver__frame_time="2.5us")).notes[0]
    shares = "(vf2 to uplink, vf5 to uplink) together 0.4, vf0 to vf1 0.4"
    assert slow == f"{begin}{figures}{shares}. Who of those in brackets gets how much is for a run to say."
    strict = limits(flows(*of, switch__scheduler="strict")).notes[0]
    assert strict.startswith(f"{begin}{figures}(vf2 to uplink, vf5 to uplink, vf0 to vf1) together 1.")
    in_turns = limits(flows(["vf0", "vf1", "0.1Mpps"], ["vf2", "uplink", "0.6Mpps"], ["vf4", "vf5"])).notes[0]
    assert in_turns == f"{begin}, senders taking turns{figures}vf4 to vf5 0.45, vf2 to uplink 0.45 of 0.6."


@pytest.mark.parametrize("changes", [
    {"nic.mode": "vswitch", "nic.vfs": 4, "host.cores": 2},
    {"nic.vfs": 4, "workload.pattern": "broadcast"},
])  # fmt: skip
def test_who_has_nothing_in_the_best_mix_need_not_have_nothing_in_a_run(changes):
    """All four have the same in the run; of the closed form only what they have together is known."""
    config = load_config({"nic": {"preset": "82599"}, "run": {"duration": "5ms"}}, changes)
    bound, run = limits(config), simulate(config)
    (note,) = (note for note in bound.notes if note.startswith("The mix "))
    assert note.count("together") == 1 and all(f"vf{n} to" in note.partition(") together")[0] for n in range(4))
    sent = [vm.tx_gbps for vm in run.vms if vm.name != "pf"]
    assert min(sent) > 0.9 * max(sent) > 0 and 0.9 * bound.gbps < run.totals.gbps < 1.02 * bound.gbps


def test_frames_from_the_wire_take_what_the_others_leave_or_all():
    # A line of 2.5 M frames/s finds a pipeline of 1: nobody knows the mix, and the best is nothing for the wire.
    of = (["vf2", "uplink", None], ["uplink", "vf3", "20Gbps"])
    assert mpps(*of) == pytest.approx(1)


def test_copies_that_are_lost_leave_room_for_others():
    # vf7 and the PF share core 0 of eight, each of 0.5 M frames/s: a broadcast goes to the seven other VMs and the
    # PF. Where nothing is lost that core sets the pace of all.
    slow = {"workload.pattern": "broadcast", "nic.preset": None, "pcie.generation": 3, "pcie.lanes": 16,
            "driver.frame_time": "2us", "host.cores": 8, "port.rate": "100Gbps"}  # fmt: skip
    lossless = limits(demo(slow | {"nic.drop_enable": False}))
    lossy = limits(demo(slow | {"nic.drop_enable": True}))
    # Sent x, of each VM x/8. Core 0 posts x/8 and takes x (PF) + 7/8 x (vf7): x = 0.25. Another takes 7/8 x.
    assert float(lossless.frames_per_s) == pytest.approx(0.25 * M)
    # At its best nothing is lost on the seven other cores: x/8 + 7/8 x = 0.5.
    assert float(lossy.frames_per_s) == pytest.approx(0.5 * M)
    assert lossy.limited_by == "driver.rx"


def test_equal_senders_have_the_figures_of_one_frame():
    every = [[f"vf{k}", f"vf{k ^ 1}", None] for k in range(8)]
    found = limits(demo({"workload.pattern": "flows", "workload.flows": every}))
    assert found == limits(demo())


def test_a_timer_counts_for_the_rings_that_get_frames():
    # RSS puts the frames of one sender into one ring of its receiver, however many there are.
    timer = {"driver.moderation": "2us", "nic.rx_writeback_batch": 1, "workload.pattern": "ring"}
    one, four = (limits(demo(timer | {"nic.queues_per_vf": n})) for n in (1, 4))
    assert one.gbps == four.gbps < limits(demo({**timer, "driver.moderation": "200us"})).gbps
    # Ports 2 and 3, the senders vf0 and vf1, come to different rings of two.
    incast = {**timer, "workload.pattern": "flows", "workload.flows": [["vf0", "vf2"], ["vf1", "vf2"], ["vf4", "vf2"]]}
    per_s = {n: _interrupts_per_s(demo(incast | {"nic.queues_per_vf": n})) for n in (1, 2, 4)}
    assert per_s == {1: 500_000, 2: 1_000_000, 4: 1_500_000 - 500_000}


def _interrupts_per_s(config) -> Fraction:
    found = limits(config)
    (step,) = (step for step in found.steps if step.name == "Rx interrupt")
    return step.n_tlps * found.frames_per_s


CONTENTIONS = {
    "a flow to the wire beside small ones": [["vf0", "vf1", "0.1Mpps"], ["vf2", "uplink", "0.9Mpps"],
                                              ["vf4", "vf5", "0.3Mpps"]],
    "greedy flows": [["vf0", "vf1"], ["vf2", "uplink"], ["vf4", "vf5", "0.2Mpps"]],
    "several flows of a sender": [["vf0", "vf1"], ["vf0", "uplink", "0.9Mpps"], ["vf4", "vf5", "0.6Mpps"]],
}  # fmt: skip


@pytest.mark.parametrize("case", CONTENTIONS)
def test_a_run_comes_near_and_not_above(case):
    every = [flow if len(flow) == 3 else [*flow, None] for flow in CONTENTIONS[case]]
    config = flows(*every, nic__writeback_timeout="20us", run__frames=20_000, run__duration="50ms", run__warmup="auto")
    found, seen = limits(config).mpps, simulate(config).totals.mpps
    assert seen <= 1.01 * found
    if case != "several flows of a sender":  # which of these waits in the one ring is not known
        assert seen == pytest.approx(found, rel=0.02)


def test_turns_that_rounding_puts_below_none_are_none():
    """Two of three adapters get no turn in the mix that carries most; a hair below 0 lies in no interval of turns."""
    broadcasts = {"workload.pattern": "broadcast", "workload.frame_bytes": 128}
    offered, all_there_is = (
        limits(load_config("pcie_tree", {**broadcasts, "workload.load": load})) for load in ("2Gbps", "saturate")
    )
    assert offered.gbps == pytest.approx(all_there_is.gbps)  # neither is carried, so both have the same mix


def test_a_slow_tx_queue_sends_no_more_than_a_receiver_has_room_for():
    """The receiver's link would lose a fifth of what the sender's link brings, but a ring gives a frame in 78 ns."""
    system = load_config({
        "servers": [{"name": "b"}, {"name": "c"}], "pcie": {"generation": 2, "lanes": 8}, "driver": {"preset": "dpdk"},
        "nic": {"strict": False,
                "preset": "X540", "vfs": 1, "rx_ring": 64}, "port": {"rate": "40Gbps"}, "run": {"duration": "2ms"},
        "bridge": {"latency": "500ns", "announce": True},
        "workload": {"frame_bytes": 64, "pattern": "flows", "flows": [["b.vf0", "c.vf0"]]},
    })  # fmt: skip
    found = limits(system)
    assert (found.limited_by, found.mpps) == ("b.nic.queue", pytest.approx(1e3 / 78))
    assert simulate(system).totals.mpps == pytest.approx(found.mpps, rel=0.001)


@pytest.mark.parametrize(("lanes", "least"), [(8, "a.pcie.up"), (16, "a.nic.queue")])
def test_each_of_alike_senders_has_its_own_tx_queue(lanes, least):
    """One stands for all of its server: two rings of 78 ns a frame each, not one."""
    system = load_config({
        "servers": [{"name": "a"}, {"name": "b"}],
        "pcie": {"generation": 2, "lanes": lanes}, "port": {"rate": "25Gbps"}, "driver": {"preset": "dpdk"},
        "nic": {"strict": False, "preset": "82599", "vfs": 2, "rx_ring": 128}, "run": {"duration": "2ms"},
        "bridge": {"latency": "500ns", "announce": True, "buffer": "1MiB"},
        "workload": {"frame_bytes": 64, "pattern": "uniform"},
    })  # fmt: skip
    found = limits(system)
    assert found.limited_by == least
    if lanes == 16:
        assert found.mpps == pytest.approx(4e3 / 78)
    assert 0.9 * found.mpps < simulate(system).totals.mpps <= 1.001 * found.mpps


@pytest.mark.parametrize(("changes", "least"), [
    ({"nic.queue_time": "300ns"}, "nic.queue"),
    ({"nic.rx_prefetch": 1, "nic.rx_fetch_batch": 1}, "rx.descriptors"),
])  # fmt: skip
@pytest.mark.parametrize("workload", [
    {"workload.pattern": "pairs"}, {"workload.pattern": "ring"}, {"workload.pattern": "uniform"},
    {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1"], ["vf1", "vf0"]]},
])  # fmt: skip
def test_two_that_send_to_each_other_have_two_of_everything(changes, least, workload):
    """Whichever of them a best mix carries."""
    base = {
        "nic.strict": False,
        "pcie.generation": 3,
        "pcie.lanes": 8,
        "nic.vfs": 2,
        "host.cores": 2,
        "workload.frame_bytes": 64,
        **changes,
    }
    one = limits(demo({**base, "workload.pattern": "flows", "workload.flows": [["vf0", "vf1"]]}))
    both = limits(demo(base | workload))
    assert (one.limited_by, both.limited_by) == (least, least)
    assert both.mpps == pytest.approx(2 * one.mpps, rel=0.001)
