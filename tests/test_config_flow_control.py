"""Flow control in a configuration: what is refused, in which words, and what follows from defaults."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.flow_control import FlowControl
from hwmodel.config.headroom import headrooms_of, high_marks_of, low_marks_of, parts_of, response_fs
from hwmodel.errors import InputError

TWO = {"classes": [{"percent": 50}, {"percent": 50}]}


def line_of(changes: dict[str, Any]) -> str:
    with pytest.raises(InputError) as refused:
        config_from_mapping({}, changes)
    (line,) = refused.value.lines
    return line


def of_pause(**keys: Any) -> dict[str, Any]:
    return {"nic.flow_control": {"mode": "pause", **keys}}


def of_pfc(**keys: Any) -> dict[str, Any]:
    return {"nic.arbitration": TWO, "nic.flow_control": {"mode": "pfc", **keys}}


def of_bridge(buffer: str = "1MiB", **keys: Any) -> dict[str, Any]:
    return {"bridge": {"buffer": buffer, "flow_control": {"mode": "pfc", **TWO, **keys}}}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"nic.flow_control": {"mode": "pfc"}}, "mode pfc stops classes, and there are none: say nic.arbitration"),
        ({"nic.flow_control": {"mode": "psc"}}, "'psc' is not one of pause, pfc (did you mean pfc?)"),
        (of_pause(headroom="1MiB"), "headroom: the headroom is 1MiB, and nic.rx_buffer 512KiB: nothing is left"),
        (of_pfc(headroom=["15KiB", "300KiB"]), "the headroom of class 1 is 300KiB, and the part of class 1 256KiB"),
        (of_pfc(headroom="255KiB"), "1KiB below the mark of class 0 do not hold the longest frame, max_frame 1518B"),
        (of_pfc(headroom=["15KiB"] * 3), "headroom: 3 values for 2 classes of nic.arbitration"),
        (of_pfc(parts=["500KiB", "100KiB"]), "the parts are 600KiB together, more than the Rx buffer has (512KiB)"),
        (of_pause(parts=["500KiB"]), "parts: parts by classes are for mode: pfc"),
        (of_pause(priorities=[3]), "priorities: priorities are for mode: pfc"),
        (of_pause(low_water="500KiB"), "the low mark, 500KiB, is not below the high one, 495KiB"),
        (of_pause(quanta=10, refresh=10), "refresh: a refresh after 10 quanta comes when the stop of 10 is over"),
        (of_pause(quanta=65536), "quanta: 65536 is out of range; 1 to 65535"),
        (
            of_pause(received=[{"at": "2us", "quanta": 1}, {"at": "1us", "quanta": 1}]),
            "received.1.at: control frames stand in the order of their times",
        ),
        (of_pause(received=[{"at": "2us", "quanta": 1, "priorities": [1]}]), "priorities are for mode: pfc"),
        (of_pause(received=[{"at": "2us", "quanta": 1, "port": "p1"}]), "there is no port p1; port.count is 1"),
        (
            {**of_pause(received=[{"at": "2us", "quanta": 1}]), "bridge": {}},
            "received: the bridge sends control frames; received is for a machine without one",
        ),
        ({**of_pfc(), "nic.shared_descriptor_cache": 64}, "with mode pfc a ring keeps its descriptors"),
        (of_bridge(classes=[{"percent": 50}]), "bridge.flow_control.classes: percent of all classes is 50, not 100"),
        (of_bridge(buffer="16KiB"), "of class 0's part of a port's buffer, 8KiB, its headroom leaves 0B, which do not"),
        (of_bridge(priorities=[0, 0, 0, 0, 0, 0, 0, 2]), "bridge.flow_control.priorities.7: there is no class 2"),
        (
            {"bridge": {"sharing": "all", "flow_control": {"mode": "pause"}}},
            "bridge.sharing: with flow control each port has its buffer; leave sharing out",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_one_clear_line(changes, line):
    assert line in line_of(changes)


def test_what_follows_from_defaults():
    config = config_from_mapping({}, of_pfc())
    assert parts_of(config) == (256 * 1024,) * 2
    assert headrooms_of(config) == (17 * 1024,) * 2  # 82599 with VFs, 1518 B
    assert high_marks_of(config) == (239 * 1024,) * 2
    assert low_marks_of(config) == (10 * 1024,) * 2
    assert response_fs(config) == 5_514_400 * 10**6 // 1000  # 55144 bit times of 0.1 ns


def test_a_class_without_lossless_priorities_has_no_headroom():
    config = config_from_mapping({}, of_pfc(priorities=[0, 1]))
    assert headrooms_of(config) == (17 * 1024, 0)


def test_written_configurations_come_back():
    for changes in (of_pfc(received=[{"at": "1us", "quanta": 7, "priorities": [3]}]), of_bridge()):
        config = config_from_mapping({}, changes)
        assert config_from_mapping(config.resolved()) == config


def test_flow_control_stays_while_the_machine_runs():
    changes = of_pause() | {"scenario": [{"at": "10us", "set": {"nic.flow_control.quanta": 100}}]}
    assert "nic.flow_control.quanta: fixed while the machine runs (10us): a driver sets it up" in line_of(changes)


def test_a_pause_is_renewed_at_half_its_time_unless_said_otherwise():
    assert [FlowControl(mode="pfc", quanta=quanta).refresh_quanta for quanta in (1000, 3, 1)] == [500, 1, 1]
    said = FlowControl(mode="pfc", quanta=1000, refresh=7, priorities=(3, 4))
    assert (said.refresh_quanta, said.lossless_priorities) == (7, (3, 4))
    assert FlowControl(mode="pause").lossless_priorities == tuple(range(8))
