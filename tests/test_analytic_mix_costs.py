"""What frames take of each resource, as shares for a million a second: the figures of docs/pcie.md by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hwmodel.analytic.mix_costs import MixCosts
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Leg, Offered, Onward, nothing_of
from hwmodel.config import load_config

SIZES = ((1518, Fraction(1)),)
NOTHING = nothing_of(SIZES)
HALF = Fraction(1, 2)
SENT = replace(NOTHING, reads=Fraction(1), to_wire=Fraction(1), sent={"vf0": Fraction(1)})
INSIDE = replace(SENT, to_wire=Fraction(0), copies=Fraction(1), received={"vf1": Fraction(1)})
LANDS = replace(NOTHING, copies=Fraction(1), from_wire=Fraction(1), received={"vf0": HALF, "vf2": HALF})
OUT = replace(NOTHING, from_wire=Fraction(1), back_tag_bytes=Fraction(4))
FAST = {
    "nic.strict": False,
    "pcie.generation": 3,
    "pcie.lanes": 8,
    "nic.vfs": 4,
    "host.cores": 2,
    "driver.frame_time": "200ns",
}
# Of each server: both directions of the link, its tags, both ways of its wire; of outside: both ways of the wire.
UP, DOWN, TAGS, TX, RX = range(5)
B_ROWS, OUTSIDE_ROWS, CORE_ROWS = 5, 10, 12


def costs(**changes):
    of_both = {"servers": [{"name": "a"}, {"name": "b", "set": changes.pop("of_b", {})}]}
    system = System.of(load_config("sriov_10g_gen2x4", {**FAST, **of_both, **changes}))
    hops = (Onward(Leg(1, LANDS), HALF, wire=1), Onward(Leg(2, OUT), HALF, wire=2))
    stream = Offered("", "a.vf0", replace(NOTHING, parts=(SENT, LANDS, OUT)), None, (Leg(0, SENT),), hops)
    demand = Demand(stream.traffic, (), None, ((stream, Fraction(1)),))
    return MixCosts(system, demand)


def test_each_core_in_use_has_a_row():
    # a.vf0 sends on core 1; b.vf0 and b.vf2 share core 1.
    found = costs()
    assert found.core_rows == {(0, 1): CORE_ROWS, (1, 1): CORE_ROWS + 1}
    assert found.n_rows == CORE_ROWS + 2
    assert costs(**{"host.cores": 5}).core_rows == {(0, 1): 12, (1, 1): 13, (1, 3): 14}


def test_what_is_sent_takes_of_its_own_server_alone():
    found = costs().of(Leg(0, SENT))
    # 1538 B of 1.25e9 B/s, and 200 ns of a core.
    assert found[TX] == pytest.approx(1.2304) and found[RX] == 0
    assert found[CORE_ROWS] == pytest.approx(0.2)
    assert set(found.nonzero()[0]) == {UP, DOWN, TAGS, TX, CORE_ROWS}


def test_the_link_carries_a_frame_between_its_vms():
    # 1809 B up of 7.856e9 B/s: 52.74 Gb/s of frames of 1518 B.
    found = costs().of(Leg(0, replace(INSIDE, received={})))
    assert found[UP] == pytest.approx(1518 * 8 / 52_740, rel=1e-4)
    assert found[UP] == pytest.approx(1809 / 7856, rel=1e-4)


def test_copies_land_by_themselves():
    of = costs()
    whole = of.of(Leg(1, LANDS))
    without = of.of(Leg(1, replace(LANDS, copies=Fraction(0), received={})))
    landing = of.of_landing(1, SIZES, (1, ""))
    assert without + landing == pytest.approx(whole)
    # Both stations run on the one core, which takes 200 ns for each.
    assert (without[CORE_ROWS + 1], landing[CORE_ROWS + 1]) == (0, pytest.approx(0.2))
    assert set(without.nonzero()[0]) == {B_ROWS + RX}
    # The payload alone is six writes of 24 B and 1514 B, in whole double words.
    assert landing[B_ROWS + UP] > (6 * 24 + 1514) / 7856 and landing[B_ROWS + RX] == 0


def test_tags_and_rates_of_the_port_outside():
    found = costs(**{"bridge.ports.outside.rate": "1Gbps"}).of(Leg(2, OUT))
    assert set(found.nonzero()[0]) == {OUTSIDE_ROWS + 1}
    assert found[OUTSIDE_ROWS + 1] == pytest.approx(1542 * 8 / 1000)


def test_servers_have_their_own_settings():
    of = costs(
        of_b={"nic.strict": False, "driver.frame_time": "350ns", "port.rate": "25Gbps", "nic.max_pps": 4_000_000}
    )
    at_b = of.of(Leg(1, LANDS))
    # With a pipeline b has a row more.
    assert of.n_rows == CORE_ROWS + 3
    assert at_b[B_ROWS + RX] == pytest.approx(1538 * 8 / 25_000)
    assert at_b[B_ROWS + 5] == pytest.approx(1 / 4)
    assert at_b[of.core_rows[1, 1]] == pytest.approx(0.35)


def test_shares_of_cores():
    shares = {"vf0": HALF, "vf1": Fraction(1, 8), "vf2": Fraction(1, 4), "pf": Fraction(1, 8)}
    assert costs().by_place(0, shares) == {(1, ""): 0.75, (0, ""): 0.25}


def test_a_vm_with_another_driver_has_a_place_of_its_own_on_its_core():
    of = costs(of_b={"driver.vms.vf2.frame_time": "350ns"})
    places = of.by_place(1, {"vf0": HALF, "vf2": HALF})
    assert [share for (core, _), share in places.items() if core == 1] == [0.5, 0.5]
    taken = [of.of_landing(1, SIZES, place)[of.core_rows[1, 1]] for place in places]
    assert taken == pytest.approx([0.2, 0.35])


def test_columns_stand_side_by_side():
    of = costs()
    column = of.of(Leg(0, SENT))
    found = of.columns([column, 0, 2 * column])
    assert found.shape == (of.n_rows, 3)
    assert found[:, 0] == pytest.approx(column) and not found[:, 1].any() and found[:, 2] == pytest.approx(2 * column)
    assert of.columns([]).shape == (of.n_rows, 0)


def test_what_is_given_out_is_not_what_is_remembered():
    of = costs()
    first = of.of(Leg(0, SENT))
    kept = first.copy()
    first += 1
    of.of_landing(0, SIZES, (1, ""))[:] = 7
    assert of.of(Leg(0, SENT)) == pytest.approx(kept)


def test_without_a_bridge_there_is_one_component():
    system = System.of(load_config("sriov_10g_gen2x4", FAST))
    stream = Offered("", "vf0", INSIDE, None, (Leg(0, INSIDE),))
    of = MixCosts(system, Demand(INSIDE, (), None, ((stream, Fraction(1)),)))
    assert of.n_rows == 7 and of.core_rows == {(0, 0): 5, (0, 1): 6}
    found = of.of(Leg(0, INSIDE))
    assert found[5] == found[6] == pytest.approx(0.2) and not found[[TX, RX]].any()
