"""The legs of frames put together: what they ask of each component, and of the system in all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.traffic import Leg, Sizes, Traffic, nothing_of, together

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

ZERO, ONE = Fraction(0), Fraction(1)


def whole_of(system: System, sizes: Sizes, sent_as: Sequence[Leg], hops: Sequence[tuple[Leg, Fraction]]) -> Traffic:
    """Put the legs of frames together: what they ask of each component, and in all, by the system's station names."""
    asked: defaultdict[int, list[tuple[Traffic, Fraction]]] = defaultdict(list)
    for leg, share in (*((leg, ONE) for leg in sent_as), *hops):
        asked[leg.part].append((leg.traffic, share))
    parts = [nothing_of(sizes)] * system.n_parts
    for part, pieces in asked.items():
        parts[part] = together(sizes, pieces)
    numbered = [(part, parts[part]) for part in sorted(asked) if system.is_server(part)]
    servers, outside = [one for _, one in numbered], parts[system.outside]
    return Traffic(
        sizes=sizes,
        reads=sum((one.reads for one in servers), ZERO),
        copies=sum((one.copies for one in servers), ZERO),
        to_wire=outside.from_wire,
        from_wire=outside.to_wire,
        tag_bytes=outside.back_tag_bytes,
        mixed_bytes=outside.mixed_back_bytes,
        mirrored=sum((one.mirrored for one in servers), ZERO),
        sent={system.station(n, name): share for n, one in numbered for name, share in one.sent.items()},
        received={
            system.station(n, name): share for n, one in numbered for name, share in one.received.items()
        },
        rx_rings=frozenset(
            (system.station(n, name), ring) for n, one in numbered for name, ring in one.rx_rings
        ),
        parts=tuple(parts),
    )  # fmt: skip
