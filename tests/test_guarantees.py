"""Guarantees: whatever others offer, each has its own, and the rest is shared as the scheduler says."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hwmodel.config import config_from_mapping, load_config
from hwmodel.errors import InputError
from tests.run_cases import result_of

WIRE_BYTES = 20  # preamble, start delimiter, gap
MACHINE: Mapping[str, Any] = {
    "pcie": {"generation": 3, "lanes": 8},
    "nic": {"strict": False, "preset": "82599", "queue_time": "0ns"},
    "port": {"rate": "10Gbps"},
    "driver": {"preset": None, "frame_time": "0ns"},
    "run": {"warmup": "1ms", "duration": "6ms", "clocks": "exact"},
}


def drawn_case(seed: int) -> tuple[dict[str, Any], dict[str, float], dict[str, float]]:
    """Draw stations that all send to the wire; return the blocks, the Gb/s of each, and what is kept for it.

    By hand: senders have frames of one length here, so 10 Gb/s of the wire are so many frames. A sender that offers
    less than its guarantee has what it offers; the others have theirs, and what is left goes to them by weight.
    """
    chance = random.Random(seed)
    n, size = chance.randint(2, 6), chance.choice((64, 200, 570, 1518))
    names = [f"vf{number}" for number in range(n)]
    whole = 10.0 * size / (size + WIRE_BYTES)
    shares = [chance.random() for _ in names]
    part = chance.uniform(0.3, 0.9) * whole / sum(shares)
    least = {name: round(part * share, 3) for name, share in zip(names, shares, strict=True) if chance.random() < 0.7}
    light = [name for name in least if chance.random() < 0.2][: n - 1]
    offered = {name: round(least[name] * chance.uniform(0.2, 0.8), 3) for name in light}
    weights = {name: chance.randint(1, 5) for name in names}
    stations = [
        {"name": name, "weight": weights[name], **({"min_rate": f"{least[name]}Gbps"} if name in least else {})}
        for name in names
    ]
    heavy = [name for name in names if name not in light]
    left = whole - sum(offered.values()) - sum(least.get(name, 0.0) for name in heavy)
    of_weight = left / sum(weights[name] for name in heavy)
    expected = offered | {name: least.get(name, 0.0) + of_weight * weights[name] for name in heavy}
    flows = [[name, "uplink", f"{offered[name]}Gbps" if name in light else "10Gbps"] for name in names]
    blocks = {
        "nic": {"vfs": n},
        "switch": {"scheduler": chance.choice(("weighted", "deficit")), "ports": stations},
        "workload": {
            "pattern": "flows",
            "flows": flows,
            "frame_bytes": size,
            "arrivals": "periodic",
            "on_full": "wait",
        },
    }
    return blocks, expected, {name: offered.get(name, gbps) for name, gbps in least.items()}


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_guarantees_are_kept_and_the_rest_is_shared_by_weight(first: int) -> None:
    """What is left goes by weight within a hundredth: a ring whose descriptors are still to come misses its turn.

    Some frames more or less are of where the window's ends fall.
    """
    for seed in range(first, first + 10):
        blocks, expected, kept = drawn_case(seed)
        result = result_of(MACHINE, blocks)
        sent = {vm.name: vm.tx_gbps for vm in result.vms if vm.name in expected}
        frame_gbps = blocks["workload"]["frame_bytes"] * 8 / 6e6  # of one frame in the window
        for name, gbps in expected.items():
            assert sent[name] >= 0.995 * kept.get(name, 0) - 2 * frame_gbps, (seed, name, kept, sent)
            assert sent[name] == pytest.approx(gbps, abs=0.01 * gbps + 6 * frame_gbps), (seed, name, expected, sent)


def test_it_holds_against_a_strict_scheduler() -> None:
    """The lowest port would have all; the others have what is guaranteed to them."""
    stations = [{"name": "vf1", "min_rate": "1Gbps"}, {"name": "vf2", "min_rate": "500Mbps"}]
    blocks = {
        "nic": {"vfs": 3},
        "switch": {"scheduler": "strict", "ports": stations},
        "workload": {"pattern": "to_wire", "load": "saturate", "frame_bytes": 1518},
    }
    sent = {vm.name: vm.tx_gbps for vm in result_of(MACHINE, blocks).vms}
    whole = 10 * 1518 / 1538
    assert sent["vf1"] == pytest.approx(1, rel=0.005)
    assert sent["vf2"] == pytest.approx(0.5, rel=0.01)
    assert sent["vf0"] == pytest.approx(whole - 1.5, rel=0.005)


def test_it_holds_where_the_link_is_full() -> None:
    """VM to VM at Gen2 x4: the link's way up is full, and what it carries beyond the guarantees goes to all alike."""
    stations = [{"name": "vf0", "min_rate": "2Gbps"}, {"name": "vf2", "min_rate": "3Gbps"}]
    blocks = {
        "pcie": {"generation": 2, "lanes": 4},
        "nic": {"strict": False, "vfs": 4},
        "switch": {"ports": stations},
        "port": {"rate": "40Gbps"},
        "workload": {"pattern": "pairs", "load": "saturate", "frame_bytes": 1518},
    }
    result = result_of(MACHINE, blocks)
    sent = {vm.name: vm.tx_gbps for vm in result.vms}
    rest = sum(sent.values()) - 5
    assert result.pcie.up.utilization > 0.97 and rest > 4
    for name, least in (("vf0", 2), ("vf1", 0), ("vf2", 3), ("vf3", 0)):
        assert sent[name] == pytest.approx(least + rest / 4, rel=0.005), sent


@pytest.mark.parametrize(
    ("ports", "line"),
    [
        (
            [{"name": "vf0", "min_rate": "6Gbps"}, {"name": "vf1", "min_rate": "5Gbps"}],
            "switch.ports.vf1.min_rate: all guarantees up to it are 11Gbps, more than port.rate 10Gbps",
        ),
        ([{"name": "vf1", "min_rate": "11Gbps"}], "all guarantees up to it are 11Gbps, more than port.rate 10Gbps"),
        (
            [{"name": "vf0", "min_rate": "2Gbps", "rate_limit": "1Gbps"}],
            "switch.ports.vf0.min_rate: 2Gbps is more than its rate_limit 1Gbps",
        ),
    ],
)
def test_what_cannot_be_guaranteed_is_refused(ports: list[dict[str, Any]], line: str) -> None:
    with pytest.raises(InputError) as refused:
        config_from_mapping({"switch": {"ports": ports}})
    (found,) = refused.value.lines
    assert line in found


def test_the_guarantee_that_is_too_much_is_told_with_its_line(tmp_path: Path) -> None:
    """And not the rate of the port, which stands before it."""
    file = tmp_path / "machine.yaml"
    file.write_text(
        "nic: {vfs: 2}\nport: {rate: 10Gbps}\nswitch:\n  ports:\n"
        "    - {name: vf1, min_rate: 6Gbps}\n    - {name: pf, min_rate: 1Gbps}\n    - {name: vf0, min_rate: 4Gbps}\n"
    )
    with pytest.raises(InputError) as refused:
        load_config(file)
    assert [one.partition(" all")[0] for one in refused.value.lines] == [f"{file}:5:29: switch.ports.vf1.min_rate:"]
