"""Typed files as sources and sinks: ``ReadRows`` and ``WriteRows``."""

from __future__ import annotations

import csv
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path  # noqa: TC003 - files are read by the annotations of options
from typing import TYPE_CHECKING, Any, ClassVar, Never

from nanotyped.errors import (
    GraphProblem,
    IncompatibleTypesException,
    NodeOptionError,
    RowError,
    SourceError,
    UnfitSourceError,
)
from nanotyped.message import Checkpoint
from nanotyped.node import FarEnd, NanoNode, PassedRow, PassThrough
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.file_list import (
    FileNames,
    FileWalk,
    PathOption,
    is_pipe,
    joined_problem,
    open_file,
    split_files,
)
from nanotyped.nodes.file_options import (
    NULL_TEXT,
    FileFormat,
    checked_format,
    checked_null_text,
    format_of_all,
    text_of_file,
)
from nanotyped.nodes.file_reading import MAX_LINE_BYTES, CsvReader, FileReader
from nanotyped.nodes.file_sorting import RowSorter
from nanotyped.nodes.file_writing import (
    CsvWriter,
    FileWriter,
    JsonLinesWriter,
    WholeFile,
    is_bare,
    next_segment,
    remove_abandoned,
)
from nanotyped.nodes.json_lines import JsonLinesReader
from nanotyped.nodes.page_size import PageSize
from nanotyped.nodes.schema_contract import Discarded, SchemaContract, SchemaContractOption, contract_of_file
from nanotyped.registry import register_node
from nanotyped.row import Column, RowEncoder, Schema
from nanotyped.row.rows import row_info
from nanotyped.types import STRING

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.message import Batch
    from nanotyped.node import PartSize, SizeHint, Split
    from nanotyped.nodes.file_position import Position
    from nanotyped.row import Row
    from nanotyped.row.raw_line import RawLine

SEGMENT_ROWS = 100_000
# Rows up to the first checkpoint, and up to the next one in a slow run.
# Few, so that a slow run that is often stopped gets on; and enough to tell several mistakes of a file at once.
FIRST_ROWS, LEAST_ROWS = 100, 100
logger = logging.getLogger("nanotyped.nodes.files")


def _difference(one: Schema, other: Schema) -> str:
    """Return in what the columns of two schemas differ, ``""`` where they do not; nulls make no difference."""
    if one.names != other.names:
        names = [", ".join(f"`{name}`" for name in schema.names) for schema in (one, other)]
        return f"their columns are {names[0]} and {names[1]}"
    for column in one:
        types = [schema[column.name].type for schema in (one, other)]
        if types[0].intermediate_type is not types[1].intermediate_type:
            return f"column `{column.name}` is `{types[0].spelling()}` and `{types[1].spelling()}`"
    return ""


