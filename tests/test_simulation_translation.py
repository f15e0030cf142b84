"""Where rings and buffers lie in the pages of the IOMMU."""

from __future__ import annotations

import pytest

from hwmodel.simulation.fill.memory import place_pages, tx_stride_bytes
from hwmodel.simulation.fill.nic_state import build_state
from tests.simulation_cases import config_of

CACHE = {"iotlb": {"entries": 7, "miss": "330ns"}}


@pytest.mark.parametrize(
    ("host", "n_bytes", "stride"),
    [
        ({}, 1518, 2048),
        ({"buffer_bytes": "256B"}, 1518, 2048),
        ({"buffer_bytes": "8KiB"}, 1518, 8192),
        ({"buffer_offset": "528B"}, 1520, 2048),
        ({"buffer_offset": "528B"}, 1521, 4096),
        ({}, 9728, 16384),
    ],
)
def test_tx_buffers_begin_at_powers_of_two_that_hold_the_longest_frame(host, n_bytes, stride):
    assert tx_stride_bytes(config_of(host=host), n_bytes) == stride


def test_an_adapter_without_a_cache_has_none():
    nic = build_state(config_of(), 1)[0]
    assert (nic.pcie[0].params.has_iotlb, nic.host[0].translation.pages.part[0].n_entries) == (0, 0)


def test_the_cache_is_the_configurations():
    """Rings of 64 descriptors: a page, which takes a line of 8; 64 buffers of 2 KiB: 32 pages. A PF and two VFs."""
    nic = build_state(config_of(host=CACHE), 1)[0]
    cache = nic.host[0].translation
    assert (nic.pcie[0].params.has_iotlb, cache.pages.part[0].n_entries, cache.params.miss_fs) == (1, 7, 330_000_000)
    assert (cache.params.tx_stride_bytes, cache.params.rx_stride_bytes) == (2048, 2048)
    regions = [cache.params[name] for name in ("tx_ring", "rx_ring", "tx_buffer", "rx_buffer")]
    assert [(region.first, region.a_ring) for region in regions] == [(0, 8), (24, 8), (48, 32), (144, 32)]


def test_a_page_begun_is_a_page_and_a_line_begun_a_line():
    config = config_of(host=CACHE)
    nic = build_state(config, 1)[0]
    nic.params.tx_ring, nic.params.rx_ring = 257, 1
    place_pages(nic.host[0], nic.params, 4096, 2048, config.nic)
    regions = [nic.host[0].translation.params[name] for name in ("tx_ring", "rx_ring", "tx_buffer", "rx_buffer")]
    assert [(region.first, region.a_ring) for region in regions] == [(0, 8), (24, 8), (48, 264), (840, 8)]
