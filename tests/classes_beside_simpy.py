"""What the SimPy model is given of classes of traffic: credits and rates as registers have them, worked out here."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from hwmodel.config import Config
from tests.oracles.simpy_nic import Planes, TrafficClass


def limit_of(config: Config, rate_bps: int) -> tuple[int, int]:
    """Return the femtoseconds of a byte at a rate limit, which a register holds where there are classes of traffic."""
    held_bps = Fraction(rate_bps)
    if config.nic.arbitration is not None:
        held_bps = Fraction(2**14 * config.port.rate_bps, 2**14 * config.port.rate_bps // rate_bps)
    return (Fraction(8 * 10**15) / held_bps).as_integer_ratio()


def planes_of(config: Config) -> Planes | None:
    """Return the classes of traffic, with their credits worked out here."""
    arbitration, ports, queues = config.nic.arbitration, config.switch.ports, config.nic.queues_per_vf
    if arbitration is None:
        return None
    least = ceil(max(port.max_frame_bytes for port in ports) // 2 / 64)
    times = least // min((each.percent for each in arbitration.classes if each.percent), default=100) + 1
    n, classes = len(arbitration.classes), []
    for number, each in enumerate(arbitration.classes):
        percent = each.percent or 0
        refill = each.refill or max(least, min(511, times * percent))
        most = each.most or (4095 * percent // 100 if percent else least)
        classes.append(TrafficClass(64 * refill, 64 * most, number if each.group is None else each.group, each.strict))
    weights = {port.number: port.weight for port in ports}
    times = least // min(weights.values()) + 1
    pools = {
        port: (64 * times * weight, 64 * min(4095, max(times * weight, 4095 * weight // sum(weights.values()))))
        for port, weight in weights.items()
    }
    pools |= {port.number: (64 * port.credits.refill, 64 * port.credits.most) for port in ports if port.credits}
    of_priority = arbitration.priorities or [priority * n // 8 for priority in range(8)]
    return Planes(
        classes,
        reads_highest_first=arbitration.descriptor_plane == "weighted_strict",
        sends_highest_first=arbitration.packet_plane == "strict",
        pools_count=arbitration.pools == "weighted",
        room_bytes=config.nic.tx_buffer_bytes // n,
        pools=pools,
        class_of_ring={
            (port.number, queue): (port.classes or (of_priority[port.default_priority],))[
                queue % len(port.classes or (0,))
            ]
            for port in ports
            for queue in range(queues)
        },
    )
