"""The exceptions of nanotyped: one class per cause, attributes beside the text, all picklable.

NanotypedError
├── TypeSyntaxError            text that is no column type                  (also a ValueError)
├── TypeCastError              a value that a type cannot hold              (also a ValueError)
├── IncompatibleTypesException two types or systems that do not go together (also a TypeError)
├── RowError                   one row is wrong                             (also a ValueError)
│   ├── RowValidationError     cells that break the contract of their column
│   └── RowRefusedError        a row that a service does not take, which takes others
├── SourceError                a table, file or service that cannot be read
│   ├── UnfitSourceError       one that was reached, and is not there or not what can be used
│   ├── ContractDriftError     a live table that is no longer what the run was checked with
│   ├── DeliveryError          a service that does not take what it is sent
│   ├── HttpGetError           a service that does not answer what it is asked
│   │   └── PagingError        pages that come again, lead elsewhere, or do not say how to go on
│   └── DeadLetterError        a file of dead letters that cannot be written or read
├── RetriableError             what another attempt may mend
├── TooManyErrorsError         more rows were rejected than a node may reject
├── ConservationError          the counts of a run do not add up             (also a RuntimeError)
├── GraphProblem               one thing wrong with a pipeline
│   ├── Mismatch               a given type or column does not fit what is needed
│   ├── GraphStructureError    cycles, missing ends, names given twice
│   └── NodeOptionError        an option that does not fit the rows it will see
├── ConfigProblem              one mistake in a file: file, line, column
├── DdlProblem                 one mistake in CREATE TABLE text, or in a schema that has none (also a ValueError)
├── NodeFailedError            a node ended a run: node, row, cause
├── WrongOptionsError          options that no node can be made of          (also a ValueError)
├── ExportError                a pipeline that no file, or no program, says   (also a ValueError)
├── PipelineStateError         a call that does not fit the state of the run
├── StreamStateError           a call that does not fit the state of a stream (also a RuntimeError)
├── ClusterError               a cluster that cannot be reached, or whose workers are not as they must be
├── CursorError                a cursor that would not come back as it is   (also a TypeError)
└── MissingExtraError          a package that an extra brings is not there  (also an ImportError)
GraphTypeError                 every GraphProblem of a pipeline at once     (an ExceptionGroup)
ConfigError                    every ConfigProblem of a file at once        (an ExceptionGroup)
DdlError                       every DdlProblem of a text or a schema       (an ExceptionGroup)
PipelineInterrupted            a signal ended a run                         (a KeyboardInterrupt)

``nanotyped.registry`` has its own for names: RegistrationError, UnknownNameError, ModuleLoadError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from nanotyped.row import Schema

SHOWN_CHARACTERS = 80


def shown(value: object) -> str:
    """Render a value for a message: its repr, cut to the first 80 characters."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a message about a value must not fail on the value
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - as in ``shown``
        text = ""
    return f"{type(error).__name__}: {'; '.join([text, *getattr(error, '__notes__', ())])}"


def _rebuild(cls: type[NanotypedError], args: tuple[object, ...], state: dict[str, object]) -> NanotypedError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class NanotypedError(Exception):
    """Base of all errors of nanotyped. Pickling keeps the text and every attribute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class TypeSyntaxError(NanotypedError, ValueError):
    """Text that no column type is spelled like.

    Attributes:
        text: The text as it was given.
        position: Index into ``text``, in characters, where reading failed.
        reason: What is wrong there.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        self.text = text
        self.position = position
        self.reason = reason
        super().__init__(f"{reason} at position {position} of `{text}`")


class TypeCastError(NanotypedError, ValueError):
    """A value that a type cannot hold without loss.

    Attributes:
        type_name: The type, as it is spelled for people.
        value: The value.
        reason: Why it does not fit.
    """

    def __init__(self, type_name: str, value: object, reason: str) -> None:
        self.type_name = type_name
        self.value = value
        self.reason = reason
        super().__init__(f"{shown(value)} is no `{type_name}`: {reason}")


