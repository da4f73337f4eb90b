"""Decisions in SQLite beside a run: nothing is ever changed in it, an acknowledged decision survives a crash.

Rows are only added: a decision is one, and so is taking one back. Several reviewers, and several processes, may write
at once: SQLite lets one write at a time, and the others wait.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, UsageError
from .decision import Decision, now

FILE = "decisions.sqlite"
WAIT_SECONDS = 20.0  # for another writer
_NUMBER = 0x6D6D6B67  # application id of the file: "mmkg"
_VERSION = 1
_TABLES = """
CREATE TABLE decisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, left TEXT, right TEXT, verdict TEXT NOT NULL, author TEXT NOT NULL,
  date TEXT NOT NULL, comment TEXT NOT NULL);
CREATE TABLE undone (
  id INTEGER PRIMARY KEY AUTOINCREMENT, decision INTEGER NOT NULL UNIQUE REFERENCES decisions(id),
  author TEXT NOT NULL, date TEXT NOT NULL);
"""
_ROWS = """
SELECT d.left, d.right, d.verdict, d.author, d.date, d.comment, d.id, u.id IS NOT NULL
FROM decisions d LEFT JOIN undone u ON u.decision = d.id
"""


class StoreError(InputError):
    """Decisions cannot be read or written: the disk is full, the file is damaged, or no write is allowed."""


class DecisionStore:
    """The decisions about a run, in the file ``decisions.sqlite`` of its folder. It may be used by many threads.

    Args:
        path: the file; it is made when the first decision is added.
        read_only: whether to refuse every change.

    Raises:
        InputError: the file holds something else, or it cannot be opened; it is left as it is.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path, self.read_only = Path(path), read_only
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        if self.path.exists():
            self._opened()

    @staticmethod
    def of(folder: str | Path, *, read_only: bool = False) -> "DecisionStore":
        """The store of a run folder."""
        return DecisionStore(Path(folder) / FILE, read_only=read_only)

    def add(self, decision: Decision) -> Decision:
        """Write a decision to the disk; returns it with its number and its date.

        Raises:
            UsageError: the store is read-only.
            InputError: the file cannot be written.
        """
        return self.extend([decision])[0]

    def extend(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write several decisions, all or none."""
        made = []
        with self._writing() as connection:
            for each in decisions:
                date = each.date or now()
                values = (each.left, each.right, each.verdict, each.author, date, each.comment)
                row = connection.execute(
                    "INSERT INTO decisions (left, right, verdict, author, date, comment) VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                ).lastrowid
                made.append(Decision(*values, id=int(row or 0)))
                if each.undone:
                    connection.execute(
                        "INSERT INTO undone (decision, author, date) VALUES (?, ?, ?)", (row, each.author, date)
                    )
        return made

    def undo(self, number: int | None = None, *, author: str = "") -> Decision | None:
        """Take back a decision; returns it, ``None`` if there is none to take back.

        Args:
            number: its number; ``None`` = the last one that holds, of this author if one is named.
            author: who takes it back.

        Raises:
            UsageError: the store is read-only, or no decision has this number.
        """
        if number is not None and not 0 < number < 2**63:
            raise UsageError(f"no decision has the number {number}")
        with self._writing() as connection:
            if number is None:
                of_author = " AND d.author = ?" if author else ""
                query = f"{_ROWS} WHERE u.id IS NULL{of_author} ORDER BY d.id DESC LIMIT 1"
                row = connection.execute(query, (author,) if author else ()).fetchone()
                if row is None:
                    return None
            else:
                row = connection.execute(f"{_ROWS} WHERE d.id = ?", (number,)).fetchone()
                if row is None:
                    raise UsageError(f"no decision has the number {number}")
                if row[7]:
                    return None
            values = (row[6], author or row[3], now())
            connection.execute("INSERT INTO undone (decision, author, date) VALUES (?, ?, ?)", values)
            return _decision((*row[:7], 1))

    def all(self) -> list[Decision]:
        """All decisions in the order in which they were made, also those that were taken back."""
        return self.rows(0, -1)

    def rows(self, offset: int = 0, limit: int = -1, *, newest_first: bool = False) -> list[Decision]:
        """Some of the decisions; a negative limit is none."""
        with self._reading() as connection:
            if connection is None:
                return []
            query = f"{_ROWS} ORDER BY d.id {'DESC' if newest_first else 'ASC'} LIMIT ? OFFSET ?"
            return [_decision(row) for row in connection.execute(query, (limit, offset))]

    def count(self) -> int:
        """Number of decisions, with those that were taken back."""
        with self._reading() as connection:
            return 0 if connection is None else int(connection.execute("SELECT count(*) FROM decisions").fetchone()[0])

    def changes(self) -> int:
        """A number that grows with each decision and each undo, whichever process made it."""
        with self._reading() as connection:
            if connection is None:
                return 0
            query = "SELECT (SELECT coalesce(max(id), 0) FROM decisions) + (SELECT coalesce(max(id), 0) FROM undone)"
            return int(connection.execute(query).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._lock, self._faults():
            yield self._opened() if self._connection is not None or self.path.exists() else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self.read_only:
            raise UsageError("decisions are read-only here; start without --read-only")
        with self._lock, self._faults():
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"decisions cannot be read or written ({error}); nothing was changed", self.path) from None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self.path, read_only=self.read_only)
        return self._connection


def read_store(path: Path) -> list[Decision]:
    """All decisions of a store, which is not changed.

    Raises:
        InputError: the file is missing or is no store.
    """
    if not path.is_file():
        raise InputError("no such file; check the path", path)
    store = DecisionStore(path, read_only=True)
    try:
        return store.all()
    finally:
        store.close()


def is_store(path: Path) -> bool:
    """Whether a file is an SQLite database."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"
    return False


def _open(path: Path, *, read_only: bool) -> sqlite3.Connection:
    connection = None
    try:
        if path.exists() and path.stat().st_size and not is_store(path):
            raise InputError("expected decisions in SQLite, got another file; move it away", path)
        still = read_only and not path.with_name(f"{path.name}-wal").exists()  # then no other file is needed
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}{'&immutable=1' if still else ''}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk before it is acknowledged
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA application_id").fetchone()[0] == 0 and not _names(connection):
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_NUMBER}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        number, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if number != _NUMBER or not {"decisions", "undone"} <= _names(connection):
            raise InputError("expected decisions, got another SQLite database; move it away", path)
        if version > _VERSION:
            raise InputError(f"a later version of mmkg wrote these decisions (format {version}); update mmkg", path)
        return connection
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise StoreError(f"decisions cannot be opened ({error}); nothing was changed", path) from None
    except InputError:
        if connection is not None:
            connection.close()
        raise


def _names(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _decision(row: tuple[object, ...]) -> Decision:
    left, right, verdict, author, date, comment, number, undone = row
    text = [None if each is None else str(each) for each in (left, right)]
    return Decision(
        text[0], text[1], str(verdict), str(author), str(date), str(comment), int(str(number)), bool(undone)
    )