@register_node
class ReadRows(NanoNode[Never, Any]):
    """Reads a file, or several one after the other, as typed rows. A source; memory stays flat however long they are.

    CSV (RFC 4180, UTF-8) has a header, whose names are exactly the columns of the schema, in any order. A cell is the
    text of its type, as in JSON without quotes. An empty cell is a null where it is no value of the type (numbers,
    moments); where it is one (text, bytes), ``null_text`` is the null. JSON lines hold an object a line,
    with exactly the columns, each in the JSON form of its type. What breaks the contract is an error that names file,
    line and column. With ``on_error`` it is left out instead: a dead letter holds the line as it stands in the file.
    With a state the file is gone on with behind the last stretch of rows that was delivered: of 100 rows at first, and
    of more where they go on fast, up to ``batch_rows``. Several files have one schema, and each a header of its own;
    on a cluster they are read side by side.

    Needs: nothing. Gives: rows of ``output_schema``, which must be given.

    Args:
        path: The file, or a list of files in the order in which they are read. Each may be a pattern (``*``, ``?``,
            ``[a-z]``, and ``**`` for any directories): the files that match it when the pipeline is checked, sorted by
            name, at least one. A file that is there is itself, whatever letters its name has.
        format: ``csv`` or ``jsonl``; by default what the name ends in (``.csv``, ``.jsonl``, ``.ndjson``).
        null_text: The cell that is a null in a column of text or bytes of a CSV file, if that may be null. With ``""``
            every empty cell is null there.
        schema_contract: What becomes of columns, types and nulls beyond the contract; by default they are errors. Of
            several files the first says which columns are new. See ``docs/reference/schema-contract.md``.
        output_schema: What the file holds.

    Raises:
        ValueError: If the format is neither given nor told by the name, or it is asked of a file what it does not say.
    """

    rejects_rows = True

    def __init__(
        self,
        *,
        path: PathOption,
        format: FileFormat | None = None,  # noqa: A002 - what users look for
        null_text: str = NULL_TEXT,
        schema_contract: SchemaContractOption = None,
        **kwargs: Any,
    ) -> None:
        self._names = FileNames(path)
        self.path = self._names.display
        self.format = format_of_all(self._names.texts, format)
        self.null_text = checked_null_text(null_text)
        self._modes = contract_of_file(schema_contract, self.format)
        self._header: tuple[str, ...] | None = None
        self._found: list[str] = []
        self._walk: FileWalk | None = None
        self._discarded = Discarded()
        super().__init__(**kwargs)

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the declared schema, or what ``schema_contract`` and the header, once it was looked at, make of it.

        Raises:
            ValueError: If none is declared, or a column has no text.
        """
        del given  # a source
        own = self.own_output()
        if own is None:
            raise ValueError("the file does not say what it holds: declare its columns and their types")
        if problems := RowEncoder.problems(own, self.label):
            raise ValueError(str(problems[0]))
        return own if self._modes is None else self._evolved(own, self._modes)

    def _evolved(self, own: Schema, modes: SchemaContract) -> Schema:
        columns = list(own)
        if modes.nullable == "evolve":
            columns = [Column(column.name, column.type, nullable=True, key=column.key) for column in columns]
        if modes.columns == "evolve" and self._header is not None:
            columns = [column for column in columns if column.name in self._header]
            new = dict.fromkeys(name for name in self._header if name not in own)
            columns += [Column(name, STRING, nullable=True) for name in new]
        return Schema(columns)

    def far_end(self, column: str) -> FarEnd:
        """Return that the column is a text of the file."""
        return text_of_file(self.path, self.format, self.own_output(), column, self.null_text)

    def discover_schema(self) -> None:
        """Look which files there are, whether they can be read, and whether their headers go with the schema.

        Raises:
            SourceError: If not; with what is wrong with each.
        """
        names = self._found = self._names.found()
        self._header = None
        problems: list[SourceError] = []
        # What is copied was looked at before.
        for name in names[:1] if self.is_copy else names:
            if is_pipe(name):
                continue  # of which nothing must be taken before the run
            try:
                self._look_at(name)
            except SourceError as error:
                problems.append(error)
        if problems:
            raise joined_problem(problems)

    def _look_at(self, name: str) -> None:
        with open_file(name) as file:
            if self._evolves and self._header is None:  # the first file says for all what is new
                self._header = self._any_header(name, file)
            self._reader(name).head(file)

    @property
    def _evolves(self) -> bool:
        return self._modes is not None and self._modes.columns == "evolve"

    def _any_header(self, name: str, file: BufferedReader) -> tuple[str, ...]:
        """Return the names of the header, whatever they are.

        Raises:
            UnfitSourceError: If none of them is in the contract.
        """
        own = self.own_output() or Schema([])
        absent = Schema(Column(column.name, column.type, nullable=True) for column in own)
        lenient = SchemaContract(columns="discard_value")
        found = CsvReader(name, absent, absent.row_class(), self.null_text, lenient).head(file)
        file.seek(0)
        if not any(column in own for column in found):
            raise UnfitSourceError(f"{name}, line 1: no column of the contract is there")
        return found

    def read_files(self) -> tuple[str, ...]:
        """Return the paths; of a pattern those that match it now."""
        return tuple(map(os.path.realpath, self._found or self._names.known()))

    def _pipe_problem(self) -> str:
        pipe = next(filter(is_pipe, self._found or self._names.known()), None)
        return "" if pipe is None else f"{pipe} is no regular file, and cannot be read again"

    def resume_problem(self) -> str:
        """Return that what is no regular file cannot be read from the middle."""
        return self._pipe_problem()

    def split_problem(self) -> str:
        """Return that what is no regular file cannot be read by one process after the other."""
        return self._pipe_problem()

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        """Return a part for each file, or for several small ones; nothing is known of which values are in which."""
        del together
        return split_files(self._found or self._names.found(), size)

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows, file after file, and behind each batch where to go on.

        Raises:
            SourceError: If the files are not the ones that the run before had read.
        """
        # The limit is the process's; a longer cell than 131,072 letters is none the worse.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
        if self._evolves and self._header is None:
            self.discover_schema()
        names = self._found or self._names.found()
        if self.part is not None:
            names = self.part.bounds["files"]
        self._discarded = Discarded()
        walk = self._walk = FileWalk(names, self.path, is_one=self._names.is_one)
        size = PageSize(FIRST_ROWS, LEAST_ROWS, self.batch_rows)
        for name, file, start in walk.files(self.resume_from):
            reader = self._reader(name)
            walk.follow(reader)
            batches = self._batches(reader)(file, start)
            yield from self._with_checkpoints(batches, reader, start, size) if walk.can_go_on else batches
        if self._discarded.told:
            logger.warning("%s: %s", self.label, self._discarded.told, extra=NO_ROW_VALUES)

    def _with_checkpoints(
        self, batches: Iterator[Sequence[Row]], reader: FileReader, start: Position, size: PageSize
    ) -> Iterator[Sequence[Row] | Checkpoint]:
        assert self._walk is not None  # it has given the file of the reader
        reader.batch_rows = size.rows
        for rows in batches:
            offered_at = time.monotonic()
            yield rows
            if reader.position != start:  # which it is where the last line has no end
                start = reader.position
                yield Checkpoint(self._walk.cursor(start))
            size.adapt(time.monotonic() - offered_at)
            reader.batch_rows = size.rows

    def size_hint(self) -> SizeHint | None:
        """Return how many bytes this run reads, once the first file is open; of a pipe nobody knows."""
        return None if self._walk is None else self._walk.size

    def size_done(self) -> float | None:
        """Return how many of them were read."""
        return 0 if self._walk is None else self._walk.done

    def _batches(self, reader: FileReader) -> Callable[[BufferedReader, Position], Iterator[Sequence[Row]]]:
        reader.batch_rows = self.batch_rows
        if not self.error_policy.rejects and self._modes is None:
            return reader.batches
        discarded = self._discarded
        sorter = RowSorter(reader, self.reject if self.error_policy.rejects else None, discarded)

        def batches(file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
            counted = discarded.rows
            for rows in sorter.batches(file, start):
                self.statistics.rejected += discarded.rows - counted
                counted = discarded.rows
                yield rows

        return batches

    def read_again(self, line: RawLine) -> Row | None:
        """Return the row of a line of the file, ``None`` where ``schema_contract`` lets it go."""
        return RowSorter(self._reader(f"{self.path}, a rejected line"), None).row_of(line)

    def cleanup(self) -> None:
        """Close the file."""
        if self._walk is not None:
            self._walk.close()

    def _reader(self, place: str) -> FileReader:
        schema = self.output_schema_for(None)
        if schema is None:
            raise ValueError("no schema")
        row_class = self.output_row_class() if schema == self.own_output() else None
        kind = CsvReader if self.format == "csv" else JsonLinesReader
        return kind(place, schema, row_class or schema.row_class(), self.null_text, self._modes)


@register_node
class WriteRows(PassThrough[PassedRow, PassedRow]):
    """Writes rows to a file that ``ReadRows`` reads back equal, and passes them on.

    The file is written under another name in its directory and put into its place, on the disk itself, when all rows
    are there: at the end of the data, or when the run is drained. After a failure, or a stop, nothing of it is left,
    and what stood in its place stays. A CSV file begins with a header. Cells that a spreadsheet would take for formulas
    are data like any other, and are not changed.

    With ``segments`` it writes files of some rows each, ``name-000001.csv`` and so on for ``name.csv``, each of them as
    above: whole or not there. They stay when the run fails later, numbers go on behind those that are there, and a
    pipeline can be resumed: rows count as delivered once their file is in its place. One run at a time may do so.

    Needs: typed rows, all with the same columns and types. Gives: what it gets.

    Args:
        path: The file; one that is there is replaced.
        format: ``csv`` or ``jsonl``; by default what the name ends in (``.csv``, ``.jsonl``, ``.ndjson``).
        null_text: How a null is written in a CSV column of text or bytes; a text that is just this cannot be written
            there, if there may be nulls, and is an error of its row. In all other columns a null is an empty cell.
        segments: Whether to write many files instead of one.
        segment_rows: How many rows a file has at least, the last one excepted; the batch that makes it full is whole.

    Raises:
        ValueError: If the format is neither given nor told by the name, or ``segment_rows`` is below 1.
    """

    holds_rows_back = True
    one_worker_because: ClassVar[str] = "the rows of a file are written one after the other"

    def __init__(
        self,
        *,
        path: str | Path,
        format: FileFormat | None = None,  # noqa: A002 - what users look for
        null_text: str = NULL_TEXT,
        segments: bool = False,
        segment_rows: int = SEGMENT_ROWS,
        **kwargs: Any,
    ) -> None:
        self.path = str(path)
        self.format = checked_format(self.path, format)
        self.null_text = checked_null_text(null_text)
        if segment_rows < 1:
            raise ValueError(f"segment_rows must be at least 1, not {segment_rows}")
        self.segments = segments
        self.segment_rows = segment_rows
        self._rows_in_file = 0
        self._expected: Schema | None = None
        self._file: WholeFile | None = None
        self._writer: FileWriter | None = None
        self._has_head = False
        super().__init__(**kwargs)

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the columns that cannot be written."""
        self._expected = given
        problems: list[GraphProblem] = [*RowEncoder.problems(given, self.label)]
        if self.format == "csv" and is_bare(given):
            problems.append(NodeOptionError(f"node `{self.label}`: a bare value has no column", node=self.label))
        return problems

    def far_end(self, column: str) -> FarEnd:
        """Return that the column is a text of the file."""
        return text_of_file(self.path, self.format, self._expected, column, self.null_text)

    def check_flows(self, given: Sequence[tuple[str, Schema]]) -> list[GraphProblem]:
        """Return how rows of several inputs differ in columns or types: a file that can be read back has one schema."""
        first, expected = given[0]
        problems: list[GraphProblem] = []
        for source, schema in given[1:]:
            if difference := _difference(expected, schema):
                reason = f"rows of `{first}` and `{source}` are to go into one file, and {difference}"
                hint = "bring them to one schema before, with Cast and Remapper, or write two files"
                problems.append(NodeOptionError(f"node `{self.label}`: {reason}", node=self.label, hint=hint))
        return problems

    def written_files(self) -> tuple[str, ...]:
        """Return the path."""
        return (os.path.realpath(self.path),)

    def replaced_files(self) -> tuple[str, ...]:
        """Return the path, unless each file is a new one."""
        return () if self.segments else self.written_files()

    def resume_problem(self) -> str:
        """Return that one file is written as a whole; many are not."""
        return "" if self.segments else f"{super().resume_problem()}; `segments: true` lets it go on"

    def spread_problem(self) -> str:
        """Return that there is one file, or one row of numbered ones."""
        what = "it numbers its files one after the other" if self.segments else "it writes one file"
        return super().spread_problem() and what

    def setup(self) -> None:
        """Open the file under another name, and remove what a killed run left of one."""
        remove_abandoned(self.path, segments=self.segments)
        self._open()

    def _open(self) -> None:
        self._writer = CsvWriter(self.null_text) if self.format == "csv" else JsonLinesWriter()
        self._has_head = False
        self._rows_in_file = 0
        self.holds_rows_back = True
        self._file = WholeFile(next_segment(self.path) if self.segments else self.path)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Write the rows and return them."""
        if self._file is None:
            self._open()
        number = self.first_row_number
        for _, group in groupby(batch.rows, type) if batch.row_class is None else ((None, batch.rows),):
            rows = list(group)
            self._write(rows, number)
            number += len(rows)
        self._rows_in_file += len(batch)
        if self.segments and self._rows_in_file >= self.segment_rows:
            self._finish()
        return batch.rows

    def cleanup(self) -> None:
        """Put the file into its place, or remove what there is of it."""
        if self.ended_regularly and (self._rows_in_file or not self.segments):
            self._finish()
        elif self._file is not None:
            self._file.abandon()
            self._file = None

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if not self._has_head and self._expected is not None and self._writer is not None:
            file.write(self._writer.head(self._expected))
        file.finish()
        self.holds_rows_back = not self.segments  # all that it got is in its place

    def _write(self, rows: Sequence[Row], first: int) -> None:
        writer, file = self._writer, self._file
        if not rows or writer is None or file is None:
            return
        schema = row_info(type(rows[0])).schema
        if not self._has_head:
            if self.format == "csv" and is_bare(schema):
                raise RowError(f"row {first}: a bare value has no column", row=first)
            file.write(writer.head(schema))
            self._has_head = True
        try:
            file.write(writer.body(rows, first))
        except IncompatibleTypesException as error:
            raise RowError(f"row {first}: {error}", row=first) from None
