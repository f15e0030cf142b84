"""What `import hwmodel` offers."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

import hwmodel
from tests.sample_result import sample_result
from tests.sample_system import extended_system

PUBLIC = {
    "Config", "InputError", "Interrupted", "LoadSearch", "Result", "RunError", "SizingResult", "SweepResult",
    "SystemResult", "__version__", "explain", "forward_frames", "limits", "load_config", "load_result", "load_sweep",
    "lone_frame",
    "search_loads", "simulate", "size", "sweep",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(hwmodel.__all__) == PUBLIC
    assert set(dir(hwmodel)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_each_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(hwmodel, name))


def test_the_errors_are_the_ones_that_the_library_raises():
    from hwmodel.errors import InputError, RunError

    assert hwmodel.InputError is InputError
    assert hwmodel.RunError is RunError


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hwmodel.no_such_name


def test_input_errors_keep_their_lines():
    assert hwmodel.InputError("a: b").lines == ["a: b"]
    several = hwmodel.InputError(line for line in ("a: b", "c: d"))
    assert several.lines == ["a: b", "c: d"]
    assert str(several) == "a: b\nc: d"


def test_a_file_s_name_is_as_good_as_its_configuration(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("run: {warmup: 0us, duration: 50us}\nworkload: {load: 0.5}")
    config = hwmodel.load_config(path)
    results = [hwmodel.simulate(one) for one in (config, path, str(path))]
    # Results are equal but for what the machine did: what a run took is no part of what it found.
    assert results[0] == results[1] == results[2]
    assert results[0] != dataclasses.replace(results[0], seed=2)
    assert results[0] == dataclasses.replace(results[0], host_run=None)
    assert hwmodel.limits(path) == hwmodel.limits(config) != hwmodel.limits("sriov_ideal")


@pytest.mark.parametrize("function", [hwmodel.simulate, hwmodel.limits, hwmodel.explain])
def test_what_is_no_configuration_is_said(function):
    with pytest.raises(hwmodel.InputError, match=r"no_such\.yaml: no such file"):
        function("no_such.yaml")
    with pytest.raises(hwmodel.InputError, match=r"configuration: pcie\.lanes: "):
        function({"pcie": {"lanes": 5}})
    with pytest.raises(hwmodel.InputError, match="a list is no configuration; give a path, a name"):
        function([])


def test_what_a_file_holds_of_a_result_comes_back(tmp_path):
    """One adapter's and several servers', each as the class that was written; floats to the digits written."""
    for result in (sample_result(), extended_system()):
        path = tmp_path / "result.json"
        path.write_text(result.to_json(), encoding="utf-8")
        for name in (path, str(path)):
            found = hwmodel.load_result(name)
            assert found.to_json() == result.to_json() and type(found) is type(result)
    assert isinstance(found, hwmodel.SystemResult) and issubclass(hwmodel.SystemResult, hwmodel.Result)


def test_a_result_that_is_none_is_said(tmp_path):
    with pytest.raises(hwmodel.InputError, match=r"no_such\.json: cannot be read"):
        hwmodel.load_result(tmp_path / "no_such.json")


LONE = [b"\x02\x00\x00\x00\x00\x03\x02\x00\x00\x00\x00\x02\x08\x00" + bytes(46)]


def test_frames_go_through_the_switch_of_whatever_names_a_configuration():
    config = hwmodel.load_config("sriov_10g_gen2x4")
    found = hwmodel.forward_frames(config, LONE)
    assert [[copy.port for copy in one.deliver] for one in found] == [["vf1"]]
    assert hwmodel.forward_frames("sriov_10g_gen2x4", LONE) == hwmodel.forward_frames({}, LONE) == found


@pytest.mark.parametrize(("frames", "said"), [
    (None, "frames: give"), (LONE[0], "frames: give"), (["00"], "frame 0: a frame is"), ([(0.5, LONE[0])], "frame 0: "),
])  # fmt: skip
def test_what_are_no_frames_is_said(frames, said):
    with pytest.raises(hwmodel.InputError, match=f"^{said}"):
        hwmodel.forward_frames({}, frames)


@pytest.mark.parametrize("given", [None, 5, {}, "", sample_result().to_json()])
def test_what_is_no_path_of_a_result_is_one_line(given):
    """A text that is the result itself was taken for the name of a file, and printed."""
    with pytest.raises(hwmodel.InputError, match=r"^that is no path of a stored result; `Result\.from_json` reads"):
        hwmodel.load_result(given)


@pytest.mark.parametrize(("asked", "said"), [
    ({"threads": 0}, "threads: 0 is out of range"), ({"threads": "2"}, "threads: '2' is out of range"),
    ({"trace_length_fs": 5}, "trace_start_fs, trace_length_fs: only with trace_path"),
    ({"trace_path": "t", "trace_length_fs": 0}, "trace_length_fs: 0 is out of range"),
    ({"trace_path": "t", "trace_start_fs": -1}, "trace_start_fs: -1 is out of range"),
    ({"pcap_hops": ["uplink"]}, "pcap_hops: give a mapping"),
])  # fmt: skip
def test_what_a_run_cannot_do_is_said_before_it_begins(asked, said):
    with pytest.raises(hwmodel.InputError, match=f"^{said}"):
        hwmodel.simulate({}, **asked)


@pytest.mark.parametrize(("asked", "said"), [
    ({"loss": 0.1}, "loss: only with kind partial_drop$"),
    ({"arrivals": "poisson", "loads": [1]}, "loads: only with kind loss_curve or latency_at_load\n"),
    ({"kind": "loss_curve", "loads": []}, "loads: there is none"),
    ({"jobs": "2"}, "jobs: '2' is out of range"),
])  # fmt: skip
def test_what_a_search_has_no_use_for_is_said(asked, said):
    with pytest.raises(hwmodel.InputError, match=f"^{said}"):
        hwmodel.search_loads({"nic": {"vfs": 2}}, **asked)


@pytest.mark.parametrize(("given", "said"), [(5, "an int is no configuration"), ("", "an empty name is no conf")])
def test_what_names_no_configuration_is_said_in_words(given, said):
    with pytest.raises(hwmodel.InputError, match=f"^{said}"):
        hwmodel.load_config(given)