class IncompatibleTypesException(NanotypedError, TypeError):
    """Two types, or rows of two type systems, that do not go together."""


class SourceError(NanotypedError):
    """A table, file or service that cannot be read; never an error of one row."""


class UnfitSourceError(SourceError):
    """A table or file that is not there, or is none that a pipeline can use: to try again later does not mend it."""


class ContractDriftError(SourceError):
    """A live table is no longer what it was when the run was checked, or began.

    Attributes:
        place: The table, as messages name it.
        when: Since when it is another, in words.
        before: What its source gave, or what it took where it is written (``Schema``).
        after: What it would give, or takes, now (``Schema``).
        changes: Each change in words, with the column that it is about (``None``: the key, or the order).
        impacts: By column, what its change does to the nodes that it reaches, in words; the engine, which knows them,
            adds it. Of a table that is written, what it does to its writer.
        remedy: What to do.
    """

    def __init__(
        self,
        place: str,
        when: str,
        before: Schema,
        after: Schema,
        *,
        changes: Sequence[tuple[str | None, str]] = (),
        impacts: Mapping[str, str] | None = None,
        remedy: str = "check it again",
    ) -> None:
        self.place = place
        self.when = when
        self.before = before
        self.after = after
        self.changes = tuple(changes)
        self.impacts = dict(impacts or {})
        self.remedy = remedy
        told = [f"{text}{f': {self.impacts[name]}' if name in self.impacts else ''}" for name, text in self.changes]
        super().__init__(f"{place} was altered {when}{' - ' if told else ''}{'; '.join(told)}; {remedy}")

    def judged(self, impacts: Mapping[str, str]) -> ContractDriftError:
        """Return this error with what the changes do to the nodes downstream."""
        return ContractDriftError(
            self.place,
            self.when,
            self.before,
            self.after,
            changes=self.changes,
            impacts=impacts,
            remedy=self.remedy,
        )


class HttpGetError(SourceError):
    """A service that does not answer with success, after every retry, whatever it is asked for.

    Attributes:
        status: Of HTTP; ``None`` where no answer came.
        attempts: How often it was tried.
    """

    def __init__(self, message: str, *, status: int | None = None, attempts: int = 1) -> None:
        self.status = status
        self.attempts = attempts
        super().__init__(message)


class PagingError(HttpGetError):
    """Pages of a service that come again, lead to another host, or do not say where the next one is."""


class DeliveryError(SourceError):
    """A service that does not take what it is sent, after every retry.

    Attributes:
        status: Of HTTP; ``None`` where no answer came, or it is another protocol.
        attempts: How often it was tried.
        rows: Numbers of the first and the last row that were not taken, from 1; ``None`` where they are not known.
        row: Number of the row because of which they were not; ``None`` where it is not known.
        row_text: That row itself, cut for printing; ``None`` where it is not at hand.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        attempts: int = 1,
        rows: tuple[int, int] | None = None,
        row: int | None = None,
    ) -> None:
        self.status = status
        self.attempts = attempts
        self.rows = rows
        self.row = row
        self.row_text: str | None = None
        super().__init__(message)


class DeadLetterError(SourceError):
    """A file of dead letters that cannot be written, so that rows would be lost, or cannot be read.

    Attributes:
        path: The file, as text.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"dead letters `{path}`: {reason}")


class RetriableError(NanotypedError):
    """What another attempt may mend: a node's own code raises it to be called again, as its ``retry`` says.

    After the last attempt it is an error of its row.
    """


class TooManyErrorsError(NanotypedError):
    """More rows were rejected than ``max_errors`` or ``max_error_rate`` of a node allow; the last one is the cause.

    Attributes:
        rejected: How many were, the last one included.
        seen: Out of how many.
        limit: The option, as text: ``max_errors: 3``.
        row_text: The last row, cut for printing; ``None`` where the count was taken at the end.
    """

    def __init__(self, rejected: int, seen: int, limit: str, last: str = "") -> None:
        self.rejected = rejected
        self.seen = seen
        self.limit = limit
        self.row_text: str | None = None
        super().__init__(
            f"{rejected} of {seen} row{'s' if seen != 1 else ''} were rejected, which is above `{limit}`{last}"
        )


