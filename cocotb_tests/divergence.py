"""How a difference between the core and the model is said."""

from __future__ import annotations

from dataclasses import dataclass

from cocotb_tests.batch_files import Frame
from hwmodel.forwarding.drop_reason import DropReason

REASON_NAMES = {int(reason): reason.name for reason in DropReason}


class RefusedError(AssertionError):
    """A core does not do what the model says; its text is all that there is to say, without a traceback."""


@dataclass(frozen=True)
class Divergence:
    """The first thing in which core and model differ; `frame` is an index into the stage's frames, or None.

    `rule`: which rule the core breaks, in a sentence, where the first line does not say it.
    """

    what: str
    cycle: int
    expected: str
    found: str
    frame: int | None = None
    rule: str = ""

    def __str__(self) -> str:
        rule = f"\n  broken: {self.rule}" if self.rule else ""
        return f"{self.what} in cycle {self.cycle}:\n  model  {self.expected}\n  core   {self.found}{rule}"


def describe(data: bytes) -> str:
    """Say what bytes a frame or a copy has, long ones in part."""
    return f"{len(data)} B {data[:40].hex()}{'...' if len(data) > 40 else ''}"


def frame_line(index: int, frame: Frame) -> str:
    """Describe a frame for a person, whole, so that it can be sent again."""
    marks = " bad" * frame.is_bad + " empty-last-beat" * frame.empty_last_beat
    since = f"{frame.not_before}" + f" of phase {frame.phase}" * (frame.phase > 0)
    head = f"  frame {index}: port {frame.port}, from cycle {since}{marks}"
    return f"{head}, {len(frame.data)} B {frame.data.hex()}"
