"""One run of a sweep, in this process, in another one, or on a worker of a Dask scheduler.

Dask gets points in pieces of about half a second, since a task costs the scheduler some milliseconds. Dask reruns a
dead worker's work elsewhere. If a piece keeps killing workers, its points are tried once more, one at a time with
nothing else in flight, so that only the one at fault fails.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config.load import BaseDocument
from hwmodel.config.overrides import Change
from hwmodel.errors import InputError, RunError
from hwmodel.explore.sweep.ledger import Outcome
from hwmodel.results import Result
from hwmodel.results.explored import Scalar
from hwmodel.simulation import simulate_on_one_core as simulate
from hwmodel.version import model_version

if TYPE_CHECKING:
    from distributed import Client, Future

_LEFT_OUT = ("schema_version", "config_hash", "seed")
_LEFT_OUT_BEFORE = ("latency_parts_ns.p50.", "latency_parts_ns.p999.")  # the mean's and p99's show where time goes
_ONE_AT_A_TIME = threading.Lock()  # kernels hold the interpreter lock anyway, and a process has one set of buffers


class Task(NamedTuple):
    """Say what one run is: its number in the sweep, and what it changes in the base."""

    number: int
    changes: Sequence[Change]


@dataclass(frozen=True)
class PointRun:
    """Make runs around one base, in any process."""

    base: BaseDocument

    def __call__(self, task: Task) -> Outcome:
        """Simulate one run; any error becomes its outcome and does not end the sweep."""
        config = None
        try:
            with _ONE_AT_A_TIME:
                config = self.base.with_changes(task.changes)
                result = simulate(config)
        except (InputError, RunError) as error:
            wrong = "; ".join(" ".join(line.split()) for line in str(error).splitlines())
        except MemoryError:
            wrong = "out of memory"
        except Exception as error:
            wrong = f"a fault in hwmodel: {type(error).__name__}: {error}"
        else:
            return Outcome(task.number, result.config_hash, "", json.dumps(figures_of(result), separators=(",", ":")))
        return Outcome(task.number, "" if config is None else config.config_hash(), wrong, "")


def figures_of(result: Result) -> Mapping[str, Scalar]:
    """Return a result's scalars and warnings, and the ends of the scalars' intervals."""
    figures: dict[str, Scalar] = {
        name: value
        for name, value in result.scalars().items()
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_BEFORE)
    }
    figures["warnings"] = " ".join(result.warnings)
    for name, (low, high) in result.intervals.items():
        if name in figures:
            figures |= {f"intervals.{name}.low": round(low, 9), f"intervals.{name}.high": round(high, 9)}
    return figures


# ---- On the workers of a Dask scheduler: one machine or a cluster, whatever started them ----


_ANSWERS_WITHIN_S = 10
_PIECE_S, _MOST_IN_PIECE = 0.5, 64
_LOOKS_EVERY_S, _FETCHES_FOR_S = 0.02, 30
_LEAST_UNDER_WAY, _PER_THREAD = 16, 3  # pieces: an adaptive cluster grows only if it sees some waiting


def outcomes_on_dask(work: PointRun, tasks: Iterator[Task], address: str) -> Generator[Outcome, None, None]:
    """Yield what became of each run, as the workers finish.

    `address`: of a scheduler, or the name of the file that it wrote. Raises InputError if none answers, RunError if its
    workers cannot run this model or the scheduler goes away; outcomes already yielded stay valid.
    """
    import asyncio  # slow to import, and needed only here

    try:
        from distributed import Client
    except ImportError:
        raise RunError("--scheduler needs Dask: pip install 'hwmodel[cluster]'") from None
    found = _address_in_file(address) if os.path.exists(address) else address
    try:
        # Ask first: a client without a scheduler goes on trying to connect long after it was given up.
        asyncio.run(asyncio.wait_for(_greet(found), _ANSWERS_WITHIN_S))
        client = Client(found, timeout=_ANSWERS_WITHIN_S, set_as_default=False)
    except TimeoutError:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers there within {_ANSWERS_WITHIN_S} s"
        ) from None
    except Exception as error:  # a garbled answer may raise anything in Dask, even MemoryError
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"--scheduler {address}: no Dask scheduler answers there ({said})") from None
    with client:
        yield from _Pieces(client, work, tasks).outcomes()


def _address_in_file(path: str) -> str:
    """Return the address in the file that a scheduler wrote (`dask scheduler --scheduler-file`)."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)["address"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        found = None
    if not isinstance(found, str):
        raise InputError(f"--scheduler {path}: is a file, and none that a Dask scheduler wrote (--scheduler-file)")
    return found


