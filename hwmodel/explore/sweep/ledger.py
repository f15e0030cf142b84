"""The ledger of a sweep: a SQLite file with a row for each run, from which a killed sweep resumes."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from hwmodel.errors import InputError, RunError
from hwmodel.results.explored import DONE, FAILED, PENDING

SCHEMA = 1
_APPLICATION = 0x68775357  # marks the file as a sweep's, in SQLite's own header
_TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE points (
    number INTEGER NOT NULL,      -- in the order of the sweep's file, from 0
    model_version TEXT NOT NULL,
    seed INTEGER NOT NULL,
    axes TEXT NOT NULL,           -- JSON: the axes' values, in their order
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed')),
    config_hash TEXT NOT NULL DEFAULT '',  -- empty until the configuration was made
    error TEXT NOT NULL DEFAULT '',
    figures TEXT,                 -- JSON: scalars by dotted name
    PRIMARY KEY (model_version, number)
);
CREATE INDEX by_configuration ON points (config_hash, model_version, seed);
"""


class Outcome(NamedTuple):
    """Hold the outcome of one run; `figures`: the JSON text of its scalars, empty if it failed."""

    number: int
    config_hash: str
    error: str
    figures: str

    @property
    def status(self) -> str:
        """Return done or failed."""
        return FAILED if self.error else DONE


class Row(NamedTuple):
    """One row of the ledger: the axes' values in their order, and figures by dotted name."""

    number: int
    seed: int
    axes: list[Any]
    status: str
    config_hash: str
    error: str
    figures: dict[str, Any]


