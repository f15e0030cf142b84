"""The S-channels that may be the limit: those that send most of what they may, and drop."""

from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.simulation.bridge_measure import level_suspects

SPAN_FS = 10**12  # 1 ms
FS_PER_BYTE = 8 * 10**6  # 1 Gb/s
FULL_BYTES = SPAN_FS // FS_PER_BYTE


def suspects(sent, dropped, fs_per_byte=(FS_PER_BYTE,) * 3):
    """Return what is suspected where three S-channels, 10 to 12, have sent and dropped so much."""
    rates = [SimpleNamespace(shaper_num=num, shaper_den=int(num > 0)) for num in fs_per_byte]
    entries = [SimpleNamespace(params=rate) for rate in rates]
    logical = [SimpleNamespace(number=i, name=f"a.{10 + i}", s_vid=10 + i) for i in range(3)]
    nothing = np.zeros(3, np.int64)
    start = SimpleNamespace(logical={"tx_bytes": nothing, "dropped": nothing})
    end = SimpleNamespace(logical={"tx_bytes": np.array(sent), "dropped": np.array(dropped)})
    owner = SimpleNamespace(name="bridge")
    ports = [SimpleNamespace(logical=logical, is_scheduled=True, key="bridge.ports.a", words="Its port a", owner=owner)]
    return list(level_suspects(SimpleNamespace(logical_port=entries), ports, (start, end), SPAN_FS))


def test_those_that_are_busy_and_drop_are_suspected():
    first, second = suspects([FULL_BYTES, FULL_BYTES * 6 // 10, FULL_BYTES], [4, 7, 0])
    assert (first.resource, second.resource) == ("bridge.a.10", "bridge.a.11")
    assert second.keys == ("bridge.ports.a.s_channels.11.rate",)
    assert (first.share, second.use) == (pytest.approx(1), pytest.approx(0.6))
    assert "1Gbps" in second.why and "7 frames" in second.why


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
