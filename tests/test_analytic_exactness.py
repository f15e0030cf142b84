"""Where the closed form says that it is exact: a run comes to it; where something is in the way it does not say so."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.closed_form import is_exact
from hwmodel.analytic.demand import demand_of
from hwmodel.simulation import simulate
from tests.analytic_cases import demo

# The wire is full, and the link carries more than twice as much.
WIRE = {"nic.strict": False,
    "workload.pattern": "to_wire", "pcie.generation": 3, "pcie.lanes": 8, "nic.vfs": 4, "run.duration": "5ms",
    "nic.tx_ring": 512, "nic.rx_ring": 512, "port.rate": "10Gbps",
}  # fmt: skip


def test_a_run_comes_to_it():
    config = demo(WIRE)
    found = limits(config)
    (least,) = (one for one in found.ceilings if one.resource == "wire.tx")
    assert is_exact(config, demand_of(config), found.ceilings, least)
    assert (found.limited_by, found.is_exact, found.to_dict()["is_exact"]) == ("wire.tx", True, True)
    assert simulate(config).throughput()[1] == pytest.approx(found.gbps, rel=0.002)


@pytest.mark.parametrize("changes", [
    {"nic.tx_ring": 64}, {"host.iotlb": {"entries": 64, "miss": "330ns"}}, {"pcie.generation": 1, "pcie.lanes": 4},
    {"workload.pattern": "pairs", "workload.wire_share": 0.5}, {"bridge": {}},
    {"workload.frame_bytes": None, "workload.sizes": [[64, 1], [1518, 1]]},
])  # fmt: skip
def test_it_is_not_said_where_something_is_in_the_way(changes):
    assert not limits(demo(WIRE | changes)).is_exact


@pytest.mark.parametrize(
    ("moderation", "limit", "exact"), [("100us", "offered_load", True), ("5ms", "rx.descriptors", False)]
)
def test_rings_have_to_hold_what_comes_between_two_interrupts(moderation, limit, exact):
    """Of 110,000 frames a second a VM gets 550 in 5 ms, more than a ring of 512 holds."""
    changes = {"workload.pattern": "pairs", "workload.load": "110Kpps", "driver.moderation": moderation}
    config = demo(WIRE | changes | {"workload.arrivals": "periodic", "run.duration": "20ms"})
    found = limits(config)
    assert (found.limited_by, found.is_exact) == (limit, exact)
    assert bool(simulate(config).totals.dropped_frames) is not exact


@pytest.mark.parametrize(("tags", "exact"), [(16, True), (8, False)])
def test_a_store_is_exact_with_two_tags_for_each_ring(tags, exact):
    """With 8 tags and 8 rings descriptor reads may hold them all at once, and the store runs dry."""
    stored = {"workload.pattern": "pairs", "pcie.tags": tags, "nic.store_rate": "2Gbps"}
    found = limits(demo(WIRE | stored))
    assert (found.limited_by, found.is_exact) == ("nic.pipeline", exact)
