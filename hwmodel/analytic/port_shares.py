"""What the wires that feed a port of the bridge keep of it, where more comes for the port than it can send.

By one of these laws (docs/pcie.md, "A full port of the bridge"):

- `alone`: one wire feeds the port, and keeps all of it.
- `random`: wires no faster than the port, with frames at random: `slot_sharing.kept_at_random`.
  So is one wire that is never idle, if its frames, longer for their tags, slide along the port's slots.
- `in_step`: one wire is never idle from its first frame on, all its frames are for the port, and it is as fast or
  faster; the port's slots begin with one of them: `slot_sharing.kept_beside_one_in_step`. Of several that are alike
  the first port's come first.
- `unknown`: frames of several lengths, a buffer for all ports, several queues at one, phases that only a run knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hwmodel.analytic.crossing import wire_fs
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.port_feeds import FULL, Carried, Feed, PortFeeds, Wire
from hwmodel.analytic.slot_sharing import kept_at_random, kept_beside_one_in_step
from hwmodel.analytic.symmetry import folded, sent_outside, without_names
from hwmodel.config.bridge import OUTSIDE
from hwmodel.units import FS_PER_S

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.analytic.traffic import Demand
    from hwmodel.config import Config

Law = Literal["alone", "random", "in_step", "unknown"]
_MOST_SLOTS_A_TURN = 2000


@dataclass(frozen=True)
class WireShare:
    """Hold what comes for a port by one wire, and what of it the port sends; None where that is not known."""

    wire: str
    arriving_mpps: float
    kept_mpps: float | None


@dataclass(frozen=True)
class PortShares:
    """Hold a port of the bridge that is asked for more than it can send, and the law by which its wires share it."""

    port: str
    arriving_mpps: float
    sent_mpps: float
    law: Law
    wires: tuple[WireShare, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return asdict(self)


def port_shares(config: Config, system: System, mix: Demand) -> tuple[PortShares, ...]:
    """Give each overloaded port with what its wires keep of it; none where all that is offered gets through.

    Where a port's wires lose how much is not known, all of them are taken to lose the same part before they come to the
    next port.
    """
    if not system.bridges:
        return ()
    if mix.alike is not None:
        return _of_alike(config, system, mix.carried)
    return tuple(_followed(config, system, mix.carried))


def _of_alike(config: Config, system: System, carried: Carried) -> tuple[PortShares, ...]:
    """Give the ports of alike servers together, whose wires are not told apart, and the port outside."""
    of_one = [(one, rate / system.outside) for one, rate in carried]
    inside = [one for one in _followed(config, folded(system), of_one) if one.port == f"bridge.{system.port_name(0)}"]
    to_outside = list(sent_outside(system, carried))
    outside = [one for one in _followed(config, system, to_outside) if one.port == f"bridge.{OUTSIDE}"]
    names = f"bridge.{system.port_name(0)} to bridge.{system.port_name(system.outside - 1)}"
    of_all = (replace(one, port=f"each of {names}", law="unknown", wires=()) for one in inside)
    return (*of_all, *outside)


def _followed(config: Config, system: System, carried: Carried) -> Iterator[PortShares]:
    found = PortFeeds(config, system, carried)
    for port in found.ports():
        coming = found.coming(port)
        use = found.use(port, coming)
        feeds = found.feeds(coming)
        kept = dict.fromkeys((feed.wire for feed in feeds), 1.0 if use * FULL <= 1 else 1 / use)
        if use * FULL > 1:
            shares = _at_port(config, system, port, feeds, use, _slot_bytes(carried, found.lengths(coming)))
            for feed, one in zip(feeds, shares.wires, strict=True):
                if one.kept_mpps is not None:
                    kept[feed.wire] = one.kept_mpps / one.arriving_mpps
            yield shares
        found.keep(coming, kept)


def _at_port(
    config: Config, system: System, port: Wire, feeds: Sequence[Feed], use: float, slot_bytes: int | None
) -> PortShares:
    per_s = sum(feed.per_s for feed in feeds)
    law: Law = "unknown"
    kept: Sequence[float] | None = None
    if _is_one_queue(system, port) and slot_bytes is not None:
        law, kept = _law(system, feeds, wire_fs(slot_bytes, system.rate_bps(port.part)), config)
    elif len(feeds) == 1:
        law, kept = "alone", [per_s / use]
    shares = tuple(
        WireShare(_name(system, feed.wire), feed.per_s / 1e6, None if kept is None else kept[at] / 1e6)
        for at, feed in enumerate(feeds)
    )
    return PortShares(_name(system, port), per_s / 1e6, per_s / use / 1e6, law, shares)


def _name(system: System, wire: Wire) -> str:
    upwards, downwards = system.wire_names(wire.part)
    return upwards if wire.is_upwards else downwards


def _is_one_queue(system: System, port: Wire) -> bool:
    """Tell whether a port has one queue, with a buffer of its own."""
    at = system.device_below(port.part) if port.is_upwards else system.device_above(port.part)
    bridge, extender = system.bridges[at[0]].settings, at[1]
    device = bridge if extender is None else system.extender(extender)
    is_to_station = port.part <= system.outside
    return device.sharing == "port" and not (is_to_station and bridge.ports[system.port_name(port.part)].s_channels)


def _slot_bytes(carried: Carried, lengths: set[float]) -> int | None:
    """Give the bytes of all frames at a port, None where they differ."""
    is_one = len(lengths) == 1 and all(len(one.traffic.sizes) == 1 for one, rate in carried if rate)
    return int(lengths.pop()) if is_one else None


def _law(system: System, feeds: Sequence[Feed], slot_fs: int, config: Config) -> tuple[Law, Sequence[float] | None]:
    """Give the law, and frames a second that each feed keeps, in the order of ports."""
    slot_s = slot_fs / FS_PER_S
    if len(feeds) == 1:
        return "alone", [1 / slot_s]
    full = [feed for feed in feeds if feed.is_full]
    rates = [feed.per_s * slot_s for feed in feeds]
    others = [feed for feed in feeds if not feed.is_full]
    if config.workload.pcap is not None or not all(one.is_random and one.frame_fs >= slot_fs for one in others):
        return "unknown", None
    if any(one.wire.part > system.outside for one in full):  # whose frames are those of several
        return "unknown", None
    if not full or (len(full) == 1 and _slides(full[0].frame_fs, slot_fs)):
        return "random", [one / slot_s for one in kept_at_random(rates)]
    first = full[0]
    if first.frame_fs > slot_fs or not all(_starts_with(system, first, other) for other in full):
        return "unknown", None
    beside = kept_beside_one_in_step(first.frame_fs, slot_fs, [one.per_s * slot_s for one in others])
    if beside is None:
        return "unknown", None
    kept = dict(zip((one.wire for one in others), beside, strict=True)) | {first.wire: 1 - sum(beside)}
    return "in_step", [kept.get(feed.wire, 0.0) / slot_s for feed in feeds]


def _slides(frame_fs: int, slot_fs: int) -> bool:
    """Tell whether frames that are longer than the slots pass all their phases, again and again."""
    return frame_fs > slot_fs and (frame_fs - slot_fs) * _MOST_SLOTS_A_TURN > slot_fs


def _starts_with(system: System, one: Feed, other: Feed) -> bool:
    """Tell whether two wires (or one: the same) begin at one time, and go on with the same step without a pause."""
    parts = one.wire.part, other.wire.part
    if not (other.is_for_port_alone and other.has_no_rate) or not all(map(system.is_server, parts)):
        return False
    config = system.config(parts[1])
    same = without_names(system.config(parts[0])) == without_names(config)
    # Until more descriptors and frames have come, the wire lives on the first batch.
    first_batch_fs = other.n_streams * config.nic.fetch_batch * other.frame_fs
    goes_on = first_batch_fs >= 2 * round_trip_fs(config, config.pcie.max_read_request_bytes)
    return same and goes_on and one.frame_fs == other.frame_fs and one.n_streams == other.n_streams
