"""Validate the `workload` block: who sends what to whom, and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from .amounts import FrameLength, Number, Rate, Share, Whole, decimal_number
from .block import Block, key
from .kinds import Kind, Listing, OrWord, Word, shown, suggest, wrong
from .names import Name
from .station import StationName
from .switch import StationNames

Pattern = Literal["pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire", "flows"]
Arrivals = Literal["periodic", "poisson", "on_off"]
OnFull = Literal["wait", "drop"]
PcapTime = Literal["file", "asap"]
MAX_SHARE = 32.0  # of the port rate: a load above it is a percentage by mistake
_RATE = Rate("1Kbps", "1000Gbps")
_FRAME = FrameLength()
_WEIGHT = Whole(1, 10**6)
_PORT = Name("uplink")


class SizeWeight(NamedTuple):
    """A frame length with its FCS, and how often it occurs among the others."""

    frame_bytes: int
    weight: int


class Flow(NamedTuple):
    """Frames from one port to another; the rate is frame bits with FCS, None where `load` says it."""

    source: str
    target: str
    rate_bps: int | None


@dataclass(frozen=True)
class Load:
    """How much is offered: `saturate`, a share of the port rate in all, or a rate for each VM."""

    kind: Literal["saturate", "share", "rate"]
    share: float | None = None
    rate_bps: int | None = None


class _PatternKind(Word):
    def schema(self) -> dict[str, Any]:
        # null is how the resolved form of a pcap's configuration says that there is no pattern.
        return {"enum": [*super().schema()["enum"], None]}


class _LoadKind(Kind):
    def parse(self, value: object) -> Load:
        if value == "saturate":
            return Load("saturate")
        if isinstance(value, str):
            if value[:1].isalpha():
                raise wrong(f"{shown(value)} is neither saturate, a share like 0.8 nor a rate like 2Gbps"
                            f"{suggest(value, ['saturate'])}")  # fmt: skip
            if value.endswith("%"):
                raise wrong(f"{shown(value)} is not a share; write 80 % as 0.8")
            return Load("rate", rate_bps=_RATE.parse(value))
        share = decimal_number(value, "saturate, a share like 0.8 or a rate like 2Gbps")
        if share <= 0:
            raise wrong(f"{shown(value)} is out of range; a load is above 0")
        if share > MAX_SHARE:
            raise wrong(f"{shown(value)} times the port rate is out of range; write 80 % as 0.8, a rate like 2Gbps")
        return Load("share", share=share)

    def write(self, value: Any) -> str | float:
        if value.kind == "share":
            return float(value.share)
        return "saturate" if value.kind == "saturate" else _RATE.write(value.rate_bps)

    def schema(self) -> dict[str, Any]:
        title = f"a share of the port rate, above 0, to {MAX_SHARE:g}"
        number = {"title": title, "type": "number", "exclusiveMinimum": 0, "maximum": MAX_SHARE}
        return {"anyOf": [{"const": "saturate"}, number, _RATE.schema()]}


class _SizeKind(Kind):
    def parse(self, value: object) -> SizeWeight:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise wrong("an entry is a frame length and a weight, like [64, 7]")
        return SizeWeight(_FRAME.parse(value[0]), _WEIGHT.parse(value[1]))

    def write(self, value: Any) -> list[int]:
        return [value.frame_bytes, value.weight]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "prefixItems": [_FRAME.schema(), _WEIGHT.schema()], "minItems": 2, "maxItems": 2}


class _FlowKind(Kind):
    def parse(self, value: object) -> Flow:
        if not isinstance(value, list | tuple) or len(value) not in (2, 3):
            raise wrong("a flow is a source, a destination and perhaps a rate, like [vf0, vf1, 2Gbps]")
        rate = value[2] if len(value) == 3 else None
        return Flow(_PORT.parse(value[0]), _PORT.parse(value[1]), None if rate is None else _RATE.parse(rate))

    def write(self, value: Any) -> list[Any]:
        return [value.source, value.target, None if value.rate_bps is None else _RATE.write(value.rate_bps)]

    def schema(self) -> dict[str, Any]:
        rate = {"anyOf": [_RATE.schema(), {"type": "null"}]}
        return {"type": "array", "prefixItems": [_PORT.schema(), _PORT.schema(), rate], "minItems": 2, "maxItems": 3}


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
_PATTERN_WORDS = _PatternKind("pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire", "flows")
_ARRIVALS_WORDS = Word("periodic", "poisson", "on_off")


class External(Block):
    """Frames that arrive from the wire for the stations."""

    rate_bps: Annotated[int, _RATE] = key(..., "Frame bits with FCS, a second, of all outside frames.", alias="rate")
    arrivals: Annotated[Arrivals, _ARRIVALS_WORDS] = key("poisson", "When outside frames come.")
    frame_bytes: FrameBytes | None = key(
        None, "Length of outside frames with FCS.", derived="the workload's own lengths, unless sizes is given"
    )
    sizes: Sizes | None = key(None, "Lengths with weights in place of frame_bytes: [[64, 7], [570, 4], [1518, 1]].")
    to: Annotated[StationNames | Literal["all"], OrWord("all", StationNames)] = key(
        "all", "Stations that the frames go to, each as often: all VFs, or a list."
    )
    peak_rate_bps: Annotated[int, _RATE] | None = key(
        None, "Rate within a burst; needed with `arrivals: on_off`.", alias="peak_rate"
    )
    mean_burst_frames: Annotated[float, Number(1, 10**6)] = key(
        32, "Mean number of frames in a burst of on_off arrivals.", alias="mean_burst"
    )


class Workload(Block):
    """The frames that the VMs send."""

    pattern: Annotated[Pattern, _PATTERN_WORDS] = key(
        "pairs",
        "Who sends to whom. pairs: vf0 and vf1 to each other, vf2 and vf3, and so on; ring: each to the next; uniform: "
        "each to any other; incast: all to `incast_to`; broadcast, multicast: each to all; to_wire: each to the "
        "outside; flows: as `flows` says. Not with a pcap, whose frames say it.",
    )
    frame_bytes: FrameBytes | None = key(
        None,
        "Length of all frames with the FCS. Short ones are limited by the cost of each frame, long ones by the bytes.",
        derived="1518, null where sizes or a pcap is given",
    )
    sizes: Sizes | None = key(None, "Lengths with weights in place of frame_bytes: [[64, 7], [570, 4], [1518, 1]].")
    load: Annotated[Load, _LoadKind()] = key(
        "saturate",
        "How much is offered: rings always full (saturate), a share of the port rate in all counting frame + 20 B "
        "(0.8), or frame bits with FCS for each VM (2Gbps).",
    )
    arrivals: Annotated[Arrivals, _ARRIVALS_WORDS] = key(
        "poisson", "When frames come: evenly, at random, or in bursts (on_off). Not used with `load: saturate`."
    )
    on_full: Annotated[OnFull, Word("wait", "drop")] = key(
        "wait", "What happens to a frame whose Tx ring is full: it waits at the driver, or drops (TX_RING_FULL)."
    )
    flows: Annotated[tuple[Annotated[Flow, _FlowKind()], ...], Listing("[[vf0, vf1, 2Gbps]]")] = key(
        [],
        "Who sends to whom at which rate, with `pattern: flows`: [[vf0, vf1, 2Gbps]]; without a rate `load` says it.",
    )
    pcap: Annotated[Path, _PathKind()] | None = key(
        None, "Capture file whose frames are sent, relative to this file; a frame's source address names its port."
    )
    pcap_time: Annotated[PcapTime, Word("file", "asap")] = key(
        "file", "When the capture's frames are sent: at its timestamps, or as fast as possible."
    )
    wire_share: Annotated[float, Share()] = key(0, "Share of a pattern's frames that leave by the wire, 0 to 1.")
    peak_rate_bps: Annotated[int, _RATE] | None = key(
        None, "Rate within a burst, frame bits with FCS; needed with `arrivals: on_off`.", alias="peak_rate"
    )
    mean_burst_frames: Annotated[float, Number(1, 10**6)] = key(
        32, "Mean number of frames in a burst of on_off arrivals.", alias="mean_burst"
    )
    incast_to: StationName = key("vf0", "Station that all others send to with `pattern: incast`.")
    external: External | None = key(None, "Frames that arrive from the wire besides; null: none.")
