"""A frame and its copies on their way through the model."""

from __future__ import annotations

from dataclasses import dataclass, field

WIRE = 0


@dataclass(slots=True, eq=False)
class Frame:
    """One frame; DMA moves it without its 4 bytes of FCS."""

    index: int
    source: int
    destinations: tuple[int, ...]
    mirrored_to: tuple[int, ...]
    frame_bytes: int
    offered_fs: int = 0
    number: int = -1
    """Among the frames that its sender has posted, or the wire has brought."""
    began_fs: int = 0
    """When it was posted or, from the wire, received: latency runs from here."""
    doorbell_fs: int | None = None
    copies_in_tx_buffer: int = 0
    copies_open: int = 0
    delivered: bool = False
    raw: bytes | None = None
    """Its bytes without FCS, where the switch decides by them."""
    sender: str = ""
    """Who sent it, where it may have come over a bridge."""
    rss_hash: int = 0
    ends_send: bool = False
    tx_class: int = 0
    """Of the ring that sent it, where there are classes of traffic."""
    came_by: int = 0
    """From the wire: the Ethernet port by which it comes."""
    n_pieces: int = 1
    """Of a segment: as how many frames it leaves by a wire."""
    decision_part: str = "switch"
    """The part of its way that ends with the switch's decision."""
    ends_fs: dict[str, int] = field(default_factory=dict)
    """When the parts of its way ended that all its copies share (`parts.PARTS`)."""

    @property
    def is_from_bridge(self) -> bool:
        """Tell whether a bridge has brought it, so that its way until then is its sender's."""
        return self.decision_part != "switch"

    @property
    def data_bytes(self) -> int:
        """Bytes that DMA moves and the buffers hold."""
        return self.frame_bytes - 4


@dataclass(slots=True, eq=False)
class Copy:
    """A frame on its way to one destination."""

    frame: Frame
    destination: int
    is_mirrored: bool = False
    raw: bytes | None = None
    """Its bytes without FCS, where they may differ from the frame's."""
    ends_fs: dict[str, int] = field(default_factory=dict)
    """When the parts of its own way ended."""
    n_descriptors: int = 0
    """That it has taken."""
    is_more: bool = False
    """It is part of a receive that another has begun."""

    @property
    def data_bytes(self) -> int:
        """Bytes that DMA moves and the buffers hold."""
        return self.frame.data_bytes if self.raw is None else len(self.raw)

    @property
    def frame_bytes(self) -> int:
        """Bytes with FCS."""
        return self.data_bytes + 4


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a frame: (port, bytes without FCS or None: the frame's) of each copy, in port order."""

    copies: tuple[tuple[int, bytes | None], ...]
    mirrored: tuple[tuple[int, bytes | None], ...] = ()
    reason: str = "NO_DESTINATION"
    """Why it is dropped if there are no copies."""


def as_named(frame: Frame) -> Decision:
    """Send a frame to the destinations that it names."""
    copies = tuple((port, None) for port in frame.destinations)
    return Decision(copies, tuple((port, None) for port in frame.mirrored_to))


def as_destinations(destination: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return the destinations in port order."""
    return tuple(sorted(destination)) if isinstance(destination, tuple) else (destination,)
