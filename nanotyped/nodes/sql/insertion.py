"""Batches of rows as transactions of one connection: statements by size, retries, and errors that say what was kept."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.cursors import Cursor

from nanotyped.errors import DeliveryError, RowError, SourceError
from nanotyped.nodes.sql.server import DRIVER_ERRORS, LOST_CONNECTION, hang_up
from nanotyped.nodes.sql.target import TargetTable, WriteMode, look_at

if TYPE_CHECKING:
    from nanotyped.errors import ContractDriftError
    from nanotyped.nodes.sql.policies import ColumnPolicies
    from nanotyped.nodes.sql.server import MySQLServer

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
# Longer statements are no faster, and a server holds each of them whole.
STATEMENT_BYTES = 4 * 1024 * 1024
_PACKET_HEAD_BYTES = 1024  # left free of max_allowed_packet
# Strict, so that what does not fit is an error; an auto_increment of 0 is 0. Without NO_BACKSLASH_ESCAPES, as escapes
# need it, and with every key checked, whatever the server's default is.
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO{}', "
    "foreign_key_checks = 1, unique_checks = 1"
)
# Of the driver, or of the server: the connection is gone, or cannot be had just now. 0: closed on this side. 1053,
# 1927 and 3169: shutdown, killed. 1158 to 1161: network. 2002, 2003: nobody answers. 1040, 1203: too many connections.
_LOST = frozenset({*LOST_CONNECTION, 0, 1053, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2055, 3169, 1040, 1203})
# The transaction was rolled back for the sake of another one: lock wait timeout, deadlock, changed since it was read.
_CONTENTION = frozenset({1020, 1205, 1213})
_SECOND_ROW = 1242
# Of one row, beside those that the driver knows as such: a CHECK (of MariaDB, of MySQL), a SIGNAL of a trigger, what is
# computed (1365: divided by zero, 1690: out of range), and values of the wrong form for what a trigger makes of them.
_OF_A_ROW = frozenset({4025, 3819, 1644, 1365, 1690, 1292, 1366, 3140, _SECOND_ROW})
_SEARCH_WAIT_S = 2  # for a lock, while the row is looked for because of which a batch was refused
logger = logging.getLogger("nanotyped.nodes.sql")


class WritingStopped(Exception):  # noqa: N818 - the node was told to end; no mistake of anyone
    """The pause before another attempt ended because the node is to end; the batch was not written."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """Rows of the same columns for one table, ready to be sent.

    Attributes:
        head: The statement up to ``VALUES``.
        tail: What follows the rows.
        rows: The rows as they stand between.
        first: Number of the first of them.
    """

    head: bytes
    tail: bytes
    rows: Sequence[bytes]
    first: int


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: bytes
    rows: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt failed, at which rows, and by which error of the driver."""

    reason: str
    rows: tuple[int, int]
    cause: BaseException | None

    @property
    def is_of_a_row(self) -> bool:
        """Whether the server refused what is in a row."""
        kinds = pymysql.err.IntegrityError, pymysql.err.DataError
        return isinstance(self.cause, kinds) or _code(self.cause) in _OF_A_ROW


