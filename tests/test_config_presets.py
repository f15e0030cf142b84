"""Where each number of a preset comes from, and that presets of hosts give what was published of these hosts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from benches import nfp6000
from benches.nfp6000 import SMALL_WINDOW, Window
from hwmodel import limits, simulate
from hwmodel.config import config_from_mapping, presets
from hwmodel.config.presets import HOSTS
from hwmodel.errors import InputError
from hwmodel.simulation.run.dma import bandwidth_gbps, latency_ns

pytestmark = pytest.mark.strict_devices

NS = 10**6
SOURCE = Path(presets.__file__).read_text(encoding="utf-8")


def values_in(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the name and the line of each value that a preset gives: dictionaries' and devices' own."""
    for node in ast.walk(tree):
        named: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            named = [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Device":
            named = [(one.arg, one.value) for one in node.keywords if one.arg is not None]
        yield from ((name, value.lineno) for name, value in named if isinstance(value, ast.Constant | ast.List))


def without_source(source: str) -> list[str]:
    lines = source.splitlines()
    found = list(values_in(ast.parse(source)))
    assert len(found) > 100 or len(lines) < 10
    return [f"{name}, line {at}" for name, at in found if not lines[at - 1].partition("  # ")[2].strip()]


def test_each_number_of_a_preset_has_its_source_beside_it():
    assert without_source(SOURCE) == []


@pytest.mark.parametrize("line", ['"rx_ring": 512,', '"rx_ring": 512,  #', '"jitter": {"kind": "fixed"},'])
def test_a_number_without_a_source_is_found(line):
    assert len(without_source(f"VALUES = {{\n    {line}\n}}\n")) == 1


@pytest.mark.parametrize(
    ("preset", "read_latency_ns", "cache_mib", "least_ns", "most_ns"),
    [
        ("xeon_e5_2630v4", 445, 25, 0, 80),
        ("xeon_e5_2637v3", 485, 15, 0, 80),
        ("xeon_e3_1226v3_outside_model", 404, 8, 0, 11494),
    ],
)
def test_what_a_host_is(preset, read_latency_ns, cache_mib, least_ns, most_ns):
    host = config_from_mapping({"host": {"preset": preset}}).host
    assert (host.read_latency_fs, host.cache.size_bytes) == (read_latency_ns * NS, cache_mib << 20)
    offsets = [one.offset_fs for one in host.jitter.bins]
    assert (min(offsets), max(offsets)) == (least_ns * NS, most_ns * NS)
    calibrated = config_from_mapping({"host": {"preset": "xeon_e5_2630v4"}}).host
    taken_over = ("write_latency_fs", "write_drain_bps", "remote_latency_fs", "iotlb")
    assert all(getattr(host, name) == getattr(calibrated, name) for name in taken_over)
    assert host.cache.read_miss_fs == calibrated.cache.read_miss_fs


def test_reads_in_other_hosts_take_what_was_published():
    """The least, the median and the tail of reads of 64 B, to a step of the adapter's counter (13.3 ns), or 3 %."""
    figures = list(nfp6000.other_hosts())
    assert len(figures) == 5 and {one.group.split()[-1] for one in figures} == set(HOSTS) - {"xeon_e5_2630v4"}
    assert max(abs(one.model - one.measured) / max(13.4, 0.03 * one.measured) for one in figures) < 1


@pytest.mark.parametrize(("preset", "share_missed"), [("xeon_e5_2630v4", 0), ("xeon_e5_2637v3", 0.25)])
def test_a_window_larger_than_the_cache_is_read_from_memory_in_part(preset, share_missed):
    """5 of 20 MiB in memory, 80 ns later each: 20 ns in the mean, with the random draws of 2000 reads."""
    config = nfp6000.config_of((("host.preset", preset),))
    means = [latency_ns(config, 64, "read", window).mean for window in (SMALL_WINDOW, Window(20 << 20))]
    assert means[1] - means[0] == pytest.approx(80 * share_missed, abs=4)


def test_the_slow_host_holds_reads_for_longer():
    """Little's law: with 35 reads under way at the most, each for longer, so much fewer come back."""
    found = {}
    for preset in ("xeon_e5_2630v4", "xeon_e3_1226v3_outside_model"):
        config = nfp6000.config_of((("host.preset", preset),))
        found[preset] = bandwidth_gbps(config, 64, "read", SMALL_WINDOW), latency_ns(config, 64, "read", SMALL_WINDOW)
    (fast_gbps, _), (slow_gbps, slow) = found.values()
    assert slow.mean is not None
    assert slow_gbps < min(fast_gbps / 2, 35 * 64 * 8 / slow.mean)


def test_the_adapter_of_another_driver_has_its_numbers():
    """i40evf's for the XL710, ixgbevf's for the others; what is written counts before both."""

    def numbers(nic, **driver):
        config = config_from_mapping({"nic": {"preset": nic}, "driver": {"preset": "kernel", **driver}})
        intervals_us = [interval_fs // (1000 * NS) for interval_fs in config.driver.adaptive_intervals_fs]
        return intervals_us, config.driver.tx_interrupt_batch, config.nic.tx_writeback_batch

    assert numbers("82599") == numbers("X550") == ([10, 50, 84], 8, 8)
    assert numbers("XL710") == ([20, 50, 124], 4, 4)
    assert numbers("XL710", adaptive_intervals=["1us", "2us", "3us"], tx_interrupt_batch=2) == ([1, 2, 3], 2, 4)
    assert config_from_mapping({"nic": {"preset": "XL710"}, "driver": {"preset": "dpdk"}}).nic.tx_writeback_batch == 8


@pytest.mark.parametrize("intervals", [["1us", "2us"], ["1us", "2us", "3us", "4us"], ["0us", "1us", "2us"], "1us"])
def test_intervals_are_three_times(intervals):
    with pytest.raises(InputError, match=r"driver.adaptive_intervals"):
        config_from_mapping({"driver": {"adaptive_intervals": intervals}})


@pytest.mark.parametrize(
    ("preset", "said"),
    [("xeon_e5_2630v4", []), ("xeon_e5_2637v3", ["is not measured"]),
     ("xeon_e3_1226v3_outside_model", ["is outside the model"])],
)  # fmt: skip
def test_what_was_never_measured_is_said_of_each_result(preset, said):
    config = config_from_mapping({"host": {"preset": preset}, "run": {"duration": "100us"}})
    of_run = [one for one in simulate(config).warnings if one.startswith("host.preset")]
    of_limits = [one for one in limits(config).notes if one.startswith("host.preset")]
    assert of_run == of_limits and len(of_run) == len(said)
    assert all(one.startswith(f"host.preset {preset} {words}") for one, words in zip(of_run, said, strict=True))


def test_a_preset_that_has_another_name_now():
    with pytest.raises(
        InputError, match=r"is now named xeon_e3_1226v3_outside_model: no figure of that host under load"
    ):
        config_from_mapping({"host": {"preset": "xeon_e3_1226v3"}})
