"""Time series of the VMs' figures, interval by interval, sampled between calls of the engine.

And of functions that go off and come up: when their first frame came, and the frames lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.config import vms_of
from hwmodel.config.life import Life, Parts
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.ledger_state import DONE, IDLE
from hwmodel.results.series import LifeResult, Series, VmSeries, WireSeries
from hwmodel.rules.function_names import is_pf
from hwmodel.simulation.figures.counters import STATISTICS, statistics_of
from hwmodel.simulation.figures.measurement import rings_in_use
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.run.machine import Machine
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS
from hwmodel.words.limits import at_port

Floats = npt.NDArray[np.float64]
OF_RATES = ("sent_bytes", "bytes", "frames", "drops", "latency_fs", "mirrored")
SUMS = (*OF_RATES, *STATISTICS)  # cumulative counters, by function
DROPS = SUMS.index("drops")
INTERVALS = 50  # per `run.duration`, at most; twice as many if events are close together
BETWEEN_EVENTS = 12  # least intervals between two events, before rounding to a step, within that limit
MOST_INTERVALS = 2000  # of a run; beyond this, pairs are merged
STEPS = (1, 2, 5, 10)  # of a power of ten


def interval_of(duration_fs: int, events_fs: Iterable[int] = ()) -> int:
    """Return the interval length, 1, 2 or 5 times a power of ten ns, so that 20 to 50 intervals make a window.

    Up to 100 if events (at `events_fs`) are close together, so that about five or more lie between any two events.
    """
    gap_fs = min((later - at for at, later in pairwise(sorted({0, *events_fs}))), default=duration_fs)
    least_fs = max(min(duration_fs // INTERVALS, gap_fs // BETWEEN_EVENTS), duration_fs // (2 * INTERVALS))
    least_ns = max(1, -(-least_fs // FS_PER_NS))
    power: int = 10 ** (len(str(least_ns)) - 1)
    return next(step * power for step in STEPS if step * power >= least_ns) * FS_PER_NS


class SeriesRecorder:
    """Record, at the end of each interval, what the VMs of a machine have sent and received by then.

    An interval holds what happens before its end, not what happens at that instant: an event's effects are behind it.
    """

    def __init__(self, machine: Machine, interval_fs: int, looks_fs: Sequence[int]) -> None:
        self._machine, self._interval_fs = machine, interval_fs
        self._lives = LifeRecorder(machine, looks_fs)
        self._next_fs = interval_fs
        self._last = self._sums()
        self._grown: list[Floats] = []
        self._rings: list[npt.NDArray[np.int64]] = []
        self._on_wires = [self._wire_bytes()]

    def advance(self, until_fs: int, n_events: int) -> int:
        """Run the machine to a time or through so many events, with a sample at each interval's end.

        Returns why it stopped.
        """
        while True:
            bound_fs = min(until_fs, self._next_fs - 1, self._lives.next_fs())
            status = self._machine.advance(bound_fs, n_events)
            if status == IDLE and until_fs < NEVER:
                self._lives.look(until_fs)
                while self._next_fs - 1 <= until_fs:  # nothing happens any more
                    self._look()
            if status != DONE:
                return status
            self._lives.look(bound_fs)
            if bound_fs == self._next_fs - 1:
                self._look()
            if bound_fs == until_fs:
                return status

    def follow(self, looks_fs: Sequence[int]) -> None:
        """Have functions go or come up at other instants from here on."""
        self._lives.follow(looks_fs)

    def series(self, lives: Sequence[Life]) -> Series:
        """Return the VMs' series over all whole intervals, and what became of functions.

        The PF is included only if it did anything.
        """
        grown = np.array(self._grown).reshape(len(self._grown), *self._last.shape)
        rings = np.array(self._rings, np.int64).reshape(len(self._rings), len(self._last) - 1, 2)
        found: dict[str, VmSeries] = {}
        counters: dict[str, dict[str, tuple[int, ...]]] = {}
        for number, name in enumerate(self._names()):
            own = dict(zip(SUMS, grown[:, number].T, strict=True))
            if is_pf(name) and not grown[:, number].any():
                continue
            found[name] = self._of_vm(own, rings[:, number])
            counters[name] = {each: tuple(own[each].astype(int).tolist()) for each in STATISTICS}
        others = tuple(grown[:, -1, DROPS].astype(int).tolist())
        return Series(
            interval_ns=self._interval_fs / FS_PER_NS,
            vms=found,
            counters=counters,
            lives=self._lives.lives(lives, self._machine.now_fs),
            other_drops=others if any(others) else (),
            wires=self._wires(),
        )

    def _wires(self) -> dict[str, WireSeries]:
        """Return the rates of the Ethernet ports that carried anything."""
        gbps = np.diff(self._on_wires, axis=0) * BITS_PER_BYTE / (self._interval_fs / FS_PER_NS)
        ports = [(server, port) for server in self._machine.servers for port in server.config.port.names]
        return {
            f"{server.prefix}{at_port(port, 'wire')}": WireSeries(
                tx_gbps=tuple(gbps[:, at, 0].tolist()), rx_gbps=tuple(gbps[:, at, 1].tolist())
            )
            for at, (server, port) in enumerate(ports)
            if gbps[:, at].any()
        }

    def _of_vm(self, own: dict[str, Floats], rings: npt.NDArray[np.int64]) -> VmSeries:
        interval_ns = self._interval_fs / FS_PER_NS
        has_some = own["frames"] > 0
        means_ns = own["latency_fs"] / np.maximum(own["frames"], 1) / FS_PER_NS
        return VmSeries(
            tx_gbps=tuple((own["sent_bytes"] * BITS_PER_BYTE / interval_ns).tolist()),
            rx_gbps=tuple((own["bytes"] * BITS_PER_BYTE / interval_ns).tolist()),
            rx_mpps=tuple((own["frames"] * 1e3 / interval_ns).tolist()),
            latency_ns=tuple(mean if some else None for mean, some in zip(means_ns.tolist(), has_some, strict=True)),
            drops=tuple(int(n) for n in own["drops"].tolist()),
            tx_ring=tuple(rings[:, 0].tolist()),
            rx_ring=tuple(rings[:, 1].tolist()),
            mirrored_mpps=tuple((own["mirrored"] * 1e3 / interval_ns).tolist()) if own["mirrored"].any() else (),
        )

    def _look(self) -> None:
        """Record an interval's sums, and the present ring depths."""
        now = self._sums()
        self._grown.append(now - self._last)
        self._last = now
        self._rings.append(np.concatenate([_rings(server.nic) for server in self._machine.servers]))
        self._on_wires.append(self._wire_bytes())
        if len(self._grown) == MOST_INTERVALS:  # a long warm-up, say
            self._grown = [first + second for first, second in zip(self._grown[::2], self._grown[1::2], strict=True)]
            self._rings, self._on_wires = self._rings[1::2], self._on_wires[::2]
            self._interval_fs *= 2
        self._next_fs += self._interval_fs

    def _sums(self) -> Floats:
        """Return SUMS of each function of each server, in rows; in the last what was dropped of none and for none."""
        of_functions = np.concatenate([_sums(server) for server in self._machine.servers])
        of_nobody = np.zeros((1, len(SUMS)))
        of_nobody[0, DROPS] = self._machine.n_dropped() - of_functions[:, DROPS].sum()
        return np.concatenate([of_functions, of_nobody])

    def _wire_bytes(self) -> npt.NDArray[np.int64]:
        """Return the bytes that each Ethernet port has sent and received so far, in rows, with FCS and tags."""
        macs = [
            server.nic["port"]["mac"]["counts"][: int(server.nic.params.n_ports)] for server in self._machine.servers
        ]
        return np.concatenate([np.stack((mac["tx_bytes"], mac["rx_bytes"]), axis=1) for mac in macs]).astype(np.int64)

    def _names(self) -> list[str]:
        return list(vms_of(self._machine.servers))


