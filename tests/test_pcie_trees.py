"""PCIe trees in whole runs: one endpoint as with `switch_hops`, a shared link and its shares, times worked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwmodel.config import Config, config_from_mapping, load_config, switches_of
from hwmodel.report import render_page
from hwmodel.results import Result, SystemResult
from hwmodel.results.shared_links import PcieSwitchResult, SwitchLinkUse, SwitchPortUse
from hwmodel.results.shared_links_text import switch_rows
from hwmodel.results.summary import summary
from hwmodel.simulation import lone_frame, simulate
from hwmodel.simulation.figures.tree_use import tree_suspects

DEMO = Path(__file__).parent.parent / "configs" / "sriov_10g_gen2x4.yaml"
WIDE = {"ph": 127, "pd": 2047, "nph": 127, "cplh": 127, "cpld": 2047, "return": "0ns"}
GBPS_OF_ONE_X4 = 15.958e9 / 8 / 1809 * 1518 * 8 / 1e9  # docs/pcie.md: 1809 B up for each frame, batches of 8


def with_tree(tree: dict[str, Any] | None, adapters: str = "xyz", **blocks: Any) -> Config:
    """Return the demo's machine in several adapters of one host, each with four VMs and a link of eight lanes."""
    server: dict[str, Any] = {"name": "a", "adapters": [{"name": name} for name in adapters]}
    if tree is not None:
        server["tree"] = tree
    changes = {"nic.vfs": 4, "pcie.lanes": 8, "servers": [server], **blocks}
    return load_config(DEMO, changes)


def shared(x: int = 1, y: int = 1, **switch: Any) -> dict[str, Any]:
    """Return a tree: x and y behind one switch with four lanes to the host, z in a slot of its own with four."""
    slots = {"x": {"behind": "s1", "weight": x}, "y": {"behind": "s1", "weight": y}, "z": {"lanes": 4}}
    return {"switches": [{"name": "s1", "generation": 2, "lanes": 4, **switch}], "slots": slots}


def rates(result: Result) -> dict[str, float]:
    assert isinstance(result, SystemResult)
    return {each.name: each.rx_gbps or 0.0 for each in result.adapters}


SHORT = {"run.warmup": "2ms", "run.duration": "10ms"}


@pytest.fixture(scope="module")
def equal() -> Result:
    return simulate(with_tree(shared(), **SHORT))


def test_two_adapters_share_a_link_equally(equal: Result) -> None:
    found = rates(equal)
    assert found["a.x"] == pytest.approx(found["a.y"], rel=0.01)
    assert found["a.x"] + found["a.y"] == pytest.approx(GBPS_OF_ONE_X4, rel=0.02)


@pytest.mark.parametrize("forwarding", ["cut_through", "store_and_forward"])
def test_shares_go_by_weight(forwarding: str) -> None:
    result = simulate(with_tree(shared(3, 1, forwarding=forwarding), **SHORT))
    found = rates(result)
    both = found["a.x"] + found["a.y"]
    assert found["a.x"] / both == pytest.approx(3 / 4, rel=0.01)
    assert both == pytest.approx(GBPS_OF_ONE_X4, rel=0.02)
    (switch,) = result.pcie_switches
    x, y = switch.ports
    assert x.tlps == pytest.approx(3 * y.tlps, rel=0.03)  # at times x has less than three in line
    assert switch.up.tlps == x.tlps + y.tlps
    assert switch.up.utilization > 0.999


def test_an_adapter_in_its_own_slot_is_untouched(equal: Result) -> None:
    """z has the very figures that it has where x and y have root ports of their own."""
    apart = simulate(with_tree({"slots": {"x": {}, "y": {}, "z": {"lanes": 4}}}, **SHORT))
    assert isinstance(equal, SystemResult)
    assert isinstance(apart, SystemResult)
    mine, other = (replace(each.adapters[2], bottleneck=apart.adapters[2].bottleneck) for each in (equal, apart))
    assert mine == other
    assert equal.adapters[2].rx_gbps == pytest.approx(GBPS_OF_ONE_X4, rel=0.01)
    assert rates(apart)["a.x"] > 1.9 * rates(equal)["a.x"]


@pytest.mark.usefixtures("no_figures")
def test_the_shared_link_is_named() -> None:
    tree = {"switches": [{"name": "s1", "lanes": 4}], "slots": {"x": {"behind": "s1"}, "y": {"behind": "s1"}}}
    result = simulate(with_tree(tree, "xy", **SHORT))
    assert result.bottleneck.resource == "a.s1.up"
    assert result.bottleneck.keys == ("servers.a.tree.switches.s1.lanes", "servers.a.tree.switches.s1.generation")
    assert "PCIe switch a.s1 toward the host, which a.x and a.y share, is busy 100.0 %" in result.bottleneck.why
    text, page = summary(result, verbose=True), render_page([result], [""])
    assert "a.s1         Gen2 x4 to root  100.0 %" in text
    assert "PCIe switches" in page
    assert "Gen2 x4 to root" in page
    again = Result.from_json(result.to_json()).pcie_switches
    assert again[0].up.tlps == result.pcie_switches[0].up.tlps
    assert [port.name for port in again[0].ports] == ["a.x", "a.y"]


