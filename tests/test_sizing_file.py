"""What a sizing file may say, and what is said of one that says something else: every problem, each at its place."""

from __future__ import annotations

import math

import pytest

from hwmodel.errors import InputError
from hwmodel.explore.sizing import read_sizing
from hwmodel.explore.sizing.sizing_file import MOST_CANDIDATES
from hwmodel.explore.sizing.space import magnitude, monotone_of
from hwmodel.explore.sizing.targets import METRICS, Target, read_target
from hwmodel.explore.study.document import base_of, read_study
from tests.config_cases import ROOT

GOOD = """\
base: base.yaml
set: {nic.vfs: 4}
target: {gbps: 10, p99: 10us, loss: 0.1%}
knobs:
  pcie.lanes: {values: [8, 1, 4], cost: 4}
  nic.rx_buffer: {values: [64KiB, 128KiB], costs: [0, 2.5], monotone: false}
  driver.preset: [kernel, dpdk]
"""
BAD = """\
base: base.yaml
set: {nic.vsf: 16, run.duration: 500}
targt: 3
target: {gbps: -1, p99: 10, latency: 3us, loss: 5, p50: 0us}
repeats: 0
knobs:
  pcie.lanes: {values: [8, 1, 3, 4], cost: 4}
  pcie.lane: {values: [8, 1, 3, 4], cost: 4}
  nic.rx_ring: {values: [128, 256, 512], costs: [1, 2]}
  nic.rx_buffer: {values: [128KiB, 1MiB], cost: 1}
  nic.tx_ring: {values: [256, 256], cost: -3, mono: 1}
  nic.vfs: 3
  pcie.tags: {values: [], cost: 1, costs: [1], monotone: up}
  driver.preset: {values: [kernel, dpdk], cost: 1}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.yaml").write_text("nic: {preset: null}\nrun: {seed: 7}\n", encoding="utf-8")
    return tmp_path


def written(folder, text):
    path = folder / "sizing.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def lines_of(folder, text, overrides=None):
    with pytest.raises(InputError) as caught:
        read_sizing(written(folder, text), overrides)
    return [line.removeprefix(f"{folder}/") for line in caught.value.lines]


def test_a_good_file_is_read(folder):
    sizing = read_sizing(written(folder, GOOD))
    assert [(target.metric, target.bound) for target in sizing.targets] == [
        ("gbps", 10), ("p99", 10_000), ("loss", 0.001)
    ]  # fmt: skip
    lanes, buffer, preset = sizing.knobs
    assert (lanes.values, lanes.costs) == ((1, 4, 8), (4, 16, 32))  # sorted, since nothing was said of the order
    assert (buffer.values, buffer.costs, buffer.monotone) == (("64KiB", "128KiB"), (0, 2.5), frozenset())
    assert (preset.values, preset.costs) == (("kernel", "dpdk"), (0, 0))
    assert sizing.repeats == 3 and sizing.offers_target
    config = sizing.config((2, 1, 1))
    assert (config.pcie.lanes, config.nic.rx_buffer_bytes, config.nic.vfs, config.run.seed) == (8, 128 * 1024, 4, 7)


def test_all_that_is_wrong_is_said_at_once(folder):
    assert lines_of(folder, BAD) == [
        "sizing.yaml:2:7: set.nic.vsf: unknown key (did you mean vfs?)",
        "sizing.yaml:2:34: set.run.duration: 500 has no unit; write a time like 500ns",
        "sizing.yaml:3:1: targt: unknown key (did you mean target?)",
        "sizing.yaml:4:16: target.gbps: -1 is out of range; a rate to reach is above 0, below 1000000, like 10 or "
        "10Gbps",
        "sizing.yaml:4:25: target.p99: 10 has no unit; write a time like 500ns",
        "sizing.yaml:4:29: target.latency: unknown target (did you mean p99?)",
        "sizing.yaml:4:49: target.loss: 5 is out of range; a share of frames is 0 or more and below 1 "
        "(did you mean 5%?)",
        "sizing.yaml:4:57: target.p50: no frame takes no time; write the latency allowed, like 10us",
        "sizing.yaml:5:10: repeats: 0 is out of range; 1 to 10 seeds",
        "sizing.yaml:7:31: knobs.pcie.lanes: 3 is not one of 1, 2, 4, 8, 12, 16, 32",
        "sizing.yaml:8:3: knobs.pcie.lane: unknown key (did you mean lanes?)",
        "sizing.yaml:9:49: knobs.nic.rx_ring.costs: 2 costs for 3 values; one for each",
        "sizing.yaml:10:49: knobs.nic.rx_buffer.cost: a cost is for one unit, and the values have KiB and MiB; write "
        "them in one, or give costs",
        "sizing.yaml:11:31: knobs.nic.tx_ring: nic.tx_ring 256 is there already, as number 1 of 2",
        "sizing.yaml:11:43: knobs.nic.tx_ring.cost: -3 is no cost; a number, 0 or more, for one unit of the value",
        "sizing.yaml:11:47: knobs.nic.tx_ring.mono: unknown key (did you mean monotone?)",
        "sizing.yaml:12:12: knobs.nic.vfs: 3 is no list of values; write it like [3]",
        "sizing.yaml:13:23: knobs.pcie.tags.values: no value is in it; write some, like [1, 2, 4, 8]",
        "sizing.yaml:13:58: knobs.pcie.tags.monotone: 'up' is not one of true, false, auto",
        "sizing.yaml:14:49: knobs.driver.preset.cost: 'kernel' is no number that a cost could multiply; give costs, "
        "one for each value",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "sizing.yaml:1:1: the file is empty"),
        ("[1]", "sizing.yaml:1:1: a list where keys with values are expected"),
        ("base: nowhere\ntarget: {gbps: 1}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:1:7: base: nowhere: no such file"),
        ("base: 3\ntarget: {gbps: 1}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:1:7: base: 3 is no configuration; "),
        ("base: base.yaml\nset: 3\ntarget: {gbps: 1}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:2:6: set: 3 where keys"),
        ("target: {gbps: 1}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:1:1: base: this key is missing; it names"),
        ("base: base.yaml\nknobs: {pcie.lanes: [1]}", "sizing.yaml:1:1: target: this key is missing; write it like"),
        ("base: base.yaml\ntarget: {}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:2:9: target: nothing is in it"),
        ("base: base.yaml\ntarget: {gbps: 1}\nknobs: 4", "sizing.yaml:3:8: knobs: 4 where keys with values are expec"),
        ("base: base.yaml\ngrid: {pcie.lanes: [1]}\nwhere: x", "sizing.yaml:1:1: this is a sweep; its"),
        ("nic: {vfs: 2}\nrun: {}", "sizing.yaml:1:1: this is a configuration; a sizing names one as its base"),
        ("base: base.yaml\ntarget: {gbps: 1}\nknobs: {run.seed: [1, 2]}", "sizing.yaml:3:9: knobs.run.seed: a seed"),
        ("base: {}\ntarget: {loss: 100%}\nknobs: {pcie.lanes: [1]}", "sizing.yaml:2:16: target.loss: '100%' "),
        ("base: {}\ntarget: {gbps: 1}\nknobs: {nic: [{vfs: 2}], nic.vfs: [4]}", "sizing.yaml:3:26: knobs.nic.vfs: it "),
        ("base: {pcie: {lanes: 3}}\ntarget: {gbps: 1}\nknobs: {pcie.tags: [1]}", "sizing.yaml:1:22: pcie.lanes: 3"),
        (
            "base: {scenario: [{at: 1ms, set: {nic.vfs: 2}}]}\ntarget: {gbps: 1}\nknobs: {pcie.tags: [8, 16]}",
            "sizing.yaml:1:35: scenario.0.set.nic.vfs: fixed while the machine runs",
        ),
    ],
)  # fmt: skip
def test_a_file_without_a_question_is_refused(folder, text, line):
    lines = lines_of(folder, text)
    assert len(lines) == 1 and lines[0].startswith(line)


def test_a_knob_that_is_set_elsewhere_is_refused(folder):
    text = GOOD.replace("{nic.vfs: 4}", "{pcie.lanes: 4}")
    assert lines_of(folder, text) == [
        "sizing.yaml:5:3: knobs.pcie.lanes: `set` gives it one value, and here it varies; leave it out of one of them"
    ]
    assert lines_of(folder, GOOD, ["pcie.lanes=2"]) == [
        "sizing.yaml:5:3: knobs.pcie.lanes: --set gives it one value, and here it varies; leave it out of one of them"
    ]


def test_a_value_that_only_some_of_the_others_suit_is_no_problem(folder):
    # A prefetch of 32 fits the larger cache alone.
    text = (
        "base: {nic: {preset: null, descriptor_cache: 16}}\ntarget: {gbps: 1}\n"
        "knobs: {nic.rx_prefetch: [8, 32], nic.descriptor_cache: [16, 64]}\n"
    )
    assert len(read_sizing(written(folder, text)).knobs) == 2
    assert any("rx_prefetch" in line for line in lines_of(folder, text.replace("[16, 64]", "[16, 24]")))


def test_too_many_configurations_are_refused(folder):
    values = ", ".join(map(str, range(1, 102)))
    knobs = ", ".join(f"{key}: [{values}]" for key in ("nic.fetch_batch", "nic.tx_writeback_batch", "pcie.tags"))
    lines = lines_of(folder, f"base: base.yaml\ntarget: {{gbps: 1}}\nknobs: {{{knobs}}}")
    assert lines[0].endswith(f"knobs: 1,030,301 configurations are too many; {MOST_CANDIDATES:,} at most")


@pytest.mark.parametrize(("rate", "follows"), [(None, True), ("2Gbps", False)])
def test_a_base_whose_flows_have_rates_of_their_own_does_not_saturate(rate, follows):
    """No load takes the place of such rates: they are what is offered."""
    flows = [["vf0", "vf1", rate], ["vf1", "vf0", "1Gbps"]]
    base = {"nic": {"vfs": 2}, "workload": {"pattern": "flows", "flows": flows}}
    for target, of_load in (({"gbps": 1, "loss": 0}, "offers_target"), ({"gbps": 1}, "saturates")):
        sizing = read_sizing({"base": base, "target": target, "knobs": {"pcie.lanes": [1, 2]}})
        assert getattr(sizing, of_load) == follows
        assert not (sizing.saturates and sizing.offers_target)


def test_a_mapping_is_as_good_as_a_file():
    sizing = read_sizing({"base": {"nic": {"vfs": 2}}, "target": {"mpps": 1}, "knobs": {"pcie.lanes": [1, 2]}})
    assert sizing.config((1,)).pcie.lanes == 2
    assert not sizing.offers_target
    for given in (3, None):
        with pytest.raises(InputError, match=f"^{given} is no sizing; give a mapping, or the path of a file$"):
            read_sizing(given)
    study = read_study({"base": "nowhere"}, "sizing")
    assert base_of(study) is None and "no such file" in study.problems[0].line


def test_what_is_known_to_be_monotone():
    everything = frozenset(METRICS)
    assert monotone_of("pcie.lanes", [1, 2], None, is_open=True, room_costs=False) == everything
    assert monotone_of("pcie.lanes", [1, 2], None, is_open=False, room_costs=False) == everything - {"loss"}
    assert monotone_of("nic.rx_ring", [64, 128], None, is_open=True, room_costs=False) == {"gbps", "mpps", "loss"}
    assert monotone_of("nic.fetch_batch", [1, 2], None, is_open=True, room_costs=False) == frozenset()
    assert monotone_of("nic.fetch_batch", [1, 2], True, is_open=True, room_costs=False) == everything
    assert monotone_of("pcie.lanes", [1, 2], False, is_open=True, room_costs=False) == frozenset()
    # 0 credits are any number of them, null is no limit: then more is less.
    assert monotone_of("pcie.credits.ph", [0, 32], None, is_open=True, room_costs=False) == frozenset()
    assert monotone_of("nic.max_pps", [None, 1000], None, is_open=True, room_costs=False) == frozenset()
    assert [magnitude(one) for one in (2, "1KiB", "2us", "1Gbps", "kernel", True)] == [2, 1024, 2e9, 1e9, None, None]


@pytest.mark.parametrize(
    ("metric", "value", "bound"),
    [
        ("gbps", "2.5Gbps", 2.5),
        ("mpps", "500Kpps", 0.5),
        ("p999", "1ms", 1e6),
        ("loss", "0.5 %", 0.005),
        ("loss", 0, 0),
    ],
)
def test_targets_are_read_in_their_units(metric, value, bound):
    assert read_target(metric, value) == Target(metric, bound)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("gbps", True),
        ("gbps", "10us"),
        ("mpps", [1]),
        ("p99", "10Gbps"),
        ("loss", "x%"),
        ("loss", None),
        ("loss", -0.1),
    ],
)
def test_targets_of_another_kind_are_refused(metric, value):
    with pytest.raises(ValueError, match=r"\w"):
        read_target(metric, value)


HUGE = "1" + 400 * "0"


@pytest.mark.parametrize("key", ["nic.vfs", "nic.rx_ring", "host.read_latency", "run.seed", "workload.pcap"])
@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1e400", HUGE, f"{HUGE}ns"])
def test_numbers_that_no_float_holds_are_refused_like_others(folder, key, value):
    folder.joinpath("big.yaml").write_text(
        f"base: base.yaml\ntarget: {{gbps: {value}, loss: {value}%}}\nrepeats: {value}\n"
        f"knobs: {{{key}: {{values: [4, {value}], cost: {value}}}}}\n"
    )
    with pytest.raises(InputError) as refusal:
        read_sizing(folder / "big.yaml")
    assert all("big.yaml:" in line for line in refusal.value.lines)
    assert {line.split(": ")[1].split(".")[0] for line in refusal.value.lines} >= {"target", "knobs"}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400])
def test_so_they_are_in_a_mapping(value):
    knobs = {"nic.rx_ring": {"values": [64, value], "cost": value}}
    with pytest.raises(InputError):
        read_sizing({"base": "sriov_10g_gen2x4", "target": {"gbps": value}, "knobs": knobs})


def test_margins_are_shares_of_the_bound():
    assert Target("gbps", 10).margin(12) == pytest.approx(0.2)
    assert Target("p99", 100).margin(150) == pytest.approx(-0.5)
    assert Target("loss", 0).margin(0.01) == pytest.approx(-0.01)


def test_the_page_quotes_the_study_and_its_answer():
    study = ROOT / "configs" / "studies" / "size_16_vms.yaml"
    page = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    assert f"```yaml\n{study.read_text(encoding='utf-8')}```" in page
    sizing = read_sizing(study)
    assert f"Of {math.prod(map(len, sizing.knobs))} configurations 34 were run" in page
    assert sizing.config((2, 0, 0, 0, 2)).nic.rx_writeback_batch == 8
