"""The parts of the datapath in words: each of a frame's way, with how busy or how full it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from hwmodel import resources
from hwmodel.resources import RESOURCES
from hwmodel.results.bridge_reading import core_share
from hwmodel.results.reading import frame_bytes_total, sends_whole
from hwmodel.units import UnitError, parse_bytes
from hwmodel.words.limits import of_any_port
from hwmodel.words.quantities import count_text, decimals_text, percent_text, three_digits

if TYPE_CHECKING:
    from hwmodel.results.adapter_use import QueueDepth
    from hwmodel.results.result import Result


class Part(NamedTuple):
    """One part of the datapath: its title, at most two lines of figures, and its busy or full share, if it has one."""

    title: str
    lines: tuple[str, ...]
    share: float | None = None


def datapath_parts(result: Result) -> dict[str, Part]:
    """Return the parts of the datapath by name, each with its figures; figures missing in a result are left out."""
    shares, queues, nic = result.utilization, result.queues, result.config.get("nic")
    nic = nic if isinstance(nic, Mapping) else {}
    per_frame = frame_bytes_total(result)
    up, down = result.pcie.up.utilization, result.pcie.down.utilization
    link = "Bus" if result.buses else "PCIe"
    core = core_share(shares)
    slots = "descriptors" if sends_whole(result) else "frames"
    return {
        "driver": Part("VM drivers", _core_lines(core, "sending", shares.get(resources.DRIVER_TX)), core),
        "tx_ring": ring_part("Tx rings", queues.get("tx_ring"), nic.get("tx_ring"), slots),
        "down": Part(f"{link} down", (f"{percent_text(down)} busy", _bytes_line(per_frame.get("down"))), down),
        "tx_buffer": buffer_part("Tx buffer", queues.get("tx_buffer"), nic.get("tx_buffer")),
        "memory": _memory(shares.get(resources.DRAIN, shares.get(resources.MEMORY))),
        "tags": _tags_and_credits(result),
        "switch": _switch(result),
        "wire": _wire(result),
        "rx_buffer": buffer_part("Rx buffer", queues.get("rx_buffer"), nic.get("rx_buffer")),
        "up": Part(f"{link} up", (f"{percent_text(up)} busy", _bytes_line(per_frame.get("up"))), up),
        "rx_ring": ring_part("Rx rings", queues.get("rx_ring"), nic.get("rx_ring"), "used"),
        "guest": Part("Guests", _core_lines(core, "receiving", shares.get(resources.DRIVER_RX)), core),
    }


_PARTS = {row.in_results: row.part for row in RESOURCES}


def part_of(resource: str) -> str:
    """Return the part of the datapath at which a resource is; empty where it is drawn at none."""
    return _PARTS.get(of_any_port(resource), "")


def busiest_at(part: str, utilization: Mapping[str, float]) -> dict[str, float]:
    """Return how busy each resource at a part is, at the busiest of several ports."""
    found: dict[str, float] = {}
    for name, share in utilization.items():
        if part_of(name) == part:
            found[of_any_port(name)] = max(share, found.get(of_any_port(name), 0.0))
    return found


def _core_lines(core: float | None, verb: str, share: float | None) -> tuple[str, ...]:
    if core is None:
        return ()
    return (f"busiest core {percent_text(core)}", f"{percent_text(share or 0.0)} {verb}")


def ring_part(title: str, depth: QueueDepth | None, slots: object, unit: str) -> Part:
    """Return how full rings are, on average and at most in the fullest; `slots`: a ring's size as configured."""
    n_slots = _whole(slots)
    if depth is None:
        return Part(title, ())
    if not n_slots or n_slots < 2:
        return Part(title, (f"{three_digits(depth.mean)} {unit}", f"at most {count_text(depth.max)}"))
    # A ring holds one less than its descriptors: with all taken, head and tail would meet.
    share = depth.mean / (n_slots - 1)
    lines = (f"{three_digits(depth.mean)} of {n_slots - 1:,} {unit}", f"at most {count_text(depth.max)}")
    return Part(title, lines, min(1.0, share))


def buffer_part(title: str, depth: QueueDepth | None, size: object) -> Part:
    """Return how full a buffer is, on average and at most; `size`: as configured."""
    if depth is None:
        return Part(title, ())
    try:
        n_bytes = parse_bytes(size)
    except UnitError:
        return Part(title, (f"{_kib(depth.mean)} KiB", f"at most {_kib(depth.max)} KiB"))
    lines = (f"{_kib(depth.mean)} of {_kib(n_bytes)} KiB", f"at most {_kib(depth.max)} KiB")
    return Part(title, lines, min(1.0, depth.mean / n_bytes) if n_bytes else None)


def _kib(n_bytes: float) -> str:
    return three_digits(n_bytes / 1024)


def tags_part(result: Result) -> Part:
    """Return how many read tags are in use."""
    share, depth = result.utilization.get(resources.TAGS), result.queues.get("tags")
    pcie = result.config.get("pcie")
    n_tags = _whole(pcie.get("tags")) if isinstance(pcie, Mapping) else None
    if depth is None:
        return Part("Read tags", () if share is None else (f"all in use {percent_text(share)}",), share)
    line = f"{three_digits(depth.mean)}{f' of {n_tags}' if n_tags else ''} in use"
    return Part("Read tags", (line,), min(1.0, depth.mean / n_tags) if n_tags else share)


def _tags_and_credits(result: Result) -> Part:
    """Return the read tags, and how long something waited for credits, if it did."""
    tags = tags_part(result)
    lacking = result.stalls_ns.credits / result.window.duration_ns if result.window.duration_ns > 0 else 0.0
    if lacking <= 0:
        return tags
    lines = (*tags.lines, f"credits lack {percent_text(lacking)}")
    return Part("Tags, credits", lines, max(tags.share or 0.0, lacking))


def _memory(drain: float | None) -> Part:
    """Return the host's memory, with its busy share if draining writes takes time."""
    return Part("Host memory", ("takes no time" if drain is None else f"{percent_text(drain)} busy",), drain)


def _switch(result: Result) -> Part:
    shares = busiest_at("switch", result.utilization)
    known = {name.rpartition(".")[2]: share for name, share in shares.items() if share}
    lines = tuple(f"{name} {percent_text(share)}" for name, share in sorted(known.items()))
    return Part("Switch", lines or ("takes no time",), max(known.values(), default=None))


def _wire(result: Result) -> Part:
    wire = result.wire
    if not (wire.tx_gbps or wire.rx_gbps or wire.utilization):
        return Part("Wire", ("no traffic",))
    rates = f"{decimals_text(wire.tx_gbps, 2)} / {decimals_text(wire.rx_gbps, 2)} Gb/s"
    title = "Wires, out/in" if result.ports else "Wire, out/in"
    return Part(title, (rates, f"{percent_text(wire.utilization)} busy"), wire.utilization)


def _bytes_line(n_bytes: float | None) -> str:
    return "" if n_bytes is None else f"{n_bytes:,.0f} B a frame"


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
