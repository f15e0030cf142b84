"""Transmit arbitration between traffic classes, and receive rate limits: set-up, and figures of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodel.results import ArbitrationUse, ClassUse, PoolUse, RateRegister
from hwmodel.rules.transmit_credits import CREDIT_BYTES, MOST_CLASSES, Credits, rate_kept, rate_register

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.arbitration import TransmitArbitration
    from hwmodel.simulation.span import Span

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


def arbitration_use(config: Config, span: Span) -> ArbitrationUse | None:
    """Return how the classes and pools shared the bytes sent; None without `nic.arbitration`."""
    arbitration = config.nic.arbitration
    if arbitration is None:
        return None
    start, end = span.start.classes, span.end.classes
    left = sum(end[name] - start[name] for name in ("wire_bytes", "local_bytes")).tolist()
    whole = sum(left)
    credits = arbitration.credits(config.switch.longest_frame_bytes)
    classes = tuple(
        ClassUse(
            traffic_class=number,
            refill=own.refill,
            max=own.most,
            group=arbitration.group_of(number),
            strict=arbitration.classes[number].strict,
            bytes=left[number],
            share=left[number] / whole if whole else 0.0,
        )
        for number, own in enumerate(credits)
    )
    return ArbitrationUse(classes=classes, pools=_pools(config, span), rate_limits=rate_registers(config))


def _pools(config: Config, span: Span) -> tuple[PoolUse, ...]:
    """Return the bytes read from each station's queues, for each class in which it has a queue."""
    read = (span.end.classes["read_bytes"] - span.start.classes["read_bytes"]).reshape(-1, MOST_CLASSES)
    whole = read.sum(axis=0)
    return tuple(
        PoolUse(
            name=port.name,
            traffic_class=number,
            refill=own.refill,
            max=own.most,
            bytes=int(read[function, number]),
            share=float(read[function, number] / whole[number]) if whole[number] else 0.0,
        )
        for function, (port, own) in enumerate(zip(config.switch.ports, config.switch.pool_credits(), strict=True))
        for number in sorted(set(config.classes_of_queues(function)))
    )


def rate_registers(config: Config) -> tuple[RateRegister, ...]:
    """Return, for each station with a rate limit, the value of register RTTBCNRC and the rate that it enforces."""
    link_bps = config.port.rate_bps
    return tuple(
        RateRegister(
            name=port.name,
            rttbcnrc=f"0x{rate_register(port.rate_limit_bps, link_bps):08x}",
            gbps=float(rate_kept(port.rate_limit_bps, link_bps) / 10**9),
        )
        for port in config.switch.ports
        if port.rate_limit_bps is not None
    )
