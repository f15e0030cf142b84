"""Validate the `workload` block: who sends what to whom, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from hwmodel.units import BITS_PER_BYTE

from .amounts import FrameLength, Number, Share, Whole
from .block import Block, key
from .demand import RATE, Flow, FlowKind, Load, LoadKind, SenderWeight, ZipfExponent, sender_shares
from .kinds import Kind, Listing, OrWord, Word, shown, wrong
from .names import Name

Pattern = Literal["pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire", "flows"]
Arrivals = Literal["periodic", "poisson", "on_off"]
BurstLength = Literal["geometric", "fixed"]
OnFull = Literal["wait", "drop"]
PcapTime = Literal["file", "asap"]
_FRAME = FrameLength()
_WEIGHT = Whole(1, 10**6)


class SizeWeight(NamedTuple):
    """A frame length with its FCS, and how often it occurs among the others."""

    frame_bytes: int
    weight: int


class _SizeKind(Kind):
    def parse(self, value: object) -> SizeWeight:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise wrong("an entry is a frame length and a weight, like [64, 7]")
        return SizeWeight(_FRAME.parse(value[0]), _WEIGHT.parse(value[1]))

    def write(self, value: Any) -> list[int]:
        return [value.frame_bytes, value.weight]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "prefixItems": [_FRAME.schema(), _WEIGHT.schema()], "minItems": 2, "maxItems": 2}


class _PathKind(Kind):
    def parse(self, value: object) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise wrong(f"{shown(value)} is not a file name")
        return Path(value)

    def write(self, value: Any) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


Sizes = Annotated[tuple[Annotated[SizeWeight, _SizeKind()], ...], Listing("[[64, 7], [570, 4], [1518, 1]]", least=1)]
FrameBytes = Annotated[int, _FRAME]
VmName = Annotated[str, Name(with_servers=True)]
VmNames = Annotated[tuple[VmName, ...], Listing("[vf0, vf1]", least=1)]
_PATTERN_WORDS = Word(
    "pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire", "flows", none_word="none"
)
_ARRIVALS_WORDS = Word("periodic", "poisson", "on_off")
_BURST_WORDS = Word("geometric", "fixed")
_BURST_LENGTH = (
    "How many frames a burst of on_off arrivals has: drawn anew for each, at least 1 and `mean_burst` on average "
    "(geometric), or just `mean_burst`, a whole number (fixed)."
)


class External(Block):
    """Frames that arrive from the wire for the stations."""

    rate_bps: Annotated[int, RATE] = key(
        ..., "Frame bits with FCS, a second, of all outside frames together.", alias="rate"
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
        "Rate within a burst of outside frames, all together: frame bits with FCS, without the 20 B of preamble and "
        "gap; needed with `arrivals: on_off`.",
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
    frame_bytes: FrameBytes | None = key(
        None,
        "Length of all frames with the FCS. Short ones are limited by the cost of each frame, long ones by the bytes.",
        derived="1518, null where sizes or a pcap is given",
    )
    sizes: Sizes | None = key(None, "Lengths with weights in place of frame_bytes: [[64, 7], [570, 4], [1518, 1]].")
    load: Annotated[Load, LoadKind()] = key(
        "saturate",
        "How much is offered: rings always full (saturate); a share of the port rate by all senders together, counting "
        "frame and 20 B of preamble and gap (0.8); a rate of each VM, in frame bits with FCS (2Gbps) or frames "
        "(2Mpps); or a share of what `hwmodel limits` gives as the ceiling, by all together (90% of ceiling). 0: "
        "nobody sends.",
    )
    weights: dict[VmName, SenderWeight] = key(
        {},
        "How much each VM sends beside the others, {vf0: 4, vf1: 1}; 1 where a VM is not named, 0: nothing. They "
        "divide what `load` offers in all, so not with saturate.",
    )
    zipf: ZipfExponent | None = key(
        None,
        "In place of weights: the k-th sender, in port order, has the weight 1 / k^zipf. 0 is even, 1 is Zipf's law.",
    )
    arrivals: Annotated[Arrivals, _ARRIVALS_WORDS] = key(
        "poisson", "When frames come: evenly, at random, or in bursts (on_off). Not used with `load: saturate`."
    )
    on_full: Annotated[OnFull, Word("wait", "drop")] = key(
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
    pcap_time: Annotated[PcapTime, Word("file", "asap")] = key(
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
    def mean_frame_bytes(self) -> Fraction:
        """Return the mean length with FCS of the frames of a pattern, exactly; not for a capture's."""
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
    def has_weights(self) -> bool:
        """Tell whether the senders' parts of the load are said."""
        return bool(self.weights) or self.zipf is not None

    def shares_of(self, ports: Iterable[str], servers: Sequence[str] = ()) -> dict[str, Fraction]:
        """Return the part of the load that each of the sending `ports` has, none where it has nothing to send.

        `servers`: their names in order, where ports have names like a.vf0.
        """
        return {} if self.load.is_nothing else sender_shares(ports, self.weights, self.zipf, servers)
