"""What is said of functions that went and came, from times that are written here."""

from __future__ import annotations

from hwmodel.results.lives_text import lives_text
from hwmodel.results.series import LifeResult

MS = 1e6


def life(vm="vf5", goes=True, parts=(100 * MS, 13.5 * MS, 2 * MS), at=2 * MS, first=5000.0, lost=412, is_up=True):
    up = at + sum(parts) if parts and is_up else None
    return LifeResult(
        vm=vm, event=0, at_ns=at, goes=goes,
        reset_ns=parts[0] if parts else None, messages_ns=parts[1] if parts else None,
        rings_ns=parts[2] if parts else None, up_ns=up,
        first_frame_ns=None if up is None or first is None else up + first, frames_lost=lost,
    )  # fmt: skip


def test_a_reset():
    assert lives_text([life()]) == (
        "vf5 silent for 116 ms (reset 100 ms, messages 13.5 ms, rings 2.00 ms, first frame 5.00 us); 412 frames lost"
    )


def test_a_function_that_was_off_sends_after_a_time_and_loses_nothing():
    assert lives_text([life(goes=False, lost=0)]).startswith("vf5 sends after 116 ms (reset 100 ms, messages")
    assert "lost" not in lives_text([life(goes=False, lost=0)])


def test_one_that_sends_nothing():
    assert "vf5 up after 116 ms (reset 100 ms, messages 13.5 ms, rings 2.00 ms), and sent nothing" in lives_text(
        [life(first=None)]
    )


def test_a_run_that_ends_before():
    assert lives_text([life(is_up=False, lost=1)]) == (
        "vf5 not up again by the end (so far reset 100 ms, messages 13.5 ms, rings 2.00 ms); 1 frame lost"
    )


def test_the_pf_asks_nobody():
    assert "messages" not in lives_text([life("pf", parts=(100 * MS, 0.0, 2 * MS))])


def test_one_that_goes_for_good():
    assert lives_text([life(parts=None)]) == "vf5 gone; 412 frames lost"


def test_one_that_goes_again_before_it_is_up():
    first, then = life(is_up=False, lost=0), life(at=50 * MS, parts=None)
    assert lives_text([first], [then]) == (
        "vf5 taken away again before it is up (so far reset 100 ms, messages 13.5 ms, rings 2.00 ms); no frame lost in "
        "the adapter"
    )
    assert "not up again by the end" in lives_text([first], [life("vf6")])
    assert "vf5 not up by the end" in lives_text([life(goes=False, is_up=False)])


def test_many_that_go_again_before_they_are_up_are_told_so():
    names = [f"vf{at}" for at in range(4)]
    coming, gone = [life(name, goes=False, is_up=False) for name in names], [life(name, parts=None) for name in names]
    assert lives_text(coming, gone) == "vf0 and 3 more taken away again before they are up"
    assert lives_text(coming, gone[:2]) == "vf0 and 3 more not up by the end"


def test_that_the_pf_sends_nothing_is_nothing_to_tell():
    assert lives_text([life("a.pf", first=None, parts=(100 * MS, 0.0, 2 * MS))]).startswith(
        "a.pf up after 102 ms (reset 100 ms, rings 2.00 ms); 412"
    )


def test_many_are_counted():
    ups = [life(f"vf{n}", goes=False, parts=(100 * MS, n * MS, 2 * MS), lost=0) for n in range(8)]
    assert lives_text(ups) == "8 functions up after 102.0 ms to 109.0 ms"
    late = [*ups, life("vf8", goes=False, is_up=False, lost=0)]
    assert lives_text(late) == "8 functions up after 102.0 ms to 109.0 ms, 1 not by the end"
    gone = [life(f"vf{n}", parts=None, lost=10) for n in range(8)]
    assert lives_text(gone) == "vf0 and 7 more gone; 80 frames lost"
