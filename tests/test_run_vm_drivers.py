"""VMs with drivers of their own: sums by hand, runs that must be alike, who has interrupts, what limits, the page."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hwmodel import limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.explore import explain
from hwmodel.machine.tlp_kinds import RX_INTERRUPT, TX_INTERRUPT
from hwmodel.results.modelled import modelled_sentence
from tests.run_cases import finished, measured, merged
from tests.seeds import seeds

FOUR = {"nic": {"vfs": 4}, "driver": {"preset": "dpdk"}, "run": {"duration": "5ms", "warmup": "500us"}}
# One right behind the other: a core that posts is all that there is to wait for.
TO_WIRE = {
    "pcie": {"generation": 3, "lanes": 16},
    "port": {"rate": "100Gbps"},
    "nic": {"preset": None, "vfs": 4, "queue_time": "0ns", "rx_prefetch": 32, "descriptor_cache": 256},
    "driver": {"preset": "dpdk", "doorbell_time": "0ns", "frame_time": "250ns"},
    "workload": {"pattern": "to_wire", "frame_bytes": 64},
    "run": {"duration": "3ms", "warmup": "500us"},
}


def of_senders(result: Any) -> list[float]:
    """Return what each VF sends, in millions of frames of 64 B a second."""
    return [vm.tx_gbps * 1000 / (64 * 8) for vm in result.vms if vm.name.startswith("vf")]


def test_any_core_of_the_host_may_serve_a_vm():
    """The last two of 1,024 cores, which a host may have however few VMs, do what the last two of seven do."""
    few, many = (
        finished(FOUR, {
            "host": {"cores": n_cores}, "run": {"clocks": "exact"},
            "switch": {"ports": [{"name": "vf0", "cores": [n_cores - 1]}, {"name": "vf1", "cores": [n_cores - 2]}]},
        })[1]
        for n_cores in (7, 1024)
    )  # fmt: skip
    assert (few.vms, few.latency_ns, few.totals) == (many.vms, many.latency_ns, many.totals)
    assert few.cpu.cores_busy == many.cpu.cores_busy > 0


def test_a_slow_vm_sends_what_its_own_core_posts_and_the_others_what_theirs_do():
    """1 / frame_time each, in millions a second."""
    slow = merged(TO_WIRE, {"driver": {"vms": {"vf1": {"frame_time": "2us"}, "vf3": {"frame_time": "500ns"}}}})
    result = simulate(config_from_mapping(slow))
    assert of_senders(result) == pytest.approx([4.0, 0.5, 4.0, 2.0], rel=0.02)  # within a burst of 32


def test_on_one_core_the_times_that_apply_are_those_of_the_vm_whose_work_it_is():
    """Rings of a core have turns of a burst: in 32 * (1 + 3) us each of two VMs posts 32 frames, within a burst."""
    both = {"host": {"cores": 1}, "workload": {"pattern": "flows", "flows": [["vf0", "uplink"], ["vf1", "uplink"]]}}
    shared = merged(TO_WIRE, both, {"driver": {"frame_time": "1us", "vms": {"vf1": {"frame_time": "3us"}}}})
    result = simulate(config_from_mapping(shared))
    assert of_senders(result)[:2] == pytest.approx([0.25, 0.25], rel=0.05)
    # In the closed form a mix in which vf0 sends all may carry 1 M: no run carries more.
    assert 0.5 <= limits(config_from_mapping(shared)).mpps <= 1.0


def test_the_closed_form_takes_each_vms_own_frame_time():
    """Of pairs vf1 can post 0.5 M frames and take as many: of three alike flows of four each gets a quarter."""
    config = config_from_mapping(
        merged(FOUR, {"workload": {"pattern": "pairs", "frame_bytes": 1518, "load": "100Mbps"},
                      "driver": {"doorbell_time": "0ns", "vms": {"vf1": {"frame_time": "2us"}}}})
    )  # fmt: skip
    (core,) = (one for one in limits(config).ceilings if one.resource.startswith("driver."))
    # A quarter of all frames is sent by vf1 and a quarter received: 4 us of its core for four frames.
    assert float(core.frames_per_s) == pytest.approx(1e6)


@pytest.mark.parametrize("preset", ["dpdk", "kernel"])
def test_one_driver_named_by_every_vm_gives_what_it_gives_in_driver(preset):
    load = {"workload": {"pattern": "uniform", "frame_bytes": 300, "wire_share": 0.2, "external": {"rate": "1Gbps"}}}
    adapter = {"nic": {"tx_writeback_batch": 4, "writeback_timeout": "3us"}}  # which a driver of all sets too
    whole = merged(FOUR, load, adapter, {"driver": {"preset": preset, "frame_time": "300ns"}})
    own = {"preset": preset, "frame_time": "300ns"}
    by_vm = {"driver": {"preset": None, "vms": {name: own for name in ("pf", "vf0", "vf1", "vf2", "vf3")}}}
    found = []
    for machine in (whole, merged(FOUR, load, adapter, by_vm)):
        config = config_from_mapping(machine)
        result = simulate(config).to_mapping(include_host_run=False)
        del result["config"], result["config_hash"]
        bottleneck = result["bottleneck"]
        bottleneck["why"] = bottleneck["why"].replace(" (pf, vf0, vf1, vf2, vf3)", "")  # it names each VM's own
        keys = (re.sub(r"driver\.vms\.\w+", "driver", key) for key in bottleneck["keys"])
        bottleneck["keys"] = list(dict.fromkeys(keys))
        found.append((json.dumps(result), limits(config).mpps, limits(config).is_exact))
    assert found[0] == found[1]


def test_a_vm_with_a_kernel_has_interrupts_and_those_that_poll_have_none():
    load = {"workload": {"pattern": "pairs", "frame_bytes": 300, "load": "1Gbps"}}
    run, _ = finished(FOUR, load, {"driver": {"vms": {"vf2": {"preset": "kernel"}}}, "run": {"clocks": "exact"}})
    rings = run.state[0].rx_queue
    told = {name: int(rings[number].told) for number, name in enumerate(("pf", "vf0", "vf1", "vf2", "vf3"))}
    assert told["vf2"] > 100
    assert not any(n for name, n in told.items() if name != "vf2")
    drivers = run.state[0].guests.driver
    assert [bool(drivers[number].polls) for number in range(5)] == [True, True, True, False, True]


def test_without_a_driver_that_takes_interrupts_none_is_raised():
    load = {"workload": {"pattern": "pairs", "frame_bytes": 300, "load": "1Gbps"}}
    none, _ = finished(FOUR, load)
    some, _ = finished(FOUR, load, {"driver": {"vms": {"vf2": {"preset": "kernel"}}}})
    kinds = (RX_INTERRUPT, TX_INTERRUPT)
    counts = [sum(int(run.state[0].ledger.counts.served[kind].n) for kind in kinds) for run in (none, some)]
    assert counts[0] == 0 < counts[1]


def drawn(seed: int) -> dict[str, Any]:
    """Draw a machine of four VMs, some with drivers of their own, and a load."""
    chance = random.Random(seed)

    def own() -> dict[str, Any]:
        keys = {"frame_time": ("20ns", "200ns", "1us"), "doorbell_time": ("0ns", "300ns"), "refill_batch": (1, 4, 32),
                "preset": ("kernel", "kernel_busy_poll", "dpdk", None), "tx_doorbell_batch": (1, 4, 32)}  # fmt: skip
        return {key: chance.choice(keys[key]) for key in chance.sample(sorted(keys), chance.randint(1, 3))}

    return {
        "nic": {"vfs": 4, "drop_enable": chance.random() < 0.5},
        "host": {"cores": chance.choice((1, 2, 4))},
        "driver": {"preset": chance.choice(("kernel", "dpdk")), "vms": {
            name: own() for name in chance.sample(("vf0", "vf1", "vf2", "vf3"), chance.randint(1, 4))}},
        "workload": {"pattern": chance.choice(("pairs", "uniform")), "frame_bytes": chance.choice((64, 256, 1518))},
        "run": {"duration": "100ms", "seed": seed},  # of buffers that fill and empty for milliseconds
    }  # fmt: skip


@pytest.mark.parametrize("seed", seeds(6, 6, 16))
def test_no_run_carries_more_than_the_closed_form(seed):
    config = config_from_mapping(drawn(seed))
    assert config_from_mapping(config.resolved()) == config
    found, result = limits(config), measured(config)
    assert result.totals.mpps <= 1.005 * found.mpps
    assert not found.is_exact or result.totals.mpps >= 0.995 * found.mpps


def test_what_limits_names_the_vm_whose_core_it_is():
    slow = merged(TO_WIRE, {"driver": {"vms": {"vf1": {"frame_time": "2us"}}},
                            "workload": {"pattern": "flows", "flows": [["vf1", "uplink"]]}})  # fmt: skip
    result = explain(config_from_mapping(slow))
    assert (result.bottleneck.resource, result.bottleneck.keys) == ("driver.tx", ("driver.vms.vf1.frame_time",))
    assert not result.bottleneck.also
    best, *others = result.relaxed
    assert (best.change, best.is_bottleneck) == ("driver.vms.vf1.frame_time: 2us -> 1us", True)
    assert best.gain == pytest.approx(1.0, abs=0.05)
    (of_all,) = (one for one in others if one.change == "driver.frame_time: 250ns -> 125ns")
    assert of_all.gain == pytest.approx(0.0, abs=0.01) and not of_all.is_bottleneck


def test_the_page_says_which_vms_have_another_driver():
    own = {"vf1": {"preset": "kernel"}, "vf2": {"preset": "kernel"}, "vf0": {}}
    own["vf3"] = {"frame_time": "200ns", "refill": False}
    config = config_from_mapping(merged(FOUR, {"driver": {"vms": own}}))
    words = modelled_sentence(config.resolved())
    assert "dpdk driver that polls, but vf1 and vf2 with kernel driver with interrupts" in words
    assert words.endswith("but vf3 with refill false and frame_time 200ns.")
    assert "but" not in modelled_sentence(config_from_mapping(FOUR).resolved())


def test_the_example_of_the_docs_gives_what_stands_there():
    page = (Path(__file__).parents[1] / "docs" / "drivers.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (vf[^|]+) \|[^|]+\| ([\d.]+) \|", page, re.MULTILINE)
    told = {name: float(rate) for names, rate in rows for name in names.split(", ")}
    result = simulate(config_from_mapping(yaml.safe_load(example)))
    assert {vm.name: round(vm.rx_mpps, 2) for vm in result.vms if vm.name != "pf"} == told
    assert result.bottleneck.keys == ("driver.frame_time",)  # of vf1 and vf2, which lose more than vf3
    assert "twice as fast (vf3)" in result.bottleneck.why and "driver.vms.vf3.frame_time" in result.bottleneck.why


@pytest.mark.parametrize("key", ["driver.byte_time", "driver.pass_byte_time", "host.virtual_switch.byte_time"])
def test_the_longest_work_on_bytes_ends_within_the_engine_s_time(key: str) -> None:
    """Of the largest bursts at the most that a byte may take; more would pass the last femtosecond of 63 bits."""
    mode = {"driver.byte_time": "sriov", "driver.pass_byte_time": "vmdq", "host.virtual_switch.byte_time": "vswitch"}
    changes = {
        "nic.preset": None, "nic.mode": mode[key], "nic.vfs": 2, "nic.tx_ring": 8192, "nic.rx_ring": 8192,
        "driver.poll_budget": 4096, "driver.send_burst": 4096, "workload.frame_bytes": 9018,
        "switch.ports": [{"name": name, "max_frame": "9018B"} for name in ("vf0", "vf1")],
        "run.warmup": "0us", "run.duration": "200us", "run.clocks": "exact",
    }  # fmt: skip
    assert simulate(config_from_mapping({}, {**changes, key: "1us"})).totals.offered_frames > 0
    with pytest.raises(InputError, match=f"{key}: 1001ns is out of range; 0ns to 1us"):
        config_from_mapping({}, {**changes, key: "1001ns"})
