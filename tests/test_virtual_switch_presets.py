"""Presets of virtual switches beside what is published of them: points fitted to, compared with, and not claimed."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from benches.switch_rates import POINTS, Point
from benches.virtual_switches import TURNS, Turn, model_mpps, passing, relief
from hwmodel import limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.presets import VIRTUAL_SWITCHES
from hwmodel.errors import InputError

DOCS = Path(__file__).parents[1] / "docs"
CLAIMED = [one for one in POINTS if one.use != "not claimed"]
QUICK = [one for one in CLAIMED if one.connections <= 10 or (one.connections <= 10_000 and one.frame_bytes == 64)]
# By hand, ns: 80 + 39 a VM + 0.128 a byte; of a chain of three, four passes at three rings, two further ones.
BY_HAND = {
    ("ovs_dpdk", "VM to VM", 256): 80 + 2 * 39 + 252 * 0.128,
    ("ovs_dpdk", "port to VM", 64): 80 + 39 + 60 * 0.128,
    ("ovs_dpdk", "chain of 3 VMs", 64): 4 * (80 + 60 * 0.128 + 2 * 26) + 6 * 39,
}


@pytest.mark.parametrize("point", QUICK, ids=lambda one: " ".join(map(str, (*one[:3], *one[6:8], one.mpps))))
def test_a_point_that_a_preset_claims(point: Point) -> None:
    assert abs(model_mpps(point) / point.mpps - 1) < (0.2 if point.use == "fitted" else 0.25)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_frame_by_hand(name: tuple[str, str, int]) -> None:
    point = next(one for one in POINTS if one[:3] == name)
    assert model_mpps(point) == pytest.approx(1e3 / BY_HAND[name], rel=0.01)


@pytest.mark.parametrize("preset", ["ovs_kernel", "linux_bridge_vhost"])
def test_a_vm_that_gets_more_than_it_can_take_answers_next_to_nothing(preset: str) -> None:
    """Its thread hands over first: 2 % are left in ovs_perf; without threads the core has turns, and half is left."""
    point = Point(preset, "port to VM, both ways", 64, 0.0, "compared", "")
    shares = {}
    for threads in ("own", []):
        config = config_from_mapping(passing(point, thread_cores=threads))
        window = simulate(config).window
        shares[str(threads)] = window.wire_frames / (window.wire_frames + window.vm_frames)
    assert shares["own"] < 0.05 and shares["[]"] > 0.3


def test_each_preset_of_the_kernel_has_a_thread_for_each_vm() -> None:
    """Pairs of VMs, which get more the more they are; in no preset that polls, and never beside miss_cores."""
    config = config_from_mapping({"nic": {"mode": "vswitch", "vfs": 4}, "host": {"virtual_switch": {
        "preset": "ovs_kernel"}}})  # fmt: skip
    assert (config.host.cores, config.virtual_switch.cores, config.thread_cores) == (10, (9,), (5, 6, 7, 8))
    few = config.with_overrides({"host.cores": 5})
    assert (few.virtual_switch.cores, few.thread_cores) == ((4,), (4,))
    assert config.with_overrides({"host.virtual_switch.preset": "ovs_dpdk"}).thread_cores == ()
    with pytest.raises(InputError, match="threads of the VMs"):
        config.with_overrides({"host.virtual_switch.flow_cache": {"miss_cores": [0]}})
    pairs = {n: limits(config_from_mapping(passing(Point("ovs_kernel", f"pairs of {n} VMs, one way", 1518, 0.0,
                       "compared", "")))).gbps for n in (2, 4, 14)}  # fmt: skip
    assert [pairs[n] / pairs[2] for n in pairs] == pytest.approx([1, 2, 7])


@pytest.mark.parametrize("turn", TURNS, ids=lambda one: one.what)
def test_a_rate_changes_in_the_direction_that_is_published(turn: Turn) -> None:
    """As published, the same way, by a third of it or more; where that is next to nothing, as little."""
    times = model_mpps(turn.second) / model_mpps(turn.first)
    if 0.95 < turn.published < 1.05:
        assert times == pytest.approx(1, abs=0.05)
    else:
        assert 0.3 < (1 - times) / (1 - turn.published) < 2.5


@pytest.mark.parametrize("pass_by", ["copy", "pointer"])
@pytest.mark.parametrize("preset", [None, *VIRTUAL_SWITCHES])
def test_vmdq_relieves_the_hypervisor(preset: str | None, pass_by: str) -> None:
    """Of four VMs that get the same from the wire, and of four that get all that they can; copied or not in both."""
    vmdq, switch = relief(preset, "4.1Gbps", pass_by=pass_by)
    assert vmdq.gbps == pytest.approx(switch.gbps, rel=0.1)
    assert vmdq.hypervisor_cores / vmdq.gbps < 0.98 * switch.hypervisor_cores / switch.gbps
    vmdq, switch = relief(preset, pass_by=pass_by)
    assert vmdq.gbps > 0.9 * switch.gbps and vmdq.bottleneck.resource in ("wire.rx", "offered_load")
    if preset == "vds" and pass_by == "copy":
        assert switch.gbps == pytest.approx(4.0 * 1518 / 1448, rel=0.25)
        assert vmdq.gbps == pytest.approx(9.2 * 1518 / 1448, rel=0.25)


@pytest.mark.parametrize("pass_by", ["copy", "pointer"])
@pytest.mark.parametrize("preset", [None, "ovs_kernel", "vds"])
def test_what_vmdq_spares_is_the_look_up(preset: str | None, pass_by: str) -> None:
    """One VM, so that both have as many interrupts: half of the switch's time a frame, and all else is the same."""
    spared_ns = {None: 400, "ovs_kernel": 532, "vds": 1000}[preset] / 2  # by hand; doorbells are some 30 ns apart
    vmdq, switch = (
        one.hypervisor_cores / (one.gbps / 8 / 1518) for one in relief(preset, "3Gbps", n_vms=1, pass_by=pass_by)
    )
    assert switch - vmdq == pytest.approx(spared_ns, abs=45)


