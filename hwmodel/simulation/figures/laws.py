"""Laws that hold in every run, whatever is simulated: Little's law and the utilization law.

Both are checked at the end of each run, as is the balance of frames; a violation is a fault of the model.
"""

from __future__ import annotations

from math import fsum, sqrt

from hwmodel.config import Config
from hwmodel.rules.pcie_link import DLLP_BYTES
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.simulation.fill.clocks import link_fs_per_byte
from hwmodel.units import FS_PER_S

TOLERANCE = 1e-6  # sums are of 64-bit floats
EPSILON = 2.0**-52
_FEWEST_DIGITS = 64  # last digits that a sum may be off where little is added


def broken_laws(
    config: Config, start: Snapshot, end: Snapshot, server: int = 0, *, link_is_constant: bool = True
) -> list[str]:
    """Return a sentence for each law that a window breaks at a server, given by its number; an empty list if all hold.

    Without `link_is_constant` (the link's rate may change in mid-run) its utilization is not checked.
    """
    return [*_little(start, end), *(_utilization(config, start, end, server) if link_is_constant else ())]


def _little(start: Snapshot, end: Snapshot) -> list[str]:
    """Check Little's law in its exact form, over the window.

    The integral over time of the number of frames in flight, from the moments at which they enter and leave, equals the
    sum of their times in flight, from the parts of their latency: latencies of frames that ended in the window, plus
    ages of those in flight at its end, minus ages of those in flight at its start (J. D. C. Little, Operations Research
    9(3), 1961; S. Stidham, Operations Research 22(2), 1974).
    """
    before, after = start.population, end.population
    grown = {name: after[name] - before[name] for name in after}
    number_fs = float(after["n"]) * end.now_fs - float(before["n"]) * start.now_fs
    number_fs += grown["left_fs"] - grown["entered_fs"] + grown["early_fs"] - grown["taken_early_fs"]
    latency_fs = fsum(end.parts_fs.values())
    there_fs = latency_fs + grown["lost_fs"] + grown["ages_fs"]
    scale = max(number_fs, there_fs, 1.0)
    # Sums of absolute times are much larger than their differences: a float of 53 bits loses up to half its last digit
    # each time that something is added.
    n_added = end.count("offered") + end.count("copies_made")
    lost_digits = EPSILON * max(_FEWEST_DIGITS, sqrt(n_added))
    lost_fs = lost_digits * max(after["left_fs"], after["entered_fs"], float(after["n"]) * end.now_fs)
    if abs(number_fs - there_fs) <= TOLERANCE * scale + lost_fs:
        return []
    by_number, by_times = number_fs / FS_PER_S, there_fs / FS_PER_S
    return [f"Little's law: {by_number:.9g} frame seconds by number, {by_times:.9g} by the times of frames"]


def _utilization(config: Config, start: Snapshot, end: Snapshot, server: int) -> list[str]:
    """Check that each direction of the link was busy for the bytes it carried: throughput times service."""
    a_byte_fs = link_fs_per_byte(config, config.run.seed, server)
    found = []
    for name, first_fs, last_fs in zip(("up", "down"), start.ahead_fs.tolist(), end.ahead_fs.tolist(), strict=True):
        first, last = start.counts[name], end.counts[name]
        n_tlps = int((last["n_tlps"] - first["n_tlps"]).sum())
        n_pairs = int(last["dllps"] - first["dllps"])
        n_bytes = int((last["n_bytes"] - first["n_bytes"]).sum()) + 2 * DLLP_BYTES * n_pairs
        carried_fs = n_bytes * a_byte_fs.numerator // a_byte_fs.denominator
        # A TLP that is on the link at an end of the window counts whole, as its bytes do.
        busy_fs = int(last["busy_fs"] - first["busy_fs"]) + last_fs - first_fs
        if abs(busy_fs - carried_fs) > n_tlps + n_pairs + 2:  # each is rounded down to a femtosecond
            found.append(f"utilization law: pcie.{name} was busy {busy_fs} fs, its bytes take {carried_fs} fs")
    return found