class ConservationError(NanotypedError, RuntimeError):
    """The counts of a run do not add up: a fault of the engine, never of a pipeline. No count of it can be trusted.

    Attributes:
        differences: Each equation that does not hold.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(f"rows are unaccounted for: {'; '.join(differences)}")


class WrongOptionsError(NanotypedError, ValueError):
    """Options that no node can be made of: everything wrong with them at once.

    Attributes:
        problems: What is wrong, each of them naming the option that it is about.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class ExportError(NanotypedError, ValueError):
    """A pipeline that cannot be written as a file, or as a program.

    Attributes:
        problems: Everything that is in the way.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class PipelineStateError(NanotypedError, RuntimeError):
    """A call that does not fit the state of the run, such as starting it twice."""


class StreamStateError(NanotypedError, RuntimeError):
    """A call that does not fit the state of a push stream, such as an element for one that was destroyed."""


class CursorError(NanotypedError, TypeError):
    """A cursor that a resumed run would not get back as it is.

    Attributes:
        cursor: As it was given.
        reason: Why not.
    """

    def __init__(self, cursor: object, reason: str) -> None:
        self.cursor = cursor
        self.reason = reason
        super().__init__(
            f"Checkpoint({shown(cursor)}) cannot be kept: {reason}; "
            "a cursor is made of what JSON holds: None, bool, int, float, str, list and dict of str"
        )


class ClusterError(NanotypedError):
    """A run on a cluster cannot begin or go on: its scheduler is gone, or its workers are not as they must be."""


class MissingExtraError(NanotypedError, ImportError):
    """A package is not installed that only some need.

    Attributes:
        package: Name of the package.
        extra: The extra of nanotyped that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{package} is not installed; `pip install nanotyped[{extra}]` brings it")


class RowError(NanotypedError, ValueError):
    """One row is wrong. This is all that a node may skip; everything else fails the run.

    Attributes:
        row: Number of the row at its node, from 1; ``None`` where it is not known.
        column: Name of the column; ``None`` for the whole row.
        row_text: The row itself, cut for printing; ``None`` where it is not at hand.
    """

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        self.row = row
        self.column = column
        self.row_text: str | None = None
        super().__init__(message)


