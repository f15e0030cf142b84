"""Validate the `workload` block: who sends what to whom, how much, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE

from .kinds import (
    LONGEST_FRAME_BYTES,
    LONGEST_SEGMENT_BYTES,
    Block,
    ByteCount,
    FrameLength,
    FrameRate,
    Kind,
    Listing,
    Number,
    OrWord,
    Pair,
    Rate,
    Share,
    Whole,
    Word,
    decimal_number,
    key,
    percent_text,
    shown,
    suggest,
    wrong,
)
from .names import EndName, Name

MAX_SHARE = 32.0  # of the port rate: a larger number is meant as a percentage, by mistake
RATE = Rate("1Kbps", "1000Gbps")
FRAME_RATE = FrameRate("1pps", "10Gpps")
_PORT = EndName()
_OF_CEILING = r"([0-9]{1,4}(?:\.[0-9]{1,6})?) ?% of ceiling"
_WAYS = "saturate, a share like 0.8, a rate like 2Gbps or 2Mpps, or 90% of ceiling"
SenderWeight = Annotated[float, Number(0, 10**6)]
ZipfExponent = Annotated[float, Number(0, 10)]
Pattern = Literal["pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire", "flows"]
Arrivals = Literal["periodic", "poisson", "on_off"]
BurstLength = Literal["geometric", "fixed"]
OnFull = Literal["wait", "drop"]
PcapTime = Literal["file", "asap"]
_FRAME = FrameLength()
DEFAULT_HEADER = "66B"
_SEGMENT = FrameLength(LONGEST_SEGMENT_BYTES)
SHORTEST_FRAME_BYTES = _FRAME.least
_WEIGHT = Whole(1, 10**6)
FrameBytes = Annotated[int, _FRAME]
VmName = Annotated[str, Name(with_servers=True)]
VmNames = Annotated[tuple[VmName, ...], Listing("[vf0, vf1]", least=1)]
_PATTERN_WORDS = Word(Pattern, none_word="none")
_ARRIVALS_WORDS = Word(Arrivals)
_BURST_WORDS = Word(BurstLength)
_BURST_LENGTH = (
    "How many frames a burst of on_off arrivals has: drawn anew for each, at least 1 and `mean_burst` on average "
    "(geometric), or just `mean_burst`, a whole number (fixed)."
)


MOST_CONNECTIONS = 1 << 20
MOST_HEADERS = 1 << 14  # that connections between two stations may have; beyond, connections share headers


class Flow(NamedTuple):
    """Frames from one port to another, at a rate in frame bits with FCS or in frames, or (both None) as `load` says.

    `Workload.rate_bps_of` returns either as bits.
    """

    source: str
    target: str
    rate_bps: int | None = None
    frames_per_s: int | None = None

    @property
    def follows_load(self) -> bool:
        """Tell whether the flow has no rate of its own."""
        return self.rate_bps is None and self.frames_per_s is None


@dataclass(frozen=True)
class Load:
    """How much is offered: all that gets through, a share in all, or a rate for each VM.

    `share`: of the port rate (kind share) or of the closed form's ceiling (kind ceiling).
    """

    kind: Literal["saturate", "share", "ceiling", "rate", "frame_rate"]
    share: float | None = None
    rate_bps: int | None = None
    frames_per_s: int | None = None

    @property
    def is_nothing(self) -> bool:
        """Tell whether nobody sends: `load: 0`."""
        return self.share == 0


class LoadKind(Kind):
    """A load, in one of its forms."""

    def parse(self, value: object) -> Load:
        """Return the load; numbers are shares, texts the rest."""
        if isinstance(value, str):
            return _load_of_text(value)
        share = decimal_number(value, _WAYS)
        if share < 0:
            raise wrong(f"{shown(value)} is negative; a load is 0 (nobody sends) or more")
        if share > MAX_SHARE:
            raise wrong(f"{shown(value)} times the port rate is out of range; write 80 % as 0.8, a rate like 2Gbps")
        return Load("share", share=share)

    def write(self, value: Any) -> str | float:
        """Write the load as a user would."""
        if value.kind == "share":
            return float(value.share)
        if value.kind == "ceiling":
            return f"{percent_text(value.share)} of ceiling"
        if value.kind == "frame_rate":
            return FRAME_RATE.write(value.frames_per_s)
        return "saturate" if value.kind == "saturate" else RATE.write(value.rate_bps)

    def schema(self) -> dict[str, Any]:
        """Return all forms."""
        number = {"title": f"a share of the port rate, 0 to {MAX_SHARE:g}", "type": "number", "minimum": 0}
        of_ceiling = {"title": "a share of the closed form's ceiling, like 90% of ceiling", "type": "string"}
        return {
            "anyOf": [
                {"const": "saturate"},
                number | {"maximum": MAX_SHARE},
                RATE.schema(),
                FRAME_RATE.schema(),
                of_ceiling | {"pattern": f"^{_OF_CEILING}$"},
            ]
        }


def _load_of_text(text: str) -> Load:
    if text == "saturate":
        return Load("saturate")
    if text[:1].isalpha():
        raise wrong(f"{shown(text)} is not {_WAYS}{suggest(text, ['saturate'])}")
    of_ceiling = re.fullmatch(_OF_CEILING, text)
    if of_ceiling is not None:
        share = Fraction(of_ceiling[1]) / 100
        if not 0 < share <= MAX_SHARE:
            raise wrong(f"{shown(text)} is out of range; above 0%, to {100 * MAX_SHARE:g}%")
        return Load("ceiling", share=float(share))
    if "%" in text:
        raise wrong(f"{shown(text)} is no load; write 80 % of the port rate as 0.8, or like 80% of ceiling")
    if FRAME_RATE.knows_unit_of(text):
        return Load("frame_rate", frames_per_s=FRAME_RATE.parse(text))
    return Load("rate", rate_bps=RATE.parse(text))


class FlowKind(Kind):
    """A flow as a list: source, target, and perhaps a rate."""

    def parse(self, value: object) -> Flow:
        """Return the flow."""
        if not isinstance(value, list | tuple) or len(value) not in (2, 3):
            raise wrong("a flow is a source, a destination and perhaps a rate, like [vf0, vf1, 2Gbps]")
        source, target = _PORT.parse(value[0]), _PORT.parse(value[1])
        rate = value[2] if len(value) == 3 else None
        if rate is None:
            return Flow(source, target)
        if FRAME_RATE.knows_unit_of(rate):
            return Flow(source, target, frames_per_s=FRAME_RATE.parse(rate))
        return Flow(source, target, RATE.parse(rate))

    def write(self, value: Any) -> list[Any]:
        """Write the list, null for a rate that is not given."""
        rate = None if value.rate_bps is None else RATE.write(value.rate_bps)
        if value.frames_per_s is not None:
            rate = FRAME_RATE.write(value.frames_per_s)
        return [value.source, value.target, rate]

    def schema(self) -> dict[str, Any]:
        """Return a list of two or three."""
        rate = {"anyOf": [RATE.schema(), FRAME_RATE.schema(), {"type": "null"}]}
        return {"type": "array", "prefixItems": [_PORT.schema(), _PORT.schema(), rate], "minItems": 2, "maxItems": 3}


def sender_shares(
    ports: Iterable[str], weights: Mapping[str, float], zipf_exponent: float | None, in_order: Sequence[str]
) -> dict[str, Fraction]:
    """Return the part of the load that each of `ports` sends; parts add up to 1, ports with weight 0 are left out.

    By `weights`, 1 for a port that is not named. Or by Zipf's law, where the k-th port, in port order from 1, has the
    weight 1 / k^exponent (L. Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999, section III).
    Empty if all weights are 0. `in_order`: all VMs in port order (`vms_of`); stations outside come before them.
    """
    places = {name: place for place, name in enumerate(in_order)}
    ports = sorted(dict.fromkeys(ports), key=lambda name: places.get(name, -1))
    if zipf_exponent is not None:
        weighted = {name: Fraction(rank**-zipf_exponent) for rank, name in enumerate(ports, start=1)}
    else:
        exact = {name: Fraction(repr(float(weight))) for name, weight in weights.items()}
        weighted = {name: exact.get(name, Fraction(1)) for name in ports}
    total = sum(weighted.values(), Fraction(0))
    return {name: weight / total for name, weight in weighted.items() if weight}


class SizeWeight(NamedTuple):
    """A frame length with its FCS, and how often it occurs among the others."""

    frame_bytes: int
    weight: int


class _PathKind(Kind):
    def parse(self, value: object) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise wrong(f"{shown(value)} is not a file name")
        return Path(value)

    def write(self, value: Any) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


_SIZE = Pair(SizeWeight, _FRAME, _WEIGHT, "an entry is a frame length and a weight, like [64, 7]")
Sizes = Annotated[tuple[Annotated[SizeWeight, _SIZE], ...], Listing("[[64, 7], [570, 4], [1518, 1]]", least=1)]


def frames_of_send(segment_bytes: int, mss_bytes: int) -> int:
    """Return how many frames are cut of a send with so much payload: one for each MSS begun."""
    return -(-segment_bytes // mss_bytes)


def lengths_of_send(segment_bytes: int, mss_bytes: int, header_bytes: int) -> list[tuple[int, int]]:
    """Return the lengths with FCS of the frames that are cut of a send, each with how many there are.

    Lengths below 64 B count as 64 B, to which they are padded on the wire.
    """
    n_frames = frames_of_send(segment_bytes, mss_bytes)
    beside = header_bytes + FCS_BYTES
    last = segment_bytes - (n_frames - 1) * mss_bytes
    payloads = [(mss_bytes, n_frames - 1), (last, 1)] if last < mss_bytes else [(mss_bytes, n_frames)]
    return [(max(beside + payload, SHORTEST_FRAME_BYTES), n) for payload, n in payloads if n]


class External(Block):
    """Frames that arrive from the wire for the stations."""

    rate_bps: Annotated[int, RATE] = key(
        ...,
        "Frame bits with FCS, a second, of all outside frames together that come by one line: with several Ethernet "
        "ports and no bridge, by each port that a station of `to` is at; behind a bridge there is one line.",
        alias="rate",
    )
    arrivals: Annotated[Arrivals, _ARRIVALS_WORDS] = key("poisson", "When outside frames come.")
    frame_bytes: FrameBytes | None = key(
        None, "Length of outside frames with FCS.", derived="the workload's own lengths, unless sizes is given"
    )
    sizes: Sizes | None = key(None, "Lengths with weights in place of frame_bytes: [[64, 7], [570, 4], [1518, 1]].")
    to: Annotated[VmNames | Literal["all"], OrWord("all", VmNames)] = key(
        "all", "Stations that the frames go to, each as often: all VFs, or a list."
    )
    peak_rate_bps: Annotated[int, RATE] | None = key(
        None,
        "Rate within a burst of outside frames, of all by one line as `rate`: frame bits with FCS, without the 20 B of "
        "preamble and gap; needed with `arrivals: on_off`.",
        alias="peak_rate",
    )
    mean_burst_frames: Annotated[float, Number(1, 10**6)] = key(
        32, "Mean number of frames in a burst of on_off arrivals.", alias="mean_burst"
    )
    burst_length: Annotated[BurstLength, _BURST_WORDS] = key("geometric", _BURST_LENGTH)


class Workload(Block):
    """The frames that the VMs send."""

    pattern: Annotated[Pattern | None, _PATTERN_WORDS] = key(
        "pairs",
        "Who sends to whom. pairs: vf0 and vf1 to each other, vf2 and vf3, and so on; ring: each to the next; uniform: "
        "each to any other; incast: all to `incast_to`; broadcast, multicast: each to all; to_wire: each to the "
        "outside; flows: as `flows` says; none, or null: no VM sends, which needs `external`. Not with a pcap, whose "
        "frames say it.",
        derived="pairs, none where a pcap is given",
    )
    frame_bytes: Annotated[int, _SEGMENT] | None = key(
        None,
        "Length of all frames with the FCS. Short ones are limited by the cost of each frame, long ones by the bytes. "
        f"Above {LONGEST_FRAME_BYTES}: of segments (GSO) that VMs hand to a virtual switch, which passes them whole.",
        derived="1518, null where sizes or a pcap is given",
    )
    sizes: Sizes | None = key(None, "Lengths with weights in place of frame_bytes: [[64, 7], [570, 4], [1518, 1]].")
    segment_bytes: Annotated[int, ByteCount("1B", "64KiB")] | None = key(
        None,
        "Payload of a send that the adapter cuts into frames (TSO): all that VMs send are such sends. A virtual switch "
        "passes them whole from VM to VM; those for the wire are cut as nic.tso says. null: VMs send frame by frame.",
        unsaid=None,
    )
    mss_bytes: Annotated[int, ByteCount("64B", "64KiB")] | None = key(
        None,
        "Payload of each frame that is cut of a send, the last one's being what is left. 64 B is the least that an "
        "adapter cuts (i40e).",
        derived="1448B with segment_bytes",
        alias="mss",
        unsaid=None,
    )
    header_bytes: Annotated[int, ByteCount("54B", "255B")] | None = key(
        None,
        "Headers of a TCP frame, which each frame of a send gets: 54 B are Ethernet, IPv4 and TCP, 66 B with TCP's "
        "timestamps.",
        derived="66B with segment_bytes, nic.rsc or nic.header_split",
        unsaid=None,
    )
    load: Annotated[Load, LoadKind()] = key(
        "saturate",
        "How much is offered: rings always full (saturate); a share of the port rate by all senders together, counting "
        "frame and 20 B of preamble and gap (0.8); a rate of each VM, in frame bits with FCS (2Gbps) or frames "
        "(2Mpps); or a share of what `hwmodel limits` gives as the ceiling, by all together (90% of ceiling). 0: "
        "nobody sends.",
    )
    connections: Annotated[int, Whole(1, MOST_CONNECTIONS)] = key(
        1,
        "TCP connections between each two stations, and with the outside: frames of a pattern are spread over them "
        "evenly, and over queues by their hash. 1: frames have no IP header, and all between two stations one hash. "
        f"More than {MOST_HEADERS} are for a flow cache (host.virtual_switch.flow_cache), which tells them apart.",
    )
    weights: dict[VmName, SenderWeight] = key(
        {},
        "How much each VM sends beside the others, {vf0: 4, vf1: 1}; 1 where a VM is not named, 0: nothing. They "
        "divide what `load` offers in all, so not with saturate.",
    )
    stopped: Annotated[tuple[VmName, ...], Listing("[vf3]")] = key(
        [],
        "VMs that send nothing until they are taken off this list, as ones that are yet to be started; what they would "
        "send is no other's.",
        unsaid=(),
    )
    zipf: ZipfExponent | None = key(
        None,
        "In place of weights: the k-th sender, in port order, has the weight 1 / k^zipf. 0 is even, 1 is Zipf's law.",
    )
    arrivals: Annotated[Arrivals, _ARRIVALS_WORDS] = key(
        "poisson", "When frames come: evenly, at random, or in bursts (on_off). Not used with `load: saturate`."
    )
    on_full: Annotated[OnFull, Word(OnFull)] = key(
        "wait", "What happens to a frame whose Tx ring is full: it waits at the driver, or drops (TX_RING_FULL)."
    )
    flows: Annotated[tuple[Annotated[Flow, FlowKind()], ...], Listing("[[vf0, vf1, 2Gbps]]")] = key(
        [],
        "Who sends to whom at which rate, with `pattern: flows`: [[vf0, vf1, 2Gbps], [vf1, vf0, 2Mpps]]; without a "
        "rate `load` says it.",
    )
    pcap: Annotated[Path, _PathKind()] | None = key(
        None, "Capture file whose frames are sent, relative to this file; a frame's source address names its port."
    )
    pcap_time: Annotated[PcapTime, Word(PcapTime)] = key(
        "file", "When the capture's frames are sent: at its timestamps, or as fast as possible."
    )
    wire_share: Annotated[float, Share()] = key(0, "Share of a pattern's frames that leave by the wire, 0 to 1.")
    peak_rate_bps: Annotated[int, RATE] | None = key(
        None,
        "Rate of each sender within a burst: frame bits with FCS, without the 20 B of preamble and gap; needed with "
        "`arrivals: on_off`. A core that cannot post so fast sends its burst at its own pace, as a warning says.",
        alias="peak_rate",
    )
    mean_burst_frames: Annotated[float, Number(1, 10**6)] = key(
        32, "Mean number of frames in a burst of on_off arrivals.", alias="mean_burst"
    )
    burst_length: Annotated[BurstLength, _BURST_WORDS] = key("geometric", _BURST_LENGTH)
    incast_to: VmName = key(
        "vf0",
        "Station that all others send to with `pattern: incast`.",
        derived="vf0, that of the first server where there are several",
    )
    external: External | None = key(None, "Frames that arrive from the wire besides; null: none.")

    @property
    def frames_a_send(self) -> int:
        """Return how many frames are cut of a send; 1 where VMs send frame by frame."""
        return frames_of_send(self.segment_bytes, self.mss_bytes) if self.segment_bytes and self.mss_bytes else 1

    @property
    def send_bytes(self) -> int:
        """Return the bytes of a send in memory, header and payload."""
        return (self.header_bytes or 0) + (self.segment_bytes or 0)

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Return the mean length with FCS of the frames of a pattern, exactly; not for a capture's."""
        if self.segment_bytes:
            n_frames = self.frames_a_send
            return Fraction(self.segment_bytes, n_frames) + (self.header_bytes or 0) + FCS_BYTES
        entries = self.sizes or (SizeWeight(self.frame_bytes or 0, 1),)
        return Fraction(sum(size * weight for size, weight in entries), sum(weight for _, weight in entries))

    def rate_bps_of(self, flow: Flow) -> int | Fraction | None:
        """Return a flow's rate in frame bits with FCS, whichever way it is given; None where `load` says it."""
        if flow.frames_per_s is not None:
            return flow.frames_per_s * BITS_PER_BYTE * self.mean_frame_bytes
        return flow.rate_bps

    @property
    def load_bps(self) -> int | Fraction | None:
        """Return the load as the mean rate of a VM in frame bits with FCS, where it is given as a rate, else None."""
        if self.load.frames_per_s is not None:
            return self.load.frames_per_s * BITS_PER_BYTE * self.mean_frame_bytes
        return self.load.rate_bps

    @property
    def is_for_groups(self) -> bool:
        """Tell whether all that VMs send by pattern is for groups."""
        return self.pattern in ("broadcast", "multicast")

    @property
    def has_flows_of_own_rates(self) -> bool:
        """Tell whether each flow has a rate of its own, so that none follows `load`."""
        return self.pattern == "flows" and not any(flow.follows_load for flow in self.flows)

    @property
    def has_weights(self) -> bool:
        """Tell whether `weights` or `zipf` say how senders divide the load."""
        return bool(self.weights) or self.zipf is not None

    def shares_of(self, ports: Iterable[str], in_order: Sequence[str]) -> dict[str, Fraction]:
        """Return the part of the load that each of the sending `ports` has, without those that send nothing.

        `in_order`: all VMs in port order (`vms_of`).
        """
        return {} if self.load.is_nothing else sender_shares(ports, self.weights, self.zipf, in_order)
