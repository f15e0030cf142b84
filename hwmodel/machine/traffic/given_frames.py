"""Frames that agents give to a function's driver, or to who is outside: one after the other, by a source of theirs."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.time.commands import GIVEN


@kernel
def source_of_given(function):
    """Return the source by which a driver sends what it is given: its function's last, which has no load."""
    return function.params.first_source + function.params.n_sources - 1


@kernel
def take_given(nic, source, number):
    """Make the frame of a command a source's next one."""
    command = nic.commands.ring[number]
    value, first = nic.commands.value, command.first_value
    source.pending, source.next_record, source.next_at_fs = 1, number, command.at_fs
    source.pending_template, source.pending_bytes, source.pending_record = (
        value[first], value[first + 1], value[first + 2],
    )  # fmt: skip
    source.pending_hash = nic.traffic.template[value[first]].queue_hash


@out_of_line
def next_given(nic, source):
    """Go on to the next frame that a driver was given, if there is one."""
    function = nic.function[source.params.function]
    function.n_given -= 1
    source.next_at_fs = NEVER
    if function.n_given > 0:
        take_given(nic, source, following(nic.commands, source.next_record, GIVEN) - 1)


@kernel
def following(commands, at, kind):
    """Return the number, plus 1, of the next command of a kind for the part of command `at`; 0 if none is so far."""
    for number in range(at + 1, commands.head):
        if commands.ring[number].kind == kind and commands.ring[number].part == commands.ring[at].part:
            return number + 1
    return 0
