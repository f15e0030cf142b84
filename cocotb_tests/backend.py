"""Software's side of a core under test: the class that a verification engineer writes for their own core.

docs/own_core.md shows the steps. `dut_example/small_backend.py` is a short one, `eth_switch_backend.py` that of rtl/.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from cocotb_tests.batch_files import Access, Outcome, Stage
from cocotb_tests.divergence import Divergence
from hwmodel.simulation.fill.switch_core import PortSchedule

MODES = ("veb", "vepa", "vn_tag", "e_tag")
SCHEDULERS = ("round_robin", "deficit", "strict")


class Shape(Protocol):
    """What traffic and comparison ask of a core of given parameters."""

    @property
    def ports(self) -> int:
        """Give the number of ports: the uplink, the PF, then VFs; 2 to 17."""

    @property
    def priorities(self) -> int:
        """Give the output queues of each port; a frame of priority P is for queue P * priorities / 8, rounded down."""

    @property
    def max_frame_bytes(self) -> int:
        """Give the longest frame that passes, without FCS and parsed tags, whatever the configuration says."""

    @property
    def word_bytes(self) -> int:
        """Give the bytes of a word inside: traffic has many frames that end on either side of a word's end."""

    @property
    def queue_bytes(self) -> int | None:
        """Give what an output's queue holds, each copy in whole words; asked for where `losses` is `counted`."""


@dataclass(frozen=True)
class CoreShape:
    """A shape, as plain values."""

    ports: int
    max_frame_bytes: int
    priorities: int = 1
    word_bytes: int = 8
    queue_bytes: int | None = None


@dataclass(frozen=True)
class PortCounters:
    """What a core counted at one port; None where it does not count.

    `received`: frames that came in by the port and were decided; `dropped`: those of them that no port was chosen for;
    `copies`: copies meant for the port; `sent`: those that left by it; `lost_frames`: frames from the port all of whose
    copies found no room; `drops`: frames from the port by drop reason, but at QUEUE_FULL copies for the port that found
    no room. Reasons that are not among the keys of `drops` are not compared.
    """

    received: int | None = None
    dropped: int | None = None
    copies: int | None = None
    sent: int | None = None
    lost_frames: int | None = None
    drops: Mapping[int, int] = field(default_factory=dict)


class Image(Protocol):
    """What register contents mean: the model's tables after a reset and some writes.

    Only for a core that records its register writes, so that they may come while frames pass.
    """

    def write(self, address: int, data: int) -> None:
        """Do one write."""

    @property
    def tables(self) -> Any:
        """Return the record of the model's TABLES."""

    def fresh_array(self) -> Any:
        """Return the one-element array that holds this record."""

    def schedules(self) -> dict[int, PortSchedule]:
        """Return how each port's output queues take turns."""

    def is_schedule(self, address: int) -> bool:
        """Tell whether a register says how output queues take turns."""


class Backend(ABC):
    """Turns a `switch` configuration into register writes of a core, and its registers into counters.

    One object stands for a core with one set of Verilog parameters. Addresses have 16 bits, data 32. What it returns
    depends on its arguments alone: the regression asks for all of it before the simulation begins.
    """

    # The modes of the core; tests of the others are skipped.
    modes: ClassVar[tuple[str, ...]] = MODES
    # Settings that the core lacks, by their key in the `switch` block, each with the value that the core acts by.
    # Settings of all stations are written `ports.KEY`, those of the uplink `uplink.KEY`. Traffic leaves them there.
    fixed: ClassVar[Mapping[str, Any]] = {}
    # The ways in which output queues of the core can take turns, where its shape has several priorities: what each of
    # them has to send first is compared. A core without a register for it names the one way that it has.
    schedulers: ClassVar[tuple[str, ...]] = SCHEDULERS

    @abstractmethod
    def __init__(self, parameters: Mapping[str, int]) -> None:
        """Take the Verilog parameters as the core's file gives them; raise ValueError for what cannot be."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Return ports, priorities and sizes."""

    @abstractmethod
    def writes(self, switch: Any, schedules: Mapping[int, PortSchedule]) -> Sequence[tuple[int, int]]:
        """Return addresses and data of the writes that bring the core, whatever it held, to a configuration.

        `switch` is a `hwmodel.config.switch.Switch` or has its attributes; it asks for nothing that `modes` and `fixed`
        rule out, nor for access lists, mirrors and S-channels. Ports without a station in it are disabled.
        `schedules` says by port how output queues take turns, in one of the ways of `schedulers`; a core with a single
        queue leaves it aside. Raises ValueError for what does not fit the core.
        """

    def changes(self, before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
        """Return the writes of `after` that are needed where those of `before` were done: by default all."""
        return after

    def counter_reads(self) -> Sequence[Access]:
        """Return the accesses that read the counters when the traffic is over; none by default."""
        return ()

    def counters(self, data: Sequence[int]) -> Mapping[int, PortCounters]:
        """Return what was counted, by port, from what the reads among `counter_reads` gave, in order."""
        return {}

    def reads_in_traffic(self, rng: random.Random, number: int) -> Sequence[Access]:
        """Return about so many reads that are to come while frames pass; none by default."""
        return ()

    def pauses(self, rng: random.Random, begin: int, end: int) -> Sequence[Access]:
        """Return writes that pause output queues, by their cycles, none of them for good; none by default."""
        return ()

    def wrong_read(self, stage: Stage, outcome: Outcome) -> Divergence | None:
        """Say which of the reads in traffic gave what its register did not hold between question and answer."""
        return None

    def image(self) -> Image:
        """Return the registers' meaning after a reset; only for a core that records its register writes."""
        raise NotImplementedError("a core that records its register writes needs the method image")
