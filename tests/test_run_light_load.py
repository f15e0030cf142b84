"""A lightly loaded adapter takes about as long as one frame alone by the closed form; docs/drivers.md."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hwmodel import lone_frame, simulate
from hwmodel.config import config_from_mapping
from hwmodel.config.presets import DRIVERS, DRIVERS_OF_DEVICES

DOCUMENT = Path(__file__).parents[1] / "docs" / "drivers.md"
PRESETS = ("kernel", "kernel_busy_poll", "dpdk")


def config_at(preset: str, n_bytes: int, load: float):
    workload = {"pattern": "pairs", "frame_bytes": n_bytes, "load": load}
    base = {"nic": {"preset": "82599", "vfs": 8}, "driver": {"preset": preset}, "workload": workload}
    return config_from_mapping({**base, "run": {"frames": 3000, "duration": "200ms"}}, {})


@pytest.mark.parametrize("n_bytes", [64, 1518])
@pytest.mark.parametrize("preset", PRESETS)
def test_one_frame_in_a_hundred_slots_is_nearly_alone(preset, n_bytes):
    config = config_at(preset, n_bytes, 0.01)
    alone_ns = sum(part_fs for name, part_fs in lone_frame(config).parts_fs.items() if name != "sender_wait") / 1e6
    found = simulate(config).latency_to_guest_ns
    assert found.p50 == pytest.approx(alone_ns, rel=0.05)
    assert 0.98 * alone_ns < found.mean < 1.5 * alone_ns


@pytest.mark.parametrize("preset", ["kernel_busy_poll", "dpdk"])
def test_the_latency_of_a_polled_adapter_rises_with_the_load(preset):
    means = [simulate(config_at(preset, 1518, load)).latency_to_guest_ns.mean for load in (0.01, 0.3, 0.6, 0.9)]
    assert means == sorted(means)


def test_the_documented_presets_are_the_presets():
    rows = [line.strip("|").split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if "`" in line]
    rows = [[cell.strip() for cell in row] for row in rows if len(row) == 5]
    told = {row[0].strip("`"): row[1:4] for row in rows}
    driver_defaults = config_from_mapping({"driver": {"preset": None}}, {}).resolved()["driver"]
    for at, preset in enumerate(PRESETS):
        values = DRIVERS[preset]
        for key, cells in told.items():
            block, _, name = key.rpartition(".")
            known = values.get(block or "driver", {})
            if not cells[at]:
                assert name not in known
                continue
            value = known.get(name, driver_defaults.get(name))
            of_all, _, of_device = cells[at].partition("; ")
            assert yaml.safe_load(of_all) == value, (preset, key)
            if of_device:
                device, _, other = of_device.partition(": ")
                assert yaml.safe_load(other) == DRIVERS_OF_DEVICES[preset, device][block or "driver"][name]
        assert set(values["driver"]) <= set(told)
