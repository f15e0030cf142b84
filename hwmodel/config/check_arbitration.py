"""Check classes of traffic: percentages, groups, queues, credits, and the rates that registers can hold."""

from __future__ import annotations

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.transmit_credits import MOST_FACTOR, MOST_REFILL, rate_factor
from hwmodel.units import format_bytes, format_rate_bps

from .arbitration import TransmitArbitration
from .document import KeyPath
from .findings import Findings
from .model import Config

CLASSES: KeyPath = ("nic", "arbitration", "classes")
OF_STATIONS = ("classes", "credits")  # keys that mean nothing without classes


def check_arbitration(config: Config, findings: Findings) -> None:
    """Check `nic.arbitration`, what stations say of their classes, and limits on what they receive."""
    _check_receive_limits(config, findings)
    arbitration = config.nic.arbitration
    if arbitration is None:
        _check_unused(config, findings)
        return
    if config.switch.scheduler != "round_robin":
        findings.add(
            "with nic.arbitration its planes say who sends; leave the scheduler out", "switch.scheduler",
            "nic.arbitration",
        )  # fmt: skip
    _check_shares(arbitration, findings)
    _check_priorities(arbitration, findings)
    _check_stations(config, arbitration, findings)
    _check_weights(config, findings)
    _check_guarantees(config, arbitration, findings)
    _check_room(config, arbitration, findings)
    _check_rates(config, findings)


def _check_receive_limits(config: Config, findings: Findings) -> None:
    longest = config.switch.longest_frame_bytes
    for port in config.switch.ports:
        if port.receive_limit_bps is not None and port.receive_burst_bytes < longest:
            findings.add(
                f"a bucket of {format_bytes(port.receive_burst_bytes)} never has the tokens for the longest frame, "
                f"max_frame {longest}B",
                findings.station(port.name, "receive_burst"),
                findings.station(port.name, "receive_limit"),
            )


def _check_unused(config: Config, findings: Findings) -> None:
    for port in config.switch.ports:
        for name in OF_STATIONS:
            if getattr(port, name) is not None:
                findings.add(
                    f"{name} are for nic.arbitration, which there is none of", findings.station(port.name, name),
                    "nic.arbitration",
                )  # fmt: skip


def _check_shares(arbitration: TransmitArbitration, findings: Findings) -> None:
    """Check that each class has a share, and that percentages add up to 100."""
    by_credits = [each.refill is not None and each.most is not None for each in arbitration.classes]
    for number, each in enumerate(arbitration.classes):
        if each.percent is None and not by_credits[number] and each.strict != "link":
            findings.add(
                f"class {number} needs percent, or refill and max; one that is strict on the link alone needs neither",
                (*CLASSES, number),
                besides=[(*CLASSES, number, key) for key in ("percent", "refill", "max")],
            )
            return
    percents = [each.percent for each in arbitration.classes if each.percent is not None]
    if percents and sum(percents) != 100:
        each_percent: list[str | KeyPath] = [
            (*CLASSES, number, "percent") for number in range(len(arbitration.classes))
        ]
        findings.add(f"percent of all classes is {sum(percents)}, not 100", CLASSES, besides=each_percent)


def _check_priorities(arbitration: TransmitArbitration, findings: Findings) -> None:
    for priority, number in enumerate(arbitration.priorities or ()):
        if number >= len(arbitration.classes):
            findings.add(
                _no_class(number, arbitration), ("nic", "arbitration", "priorities", priority), CLASSES
            )  # fmt: skip


def _no_class(number: int, arbitration: TransmitArbitration) -> str:
    return f"there is no class {number}; nic.arbitration.classes has {len(arbitration.classes)}, from 0"


def _check_stations(config: Config, arbitration: TransmitArbitration, findings: Findings) -> None:
    """Check that the classes that stations name exist, and that each has a queue at its station."""
    n_queues = config.nic.queues_per_vf
    for port in config.switch.ports:
        for at, number in enumerate(port.classes or ()):
            if number >= len(arbitration.classes):
                findings.add(_no_class(number, arbitration), findings.station(port.name, "classes", at), CLASSES)
        if len(port.classes or ()) > n_queues:
            without = list(port.classes or ())[n_queues]
            findings.add(
                f"{port.name} has no queue for class {without}: nic.queues_per_vf is {n_queues}, and it names "
                f"{len(port.classes or ())} classes",
                findings.station(port.name, "classes"),
                "nic.queues_per_vf",
            )


def _check_weights(config: Config, findings: Findings) -> None:
    """Check that credits derived from weights fit into their register."""
    ports = config.switch.ports
    for port, own in zip(ports, config.switch.pool_credits(), strict=True):
        if own.refill > MOST_REFILL:
            least = min(each.weight for each in ports)
            findings.add(
                f"weight {port.weight} beside {least} makes a refill of {own.refill} credits, more than the "
                f"{MOST_REFILL} that a register holds; say credits, or weights that differ less",
                findings.station(port.name, "weight"),
                "nic.arbitration",
            )
            return


def _check_guarantees(config: Config, arbitration: TransmitArbitration, findings: Findings) -> None:
    """Check that a class's share has room for what is guaranteed to stations that send in it alone.

    With strict-priority classes, shares do not follow from percentages, so nothing is reported.
    """
    if any(each.strict != "none" for each in arbitration.classes):
        return
    totals_bps: dict[tuple[str | None, int], int] = {}
    for function, port in enumerate(config.switch.ports):
        classes = set(config.classes_of_queues(function))
        number = classes.pop()
        if port.min_rate_bps is None or classes or number >= len(arbitration.classes):
            continue
        percent = arbitration.classes[number].percent
        total_bps = totals_bps.get((port.port, number), 0) + port.min_rate_bps
        totals_bps[port.port, number] = total_bps
        if percent is not None and percent * config.port.rate_bps < 100 * total_bps <= 100 * config.port.rate_bps:
            findings.add(
                f"all guarantees of class {number} up to it are {format_rate_bps(total_bps)}, more than its {percent} "
                f"percent of port.rate {format_rate_bps(config.port.rate_bps)}",
                findings.station(port.name, "min_rate"),
                (*CLASSES, number, "percent"),
            )
            return


def _check_room(config: Config, arbitration: TransmitArbitration, findings: Findings) -> None:
    room = config.nic.tx_buffer_bytes // len(arbitration.classes)
    longest = config.switch.longest_sender
    if room < longest.max_frame_bytes - FCS_BYTES:
        findings.add(
            f"{format_bytes(config.nic.tx_buffer_bytes)} for {len(arbitration.classes)} classes are {room} B each, "
            f"which never hold the longest frame of {longest.name}, max_frame {longest.max_frame_bytes}B",
            "nic.tx_buffer",
            "nic.arbitration.classes",
        )


def _check_rates(config: Config, findings: Findings) -> None:
    """Check that the registers can hold the factors of all rate limits."""
    link_bps = config.port.rate_bps
    for port in config.switch.ports:
        rate_bps = port.rate_limit_bps
        if rate_bps is None:
            continue
        key = findings.station(port.name, "rate_limit")
        if rate_bps > link_bps:
            findings.add(
                f"{format_rate_bps(rate_bps)} is more than port.rate {format_rate_bps(link_bps)}, so no factor of "
                "RTTBCNRC",
                key,
                "port.rate",
            )
        elif rate_factor(rate_bps, link_bps) > MOST_FACTOR:
            findings.add(
                f"{format_rate_bps(rate_bps)} is below a 16384th of port.rate {format_rate_bps(link_bps)}, the least "
                "that RTTBCNRC holds",
                key,
                "port.rate",
            )