class RowRefusedError(RowError):
    """A row that the service does not take, which takes others.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, message: str, *, row: int | None = None, status: int | None = None) -> None:
        self.status = status
        super().__init__(message, row=row)


@dataclass(frozen=True, slots=True)
class CellProblem:
    """One cell that breaks its contract: row from 1, column, and both sides as text."""

    row: int
    column: str
    expected: str
    actual: str
    reason: str = ""

    def __str__(self) -> str:
        """Render as ``row 3, column `id`: expected `int unsigned`, got -1``."""
        tail = f" ({self.reason})" if self.reason else ""
        return f"row {self.row}, column `{self.column}`: expected `{self.expected}`, got {self.actual}{tail}"


class RowValidationError(RowError):
    """Cells that break the contract of their columns, all of one batch.

    Attributes:
        problems: Every broken cell, by row and then by column.
    """

    MAX_SHOWN = 10

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[: self.MAX_SHOWN]]
        hidden = len(self.problems) - len(lines)
        if hidden:
            lines.append(f"and {hidden} more")
        super().__init__("; ".join(lines), row=self.problems[0].row, column=self.problems[0].column)


def errors_by_row(error: RowError) -> dict[int, RowError]:
    """Return the error of each row that an error is about, by number; nothing where it does not say."""
    if not isinstance(error, RowValidationError):
        return {} if error.row is None else {error.row: error}
    found: dict[int, RowError] = {}
    for number in dict.fromkeys(problem.row for problem in error.problems):
        own = RowValidationError([problem for problem in error.problems if problem.row == number])
        for note in getattr(error, "__notes__", ()):
            own.add_note(note)
        found[number] = own
    return found


class NodeFailedError(NanotypedError):
    """A node failed and so the run ended. The cause is ``__cause__``.

    Attributes:
        node: Name of the node.
        row: What it was working on, cut for printing; ``None`` outside of a row.
        cause: Text of the cause.
        report: The run's report (``RunReport``), where one could be made.
    """

    def __init__(self, node: str, cause: BaseException, row: str | None = None, stuck: Sequence[str] = ()) -> None:
        self.node = node
        self.row = row
        self.cause = _described(cause)
        self.stuck = tuple(stuck)
        self.report: object = None
        text = f"node `{node}` failed: {self.cause}"
        if row is not None:
            text += f" - at row {row}"
        if stuck:
            names = ", ".join(f"`{name}`" for name in stuck)
            text += f" (still busy after the grace time: {names})"
        super().__init__(text)


class PipelineInterrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP ended the run, after what was in flight had been delivered.

    Attributes:
        signal_number: The signal; a shell sees 128 + this number.
        report: The run's report (``RunReport``).
    """

    def __init__(self, signal_number: int, report: object = None) -> None:
        self.signal_number = signal_number
        self.report = report
        super().__init__(f"interrupted by signal {signal_number}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.signal_number, self.report)


class GraphProblem(NanotypedError):
    """One thing wrong with a pipeline. ``GraphTypeError`` carries all of them.

    Attributes:
        node: Name of the node it is about, ``None`` where it is about the whole.
        hint: A concrete remedy, ``""`` where none is known.
    """

    def __init__(self, message: str, *, node: str | None = None, hint: str = "") -> None:
        self.node = node
        self.hint = hint
        super().__init__(f"{message}. Hint: {hint}" if hint else message)


class GraphStructureError(GraphProblem):
    """The links are wrong: a cycle, a missing end, one name for two nodes."""


class NodeOptionError(GraphProblem):
    """An option of a node does not fit the rows that it will see."""


class Mismatch(GraphProblem):
    """What is given does not fit what is needed.

    Attributes:
        expected: The type that is needed, as text.
        actual: The type that is given, as text; ``nothing`` for a missing column.
        verdict: ``lossy`` or ``incompatible``.
        reason: Why, in a few words.
        edge: ``(source, target)`` names, or ``None``.
        column: Name of the column, or ``None``.
    """

    def __init__(
        self,
        expected: str,
        actual: str,
        *,
        verdict: str = "incompatible",
        reason: str = "",
        hint: str = "",
        edge: tuple[str, str] | None = None,
        column: str | None = None,
    ) -> None:
        self.expected = expected
        self.actual = actual
        self.verdict = verdict
        self.reason = reason
        self.edge = edge
        self.column = column
        got = f"`{actual}`" if actual != "nothing" else "nothing"
        text = f"Expected `{expected}`, got {got}"
        if reason:
            text += f" ({reason})"
        if edge or column:
            place = f"`{edge[0]} → {edge[1]}`" if edge else ""
            text += " - at " + " ".join(part for part in (place, f"$.{column}" if column else "") if part)
        super().__init__(text, node=edge[1] if edge else None, hint=hint)

    def at(
        self, *, edge: tuple[str, str] | None = None, column: str | None = None, hint: str | None = None
    ) -> Mismatch:
        """Return this mismatch placed at an edge and a column."""
        return Mismatch(
            self.expected,
            self.actual,
            verdict=self.verdict,
            reason=self.reason,
            hint=self.hint if hint is None else hint,
            edge=edge or self.edge,
            column=column or self.column,
        )


def _summary(first_line: str, problems: Sequence[Exception]) -> str:
    return "\n".join([first_line, *(f"  {number}. {problem}" for number, problem in enumerate(problems, 1))])


class GraphTypeError(ExceptionGroup[GraphProblem]):
    """Every problem of a pipeline at once; ``exceptions`` holds them in the order of the path."""

    def __new__(cls, problems: Sequence[GraphProblem], message: str = "") -> Self:
        """Make the group; the message is made from the problems."""
        count = len(problems)
        text = message or f"this pipeline cannot run: {count} problem{'s' if count != 1 else ''}"
        return super().__new__(cls, text, list(problems))

    def __init__(self, problems: Sequence[GraphProblem], message: str = "") -> None:  # noqa: ARG002 - __new__ takes it
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Render the count and then every problem on a line of its own."""
        return _summary(self.message, self.exceptions)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self.exceptions), self.message)

    def derive(self, excs: Sequence[GraphProblem]) -> GraphTypeError:  # type: ignore[override]  # the group's own kind
        """Return a group of some of the problems (used by ``except*``)."""
        return GraphTypeError(excs)


class ConfigProblem(NanotypedError):
    """One mistake in a configuration file.

    Attributes:
        file: Path as it was given.
        line: Line, from 1; 0 where the file as a whole is meant.
        column: Column, from 1.
        reason: What is wrong, with its remedy.
        code: What kind of mistake it is, such as ``NT202``; ``""`` where it has none.
    """

    def __init__(self, file: str, line: int, column: int, reason: str, code: str = "") -> None:
        self.code = code
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {reason}")


class ConfigError(ExceptionGroup[ConfigProblem]):
    """Every mistake of a configuration file at once, in the order of the file."""

    def __new__(cls, problems: Sequence[ConfigProblem], message: str = "") -> Self:
        """Make the group; the message is made from the problems."""
        count = len(problems)
        text = message or f"{problems[0].file}: {count} problem{'s' if count != 1 else ''}"
        return super().__new__(cls, text, list(problems))

    def __init__(self, problems: Sequence[ConfigProblem], message: str = "") -> None:  # noqa: ARG002 - __new__ takes it
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Render the count and then every problem on a line of its own."""
        return "\n".join([self.message, *(f"  {problem}" for problem in self.exceptions)])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self.exceptions), self.message)

    def derive(self, excs: Sequence[ConfigProblem]) -> ConfigError:  # type: ignore[override]  # the group's own kind
        """Return a group of some of the problems (used by ``except*``)."""
        return ConfigError(excs)


