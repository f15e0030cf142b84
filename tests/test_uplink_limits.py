"""The closed form of a virtual switch with unequal loads: what turns make of them, by hand, and beside runs."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from benches.bottleneck_cases import Blocks, configurations
from benches.vswitch_cases import draw_vswitch
from hwmodel import limits, simulate
from hwmodel.analytic.contention import LinearProgram, carried
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.switch_rings import rings_of
from hwmodel.analytic.system import System
from hwmodel.analytic.virtual_switch import frames_a_turn
from hwmodel.config import Config, config_from_mapping
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, frame_hashes
from hwmodel.workload.headers import HeaderBook
from tests.seeds import seeds

# A core that passes a frame of 1518 B in 1 us, whatever it is; wire, link and VMs' cores have room for more.
BASE: dict[str, Any] = {
    "nic": {"strict": False, "mode": "vswitch", "vfs": 6},
    "host": {"cores": 9, "virtual_switch": {"pass_by": "pointer", "frame_time": "1us", "cores": [7],
                                            "uplink_time": "0ns", "uplink_byte_time": "0ns", "reach": "external"}},
    "driver": {"frame_time": "50ns", "vms": {"pf": {"preset": "dpdk", "doorbell_time": "0ns"}}},
    "pcie": {"generation": 3, "lanes": 8},
    "port": {"rate": "40Gbps"},
    "workload": {"pattern": "flows", "frame_bytes": 1518},
}  # fmt: skip
TWO_CORES = {"host.virtual_switch.cores": [7, 8]}
NEAR, N_EACH_RUN, N_NIGHTLY = 0.002, 8, 60


def mpps(*flows: list[str | None], **changes: Any) -> dict[str, float]:
    """Return the millions of frames a second of each stream in the mix that is found."""
    config = _config(*flows, **changes)
    found = carried(System.of(config), demand_of(config)).carried
    return {f"{one.name} {number}".rpartition(" ")[0]: float(rate / 10**6) for number, (one, rate) in enumerate(found)}


def _config(*flows: list[str | None], **changes: Any) -> Config:
    return config_from_mapping(
        BASE, {"workload.flows": list(flows), **{key.replace("__", "."): to for key, to in changes.items()}}
    )


LIGHT: list[str | None] = ["vf0", "vf1", "0.2Mpps"]


def test_who_offers_less_than_its_turns_gets_all_of_it_through() -> None:
    """Of 1 M a second 0.2 are vf0's, and the others share 0.8, whether a frame stays inside or leaves."""
    found = mpps(LIGHT, ["vf2", "uplink", "3Mpps"], ["vf3", "vf1", "0.5Mpps"])
    assert list(found.values()) == pytest.approx([0.2, 0.4, 0.4], rel=1e-6)
    expected = limits(_config(LIGHT, ["vf2", "uplink", "3Mpps"], ["vf3", "vf1", "0.5Mpps"]))
    assert expected.mpps == pytest.approx(0.6, rel=1e-6) and expected.limited_by == "vswitch"


@pytest.mark.parametrize("scheduler", ["weighted", "deficit"])
def test_turns_are_longer_by_the_weight(scheduler: str) -> None:
    changes = {"switch.scheduler": scheduler, "switch.ports.vf2.weight": 3}
    found = mpps(LIGHT, ["vf2", "uplink", None], ["vf3", "vf1", None], **changes)
    assert sorted(found.values()) == pytest.approx([0.2, 0.2, 0.6], rel=1e-6)


def test_what_is_guaranteed_goes_before_the_turns() -> None:
    """vf2 has 0.2 M (2.4288 Gb/s) before the rest, 0.6 M, is shared by three."""
    found = mpps(LIGHT, *(["vf2", "uplink", None], ["vf3", "vf1", None], ["vf4", "vf1", None]),
                 **{"nic.strict": False, "switch.ports.vf2.min_rate": "2428800Kbps"})  # fmt: skip
    assert sorted(found.values()) == pytest.approx([0.2, 0.2, 0.2, 0.4], rel=1e-6)


