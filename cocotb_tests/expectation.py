"""What the model says of the frames of a stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import Shape
from cocotb_tests.divergence import Divergence
from hwmodel.simulation.fill.switch_tables import build_tables


@dataclass
class Expectation:
    """The frames that were decided, what the model says of each, and what differs.

    `full`: for each of these frames the ports whose queue, by the core's word, had no room; 0 where it does not say.
    `n_lost`: copies that did not leave; of a stage that was cut, also those on their way. `n_copies`: those that left.
    """

    frame_of_event: npt.NDArray[np.int64]
    verdicts: Any
    full: npt.NDArray[np.int64]
    divergences: list[Divergence] = field(default_factory=list)
    n_lost: int = 0
    n_copies: int = 0


def tables_of(switch: Any, shape: Shape) -> Any:
    """Return the model's tables of a switch, a one-element array, on a core with a longest frame of its own."""
    array = build_tables(switch)
    longest = array["port"]["longest_bytes"]
    np.minimum(longest, shape.max_frame_bytes, out=longest)
    return array
