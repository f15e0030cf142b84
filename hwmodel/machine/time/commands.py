"""Commands: the one way in which tables and parameters change while the machine runs.

A component has a ring of commands in the order of their times. A command writes some words of the component's record;
those that are due come before everything else of their instant.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.forwarding.police import refill
from hwmodel.rules.capacities import COMMAND_CAP

VALUE_CAP = 16 * COMMAND_CAP

# What is to be done besides writing. PLAIN: nothing. TABLE, VLAN: forget decisions, all or those in a VLAN. POLICER:
# first let a bucket earn what it has by its old rate. SHAPER: begin or end a rate limit. LINK, LINE_RATE, OUTSIDE_RATE,
# LATENCY: set anew, by the new rate or latency, the end of a read's completions; when frames on the line come; when
# those outside are sent; when frames in a bridge are due. AGEING: first forget what has aged by now.
PLAIN, TABLE, VLAN, POLICER, SHAPER, LINK, LINE_RATE, OUTSIDE_RATE, LATENCY, AGEING = range(10)
# These write nothing. FUNCTION_OFF, FUNCTION_ON: a function goes; it comes again. DRIVER_JOB: its driver, or an agent
# on its core, begins with the steps that the values say (`guest/job_state.py`). WATCHED: a figure is watched, of which
# the values say all (`adapter/watches.begin_watch`). SOURCE: a source's load becomes what the record under the
# command's number says.
FUNCTION_OFF, FUNCTION_ON, DRIVER_JOB, WATCHED, SOURCE = range(10, 15)
# These write as well. WIRE_STATE: a port's wire is dead, or alive, which drivers learn. DROPPING: whether a ring
# without descriptors drops, for which the head of the Rx buffer may be waiting. REFILL: after how many descriptors a
# driver posts them again, or never. RECEIVE_LIMIT: what a station may receive.
WIRE_STATE, DROPPING, REFILL, RECEIVE_LIMIT = range(15, 19)
# These write nothing. LISTENING: somebody listens for frames to a function from now on (`adapter/watches`). GIVEN: a
# function's driver is given a frame to send (`traffic/sources.frame_given`).
LISTENING, GIVEN = 19, 20
# These write as well. SECURITY: what security a port of a bridge or virtual switch has; one that it has shut opens.
SECURITY = 21
# What each changes, in words.
WORDS = {
    PLAIN: "parameters",
    TABLE: "tables",
    VLAN: "VLAN",
    POLICER: "policer",
    SHAPER: "rate limit",
    LINK: "link",
    LINE_RATE: "rate of the wire",
    OUTSIDE_RATE: "rate of stations outside",
    LATENCY: "latency",
    AGEING: "ageing",
    FUNCTION_OFF: "off",
    FUNCTION_ON: "on",
    DRIVER_JOB: "job of a driver",
    WATCHED: "watch",
    SOURCE: "load",
    WIRE_STATE: "state of a wire",
    DROPPING: "drops of a ring",
    REFILL: "refills of a driver",
    RECEIVE_LIMIT: "limit of a receiver",
    LISTENING: "listener",
    GIVEN: "frame of an agent",
    SECURITY: "security of a port",
}


# `part`: the VLAN, policer, function or source that a command is about. It writes `n` words from `word` on, counted
# over the records of all components of its kind, with the values from `first_value` on.
COMMAND = record(*ints("at_fs", "kind", "part", "word", "n", "first_value"))
COMMANDS = record(
    *ints("head", "tail", "n_values"), ("ring", far(COMMAND, COMMAND_CAP)), ("value", far(I64, VALUE_CAP))
)


@kernel
def next_command_fs(commands):
    """Return when the next command is due."""
    return NEVER if commands.head == commands.tail else commands.ring[commands.head].at_fs


@kernel
def write_words(commands, command, words):
    """Write what a command says into the words of its component."""
    for at in range(command.n):
        words[command.word + at] = commands.value[command.first_value + at]


@kernel
def rewrite_bucket(commands, command, words, bucket, now_fs):
    """Change the rate of a policer, which first earns what it has by the old one; a new policer begins full."""
    is_new = bucket.params.rate_bps == 0
    if not is_new:
        refill(bucket, now_fs)
    write_words(commands, command, words)
    if is_new:
        bucket.tokens, bucket.remainder, bucket.last_fs = bucket.params.burst, 0, now_fs
    bucket.tokens = min(bucket.tokens, bucket.params.burst)
