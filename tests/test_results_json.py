"""The JSON form: the fixed names, what is rounded, what is refused, and that it reads back as it was."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.errors import InputError
from hwmodel.results import FlowResult, Latency, LoadSearch, Result, VmResult, Window
from hwmodel.results.json_form import document_of, dotted, to_plain
from tests.sample_result import sample_result

# Written out from the contract, not taken from the dataclasses.
LATENCY_KEYS = ["min", "mean", "p50", "p99", "p999", "max"]
TOP_KEYS = [
    "schema_version",
    "config",
    "config_hash",
    "seed",
    "window",
    "totals",
    "vms",
    "flows",
    "latency_ns",
    "latency_from_doorbell_ns",
    "fairness_jain",
    "pcie",
    "wire",
    "cpu",
    "drops",
    "queues",
    "stalls_ns",
    "bottleneck",
    "host_run",
]
KEYS = {
    ("window",): ["start_ns", "end_ns"],
    ("totals",): [
        "offered_frames",
        "delivered_frames",
        "dropped_frames",
        "in_flight_frames",
        "delivered_to_wire",
        "from_wire",
        "copies_made",
        "copies_delivered",
        "copies_dropped",
        "copies_in_flight",
        "mirrored",
        "gbps",
        "mpps",
    ],
    ("vms", 0): ["name", "tx_gbps", "rx_gbps", "rx_mpps", "drops", "latency_ns"],
    ("flows", 0): ["from", "to", "offered", "delivered", "gbps", "mpps", "latency_ns"],
    ("latency_ns",): LATENCY_KEYS,
    ("latency_from_doorbell_ns",): LATENCY_KEYS,
    ("vms", 0, "latency_ns"): LATENCY_KEYS,
    ("flows", 0, "latency_ns"): LATENCY_KEYS,
    ("pcie",): ["up", "down"],
    ("pcie", "up"): ["utilization", "bytes"],
    ("pcie", "down"): ["utilization", "bytes"],
    ("pcie", "up", "bytes"): [
        "payload",
        "tlp_overhead",
        "read_request",
        "descriptor",
        "writeback",
        "interrupt",
        "doorbell",
        "dllp",
        "skp",
    ],
    ("wire",): ["tx_gbps", "rx_gbps", "utilization", "wait_ns"],
    ("wire", "wait_ns"): LATENCY_KEYS,
    ("cpu",): ["cores_busy"],
    ("queues", "tx_ring"): ["mean", "max"],
    ("stalls_ns",): ["tags", "credits", "descriptors", "buffer"],
    ("bottleneck",): ["resource", "utilization", "why"],
    ("host_run",): [
        "wall_s",
        "threads",
        "compile_s",
        "events",
        "frames",
        "frames_per_s",
        "peak_rss_mb",
        "versions",
        "machine",
    ],
}


def in_order(wanted: list[str], found: list[str]) -> bool:
    return [key for key in found if key in wanted] == wanted


def test_top_level_keys_stand_in_the_documented_order():
    assert in_order(TOP_KEYS, list(json.loads(sample_result().to_json())))


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)))
def test_inner_keys_stand_in_the_documented_order(path):
    value = json.loads(sample_result().to_json())
    for step in path:
        value = value[step]
    assert in_order(KEYS[path], list(value))


def test_host_run_can_be_left_out():
    result = sample_result()
    without = json.loads(result.to_json(include_host_run=False))
    assert "host_run" not in without
    assert without == {key: value for key, value in json.loads(result.to_json()).items() if key != "host_run"}


def test_two_runs_differ_in_host_run_alone():
    one = sample_result()
    other = dataclasses.replace(one, host_run=dataclasses.replace(one.host_run, wall_s=9.0))
    assert one.to_json() != other.to_json()
    assert one.to_json(include_host_run=False) == other.to_json(include_host_run=False)


def test_a_missing_figure_is_null():
    result = sample_result(latency_ns=Latency(min=1.0, mean=1.0, p50=1.0, max=1.0, count=3), fairness_jain=None)
    document = json.loads(result.to_json())
    assert document["latency_ns"]["p999"] is None
    assert document["fairness_jain"] is None


def test_reads_back_what_was_written():
    text = sample_result().to_json()
    again = Result.from_json(text)
    assert again.to_json() == text
    assert again.flows[3].from_ == "vf3"
    assert again.vms[0].latency_ns.p99 == pytest.approx(sample_result().vms[0].latency_ns.p99, abs=1e-9)
    assert isinstance(again.vms, tuple)


def test_drops_are_sorted_whatever_order_they_were_counted_in():
    one = sample_result(drops={"SPOOFED_MAC": 1, "ACL_DENY": 2})
    other = sample_result(drops={"ACL_DENY": 2, "SPOOFED_MAC": 1})
    assert one.to_json() == other.to_json()
    assert list(json.loads(one.to_json())["drops"]) == ["ACL_DENY", "SPOOFED_MAC"]


def test_numbers_of_numpy_are_written_as_numbers():
    result = sample_result(seed=np.int64(7), fairness_jain=np.float64(0.5), drops={"RUNT": np.uint32(3)})
    document = json.loads(result.to_json())
    assert (document["seed"], document["fairness_jain"], document["drops"]) == (7, 0.5, {"RUNT": 3})


def test_floats_are_rounded_and_whole_numbers_are_not():
    plain = to_plain(Latency(min=-0.0, mean=0.1 + 0.2, p50=1 / 3, count=2**70 + 1))
    assert math.copysign(1, plain["min"]) == 1
    assert (plain["mean"], plain["p50"], plain["count"]) == (0.3, 0.333333333, 2**70 + 1)


def test_a_whole_number_in_a_float_field_is_written_as_a_float():
    with_ints = sample_result(
        window=Window(start_ns=5, end_ns=6), latency_ns=Latency(p50=7), utilization={"wire.tx": 1}
    )
    with_floats = sample_result(
        window=Window(start_ns=5.0, end_ns=6.0), latency_ns=Latency(p50=7.0), utilization={"wire.tx": 1.0}
    )
    assert with_ints.to_json() == with_floats.to_json()
    assert '"start_ns": 5.0' in with_ints.to_json()


def test_the_configuration_is_copied_as_it_is():
    config = {"zeta": 0.12345678901234, "alpha": [1, None, True]}
    text = sample_result(config=config).to_json()
    assert json.loads(text)["config"] == config
    assert text.index("zeta") < text.index("alpha")


def test_what_stood_in_a_configuration_before_is_not_written_for_what_is_equal():
    values = [1, True, 1.0, "1", [1], [True], {"a": 1, "b": 2}, {"b": 2, "a": 1}]
    for value in [*values, *reversed(values)]:
        text = sample_result(config={"host": {"key": value}}).to_json()
        assert json.dumps({"host": {"key": value}}) == json.dumps(json.loads(text)["config"])


@given(st.floats(-1e7, 1e7) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_is_written_as_the_rounded_number(value):
    assert document_of(Latency(mean=value)).split('mean": ')[1].split(",")[0] == repr(round(value, 9) + 0.0)


@pytest.mark.parametrize("value", [1e-4, 9.99999999951e-05, 999999.9999999999, 1e6, 0.0001000005, 5e-10, 0.5e-9, 123.5])
def test_figures_at_the_ends_of_what_is_written_digit_by_digit(value):
    for one in (value, math.nextafter(value, 0), math.nextafter(value, math.inf)):
        assert json.loads(document_of(Latency(mean=one)))["mean"] == round(one, 9)
        assert f'"mean": {round(one, 9)!r},' in document_of(Latency(mean=one))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_no_nan_and_no_infinity_is_written(bad):
    vm = VmResult(name="vf0", tx_gbps=bad, rx_gbps=0.0, rx_mpps=0.0)
    with pytest.raises(ValueError, match=r"vms\[0\]\.tx_gbps"):
        sample_result(vms=(vm,)).to_json()


@pytest.mark.parametrize("bad", [math.nan, math.inf, {1, 2}, b"1", np.int64(1)])
def test_what_json_lacks_is_not_written_in_the_configuration(bad):
    with pytest.raises(ValueError, match=r"^config\.host\[2\]: "):
        sample_result(config={"nic": (), "host": [1, (2.5, None), bad]}).to_json()


def test_a_type_that_json_lacks_is_refused():
    with pytest.raises(ValueError, match=r"^drops\.RUNT: a set cannot be written as JSON$"):
        sample_result(drops={"RUNT": {1, 2}}).to_json()


def test_results_are_frozen_and_travel_between_processes():
    result = sample_result()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.seed = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.totals.gbps = 2.0
    assert pickle.loads(pickle.dumps(result)) == result


def test_window_frames_come_from_the_counts_or_from_the_rate():
    result = sample_result()
    assert result.window_frames == 22_054
    plain_window = Window(start_ns=1_000_000.0, end_ns=21_000_000.0)
    assert sample_result(window=plain_window).window_frames == 22_054
    with_wire = Window(start_ns=0.0, end_ns=1.0, vm_frames=5, wire_frames=7)
    assert sample_result(window=with_wire).window_frames == 12


def test_scalars_are_the_single_figures_by_dotted_name():
    flat = sample_result(drops={"RUNT": 4}).scalars()
    assert flat["totals.offered_frames"] == 27_245
    assert flat["pcie.up.bytes.payload"] == 1516 * 22_054
    assert flat["bottleneck.resource"] == "pcie.up"
    assert flat["drops.RUNT"] == 4
    assert not any(name.startswith(("config.", "host_run", "vms", "flows")) for name in flat)


def test_contract_document_without_the_extra_fields_is_read():
    document = json.loads(sample_result().to_json())
    for key in ("utilization", "latency_histogram", "host_run"):
        del document[key]
    for key in ("vm_frames", "wire_frames"):
        del document["window"][key]
    document["latency_ns"].pop("count")
    document["from_a_later_version"] = {"x": 1}
    result = Result.from_json(json.dumps(document))
    assert result.host_run is None
    assert result.latency_histogram == ()
    assert result.totals == Result.from_json(sample_result().to_json()).totals


def test_half_a_surrogate_pair_in_a_name_can_be_written_to_a_file():
    flow = FlowResult(from_="\ud800", to="vf1", offered=0, delivered=0, gbps=0.0, mpps=0.0)
    text = sample_result(flows=(flow,)).to_json()
    assert Result.from_json(text.encode("utf-8").decode("utf-8")).flows[0].from_ == "\ud800"
    search = LoadSearch(kind="zero_loss", why="\ud800").to_json()
    assert json.loads(search.encode("utf-8"))["why"] == "\ud800"


@given(
    gbps=st.floats(min_value=0, max_value=1e6, allow_nan=False),
    name=st.text(max_size=20),
    drops=st.dictionaries(st.text(min_size=1, max_size=8), st.integers(min_value=0, max_value=2**63 - 1)),
)
def test_any_name_and_number_survives_the_round_trip(gbps, name, drops):
    vm = VmResult(name=name, tx_gbps=gbps, rx_gbps=gbps, rx_mpps=0.0, drops=drops)
    text = sample_small(vm).to_json()
    again = Result.from_json(text)
    assert again.to_json() == text
    assert again.vms[0].name == name
    assert again.vms[0].drops == drops
    assert abs(again.vms[0].tx_gbps - gbps) <= 0.5e-9 + gbps * 2e-16


def sample_small(vm: VmResult) -> Result:
    return dataclasses.replace(_SAMPLE, vms=(vm,), flows=(), latency_histogram=())


_SAMPLE = sample_result()


def test_dotted_names():
    assert dotted(("vms", 3, "latency_ns", "p99")) == "vms[3].latency_ns.p99"


def test_a_result_from_text_names_its_source():
    with pytest.raises(InputError) as caught:
        Result.from_json("[]", name="a.json")
    assert caught.value.lines[0].startswith("a.json:1:1: schema_version:")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON_VALUES)
def test_a_document_is_what_json_writes(plain):
    text = LoadSearch(kind="zero_loss", config={"value": plain}).to_json()
    document = json.loads(text)
    assert text == json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    assert json.dumps(document["config"]["value"]) == json.dumps(plain)


RATES = st.none() | st.floats(min_value=-1e300, max_value=1e300) | st.sampled_from([0.0, -0.0, 1e-10, 1e22])
FLOWS = st.builds(
    FlowResult,
    from_=st.text(max_size=4) | st.just("%s\n]"),
    to=st.just("vf1"),
    offered=st.integers(0, 3) | st.booleans(),
    delivered=st.integers(0, 2**63 - 1),
    gbps=RATES | st.integers(0, 2) | st.floats().map(np.float64),
    mpps=RATES,
    latency_ns=st.builds(Latency, min=RATES, mean=RATES, count=st.integers(0, 2)),
)


@given(st.lists(FLOWS, min_size=1, max_size=3), st.booleans())
def test_very_many_flows_are_written_as_few_are(drawn, are_many):
    """Each row stands as in a document of its own; a document of many is written another way."""
    n_times = 300 if are_many else 1
    flows = tuple(drawn * n_times)
    try:
        of_each = [dataclasses.replace(_SAMPLE, flows=(flow,)).to_json() for flow in drawn]
    except ValueError:
        with pytest.raises(ValueError, match=r"^flows\[[012]\]\.gbps: "):
            dataclasses.replace(_SAMPLE, flows=flows).to_json()
        return
    before, between, behind = '"flows": [\n', ",\n", '\n  ],\n  "latency_ns": {'
    head, _, _ = of_each[0].partition(before)
    tail = of_each[0].rpartition(behind)[2]
    rows = [text.partition(before)[2].rpartition(behind)[0] for text in of_each]
    whole = head + before + between.join(rows * n_times) + behind + tail
    assert dataclasses.replace(_SAMPLE, flows=flows).to_json() == whole


def test_flows_by_column():
    flow = FlowResult(from_="vf0", to="vf1", offered=2**60, delivered=1, gbps=None, mpps=0.1234567891234)
    columns = sample_result(flows=(flow, dataclasses.replace(flow, to="vf2", gbps=1.0))).flow_columns()
    assert columns["to"].tolist() == ["vf1", "vf2"]
    assert columns["offered"].tolist() == [2**60] * 2
    assert np.isnan(columns["gbps"][0])
    assert columns["mpps"][1] == 0.1234567891234
    assert {len(column) for column in sample_result(flows=()).flow_columns().values()} == {0}
