"""What flow control did in a window: levels, control frames, and for how long classes were stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .flow_control import Levels, Stops, Teller


class ClassFigures(NamedTuple):
    """How full a class's part was: on average and at most, in bytes, and for how long it was over."""

    mean_bytes: float
    most_bytes: int
    over_fs: int


class PortFigures(NamedTuple):
    """Of a class at a port: control frames that stopped it, and for how long it was stopped at either end."""

    stops_sent: int
    stopped_fs: int
    partner_stopped_fs: int


class FlowFigures(NamedTuple):
    """All of an adapter: control frames sent, by class, by Ethernet port and class."""

    control_frames_sent: int
    classes: Sequence[ClassFigures]
    ports: Sequence[Sequence[PortFigures]]


def figures_of(levels: Levels, ports: Iterable[tuple[Teller, Stops, Stops]], span_fs: tuple[int, int]) -> FlowFigures:
    """Return what was logged from one time to another; of each port what it told, its stops, those beyond it."""
    ports, numbers = [*ports], range(len(levels.held_bytes))
    start_fs, end_fs = span_fs
    sent = [[said for at_fs, said in teller.log if start_fs < at_fs <= end_fs] for teller, _, _ in ports]
    return FlowFigures(
        sum(map(len, sent)),
        [_of_class(levels, number, span_fs) for number in numbers],
        [
            [
                PortFigures(
                    sum(bool(said.get(number)) for said in told),
                    _stopped_fs(stops, number, span_fs),
                    _stopped_fs(beyond, number, span_fs),
                )
                for number in numbers
            ]
            for told, (_, stops, beyond) in zip(sent, ports, strict=True)
        ],
    )


def _of_class(levels: Levels, number: int, span_fs: tuple[int, int]) -> ClassFigures:
    start_fs, end_fs = span_fs
    steps = [(0, 0, False), *((at, held, over) for at, of, held, over in levels.log if of == number)]
    area = over_fs = most = 0
    for (at_fs, held, is_over), (next_fs, *_) in pairwise([*steps, (end_fs + 1, 0, False)]):
        lasts_fs = min(next_fs, end_fs) - max(at_fs, start_fs)
        if next_fs > start_fs or at_fs > start_fs:  # what began and ended within the instant of the start is before
            most = max(most, held) if at_fs <= end_fs else most
        if lasts_fs > 0:
            area += held * lasts_fs
            over_fs += lasts_fs * is_over
    return ClassFigures(area / (end_fs - start_fs), most, over_fs)


def _stopped_fs(stops: Stops, number: int, span_fs: tuple[int, int]) -> int:
    start_fs, end_fs = span_fs
    effects = [(at_fs, until_fs) for at_fs, of, until_fs in stops.log if of == number]
    followed = zip(effects, [*(at_fs for at_fs, _ in effects[1:]), end_fs], strict=False)
    return sum(max(0, min(until_fs, next_fs, end_fs) - max(at_fs, start_fs)) for (at_fs, until_fs), next_fs in followed)