def test_each_core_has_turns_of_its_own() -> None:
    """Ring r is core r modulo two's, VF K's is K + 1: vf0, vf2 and vf4 share one, vf1 and vf3 the other."""
    of = (LIGHT, ["vf2", "uplink", None], ["vf4", "vf3", None], ["vf1", "uplink", "0.3Mpps"], ["vf3", "vf5", None])
    found = mpps(*of, **TWO_CORES)
    assert [found[f"{source} to {target}"] for source, target, _ in of] == pytest.approx(
        [0.2, 0.4, 0.4, 0.3, 0.7], rel=1e-6
    )


def test_the_uplink_s_ring_has_turns_of_a_poll() -> None:
    """A poll of 64 frames to a batch of 32: of what is left of 0.2 M two thirds are of frames from the wire."""
    changes = {"driver.vms.pf.poll_budget": 64, "workload.external": {"rate": "20Gbps"}}
    found = mpps(LIGHT, ["vf3", "vf1", None], **changes)
    assert sorted(found.values()) == pytest.approx([0.2, 0.8 / 3, 1.6 / 3], rel=1e-6)
    less = mpps(LIGHT, ["vf3", "vf1", None], **{**changes, "workload.external": {"rate": "1214400Kbps"}})
    assert sorted(less.values()) == pytest.approx([0.1, 0.2, 0.7], rel=1e-6)


@pytest.mark.parametrize(("when_full", "inside"), [("wait", 1 - 0.2 - 0.08127), ("drop", 0.4)])
def test_who_waits_for_the_wire_leaves_the_core_to_others(when_full: str, inside: float) -> None:
    """A wire of 1 Gb/s sends 0.08127 M frames of 1538 B; where frames drop they have taken the core before."""
    changes = {"host.virtual_switch.on_uplink_full": when_full, "port.rate": "1Gbps"}
    config = _config(LIGHT, ["vf2", "uplink", None], ["vf3", "vf1", None], **changes)
    assert limits(config).mpps == pytest.approx(0.2 + inside, rel=1e-4)
    assert mpps(LIGHT, ["vf2", "uplink", None], ["vf3", "vf1", None], **changes)["vf3 to vf1"] == pytest.approx(
        inside, rel=1e-4
    )


def test_the_adapter_s_time_on_each_tx_ring_is_that_of_the_uplink_s_rings() -> None:
    """It takes no frame from a VM's ring, and those for which the uplink's ring has no room hold nobody back."""
    flows = (LIGHT, ["vf2", "uplink", None], ["vf3", "vf1", None])
    assert mpps(*flows, nic__queue_time="5us") == pytest.approx(mpps(*flows, nic__queue_time="0ns"), rel=1e-6)
    assert limits(_config(*flows, nic__queue_time="5us")).mpps == pytest.approx(0.6, rel=1e-6)


@pytest.mark.parametrize(("mode", "carried_mpps"), [("active_backup", 0.2), ("l4_hash", 0.4)])
def test_each_leg_of_a_bond_has_its_own_tx_rings(mode: str, carried_mpps: float) -> None:
    changes = {"port.count": 2, "host.virtual_switch.bond": {"mode": mode}, "workload.connections": 64}
    found = limits(_config(["vf2", "uplink", "0.9Mpps"], nic__queue_time="5us", **changes))
    assert (found.limited_by, found.mpps) == ("nic.queue", pytest.approx(carried_mpps, rel=0.01))


def test_a_receiver_that_is_slow_holds_no_sender_back() -> None:
    """vf1 takes 0.2 M a second, its driver's 5 us each; what vf2 and vf3 send to others goes on."""
    free = {f"driver.vms.vf1.{name}": "0ns" for name in ("byte_time", "interrupt_time", "doorbell_time")}
    slow = {"driver.vms.vf1.frame_time": "5us", **free}
    found = limits(_config(["vf0", "vf1", None], ["vf2", "vf4", None], **slow))
    assert found.mpps == pytest.approx(0.2 + 0.5, rel=1e-3)


