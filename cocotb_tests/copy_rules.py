"""Which rule a core breaks with a copy that should not leave, or with one that should and does not: a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cocotb_tests.batch_files import Outcome, Stage

LEAVES = "a frame leaves by each port that the model sends it to, and is lost nowhere without being counted"
ONCE = "a frame leaves once by each port that the model sends it to"
IN_ORDER = (
    "the copies of one source port, destination port and priority leave in the order in which their frames came in"
)
OF_THIS_PORT = "a frame leaves by no port but those that the model sends it to"
NOT_BACK = "a frame does not return by the port by which it came in, unless the model sends it there"
BYTES = "a copy has the bytes of its frame, but for the tags that the model changes"
SINCE_RESET = "after a reset nothing leaves but frames that came in since"
GOOD = "the user signal of an output stays low: no copy is marked bad"

Place = tuple[int, ...]


def rule_of_copy(
    places: Mapping[bytes, Sequence[tuple[int, int]]],
    flows: Sequence[Sequence[tuple[int, bytes]]],
    at: Place,
    data: bytes,
    later: Sequence[bytes],
) -> str | None:
    """Return the rule that a copy breaks whose bytes some frame's copy has; None if no frame's copy has them.

    `at`: by flow, how many have left; `later`: the copies that leave after it.
    """
    if data not in places:
        return None
    ahead = [(flow, index) for flow, index in places[data] if index >= at[flow]]
    if not ahead:
        return ONCE
    flow, index = ahead[0]
    return IN_ORDER if any(skipped in later for _, skipped in flows[flow][at[flow] : index]) else LEAVES


def rule_of_stranger(stage: Stage, outcome: Outcome, port: int, cycle: int, frame: int | None, ports: int) -> str:
    """Return the rule that a copy breaks which no frame should have; `frame`: of which it may be, sent to `ports`."""
    if not (outcome.accepted["first"] < cycle).any():
        return SINCE_RESET
    if frame is None or ports >> port & 1:
        return BYTES
    return NOT_BACK if stage.frames[frame].port == port else OF_THIS_PORT