def test_rules_cost_by_their_masks_or_by_their_number() -> None:
    rules = [{"source": f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}", "action": "deny"} for n in range(100)]
    other = [{**rule, "vlan": 7} for rule in rules[:50]]
    base = {"nic": {"mode": "vswitch", "vfs": 2}, "driver": {"preset": "dpdk"},
            "workload": {"pattern": "pairs", "load": "saturate", "frame_bytes": 64}}  # fmt: skip
    expected = {("masks", 0): 400, ("masks", 1): 500, ("masks", 2): 600, ("list", 0): 400, ("list", 1): 900,
                ("list", 2): 900}  # fmt: skip
    for how, n in product(("masks", "list"), range(3)):
        switch = {"acl": [[], rules, [*rules[50:], *other]][n]}
        own = {"pass_by": "pointer", "rule_match": how}
        found = limits(config_from_mapping({**base, "switch": switch, "host": {"virtual_switch": own}}))
        assert found.mpps == pytest.approx(1e3 / expected[how, n], rel=1e-6), (how, n)


def test_the_page_says_what_the_model_gives() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| (\d+) B[^|]*\| ([\d.]+) \|", (DOCS / "validation.md").read_text(), re.M
    )
    assert [(name, path, int(n_bytes), mpps) for name, path, n_bytes, mpps in rows] == [
        (*one[:3], f"{one.mpps:.3f}") for one in POINTS
    ]


def test_a_key_that_is_written_counts_in_place_of_the_preset_s() -> None:
    said = {"preset": "ovs_dpdk", "frame_time": "1us", "flow_cache": {"near_entries": 7}}
    own = config_from_mapping({"nic": {"mode": "vswitch"}, "host": {"virtual_switch": said}}).host.virtual_switch
    assert own is not None and (own.frame_time_fs, own.guest_time_fs) == (10**9, 39 * 10**6)
    assert own.flow_cache is not None and (own.flow_cache.near_entries, own.flow_cache.far_time_fs) == (7, 10**8)
    assert set(VIRTUAL_SWITCHES) == {"pointer", "ovs_dpdk", "ovs_kernel", "linux_bridge_vhost", "vds", "hyper_v"}


def test_each_preset_of_a_switch_has_a_point_that_it_is_only_compared_with() -> None:
    assert {one.preset for one in CLAIMED if one.use == "compared"} >= {"ovs_dpdk", "linux_bridge_vhost", "vds"}
    assert {one.preset for one in POINTS} == set(VIRTUAL_SWITCHES)
