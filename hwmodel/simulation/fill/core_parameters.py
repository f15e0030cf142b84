"""The parameters of the Verilog switch core."""

from __future__ import annotations

from dataclasses import dataclass

from hwmodel.errors import InputError
from hwmodel.rules import switch_core_cycles
from hwmodel.switch_core.state import MAX_CORE_PORTS, MAX_INGRESS_WORDS

TAG_ROOM_BYTES = 12  # what the FIFOs store beyond the longest frame: an E-TAG and a C-TAG


@dataclass(frozen=True)
class CoreParameters:
    """Hold the parameters of `eth_switch_core`, under the names of docs/switch_core.md in lower case.

    Raises InputError where the core would not elaborate.
    """

    ports: int = 9
    bus_w: int = 512
    priorities: int = 1
    ingress_bytes: int = switch_core_cycles.INGRESS_BYTES
    queue_bytes: int = 32768
    max_frame_bytes: int = 1514
    pool_filters: int = 0
    pause: int = 0
    private_vlans: int = 0

    def __post_init__(self) -> None:
        problems = [text for is_wrong, text in self._bounds() if is_wrong]
        if problems:
            raise InputError([f"switch core: {text}" for text in problems])

    def _bounds(self) -> list[tuple[bool, str]]:
        bounds = [
            (not 2 <= self.ports <= MAX_CORE_PORTS, f"PORTS is {self.ports}, 2 to {MAX_CORE_PORTS} are possible"),
            (self.bus_w not in (64, 128, 256, 512), f"BUS_W is {self.bus_w}, not 64, 128, 256 or 512"),
            (self.priorities not in (1, 2, 4, 8), f"PRIORITIES is {self.priorities}, not 1, 2, 4 or 8"),
            (not 60 <= self.max_frame_bytes <= 9724, f"MAX_FRAME_BYTES is {self.max_frame_bytes}, not 60 to 9724"),
            (self.pool_filters not in (0, 1), f"POOL_FILTERS is {self.pool_filters}, not 0 or 1"),
            (self.pause not in (0, 1), f"PAUSE is {self.pause}, not 0 or 1"),
            (self.private_vlans not in (0, 1), f"PRIVATE_VLANS is {self.private_vlans}, not 0 or 1"),
        ]
        if any(is_wrong for is_wrong, _ in bounds):
            return bounds
        longest = self.words(self.store_bytes)
        too_deep = self.ingress_words > MAX_INGRESS_WORDS
        return [
            (self.ingress_words < longest + 1, f"INGRESS_BYTES {self.ingress_bytes} is less than {longest + 1} words"),
            (too_deep, f"INGRESS_BYTES {self.ingress_bytes} is more than the model's {MAX_INGRESS_WORDS} words"),
            (self.queue_words < longest, f"QUEUE_BYTES {self.queue_bytes} is less than {longest} words"),
        ]

    @property
    def word_bytes(self) -> int:
        """Give the bytes in a word of the bus."""
        return self.bus_w // 8

    @property
    def store_bytes(self) -> int:
        """Give the longest frame that the FIFOs store."""
        return self.max_frame_bytes + TAG_ROOM_BYTES

    @property
    def ingress_words(self) -> int:
        """Give the words of an ingress FIFO."""
        return self.ingress_bytes // self.word_bytes

    @property
    def queue_words(self) -> int:
        """Give the words of one output queue."""
        return self.queue_bytes // self.word_bytes

    @property
    def more_header_words(self) -> int:
        """Give the words after the first into which the header may extend."""
        return switch_core_cycles.more_header_words(self.bus_w)

    def words(self, n_bytes: int) -> int:
        """Return the words that a frame takes."""
        return switch_core_cycles.words(n_bytes, self.bus_w)