def _sums(server: Server) -> Floats:
    nic = server.nic
    counted = nic["ledger"]["function"][: int(nic.params.n_functions)]
    columns = (
        counted["sent_bytes"],
        counted["received_bytes"],
        counted["received_frames"],
        counted["drops"].sum(axis=1),
        counted["latency_fs"],
        counted["mirrored"],
        *statistics_of(nic).values(),
    )
    return np.stack(columns, axis=1).astype(np.float64)


def _rings(nic: Any) -> npt.NDArray[np.int64]:
    """Return the descriptors in use of each function's Tx rings and Rx rings."""
    n_functions, n_queues = int(nic.params.n_functions), int(nic.params.n_queues)
    functions = nic["tx_queue"]["params"]["function"][:n_queues]
    found = np.zeros((n_functions, 2), np.int64)
    for column, in_use in enumerate(rings_in_use(nic, n_queues).values()):
        np.add.at(found[:, column], functions, in_use)
    return found


# Reasons for which frames drop when a function goes off: frames in its rings and in the adapter, and frames for it.
LOST = (DropReason.FUNCTION_RESET.value, DropReason.PORT_DISABLED.value)
Ints = npt.NDArray[np.int64]


class LifeRecorder:
    """Record each function's state just before every instant at which one goes off or comes up, and at the end."""

    def __init__(self, machine: Machine, times_fs: Sequence[int]) -> None:
        self._machine = machine
        self._vms = vms_of(machine.servers)
        self._looks: list[tuple[int, Ints]] = []
        self._to_come = [at_fs - 1 for at_fs in times_fs if at_fs > 0]
        if len(self._to_come) < len(times_fs):  # for changes at time 0 there is no earlier instant to run to
            self._looks.append((-1, self._look()))

    def follow(self, times_fs: Sequence[int]) -> None:
        """Have other instants to come."""
        last_fs = self._looks[-1][0] if self._looks else -1
        self._to_come = [at_fs - 1 for at_fs in times_fs if at_fs - 1 > last_fs]

    def next_fs(self) -> int:
        """Return the last instant before the next look."""
        return self._to_come[0] if self._to_come else NEVER

    def look(self, now_fs: int) -> None:
        """Record the functions' states, if a look is due."""
        while self._to_come and self._to_come[0] <= now_fs:
            self._looks.append((self._to_come.pop(0), self._look()))

    def lives(self, lives: Sequence[Life], end_fs: int) -> tuple[LifeResult, ...]:
        """Return what became of functions by the end of a run."""
        looks = [*self._looks, (end_fs, self._look())]
        return tuple(
            self._of(life, [later for later in lives[number + 1 :] if later.vm == life.vm], looks, end_fs)
            for number, life in enumerate(lives)
            if life.at_fs <= end_fs
        )

    def _of(self, life: Life, later: Sequence[Life], looks: Sequence[tuple[int, Ints]], end_fs: int) -> LifeResult:
        """Return the result of a life, up to when the function goes off again or the run ends.

        It loses frames by going until it is there again: what it drops then has another cause.
        """
        row = list(self._vms).index(life.vm)
        goes_fs = min((one.off_fs for one in later if one.off_fs is not None), default=end_fs + 1)
        back_fs = min((one.up_fs for one in (life, *later) if one.up_fs is not None), default=end_fs + 1)
        before, back, after = (_at(looks, at_fs - 1)[row] for at_fs in (life.at_fs, back_fs, goes_fs))
        is_up = life.up_fs is not None and life.up_fs <= end_fs
        first_fs = int(after[0]) if is_up and after[0] != NEVER else None
        next_fs = min((one.at_fs for one in later), default=end_fs)
        parts = [_ns(part) for part in _so_far(life, min(next_fs, end_fs))]
        return LifeResult(
            vm=life.vm,
            event=life.event,
            at_ns=life.at_fs / FS_PER_NS,
            goes=life.off_fs is not None,
            reset_ns=parts[0],
            messages_ns=parts[1],
            rings_ns=parts[2],
            up_ns=_ns(life.up_fs) if is_up else None,
            first_frame_ns=_ns(first_fs),
            frames_lost=0 if life.off_fs is None else int(back[1] - before[1]),
        )

    def _look(self) -> Ints:
        """Return for each function (a row) when its first frame was in the Tx buffer, and how many frames it lost."""
        found = []
        for vm in self._vms.values():
            nic = self._machine.servers[vm.at].nic
            drops = nic["ledger"]["function"]["drops"][vm.function]
            found.append((int(nic.function[vm.function].first_in_fs), int(drops[list(LOST)].sum())))
        return np.array(found, np.int64)


def _so_far(life: Life, by_fs: int) -> list[int | None]:
    """Return how long the parts of a function's way up have taken by a time, that it is at by then included."""
    found: list[int | None] = []
    since_fs = life.at_fs
    for part_fs in life.parts or ():
        if part_fs is None:
            found.append(by_fs - since_fs)
            break
        found.append(part_fs)
        since_fs += part_fs
    return found + [None] * (len(Parts._fields) - len(found))


def _ns(at_fs: int | None) -> float | None:
    return None if at_fs is None else at_fs / FS_PER_NS


def _at(looks: Sequence[tuple[int, Ints]], at_fs: int) -> Ints:
    """Return the look at an instant, or the last one where the run ended before."""
    return next((found for time, found in looks if time >= at_fs), looks[-1][1])