def test_flows_in_one_ring_keep_the_parts_that_are_offered() -> None:
    """Of vf2's turns, 0.4 M, a fifth is for vf3: 1 M of 5 M offered."""
    found = mpps(LIGHT, ["vf2", "uplink", "4Mpps"], ["vf2", "vf3", "1Mpps"], ["vf3", "vf1", None])
    assert sorted(found.values()) == pytest.approx([0.08, 0.2, 0.32, 0.4], rel=1e-6)


def test_a_flow_without_a_rate_leaves_its_vm_s_others_nothing() -> None:
    """It takes each slot as it is free: vf0 sends half of the core's 1 M to the wire, and none to vf1."""
    flows: tuple[list[str | None], ...] = (["vf0", "uplink", None], ["vf0", "vf1", "0.2Mpps"], ["vf2", "vf3", None])
    assert mpps(*flows) == pytest.approx({"vf0 to uplink": 0.5, "vf2 to vf3": 0.5})
    config = _config(*flows)
    assert any(note.startswith("Nothing is sent of vf0 to vf1:") for note in limits(config).notes)
    assert _run_to_vms(config) == pytest.approx(0.5, rel=0.01)


def _run_to_vms(config: Config, duration: str = "4ms") -> float:
    """Return the millions of frames a second that get to VMs in a short run."""
    found = simulate(config_from_mapping(config.resolved(), {"run.warmup": "2ms", "run.duration": duration}))
    return sum(one.mpps or 0.0 for one in found.flows if one.to != "uplink")


def test_frames_that_wait_keep_their_parts_whatever_they_wait_for() -> None:
    """vf2 waits for the wire, 0.08127 M frames of 1538 B, with a frame for vf3 behind every second one."""
    changes = {"host.virtual_switch.on_uplink_full": "wait", "port.rate": "1Gbps", "workload.on_full": "wait"}
    found = mpps(["vf2", "uplink", "0.2Mpps"], ["vf2", "vf3", "0.1Mpps"], LIGHT, **changes)
    assert found == pytest.approx({"vf2 to uplink": 0.08127, "vf2 to vf3": 0.08127 / 2, "vf0 to vf1": 0.2}, rel=1e-4)


@pytest.mark.parametrize(("when_full", "of_two"), [("wait", 2 * 0.25), ("drop", 0.25 + 0.8)])
def test_a_vm_with_rings_at_two_cores_waits_for_the_slower(when_full: str, of_two: float) -> None:
    """One of vf0's flows is passed by a core that four rings share, 0.25 M each, the other by one that has no more.

    Where frames wait, as many go by the other core; where each ring drops its own, it passes all 0.8 M.
    """
    changes = {"workload.on_full": when_full, "nic.queues_per_vf": 2, **TWO_CORES}
    others: list[list[str | None]] = [[f"vf{k}", "vf1", "1Mpps"] for k in (2, 3, 4)]
    flows = (["vf0", "vf1", "0.8Mpps"], ["vf0", "vf2", "0.8Mpps"], *others)
    found = mpps(*flows, **changes)
    assert found["vf0 to vf1"] + found["vf0 to vf2"] == pytest.approx(of_two, rel=1e-6)
    assert limits(_config(*flows, **changes)).mpps == pytest.approx(of_two + 0.75, rel=1e-6)
    assert _run_to_vms(_config(*flows, **changes)) == pytest.approx(of_two + 0.75, rel=0.02)


