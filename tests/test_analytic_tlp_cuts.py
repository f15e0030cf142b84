from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.analytic.transactions import RingPiece, cut, cut_completions, cut_ring

POWERS = st.sampled_from((128, 256, 512, 1024, 4096))


@pytest.mark.parametrize(
    ("address", "n_bytes", "boundary", "pieces"),
    [
        (0, 1514, 256, (256, 256, 256, 256, 256, 234)),
        (64, 1514, 256, (192, 256, 256, 256, 256, 256, 42)),
        (64, 1514, 512, (448, 512, 512, 42)),
        (0, 60, 256, (60,)),
        (4092, 8, 4096, (4, 4)),
        (0, 0, 256, ()),
    ],
)
def test_cuts_at_boundaries(address, n_bytes, boundary, pieces):
    assert cut(address, n_bytes, boundary) == pieces


@pytest.mark.parametrize(
    ("address", "n_bytes", "rule", "pieces"),
    [
        (0, 512, "mps", (256, 256)),
        (64, 448, "mps", (256, 192)),
        (4, 400, "mps", (252, 148)),  # ends at the RCB boundary 256, the rest fits into MPS
        (32, 256, "mps", (256,)),  # the whole rest fits: no cut at a boundary
        (0, 200, "rcb", (64, 64, 64, 8)),
        (40, 60, "rcb", (24, 36)),
    ],
)
def test_completions(address, n_bytes, rule, pieces):
    assert cut_completions(address, n_bytes, 256, 64, rule) == pieces


@given(st.integers(0, 4095), st.integers(1, 4096), POWERS, st.sampled_from((64, 128)), st.sampled_from(("mps", "rcb")))
def test_completions_carry_all_bytes_within_mps_and_end_at_boundaries(address, n_bytes, mps, rcb, rule):
    pieces = cut_completions(address, n_bytes, mps, rcb, rule)
    assert sum(pieces) == n_bytes
    assert all(0 < piece <= mps for piece in pieces)
    ends = [address + sum(pieces[: k + 1]) for k in range(len(pieces) - 1)]
    assert all(end % rcb == 0 for end in ends)


def test_a_batch_that_divides_the_ring_is_one_piece():
    assert cut_ring(8, 512, 512) == tuple(RingPiece(128 * k, 128, Fraction(1, 32)) for k in range(4))


def test_forty_descriptors_round_a_ring_of_512():
    # Walked by hand in another way: every descriptor in turn, a new piece where one begins.
    pieces = 0
    for batch in range(64):
        for k in range(40):
            position = (batch * 40 + k) % 512
            pieces += k == 0 or position % 32 == 0
    assert sum(piece.per_descriptor for piece in cut_ring(40, 512, 512)) == Fraction(pieces, 64 * 40)


@given(st.integers(8, 600), st.data())
def test_ring_pieces_carry_each_descriptor_once(ring, data):
    batch = data.draw(st.integers(1, min(ring, 64)))
    assert sum(piece.n_bytes * piece.per_descriptor for piece in cut_ring(batch, ring, 256)) == 16


def test_no_batch_exceeds_its_ring():
    with pytest.raises(ValueError, match="batch of 65"):
        cut_ring(65, 64, 512)


def test_batches_between_others_begin_anywhere():
    # Ten of sixteen to a boundary: from 0 to 6 in one piece, from 7 to 15 in two.
    found = cut_ring(10, 512, 256, from_anywhere=True)
    assert sum(piece.per_descriptor for piece in found) == Fraction(7 + 2 * 9, 16 * 10)
    assert sum(piece.n_bytes * piece.per_descriptor for piece in found) == 16
