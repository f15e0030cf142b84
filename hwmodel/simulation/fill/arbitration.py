"""Transmit arbitration between traffic classes, and receive rate limits, at time 0."""

from __future__ import annotations

from typing import Any

from hwmodel.config import Config
from hwmodel.config.arbitration import TransmitArbitration
from hwmodel.rules.transmit_credits import CREDIT_BYTES, Credits

Nic = Any  # an element of server.SERVER


def fill_arbiter(nic: Nic, config: Config) -> None:
    """Set the receive limits and, with `nic.arbitration`, the classes, groups, pools and each ring's class."""
    for number, port in enumerate(config.switch.ports):
        if port.receive_limit_bps is not None:
            nic.params.limits_receivers = 1
            bucket = nic.arbiter.receives[number]
            bucket.params.rate_bps = port.receive_limit_bps
            bucket.params.burst = bucket.tokens = port.receive_burst_bytes
    if config.nic.arbitration is None:
        return
    nic.params.arbitrates = 1
    _fill_classes(nic.arbiter.params, config, config.nic.arbitration)
    params = nic.arbiter.params
    for number, own in enumerate(config.switch.pool_credits()):
        _set_credits(params.pool[number], own)
        first = number * config.nic.queues_per_vf
        for queue, tx_class in enumerate(config.classes_of_queues(number)):
            params.class_of_ring[first + queue] = tx_class


def _fill_classes(params: Any, config: Config, arbitration: TransmitArbitration) -> None:
    params.n_classes = len(arbitration.classes)
    params.reads_by_order = arbitration.descriptor_plane == "weighted_strict"
    params.sends_by_order = arbitration.packet_plane == "strict"
    params.weighs_pools = arbitration.pools == "weighted"
    params.room_bytes = config.nic.tx_buffer_bytes // params.n_classes
    credits = arbitration.credits(config.switch.longest_frame_bytes)
    for number, (said, own) in enumerate(zip(arbitration.classes, credits, strict=True)):
        record = params.of_class[number]
        _set_credits(record, own)
        record.group = arbitration.group_of(number)
        record.is_link_strict, record.is_group_strict = said.strict == "link", said.strict == "group"
        if said.strict != "link":
            params.group[record.group].refill_bytes += record.refill_bytes
            params.group[record.group].most_bytes += record.most_bytes


def _set_credits(record: Any, credits: Credits) -> None:
    record.refill_bytes, record.most_bytes = credits.refill * CREDIT_BYTES, credits.most * CREDIT_BYTES