def test_the_fuller_ring_of_one_core_holds_the_other_back() -> None:
    """Of vf0's frames three of four lie in one ring, which has as many turns, L, as each of three others: 1 M a second.

    4/3 L + 3 L = 1 M, so L is 3/13 M.
    """
    others: list[list[str | None]] = [[f"vf{k}", "vf1", "1Mpps"] for k in (2, 3, 4)]
    flows = (["vf0", "vf1", "0.6Mpps"], ["vf0", "vf2", "0.2Mpps"], *others)
    changes = {"workload.on_full": "wait", "nic.queues_per_vf": 2}
    found = mpps(*flows, **changes)
    assert [found["vf0 to vf1"], found["vf0 to vf2"]] == pytest.approx([3 / 13, 1 / 13], rel=1e-6)
    ran = {(one.from_, one.to): one.mpps for one in simulate(_config(*flows, **changes)).flows}
    assert ran["vf0", "vf1"] == pytest.approx(3 / 13, rel=0.03)


@pytest.mark.parametrize(("changes", "gets"), [
    ({}, 15 / 32),  # 65,602 B take 33 buffers of 2 KiB, so 511 descriptors have room for 15 of the 32 of a piece
    ({"host.virtual_switch.batch": 16}, 15 / 16),
    ({"host.buffer_bytes": "64KiB"}, 1),
    ({"switch.scheduler": "deficit"}, 1),  # pieces of one
])  # fmt: skip
def test_of_a_piece_lands_what_finds_descriptors(changes: dict[str, Any], gets: float) -> None:
    """All frames of a piece come at one instant; of 50,000 a second that the core passes the rest is lost."""
    long = {"workload.frame_bytes": None, "workload.segment_bytes": "64KiB", "host.virtual_switch.frame_time": "20us"}
    config = _config(["vf0", "vf1", None], **{**long, **changes})
    assert limits(config).mpps == pytest.approx(0.05 * gets, rel=1e-6)
    assert _run_to_vms(config, "100ms") == pytest.approx(0.05 * gets, rel=0.01)


def test_a_dead_wire_has_its_share_of_the_core() -> None:
    """Guests know nothing of the wire: half of the core's time is lost with what vf2 sends."""
    assert limits(_config(["vf0", "vf1", None], ["vf2", "uplink", None], port__down=["p0"])).mpps == pytest.approx(0.5)
    assert mpps(LIGHT, ["vf2", "uplink", "4Mpps"], port__down=["p0"])["vf2 to uplink"] == pytest.approx(0.8)


def test_more_may_be_guaranteed_than_there_is() -> None:
    """1 M of the core for 1.2 M that is guaranteed: what each gets is not known, in all it is no more than that."""
    more = {f"switch.ports.vf{k}.min_rate": "7286400Kbps" for k in (2, 3)}
    assert limits(_config(LIGHT, ["vf2", "vf1", None], ["vf3", "vf1", None], **more)).mpps == pytest.approx(1)


def test_pieces_of_a_deficit_are_short() -> None:
    """1514 B are 2.98 frames of 512 B; so are the pieces, of which each has its time."""
    changes = {"switch.scheduler": "deficit", "workload.frame_bytes": 512, "host.virtual_switch.batch_time": "1us"}
    config = _config(["vf0", "vf1", None], **changes)
    (length,) = demand_of(config).sought.sizes
    assert float(frames_a_turn(config, "vf0", (length,))) == pytest.approx(1514 / 508)
    assert limits(config).mpps == pytest.approx(1 / (1 + 508 / 1514), rel=1e-6)


@pytest.mark.parametrize(("source", "target"), [("vf1", "vf2"), ("uplink", "vf3"), ("vf3", "uplink")])
def test_connections_have_the_rings_of_their_headers(source: str, target: str) -> None:
    """The hash is worked out on addresses and ports; here it is that of the bytes of whole headers."""
    changes = {
        "nic.strict": False,
        "workload.connections": 37,
        "nic.queues_per_vf": 3,
        "host.virtual_switch.uplink_queues": 3,
    }
    config = _config(["vf0", "vf1", None], **changes, **TWO_CORES)
    book = HeaderBook(config)
    headers = [book.templates[number].header for number in book.template_ids(source, target)]
    prefix = np.frombuffer(b"".join(one.ljust(RSS_PREFIX_BYTES, b"\0") for one in headers), np.uint8)
    n, at = len(headers), np.full(len(headers), 14)
    ethertype, n_bytes = np.full(n, int(EtherType.IPV4)), np.array([len(one) for one in headers])
    hashes = frame_hashes(prefix.reshape(n, RSS_PREFIX_BYTES), n_bytes, at, ethertype)
    entries, first = (hashes & 127, 0) if source == "uplink" else (hashes & 0x7FFF_FFFF, 3 * (int(source[2:]) + 1))
    counted = Counter((first + entries % 3).tolist())
    assert {ring: round(n * share) for ring, share in rings_of(config, source, target).items()} == counted


