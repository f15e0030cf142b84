"""Define how a user says what is offered: a load for all, a rate for one flow, weights between the senders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from .amounts import FrameRate, Number, Rate, decimal_number, percent_text
from .kinds import Kind, shown, suggest, wrong
from .names import Name, port_order

MAX_SHARE = 32.0  # of the port rate: a load above it is a percentage by mistake
RATE = Rate("1Kbps", "1000Gbps")
FRAME_RATE = FrameRate("1pps", "10Gpps")
_PORT = Name("uplink", with_servers=True)
_OF_CEILING = r"([0-9]{1,4}(?:\.[0-9]{1,6})?) ?% of ceiling"
_WAYS = "saturate, a share like 0.8, a rate like 2Gbps or 2Mpps, or 90% of ceiling"


class Flow(NamedTuple):
    """Frames from one port to another at a rate of frame bits with FCS, of frames, or (both None) as `load` says.

    `Workload.rate_bps_of` gives the one for the other.
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


SenderWeight = Annotated[float, Number(0, 10**6)]
ZipfExponent = Annotated[float, Number(0, 10)]


def sender_shares(
    ports: Iterable[str], weights: Mapping[str, float], zipf_exponent: float | None, servers: Sequence[str] = ()
) -> dict[str, Fraction]:
    """Return the part of the load that each of `ports` sends; the parts add up to 1, those of nobody are left out.

    By `weights`, 1 where a port is not named. Or by Zipf's law, where the k-th port, in port order from 1, has the
    weight 1 / k^exponent (L. Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999, section III). An
    empty mapping where nobody has a weight. `servers`: their names in order, where ports have names like a.vf0.
    """
    in_order = sorted(dict.fromkeys(ports), key=lambda name: port_order(name, servers))
    if zipf_exponent is not None:
        weighted = {name: Fraction(rank**-zipf_exponent) for rank, name in enumerate(in_order, start=1)}
    else:
        exact = {name: Fraction(repr(float(weight))) for name, weight in weights.items()}
        weighted = {name: exact.get(name, Fraction(1)) for name in in_order}
    total = sum(weighted.values(), Fraction(0))
    return {name: weight / total for name, weight in weighted.items() if weight}
