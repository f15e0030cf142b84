"""What classes of traffic and pools sent in a window, and the registers of rate limits."""

from __future__ import annotations

from hwmodel.config import Config
from hwmodel.results import ArbitrationUse, ClassUse, PoolUse, RateRegister
from hwmodel.rules.transmit_credits import MOST_CLASSES, rate_kept, rate_register
from hwmodel.simulation.figures.span import Span


def arbitration_use(config: Config, span: Span) -> ArbitrationUse | None:
    """Return how the classes and pools shared the bytes sent; None without `nic.arbitration`."""
    arbitration = config.nic.arbitration
    if arbitration is None:
        return None
    left = sum(span.grown("classes", name) for name in ("wire_bytes", "local_bytes")).tolist()
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
    read = span.grown("classes", "read_bytes").reshape(-1, MOST_CLASSES)
    whole = read.sum(axis=0)
    return tuple(
        PoolUse(
            name=config.vm_at(port.name),
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
            name=config.vm_at(port.name),
            rttbcnrc=f"0x{rate_register(port.rate_limit_bps, link_bps):08x}",
            gbps=float(rate_kept(port.rate_limit_bps, link_bps) / 10**9),
        )
        for port in config.switch.ports
        if port.rate_limit_bps is not None
    )