def test_frames_without_a_connection_go_by_their_target() -> None:
    config = _config(
        ["vf0", "vf1", None], **{"nic.queues_per_vf": 2, "host.virtual_switch.uplink_queues": 2}, **TWO_CORES
    )
    # VF K is port K + 2 and function K + 1; the uplink, and groups, are port 0.
    assert [list(rings_of(config, *ends)) for ends in (("vf0", "vf1"), ("vf1", "uplink"), ("uplink", "vf3"))] == [
        [2 + 3 % 2], [4], [5 % 2]
    ]  # fmt: skip


def _far_below(config: Config) -> list[str]:
    return [note for note in limits(config).notes if note.startswith("A run may be far below")]


def test_limits_says_where_a_run_may_be_far_below() -> None:
    """Pieces of one frame take 1 + 1 us, full ones 1 + 1 / 32; at a full wire vf2 has half its frames, vf0 all."""
    flows: tuple[list[str | None], ...] = (LIGHT, ["vf2", "vf3", None])
    assert _far_below(_config(*flows)) == []
    (pieces,) = _far_below(_config(*flows, host__virtual_switch__batch_time="1us"))
    assert "down to 52 % of it" in pieces and "batch_time" in pieces
    assert _far_below(_config(["vf2", "vf3", None], host__virtual_switch__batch_time="1us")) == []
    to_wire: tuple[list[str | None], ...] = (
        ["vf0", "uplink", None],
        ["vf2", "vf3", "0.1Mpps"],
        ["vf2", "uplink", "0.1Mpps"],
    )
    (waits,) = _far_below(_config(*to_wire, port__rate="1Gbps", host__virtual_switch__on_uplink_full="wait"))
    assert "down to 40 % of it" in waits and "who waits" in waits


def _at_two_cores(drawn: random.Random) -> Blocks:
    blocks = draw_vswitch(drawn)
    n_vfs, own = blocks["nic"]["vfs"], blocks["host"]["virtual_switch"]
    blocks["nic"]["queues_per_vf"], own["cores"] = drawn.choice((2, 2, 3)), [n_vfs + 1, n_vfs + 2]
    blocks["host"]["cores"] = n_vfs + 3
    return blocks


def test_who_is_held_back_leaves_no_less() -> None:
    """Whoever may take less than its turns leaves the mix before as good as it was."""
    for config in configurations(9305, 20, {}, _at_two_cores):
        problem = LinearProgram(System.of(config), demand_of(config))
        before = problem.solve(problem.senders)
        assert problem.solve(before.senders, before.full, before.levels).value >= before.value * (1 - 1e-9)


@pytest.mark.parametrize("number", seeds(N_EACH_RUN, N_EACH_RUN, N_NIGHTLY))
def test_no_run_is_above(number: int) -> None:
    """By more than frames under way: a batch of each ring; and, where it is drawn which leave, by more than chance."""
    length = {"warmup": "auto", "duration": "40ms", "frames": 30_000}
    config = list(configurations(7, number + 1, length, draw_vswitch))[number]
    found, result = limits(config), simulate(config)
    _, gbps = result.throughput()
    batches = 32 * (config.nic.vfs + 1) / max(1, result.window_frames)
    is_drawn = config.workload.wire_share not in (0, 1)
    chance = 4 / math.sqrt(max(1, result.window.vm_frames or result.window.wire_frames or 1)) if is_drawn else 0.0
    assert gbps <= found.gbps * (1 + NEAR + batches + chance)
