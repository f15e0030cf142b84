"""The thresholds of TXDCTL and RXDCTL, and the batches that they stand for.

On plain data, as `resolve` does it, so that each value is checked in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .adapter import Nic, RxThresholds, TxThresholds
from .presets import DEVICES


def fill_thresholds(nic: Any, preset: str | None) -> None:
    """Fill in the batches that follow from thresholds that are written, and of the device how many its chip holds."""
    if not isinstance(nic, dict):
        return
    device = DEVICES.get(preset or "")
    if isinstance(nic.get("txdctl"), dict) and device is not None and device.tx_on_chip is not None:
        nic.setdefault("descriptor_cache", device.tx_on_chip)
    cache = nic.get("descriptor_cache")
    if cache is None:
        of_device = {} if device is None else device.values.get("nic", {})
        cache = of_device.get("descriptor_cache", Nic.model_fields["descriptor_cache"].default)
    for key, batch in batches_of(nic, cache).items():
        nic.setdefault(key, batch)


def batches_of(nic: Mapping[str, Any], cache: Any) -> dict[str, int]:
    """Return the batches by their keys that the thresholds of a plain block stand for, where these are numbers.

    A prefetch begins as fewer than PTHRESH are on the chip, and reads what there is room for.
    """
    found: dict[str, int] = {}
    sent, received = _values(nic.get("txdctl"), TxThresholds), _values(nic.get("rxdctl"), RxThresholds)
    if sent and isinstance(cache, int):
        found |= {"fetch_batch": max(1, cache - sent["pthresh"])}
        found |= {"tx_writeback_batch": sent["wthresh"] or sent["rs"]}
    if received:
        found |= {"rx_prefetch": received["pthresh"], "rx_fetch_batch": max(1, received["hthresh"])}
        found |= {"rx_writeback_batch": max(1, received["wthresh"])}
    return found


def _values(block: Any, model: Any) -> dict[str, int]:
    """Return all thresholds of a block; none where one is no number, which is reported where it stands."""
    if not isinstance(block, Mapping):
        return {}
    values = {name: block.get(name, field.default) for name, field in model.model_fields.items()}
    return values if all(type(value) is int for value in values.values()) else {}