def quoted(name: str) -> str:
    """Return an identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def statement_ends(table: str, columns: Sequence[str], mode: WriteMode, key: Sequence[str]) -> tuple[bytes, bytes]:
    """Return what stands before and behind the rows.

    An upsert replaces every given column of the row that has its key. A server also takes a row that equals in another
    unique key for the one to update, and would overwrite a stranger: then a subquery of two rows fails on purpose.
    """
    names = ", ".join(map(quoted, columns))
    head = f"{'REPLACE' if mode == 'replace' else 'INSERT'} INTO {quoted(table)} ({names}) VALUES "
    if mode != "upsert":
        return head.encode(), b""
    first, *_ = key
    # Columns are assigned from left to right, so the key is compared before any of it is changed.
    same = " AND ".join(f"{quoted(name)} <=> VALUES({quoted(name)})" for name in key)
    guarded = f"{quoted(first)} = IF({same}, VALUES({quoted(first)}), (SELECT 1 UNION SELECT 2))"
    others = [f"{quoted(name)} = VALUES({quoted(name)})" for name in columns if name != first]
    return head.encode(), f" ON DUPLICATE KEY UPDATE {', '.join([guarded, *others])}".encode()


class TableWriter:
    """Writes batches to one table, each in one transaction. Belongs to one thread.

    Args:
        server: Where the table is.
        target: The table, as it was when the run was checked.
        table: Its name.
        policies: What its columns are taken for.
        mode: What happens to rows that are there already.
        max_attempts: How often a batch is tried at the most.
        pause: Waits so many seconds and returns whether to go on.
        drift: Makes the error for a table that is another by now.
    """

    def __init__(
        self,
        server: MySQLServer,
        target: TargetTable,
        table: str,
        *,
        policies: ColumnPolicies,
        mode: WriteMode,
        max_attempts: int,
        pause: Callable[[float], bool],
        drift: Callable[[TargetTable], ContractDriftError],
    ) -> None:
        self._server = server
        self._target = target
        self._table = table
        self._policies = policies
        self._mode = mode
        self._max_attempts = max_attempts
        self._pause = pause
        self._drift = drift
        self._connection: pymysql.Connection[Any] | None = None
        self._max_bytes = 0

    def open(self) -> None:
        """Connect, if there is no connection, and look whether the table is still what it was.

        Raises:
            SourceError: If it is not, or there is no connection to be had.
        """
        if self._connection is not None:
            return
        now = look_at(self._server, self._table, self._policies)
        if now != self._target:
            raise self._drift(now)
        connection = self._server.connect()
        try:
            keeps = self._policies.uses("zero_date", "keep")
            connection.query(_SESSION.format(",ALLOW_INVALID_DATES" if keeps else ""))
            with connection.cursor(Cursor) as cursor:
                cursor.execute("SELECT @@max_allowed_packet")
                [(size,)] = cursor.fetchall()
        except DRIVER_ERRORS as error:
            hang_up(connection)
            raise SourceError(f"cannot write to {self._target.place}: {self._server.explain(error)}") from error
        self._connection = connection
        self._max_bytes = int(size) - _PACKET_HEAD_BYTES

    def close(self) -> None:
        """Roll back what is open and let go of the connection. Again: nothing."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.open:
            with suppress(pymysql.Error, OSError):
                connection.rollback()
        hang_up(connection)

    def write(self, insertions: Sequence[Insertion], rows: tuple[int, int]) -> None:
        """Write rows in one transaction: all of them are kept, or none.

        Where the server refuses a row it does not say which: then the rows are sent again, by halves, in a transaction
        that is rolled back, until the first refused one is found.

        Args:
            insertions: The rows.
            rows: Numbers of the first and the last of them.

        Raises:
            RowError: If a row is longer than the server takes.
            DeliveryError: If the server refuses a row, or can't be reached.
            WritingStopped: If the node is to end.
        """
        attempt = 0
        while True:
            attempt += 1
            failure = self._attempt(insertions, rows)
            if failure is None:
                return
            self.close()
            if not _may_pass(failure.cause) or attempt >= self._max_attempts:
                raise self._refused(self._found(failure, insertions), rows, attempt) from failure.cause
            wait_s = self._wait_s(attempt)
            logger.warning(
                "%s: attempt %d: %s; the next in %.1f s", self._target.place, attempt, failure.reason, wait_s
            )
            if not self._pause(wait_s):
                raise WritingStopped

    def _attempt(self, insertions: Sequence[Insertion], rows: tuple[int, int]) -> _Failure | None:
        """Return why the rows are not in the table, ``None`` if they are."""
        try:
            self.open()
        except SourceError as error:
            if not _may_pass(error.__cause__):
                raise
            return _Failure(str(error), rows, error.__cause__)
        connection = self._connection
        assert connection is not None  # it is open
        statements = [statement for insertion in insertions for statement in self._statements(insertion)]
        now = rows
        try:
            connection.begin()
            for statement in statements:
                now = statement.rows
                connection.query(statement.sql)
        except DRIVER_ERRORS as error:
            return _Failure(self._server.explain(error), now, error)
        try:
            connection.commit()
        except pymysql.Error as error:
            if self._mode == "insert" and _code(error) in _LOST:
                self.close()
                raise self._unknown(error, rows) from error
            return _Failure(self._server.explain(error), rows, error)
        return None

    def _found(self, failure: _Failure, insertions: Sequence[Insertion]) -> _Failure:
        """Return the failure with the first row that is refused; unchanged where none can be told."""
        first, last = failure.rows
        if first == last or not failure.is_of_a_row:
            return failure
        try:
            self.open()
            connection = self._connection
            assert connection is not None  # it is open
            connection.query(f"SET SESSION innodb_lock_wait_timeout = {_SEARCH_WAIT_S}")
            connection.begin()
            for statement in (found for insertion in insertions for found in self._statements(insertion)):
                if statement.rows == failure.rows:
                    break
                connection.query(statement.sql)
            insertion = next(found for found in insertions if found.first <= first < found.first + len(found.rows))
            return self._halved(connection, insertion, failure)
        except (pymysql.Error, SourceError) as error:
            logger.warning("%s: the refused row was not found: %s", self._target.place, error)
            return failure
        finally:
            self.close()

    def _halved(self, connection: pymysql.Connection[Any], insertion: Insertion, failure: _Failure) -> _Failure:
        """Return why the first refused row of a statement is, its rows sent by halves; a server undoes a refused half.

        Raises:
            pymysql.Error: If a half is refused for another reason than a row.
        """
        start, end = (row - insertion.first for row in (failure.rows[0], failure.rows[1] + 1))
        while start < end:
            middle = max(start + (end - start) // 2, start + 1)
            statement = _statement(insertion, start, middle)
            try:
                connection.query(statement.sql)
            except pymysql.Error as error:
                part = _Failure(self._server.explain(error), statement.rows, error)
                if not part.is_of_a_row:
                    raise
                if middle == start + 1:
                    return part
                end = middle
            else:
                start = middle
        return failure  # whoever was in the way is so no more

    def _statements(self, insertion: Insertion) -> Iterator[_Statement]:
        """Yield statements that are no longer than the server takes."""
        ends = len(insertion.head) + len(insertion.tail)
        limit = min(STATEMENT_BYTES, self._max_bytes)
        start, size = 0, ends
        for index, row in enumerate(insertion.rows):
            if ends + len(row) > self._max_bytes:
                number = insertion.first + index
                raise RowError(
                    f"row {number} takes {ends + len(row)} bytes as a statement, and the server takes at most "
                    f"{self._max_bytes} for {self._target.place}: raise its max_allowed_packet",
                    row=number,
                )
            if index > start and size + len(row) + 1 > limit:
                yield _statement(insertion, start, index)
                start, size = index, ends
            size += len(row) + 1
        yield _statement(insertion, start, len(insertion.rows))

    @staticmethod
    def _wait_s(attempt: int) -> float:
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 30))
        return random.uniform(longest / 2, longest)  # noqa: S311 - to keep clients apart, not to keep a secret

    def _refused(self, failure: _Failure, rows: tuple[int, int], attempts: int) -> DeliveryError:
        reason = failure.reason
        if self._mode == "upsert" and _code(failure.cause) == _SECOND_ROW:
            reason = "a row that is there has another key and the same values in another unique key"
        if rows != failure.rows:
            reason += f"; none of {_numbers(rows)} was kept"
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        message = f"{self._target.place} did not take {_numbers(failure.rows)}, after {times}: {reason}"
        row = failure.rows[0] if failure.is_of_a_row and failure.rows[0] == failure.rows[1] else None
        return DeliveryError(message, attempts=attempts, rows=rows, row=row)

    def _unknown(self, error: Exception, rows: tuple[int, int]) -> DeliveryError:
        return DeliveryError(
            f"{self._target.place}: the connection was lost while {_numbers(rows)} were being committed: "
            f"{self._server.explain(error)}; whether they were kept is not known; look before you send them again, "
            "or use mode: upsert or replace, which may be sent twice",
            rows=rows,
        )


def _statement(insertion: Insertion, start: int, end: int) -> _Statement:
    sql = insertion.head + b",".join(insertion.rows[start:end]) + insertion.tail
    return _Statement(sql, (insertion.first + start, insertion.first + end - 1))


def _code(error: BaseException | None) -> int | None:
    code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    return code if isinstance(code, int) else None


def _may_pass(cause: BaseException | None) -> bool:
    return _code(cause) in _LOST | _CONTENTION


def _numbers(rows: tuple[int, int]) -> str:
    return f"row {rows[0]}" if rows[0] == rows[1] else f"rows {rows[0]} to {rows[1]}"
