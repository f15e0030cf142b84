"""What of the last-level cache's hits, of orders and of engines a machine is given: by hand from the configuration."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.machine.tlp_kinds import STRICT_ORDER
from hwmodel.simulation.fill.memory import ORDERINGS, set_cache_hits
from hwmodel.simulation.fill.nic_state import build_state

CACHE = {"size": "1MiB", "read_miss": "80ns", "write_miss": "60ns", "io_share_percent": 10}


def nic_of(**host):
    return build_state(config_from_mapping({"host": host}), seed=1)[0]


def test_an_ideal_host_asks_for_nothing():
    nic = nic_of()
    assert not (nic.pcie[0].params.has_memory or nic.params.has_engines or nic.host[0].params.answers_vary)
    assert nic.pcie[0].params.answers_in_order


def test_another_socket_is_farther_for_reads_alone():
    """Writes land in the cache of the adapter's socket."""
    host = nic_of(read_latency="400ns", write_latency="50ns", remote_latency="100ns").host[0]
    assert (host.params.read_latency_fs, host.params.write_latency_fs) == (500_000_000, 50_000_000)


@pytest.mark.parametrize("name", ["strict", "relaxed", "id_based"])
def test_orders_have_their_numbers(name):
    config = config_from_mapping({"pcie": {"ordering": name}})
    assert build_state(config, seed=1)[0].pcie[0].params.ordering == ORDERINGS[name]
    assert ORDERINGS["strict"] == STRICT_ORDER


def test_tx_buffers_take_what_their_frames_do():
    """Frames of 9,000 B need 16 KiB, whatever an Rx buffer has: 64 in each of three rings are 3 MiB."""
    document = {"host": {"cache": {**CACHE, "size": "1MiB"}, "buffer_bytes": "2KiB"},
                "nic": {"preset": None, "vfs": 2, "tx_ring": 64, "rx_ring": 128},
                "switch": {"ports": [{"name": "all", "max_frame": "9000B"}]}}  # fmt: skip
    host = build_state(config_from_mapping(document), seed=1)[0].host[0]
    assert host.params.read_hits == 2**32 // 3
    assert host.params.write_hits == 2**32 * 2 // 15  # a tenth of 1 MiB, of 768 KiB


def test_a_window_hits_by_its_share_of_the_cache():
    config = config_from_mapping({"host": {"cache": CACHE}})
    nic = build_state(config, seed=1)[0]
    set_cache_hits(nic.host[0], config, read_bytes=4 << 20, written_bytes=1 << 20)
    assert nic.host[0].params.read_hits == 2**30  # 1 of 4 MiB
    assert nic.host[0].params.write_hits == pytest.approx(0.1 * 2**32, rel=1e-5)  # a tenth of the ways
