"""Legs of frames put together: sums by component and in all, against figures added up by hand."""

from dataclasses import replace
from fractions import Fraction

from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Leg, nothing_of, whole_of
from hwmodel.config import load_config

SIZES = ((64, Fraction(1, 4)), (1518, Fraction(3, 4)))
A, B, OUTSIDE = 0, 1, 2
NOTHING = nothing_of(SIZES)
SENT = replace(NOTHING, reads=Fraction(1), to_wire=Fraction(1), tag_bytes=Fraction(4), sent={"vf0": Fraction(1)})
AT_B = replace(NOTHING, copies=Fraction(2), from_wire=Fraction(1), received={"vf0": Fraction(1), "vf1": Fraction(1)},
               rx_rings=frozenset({("vf0", 0), ("vf1", 1)}))  # fmt: skip
BACK_AT_A = replace(NOTHING, from_wire=Fraction(1), back_tag_bytes=Fraction(6))
# For the stations outside, what comes to them comes from their wire.
OUT = replace(NOTHING, from_wire=Fraction(1), back_tag_bytes=Fraction(8))


def system(**changes):
    return System.of(load_config("sriov_10g_gen2x4", {"servers": [{"name": "a"}, {"name": "b"}], **changes}))


def whole(sent_as, hops):
    return whole_of(system(), SIZES, sent_as, hops)


def test_each_component_has_what_its_legs_ask():
    found = whole(
        [Leg(A, SENT)],
        [(Leg(B, AT_B), Fraction(1, 3)), (Leg(A, BACK_AT_A), Fraction(1, 2)), (Leg(OUTSIDE, OUT), Fraction(1, 6))],
    )
    of_a, of_b, outside = found.parts
    assert (of_a.reads, of_a.to_wire, of_a.from_wire, of_a.copies) == (1, 1, Fraction(1, 2), 0)
    assert (of_a.tag_bytes, of_a.back_tag_bytes, of_a.sent) == (4, 6, {"vf0": 1})
    assert (of_b.copies, of_b.from_wire, of_b.reads) == (Fraction(2, 3), Fraction(1, 3), 0)
    assert of_b.received == {"vf0": Fraction(1, 3), "vf1": Fraction(1, 3)}
    assert (outside.from_wire, outside.to_wire) == (Fraction(1, 6), 0)
    assert all(part.sizes == SIZES for part in (found, *found.parts))


def test_the_whole_counts_what_leaves_for_outside_and_comes_from_there():
    found = whole([Leg(A, SENT)], [(Leg(B, AT_B), Fraction(1, 3)), (Leg(OUTSIDE, OUT), Fraction(1, 6))])
    # The wires between server and bridge are no matter of the whole.
    assert (found.to_wire, found.from_wire, found.tag_bytes) == (Fraction(1, 6), 0, 8)
    from_there = whole([Leg(OUTSIDE, replace(NOTHING, to_wire=Fraction(1)))], [(Leg(B, AT_B), Fraction(1))])
    assert (from_there.to_wire, from_there.from_wire) == (0, 1)
    assert (from_there.reads, from_there.copies) == (0, 2)


def test_stations_and_rings_have_the_names_of_the_system():
    found = whole([Leg(A, SENT)], [(Leg(B, AT_B), Fraction(1, 2))])
    assert found.sent == {"a.vf0": 1}
    assert found.received == {"b.vf0": Fraction(1, 2), "b.vf1": Fraction(1, 2)}
    assert found.rx_rings == {("b.vf0", 0), ("b.vf1", 1)}


def test_legs_at_one_component_add_up():
    mirrored = replace(NOTHING, reads=Fraction(1), mirrored=Fraction(1), received={"vf1": Fraction(1)})
    found = whole([Leg(B, mirrored)], [(Leg(B, AT_B), Fraction(1, 4)), (Leg(B, AT_B), Fraction(1, 2))])
    assert found.copies == found.parts[B].copies == Fraction(3, 2)
    assert found.mirrored == found.parts[B].mirrored == 1
    assert found.received == {"b.vf0": Fraction(3, 4), "b.vf1": Fraction(7, 4)}
    assert found.parts[A].is_nothing and found.parts[OUTSIDE].is_nothing


def test_tags_are_the_mean_over_the_crossings():
    # Half of the frames come back with 6 B, a quarter with none.
    bare = replace(BACK_AT_A, back_tag_bytes=Fraction(0))
    found = whole([Leg(A, SENT)], [(Leg(A, BACK_AT_A), Fraction(1, 2)), (Leg(A, bare), Fraction(1, 4))])
    assert found.parts[A].from_wire == Fraction(3, 4)
    assert found.parts[A].back_tag_bytes == 4
