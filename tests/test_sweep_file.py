"""A sweep's file: which points it gives, and one line, in its place, for all that is wrong with it."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest

from hwmodel.errors import InputError
from hwmodel.explore.sweep.plan import plan_sweep, points_of, read_sweep
from tests.sweep_cases import SWEEP, written


def values_of(source, **options):
    points = points_of(read_sweep({"base": {}} | source), most=None, **options)
    return [points.values(number) for number in range(len(points))]


def test_a_grid_is_the_product_and_the_first_axis_is_the_slowest():
    found = values_of({"grid": {"pcie.lanes": [1, 2], "nic.vfs": [4, 8, 16]}})
    assert found == [list(point) for point in itertools.product([1, 2], [4, 8, 16])]


def test_zipped_axes_go_in_step_and_lists_are_points():
    source = {
        "grid": {"pcie.lanes": [1, 2]},
        "zip": {"nic.vfs": [2, 4], "nic.rx_ring": [64, 128]},
        "list": [{"run.seed": 7, "run.frames": 1}, {"run.frames": 2, "run.seed": 8}],
    }
    expected = [
        [lanes, *pair, *point] for lanes in (1, 2) for pair in ((2, 64), (4, 128)) for point in ((7, 1), (8, 2))
    ]
    assert values_of(source) == expected


def test_a_condition_leaves_points_out_and_seeds_repeat_them():
    source = {"grid": {"pcie.lanes": [1, 2, 4], "nic.vfs": [4, 8]}, "where": "pcie.lanes * 4 >= nic.vfs", "seeds": 2}
    assert values_of(source) == [[1, 4], [1, 4], *itertools.chain(*([[n, v]] * 2 for n in (2, 4) for v in (4, 8)))]
    plan = plan_sweep({"base": {"run": {"seed": 5}}, **source})
    assert [plan.seed_of(number) for number in range(4)] == [5, 6, 5, 6]


def test_each_point_is_what_its_configuration_says(tmp_path):
    sweep = written(
        tmp_path,
        "base: base.yaml\nset: {nic: {rx_ring: 64}, pcie.lanes: 2}\n"
        "grid: {pcie.max_payload: [128B, 256B]}\nlist: [{nic.vfs: 2}, {nic.vfs: 4}]\nseeds: 2\n",
    )
    plan = plan_sweep(sweep, ["nic.tx_ring=128"])
    found = [plan.base.with_changes(plan.changes_of(number)) for number in range(len(plan.points))]
    assert [(each.pcie.max_payload_bytes, each.nic.vfs, each.run.seed) for each in found] == list(
        itertools.product([128, 256], [2, 4], [1, 2])
    )
    assert {(each.nic.rx_ring, each.nic.tx_ring, each.pcie.lanes, each.run.frames) for each in found} == {
        (64, 128, 2, 100)
    }
    assert plan.config == found[0]


def test_what_differs_tells_sweeps_apart(tmp_path):
    sweep = {"base": {}, "grid": {"pcie.lanes": [1, 2]}}
    others = [
        {**sweep, "base": {"nic": {"vfs": 2}}},
        {**sweep, "grid": {"pcie.lanes": [2, 1]}},
        {**sweep, "zip": {"nic.vfs": [2]}},
        {**sweep, "set": {"nic.vfs": 6}},
        {**sweep, "seeds": 2},
        {**sweep, "where": "pcie.lanes > 0"},
    ]
    hashes = [plan_sweep(each).sweep_hash for each in (sweep, *others)] + [plan_sweep(sweep, ["nic.vfs=4"]).sweep_hash]
    assert len(set(hashes)) == len(hashes)
    as_file = written(tmp_path, "# another spelling\nbase: {}\ngrid:\n  pcie.lanes: [1, 2]\n")
    assert plan_sweep(as_file).sweep_hash == hashes[0]


def test_the_content_of_a_capture_counts(tmp_path):
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    sweep = written(tmp_path, "base: {}\ngrid: {workload.pcap: [a.pcap]}\n")
    hashes = []
    for n_bytes in (60, 80):
        wrpcap(str(tmp_path / "a.pcap"), [Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:03") / bytes(n_bytes)])
        plan = plan_sweep(sweep)
        assert plan.config.workload.pcap == tmp_path / "a.pcap"  # from the sweep's folder, wherever it is called from
        hashes.append(plan.sweep_hash)
    assert hashes[0] != hashes[1]


BAD = {
    "gird: {}\nbase: base.yaml\nseeds: 2": ["1:1: gird: unknown key (did you mean grid?)"],
    "grid: {pcie.lanes: [1]}": ["1:1: base: this key is missing; it names"],
    "base: base.yaml": ["1:1: nothing varies"],
    "[]": ["1:1: a list where keys with values are expected; it is no sweep"],
    "base: bas\nseeds: 2": ["1:7: base: bas: no such file"],
    "base: base.yaml\nseeds: 0": ["2:8: seeds: 0 is no number of seeds"],
    "base: base.yaml\nseeds: true": ["2:8: seeds: true is no number of seeds"],
    "base: base.yaml\ngrid: {}": ["2:7: grid: no axis is in it"],
    "base: base.yaml\ngrid: {pcie.lanes: []}": ["2:20: grid.pcie.lanes: no value is in it"],
    "base: base.yaml\ngrid: {pcie.lanes: 4}": ["2:20: grid.pcie.lanes: 4 is no list of values; write it like [4]"],
    "base: base.yaml\ngrid: {pcie: {lanes: [1, 2]}}": ["2:14: grid.pcie: neither a list of values nor a range"],
    "base: base.yaml\ngrid: {pcie.lans: [1, 2]}": ["2:8: grid.pcie.lans: unknown key (did you mean lanes?)"],
    "base: base.yaml\ngrid: {pcie.lanes: [1, 3]}": ["2:24: grid.pcie.lanes: 3 is not one of"],
    "base: base.yaml\ngrid: {nic.vfs: [2, 2]}": ["2:21: grid.nic.vfs: nic.vfs 2 is there already"],
    "base: base.yaml\ngrid: {pcie.max_payload: [256B, 0.25KiB]}": ["2:33: grid.pcie.max_payload: "],
    "base: base.yaml\ngrid: {pcie.max_payload: [256]}": ["2:27: grid.pcie.max_payload: 256 has no unit"],
    "base: base.yaml\ngrid: {pcie.lanes: {from: 1, to: 8}}": ["2:20: grid.pcie.lanes: one of step, steps"],
    "base: base.yaml\nzip: {pcie.lanes: [1, 2], nic.vfs: [2]}": ["2:27: zip.nic.vfs: it has 1 value, pcie.lanes"],
    "base: base.yaml\nlist: [{pcie.lanes: 1}, {nic.vfs: 2}]": ["2:25: list.1: all points have the same keys"],
    "base: base.yaml\nlist: [{nic.vfs: 1, pcie.lanes: 1}, {pcie.lanes: 1, nic.vfs: 1}]": ["2:37: list.1: "],
    "base: base.yaml\nlist: []": ["2:7: list: there is no point in it"],
    "base: base.yaml\nlist: [3]": ["2:8: list.0: 3 is no point"],
    "base: base.yaml\nlist: [&a {nic.vfs: 1}, *a]": ["2:8: list.0: anchors", "2:25: list.1: aliases such as *a"],
    "base: base.yaml\nlist: [{nic.vfs: &a 1}, {nic.vfs: *a}]": ["2:18: list.0.nic.vfs: a", "2:35: list.1.nic.vfs: a"],
    "base: base.yaml\ngrid: {nic.vfs: [&a 1, *a]}": ["2:18: grid.nic.vfs.0: a", "2:24: grid.nic.vfs.1: aliases"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nzip: {nic.vfs: [3]}": ["3:7: zip.nic.vfs: it varies in grid already"],
    "base: base.yaml\nset: {nic: {vfs: 3}}\ngrid: {nic.vfs: [2]}": ["3:8: grid.nic.vfs: `set` gives it one value"],
    "base: base.yaml\nseeds: 2\ngrid: {run.seed: [2]}": ["2:8: seeds: grid.run.seed says the seeds already"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: nic.vf > 1": ["3:8: where: nic.vf is no axis"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: nic.vfs > 8": ["3:8: where: no point of 1 meets it"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: nic.vfs > 1ns": ["3:8: where: the number 2 and 1ns cannot"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: 7": ["3:8: where: 7 is no condition"],
    "base: base.yaml\nset: 3\ngrid: {nic.vfs: [2]}": ["2:6: set: 3 where keys"],
    "base: base.yaml\nset: {pcie.lans: 3}\ngrid: {nic.vfs: [2]}": ["2:7: set.pcie.lans: unknown key"],
    "base: base.yaml\ngrid: {nic.vfs: [200, 2], pcie.lanes: [3]}": ["2:18: grid.nic.vfs: ", "2:40: grid.pcie.lanes: "],
    "base: base.yaml\ngrid: {nic.vfs: [64]}": ["2:18: grid.nic.vfs: 64 VFs at a port; the 82599 has at most 63"],
    "base: base.yaml\ngrid: {pcei.lanes: [1, 2, 4]}": ["2:8: grid.pcei: unknown key (did you mean pcie?)"],
    "base: base.yaml\ngrid: {nic: [{vfs: 2}, {vfs: 4}], nic.vfs: [2]}": ["2:35: grid.nic.vfs: it varies with grid.nic"],
    "base: two_servers\ngrid: {'servers[0].set.nic.vfs': [1, 2]}": [
        "2:8: grid.servers[0].set.nic.vfs: entries of a list are named with dots, by position or by name "
        "(did you mean servers.0.set.nic.vfs?)"],
    "base: two_servers\ngrid: {servers.zz.set.nic.vfs: [1, 2]}": [
        "2:8: grid.servers.zz: the list has no entry 'zz'; its entries are a, b"],
    "base: base.yaml\ngrid: {pcie.lanes: null}": ["2:20: grid.pcie.lanes: no value is in it"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: nic.vfs = 2": ["3:8: where: it cannot be read (did you mean ==?)"],
    "base: base.yaml\ngrid: {nic.vfs: [2]}\nwhere: nic.vfs > 1 && true": ["3:8: where: it cannot be read (did you"],
    "base: base.yaml\ntarget: {gbps: 1}\nknobs: {nic.vfs: [2]}": ["1:1: this is a sizing; its command is"],
    "nic: {vfs: 2}": ["1:1: this is a configuration; a sweep names one as its base"],
    "base: {pcie: {lans: 3}}\nseeds: 2": ["1:15: pcie.lans: unknown key"],
    "base: base.yaml\nseeds: 2\nwhere: nic.vfs > 1": ["3:8: where: no key varies"],
    "base: base.yaml\nset: {nic: {rx_ring: 64}}\ngrid: {nic.vfs: [300]}": ["3:18: grid.nic.vfs: 300 is out of range"],
    "base: base.yaml\nlist: [{nic.vfs: 2, cost: -1}]": ["2:27: list.0.cost: -1 is no cost"],
    "base: base.yaml\nlist: [{nic.vfs: 2, cost: 1}, {nic.vfs: 3}]": ["2:31: list.1: all points have the same keys"],
    "base: base.yaml\ngrid: {nic.tx_ring: {from: 1, to: 8, step: 1}}": [
        *(f"2:21: grid.nic.tx_ring: {n} is out of range" for n in (1, 2, 3)), "2:21: grid.nic.tx_ring: and 4 more"],
    "base: base.yaml\nseeds: 2\nseeds: 3": ["3:1: seeds: repeated key"],
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said_in_its_place(text, tmp_path):
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        plan_sweep(path)
    assert len(caught.value.lines) == len(BAD[text]), caught.value.lines
    for line, said in zip(caught.value.lines, BAD[text], strict=True):
        assert line.startswith(f"{path}:{said}"), line


ALL_KINDS = """\
base: base.yaml
set: {nic: {vfs: 300}, pcie.tagz: 8, nic.rx_ring: 64}
were: nic.rx_ring > 8
grid:
  nic.rx_ring: [64, 7]
  pcie.lans: [1, 2]
  pcie.max_payload: {from: 128B, to: 256B}
  port.rate: {values: [10Gbps, 11], cost: 1, mono: true}
