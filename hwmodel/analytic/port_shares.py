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
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from hwmodel.analytic.ceilings import wire_bytes_of
from hwmodel.analytic.crossing import wire_fs
from hwmodel.analytic.demand import OUTSIDE_TRAFFIC
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.slot_sharing import kept_at_random, kept_beside_one_in_step
from hwmodel.analytic.symmetry import folded, sent_outside, without_names
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.analytic.traffic import Demand, Offered, Traffic
    from hwmodel.config import Config

Law = Literal["alone", "random", "in_step", "unknown"]
Carried = Sequence[tuple["Offered", Fraction]]
_FULL = 1 - 1e-6
_MOST_SLOTS_A_TURN = 2000


LAW_WORDS: dict[Law, str] = {
    "alone": "One wire feeds it.",
    "random": "Who comes first has the room of the frame just sent: of two wires each loses as many frames.",
    "in_step": "One wire is never idle, in step with the port: its next frame has the room of the frame just sent.",
    "unknown": "Who loses how much is for a run to say: it depends on frame lengths, or on who begins when.",
}


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


@dataclass(frozen=True)
class _Feed:
    """Hold a wire that feeds a port.

    `per_s`: frames a second for the port. `frame_fs`: the time of one on the wire. `use`: of the wire, by all that is
    on it. `is_random`: they come at a given rate, at random; `has_no_rate`: all send what they can. `n_streams`: for
    the port. `is_for_port_alone`: nothing that they send over the bridge goes elsewhere.
    """

    part: int
    per_s: float
    frame_fs: int
    use: float
    is_random: bool
    has_no_rate: bool
    n_streams: int
    is_for_port_alone: bool

    @property
    def is_full(self) -> bool:
        """Tell whether the wire is never idle."""
        return self.use >= _FULL


def port_shares(config: Config, system: System, mix: Demand) -> tuple[PortShares, ...]:
    """Give each overloaded port with what its wires keep of it; none where all that is offered gets through."""
    if system.bridge is None:
        return ()
    if mix.alike is not None:
        return _of_alike(config, system, mix.carried)
    found = (_at_port(config, system, mix.carried, part) for part in range(system.n_parts))
    return tuple(one for one in found if one is not None)


def _of_alike(config: Config, system: System, carried: Carried) -> tuple[PortShares, ...]:
    """Give the ports of alike servers together, whose wires are not told apart, and the port outside."""
    of_one = [(one, rate / system.outside) for one, rate in carried]
    inside = _at_port(config, folded(system), of_one, 0)
    outside = _at_port(config, system, list(sent_outside(system, carried)), system.outside)
    found = []
    if inside is not None:
        names = f"bridge.{system.port_name(0)} to bridge.{system.port_name(system.outside - 1)}"
        found.append(replace(inside, port=f"each of {names}", law="unknown", wires=()))
    return tuple(one for one in (*found, outside) if one is not None)


def _at_port(config: Config, system: System, carried: Carried, part: int) -> PortShares | None:
    legs = [(leg.traffic, float(rate * share)) for one, rate in carried for leg, share in one.hops if leg.part == part]
    per_s = sum(rate for _, rate in legs)
    bytes_per_s = sum(_frame_bytes(traffic, received=True) * rate for traffic, rate in legs)
    rate_bps = system.rate_bps(part)
    use = bytes_per_s * BITS_PER_BYTE / rate_bps
    if use * _FULL <= 1:
        return None
    feeds = [feed for source in range(system.n_parts) for feed in _feeds(config, system, carried, source, part)]
    lengths = {_frame_bytes(traffic, received=True) for traffic, rate in legs if rate}
    law: Law = "unknown"
    kept: Sequence[float] | None = None
    if _is_one_queue(system, part) and _is_of_one_length(carried, lengths):
        law, kept = _law(system, feeds, wire_fs(int(lengths.pop()), rate_bps), config)
    elif len(feeds) == 1:
        law, kept = "alone", [per_s / use]
    shares = tuple(
        WireShare(
            f"{system.prefix(feed.part)}wire.tx" if feed.part != system.outside else "bridge.outside in",
            feed.per_s / 1e6,
            None if kept is None else kept[at] / 1e6,
        )
        for at, feed in enumerate(feeds)
    )
    return PortShares(f"bridge.{system.port_name(part)}", per_s / 1e6, per_s / use / 1e6, law, shares)


def _is_one_queue(system: System, part: int) -> bool:
    """Tell whether a port has one queue, with a buffer of its own."""
    bridge = system.bridge
    if bridge is None or bridge.sharing != "port":
        return False
    return not bridge.ports[system.port_name(part)].s_channels


