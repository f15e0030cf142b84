"""What a run has to have compared before it may say that a core passed."""

from __future__ import annotations

from collections.abc import Sequence

from cocotb_tests.batch_files import Stage
from cocotb_tests.divergence import RefusedError
from cocotb_tests.expectation import Expectation
from hwmodel.words.quantities import counted

# copies_due.py draws what has more; here is what did leave.
FRAMES_FOR_A_COPY = 2
LEAST_SHARE_OF_COPIES = 2  # one of so many copies that are due has to leave: queues that fill cost less


class TooLittleError(RefusedError):
    """A run said too little of a core; another one may say more."""


def compared(stages: Sequence[Stage], expectations: Sequence[Expectation]) -> str:
    """Say how many copies were compared; raise RefusedError where they are too few to say anything."""
    whole = [(stage, each) for stage, each in zip(stages, expectations, strict=True) if stage.cut_at is None]
    n_frames = sum(len(stage.frames) for stage, _ in whole)
    longest = max((len(stage.frames) for stage, _ in whole), default=0)
    n_copies = sum(expected.n_copies for _, expected in whole)
    n_lost = sum(expected.n_lost for _, expected in whole)
    said = f"{counted(n_copies, 'copy')} of {counted(n_frames, 'frame')} compared, {n_lost:,} lost for want of room"
    if n_copies * FRAMES_FOR_A_COPY < n_frames:
        raise TooLittleError(f"{said}: too few copies to say anything")
    if n_copies * LEAST_SHARE_OF_COPIES < n_copies + n_lost:
        raise TooLittleError(f"{said}: too many are lost to say anything")
    return f"{said}, {counted(longest, 'frame')} between two resets" if whole else said
