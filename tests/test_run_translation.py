"""The IOMMU's translation cache in a run: one frame's latency by hand, and no effect where nothing misses."""

from __future__ import annotations

import json

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import IotlbUse
from hwmodel.simulation import dma, simulate
from tests.one_frame import (
    ALONE,
    ALONE_64,
    BASE,
    INTERRUPT,
    JUMBO,
    NS,
    ONE_BY_ONE,
    OUTSIDE,
    SMALL_BUFFERS,
    R,
    T,
    out_1518,
    send_one,
)
from tests.run_cases import finished, frame, write_capture
from tests.test_conservation import check_figures, check_state

MISS = 330 * NS
# Before the frame is sent the three Rx rings' first descriptors have been read.
AT_ONCE = {"walkers": None, "walk_lines": 0}  # any number of walks, none shorter than another
MANY = {"host.iotlb": {"entries": 64, "miss": "330ns", **AT_ONCE}}
ONE = {"host.iotlb": {"entries": 1, "miss": "330ns", **AT_ONCE}}
SHORT = {"host.iotlb": {"entries": 64, "miss": "30ns", **AT_ONCE}}

CASES = {
    # The sender's ring and its buffer miss; the three reads of the buffer wait for one translation. The receiver's
    # buffer misses too, but is translated before the last write comes. Its ring has been read before.
    "long": (MANY, 1518, ALONE + 2 * MISS),
    "long, interrupt": ({**MANY, **INTERRUPT}, 1518, ALONE + 2 * MISS + T[28]),
    # Here the write is translated long after its write-back has come, and after the interrupt.
    "short": (MANY, 64, ALONE_64 - T[40] + 3 * MISS),
    "short, interrupt": ({**MANY, **INTERRUPT}, 64, ALONE_64 - T[40] + 3 * MISS),
    "short, moderated": ({**MANY, "driver.moderation": "50us"}, 64, ALONE_64 - T[40] + 3 * MISS),
    # 30 ns are more than the 20 ns of the write-back, less than the 34 ns of it and the interrupt.
    "short misses": (SHORT, 64, ALONE_64 - T[40] + 3 * 30 * NS),
    "short misses, interrupt": ({**SHORT, **INTERRUPT}, 64, ALONE_64 + T[28] + 2 * 30 * NS),
    # Each TLP turns out the page of the one before it, if it is another: the write-back misses as well.
    "one entry": (ONE, 1518, ALONE + 3 * MISS),
    "one entry, short": (ONE, 64, ALONE_64 + 3 * MISS),
    # Three pages at either end; the later ones are translated while data of the first are on the link.
    "jumbo": (MANY, 9018, JUMBO + T[40] + 2 * MISS),
    "jumbo in five buffers": ({**MANY, **SMALL_BUFFERS}, 9018, JUMBO + T[104] + 2 * MISS),
    "Rx descriptor on demand": ({**MANY, "nic.rx_prefetch": 0}, 1518, ALONE + T[24] + R + T[36] + 3 * MISS),
    # The prefetch of another descriptor, between the first write and the second, finds its page.
    "prefetch in between": ({**MANY, **ONE_BY_ONE}, 1518, ALONE + T[24] + 2 * MISS),
    # The first write's credit starts back when it has passed.
    "one posted header credit": ({**MANY, "pcie.credits.ph": 1}, 1518, ALONE + 6 * 200 * NS + 3 * MISS),
    # A write takes memory 2048 ns from when it has passed, the first one 330 ns after its receipt.
    "slow memory": (
        {**MANY, "pcie.credits.pd": 16, "host.write_drain": "1Gbps"}, 1518,
        ALONE + 5 * (200 + 2048) * NS + 3 * MISS,
    ),
    "propagation": ({**MANY, "pcie.propagation": "30ns"}, 1518, ALONE + 6 * 30 * NS + 2 * MISS),
    # The second read of the payload has the tag when the first is in, and finds the page.
    "one tag": ({**MANY, "pcie.tags": 1}, 1518, ALONE + 2 * (T[24] + R) + 2 * MISS),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_frame_alone(tmp_path, name):
    changes, n_bytes, expected_fs = CASES[name]
    latency = send_one(tmp_path, changes, n_bytes=n_bytes).latency_ns
    assert latency.count == 1
    assert round(latency.min * NS) == expected_fs


def test_from_the_wire_only_writes_are_translated(tmp_path):
    result = send_one(tmp_path, MANY, of=OUTSIDE, n_bytes=64)
    assert round(result.latency_ns.min * NS) == T[84] + MISS
    long = send_one(tmp_path, MANY, of=OUTSIDE)
    assert round(long.latency_ns.min * NS) == out_1518() + T[40]


def test_look_ups_are_counted(tmp_path):
    """A descriptor read, three payload reads of one page, six payload writes of one, a write-back."""
    assert send_one(tmp_path, MANY).iotlb == IotlbUse(hits=2 + 5 + 1, misses=3)
    assert send_one(tmp_path, {}).iotlb == IotlbUse(hits=0, misses=0)


def test_the_next_frame_finds_all_pages(tmp_path):
    """Buffers of 2 KiB lie two in a page, as do the sender's for frames of up to 1518 B."""
    plain = frame("vf0", "vf1", 1514)
    path = write_capture(
        tmp_path / "two.pcap", [(0, frame("02:ff:00:00:00:01", "02:ff:00:00:00:02")), (20_000, plain), (60_000, plain)]
    )
    base = {block: values for block, values in BASE.items() if block != "switch"}
    result = simulate(config_from_mapping(base, {"workload.pcap": str(path), **MANY, **SMALL_BUFFERS}))
    latency = result.latency_ns
    assert (round(latency.min * NS), round(latency.max * NS)) == (ALONE, ALONE + 2 * MISS)


@pytest.mark.parametrize(
    "workload", [{"pattern": "uniform", "wire_share": 0.2, "external": {"rate": "1Gbps"}}, {"load": "2Gbps"}]
)
def test_translations_that_take_no_time_change_nothing(workload):
    machine = {
        "nic": {"vfs": 4}, "pcie": {"credits": {"ph": 8, "pd": 64}}, "workload": workload,
        "run": {"warmup": "20us", "duration": "200us"},
    }  # fmt: skip
    documents = []
    for iotlb in (None, {"entries": 4, "miss": "0ns", **AT_ONCE}):
        run, result = finished(machine, {"host": {"iotlb": iotlb}})
        check_figures(result)
        check_state(run, result)
        document = json.loads(result.to_json(include_host_run=False))
        documents.append({key: document[key] for key in document if key not in ("config", "config_hash", "iotlb")})
    assert result.iotlb.misses > 100
    assert documents[0] == documents[1]


def test_a_miss_longer_than_a_run_has_room_for_is_refused():
    """The shortest write that waits, an interrupt of 28 B, takes 14.0365 ns; 4095 of them are 57479 ns."""

    def asked(miss):
        changes = {"workload.pattern": "pairs", "workload.frame_bytes": 64}
        return config_from_mapping(BASE, {**changes, "host.iotlb": {"entries": 1, "miss": miss}})

    simulate(asked("57479ns"))
    with pytest.raises(InputError, match=r"host.iotlb.miss: .* at most 57479ns$"):
        asked("57480ns")


# ---- The link alone ----


def reads_of(n_buffers: int, iotlb, **pcie):
    """Measure reads of 64 B from so many buffers of 4 KiB, a page each."""
    changes = {
        "pcie": {"generation": 3, "lanes": 8, "dllp_model": "none", **pcie},
        "host": {"buffer_bytes": "4KiB", "iotlb": iotlb},
        "nic": {"preset": None, "vfs": 2, "tx_ring": n_buffers, "rx_ring": 64},
    }
    (row,) = dma(config_from_mapping(changes), [64])
    return row


def test_reads_of_a_window_that_the_cache_holds_are_as_without_it():
    cache = {"entries": 64, "miss": "330ns", **AT_ONCE}
    plain, held = reads_of(64, None), reads_of(64, cache)
    assert held["read_gbps"] == plain["read_gbps"]
    assert held["read_latency_ns"]["max"] == held["read_latency_ns"]["min"] == plain["read_latency_ns"]["min"]


def test_reads_of_a_larger_window_all_miss():
    """32 tags, each held 450 ns, 24 and 84 B on the link (13.75 ns) and, with a miss, 330 ns more."""
    cache = {"entries": 64, "miss": "330ns", **AT_ONCE}
    plain, missing = reads_of(65, None), reads_of(65, cache)
    latencies = [row["read_latency_ns"]["min"] for row in (plain, missing)]
    assert latencies[1] - latencies[0] == pytest.approx(330)
    assert missing["read_latency_ns"]["max"] == latencies[1]
    for row, latency_ns in zip((plain, missing), latencies, strict=True):
        assert row["read_gbps"] == pytest.approx(32 * 64 * 8 / latency_ns, rel=0.002)
    assert missing["write_gbps"] == plain["write_gbps"]  # with credits without end


def test_by_default_six_walks_are_under_way_at_once():
    """Far beyond the cache each read misses; seven of eight find their line: 6 in (330 + 7 * 297) / 8 ns."""
    row = reads_of(512, {"entries": 64, "miss": "330ns"})
    assert row["read_gbps"] == pytest.approx(6 * 64 * 8 / ((330 + 7 * 297) / 8), rel=0.01)
