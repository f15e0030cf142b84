"""The calibrated pair of adapter and host against measurements, a sample of them; docs/validation.md has all."""

from __future__ import annotations

from statistics import median

import pytest

from benches import nfp6000


def errors(figures, word=""):
    """Return the errors of some groups in per cent, without their sign."""
    return [abs(one.off_percent) for one in figures if word in one.group]


def test_bandwidth_by_size():
    found = errors(nfp6000.by_size(every=4), "own socket")
    assert len(found) > 25 and median(found) < 3 and max(found) < 10


def test_windows_with_the_iommu():
    found = errors(nfp6000.by_window(every=7), "IOMMU")
    assert len(found) > 25 and median(found) < 5 and max(found) < 15


@pytest.mark.parametrize("changed", [{"host.iotlb.walkers": "null"}, {"host.iotlb.entries": 32}])
def test_walkers_and_entries_carry_the_error(changed, monkeypatch):
    """With any number of walks at once, or fewer entries, the data are missed."""
    monkeypatch.setattr(nfp6000, "IOMMU", {**nfp6000.IOMMU, **changed})
    assert max(errors(nfp6000.by_window(every=7), "IOMMU")) > 15


def test_windows_of_the_last_level_cache():
    found = errors(nfp6000.by_window(every=7), "own socket")
    assert len(found) > 25 and max(found) < 10


def test_latencies():
    medians, tails = zip(*nfp6000.latencies(every=3), strict=True)
    assert median(errors(medians)) < 3 and max(errors(medians)) < 10
    assert max(errors(tails)) < 15


def test_the_engines_carry_the_error(monkeypatch):
    """An adapter without engines is far from the small transfers."""
    monkeypatch.setattr(nfp6000, "IOMMU", {**nfp6000.IOMMU, "nic.dma": "null"})
    assert max(errors(nfp6000.by_size(every=5), "IOMMU")) > 30
