"""VDP between agents and a second implementation of docs/vdp.md: the same frames at the same femtoseconds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.drawn_vdp import UNTIL_FS, draw, found_in, run
from tests.oracles.vdp import play

N_SEEDS = 60
LONGEST_WAY_FS = 3 * 10**9  # 3 us, of a frame on a machine with nothing else to do
SAID: Counter[Any] = Counter()


def plain(what: tuple[Any, ...]) -> tuple[Any, ...]:
    """Name a VM in place of its record."""
    return what if what[0] != "request" else (*what[:2], (what[2][0].name, *what[2][1:]))


@pytest.mark.parametrize("seed", range(N_SEEDS))
def test_drawn_exchanges_are_the_same(seed):
    document, station, bridge, vms = draw(seed)
    result, comes_fs = run(document)
    expected = play(station, bridge, vms, comes_fs, UNTIL_FS)
    if expected.has_ties:
        pytest.skip("two VMs' turns at one instant")
    frames = [(at, end, plain(what)) for at, end, what in expected.frames if at <= UNTIL_FS]
    found = found_in(result)
    assert found.frames == frames
    assert found.vlans == [one for one in expected.vlans if one[0] <= UNTIL_FS]
    for who, times in comes_fs.items():
        sent = [at for at, end, _ in frames if end == who]
        assert all(0 < come - at < LONGEST_WAY_FS for come, at in zip(times, sent, strict=False))
        assert len(sent) - len(times) in (0, 1)
    SAID.update(what[2][1:] for _, _, what in frames if what[0] == "request")
    SAID["vlans"] += len(found.vlans)
    SAID["longest"] = max(SAID["longest"], len(frames))


def test_what_is_drawn_has_all_in_it():
    """Asked for in each way, refused, kept, for good, given up on; in some hundred VLANs and frames."""
    if sum(SAID.values()) < 1000:
        pytest.skip("some of what is drawn has run in another process")
    said = [one for one in SAID if isinstance(one, tuple)]
    assert {mode for mode, _ in said} == {1, 2, 3, 4}
    assert any(status & 0x20 for _, status in said) and any(status & 0x10 for _, status in said)
    assert SAID[4, 0] > 10 < SAID[4, 0x40]
    assert SAID["vlans"] > N_SEEDS < SAID["longest"]
