"""Shared buses in whole runs: beside the closed form, by hand, and what is said of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from benches.pci_x_card import PUBLISHED_MBPS, application_gbps
from hwmodel.analytic import dma_limits, limits
from hwmodel.analytic.limits_text import limits_text
from hwmodel.config import Config, buses_of, config_from_mapping, servers_of
from hwmodel.config.fill_queues import fill_bus
from hwmodel.config.pcie_switches import SharedBus
from hwmodel.config_space.enumeration import configured
from hwmodel.errors import InputError
from hwmodel.relaxations import relaxations_of
from hwmodel.report import render_page
from hwmodel.results import Result, SystemResult
from hwmodel.results.shared_links import CLOCKS, BusResult
from hwmodel.results.shared_links_text import bus_rows, bus_words, configured_noun
from hwmodel.results.summary import summary
from hwmodel.simulation import dma, lone_frame, simulate
from hwmodel.simulation.figures.bus_use import bus_suspects
from tests.config_cases import ROOT
from tests.run_cases import measured

BASE: dict[str, Any] = {
    "pcie": {"bus": {"kind": "pci_x", "clock_mhz": 66, "latency_timer": 255}},
    "nic": {"preset": None, "vfs": 2},
    "driver": {"preset": None},
    "workload": {"pattern": "pairs", "frame_bytes": 1518, "load": "saturate"},
    "run": {"warmup": "8ms", "duration": "8ms"},
}
PCI = {"nic.strict": False, "pcie.bus.kind": "pci", "pcie.max_read_request": "4KiB", "pcie.tags": 4}


def config_of(**changes: Any) -> Config:
    return config_from_mapping(BASE, changes)


@pytest.mark.parametrize("changes", [{}, PCI], ids=["PCI-X", "PCI"])
def test_from_vm_to_vm_a_bus_carries_less_than_half_its_rate_as_the_closed_form_says(changes: dict[str, Any]) -> None:
    config = config_of(**changes)
    found, result = limits(config), simulate(config)
    assert (found.limited_by, result.bottleneck.resource) == ("bus", "bus")
    assert found.raw_gbps == pytest.approx(4.2667, rel=1e-4)
    assert result.totals.gbps is not None
    assert result.totals.gbps == pytest.approx(found.gbps, rel=0.02)
    assert result.totals.gbps < 1.01 * found.gbps < found.raw_gbps / 2  # frames are counted eight at a time


def test_a_frame_by_hand() -> None:
    """PCI-X, 64 bits, all batches 8: clocks of docs/pcie.md, "A shared bus"; 8 B for each."""
    found = {step.name: float(step.n_bytes) / 8 for step in limits(config_of()).steps}
    assert found["payload read request"] == 3 * 6
    assert found["payload read completion"] == 3 * 5 + 190
    assert found["payload write"] == 5 + 190
    assert found["Tx doorbell"] == found["Rx doorbell"] == 6 / 8
    assert found["Tx descriptor read request"] == 6 / 8
    assert found["Tx descriptor read completion"] == (5 + 16) / 8
    assert found["Rx write-back"] == 5 + 2


def test_throughput_rises_with_the_read_size() -> None:
    """One split under way: who reads more at once waits less often; 9000 B of payload, as a 10 GbE adapter sends."""
    sizes = ("512B", "1KiB", "2KiB", "4KiB")
    jumbo = {"nic.strict": False,
             "pcie.bus.clock_mhz": 133, "pcie.tags": 1, "workload.frame_bytes": 9018, "host.buffer_bytes": "16KiB",
             "switch.ports.all.max_frame": "9018B"}  # fmt: skip
    gbps = [simulate(config_of(**jumbo, **{"pcie.max_read_request": n})).totals.gbps or 0 for n in sizes]
    assert all(more > 1.02 * less for less, more in pairwise(gbps))
    assert gbps[-1] > 1.3 * gbps[0]


def test_delayed_reads_hold_the_bus() -> None:
    """A host that takes longer lets a device of PCI try more often, and each try keeps the bus for five clocks."""
    alone = {"nic.strict": False, "pcie.bus.kind": "pci", "workload.pattern": "to_wire"}
    near, far = (simulate(config_of(**alone, **{"host.read_latency": ns})).buses[0] for ns in ("150ns", "3us"))
    for one in (near, far):
        assert one.clocks["retries"] == pytest.approx(one.retries * 5 * 15e-9 / 8e-3, rel=1e-9)
        assert sum(one.clocks.values()) == pytest.approx(one.utilization, abs=1e-4)
    # 3 us are 200 clocks; a try with its pause takes 5 + 2.
    per_read = far.clocks["retries"] / far.clocks["read_requests"]
    assert per_read == pytest.approx(200 / 7, rel=0.05)
    assert near.clocks["retries"] < near.clocks["read_requests"] * 3
    assert far.masters["adapter"] > 0.95


def test_lone_frame_by_hand() -> None:
    """Three requests of 6 clocks follow one another; 60 clocks behind the first's end its data come, all in a row.

    The first clock of each is the one in which the bus is granted; bursts of 64, 64 and 62 words have 5 more.
    """
    changes = {"nic.strict": False, "pcie.bus.clock_mhz": 133, "host.read_latency": "450ns"}
    parts_fs = lone_frame(config_of(**changes)).parts_fs
    assert parts_fs["payload_read"] == (6 + 60 + 69 + 69 + 67) * 7_500_000


TWO = {"servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}]}


@pytest.fixture(scope="module")
def shared() -> Result:
    return simulate(config_of(**TWO))


def test_adapters_of_one_bus_share_it_evenly(shared: Result) -> None:
    assert isinstance(shared, SystemResult)
    found = limits(config_of(**TWO))
    x, y = (one.rx_gbps or 0 for one in shared.adapters)
    assert x == pytest.approx(y, rel=0.02)
    assert x + y == pytest.approx(found.gbps, rel=0.02)
    assert (found.limited_by, shared.bottleneck.resource) == ("a.bus", "a.bus")
    (bus,) = shared.buses
    assert tuple(bus.clocks) == CLOCKS
    assert sum(bus.masters.values()) == pytest.approx(1)
    assert bus.masters["a.x"] == pytest.approx(bus.masters["a.y"], rel=0.05)


@pytest.mark.usefixtures("no_figures")
def test_what_is_said_of_a_bus(shared: Result) -> None:
    (bus,) = shared.buses
    assert bus_words(bus).startswith("a.bus busy 100.0 % (data 8")
    ((name, kind, *_, masters),) = bus_rows(shared)
    assert (name, kind) == ("a.bus", "PCI-X 64-bit 66 MHz")
    assert masters.startswith("a.x 2")
    assert "PCI-X 64-bit 66 MHz" in summary(shared, verbose=True)
    assert "Shared bus" in render_page([shared], [""])
    assert "4.267 Gb/s raw, both directions together: 533.3 MB/s" in limits_text(limits(config_of()))
    assert "Of a bus each transaction is counted once" in limits_text(limits(config_of(**TWO)))


def test_a_bus_of_several_is_suspected_and_their_parts_are_not(shared: Result) -> None:
    (bus,) = buses_of(servers_of(config_of(**TWO)))
    assert isinstance(bus, SharedBus)
    found = BusResult(name="a.bus", kind="pci_x", width_bits=64, clock_mhz=66, utilization=0.9,
                      clocks=dict.fromkeys(CLOCKS, 0.1), retries=0, masters={})  # fmt: skip
    (suspect,) = bus_suspects([bus], [found])
    assert (suspect.resource, suspect.share) == ("a.bus", 0.9)
    assert isinstance(shared, SystemResult)
    assert {"bus"}.isdisjoint(
        name for one in shared.adapters for name in (one.bottleneck.resource, *one.bottleneck.also)
    )
    assert not any(name.endswith(("x.bus", "y.bus")) for name in shared.bottleneck.also)


def changes_of(config: Config) -> dict[str, list[str]]:
    return {name: [key for key, *_ in one.changes] for one in relaxations_of(config) for name in one.resources}


def test_what_makes_a_bus_faster() -> None:
    assert changes_of(config_of())["bus"] == ["pcie.bus.clock_mhz"]
    both = [f"servers.a.adapters.{name}.set.pcie.bus.clock_mhz" for name in "xy"]
    assert changes_of(config_of(**TWO))["a.bus"] == both
    fastest = {"nic.strict": False, "pcie.bus.clock_mhz": 133, "pcie.max_payload": "128B"}
    found = changes_of(config_of(**fastest))
    assert found["bus"] == ["pcie.max_payload", "pcie.max_read_request"]
    assert not {"pcie.up", "pcie.down", "pcie.switch_latency"} & set(found)


def test_what_is_not_done_on_a_bus_is_refused_in_a_line() -> None:
    with pytest.raises(InputError, match="it measures a link, and the adapter is on a bus"):
        dma(config_of(), [64])
    with pytest.raises(InputError, match="it is of a link, and the adapter is on a bus"):
        dma_limits(config_of(), [64])
    with pytest.raises(InputError, match="its registers are of PCI Express"):
        configured(servers_of(config_of())[0])


def test_keys_that_are_written_stay() -> None:
    plain: dict[str, Any] = {"bus": {"kind": "pci"}, "tags": 3}
    fill_bus(plain)
    assert plain == {"bus": {"kind": "pci"}, "tags": 3, "max_payload": "4096B", "max_read_request": "512B"}


MIXED = {"servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": {"pcie.bus": None}}]}]}


def test_columns_name_a_bus_a_bus(shared: Result) -> None:
    """Nothing that an adapter's shares of a bus are called says PCIe; beside links the columns say both."""
    text, page = summary(shared, verbose=True), render_page([shared], [""])
    assert "bus up %  down %" in text and "PCIe" not in text.partition("Run:")[0]
    assert ">bus up<" in page and ">bus down<" in page and ">PCIe up<" not in page and "bus, its part" in page
    alone = simulate(config_of(**{"run.warmup": "1ms", "run.duration": "1ms"}))
    text, page = summary(alone, verbose=True), render_page([alone], [""])
    assert "bus, each frame" in text and "payload: address, turnaround, waits" in text and "TLP" not in text
    assert "flow-control credits" not in text
    assert "Bytes on the bus for each frame" in page and page.count("Bus down") and "link busy" not in page
    mixed = summary(simulate(config_of(**MIXED, **{"run.warmup": "0ns", "run.duration": "100us"})), verbose=True)
    assert "PCIe, bus up %" in mixed
    of_mixed = limits_text(limits(config_of(**MIXED)))
    assert "bursts to 4096 B; Gb/s both ways together" in of_mixed and "MRRS 512 B; Gb/s each way" in of_mixed
    assert (configured_noun(config_of().resolved()), configured_noun({})) == ("bus", "PCIe")


