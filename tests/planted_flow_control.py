"""Faults of flow control, each planted in the SimPy model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests import flow_control_beside_simpy
from tests.oracles.simpy_nic.flow_control import ControlFrame, Levels, Stops, Teller
from tests.oracles.simpy_nic.frames import Frame
from tests.oracles.simpy_nic.receiving import Receiver
from tests.oracles.simpy_nic.wires import Line

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def _with(**changes: Any) -> Plant:
    """Return a plant of other rules."""

    def plant(patch: Patch) -> None:
        original = flow_control_beside_simpy.parameters_of

        def other(config: Any) -> Any:
            parameters = original(config)
            assert parameters.flow_control is not None
            of = {name: value(parameters.flow_control) for name, value in changes.items()}
            return replace(parameters, flow_control=replace(parameters.flow_control, **of))

        patch.setattr(flow_control_beside_simpy, "parameters_of", other)

    return plant


def _no_refresh(patch: Patch) -> None:
    patch.setattr(Teller, "_refresh", lambda _teller, _n: None)


def _nothing_is_kept(patch: Patch) -> None:
    """Let a port not know what it has said: it says nothing of a class that is no longer over."""
    original = Teller.begin

    def begin(teller: Teller) -> ControlFrame:
        teller._told = frozenset(teller._over)
        return original(teller)

    patch.setattr(Teller, "begin", begin)


def _stops_add(patch: Patch) -> None:
    """Let a stop hold up to the later of two ends."""
    original = Stops._take_effect

    def take_effect(stops: Stops, control: ControlFrame) -> None:
        before = [*stops._until_fs]
        original(stops, control)
        stops._until_fs = [max(pair) for pair in zip(before, stops._until_fs, strict=True)]

    patch.setattr(Stops, "_take_effect", take_effect)


def _over_at_the_mark(patch: Patch) -> None:
    """Let a class be over a byte too soon."""
    patch.setattr(Levels, "change", _change(lambda level, high: level >= high))


def _never_low(patch: Patch) -> None:
    """Let a class be over until its part is empty."""
    patch.setattr(Levels, "change", _change(lambda level, high: level > high, lambda level, _low: level == 0))


def _change(
    is_over: Callable[[int, int], bool], is_under: Callable[[int, int], bool] = lambda level, low: level <= low
) -> Callable[[Levels, int, int], None]:
    def change(levels: Levels, number: int, more_bytes: int) -> None:
        levels.held_bytes[number] += more_bytes
        level = levels.held_bytes[number]
        if number in levels._lossless and levels._rules is not None:
            if number not in levels.over and is_over(level, levels._rules.high_bytes[number]):
                levels.over.add(number)
                levels.changed()
            elif number in levels.over and is_under(level, levels._rules.low_bytes[number]):
                levels.over.remove(number)
                levels.changed()

    return change


def _local_copies_move(patch: Patch) -> None:
    patch.setattr(Receiver, "may_move", Receiver.fits)


def _lists_from_the_first(patch: Patch) -> None:
    original = Receiver._choose

    def choose(receiver: Receiver) -> None:
        receiver._next_list = 0
        original(receiver)

    patch.setattr(Receiver, "_choose", choose)


def _a_head_keeps_all_waiting(patch: Patch) -> None:
    """Let the list whose copy has waited longest be the only one that is looked at."""

    def choose(receiver: Receiver) -> None:
        waiting = [each for each in receiver._lists if each]
        while waiting:
            first = min(waiting, key=lambda each: each[0].ends_fs["rx_room"])
            is_ready = receiver._see_to(first[0])
            if is_ready is False:
                return
            copy = first.popleft()
            if is_ready:
                receiver._chosen = copy
                return
            waiting = [each for each in receiver._lists if each]

    patch.setattr(Receiver, "_choose", choose)


def _partner_in_order(patch: Patch) -> None:
    """Let the partner send nothing while the first that waits is stopped."""
    original = Line._may_go

    def may_go(line: Line, frame: Frame) -> bool:
        return original(line, frame) and frame is line._waiting[0][0]

    patch.setattr(Line, "_may_go", may_go)


def _all_have_class_0(patch: Patch) -> None:
    """Let frames from the wire have the class of their sender's ring, of which they have none."""
    patch.setattr(Receiver, "_class_of", lambda _receiver, frame: frame.tx_class)


def _all_of_the_buffer(patch: Patch) -> None:
    """Let a copy take its room in the whole Rx buffer."""

    def fits(levels: Levels, _number: int, n_bytes: int) -> bool:
        return sum(levels.held_bytes) + n_bytes <= sum(levels._part_bytes)

    patch.setattr(Levels, "fits", fits)


FAULTS: Mapping[str, tuple[Plant, int]] = {
    "no refresh": (_no_refresh, 2),
    "no response delay": (_with(response_delay_fs=lambda _: 0), 1),
    "T is not kept": (_nothing_is_kept, 3),
    "stops add up": (_stops_add, 1),
    "over at the mark itself": (_over_at_the_mark, 2),
    "over until empty": (_never_low, 4),
    "a quantum more": (_with(quanta=lambda rules: rules.quanta + 1), 2),
    "no control frames": (_with(send=lambda _: False), 1),
    "no control frames obeyed": (_with(obey=lambda _: False), 11),
    "all priorities lossless": (_with(priorities=lambda _: range(8)), 8),
    "local copies move while their class is over": (_local_copies_move, 1),
    "lists from the first on": (_lists_from_the_first, 0),
    "a head keeps other classes waiting": (_a_head_keeps_all_waiting, 0),
    "the partner keeps its order": (_partner_in_order, 7),
    "frames from the wire have no class": (_all_have_class_0, 0),
    "parts are lent": (_all_of_the_buffer, 3),
}
"""And the seed of a drawn adapter on which each shows."""
