"""What a run does with the rows that a node rejects: counted, capped, and kept as dead letters."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.engine.dead_letters import DeadLetter, now_text
from nanotyped.errors import TooManyErrorsError, shown

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.engine.dead_letters import LetterFile
    from nanotyped.node import NanoNode
    from nanotyped.row import Row
    from nanotyped.row.raw_line import RawLine

RejectionWatch: TypeAlias = "Callable[[NanoNode[Any, Any], Row | RawLine, Exception], None]"
MOST_WAITING = 200
RATE_SAMPLE_ROWS = 100
"""Of fewer rows a share says little: until the end of the data it is not looked at."""
logger = logging.getLogger("nanotyped.rejections")


class Rejections:
    """The rows that one node rejects in one run. Safe to use from several threads.

    Args:
        node: The node, whose policy is not ``fail``.
        run_id: Id of the run.
        open_file: Opens a file of dead letters.
        watch: Told of each row that is rejected; with the lock held, so it must be quick.
    """

    def __init__(
        self,
        node: NanoNode[Any, Any],
        run_id: str,
        open_file: Callable[[Path], LetterFile],
        watch: RejectionWatch | None = None,
    ) -> None:
        self._node = node
        self._watch = watch
        self._policy = node.error_policy
        self._statistics = node.statistics
        self._run_id = run_id
        self._open_file = open_file
        self._file: LetterFile | None = None
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the file of dead letters, so that one that cannot be written is known before the first row.

        Raises:
            DeadLetterError: If it cannot be.
        """
        if self._policy.dead_letter is not None:
            self._file = self._open_file(self._policy.dead_letter)

    def reject(self, row: Row | RawLine, error: Exception, number: int, attempt: int = 1) -> None:
        """Take a row that is left out. Nobody lets go of it before ``sync`` has returned.

        Raises:
            TooManyErrorsError: If that is one too many.
            DeadLetterError: If many letters wait, and cannot be written.
        """
        with self._lock:
            self._check_caps(row, error, number)
            self._statistics.rejected += 1
            if self._watch is not None:
                self._watch(self._node, row, error)
            reason = "; ".join([str(error), *getattr(error, "__notes__", ())])
            if self._file is None:
                if not self._statistics.skipped and self._watch is None:
                    self._tell(error, reason, number)
                self._statistics.skipped += 1
                return
            self._statistics.dead += 1
            letter = DeadLetter(
                id=uuid.uuid4().hex,
                run=self._run_id,
                node=self._node.label,
                number=number,
                attempt=attempt,
                code=type(error).__name__,
                column=getattr(error, "column", None),
                reason=reason,
                at=now_text(),
                row=row,
            )
            self._waiting.append(letter.render())
            if len(self._waiting) >= MOST_WAITING:  # of a source that says nothing of where it is, all would wait
                self._write(self._file)

    def _tell(self, error: Exception, reason: str, number: int) -> None:
        """Tell why the first row is left out: of rows that are in no file nothing else would say it."""
        name, code = self._node.label, type(error).__name__
        text = "%s: row %d is left out: %s: %s; others are only counted (`dead_letter` keeps each, and why)"
        facts = {"node": name, "row": number, "error": code}
        logger.warning(text, name, number, code, reason, extra={"facts": facts, "cause": error})

    @property
    def _left_out(self) -> int:
        """How many rows the policy left out; what a ``schema_contract`` discards is rejected, and counts for no cap."""
        return self._statistics.skipped + self._statistics.dead

    def _check_caps(self, row: Row | RawLine, error: Exception, number: int) -> None:
        policy, rejected = self._policy, self._left_out + 1
        limit = ""
        if policy.max_errors is not None and rejected > policy.max_errors:
            limit = f"max_errors: {policy.max_errors}"
        elif (
            policy.max_error_rate is not None
            and number >= RATE_SAMPLE_ROWS
            and rejected > policy.max_error_rate * number
        ):
            limit = f"max_error_rate: {policy.max_error_rate:g}"
        if limit:
            found = TooManyErrorsError(rejected, number, limit, f"; the last: {type(error).__name__}: {error}")
            found.row_text = shown(row)
            raise found from error

    def check_rate(self) -> None:
        """Look at the share of all rows, at the end of the data.

        Raises:
            TooManyErrorsError: If it is too high.
        """
        rate, rejected = self._policy.max_error_rate, self._left_out
        seen = self._statistics.received or self._statistics.emitted
        if rate is not None and rejected > rate * seen:
            raise TooManyErrorsError(rejected, seen, f"max_error_rate: {rate:g}")

    def sync(self) -> None:
        """Put the letters that wait on the disk.

        Raises:
            DeadLetterError: If they cannot be; they still wait then, and so does whoever asks to let go of their rows.
        """
        if not self._waiting:
            return
        with self._lock:
            if self._file is not None and self._waiting:
                self._write(self._file)

    def _write(self, file: LetterFile) -> None:
        file.append(self._waiting)
        self._waiting.clear()
