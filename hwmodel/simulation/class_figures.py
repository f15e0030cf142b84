"""What a window says of classes of traffic and of pools, and how registers hold the rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwmodel.results import ArbitrationUse, ClassUse, PoolUse, RateRegister
from hwmodel.rules.transmit_credits import MOST_CLASSES, rate_kept, rate_register
from hwmodel.simulation.span import Span

if TYPE_CHECKING:
    from hwmodel.config import Config


def arbitration_use(config: Config, span: Span) -> ArbitrationUse | None:
    """Return how classes and pools shared what was sent; None where there are none."""
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
    """Return what was read of each station in each class in which it has a queue."""
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
    """Return the value of RTTBCNRC of each station with a rate limit, and the rate to which it holds it."""
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
