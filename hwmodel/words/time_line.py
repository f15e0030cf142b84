"""What a time line (`--trace`) leaves out of what was asked for, in words."""

from __future__ import annotations

from hwmodel.units import FS_PER_US
from hwmodel.words.quantities import counted

NOT_BEGUN = "the run ended before the time line began"


def no_more_room(shown_fs: int, asked_fs: int) -> str:
    """Say how much of the stretch a time line has room for."""
    return f"a time line has room for {_us(shown_fs)} of the {_us(asked_fs)} asked for"


def run_ended_first(shown_fs: int, asked_fs: int) -> str:
    """Say how much of the stretch there was when the run ended."""
    return f"the run ended after {_us(shown_fs)} of the {_us(asked_fs)} asked for"


def without_a_row(n_slices: int, n_rows: int) -> str:
    """Say how many slices found no free row where those of a track overlap."""
    tracks = "its track" if n_slices == 1 else "their tracks"
    return f"{counted(n_slices, 'slice')} found none of the {n_rows} rows of {tracks} free"


def _us(time_fs: int) -> str:
    return f"{time_fs / FS_PER_US:.3f} us"