async def _greet(address: str) -> None:
    """Ask who answers at an address; raises ValueError if it is no scheduler, or no address."""
    from distributed.core import connect
    from distributed.security import Security

    comm = await connect(address, timeout=_ANSWERS_WITHIN_S, **Security().get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        who = await comm.read()
    finally:
        comm.abort()
    if not (isinstance(who, dict) and who.get("type") == "Scheduler"):
        raise ValueError("something else listens there")


class _Pieces:
    """The pieces that are under way at a scheduler."""

    def __init__(self, client: Client, work: PointRun, tasks: Iterator[Task]) -> None:
        self._client = client
        self._work = work
        self._tasks = tasks
        self._under_way: dict[Future, Sequence[Task]] = {}
        self._suspects: deque[Task] = deque()
        self._point_s: float | None = None

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield outcomes until no run is left."""
        try:
            self._submit_more()
            while self._under_way:
                for future in self._finished():
                    yield from self._result(future, self._under_way.pop(future))
                self._submit_more()
        finally:
            self._client.cancel(list(self._under_way))

    def _submit_more(self) -> None:
        n_threads = sum(self._client.nthreads().values())
        while len(self._under_way) < max(_LEAST_UNDER_WAY, _PER_THREAD * n_threads):
            piece = list(itertools.islice(self._tasks, self._piece_length()))
            if not piece:
                break
            self._submit(piece)
        if not self._under_way and self._suspects:
            self._submit([self._suspects.popleft()])

    def _piece_length(self) -> int:
        return 1 if self._point_s is None else min(_MOST_IN_PIECE, max(1, round(_PIECE_S / self._point_s)))

    def _submit(self, piece: Sequence[Task]) -> None:
        future = self._client.submit(run_piece, self._work, piece, pure=False)
        self._under_way[future] = piece

    def _finished(self) -> list[Future]:
        """Return the finished pieces, after a short pause if there are none; RunError if the scheduler went away.

        This polls rather than waits: if a worker dies just after announcing a result, Dask computes it again, but a
        waiting client may never hear of that.
        """
        found = [future for future in self._under_way if future.status in ("finished", "error", "cancelled")]
        if not found:
            if self._client.status not in ("running", "connecting"):
                raise RunError("the Dask scheduler went away; what is finished is kept, the same command goes on")
            time.sleep(_LOOKS_EVERY_S)
        return found

    def _result(self, future: Future, piece: Sequence[Task]) -> Iterator[Outcome]:
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise RunError("the Dask scheduler dropped a run; what is finished is kept, the same command goes on")
        try:
            version, duration_s, outcomes = future.result(timeout=_FETCHES_FOR_S)
        except KilledWorker:
            if len(piece) > 1 or self._under_way:
                self._suspects.extend(piece)
            else:
                yield Outcome(piece[0].number, "", "Dask gave it up: the workers that ran it ended; out of memory?", "")
            return
        except TimeoutError:  # its worker died before anybody fetched it
            self._submit(piece)
            return
        except Exception as error:
            said = " ".join(str(error).split())
            raise RunError(f"a Dask worker gave no result ({type(error).__name__}: {said}); the rest is kept") from None
        if version != model_version():
            raise RunError(f"a Dask worker has another model, {version}; this one is {model_version()}")
        self._point_s = duration_s / len(piece)
        yield from outcomes


def run_piece(work: PointRun, piece: Sequence[Task]) -> tuple[str, float, list[Outcome]]:
    """Make some runs one after the other; return the model's version here, the time they took, what became of them."""
    started_s = time.perf_counter()
    outcomes = [work(task) for task in piece]
    return model_version(), time.perf_counter() - started_s, outcomes