def test_each_direction_that_is_half_full_is_a_suspect_by_its_share() -> None:
    (switch,) = switches_of(with_tree(shared()))
    used = [SwitchLinkUse(utilization=share, tlps=1, tlp_bytes=24, dllp_bytes=0) for share in (0.4, 0.8)]
    ports = tuple(SwitchPortUse(name=name, weight=n, tlps=n, bytes=24 * n, share=n / 4) for name, n in
                  (("a.x", 3), ("a.y", 1)))  # fmt: skip
    result = PcieSwitchResult(
        name="a.s1", behind="root", generation=2, lanes=4, up=used[0], down=used[1], ports=ports
    )  # fmt: skip
    (found,) = tree_suspects([switch], [result])
    assert (found.resource, found.share, found.use) == ("a.s1.down", 0.8, 0.8)
    assert "from the host" in found.why
    # One key widens both: of such suspects a judgement keeps the first, which is to be the one that is full.
    busier = replace(result, up=replace(used[0], utilization=0.51))
    assert [one.resource for one in tree_suspects([switch], [busier])] == ["a.s1.down", "a.s1.up"]


def test_the_rows_of_switches_say_weights_where_they_differ(equal: Result) -> None:
    (one,) = equal.pcie_switches
    halves = [replace(port, share=0.5) for port in one.ports]
    for weights, words in (
        ((1, 1), "a.x 50.0 %, a.y 50.0 %"),
        ((3, 1), "a.x 50.0 % (weight 3), a.y 50.0 % (weight 1)"),
    ):
        ports = tuple(replace(port, weight=n) for n, port in zip(weights, halves, strict=True))
        ((*_, shares),) = switch_rows(replace(equal, pcie_switches=(replace(one, ports=ports),)))
        assert shares == words


ENDPOINT = {
    "nic.vfs": 2, "pcie": {"lanes": 4, "dllp_model": "none", "propagation": "7ns"}, "workload.pattern": "pairs",
    "run": {"warmup": "100us", "duration": "500us"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("n", "changes"),
    [
        (1, {}),
        (2, {}),
        (1, {"workload.load": 0.1}),
        (1, {"host.iotlb": {"entries": 32, "miss": "300ns"}, "pcie.ordering": "relaxed"}),
    ],
)
def test_one_endpoint_behind_equal_links_is_switch_hops(n: int, changes: dict[str, Any]) -> None:
    """Cut-through between links of one rate adds the latency to each flight, and nothing else."""
    switches = [{"name": f"s{at}", "behind": f"s{at - 1}" if at else "root", "credits": WIDE} for at in range(n)]
    tree = {"switches": switches, "slots": {"x": {"behind": f"s{n - 1}"}}}
    behind = config_from_mapping(ENDPOINT, {"servers": [{"name": "a", "adapters": [{"name": "x"}], "tree": tree}]})
    hops = config_from_mapping(ENDPOINT, {"servers": [{"name": "a", "adapters": [{"name": "x"}]}]})
    of_tree = behind.with_overrides(changes)
    of_hops = hops.with_overrides({**changes, "pcie.switch_hops": n})
    one, other = simulate(of_tree), simulate(of_hops)
    assert one.totals.delivered_frames > 40
    assert (one.totals, one.latency_ns, one.vms) == (other.totals, other.latency_ns, other.vms)
    assert isinstance(one, SystemResult)
    assert isinstance(other, SystemResult)
    assert one.adapters[0].pcie.up == other.adapters[0].pcie.up


def test_a_switchs_link_is_as_busy_as_its_one_adapters_with_what_an_idle_link_sends() -> None:
    """At a light load the Acks and SKPs of `dllp_model: spec` at Gen2 x1 are most of what both links carry."""
    switch = {"name": "s1", "generation": 2, "lanes": 1, "credits": WIDE}
    server = {
        "name": "a",
        "adapters": [{"name": "x"}],
        "tree": {"switches": [switch], "slots": {"x": {"behind": "s1"}}},
    }
    slow = {"pcie.lanes": 1, "pcie.dllp_model": "spec", "workload.load": "5Mbps", "run.duration": "10ms"}
    result = simulate(config_from_mapping(ENDPOINT, {"servers": [server], **slow}))
    assert isinstance(result, SystemResult)
    own, link = result.adapters[0].pcie, result.pcie_switches[0]
    assert (link.up.utilization, link.down.utilization) == pytest.approx((own.up.utilization, own.down.utilization))
    assert link.up.utilization > 4 / 1538 + 16 / 467  # SKPs, and an Ack and an UpdateFC for each 467 symbols


def test_one_frame_through_a_store_and_forward_switch_takes_what_is_worked_by_hand() -> None:
    """Gen2 x8 below, Gen2 x4 above, 0.250652 and 0.501304 ns a byte: each TLP takes both, and the switch's latency."""
    tree = {"switches": [{"name": "s1", "lanes": 4, "latency": "120ns", "forwarding": "store_and_forward"}],
            "slots": {"x": {"behind": "s1"}}}  # fmt: skip
    config = with_tree(
        tree, "x",
        **{"pcie.dllp_model": "none", "workload.frame_bytes": 64, "host.read_latency": "450ns", "nic.vfs": 2,
           "nic.rx_writeback_batch": 1, "nic.tx_writeback_batch": 1, "driver.rx_interrupt_batch": 0},
    )  # fmt: skip
    parts = {name: part_fs / 1e6 for name, part_fs in lone_frame(config).parts_fs.items() if part_fs is not None}
    above, below, through = 8 / 15.958388, 8 / 31.916775, 120.0

    def both_ns(n_bytes: int) -> float:
        return n_bytes * (above + below) + through

    assert parts["doorbell"] == pytest.approx(both_ns(28), abs=0.01)
    assert parts["tx_descriptor_fetch"] == pytest.approx(both_ns(24) + 450 + both_ns(20 + 16), abs=0.01)
    assert parts["payload_read"] == pytest.approx(both_ns(24) + 450 + both_ns(20 + 60), abs=0.01)
    # Behind it comes a read of Rx descriptors, then the write-back; above both wait until the payload has left.
    assert parts["payload_write"] == pytest.approx(both_ns(24 + 60), abs=0.01)
    assert parts["writeback"] == pytest.approx((24 + 40) * above, abs=0.01)
