"""What a driver posts: a frame, or a send of which the adapter cuts frames (docs/datapath/transmit.md, "Sending")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .frames import Frame

DATA_BYTES = 16 * 1024
"""Of one data descriptor at most."""


class Cut(NamedTuple):
    """What is picked next of a post: its frames, which bytes of its memory are requested for them, and what is left."""

    frames: list[Frame]
    first_byte: int
    end_byte: int
    is_last: bool

    @property
    def data_bytes(self) -> int:
        """The bytes that they take in the Tx buffer."""
        return sum(frame.data_bytes for frame in self.frames)


@dataclass(slots=True, eq=False)
class Post:
    """A frame with its descriptor; or a send: its frames, with a header and a payload in memory."""

    frames: list[Frame]
    data_bytes: int
    """In memory: of a send its header once and its payload."""
    mss_bytes: int = 0
    """0: it is a frame."""
    header_bytes: int = 0
    header: bytes = b""
    """By which a context is told from another."""
    n_descriptors: int = 1
    """Set as it takes its slots."""
    n_picked: int = 0
    """Of its frames."""
    n_requested: int = 0
    """Of its bytes."""

    @property
    def rss_hash(self) -> int:
        """What names its ring."""
        return self.frames[0].rss_hash

    @property
    def left(self) -> list[Frame]:
        """The frames that are not picked."""
        return self.frames[self.n_picked :]

    def stamp(self, part: str, now_fs: int) -> None:
        """Note that a part has ended for all its frames."""
        for frame in self.frames:
            frame.ends_fs[part] = now_fs

    def next_cut(self, offset: int, boundary: int) -> Cut:
        """Return what is picked next; memory is requested up to multiples of `boundary`, from an offset on."""
        if not self.mss_bytes:
            return Cut(self.frames, 0, self.data_bytes, True)
        ends = [self.header_bytes + (number + 1) * self.mss_bytes for number in range(len(self.frames))]
        ends[-1] = self.data_bytes
        needed = ends[self.n_picked]
        requested = min(self.data_bytes, -(-(offset + needed) // boundary) * boundary - offset)
        whole = [frame for frame, end in zip(self.frames, ends, strict=True) if end <= requested]
        return Cut(whole[self.n_picked :], self.n_requested, requested, requested == self.data_bytes)

    def take(self, cut: Cut) -> None:
        """Note that this is picked."""
        self.n_picked += len(cut.frames)
        self.n_requested = cut.end_byte


def data_descriptors(offset: int, data_bytes: int) -> int:
    """Return how many descriptors the data of a send take."""
    return -(-(offset + data_bytes) // DATA_BYTES)