class Ledger:
    """Hold an open ledger; use it in a `with` block.

    Commits are atomic: a killed process loses at most the run not yet written. Raises InputError for a file that is no
    usable ledger, RunError if it cannot be written (a full disk); neither loses data.
    """

    def __init__(self, path: Path, model_version: str, *, writable: bool = True) -> None:
        self.path = path
        self.model_version = model_version
        self._is_writable = False
        with self._in_words(opening=True):
            target = path if writable else f"{path.absolute().as_uri()}?mode=ro"
            self._database = sqlite3.connect(target, isolation_level=None, uri=not writable)

    def __enter__(self) -> Ledger:
        """Return the ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; uncommitted writes are rolled back. Without other readers only one file (no WAL) is left."""
        if self._is_writable:
            with suppress(sqlite3.Error, UnicodeDecodeError):  # a damaged name in SQLite's message
                self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()

    def create(self, about: Mapping[str, Any]) -> None:
        """Create a new ledger's tables, with the facts about its sweep, in one transaction."""
        with self._in_words(), self._transaction():
            for statement in _TABLES.split(";\n"):
                self._database.execute(statement)
            self._tell(about)
            self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._database.execute(f"PRAGMA user_version = {SCHEMA}")

    def tell(self, about: Mapping[str, Any]) -> None:
        """Update facts about the sweep that may change without affecting results, such as its costs."""
        if about != self.about():
            with self._in_words(), self._transaction():
                self._tell(about)

    def _tell(self, about: Mapping[str, Any]) -> None:
        pairs = ((key, json.dumps(value)) for key, value in about.items())
        self._database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", pairs)

    def prepare_to_write(self) -> None:
        """Allow reads during writes (WAL), and commits without disk syncs: a killed process still loses none."""
        with self._in_words():
            self._is_writable = True
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._opened = os.stat(self.path)

    def check_in_place(self) -> None:
        """Raise RunError where another program has removed the file since it was opened.

        SQLite keeps writing to the open, deleted file, so nothing would seem wrong until the end.
        """
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), self._opened):
                return
        n_finished = sum(n for status, n in self.count().items() if status != PENDING)
        lost = f"the {n_finished:,} runs in it are lost: begin anew, in another folder"
        raise RunError(f"{self.path}: was removed while the sweep ran; {lost}")

    def is_new(self) -> bool:
        """Tell whether nothing was ever written, not even by a process killed while it made the ledger."""
        with self._in_words(opening=True):
            n_tables = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            return bool(n_tables == 0 and self._database.execute("PRAGMA application_id").fetchone()[0] == 0)

    def check(self) -> None:
        """Raise InputError if the file is damaged, no ledger, or of a newer hwmodel."""
        with self._in_words(opening=True):
            application = self._database.execute("PRAGMA application_id").fetchone()[0]
            schema = self._database.execute("PRAGMA user_version").fetchone()[0]
            if application != _APPLICATION:
                raise InputError(f"{self.path}: is no ledger of a sweep; name another folder")
            if schema > SCHEMA:
                raise InputError(
                    f"{self.path}: is a ledger of a newer hwmodel (its form is {schema}, this one knows {SCHEMA}); "
                    "nothing was changed in it"
                )
            said = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise self._damaged(said)

    def about(self) -> dict[str, Any]:
        """Return the facts that the ledger holds about its sweep."""
        with self._in_words(opening=True):
            return {key: json.loads(value) for key, value in self._database.execute("SELECT key, value FROM about")}

    def add_points(self, rows: Iterable[tuple[int, int, str]]) -> None:
        """Add each run (number, seed, axes as JSON) of this model that is not there yet."""
        with self._in_words(), self._transaction():
            self._database.executemany(
                "INSERT OR IGNORE INTO points (number, seed, axes, model_version) VALUES (?, ?, ?, ?)",
                ((*row, self.model_version) for row in rows),
            )

    def count(self) -> dict[str, int]:
        """Return how many runs of this model have each status."""
        query = "SELECT status, count(*) FROM points WHERE model_version = ? GROUP BY status"
        with self._in_words():
            found = dict(self._database.execute(query, (self.model_version,)).fetchall())
        return {status: found.get(status, 0) for status in (DONE, FAILED, PENDING)}

    def latest_version(self) -> str:
        """Return the version of the model whose runs were added last; empty where there are none."""
        with self._in_words(opening=True):
            found = self._database.execute("SELECT model_version FROM points ORDER BY rowid DESC LIMIT 1").fetchone()
        return "" if found is None else str(found[0])

    def other_versions(self) -> dict[str, int]:
        """Return how many finished runs the ledger has of other versions of the model."""
        query = "SELECT model_version, count(*) FROM points WHERE model_version != ? AND status = 'done' GROUP BY 1"
        with self._in_words():
            return dict(self._database.execute(query, (self.model_version,)).fetchall())

    def forget_failures(self) -> None:
        """Make the failed runs pending again."""
        with self._in_words(), self._transaction():
            self._database.execute(
                "UPDATE points SET status = 'pending', error = '', config_hash = '' "
                "WHERE model_version = ? AND status = 'failed'",
                (self.model_version,),
            )

    def pending(self) -> list[int]:
        """Return the numbers of the runs that are missing, in order."""
        query = "SELECT number FROM points WHERE model_version = ? AND status = 'pending' ORDER BY number"
        with self._in_words():
            return [number for (number,) in self._database.execute(query, (self.model_version,))]

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of some runs in one transaction."""
        rows = [
            (one.status, one.config_hash, one.error, one.figures or None, self.model_version, one.number)
            for one in outcomes
        ]
        self.check_in_place()
        with self._in_words(), self._transaction():
            self._database.executemany(
                "UPDATE points SET status = ?, config_hash = ?, error = ?, figures = ? "
                "WHERE model_version = ? AND number = ?",
                rows,
            )

    def rows(self) -> Iterator[Row]:
        """Yield all runs of this model in order."""
        query = (
            "SELECT number, seed, axes, status, config_hash, error, figures FROM points "
            "WHERE model_version = ? ORDER BY number"
        )
        with self._in_words(opening=True):
            for number, seed, axes, status, config_hash, error, figures in self._database.execute(
                query, (self.model_version,)
            ):
                values, found = json.loads(axes), json.loads(figures or "{}")
                if not (isinstance(values, list) and isinstance(found, dict)):
                    raise self._damaged(f"run {number} is no list of values with its figures")
                yield Row(number, seed, values, status, config_hash, error, found)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def _in_words(self, opening: bool = False) -> Iterator[None]:
        """Turn SQLite's errors into one line."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code: int | None = getattr(error, "sqlite_errorcode", None)
            if code is None:  # raised by Python itself: a text that is not UTF-8
                raise self._damaged(str(error)) from None
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise RunError(f"{self.path}: another program keeps the ledger locked") from None
            if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                full = "the disk is full" if code == sqlite3.SQLITE_FULL else f"{error}; full?"
                raise RunError(
                    f"{self.path}: cannot be written: {full}; what is finished is kept, and the same command goes on "
                    "from there"
                ) from None
            raise (InputError if opening else RunError)(f"{self.path}: cannot be used: {error}") from None
        except (sqlite3.DatabaseError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn any error in interpreting the rows into one line; a damaged ledger can hold anything."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from error

    def _damaged(self, said: str) -> InputError:
        said = " ".join(said.split())
        return InputError(f"{self.path}: is damaged ({said}); it was left as it is: name another folder")


# ---- The lock on its folder, which goes with the process that holds it, however it ends ----


LOCK_NAME = "ledger.lock"


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Create the folder if missing and lock it; raises InputError if another sweep is at work in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(folder / LOCK_NAME)
    except BlockingIOError:
        raise InputError(f"{folder}: --out: another sweep is at work in this folder") from None
    except OSError as error:
        raise InputError(f"{folder}: --out: cannot be used: {error.strerror or error}") from None
    try:
        yield
    finally:
        with suppress(OSError):  # if the folder was made anew, the file there is another sweep's
            if os.path.samestat(os.stat(folder / LOCK_NAME), os.fstat(descriptor)):
                os.unlink(folder / LOCK_NAME)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Return the locked file; try again if its last holder removed it meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