zip: {nic.tx_ring: [64, 128, 3], pcie.tags: [8]}
list: [{run.frames: 0}, {run.frame: 3}]
seeds: x
where: nic.rings > 64
"""


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    """What is wrong with the file, with values of its axes, with `set` and with the base itself, in one go."""
    path = written(tmp_path, ALL_KINDS)
    (tmp_path / "base.yaml").write_text("run: {seed: -1}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        plan_sweep(path)
    said = [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines]
    expected = [
        "base.yaml:1:13: run.seed: -1 is out of range",
        "sweep.yaml:2:18: set.nic.vfs: 300 is out of range",
        "sweep.yaml:2:24: set.pcie.tagz: unknown key (did you mean tags?)",
        "sweep.yaml:3:1: were: unknown key (did you mean where?)",
        "sweep.yaml:5:3: grid.nic.rx_ring: `set` gives it one value",
        "sweep.yaml:5:21: grid.nic.rx_ring: 7 is out of range",
        "sweep.yaml:6:3: grid.pcie.lans: unknown key (did you mean lanes?)",
        "sweep.yaml:7:21: grid.pcie.max_payload: one of step, steps and times is needed",
        "sweep.yaml:8:32: grid.port.rate: 11 has no unit",
        "sweep.yaml:8:43: grid.port.rate.cost: a cost is for one unit, and the values have Gbps and no unit",
        "sweep.yaml:8:46: grid.port.rate.mono: unknown key",
        "sweep.yaml:9:30: zip.nic.tx_ring: 3 is out of range",
        "sweep.yaml:9:34: zip.pcie.tags: it has 1 value, nic.tx_ring has 3",
        "sweep.yaml:10:25: list.1: all points have the same keys; run.frame, run.frames are not in all of them",
        "sweep.yaml:11:8: seeds: 'x' is no number of seeds",
        "sweep.yaml:12:8: where: nic.rings is no axis of this sweep (did you mean nic.tx_ring?)",
    ]
    for line, start in zip(said, expected, strict=True):
        assert line.startswith(start), line


def test_a_key_that_varies_cannot_be_set_for_all(tmp_path):
    with pytest.raises(InputError, match=r"sweep: grid.pcie.lanes: --set gives it one value, and here it varies"):
        plan_sweep(SWEEP, ["pcie.lanes=8"])
    with pytest.raises(InputError, match=r"--set nic.rx_rings=3: nic.rx_rings: unknown key"):
        plan_sweep(SWEEP, ["nic.rx_rings=3"])


def test_a_point_that_cannot_be_made_is_told_of_before_the_others_run():
    plan = plan_sweep({"base": {}, "grid": {"nic.vfs": [8, 64]}})
    assert len(plan.doubtful) == 1 and "64 VFs at a port; the 82599 has at most 63" in plan.doubtful[0]


def test_a_scenario_that_no_point_can_have_is_refused_and_one_of_some_points_is_told_of():
    fixed = [{"at": "1ms", "set": {"nic.vfs": 2}}]
    with pytest.raises(InputError, match=r"set.scenario.0.set.nic.vfs: fixed while the machine runs \(1ms\)"):
        plan_sweep({"base": {}, "set": {"scenario": fixed}, "grid": {"pcie.lanes": [4, 8]}})
    late = {"scenario": [{"at": "1ms", "set": {"pcie.lanes": 2}}], "run.duration": "2ms"}
    plan = plan_sweep({"base": {}, "set": late, "grid": {"scenario.0.at": ["1ms", "5ms"]}})
    assert len(plan.doubtful) == 1 and "grid.scenario.0.at: 5ms is after the run's end" in plan.doubtful[0]


@pytest.mark.parametrize(
    ("n_values", "said"), [(1000, "1,000,000 runs; --yes"), (10_000, "100,000,000 combinations are more than")]
)
def test_a_million_points_are_one_line_at_once(n_values, said):
    axis = {"from": 8, "to": 7 + n_values, "step": 1}
    sweep = {"base": {}, "grid": {"nic.rx_ring": axis, "nic.tx_ring": axis}}
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            plan_sweep(sweep)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 8 * n_values**2  # less than a number for each point
    assert len(caught.value.lines) == 1 and said in caught.value.lines[0]