def test_a_window_that_ends_amid_a_transaction_counts_its_clocks_up_to_then() -> None:
    """Two reads of PCI are all that there is: no master has less than nothing of the bus, and shares add up."""
    tiny = {
        "nic.strict": False,
        "pcie.bus": {"kind": "pci", "width_bits": 32, "clock_mhz": 33},
        "workload.frame_bytes": 64,
    }
    for duration in ("3us", "3010ns", "4us", "5us"):
        (bus,) = simulate(config_of(**tiny, **{"run.warmup": "0ns", "run.duration": duration})).buses
        assert sum(bus.clocks.values()) == pytest.approx(bus.utilization, abs=30 / 3000)
        assert min(bus.masters.values()) >= 0 and sum(bus.masters.values()) == pytest.approx(1)


def test_changes_alike_at_all_adapters_of_a_bus_are_told_once() -> None:
    (found,) = (one for one in relaxations_of(config_of(**TWO)) if "a.bus" in one.resources)
    assert found.text == "pcie.bus.clock_mhz: 66 -> 133 in each of a.x, a.y"


def test_four_ports_give_what_was_published_within_15_percent_with_one_fitted_latency() -> None:
    """HP's AB545A, one to four ports both ways; the latency is fitted to two ports, and nothing else is fitted."""
    found = [application_gbps(n_ports, measured) for n_ports in range(1, 5)]
    assert found == sorted(found)
    assert [1e3 * gbps for gbps in found] == pytest.approx(PUBLISHED_MBPS, rel=0.15)
    assert 1e3 * found[1] == pytest.approx(PUBLISHED_MBPS[1], rel=0.01)


def test_at_the_clock_of_the_slot_the_model_is_far_above_what_was_published() -> None:
    """Docs/validation.md says by how much, and claims nothing of the card."""
    above = 1e3 * application_gbps(4, measured, clock_mhz=133) / PUBLISHED_MBPS[3] - 1
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert f"{100 * above:.0f} % more than HP" in page
