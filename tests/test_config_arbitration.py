"""Classes of traffic in a configuration: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.arbitration import TransmitArbitration
from hwmodel.config.check_arbitration import check_arbitration
from hwmodel.errors import InputError

TWO = {"classes": [{"percent": 70}, {"percent": 30}]}


def line_of(changes: dict[str, Any]) -> str:
    with pytest.raises(InputError) as refused:
        config_from_mapping({}, changes)
    (line,) = refused.value.lines
    return line


def of_classes(*classes: dict[str, Any]) -> dict[str, Any]:
    return {"nic.arbitration": {"classes": list(classes)}}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            of_classes({"percent": 70}, {"percent": 20}),
            "classes: percent of all classes is 90, not 100",
        ),
        (of_classes({"percent": 70}, {"percent": 40}), "percent of all classes is 110, not 100"),
        (of_classes({"refill": 512, "max": 4095}), "nic.arbitration.classes.0.refill: 512 is out of range; 1 to 511"),
        (of_classes({"refill": 511, "max": 4096}), "nic.arbitration.classes.0.max: 4096 is out of range; 1 to 4095"),
        (of_classes({"percent": 100}, {"refill": 9}), "class 1 needs percent, or refill and max"),
        (
            {"nic.arbitration": {**TWO, "priorities": [0, 0, 0, 0, 1, 1, 1, 2]}},
            "nic.arbitration.priorities.7: there is no class 2; nic.arbitration.classes has 2, from 0",
        ),
        (
            {"nic.arbitration": TWO, "switch.ports": [{"name": "vf1", "classes": [0, 1]}]},
            "vf1 has no queue for class 1: nic.queues_per_vf is 1, and it names 2 classes",
        ),
        (
            {"nic.arbitration": TWO, "switch.ports": [{"name": "vf1", "classes": [2]}]},
            "switch.ports.vf1.classes.0: there is no class 2",
        ),
        (
            {"nic.arbitration": TWO, "switch.ports": [{"name": "vf1", "weight": 50}]},
            "weight 50 beside 1 makes a refill of 650 credits, more than the 511 that a register holds",
        ),
        ({"nic.arbitration": TWO, "switch.scheduler": "deficit"}, "with nic.arbitration its planes say who sends"),
        ({"nic.arbitration": TWO, "nic.preset": "XL710"}, "two planes of classes (DCB); the XL710 has none"),
        ({"nic.arbitration": TWO, "nic.tx_buffer": "2KiB"}, "2KiB for 2 classes are 1024 B each, which never hold"),
        (
            {"nic.strict": False, "nic.arbitration": TWO, "switch.ports.vf0.rate_limit": "600Kbps"},
            "600Kbps is below a 16384th of port.rate 10Gbps, the least that RTTBCNRC holds",
        ),
        (
            {"nic.strict": False, "nic.arbitration": TWO, "switch.ports.vf0.rate_limit": "11Gbps"},
            "11Gbps is more than port.rate 10Gbps",
        ),
        ({"switch.ports.vf0.classes": [0]}, "classes are for nic.arbitration, which there is none of"),
        ({"switch.ports.vf0.credits": {"refill": 9, "max": 9}}, "credits are for nic.arbitration"),
        (
            {"nic.strict": False, "nic.arbitration": TWO, "switch.ports": [{"name": "vf0", "min_rate": "11Gbps"}]},
            "all guarantees up to it are 11Gbps, more than port.rate 10Gbps",
        ),
        (
            {"nic.strict": False, "nic.arbitration": TWO, "switch.ports": [{"name": "vf0", "min_rate": "9Gbps"}]},
            "all guarantees of class 0 up to it are 9Gbps, more than its",
        ),
        (
            {"nic.strict": False, "switch.ports.vf0.receive_limit": "1Gbps", "switch.ports.vf0.receive_burst": "1KiB"},
            "a bucket of 1KiB never has the tokens for the longest frame, max_frame 1518B",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes: dict[str, Any], line: str) -> None:
    assert line in line_of(changes)
    assert check_arbitration.__doc__


def test_a_class_is_that_of_the_priority() -> None:
    config = config_from_mapping({}, {"nic.arbitration": TWO, "switch.ports.vf2.default_priority": 5})
    arbitration = config.nic.arbitration
    assert isinstance(arbitration, TransmitArbitration)
    assert [arbitration.class_of_priority(priority) for priority in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert config.classes_of_queues(3) == (1,) and config.classes_of_queues(1) == (0,)


def test_queues_have_classes_in_turn() -> None:
    config = config_from_mapping(
        {}, {"nic.strict": False, "nic.arbitration": TWO, "nic.queues_per_vf": 3, "switch.ports.vf0.classes": [1, 0]}
    )
    assert config.classes_of_queues(1) == (1, 0, 1)


def test_what_is_not_said_is_left_out_of_the_resolved_configuration() -> None:
    plain = config_from_mapping({}).resolved()
    assert "arbitration" not in plain["nic"]
    assert not {"classes", "credits", "receive_limit", "receive_burst"} & set(plain["switch"]["ports"][0])
    config = config_from_mapping(
        {}, {"nic.strict": False, "nic.arbitration": TWO, "switch.ports.vf0.receive_limit": "1Gbps"}
    )
    assert config_from_mapping(config.resolved()) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("switch.ports.vf0.default_priority", 3), ("switch.ports.vf0.classes", [1]),
        ("nic.arbitration.priorities", [1] * 8),
        ("nic.arbitration.classes", [{"percent": 100}]),
    ],
)  # fmt: skip
def test_which_class_a_ring_is_in_stays_while_the_machine_runs(key: str, value: object) -> None:
    scenario = [{"at": "10us", "set": {key: value}}]
    assert "fixed while the machine runs (10us): a driver sets it up" in line_of(
        {"nic.arbitration": TWO, "scenario": scenario}
    )


def test_credits_and_orders_may_change_while_the_machine_runs() -> None:
    changes = {
        "nic.arbitration.classes": [{"percent": 10, "strict": "link"}, {"percent": 90}],
        "nic.arbitration.pools": "round_robin",
        "switch.ports.vf0.weight": 3,
        "switch.ports.vf0.credits": {"refill": 5, "max": 50},
        "switch.ports.vf0.receive_limit": "1Gbps",
    }
    scenario = [{"at": "10us", "set": changes}]
    assert config_from_mapping({"nic.strict": False}, {"nic.arbitration": TWO, "scenario": scenario}).scenario