class DdlProblem(NanotypedError, ValueError):
    """One thing wrong with the text of a CREATE TABLE, or with a schema that is to be written as one.

    Attributes:
        line: Line, from 1; 0 where it is about no place of a text.
        column: Column, from 1, in characters.
        reason: What is wrong, with its remedy.
        table: Name of the table, ``None`` where it is not known.
    """

    def __init__(self, line: int, column: int, reason: str, table: str | None = None) -> None:
        self.line = line
        self.column = column
        self.reason = reason
        self.table = table
        super().__init__(f"line {line}, column {column}: {reason}" if line else reason)


class DdlError(ExceptionGroup[DdlProblem]):
    """Everything wrong with a text of tables, in its order, or with a schema that is to be written as a table."""

    def __new__(cls, problems: Sequence[DdlProblem], message: str = "") -> Self:
        """Make the group; the message is made from the problems."""
        count = len(problems)
        return super().__new__(cls, message or f"{count} problem{'s' if count != 1 else ''}", list(problems))

    def __init__(self, problems: Sequence[DdlProblem], message: str = "") -> None:  # noqa: ARG002 - __new__ takes it
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Render the count and then every problem on a line of its own."""
        return "\n".join([self.message, *(f"  {problem}" for problem in self.exceptions)])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self.exceptions), self.message)

    def derive(self, excs: Sequence[DdlProblem]) -> DdlError:  # type: ignore[override]  # the group's own kind
        """Return a group of some of the problems (used by ``except*``)."""
        return DdlError(excs)


def nearest_hint(wrong: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """Return ``did you mean `x`?`` for the known name nearest to ``wrong``, else ``""``."""
    close = get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""
