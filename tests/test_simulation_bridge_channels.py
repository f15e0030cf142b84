"""The S-channels that may be the limit: those that send most of what they may, and drop or get behind."""

from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.simulation.figures.bridge_measure import level_suspects

SPAN_FS = 10**12  # 1 ms
FS_PER_BYTE = 8 * 10**6  # 1 Gb/s
FULL_BYTES = SPAN_FS // FS_PER_BYTE


def suspects(sent, dropped, fs_per_byte=(FS_PER_BYTE,) * 3, waiting=((0,) * 3,) * 2, held=((0,) * 3,) * 2):
    """Return what is suspected where three S-channels, 10 to 12, have sent and dropped so much.

    `waiting`, `held`: bytes that wait and the time for which the rate holds back, at the window's start and its end.
    """
    rates = [SimpleNamespace(shaper_num=num, shaper_den=int(num > 0)) for num in fs_per_byte]
    entries = [SimpleNamespace(params=rate) for rate in rates]
    logical = [SimpleNamespace(number=i, name=f"a.{10 + i}", s_vid=10 + i) for i in range(3)]
    nothing = np.zeros(3, np.int64)
    ends = ((nothing, nothing), (np.array(sent), np.array(dropped)))
    start, end = (
        SimpleNamespace(
            logical={"tx_bytes": n_bytes, "dropped": n_dropped, "waiting": {"level": np.array(waiting[at])}},
            logical_held_fs=np.array(held[at]),
        )
        for at, (n_bytes, n_dropped) in enumerate(ends)
    )
    owner = SimpleNamespace(name="bridge")
    ports = [SimpleNamespace(logical=logical, is_scheduled=True, key="bridge.ports.a", words="Its port a", owner=owner)]
    return list(level_suspects(SimpleNamespace(logical_port=entries), ports, (start, end), SPAN_FS))


def test_those_that_are_busy_and_drop_are_suspected():
    first, second = suspects([FULL_BYTES, FULL_BYTES * 6 // 10, FULL_BYTES], [4, 7, 0])
    assert (first.resource, second.resource) == ("bridge.a.10", "bridge.a.11")
    assert second.keys == ("bridge.ports.a.s_channels.11.rate",)
    assert (first.share, second.use) == (pytest.approx(1), pytest.approx(0.6))
    assert "1Gbps" in second.why and "7 frames" in second.why


def test_one_that_gets_behind_is_suspected_before_it_drops():
    (found,) = suspects([FULL_BYTES] * 3, [0, 0, 0], waiting=((0, 9000, 500), (4500, 9000, 0)))
    assert found.resource == "bridge.a.10" and found.share == pytest.approx(1)
    assert found.why.endswith("S-channel 10 may have, and its queue grows.")


def test_one_that_a_frame_from_before_the_window_holds_back_is_busy_all_the_time():
    """Of two the first sends nothing; the second has a quarter of the window left from before, and as much behind."""
    quarter = SPAN_FS // 4
    held = ((9 * SPAN_FS, quarter, 0), (8 * SPAN_FS, quarter, 0))
    first, second = suspects([0, FULL_BYTES * 3 // 4, 0], [3, 3, 3], held=held)
    assert (first.resource, second.resource) == ("bridge.a.10", "bridge.a.11")
    assert (first.use, second.use) == (pytest.approx(1), pytest.approx(0.75))


@pytest.mark.parametrize(
    ("sent", "dropped", "fs_per_byte"),
    [
        ([FULL_BYTES] * 3, [0, 0, 0], (FS_PER_BYTE,) * 3),  # nothing is lost
        ([FULL_BYTES * 49 // 100] * 3, [9, 9, 9], (FS_PER_BYTE,) * 3),  # none sends half of what it may
        ([FULL_BYTES] * 3, [9, 9, 9], (0, 0, 0)),  # none has a rate
    ],
)
def test_none_is_suspected(sent, dropped, fs_per_byte):
    assert suspects(sent, dropped, fs_per_byte) == []