def _is_of_one_length(carried: Carried, lengths: set[float]) -> bool:
    return len(lengths) == 1 and all(len(one.traffic.sizes) == 1 for one, rate in carried if rate)


def _frame_bytes(traffic: Traffic, *, received: bool) -> float:
    tag_bytes = traffic.back_tag_bytes if received else traffic.tag_bytes
    return float(traffic.wire_bytes_with(tag_bytes))


def _feeds(config: Config, system: System, carried: Carried, source: int, part: int) -> Iterator[_Feed]:
    """Give the wire from a component, where it feeds the port to `part`."""
    own = [(one, float(rate)) for one, rate in carried if rate and system.place(one.source)[0] == source]
    crossing = [(one, rate, next(leg.traffic for leg in one.sent_as)) for one, rate in own if one.hops]
    for_port = {one.name: sum(float(share) for leg, share in one.hops if leg.part == part) for one, _, _ in crossing}
    feeding = [(one, rate, sent) for one, rate, sent in crossing if for_port[one.name]]
    if not feeding:
        return
    use = sum(float(wire_bytes_of(sent)[0]) * rate for _, rate, sent in crossing)
    workload = config.workload
    arrivals = {
        workload.external.arrivals if one.name == OUTSIDE_TRAFFIC and workload.external else workload.arrivals
        for one, _, _ in feeding
    }
    yield _Feed(
        part=source,
        per_s=sum(for_port[one.name] * rate for one, rate, _ in feeding),
        frame_fs=wire_fs(int(_frame_bytes(feeding[0][2], received=False)), system.rate_bps(source)),
        use=use * BITS_PER_BYTE / system.rate_bps(source),
        is_random=arrivals == {"poisson"} and all(one.frames_per_s is not None for one, _, _ in feeding),
        has_no_rate=all(one.frames_per_s is None for one, _, _ in feeding),
        n_streams=len(feeding),
        is_for_port_alone=len(feeding) == len(crossing)
        and all(abs(for_port[one.name] - float(sent.to_wire)) < 1e-9 for one, _, sent in feeding),
    )


def _law(system: System, feeds: Sequence[_Feed], slot_fs: int, config: Config) -> tuple[Law, Sequence[float] | None]:
    """Give the law, and frames a second that each feed keeps, in the order of ports."""
    slot_s = slot_fs / FS_PER_S
    if len(feeds) == 1:
        return "alone", [1 / slot_s]
    full = [feed for feed in feeds if feed.is_full]
    rates = [feed.per_s * slot_s for feed in feeds]
    others = [feed for feed in feeds if not feed.is_full]
    if config.workload.pcap is not None or not all(one.is_random and one.frame_fs >= slot_fs for one in others):
        return "unknown", None
    if not full or (len(full) == 1 and _slides(full[0].frame_fs, slot_fs)):
        return "random", [one / slot_s for one in kept_at_random(rates)]
    first = full[0]
    if first.frame_fs > slot_fs or not all(_starts_with(system, first, other) for other in full):
        return "unknown", None
    beside = kept_beside_one_in_step(first.frame_fs, slot_fs, [one.per_s * slot_s for one in others])
    if beside is None:
        return "unknown", None
    kept = dict(zip((one.part for one in others), beside, strict=True)) | {first.part: 1 - sum(beside)}
    return "in_step", [kept.get(feed.part, 0.0) / slot_s for feed in feeds]


def _slides(frame_fs: int, slot_fs: int) -> bool:
    """Tell whether frames that are longer than the slots pass all their phases, again and again."""
    return frame_fs > slot_fs and (frame_fs - slot_fs) * _MOST_SLOTS_A_TURN > slot_fs


def _starts_with(system: System, one: _Feed, other: _Feed) -> bool:
    """Tell whether two wires (or one: the same) begin at one time, and go on with the same step without a pause."""
    if not (other.is_for_port_alone and other.has_no_rate) or system.outside in (one.part, other.part):
        return False
    config = system.config(other.part)
    same = without_names(system.config(one.part)) == without_names(config)
    # Until more descriptors and frames have come, the wire lives on the first batch.
    first_batch_fs = other.n_streams * config.nic.fetch_batch * other.frame_fs
    goes_on = first_batch_fs >= 2 * round_trip_fs(config, config.pcie.max_read_request_bytes)
    return same and goes_on and one.frame_fs == other.frame_fs and one.n_streams == other.n_streams
